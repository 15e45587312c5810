// A rollup in terms of the rows below it.
#pragma once

#include "pg/rewrite/known_rollups.h"

namespace millrace::pg {

// `rollup`, which reads the rows of `below`, in terms of the rows that `below` is made from;
// nullptr if that cannot be said.
Summary* Compose(const Summary& below, const KnownRollup& rollup);

// The rollup in terms of its own rows: keys are columns, and so are the arguments of measures.
Summary* Itself(const KnownRollup& rollup);

}  // namespace millrace::pg
