// Rows of many messages, and how they get into the table when some of them are bad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/connection.h"
#include "ingest/copy_sender.h"
#include "ingest/row_times.h"
#include "kafka/message_rows.h"

namespace millrace::cli {

// A message that is no row. `origin` is the caller's number of the message.
struct BadRow {
  std::size_t origin = 0;
  std::string reason;
};

// Rows by how they are sent: messages in which other fields are there need a COPY of their own, but
// not one each time that they alternate.
class RowBatch {
 public:
  struct Segment {
    std::shared_ptr<const CopyFormat> format;
    std::string records;
    std::vector<std::size_t> begins;   // of each row in `records`
    std::vector<std::size_t> origins;  // of each row

    // Gives the rows to the times of a load, as RowTimes::Add wants them.
    void AddTo(RowTimes* times) const;
  };

  // Adds the row that `rows` has taken.
  void Add(MessageRows& rows, std::size_t origin);
  const std::vector<Segment>& segments() const { return segments_; }
  std::size_t rows() const { return rows_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Segment> segments_;
  std::size_t last_ = 0;  // the segment of the row before
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

// Sends the rows in the transaction that is open, and checks deferred constraints.
//
// Everything is tried at once. If the server names a line, the rows before it are sent on their
// own, that row is added to `bad`, and the rest follows; if it names none, the rows are halved
// until one is left. How many rows are tried together after a bad one depends on how far apart the
// bad ones are, so the work stays proportional to the batch. Without `bad` the first bad row ends
// it.
//
// All rows are refused (55000) if the columns are not those that `table` says (HasSameLayout).
// REQUIRES: READ COMMITTED.
//
// Returns kCommitted if every row is written or in `bad`; otherwise the transaction has failed, and
// with BlamesData() `first_bad` is the origin of the row. Throws CliError when the connection
// fails.
CopyResult SendRows(Connection& connection, const TargetTable& table, const RowBatch& batch,
                    std::vector<BadRow>* bad, std::size_t* first_bad);

}  // namespace millrace::cli
