#include "ingest/json_object.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace millrace::cli {
namespace {

using Json = nlohmann::json;

// Receives the events of nlohmann's parser, which is not recursive.
class ObjectHandler {
 public:
  ObjectHandler(const std::function<JsonField(const std::string&)>& field_of,
                std::set<std::string>* unknown, std::vector<JsonValue>* values)
      : field_of_(field_of), unknown_(unknown), values_(values) {}

  const std::string& reason() const { return reason_; }

  bool null() { return Scalar(JsonValue::Kind::kNull, "null"); }
  bool boolean(bool value) { return Scalar(JsonValue::Kind::kPlain, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return Number(std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return Number(std::to_string(value)); }
  // As it is in the file: a double may have fewer digits.
  bool number_float(double /*value*/, const std::string& text) { return Number(text); }
  bool string(std::string& value) {
    if (captured_ > 0) return Captured(Json(value).dump());
    return Scalar(JsonValue::Kind::kText, std::move(value));
  }
  bool binary(Json::binary_t& /*value*/) { return false; }

  bool start_object(std::size_t /*size*/) {
    if (depth_ == 0) {
      ++depth_;
      return true;
    }
    if (captured_ == 0 && ignored_ == 0 && field_.kind == JsonField::Kind::kUnknown) {
      paths_.push_back(path_.size());
      path_ = name_;
      ++depth_;
      return true;
    }
    return Open('{');
  }
  bool end_object() {
    if (ignored_ > 0 || captured_ > 0) return Close('}');
    --depth_;
    if (!paths_.empty()) {
      path_.resize(paths_.back());
      paths_.pop_back();
    }
    return true;
  }
  bool start_array(std::size_t /*size*/) {
    if (depth_ == 0) return Bad("not an object of JSON");
    if (captured_ == 0 && ignored_ == 0 && field_.kind == JsonField::Kind::kUnknown) {
      NoteUnknown();
    }
    return Open('[');
  }
  bool end_array() { return Close(']'); }

  bool key(std::string& name) {
    if (ignored_ > 0) return true;
    if (captured_ > 0) {
      Comma();
      capture_ += Json(name).dump();
      capture_ += ':';
      after_key_ = true;
      return true;
    }
    // A field may have no name.
    name_ = depth_ == 1 ? name : path_ + '.' + name;
    field_ = field_of_(name_);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 8: syntax error while ...",
    // or
    // "[json.exception.out_of_range.406] number overflow parsing '1e400'"
    const std::string text = error.what();
    std::size_t at = text.find(": ");
    if (at == std::string::npos) at = text.find("] ");
    return Bad(fmt::format("no JSON at byte {}: {}", position,
                           at == std::string::npos ? text : text.substr(at + 2)));
  }

 private:
  bool Bad(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  bool Number(std::string text) {
    return captured_ > 0 ? Captured(text) : Scalar(JsonValue::Kind::kPlain, std::move(text));
  }

  bool Scalar(JsonValue::Kind kind, std::string text) {
    if (ignored_ > 0) return true;
    if (captured_ > 0) return Captured(text);
    if (depth_ == 0) return Bad("not an object of JSON");
    if (field_.kind == JsonField::Kind::kColumn) return Set(kind, std::move(text));
    if (field_.kind == JsonField::Kind::kUnknown) NoteUnknown();
    return true;
  }

  bool Set(JsonValue::Kind kind, std::string text) {
    JsonValue& value = (*values_)[field_.column];
    if (value.kind != JsonValue::Kind::kMissing) {
      return Bad(fmt::format("field {} goes into a column that another field has filled", name_));
    }
    value = {kind, std::move(text)};
    return true;
  }

  // An object or array that is kept as JSON, or is in no column.
  bool Open(char bracket) {
    if (captured_ == 0 && (ignored_ > 0 || field_.kind != JsonField::Kind::kColumn)) {
      ++ignored_;
      return true;
    }
    if (captured_++ == 0) {
      capture_.clear();
      after_key_ = true;
    }
    Comma();
    capture_ += bracket;
    after_key_ = true;
    return true;
  }
  bool Close(char bracket) {
    if (ignored_ > 0) {
      --ignored_;
      return true;
    }
    capture_ += bracket;
    after_key_ = false;
    return --captured_ > 0 || Set(JsonValue::Kind::kText, capture_);
  }
  bool Captured(const std::string& json) {
    Comma();
    capture_ += json;
    return true;
  }
  // Before a key or value of what is captured.
  void Comma() {
    if (!after_key_) capture_ += ',';
    after_key_ = false;
  }

  void NoteUnknown() {
    if (unknown_->size() < kMostUnknownFields) unknown_->insert(name_);
  }

  const std::function<JsonField(const std::string&)>& field_of_;
  std::set<std::string>* const unknown_;
  std::vector<JsonValue>* const values_;
  std::string reason_;
  int depth_ = 0;                   // of objects whose fields are looked at
  std::string path_;                // of the innermost one; of the first none
  std::vector<std::size_t> paths_;  // lengths of the paths around it
  std::string name_;                // path of the field whose value comes next
  JsonField field_;                 // what it is
  int ignored_ = 0;                 // objects and arrays open in a value that is ignored
  int captured_ = 0;                // the same in a value that is kept as JSON
  std::string capture_;
  bool after_key_ = false;  // no comma before the next key or value
};

}  // namespace

std::string ReadJsonObject(std::string_view line,
                           const std::function<JsonField(const std::string&)>& field_of,
                           std::set<std::string>* unknown, std::vector<JsonValue>* values) {
  for (JsonValue& value : *values) {
    value.kind = JsonValue::Kind::kMissing;
    value.text.clear();
  }
  ObjectHandler handler(field_of, unknown, values);
  Json::sax_parse(line.begin(), line.end(), &handler);
  return handler.reason();
}

}  // namespace millrace::cli
