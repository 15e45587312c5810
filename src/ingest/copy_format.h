// How the records of a batch are written, for COPY.
#pragma once

#include <string>
#include <vector>

#include "ingest/dialect.h"

namespace millrace::cli {

struct CopyFormat {
  std::vector<std::string> columns;
  // Rows as in binary_row.h instead of records of CSV; what follows then plays no part.
  bool binary = false;
  Dialect dialect{};                      // with a quote; its encoding plays no part
  std::vector<std::string> force_null{};  // columns whose fields are NULL also as "" in quotes
  std::string time_zone{};                // of times without one; empty: the session's
};

}  // namespace millrace::cli
