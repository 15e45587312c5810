// The times of the rows of a load: makes the partitions for them before the rows are sent, and
// counts those without a time zone.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "client/connection.h"
#include "ingest/copy_format.h"
#include "ingest/partitions.h"
#include "ingest/target_table.h"

namespace millrace::cli {

// The time as PartitionMaker needs it: to the minute, with its zone. All rows of the same minute
// have the same key, so that few are sent to the server. A time in another form stays as it is.
std::string TimeKey(std::string_view time);

// Whether a text is a date, or a date and a time, without a zone: the server reads it in that of
// the session. False also for forms that are not known here.
bool HasNoZone(std::string_view time);

// Thread-compatible. Makes no partitions if pg_partman does not manage the table.
class RowTimes {
 public:
  // Throws CliError when the connection fails. `time_zone` is CopyFormat's. `table` must outlive
  // this object.
  RowTimes(const std::string& conninfo, const TargetTable& table, const std::string& time_zone,
           bool quiet);

  // How the records that follow are written.
  void SetFormat(const CopyFormat& format);
  // A record, without its line end, or a row if they are binary.
  void Add(std::string_view record);
  // How many values had no zone, of the columns that need one and if `time_zone` was empty; and the
  // zone in which the server reads them.
  std::int64_t without_zone() const { return without_zone_; }
  const std::string& session_zone() const { return session_zone_; }
  // Makes the partitions for the times added since the last call. If one cannot be made, says so
  // once on standard error; it is no error, because the rows go into the default partition.
  void MakePartitions();
  // Whether that has failed, so that from then on none are made.
  bool failed() const { return failed_; }

 private:
  struct Field {
    std::size_t index;  // in the record
    bool partitions;    // the table is partitioned by it
    bool zone;          // to be looked at for a zone
    BinaryType type;
    std::optional<std::int64_t> minute{};  // BinaryMinute of the row before
  };
  void AddBinary(Field& field, std::string_view row);
  void AddKey(std::string key);

  std::unique_ptr<Connection> connection_;
  const std::string session_zone_;  // before maker_ changes it
  std::optional<PartitionMaker> maker_;
  const TargetTable& table_;
  const bool count_zones_;
  const bool quiet_;
  bool said_missing_ = false;
  bool failed_ = false;
  std::vector<Field> fields_;  // of times
  bool binary_ = false;
  Dialect dialect_;
  std::int64_t without_zone_ = 0;
  std::string last_;                       // the last key that was added: most rows have the same
  std::unordered_set<std::string> known_;  // keys so far; emptied when they are too many
  std::vector<std::string> fresh_;
};

}  // namespace millrace::cli
