#include "pg/rollup/catalog/parse_hints.h"

namespace millrace::pg {
namespace {

struct FunctionHint {
  const char* name;  // or, with a "_" at its end, what the name begins with
  const char* hint;
};

constexpr FunctionHint kFunctionHints[] = {
    {"hll_hash_", "hll_hash_any takes a value of any type: hll_add_agg(hll_hash_any(x))."},
    {"hll_add_agg", "hll_add_agg takes hashes: hll_add_agg(hll_hash_any(x))."},
    {"topn_add_agg", "topn_add_agg takes texts: topn_add_agg(x::text)."},
    {"sum",
     "Only numbers and intervals have a sum: cast a text that is a number, sum(x::numeric)."},
    {"avg",
     "Only numbers and intervals have an average: cast a text that is a number, avg(x::numeric)."},
};

// The name at a place, as it is written and without double quotes: the last part of schema.name.
// Empty if a part is in double quotes.
const char* NameAt(const char* at) {
  const char* begin = at;
  const char* end = at;
  while (isalnum(static_cast<unsigned char>(*end)) || *end == '_' || *end == '$' || *end == '.' ||
         IS_HIGHBIT_SET(*end)) {
    if (*end++ == '.') begin = end;
  }
  return *end == '"' ? "" : pnstrdup(begin, end - begin);
}

const char* HintForFunction(const char* name) {
  for (const FunctionHint& known : kFunctionHints) {
    const size_t length = strlen(known.name);
    const bool beginning = known.name[length - 1] == '_';
    if (beginning ? pg_strncasecmp(name, known.name, length) == 0
                  : pg_strcasecmp(name, known.name) == 0) {
      return known.hint;
    }
  }
  return nullptr;
}

const char* HintForColumn(const char* name) {
  char* folded = pstrdup(name);
  for (char* c = folded; *c != '\0'; ++c) *c = pg_ascii_tolower(*c);
  if (strcmp(folded, name) == 0) return nullptr;
  return psprintf(
      "Without double quotes, %s means the column %s. If its name has capital letters, write "
      "\"%s\".",
      name, folded, name);
}

}  // namespace

const char* HintForParseError(const char* query, int position, int sqlstate) {
  const char* at = query;
  for (int i = 1; i < position && *at != '\0'; ++i) at += pg_mblen(at);
  if (sqlstate == ERRCODE_UNDEFINED_FUNCTION) return HintForFunction(NameAt(at));
  if (sqlstate == ERRCODE_UNDEFINED_COLUMN) return HintForColumn(NameAt(at));
  return nullptr;
}

}  // namespace millrace::pg
