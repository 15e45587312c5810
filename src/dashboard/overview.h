// What the page shows of one span, computed from the rollups.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dashboard/condition.h"
#include "dashboard/database.h"
#include "dashboard/rollup_tables.h"

namespace millrace::dashboard {

// One value a name; a request that has two of the same is refused before.
using Parameters = std::map<std::string, std::string>;

struct OverviewRequest {
  std::string tenant;          // customer_id in decimal; empty: all tenants
  std::int64_t length = 3600;  // of the span, in seconds
  bool up_to_now = true;       // it ends with the bucket that is filling now
  std::int64_t from = 0;       // otherwise, in seconds since 1970
  std::int64_t to = 0;

  // Throws ApiError 400 for parameters that make no sense.
  static OverviewRequest Parse(const Parameters& parameters);
  // Equal for equal questions.
  std::string Key() const;
};

// The table that a question is answered from: by minutes or by the hour; nullptr: there is none.
const RollupTable* ChooseTable(const RollupTables& tables, const OverviewRequest& request);

// What an answer depends on, short of the events that are not in the rollup yet.
struct OverviewVersion {
  bool settled = false;  // there are none
  std::string state;
};
// `table`, `standing`: of what ChooseTable gives.
OverviewVersion VersionOf(Database::Snapshot& snapshot, const RollupTable* table,
                          const Standing& standing);

// As `Overview` in openapi.json. Everything in it is of one snapshot.
nlohmann::json MakeOverview(Database::Snapshot& snapshot, const RollupTables& tables,
                            const OverviewRequest& request, const Standing& standing);
// Puts into an answer what changes although the figures do not: times, and how live it is.
void SetStanding(Database::Snapshot& snapshot, const Standing& standing, nlohmann::json& overview);

}  // namespace millrace::dashboard
