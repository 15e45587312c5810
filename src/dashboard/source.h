// Where the figures of a panel come from: the smallest tables of a family that have them.
//
// Wide buckets are read for the middle of a span and narrow ones at its ends, in one statement. All
// tables of a family are refreshed in one transaction, so they fit together at any moment.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "dashboard/family.h"
#include "dashboard/request.h"
#include "dashboard/span.h"

namespace millrace::dashboard {

// What a panel needs: dimensions and stored measures, by their names in the family.
struct Needs {
  std::set<std::string> columns;
  bool bucketed = false;  // it shows the span's buckets
};

// A part of a span and the table that has it.
struct Piece {
  const RollupTable* table;
  std::int64_t from, to;
};

// Pieces from `from` to `to` without gaps. REQUIRES: the family's first table has all columns.
std::vector<Piece> ChoosePieces(const Family& family, const Needs& needs, const Span& span,
                                std::int64_t from, std::int64_t to);

// The end of a statement, "FROM ... WHERE ...", and what the columns are called in it.
class Source {
 public:
  // `filters`: which rows. `live`: with the events that no refresh has taken yet.
  Source(const Family& family, const std::vector<Filter>& filters, bool live)
      : family_(family), filters_(filters), live_(live) {}

  struct Rows {
    std::string from;    // FROM ... WHERE ...
    std::string bucket;  // the bucket, as a timestamptz
    std::map<std::string, std::string> columns;
  };
  // Also adds the tables and views that are read to `read`.
  Rows Find(Needs needs, const Span& span, std::int64_t from, std::int64_t to,
            std::set<std::string>* read) const;

 private:
  std::string Where(const Piece& piece) const;

  const Family& family_;
  const std::vector<Filter>& filters_;
  const bool live_;
};

// `name` as an identifier in double quotes.
std::string Quoted(const std::string& name);

}  // namespace millrace::dashboard
