#include "pg/rollup/set_aside.h"

#include "pg/rollup/refresh.h"
#include "pg/rollup/statements.h"
#include "pg/spi.h"

namespace millrace::pg {
namespace {

constexpr int64 kMostSetAside = 10'000;

// Whether an error may be an event's fault. The others come from the state of the server, of the
// session or of the definition: every event would meet them.
bool MayBeOfAnEvent(int sqlstate) {
  constexpr const char* kOthers[] = {"08", "21", "25", "26", "28", "2D", "3B", "3D", "3F", "40",
                                     "42", "53", "55", "57", "58", "72", "F0", "HV", "XX"};
  const char* name = unpack_sql_state(sqlstate);
  for (const char* other : kOthers) {
    if (strncmp(name, other, 2) == 0) return false;
  }
  return true;
}

// A window that is being halved.
struct Search {
  const Rollup* root;
  SPIPlanPtr plan;
  int64 from, to;   // of the attempt that comes next
  uint64 rows;      // touched by the last attempt
  int64 set_aside;  // so far
};

void Attempt(void* argument) {
  auto* search = static_cast<Search*>(argument);
  Datum values[] = {Int64GetDatum(search->from), Int64GetDatum(search->to)};
  const int result = SPI_execute_plan(search->plan, values, nullptr, false, 0);
  if (result < 0) elog(ERROR, "SPI: %s", SPI_result_code_string(result));
  search->rows = SPI_processed;
  SPI_freetuptable(SPI_tuptable);
}

[[noreturn]] void RaiseTooMany(const Search& search, const ErrorData* error) {
  ereport(ERROR, (errcode(error->sqlerrcode),
                  errmsg("more than " INT64_FORMAT " events of rollup %s cannot be counted: %s",
                         kMostSetAside, search.root->name, error->message),
                  errdetail("The last of them has id " INT64_FORMAT ".", search.to),
                  errhint("Declare the rollup with a query that takes such events.")));
  pg_unreachable();
}

// Halves the window until what fails is a single id.
uint64 MergeOrHalve(Search* search, int64 from, int64 to) {
  CHECK_FOR_INTERRUPTS();
  search->from = from;
  search->to = to;
  const ErrorData* error = TryInSubtransaction(Attempt, search);
  if (error == nullptr) return search->rows;
  if (to - from > 1) {
    const int64 middle = from + (to - from) / 2;
    const uint64 rows = MergeOrHalve(search, from, middle);
    return rows + MergeOrHalve(search, middle, to);
  }
  if (++search->set_aside > kMostSetAside) RaiseTooMany(*search, error);
  WriteFailedEvent(search->root->relation, to, unpack_sql_state(error->sqlerrcode), error->message);
  return 0;
}

// An event of a table that Citus distributes.
struct EventOnShards {
  const Rollup* root;
  const char* id_column;
  int64 id;
};

void MergeEventOnShards(void* argument) {
  const auto* event = static_cast<EventOnShards*>(argument);
  MergeOnShards(*event->root, *event->root, event->id_column,
                AddRange(NIL, IdLiteral(event->id - 1), IdLiteral(event->id)));
}

// Tries an event again. Returns whether it is counted now.
bool RetryOnShards(const Rollup& root, const char* id_column, int64 id) {
  EventOnShards event = {&root, id_column, id};
  const ErrorData* error = TryInSubtransaction(MergeEventOnShards, &event);
  if (error == nullptr) return true;
  WriteFailedEvent(root.relation, id, unpack_sql_state(error->sqlerrcode), error->message);
  return false;
}

SPIPlanPtr Prepare(const char* sql) {
  Oid types[] = {INT8OID, INT8OID};
  SPIPlanPtr plan = SPI_prepare(sql, 2, types);
  if (plan == nullptr) elog(ERROR, "SPI_prepare: %s", SPI_result_code_string(SPI_result));
  return plan;
}

}  // namespace

ErrorData* TryInSubtransaction(SubtransactionBody body, void* argument) {
  const MemoryContext context = CurrentMemoryContext;
  const ResourceOwner owner = CurrentResourceOwner;
  ErrorData* volatile error = nullptr;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  PG_TRY();
  {
    body(argument);
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  }
  PG_END_TRY();
  if (error != nullptr && !MayBeOfAnEvent(error->sqlerrcode)) ReThrowError(error);
  return error;
}

uint64 MergeWindow(const Rollup& root, SPIPlanPtr plan, int64 from, int64 to, int64* set_aside) {
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "millrace merge", ALLOCSET_SMALL_SIZES);
  const MemoryContext caller = MemoryContextSwitchTo(scratch);
  Search search = {&root, plan, from, to, 0, *set_aside};
  const uint64 rows = MergeOrHalve(&search, from, to);
  *set_aside = search.set_aside;
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(scratch);
  return rows;
}

int64 SetAsideFailing(const Rollup& root, const char* id_column, int64 from, int64 to) {
  const char* select = SelectSql(root, root, id_column, {AddRange(NIL, "$1", "$2")});
  // Every value is computed, and none is kept.
  const char* sql = psprintf("SELECT count(q::text) FROM (%s) AS q", select);
  int64 set_aside = 0;
  (void)MergeWindow(root, Prepare(sql), from, to, &set_aside);
  return set_aside;
}

int64 RetryFailedEvents(const Rollup& root, const char* id_column) {
  const int level = BeginRefreshSettings(root.topn_counters);
  const uint64 count = ReadFailedEvents(root.relation);
  if (count == 0) {
    EndSettings(level);
    return 0;
  }
  auto* ids = static_cast<int64*>(palloc(count * sizeof(int64)));
  for (uint64 i = 0; i < count; ++i) {
    bool is_null;
    ids[i] = DatumGetInt64(SpiValue(i, 1, &is_null));
  }
  const RoleScope before = BecomeOwner(root.owner);
  const bool on_shards = OidIsValid(root.node_watermark);
  const SPIPlanPtr plan = on_shards ? nullptr : Prepare(RefreshSql(root, id_column));
  int64 counted = 0;
  for (uint64 i = 0; i < count; ++i) {
    CHECK_FOR_INTERRUPTS();
    int64 set_aside = 0;
    if (on_shards) {
      set_aside = !RetryOnShards(root, id_column, ids[i]);
    } else {
      (void)MergeWindow(root, plan, ids[i] - 1, ids[i], &set_aside);
    }
    if (set_aside > 0) continue;
    DeleteFailedEvents(root.relation, ids[i] - 1, ids[i]);
    ++counted;
  }
  RestoreRole(before);
  EndSettings(level);
  return counted;
}

void WarnOfSetAside(const Rollup& root, int64 count) {
  if (count == 0) return;
  ereport(WARNING, (errmsg("%s: " INT64_FORMAT " events could not be counted and were set aside",
                           root.name, count),
                    errhint("SELECT * FROM millrace.failed_events shows them; "
                            "millrace.retry_failed_events(%s) takes them in again after a repair.",
                            quote_literal_cstr(root.name))));
}

}  // namespace millrace::pg
