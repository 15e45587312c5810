#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/commands/commands.h"
#include "cli/error.h"
#include "cli/server/options.h"
#include "cli/server/private_server.h"

namespace millrace::cli {
namespace {

// tail(1) follows a file across rotation; the log has one file a weekday.
void Follow(const PrivateServer& server, int lines) {
  std::vector<std::string> arguments = {"tail", "-q", "-n", std::to_string(lines), "-F"};
  for (const auto& entry : std::filesystem::directory_iterator(server.log_folder())) {
    if (entry.path().filename().string().starts_with("server-")) {
      arguments.push_back(entry.path().string());
    }
  }
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv("/usr/bin/tail", argv.data());
  throw CliError(std::string("cannot run tail: ") + std::strerror(errno));
}

}  // namespace

void AddLogsCommand(CLI::App& app) {
  struct Options {
    std::string data_dir;
    int lines = 50;
    bool follow = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("logs", "Print the end of the private server's log");
  AddDataDirOption(*command, options->data_dir);
  command->add_option("-n,--lines", options->lines, "How many lines")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_flag("-f,--follow", options->follow, "Go on printing as the log grows");
  command->callback([options] {
    const PrivateServer server(options->data_dir);
    if (!server.Exists()) {
      throw CliError("there is no server in " + server.directory().string(),
                     "Start one with `millrace up`.");
    }
    if (options->follow) Follow(server, options->lines);
    fmt::print("{}", server.LogTail(options->lines));
  });
}

}  // namespace millrace::cli
