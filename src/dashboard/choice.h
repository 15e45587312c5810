// Which family a request is about, and which of its rows: what is asked for, within what the grant
// allows.
#pragma once

#include <string>
#include <vector>

#include "dashboard/families.h"
#include "dashboard/grant.h"
#include "dashboard/request.h"

namespace millrace::dashboard {

// The family that is asked for; nullptr if there is none at all. Throws ApiError 404 for one that
// does not exist, and 403 for one that the grant does not allow.
const Family* ChooseFamily(const Families& families, const std::string& rollup, const Grant& grant);

// The filters of a request, with the grant's. Throws ApiError 400 for dimensions that the family
// does not have.
std::vector<Filter> FiltersOf(const Family& family, const OverviewRequest& request,
                              const Grant& grant);

}  // namespace millrace::dashboard
