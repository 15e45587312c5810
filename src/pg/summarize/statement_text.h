// The text of a statement as pg_stat_statements has it: with $1, $2, ... for constants.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// The text so that PostgreSQL parses it. `interval $1`, which it does not parse, stands for a
// constant such as interval '1 day': it becomes CAST($1 AS interval), and so do other types of
// time.
//
// `literals`: texts in quotes become parameters too. Of a constant that stands in the select list
// and in GROUP BY, pg_stat_statements may have replaced one only. The numbers of parameters are
// lost.
const char* ParseableText(const char* text, bool literals);

}  // namespace millrace::pg
