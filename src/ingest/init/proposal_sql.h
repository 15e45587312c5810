// A proposal as SQL.
#pragma once

#include <string>
#include <vector>

#include "ingest/init/proposal.h"

namespace millrace::cli {

struct SqlPart {
  enum class What { kMending, kTable, kPartitions, kIndexes, kRollup, kTenant, kRetention };
  What what;
  std::string name;  // of the table or rollup: as in SQL, to_regclass finds it
  std::string sql;   // statements with their comments
};

// The parts, in the order in which they run. For a table that is there already: the id if it has
// none, and the rollups. The tenant of a rollup comes right after it.
std::vector<SqlPart> SqlParts(const Proposal& proposal);

// A script for psql, in one transaction: a heading, the parts, and at the end, as a comment,
// `load_command` (may be empty).
std::string SqlScript(const Proposal& proposal, const std::vector<SqlPart>& parts,
                      const std::string& load_command);

// `text` as lines of an SQL comment, each at most 100 characters.
std::string SqlComment(const std::string& text, const std::string& indent = "");

}  // namespace millrace::cli
