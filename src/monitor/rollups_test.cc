#include "monitor/rollups.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace millrace::monitor {
namespace {

using nlohmann::json;

// A rollup that is refreshed every second and has been behind for so long.
json Behind(double seconds) {
  return {{"name", "public.r"},
          {"rollup", "r"},
          {"root", "r"},
          {"root_literal", "'r'"},
          {"events_behind", 5},
          {"seconds_behind", seconds},
          {"complete_through", nullptr},
          {"refresh_interval_seconds", 1.0},
          {"paused", false},
          {"last_refresh", nullptr},
          {"last_error", nullptr},
          {"failed_at", nullptr},
          {"waits_for", nullptr},
          {"failed_events", 0},
          {"differences", 0}};
}

// Whether there is a warning with that code for such a rollup, if the role may see workers.
bool Warns(const char* code, double seconds_behind, bool worker, bool starved) {
  ServerState state;
  state.database = "d";
  state.sees_workers = true;
  state.launcher = true;
  state.worker = worker;
  state.starved = starved;
  const json rollup = Behind(seconds_behind);
  Memory memory;
  memory.NoteCaughtUp(rollup);
  const auto found = JudgeRollup(rollup, state, memory);
  return std::any_of(found.begin(), found.end(),
                     [&](const Warning& warning) { return warning.code == code; });
}

TEST(JudgeRollup, NoWorkerIsMissedWhereRollupsAreBehind) {
  EXPECT_FALSE(Warns("no_worker", 5, false, false));
  EXPECT_TRUE(Warns("no_worker", 20, false, false));
  EXPECT_FALSE(Warns("no_worker", 20, true, false));
}

TEST(JudgeRollup, DatabasesThatTakeTurnsAreBehindButNotWithoutWorker) {
  EXPECT_TRUE(Warns("worker_starved", 20, false, true));
  EXPECT_TRUE(Warns("rollup_behind", 20, false, true));
  EXPECT_FALSE(Warns("no_worker", 20, false, true));
  EXPECT_TRUE(Warns("no_worker", 100, false, true));
}

}  // namespace
}  // namespace millrace::monitor
