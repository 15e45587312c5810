// The extension in this database, as the library sees it. Its SQL and the library are installed
// together, but come into use at different moments: the library when the server starts, the SQL by
// ALTER EXTENSION in each database.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Raises 55000, naming what to do, when the SQL in this database is not of the version that this
// library was built with. One look into pg_extension, which PostgreSQL keeps no cache of that could
// tell us of a change.
void CheckExtensionVersion();

enum class ExtensionState {
  kReady,
  kAbsent,        // not in this database, or not all of it
  kChanging,      // somebody is dropping or updating it
  kOtherVersion,  // of its SQL
};

// Whether the catalog can be read and written in this transaction. When it is ready, it stays so
// until the transaction ends: DROP EXTENSION and the scripts of ALTER EXTENSION wait. Nothing is
// waited for here. `version`, of the SQL, is allocated in the current context; nullptr where there
// is no extension.
ExtensionState HoldExtension(const char** version);

// "ALTER EXTENSION millrace UPDATE" or the like: how to bring SQL of a version and the library
// together.
const char* VersionAdvice(const char* sql_version);

// Has DROP EXTENSION ... CASCADE take a view along. pg_dump does not keep this: see AttachViews.
void AttachView(Oid view);
// The same for each definition view of which it is not known, as after a restore. Needs SPI.
void AttachViews();

}  // namespace millrace::pg
