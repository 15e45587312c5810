// What the name of a column says about it. English words, and the German ones that exports have.
#pragma once

#include <string>

namespace millrace::cli {

// Names are taken as plain names (plain_names.h), whatever their letters are.

// When something happened: event_time, created_at, datum.
bool NamesTime(const std::string& name);
// How well a name suits the time of an event: 2 event_time and the like, 0 any other, -1 a time of
// something else, such as expires_at.
int RankAsTime(const std::string& name);
// The place in the list of names of tenants, from 1: tenant_id, account, site. 0: none.
int RankAsTenant(const std::string& name);
// One of many things: device_id, uuid, ip.
bool NamesId(const std::string& name);
// The number of the row itself: event_id, message_id, or just id. `table` is the table's plain
// name.
bool NamesOwnId(const std::string& name, const std::string& table);
// Who or what acts, from the one that matters most: 3 users and devices, 2 sessions, 1 others, 0
// none of these.
int RankAsActor(const std::string& name);
// How much people ask for the most frequent values: 3 users and devices, 2 pages and products, 1
// others, 0 sessions and the like.
int RankForTop(const std::string& name);
// A number that is a name: status, version, port.
bool NamesKind(const std::string& name);
bool NamesCurrency(const std::string& name);
bool NamesMoney(const std::string& name);
// How many: quantity, bytes.
bool NamesQuantity(const std::string& name);
// A place on a map, or a number of which neither sum nor average says anything.
bool NamesNoMeasure(const std::string& name);

}  // namespace millrace::cli
