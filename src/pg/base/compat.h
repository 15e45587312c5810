// What differs between PostgreSQL 15, 16, 17 and 18, and nothing else. No other file may ask for
// the version (scripts/check tests that). Only api.h includes this file, after PostgreSQL's own
// headers.
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "Millrace is written for PostgreSQL 15 to 18"
#endif

extern "C" {
#if PG_VERSION_NUM >= 160000
#include <varatt.h>
#endif
#if PG_VERSION_NUM >= 170000
#include <storage/read_stream.h>
#endif
#if PG_VERSION_NUM >= 180000
#include <catalog/pg_constraint.h>
#include <commands/explain_format.h>
#include <commands/explain_state.h>
#endif
}

// -- Trees

// expression_tree_walker with a typed walker: before 16 it takes one without parameters.
inline bool WalkExpressionTree(Node* node, bool (*walker)(Node*, void*), void* context) {
#if PG_VERSION_NUM >= 160000
  return expression_tree_walker(node, walker, context);
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-function-type"
  return expression_tree_walker(node, reinterpret_cast<bool (*)()>(walker), context);
#pragma GCC diagnostic pop
#endif
}
// query_tree_walker, the same.
inline bool WalkQueryTree(Query* query, bool (*walker)(Node*, void*), void* context) {
#if PG_VERSION_NUM >= 160000
  return query_tree_walker(query, walker, context, 0);
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-function-type"
  return query_tree_walker(query, reinterpret_cast<bool (*)()>(walker), context, 0);
#pragma GCC diagnostic pop
#endif
}
inline Node* MutateExpressionTree(Node* node, Node* (*mutator)(Node*, void*), void* context) {
#if PG_VERSION_NUM >= 160000
  return expression_tree_mutator(node, mutator, context);
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-function-type"
  return expression_tree_mutator(node, reinterpret_cast<Node* (*)()>(mutator), context);
#pragma GCC diagnostic pop
#endif
}

// Puts the GROUP BY expressions back where they are used. From 18 on, a query that has just been
// analysed keeps them in a range table entry of their own, the last one, and refers to them.
inline void FlattenGroupEntry(Query* query) {
#if PG_VERSION_NUM >= 180000
  if (!query->hasGroupRTE) return;
  auto flatten = [query](void* node) {
    return flatten_group_exprs(nullptr, query, static_cast<Node*>(node));
  };
  query->targetList = reinterpret_cast<List*>(flatten(query->targetList));
  query->havingQual = flatten(query->havingQual);
  Assert(llast_node(RangeTblEntry, query->rtable)->rtekind == RTE_GROUP);
  query->rtable = list_delete_last(query->rtable);
  query->hasGroupRTE = false;
#else
  (void)query;
#endif
}

// query_tree_walker with a typed walker.
inline bool WalkQueryTree(const Query* query, bool (*walker)(Node*, void*), void* context,
                          int flags) {
  auto* tree = const_cast<Query*>(query);
#if PG_VERSION_NUM >= 160000
  return query_tree_walker(tree, walker, context, flags);
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-function-type"
  return query_tree_walker(tree, reinterpret_cast<bool (*)()>(walker), context, flags);
#pragma GCC diagnostic pop
#endif
}

// The GROUP BY expressions that a query keeps beside the places that refer to them; nullptr before
// 18, and where there are none.
inline List** GroupEntryExpressions(Query* query) {
#if PG_VERSION_NUM >= 180000
  if (!query->hasGroupRTE) return nullptr;
  for (int i = 0; i < list_length(query->rtable); ++i) {
    auto* entry = static_cast<RangeTblEntry*>(list_nth(query->rtable, i));
    if (entry->rtekind == RTE_GROUP) return &entry->groupexprs;
  }
#else
  (void)query;
#endif
  return nullptr;
}

// From 16 on a column says which outer joins may make it NULL. nullptr: none.
inline void CopyNullingRelations(Var* to, const Var* from) {
#if PG_VERSION_NUM >= 160000
  to->varnullingrels = from == nullptr ? nullptr : bms_copy(from->varnullingrels);
#else
  (void)to;
  (void)from;
#endif
}

// The view that a subquery in a range table was made from; InvalidOid if it was none.
inline Oid ViewOf(const RangeTblEntry* entry) {
#if PG_VERSION_NUM >= 160000
  return entry->rtekind == RTE_SUBQUERY && entry->relkind == RELKIND_VIEW ? entry->relid
                                                                          : InvalidOid;
#else
  if (entry->rtekind != RTE_SUBQUERY || entry->subquery->rtable == nullptr) return InvalidOid;
  const auto* first = static_cast<RangeTblEntry*>(linitial(entry->subquery->rtable));
  const bool old = first->rtekind == RTE_RELATION && first->relkind == RELKIND_VIEW &&
                   strcmp(first->eref->aliasname, "old") == 0;
  return old ? first->relid : InvalidOid;
#endif
}

// Appends an entry of one query's range table to another's, with the rights that it asks for.
inline void AppendEntry(Query* query, const Query* from, const RangeTblEntry* entry) {
  auto* copy = static_cast<RangeTblEntry*>(copyObjectImpl(entry));
#if PG_VERSION_NUM >= 160000
  if (entry->perminfoindex != 0) {
    auto* rights = getRTEPermissionInfo(from->rteperminfos, const_cast<RangeTblEntry*>(entry));
    query->rteperminfos = lappend(query->rteperminfos, copyObjectImpl(rights));
    copy->perminfoindex = static_cast<Index>(list_length(query->rteperminfos));
  }
#else
  (void)from;
#endif
  query->rtable = lappend(query->rtable, copy);
}

// Appends the tables and views of another query, except one, for the rights that they ask for.
inline void KeepForPermissions(Query* query, const Query* from, int except) {
  for (int i = 1; i <= list_length(from->rtable); ++i) {
    const auto* entry = static_cast<RangeTblEntry*>(list_nth(from->rtable, i - 1));
    if (i == except || entry->rtekind != RTE_RELATION) continue;
#if PG_VERSION_NUM >= 160000
    if (entry->perminfoindex == 0) continue;
#else
    if (entry->requiredPerms == 0) continue;
#endif
    AppendEntry(query, from, entry);
  }
}

// The query with expressions in place of the columns of the entry at `index`.
inline Node* ReplaceColumnsOf(Node* query, int index, RangeTblEntry* entry, List* expressions) {
#if PG_VERSION_NUM >= 180000
  return ReplaceVarsFromTargetList(query, index, 0, entry, expressions, 0, REPLACEVARS_REPORT_ERROR,
                                   0, nullptr);
#else
  return ReplaceVarsFromTargetList(query, index, 0, entry, expressions, REPLACEVARS_REPORT_ERROR, 0,
                                   nullptr);
#endif
}

// -- Planning

// The keys by which rows are told apart. From 16 on this leaves out keys that have the same value
// in all rows because of the query's conditions.
inline List* DistinguishingKeys(const PlannerInfo* root) {
#if PG_VERSION_NUM >= 160000
  return root->processed_groupClause;
#else
  return root->parse->groupClause;
#endif
}

// Makes `path` count as disabled (enable_seqscan and the like) exactly as much as `below`. Before
// 18 that is part of the cost.
inline void InheritDisabled(Path* path, const Path* below) {
#if PG_VERSION_NUM >= 180000
  path->disabled_nodes = below->disabled_nodes;
#else
  (void)path;
  (void)below;
#endif
}

// The number of entries in the statement's range table. EXPLAIN uses it to decide whether columns
// need the names of their tables.
inline int CountTables(const ExplainState& es) {
#if PG_VERSION_NUM >= 180000
  return es.rtable_size;
#else
  return list_length(es.rtable);
#endif
}

// -- Who may do what

// Raises 42501 unless the current user may read what the query reads.
inline void CheckQueryPermissions(const Query* query) {
#if PG_VERSION_NUM >= 160000
  (void)ExecCheckPermissions(query->rtable, query->rteperminfos, true);
#else
  (void)ExecCheckRTPerms(query->rtable, true);
#endif
}

// Lets a query that we have made read the relation of a range table entry without asking for a
// right.
inline void AskForNoRights(Query* query, RangeTblEntry* entry) {
#if PG_VERSION_NUM >= 160000
  addRTEPermissionInfo(&query->rteperminfos, entry)->requiredPerms = 0;
#else
  (void)query;
  entry->requiredPerms = 0;
#endif
}

#if PG_VERSION_NUM >= 160000
// The names that PostgreSQL 15 has for these functions.
inline bool pg_class_ownercheck(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 180000
  // To 18 a relation that is gone is an internal error.
  if (!superuser_arg(role) && get_rel_name(relation) == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("relation with OID %u does not exist", relation)));
  }
#endif
  return object_ownercheck(RelationRelationId, relation, role);
}
inline bool pg_database_ownercheck(Oid database, Oid role) {
  return object_ownercheck(DatabaseRelationId, database, role);
}
#endif

// -- Sessions and transactions

// Whether this process is a background worker, a parallel one included.
inline bool AmBackgroundWorker() {
#if PG_VERSION_NUM >= 170000
  return AmBackgroundWorkerProcess();
#else
  return IsBackgroundWorker;
#endif
}

// The session that number `i` from 1 to pgstat_fetch_stat_numbackends() stands for.
inline const LocalPgBackendStatus* BackendStatusAt(int i) {
#if PG_VERSION_NUM >= 160000
  return pgstat_get_local_beentry_by_index(i);
#else
  return pgstat_fetch_stat_local_beentry(i);
#endif
}

// The two halves of a virtual transaction id. For a prepared transaction that has outlived its
// session, `backend` is -1 and the other half is its transaction id.
inline VirtualTransactionId MakeVirtualTransactionId(int backend, LocalTransactionId local) {
  VirtualTransactionId id;
#if PG_VERSION_NUM >= 170000
  id.procNumber = backend;
#else
  id.backendId = backend;
#endif
  id.localTransactionId = local;
  return id;
}
inline int BackendOf(const VirtualTransactionId& id) {
#if PG_VERSION_NUM >= 170000
  return id.procNumber;
#else
  return id.backendId;
#endif
}
inline constexpr int kNoBackend = -1;

inline VirtualTransactionId HolderOf(const LockInstanceData& lock) {
#if PG_VERSION_NUM >= 170000
  return lock.vxid;
#else
  return MakeVirtualTransactionId(lock.backend, lock.lxid);
#endif
}

// Whether this session holds the lock in exactly this mode.
inline bool HoldsLock(const LOCKTAG& tag, LOCKMODE mode) {
#if PG_VERSION_NUM >= 170000
  return LockHeldByMe(&tag, mode, false);
#else
  return LockHeldByMe(&tag, mode);
#endif
}

// A relation of this database that this session holds locks on, and in which modes.
struct OwnLock {
  Oid relation;
  LOCKMASK modes;
};
namespace internal {
inline int FastPathSlots() {
#if PG_VERSION_NUM >= 180000
  return FastPathLockSlotsPerBackend();
#else
  return FP_LOCK_SLOTS_PER_BACKEND;
#endif
}
// The modes of a fast-path slot: three bits, for the modes from AccessShareLock on.
inline LOCKMASK FastPathModes(int slot) {
#if PG_VERSION_NUM >= 180000
  const uint64 bits =
      MyProc->fpLockBits[slot / FP_LOCK_SLOTS_PER_GROUP] >> (3 * (slot % FP_LOCK_SLOTS_PER_GROUP));
#else
  const uint64 bits = MyProc->fpLockBits >> (3 * slot);
#endif
  return static_cast<LOCKMASK>((bits & 7) << AccessShareLock);
}
inline void AddOwnLock(const PROCLOCK* held, OwnLock* locks, int most, int* count) {
  const LOCKTAG& tag = held->tag.myLock->tag;
  if (tag.locktag_type != LOCKTAG_RELATION || tag.locktag_field1 != MyDatabaseId) return;
  if (*count < most) locks[*count] = {tag.locktag_field2, held->holdMask};
  ++*count;
}
}  // namespace internal
// The locks on relations that this session holds, however many; returns how many there are, and
// writes `most` of them at most. A relation may come twice. Another session may move a lock of ours
// from our fast-path slots to the shared table, but only while it holds fpInfoLock; so we hold that
// throughout.
inline int ReadOwnLocks(OwnLock* locks, int most) {
  int count = 0;
  LWLockAcquire(&MyProc->fpInfoLock, LW_SHARED);
  for (int slot = 0; slot < internal::FastPathSlots(); ++slot) {
    const LOCKMASK modes = internal::FastPathModes(slot);
    if (modes == 0) continue;
    if (count < most) locks[count] = {MyProc->fpRelId[slot], modes};
    ++count;
  }
  for (int i = 0; i < NUM_LOCK_PARTITIONS; ++i) {
#if PG_VERSION_NUM >= 160000
    dlist_head* list = &MyProc->myProcLocks[i];
    if (dlist_is_empty(list)) continue;
    LWLockAcquire(LockHashPartitionLockByIndex(i), LW_SHARED);
    for (dlist_node* node = list->head.next; node != &list->head; node = node->next) {
      internal::AddOwnLock(
          reinterpret_cast<PROCLOCK*>(reinterpret_cast<char*>(node) - offsetof(PROCLOCK, procLink)),
          locks, most, &count);
    }
    LWLockRelease(LockHashPartitionLockByIndex(i));
#else
    SHM_QUEUE* list = &MyProc->myProcLocks[i];
    if (SHMQueueEmpty(list)) continue;
    LWLockAcquire(LockHashPartitionLockByIndex(i), LW_SHARED);
    for (SHM_QUEUE* node = list->next; node != list; node = node->next) {
      internal::AddOwnLock(
          reinterpret_cast<PROCLOCK*>(reinterpret_cast<char*>(node) - offsetof(PROCLOCK, procLink)),
          locks, most, &count);
    }
    LWLockRelease(LockHashPartitionLockByIndex(i));
#endif
  }
  LWLockRelease(&MyProc->fpInfoLock);
  return count;
}

// -- Settings

// nullptr if nobody has defined the setting or given it a value.
inline const config_generic* FindSetting(const char* name) {
#if PG_VERSION_NUM >= 160000
  return find_option(name, false, true, ERROR);
#else
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if (pg_strcasecmp(variables[i]->name, name) == 0) return variables[i];
  }
  return nullptr;
#endif
}

// -- Tables

// Counts rows that were read, as a sequential scan or a bitmap scan of the table does.
inline void CountRowsRead(Relation relation, bool by_bitmap, int64 rows) {
  if (!pgstat_should_count_relation(relation)) return;
#if PG_VERSION_NUM >= 160000
  PgStat_TableCounts& counts = relation->pgstat_info->counts;
  (by_bitmap ? counts.tuples_fetched : counts.tuples_returned) += rows;
#else
  PgStat_TableCounts& counts = relation->pgstat_info->t_counts;
  (by_bitmap ? counts.t_tuples_fetched : counts.t_tuples_returned) += rows;
#endif
}

// The index of the table's primary key; InvalidOid if there is none or it is deferrable.
inline Oid PrimaryKeyOf(Relation relation) {
#if PG_VERSION_NUM >= 180000
  return RelationGetPrimaryKeyIndex(relation, false);
#else
  return RelationGetPrimaryKeyIndex(relation);
#endif
}

// Whether no row of the table can have NULL in the column. From 18 on NOT NULL may be NOT VALID:
// then it holds for new rows only.
inline bool IsNeverNull(Oid table, const FormData_pg_attribute& column) {
#if PG_VERSION_NUM >= 180000
  if (!column.attnotnull) return false;
  HeapTuple constraint = findNotNullConstraintAttnum(table, column.attnum);
  return !HeapTupleIsValid(constraint) ||
         reinterpret_cast<Form_pg_constraint>(GETSTRUCT(constraint))->convalidated;
#else
  (void)table;
  return column.attnotnull;
#endif
}

inline TableScanDesc BeginBitmapScan(Relation relation, Snapshot snapshot) {
#if PG_VERSION_NUM >= 170000 && PG_VERSION_NUM < 180000
  return table_beginscan_bm(relation, snapshot, 0, nullptr, true);
#else
  return table_beginscan_bm(relation, snapshot, 0, nullptr);
#endif
}

// The pages of a bitmap, in order. Plain data.
class BitmapPages {
 public:
  void Begin(TIDBitmap* bitmap) {
#if PG_VERSION_NUM >= 180000
    iterator_ = tbm_begin_private_iterate(bitmap);
#else
    iterator_ = tbm_begin_iterate(bitmap);
#endif
  }
  // InvalidBlockNumber after the last.
  BlockNumber Next() {
#if PG_VERSION_NUM >= 180000
    TBMIterateResult page;
    return tbm_private_iterate(iterator_, &page) ? page.blockno : InvalidBlockNumber;
#else
    const TBMIterateResult* page = tbm_iterate(iterator_);
    return page == nullptr ? InvalidBlockNumber : page->blockno;
#endif
  }
  bool begun() const { return iterator_ != nullptr; }
  void End() {
    if (iterator_ == nullptr) return;
#if PG_VERSION_NUM >= 180000
    tbm_end_private_iterate(iterator_);
#else
    tbm_end_iterate(iterator_);
#endif
    iterator_ = nullptr;
  }

 private:
#if PG_VERSION_NUM >= 180000
  TBMPrivateIterator* iterator_;
#else
  TBMIterator* iterator_;
#endif
};

// Reads the pages of a heap table that `next` names, one after the other. The rows that the scan's
// snapshot sees are in scan->rs_vistuples, and the page is pinned in scan->rs_cbuf. From 17 on
// pages are read ahead, so `next` may have been asked for more pages than were returned. Plain
// data.
class HeapPages {
 public:
  using NextBlock = BlockNumber (*)(void* context);  // InvalidBlockNumber after the last

  // Keeps what it allocates in the current memory context until End. `scan` was begun in page mode
  // and must outlive this.
  void Begin(TableScanDesc scan, bool in_order, NextBlock next, void* context) {
    scan_ = scan;
    next_ = next;
    context_ = context;
#if PG_VERSION_NUM >= 170000
    int flags = in_order ? READ_STREAM_SEQUENTIAL : READ_STREAM_DEFAULT;
#if PG_VERSION_NUM >= 180000
    flags |= READ_STREAM_USE_BATCHING;
#endif
    stream_ = read_stream_begin_relation(
        flags, reinterpret_cast<HeapScanDesc>(scan)->rs_strategy, scan->rs_rd, MAIN_FORKNUM,
        [](ReadStream*, void* self, void*) {
          auto* pages = static_cast<HeapPages*>(self);
          return pages->next_(pages->context_);
        },
        this, 0);
#else
    (void)in_order;
#endif
  }
  bool begun() const { return scan_ != nullptr; }

  // Opens the next page; false after the last.
  bool Next() {
#if PG_VERSION_NUM >= 170000
    auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
    if (BufferIsValid(heap->rs_cbuf)) ReleaseBuffer(heap->rs_cbuf);
    heap->rs_cbuf = InvalidBuffer;
    heap->rs_cbuf = read_stream_next_buffer(stream_, nullptr);
    if (!BufferIsValid(heap->rs_cbuf)) return false;
    heap->rs_cblock = BufferGetBlockNumber(heap->rs_cbuf);
    heap_prepare_pagescan(scan_);
    return true;
#else
    const BlockNumber block = next_(context_);
    if (block == InvalidBlockNumber) return false;
    heapgetpage(scan_, block);
    return true;
#endif
  }

  // Must be called before the scan is ended. A second call does nothing.
  void End() {
    if (scan_ == nullptr) return;
#if PG_VERSION_NUM >= 170000
    read_stream_end(stream_);
    stream_ = nullptr;
#endif
    scan_ = nullptr;
  }

 private:
  TableScanDesc scan_;
  NextBlock next_;
  void* context_;
#if PG_VERSION_NUM >= 170000
  ReadStream* stream_;
#endif
};
