// Making partitions of a pg_partman table before the rows that need them.
//
// pg_partman makes the partitions for times around now. Rows of other times go into the default
// partition, and while they are in there, the partition that they belong in cannot be made. So
// before a history is loaded its partitions are made first, and rows that are in the default
// partition already are moved into them.
//
// Some rows stay in the default partition: those at infinity, and those further ahead than
// pg_partman has come. A partition far ahead would be the newest, and pg_partman would make no
// others until that time.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/connection.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {

// What a call did.
struct PartitionsMade {
  std::int64_t partitions = 0;  // made
  std::int64_t rows = 0;        // moved into them
  std::int64_t missing = 0;     // not made: more than kMostPartitions, or too far ahead
};

// Times are microseconds since 1970 UTC. Not thread-safe.
class PartitionMaker {
 public:
  // More than this would slow down every query of the table. One week of five-minute partitions has
  // 2,016.
  static constexpr std::int64_t kMostPartitions = 2'500;

  // Looks for the table in pg_partman's configuration. Returns nothing if it is not there, or is
  // partitioned in a way that is not supported here: not by a timestamptz, by months, or by days
  // that begin neither at midnight of the session's zone nor at that of UTC. Throws CliError when
  // the server cannot be asked. `connection` must outlive this object, and have no transaction
  // open. If the table is partitioned by days, its TimeZone becomes the one in which they begin, in
  // which pg_partman makes further ones.
  static std::optional<PartitionMaker> Find(Connection& connection, const QualifiedName& table);

  // The column that the table is partitioned by.
  const std::string& control() const { return control_name_; }

  // The zone of the times that MakeFor is given without one; empty: the session's.
  void set_time_zone(const std::string& zone) { time_zone_ = zone; }

  // Makes the missing partitions for [from, to], at most kMostPartitions in all calls together.
  // After the newest partition it leaves no gap.
  PartitionsMade Make(std::int64_t from, std::int64_t to);
  // The same for single times, as texts that SQL can read; a text that is no time is ignored. Of
  // the partitions ahead, makes only those that pg_partman would make by now.
  PartitionsMade MakeFor(const std::vector<std::string>& times);
  // Moves the rows of the default partition that can be moved. Locks the table for a few partitions
  // at a time. Throws CliError when others hold that lock for a minute; rows that were moved stay
  // moved.
  PartitionsMade MoveDefaultRows();
  // Makes pg_partman follow the clock and not the latest row in the default partition. False if it
  // does so already.
  bool IgnoreDefaultRows();
  // Cancels runs of pg_partman's maintenance that have taken more than 30 seconds. They hold the
  // lock that is needed here, and a run that has met an infinite time never ends. Returns how many.
  std::int64_t CancelMaintenance();
  // The number of rows in the default partition, with those at infinity.
  std::int64_t DefaultRows();

 private:
  explicit PartitionMaker(Connection& connection) : connection_(connection) {}
  void ReadPartitions();
  bool Covered(std::int64_t time) const;
  std::int64_t StartOf(std::int64_t time) const;
  // The start of the newest partition that pg_partman would have made by now.
  std::int64_t LastDue() const;
  bool ChooseZone();
  // Partitions of days are not all equally long: where clocks change they have 23 or 25 hours. So
  // ranges and starts are clock times in zone_, of which every day has 24 hours: microseconds since
  // 1970 there. In UTC, which is taken for partitions of hours and minutes, they are times.
  std::int64_t ClockTime(std::int64_t time);
  std::int64_t Now() const;
  std::string Timestamp(std::int64_t clock_time) const;  // as SQL
  std::string Width() const;
  // Adds the partitions between the newest one and `last`: pg_partman continues after the newest,
  // and would never make these. False if they would be too many.
  bool FillUpTo(std::int64_t last, std::set<std::int64_t>* starts) const;
  // Makes the partitions with these starts, up to `last`, unless they are too many.
  PartitionsMade MakeStarts(std::set<std::int64_t> starts, std::int64_t last);
  PartitionsMade MakeBatch(const std::vector<std::int64_t>& starts);
  bool DefaultHas(const std::string& condition);
  std::vector<std::int64_t> ParseTimes(const std::vector<std::string>& times, int* failures);

  Connection& connection_;
  std::string extension_;  // pg_partman's schema, quoted
  std::string parent_;     // as pg_partman writes it
  std::string table_;      // quoted
  std::string default_;    // its default partition, quoted; empty: none
  std::string control_;    // the column, quoted
  std::string control_name_;
  std::string columns_;    // the columns that can be written, quoted, with commas between
  bool old_calls_ = true;  // pg_partman before 5
  std::string time_zone_;
  bool days_ = false;         // partitioned by days
  std::string zone_ = "UTC";  // of clock times
  std::int64_t offset_ = 0;   // of zone_ from UTC, now
  std::int64_t width_ = 0;
  std::int64_t premake_ = 0;
  std::int64_t made_ = 0;
  std::int64_t most_ = kMostPartitions;
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges_;  // of the partitions, ascending
};

// Makes the partitions for events of [from, to] before they are written to a table, and says so on
// standard error unless `quiet`. If one cannot be made, says so too; it is no error, because the
// rows then go into the default partition.
void PrepareRange(const std::string& conninfo, const std::string& table, std::int64_t from,
                  std::int64_t to, bool quiet);

}  // namespace millrace::cli
