// Which families of rollups a database has.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dashboard/database.h"
#include "dashboard/family.h"

namespace millrace::dashboard {

// Families that can be read; the first is shown unless another is asked for.
using Families = std::vector<Family>;

// Finds the families of a database, and looks again from time to time, because rollups may be
// declared while the page is open. Thread-safe.
//
// Declared rollups are read from millrace.rollup. Other tables are taken for rollups by their
// shape: a unique index over one time and any keys, and an hll among the other columns. Such tables
// with the same keys and measures are one family. Declared families come first, those with more
// tables before others, then by name.
class FamilyFinder {
 public:
  // `rollups`: names of tables, as an SQL statement has them. If there are any, only their families
  // are shown, in this order.
  explicit FamilyFinder(std::vector<std::string> rollups) : rollups_(std::move(rollups)) {}

  // Throws ApiError with the reason when a table of the constructor does not exist, is no rollup or
  // cannot be read; or when no family can be read but there are some.
  void Check(Database::Snapshot& snapshot);
  std::shared_ptr<const Families> Find(Database::Snapshot& snapshot);

 private:
  const std::vector<std::string> rollups_;
  std::mutex mutex_;
  std::shared_ptr<const Families> found_;
  std::chrono::steady_clock::time_point expires_;
};

}  // namespace millrace::dashboard
