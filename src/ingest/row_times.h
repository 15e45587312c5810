// Makes the partitions for the rows of a load before the rows are sent, by their times.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "client/connection.h"
#include "ingest/partitions.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {

// The time as PartitionMaker needs it: to the minute, with its zone. All rows of the same minute
// have the same key, so that few are sent to the server. A time in another form stays as it is.
std::string TimeKey(std::string_view time);

// Thread-compatible. Does nothing if pg_partman does not manage the table.
class RowTimes {
 public:
  // Throws CliError when the connection fails.
  RowTimes(const std::string& conninfo, const QualifiedName& table, bool quiet);

  // The columns of the records that follow.
  void SetColumns(const std::vector<std::string>& columns);
  void Add(std::string_view record);
  // Makes the partitions for the times added since the last call. If one cannot be made, says so
  // once on standard error; it is no error, because the rows go into the default partition.
  void MakePartitions();

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::unique_ptr<Connection> connection_;
  std::optional<PartitionMaker> maker_;
  std::string table_;
  bool quiet_;
  bool said_missing_ = false;
  std::size_t field_ = kNone;
  std::string last_;                       // the last key that was added: most rows have the same
  std::unordered_set<std::string> known_;  // keys so far; emptied when they are too many
  std::vector<std::string> fresh_;
};

}  // namespace millrace::cli
