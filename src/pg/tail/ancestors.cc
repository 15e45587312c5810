#include "pg/tail/ancestors.h"

namespace millrace::pg {
namespace {

struct Known {
  Oid relation;
  bool above_others;  // it is above another known table
  bool complete;      // `above` is filled
  int count;
  Oid* above;
  // The trees that it is in, of this version.
  TreeSet trees;
  uint32 version;
};
HTAB* cache = nullptr;
// Counts changes of any table.
uint64 changes = 0;

void ForgetAll() {
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, cache);
  while (auto* known = static_cast<Known*>(hash_seq_search(&status))) {
    if (known->above != nullptr) pfree(known->above);
    (void)hash_search(cache, &known->relation, HASH_REMOVE, nullptr);
  }
}

void Forget(Datum, Oid relation) {
  ++changes;
  if (!OidIsValid(relation)) return ForgetAll();
  auto* known = static_cast<Known*>(hash_search(cache, &relation, HASH_FIND, nullptr));
  if (known == nullptr) return;
  if (known->above_others) return ForgetAll();
  if (known->above != nullptr) pfree(known->above);
  (void)hash_search(cache, &relation, HASH_REMOVE, nullptr);
}

// The rows of pg_inherits about what is directly above a relation.
template <typename Visit>
void EachParent(Oid relation, Visit visit) {
  Relation inherits = table_open(InheritsRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
              ObjectIdGetDatum(relation));
  SysScanDesc scan =
      systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, nullptr, 1, &key);
  while (HeapTuple tuple = systable_getnext(scan)) visit(tuple);
  systable_endscan(scan);
  table_close(inherits, AccessShareLock);
}

Oid ParentIn(HeapTuple tuple) {
  return reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhparent;
}

// Everything above, each once.
List* FindAbove(Oid relation) {
  List* above = NIL;
  auto add = [&](HeapTuple tuple) { above = list_append_unique_oid(above, ParentIn(tuple)); };
  EachParent(relation, add);
  for (int i = 0; i < list_length(above); ++i) EachParent(list_nth_oid(above, i), add);
  return above;
}

Known* Enter(Oid relation) {
  bool found;
  auto* known = static_cast<Known*>(hash_search(cache, &relation, HASH_ENTER, &found));
  if (!found) *known = {relation, false, false, 0, nullptr, 0, 0};
  return known;
}

const Known* Look(Oid relation) {
  if (cache == nullptr) {
    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Known);
    HTAB* made = hash_create("millrace ancestors", 256, &control, HASH_ELEM | HASH_BLOBS);
    cache = made;
    CacheRegisterRelcacheCallback(Forget, 0);
  }
  auto* known = static_cast<Known*>(hash_search(cache, &relation, HASH_FIND, nullptr));
  if (known != nullptr && known->complete) return known;
  // Looking may notice changes, of these tables too.
  List* above;
  uint64 before;
  do {
    before = changes;
    above = FindAbove(relation);
  } while (changes != before);
  known = Enter(relation);
  if (above != NIL) {
    known->above =
        static_cast<Oid*>(MemoryContextAlloc(TopMemoryContext, list_length(above) * sizeof(Oid)));
    for (int i = 0; i < list_length(above); ++i) known->above[i] = list_nth_oid(above, i);
  }
  known->count = list_length(above);
  known->complete = true;
  for (int i = 0; i < list_length(above); ++i) Enter(list_nth_oid(above, i))->above_others = true;
  return known;
}

}  // namespace

bool IsAnyAbove(Oid relation, bool (*visit)(Oid above, void* argument), void* argument) {
  const Known* known = Look(relation);
  for (int i = 0; i < known->count; ++i) {
    if (visit(known->above[i], argument)) return true;
  }
  return false;
}

bool IsInTree(Oid relation, Oid table) {
  if (relation == table) return true;
  return IsAnyAbove(
      relation, [](Oid above, void* wanted) { return above == *static_cast<Oid*>(wanted); },
      &table);
}

TreeSet TreesOf(Oid relation) {
  const Tree* trees;
  const TreeSet here = TreesHere(&trees);
  if (here == 0) return 0;
  auto* known = const_cast<Known*>(Look(relation));
  if (known->version == TreesVersion()) return known->trees;
  TreeSet found = 0;
  for (int i = 0; i < kMostTrees; ++i) {
    if ((here >> i & 1) == 0) continue;
    bool in_it = trees[i].root == relation;
    for (int j = 0; j < known->count && !in_it; ++j) in_it = known->above[j] == trees[i].root;
    if (in_it) found |= TreeSet{1} << i;
  }
  known->trees = found;
  known->version = TreesVersion();
  return found;
}

bool IsLeafNow(Oid leaf, Oid root) {
  for (Oid relation = leaf; relation != root;) {
    Oid parent = InvalidOid;
    bool left = false;
    EachParent(relation, [&](HeapTuple tuple) {
      parent = ParentIn(tuple);
      left |= reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhdetachpending &&
              !XidInMVCCSnapshot(HeapTupleHeaderGetXmin(tuple->t_data), GetActiveSnapshot());
    });
    if (left || !OidIsValid(parent)) return false;
    relation = parent;
  }
  return true;
}

bool IsNewInTree(Oid relation) {
  while (OidIsValid(relation)) {
    Oid parent = InvalidOid;
    bool is_new = false;
    EachParent(relation, [&](HeapTuple tuple) {
      parent = ParentIn(tuple);
      is_new |= TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
    });
    if (is_new) return true;
    relation = parent;
  }
  return false;
}

}  // namespace millrace::pg
