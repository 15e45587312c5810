#include "dashboard/choice.h"

namespace millrace::dashboard {

const Family* ChooseFamily(const Families& families, const std::string& rollup,
                           const Grant& grant) {
  const std::string& wanted = grant.limited ? grant.rollup : rollup;
  if (grant.limited && !rollup.empty() && rollup != grant.rollup) {
    throw ApiError(403, "forbidden", "this link does not show " + rollup,
                   "It shows " + grant.rollup + " only.");
  }
  if (wanted.empty()) return families.empty() ? nullptr : &families.front();
  for (const Family& each : families) {
    if (each.id == wanted) return &each;
  }
  throw ApiError(404, "not_found", "there is no rollup " + wanted + " to show",
                 "Leave rollup out to see which there are.");
}

std::vector<Filter> FiltersOf(const Family& family, const OverviewRequest& request,
                              const Grant& grant) {
  std::vector<Filter> filters = request.filters;
  if (!request.tenants.empty()) {
    if (family.tenant() == nullptr) {
      throw ApiError(400, "bad_request", family.id + " has no tenants",
                     "Leave tenant out, or filter by a dimension: is.country=DE.");
    }
    filters.insert(filters.begin(), {family.tenant()->name, false, request.tenants});
  }
  for (const Filter& filter : filters) {
    if (family.dimension(filter.dimension) != nullptr) continue;
    throw ApiError(400, "bad_request", "there is no dimension " + filter.dimension,
                   family.id + " can be filtered by its keys only.");
  }
  if (grant.limited) {
    if (family.dimension(grant.dimension) == nullptr) {
      throw ApiError(403, "forbidden", "this link is for a dimension that no longer exists", "");
    }
    // Beside what is asked for, so it can only be narrowed.
    Filter limit = {grant.dimension, false, {}};
    for (const std::string& tenant : grant.tenants) limit.values.emplace_back(tenant);
    filters.push_back(limit);
  }
  return filters;
}

}  // namespace millrace::dashboard
