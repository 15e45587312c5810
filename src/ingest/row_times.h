// The times of the rows of a load, so that their partitions are there before the rows.
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

// The time as PartitionMaker needs it: to the minute, with its zone. Rows of the same minute have
// the same, so that few are sent to the server. What is written in another way stays as it is.
std::string TimeKey(std::string_view time);

// Thread-compatible. Does nothing where the table is none of pg_partman's.
class RowTimes {
 public:
  // Throws CliError when the connection fails.
  RowTimes(const std::string& conninfo, const QualifiedName& table, bool quiet);

  // The columns of the records that follow.
  void SetColumns(const std::vector<std::string>& columns);
  void Add(std::string_view record);
  // Makes the partitions for the times added since the last call. What cannot be made is said on
  // standard error, once, and no error: the rows go into the default partition.
  void MakePartitions();

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::unique_ptr<Connection> connection_;
  std::optional<PartitionMaker> maker_;
  std::string table_;
  bool quiet_;
  bool said_missing_ = false;
  std::size_t field_ = kNone;
  std::string last_;                       // the key added last: most rows repeat it
  std::unordered_set<std::string> known_;  // keys since the start, or since they were too many
  std::vector<std::string> fresh_;
};

}  // namespace millrace::cli
