#include "pg/rollup/refresh/set_aside.h"

#include <initializer_list>

#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/sql/statements.h"

namespace millrace::pg {
namespace {

// How many events in a row are tried when the error may come from the definition.
constexpr int kMostDoubtful = 20;

bool IsOneOf(const char* sqlstate, std::initializer_list<const char*> prefixes) {
  for (const char* prefix : prefixes) {
    if (strncmp(sqlstate, prefix, strlen(prefix)) == 0) return true;
  }
  return false;
}

// Whether an error may come from the definition as well as from an event: casting text to tsquery
// or ltree can give a "syntax error", and some types raise internal errors.
bool IsDoubtful(int sqlstate) {
  return IsOneOf(unpack_sql_state(sqlstate), {"42", "55000", "XX000"});
}

// Whether an error may be an event's fault. The others come from the state of the server or of the
// session: any event would get them.
bool MayBeOfAnEvent(int sqlstate) {
  return IsDoubtful(sqlstate) || !IsOneOf(unpack_sql_state(sqlstate),
                                          {"08", "21", "25", "26", "28", "2D", "3B", "3D", "3F",
                                           "40", "53", "55", "57", "58", "72", "F0", "HV", "XX"});
}

struct FailedEvent {
  int64 id;
  ErrorData* error;
};

// A window that is being halved.
struct Search {
  const Rollup* root;
  SPIPlanPtr plan;
  int64 from, to;  // of the next attempt
  uint64 rows;     // changed by the last attempt
  SetAside* set_aside;
  List* doubtful;   // FailedEvent*: they may not be the events' fault
  ErrorData* last;  // the last error that an event gave
};

void Attempt(void* argument) {
  auto* search = static_cast<Search*>(argument);
  Datum values[] = {Int64GetDatum(search->from), Int64GetDatum(search->to)};
  const int result = SPI_execute_plan(search->plan, values, nullptr, false, 0);
  if (result < 0) elog(ERROR, "SPI: %s", SPI_result_code_string(result));
  search->rows = SPI_processed;
  SPI_freetuptable(SPI_tuptable);
}

[[noreturn]] void RaiseNothingCounted(const Search& search, const ErrorData* error) {
  ereport(ERROR,
          (errcode(error->sqlerrcode),
           errmsg("no event of rollup %s can be counted: %s", search.root->name, error->message),
           errhint("Declare it with a query that works for these events.")));
  pg_unreachable();
}

void Note(Search* search, int64 id, ErrorData* error) {
  SetAside* set_aside = search->set_aside;
  ++set_aside->count;
  search->last = error;
  if (IsDoubtful(error->sqlerrcode) && !set_aside->believe_doubtful) {
    auto* failed = static_cast<FailedEvent*>(palloc(sizeof(FailedEvent)));
    *failed = {id, error};
    search->doubtful = lappend(search->doubtful, failed);
    if (set_aside->rows == 0 && list_length(search->doubtful) >= kMostDoubtful) {
      ReThrowError(error);
    }
    return;
  }
  if (set_aside->refuse_all && set_aside->rows == 0 && set_aside->count >= kMostDoubtful) {
    RaiseNothingCounted(*search, error);
  }
  WriteFailedEvent(search->root->relation, id, unpack_sql_state(error->sqlerrcode), error->message);
}

// Halves the window until only single ids fail. Returns the id up to which that was done.
int64 MergeOrHalve(Search* search, int64 from, int64 to) {
  CHECK_FOR_INTERRUPTS();
  search->from = from;
  search->to = to;
  ErrorData* error = TryInSubtransaction(Attempt, search);
  if (error == nullptr) {
    search->set_aside->rows += search->rows;
    return to;
  }
  if (to - from == 1) {
    Note(search, to, error);
    return to;
  }
  const int64 middle = from + (to - from) / 2;
  const int64 done = MergeOrHalve(search, from, middle);
  if (done < middle || search->set_aside->count >= search->set_aside->most) return done;
  return MergeOrHalve(search, middle, to);
}

// If other events were counted by the same statement, the doubtful errors were the events' fault.
// Otherwise raises the first of them.
void Settle(const Search& search) {
  for (const FailedEvent* failed : Each<FailedEvent>(search.doubtful)) {
    if (search.set_aside->rows == 0) ReThrowError(failed->error);
    WriteFailedEvent(search.root->relation, failed->id, unpack_sql_state(failed->error->sqlerrcode),
                     failed->error->message);
  }
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
  ErrorData* error = RunInSubtransaction(body, argument);
  if (error != nullptr && !MayBeOfAnEvent(error->sqlerrcode)) ReThrowError(error);
  return error;
}

int64 MergeWindow(const Rollup& root, SPIPlanPtr plan, int64 from, int64 to, SetAside* set_aside) {
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "millrace merge", ALLOCSET_SMALL_SIZES);
  const MemoryContext caller = MemoryContextSwitchTo(scratch);
  Search search = {&root, plan, from, to, 0, set_aside, NIL, nullptr};
  const int64 done = MergeOrHalve(&search, from, to);
  Settle(search);
  if (set_aside->refuse_all && set_aside->rows == 0 && search.last != nullptr) {
    RaiseNothingCounted(search, search.last);
  }
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(scratch);
  return done;
}

int64 SetAsideFailing(const Rollup& root, const char* id_column, EventSelection events, int64 from,
                      int64 to) {
  events.ranges = AddRange(NIL, "$1", "$2");
  // Every value is computed, and none is used.
  const char* sql =
      psprintf("SELECT count(q::text) FROM (%s) AS q", SelectSql(root, root, id_column, events));
  SetAside set_aside;
  (void)MergeWindow(root, Prepare(sql), from, to, &set_aside);
  return set_aside.count;
}

int64 RetryFailedEvents(const Rollup& root, const char* id_column) {
  const uint64 count = ReadFailedEvents(root.relation);
  if (count == 0) return 0;
  auto* ids = static_cast<int64*>(palloc(count * sizeof(int64)));
  for (uint64 i = 0; i < count; ++i) {
    ids[i] = SpiRow(i).Int64(1);
  }
  return WithRefreshSettings(root.topn_counters, [&] {
    return AsOwner(root.owner, [&] {
      const bool on_shards = IsDistributed(root);
      const SPIPlanPtr plan = on_shards ? nullptr : Prepare(RefreshSql(root, id_column));
      int64 counted = 0;
      for (uint64 i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        SetAside set_aside;
        set_aside.believe_doubtful = true;
        if (on_shards) {
          if (!RetryOnShards(root, id_column, ids[i])) continue;
        } else {
          (void)MergeWindow(root, plan, ids[i] - 1, ids[i], &set_aside);
        }
        if (set_aside.count > 0) continue;
        DeleteFailedEvents(root.relation, ids[i] - 1, ids[i]);
        ++counted;
      }
      return counted;
    });
  });
}

void WarnOfSetAside(const Rollup& root, int64 count) {
  if (count == 0) return;
  ereport(WARNING,
          (errmsg_plural("%s: " INT64_FORMAT " event could not be counted and was set aside",
                         "%s: " INT64_FORMAT " events could not be counted and were set aside",
                         count, root.name, count),
           errhint("SELECT * FROM millrace.failed_events shows them; "
                   "millrace.retry_failed_events(%s) counts them after a repair.",
                   quote_literal_cstr(root.name))));
}

}  // namespace millrace::pg
