// Acting as another role for a while.
#pragma once

#include "pg/base/api.h"
#include "pg/base/scope.h"

namespace millrace::pg {

// The role from before. The end of the transaction restores it too.
struct RoleScope {
  Oid role;
  int context;
};
// Becomes the owner of tables, in a security-restricted operation, so that the owner's functions
// can do no harm to the caller.
RoleScope BecomeOwner(Oid owner);
// Becomes a role, without that restriction: for code that runs only functions of ours.
RoleScope BecomeTrusted(Oid role);
void RestoreRole(RoleScope scope);

// Runs `body` in that role, and returns what it returns.
template <typename Body>
auto AsOwner(Oid owner, Body body) {
  return RunScope(body, [before = BecomeOwner(owner)] { RestoreRole(before); });
}
template <typename Body>
auto AsTrusted(Oid role, Body body) {
  return RunScope(body, [before = BecomeTrusted(role)] { RestoreRole(before); });
}

}  // namespace millrace::pg
