#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/commands/commands.h"
#include "client/connection.h"
#include "client/error.h"
#include "server/options.h"
#include "server/process.h"

namespace millrace::cli {
namespace {

// Gives the connection to psql in the environment: everybody on the machine can read a command
// line.
void ExportConnection(const std::string& conninfo) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), &error);
  if (options == nullptr) {
    const std::string message = error != nullptr ? error : "not a connection string";
    PQfreemem(error);
    throw CliError(message);
  }
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->envvar != nullptr && option->val != nullptr) {
      setenv(option->envvar, option->val, 1);
    }
  }
  PQconninfoFree(options);
}

}  // namespace

void AddPsqlCommand(CLI::App& app) {
  struct Options {
    ConnectionOptions connection;
    std::vector<std::string> arguments;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("psql",
                                         "Run psql on the server; everything after -- is given to "
                                         "psql (millrace psql -- -c 'SELECT 1')");
  AddConnectionOptions(*command, options->connection);
  command->add_option("arguments", options->arguments, "Arguments for psql, after --");
  command->callback([options] {
    const std::string program = PostgresProgram("psql");
    ExportConnection(ResolveConninfo(options->connection));
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (auto& argument : options->arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
    throw CliError("cannot run " + program + ": " + std::strerror(errno));
  });
}

}  // namespace millrace::cli
