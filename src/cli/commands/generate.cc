// `millrace generate`: writes the clickstream of the workshop to CSV or directly into the database.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands/commands.h"
#include "cli/commands/kafka_options.h"
#include "client/error.h"
#include "client/output.h"
#include "ingest/generate_events.h"
#include "ingest/partitions.h"
#include "ingest/stop_signal.h"
#include "ingest/units.h"
#include "kafka/producer.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kDefaultRows = 1'000'000;
constexpr std::int64_t kDefaultSpan = 3'600 * kMicrosPerSecond;

// The command line as typed.
struct Arguments {
  ConnectionOptions connection;
  GenerateOptions generate;
  DatabaseSinkOptions database;
  std::optional<std::int64_t> rows;
  std::optional<std::int64_t> batch_rows;
  std::string from, to, span, late_by = "10min";
  double late_share = 0;
  std::string output;
  bool header = false;
  bool into_database = false;
  bool inserts = false;
  bool to_kafka = false;
  ProducerOptions producer;
};

// The event times [from, to); `span` gives one of the two ends. If nothing is given, the last hour;
// if a rate is given, the times of the clock.
void ResolveTimes(const Arguments& arguments, GenerateOptions* generate) {
  std::optional<std::int64_t> from, to;
  if (!arguments.from.empty()) from = ParseTimestamp(arguments.from);
  if (!arguments.to.empty()) to = ParseTimestamp(arguments.to);
  const bool nothing_said = !from && !to && arguments.span.empty();
  if (nothing_said && generate->rate > 0) return;
  if (generate->rows == 0) {
    if (to || !arguments.span.empty()) {
      throw CliError("--to and --span need a number of rows", "Add --rows N.");
    }
    generate->start = from;
    return;
  }
  if (from && to && !arguments.span.empty()) {
    throw CliError("--from, --to and --span say the same thing twice", "Leave one of them out.");
  }
  if (from && arguments.span.empty() && !to && generate->rate > 0) {
    generate->start = from;
    return;
  }
  const std::int64_t span = arguments.span.empty() ? kDefaultSpan : ParseDuration(arguments.span);
  if (from && !to && arguments.span.empty()) to = NowMicros();
  if (!to) to = from ? *from + span : NowMicros();
  if (!from) from = *to - span;
  if (*from < kMinEventTime || *to > kMaxEventTime) {
    throw CliError("event times must lie in the years 1 to 9999");
  }
  generate->start = from;
  generate->end = to;
}

GenerateOptions Resolve(const Arguments& arguments) {
  GenerateOptions generate = arguments.generate;
  generate.rows = arguments.rows.value_or(generate.rate > 0 ? 0 : kDefaultRows);
  generate.model.late_parts_per_million = std::llround(arguments.late_share * 1e6);
  generate.model.late_by = ParseDuration(arguments.late_by);
  // On the same terminal, events and progress would overwrite each other.
  const bool to_stdout =
      !arguments.into_database && !arguments.to_kafka && arguments.output.empty();
  generate.quiet = generate.quiet || (to_stdout && isatty(STDOUT_FILENO) != 0);
  ResolveTimes(arguments, &generate);
  CheckGenerateOptions(generate);
  return generate;
}

std::unique_ptr<EventSink> OpenSink(const Arguments& arguments, const std::string& conninfo,
                                    double rate) {
  if (arguments.to_kafka) return OpenKafkaSink(arguments.producer);
  if (!arguments.into_database) return OpenFileSink(arguments.output, arguments.header);
  DatabaseSinkOptions database = arguments.database;
  database.conninfo = conninfo;
  database.batch_rows = arguments.batch_rows;
  database.commit_every_second = rate > 0;
  database.quiet = arguments.generate.quiet;
  return arguments.inserts ? OpenInsertSink(database) : OpenCopySink(database);
}

// If the events' times have an end, they are known before the first event.
void PreparePartitions(const Arguments& arguments, const std::string& conninfo,
                       const GenerateOptions& generate) {
  if (!arguments.into_database || !generate.start) return;
  std::int64_t end = std::max(*generate.start, NowMicros());
  if (generate.end) {
    end = *generate.end;
  } else if (generate.rows > 0) {
    const double seconds = static_cast<double>(generate.rows) / generate.rate;
    end = *generate.start + static_cast<std::int64_t>(seconds * kMicrosPerSecond);
  }
  const bool late = generate.model.late_parts_per_million > 0;
  PrepareRange(conninfo, arguments.database.table,
               *generate.start - (late ? generate.model.late_by : 0), end, generate.quiet);
}

void Run(const Arguments& arguments) {
  if (arguments.to_kafka && arguments.producer.topic.empty()) {
    throw CliError("--kafka needs the name of a topic", "Add --topic NAME.");
  }
  const GenerateOptions generate = Resolve(arguments);
  const std::string conninfo = arguments.into_database ? ResolveConninfo(arguments.connection) : "";
  PreparePartitions(arguments, conninfo, generate);
  const std::unique_ptr<EventSink> sink = OpenSink(arguments, conninfo, generate.rate);
  const auto so_far = [&] {
    return fmt::format("{} {}.", FormatCount(sink->done(), "event is", "events are"),
                       arguments.into_database ? "committed in " + arguments.database.table
                       : arguments.to_kafka    ? "in the topic " + arguments.producer.topic
                                               : "written");
  };
  GenerateReport report;
  try {
    report = GenerateEvents(generate, *sink);
  } catch (const CliError& e) {
    throw CliError(e.what(), e.way_out().empty() ? so_far() : e.way_out() + "\n" + so_far(),
                   e.exit_code());
  }
  if (!report.stopped) return;
  // An endless run ends by being stopped; any other run was interrupted.
  if (generate.rows > 0) throw CliError("stopped by a signal", so_far(), StopExitCode());
  if (!generate.quiet) fmt::print(stderr, "Stopped. {}\n", so_far());
}

void AddModelOptions(CLI::App* command, Arguments& arguments) {
  ClickstreamOptions& model = arguments.generate.model;
  command
      ->add_option("--model", model.model,
                   "uniform: all values of a column equally likely, as in the workshop; realistic: "
                   "few large tenants and busy devices, sessions of some minutes, more events by "
                   "day than by night")
      ->transform(CLI::CheckedTransformer(
                      std::map<std::string, ClickModel>{{"uniform", ClickModel::kUniform},
                                                        {"realistic", ClickModel::kRealistic}})
                      .description(""))
      ->type_name("uniform|realistic")
      ->default_str("uniform")
      ->group("Model");
  command->add_option("--seed", model.seed, "The same seed gives the same events")
      ->capture_default_str()
      ->group("Model");
  command->add_option("--customers", model.customers, "Customer ids run from 1 to this")
      ->capture_default_str()
      ->group("Model");
  command->add_option("--devices", model.devices, "Device ids run from 1 to this")
      ->capture_default_str()
      ->group("Model");
  command->add_option("--sessions", model.sessions, "Session ids run from 1 to this")
      ->capture_default_str()
      ->group("Model");
  command
      ->add_option(
          "--late-share", arguments.late_share,
          "Share of late events, 0 to 1: their event time is before their place in the stream")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Model");
  command->add_option("--late-by", arguments.late_by, "How late these are at most: 90s, 10min, 2h")
      ->capture_default_str()
      ->group("Model");
}

void AddTimeOptions(CLI::App* command, Arguments& arguments) {
  command
      ->add_option("--rows", arguments.rows,
                   "Events to generate; 0: until stopped, with --rate "
                   "[default: 1000000, or 0 with --rate]")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--rate", arguments.generate.rate, "Events per second; 0: as fast as possible")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--from,--start", arguments.from,
                      "First event time: 2026-01-31 or \"2026-01-31 08:15\" (UTC) or now");
  command->add_option("--to", arguments.to, "End of the event times [default: now]");
  command->add_option(
      "--span", arguments.span,
      "Time from the first event time to the end: 90s, 15min, 2h, 7d [default: 1h; with --rate and "
      "none of these three, every event has the time at which it is generated]");
}

void AddTargetOptions(CLI::App* command, Arguments& arguments) {
  CLI::Option* output = command
                            ->add_option("--output,-o", arguments.output,
                                         "Write CSV to this file instead of standard output")
                            ->group("Target");
  CLI::Option* header =
      command->add_flag("--header", arguments.header, "Begin the CSV with the columns' names")
          ->group("Target");
  CLI::Option* into = command
                          ->add_flag("--into-database", arguments.into_database,
                                     "Load the events into a table, by COPY")
                          ->excludes(output)
                          ->excludes(header)
                          ->group("Target");
  command
      ->add_flag("--inserts", arguments.inserts,
                 "With --into-database: use single INSERTs, each committed at once")
      ->needs(into)
      ->group("Target");
  command
      ->add_option("--table", arguments.database.table,
                   "The table, as name, schema.name or \"Quoted\".\"Name\"")
      ->capture_default_str()
      ->needs(into)
      ->group("Target");
  command
      ->add_option("--batch-rows", arguments.batch_rows,
                   "Events per transaction; with --rate at most those of one second [default: "
                   "100000; 500000 if Citus distributes the table; 1 with --inserts]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000'000}))
      ->needs(into)
      ->group("Target");
  command->add_option("--jobs,-j", arguments.database.jobs, "Connections for COPY")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->needs(into)
      ->group("Target");
  CLI::Option* kafka =
      command
          ->add_flag("--kafka", arguments.to_kafka,
                     "Send the events to a topic of Kafka: one message of JSON each, keyed by "
                     "customer_id, by an idempotent producer, packed by lz4")
          ->excludes(output)
          ->excludes(header)
          ->excludes(into)
          ->group("Target");
  command->add_option("--topic", arguments.producer.topic, "The topic")
      ->needs(kafka)
      ->type_name("NAME")
      ->group("Kafka");
  AddKafkaOptions(command, arguments.producer.kafka, kafka);
  command->add_flag("--quiet,-q", arguments.generate.quiet, "Do not show progress");
}

}  // namespace

void AddGenerateCommand(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "generate",
      "Generate click events: as CSV on standard output or in a file, into the database, or to a "
      "topic of Kafka");
  AddTimeOptions(command, *arguments);
  AddModelOptions(command, *arguments);
  AddTargetOptions(command, *arguments);
  AddConnectionOptions(*command, arguments->connection);
  command->callback([arguments] { Run(*arguments); });
}

}  // namespace millrace::cli
