#include "server/provision.h"

#include <fmt/format.h>

#include "client/connection.h"
#include "client/conninfo.h"
#include "client/error.h"

namespace millrace::cli {
namespace {

std::string Identifier(Connection& connection, const std::string& name) {
  char* quoted = PQescapeIdentifier(connection.get(), name.c_str(), name.size());
  if (quoted == nullptr) throw CliError("\"" + name + "\" cannot be a name in the database");
  std::string result = quoted;
  PQfreemem(quoted);
  return result;
}

std::string Verifier(Connection& connection, const std::string& user, const std::string& password) {
  char* verifier =
      PQencryptPasswordConn(connection.get(), password.c_str(), user.c_str(), "scram-sha-256");
  if (verifier == nullptr) throw CliError("the password cannot be used");
  char* literal = PQescapeLiteral(connection.get(), verifier, std::string(verifier).size());
  PQfreemem(verifier);
  if (literal == nullptr) throw CliError("the password cannot be used");
  std::string result = literal;
  PQfreemem(literal);
  return result;
}

std::string OurPackage(const std::string& suffix) {
  return "Install the package " + PostgresPackage(suffix) +
         ", or run `make install` in Millrace's source folder.";
}

struct Extension {
  const char* name;
  const char* statement;
  std::string source;  // which package has it
};

const Extension kExtensions[] = {
    {"hll", "CREATE EXTENSION hll", OurPackage("-millrace-hll")},
    {"topn", "CREATE EXTENSION topn", OurPackage("-millrace-topn")},
    {"millrace", "CREATE EXTENSION millrace", OurPackage("-millrace")},
    {"pg_partman", "CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman",
     "Install the package " + PostgresPackage("-partman") + "."},
    {"pg_cron", "CREATE EXTENSION pg_cron",
     "Install the package " + PostgresPackage("-cron") + "."},
};

// Citus comes first: if it is installed, its create_distributed_table is used.
const Extension kCitus = {
    "citus", "CREATE EXTENSION IF NOT EXISTS citus",
    std::string("Install your vendor's package for PostgreSQL ") + PostgresMajor() + "."};

void CreateExtensions(Connection& connection, ServerRole role) {
  std::vector<Extension> extensions(std::begin(kExtensions), std::end(kExtensions));
  if (role != ServerRole::kAlone) extensions.insert(extensions.begin(), kCitus);
  for (const Extension& extension : extensions) {
    const auto available = connection.Execute(
        "SELECT FROM pg_catalog.pg_available_extensions WHERE name = $1", {extension.name});
    if (available.rows() == 0) {
      throw CliError(std::string("PostgreSQL has no extension ") + extension.name,
                     extension.source);
    }
    try {
      connection.Execute(extension.statement);
    } catch (const CliError& e) {
      // For example, there is a control file without a library.
      throw CliError(fmt::format("cannot create the extension {}: {}", extension.name, e.what()),
                     (e.way_out().empty() ? "" : e.way_out() + "\n") + extension.source);
    }
  }
}

// pg_dump refuses tables with row security, and pg_cron's have it, unless the role bypasses row
// security everywhere, even on its own tables. So row security is switched off for these two tables
// only, and only the database's owner, for whom the jobs run, may read them. Changing jobs is left
// to pg_cron's functions, which check the owner of a job themselves.
void LetDump(Connection& connection, const std::string& role) {
  for (const char* table : {"cron.job", "cron.job_run_details"}) {
    const std::string name = table;
    connection.Execute("ALTER TABLE " + name + " DISABLE ROW LEVEL SECURITY");
    connection.Execute("REVOKE ALL ON " + name + " FROM PUBLIC");
    connection.Execute("GRANT SELECT ON " + name + " TO " + role);
  }
  connection.Execute("GRANT DELETE ON cron.job_run_details TO " + role);
  connection.Execute("GRANT SELECT ON cron.jobid_seq, cron.runid_seq TO " + role);
}

// pg_partman's documentation lists what a role that is not a superuser needs; for pg_cron it needs
// the schema.
void Grant(Connection& connection, const std::string& role, const std::string& database) {
  const std::string to = " TO " + role;
  for (const char* what :
       {"ALL ON SCHEMA partman", "ALL ON ALL TABLES IN SCHEMA partman",
        "EXECUTE ON ALL FUNCTIONS IN SCHEMA partman", "EXECUTE ON ALL PROCEDURES IN SCHEMA partman",
        "USAGE ON SCHEMA cron", "CREATE ON SCHEMA public", "pg_read_all_stats"}) {
    connection.Execute(std::string("GRANT ") + what + to);
  }
  connection.Execute("GRANT TEMPORARY, CREATE ON DATABASE " + database + to);
}

}  // namespace

void Provision(const PrivateServer& server, const ServerFacts& facts, const std::string& password) {
  Connection admin = Connection::Open(server.SuperuserConninfo(facts, "postgres"));
  const std::string role = Identifier(admin, facts.user);
  const std::string database = Identifier(admin, facts.database);
  admin.Execute("CREATE ROLE " + role + " LOGIN PASSWORD " + Verifier(admin, facts.user, password));
  admin.Execute("CREATE DATABASE " + database + " OWNER " + role);

  Connection inside = Connection::Open(server.SuperuserConninfo(facts, facts.database));
  CreateExtensions(inside, facts.role);
  Grant(inside, role, database);
  LetDump(inside, role);
}

namespace {

// Keeps the password with which sessions of this node log in to others as a role.
void KeepPassword(Connection& connection, const std::string& role, const std::string& password) {
  // Citus needs the password itself. Whatever the server logs, it must not be in the log.
  connection.Execute(
      "SET log_statement = none; SET log_min_duration_statement = -1; SET "
      "log_min_duration_sample = -1; SET log_transaction_sample_rate = 0; SET "
      "log_parameter_max_length = 0; SET log_parameter_max_length_on_error = 0");
  const std::string info = "password=" + QuoteConninfo(password);
  connection.Execute("DELETE FROM pg_catalog.pg_dist_authinfo WHERE rolename = $1", {role.c_str()});
  // 0 stands for every node, -1 for this one.
  connection.Execute(
      "INSERT INTO pg_catalog.pg_dist_authinfo (nodeid, rolename, authinfo) SELECT n, $1, $2 FROM "
      "(VALUES (0), (-1)) v (n)",
      {role.c_str(), info.c_str()});
}

}  // namespace

void ProvisionNode(const PrivateServer& server, const ServerFacts& facts,
                   const std::string& password, const std::string& node_password) {
  Connection admin = Connection::Open(server.SuperuserConninfo(facts, facts.database));
  admin.Execute("BEGIN");
  admin.Execute(kCitus.statement);
  // Other nodes get theirs later; they may be down now.
  admin.Execute("SET LOCAL citus.enable_ddl_propagation = off");
  admin.Execute("ALTER ROLE postgres PASSWORD " + Verifier(admin, "postgres", node_password));
  KeepPassword(admin, "postgres", node_password);
  KeepPassword(admin, facts.user, password);
  admin.Execute("COMMIT");
}

std::string ProvisionDashboard(const PrivateServer& server, const ServerFacts& facts) {
  const std::string password = server.DashboardPassword();
  Connection admin = Connection::Open(server.SuperuserConninfo(facts, facts.database));
  const std::string name = PrivateServer::kDashboardRole;
  const std::string role = Identifier(admin, name);
  if (admin.Execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", {name.c_str()}).rows() ==
      0) {
    admin.Execute("CREATE ROLE " + role);
  }
  admin.Execute("ALTER ROLE " + role +
                " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD " +
                Verifier(admin, name, password));
  admin.Execute("ALTER ROLE " + role + " SET default_transaction_read_only = on");
  admin.Execute("GRANT pg_read_all_data, pg_monitor TO " + role);
  // The one thing that it writes: views that people save, for which it asks explicitly.
  if (admin.Execute("SELECT to_regclass('millrace.saved_view') IS NOT NULL").Value(0, 0) == "t") {
    admin.Execute("GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.saved_view TO " + role);
  }
  if (facts.role != ServerRole::kAlone) KeepPassword(admin, name, password);
  return server.DashboardConninfo(facts, password);
}

}  // namespace millrace::cli
