// millrace.summarize: declares the rollups over a rollup from which the planner can answer
// questions to it (pg/rewrite).

#include <cmath>

#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/base/subtransaction.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/declare/create.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/summarize/asked.h"
#include "pg/summarize/proposals.h"

using namespace millrace::pg;

namespace {

constexpr double kDefaultShare = 0.1;

struct Arguments {
  Oid rollup;
  int64 budget;  // 0: the default
  bool declare;
};

Arguments ReadArguments(FunctionCallInfo fcinfo) {
  if (PG_ARGISNULL(0)) {
    ereport(ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the rollup must not be NULL")));
  }
  const Arguments arguments = {PG_GETARG_OID(0), PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1),
                               PG_ARGISNULL(2) || PG_GETARG_BOOL(2)};
  if (!PG_ARGISNULL(1) && arguments.budget <= 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the budget must be positive"),
                    errdetail("It is how many rows the summaries may have together.")));
  }
  return arguments;
}

const Rollup* FindIn(const Rollup& family, Oid relation) {
  if (family.relation == relation) return &family;
  for (const Rollup* child : Each<Rollup>(family.children)) {
    if (const Rollup* found = FindIn(*child, relation)) return found;
  }
  return nullptr;
}

// -- Declaring

struct Attempt {
  Proposal* proposal;
  double most;  // rows that it may have
  double rows;
  bool over;
};

// Declares a summary, and raises an error if it turns out to have too many rows.
void DeclareOne(void* argument) {
  auto* attempt = static_cast<Attempt*>(argument);
  Proposal* proposal = attempt->proposal;
  const Datum interval = DirectFunctionCall3(interval_in, CStringGetDatum("10 seconds"),
                                             ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
  const Oid relation =
      CreateSummary(proposal->schema, proposal->name, proposal->query, interval, &proposal->cost);
  const char* name = QualifiedName(relation);
  (void)RunSql(psprintf("SELECT pg_catalog.count(*) FROM %s", name));
  attempt->rows = static_cast<double>(SpiRow(0).Int64(1));
  attempt->over = attempt->rows > attempt->most;
  if (attempt->over) elog(ERROR, "the summary has more rows than its budget");
  // So that the planner knows at once that it is small.
  (void)RunSql(psprintf("ANALYZE %s", name));
}

// Declares those that are proposed, or only says how: the largest first, so that the smaller ones
// can be made from them.
class Declarer {
 public:
  Declarer(const Rollup& rollup, List* tables, double left)
      : rollup_(rollup), tables_(tables), left_(left) {}

  void Run(const List* proposals, bool declare) {
    do {
      List* todo = NIL;
      for (Proposal* proposal : Each<Proposal>(proposals)) {
        if (proposal->state == ProposalState::kProposed) todo = lappend(todo, proposal);
      }
      list_sort(todo, [](const ListCell* a, const ListCell* b) {
        const double left = static_cast<const Proposal*>(lfirst(a))->rows;
        const double right = static_cast<const Proposal*>(lfirst(b))->rows;
        return left > right ? -1 : left < right ? 1 : 0;
      });
      for (Proposal* proposal : Each<Proposal>(todo)) {
        CHECK_FOR_INTERRUPTS();
        ChooseSource(rollup_, tables_, proposal);
        if (declare) Declare(proposal);
        if (proposal->state == ProposalState::kOverBudget) continue;
        tables_ = lappend(tables_, AsTable(rollup_, *proposal));
      }
    } while (declare && TakeMore(proposals));
    for (Proposal* proposal : Each<Proposal>(proposals)) {
      if (proposal->state == ProposalState::kOverBudget && proposal->query == nullptr) {
        ChooseSource(rollup_, tables_, proposal);
      }
    }
  }

  bool declared() const { return declared_; }

 private:
  // Its estimate has been taken from the budget.
  void Declare(Proposal* proposal) {
    Attempt attempt = {proposal, proposal->rows + left_, 0, false};
    ErrorData* error = RunInSubtransaction(DeclareOne, &attempt);
    if (error != nullptr && !attempt.over) ReThrowError(error);
    if (attempt.over) {
      proposal->state = ProposalState::kOverBudget;
      left_ += proposal->rows;
    } else {
      proposal->state = ProposalState::kDeclared;
      left_ += proposal->rows - attempt.rows;
      declared_ = true;
    }
    proposal->rows = attempt.rows;
  }

  // Estimates are on the high side: what is left may be enough for another. False if it is not.
  bool TakeMore(const List* proposals) {
    bool more = false;
    for (Proposal* proposal : Each<Proposal>(proposals)) {
      if (proposal->state != ProposalState::kOverBudget || proposal->rows > left_ ||
          proposal->query != nullptr) {
        continue;
      }
      proposal->state = ProposalState::kProposed;
      left_ -= proposal->rows;
      more = true;
    }
    return more;
  }

  const Rollup& rollup_;
  List* tables_;
  double left_;
  bool declared_ = false;
};

// -- The result

const char* StateName(ProposalState state) {
  switch (state) {
    case ProposalState::kProposed:
      return "proposed";
    case ProposalState::kDeclared:
      return "declared";
    case ProposalState::kExists:
      return "exists";
    case ProposalState::kOverBudget:
      return "over budget";
  }
  pg_unreachable();
}

// What a refresh takes for it: the time of a merge of nothing, and for the rows of what it reads as
// long as it took to fill it from as many.
double RefreshTime(const Proposal& proposal, const RollupStatistics& statistics) {
  if (proposal.state != ProposalState::kDeclared) return -1;
  const double rows = RowsPerRefresh(statistics, proposal.source->rows);
  const MergeCost& cost = proposal.cost;
  const double per_row = (cost.fill_ms - cost.empty_ms) / Max(proposal.source->rows, 1);
  return rows < 0 ? -1 : cost.empty_ms + per_row * rows;
}

void PutProposal(ReturnSetInfo* results, const Rollup& rollup, const RollupStatistics& statistics,
                 const Proposal& proposal) {
  const double refresh_rows = RowsPerRefresh(statistics, proposal.rows);
  const double refresh_ms = RefreshTime(proposal, statistics);
  const bool is_new = proposal.query != nullptr;
  Datum values[] = {CStringGetTextDatum(quote_qualified_identifier(proposal.schema, proposal.name)),
                    KeyNames(rollup, proposal),
                    CStringGetTextDatum(StateName(proposal.state)),
                    CStringGetTextDatum(proposal.reason),
                    Int64GetDatum(static_cast<int64>(proposal.rows)),
                    Float8GetDatum(proposal.rows / statistics.rows),
                    Int64GetDatum(static_cast<int64>(refresh_rows)),
                    Float8GetDatum(refresh_ms),
                    Int64GetDatum(proposal.calls),
                    Float8GetDatum(proposal.milliseconds),
                    is_new ? CStringGetTextDatum(proposal.source->name) : Datum(0),
                    is_new ? CStringGetTextDatum(proposal.query) : Datum(0)};
  bool nulls[] = {
      false,          false,           false,           false,   false,  false, refresh_rows < 0,
      refresh_ms < 0, !proposal.asked, !proposal.asked, !is_new, !is_new};
  tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
}

// Returns whether any was declared.
bool Summarize(const Arguments& arguments, const char* search_path, ReturnSetInfo* results) {
  CheckOwner(*GetRollup(arguments.rollup));
  // Nobody else declares the same at the same time.
  if (arguments.declare) LockRelationOid(arguments.rollup, ShareUpdateExclusiveLock);
  const Rollup* root = LoadFamily(arguments.rollup);
  const Rollup& rollup = *FindIn(*root, arguments.rollup);
  if (IsDistributed(*root)) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("rollup %s is distributed by Citus, where the planner does not answer "
                           "questions to it from another rollup",
                           rollup.name),
                    errhint("Declare the rollups that the dashboard needs with "
                            "millrace.create_rollup; each must keep the distribution column.")));
  }
  const RollupStatistics* statistics = ReadStatistics(rollup, *root);
  List* tables = FindSummaryTables(rollup);
  const List* asked = FindAskedKeys(rollup, search_path);
  const double budget = arguments.budget > 0 ? static_cast<double>(arguments.budget)
                                             : std::ceil(statistics->rows * kDefaultShare);
  double left;
  const List* proposals = Propose(rollup, *statistics, tables, asked, budget, &left);
  Declarer declarer(rollup, tables, left);
  declarer.Run(proposals, arguments.declare);
  for (const Proposal* proposal : Each<Proposal>(proposals)) {
    PutProposal(results, rollup, *statistics, *proposal);
  }
  if (proposals == NIL) {
    ereport(NOTICE, (errmsg("rollup %s has no keys that a summary could leave out", rollup.name)));
  }
  return declarer.declared();
}

}  // namespace

// millrace.summarize(rollup regclass, budget bigint, declare boolean) returns setof (summary, keys,
// state, reason, rows, share, refresh_rows, refresh_ms, calls, total_ms, source, query): one row
// per summary, those that matter most first. Raises 42704 if it is no declared rollup, 42501 if it
// is another role's, 0A000 if Citus distributes it, 55000 if it is empty.
MILLRACE_FUNCTION(summarize) {
  const Arguments arguments = ReadArguments(fcinfo);
  if (arguments.declare) {
    PreventCommandIfReadOnly("millrace.summarize");
    RequireReadCommitted("millrace.summarize");
  }
  InitMaterializedSRF(fcinfo, 0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  // The names in questions are those of the session.
  const char* search_path = pstrdup(namespace_search_path);
  const bool declared = WithSpi([&] { return Summarize(arguments, search_path, results); });
  if (declared) NotifyWorker();
  return static_cast<Datum>(0);
}
