// What the page shows of one span, computed from the rollups.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dashboard/condition.h"
#include "dashboard/database.h"
#include "dashboard/rollup_tables.h"

namespace millrace::dashboard {

// One value per name: a request that has a name twice was refused before.
using Parameters = std::map<std::string, std::string>;

struct OverviewRequest {
  std::string tenant;          // customer_id in decimal; empty: all tenants
  std::int64_t length = 3600;  // of the span, in seconds
  bool up_to_now = true;       // it ends with the bucket of the present time
  std::int64_t from = 0;       // otherwise, in seconds since 1970
  std::int64_t to = 0;

  // Throws ApiError 400 for parameters that make no sense.
  static OverviewRequest Parse(const Parameters& parameters);
  // Equal for requests that have the same answer.
  std::string Key() const;
};

// The table that answers a request: the one by minutes or the one by the hour; nullptr if there is
// none.
const RollupTable* ChooseTable(const RollupTables& tables, const OverviewRequest& request);

// What an answer depends on, apart from the events that are not yet in the rollup.
struct OverviewVersion {
  bool settled = false;  // there are no such events
  std::string state;
};
// `table`: that of ChooseTable; `standing`: of this table.
OverviewVersion VersionOf(Database::Snapshot& snapshot, const RollupTable* table,
                          const Standing& standing);

// As `Overview` in openapi.json. Everything in it is from one snapshot.
nlohmann::json MakeOverview(Database::Snapshot& snapshot, const RollupTables& tables,
                            const OverviewRequest& request, const Standing& standing);
// Sets the parts of an answer that change although the figures do not: times, and how live it is.
void SetStanding(Database::Snapshot& snapshot, const Standing& standing, nlohmann::json& overview);

}  // namespace millrace::dashboard
