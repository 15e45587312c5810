// Statements through SPI, for code that is not hot.
#pragma once

#include <initializer_list>

#include "pg/base/api.h"

namespace millrace::pg {

struct SpiArgument {
  Oid type;
  Datum value;
  bool is_null = false;
};

// Runs one statement and returns how many rows it touched or returned (in SPI_tuptable). Raises
// when it fails, as the statement does. REQUIRES: SPI is connected.
uint64 RunSql(const char* sql, std::initializer_list<SpiArgument> arguments = {});

// A value of the rows returned by the last RunSql. By-reference values live until SPI_finish.
Datum SpiValue(uint64 row, int column, bool* is_null);

// The same as an Oid; InvalidOid for NULL.
Oid SpiOid(uint64 row, int column);

inline SpiArgument OidArgument(Oid value) { return {REGCLASSOID, ObjectIdGetDatum(value)}; }
inline SpiArgument TimeArgument(TimestampTz value) {
  return {TIMESTAMPTZOID, TimestampTzGetDatum(value)};
}
inline SpiArgument Int64Argument(int64 value) { return {INT8OID, Int64GetDatum(value)}; }
inline SpiArgument TextArgument(const char* value) {
  return {TEXTOID, value == nullptr ? 0 : CStringGetTextDatum(value), value == nullptr};
}

// Settings for a while, until EndSettings or the end of the transaction.
int BeginSettings();
void SetSettingInScope(const char* name, const char* value);
void EndSettings(int level);

// Where names in statements of ours are looked up. Temporary tables and types would come first
// where they are not named.
inline constexpr const char* kSearchPath = "pg_catalog, pg_temp";

// Connects SPI, with kSearchPath until DisconnectSpi, so that the names in statements of ours mean
// what they say, and queries are deparsed with qualified names.
int ConnectSpi();
void DisconnectSpi(int settings);

// A text that outlives DisconnectSpi.
text* TextOutsideSpi(const char* value);

}  // namespace millrace::pg
