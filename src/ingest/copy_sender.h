// Sends batches of CSV records into a table, a transaction each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/connection.h"
#include "ingest/load_record.h"
#include "ingest/target_table.h"

namespace millrace::cli {

// What became of a batch.
struct CopyResult {
  enum class Outcome {
    kCommitted,  // every row, once
    kRefused,    // no row: the fields below say why
    kUnknown,    // the connection was lost while the server committed
  };
  Outcome outcome = Outcome::kCommitted;
  std::string sqlstate;  // empty where the refusal is not the server's
  std::string message;   // one line: the server's message, its detail, and the column
  // The line of the batch that the server blames, 0 is the first; -1 when it names none.
  std::int64_t line = -1;

  // Whether other rows might be taken where these were refused: a value, a constraint or a trigger
  // is at fault, not the server, the connection or the table.
  bool BlamesData() const;
};

// One connection that loads. Not thread-safe.
class CopySender {
 public:
  // Connects; throws CliError.
  explicit CopySender(const std::string& conninfo);

  // Loads `rows` whole records, each ending in a line feed, whose fields are `columns` of `table`,
  // in one transaction. Commits only when the server has counted as many rows as were sent.
  // The records are taken as UTF-8. Never throws for what the server refuses.
  // `record`, where there is one, is run in the same transaction.
  CopyResult Send(const TargetTable& table, const std::vector<std::string>& columns,
                  std::string_view records, std::int64_t rows, const RecordStatement* record);

 private:
  bool Command(const char* sql, CopyResult* result);
  bool Record(const RecordStatement& record, CopyResult* result);
  CopyResult Failure(const PGresult* answer, const std::string& relation);
  CopyResult Refuse(CopyResult result);

  Connection connection_;
};

}  // namespace millrace::cli
