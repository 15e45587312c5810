// The rollups that a proposal has.
#pragma once

#include <string>
#include <vector>

#include "ingest/init/proposal.h"

namespace millrace::cli {

struct RollupColumn {
  std::string expression;
  std::string name;
};

struct ProposedRollup {
  QualifiedName name;
  std::string title;               // what it has: "By five minutes."
  std::string source;              // as in SQL
  std::vector<RollupColumn> keys;  // the last one is the bucket
  std::vector<RollupColumn> measures;
  bool over_rollup = false;  // over another rollup, with which it is refreshed
};

// By five minutes over the events, and by the hour over the first; by the day alone if the time is
// a date.
std::vector<ProposedRollup> RollupsOf(const Proposal& proposal);

// The statement that declares it, without what makes the table.
std::string DeclareSql(const ProposedRollup& rollup, const std::string& id_column);

// "public.clicks" for SQL, with double quotes where they are needed.
std::string SqlName(const QualifiedName& name);

}  // namespace millrace::cli
