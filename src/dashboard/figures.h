// How a measure is computed in SQL, from the columns of rollups.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "dashboard/family.h"

namespace millrace::dashboard {

// An expression for a stored measure over many rows of a rollup, by the measure's name.
using StoredSql = std::function<std::string(const std::string& name)>;

// Merges the values of a stored measure in a group of rows: a number, or a sketch that is not yet
// counted. `column`: an expression for the value of one row.
std::string MergeSql(const Measure& measure, const std::string& column);

// The figure of a measure, from the merged values of those that it needs.
std::string FigureSql(const Family& family, const Measure& measure, const StoredSql& merged);

// The relative standard error of a distinct count, from its sketch (Flajolet, Fusy, Gandouet,
// Meunier 2007: 1.04 / sqrt(m)); 0 for few values, which are kept as they are and counted exactly.
std::string ErrorSql(const std::string& sketch);

// The stored measures that a measure needs.
std::set<std::string> StoredOf(const Measure& measure);

// A name for a column of a statement: that of the measure, unless it is too long or the statement
// has another column of that name (a measure may be called "value"). `prefix` tells columns of the
// same measure apart.
std::string Alias(const Family& family, const Measure& measure, const char* prefix = "");

}  // namespace millrace::dashboard
