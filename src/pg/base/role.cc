#include "pg/base/role.h"

namespace millrace::pg {
namespace {

RoleScope Become(Oid role, int flags) {
  RoleScope before;
  GetUserIdAndSecContext(&before.role, &before.context);
  SetUserIdAndSecContext(role, before.context | flags);
  return before;
}

}  // namespace

RoleScope BecomeOwner(Oid owner) {
  return Become(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

RoleScope BecomeTrusted(Oid role) { return Become(role, SECURITY_LOCAL_USERID_CHANGE); }

void RestoreRole(RoleScope scope) { SetUserIdAndSecContext(scope.role, scope.context); }

}  // namespace millrace::pg
