// Options that the commands about Kafka share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "kafka/client.h"
#include "kafka/message_rows.h"

namespace millrace::cli {

// Adds --brokers, --config and --set. `needed`: only with this option; may be nullptr.
void AddKafkaOptions(CLI::App* command, KafkaOptions& kafka, CLI::Option* needed = nullptr);

// Adds the options that say how messages become rows: --table, --format, --map, --skip, --key-to,
// --header-to, --meta-to, --columns, --delimiter, --quote, --null, --empty-as-null, --time-zone,
// --time-format, --ignore-ids, --keep-ids, --max-record-bytes.
void AddMessageOptions(CLI::App* command, MessageOptions& messages);

}  // namespace millrace::cli
