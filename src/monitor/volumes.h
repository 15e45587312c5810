// Free space on the server's disks.
#pragma once

#include "monitor/session.h"

namespace millrace::monitor {

// One row for each volume that the server writes to: name (what is on it, "data directory, WAL"),
// device, size_bytes, free_bytes. Empty if we may not know that.
extern const char* const kVolumesSql;

// disk_low: less than a tenth is free; critical if less than a twentieth is.
std::vector<Warning> JudgeVolumes(const nlohmann::json& volumes);

}  // namespace millrace::monitor
