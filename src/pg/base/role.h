// Acting as another role for a while.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// The role of before. The end of the transaction restores it too.
struct RoleScope {
  Oid role;
  int context;
};
// To the owner of tables, in a security-restricted operation: its functions can do no harm to
// whoever called.
RoleScope BecomeOwner(Oid owner);
// To a role whose functions are ours.
RoleScope BecomeTrusted(Oid role);
void RestoreRole(RoleScope scope);

}  // namespace millrace::pg
