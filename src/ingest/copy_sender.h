// Sends batches of records into a table, one transaction per batch.
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
// or empty. `first_line`: the number that the server gives the first line of the batch.
CopyResult FailureOf(Connection& connection, const PGresult* answer, const std::string& relation,
                     std::int64_t first_line = 1);

// Sends `rows` whole records, or rows if `format` is binary, by COPY in the transaction that is
// open. The line of a result is then the number of the row. Not kCommitted if the server has
// refused them, which also ends the transaction, or has counted another number of rows; then the
// caller must not commit. Does not throw when the server refuses.
CopyResult CopyRows(Connection& connection, const TargetTable& table, const CopyFormat& format,
                    std::string_view records, std::int64_t rows);

// One connection that loads. Not thread-safe.
class CopySender {
 public:
  // Connects; throws CliError.
  explicit CopySender(const std::string& conninfo);

  // Loads `rows` whole records of CSV, each of which ends in a line feed and is written as `format`
  // says, in one transaction. Commits only if the server has counted as many rows as were sent.
  // The records are read as UTF-8. Does not throw when the server refuses. `record`, if given, is
  // run in the same transaction.
  //
  // Records whose fields all have a known binary form are sent in it: reading texts is half the
  // server's work. If the server refuses rows in that form, they are sent again as CSV, so that
  // what is wrong with which record is always what it says of the CSV. In a session whose
  // transactions are not READ COMMITTED all are sent as CSV.
  //
  // After a deadlock, or where the transaction cannot be serialized, the batch is tried again.
  CopyResult Send(const TargetTable& table, const CopyFormat& format, std::string_view records,
                  std::int64_t rows, const RecordStatement* record);

 private:
  CopyResult TryForms(const TargetTable& table, const CopyFormat& format, std::string_view records,
                      std::int64_t rows, const RecordStatement* record);
  // False if the records cannot be sent in binary form.
  bool WriteBinary(const TargetTable& table, const CopyFormat& format, std::string_view records);
  // HasSameLayout, and false if that cannot be asked.
  bool HasLayout(const TargetTable& table);
  // Loads the records, or rows if `format` is binary, in one transaction.
  CopyResult Try(const TargetTable& table, const CopyFormat& format, std::string_view records,
                 std::int64_t rows, const RecordStatement* record);
  bool Command(const char* sql, CopyResult* result);
  bool Record(const RecordStatement& record, CopyResult* result);
  CopyResult Refuse(CopyResult result);

  Connection connection_;
  const bool may_be_binary_;  // HasLayout is of use only at READ COMMITTED
  std::string binary_;        // the rows of the batch
  int batches_before_binary_ = 0;
};

}  // namespace millrace::cli
