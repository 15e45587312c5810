#include "pg/summarize/statement_text.h"

#include <cctype>

namespace millrace::pg {
namespace {

constexpr const char* kTypesOfTime[] = {"interval", "timestamptz", "timestamp", "date", "time"};

bool Is(int (*kind)(int), char c) { return kind(static_cast<unsigned char>(c)) != 0; }
bool IsOfWord(char c) { return Is(isalnum, c) || c == '_' || c == '$' || c == '"' || c == '.'; }

// The end of what stands in quotes; a quote that stands twice is part of it.
const char* EndOfQuoted(const char* text) {
  const char quote = *text++;
  for (; *text != '\0'; ++text) {
    if (*text == quote && *++text != quote) return text;
  }
  return text;
}

// The type of time before the constant that comes next, which is then taken from the text; nullptr
// if there is none.
const char* TakeType(StringInfo out) {
  int end = out->len;
  while (end > 0 && Is(isspace, out->data[end - 1])) --end;
  for (const char* type : kTypesOfTime) {
    const int start = end - static_cast<int>(strlen(type));
    if (start < 0 || end == out->len || (start > 0 && IsOfWord(out->data[start - 1])) ||
        pg_strncasecmp(out->data + start, type, strlen(type)) != 0) {
      continue;
    }
    out->len = start;
    out->data[start] = '\0';
    return type;
  }
  return nullptr;
}

void AppendParameter(StringInfo out) {
  if (const char* type = TakeType(out)) {
    appendStringInfo(out, "CAST($1 AS %s)", type);
  } else {
    appendStringInfoString(out, "$1");
  }
}

}  // namespace

const char* ParseableText(const char* text, bool literals) {
  StringInfoData out;
  initStringInfo(&out);
  for (const char* rest = text; *rest != '\0';) {
    const bool in_word = out.len > 0 && IsOfWord(out.data[out.len - 1]);
    const char* end = rest + 1;
    bool constant = false;
    if (rest[0] == '$' && Is(isdigit, rest[1])) {
      while (Is(isdigit, *end)) ++end;
      constant = !in_word;
    } else if (*rest == '\'' || *rest == '"') {
      end = EndOfQuoted(rest);
      // E'...' and the like stay as they are.
      constant = literals && *rest == '\'' && !in_word;
    }
    if (constant) {
      AppendParameter(&out);
    } else {
      appendBinaryStringInfo(&out, rest, static_cast<int>(end - rest));
    }
    rest = end;
  }
  return out.data;
}

}  // namespace millrace::pg
