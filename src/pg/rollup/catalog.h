// The catalog of declared rollups: tables millrace.rollup and millrace.watermark, read and written
// as their owner whoever asks.
#pragma once

#include "pg/pg_api.h"
#include "pg/rollup/definition.h"

namespace millrace::pg {

// A declared rollup, as the catalog and its definition view have it.
struct Rollup {
  Oid relation;  // its table
  Oid owner;     // of the table: refreshes run as this role
  Oid source;    // the table it reads: of events, or the parent's
  Oid parent;    // the rollup below; InvalidOid where it reads events
  Oid definition_view;
  Oid live_view;
  Oid node_watermark;     // of a root whose events Citus distributes: a copy of the nodes'
                          // watermarks on every node; InvalidOid where it does not
  const char* id_column;  // as the user named it; nullptr: found by its sequence
  int64 start_after;      // of a root: events up to here were never meant to be in
  bool paused;
  int topn_counters;  // of a root: topn.number_of_counters when it was declared; 0: not set
  const char* name;   // of the table, qualified and quoted as need be
  RollupDefinition* definition;
  List* children;  // Rollup*, the rollups over this one; filled by LoadFamily
};

// How far a root rollup has come. A rollup over another moves with it and has no watermark.
struct Watermark {
  int64 position;     // ids up to here are in
  Oid sequence_file;  // of the sequence when it was moved here; InvalidOid: not known in this
                      // database
};

// How far a root rollup whose events are written on several nodes has come on one of them.
struct NodeWatermark {
  int32 group;           // of nodes, as Citus numbers them; 0 is the coordinator
  int64 position;        // ids of the group up to here are in
  const char* sequence;  // that gave them, as NameOfSequence has it; nullptr: not known
};

// Roles are switched for a while and restored afterwards, or by the end of the transaction.
struct RoleScope {
  Oid role;
  int context;
};
// To the owner of the catalog.
RoleScope BecomeCatalogOwner();
// To the owner of a rollup, in a security-restricted operation.
RoleScope BecomeOwner(Oid owner);
void RestoreRole(RoleScope scope);

// All of these need an SPI connection, and allocate in the current context.

// The rollup whose table is `relation`, with its definition; nullptr where there is none. Raises
// 55000 when the table or the definition was changed so that they no longer fit.
Rollup* FindRollup(Oid relation);
// What belongs to a rollup, whatever state its definition is in. False where there is none.
struct RollupViews {
  Oid parent;
  Oid definition;
  Oid live;
  Oid node_watermark;
  bool paused;
};
bool FindViews(Oid relation, RollupViews* views);
// As FindRollup; raises 42704 where there is none.
Rollup* GetRollup(Oid relation);
// The root of the rollup's family with all rollups over it. Raises 55000 when its events were
// distributed since it was declared, or the other way round.
Rollup* LoadFamily(Oid relation);
// The same, wherever the events are now.
Rollup* LoadFamilyAsDeclared(Oid relation);
// Raises 42501 unless the current user may manage the rollup: owns its table.
void CheckOwner(const Rollup& rollup);

// The rollups' tables that read `source` directly: Oids.
List* RollupsOf(Oid source);

// Events that could not be counted and are left out: their ids, as an SQL array; nullptr where
// there are none.
const char* FailedEventsSql(Oid root);
// Their ids, in SPI_tuptable in ascending order; returns how many.
uint64 ReadFailedEvents(Oid root);
// Writes one down, with what went wrong.
void WriteFailedEvent(Oid root, int64 id, const char* sqlstate, const char* message);
void DeleteFailedEvents(Oid root, int64 from, int64 to);

void InsertRollup(const Rollup& rollup, Datum refresh_interval, int64 position);
void DeleteRollup(Oid relation);
void SetPaused(Oid relation, bool paused);
void ForgetStart(Oid relation);

// Locks the watermark of a root rollup until the end of the transaction, so that nobody else
// refreshes it. When `wait` is false and somebody has it, returns false. Raises 55006 inside of a
// refresh of this family (see InsideRefresh).
bool LockWatermark(Oid relation, bool wait, Watermark* watermark);
// The same for a root that was loaded before. Raises 40001 when it was distributed meanwhile.
bool LockWatermark(const Rollup& root, bool wait, Watermark* watermark);
bool ReadWatermark(Oid relation, Watermark* watermark);
// Moves it. `complete_through`: every event committed before is in.
void MoveWatermark(Oid relation, int64 position, Oid sequence, TimestampTz complete_through,
                   int64 events, TimestampTz started);
// Those of each node, by group: an array of `*count`.
NodeWatermark* ReadNodeWatermarks(Oid relation, int* count);
void WriteNodeWatermark(Oid relation, const NodeWatermark& watermark);
// Says where the copy of them is.
void SetNodeWatermarkTable(Oid relation, Oid table);
// The file that a relation has now: a restarted or altered sequence gets a new one.
Oid FileOf(Oid relation);

// Runs `body`, which changes the tables of a family, so that no trigger in it can begin to refresh
// or rebuild the same family: LockWatermark refuses that.
void EnterRefresh(Oid root);
void LeaveRefresh(Oid root);
template <typename Body>
void InsideRefresh(Oid root, Body body) {
  EnterRefresh(root);
  PG_TRY();
  { body(); }
  PG_FINALLY();
  { LeaveRefresh(root); }
  PG_END_TRY();
}

// How long the events of a table are kept; nullptr: for ever. False where that was not said.
void WriteRetention(Oid source, Interval* keep);
bool ReadRetention(Oid source, Interval* keep);

// The name of a relation, qualified and quoted, as it can stand in any statement.
const char* QualifiedName(Oid relation);
// The role that owns a relation.
Oid OwnerOf(Oid relation);

}  // namespace millrace::pg
