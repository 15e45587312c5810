// A warning: the result of a check.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace millrace::monitor {

enum class Severity { kInformation, kWarning, kCritical };

// "information", "warning", "critical".
const char* NameOf(Severity severity);

// Something that somebody should know. All texts are UTF-8.
struct Warning {
  std::string code;  // one of Codes(), the same in every version
  Severity severity = Severity::kWarning;
  std::string object;   // its name as in SQL: a rollup, a table, a slot, a volume; or empty
  std::string message;  // what is wrong, a sentence without its full stop
  std::string hint;  // what to do: a command that can be run as it is, or a description; or empty
  // Up to when all was well, or when it began: RFC 3339, or empty if that is not known.
  std::string since;
  std::string database = {};  // empty: it is about the server as a whole

  // The fields above under their names; empty ones are null.
  nlohmann::json ToJson() const;
  // Message and hint in one text.
  std::string ToText() const;
};

// All codes.
std::span<const char* const> Codes();

// Adds those warnings whose code, object and message are not there yet.
void AppendNew(std::vector<Warning>& to, const std::vector<Warning>& more);
// The worst first; those of the same severity stay in their order.
void SortWorstFirst(std::vector<Warning>& warnings);

}  // namespace millrace::monitor
