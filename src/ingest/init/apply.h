// Makes what a proposal has, where it is not there yet.
#pragma once

#include <string>
#include <vector>

#include "client/connection.h"
#include "ingest/init/proposal.h"
#include "ingest/init/proposal_sql.h"

namespace millrace::cli {

struct Applied {
  std::vector<std::string> made;   // tables and rollups, as in SQL
  std::vector<std::string> there;  // those that were there already
  bool mended = false;             // the table that was there got what it needs
  bool may_not_label = false;      // the role may not tell the dashboard which key is the tenant
};

// Looks up pg_partman's schema in this database. Throws CliError, with what to do, if an extension
// is missing that the proposal needs.
void CheckExtensions(Connection& connection, Proposal* proposal);

// The parts that are not there yet, without those that are only a comment. `applied->there` names
// the others. A table that is there already must have the proposal's columns, and a relation with a
// rollup's name must be a rollup; otherwise throws CliError.
std::vector<SqlPart> MissingParts(Connection& connection, const Proposal& proposal,
                                  const std::vector<SqlPart>& parts, Applied* applied);

// Runs the parts that are missing, in one transaction: all of them are made, or none. Throws
// CliError.
Applied Apply(Connection& connection, const Proposal& proposal, const std::vector<SqlPart>& parts);

}  // namespace millrace::cli
