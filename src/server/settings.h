// The private server's settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/private_server.h"

namespace millrace::cli {

struct Machine {
  std::int64_t memory;     // bytes; in a container its limit, if it has one
  std::int64_t disk_free;  // bytes, on the volume of the data
  int cores;
};

Machine InspectMachine(const std::filesystem::path& data);

// The text of millrace.conf. `libraries`: those that the server preloads.
std::string ServerSettings(const PrivateServer& server, const ServerFacts& facts,
                           const Machine& machine, const std::vector<std::string>& libraries);

}  // namespace millrace::cli
