// What a declared rollup computes, told column by column: millrace.rollup_columns, rollup_filter.

#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/rollup/catalog/aggregates.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/catalog/definition_parts.h"

using namespace millrace::pg;

namespace {

const char* RoleName(const RollupColumn& column, bool is_bucket) {
  switch (column.role) {
    case ColumnRole::kKey:
      return is_bucket ? "bucket" : "key";
    case ColumnRole::kCount:
      return "count";
    case ColumnRole::kSum:
      return "sum";
    case ColumnRole::kMin:
      return "min";
    case ColumnRole::kMax:
      return "max";
    case ColumnRole::kBoolAnd:
      return "bool_and";
    case ColumnRole::kBoolOr:
      return "bool_or";
    case ColumnRole::kHll:
      return "hll";
    case ColumnRole::kTopN:
      return "topn";
    case ColumnRole::kAverage:
      return "average";
  }
  pg_unreachable();
}

// What one row of rollup_columns says. A nullptr is NULL.
struct Description {
  const char* expression = nullptr;     // a key's, or an aggregate's argument
  const char* filter = nullptr;         // an aggregate's FILTER
  const char* parent_column = nullptr;  // the column below, if it is nothing but that
};

// The name of the column that an expression is, without any cast; nullptr if it is none.
const char* ColumnOf(const RollupDefinition& definition, const Node* node) {
  const auto* var = reinterpret_cast<const Var*>(node);
  if (!IsA(node, Var) || var->varattno <= 0) return nullptr;
  return get_attname(definition.source, var->varattno, false);
}

Description DescribeMeasure(const RollupDefinition& definition, TargetEntry* entry) {
  Description description;
  const Aggref* aggref = AggregateBelowCasts(entry->expr);
  if (aggref == nullptr) return description;
  const auto deparse = [&](const void* node) {
    return DeparseForMessage(definition.storage, definition.source_rte, node);
  };
  if (aggref->aggfilter != nullptr) description.filter = deparse(aggref->aggfilter);
  if (aggref->args == NIL) {
    description.expression = "*";
    return description;
  }
  const auto* argument = static_cast<TargetEntry*>(linitial(aggref->args));
  description.expression = deparse(argument->expr);
  if (description.filter == nullptr) {
    description.parent_column = ColumnOf(definition, reinterpret_cast<const Node*>(argument->expr));
  }
  return description;
}

TargetEntry* StoredTarget(const RollupDefinition& definition, const char* name) {
  for (auto* entry : Each<TargetEntry>(definition.storage->targetList)) {
    if (strcmp(entry->resname, name) == 0) return entry;
  }
  return nullptr;
}

Description Describe(const RollupDefinition& definition, const RollupColumn& column) {
  TargetEntry* entry = StoredTarget(definition, column.name);
  if (entry == nullptr) return {};  // an average, whose sum and count are described
  if (column.role != ColumnRole::kKey) return DescribeMeasure(definition, entry);
  return {DeparseForMessage(definition.storage, definition.source_rte, entry->expr), nullptr,
          ColumnOf(definition, reinterpret_cast<const Node*>(entry->expr))};
}

// How the times of a bucket are cut.
struct Cut {
  Datum width = 0;  // interval; 0: not known
  const char* zone = nullptr;
  Datum origin = 0;
  bool has_origin = false;
};

const Const* ArgumentOf(const FuncExpr* call, int number) {
  if (list_length(call->args) <= number) return nullptr;
  const auto* argument = static_cast<const Const*>(list_nth(call->args, number));
  return IsA(argument, Const) && !argument->constisnull ? argument : nullptr;
}

Cut CutOf(const RollupDefinition& definition) {
  Cut cut;
  const FuncExpr* call = definition.bucket_call;
  const Const* first = call == nullptr ? nullptr : ArgumentOf(call, 0);
  if (first == nullptr) return cut;
  const Const* third = ArgumentOf(call, 2);
  switch (call->funcid) {
    case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
    case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
      cut.width = first->constvalue;
      // A timestamp is taken as UTC, so it is the same number.
      cut.has_origin = third != nullptr;
      if (third != nullptr) cut.origin = third->constvalue;
      return cut;
    default: {
      // 'quarter' is no unit of an interval. Units that date_trunc has and that are longer than a
      // year are left unknown.
      const char* unit = TextDatumGetCString(first->constvalue);
      static constexpr const char* kUnits[] = {"second", "minute", "hour", "day",
                                               "week",   "month",  "year"};
      for (const char* known : kUnits) {
        if (pg_strcasecmp(unit, known) != 0 && pg_strcasecmp(unit, psprintf("%ss", known)) != 0) {
          continue;
        }
        cut.width = DirectFunctionCall3(interval_in, CStringGetDatum(psprintf("1 %s", known)),
                                        ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
      }
      if (pg_strcasecmp(unit, "quarter") == 0) {
        cut.width = DirectFunctionCall3(interval_in, CStringGetDatum("3 months"),
                                        ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
      }
      if (third != nullptr) cut.zone = TextDatumGetCString(third->constvalue);
      return cut;
    }
  }
}

}  // namespace

// millrace.rollup_columns(rollup regclass) returns setof (position, name, role, type, expression,
// filter, parent_column, bucket_width, bucket_zone, bucket_origin): one row per column, in the
// order of the query. Raises 42704 if it is no declared rollup.
MILLRACE_FUNCTION(rollup_columns) {
  InitMaterializedSRF(fcinfo, 0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  WithSpi([&] {
    const Rollup* rollup = GetRollup(PG_GETARG_OID(0));
    const RollupDefinition& definition = *rollup->definition;
    const auto text = [](const char* value) {
      return value == nullptr ? Datum(0) : CStringGetTextDatum(value);
    };
    int position = 0;
    for (const RollupColumn* column : Each<RollupColumn>(definition.columns)) {
      const bool is_bucket =
          definition.bucket != nullptr && strcmp(column->name, definition.bucket) == 0;
      const Description description = Describe(definition, *column);
      const Cut cut = is_bucket ? CutOf(definition) : Cut{};
      NameData name;
      namestrcpy(&name, column->name);
      NameData parent_column;
      const bool has_parent =
          OidIsValid(rollup->parent) && (description.parent_column != nullptr ||
                                         (is_bucket && definition.bucket_time != nullptr));
      if (has_parent) {
        namestrcpy(&parent_column, description.parent_column != nullptr ? description.parent_column
                                                                        : definition.bucket_time);
      }
      Datum values[] = {Int32GetDatum(++position),
                        NameGetDatum(&name),
                        text(RoleName(*column, is_bucket)),
                        ObjectIdGetDatum(column->type),
                        text(description.expression),
                        text(description.filter),
                        NameGetDatum(&parent_column),
                        cut.width,
                        text(cut.zone),
                        cut.origin};
      bool nulls[] = {false,
                      false,
                      false,
                      false,
                      description.expression == nullptr,
                      description.filter == nullptr,
                      !has_parent,
                      cut.width == 0,
                      cut.zone == nullptr,
                      !cut.has_origin};
      tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
    }
  });
  return static_cast<Datum>(0);
}

// millrace.rollup_filter(rollup regclass) returns text: the WHERE of its query; NULL if it has
// none. Raises 42704 if it is no declared rollup.
MILLRACE_FUNCTION(rollup_filter) {
  text* filter = nullptr;
  WithSpi([&] {
    const Rollup* rollup = GetRollup(PG_GETARG_OID(0));
    const RollupDefinition& definition = *rollup->definition;
    const Node* quals = definition.query->jointree->quals;
    if (quals == nullptr) return;
    filter = TextOutsideSpi(DeparseForMessage(definition.query, definition.source_rte, quals));
  });
  if (filter == nullptr) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(filter);
}
