#include "ingest/entry_points.h"

#include <fmt/format.h>

#include <optional>

#include "client/connection.h"
#include "client/conninfo.h"
#include "client/error.h"

namespace millrace::cli {
namespace {

struct Node {
  std::string group, host, port;
};

bool IsDistributed(Connection& connection, const std::string& table) {
  return connection.Execute("SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus'").rows() >
             0 &&
         connection
                 .Execute(
                     "SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = "
                     "pg_catalog.to_regclass($1) AND partmethod = 'h'",
                     {table.c_str()})
                 .rows() > 0;
}

std::vector<Node> OtherNodes(Connection& connection) {
  const auto found = connection.Execute(
      "SELECT n.groupid, n.nodename, n.nodeport FROM pg_catalog.pg_dist_node n, "
      "pg_catalog.pg_dist_local_group here WHERE n.groupid <> here.groupid AND n.noderole = "
      "'primary' AND n.isactive AND n.hasmetadata AND n.metadatasynced ORDER BY n.groupid");
  std::vector<Node> nodes;
  nodes.reserve(static_cast<std::size_t>(found.rows()));
  for (int i = 0; i < found.rows(); ++i) {
    nodes.push_back({std::string(found.Value(i, 0)), std::string(found.Value(i, 1)),
                     std::string(found.Value(i, 2))});
  }
  return nodes;
}

// Why the table's ids must come from this server; nothing if they need not.
std::optional<std::string> WhyOnlyHere(Connection& connection, const std::string& table) {
  const bool tracked =
      connection
          .Execute(
              "SELECT FROM pg_catalog.pg_attribute WHERE attrelid = "
              "pg_catalog.to_regclass('public.rollups') AND attname IN ('event_table_name', "
              "'event_id_sequence_name') AND NOT attisdropped")
          .rows() == 2;
  if (tracked &&
      connection
              .Execute(
                  "SELECT FROM public.rollups WHERE pg_catalog.to_regclass(event_table_name) = "
                  "pg_catalog.to_regclass($1)",
                  {table.c_str()})
              .rows() > 0) {
    return "rollups by functions follow the ids of this server alone";
  }
  if (connection
          .Execute(
              "SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef d ON d.adrelid "
              "= a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = "
              "pg_catalog.to_regclass($1) AND a.atttypid IN (21, 23) AND "
              "pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%'",
              {table.c_str()})
          .rows() > 0) {
    return "its ids are integers, which only this server hands out";
  }
  return std::nullopt;
}

bool IsLoopback(const std::string& host) {
  return host.empty() || host[0] == '/' || host == "localhost" || host == "::1" ||
         host.rfind("127.", 0) == 0;
}

// From here, the address of a node may lead to another server.
void CheckIs(const std::string& conninfo, const Node& node) {
  Connection connection = Connection::Open(conninfo);
  const auto group = connection.Execute("SELECT groupid FROM pg_catalog.pg_dist_local_group");
  if (group.rows() != 1 || group.Value(0, 0) != node.group) {
    throw CliError("there is another server at that address");
  }
}

}  // namespace

EntryPoints FindEntryPoints(const std::string& conninfo, const QualifiedName& table, bool quiet) {
  EntryPoints entry_points = {{conninfo}, 100'000};
  Connection connection = Connection::Open(conninfo);
  const std::string name = table.Quoted();
  if (!IsDistributed(connection, name)) return entry_points;
  // Each commit is one of every shard, in two phases.
  entry_points.batch_rows = 500'000;
  const auto say = [quiet](const std::string& text) {
    if (!quiet) fmt::print(stderr, "{}\n", text);
  };
  if (const auto why = WhyOnlyHere(connection, name)) {
    say("Loading through one node: " + *why);
    return entry_points;
  }
  const char* host = PQhost(connection.get());
  for (const Node& node : OtherNodes(connection)) {
    const std::string where = fmt::format("Loading without node {}:{}: ", node.host, node.port);
    if (IsLoopback(node.host) && !IsLoopback(host == nullptr ? "" : host)) {
      say(where + "that is an address of its own machine");
      continue;
    }
    try {
      const std::string candidate = ConninfoOf(connection, node.host, node.port);
      CheckIs(candidate, node);
      entry_points.servers.push_back(candidate);
    } catch (const CliError& e) {
      say(where + e.what());
    }
  }
  return entry_points;
}

}  // namespace millrace::cli
