#include "ingest/plain_json.h"

#include <array>
#include <cstring>
#include <utility>

#include "ingest/text_encoding.h"

namespace millrace::cli {
namespace {

constexpr int kMostDepth = 64;
// Who writes names without end shall not fill our memory.
constexpr std::size_t kMostNodes = 10'000;
// A number with so many digits and no exponent is finite.
constexpr std::ptrdiff_t kMostDigits = 300;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kTops = 0x8080808080808080;

std::uint64_t Load(const char* at) {
  std::uint64_t bytes;
  std::memcpy(&bytes, at, sizeof(bytes));
  return bytes;
}

bool IsAscii(std::string_view text) {
  std::uint64_t all = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) all |= Load(text.data() + i);
  for (; i < text.size(); ++i) all |= static_cast<std::uint64_t>(text[i] & 0x80);
  return (all & kTops) == 0;
}

// Not zero if one of eight bytes ends the plain part of a text: a quote, a backslash, or a control
// character. The lowest such byte is marked for sure; those after it perhaps.
std::uint64_t Special(std::uint64_t bytes) {
  const auto equal = [bytes](char c) {
    const std::uint64_t x = bytes ^ (kOnes * static_cast<unsigned char>(c));
    return (x - kOnes) & ~x;
  };
  return (equal('"') | equal('\\') | ((bytes - kOnes * 0x20) & ~bytes)) & kTops;
}

}  // namespace

PlainJsonReader::PlainJsonReader(std::function<JsonField(const std::string&)> field_of)
    : field_of_(std::move(field_of)) {}

bool PlainJsonReader::Read(std::string_view object, std::set<std::string>* unknown,
                           std::vector<JsonValue>* values) {
  for (JsonValue& value : *values) value.kind = JsonValue::Kind::kMissing;
  at_ = object.data();
  end_ = at_ + object.size();
  unknown_ = unknown;
  values_ = values;
  SkipBlanks();
  if (!Take('{') || !ReadFields(&root_, 0)) return false;
  SkipBlanks();
  // A character that is cut off at the end would be outside all texts.
  return at_ == end_ && (IsAscii(object) || IsUtf8(object));
}

void PlainJsonReader::SkipBlanks() {
  while (at_ != end_ && IsBlank(*at_)) ++at_;
}

bool PlainJsonReader::Take(char c) {
  if (at_ == end_ || *at_ != c) return false;
  ++at_;
  return true;
}

bool PlainJsonReader::ReadText(std::string_view* text) {
  if (!Take('"')) return false;
  const char* const begin = at_;
  while (end_ - at_ >= 8) {
    if (const std::uint64_t special = Special(Load(at_)); special != 0) {
      at_ += __builtin_ctzll(special) / 8;
      break;
    }
    at_ += 8;
  }
  while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) {
    ++at_;
  }
  *text = {begin, static_cast<std::size_t>(at_ - begin)};
  return Take('"');
}

bool PlainJsonReader::ReadNumber(std::string_view* text) {
  const char* const begin = at_;
  const bool negative = Take('-');
  const char* const digits = at_;
  while (at_ != end_ && IsDigit(*at_)) ++at_;
  if (at_ == digits || (*digits == '0' && at_ - digits > 1)) return false;
  if (at_ != end_ && *at_ == '.') {
    const char* const decimals = ++at_;
    while (at_ != end_ && IsDigit(*at_)) ++at_;
    if (at_ == decimals) return false;
  } else if (negative && *digits == '0') {
    return false;  // "-0", which is 0
  }
  *text = {begin, static_cast<std::size_t>(at_ - begin)};
  return at_ - begin <= kMostDigits && (at_ == end_ || (*at_ != 'e' && *at_ != 'E'));
}

bool PlainJsonReader::ReadWord(std::string_view word) {
  if (static_cast<std::size_t>(end_ - at_) < word.size() ||
      std::memcmp(at_, word.data(), word.size()) != 0) {
    return false;
  }
  at_ += word.size();
  return true;
}

bool PlainJsonReader::ReadNested(std::string* copy) {
  std::array<char, kMostDepth> open;  // the brackets that close what is open
  int depth = 0;
  const auto put = [copy](std::string_view text) {
    if (copy != nullptr) *copy += text;
  };
  std::string_view text;
  do {
    // A value.
    SkipBlanks();
    if (at_ == end_) return false;
    const char* const begin = at_;
    bool opened = false;
    switch (*at_) {
      case '{':
      case '[':
        if (depth == kMostDepth) return false;
        open[static_cast<std::size_t>(depth++)] = *at_ == '{' ? '}' : ']';
        ++at_;
        opened = true;
        break;
      case '"':
        if (!ReadText(&text)) return false;
        break;
      case 't':
        if (!ReadWord("true")) return false;
        break;
      case 'f':
        if (!ReadWord("false")) return false;
        break;
      case 'n':
        if (!ReadWord("null")) return false;
        break;
      default:
        if (!ReadNumber(&text)) return false;
    }
    put({begin, static_cast<std::size_t>(at_ - begin)});
    // What closes after it, then a comma, then a name.
    bool next = false;
    while (depth > 0 && !next) {
      SkipBlanks();
      const char close = open[static_cast<std::size_t>(depth - 1)];
      if (Take(close)) {
        put({&close, 1});
        --depth;
        opened = false;
        continue;
      }
      if (!opened) {
        if (!Take(',')) return false;
        put(",");
        SkipBlanks();
      }
      if (close == '}') {
        const char* const name = at_;
        if (!ReadText(&text)) return false;
        put({name, static_cast<std::size_t>(at_ - name)});
        SkipBlanks();
        if (!Take(':')) return false;
        put(":");
      }
      next = true;
    }
  } while (depth > 0);
  return true;
}

PlainJsonReader::Node::Child* PlainJsonReader::FindChild(Node* object, Node::Child** guess,
                                                         std::string_view name) {
  if (*guess != nullptr && *(*guess)->name == name) return *guess;
  auto found = object->children.find(name);
  if (found == object->children.end()) {
    if (name.empty() || nodes_ == kMostNodes) return nullptr;
    std::string path =
        object->path.empty() ? std::string(name) : object->path + '.' + std::string(name);
    // It may throw; then nothing is remembered.
    const JsonField field = field_of_(path);
    found = object->children.emplace(std::string(name), std::make_unique<Node::Child>()).first;
    Node::Child& child = *found->second;
    child.name = &found->first;
    child.node.path = std::move(path);
    child.node.field = field;
    ++nodes_;
  }
  return *guess = found->second.get();
}

bool PlainJsonReader::Set(const Node& node, JsonValue::Kind kind, std::string_view text) {
  JsonValue& value = (*values_)[node.field.column];
  // Another field has filled it.
  if (value.kind != JsonValue::Kind::kMissing) return false;
  value.kind = kind;
  value.text.assign(text);
  return true;
}

void PlainJsonReader::Note(Node* node) {
  if (node->noted) return;
  node->noted = true;
  if (unknown_->size() < kMostUnknownFields) unknown_->insert(node->path);
}

bool PlainJsonReader::ReadValue(Node* node, int depth) {
  const bool column = node->field.kind == JsonField::Kind::kColumn;
  const bool unknown = node->field.kind == JsonField::Kind::kUnknown;
  if (at_ == end_) return false;
  std::string_view text;
  auto kind = JsonValue::Kind::kPlain;
  switch (*at_) {
    case '{':
      if (unknown) {
        ++at_;
        return depth < kMostDepth && ReadFields(node, depth + 1);
      }
      [[fallthrough]];
    case '[':
      copy_.clear();
      if (!ReadNested(column ? &copy_ : nullptr)) return false;
      kind = JsonValue::Kind::kText;
      text = copy_;
      break;
    case '"':
      if (!ReadText(&text)) return false;
      kind = JsonValue::Kind::kText;
      break;
    case 't':
      text = "true";
      if (!ReadWord(text)) return false;
      break;
    case 'f':
      text = "false";
      if (!ReadWord(text)) return false;
      break;
    case 'n':
      text = "null";
      if (!ReadWord(text)) return false;
      kind = JsonValue::Kind::kNull;
      break;
    default:
      if (!ReadNumber(&text)) return false;
  }
  if (column) return Set(*node, kind, text);
  if (unknown) Note(node);
  return true;
}

bool PlainJsonReader::ReadFields(Node* object, int depth) {
  SkipBlanks();
  if (Take('}')) return true;
  Node::Child** guess = &object->first;
  for (;;) {
    std::string_view name;
    SkipBlanks();
    if (!ReadText(&name)) return false;
    Node::Child* const child = FindChild(object, guess, name);
    if (child == nullptr) return false;
    guess = &child->next;
    SkipBlanks();
    if (!Take(':')) return false;
    SkipBlanks();
    if (!ReadValue(&child->node, depth)) return false;
    SkipBlanks();
    if (Take('}')) return true;
    if (!Take(',')) return false;
  }
}

}  // namespace millrace::cli
