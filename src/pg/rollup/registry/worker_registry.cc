#include "pg/rollup/registry/worker_registry.h"

#include <csignal>

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/base/shared_memory.h"

namespace millrace::pg {
namespace {

constexpr int kMostPlaces = 1024;
constexpr int64 kSecond = 1'000'000;
constexpr int64 kRestart = kSecond, kNap = 120 * kSecond;
// A worker that ends unexpectedly before it is this old counts as failed; after this many failures
// in a row the pause is no longer doubled.
constexpr int64 kShortLife = 10 * kSecond;
constexpr int kMostDoublings = 6;
constexpr int64 kUseless = 60 * kSecond, kLongestUseless = 600 * kSecond;
constexpr int64 kTurn = 2 * kSecond, kHold = 10 * kSecond, kShortageMemory = 120 * kSecond;

struct Place {
  WorkerPlace key;  // database InvalidOid: free
  Latch* worker;    // nullptr: empty
  pid_t pid;
  MonotonicTime since;  // when it was taken, or left
  MonotonicTime due;
  MonotonicTime held_until;  // not filled before
  int useless;               // how many times in a row it was left as useless
  int failures;              // how many times in a row it was left unexpectedly, and soon
  bool changed;              // since the worker looked
  bool make_way;
  bool watching;         // its worker sleeps, or is about to
  uint32 sleep;          // number of its last sleep; 0: it has not slept
  TimestampTz wrote_at;  // when somebody wrote and ended that sleep; 0: nobody has
};

struct Registry {
  Latch* launcher;
  MonotonicTime shortage;  // the last one; 0: none
  bool new_databases;
  uint32 sleeps;
  pg_atomic_uint32 quiet;  // places that watch, and to whose database nobody has written
  int used;                // places[used] and those after it are free
  Place places[kMostPlaces];
};

Registry* registry = nullptr;
LWLock* lock = nullptr;
Place* own_place = nullptr;
Leaving own_leaving = Leaving::kUnexpectedly;
bool changed_databases = false;
// The database that the current transaction wants for itself; InvalidOid: none.
Oid wanted_database = InvalidOid;

// Everything below, until the end of this namespace, REQUIRES that the lock is held.

Place* Begin() { return registry->places; }
Place* End() { return registry->places + registry->used; }

Place* Find(const WorkerPlace& key) {
  for (Place* place = Begin(); place < End(); ++place) {
    if (place->key.database == key.database && place->key.number == key.number) return place;
  }
  return nullptr;
}

// The place. If there is none, makes a new one, which is due now; nullptr if there is no room.
Place* FindOrMake(const WorkerPlace& key) {
  Place* found = Find(key);
  if (found != nullptr) return found;
  Place* free_place = Begin();
  while (free_place < End() && OidIsValid(free_place->key.database)) ++free_place;
  if (free_place == End()) {
    if (registry->used == kMostPlaces) return nullptr;
    ++registry->used;
  }
  *free_place = {};
  free_place->key = key;
  free_place->since = free_place->due = MonotonicNow();
  return free_place;
}

bool IsQuiet(const Place& place) { return place.watching && place.wrote_at == 0; }

void EndSleep(Place* place) {
  if (!IsQuiet(*place)) return;
  place->wrote_at = GetCurrentTimestamp();
  (void)pg_atomic_fetch_sub_u32(&registry->quiet, 1);
}

void Wake(Place* place) {
  EndSleep(place);
  if (place->worker != nullptr) {
    SetLatch(place->worker);
  } else {
    place->due = Min(place->due, MonotonicNow());
    if (registry->launcher != nullptr) SetLatch(registry->launcher);
  }
}

void WakeSleepers() {
  WithLock(lock, LW_EXCLUSIVE, [] {
    for (Place* place = Begin(); place < End(); ++place) {
      if (place->key.database == MyDatabaseId && IsQuiet(*place)) Wake(place);
    }
  });
}

MonotonicTime DueAgain(Place* place, Leaving leaving) {
  const MonotonicTime now = MonotonicNow();
  // Workers other than number 0 come back only when they are wanted by their number.
  const bool first = place->key.number == 0;
  place->useless = leaving == Leaving::kUseless ? Min(place->useless + 1, 5) : 0;
  const bool sent_away = place->held_until > now;
  const bool failed =
      leaving == Leaving::kUnexpectedly && !sent_away && now - place->since < kShortLife;
  place->failures = failed ? Min(place->failures + 1, kMostDoublings + 1) : 0;
  switch (leaving) {
    case Leaving::kUnexpectedly:
      return now + (kRestart << Max(place->failures - 1, 0));
    case Leaving::kUseless:
      return first ? now + Min(kUseless << (place->useless - 1), kLongestUseless) : kNever;
    case Leaving::kAsleep:
      return first ? now + kNap : kNever;
    case Leaving::kMakingWay:
      return now;
  }
  return now;
}

void LeavePlace(int, Datum) {
  WithLock(lock, LW_EXCLUSIVE, [] {
    Place* place = own_place;
    place->worker = nullptr;
    place->pid = 0;
    place->make_way = false;
    // Somebody has written, or changed the rollups, after this worker decided to leave.
    const bool wanted = place->changed || (own_leaving == Leaving::kAsleep && !IsQuiet(*place));
    if (own_leaving != Leaving::kAsleep) EndSleep(place);
    place->due = wanted ? MonotonicNow() : DueAgain(place, own_leaving);
    place->since = MonotonicNow();
    if (registry->launcher != nullptr) SetLatch(registry->launcher);
  });
}

void AnnounceDatabases() {
  WithLock(lock, LW_EXCLUSIVE, [] {
    registry->new_databases = true;
    for (Place* place = Begin(); place < End(); ++place) {
      if (OidIsValid(wanted_database) && place->key.database == wanted_database)
        place->held_until = 0;
    }
    if (registry->launcher != nullptr) SetLatch(registry->launcher);
  });
}

// Called at the end of every transaction of every process, so it must cost nothing when no worker
// sleeps.
void NoteWrite(XactEvent event, void*) {
  // A transaction that is rolled back may have drawn ids; the worker finds no events for them.
  const bool ends = event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT;
  if ((!ends && event != XACT_EVENT_PREPARE) || registry == nullptr) return;
  if (changed_databases && event == XACT_EVENT_COMMIT) AnnounceDatabases();
  if (ends) {
    changed_databases = false;
    wanted_database = InvalidOid;
  }
  if (pg_atomic_read_u32(&registry->quiet) == 0 || own_place != nullptr) return;
  if (!TransactionIdIsValid(GetTopTransactionIdIfAny()) || MyBackendType == B_AUTOVAC_WORKER)
    return;
  WakeSleepers();
}

}  // namespace

void RequestWorkerRegistry() {
  RequestSharedMemory("millrace workers", sizeof(Registry), reinterpret_cast<void**>(&registry),
                      &lock);
  RegisterXactCallback(NoteWrite, nullptr);
}

bool HasWorkerRegistry() { return registry != nullptr; }

void NoteChange(Oid database) {
  WithLock(lock, LW_EXCLUSIVE, [&] {
    (void)FindOrMake({database, 0});
    for (Place* place = Begin(); place < End(); ++place) {
      if (place->key.database != database) continue;
      place->changed = place->worker != nullptr;
      Wake(place);
    }
  });
}

void NoteWanted(const WorkerPlace& key) {
  WithLock(lock, LW_EXCLUSIVE, [&] {
    Place* place = FindOrMake(key);
    if (place != nullptr && place->worker == nullptr && !IsQuiet(*place)) Wake(place);
  });
}

void NoteMissing() {
  if (registry != nullptr && pg_atomic_read_u32(&registry->quiet) > 0) WakeSleepers();
}

void SendWorkersAway(Oid database) {
  wanted_database = database;
  const MonotonicTime start = MonotonicNow();
  for (bool first = true;; first = false) {
    pid_t pids[kMostWorkersPerDatabase];
    int running = 0;
    WithLock(lock, LW_EXCLUSIVE, [&] {
      for (Place* place = Begin(); place < End(); ++place) {
        if (place->key.database != database) continue;
        place->held_until = start + kHold;
        if (place->worker != nullptr && running < kMostWorkersPerDatabase)
          pids[running++] = place->pid;
      }
    });
    if (running == 0 || MonotonicNow() > start + kHold / 2) return;
    for (int i = 0; first && i < running; ++i) (void)kill(pids[i], SIGTERM);
    CHECK_FOR_INTERRUPTS();
    pg_usleep(10'000);
  }
}

void NoteDatabases() { changed_databases = true; }

bool IsStarved() {
  return WithLock(lock, LW_SHARED, [] {
    return registry->shortage != 0 && MonotonicNow() - registry->shortage < kShortageMemory;
  });
}

TimestampTz QuietUntil(uint32 sleep) {
  return WithLock(lock, LW_SHARED, [&] {
    for (const Place* place = Begin(); place < End(); ++place) {
      if (place->key.database != MyDatabaseId || place->sleep != sleep) continue;
      return place->wrote_at == 0 ? GetCurrentTimestamp() : place->wrote_at;
    }
    return static_cast<TimestampTz>(DT_NOBEGIN);
  });
}

void RegisterLauncher() {
  WithLock(lock, LW_EXCLUSIVE, [] { registry->launcher = MyLatch; });
}

int MeetDatabases(const List* databases) {
  return WithLock(lock, LW_EXCLUSIVE, [&] {
    for (Place* place = Begin(); place < End(); ++place) {
      if (place->worker != nullptr || list_member_oid(databases, place->key.database)) continue;
      EndSleep(place);
      *place = {};
    }
    int without = 0;
    for (const Oid database : EachOid(databases)) {
      without += FindOrMake({database, 0}) == nullptr ? 1 : 0;
    }
    return without;
  });
}

bool TakeDatabases() {
  return WithLock(lock, LW_EXCLUSIVE, [] {
    const bool made = registry->new_databases;
    registry->new_databases = false;
    return made;
  });
}

bool NextPlace(WorkerPlace* key, MonotonicTime* next) {
  return WithLock(lock, LW_SHARED, [&] {
    const MonotonicTime now = MonotonicNow();
    const Place* found = nullptr;
    *next = kNever;
    for (const Place* place = Begin(); place < End(); ++place) {
      if (!OidIsValid(place->key.database) || place->worker != nullptr) continue;
      const MonotonicTime due = Max(place->due, place->held_until);
      if (due > now) {
        *next = Min(*next, due);
      } else if (found == nullptr || place->due < found->due) {
        found = place;
      }
    }
    if (found != nullptr) *key = found->key;
    return found != nullptr;
  });
}

void NoteStarted(const WorkerPlace& key) {
  WithLock(lock, LW_EXCLUSIVE, [&] {
    Place* place = Find(key);
    if (place != nullptr && place->worker == nullptr)
      place->due = Max(place->due, MonotonicNow() + kRestart);
  });
}

Shortage NoteShortage() {
  return WithLock(lock, LW_EXCLUSIVE, [] {
    const MonotonicTime now = MonotonicNow();
    registry->shortage = now;
    Shortage shortage = {};
    int asked = 0;
    for (const Place* place = Begin(); place < End(); ++place) {
      if (!OidIsValid(place->key.database)) continue;
      shortage.running += place->worker != nullptr ? 1 : 0;
      shortage.waiting +=
          place->worker == nullptr && Max(place->due, place->held_until) <= now ? 1 : 0;
      asked += place->make_way ? 1 : 0;
    }
    for (; asked < shortage.waiting; ++asked) {
      Place* longest = nullptr;
      for (Place* place = Begin(); place < End(); ++place) {
        if (place->worker == nullptr || place->make_way || place->since > now - kTurn) continue;
        if (longest == nullptr || place->since < longest->since) longest = place;
      }
      if (longest == nullptr) break;
      longest->make_way = true;
      SetLatch(longest->worker);
    }
    return shortage;
  });
}

bool RegisterWorker(const WorkerPlace& key) {
  const bool mine = WithLock(lock, LW_EXCLUSIVE, [&] {
    Place* place = FindOrMake(key);
    if (place == nullptr || place->worker != nullptr) return false;
    EndSleep(place);
    place->watching = false;
    place->worker = MyLatch;
    place->pid = MyProcPid;
    place->since = MonotonicNow();
    place->due = kNever;
    place->changed = false;
    own_place = place;
    return true;
  });
  if (mine) before_shmem_exit(LeavePlace, 0);
  return mine;
}

void WillLeave(Leaving leaving) { own_leaving = leaving; }

bool TakeChange() {
  return WithLock(lock, LW_EXCLUSIVE, [] {
    const bool changed = own_place->changed;
    own_place->changed = false;
    return changed;
  });
}

bool ShouldMakeWay() {
  return WithLock(lock, LW_SHARED, [] { return own_place->make_way; });
}

uint32 StartWatching() {
  return WithLock(lock, LW_EXCLUSIVE, [] {
    registry->sleeps = Max(registry->sleeps + 1, 1u);
    own_place->sleep = registry->sleeps;
    own_place->watching = true;
    own_place->wrote_at = 0;
    (void)pg_atomic_fetch_add_u32(&registry->quiet, 1);
    return own_place->sleep;
  });
}

bool HasBeenQuiet() {
  return WithLock(lock, LW_SHARED, [] { return IsQuiet(*own_place) && !own_place->changed; });
}

void StopWatching() {
  WithLock(lock, LW_EXCLUSIVE, [] {
    EndSleep(own_place);
    own_place->watching = false;
  });
}

namespace {

bool change_pending = false;

void AtEndOfTransaction(XactEvent event, void*) {
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) {
    if (change_pending) NoteChange(MyDatabaseId);
    change_pending = false;
  } else if (event == XACT_EVENT_ABORT) {
    change_pending = false;
  }
}

}  // namespace

void NotifyWorker() {
  if (!HasWorkerRegistry()) return;
  static bool registered = false;
  if (!registered) RegisterXactCallback(AtEndOfTransaction, nullptr);
  registered = true;
  change_pending = true;
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.workers() returns setof (database name, number int, state text, pid int, since
// timestamptz): the places for workers of all databases. States: running; asleep (nothing is
// missing, and nobody writes); due (at a later time); waiting (due, but the server has no process
// for it).
MILLRACE_FUNCTION(workers) {
  InitMaterializedSRF(fcinfo, 0);
  if (registry == nullptr) return static_cast<Datum>(0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  auto* places = static_cast<Place*>(palloc(sizeof(registry->places)));
  const int used = WithLock(lock, LW_SHARED, [&] {
    memcpy(static_cast<void*>(places), registry->places, registry->used * sizeof(Place));
    return registry->used;
  });
  const MonotonicTime now = MonotonicNow();
  const TimestampTz today = GetCurrentTimestamp();
  for (int i = 0; i < used; ++i) {
    CHECK_FOR_INTERRUPTS();
    const Place& place = places[i];
    char* database =
        OidIsValid(place.key.database) ? get_database_name(place.key.database) : nullptr;
    if (database == nullptr) continue;
    const bool waits = place.worker == nullptr && Max(place.due, place.held_until) <= now;
    const char* state = place.worker != nullptr ? "running"
                        : IsQuiet(place)        ? "asleep"
                        : waits                 ? "waiting"
                                                : "due";
    const MonotonicTime since = waits ? place.due : place.since;
    NameData name;
    namestrcpy(&name, database);
    Datum values[] = {NameGetDatum(&name), Int32GetDatum(place.key.number),
                      CStringGetTextDatum(state), Int32GetDatum(place.pid),
                      TimestampTzGetDatum(today - (now - since))};
    bool nulls[lengthof(values)] = {};
    nulls[3] = place.worker == nullptr;
    tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
  }
  return static_cast<Datum>(0);
}
