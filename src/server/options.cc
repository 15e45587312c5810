#include "server/options.h"

#include <unistd.h>

#include <cstdlib>

#include "client/conninfo.h"
#include "client/error.h"
#include "client/secret_options.h"
#include "server/private_server.h"

namespace millrace::cli {

std::string DefaultDataDir() {
  if (geteuid() == 0) return "/var/lib/millrace";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/share/millrace";
}

void AddDataDirOption(CLI::App& app, std::string& data_dir) {
  data_dir = DefaultDataDir();
  app.add_option("--data-dir", data_dir, "Folder of the private server")
      ->capture_default_str()
      ->envname("MILLRACE_DATA_DIR");
}

void AddConnectionOptions(CLI::App& app, ConnectionOptions& options) {
  CLI::Option* conninfo =
      app.add_option("--conninfo", options.conninfo,
                     "Connection string of another server, as for psql [default: the private "
                     "server of --data-dir]");
  AddSecretOptions(app, "--password", "the password for --conninfo", options.password, conninfo);
  AddDataDirOption(app, options.data_dir);
}

std::string ResolveConninfo(const ConnectionOptions& options) {
  if (options.password.given()) {
    return WithPassword(options.conninfo, ReadSecret(options.password, "password"));
  }
  if (!options.conninfo.empty()) return options.conninfo;
  const PrivateServer server(options.data_dir);
  const std::string way_out =
      "Start one with `millrace up`, or name another server with --conninfo.";
  if (!server.Exists())
    throw CliError("there is no server in " + server.directory().string(), way_out);
  const ServerFacts facts = server.ReadFacts();
  if (!facts.ready || !server.Running()) {
    throw CliError("the server in " + server.directory().string() + " is not running", way_out);
  }
  return server.Conninfo(facts);
}

}  // namespace millrace::cli
