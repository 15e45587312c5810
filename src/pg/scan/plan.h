// The planner's side of MillraceAggregate.
#pragma once

namespace millrace::pg {

// Registers the custom scan and puts the planner hook in place. Called once, when the library is
// loaded.
void InstallVectorAgg();

}  // namespace millrace::pg
