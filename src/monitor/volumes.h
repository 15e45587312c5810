// Room on the server's disks.
#pragma once

#include "monitor/session.h"

namespace millrace::monitor {

// One row for each volume that the server writes to: name (what lies there, "data directory, WAL"),
// device, size_bytes, free_bytes. Empty where that may not be known.
extern const char* const kVolumesSql;

// disk_low: below a tenth free; critical below a twentieth.
std::vector<Warning> JudgeVolumes(const nlohmann::json& volumes);

}  // namespace millrace::monitor
