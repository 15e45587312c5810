#include "kafka/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "client/error.h"
#include "client/secret.h"
#include "core/base/hash.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {
namespace {

// What is kept from command lines and from files that others can read.
constexpr std::array kSecrets = {"sasl.password",
                                 "sasl.oauthbearer.config",
                                 "sasl.oauthbearer.client.secret",
                                 "ssl.key.password",
                                 "ssl.key.pem",
                                 "ssl.keystore.password"};
// What exactly once rests on, and what other options say.
constexpr std::array kOurs = {"enable.auto.commit", "enable.auto.offset.store",
                              "auto.offset.reset",  "enable.partition.eof",
                              "group.id",           "enable.idempotence"};

bool IsSecret(const std::string& name) {
  return std::find(kSecrets.begin(), kSecrets.end(), name) != kSecrets.end();
}

std::string Trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

void Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value, bool needed) {
  char why[512];
  const auto result = rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof(why));
  if (result == RD_KAFKA_CONF_OK || (!needed && result == RD_KAFKA_CONF_UNKNOWN)) return;
  rd_kafka_conf_destroy(conf);
  // The library's own text shows the value.
  throw CliError(IsSecret(name) ? fmt::format("librdkafka does not take the value of {}", name)
                                : fmt::format("librdkafka {}: {}", rd_kafka_version_str(), why));
}

void OnError(rd_kafka_t* handle, int code, const char* reason, void* opaque) {
  KafkaHandle::Voice& voice = *static_cast<KafkaOpaque*>(opaque)->voice;
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    char why[512];
    rd_kafka_fatal_error(handle, why, sizeof(why));
    voice.Fail(why);
    return;
  }
  if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
      error == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
      error == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM) {
    voice.Fail(fmt::format("the broker does not let us in: {}", reason));
    return;
  }
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    voice.Say("No broker answers; waiting for one.");
    return;
  }
  voice.Say(fmt::format("Kafka: {}", reason));
}

// Errors come to OnError.
void OnLog(const rd_kafka_t*, int, const char*, const char*) {}

void Destroy(rd_kafka_t* handle) { rd_kafka_destroy(handle); }

}  // namespace

std::map<std::string, std::string> ReadKafkaSettings(const KafkaOptions& options) {
  std::map<std::string, std::string> settings;
  if (!options.config_file.empty()) {
    const SettingsFile file = ReadSettingsFile(options.config_file);
    std::size_t number = 0;
    for (std::size_t at = 0; at < file.text.size();) {
      const std::size_t end = std::min(file.text.find('\n', at), file.text.size());
      const std::string line = Trim(file.text.substr(at, end - at));
      at = end + 1;
      ++number;
      if (line.empty() || line[0] == '#') continue;
      const std::size_t sign = line.find('=');
      if (sign == std::string::npos || sign == 0) {
        throw CliError(
            fmt::format("{}:{}: no line of the form NAME=VALUE", options.config_file, number));
      }
      const std::string name = Trim(line.substr(0, sign));
      if (IsSecret(name) && !file.open_to_others.empty()) {
        throw CliError(file.open_to_others, kCloseTheFile);
      }
      settings[name] = Trim(line.substr(sign + 1));
    }
  }
  for (const auto& [name, value] : options.settings) {
    if (IsSecret(name)) {
      throw CliError(
          fmt::format("{} is a secret, and a command line is not: everybody can read it", name),
          "Write it into a file that only you can read, and name that with --config.");
    }
    settings[name] = value;
  }
  for (const char* ours : kOurs) {
    if (settings.count(ours) == 0) continue;
    throw CliError(
        fmt::format("the setting {} is not yours to choose: that each event is in once "
                    "rests on it, or an option says it",
                    ours));
  }
  if (!options.brokers.empty()) {
    settings.erase("metadata.broker.list");
    settings["bootstrap.servers"] = options.brokers;
  }
  if (settings.count("bootstrap.servers") == 0 && settings.count("metadata.broker.list") == 0 &&
      settings.count("test.mock.num.brokers") == 0) {
    throw CliError("no broker is named",
                   "--brokers HOST:PORT, or a line bootstrap.servers=HOST:PORT in --config.");
  }
  return settings;
}

void KafkaHandle::Voice::Say(const std::string& text) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  constexpr std::size_t kMostKept = 100;
  if (said_.size() > kMostKept) said_.clear();
  const auto [found, added] = said_.emplace(text, now);
  if (!added && now - found->second < std::chrono::seconds(30)) return;
  found->second = now;
  fmt::print(stderr, "{}\n", text);
}

std::string KafkaHandle::Voice::fatal() const {
  const std::lock_guard lock(mutex_);
  return fatal_;
}

void KafkaHandle::Voice::Fail(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (fatal_.empty()) fatal_ = why;
}

KafkaHandle::KafkaHandle(rd_kafka_type_t type, const std::map<std::string, std::string>& settings,
                         const std::map<std::string, std::string>& wanted, void* opaque,
                         void (*configure)(rd_kafka_conf_t*), bool quiet)
    : voice_(std::make_unique<Voice>(quiet)), handle_(nullptr, &Destroy) {
  static_cast<KafkaOpaque*>(opaque)->voice = voice_.get();
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : wanted) {
    if (settings.count(name) == 0) Set(conf, name, value, false);
  }
  for (const auto& [name, value] : settings) Set(conf, name, value, true);
  rd_kafka_conf_set_opaque(conf, opaque);
  rd_kafka_conf_set_error_cb(conf, &OnError);
  // With `debug` somebody wants to read what the library logs.
  if (settings.count("debug") == 0) rd_kafka_conf_set_log_cb(conf, &OnLog);
  configure(conf);
  char why[512];
  handle_.reset(rd_kafka_new(type, conf, why, sizeof(why)));
  if (handle_ == nullptr) {
    rd_kafka_conf_destroy(conf);
    throw CliError(fmt::format("librdkafka: {}", why));
  }
}

KafkaMessage ReadMessage(const rd_kafka_message_t* message, bool wanted) {
  KafkaMessage read;
  read.topic = rd_kafka_topic_name(message->rkt);
  read.partition = message->partition;
  read.offset = message->offset;
  if (message->key != nullptr) {
    read.key = std::string_view(static_cast<const char*>(message->key), message->key_len);
  }
  if (message->payload != nullptr) {
    read.payload = std::string_view(static_cast<const char*>(message->payload), message->len);
  }
  if (const std::int64_t time = TimeOf(message); time >= 0) {
    // Whoever writes the message chooses its time, and SQL's times have an end.
    read.milliseconds = std::min(time, kMaxEventTime / 1000 - 1);
  }
  if (!wanted) return read;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return read;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    read.headers.emplace_back(name, value == nullptr
                                        ? std::optional<std::string_view>()
                                        : std::string_view(static_cast<const char*>(value), size));
  }
  return read;
}

std::int64_t TimeOf(const rd_kafka_message_t* message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t time = rd_kafka_message_timestamp(message, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time;
}

std::string FingerprintOf(const rd_kafka_message_t* message) {
  const auto hash = [](const void* bytes, std::size_t size) {
    return MurmurHash3(size == 0 ? "" : bytes, size, 0);
  };
  return fmt::format("{}-{:016x}-{:016x}", TimeOf(message), hash(message->key, message->key_len),
                     hash(message->payload, message->len));
}

}  // namespace millrace::cli
