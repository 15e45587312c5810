// Statements through SPI, for code that need not be fast.
#pragma once

#include <initializer_list>

#include "pg/base/api.h"
#include "pg/base/scope.h"

namespace millrace::pg {

struct SpiArgument {
  Oid type;
  Datum value;
  bool is_null = false;
};

// Runs one statement and returns how many rows it changed or returned (in SPI_tuptable). Raises the
// statement's error if it fails. REQUIRES: SPI is connected.
uint64 RunSql(const char* sql, std::initializer_list<SpiArgument> arguments = {});

// A row of those returned by the last RunSql. Columns are counted from 1. What is NULL is 0, false,
// nullptr or InvalidOid; texts and names are copied into the current context.
class SpiRow {
 public:
  explicit SpiRow(uint64 number) : number_(number) {}

  bool IsNull(int column) const;
  Datum Value(int column, bool* is_null) const;
  bool Bool(int column) const { return DatumGetBool(ValueOrZero(column)); }
  char Char(int column) const { return DatumGetChar(ValueOrZero(column)); }
  int32 Int32(int column) const { return DatumGetInt32(ValueOrZero(column)); }
  int64 Int64(int column) const { return DatumGetInt64(ValueOrZero(column)); }
  Oid ObjectId(int column) const { return DatumGetObjectId(ValueOrZero(column)); }
  TimestampTz Time(int column) const { return DatumGetTimestampTz(ValueOrZero(column)); }
  char* Text(int column) const;
  char* NameText(int column) const;

 private:
  Datum ValueOrZero(int column) const;

  uint64 number_;
};

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
// Runs `body`, and returns what it returns; the settings that it changes with SetSettingInScope end
// with it.
template <typename Body>
auto WithSettings(Body body) {
  return RunScope(body, [level = BeginSettings()] { EndSettings(level); });
}

// The search path for our own statements. pg_temp is named so that temporary tables and types come
// last; otherwise they would come first.
inline constexpr const char* kSearchPath = "pg_catalog, pg_temp";

// Connects SPI, with kSearchPath until DisconnectSpi. So the names in our statements mean what we
// intend, and queries are deparsed with qualified names.
int ConnectSpi();
void DisconnectSpi(int settings);
// Runs `body` with SPI connected, and returns what it returns. What it allocates does not outlive
// it (see TextOutsideSpi).
template <typename Body>
auto WithSpi(Body body) {
  return RunScope(body, [settings = ConnectSpi()] { DisconnectSpi(settings); });
}

// A text that outlives DisconnectSpi.
text* TextOutsideSpi(const char* value);

}  // namespace millrace::pg
