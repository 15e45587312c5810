// How current an overview is, and when it has to be made again.

#include <fmt/format.h>

#include <algorithm>

#include "dashboard/overview.h"

namespace millrace::dashboard {

using nlohmann::json;

OverviewVersion VersionOf(Database::Snapshot& snapshot, const Family* family,
                          const Standing& standing) {
  OverviewVersion version;
  version.settled = standing.known && standing.behind == 0 && family != nullptr;
  if (!version.settled) return version;
  // But it is computed again once per minute: the rate of a span up to now changes with the time,
  // and a rebuild may have corrected rows.
  const json row = snapshot.Row("SELECT floor(extract(epoch FROM now()) / 60)::bigint AS minute");
  version.state = fmt::format("{} {} {}", standing.watermark, row["minute"].get<std::int64_t>(),
                              family->ToJson().dump());
  for (const RollupTable& table : family->tables) version.state += " " + table.name;
  return version;
}

// Everything that was committed before the snapshot is in, unless too much is waiting for a
// refresh. On a standby: everything that it had replayed.
void SetStanding(Database::Snapshot& snapshot, const Standing& standing, const Grant& grant,
                 json& overview) {
  const std::string now =
      snapshot.Row(R"(SELECT to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS iso)")["iso"];
  const monitor::ServerState& server = standing.server;
  const bool all = standing.known && standing.behind <= kLongestTail;
  std::string through = all ? now : standing.complete_through;
  if (server.standby && all) {
    through = server.replayed_through.empty() ? standing.complete_through
                                              : std::min(now, server.replayed_through);
  }
  const bool empty = overview["empty"];
  overview["generated_at"] = now;
  overview["complete_through"] = through.empty() || empty ? json(nullptr) : json(through);
  overview["live"] = all && server.follows() && !empty;
  overview["standby"] = server.standby;
  overview["condition"] = standing.condition.ToJson();
  overview["warnings"] = standing.warnings;
  if (grant.limited) {
    // What is wrong may name other tenants' values.
    overview["condition"]["message"] = standing.condition.message.empty()
                                           ? ""
                                           : "The figures are not up to date, or not complete.";
    overview["warnings"] = json::array();
  }
}

}  // namespace millrace::dashboard
