// A table to load into, as the server describes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/connection.h"
#include "ingest/binary_row.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {

// What the loader needs to know of a column besides its name.
struct ColumnInfo {
  enum class Time { kNone, kWithZone, kWithoutZone, kDate };
  Time time = Time::kNone;
  // No value of its type is an empty text: numbers, times, booleans, addresses, uuid, json.
  bool never_empty = false;
  BinaryType binary = BinaryType::kNone;  // of a domain: that of the type below it
  bool has_default = false;               // or the server gives an id
  // The default's value as text if it is the same for every row.
  std::optional<std::string> constant_default;
};

struct TargetTable {
  QualifiedName name;                // as the user gave it
  std::string relation;              // its name without schema, as it appears in error contexts
  std::vector<std::string> columns;  // in the table's order; only those that can be written
  std::vector<ColumnInfo> info;      // of each column
  // A column whose values the server gives from a sequence, and which a rollup follows or which is
  // GENERATED ALWAYS. Ids from a file would break the order of these values. Empty: none.
  std::string id_column;
  std::string
      id_followers;      // names of the rollups that follow it, with commas between; may be empty
  std::string layout{};  // of the columns, for HasSameLayout

  // Where a column of exactly this name is in `columns`; columns.size() if it is not there.
  std::size_t IndexOf(const std::string& column) const;
  // The column that `name` means: the same name, or otherwise the only one that differs from it in
  // nothing but the case of letters. Empty: none. Throws CliError if several differ only in case.
  std::string Match(const std::string& name) const;
  // The columns that all of `names` mean. Throws CliError, with a message that begins with `where`,
  // for a name that is unknown or given twice.
  std::vector<std::string> MatchAll(const std::vector<std::string>& names,
                                    const std::string& where) const;
};

// Whether the table still has the columns, types and defaults that `table` says. Rows in binary
// form mean something else in a column of another type, and only some are refused; a default that
// is known is sent with the rows. In a transaction at READ COMMITTED that has written to the table,
// the answer holds until its end. At other levels, where the catalog may be seen as it was, the
// answer is no.
bool HasSameLayout(Connection& connection, const TargetTable& table);

// Looks the table up. Throws CliError, with what to do, when there is none.
TargetTable FindTargetTable(Connection& connection, const QualifiedName& name);

}  // namespace millrace::cli
