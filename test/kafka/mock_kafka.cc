// A Kafka for tests: librdkafka's mock cluster, and a producer that keeps a ledger.
//
//   mock_kafka BROKERS TOPIC PARTITIONS LEDGER
//
// Prints the address, then obeys lines on standard input and answers each with one line:
//
// - produce COUNT RATE: events whose ids go on from the last one, in the background; with RATE 0
//   as fast as possible. What the broker has confirmed is in LEDGER, one id a line.
// - wait: until all of them are confirmed; answers with the number of ids in the ledger.
// - send PARTITION FILE: the bytes of the file as one message, with the key k and a header h = v.
// - times PARTITION FILE N: the same N times.
// - quick PARTITION FILE: the same as send, without waiting; `wait` does.
// - tombstone PARTITION: a message with a key and no payload.
// - cloud PARTITION FILE: the bytes, with the headers of a CloudEvent in its binary form.
// - down BROKER, up BROKER, leader PARTITION BROKER, slow BROKER MILLISECONDS.
// - errors API COUNT ERROR: the next COUNT requests of this kind are answered with this error.
// - topic NAME PARTITIONS: another topic.
// - address: the address again.
//
// It ends when standard input does. MOCK_KAFKA_LINGER: how many milliseconds the producer waits for
// more messages before it sends some.

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

struct Ledger {
  std::mutex mutex;
  std::FILE* file = nullptr;
  std::int64_t confirmed = 0;
};

// The id of a ledger's event is in its opaque, plus one; 0: not in the ledger.
void OnDelivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  const auto id = reinterpret_cast<std::intptr_t>(message->_private);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(message->err));
    return;
  }
  if (id == 0) return;
  auto& ledger = *static_cast<Ledger*>(opaque);
  const std::lock_guard lock(ledger.mutex);
  std::fprintf(ledger.file, "%lld\n", static_cast<long long>(id - 1));
  ++ledger.confirmed;
}

void Set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
    std::fprintf(stderr, "%s\n", why);
    std::exit(1);
  }
}

rd_kafka_t* NewProducer(const std::string& servers, bool idempotent, Ledger* ledger) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  if (!servers.empty()) Set(conf, "bootstrap.servers", servers.c_str());
  Set(conf, "enable.idempotence", idempotent ? "true" : "false");
  // The mock answers a fetch with one batch of a partition, so its speed depends on their size.
  const char* linger = std::getenv("MOCK_KAFKA_LINGER");
  Set(conf, "linger.ms", linger == nullptr ? "5" : linger);
  Set(conf, "message.max.bytes", "300000000");
  Set(conf, "receive.message.max.bytes", "400000000");
  Set(conf, "queue.buffering.max.kbytes", "2000000");
  Set(conf, "message.timeout.ms", "0");
  Set(conf, "log_level", "0");
  rd_kafka_conf_set_opaque(conf, ledger);
  rd_kafka_conf_set_dr_msg_cb(conf, &OnDelivered);
  char why[512];
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
  if (producer == nullptr) {
    std::fprintf(stderr, "%s\n", why);
    std::exit(1);
  }
  return producer;
}

class Producer {
 public:
  Producer(const std::string& servers, std::string topic, Ledger* ledger)
      : topic_(std::move(topic)), ledger_(ledger), handle_(NewProducer(servers, true, ledger)) {}
  ~Producer() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(handle_);
  }

  void Produce(std::int64_t count, double rate) {
    if (thread_.joinable()) thread_.join();
    const std::int64_t first = next_;
    next_ += count;
    thread_ = std::thread([=, this] { Run(first, count, rate); });
  }

  std::int64_t Wait() {
    if (thread_.joinable()) thread_.join();
    rd_kafka_flush(handle_, 600'000);
    const std::lock_guard lock(ledger_->mutex);
    std::fflush(ledger_->file);
    return ledger_->confirmed;
  }

  // Whether it is confirmed.
  bool Send(std::int32_t partition, const std::string* payload, bool cloud, bool wait = true) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(4);
    const auto add = [headers](const char* name, const char* value) {
      rd_kafka_header_add(headers, name, -1, value, -1);
    };
    if (cloud) {
      add("ce_specversion", "1.0");
      add("ce_id", "7");
      add("ce_time", "2026-01-02T03:04:05Z");
    } else {
      add("h", "v");
    }
    char* const bytes = payload == nullptr ? nullptr : const_cast<char*>(payload->data());
    const std::size_t size = payload == nullptr ? 0 : payload->size();
    const auto error = rd_kafka_producev(
        handle_, RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("k", 1),
        RD_KAFKA_V_VALUE(bytes, size), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_headers_destroy(headers);
      std::fprintf(stderr, "not sent: %s\n", rd_kafka_err2str(error));
      return false;
    }
    return !wait || rd_kafka_flush(handle_, 60'000) == RD_KAFKA_RESP_ERR_NO_ERROR;
  }

 private:
  void Run(std::int64_t first, std::int64_t count, double rate) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < count && !stop_; ++i) {
      const std::int64_t id = first + i;
      if (rate > 0) {
        const auto due = start + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(static_cast<double>(i) / rate));
        while (Clock::now() < due && !stop_) {
          rd_kafka_poll(handle_, 0);
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
      const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count();
      char text[256], key[24];
      const int size = std::snprintf(
          text, sizeof(text),
          R"({"id":%lld,"at":%lld,"user":{"name":"u%lld","country":"Germany"},"kind":"click"})",
          static_cast<long long>(id), static_cast<long long>(micros),
          static_cast<long long>(id % 997));
      const int key_size =
          std::snprintf(key, sizeof(key), "%lld", static_cast<long long>(id % 997));
      while (rd_kafka_producev(
                 handle_, RD_KAFKA_V_TOPIC(topic_.c_str()),
                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                 RD_KAFKA_V_KEY(key, static_cast<std::size_t>(key_size)),
                 RD_KAFKA_V_VALUE(text, static_cast<std::size_t>(size)),
                 RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(static_cast<std::intptr_t>(id + 1))),
                 RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
             !stop_) {
        rd_kafka_poll(handle_, 10);
      }
      if (i % 100 == 0) rd_kafka_poll(handle_, 0);
    }
  }

  const std::string topic_;
  Ledger* const ledger_;
  rd_kafka_t* const handle_;
  std::int64_t next_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Obeys one line; what to answer.
std::string Obey(const std::string& line, const std::string& topic,
                 rd_kafka_mock_cluster_t* cluster, Producer& producer) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "produce") {
    std::int64_t count = 0;
    double rate = 0;
    words >> count >> rate;
    producer.Produce(count, rate);
    return "ok";
  }
  if (verb == "wait") return std::to_string(producer.Wait());
  if (verb == "send" || verb == "times" || verb == "quick" || verb == "cloud" ||
      verb == "tombstone") {
    int partition = 0, times = 1;
    std::string path;
    words >> partition >> path >> times;
    const std::string payload = verb == "tombstone" ? "" : ReadFile(path);
    bool sent = true;
    for (int i = 0; i < std::max(times, 1) && sent; ++i) {
      sent = producer.Send(partition, verb == "tombstone" ? nullptr : &payload, verb == "cloud",
                           verb != "quick");
    }
    return sent ? "ok" : "failed";
  }
  if (verb == "address") return rd_kafka_mock_cluster_bootstraps(cluster);
  auto error = RD_KAFKA_RESP_ERR_NO_ERROR;
  int first = 0, second = 0, third = 0;
  if (verb == "topic") {
    std::string name;
    words >> name >> first;
    error = rd_kafka_mock_topic_create(cluster, name.c_str(), first, 1);
  } else {
    words >> first >> second >> third;
    if (verb == "down") {
      error = rd_kafka_mock_broker_set_down(cluster, first);
    } else if (verb == "up") {
      error = rd_kafka_mock_broker_set_up(cluster, first);
    } else if (verb == "leader") {
      error = rd_kafka_mock_partition_set_leader(cluster, topic.c_str(), first, second);
    } else if (verb == "slow") {
      error = rd_kafka_mock_broker_set_rtt(cluster, first, second);
    } else if (verb == "errors") {
      for (int i = 0; i < second; ++i) {
        rd_kafka_mock_push_request_errors(cluster, static_cast<std::int16_t>(first), 1,
                                          static_cast<rd_kafka_resp_err_t>(third));
      }
    } else {
      return "what?";
    }
  }
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? "ok" : rd_kafka_err2str(error);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: mock_kafka BROKERS TOPIC PARTITIONS LEDGER\n");
    return 2;
  }
  const std::string topic = argv[2];
  Ledger ledger;
  ledger.file = std::fopen(argv[4], "w");
  if (ledger.file == nullptr) return 1;
  rd_kafka_t* host = NewProducer("", false, &ledger);
  rd_kafka_mock_cluster_t* cluster = rd_kafka_mock_cluster_new(host, std::atoi(argv[1]));
  if (cluster == nullptr) return 1;
  rd_kafka_mock_topic_create(cluster, topic.c_str(), std::atoi(argv[3]), 1);
  const std::string servers = rd_kafka_mock_cluster_bootstraps(cluster);
  std::cout << servers << std::endl;
  {
    Producer producer(servers, topic, &ledger);
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << Obey(line, topic, cluster, producer) << std::endl;
    }
  }
  rd_kafka_mock_cluster_destroy(cluster);
  rd_kafka_destroy(host);
  std::fclose(ledger.file);
  return 0;
}
