#include "pg/rollup/sql/events_query.h"

#include "pg/base/list.h"

namespace millrace::pg {
namespace {

constexpr const char* kEvents = "millrace_events";

// A column of the events, in the text of a condition.
const char* EventColumn(const char* column) {
  return psprintf("%s.%s", kEvents, quote_identifier(column));
}

// An expression over the events, as a part of `query`. $1 and $2 in it are of type bigint.
Node* ParseOverEvents(const Rollup& root, Query* query, const char* sql) {
  const char* select = psprintf("SELECT %s FROM %s %s", sql, QualifiedName(root.source), kEvents);
  auto* statement = static_cast<RawStmt*>(linitial(raw_parser(select, RAW_PARSE_DEFAULT)));
  const Oid parameters[] = {INT8OID, INT8OID};
  const Query* parsed = parse_analyze_fixedparams(statement, select, parameters, 2, nullptr);
  auto* expression =
      reinterpret_cast<Node*>(static_cast<TargetEntry*>(linitial(parsed->targetList))->expr);
  ChangeVarNodes(expression, 1, static_cast<int>(root.definition->source_rte), 0);
  query->hasSubLinks |= parsed->hasSubLinks;
  return expression;
}

// CASE WHEN failed THEN false ELSE quals END: for events that were set aside, nothing of the query
// is evaluated. A condition beside the others, or one in a subquery, would not do: PostgreSQL
// evaluates them in the order that it takes to be cheapest.
Node* WithoutFailed(const Query* query, Node* failed) {
  CaseWhen* when = makeNode(CaseWhen);
  when->expr = reinterpret_cast<Expr*>(failed);
  when->result = reinterpret_cast<Expr*>(makeBoolConst(false, false));
  CaseExpr* choice = makeNode(CaseExpr);
  choice->casetype = BOOLOID;
  choice->args = list_make1(when);
  choice->defresult = query->jointree->quals != nullptr
                          ? reinterpret_cast<Expr*>(query->jointree->quals)
                          : reinterpret_cast<Expr*>(makeBoolConst(true, false));
  choice->location = -1;
  return reinterpret_cast<Node*>(choice);
}

// Whether an event was set aside, read in the statement's own snapshot; nullptr if none was. What
// Citus sends to the shards cannot read this node's catalog; such a statement has the ids as a
// list, because no more events are set aside there.
const char* FailedSql(const Rollup& root, const char* id) {
  if (!IsDistributed(root)) {
    return psprintf(
        "%s IN (SELECT f.event_id FROM millrace.failed_event f WHERE f.relation = %s::regclass)",
        id, quote_literal_cstr(root.name));
  }
  const char* ids = FailedEventsSql(root.relation);
  return ids == nullptr ? nullptr : psprintf("%s = ANY (%s)", id, ids);
}

// The condition that a time of the events is in the span; nullptr if both ends are open. The bounds
// have the type of the column, so that PostgreSQL can leave out partitions by them.
const char* SpanSql(const Rollup& root, const EventSelection& events) {
  if (events.time_column == nullptr) return nullptr;
  const Oid type = get_atttype(root.source, get_attnum(root.source, events.time_column));
  const char* time = EventColumn(events.time_column);
  auto bound = [type](const char* value) {
    return type == TIMESTAMPTZOID ? value
           : type == DATEOID      ? psprintf("timezone('UTC', %s)::date", value)
                                  : psprintf("timezone('UTC', %s)", value);
  };
  const char* since =
      events.since == nullptr ? nullptr : psprintf("%s >= %s", time, bound(events.since));
  const char* until =
      events.until == nullptr ? nullptr : psprintf("%s < %s", time, bound(events.until));
  if (since == nullptr || until == nullptr) return since == nullptr ? until : since;
  return psprintf("%s AND %s", since, until);
}

const char* RangeSql(const IdRange& range, const char* id) {
  if (range.up_to == nullptr) return psprintf("%s > %s", id, range.above);
  if (range.above == nullptr) return psprintf("%s <= %s", id, range.up_to);
  return psprintf("%s > %s AND %s <= %s", id, range.above, id, range.up_to);
}

void AddCondition(const Rollup& root, Query* query, const char* sql) {
  if (sql == nullptr) return;
  query->jointree->quals = make_and_qual(query->jointree->quals, ParseOverEvents(root, query, sql));
}

}  // namespace

const char* RangesSql(List* ranges, const char* id) {
  StringInfoData out;
  initStringInfo(&out);
  for (const IdRange* range : Each<IdRange>(ranges)) {
    if (range->above == nullptr && range->up_to == nullptr) return nullptr;
    appendStringInfo(&out, "%s(%s)", out.len > 0 ? " OR " : "", RangeSql(*range, id));
  }
  return out.len > 0 ? out.data : nullptr;
}

const char* SelectFromEventsSql(const Rollup& root, const char* id_column,
                                const EventSelection& events) {
  Query* query = CopyNode(root.definition->storage);
  const char* id = EventColumn(id_column);
  const char* failed = events.without_failed ? FailedSql(root, id) : nullptr;
  if (failed != nullptr) {
    query->jointree->quals = WithoutFailed(query, ParseOverEvents(root, query, failed));
  }
  AddCondition(root, query, SpanSql(root, events));
  AddCondition(root, query, RangesSql(events.ranges, id));
  return pg_get_querydef(query, false);
}

}  // namespace millrace::pg
