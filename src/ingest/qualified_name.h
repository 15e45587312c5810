// Names of tables and columns as users type them, made safe for SQL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

// A table's name as typed: `events`, `public.events`, `"My Schema"."Clicks"`. As in SQL, a part
// without double quotes is folded to lower case; all other characters are taken as they are.
struct QualifiedName {
  std::string schema;  // empty: found through search_path
  std::string name;

  // Throws CliError when `text` has empty parts, more than two of them, or an open quote.
  static QualifiedName Parse(std::string_view text);
  // Every part in double quotes: "public"."events".
  std::string Quoted() const;
};

// `name` as an SQL identifier: "na""me".
std::string QuoteIdentifier(std::string_view name);

// `text` as an SQL string: 'it''s'.
std::string SqlText(std::string_view text);

// "(a, b)" of quoted identifiers.
std::string QuoteColumnList(const std::vector<std::string>& columns);

}  // namespace millrace::cli
