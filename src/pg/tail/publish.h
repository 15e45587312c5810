// Tells others which leaves a transaction has written, before it becomes visible.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Installs the hooks. Call from _PG_init while shared libraries are preloaded.
void InstallPublisher();

// The relations on which this session holds a lock with which rows can be written, an array of
// `*count` in the current context. One may come twice.
Oid* LockedForWriting(int* count);

}  // namespace millrace::pg
