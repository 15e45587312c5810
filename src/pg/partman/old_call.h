// pg_partman's create_parent, called as before its version 5.
#pragma once

namespace millrace::pg {

// From now on, a call of pg_partman 5's create_parent that asks for the partitioning 'native',
// which version 4 had, raises 22023 when it is parsed; the hint is the call as version 5 takes it.
// Without this it fails in pg_partman, whose error names neither the cause nor the way out. Called
// once, when the library is loaded.
void InstallOldCallAdvice();

}  // namespace millrace::pg
