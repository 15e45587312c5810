// Acting as another role for a while.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// The role from before. The end of the transaction restores it too.
struct RoleScope {
  Oid role;
  int context;
};
// Acts as the owner of tables, in a security-restricted operation, so that the owner's functions
// can do no harm to the caller.
RoleScope BecomeOwner(Oid owner);
// Acts as a role of which only our functions are called.
RoleScope BecomeTrusted(Oid role);
void RestoreRole(RoleScope scope);

}  // namespace millrace::pg
