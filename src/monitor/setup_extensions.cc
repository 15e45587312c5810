// The checks of setup.h that are about extensions: ours, pg_cron, pg_partman.

#include <fmt/format.h>

#include <algorithm>

#include "client/text.h"
#include "monitor/setup_facts.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;
using Kind = Step::Kind;

std::string Text(const json& value) { return value.is_null() ? "" : value.get<std::string>(); }

// The versions of an extension: what the server's files have, and what the database has; empty if
// there is none.
struct Versions {
  std::string available, installed;
};
Versions VersionsOf(const Facts& facts, const std::string& name) {
  const json& extensions = facts["extensions"];
  if (!extensions.contains(name)) return {};
  return {Text(extensions[name]["available"]), Text(extensions[name]["installed"])};
}

// Compares numbers from left to right: 0.9 is older than 0.10.
bool IsOlder(const std::string& a, const std::string& b) {
  const char *at = a.c_str(), *other = b.c_str();
  for (;;) {
    char *end, *other_end;
    const unsigned long number = std::strtoul(at, &end, 10),
                        with = std::strtoul(other, &other_end, 10);
    if (other_end == other) return false;
    if (end == at || number < with) return true;
    if (number > with) return false;
    at = *end == '.' ? end + 1 : end;
    other = *other_end == '.' ? other_end + 1 : other_end;
  }
}

bool IsPreloaded(const Facts& facts, const std::string& library) {
  const auto names = ListOf(SettingOf(facts, "shared_preload_libraries").value_or(""));
  return std::find(names.begin(), names.end(), library) != names.end();
}

Check CheckMillrace(const Facts& facts) {
  const Versions versions = VersionsOf(facts, "millrace");
  Check check = {"extension millrace", CheckState::kFine, versions.installed};
  const std::string program = MILLRACE_SQL_VERSION;
  if (versions.available.empty()) {
    check.state = CheckState::kBroken;
    check.message =
        "the server's machine does not have its files. Where a provider runs the server and offers "
        "no extension millrace, "
        "it cannot be installed";
    check.steps.push_back(InstallPackage(facts, "-millrace"));
  } else if (versions.installed.empty()) {
    check.state = CheckState::kBroken;
    check.message =
        fmt::format("version {} is there, and not in this database", versions.available);
    check.steps.push_back({Kind::kSql, "CREATE EXTENSION millrace"});
  } else if (IsOlder(versions.installed, versions.available)) {
    check.state = CheckState::kBroken;
    check.message =
        fmt::format("the database has version {}, and the server's files {}: rollups stand still",
                    versions.installed, versions.available);
    check.steps.push_back(Restart(facts));
    check.steps.push_back({Kind::kSql, "ALTER EXTENSION millrace UPDATE"});
  } else if (IsOlder(versions.available, versions.installed)) {
    check.state = CheckState::kBroken;
    check.message = fmt::format("the database has version {}, and the server's files are older: {}",
                                versions.installed, versions.available);
    check.steps.push_back(InstallPackage(facts, "-millrace"));
    check.steps.push_back(Restart(facts));
  } else if (versions.installed != program) {
    check.state = CheckState::kWarning;
    check.message = fmt::format("the database has version {}, this program is made for {}",
                                versions.installed, program);
    check.steps.push_back({Kind::kShell, "apt-get install millrace"});
  }
  return check;
}

// hll and topn: types and functions that rollups with distinct counts and top items need.
Check CheckSketches(const Facts& facts, const std::string& name, const std::string& what) {
  const Versions versions = VersionsOf(facts, name);
  Check check = {"extension " + name, CheckState::kFine, versions.installed};
  if (versions.available.empty() && versions.installed.empty()) {
    check.state = CheckState::kOptional;
    check.message = fmt::format("not there; rollups with {} need it", what);
    check.steps.push_back(InstallPackage(facts, "-millrace-" + name));
    check.steps.push_back({Kind::kSql, "CREATE EXTENSION " + name});
  } else if (versions.installed.empty()) {
    check.state = CheckState::kOptional;
    check.message =
        fmt::format("version {} is there, and not in this database; rollups with {} need it",
                    versions.available, what);
    check.steps.push_back({Kind::kSql, "CREATE EXTENSION " + name});
  } else if (versions.available.empty()) {
    check.state = CheckState::kBroken;
    check.message = fmt::format(
        "the database has version {}, and the server's files are gone: its functions fail",
        versions.installed);
    check.steps.push_back(InstallPackage(facts, "-millrace-" + name));
  } else if (IsOlder(versions.installed, versions.available)) {
    check.state = CheckState::kWarning;
    check.message = fmt::format("the database has version {}, and the server's files {}",
                                versions.installed, versions.available);
    check.steps.push_back({Kind::kSql, "ALTER EXTENSION " + name + " UPDATE"});
  }
  return check;
}

}  // namespace

std::vector<Check> CheckExtensions(const Facts& facts) {
  std::vector<Check> checks = {CheckMillrace(facts), CheckSketches(facts, "hll", "distinct counts"),
                               CheckSketches(facts, "topn", "top items")};
  const std::string library = Text(facts["hll_library"]);
  if (!library.empty() && library.find("millrace") == std::string::npos &&
      checks[1].state == CheckState::kFine) {
    checks[1].message += fmt::format(
        ", the published one ({}): correct, and grouped without Millrace's engine", library);
  }
  return checks;
}

std::vector<Check> CheckCron(const Facts& facts) {
  const Versions versions = VersionsOf(facts, "pg_cron");
  Check check = {"pg_cron", CheckState::kFine, versions.installed};
  const std::string database = facts["database"];
  const auto of = SettingOf(facts, "cron.database_name");
  if (versions.installed.empty()) {
    check.state = CheckState::kOptional;
    check.message =
        "not in this database; declared rollups do without it, schedules of your own need it";
    if (versions.available.empty()) check.steps.push_back(InstallPackage(facts, "-cron"));
    return {check};
  }
  if (versions.available.empty()) {
    check.state = CheckState::kBroken;
    check.message = fmt::format("the database has version {}, and the server's files are gone",
                                versions.installed);
    check.steps.push_back(InstallPackage(facts, "-cron"));
  } else if (const auto libraries = SettingOf(facts, "shared_preload_libraries");
             libraries && !IsPreloaded(facts, "pg_cron")) {
    check.state = CheckState::kBroken;
    check.message = "it is not loaded when the server starts: no job runs";
    check.steps.push_back(AddToList("shared_preload_libraries", *libraries, "pg_cron"));
    check.steps.push_back(Restart(facts));
  } else if (of && *of != database) {
    check.state = CheckState::kBroken;
    check.message = fmt::format(
        "it works for database {}, and not for this one (cron.database_name): no job of this one "
        "runs",
        *of);
    std::string literal = "'";
    for (const char c : database) literal += c == '\'' ? std::string("''") : std::string(1, c);
    check.steps.push_back({Kind::kSql, "ALTER SYSTEM SET cron.database_name = " + literal + "'"});
    check.steps.push_back(Restart(facts));
  } else if (IsOlder(versions.installed, versions.available)) {
    check.state = CheckState::kWarning;
    check.message = fmt::format("the database has version {}, and the server's files {}",
                                versions.installed, versions.available);
    check.steps.push_back({Kind::kSql, "ALTER EXTENSION pg_cron UPDATE"});
  }
  return {check};
}

namespace {

constexpr const char* kPartman = R"(
  SELECT count(*) AS tables FROM {}.part_config WHERE automatic_maintenance = 'on')";
constexpr const char* kPartmanJob =
    "SELECT count(*) AS jobs FROM millrace.cron_jobs() WHERE active AND command ~ "
    "'run_maintenance|make_event_partitions'";

// Tables that pg_partman keeps: does anybody call it?
Check CheckMaintenance(Session& session, const Facts& facts, int tables) {
  Check check = {"partition maintenance", CheckState::kFine,
                 FormatCount(tables, "table", "tables")};
  const auto libraries = SettingOf(facts, "shared_preload_libraries");
  const std::string database = facts["database"];
  const auto databases = ListOf(SettingOf(facts, "pg_partman_bgw.dbname").value_or(""));
  const bool worker = IsPreloaded(facts, "pg_partman_bgw") &&
                      std::find(databases.begin(), databases.end(), database) != databases.end();
  if (tables == 0 || worker) return check;
  const auto jobs = session.Try(kPartmanJob);
  if (jobs && !jobs->empty() && (*jobs)[0]["jobs"].get<int>() > 0) return check;
  if (!libraries) {
    check.state = CheckState::kUnknown;
    check.message = "this role may not see whether pg_partman's worker is loaded";
    check.steps.push_back(
        {Kind::kSql, "GRANT pg_read_all_settings TO " + facts["role"].get<std::string>()});
    return check;
  }
  check.state = CheckState::kBroken;
  check.message = fmt::format(
      "nobody makes the next partitions of {}: pg_partman's worker does not work for this "
      "database, and no job "
      "calls it",
      FormatCount(tables, "table", "tables"));
  // The server knows the worker's settings only once it has loaded it.
  if (!IsPreloaded(facts, "pg_partman_bgw")) {
    check.steps.push_back(AddToList("shared_preload_libraries", *libraries, "pg_partman_bgw"));
    check.steps.push_back(Restart(facts));
  }
  check.steps.push_back(AddToList(
      "pg_partman_bgw.dbname", SettingOf(facts, "pg_partman_bgw.dbname").value_or(""), database));
  check.steps.push_back({Kind::kSql, "SELECT pg_catalog.pg_reload_conf()"});
  return check;
}

}  // namespace

std::vector<Check> CheckPartman(Session& session, const Facts& facts) {
  const Versions versions = VersionsOf(facts, "pg_partman");
  Check check = {"pg_partman", CheckState::kFine, versions.installed};
  const std::string role = facts["role"];
  if (versions.installed.empty()) {
    check.state = CheckState::kOptional;
    check.message = "not in this database; tables that are not partitioned by time do without it";
    if (versions.available.empty()) check.steps.push_back(InstallPackage(facts, "-partman"));
    return {check};
  }
  const std::string schema = facts["extensions"]["pg_partman"]["schema"];
  if (IsOlder(versions.installed, "4.7")) {
    check.state = CheckState::kWarning;
    check.message = versions.installed + ": Millrace was tested with 4.7 and 5";
  } else if (!versions.available.empty() && IsOlder(versions.installed, versions.available)) {
    check.state = CheckState::kWarning;
    check.message = fmt::format("the database has version {}, and the server's files {}",
                                versions.installed, versions.available);
    check.steps.push_back({Kind::kSql, "ALTER EXTENSION pg_partman UPDATE"});
  }
  const auto tables = session.Try(fmt::format(fmt::runtime(kPartman), schema));
  if (!tables) {
    check.state = CheckState::kWarning;
    check.message += fmt::format(
        ": role {} may not use its schema, and so make no table that it partitions", role);
    check.steps.push_back(
        {Kind::kSql,
         fmt::format(
             "GRANT ALL ON SCHEMA {0} TO {1}; GRANT ALL ON ALL TABLES IN SCHEMA {0} TO {1}; "
             "GRANT EXECUTE ON ALL ROUTINES IN SCHEMA {0} TO {1}",
             schema, role)});
    return {check};
  }
  return {check, CheckMaintenance(session, facts, (*tables)[0]["tables"].get<int>())};
}

}  // namespace millrace::monitor
