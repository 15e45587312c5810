#include "dashboard/tenants.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::dashboard {
namespace {

// How long an answer is kept; if there are many tenants, ten times as long as looking takes.
constexpr std::chrono::seconds kKept{2};
// How long nobody tries again after a failure: many may be waiting, and each would wait as long as
// the last one.
constexpr std::chrono::seconds kFailureKept{1};
constexpr int kMost = 100'000;

// Takes one step in the index per tenant, however many rows each tenant has. Citus does not accept
// such a query.
std::string TenantsSql(Database::Snapshot& snapshot, const RollupTable& table) {
  if (snapshot.Row(
          "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS citus")["citus"]) {
    return fmt::format(
        "SELECT customer_id::text AS tenant FROM {} GROUP BY customer_id ORDER BY customer_id "
        "LIMIT {}",
        table.name, kMost);
  }
  return fmt::format(R"(
    WITH RECURSIVE t AS (
      (SELECT customer_id FROM {0} ORDER BY customer_id LIMIT 1)
      UNION ALL
      SELECT (SELECT customer_id FROM {0} WHERE customer_id > t.customer_id ORDER BY customer_id LIMIT 1)
      FROM t WHERE t.customer_id IS NOT NULL)
    SELECT customer_id::text AS tenant FROM t WHERE customer_id IS NOT NULL LIMIT {1})",
                     table.name, kMost);
}

std::size_t LimitOf(const Parameters& parameters) {
  const auto found = parameters.find("limit");
  if (found == parameters.end()) return 50;
  int limit = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit < 1 || limit > 200) {
    throw ApiError(400, "bad_request", "limit is not a number from 1 to 200", "");
  }
  return static_cast<std::size_t>(limit);
}

std::string SearchOf(const Parameters& parameters) {
  const auto found = parameters.find("search");
  if (found == parameters.end()) return "";
  const std::string& text = found->second;
  const std::size_t digits = text.find_first_not_of("0123456789", text.rfind('-', 0) == 0 ? 1 : 0);
  if (text.size() > 20 || digits != std::string::npos) {
    throw ApiError(400, "bad_request", "search is not the beginning of a customer_id",
                   "It has digits only.");
  }
  return text;
}

}  // namespace

void Tenants::Load() {
  const auto start = std::chrono::steady_clock::now();
  auto snapshot = database_.Begin();
  const RollupTables tables = finder_.Find(snapshot);
  tenants_.clear();
  const auto& table = tables.hours ? tables.hours : tables.minutes;
  if (table) {
    for (const auto& row : snapshot.Rows(TenantsSql(snapshot, *table)))
      tenants_.push_back(row["tenant"]);
  }
  const auto now = std::chrono::steady_clock::now();
  expires_ = now + std::max<std::chrono::steady_clock::duration>(kKept, 10 * (now - start));
}

nlohmann::json Tenants::Find(const Parameters& parameters) {
  const std::size_t limit = LimitOf(parameters);
  const std::string search = SearchOf(parameters);
  const std::lock_guard lock(mutex_);
  if (std::chrono::steady_clock::now() >= expires_) {
    failed_.reset();
    try {
      Load();
    } catch (const ApiError& e) {
      failed_ = e;
      expires_ = std::chrono::steady_clock::now() + kFailureKept;
    }
  }
  if (failed_) throw ApiError(*failed_);
  nlohmann::json found = nlohmann::json::array();
  bool more = false;
  for (const std::string& tenant : tenants_) {
    if (tenant.rfind(search, 0) != 0) continue;
    if (found.size() == limit) {
      more = true;
      break;
    }
    found.push_back(tenant);
  }
  return {{"tenants", found}, {"more", more}};
}

}  // namespace millrace::dashboard
