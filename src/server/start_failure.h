// Why a server does not start: by what it has written into its log, in words, with a way out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "client/error.h"
#include "server/private_server.h"

namespace millrace::cli {

// Where the files of a log folder end at a moment, to read what is written after it.
class LogMark {
 public:
  explicit LogMark(std::filesystem::path folder);
  // What the files have got since, those in order of time. A file that is smaller than it was has
  // been begun anew.
  std::string Since() const;

 private:
  std::filesystem::path folder_;
  std::map<std::filesystem::path, std::uintmax_t> sizes_;
};

// The error for a server that does not start. `log` is what it has written since it was told to
// (LogMark), `output` what pg_ctl says. Names the cause where it is one of: no space on a volume,
// no memory, an error in a configuration file, a library that is missing, the port taken, a stale
// postmaster.pid; otherwise the server's own last words. The end of the log stands below in any
// case.
CliError ExplainStartFailure(const PrivateServer& server, const std::string& log,
                             const std::string& output);

// "no space left on the volume that holds ...: N bytes free", and what to do. `path` is of the
// server's, relative to pgdata() or absolute; it need not exist.
CliError ExplainNoSpace(const PrivateServer& server, const std::filesystem::path& path);

// The process that pgdata()'s postmaster.pid names, if it is there and works elsewhere: after a
// crash of the machine its number may be anybody's. 0: there is none.
pid_t StaleProcess(const std::filesystem::path& pgdata);
// The process that it names, whatever it is; 0 when there is none.
pid_t RecordedProcess(const std::filesystem::path& pgdata);

}  // namespace millrace::cli
