// Lines of JSON given to the loader: what is accepted is an object of JSON, and the values are
// those that another reading of it finds. What the reader of the plain form accepts, the other one
// does too, with the same values.

#include <nlohmann/json.hpp>

#include "fuzz.h"
#include "ingest/json_object.h"
#include "ingest/plain_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::cli;
  using Json = nlohmann::json;
  const std::string line(reinterpret_cast<const char*>(data), size);
  std::vector<JsonValue> values(2);
  std::set<std::string> unknown;
  const auto field_of = [](const std::string& path) -> JsonField {
    if (path == "a") return {JsonField::Kind::kColumn, 0};
    if (path == "b.c") return {JsonField::Kind::kColumn, 1};
    return {path == "s" ? JsonField::Kind::kSkipped : JsonField::Kind::kUnknown, 0};
  };
  const std::string reason = ReadJsonObject(line, field_of, &unknown, &values);
  PlainJsonReader plain(field_of);
  std::set<std::string> plain_unknown;
  // The second time it knows the names.
  for (int time = 0; time < 2; ++time) {
    std::vector<JsonValue> plain_values(2);
    if (!plain.Read(line, &plain_unknown, &plain_values)) break;
    FUZZ_CHECK(reason.empty());
    FUZZ_CHECK(plain_unknown == unknown || unknown.size() == kMostUnknownFields);
    for (std::size_t i = 0; i < values.size(); ++i) {
      FUZZ_CHECK(values[i].kind == plain_values[i].kind);
      FUZZ_CHECK(values[i].kind == JsonValue::Kind::kMissing ||
                 values[i].text == plain_values[i].text);
    }
  }
  if (!reason.empty()) return 0;
  FUZZ_CHECK(unknown.size() <= kMostUnknownFields);

  const Json parsed = Json::parse(line, nullptr, false);
  FUZZ_CHECK(parsed.is_object());
  // A name that is there twice, or has a point in it, has no one answer here.
  if (parsed.contains("b.c") || line.find('\\') != std::string::npos) return 0;
  std::size_t times = 0;
  for (std::size_t at = 0; (at = line.find("\"a\"", at)) != std::string::npos; ++at) ++times;
  if (times != 1 || !parsed.contains("a")) return 0;
  const Json& a = parsed["a"];
  const JsonValue& value = values[0];
  if (a.is_null()) FUZZ_CHECK(value.kind == JsonValue::Kind::kNull);
  if (a.is_string()) {
    FUZZ_CHECK(value.kind == JsonValue::Kind::kText && value.text == a.get<std::string>());
  }
  if (a.is_number() || a.is_boolean()) {
    FUZZ_CHECK(value.kind == JsonValue::Kind::kPlain && Json::parse(value.text) == a);
  }
  if (a.is_structured()) {
    FUZZ_CHECK(value.kind == JsonValue::Kind::kText &&
               Json::parse(value.text, nullptr, false) == a);
  }
  return 0;
}
