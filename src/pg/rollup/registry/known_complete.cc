#include "pg/rollup/registry/known_complete.h"

#include "pg/base/shared_memory.h"
#include "pg/rollup/registry/worker_registry.h"

namespace millrace::pg {
namespace {

constexpr uint32 kPlaces = 1024, kProbes = 8;

struct Place {
  Oid database;
  Oid relation;
  uint32 sleep;
  TimestampTz time;
};

// A rollup is in one of the kProbes places that follow from its hash.
struct Places {
  Place place[kPlaces];
};

Places* places = nullptr;
LWLock* lock = nullptr;

Place* PlaceOf(Oid relation, uint32 probe) {
  const uint32 hash = hash_combine(MyDatabaseId, murmurhash32(relation));
  return &places->place[(hash + probe) % kPlaces];
}

bool IsOf(const Place& place, Oid relation) {
  return place.database == MyDatabaseId && place.relation == relation;
}

}  // namespace

void RequestKnownComplete() {
  RequestSharedMemory("millrace complete", sizeof(Places), reinterpret_cast<void**>(&places),
                      &lock);
}

void NoteComplete(Oid relation, TimestampTz time, uint32 sleep) {
  if (places == nullptr) return;
  WithLock(lock, LW_EXCLUSIVE, [&] {
    // The place that the rollup has, or else the one that was written longest ago.
    Place* place = PlaceOf(relation, 0);
    for (uint32 i = 0; i < kProbes; ++i) {
      Place* candidate = PlaceOf(relation, i);
      if (IsOf(*candidate, relation)) {
        place = candidate;
        break;
      }
      if (candidate->time < place->time) place = candidate;
    }
    *place = {MyDatabaseId, relation, sleep, time};
  });
}

TimestampTz KnownComplete(Oid relation) {
  if (places == nullptr) return DT_NOBEGIN;
  const Place found = WithLock(lock, LW_SHARED, [&] {
    for (uint32 i = 0; i < kProbes; ++i) {
      if (IsOf(*PlaceOf(relation, i), relation)) return *PlaceOf(relation, i);
    }
    return Place{InvalidOid, InvalidOid, 0, DT_NOBEGIN};
  });
  return found.sleep == 0 ? found.time : Max(found.time, QuietUntil(found.sleep));
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.known_complete(rollup regclass) returns timestamptz: as KnownComplete; NULL if nothing
// is known.
MILLRACE_FUNCTION(known_complete) {
  const TimestampTz time = KnownComplete(PG_GETARG_OID(0));
  if (TIMESTAMP_IS_NOBEGIN(time)) PG_RETURN_NULL();
  PG_RETURN_TIMESTAMPTZ(time);
}
