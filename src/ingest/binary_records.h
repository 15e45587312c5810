// Records of CSV as rows of COPY ... (FORMAT binary), for as long as each of their fields has a
// binary form that is known to mean the same (binary_row.h).
#pragma once

#include <string>
#include <string_view>

#include "ingest/copy_format.h"
#include "ingest/target_table.h"

namespace millrace::cli {

// Appends whole records of CSV, each with a line feed at its end, as rows. Returns false, and
// appends an unspecified part, if one of them has no such form. `utc`: whether a time without a
// zone is one in UTC; otherwise it has a binary form only in a column without a zone. REQUIRES:
// `format` is CSV, its columns are the table's, and the records are UTF-8.
bool AppendBinaryRecords(const TargetTable& table, const CopyFormat& format, bool utc,
                         std::string_view records, std::string* out);

}  // namespace millrace::cli
