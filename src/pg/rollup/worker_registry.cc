#include "pg/rollup/worker_registry.h"

#include <csignal>

namespace millrace::pg {
namespace {

constexpr int kMaxDatabases = 128;

struct Entry {
  Oid database;   // InvalidOid: free
  Latch* worker;  // nullptr: none runs
  pid_t pid;
  bool changed;            // since the worker, or without one the launcher, looked
  TimestampTz held_until;  // no worker before
};

// Through when a rollup is known to be complete.
struct Complete {
  Oid database;
  Oid relation;
  TimestampTz time;
};
constexpr uint32 kMaxComplete = 1024, kProbes = 8;

struct Registry {
  slock_t lock;
  Latch* launcher;
  TimestampTz starved_at;
  Entry entries[kMaxDatabases];
  // A rollup stands in one of the kProbes places from its hash on.
  Complete complete[kMaxComplete];
};

Registry* registry = nullptr;
Entry* own_entry = nullptr;
bool no_more_work = false;
shmem_request_hook_type previous_request = nullptr;
shmem_startup_hook_type previous_startup = nullptr;

void Request() {
  if (previous_request != nullptr) previous_request();
  RequestAddinShmemSpace(sizeof(Registry));
}

void Startup() {
  if (previous_startup != nullptr) previous_startup();
  bool found;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  registry = static_cast<Registry*>(ShmemInitStruct("millrace workers", sizeof(Registry), &found));
  if (!found) {
    memset(static_cast<void*>(registry), 0, sizeof(Registry));
    SpinLockInit(&registry->lock);
  }
  LWLockRelease(AddinShmemInitLock);
}

// The database's entry; with `make` a new one where there is room. REQUIRES: the lock is held.
Entry* Find(Oid database, bool make) {
  Entry* free_entry = nullptr;
  for (Entry& entry : registry->entries) {
    if (entry.database == database) return &entry;
    if (entry.database == InvalidOid && free_entry == nullptr) free_entry = &entry;
  }
  if (!make || free_entry == nullptr) return nullptr;
  *free_entry = {database, nullptr, 0, false, 0};
  return free_entry;
}

uint32 PlaceOf(Oid relation, uint32 probe) {
  return (hash_combine(MyDatabaseId, murmurhash32(relation)) + probe) % kMaxComplete;
}

void Unregister(int, Datum) {
  SpinLockAcquire(&registry->lock);
  own_entry->worker = nullptr;
  own_entry->changed |= !no_more_work;
  if (!own_entry->changed) own_entry->database = InvalidOid;
  Latch* launcher = registry->launcher;
  SpinLockRelease(&registry->lock);
  if (launcher != nullptr) SetLatch(launcher);
}

}  // namespace

void RequestWorkerRegistry() {
  previous_request = shmem_request_hook;
  shmem_request_hook = Request;
  previous_startup = shmem_startup_hook;
  shmem_startup_hook = Startup;
}

bool HasWorkerRegistry() { return registry != nullptr; }

void RegisterLauncher() {
  SpinLockAcquire(&registry->lock);
  registry->launcher = MyLatch;
  SpinLockRelease(&registry->lock);
}

bool RegisterWorker(Oid database) {
  SpinLockAcquire(&registry->lock);
  Entry* entry = Find(database, true);
  const bool mine = entry != nullptr && entry->worker == nullptr;
  if (mine) {
    entry->worker = MyLatch;
    entry->pid = MyProcPid;
    entry->changed = false;
    own_entry = entry;
  }
  SpinLockRelease(&registry->lock);
  if (mine) before_shmem_exit(Unregister, 0);
  return mine;
}

void NoMoreWork() { no_more_work = true; }

bool TakeChange() {
  SpinLockAcquire(&registry->lock);
  const bool changed = own_entry->changed;
  own_entry->changed = false;
  SpinLockRelease(&registry->lock);
  return changed;
}

void NoteChange(Oid database) {
  SpinLockAcquire(&registry->lock);
  Entry* entry = Find(database, true);
  if (entry != nullptr) entry->changed = true;
  Latch* latch = entry != nullptr && entry->worker != nullptr ? entry->worker : registry->launcher;
  SpinLockRelease(&registry->lock);
  if (latch != nullptr) SetLatch(latch);
}

void NoteStarved() {
  const TimestampTz now = GetCurrentTimestamp();
  SpinLockAcquire(&registry->lock);
  registry->starved_at = now;
  SpinLockRelease(&registry->lock);
}

bool IsStarved() {
  constexpr int64 kMemory = 120'000'000;
  const TimestampTz now = GetCurrentTimestamp();
  SpinLockAcquire(&registry->lock);
  const bool starved = registry->starved_at != 0 && now - registry->starved_at < kMemory;
  SpinLockRelease(&registry->lock);
  return starved;
}

void NoteComplete(Oid relation, TimestampTz time) {
  if (registry == nullptr) return;
  SpinLockAcquire(&registry->lock);
  // The place that it has, or the one that was written longest ago.
  Complete* place = &registry->complete[PlaceOf(relation, 0)];
  for (uint32 i = 0; i < kProbes; ++i) {
    Complete* entry = &registry->complete[PlaceOf(relation, i)];
    if (entry->database == MyDatabaseId && entry->relation == relation) {
      place = entry;
      break;
    }
    if (entry->time < place->time) place = entry;
  }
  *place = {MyDatabaseId, relation, time};
  SpinLockRelease(&registry->lock);
}

TimestampTz KnownComplete(Oid relation) {
  TimestampTz time = DT_NOBEGIN;
  if (registry == nullptr) return time;
  SpinLockAcquire(&registry->lock);
  for (uint32 i = 0; i < kProbes; ++i) {
    const Complete& entry = registry->complete[PlaceOf(relation, i)];
    if (entry.database == MyDatabaseId && entry.relation == relation) time = entry.time;
  }
  SpinLockRelease(&registry->lock);
  return time;
}

bool HasWorker(Oid database) {
  const TimestampTz now = GetCurrentTimestamp();
  SpinLockAcquire(&registry->lock);
  const Entry* entry = Find(database, false);
  const bool has = entry != nullptr && (entry->worker != nullptr || now < entry->held_until);
  SpinLockRelease(&registry->lock);
  return has;
}

bool TakeRequest(Oid database) {
  const TimestampTz now = GetCurrentTimestamp();
  SpinLockAcquire(&registry->lock);
  Entry* entry = Find(database, false);
  const bool asked =
      entry != nullptr && entry->worker == nullptr && entry->changed && now >= entry->held_until;
  if (asked) entry->changed = false;
  SpinLockRelease(&registry->lock);
  return asked;
}

TimestampTz NextHoldEnds() {
  const TimestampTz now = GetCurrentTimestamp();
  TimestampTz next = DT_NOEND;
  SpinLockAcquire(&registry->lock);
  for (const Entry& entry : registry->entries) {
    if (OidIsValid(entry.database) && entry.held_until > now) next = Min(next, entry.held_until);
  }
  SpinLockRelease(&registry->lock);
  return next;
}

void ForgetOthers(const List* databases) {
  SpinLockAcquire(&registry->lock);
  for (Entry& entry : registry->entries) {
    if (entry.worker == nullptr && !list_member_oid(databases, entry.database)) {
      entry.database = InvalidOid;
    }
  }
  SpinLockRelease(&registry->lock);
}

void SendWorkerAway(Oid database) {
  constexpr int64 kSecond = 1000000;
  const TimestampTz start = GetCurrentTimestamp();
  for (bool first = true;; first = false) {
    SpinLockAcquire(&registry->lock);
    Entry* entry = Find(database, false);
    const pid_t pid = entry != nullptr && entry->worker != nullptr ? entry->pid : 0;
    if (entry != nullptr) entry->held_until = start + 10 * kSecond;
    SpinLockRelease(&registry->lock);
    if (pid == 0 || GetCurrentTimestamp() > start + 5 * kSecond) return;
    if (first) (void)kill(pid, SIGTERM);
    CHECK_FOR_INTERRUPTS();
    pg_usleep(10000);
  }
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.known_complete(rollup regclass) returns timestamptz: as KnownComplete has it; NULL where
// nothing is known.
MILLRACE_FUNCTION(known_complete) {
  const TimestampTz time = KnownComplete(PG_GETARG_OID(0));
  if (TIMESTAMP_IS_NOBEGIN(time)) PG_RETURN_NULL();
  PG_RETURN_TIMESTAMPTZ(time);
}
