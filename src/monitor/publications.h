// Whether publications of logical replication have tables whose rows they never send.
#pragma once

#include <vector>

#include "monitor/session.h"

namespace millrace::monitor {

// dense_published: a table of dense events, or partitions of it, is in a publication of inserts: by
// its name, by that of a table that it is a partition of, with its schema, or with all tables.
// Logical decoding does not see the rows that are added to it, so subscribers never get them.
std::vector<Warning> JudgePublications(Session& session);

}  // namespace millrace::monitor
