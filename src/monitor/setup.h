// Whether a server has been set up for Millrace: what it lacks, and the commands that mend it. For
// any server, also one that `millrace up` did not make. What goes wrong while it works is found by
// monitor.h.
#pragma once

#include <string>
#include <vector>

#include "monitor/monitor.h"
#include "monitor/session.h"

namespace millrace::monitor {

// kOptional: it is not there, and only some need it.
enum class CheckState { kFine, kOptional, kUnknown, kWarning, kBroken };

// "ok", "optional", "unknown", "warning", "broken".
const char* NameOf(CheckState state);

// Something to do. kSql: a statement for the superuser, in this database. kShell: a command for
// root on the server's machine. kText: a description.
struct Step {
  enum class Kind { kSql, kShell, kText };
  Kind kind;
  std::string text;
};

// "psql", "sh", "do".
const char* NameOf(Step::Kind kind);

// The result of one check. All texts are UTF-8.
struct Check {
  std::string name;  // the same in every version
  CheckState state = CheckState::kFine;
  std::string message;
  std::vector<Step> steps = {};  // in this order; they can be run as they are
};

// Looks at the server's version, its settings, the extensions, the rights of the role, pg_cron and
// pg_partman, then at what Monitor::Examine finds. The first check fails if the server is of a
// version that we do not know; then it is the only one.
std::vector<Check> CheckServer(Connection& connection, Deadline deadline);

}  // namespace millrace::monitor
