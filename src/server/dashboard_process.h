// The dashboard of a private server as a process of its own: which one runs, and how it ends.
//
// It holds flock(2) on DIR/dashboard.json, in which it says its process id and its address; the
// lock goes with it, however it ends.
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

// The one that runs, if any.
std::optional<RunningDashboard> FindDashboard(const PrivateServer& server);

// Says that this process is the server's dashboard, until it ends. False when there is another.
bool BecomeDashboard(const PrivateServer& server, const std::string& url);

// Ends the one that runs, and waits until it has gone. False when there is none.
bool StopDashboard(const PrivateServer& server);

}  // namespace millrace::cli
