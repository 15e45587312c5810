// `millrace serve`: the dashboard.

#include "cli/commands/serve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "cli/commands/commands.h"
#include "client/conninfo.h"
#include "client/error.h"
#include "client/secret_options.h"
#include "dashboard/dashboard.h"
#include "ingest/stop_signal.h"
#include "server/dashboard_process.h"
#include "server/password.h"
#include "server/provision.h"

namespace millrace::cli {
namespace {

using dashboard::Dashboard;
using dashboard::DashboardOptions;

bool IsLoopback(const std::string& address) {
  in_addr number;
  const std::string name = dashboard::HostName(address);
  return name == "localhost" || name == "[::1]" ||
         (inet_pton(AF_INET, address.c_str(), &number) == 1 && ntohl(number.s_addr) >> 24 == 127);
}

std::string ReadToken(const SecretSource& source) {
  std::string token = ReadSecret(source, "token");
  if (token.size() < 16) {
    throw CliError("the token is too short", "It must have 16 letters or digits at least.");
  }
  for (const char c : token) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') {
      throw CliError("the token has other characters than letters, digits, - and _");
    }
  }
  return token;
}

// A token for those who gave none. It is kept in the folder of a private server, where its user
// finds it.
std::string MakeToken(const ServeOptions& options) {
  if (options.connection.conninfo.empty()) {
    (void)ResolveConninfo(options.connection);  // throws with what to do if there is no server
    PrivateServer server(options.connection.data_dir);
    server.Lock();
    return server.DashboardToken();
  }
  if (options.show_token) return MakePassword();
  throw CliError("beyond loopback the dashboard needs a token",
                 "Give it with --token-file or --token-command, or have one made and printed with "
                 "--show-token.");
}

}  // namespace

// With --conninfo there are no links without a key of the user's: nothing else would keep it.
std::string LinkKey(const SecretSource& source, const ConnectionOptions& connection) {
  if (source.given()) {
    std::string key = ReadSecret(source, "key of links");
    if (key.size() < 16) {
      throw CliError("the key of links is too short", "It must have 16 characters at least.");
    }
    return key;
  }
  if (!connection.conninfo.empty()) return "";
  (void)ResolveConninfo(connection);  // throws with what to do if there is no server
  PrivateServer server(connection.data_dir);
  server.Lock();
  return server.DashboardLinkKey();
}

namespace {

bool IsStandby(const PrivateServer& server, const ServerFacts& facts) {
  Connection admin = Connection::Open(server.SuperuserConninfo(facts, facts.database));
  return admin.Execute("SELECT pg_catalog.pg_is_in_recovery()").Value(0, 0) == "t";
}

// No role can be made on a standby. The role is that of its primary, and its password was copied.
std::string StandbyConninfo(const PrivateServer& server, const ServerFacts& facts) {
  const std::filesystem::path file = server.directory() / "dashboard_password";
  bool copied;
  {
    const AsServerUser as(server.user());
    copied = std::filesystem::exists(file);
  }
  if (!copied) {
    throw CliError("this server is a standby, on which no role can be made for the dashboard",
                   "Start `millrace serve` once on its primary, and copy dashboard_password from "
                   "the primary's folder to " +
                       file.string() + ".");
  }
  return server.DashboardConninfo(facts, server.DashboardPassword());
}

// The dashboard's connection string: on a private server it has its own role, which can only read.
std::string ReaderConninfo(const ConnectionOptions& options) {
  const std::string conninfo = ResolveConninfo(options);  // throws if there is no server
  if (options.conninfo.empty()) {
    PrivateServer server(options.data_dir);
    server.Lock();
    const ServerFacts facts = server.ReadFacts();
    return IsStandby(server, facts) ? StandbyConninfo(server, facts)
                                    : ProvisionDashboard(server, facts);
  }
  Connection connection = Connection::Open(conninfo);
  if (connection
          .Execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper")
          .rows() > 0) {
    throw CliError(
        "the dashboard does not log in as a superuser",
        "Make a role that can only read, and name it in --conninfo (docs/dashboard.md):\n"
        "CREATE ROLE millrace_dashboard LOGIN;\n"
        "GRANT pg_read_all_data, pg_monitor TO millrace_dashboard;");
  }
  // As another user we shall not be able to read root's service and password files.
  return geteuid() == 0 ? ConninfoOf(connection) : conninfo;
}

// A server for the network does not need root's rights, so gives them up.
void DropRoot(const ServerUser& user) {
  if (geteuid() != 0 || user.uid == 0) return;
  if (initgroups(user.name.c_str(), user.gid) != 0 || setgid(user.gid) != 0 ||
      setuid(user.uid) != 0) {
    throw CliError("cannot become user " + user.name + ": " + std::strerror(errno));
  }
  // libpq looks there for the user's files; root's must not be used.
  setenv("HOME", "/nonexistent", 1);
}

DashboardOptions MakeOptions(const ServeOptions& options) {
  DashboardOptions made;
  made.host = options.listen;
  made.port = options.port;
  for (const std::string& name : options.host_names) {
    if (dashboard::HostName(name).empty()) {
      throw CliError("\"" + name + "\" is no name of a host",
                     "Give --host-name a name such as db.example, without a scheme or a port.");
    }
  }
  made.access.host_names = options.host_names;
  made.access.listen = options.listen;
  if (options.token.given()) {
    made.access.token = ReadToken(options.token);
  } else if (!IsLoopback(options.listen)) {
    made.access.token = MakeToken(options);
  }
  made.database.conninfo = ReaderConninfo(options.connection);
  made.database.connections = static_cast<std::size_t>(options.connections);
  made.database.statement_timeout =
      std::chrono::milliseconds(static_cast<long long>(options.statement_timeout * 1000));
  made.rollups = options.rollups;
  for (const std::string& origin : options.embed_origins) {
    if (!dashboard::IsOrigin(origin)) {
      throw CliError("\"" + origin + "\" is no origin of a page",
                     "Give --embed-origin as https://intranet.example, with a port if it has one.");
    }
  }
  made.access.embed_origins = options.embed_origins;
  made.access.link_key = LinkKey(options.link_key, options.connection);
  return made;
}

// Checks now, and not only when somebody opens the page.
void Check(const DashboardOptions& options) {
  try {
    dashboard::CheckTables(options);
  } catch (const dashboard::ApiError& e) {
    throw CliError(e.what(), e.hint());
  }
}

std::unique_ptr<Dashboard> Bind(const ServeOptions& options, DashboardOptions& made) {
  constexpr int kTries = 20;
  for (int i = 0;; ++i) {
    try {
      return std::make_unique<Dashboard>(made);
    } catch (const std::runtime_error& e) {
      if (options.port_given || i == kTries) {
        throw CliError(e.what(), "Is the port in use? Name another with --port.");
      }
      ++made.port;
    }
  }
}

// The address to print, with the token where that is asked for.
std::string UrlOf(const DashboardOptions& options, int port, bool show_token) {
  std::string host = options.host;
  if (host == "0.0.0.0" || host == "::") host = "localhost";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format(
      "http://{}:{}/{}", host, port,
      show_token && !options.access.token.empty() ? "?token=" + options.access.token : "");
}

// For connections to us and to the database. Many systems allow only 1024 unless asked for more.
void RaiseFileLimit() {
  constexpr rlim_t kWanted = 4096;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, kWanted);
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// A query of the database may take longer than whoever ends us wants to wait. Nothing is lost if we
// do not wait for it.
void EndSoon() {
  std::signal(SIGALRM, [](int) { _exit(0); });
  const itimerval in = {{0, 0}, {1, 500'000}};
  (void)setitimer(ITIMER_REAL, &in, nullptr);
}

// Says where the token is, if one was made and is not shown.
void NameToken(const ServeOptions& options) {
  if (options.token.given() || options.show_token || IsLoopback(options.listen)) return;
  fmt::print(stderr, "The token is in {}; --show-token prints it with the address\n",
             (PrivateServer(options.connection.data_dir).directory() / "dashboard_token").string());
}

// Serves until a signal comes. Calls `ready` with the address once the server answers.
template <typename Ready>
void Serve(const ServeOptions& options, Ready ready) {
  DashboardOptions made = MakeOptions(options);
  InstallStopSignals();
  RaiseFileLimit();
  // If a host does not answer, do not wait as long as the system would.
  setenv("PGCONNECT_TIMEOUT", "5", 0);
  Check(made);
  std::unique_ptr<Dashboard> board;
  std::thread server;
  std::atomic<bool> failed = false;
  {
    const BlockStopSignals blocked;
    board = Bind(options, made);
    const std::string url = UrlOf(made, board->port(), options.show_token);
    // A second dashboard of the same server is allowed, but `down` ends only the first.
    if (options.connection.conninfo.empty()) {
      (void)BecomeDashboard(PrivateServer(options.connection.data_dir),
                            UrlOf(made, board->port(), false));
    }
    DropRoot(FindServerUser());
    server = std::thread([&board, &failed] { failed = !board->Run(); });
    ready(url);
  }
  while (!failed && SleepUntil(std::chrono::steady_clock::now() + std::chrono::milliseconds(200))) {
  }
  if (StopRequested()) EndSoon();
  board->Stop();
  server.join();
  if (failed) throw CliError("the dashboard cannot accept connections any more");
}

// In a child: gives up the terminal, and writes output into the log.
void Detach(const PrivateServer& server) {
  setsid();
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  int log;
  {
    const AsServerUser as(server.user());
    log = open((server.log_folder() / "dashboard.log").c_str(),
               O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  }
  if (null < 0 || log < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
      dup2(log, STDERR_FILENO) < 0) {
    _exit(1);
  }
}

// Runs in the child: writes into `pipe` its address, or "!" and the error.
[[noreturn]] void RunDetached(const ServeOptions& options, int pipe) {
  auto tell = [pipe](const std::string& text) {
    (void)!write(pipe, text.data(), text.size());
    close(pipe);
  };
  try {
    Detach(PrivateServer(options.connection.data_dir));
    Serve(options, tell);
    _exit(0);
  } catch (const CliError& e) {
    tell(std::string("!") + e.what() + (e.way_out().empty() ? "" : "\n" + e.way_out()));
  } catch (const std::exception& e) {
    tell(std::string("!") + e.what());
  }
  _exit(1);
}

}  // namespace

std::string ServeInBackground(const ServeOptions& options) {
  if (!options.connection.conninfo.empty()) {
    throw CliError("only the dashboard of a private server runs in the background",
                   "Leave --background out, and use what the machine runs its services with.");
  }
  (void)ResolveConninfo(options.connection);
  const PrivateServer server(options.connection.data_dir);
  if (const auto running = FindDashboard(server)) return running->url;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw CliError(std::strerror(errno));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw CliError(std::string("cannot start a process: ") + std::strerror(errno));
  if (child == 0) {
    close(ends[0]);
    RunDetached(options, ends[1]);
  }
  close(ends[1]);
  std::string said;
  char buffer[512];
  for (;;) {
    const ssize_t got = read(ends[0], buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    said.append(buffer, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  if (!said.empty() && said[0] != '!') return said;
  (void)waitpid(child, nullptr, 0);
  throw CliError("the dashboard does not start: " +
                     (said.empty() ? std::string("it ended at once") : said.substr(1)),
                 "Its log is " + (server.log_folder() / "dashboard.log").string() + ".");
}

void AddServeCommand(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  auto background = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("serve", "Run the dashboard: a page that shows the rollups live");
  AddConnectionOptions(*command, options->connection);
  command
      ->add_option("--listen", options->listen,
                   "Address to listen on; other addresses than loopback need a token")
      ->capture_default_str();
  CLI::Option* port =
      command->add_option("--port", options->port, "TCP port [8080, or the next free one]")
          ->check(CLI::Range(0, 65535));
  AddSecretOptions(*command, "--token",
                   "the token [default: if one is needed it is made and kept in "
                   "DATA_DIR/dashboard_token]",
                   options->token);
  command->add_flag("--show-token", options->show_token, "Print the address with the token");
  command->add_option(
      "--host-name", options->host_names,
      "Name by which browsers may reach this server, besides those of loopback; may be repeated");
  command->add_option("--rollup", options->rollups,
                      "Rollup to show, with those over it; may be repeated [default: all that can "
                      "be read]");
  command->add_option("--embed-origin", options->embed_origins,
                      "Origin whose pages may show the dashboard in a frame, such as "
                      "https://intranet.example; may be repeated");
  AddSecretOptions(*command, "--link-key",
                   "the key of links that show some tenants only [default: made and kept in "
                   "DATA_DIR/dashboard_link_key]",
                   options->link_key);
  command->add_option("--connections", options->connections, "Most connections to the database")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  command
      ->add_option("--statement-timeout", options->statement_timeout,
                   "Seconds that a query may take")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 600.0));
  command->add_flag("--background", *background,
                    "Run in the background; `millrace down` ends it with the server");
  command->callback([options, background, port] {
    options->port_given = port->count() > 0;
    if (*background) {
      fmt::print("{}\n", ServeInBackground(*options));
      NameToken(*options);
      return;
    }
    Serve(*options, [&options](const std::string& url) {
      fmt::print("{}\n", url);
      std::fflush(stdout);
      NameToken(*options);
      fmt::print(stderr, "The dashboard is served until Ctrl-C\n");
    });
  });
}

}  // namespace millrace::cli
