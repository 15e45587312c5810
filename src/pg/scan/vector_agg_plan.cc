#include "pg/scan/vector_agg_plan.h"

#include "pg/base/list.h"

namespace millrace::pg {
namespace {

int At(const List* list, int i) { return list_nth_int(list, i); }

// An int64 as two integers.
List* AppendInt64(List* list, int64 value) {
  list = lappend_int(list, static_cast<int>(value >> 32));
  return lappend_int(list, static_cast<int>(value & 0xffffffff));
}

int64 Int64At(const List* list, int i) {
  return static_cast<int64>(At(list, i)) << 32 | static_cast<uint32>(At(list, i + 1));
}

}  // namespace

List* SerializePlan(const VectorAggPlan& plan) {
  List* columns = NIL;
  for (int i = 0; i < plan.column_count; ++i) {
    const ColumnPlan& c = plan.columns[i];
    columns = lappend(columns,
                      list_make3_int(c.resno, static_cast<int>(c.type), static_cast<int>(c.kind)));
  }
  List* keys = NIL;
  for (int i = 0; i < plan.key_count; ++i) {
    const KeyPlan& k = plan.keys[i];
    keys = lappend(
        keys, list_make3_int(k.column, static_cast<int>(k.type), static_cast<int>(k.collation)));
  }
  List* aggregates = NIL;
  for (int i = 0; i < plan.aggregate_count; ++i) {
    const AggregatePlan& a = plan.aggregates[i];
    List* fields =
        list_make5_int(static_cast<int>(a.kind), a.column, static_cast<int>(a.hash_width),
                       static_cast<int>(a.function), static_cast<int>(a.result_type));
    fields = lappend_int(fields, a.hll.given);
    for (int j = 0; j < 4; ++j) fields = AppendInt64(fields, j < a.hll.given ? a.hll.values[j] : 0);
    aggregates = lappend(aggregates, fields);
  }
  return list_make4(list_make2_int(plan.sorted, plan.partial), columns, keys, aggregates);
}

void DeserializePlan(const List* list, VectorAggPlan* plan) {
  for (const List* f : Each<List>(static_cast<List*>(lsecond(list)))) {
    plan->columns[plan->column_count++] = {At(f, 0), static_cast<Oid>(At(f, 1)),
                                           static_cast<ColumnKind>(At(f, 2))};
  }
  for (const List* f : Each<List>(static_cast<List*>(lthird(list)))) {
    plan->keys[plan->key_count++] = {At(f, 0), static_cast<Oid>(At(f, 1)),
                                     static_cast<Oid>(At(f, 2))};
  }
  for (const List* f : Each<List>(static_cast<List*>(lfourth(list)))) {
    AggregatePlan& a = plan->aggregates[plan->aggregate_count++];
    a.kind = static_cast<AggregateKind>(At(f, 0));
    a.column = At(f, 1);
    a.hash_width = static_cast<HashWidth>(At(f, 2));
    a.function = static_cast<Oid>(At(f, 3));
    a.result_type = static_cast<Oid>(At(f, 4));
    a.hll.given = At(f, 5);
    for (int j = 0; j < 4; ++j) a.hll.values[j] = Int64At(f, 6 + 2 * j);
  }
  const List* flags = static_cast<List*>(linitial(list));
  plan->sorted = At(flags, 0) != 0;
  plan->partial = At(flags, 1) != 0;
}

}  // namespace millrace::pg
