#include "dashboard/saved_views.h"

#include "client/error.h"

namespace millrace::dashboard {
namespace {

constexpr std::chrono::seconds kLongest{5};
constexpr std::size_t kLongestName = 200, kLongestQuery = 8'000;
constexpr const char* kMaySave =
    "SELECT to_regclass('millrace.saved_view') IS NOT NULL AND NOT pg_is_in_recovery() AND "
    "coalesce(has_table_privilege(to_regclass('millrace.saved_view'), 'INSERT, UPDATE'), false) AS "
    "may";

}  // namespace

nlohmann::json SavedViews::List() {
  auto snapshot = database_.Begin();
  const bool there = snapshot.Row(
      "SELECT coalesce(has_table_privilege(to_regclass('millrace.saved_view'), 'SELECT'), false) "
      "AS "
      "there")["there"];
  if (!there) return {{"views", nlohmann::json::array()}, {"may_save", false}};
  return {{"views", snapshot.Rows("SELECT name, query, to_char(saved_at AT TIME ZONE 'UTC', "
                                  "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS saved_at FROM "
                                  "millrace.saved_view ORDER BY name LIMIT 1000")},
          {"may_save", snapshot.Row(kMaySave)["may"]}};
}

void SavedViews::Save(const std::string& name, const std::string& query) {
  if (name.empty() || name.size() > kLongestName || query.size() > kLongestQuery) {
    throw ApiError(400, "bad_request", "a view needs a name of 1 to 200 bytes and a query",
                   "The query is what stands after ? in the page's address; 8,000 bytes at most.");
  }
  if (name.find('\0') != std::string::npos || query.find('\0') != std::string::npos) {
    throw ApiError(400, "bad_request", "a name or query has a zero byte", "");
  }
  (void)Write(
      "INSERT INTO millrace.saved_view AS v (name, query) VALUES ($1, $2) ON CONFLICT (name) DO "
      "UPDATE SET query = excluded.query, saved_at = now()",
      {name.c_str(), query.c_str()});
}

void SavedViews::Delete(const std::string& name) {
  if (Write("DELETE FROM millrace.saved_view WHERE name = $1", {name.c_str()}) == 0) {
    throw ApiError(404, "not_found", "there is no view " + name, "");
  }
}

long long SavedViews::Write(const std::string& sql, const std::vector<const char*>& parameters) {
  try {
    const auto deadline = std::chrono::steady_clock::now() + kLongest;
    Connection connection = Connection::Open(conninfo_, deadline);
    connection.set_deadline(deadline);
    connection.Execute(
        "BEGIN READ WRITE; SET LOCAL lock_timeout = '2s'; SET LOCAL search_path = pg_catalog");
    const QueryResult result = connection.Execute(sql, parameters);
    connection.Execute("COMMIT");
    return result.affected();
  } catch (const SqlError& e) {
    if (e.sqlstate() == "42501" || e.sqlstate() == "42P01" || e.sqlstate() == "25006") {
      throw ApiError(
          403, "forbidden", "the dashboard's role may not save views",
          "GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.saved_view to the role that it logs in "
          "as, on the primary.");
    }
    throw ApiError(e.sqlstate().starts_with("22") || e.sqlstate().starts_with("23") ? 400 : 503,
                   "failed", e.what(), e.way_out());
  } catch (const CliError& e) {
    throw ApiError(503, "unavailable", e.what(), e.way_out());
  }
}

}  // namespace millrace::dashboard
