#include "server/cluster.h"

#include <fmt/format.h>

#include <charconv>

#include "client/connection.h"
#include "client/conninfo.h"
#include "client/error.h"
#include "server/preflight.h"
#include "server/provision.h"

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

fs::path WorkerFolder(const PrivateServer& coordinator, int number) {
  return coordinator.directory() / "workers" / std::to_string(number);
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

// The host name by which other nodes reach a server.
std::string NodeHost(const ServerFacts& facts) {
  const std::string first = facts.listen.substr(0, facts.listen.find(','));
  return first == "*" || first == "0.0.0.0" || first == "::" ? "localhost" : first;
}

bool IsNode(Connection& coordinator, const std::string& host, int port) {
  return coordinator
             .Execute(
                 "SELECT FROM pg_catalog.pg_dist_node WHERE nodename = $1 AND nodeport = $2::int",
                 {host.c_str(), std::to_string(port).c_str()})
             .rows() > 0;
}

void AddNode(Connection& coordinator, const std::string& host, int port) {
  if (IsNode(coordinator, host, port)) return;
  coordinator.Execute("SELECT pg_catalog.citus_add_node($1, $2::int)",
                      {host.c_str(), std::to_string(port).c_str()});
}

// The password in a connection string.
std::string PasswordIn(const std::string& conninfo) {
  std::string password;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), nullptr);
  for (PQconninfoOption* o = options; o != nullptr && o->keyword != nullptr; ++o) {
    if (std::string(o->keyword) == "password" && o->val != nullptr) password = o->val;
  }
  PQconninfoFree(options);
  return password;
}

std::string ConninfoOf(const Coordinator& coordinator, const std::string& database) {
  return fmt::format(
      "host={} port={} user=postgres password={} dbname={} sslmode=require "
      "channel_binding=require",
      QuoteConninfo(coordinator.host), coordinator.port, QuoteConninfo(coordinator.node_password),
      QuoteConninfo(database));
}

}  // namespace

void CheckCitusInstalled(const ServerUser& user) {
  const auto folder = [&user](const char* which) {
    const auto result = RunProgram({PostgresProgram("pg_config"), which}, user);
    if (result.exit_code != 0) throw CliError("pg_config failed", result.output);
    return fs::path(result.output.substr(0, result.output.find('\n')));
  };
  if (fs::exists(folder("--sharedir") / "extension" / "citus.control") &&
      fs::exists(folder("--pkglibdir") / "citus.so")) {
    return;
  }
  throw CliError("PostgreSQL has no extension citus, which several nodes need",
                 std::string("Debian has no package of it: install your vendor's for PostgreSQL ") +
                     PostgresMajor() + ", such as " + PostgresPackage("-citus-13.0") +
                     " (docs/scale-out.md).");
}

void BecomeCoordinator(PrivateServer& server, ServerFacts& facts) {
  if (facts.role == ServerRole::kAlone) {
    fmt::print(stderr, "Restarting the server: it becomes the coordinator of a cluster\n");
    server.Stop();
    facts.role = ServerRole::kCoordinator;
    server.AllowNodes();
    server.Start(facts);
    // From now on it starts as a coordinator.
    server.WriteFacts(facts);
  }
  ProvisionNode(server, facts, server.ReadPassword(), server.NodePassword());
  Connection admin = Connection::Open(server.SuperuserConninfo(facts, facts.database));
  const auto known = admin.Execute(
      "SELECT FROM pg_catalog.pg_dist_node WHERE groupid = 0 AND noderole = 'primary'");
  if (known.rows() == 0) {
    admin.Execute("SELECT pg_catalog.citus_set_coordinator_host($1, $2::int)",
                  {NodeHost(facts).c_str(), std::to_string(facts.port).c_str()});
  }
}

void BringUpWorkers(PrivateServer& coordinator, ServerFacts& facts, int count) {
  Connection admin = Connection::Open(coordinator.SuperuserConninfo(facts, facts.database));
  for (int number = 1; number <= count; ++number) {
    PrivateServer worker(WorkerFolder(coordinator, number));
    ServerFacts wanted = facts;
    wanted.role = ServerRole::kWorker;
    wanted.workers = count;
    wanted.port = facts.port + number;
    wanted.ready = false;
    if (!worker.Exists()) CheckFolderPath(worker);
    worker.Lock();
    if (worker.Exists()) {
      const ServerFacts found = worker.ReadFacts();
      if (found.ready) {
        wanted = found;
      } else {
        worker.Stop();
      }
    }
    // Once a worker was added, it is only removed by an explicit command.
    if (number <= facts.workers && !IsNode(admin, NodeHost(wanted), wanted.port)) {
      fmt::print(stderr, "Worker {} was removed from the cluster, and stays so\n", number);
      continue;
    }
    if (!wanted.ready) {
      fmt::print(stderr, "Making worker {} on port {}\n", number, wanted.port);
      worker.Create(wanted, coordinator.ReadPassword(), coordinator.NodePassword());
      wanted.ready = true;
    } else if (!worker.Running() || !worker.AwaitConnections(wanted)) {
      fmt::print(stderr, "Starting worker {}\n", number);
      worker.Start(wanted);
    }
    AddNode(admin, NodeHost(wanted), wanted.port);
    if (number > facts.workers) {
      facts.workers = number;
      coordinator.WriteFacts(facts);
    }
  }
}

int StopWorkers(const PrivateServer& coordinator, int seconds) {
  int stopped = 0;
  // A worker that was never finished is not in the facts, but it may run.
  for (int number = 1; fs::exists(WorkerFolder(coordinator, number)); ++number) {
    PrivateServer worker(WorkerFolder(coordinator, number));
    worker.Lock(seconds);
    if (!worker.Running()) continue;
    worker.Stop(seconds);
    ++stopped;
  }
  return stopped;
}

Coordinator ParseCoordinator(const std::string& address, const SecretSource& password) {
  Coordinator coordinator;
  const std::size_t colon = address.rfind(':');
  const char* end = address.data() + address.size();
  if (colon == std::string::npos || colon == 0 ||
      address.find_first_of("' \\,") != std::string::npos ||
      std::from_chars(address.data() + colon + 1, end, coordinator.port).ptr != end ||
      coordinator.port < 1 || coordinator.port > 65535) {
    throw CliError("\"" + address + "\" is not the address of a coordinator",
                   "Give --join HOST:PORT, as the other nodes reach it.");
  }
  coordinator.host = address.substr(0, colon);
  if (!password.given()) {
    throw CliError("the coordinator's password for nodes is needed",
                   "Copy DATA_DIR/node_password from its machine, and name the copy with "
                   "--node-password-file.");
  }
  coordinator.node_password = ReadSecret(password, "password for nodes");
  return coordinator;
}

Membership AskCoordinator(const Coordinator& coordinator) {
  const std::string where = fmt::format("{}:{}", coordinator.host, coordinator.port);
  Connection admin = Connection::Open(ConninfoOf(coordinator, "postgres"));
  const auto databases = admin.Execute(
      "SELECT datname, pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE "
      "datallowconn AND NOT datistemplate AND datname <> 'postgres' ORDER BY oid");
  for (int i = 0; i < databases.rows(); ++i) {
    Membership membership;
    membership.database = databases.Value(i, 0);
    membership.user = databases.Value(i, 1);
    Connection inside = Connection::Open(ConninfoOf(coordinator, membership.database));
    if (inside.Execute("SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus'").rows() == 0) {
      continue;
    }
    const auto here = inside.Execute(
        "SELECT nodename || ':' || nodeport FROM pg_catalog.pg_dist_node WHERE groupid <> 0 AND "
        "(nodename LIKE '127.%' OR nodename IN ('localhost', '::1'))");
    if (here.rows() > 0 && !IsLoopback(coordinator.host)) {
      throw CliError("the coordinator at " + where + " has a worker on its own machine, " +
                         std::string(here.Value(0, 0)) + ", that other machines cannot reach",
                     "Make the coordinator with `millrace up --workers 0 --listen ADDRESS`, and "
                     "have a worker on that machine join by its address.");
    }
    const auto authinfo = inside.Execute(
        "SELECT authinfo FROM pg_catalog.pg_dist_authinfo WHERE rolename = $1 AND nodeid = 0",
        {membership.user.c_str()});
    if (authinfo.rows() > 0) membership.password = PasswordIn(std::string(authinfo.Value(0, 0)));
    if (membership.password.empty()) {
      throw CliError("the coordinator at " + where + " has no password for " + membership.user +
                         " in pg_dist_authinfo",
                     "It was not made by `millrace up --workers`: add this machine as its own "
                     "documentation says (docs/scale-out.md).");
    }
    return membership;
  }
  throw CliError("the server at " + where + " is no coordinator: no database in it has Citus",
                 "Make it one with `millrace up --workers 0 --listen ADDRESS`.");
}

void Join(const ServerFacts& facts, const Coordinator& coordinator) {
  Connection admin = Connection::Open(ConninfoOf(coordinator, facts.database));
  std::string host = NodeHost(facts);
  if (host == "localhost") {
    // The address by which the coordinator sees us.
    host = admin.Execute("SELECT pg_catalog.host(pg_catalog.inet_client_addr())").Value(0, 0);
  }
  if (IsLoopback(host) && !IsLoopback(coordinator.host)) {
    throw CliError("the coordinator cannot reach this server: it listens on " + facts.listen,
                   "Give --listen the address of this machine that the other nodes reach.");
  }
  // Until now the coordinator was known by an address that only its own machine can use.
  const auto known =
      admin.Execute("SELECT nodename FROM pg_catalog.pg_dist_node WHERE groupid = 0");
  if (known.rows() == 1 && IsLoopback(std::string(known.Value(0, 0))) &&
      !IsLoopback(coordinator.host)) {
    admin.Execute("SELECT pg_catalog.citus_set_coordinator_host($1, $2::int)",
                  {coordinator.host.c_str(), std::to_string(coordinator.port).c_str()});
  }
  AddNode(admin, host, facts.port);
  fmt::print(stderr, "Joined the cluster of {}:{} as {}:{}\n", coordinator.host, coordinator.port,
             host, facts.port);
}

}  // namespace millrace::cli
