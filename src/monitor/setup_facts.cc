#include "monitor/setup_facts.h"

#include <fmt/format.h>

#include "client/text.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;

constexpr const char* kFacts = R"(
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_num,
         current_database() AS database, quote_ident(current_user) AS role,
         (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
         pg_has_role('pg_read_all_settings', 'USAGE') AS reads_settings,
         pg_has_role('pg_read_all_stats', 'USAGE') AS reads_stats,
         EXISTS (SELECT FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE') AND nspname !~ '^(pg_|information_schema$|millrace$)') AS may_create,
         (SELECT json_object_agg(name, json_build_object('value', setting, 'pending', pending_restart)) FROM pg_settings
          WHERE name IN ('shared_preload_libraries', 'max_worker_processes', 'max_parallel_workers', 'max_connections', 'max_prepared_transactions',
                         'max_locks_per_transaction', 'config_file', 'data_directory', 'cron.database_name', 'pg_partman_bgw.dbname')) AS settings,
         (SELECT json_object_agg(coalesce(a.name, e.extname), json_build_object('available', a.default_version, 'installed', e.extversion,
                                                                               'schema', quote_ident(n.nspname)))
          FROM (SELECT * FROM pg_available_extensions WHERE name IN ('millrace', 'hll', 'topn', 'pg_cron', 'pg_partman', 'citus')) a
          FULL JOIN (SELECT * FROM pg_extension WHERE extname IN ('millrace', 'hll', 'topn', 'pg_cron', 'pg_partman', 'citus')) e ON e.extname = a.name
          LEFT JOIN pg_namespace n ON n.oid = e.extnamespace) AS extensions,
         (SELECT min(p.probin::text) FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'hll' WHERE p.proname = 'hll_add') AS hll_library,
         (SELECT to_json(b) FROM (SELECT i.inhparent::regclass::text AS name, count(*) AS partitions FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhparent AND c.relkind = 'p' GROUP BY 1 ORDER BY 2 DESC LIMIT 1) b) AS biggest)";

// Only a superuser may ask for files. The time of a change is that of the installation, whatever
// the time of the file is.
constexpr const char* kLibrary = R"(
  SELECT (pg_stat_file((SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR') || '/millrace.so', true)).change > pg_postmaster_start_time() AS changed)";

}  // namespace

Facts LookAtSetup(Session& session) {
  const json rows = session.Rows("setup", kFacts);
  if (rows.empty()) return nullptr;
  Facts facts = rows[0];
  for (const char* group : {"settings", "extensions"}) {
    if (facts[group].is_null()) facts[group] = json::object();
  }
  facts["library_changed"] = nullptr;
  if (facts["superuser"].get<bool>()) {
    const auto library = session.Try(kLibrary);
    if (library && !library->empty()) facts["library_changed"] = (*library)[0]["changed"];
  }
  return facts;
}

std::optional<std::string> SettingOf(const Facts& facts, const std::string& name) {
  const auto found = facts["settings"].find(name);
  if (found == facts["settings"].end()) return std::nullopt;
  return (*found)["value"].get<std::string>();
}

std::vector<std::string> ListOf(const std::string& setting) {
  std::vector<std::string> names;
  std::string name;
  for (const char c : setting + ",") {
    if (c == ',') {
      if (!name.empty()) names.push_back(name);
      name.clear();
    } else if (c != ' ' && c != '\t' && c != '"') {
      name += c;
    }
  }
  return names;
}

Step AddToList(const std::string& name, const std::string& setting, const std::string& element) {
  std::string statement = "ALTER SYSTEM SET " + name + " = ";
  std::vector<std::string> names = ListOf(setting);
  names.push_back(element);
  for (const std::string& one : names) {
    std::string literal = "'";
    for (const char c : one) literal += c == '\'' ? std::string("''") : std::string(1, c);
    statement += (&one == &names.front() ? "" : ", ") + literal + "'";
  }
  return {Step::Kind::kSql, statement};
}

Step Restart(const Facts& facts) {
  const std::string file = SettingOf(facts, "config_file").value_or("");
  const std::string data = SettingOf(facts, "data_directory").value_or("");
  // Debian's clusters: /etc/postgresql/VERSION/NAME/postgresql.conf.
  const std::string debian = "/etc/postgresql/", end = "/postgresql.conf";
  if (file.starts_with(debian) && file.ends_with(end)) {
    std::string cluster = file.substr(debian.size(), file.size() - debian.size() - end.size());
    const auto slash = cluster.find('/');
    if (slash != std::string::npos) {
      cluster[slash] = ' ';
      return {Step::Kind::kShell, "pg_ctlcluster " + cluster + " restart"};
    }
  }
  const std::string pgdata = "/pgdata";
  if (data.ends_with(pgdata) && file.starts_with(data)) {
    const std::string folder = ShellWord(data.substr(0, data.size() - pgdata.size()));
    return {Step::Kind::kShell,
            fmt::format("millrace down --data-dir {0} && millrace up --data-dir {0} >/dev/null",
                        folder)};
  }
  return {Step::Kind::kText, "Restart the server"};
}

Step InstallPackage(const Facts& facts, const std::string& suffix) {
  return {Step::Kind::kShell, fmt::format("apt-get install postgresql-{}{}",
                                          facts["version_num"].get<int>() / 10000, suffix)};
}

}  // namespace millrace::monitor
