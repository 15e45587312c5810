#include "pg/partman/old_call.h"

#include "pg/base/api.h"
#include "pg/base/list.h"

namespace millrace::pg {
namespace {

post_parse_analyze_hook_type previous_hook = nullptr;

// The parameters of create_parent that both versions have first: table, column, and then interval
// and type, whose order changed.
constexpr int kTable = 0, kColumn = 1, kThird = 2, kFourth = 3;

// The value of a call's parameter, if it is a text constant; else nullptr.
const char* TextOf(const FuncExpr* call, int parameter) {
  int position = 0;
  for (auto* value : Each<Node>(call->args)) {
    int number = position++;
    if (IsA(value, NamedArgExpr)) {
      const auto* named = castNode(NamedArgExpr, value);
      number = named->argnumber;
      value = reinterpret_cast<Node*>(named->arg);
    }
    if (number != parameter) continue;
    if (!IsA(value, Const)) return nullptr;
    const auto* constant = castNode(Const, value);
    if (constant->constisnull || constant->consttype != TEXTOID) return nullptr;
    return TextDatumGetCString(constant->constvalue);
  }
  return nullptr;
}

bool IsNative(const char* value) { return value != nullptr && strcmp(value, "native") == 0; }

bool IsOfPartman(Oid function) {
  const Oid extension = getExtensionOfObject(ProcedureRelationId, function);
  return OidIsValid(extension) && strcmp(get_extension_name(extension), "pg_partman") == 0;
}

bool HasParameter(char** names, int count, int first, const char* name) {
  for (int i = first; names != nullptr && i < count; ++i) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return false;
}

// The call as version 5 takes it, with the values of this one where they are constants.
const char* NewCall(const FuncExpr* call, bool takes_nullable) {
  const bool interval_is_third = IsNative(TextOf(call, kFourth));
  const char* values[] = {TextOf(call, kTable), TextOf(call, kColumn),
                          TextOf(call, interval_is_third ? kThird : kFourth)};
  const char* names[] = {"table", "column", "interval"};
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfo(&text, "SELECT %s.create_parent(",
                   quote_identifier(get_namespace_name(get_func_namespace(call->funcid))));
  for (int i = 0; i < 3; ++i) {
    appendStringInfo(&text, "%s, ",
                     values[i] != nullptr ? quote_literal_cstr(values[i]) : names[i]);
  }
  appendStringInfo(&text, "'range'%s)", takes_nullable ? ", p_control_not_null := false" : "");
  return text.data;
}

void CheckCall(ParseState* state, Node* node) {
  if (node == nullptr || !IsA(node, FuncExpr)) return;
  const auto* call = castNode(FuncExpr, node);
  if (list_length(call->args) <= kFourth) return;
  if (!IsNative(TextOf(call, kThird)) && !IsNative(TextOf(call, kFourth))) return;
  const char* name = get_func_name(call->funcid);
  if (name == nullptr || strcmp(name, "create_parent") != 0 || !IsOfPartman(call->funcid)) return;
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
  if (!HeapTupleIsValid(tuple)) return;
  Oid* types;
  char** names;
  char* modes;
  const int count = get_func_arg_info(tuple, &types, &names, &modes);
  ReleaseSysCache(tuple);
  // In version 4 the type is the third.
  if (!HasParameter(names, Min(count, kThird + 1), kThird, "p_interval")) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("pg_partman 5 has no partitioning \"native\""),
                  errhint("It is \"range\" now, and stands after the interval: %s",
                          NewCall(call, HasParameter(names, count, 0, "p_control_not_null"))),
                  parser_errposition(state, exprLocation(node))));
}

void AnalyzeHook(ParseState* state, Query* query, JumbleState* jumble) {
  if (previous_hook != nullptr) previous_hook(state, query, jumble);
  if (query->commandType != CMD_SELECT) return;
  ListCell* cell;
  foreach (cell, query->targetList) {
    CheckCall(state, reinterpret_cast<Node*>(lfirst_node(TargetEntry, cell)->expr));
  }
  foreach (cell, query->rtable) {
    const auto* entry = lfirst_node(RangeTblEntry, cell);
    if (entry->rtekind != RTE_FUNCTION) continue;
    CheckCall(state, linitial_node(RangeTblFunction, entry->functions)->funcexpr);
  }
}

}  // namespace

void InstallOldCallAdvice() {
  previous_hook = post_parse_analyze_hook;
  post_parse_analyze_hook = AnalyzeHook;
}

}  // namespace millrace::pg
