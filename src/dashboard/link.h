// Links that show some tenants only, for frames in other pages and for viewers outside.
//
// A link is a token: what it allows, as JSON, and an HMAC-SHA256 over that (RFC 2104), both in
// base64url (RFC 4648) with a dot between. Whoever changes the first part does not know the key for
// the second. Each link also has a row in millrace.link, and ends when that is revoked or removed.
#pragma once

#include <optional>
#include <string>

#include "dashboard/database.h"
#include "dashboard/grant.h"

namespace millrace::dashboard {

// The token of a limited grant. REQUIRES: the key is not empty.
std::string SignLink(const Grant& grant, const std::string& key);

// What a token allows, if it was signed with this key; nullopt for anything else. Whether the link
// is still valid is in its row (CheckLink).
std::optional<Grant> ReadLink(const std::string& token, const std::string& key);

// Throws ApiError 401 if the link of a limited grant has expired or was revoked, by the database's
// clock.
void CheckLink(Database::Snapshot& snapshot, const Grant& grant);

}  // namespace millrace::dashboard
