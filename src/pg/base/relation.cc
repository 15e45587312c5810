#include "pg/base/relation.h"

namespace millrace::pg {

const char* QualifiedName(Oid relation) {
  const char* name = get_rel_name(relation);
  if (name == nullptr) return psprintf("%u", relation);
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

Oid OwnerOf(Oid relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for relation %u", relation);
  const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  return owner;
}

Oid FileOf(Oid relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for relation %u", relation);
  const Oid file = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relfilenode;
  ReleaseSysCache(tuple);
  return file;
}

Oid SequenceOfDefault(Node* expression) {
  while (expression != nullptr && IsA(expression, FuncExpr)) {
    const auto* call = reinterpret_cast<FuncExpr*>(expression);
    auto* argument = static_cast<Node*>(linitial(call->args));
    if (call->funcid == F_NEXTVAL) {
      const auto* sequence = reinterpret_cast<Const*>(argument);
      return IsA(sequence, Const) && !sequence->constisnull ? DatumGetObjectId(sequence->constvalue)
                                                            : InvalidOid;
    }
    if (call->funcformat != COERCE_IMPLICIT_CAST && call->funcformat != COERCE_EXPLICIT_CAST) {
      return InvalidOid;
    }
    expression = argument;
  }
  if (expression != nullptr && IsA(expression, NextValueExpr)) {
    return reinterpret_cast<NextValueExpr*>(expression)->seqid;
  }
  return InvalidOid;
}

bool ReadSequence(Oid sequence, int64* last) {
  Relation relation = try_relation_open(sequence, AccessShareLock);
  if (relation == nullptr) return false;
  const Buffer buffer = ReadBuffer(relation, 0);
  LockBuffer(buffer, BUFFER_LOCK_SHARE);
  const Page page = BufferGetPage(buffer);
  const ItemId item = PageGetItemId(page, FirstOffsetNumber);
  const auto* header = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
  *last = reinterpret_cast<const FormData_pg_sequence_data*>(reinterpret_cast<const char*>(header) +
                                                             header->t_hoff)
              ->last_value;
  UnlockReleaseBuffer(buffer);
  relation_close(relation, NoLock);
  return true;
}

}  // namespace millrace::pg
