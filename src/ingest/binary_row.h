// Rows as COPY ... (FORMAT binary) reads them: half the server's work for a row of CSV is reading
// its texts.
//
// A field is written only if its text means one value, whatever the session's settings are (time
// zone, date style) and whatever the type's input function does with forms that are rare. All other
// texts are left to the server: such a row is sent as CSV, so that what it means, and why it is
// refused, is still the server's to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/moment.h"

namespace millrace::cli {

// Types whose binary form is written here.
enum class BinaryType : std::uint8_t {
  kNone,  // every other type
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kNumeric,
  kText,  // also varchar and char(n)
  kJson,
  kJsonb,
  kTimestampTz,
  kTimestamp,
  kDate,
  kUuid,
};

// By the OID of a type that PostgreSQL has built in; kNone for all others.
BinaryType BinaryTypeOf(std::uint32_t oid);

// The beginning and end of the data of a COPY. Rows are between them.
std::string_view BinaryHeader();
std::string_view BinaryTrailer();

// Begins a row of so many fields. REQUIRES: columns < 32,768.
void AppendBinaryRow(std::size_t columns, std::string* out);
// Each appends one field. Those that return bool append nothing and return false if the value has
// no binary form that is known here.
void AppendBinaryNull(std::string* out);
// REQUIRES: `text` is UTF-8, and the connection's client_encoding is UTF8.
bool AppendBinaryText(BinaryType type, std::string_view text, std::string* out);
// For a timestamptz, where a time without a zone is one in UTC.
bool AppendBinaryUtc(std::string_view text, std::string* out);
// For a timestamptz, timestamp or date.
bool AppendBinaryMoment(BinaryType type, const Moment& moment, std::string* out);

// The bytes of a field of a row that was written here; nullopt: NULL, or there are fewer fields.
std::optional<std::string_view> BinaryField(std::string_view row, std::size_t index);
// Of a field that is a time or an integer, written here: a number that all times of the same minute
// share (for a date or an integer: its value), or 0 for all other types.
std::int64_t BinaryMinute(BinaryType type, std::string_view field);
// The same as SQL reads it: "2026-01-31 08:15", a timestamptz with "+00" after it. Empty for all
// other types.
std::string FormatBinaryMinute(BinaryType type, std::int64_t minute);

}  // namespace millrace::cli
