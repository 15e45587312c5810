// What the page shows of one span of one family, computed from its rollups.
#pragma once

#include <string>

#include "dashboard/condition.h"
#include "dashboard/database.h"
#include "dashboard/families.h"
#include "dashboard/grant.h"
#include "dashboard/request.h"

namespace millrace::dashboard {

// How many events after the watermark the live views may still count; each panel reads them.
inline constexpr long long kLongestTail = 20'000;

// What an answer depends on, apart from the events that are not yet in the rollup.
struct OverviewVersion {
  bool settled = false;  // there are no such events
  std::string state;
};
OverviewVersion VersionOf(Database::Snapshot& snapshot, const Family* family,
                          const Standing& standing);

// As `Overview` in openapi.json. Everything in it is from one snapshot.
nlohmann::json MakeOverview(Database::Snapshot& snapshot, const Families& families,
                            const OverviewRequest& request, const Grant& grant,
                            const Standing& standing);
// Sets the parts of an answer that change although the figures do not: times, and how live it is.
void SetStanding(Database::Snapshot& snapshot, const Standing& standing, const Grant& grant,
                 nlohmann::json& overview);

}  // namespace millrace::dashboard
