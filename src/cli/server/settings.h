// The private server's settings.
#pragma once

#include <cstdint>
#include <string>

#include "cli/server/private_server.h"

namespace millrace::cli {

struct Machine {
  std::int64_t memory;     // bytes
  std::int64_t disk_free;  // bytes, where the data goes
  int cores;
};

Machine InspectMachine(const std::filesystem::path& data);

// The text of millrace.conf.
std::string ServerSettings(const PrivateServer& server, const ServerFacts& facts,
                           const Machine& machine);

}  // namespace millrace::cli
