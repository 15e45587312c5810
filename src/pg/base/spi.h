// Statements through SPI, for code that need not be fast.
#pragma once

#include <initializer_list>

#include "pg/base/api.h"

namespace millrace::pg {

struct SpiArgument {
  Oid type;
  Datum value;
  bool is_null = false;
};

// Runs one statement and returns how many rows it changed or returned (in SPI_tuptable). Raises the
// statement's error if it fails. REQUIRES: SPI is connected.
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

// Changes settings until EndSettings or the end of the transaction.
int BeginSettings();
void SetSettingInScope(const char* name, const char* value);
void EndSettings(int level);

// The search path for our own statements. pg_temp is named so that temporary tables and types come
// last; otherwise they would come first.
inline constexpr const char* kSearchPath = "pg_catalog, pg_temp";

// Connects SPI, with kSearchPath until DisconnectSpi. So the names in our statements mean what we
// intend, and queries are deparsed with qualified names.
int ConnectSpi();
void DisconnectSpi(int settings);

// A text that outlives DisconnectSpi.
text* TextOutsideSpi(const char* value);

}  // namespace millrace::pg
