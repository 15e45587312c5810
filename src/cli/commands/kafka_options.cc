#include "cli/commands/kafka_options.h"

#include <map>
#include <vector>

#include "cli/commands/load.h"

namespace millrace::cli {
namespace {

constexpr const char* kGroup = "Messages";

void AddPartOptions(CLI::App* command, MessageOptions& messages) {
  command
      ->add_option_function<std::string>(
          "--key-to",
          [&messages](const std::string& column) {
            messages.parts.push_back({MessagePart::kKey, "", column});
          },
          "The column that a message's key goes into")
      ->type_name("COLUMN")
      ->group(kGroup);
  command
      ->add_option_function<std::vector<std::string>>(
          "--header-to",
          [&messages](const auto& texts) {
            for (const std::string& text : texts) {
              const auto [header, column] = SplitMap(text, "--header-to");
              messages.parts.push_back({MessagePart::kHeader, header, column});
            }
          },
          "The column that a header goes into; may be repeated")
      ->allow_extra_args(false)
      ->type_name("HEADER=COLUMN")
      ->group(kGroup);
  command
      ->add_option_function<std::vector<std::string>>(
          "--meta-to",
          [&messages](const auto& texts) {
            static const std::map<std::string, MessagePart> parts = {
                {"topic", MessagePart::kTopic},
                {"partition", MessagePart::kPartition},
                {"offset", MessagePart::kOffset},
                {"timestamp", MessagePart::kTimestamp}};
            for (const std::string& text : texts) {
              const auto [name, column] = SplitMap(text, "--meta-to");
              const auto found = parts.find(name);
              if (found == parts.end()) {
                throw CLI::ValidationError(
                    "--meta-to", "write topic, partition, offset or timestamp before the =");
              }
              messages.parts.push_back({found->second, "", column});
            }
          },
          "The column that the topic, partition, offset or timestamp of a message goes into; may "
          "be "
          "repeated")
      ->allow_extra_args(false)
      ->type_name("WHAT=COLUMN")
      ->group(kGroup);
}

void AddCsvOptions(CLI::App* command, LoadOptions& load) {
  command
      ->add_option("--columns", load.columns,
                   "With --format csv: the fields of a record, as a,b,c [default: event_time, "
                   "customer_id, event_type, country, browser, device_id, session_id]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES")
      ->group(kGroup);
  command
      ->add_option_function<std::string>(
          "--delimiter",
          [&load](const auto& text) { load.dialect.delimiter = ParseDelimiter(text); },
          "With --format csv: what separates fields, one character or tab")
      ->type_name("CHAR")
      ->default_str(",")
      ->group(kGroup);
  command
      ->add_option_function<std::string>(
          "--quote", [&load](const auto& text) { load.dialect.quote = ParseQuote(text); },
          "With --format csv: what encloses fields; none: nothing does")
      ->type_name("CHAR|none")
      ->default_str("\"")
      ->group(kGroup);
  command
      ->add_option(
          "--null", load.dialect.null_text,
          "With --format csv: a field that is this text, without quotes, is NULL [default: "
          "an empty field]")
      ->type_name("TEXT")
      ->group(kGroup);
}

}  // namespace

void AddKafkaOptions(CLI::App* command, KafkaOptions& kafka, CLI::Option* needed) {
  CLI::Option* brokers =
      command
          ->add_option("--brokers", kafka.brokers, "Where Kafka is: HOST:PORT, with commas between")
          ->type_name("HOST:PORT,...")
          ->group("Kafka");
  CLI::Option* config =
      command
          ->add_option("--config", kafka.config_file,
                       "A file with lines NAME=VALUE of librdkafka's settings, such as "
                       "security.protocol=sasl_ssl. If there is a password in it, nobody but its "
                       "owner may be able to read it")
          ->type_name("FILE")
          ->group("Kafka");
  CLI::Option* set =
      command
          ->add_option_function<std::vector<std::string>>(
              "--set",
              [&kafka](const auto& texts) {
                for (const std::string& text : texts) {
                  const std::size_t at = text.find('=');
                  if (at == std::string::npos || at == 0) {
                    throw CLI::ValidationError("--set", "write NAME=VALUE, not " + text);
                  }
                  kafka.settings.emplace_back(text.substr(0, at), text.substr(at + 1));
                }
              },
              "One of these settings, but no password; may be repeated")
          ->allow_extra_args(false)
          ->type_name("NAME=VALUE")
          ->group("Kafka");
  if (needed == nullptr) return;
  for (CLI::Option* option : {brokers, config, set}) option->needs(needed);
}

void AddMessageOptions(CLI::App* command, MessageOptions& messages) {
  LoadOptions& load = messages.load;
  command
      ->add_option("--table", load.table, "The table, as name, schema.name or \"Quoted\".\"Name\"")
      ->capture_default_str();
  command
      ->add_option("--format", messages.format,
                   "What a message is: an object of JSON, a record of CSV, or an event of "
                   "CloudEvents 1.0 with data in JSON")
      ->transform(CLI::CheckedTransformer(std::map<std::string, PayloadFormat>{
                                              {"json", PayloadFormat::kJson},
                                              {"csv", PayloadFormat::kCsv},
                                              {"cloudevents", PayloadFormat::kCloudEvents}})
                      .description(""))
      ->type_name("json|csv|cloudevents")
      ->default_str("json")
      ->group(kGroup);
  command
      ->add_option_function<std::vector<std::string>>(
          "--map",
          [&load](const auto& texts) {
            for (const std::string& text : texts) load.map.push_back(SplitMap(text, "--map"));
          },
          "A field that has another name in the table. A field b of an object a is a.b; an "
          "attribute "
          "of a CloudEvent is ce_time. May be repeated")
      ->allow_extra_args(false)
      ->type_name("FIELD=COLUMN")
      ->group(kGroup);
  command->add_option("--skip", load.skip, "A field that is not loaded; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FIELD")
      ->group(kGroup);
  AddPartOptions(command, messages);
  command
      ->add_option("--time-zone", load.time_zone,
                   "The zone of times that name none, as Europe/Berlin [default: that of the "
                   "session]")
      ->type_name("ZONE")
      ->group(kGroup);
  command
      ->add_option_function<std::vector<std::string>>(
          "--time-format",
          [&load](const auto& texts) {
            for (const std::string& text : texts)
              load.time_formats.push_back(SplitTimeFormat(text));
          },
          "How times are written, if not as SQL and ISO 8601 do: seconds, milliseconds, "
          "microseconds "
          "or nanoseconds since 1970, or a pattern such as '%d.%m.%Y %H:%M:%S'. COLUMN=FORMAT for "
          "one column of the table; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FORMAT")
      ->group(kGroup);
  command
      ->add_flag("--empty-as-null", load.empty_as_null,
                 "Also \"\" is NULL in columns of numbers, times, booleans, addresses, uuid and "
                 "json")
      ->group(kGroup);
  AddCsvOptions(command, load);
  CLI::Option* ignore = command->add_flag_callback(
      "--ignore-ids", [&load] { load.ids = IdMode::kIgnore; },
      "Leave out the messages' ids for a column that the server fills from a sequence and that "
      "rollups follow. Without this and --keep-ids, messages with such ids are rejected");
  ignore->group(kGroup);
  command
      ->add_flag_callback(
          "--keep-ids", [&load] { load.ids = IdMode::kKeep; },
          "Load such ids as they are. Rollups do not count ids below their watermark")
      ->excludes(ignore)
      ->group(kGroup);
  command
      ->add_option("--max-record-bytes", messages.max_bytes,
                   "The longest message to accept, with a unit; a longer one is rejected, and its "
                   "payload is not kept")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 28).description(""))
      ->type_name("SIZE")
      ->default_str("16MB")
      ->group(kGroup);
}

}  // namespace millrace::cli
