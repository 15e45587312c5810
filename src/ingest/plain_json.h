// Objects of JSON in the form in which programs write them, read in one pass without copying.
//
// The form is JSON with less: no escapes in texts and names, no exponents, no empty names, no deep
// nesting, few different names. ReadJsonObject (json_object.h) reads all of JSON, many times more
// slowly, and says what is wrong. What is read here has the same values there; test/fuzz compares
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/json_object.h"

namespace millrace::cli {

// Remembers the names of fields, and in which order they come: most objects have the same as the
// one before. Thread-compatible.
class PlainJsonReader {
 public:
  // `field_of` as for ReadJsonObject; asked once for each path.
  explicit PlainJsonReader(std::function<JsonField(const std::string&)> field_of);
  PlainJsonReader(const PlainJsonReader&) = delete;
  PlainJsonReader& operator=(const PlainJsonReader&) = delete;

  // As ReadJsonObject, if it returns true. If not, the object has another form or is bad, and
  // `values` have some of it. REQUIRES: `unknown` is always the same.
  bool Read(std::string_view object, std::set<std::string>* unknown,
            std::vector<JsonValue>* values);

 private:
  // A field, by its path.
  struct Node {
    JsonField field;
    std::string path;
    bool noted = false;  // it is in `unknown`
    // The fields of the object in it. `first` is the one that such an object began with last.
    struct Child;
    std::map<std::string, std::unique_ptr<Child>, std::less<>> children;
    Child* first = nullptr;
  };

  bool ReadFields(Node* object, int depth);
  bool ReadValue(Node* node, int depth);
  Node::Child* FindChild(Node* object, Node::Child** guess, std::string_view name);
  bool Set(const Node& node, JsonValue::Kind kind, std::string_view text);
  void Note(Node* node);

  void SkipBlanks();
  bool Take(char c);
  bool ReadText(std::string_view* text);
  bool ReadNumber(std::string_view* text);
  bool ReadWord(std::string_view word);
  // Reads an object or array whose fields are not looked at. `copy`: gets it without blanks.
  bool ReadNested(std::string* copy);

  const std::function<JsonField(const std::string&)> field_of_;
  Node root_;
  std::size_t nodes_ = 0;
  std::string copy_;
  // Of the object that is read.
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::set<std::string>* unknown_ = nullptr;
  std::vector<JsonValue>* values_ = nullptr;
};

struct PlainJsonReader::Node::Child {
  Node node;
  const std::string* name = nullptr;
  Child* next = nullptr;  // what came after it last
};

}  // namespace millrace::cli
