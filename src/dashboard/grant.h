// What somebody who asks may see.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace millrace::dashboard {

// Everything, or some tenants of one family only. The limit becomes a condition of every statement
// that reads for its holder.
struct Grant {
  bool limited = false;
  std::string id;         // of the link
  std::string rollup;     // the family
  std::string dimension;  // its tenant
  std::vector<std::string> tenants;
};

}  // namespace millrace::dashboard
