// Whether an expression gives the same value for a row in every session and at any time.

#include <initializer_list>

#include "pg/rollup/catalog/definition_parts.h"

namespace millrace::pg {
namespace {

// Replaces calls that name their time zone: other forms of these functions depend on a session's
// settings.
Node* WithoutNamedZones(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (IsA(node, FuncExpr)) {
    auto* call = reinterpret_cast<FuncExpr*>(node);
    if (call->funcid == F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT && IsA(linitial(call->args), Const) &&
        IsA(lthird(call->args), Const)) {
      return WithoutNamedZones(static_cast<Node*>(lsecond(call->args)), context);
    }
  }
  return MutateExpressionTree(node, WithoutNamedZones, context);
}

bool TruncatesInSessionZone(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, FuncExpr) &&
      reinterpret_cast<FuncExpr*>(node)->funcid == F_DATE_TRUNC_TEXT_TIMESTAMPTZ) {
    return true;
  }
  return WalkExpressionTree(node, TruncatesInSessionZone, context);
}

bool IsMutable(Node* node) { return contain_mutable_functions(WithoutNamedZones(node, nullptr)); }

// The smallest part of an expression that depends on the session or the time.
bool FindMutablePart(Node* node, void* found) {
  if (node == nullptr) return false;
  auto** part = static_cast<Node**>(found);
  // A list is not an expression of its own, and neither is an argument of an aggregate.
  const bool expression = !IsA(node, List) && !IsA(node, TargetEntry);
  if (!IsMutable(node)) return false;
  if (expression) *part = node;
  return WalkExpressionTree(node, FindMutablePart, found);
}

// Casts to text are the most frequent cause, and it is not obvious which of them depend on the
// session.
const char* HintForMutable(Node* part) {
  if (TruncatesInSessionZone(part, nullptr)) {
    return "Name the time zone of the buckets: date_trunc('hour', t, 'UTC').";
  }
  if (IsA(part, CoerceViaIO)) {
    const Oid type = exprType(reinterpret_cast<Node*>(reinterpret_cast<CoerceViaIO*>(part)->arg));
    if (type_is_enum(getBaseType(type))) {
      return "The labels of an enum can be renamed. Group by the enum itself; for topn_add_agg, "
             "store the value in a column of type text.";
    }
    if (IsTime(getBaseType(type))) {
      return "The text form of a time depends on the session. Group by the time itself.";
    }
    return psprintf("The text form of type %s depends on the session. Use the value itself.",
                    format_type_be(type));
  }
  if (IsA(part, OpExpr) || IsA(part, FuncExpr)) {
    const Oid function = IsA(part, OpExpr) ? get_opcode(reinterpret_cast<OpExpr*>(part)->opno)
                                           : reinterpret_cast<FuncExpr*>(part)->funcid;
    const char* name = get_func_name(function);
    for (const char* joins : {"textanycat", "anytextcat", "concat", "concat_ws", "format"}) {
      if (name != nullptr && strcmp(name, joins) == 0) {
        return "Joining text with a value of another type depends on how the session writes that "
               "value. Cast each part to text and join the parts with ||: a || '/' || b::text.";
      }
    }
  }
  return "Use expressions that give the same value for a row in every session and at any time, "
         "such as "
         "date_bin('5 minutes', t, 'epoch') or t AT TIME ZONE 'UTC'.";
}

}  // namespace

void CheckImmutable(const Query* query, Index source, Node* node, const char* name) {
  if (!IsMutable(node)) return;
  Node* part = node;
  (void)FindMutablePart(node, &part);
  RefuseDefinition(
      name,
      psprintf("%s depends on the session or the time", DeparseForMessage(query, source, part)),
      HintForMutable(part));
}

}  // namespace millrace::pg
