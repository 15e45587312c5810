#include "pg/rollup/catalog/aggregates.h"

#include <initializer_list>

namespace millrace::pg {
namespace {

constexpr KnownAggregate kKnownAggregates[] = {
    {nullptr, "count", ColumnRole::kCount, false},
    {nullptr, "sum", ColumnRole::kSum, false},
    {nullptr, "min", ColumnRole::kMin, true},
    {nullptr, "max", ColumnRole::kMax, true},
    {nullptr, "avg", ColumnRole::kAverage, false},
    {nullptr, "bool_and", ColumnRole::kBoolAnd, true},
    {nullptr, "every", ColumnRole::kBoolAnd, true},
    {nullptr, "bool_or", ColumnRole::kBoolOr, true},
    {"hll", "hll_add_agg", ColumnRole::kHll, true},
    {"hll", "hll_union_agg", ColumnRole::kHll, false},
    {"topn", "topn_add_agg", ColumnRole::kTopN, false},
    {"topn", "topn_union_agg", ColumnRole::kTopN, false},
};

// SQL in which {old} and {new} stand for two values, {value} for one of many, {type} for the
// column's type, and {schema} for where the functions of a sketch are. NULL is no value, except in
// a count: there it is in a column that was added later.
struct MergeRule {
  ColumnRole role;
  const char* two;
  const char* many;
};

constexpr MergeRule kMergeRules[] = {
    {ColumnRole::kCount, "COALESCE({old}, 0) + {new}", "sum({value})::{type}"},
    {ColumnRole::kSum, "COALESCE({old} + {new}, {old}, {new})", "sum({value})::{type}"},
    {ColumnRole::kMin, "LEAST({old}, {new})", "min({value})"},
    {ColumnRole::kMax, "GREATEST({old}, {new})", "max({value})"},
    {ColumnRole::kBoolAnd, "COALESCE({old} AND {new}, {old}, {new})", "bool_and({value})"},
    {ColumnRole::kBoolOr, "COALESCE({old} OR {new}, {old}, {new})", "bool_or({value})"},
    {ColumnRole::kHll, "COALESCE({schema}.hll_union({old}, {new}), {old}, {new})",
     "{schema}.hll_union_agg({value})"},
    {ColumnRole::kTopN, "COALESCE({schema}.topn_union({old}, {new}), {old}, {new})",
     "{schema}.topn_union_agg({value})"},
};

const MergeRule& RuleOf(const RollupColumn& column) {
  for (const MergeRule& rule : kMergeRules) {
    if (rule.role == column.role) return rule;
  }
  elog(ERROR, "column \"%s\" is not a measure that merges", column.name);
}

struct Word {
  const char* name;
  const char* sql;
};

const char* Filled(const char* pattern, std::initializer_list<Word> words) {
  StringInfoData out;
  initStringInfo(&out);
  for (const char* rest = pattern; *rest != '\0';) {
    const Word* found = nullptr;
    for (const Word& word : words) {
      if (strncmp(rest, word.name, strlen(word.name)) == 0) found = &word;
    }
    if (found != nullptr) {
      appendStringInfoString(&out, found->sql);
      rest += strlen(found->name);
    } else {
      appendStringInfoChar(&out, *rest++);
    }
  }
  return out.data;
}

}  // namespace

const KnownAggregate* FindAggregate(const Aggref* aggref) {
  if (aggref->aggdistinct != NIL || aggref->aggorder != NIL || aggref->aggkind != AGGKIND_NORMAL ||
      aggref->aggvariadic) {
    return nullptr;
  }
  const char* extension = nullptr;
  if (aggref->aggfnoid >= FirstNormalObjectId) {
    const Oid owner = getExtensionOfObject(ProcedureRelationId, aggref->aggfnoid);
    if (!OidIsValid(owner)) return nullptr;
    extension = get_extension_name(owner);
  }
  const char* name = get_func_name(aggref->aggfnoid);
  for (const KnownAggregate& known : kKnownAggregates) {
    const bool same_extension =
        known.extension == nullptr
            ? extension == nullptr
            : extension != nullptr && strcmp(extension, known.extension) == 0;
    if (same_extension && strcmp(name, known.name) == 0) return &known;
  }
  return nullptr;
}

const char* MergedSql(const RollupColumn& column, const char* old_value, const char* new_value) {
  return Filled(RuleOf(column).two,
                {{"{old}", old_value}, {"{new}", new_value}, {"{schema}", column.schema}});
}

const char* MergeAggregateSql(const RollupColumn& column, const char* value) {
  return Filled(
      RuleOf(column).many,
      {{"{value}", value},
       {"{type}", format_type_extended(column.type, column.typmod,
                                       FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY)},
       {"{schema}", column.schema}});
}

}  // namespace millrace::pg
