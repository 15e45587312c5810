// What a worker does once a minute for its database.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Drops old partitions (millrace.set_retention), makes some dense (millrace.seal_after), and
// summarizes the BRIN indexes over ids and buckets, each in a transaction of its own. A failure is
// logged, and the rest is done all the same.
void Maintain();

}  // namespace millrace::pg
