#include "server/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

namespace millrace::cli {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;

std::int64_t MiB(std::int64_t bytes) { return bytes / kMiB; }

// Quotes a value for a configuration file.
std::string Quoted(const std::string& value) {
  std::string quoted = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

// Quotes a name for a setting that is a list of names.
std::string ListElement(const std::string& name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + '"';
}

// The memory limit of our control group, as containers have one; the largest number if there is
// none.
std::int64_t MemoryLimit() {
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    std::int64_t value = 0;
    if (file >> value && value > 0) limit = std::min(limit, value);
  }
  return limit;
}

}  // namespace

Machine InspectMachine(const std::filesystem::path& data) {
  Machine machine;
  machine.memory = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  machine.memory = std::min(machine.memory, MemoryLimit());
  machine.disk_free = static_cast<std::int64_t>(std::filesystem::space(data).available);
  machine.cores = std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  return machine;
}

std::string ServerSettings(const PrivateServer& server, const ServerFacts& facts,
                           const Machine& machine, const std::vector<std::string>& libraries) {
  // The nodes of a cluster in one folder share the machine's memory.
  const int nodes = 1 + facts.workers;
  const std::int64_t memory = machine.memory / nodes;
  const std::int64_t shared = std::clamp(memory / 4, 64 * kMiB, 8 * kGiB);
  const std::int64_t work = std::clamp(memory / 96, 8 * kMiB, 256 * kMiB);
  const std::int64_t maintenance = std::clamp(memory / 16, 64 * kMiB, 2 * kGiB);
  const std::int64_t wal = std::clamp(machine.disk_free / nodes / 8, 256 * kMiB, 16 * kGiB);
  // Citus commits in two phases.
  const int prepared = facts.role == ServerRole::kAlone ? 0 : 100;
  return fmt::format(
      R"(# Written by `millrace up` each time it starts the server. Settings of your own belong into
# custom.conf beside this file, which is read after it.

port = {port}
listen_addresses = {listen}
unix_socket_directories = {socket}
unix_socket_permissions = 0700
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
password_encryption = 'scram-sha-256'
max_connections = 100
max_prepared_transactions = {prepared}

shared_preload_libraries = {libraries}
cron.database_name = {database}
cron.use_background_workers = on
cron.host = ''
pg_partman_bgw.dbname = {database_list}
pg_partman_bgw.role = {user}
pg_partman_bgw.interval = 60
pg_partman_bgw.jobmon = off

# from {memory} MiB of memory, {cores} cores, {disk} MiB free
shared_buffers = {shared}MB
effective_cache_size = {cache}MB
work_mem = {work}MB
maintenance_work_mem = {maintenance}MB
max_wal_size = {wal}MB
min_wal_size = {min_wal}MB
checkpoint_timeout = 15min
# Sketches that outgrow a page row are compressed at each merge, and so are page images in the WAL.
default_toast_compression = 'lz4'
wal_compression = 'lz4'
random_page_cost = 1.1
max_worker_processes = {workers}
max_parallel_workers = {cores}
max_parallel_workers_per_gather = {per_gather}
# 5-minute partitions: a statement over two days of them locks several hundred relations
max_locks_per_transaction = 1024

logging_collector = on
log_directory = {log}
log_filename = 'server-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] %q%u@%d '
log_file_mode = 0600
lc_messages = 'C'

include_if_exists 'custom.conf'
)",
      fmt::arg("libraries", Quoted(fmt::format("{}", fmt::join(libraries, ", ")))),
      fmt::arg("database_list", Quoted(ListElement(facts.database))), fmt::arg("port", facts.port),
      fmt::arg("listen", Quoted(facts.listen)),
      fmt::arg("socket", Quoted(server.socket_folder().string())),
      fmt::arg("database", Quoted(facts.database)), fmt::arg("user", Quoted(facts.user)),
      fmt::arg("prepared", prepared), fmt::arg("memory", MiB(memory)),
      fmt::arg("cores", machine.cores), fmt::arg("disk", MiB(machine.disk_free)),
      fmt::arg("shared", MiB(shared)), fmt::arg("cache", MiB(std::max(memory / 4 * 3, shared))),
      fmt::arg("work", MiB(work)), fmt::arg("maintenance", MiB(maintenance)),
      fmt::arg("wal", MiB(wal)), fmt::arg("min_wal", MiB(std::min(wal, kGiB))),
      fmt::arg("workers", 16 + machine.cores),
      fmt::arg("per_gather", std::clamp(machine.cores / 2, 1, 4)),
      fmt::arg("log", Quoted(server.log_folder().string())));
}

}  // namespace millrace::cli
