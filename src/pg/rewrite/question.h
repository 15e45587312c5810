// A query that groups the rows of a rollup, taken apart: what it needs of the rows, as expressions
// over the rollup's columns, and where these stand in the query.
//
// The query is not changed until PutAnswer: it may turn out that no other rollup answers it.
#pragma once

#include "pg/rewrite/known_rollups.h"

namespace millrace::pg {

// Something that the query needs of each row: a key, or the value of a measure that an aggregate
// merges. Expressions are over the rollup's columns, as of table 1.
struct Item {
  Node* key;  // an expression over keys; nullptr for a measure
  ColumnRole role;
  Node* argument;  // of the aggregate: a measure, or an expression over keys
  Node* filter;    // over keys; nullptr if there is none
  Oid input_collation;
  // Of a question to events: the aggregate itself. For count(DISTINCT) the role is kHll, and the
  // argument is what is counted.
  Aggref* aggregate;
  // The type in which every part of the answer has it.
  Oid type;
  int32 typmod;
  Oid collation;
};

// A limit of the bucket, as the query has it: bucket OPERATOR value.
struct Bound {
  OpExpr* condition;
  Node* value;    // has no columns of this query
  bool strict;    // > or <
  bool is_whole;  // only for tables whose rows are buckets, not for events
};

struct Question {
  Query* query;
  Index target;  // the rollup's place in the range table
  const KnownRollup* rollup;
  // For a live view: its query, as it stands in the range table, and which column of the rollup's
  // table each of its columns is.
  const Query* live;
  AttrNumber* attributes;
  bool nullable;  // an outer join may make its columns NULL

  List* items;       // Item*
  List* conditions;  // over keys, ANDed: rows that do not meet them do not matter
  Bound* lower;      // beside `conditions`; nullptr if there is none
  Bound* upper;
  Index answer;     // the place in the range table where the answer comes
  const char* why;  // why no other rollup can answer it
};

// Takes it apart. Returns false, with `why`, if its answer needs the rollup's own rows.
bool TakeApart(Question* question);

// Puts `rows`, a query with one column for each item, in the place of the rollup. The rollup stays
// in the range table, where PostgreSQL checks what the user may read.
void PutAnswer(Question* question, Query* rows);

}  // namespace millrace::pg
