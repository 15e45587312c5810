// What a check says.
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
  std::string object;   // as SQL writes its name: a rollup, a table, a slot, a volume; or empty
  std::string message;  // what is wrong, a sentence without the point
  std::string hint;  // what helps: a command that can be run as it stands, or what to do; or empty
  // Up to when all was well, or when it began: RFC 3339, or empty where that is not known.
  std::string since;
  std::string database = {};  // empty: it is about the server as a whole

  // The fields above by their names; empty ones are null.
  nlohmann::json ToJson() const;
  // Message and hint in one text.
  std::string ToText() const;
};

// Every code there is.
std::span<const char* const> Codes();

// Adds those whose code, object and message are not there yet.
void AppendNew(std::vector<Warning>& to, const std::vector<Warning>& more);
// The worst first, otherwise in the order they were.
void SortWorstFirst(std::vector<Warning>& warnings);

}  // namespace millrace::monitor
