// What the catalogs say of a relation.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Its name, qualified and quoted, as it can stand in any statement; its number where it is gone.
const char* QualifiedName(Oid relation);
// The role that owns it. Raises an internal error where there is no such relation; so does FileOf.
Oid OwnerOf(Oid relation);
// The file that it has now (relfilenode): a sequence that is restarted or altered gets a new one.
Oid FileOf(Oid relation);

}  // namespace millrace::pg
