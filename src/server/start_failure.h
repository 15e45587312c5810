// Why a server does not start: the reason from its log in words, with what to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "client/error.h"
#include "server/private_server.h"

namespace millrace::cli {

// The ends of the files in a log folder at one moment, to read what is written after it.
class LogMark {
 public:
  explicit LogMark(std::filesystem::path folder);
  // What was added to the files since, in order of time. A file that has become smaller has been
  // begun anew.
  std::string Since() const;

 private:
  std::filesystem::path folder_;
  std::map<std::filesystem::path, std::uintmax_t> sizes_;
};

// The error for a server that does not start. `log` is what the server has written since it was
// started (LogMark), `output` what pg_ctl says. Names the cause if it is one of these: no space on
// a volume, no memory, an error in a configuration file, a library that is missing, a port in use,
// a stale postmaster.pid. Otherwise gives the server's last messages. The end of the log follows in
// any case.
CliError ExplainStartFailure(const PrivateServer& server, const std::string& log,
                             const std::string& output);

// "no space left on the volume that holds ...: N bytes free", and what to do. `path` is one of the
// server's, relative to pgdata() or absolute; it need not exist.
CliError ExplainNoSpace(const PrivateServer& server, const std::filesystem::path& path);

// The process that pgdata()'s postmaster.pid names, if it exists and has another working folder:
// after a crash of the machine its number may belong to any process. 0: there is none.
pid_t StaleProcess(const std::filesystem::path& pgdata);
// The process that it names, whatever it is; 0 if there is none.
pid_t RecordedProcess(const std::filesystem::path& pgdata);

}  // namespace millrace::cli
