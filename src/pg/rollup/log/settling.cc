// When Citus distributes the events, two rounds find out whether ids are settled:
//   1. Each node reads its own sequence, and then who writes to its own copy of the table. A
//      transaction that drew an id there holds a lock on that copy until it has ended on all nodes.
//   2. When these transactions have ended, each node looks at who writes to its shards. Usually no
//      transaction that matters does. But a node that failed during a commit may have left a part
//      of it on another node as a prepared transaction, to be committed later.

#include "pg/rollup/log/settling.h"

#include "pg/base/fault_point.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {
namespace {

constexpr long kFirstPoll = 5, kMaxPoll = 200;  // milliseconds

// The form in which other nodes are asked about a transaction: group/backend/transaction.
void AppendWriters(StringInfo out, int32 group, const Writer* writers, int count) {
  for (int i = 0; i < count; ++i) {
    appendStringInfo(out, " %d/%d/%u", group, BackendOf(writers[i].transaction),
                     writers[i].transaction.localTransactionId);
  }
}

// The answers to a command, one per line, in the memory context of `settling`; nullptr if a node
// that need not answer does not. May be called again and again for hours, so nothing else is left
// in memory.
char* AskAll(const char* command, const Settling& settling, bool must_answer = true) {
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "millrace answers", ALLOCSET_SMALL_SIZES);
  const MemoryContext caller = MemoryContextSwitchTo(scratch);
  const uint64 rows = AsOwner(settling.owner, [&] { return AskWorkers(command, must_answer); });
  StringInfoData answers;
  initStringInfo(&answers);
  bool all = true;
  for (uint64 i = 0; i < rows; ++i) {
    const char* answer = SpiRow(i).Text(1);
    all &= answer != nullptr;
    if (answer != nullptr) appendStringInfo(&answers, "%s\n", answer);
  }
  SPI_freetuptable(SPI_tuptable);
  char* kept = all ? MemoryContextStrdup(settling.context, answers.data) : nullptr;
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(scratch);
  return kept;
}

void AddNode(Settling* settling, int32 group, int64 last, const char* sequence) {
  settling->nodes = static_cast<HandedOut*>(
      repalloc(settling->nodes, (settling->node_count + 1) * sizeof(HandedOut)));
  settling->nodes[settling->node_count++] = {group, last, sequence};
  settling->total += IdsUpTo(group, last);
}

// Adds the nodes' answers, one per line: "group last sequence writer writer ...".
void AddAnswers(Settling* settling, char* answers) {
  StringInfoData remote;
  initStringInfo(&remote);
  char* rest_of_lines;
  for (char* line = strtok_r(answers, "\n", &rest_of_lines); line != nullptr;
       line = strtok_r(nullptr, "\n", &rest_of_lines)) {
    int32 group;
    int64 last;
    int length;
    if (sscanf(line, "%d " INT64_FORMAT " %n", &group, &last, &length) != 2) {
      elog(ERROR, "millrace.node_state of another version: %s", line);
    }
    const char* sequence = line + length;
    char* writers = strchr(line + length, ' ');
    if (writers != nullptr) {
      appendStringInfoString(&remote, writers);
      *writers = '\0';
    }
    AddNode(settling, group, last, sequence);
  }
  settling->remote = remote.data;
}

// Nodes that were removed hand out no ids any more: all their ids count as handed out. Citus never
// uses a group number again.
void AddRemovedNodes(Settling* settling) {
  // A node that is being added has its number already, but is in the table only when that is done.
  // If the table is locked, we look again next time.
  const Oid nodes = get_relname_relid("pg_dist_node", get_namespace_oid("pg_catalog", false));
  if (!ConditionalLockRelationOid(nodes, ShareLock)) return;
  const uint64 rows = AsCatalogOwner([&] {
    return RunSql(R"(
    SELECT g FROM pg_catalog.pg_dist_groupid_seq s,
      pg_catalog.generate_series(1, CASE WHEN s.is_called THEN s.last_value ELSE 0 END) g
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_dist_node n WHERE n.groupid = g))");
  });
  UnlockRelationOid(nodes, ShareLock);
  for (uint64 i = 0; i < rows; ++i) {
    const auto group = static_cast<int32>(SpiRow(i).Int64(1));
    AddNode(settling, group, EndOfIds(group), nullptr);
  }
}

int64 OwnGlobalPid() {
  RunSql("SELECT pg_catalog.citus_backend_gpid()::int8");
  return SpiRow(0).Int64(1);
}

void LookAtShards(Settling* settling) {
  const MemoryContext before = MemoryContextSwitchTo(settling->context);
  const int64 caller = OwnGlobalPid();
  settling->writers = WritersOfShards(settling->source, caller, &settling->writer_count);
  settling->remote = AskAll(
      psprintf("SELECT millrace.node_shard_writers(%s::pg_catalog.regclass, " INT64_FORMAT ")",
               quote_literal_cstr(QualifiedName(settling->source)), caller),
      *settling);
  settling->seen_on_shards = true;
  MemoryContextSwitchTo(before);
}

bool IsBlank(const char* text) { return text[strspn(text, " \n")] == '\0'; }

// Sleeps. Raises as waiting for a lock does when lock_timeout has passed since `start`.
void SleepFor(long milliseconds, TimestampTz start) {
  if (LockTimeout > 0 && TimestampDifferenceExceeds(start, GetCurrentTimestamp(), LockTimeout)) {
    ereport(
        ERROR,
        (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("canceling statement due to lock timeout"),
         errdetail(
             "The refresh was waiting for transactions on other nodes that write to the events.")));
  }
  (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
                  PG_WAIT_EXTENSION);
  ResetLatch(MyLatch);
  CHECK_FOR_INTERRUPTS();
}

bool HaveEndedElsewhere(Settling* settling, bool wait) {
  const TimestampTz start = GetCurrentTimestamp();
  for (long delay = kFirstPoll;; delay = Min(2 * delay, kMaxPoll)) {
    if (IsBlank(settling->remote)) return true;
    char* asked = settling->remote;
    char* literal = quote_literal_cstr(asked);
    char* command = psprintf("SELECT millrace.node_still_writing(%s)", literal);
    settling->remote = AskAll(command, *settling);
    pfree(command);
    pfree(literal);
    pfree(asked);
    if (IsBlank(settling->remote)) return true;
    if (!wait) return false;
    SleepFor(delay, start);
  }
}

// As StartSettling, but returns nullptr if a node that need not answer does not.
Settling* Start(Oid source, const IdSource& ids, Oid owner, int64 known, bool must_answer) {
  auto* settling = static_cast<Settling*>(palloc0(sizeof(Settling)));
  settling->context = CurrentMemoryContext;
  settling->source = source;
  settling->owner = owner;
  settling->remote = pstrdup("");
  settling->nodes = static_cast<HandedOut*>(palloc(sizeof(HandedOut)));
  Distribution distribution;
  settling->distributed = FindDistribution(source, &distribution);
  settling->since = GetCurrentTimestamp();
  // Not for somebody who only asks how far the ids are.
  if (!settling->distributed && must_answer) settling->tracking = TrackLeaves(source, ids);
  AddNode(settling, 0, LastId(ids), NameOfSequence(ids));
  FaultPoint("refresh: read");
  if (!settling->distributed && settling->total == known && !settling->tracking.wants_floor) {
    return settling;
  }
  settling->writers = WritersOf(source, &settling->writer_count);
  if (!settling->distributed) return settling;
  const char* command =
      psprintf("SELECT millrace.node_state(%s::pg_catalog.regclass, %s)",
               quote_literal_cstr(QualifiedName(source)), quote_literal_cstr(ids.column));
  char* answers = AskAll(command, *settling, must_answer);
  if (answers == nullptr) return nullptr;
  AddAnswers(settling, answers);
  AddRemovedNodes(settling);
  return settling;
}

}  // namespace

Settling* StartSettling(Oid source, const IdSource& ids, Oid owner, int64 known) {
  return Start(source, ids, owner, known, true);
}

const Settling* ReadHandedOut(Oid source, const IdSource& ids, Oid owner) {
  // Only the coordinator knows all nodes.
  return LocalGroup() == 0 ? Start(source, ids, owner, -1, false) : nullptr;
}

bool ShardsHaveWriters(Oid table, Oid owner) {
  Settling settling = {};
  settling.source = table;
  settling.owner = owner;
  settling.context = CurrentMemoryContext;
  LookAtShards(&settling);
  return settling.writer_count > 0 || !IsBlank(settling.remote);
}

bool HasSettled(Settling* settling, bool wait) {
  for (;;) {
    if (!HaveEnded(settling->writers, settling->writer_count, wait)) return false;
    if (!HaveEndedElsewhere(settling, wait)) return false;
    if (!settling->distributed || settling->seen_on_shards) return true;
    FaultPoint("refresh: first look");
    LookAtShards(settling);
  }
}

}  // namespace millrace::pg

using namespace millrace::pg;

// The functions below are called by the coordinator, on the nodes over which a table is
// distributed.

namespace {

// Raises unless the caller may read the events: then it may also know who writes them.
void CheckMayAsk(Oid source) {
  if (get_rel_name(source) == nullptr) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table with OID %u does not exist", source)));
  }
  if (pg_class_aclcheck(source, GetUserId(), ACL_SELECT) == ACLCHECK_OK) return;
  aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(source));
}

}  // namespace

// millrace.node_state(source regclass, id_column name) returns text: "group last sequence", and the
// writers of the table.
MILLRACE_FUNCTION(node_state) {
  const Oid source = PG_GETARG_OID(0);
  CheckMayAsk(source);
  PG_RETURN_TEXT_P(WithSpi([&] {
    const int32 group = LocalGroup();
    // An integer column has ids on the coordinator only: they are too small for those of other
    // nodes.
    IdSource ids;
    const char* column = NameStr(*PG_GETARG_NAME(1));
    const bool found = FindIdSources(source, column, &ids) == 1;
    if (found) ids = FindIdSource(source, column);
    int64 last = found ? LastId(ids) : 0;
    last = Max(last, IdBase(group));
    StringInfoData state;
    initStringInfo(&state);
    appendStringInfo(&state, "%d " INT64_FORMAT " %s", group, last,
                     found ? NameOfSequence(ids) : "none");
    int count;
    const Writer* writers = WritersOf(source, &count);
    AppendWriters(&state, group, writers, count);
    return TextOutsideSpi(state.data);
  }));
}

// millrace.node_shard_writers(source regclass, caller bigint) returns text: the transactions that
// write to the table's shards on this node, except those that are part of the session with this
// global pid.
MILLRACE_FUNCTION(node_shard_writers) {
  const Oid source = PG_GETARG_OID(0);
  CheckMayAsk(source);
  PG_RETURN_TEXT_P(WithSpi([&] {
    StringInfoData result;
    initStringInfo(&result);
    Distribution distribution;
    if (FindDistribution(source, &distribution)) {
      int count;
      const Writer* writers = WritersOfShards(source, PG_GETARG_INT64(1), &count);
      AppendWriters(&result, LocalGroup(), writers, count);
    }
    return TextOutsideSpi(result.data);
  }));
}

// millrace.node_still_writing(writers text) returns text: those of the writers that are
// transactions of this node and have not ended.
MILLRACE_FUNCTION(node_still_writing) {
  char* writers = text_to_cstring(PG_GETARG_TEXT_PP(0));
  PG_RETURN_TEXT_P(WithSpi([&] {
    const int32 group = LocalGroup();
    StringInfoData left;
    initStringInfo(&left);
    char* rest;
    for (char* word = strtok_r(writers, " \n", &rest); word != nullptr;
         word = strtok_r(nullptr, " \n", &rest)) {
      CHECK_FOR_INTERRUPTS();
      int32 of;
      int backend;
      LocalTransactionId local;
      if (sscanf(word, "%d/%d/%u", &of, &backend, &local) != 3 ||
          !LocalTransactionIdIsValid(local)) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("not a transaction of a node: \"%s\"", word)));
      }
      const Writer writer = {MakeVirtualTransactionId(backend, local), 0};
      if (of == group && !HaveEnded(&writer, 1, false)) AppendWriters(&left, group, &writer, 1);
    }
    return TextOutsideSpi(left.data);
  }));
}
