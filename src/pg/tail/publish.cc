// Before a transaction that has written becomes visible, it gives a mark to each leaf that it holds
// a writer's lock on. PostgreSQL takes that lock before it writes a row, and gives it up when the
// transaction ends or its subtransaction is rolled back. So no leaf that was written is missed,
// whatever has written it.
//
// The mark is the last value of the sequence. It is at least the id of every row that was written,
// because the rows have drawn their ids. Rows that have not are found by how they came: ids may
// only come from elsewhere if a statement or COPY names the id column, a BEFORE trigger sets it, or
// a table with rows is attached. Such a transaction doubts the tree.

#include "pg/tail/publish.h"

#include "pg/base/relation.h"
#include "pg/tail/ancestors.h"

namespace millrace::pg {
namespace {

constexpr LOCKMASK kWriting = LOCKBIT_ON(RowExclusiveLock) | LOCKBIT_ON(ShareRowExclusiveLock) |
                              LOCKBIT_ON(ExclusiveLock) | LOCKBIT_ON(AccessExclusiveLock);

constexpr LOCKMASK kChanging = LOCKBIT_ON(ShareRowExclusiveLock) | LOCKBIT_ON(AccessExclusiveLock);

ExecutorStart_hook_type previous_start = nullptr;
ProcessUtility_hook_type previous_utility = nullptr;

// The relations to which this transaction may have written ids by hand.
constexpr int kMostByHand = 16;
Oid by_hand[kMostByHand];
int by_hand_count = 0;  // kMostByHand + 1: any relation

void NoteByHand(Oid relation) {
  for (int i = 0; i < Min(by_hand_count, kMostByHand); ++i) {
    if (by_hand[i] == relation) return;
  }
  if (by_hand_count < kMostByHand) by_hand[by_hand_count] = relation;
  by_hand_count = Min(by_hand_count + 1, kMostByHand + 1);
}

OwnLock* OwnLocks(int* count) {
  for (int room = 64;; room = *count + 64) {
    auto* locks = static_cast<OwnLock*>(palloc(room * sizeof(OwnLock)));
    *count = ReadOwnLocks(locks, room);
    if (*count <= room) return locks;
    pfree(locks);
  }
}

// -- Ids that do not come from the sequence

AttrNumber IdColumnOf(Oid relation, const Tree& tree) {
  if (relation == tree.root) return tree.id;
  const char* name = get_attname(tree.root, tree.id, true);
  return name == nullptr ? InvalidAttrNumber : get_attnum(relation, name);
}

// Whether column `number` of a plan's rows is drawn from the sequence.
bool IsDrawn(const Plan* plan, AttrNumber number, Oid sequence) {
  if (plan == nullptr) return false;
  check_stack_depth();
  if (number > list_length(plan->targetlist)) return false;
  auto* value = reinterpret_cast<Node*>(
      static_cast<TargetEntry*>(list_nth(plan->targetlist, number - 1))->expr);
  if (!IsA(value, Var)) return SequenceOfDefault(value) == sequence;
  const AttrNumber below = reinterpret_cast<Var*>(value)->varattno;
  if (below <= 0) return false;
  if (IsA(plan, SubqueryScan)) {
    return IsDrawn(reinterpret_cast<const SubqueryScan*>(plan)->subplan, below, sequence);
  }
  if (!IsA(plan, Append)) return IsDrawn(plan->lefttree, below, sequence);
  ListCell* cell;
  foreach (cell, reinterpret_cast<const Append*>(plan)->appendplans) {
    if (!IsDrawn(static_cast<Plan*>(lfirst(cell)), below, sequence)) return false;
  }
  return true;
}

bool Updates(const ModifyTable* modify, int which, AttrNumber column) {
  if (modify->updateColnosLists == NIL) return false;
  return list_member_int(static_cast<List*>(list_nth(modify->updateColnosLists, which)), column);
}

// Whether the statement may give ids to rows of a tree that its sequence has not drawn.
bool MayWriteByHand(const ModifyTable* modify, int which, Oid relation, const Tree& tree) {
  const AttrNumber column = IdColumnOf(relation, tree);
  if (column == InvalidAttrNumber) return true;
  switch (modify->operation) {
    case CMD_INSERT:
      return !IsDrawn(modify->plan.lefttree, column, tree.sequence) ||
             list_member_int(modify->onConflictCols, column);
    case CMD_UPDATE:
      return Updates(modify, which, column);
    case CMD_DELETE:
      return false;
    default:
      return true;
  }
}

void LookAtModify(const PlannedStmt* statement, const ModifyTable* modify) {
  const Tree* trees;
  (void)TreesHere(&trees);
  ListCell* cell;
  foreach (cell, modify->resultRelations) {
    const Oid relation = rt_fetch(lfirst_int(cell), statement->rtable)->relid;
    const TreeSet in = TreesOf(relation);
    for (int i = 0; in != 0 && i < kMostTrees; ++i) {
      if ((in >> i & 1) != 0 &&
          MayWriteByHand(modify, foreach_current_index(cell), relation, trees[i])) {
        NoteByHand(relation);
      }
    }
  }
}

void LookAtStatement(const PlannedStmt* statement) {
  if (TreesHere(nullptr) == 0) return;
  if (IsA(statement->planTree, ModifyTable)) {
    LookAtModify(statement, reinterpret_cast<ModifyTable*>(statement->planTree));
  }
  ListCell* cell;
  foreach (cell, statement->subplans) {
    auto* plan = static_cast<Node*>(lfirst(cell));
    if (plan != nullptr && IsA(plan, ModifyTable)) {
      LookAtModify(statement, reinterpret_cast<ModifyTable*>(plan));
    }
  }
}

void Start(QueryDesc* query, int flags) {
  const PlannedStmt* statement = query->plannedstmt;
  if ((flags & EXEC_FLAG_EXPLAIN_ONLY) == 0 &&
      (statement->commandType != CMD_SELECT || statement->hasModifyingCTE)) {
    LookAtStatement(statement);
  }
  (previous_start != nullptr ? previous_start : standard_ExecutorStart)(query, flags);
}

void LookAtCopy(const CopyStmt* copy) {
  if (!copy->is_from || copy->relation == nullptr || TreesHere(nullptr) == 0) return;
  const Oid relation = RangeVarGetRelid(copy->relation, NoLock, true);
  if (!OidIsValid(relation)) return;
  const Tree* trees;
  (void)TreesHere(&trees);
  const TreeSet in = TreesOf(relation);
  for (int i = 0; in != 0 && i < kMostTrees; ++i) {
    if ((in >> i & 1) == 0) continue;
    const char* column = get_attname(trees[i].root, trees[i].id, true);
    bool named = copy->attlist == NIL || column == nullptr;
    ListCell* cell;
    foreach (cell, copy->attlist) {
      named |= column != nullptr && strcmp(strVal(lfirst(cell)), column) == 0;
    }
    if (named) NoteByHand(relation);
  }
}

void Utility(PlannedStmt* statement, const char* text, bool read_only,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
  (previous_utility != nullptr ? previous_utility : standard_ProcessUtility)(
      statement, text, read_only, context, parameters, environment, receiver, completion);
  // Only now: if the tree was not watched before COPY locked the table, whoever begins to watch it
  // waits for this transaction.
  if (IsA(statement->utilityStmt, CopyStmt)) {
    LookAtCopy(reinterpret_cast<CopyStmt*>(statement->utilityStmt));
  }
}

// -- Before a transaction ends

// Whether rows may have come into a leaf in a way that no statement on it shows.
bool MayHoldOthersIds(Oid leaf, LOCKMASK modes) {
  Relation relation = try_relation_open(leaf, NoLock);
  if (relation == nullptr) return false;
  const TriggerDesc* triggers = relation->trigdesc;
  bool may =
      triggers != nullptr && (triggers->trig_insert_before_row || triggers->trig_update_before_row);
  // There may have been a trigger in this transaction.
  may |= (modes & kChanging) != 0 && (modes & LOCKBIT_ON(RowExclusiveLock)) != 0;
  if (!may && (modes & LOCKBIT_ON(AccessExclusiveLock)) != 0 && IsNewInTree(leaf)) {
    may = RelationGetNumberOfBlocks(relation) > 0;
  }
  relation_close(relation, NoLock);
  return may;
}

TreeSet TreesByHand() {
  if (by_hand_count > kMostByHand) return TreesHere(nullptr);
  TreeSet trees = 0;
  for (int i = 0; i < by_hand_count; ++i) trees |= TreesOf(by_hand[i]);
  return trees;
}

void Publish() {
  const Tree* trees;
  const TreeSet here = TreesHere(&trees);
  if (here == 0) return;
  int count, leaf_count = 0;
  const OwnLock* locks = OwnLocks(&count);
  auto* leaves = static_cast<Oid*>(palloc(count * sizeof(Oid) + 1));
  auto* in = static_cast<TreeSet*>(palloc(count * sizeof(TreeSet) + 1));
  TreeSet written = 0, doubted = TreesByHand();
  for (int i = 0; i < count; ++i) {
    if ((locks[i].modes & kWriting) == 0) continue;
    const TreeSet found = TreesOf(locks[i].relation);
    if (found == 0 || get_rel_relkind(locks[i].relation) != RELKIND_RELATION) continue;
    if (MayHoldOthersIds(locks[i].relation, locks[i].modes)) doubted |= found;
    written |= found;
    leaves[leaf_count] = locks[i].relation;
    in[leaf_count++] = found;
  }
  auto* some = static_cast<Oid*>(palloc(leaf_count * sizeof(Oid) + 1));
  // What looking has found out about the trees may have changed meanwhile. Then the tree has
  // another number, and PublishMarks does nothing.
  for (int i = 0; written != 0 && i < kMostTrees; ++i) {
    if ((written >> i & 1) == 0) continue;
    const Tree tree = trees[i];
    int64 last;
    int some_count = 0;
    for (int j = 0; j < leaf_count; ++j) {
      if ((in[j] >> i & 1) != 0) some[some_count++] = leaves[j];
    }
    if (ReadSequence(tree.sequence, &last)) {
      PublishMarks(i, tree, some, some_count, last);
    } else {
      doubted |= TreeSet{1} << i;
    }
  }
  if (doubted != 0) DoubtTrees(doubted);
}

void AtEndOfTransaction(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
      if (TransactionIdIsValid(GetTopTransactionIdIfAny())) Publish();
      break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
      by_hand_count = 0;
      break;
    default:
      break;
  }
}

}  // namespace

Oid* LockedForWriting(int* count) {
  int all;
  const OwnLock* locks = OwnLocks(&all);
  auto* relations = static_cast<Oid*>(palloc(all * sizeof(Oid) + 1));
  *count = 0;
  for (int i = 0; i < all; ++i) {
    if ((locks[i].modes & kWriting) != 0) relations[(*count)++] = locks[i].relation;
  }
  return relations;
}

void InstallPublisher() {
  RegisterXactCallback(AtEndOfTransaction, nullptr);
  previous_start = ExecutorStart_hook;
  ExecutorStart_hook = Start;
  previous_utility = ProcessUtility_hook;
  ProcessUtility_hook = Utility;
}

}  // namespace millrace::pg
