#include "monitor/volumes.h"

#include <fmt/format.h>

namespace millrace::monitor {

using nlohmann::json;

const char* const kVolumesSql = R"(
  SELECT string_agg(name, ', ' ORDER BY n) AS name, device, min(size_bytes) AS size_bytes, min(free_bytes) AS free_bytes
  FROM millrace.volumes() WITH ORDINALITY v (name, device, size_bytes, free_bytes, n)
  WHERE size_bytes > 0 GROUP BY device ORDER BY min(n))";

std::vector<Warning> JudgeVolumes(const json& volumes) {
  constexpr double kLow = 0.10, kVeryLow = 0.05;
  std::vector<Warning> found;
  for (const json& volume : volumes) {
    const double size = volume["size_bytes"], free = volume["free_bytes"];
    if (free >= kLow * size) continue;
    const std::string name = volume["name"];
    found.push_back(
        {"disk_low", free < kVeryLow * size ? Severity::kCritical : Severity::kWarning, name,
         fmt::format("the volume of the {} has {:.1f}% free, {:.0f} of {:.0f} MB: when it is full, "
                     "nothing is written, and without room for the WAL the server stops",
                     name, 100 * free / size, free / (1 << 20), size / (1 << 20)),
         "Make it larger, or drop what is not needed: old partitions "
         "(millrace.set_retention), replication slots that nobody uses. Never remove files from "
         "pg_wal",
         ""});
  }
  return found;
}

}  // namespace millrace::monitor
