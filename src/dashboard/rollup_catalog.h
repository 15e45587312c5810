// What the catalogs of a database say about its rollups, row by row, before anybody makes sense of
// it (families.h).
#pragma once

#include "dashboard/database.h"

namespace millrace::dashboard {

// The declared rollups: one object per table, with `oid`, `id`, `name`, `live`, `parent`, `source`,
// `rows`, `comment`, `readable`, `leading`, `filtered`, and `columns`, each with `name`, `quoted`,
// `role`, `type`, `filter`, `below`, `cut`, `width`, `origin`, `weekly`, `text`, `comment`. Roles
// are those of millrace.rollup_columns. A rollup whose definition is damaged is left out. Throws
// ApiError where the extension is older than this program.
nlohmann::json ReadDeclaredTables(Database::Snapshot& snapshot);

// The same for tables that nobody declared and that are rollups by their shape, without those of
// `declared`.
nlohmann::json ReadOtherTables(Database::Snapshot& snapshot, const nlohmann::json& declared);

// Whether an SQL condition holds.
bool Holds(Database::Snapshot& snapshot, const char* condition);
// A member of a row as text; empty if it is null.
std::string TextOf(const nlohmann::json& row, const char* name);

}  // namespace millrace::dashboard
