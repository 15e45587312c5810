// The workshop: the tables, functions and schedule of examples/workshop/, and its dashboard.
//
// The SQL is that of the folder, compiled into the program; only `dense` adds to it. All
// functions take an open connection to the database that has, or will have, the workshop, leave it
// outside any transaction, and throw CliError with the server's message when a statement fails.
#pragma once

#include <string>
#include <vector>

#include "client/connection.h"

namespace millrace::cli {

// Creates what the workshop needs: everything or, after an error, nothing. If it is there already,
// says so and changes nothing. Throws CliError if the database has other tables or functions of the
// same names (the workshop's text run by hand, or a half of it dropped). Prints one line per step
// on standard output unless `quiet`. `dense`: new partitions of the database are dense events from
// then on; the default partition of the events is heap. REQUIRES: no transaction open; extensions
// hll, topn, millrace and pg_partman in the database.
void InstallWorkshop(Connection& connection, bool quiet, bool dense = false);

// One run of a rollup function.
struct RollupRun {
  std::string function;    // five_minutely_aggregation, hourly_aggregation
  long long first_id = 0;  // the event ids that it rolled up; no events if
  long long last_id = 0;   // first_id > last_id
  double seconds = 0;      // as measured here
};

// Rolls up what has come in since the last time, as the schedule does: both functions, each in its
// own transaction.
std::vector<RollupRun> RunRollups(Connection& connection);

// Declares the rollups of 07_declared.sql, unless they are there, and brings them up to date.
// Returns how many seconds that took and by how many ids their watermark moved.
struct DeclaredRun {
  long long ids = 0;
  double seconds = 0;
};
DeclaredRun RunDeclared(Connection& connection);

// Declares the summaries of 09_summaries.sql over them, unless they are there.
void DeclareSummaries(Connection& connection);

// How many rows of the hand-written and of the declared rollups have no equal row on the other side
// (08_compare.sql).
long long CompareWithDeclared(Connection& connection);

// How many seconds it takes to group all events as declared_5min does, without writing, with the
// engine on or off (off: PostgreSQL's own plan, with the same sketches).
double TimeGrouping(Connection& connection, bool engine);

// One answer of the dashboard.
struct DashboardAnswer {
  std::string title;   // "Events and distinct devices in the last 15 minutes"
  std::string sql;     // the statement from examples/workshop/05_dashboard.sql
  QueryResult result;  // columns have names for people: events, devices, ...
  double seconds = 0;  // as measured here
};

// Runs the five queries, in the order of the file.
std::vector<DashboardAnswer> RunDashboard(Connection& connection);

// An answer as text: its title and time, then its rows as a table with numbers aligned right.
std::string FormatAnswer(const DashboardAnswer& answer);

}  // namespace millrace::cli
