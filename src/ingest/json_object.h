// One object of JSON, as values for the columns of a table.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

inline constexpr std::size_t kMostUnknownFields = 50;

// A value of an object, as it is sent for one column.
struct JsonValue {
  enum class Kind { kMissing, kNull, kText, kPlain };  // kPlain: a number, true or false
  Kind kind = Kind::kMissing;
  // The text; for a number its digits as they are in the file. An object or array is kText: its
  // JSON, without blanks.
  std::string text;
};

// What is done with a field of an object.
struct JsonField {
  enum class Kind { kColumn, kSkipped, kUnknown };
  Kind kind = Kind::kUnknown;
  std::size_t column = 0;
};

// Reads one object. `field_of` says what a field is by its path: "a", or "a.b" for a field b of the
// object in a field a; it is asked for the fields of an object whose own path is unknown. The
// values go to `values` by column, which is cleared first. A field that is unknown and has no
// fields of its own is added to `unknown` (at most kMostUnknownFields). Returns why the line
// is bad, or an empty text. Deep nesting uses no stack.
std::string ReadJsonObject(std::string_view line,
                           const std::function<JsonField(const std::string&)>& field_of,
                           std::set<std::string>* unknown, std::vector<JsonValue>* values);

}  // namespace millrace::cli
