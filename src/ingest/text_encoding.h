// Encodings of text, and their conversion to UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "ingest/byte_source.h"

namespace millrace::cli {

// The name by which iconv knows an encoding that the user names as PostgreSQL does (latin1,
// WIN1252, sjis, utf8), or as others do (iso-8859-1, cp1252, utf-16). Case, hyphens, underscores
// and blanks make no difference. "UTF-8" if nothing has to be converted. Throws CliError if there
// is no such encoding.
std::string IconvName(const std::string& encoding);

// The encoding that a byte order mark at the beginning of a text names: UTF-16 or UTF-32, in either
// byte order. Empty if there is none, or that of UTF-8.
std::string EncodingOfMark(std::string_view beginning);

// Text in `encoding` (IconvName) as UTF-8. A byte that is no character in that encoding becomes the
// byte 0xff, and so does a character that is cut off at the end. Throws CliError for an encoding
// that is not known.
ByteSource ToUtf8(ByteSource source, const std::string& encoding);
// The same for text in memory; a character that is cut off at the end is left out.
std::string ToUtf8(std::string_view text, const std::string& encoding);

// Whether all of the text is UTF-8, except perhaps a character that is cut off at its end.
bool IsUtf8(std::string_view text);

}  // namespace millrace::cli
