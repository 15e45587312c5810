// Partitions that pg_partman keeps, made ahead of the rows that need them.
//
// pg_partman makes the partitions around now. Rows of other times end up in the default partition,
// and while rows are in there, the partition they belong into cannot be made. So whoever brings a
// history makes its partitions first, and rows that are in the default partition already move
// along.
//
// Left where they are: rows at infinity, and rows further ahead than pg_partman has come. A
// partition far ahead would be the newest, after which pg_partman makes no others until then.
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
  // More than these would slow down every query of the table; a week of five minutes has 2,016.
  static constexpr std::int64_t kMostPartitions = 2'500;

  // Looks for the table in pg_partman's configuration. Nothing where it is not there, or is
  // partitioned in a way that is not supported here: not by a timestamptz, or by months. Throws
  // CliError when the server cannot be asked. `connection` must outlive this object, and have no
  // transaction open.
  static std::optional<PartitionMaker> Find(Connection& connection, const QualifiedName& table);

  // The column that the table is partitioned by.
  const std::string& control() const { return control_name_; }

  // Makes what is missing for [from, to], at most kMostPartitions in all calls; ahead of the newest
  // partition, without a gap.
  PartitionsMade Make(std::int64_t from, std::int64_t to);
  // The same for single times, given as SQL reads them; what is no time is passed over. Of the
  // partitions ahead, only those that pg_partman would make by now.
  PartitionsMade MakeFor(const std::vector<std::string>& times);
  // Moves the rows of the default partition that it can, with a lock on the table for each few
  // partitions. Throws CliError when others keep that lock for a minute; what was moved stays.
  PartitionsMade MoveDefaultRows();
  // Has pg_partman go by the clock and not by the latest row in the default partition. False: it
  // does so already.
  bool IgnoreDefaultRows();
  // Cancels runs of pg_partman's maintenance that have gone on for more than 30 seconds: they hold
  // the lock that is needed here, and one that has met an infinite time never ends. Returns how
  // many.
  std::int64_t CancelMaintenance();
  // Rows in the default partition, at infinity or not.
  std::int64_t DefaultRows();

 private:
  explicit PartitionMaker(Connection& connection) : connection_(connection) {}
  void ReadPartitions();
  bool Covered(std::int64_t time) const;
  std::int64_t StartOf(std::int64_t time) const;
  // Where the newest partition that pg_partman would have by now starts.
  std::int64_t LastDue() const;
  // Adds what lies between the newest partition and `last`: pg_partman goes on from the newest, and
  // would never make those. False: they would be too many.
  bool FillUpTo(std::int64_t last, std::set<std::int64_t>* starts) const;
  // Makes those up to `last` that start there, unless they are too many.
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
  std::string columns_;    // those that can be written, quoted, with commas between
  bool old_calls_ = true;  // pg_partman before 5
  std::int64_t width_ = 0;
  std::int64_t premake_ = 0;
  std::int64_t made_ = 0;
  std::int64_t most_ = kMostPartitions;
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges_;  // of the partitions, ascending
};

// Before events of [from, to] are written to a table: makes their partitions, and says so on
// standard error unless `quiet`. What cannot be made is said, and no error: the rows then go into
// the default partition.
void PrepareRange(const std::string& conninfo, const std::string& table, std::int64_t from,
                  std::int64_t to, bool quiet);

}  // namespace millrace::cli
