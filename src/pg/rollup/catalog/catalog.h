// The catalog of declared rollups: the table millrace.rollup and those that belong to it. They are
// read and written as their owner, whoever calls. Watermarks are in log/watermark.h.
#pragma once

#include "pg/base/relation.h"
#include "pg/base/role.h"
#include "pg/base/spi.h"
#include "pg/rollup/catalog/definition.h"

namespace millrace::pg {

// A declared rollup, as the catalog and its definition view describe it.
struct Rollup {
  Oid relation;  // its table
  Oid owner;     // of the table: refreshes run as this role
  Oid source;    // the table it reads: the events, or the parent's table
  Oid parent;    // the rollup below; InvalidOid where it reads events
  Oid definition_view;
  Oid live_view;
  Oid watermark_copy;     // of a root whose events Citus distributes: a copy of the watermarks that
                          // every node has; otherwise InvalidOid
  const char* id_column;  // as the user named it; nullptr: found by its sequence
  int64 start_after;      // of a root: events with ids up to this one do not belong in the rollup
  bool paused;
  int topn_counters;  // of a root: topn.number_of_counters when it was declared; 0: not set
  const char* name;   // of the table, qualified and quoted where needed
  RollupDefinition* definition;
  List* children;  // Rollup*, the rollups over this one; filled by LoadFamily
};

// Whether Citus distributes the events of a root.
inline bool IsDistributed(const Rollup& root) { return OidIsValid(root.watermark_copy); }

// The owner of the catalog.
Oid CatalogOwner();
template <typename Body>
auto AsCatalogOwner(Body body) {
  return AsTrusted(CatalogOwner(), body);
}

// All of these need an SPI connection, and allocate in the current context.

// Runs a statement on the catalog as its owner. The search path is set each time, because a trigger
// of a rollup's table may just have changed it.
uint64 RunOnCatalog(const char* sql, std::initializer_list<SpiArgument> arguments);

// The rollup whose table is `relation`, with its definition; nullptr if there is none. Raises 55000
// when the table or the definition was changed so that they no longer fit together.
Rollup* FindRollup(Oid relation);
// What belongs to a rollup, whatever state its definition is in. False if there is none.
struct RollupViews {
  Oid parent;
  Oid definition;
  Oid live;
  Oid watermark_copy;
  bool paused;
};
bool FindViews(Oid relation, RollupViews* views);
// As FindRollup, but raises 42704 if there is none.
Rollup* GetRollup(Oid relation);
// The root of the rollup's family, with all rollups over it. Raises 55000 when Citus distributes
// the events now and did not when the rollup was declared, or the other way round.
Rollup* LoadFamily(Oid relation);
// The same, without that check.
Rollup* LoadFamilyAsDeclared(Oid relation);
// Raises 42501 unless the current user may manage the rollup: owns its table.
void CheckOwner(const Rollup& rollup);

// The rollups' tables that read `source` directly: Oids.
List* RollupsOf(Oid source);

// Ids of the events that could not be counted and are left out, as an SQL array; nullptr if there
// are none.
const char* FailedEventsSql(Oid root);
// Their ids, in SPI_tuptable in ascending order; returns how many.
uint64 ReadFailedEvents(Oid root);
// Records one, with its error.
void WriteFailedEvent(Oid root, int64 id, const char* sqlstate, const char* message);
void DeleteFailedEvents(Oid root, int64 from, int64 to);

void InsertRollup(const Rollup& rollup, Datum refresh_interval);
void DeleteRollup(Oid relation);
void SetPaused(Oid relation, bool paused);
void ForgetStart(Oid relation);

// Records which table is the copy of the watermarks.
void SetWatermarkCopy(Oid relation, Oid table);
// How long the events of a table are kept; nullptr: for ever. False if nothing was set.
void WriteRetention(Oid source, Interval* keep);
bool ReadRetention(Oid source, Interval* keep);
// How long after their end partitions are made dense; nullptr: never. False if nothing was set.
void WriteSealing(Oid source, Interval* age);
bool ReadSealing(Oid source, Interval* age);

}  // namespace millrace::pg
