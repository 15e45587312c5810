// What this session knows of the declared rollups, for the planner: it may not run SQL, and must
// not take long. The catalog and the definitions are read once, and again when they have changed.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/definition.h"

namespace millrace::pg {

// A column of a rollup's table, and what it says of the rows below. Expressions are over the
// columns of these, as of table 1 of a range table.
struct KnownColumn {
  AttrNumber attribute;
  Oid type;
  int32 typmod;
  Oid collation;
  ColumnRole role;
  // kKey: no two values are equal and look different, as 1.0 and 1.00 do.
  bool exact;
  Node* expression;  // kKey: the key; otherwise the aggregate's argument. nullptr: not known
  Node* filter;      // of the aggregate; nullptr if it has none
  Oid input_collation;
  Oid merge;             // kHll, kTopN: the aggregate that unites its values
  const Aggref* aggref;  // of a rollup over events: the aggregate itself
};

// A declared rollup, or a table of events whose changes are watched (is_events). Any column of
// events is a key; the rollups over them are made from what its rows say.
struct KnownRollup {
  bool is_events;
  AttrNumber id;  // of events: the column that rollups follow
  Oid relation;
  Oid source;
  Oid definition;
  Oid live_view;
  Oid root;
  KnownRollup* parent;   // nullptr: it reads events
  bool lacks_events;     // some were left out or set aside
  const char* unusable;  // why it must not answer for others, nor they for it; nullptr if it may
  List* columns;         // KnownColumn*
  List* where;           // of its query, ANDed
  AttrNumber bucket;     // the column of its bucket; InvalidAttrNumber if it has none
  List* summaries;  // Summary*: the rollups over it that may answer for it, itself not included
};

// A rollup in terms of the columns of one that it is made from, directly or through others.
struct Summary {
  const KnownRollup* rollup;
  List* columns;  // KnownColumn*, over the columns of the one below
  List* where;
};

// The rollup whose table or live view this is, or the events; nullptr if there is none. What is
// returned lives until the end of the transaction. Takes no lock that it would have to wait for,
// and raises nothing because of a rollup that is not in order.
const KnownRollup* FindKnownRollup(Oid relation_or_view);

// Whether there may be any rollup that others can answer for.
bool AnyKnownRollup();

// Whether what was found is still so. Asked after locks were taken.
bool KnownRollupsAreCurrent();

// Whether the active snapshot sees these rollups' rows in the catalog, all of them as they are
// known: a rollup that was declared or made again after an old snapshot must not answer in it.
bool SnapshotKnows(const List* rollups);
// The same of events: no row of them was changed, and none is set aside by a rollup.
bool SnapshotKnowsEvents(Oid source);

inline const KnownColumn* ColumnAt(const List* columns, AttrNumber attribute) {
  for (int i = 0; i < list_length(columns); ++i) {
    const auto* column = static_cast<const KnownColumn*>(list_nth(columns, i));
    if (column->attribute == attribute) return column;
  }
  return nullptr;
}

// Called once, when the library is loaded.
void InstallKnownRollups();

}  // namespace millrace::pg
