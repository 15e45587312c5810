// What a worker does once a minute for its database.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Drops old partitions (millrace.set_retention), and summarizes the BRIN indexes over ids and
// buckets, each in a transaction of its own. What fails is in the log, and keeps nothing else from
// being done.
void Maintain();

}  // namespace millrace::pg
