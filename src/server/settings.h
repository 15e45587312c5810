// The private server's settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/private_server.h"

namespace millrace::cli {

struct Machine {
  std::int64_t memory;     // bytes, of a container that has a limit its limit
  std::int64_t disk_free;  // bytes, where the data goes
  int cores;
};

Machine InspectMachine(const std::filesystem::path& data);

// The text of millrace.conf. `libraries`: what the server loads at its start.
std::string ServerSettings(const PrivateServer& server, const ServerFacts& facts,
                           const Machine& machine, const std::vector<std::string>& libraries);

}  // namespace millrace::cli
