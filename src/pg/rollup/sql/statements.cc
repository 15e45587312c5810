#include "pg/rollup/sql/statements.h"

#include "pg/base/list.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/aggregates.h"
#include "pg/rollup/catalog/key_index.h"
#include "pg/rollup/sql/events_query.h"

namespace millrace::pg {
namespace {

constexpr const char* kDelta = "millrace_delta";

const char* Quoted(const char* name) { return quote_identifier(name); }

const char* TypeName(const RollupColumn& column) {
  return format_type_extended(column.type, column.typmod,
                              FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

const char* Deparse(const Query* query) { return pg_get_querydef(CopyNode(query), false); }

// The query of a rollup over another, reading `delta` in place of the parent's table.
const char* SelectFromDelta(const Rollup& rollup, const char* delta) {
  Query* query = CopyNode(rollup.definition->storage);
  RangeTblEntry* entry = rt_fetch(rollup.definition->source_rte, query->rtable);
  entry->rtekind = RTE_CTE;
  entry->ctename = pstrdup(delta);
  entry->relid = InvalidOid;
  entry->relkind = '\0';
  return pg_get_querydef(query, false);
}

const Rollup* FindParent(const Rollup& rollup, const Rollup& root) {
  if (root.relation == rollup.parent) return &root;
  for (auto* child : Each<Rollup>(root.children)) {
    const Rollup* found = FindParent(rollup, *child);
    if (found != nullptr) return found;
  }
  return nullptr;
}

template <typename Append>
const char* JoinColumns(const Rollup& rollup, const char* separator, Append append) {
  StringInfoData out;
  initStringInfo(&out);
  for (auto* each : Each<RollupColumn>(rollup.definition->columns)) {
    const int before = out.len;
    if (out.len > 0) appendStringInfoString(&out, separator);
    const int start = out.len;
    append(&out, *each);
    if (out.len == start) {
      // Nothing was written for this column, so remove the separator too.
      out.len = before;
      out.data[before] = '\0';
    }
  }
  return out.data;
}

bool IsMeasure(const RollupColumn& column) {
  return column.role != ColumnRole::kKey && IsStored(column);
}

// The value of a column over two sets of rows, `r` what is there and `excluded` what is new.
void AppendMerged(StringInfo out, const RollupColumn& column) {
  if (!IsMeasure(column)) return;
  const char* name = Quoted(column.name);
  appendStringInfo(out, "%s = %s", name,
                   MergedSql(column, psprintf("r.%s", name), psprintf("excluded.%s", name)));
}

// The aggregate that merges many values of a column.
void AppendMergeAggregate(StringInfo out, const RollupColumn& column) {
  const char* name = Quoted(column.name);
  if (column.role == ColumnRole::kKey) appendStringInfoString(out, name);
  if (!IsMeasure(column)) return;
  appendStringInfo(out, "%s AS %s", MergeAggregateSql(column, name), name);
}

// sum / count, in the type of avg. If `merge` is true, of all rows of a group.
const char* AverageSql(const RollupColumn& column, bool merge) {
  const char* sum = Quoted(psprintf("%s_sum", column.name));
  const char* count = Quoted(psprintf("%s_count", column.name));
  const char* type = TypeName(column);
  const char* divisor = column.type == INTERVALOID ? "float8" : type;
  return merge ? psprintf("sum(%s)::%s / NULLIF(sum(%s), 0)::%s", sum, type, count, divisor)
               : psprintf("%s::%s / NULLIF(%s, 0)::%s", sum, type, count, divisor);
}

// Collects the parts of a family's statement: a WITH query for each rollup that others read, and
// one for each INSERT except the root's.
void AppendFamily(StringInfo out, const Rollup& rollup, const char* delta, int* next) {
  for (const Rollup* child : Each<Rollup>(rollup.children)) {
    const int number = (*next)++;
    const char* select = SelectFromDelta(*child, delta);
    if (child->children != NIL) {
      const char* child_delta = psprintf("%s_%d", kDelta, number);
      appendStringInfo(out, ", %s (%s) AS MATERIALIZED (%s)", child_delta,
                       StoredColumnsSql(*child, ""), select);
      select = psprintf("SELECT %s FROM %s d", StoredColumnsSql(*child, "d."), child_delta);
      AppendFamily(out, *child, child_delta, next);
    }
    appendStringInfo(out, ", millrace_merge_%d AS (%s)", number, MergeSql(*child, select));
  }
}

}  // namespace

const char* StoredColumnsSql(const Rollup& rollup, const char* prefix) {
  return JoinColumns(rollup, ", ", [&](StringInfo out, const RollupColumn& column) {
    if (IsStored(column)) appendStringInfo(out, "%s%s", prefix, Quoted(column.name));
  });
}

const char* KeysSql(const Rollup& rollup, const char* prefix) {
  return JoinColumns(rollup, ", ", [&](StringInfo out, const RollupColumn& column) {
    if (column.role == ColumnRole::kKey) {
      appendStringInfo(out, "%s%s", prefix, Quoted(column.name));
    }
  });
}

const char* AverageSql(const RollupColumn& column) { return AverageSql(column, false); }

List* AddRange(List* ranges, const char* above, const char* up_to) {
  auto* range = static_cast<IdRange*>(palloc(sizeof(IdRange)));
  *range = {above, up_to};
  return lappend(ranges, range);
}

const char* IdLiteral(int64 id) { return psprintf(INT64_FORMAT, id); }

List* SettledRanges(const Rollup& root, const char* up_to) {
  if (!IsDistributed(root)) {
    return AddRange(NIL, root.start_after > 0 ? IdLiteral(root.start_after) : nullptr, up_to);
  }
  const Watermarks watermarks = ReadWatermarks(root.relation);
  List* ranges = NIL;
  for (int i = 0; i < watermarks.count; ++i) {
    const Watermark& node = watermarks.nodes[i];
    const int64 start = node.group == 0 ? root.start_after : IdBase(node.group);
    ranges = AddRange(ranges, IdLiteral(start), IdLiteral(node.position));
  }
  return ranges;
}

namespace {

// On every node, the ids above its watermark. `position` makes an SQL expression from a watermark.
template <typename Position>
List* TailOfNodes(const Watermarks& watermarks, Position position) {
  List* tail = NIL;
  // Nothing is in the rollup from nodes that are not known yet.
  int32 next = 0;
  for (int i = 0; i < watermarks.count; ++i) {
    const Watermark& node = watermarks.nodes[i];
    const int32 group = node.group;
    if (group > next) tail = AddRange(tail, IdLiteral(IdBase(next)), IdLiteral(IdBase(group)));
    // No ids are left on a node that was removed.
    if (node.position < EndOfIds(group)) {
      tail = AddRange(tail, position(node), IdLiteral(EndOfIds(group)));
    }
    next = group + 1;
  }
  return AddRange(tail, IdLiteral(IdBase(next)), nullptr);
}

}  // namespace

List* UnsettledRanges(const Rollup& root, const Watermarks& watermarks) {
  auto position = [](const Watermark& node) { return IdLiteral(node.position); };
  if (!IsDistributed(root)) return AddRange(NIL, position(watermarks.nodes[0]), nullptr);
  return TailOfNodes(watermarks, position);
}

const char* CreateTableSql(const Rollup& rollup) {
  const char* columns = JoinColumns(rollup, ", ", [](StringInfo out, const RollupColumn& column) {
    appendStringInfo(out, "%s %s", Quoted(column.name), TypeName(column));
#ifdef USE_LZ4
    // A row of sketches is written again and again. PostgreSQL's own method takes a fifth of the
    // time of a refresh, and makes it no smaller.
    if (get_typstorage(column.type) != TYPSTORAGE_PLAIN) {
      appendStringInfoString(out, " COMPRESSION lz4");
    }
#endif
    if (OidIsValid(column.collation) && column.collation != get_typcollation(column.type)) {
      appendStringInfo(out, " COLLATE %s", generate_collation_name(column.collation));
    }
    if (column.role == ColumnRole::kAverage) {
      appendStringInfo(out, " GENERATED ALWAYS AS (%s) STORED", AverageSql(column, false));
    }
  });
  // Rows of open buckets are updated at each refresh, and most rows of a page in one transaction.
  // If half of the page is free, the new versions stay on it, the index does not change, and the
  // next refresh uses the space of the old versions.
  return psprintf("CREATE TABLE %s (%s) USING heap WITH (fillfactor = 50)", rollup.name, columns);
}

const char* CreateBucketIndexSql(const Rollup& rollup) {
  return psprintf("CREATE INDEX ON %s USING brin (%s) WITH (pages_per_range = 32)", rollup.name,
                  Quoted(rollup.definition->bucket));
}

const char* TimeLiteral(TimestampTz time) {
  const char* text =
      DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(time)));
  return psprintf("%s::timestamptz", quote_literal_cstr(text));
}

const char* BucketTimeSql(const Rollup& rollup, const char* time) {
  return rollup.definition->bucket_type == TIMESTAMPTZOID ? time
                                                          : psprintf("timezone('UTC', %s)", time);
}

const char* TimeOfBucketSql(const Rollup& rollup, const char* bucket) {
  return rollup.definition->bucket_type == TIMESTAMPTZOID
             ? bucket
             : psprintf("timezone('UTC', %s::timestamp)", bucket);
}

const char* WatermarkSql(const Rollup& root) {
  // If a live view was restored without the catalog's row, it must raise an error instead of
  // counting all events again.
  const char* name = quote_literal_cstr(root.name);
  return psprintf(
      "(SELECT COALESCE((SELECT w.position FROM millrace.watermark w WHERE w.relation = "
      "%s::regclass AND w.node_group = 0), millrace.no_watermark(%s::regclass)))",
      name, name);
}

const char* SelectSql(const Rollup& rollup, const Rollup& root, const char* id_column,
                      const EventSelection& events) {
  if (rollup.relation == root.relation) return SelectFromEventsSql(root, id_column, events);
  const Rollup* parent = FindParent(rollup, root);
  return psprintf("WITH %s (%s) AS (%s) %s", kDelta, StoredColumnsSql(*parent, ""),
                  SelectSql(*parent, root, id_column, events), SelectFromDelta(rollup, kDelta));
}

const char* EventTimeOf(const Rollup& rollup, const Rollup& root) {
  const RollupDefinition& definition = *rollup.definition;
  if (definition.bucket == nullptr || definition.bucket_time == nullptr) return nullptr;
  if (rollup.relation == root.relation) return definition.bucket_time;
  const Rollup& parent = *FindParent(rollup, root);
  const char* bucket = parent.definition->bucket;
  if (bucket == nullptr || strcmp(bucket, definition.bucket_time) != 0) return nullptr;
  return EventTimeOf(parent, root);
}

const char* BucketOfSql(const Rollup& rollup, const Rollup& root, const char* time) {
  if (rollup.relation != root.relation) time = BucketOfSql(*FindParent(rollup, root), root, time);
  const RollupDefinition& definition = *rollup.definition;
  const FuncExpr* call = definition.bucket_call;
  if (call == nullptr && rollup.relation != root.relation) return time;
  // Each time is a bucket of its own, so any bound is right.
  if (call == nullptr) return psprintf("pg_catalog.date_trunc('day', %s, 'UTC')", time);
  // The call, with `time` in place of its column.
  List* context = deparse_context_for("t", rollup.source);
  StringInfoData out;
  initStringInfo(&out);
  for (auto* argument : Each<Node>(call->args)) {
    const char* sql = IsA(argument, Var)
                          ? BucketTimeSql(rollup, time)
                          : deparse_expression(CopyNode(argument), context, false, false);
    appendStringInfo(&out, "%s%s", out.len > 0 ? ", " : "", sql);
  }
  return TimeOfBucketSql(rollup,
                         psprintf("pg_catalog.%s(%s)", get_func_name(call->funcid), out.data));
}

const char* SelectFromParentSql(const Rollup& rollup, const Rollup& parent, const char* condition) {
  if (condition == nullptr) return Deparse(rollup.definition->storage);
  const char* columns = StoredColumnsSql(parent, "");
  return psprintf("WITH %s (%s) AS (SELECT %s FROM %s WHERE %s) %s", kDelta, columns, columns,
                  parent.name, condition, SelectFromDelta(rollup, kDelta));
}

EventSelection EventsIn(const Rollup& rollup, const Rollup& root, List* ranges, const char* since,
                        const char* until) {
  EventSelection events;
  events.ranges = ranges;
  events.without_failed = true;
  const char* time = EventTimeOf(rollup, root);
  if (time == nullptr || (since == nullptr && until == nullptr)) return events;
  events.time_column = time;
  if (since != nullptr) events.since = BucketOfSql(rollup, root, since);
  if (until != nullptr) {
    events.until = psprintf("CASE WHEN %s = %s THEN %s ELSE 'infinity'::timestamptz END",
                            BucketOfSql(rollup, root, until), until, until);
  }
  return events;
}

const char* MergeSql(const Rollup& rollup, const char* select) {
  const char* merges = JoinColumns(
      rollup, ", ", [](StringInfo out, const RollupColumn& column) { AppendMerged(out, column); });
  const char* action = *merges == '\0' ? "NOTHING" : psprintf("UPDATE SET %s", merges);
  return psprintf("INSERT INTO %s AS r (%s) %s ON CONFLICT (%s) DO %s", rollup.name,
                  StoredColumnsSql(rollup, ""), select, KeyIndexSql(rollup), action);
}

const char* NextIdSql(const Rollup& root, const char* id_column) {
  const char* id = Quoted(id_column);
  return psprintf("SELECT min(%s)::int8 FROM %s WHERE %s > $1 AND %s <= $2", id,
                  QualifiedName(root.source), id, id);
}

const char* LastIdAboveSql(const Rollup& root, const char* id_column) {
  const char* id = Quoted(id_column);
  // Not max(id) itself: its plan would merge an index scan of every partition, and takes long to
  // make.
  return psprintf("SELECT max(%s::int8 + 0) FROM %s WHERE %s > $1", id, QualifiedName(root.source),
                  id);
}

const char* RefreshSql(const Rollup& root, const char* id_column) {
  const char* select = SelectSql(root, root, id_column, {AddRange(NIL, "$1", "$2")});
  if (root.children == NIL) return MergeSql(root, select);
  StringInfoData out;
  initStringInfo(&out);
  appendStringInfo(&out, "WITH %s (%s) AS MATERIALIZED (%s)", kDelta, StoredColumnsSql(root, ""),
                   select);
  int next = 1;
  AppendFamily(&out, root, kDelta, &next);
  // The root's INSERT comes last, so the groups of the rollups over it are made in the order of its
  // index.
  appendStringInfo(
      &out, " %s",
      MergeSql(root, psprintf("SELECT %s FROM %s d", StoredColumnsSql(root, "d."), kDelta)));
  return out.data;
}

namespace {

// The events that are not in the table of a root, each node's watermark read in the statement's own
// snapshot.
List* TailOf(const Rollup& root) {
  // The planner takes a range with two ends to be small, which it is.
  if (!IsDistributed(root)) return AddRange(NIL, WatermarkSql(root), "9223372036854775807");
  const char* copy = QualifiedName(root.watermark_copy);
  return TailOfNodes(ReadWatermarks(root.relation), [copy](const Watermark& node) {
    // A node that is not in the copy yet has no events in the rollup.
    return psprintf("COALESCE((SELECT w.position FROM %s w WHERE w.node_group = %d), %s)", copy,
                    node.group, IdLiteral(IdBase(node.group)));
  });
}

}  // namespace

const char* LiveSql(const Rollup& rollup, const Rollup& root, const char* id_column) {
  const char* outputs = JoinColumns(rollup, ", ", [](StringInfo out, const RollupColumn& column) {
    if (IsStored(column)) {
      AppendMergeAggregate(out, column);
    } else {
      appendStringInfo(out, "%s AS %s", AverageSql(column, true), Quoted(column.name));
    }
  });
  const char* stored = StoredColumnsSql(rollup, "");
  return psprintf(
      "SELECT %s FROM (SELECT %s FROM %s UNION ALL SELECT %s FROM (%s) AS tail (%s)) AS rows "
      "GROUP BY %s",
      outputs, stored, rollup.name, stored, SelectSql(rollup, root, id_column, {TailOf(root)}),
      stored, KeysSql(rollup, ""));
}

}  // namespace millrace::pg
