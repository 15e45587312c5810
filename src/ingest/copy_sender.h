// Sends batches of CSV records into a table, one transaction per batch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/connection.h"
#include "ingest/copy_format.h"
#include "ingest/load_record.h"
#include "ingest/target_table.h"

namespace millrace::cli {

// The result of a batch.
struct CopyResult {
  enum class Outcome {
    kCommitted,  // every row, once
    kRefused,    // no row is loaded: the fields below say why
    kUnknown,    // the connection was lost while the server committed
  };
  Outcome outcome = Outcome::kCommitted;
  std::string sqlstate;  // empty if it was not the server that refused
  std::string message;   // one line: the server's message, its detail, and the column
  // The line of the batch that the server names, 0 is the first; -1 if it names none.
  std::int64_t line = -1;

  // Whether other rows might be accepted: a value, a constraint or a trigger is the reason, not the
  // server, the connection or the table.
  bool BlamesData() const;
};

// What the server's answer says of a statement that failed, as kRefused. `relation`: of the COPY,
// or empty.
CopyResult FailureOf(Connection& connection, const PGresult* answer, const std::string& relation);

// Sends `rows` whole records by COPY in the transaction that is open. Not kCommitted if the server
// has refused them, which also ends the transaction, or has counted another number of rows; then
// the caller must not commit. Does not throw when the server refuses.
CopyResult CopyRows(Connection& connection, const TargetTable& table, const CopyFormat& format,
                    std::string_view records, std::int64_t rows);

// One connection that loads. Not thread-safe.
class CopySender {
 public:
  // Connects; throws CliError.
  explicit CopySender(const std::string& conninfo);

  // Loads `rows` whole records, each of which ends in a line feed and is written as `format` says,
  // in one transaction. Commits only if the server has counted as many rows as were sent.
  // The records are read as UTF-8. Does not throw when the server refuses. `record`, if given, is
  // run in the same transaction.
  CopyResult Send(const TargetTable& table, const CopyFormat& format, std::string_view records,
                  std::int64_t rows, const RecordStatement* record);

 private:
  bool Command(const char* sql, CopyResult* result);
  bool Record(const RecordStatement& record, CopyResult* result);
  CopyResult Refuse(CopyResult result);

  Connection connection_;
};

}  // namespace millrace::cli
