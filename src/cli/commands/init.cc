// `millrace init`: from files of events, or a table, to rollups.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <memory>
#include <string>

#include "cli/commands/commands.h"
#include "cli/commands/dense.h"
#include "cli/commands/load.h"
#include "client/connection.h"
#include "client/error.h"
#include "client/output.h"
#include "ingest/init/apply.h"
#include "ingest/init/load_plan.h"
#include "ingest/init/proposal_sql.h"
#include "ingest/init/propose_files.h"
#include "ingest/init/propose_table.h"
#include "ingest/init/rollups.h"
#include "ingest/init/sample_files.h"
#include "ingest/units.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

using Names = std::optional<std::vector<std::string>>;

struct Arguments {
  ConnectionOptions connection;
  std::vector<std::string> files;
  std::string from_table;
  InitChoices choices;
  LoadOptions load;
  std::vector<std::string> types;  // as typed
  bool apply = false;
  bool dense = false;
};

// "column=type" as typed. The type is not looked at: PostgreSQL says what is wrong with it; but it
// must be one, as it becomes a part of a statement.
std::map<std::string, std::string> ParseTypes(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> types;
  for (const std::string& text : texts) {
    const auto equals = text.rfind('=');
    const std::string type = equals == std::string::npos ? "" : text.substr(equals + 1);
    const bool plain =
        type.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ (),[].") ==
        std::string::npos;
    if (type.empty() || equals == 0 || !plain) {
      throw CliError("--type: not a column and its type: " + text,
                     "Such as --type amount=numeric.");
    }
    types[text.substr(0, equals)] = type;
  }
  return types;
}

// What the user says about the files; the rest is found out. `command` knows which options were
// given.
SampleChoices SampleChoicesOf(const CLI::App& command, const LoadOptions& load) {
  SampleChoices choices;
  if (command.count("--delimiter") > 0) choices.delimiter = load.dialect.delimiter;
  if (command.count("--quote") > 0) choices.quote = load.dialect.quote;
  if (command.count("--null") > 0) choices.null_text = load.dialect.null_text;
  choices.encoding = load.dialect.encoding;
  choices.format = load.format;
  choices.skip_lines = load.skip_lines;
  choices.header = load.header;
  choices.columns = load.columns;
  return choices;
}

// The format of the time column is the one without a name, or with its name.
void TakeTimeFormats(const LoadOptions& load, InitChoices* choices) {
  for (const auto& [column, format] : load.time_formats) {
    choices->time_format = format;
    if (!column.empty() && choices->time_column.empty()) choices->time_column = column;
  }
  if (load.time_formats.size() > 1) {
    throw CliError(
        "init takes one --time-format, of the time of the event",
        "Leave the others out; --type COLUMN=text keeps such a column as it is written.");
  }
  if (!load.time_zone.empty()) choices->time_zone = load.time_zone;
}

// The rows that were loaded are in the rollups when the command ends, also where no worker runs.
void Refresh(Connection& connection, const Proposal& proposal) {
  const std::string rollup = SqlName(RollupsOf(proposal)[0].name);
  connection.Execute("SELECT millrace.refresh_rollup($1)", {rollup.c_str()});
}

void PrintApplied(const Proposal& proposal, const Applied& applied) {
  if (!applied.there.empty()) {
    fmt::print("There already, and left as it is: {}\n", fmt::join(applied.there, ", "));
  }
  if (applied.mended) fmt::print("Changed: {}\n", SqlName(proposal.table));
  if (!applied.made.empty()) fmt::print("Made: {}\n", fmt::join(applied.made, ", "));
  if (applied.may_not_label) {
    fmt::print(
        "The dashboard is not told which key is the tenant: only the database's owner may write "
        "into millrace.label.\n");
  }
}

// The parts of a proposal for files, with what --dense adds to them.
std::vector<SqlPart> PartsFor(const Arguments& arguments, const Proposal& proposal) {
  std::vector<SqlPart> parts = SqlParts(proposal);
  if (!arguments.dense) return parts;
  if (proposal.partitions.width.empty()) {
    throw CliError("--dense makes partitions dense, and what is proposed has none",
                   "--partition 1day makes some; one table is made dense by ALTER TABLE ... SET "
                   "ACCESS METHOD millrace_dense.");
  }
  parts.insert(parts.begin(), {SqlPart::What::kPartitions, "", DensePartitionsSql()});
  return parts;
}

void ApplyFiles(const Arguments& arguments, LoadOptions load, Proposal proposal) {
  const std::string conninfo = ResolveConninfo(arguments.connection);
  Connection connection = Connection::Open(conninfo);
  CheckExtensions(connection, &proposal);
  if (arguments.dense) CheckDense(connection);
  const Applied applied = Apply(connection, proposal, PartsFor(arguments, proposal));
  PrintApplied(proposal, applied);
  // Into a new table everything is loaded. Into one that was there, what is not in it yet.
  const bool is_new = applied.there.empty();
  if (load.loaded_before == LoadedBefore::kRefuse) {
    load.loaded_before = is_new ? LoadedBefore::kLoadAgain : LoadedBefore::kResume;
  }
  const LoadReport report = LoadFiles(conninfo, load);
  Refresh(connection, proposal);
  if (report.loaded == 0 && !is_new) {
    fmt::print(
        "Nothing is loaded: all rows of the files were loaded before. --again loads them once "
        "more.\n");
  } else {
    fmt::print("{} loaded.\n", FormatCount(report.loaded, "row is", "rows are"));
  }
  SayWhatWasLoaded(conninfo, load, report);
}

void RunFiles(const CLI::App& command, Arguments& arguments) {
  TakeTimeFormats(arguments.load, &arguments.choices);
  const SampledFiles sampled =
      SampleFiles(arguments.files, SampleChoicesOf(command, arguments.load));
  const Proposal proposal =
      ProposeForFiles(arguments.files, sampled, arguments.choices, NowMicros());
  const LoadOptions load =
      LoadPlan(arguments.files, sampled, arguments.choices, proposal, arguments.load);
  if (arguments.apply) return ApplyFiles(arguments, load, proposal);
  fmt::print("{}", SqlScript(proposal, PartsFor(arguments, proposal), LoadCommand(load)));
}

void RunTable(const Arguments& arguments) {
  Connection connection = Connection::Open(ResolveConninfo(arguments.connection));
  Proposal proposal = ProposeForTable(connection, arguments.from_table, arguments.choices);
  CheckExtensions(connection, &proposal);
  Applied applied;
  const std::vector<SqlPart> parts =
      MissingParts(connection, proposal, SqlParts(proposal), &applied);
  if (parts.empty()) {
    fmt::print("There already: {}. Nothing is missing.\n", fmt::join(applied.there, ", "));
  } else if (arguments.apply) {
    PrintApplied(proposal, Apply(connection, proposal, parts));
  } else {
    fmt::print("{}", SqlScript(proposal, parts, ""));
  }
}

void Run(const CLI::App& command, Arguments& arguments) {
  if (arguments.files.empty() == arguments.from_table.empty()) {
    throw CliError("init needs files, or a table that is there",
                   "Such as `millrace init clicks.csv` or `millrace init --from-table clicks`.");
  }
  arguments.choices.types = ParseTypes(arguments.types);
  if (arguments.from_table.empty()) {
    RunFiles(command, arguments);
  } else {
    RunTable(arguments);
  }
}

void AddNames(CLI::App* command, const std::string& name, Names& names, const std::string& help) {
  command
      ->add_option_function<std::vector<std::string>>(
          name, [&names](const std::vector<std::string>& given) { names = given; },
          help + ", as a,b,c; none: no column")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES");
}

void AddChoices(CLI::App* command, Arguments& arguments) {
  InitChoices& choices = arguments.choices;
  command->add_option("--table", choices.table,
                      "The table to make, as name or schema.name [default: the first file's name]");
  command->add_option("--time-column", choices.time_column,
                      "The column with the time of the event");
  command->add_option("--id-column", choices.id_column,
                      "With --from-table: the id by which rollups follow the events, if sequences "
                      "fill several columns");
  command->add_option("--tenant", choices.tenant,
                      "The column with the tenant, such as a customer or a site; none: no column");
  AddNames(command, "--dimensions", choices.dimensions, "The columns to group by");
  AddNames(command, "--distinct", choices.distinct,
           "The columns whose distinct values are counted");
  AddNames(command, "--top", choices.top, "The columns whose most frequent values are kept");
  AddNames(command, "--sum", choices.sum, "The columns that are summed");
  command->add_option("--type", arguments.types, "The type of a column; may be repeated")
      ->allow_extra_args(false)
      ->type_name("COLUMN=TYPE");
  CLI::Option* width = command->add_option(
      "--partition", choices.partition,
      "The width of a partition, such as 5min, 1hour or 1day [default: by the rate of the events]");
  command
      ->add_flag_callback(
          "--no-partitions", [&choices] { choices.partitions = false; },
          "Make a table without partitions")
      ->excludes(width);
  command
      ->add_flag("--dense", arguments.dense,
                 "Make partitions that are dense events (docs/dense-events.md): sets "
                 "millrace.dense_partitions for the database")
      ->excludes(command->get_option("--no-partitions"));
}

// What load has defaults for is found out here.
void DescribeGuesses(CLI::App* command) {
  for (const auto& [name, text] : {
           std::pair{"--format", "csv or json, which has an object per line [default: found out]"},
           std::pair{"--delimiter",
                     "What separates fields: one character, or tab [default: found out]"},
           std::pair{"--quote", "What encloses fields; none: nothing does [default: found out]"},
           std::pair{"--encoding", "As PostgreSQL names it, or utf-16 [default: found out]"},
           std::pair{"--null", "A field that is this text has no value [default: found out]"},
           std::pair{"--time-zone", "The zone of times that name none [default: UTC]"},
           std::pair{"--time-format",
                     "How the time of the event is written: a pattern such as '%d.%m.%Y %H:%M', or "
                     "seconds, milliseconds, microseconds or nanoseconds since 1970 [default: "
                     "found out]"},
       }) {
    CLI::Option* option = command->get_option(name);
    option->description(text);
    option->default_str("");
  }
}

}  // namespace

void AddInitCommand(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "init",
      "Propose a table with partitions and rollups for the events in files, as SQL with a comment "
      "for each decision; --apply makes them and loads the files");
  command->add_option("files", arguments->files,
                      "Files with the events, as load takes them: CSV and the like, or JSON lines");
  CLI::Option* table =
      command->add_option("--from-table", arguments->from_table,
                          "In place of files: a table that is there. What is missing is proposed");
  command->add_flag("--apply", arguments->apply,
                    "Make what is proposed, in one transaction, and load the files. What is there "
                    "already stays as it is");
  AddChoices(command, *arguments);
  table->excludes(command->get_option("--table"))->excludes(command->get_option("--dense"));
  command
      ->add_option("--header", arguments->load.header,
                   "Whether the first row has the names of the columns [default: found out]")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, HeaderMode>{{"auto", HeaderMode::kAuto},
                                                                    {"yes", HeaderMode::kYes},
                                                                    {"no", HeaderMode::kNo}})
              .description(""))
      ->type_name("auto|yes|no");
  command
      ->add_option("--columns", arguments->load.columns,
                   "Names for the files' columns, as a,b,c, in place of those of the header")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES");
  AddReadingOptions(command, arguments->load);
  DescribeGuesses(command);
  AddLoadOptions(command, arguments->load);
  AddConnectionOptions(*command, arguments->connection);
  command->callback([command, arguments] { Run(*command, *arguments); });
}

}  // namespace millrace::cli
