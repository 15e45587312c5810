// Links that show some tenants only, for frames in other pages and for viewers outside.
//
// A link is a token: what it allows, as JSON, and an HMAC-SHA256 over that (RFC 2104), both in
// base64url (RFC 4648) with a dot between. Whoever changes the first part does not know the key for
// the second. Each link also has a row in millrace.link, and ends when that is revoked or removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dashboard/database.h"
#include "dashboard/grant.h"

namespace millrace::dashboard {

// What a link says.
struct Link {
  Grant grant;
  std::int64_t expires = 0;  // seconds since 1970; 0: never
};

// The token of a link. REQUIRES: the key is not empty.
std::string SignLink(const Link& link, const std::string& key);

// What a token says, if it was signed with this key; nullopt for anything else. Does not look at
// the time.
std::optional<Link> ReadLink(const std::string& token, const std::string& key);

// Throws ApiError 401 if the link of a limited grant has expired or was revoked, by the database's
// clock.
void CheckLink(Database::Snapshot& snapshot, const Grant& grant);

}  // namespace millrace::dashboard
