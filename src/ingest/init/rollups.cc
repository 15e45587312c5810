#include "ingest/init/rollups.h"

#include <fmt/format.h>

#include <set>

#include "ingest/init/plain_names.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kLineWidth = 80;

// Gives each output column a name that no other has.
class Namer {
 public:
  // `name`, or with a number after it; the name with each of `endings` is free too.
  std::string Take(const std::string& name, const std::vector<std::string>& endings = {""}) {
    std::string free = name;
    for (int next = 2; !IsFree(free, endings); ++next) free = name + "_" + std::to_string(next);
    for (const std::string& ending : endings) taken_.insert(free + ending);
    return free;
  }

 private:
  bool IsFree(const std::string& name, const std::vector<std::string>& endings) const {
    for (const std::string& ending : endings) {
      if (taken_.count(name + ending) > 0) return false;
    }
    return true;
  }
  std::set<std::string> taken_;
};

// device_id -> device.
std::string ThingOf(const std::string& name) {
  for (const char* ending : {"_id", "_uuid", "_guid", "_key"}) {
    if (name.ends_with(ending)) return name.substr(0, name.size() - std::string(ending).size());
  }
  return name;
}

std::string HashSql(const Column& column) {
  const char* function = column.type == "bigint"    ? "hll_hash_bigint"
                         : column.type == "integer" ? "hll_hash_integer"
                         : column.type == "text"    ? "hll_hash_text"
                                                    : "hll_hash_any";
  return fmt::format("{}({})", function, SqlName(column.name));
}

// What is kept of one column, over the events and over the rollup of these.
struct Measures {
  std::vector<RollupColumn> over_events, over_rollup;
  bool averages = false;
};

void Add(Measures* measures, const std::string& expression, const std::string& name,
         const std::string& merge) {
  measures->over_events.push_back({expression, name});
  measures->over_rollup.push_back({merge, name});
}

void AddMeasures(const Column& column, Namer* namer, Measures* measures) {
  const std::string sql = SqlName(column.name);
  if (column.distinct) {
    const std::string name = namer->Take(ThingOf(column.name) + "_distinct_count");
    Add(measures, fmt::format("hll_add_agg({})", HashSql(column)), name,
        fmt::format("hll_union_agg({})", SqlName(name)));
  }
  if (column.top) {
    const std::string name = namer->Take("top_" + ThingOf(column.name));
    Add(measures, fmt::format("topn_add_agg({}{})", sql, column.type == "text" ? "" : "::text"),
        name, fmt::format("topn_union_agg({})", SqlName(name)));
  }
  if (column.sum) {
    const std::string name = namer->Take(column.name + "_sum");
    Add(measures, fmt::format("sum({})", sql), name, fmt::format("sum({})", SqlName(name)));
  }
  if (column.average) {
    // The rollup keeps the average as its sum and its count.
    const std::string name = namer->Take(column.name, {"", "_sum", "_count", "_min", "_max"});
    measures->over_events.push_back({fmt::format("avg({})", sql), name});
    const std::string sum = name + "_sum", count = name + "_count";
    measures->averages = true;
    measures->over_rollup.push_back({fmt::format("sum({})", SqlName(sum)), sum});
    measures->over_rollup.push_back({fmt::format("sum({})::bigint", SqlName(count)), count});
    for (const char* function : {"min", "max"}) {
      const std::string column_name = fmt::format("{}_{}", name, function);
      Add(measures, fmt::format("{}({})", function, sql), column_name,
          fmt::format("{}({})", function, SqlName(column_name)));
    }
  }
}

std::string BucketSql(const Proposal& proposal) {
  if (proposal.time_type == "date") return proposal.time_sql;
  return fmt::format("date_bin('5 minutes', {}, 'epoch')", proposal.time_sql);
}

// An hour of timestamptz depends on a zone, one of timestamp does not.
std::string HourSql(const Proposal& proposal, const std::string& bucket) {
  return proposal.time_type == "timestamp"
             ? fmt::format("date_trunc('hour', {})", SqlName(bucket))
             : fmt::format("date_trunc('hour', {}, 'UTC')", SqlName(bucket));
}

std::vector<RollupColumn> KeysOf(const Proposal& proposal, Namer* namer) {
  std::vector<RollupColumn> keys;
  for (const ColumnUse use : {ColumnUse::kTenant, ColumnUse::kDimension}) {
    for (const Column& column : proposal.columns) {
      if (column.use == use) keys.push_back({SqlName(column.name), namer->Take(column.name)});
    }
  }
  return keys;
}

std::string SelectLine(const RollupColumn& column) {
  return column.expression == SqlName(column.name)
             ? column.expression
             : fmt::format("{} AS {}", column.expression, SqlName(column.name));
}

}  // namespace

std::string SqlName(const QualifiedName& name) {
  return name.schema.empty() ? SqlName(name.name) : SqlName(name.schema) + "." + SqlName(name.name);
}

std::vector<ProposedRollup> RollupsOf(const Proposal& proposal) {
  Namer namer;
  const bool by_day = proposal.time_type == "date";
  ProposedRollup fine, hours;
  fine.keys = hours.keys = KeysOf(proposal, &namer);
  const std::string bucket = namer.Take(by_day ? "day" : "minute");
  fine.keys.push_back({BucketSql(proposal), bucket});
  Measures measures;
  const std::string count = namer.Take("event_count");
  Add(&measures, "count(*)", count, fmt::format("sum({})::bigint", SqlName(count)));
  for (const Column& column : proposal.columns) AddMeasures(column, &namer, &measures);
  fine.measures = measures.over_events;
  fine.source = SqlName(proposal.table);
  fine.name = {proposal.table.schema, proposal.table.name + (by_day ? "_1day" : "_5min")};
  fine.title = by_day ? "By day." : "By five minutes.";
  if (by_day) return {fine};
  for (RollupColumn& key : hours.keys) key.expression = SqlName(key.name);
  hours.keys.push_back({HourSql(proposal, bucket), namer.Take("hour")});
  hours.measures = measures.over_rollup;
  hours.source = SqlName(fine.name);
  hours.name = {proposal.table.schema, proposal.table.name + "_1hr"};
  hours.title = "By the hour, over the first: the events are read once for both.";
  if (measures.averages) hours.title += " An average is its sum divided by its count.";
  hours.over_rollup = true;
  return {fine, hours};
}

std::string DeclareSql(const ProposedRollup& rollup, const std::string& id_column) {
  // Keys that are columns share lines; everything else has a line of its own.
  std::string select, line;
  const auto end_line = [&] {
    if (!line.empty()) select += (select.empty() ? "" : ",\n           ") + line;
    line.clear();
  };
  for (const RollupColumn& key : rollup.keys) {
    const std::string text = SelectLine(key);
    const bool bare = text == key.expression;
    if (!bare || line.size() + text.size() > kLineWidth) end_line();
    line += (line.empty() ? "" : ", ") + text;
    if (!bare) end_line();
  }
  end_line();
  for (const RollupColumn& measure : rollup.measures) {
    line = SelectLine(measure);
    end_line();
  }
  std::string groups = "1";
  for (std::size_t i = 2; i <= rollup.keys.size(); ++i) groups += fmt::format(", {}", i);
  std::string options;
  if (!id_column.empty()) options += ", id_column => " + SqlText(id_column);
  if (!rollup.over_rollup) options += ", refresh_interval => '1 second'";
  // Nothing in a name of a column may end the text.
  std::string tag = "$rollup$";
  while (select.find(tag) != std::string::npos) tag.insert(1, "x");
  return fmt::format(
      "SELECT millrace.create_rollup({0}, {1}\n    SELECT {2}\n    FROM {3}\n    GROUP BY "
      "{4}\n{1}{5});\n",
      SqlText(SqlName(rollup.name)), tag, select, rollup.source, groups, options);
}

}  // namespace millrace::cli
