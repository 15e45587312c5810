// The extension in this database, as the library sees it. Its SQL and the library are installed
// together but take effect at different moments: the library when the server starts, the SQL when
// ALTER EXTENSION is run in each database.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Raises 55000, with what to do, when the SQL in this database is not of the version that this
// library was built with. Reads pg_extension each time: PostgreSQL has no cache of it that would
// tell us of a change.
void CheckExtensionVersion();

// Whether the SQL in this database is of the library's version. Raises nothing.
bool ExtensionIsReady();

enum class ExtensionState {
  kReady,
  kAbsent,        // not in this database, or not completely
  kChanging,      // somebody is dropping or updating it
  kOtherVersion,  // its SQL is of another version than the library
};

// Whether the catalog can be read and written in this transaction. If it is ready, it stays so
// until the transaction ends: DROP EXTENSION and the scripts of ALTER EXTENSION have to wait. This
// function itself waits for nothing. `version`, that of the SQL, is allocated in the current
// context; nullptr if there is no extension.
ExtensionState HoldExtension(const char** version);

// How to bring SQL of this version and the library together: "ALTER EXTENSION millrace UPDATE" or
// the like.
const char* VersionAdvice(const char* sql_version);

// Makes DROP EXTENSION ... CASCADE drop a view too. pg_dump does not keep this: see AttachViews.
void AttachView(Oid view);
// The same for each definition view that is not attached yet, as after a restore. Needs SPI.
void AttachViews();

}  // namespace millrace::pg
