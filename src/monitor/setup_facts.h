// What the checks of setup.h look at. Internal to src/monitor.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "monitor/server.h"
#include "monitor/setup.h"

namespace millrace::monitor {

// A row of what the catalog says. Settings and tables that the role may not see are missing or
// null.
//   version, version_num, database, role (quoted), superuser, reads_settings, reads_stats,
//   may_create settings     by name: value, pending (it is changed when the server is restarted)
//   extensions   by name: available, installed (versions, or null), schema (quoted, or null)
//   hll_library  where the type hll comes from: its library, or null
//   library_changed  whether millrace.so was installed after the server was started, or null
//   biggest      the table with most partitions: name, partitions; or null
using Facts = nlohmann::json;
Facts LookAtSetup(Session& session);

// A setting; nullopt where there is none or the role may not see it.
std::optional<std::string> SettingOf(const Facts& facts, const std::string& name);
// The names in a setting that is a list of names.
std::vector<std::string> ListOf(const std::string& setting);
// Adds one name to a setting that is a list of names, by ALTER SYSTEM.
Step AddToList(const std::string& name, const std::string& setting, const std::string& element);
// How this server is restarted.
Step Restart(const Facts& facts);
// Installs Debian's package postgresql-NN<suffix>.
Step InstallPackage(const Facts& facts, const std::string& suffix);

// The checks of single parts.
std::vector<Check> CheckExtensions(const Facts& facts);
std::vector<Check> CheckCron(const Facts& facts);
std::vector<Check> CheckPartman(Session& session, const Facts& facts);

}  // namespace millrace::monitor
