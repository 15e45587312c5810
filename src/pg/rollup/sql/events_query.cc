#include "pg/rollup/sql/events_query.h"

namespace millrace::pg {
namespace {

// A column of the source.
Var* SourceColumn(const Query* query, Index rte, const char* column) {
  const Oid table = rt_fetch(rte, query->rtable)->relid;
  const AttrNumber attribute = get_attnum(table, column);
  Oid type, collation;
  int32 typmod;
  get_atttypetypmodcoll(table, attribute, &type, &typmod, &collation);
  return makeVar(static_cast<int>(rte), attribute, type, typmod, collation, 0);
}

// A parameter that stands for an expression, and is replaced by it once the query is text.
Param* Placeholder(int number, Oid type) {
  Param* parameter = makeNode(Param);
  parameter->paramkind = PARAM_EXTERN;
  parameter->paramid = number;
  parameter->paramtype = type;
  parameter->paramtypmod = -1;
  parameter->location = -1;
  return parameter;
}

Expr* Compare(Var* column, const char* operator_name, Param* value) {
  ParseState* state = make_parsestate(nullptr);
  List* name = list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup(operator_name)));
  Expr* condition = make_op(state, name, reinterpret_cast<Node*>(column),
                            reinterpret_cast<Node*>(value), nullptr, -1);
  free_parsestate(state);
  return condition;
}

// CASE WHEN failed THEN false ELSE quals END: for events that were set aside, nothing of the query
// is evaluated.
Node* WithoutFailed(const Query* query, Param* failed) {
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

// Replaces every occurrence of `what`.
const char* Replace(const char* text, const char* what, const char* by) {
  StringInfoData out;
  initStringInfo(&out);
  const size_t length = strlen(what);
  while (const char* at = strstr(text, what)) {
    appendBinaryStringInfo(&out, text, static_cast<int>(at - text));
    appendStringInfoString(&out, by);
    text = at + length;
  }
  appendStringInfoString(&out, text);
  return out.data;
}

// A parameter number that does not occur in the query's text, nor do the 999 after it.
int UnusedParameters(const char* sql) {
  for (int thousand = 11;; ++thousand) {
    if (strstr(sql, psprintf("$%d", thousand)) == nullptr) return 1000 * thousand;
  }
}

const char* Deparse(const Query* query) { return pg_get_querydef(CopyNode(query), false); }

// The conditions on the events are added to the query tree with parameters in place of their
// expressions. Later these expressions replace the parameters in the text.
class EventsQuery {
 public:
  EventsQuery(const Rollup& root, const char* id_column)
      : root_(root),
        id_column_(id_column),
        rte_(root.definition->source_rte),
        query_(CopyNode(root.definition->storage)),
        id_(SourceColumn(query_, rte_, id_column)),
        first_(UnusedParameters(Deparse(query_))) {}

  const char* Sql(const EventSelection& events) {
    if (events.without_failed) {
      const char* failed = FailedSql();
      if (failed != nullptr) {
        query_->jointree->quals = WithoutFailed(query_, Add(failed, BOOLOID));
      }
    }
    if (events.time_column != nullptr) {
      Var* time = SourceColumn(query_, rte_, events.time_column);
      AddCondition(BetweenTimes(time, events));
    }
    List* alternatives = NIL;
    ListCell* cell;
    foreach (cell, events.ranges) {
      const auto* range = static_cast<IdRange*>(lfirst(cell));
      List* conditions = NIL;
      if (range->above != nullptr) {
        conditions = lappend(conditions, Compare(id_, ">", Add(range->above, INT8OID)));
      }
      if (range->up_to != nullptr) {
        conditions = lappend(conditions, Compare(id_, "<=", Add(range->up_to, INT8OID)));
      }
      if (conditions != NIL) alternatives = lappend(alternatives, make_ands_explicit(conditions));
    }
    if (list_length(alternatives) == 1) AddCondition(static_cast<Expr*>(linitial(alternatives)));
    if (list_length(alternatives) > 1) AddCondition(make_orclause(alternatives));
    return Finished();
  }

 private:
  // Whether an event was set aside, read in the statement's own snapshot. The query reads one
  // table, and the id is a column of it. What Citus sends to the shards cannot read this node's
  // catalog; such a statement has the ids as a list, because no more events are set aside there.
  const char* FailedSql() const {
    const char* id = quote_identifier(id_column_);
    if (!OidIsValid(root_.node_watermark)) {
      return psprintf(
          "(%s IN (SELECT f.event_id FROM millrace.failed_event f WHERE f.relation = "
          "%s::regclass))",
          id, quote_literal_cstr(root_.name));
    }
    const char* ids = FailedEventsSql(root_.relation);
    return ids == nullptr ? nullptr : psprintf("(%s = ANY (%s))", id, ids);
  }

  Param* Add(const char* expression, Oid type) {
    expressions_ = lappend(expressions_, const_cast<char*>(expression));
    return Placeholder(first_ + list_length(expressions_) - 1, type);
  }

  void AddCondition(Expr* condition) {
    if (condition == nullptr) return;
    query_->jointree->quals =
        make_and_qual(query_->jointree->quals, reinterpret_cast<Node*>(condition));
  }

  // The bounds have the type of the column, so that PostgreSQL can leave out partitions by them.
  Expr* BetweenTimes(Var* time, const EventSelection& events) {
    List* conditions = NIL;
    auto add = [&](const char* operator_name, const char* bound) {
      if (bound == nullptr) return;
      const char* sql = time->vartype == TIMESTAMPTZOID ? bound
                        : time->vartype == DATEOID ? psprintf("timezone('UTC', %s)::date", bound)
                                                   : psprintf("timezone('UTC', %s)", bound);
      conditions = lappend(conditions, Compare(time, operator_name, Add(sql, time->vartype)));
    };
    add(">=", events.since);
    add("<", events.until);
    return conditions == NIL ? nullptr : make_ands_explicit(conditions);
  }

  const char* Finished() {
    if (list_length(expressions_) >= 1000) {
      ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
                      errmsg("the events of rollup %s are written on too many nodes", root_.name)));
    }
    const char* sql = Deparse(query_);
    ListCell* cell;
    foreach (cell, expressions_) {
      sql = Replace(sql, psprintf("$%d", first_ + foreach_current_index(cell)),
                    static_cast<char*>(lfirst(cell)));
    }
    return sql;
  }

  const Rollup& root_;
  const char* id_column_;
  Index rte_;
  Query* query_;
  Var* id_;
  int first_;
  List* expressions_ = NIL;
};

}  // namespace

const char* SelectFromEventsSql(const Rollup& root, const char* id_column,
                                const EventSelection& events) {
  return EventsQuery(root, id_column).Sql(events);
}

}  // namespace millrace::pg
