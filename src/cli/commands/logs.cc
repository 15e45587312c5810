#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "cli/commands/commands.h"
#include "client/error.h"
#include "server/options.h"
#include "server/private_server.h"

namespace millrace::cli {
namespace {

std::uintmax_t Size(const std::filesystem::path& file) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(file, ignored);
  return ignored ? 0 : size;
}

// Prints what is added to the log until standard output is closed. The log has one file per
// weekday: when the day changes, another file becomes the newest, either new or overwritten.
[[noreturn]] void Follow(const PrivateServer& server, std::filesystem::path current,
                         std::uintmax_t position) {
  for (;;) {
    if (Size(current) < position) position = 0;
    std::ifstream file(current, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(position));
    std::string text;
    for (char buffer[16384]; file.read(buffer, sizeof(buffer)) || file.gcount() > 0;) {
      text.append(buffer, static_cast<std::size_t>(file.gcount()));
    }
    position += text.size();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
      std::exit(0);
    }
    const std::filesystem::path newest = server.NewestLog();
    if (newest != current && text.empty()) {
      current = newest;
      position = 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
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
  command->add_flag("-f,--follow", options->follow, "Continue to print as the log grows");
  command->callback([options] {
    const PrivateServer server(options->data_dir);
    if (!server.Exists()) {
      throw CliError("there is no server in " + server.directory().string(),
                     "Start one with `millrace up`.");
    }
    const std::filesystem::path newest = server.NewestLog();
    const std::uintmax_t size = Size(newest);
    fmt::print("{}", server.LogTail(options->lines));
    if (options->follow) Follow(server, newest, size);
  });
}

}  // namespace millrace::cli
