#include "monitor/publications.h"

#include <fmt/format.h>

#include "client/text.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;

// One row for each publication and table (of partitions, the table on top). `named`: the one
// relation by whose name all of them are in the publication, if there is one.
constexpr const char* kPublished = R"(
  WITH dense AS MATERIALIZED (
    SELECT c.oid FROM pg_class c JOIN pg_am m ON m.oid = c.relam
    WHERE m.amname = 'millrace_dense' AND c.relkind = 'r' AND c.relpersistence = 'p' AND EXISTS (SELECT FROM pg_publication)
  ), above AS MATERIALIZED (
    SELECT oid AS leaf, oid AS relation FROM dense
    UNION SELECT d.oid, a.relid FROM dense d, pg_partition_ancestors(d.oid) a
  ), published AS (
    SELECT p.oid AS publication, a.leaf, r.prrelid AS named
    FROM pg_publication p CROSS JOIN above a JOIN pg_class c ON c.oid = a.relation
    LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = a.relation
    LEFT JOIN pg_publication_namespace n ON n.pnpubid = p.oid AND n.pnnspid = c.relnamespace
    WHERE p.pubinsert AND (p.puballtables OR r.oid IS NOT NULL OR n.oid IS NOT NULL)
  ), counted AS (
    SELECT publication, coalesce(pg_partition_root(leaf), leaf) AS top, count(DISTINCT leaf) AS tables,
           count(DISTINCT leaf) FILTER (WHERE named IS NOT NULL) AS tables_named, min(leaf::regclass::text) AS first,
           CASE WHEN min(named::oid) = max(named::oid) THEN min(named::oid)::regclass::text END AS named
    FROM published GROUP BY 1, 2
  )
  SELECT quote_ident(p.pubname) AS publication, x.top::regclass::text AS name, x.tables, x.first,
         x.first <> x.top::regclass::text AS partitions, CASE WHEN x.tables_named = x.tables AND NOT p.puballtables THEN x.named END AS named
  FROM counted x JOIN pg_publication p ON p.oid = x.publication ORDER BY 1, 2 LIMIT 20)";

}  // namespace

std::vector<Warning> JudgePublications(Session& session) {
  std::vector<Warning> found;
  for (const json& row : session.Rows("publications of dense events", kPublished)) {
    const std::string publication = row["publication"], name = row["name"], first = row["first"];
    const std::int64_t tables = row["tables"];
    const std::string which =
        row["partitions"].get<bool>()
            ? fmt::format("{} of {}", FormatCount(tables, "dense partition", "dense partitions"),
                          name)
            : fmt::format("dense events of {}", name);
    std::string hint = fmt::format("ALTER TABLE {} SET ACCESS METHOD heap", first);
    if (tables > 1) hint += ", and so for each of them";
    hint += row["named"].is_null()
                ? "; or have a publication that names its tables, without this one"
                : fmt::format("; or ALTER PUBLICATION {} DROP TABLE {}", publication,
                              row["named"].get<std::string>());
    found.push_back({"dense_published", Severity::kWarning, name,
                     fmt::format("publication {} has {}: logical replication does not see the rows "
                                 "that are added there",
                                 publication, which),
                     hint, ""});
  }
  return found;
}

}  // namespace millrace::monitor
