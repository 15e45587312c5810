// What summaries of a rollup there should be.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/declare/create.h"
#include "pg/summarize/row_estimate.h"
#include "pg/summarize/summaries.h"

namespace millrace::pg {

enum class ProposalState { kProposed, kDeclared, kExists, kOverBudget };

struct Proposal {
  Bitmapset* keys;  // numbers of the rollup's columns, with its bucket
  const char* reason;
  bool asked;
  int64 calls;
  double milliseconds;
  ProposalState state;
  double rows;         // estimated; counted of one that is there
  const char* schema;  // where its table is, or would be
  const char* name;
  const SummaryTable* source;  // the table that it reads; nullptr if it exists already
  const char* query;
  MergeCost cost;  // if it was declared now
};

// The summaries of a rollup, those that matter most first: by the keys that were asked for
// (AskedKeys), the longest first, then in total, then by each key, the smallest first. Which of
// them are there already, and which have no place in the budget of rows; `left` of it is not used,
// neither by those that there are nor by those that are proposed. `tables` is from
// FindSummaryTables.
List* Propose(const Rollup& rollup, const RollupStatistics& statistics, const List* tables,
              const List* asked, double budget, double* left);

// Chooses the smallest of the tables that it can be made from, and writes its query. REQUIRES: it
// does not exist.
void ChooseSource(const Rollup& rollup, const List* tables, Proposal* proposal);

// It as a table that others can be made from.
SummaryTable* AsTable(const Rollup& rollup, const Proposal& proposal);

// The names of its keys, in the order of the rollup's columns: name[].
Datum KeyNames(const Rollup& rollup, const Proposal& proposal);

}  // namespace millrace::pg
