// `millrace consume`: events from Kafka into a table, each exactly once.

#include "kafka/consume.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

#include "cli/commands/commands.h"
#include "cli/commands/kafka_options.h"
#include "client/error.h"
#include "client/text.h"
#include "ingest/units.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

struct Arguments {
  ConnectionOptions connection;
  ConsumeOptions consume;
  std::string max_delay = "500ms";
  std::string accept_gaps;
};

void Accept(const Arguments& arguments, const std::string& conninfo) {
  const auto gaps = AcceptGaps(conninfo, arguments.consume, arguments.accept_gaps);
  for (const std::string& gap : gaps) fmt::print("Accepted: {}\n", gap);
  if (gaps.empty()) {
    throw CliError("there is no gap in these topics to accept",
                   "SELECT * FROM millrace.kafka_gap shows those that were found.");
  }
  fmt::print("A consumer goes on with the {} messages.\n",
             arguments.accept_gaps == "oldest" ? "oldest" : "newest");
}

void Run(Arguments& arguments) {
  ConsumeOptions& consume = arguments.consume;
  const std::string conninfo = ResolveConninfo(arguments.connection);
  if (consume.group.empty()) consume.group = "millrace-" + consume.messages.load.table;
  if (!arguments.accept_gaps.empty()) {
    Accept(arguments, conninfo);
    return;
  }
  consume.max_delay = std::chrono::milliseconds(ParseDuration(arguments.max_delay) / 1'000);
  consume.rejects.max_bytes = consume.messages.max_bytes;
  const ConsumeProgress done = Consume(conninfo, consume);
  if (consume.quiet) return;
  fmt::print(stderr, "{} events are in {}", FormatCount(done.events), consume.messages.load.table);
  if (done.rejects > 0) {
    fmt::print(stderr, ", {} were rejected (millrace.kafka_reject)", FormatCount(done.rejects));
  }
  if (done.skipped > 0) {
    fmt::print(stderr, ", {} without a payload were skipped", FormatCount(done.skipped));
  }
  fmt::print(stderr, ".\n");
}

void AddGroupOptions(CLI::App* command, Arguments& arguments) {
  ConsumeOptions& consume = arguments.consume;
  command->add_option("--topic", consume.topics, "The topic; may be repeated")
      ->required()
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->group("Kafka");
  command
      ->add_option("--group", consume.group,
                   "The consumer group: its members share the partitions [default: millrace- and "
                   "the table]")
      ->type_name("NAME")
      ->group("Kafka");
  command
      ->add_option(
          "--cluster", consume.cluster,
          "A name for this cluster, if topics of the same name in two clusters go into one "
          "table")
      ->type_name("NAME")
      ->group("Kafka");
  command
      ->add_option("--from", consume.from_end,
                   "Where to begin with a topic that was never read into the table. After that the "
                   "table says it")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"beginning", false}, {"end", true}})
              .description(""))
      ->type_name("beginning|end")
      ->default_str("beginning")
      ->group("Kafka");
  command
      ->add_option("--accept-gaps", arguments.accept_gaps,
                   "Do not read: accept that messages which were not read are gone, so that the "
                   "consumers that stopped there go on with the oldest message that is there, or "
                   "with new ones")
      ->check(CLI::IsMember({"oldest", "newest"}).description(""))
      ->type_name("oldest|newest")
      ->group("Kafka");
}

void AddBatchOptions(CLI::App* command, Arguments& arguments) {
  ConsumeOptions& consume = arguments.consume;
  command->add_option("--batch-rows", consume.batch_rows, "Messages per transaction, at most")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000'000}).description(""))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--max-delay", arguments.max_delay,
                   "How long a message waits for others before it is written: 100ms, 2s")
      ->type_name("TIME")
      ->capture_default_str();
  command
      ->add_option("--memory", consume.memory,
                   "About how much memory to use, with a unit. One message that is longer is read "
                   "in any case")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::Range(std::uint64_t{16} << 20, std::uint64_t{1} << 40).description(""))
      ->type_name("SIZE")
      ->default_str("256MB");
  command
      ->add_option(
          "--on-error", consume.rejects.stop,
          "reject: keep a message that is no row in millrace.kafka_reject and go on. stop: "
          "stop at it; what was before it is read again")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"stop", true}, {"reject", false}})
              .description(""))
      ->type_name("reject|stop")
      ->default_str("reject");
  command
      ->add_option("--max-reject-share", consume.rejects.max_share,
                   "Stop when more than this share of the last messages is rejected")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->type_name("SHARE")
      ->capture_default_str();
  command
      ->add_option("--tombstones", consume.reject_tombstones,
                   "What to do with messages that have a key and no payload")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"skip", false}, {"reject", true}})
              .description(""))
      ->type_name("skip|reject")
      ->default_str("skip");
  command
      ->add_option("--max-events", consume.max_events,
                   "Stop after about so many messages; 0: go on until stopped")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("N")
      ->default_str("0");
  command->add_flag("--stop-at-end", consume.stop_at_end,
                    "Stop when all that is in the topics is read");
  command->add_flag("--quiet,-q", consume.quiet, "Do not show progress");
}

}  // namespace

void AddConsumeCommand(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "consume",
      "Read topics of Kafka into a table, each event exactly once, until stopped. Goes on where "
      "the "
      "table says. Exit status 5: somebody has to decide how to go on, and the message says how");
  AddKafkaOptions(command, arguments->consume.kafka);
  AddGroupOptions(command, *arguments);
  AddMessageOptions(command, arguments->consume.messages);
  AddBatchOptions(command, *arguments);
  AddConnectionOptions(*command, arguments->connection);
  command->callback([arguments] { Run(*arguments); });
}

}  // namespace millrace::cli
