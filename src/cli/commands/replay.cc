// `millrace replay`: messages of Kafka that were rejected, after a repair.

#include "kafka/replay.h"

#include <fmt/format.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/kafka_options.h"
#include "client/error.h"
#include "client/text.h"
#include "ingest/stop_signal.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

struct Arguments {
  ConnectionOptions connection;
  ReplayOptions replay;
};

void Run(const Arguments& arguments) {
  const ReplayReport report = Replay(ResolveConninfo(arguments.connection), arguments.replay);
  fmt::print(stderr, "{} messages are in {} now.\n", FormatCount(report.loaded),
             arguments.replay.messages.load.table);
  if (report.without > 0) {
    fmt::print(stderr, "{} were too long to be kept; they may still be in the topic.\n",
               FormatCount(report.without));
  }
  if (StopRequested()) throw CliError("stopped by a signal", "", StopExitCode());
  if (report.still_bad == 0) return;
  throw CliError(fmt::format("{} messages are still no rows, such as {}",
                             FormatCount(report.still_bad), report.example),
                 "They stay in millrace.kafka_reject, whose column error says why.");
}

}  // namespace

void AddReplayCommand(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("replay",
                         "Load messages that `millrace consume` has rejected, and remove them from "
                         "millrace.kafka_reject, in the same transactions");
  command
      ->add_option("--topic", arguments->replay.topics,
                   "Only messages of this topic; may be repeated [default: all]")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command
      ->add_option("--where", arguments->replay.where,
                   "Only those for which this condition over millrace.kafka_reject is true, as "
                   "\"error LIKE '%country%'\"")
      ->type_name("SQL");
  AddMessageOptions(command, arguments->replay.messages);
  command->add_flag("--quiet,-q", arguments->replay.quiet, "Do not show progress");
  AddConnectionOptions(*command, arguments->connection);
  command->callback([arguments] { Run(*arguments); });
}

}  // namespace millrace::cli
