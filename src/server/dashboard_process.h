// The dashboard of a private server as a separate process: finding the running one, and ending it.
//
// It holds a flock(2) on DIR/dashboard.json, which contains its process id and its address. However
// the process ends, the lock ends with it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "server/private_server.h"

namespace millrace::cli {

struct RunningDashboard {
  pid_t pid;
  std::string url;
};

// The dashboard that runs, if any.
std::optional<RunningDashboard> FindDashboard(const PrivateServer& server);

// Makes this process the server's dashboard, until it ends. False if there is another.
bool BecomeDashboard(const PrivateServer& server, const std::string& url);

// Ends the running dashboard, and waits until it has ended. False if there is none.
bool StopDashboard(const PrivateServer& server);

}  // namespace millrace::cli
