#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "cli/commands/commands.h"
#include "client/connection.h"
#include "client/error.h"
#include "server/options.h"
#include "server/process.h"

namespace millrace::cli {
namespace {

std::string PassfileField(const std::string& text) {
  std::string field;
  for (const char c : text) {
    if (c == '\n') throw CliError("a password with two lines cannot be given to psql");
    if (c == ':' || c == '\\') field += '\\';
    field += c;
  }
  return field;
}

// A password file for psql, in memory: everybody on the machine can read a command line, and what
// psql starts sees its environment. It is for this user on any server, as after psql's \c. Returns
// its path, which is good in this process and what it becomes.
std::string MakePassfile(const std::string& user, const std::string& password) {
  const std::string text =
      "*:*:*:" + (user.empty() ? "*" : PassfileField(user)) + ":" + PassfileField(password) + "\n";
  const int file = memfd_create("pgpass", 0);
  if (file < 0 || fchmod(file, 0600) != 0 ||
      write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw CliError(std::string("cannot give the password to psql: ") + std::strerror(errno));
  }
  return "/proc/self/fd/" + std::to_string(file);
}

// Gives the connection to psql in the environment, and the password in a file.
void ExportConnection(const std::string& conninfo) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), &error);
  if (options == nullptr) {
    const std::string message = error != nullptr ? error : "not a connection string";
    PQfreemem(error);
    throw CliError(message);
  }
  std::string user, password;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "password") {
      password = option->val;
    } else if (option->envvar != nullptr) {
      setenv(option->envvar, option->val, 1);
      if (keyword == "user") user = option->val;
    }
  }
  PQconninfoFree(options);
  if (!password.empty()) {
    setenv("PGPASSFILE", MakePassfile(user, password).c_str(), 1);
    // It would come first.
    unsetenv("PGPASSWORD");
  }
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
