#include "cli/server/up.h"

#include <fmt/format.h>

#include "cli/error.h"
#include "cli/server/private_server.h"

namespace millrace::cli {
namespace {

void Say(const std::string& text) { fmt::print(stderr, "{}\n", text); }

void RefuseChange(const std::string& what, const std::optional<std::string>& wanted,
                  const std::string& is) {
  if (wanted && *wanted != is) {
    throw CliError("this server's " + what + " is \"" + is + "\", not \"" + *wanted + "\"",
                   "The " + what +
                       " is fixed when a server is made: leave the option out, or make "
                       "another server with --data-dir.");
  }
}

std::string BringUpNew(PrivateServer& server, const UpOptions& options) {
  ServerFacts facts;
  facts.port = options.port.value_or(facts.port);
  facts.listen = options.listen.value_or(facts.listen);
  facts.database = options.database.value_or(facts.database);
  facts.user = options.user.value_or(facts.user);
  if (facts.user == "postgres") {
    throw CliError("the user cannot be postgres: that is the superuser, who has no password");
  }
  Say("Making a server in " + server.directory().string());
  server.Create(facts, options.password_file);
  return server.Conninfo(facts);
}

}  // namespace

std::string BringUp(const UpOptions& options) {
  PrivateServer server(options.data_dir);
  // Before anything is written into a folder that may be somebody else's.
  server.Exists();
  server.Lock();
  if (!server.Exists()) return BringUpNew(server, options);

  ServerFacts facts = server.ReadFacts();
  if (!facts.ready) {
    // Left behind by a run that did not finish: nothing in it was ever used.
    server.Stop();
    return BringUpNew(server, options);
  }
  RefuseChange("database", options.database, facts.database);
  RefuseChange("user", options.user, facts.user);
  const bool moved = facts.port != options.port.value_or(facts.port) ||
                     facts.listen != options.listen.value_or(facts.listen);
  facts.port = options.port.value_or(facts.port);
  facts.listen = options.listen.value_or(facts.listen);
  const bool running = server.Running();
  if (running && !moved) {
    Say("The server is running");
    return server.Conninfo(facts);
  }
  if (running) {
    Say("Restarting the server: its port or address changes");
    server.Stop();
  } else {
    Say("Starting the server in " + server.directory().string());
  }
  server.Start(facts);
  if (moved) server.WriteFacts(facts);
  return server.Conninfo(facts);
}

}  // namespace millrace::cli
