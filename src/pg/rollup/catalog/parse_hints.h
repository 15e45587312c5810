// Hints for errors of PostgreSQL's parser in the query of a rollup.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// The hint for an error with an SQLSTATE at a position of a query, counted in characters from 1;
// nullptr: PostgreSQL's own will do. Looks at the text alone, so that it can be called while an
// error is raised.
const char* HintForParseError(const char* query, int position, int sqlstate);

}  // namespace millrace::pg
