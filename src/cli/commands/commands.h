// The commands of the program. Each of them adds itself to the command line here.
//
// Add<Name>Command registers a subcommand with its options and a callback that runs it. The
// callback returns normally on success and throws CliError (error.h) on failure.
#pragma once

#include <CLI/CLI.hpp>

namespace millrace::cli {

struct UpOptions;

void AddUpCommand(CLI::App& app);
void AddDownCommand(CLI::App& app);
void AddStatusCommand(CLI::App& app);
void AddDoctorCommand(CLI::App& app);
void AddPsqlCommand(CLI::App& app);
void AddLogsCommand(CLI::App& app);
void AddWorkshopCommand(CLI::App& app);
void AddDemoCommand(CLI::App& app);
void AddGenerateCommand(CLI::App& app);
void AddLoadCommand(CLI::App& app);
void AddInitCommand(CLI::App& app);
void AddServeCommand(CLI::App& app);
void AddLinkCommand(CLI::App& app);
void AddDistributeCommand(CLI::App& app);
void AddPartitionsCommand(CLI::App& app);
void AddConsumeCommand(CLI::App& app);
void AddReplayCommand(CLI::App& app);

// The options of `up`, for the commands that start a server first.
void AddUpOptions(CLI::App& app, UpOptions& options);

}  // namespace millrace::cli
