#include "pg/base/spi.h"

namespace millrace::pg {

uint64 RunSql(const char* sql, std::initializer_list<SpiArgument> arguments) {
  constexpr int kMaxArguments = 16;
  Oid types[kMaxArguments];
  Datum values[kMaxArguments];
  char nulls[kMaxArguments] = {};
  int count = 0;
  Assert(arguments.size() <= kMaxArguments);
  for (const SpiArgument& argument : arguments) {
    types[count] = argument.type;
    values[count] = argument.value;
    nulls[count] = argument.is_null ? 'n' : ' ';
    ++count;
  }
  // SPI switches to its own memory context, which ends with the connection.
  const MemoryContext caller = CurrentMemoryContext;
  const int result = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
  MemoryContextSwitchTo(caller);
  if (result < 0) elog(ERROR, "SPI: %s for: %s", SPI_result_code_string(result), sql);
  return SPI_processed;
}

Datum SpiRow::Value(int column, bool* is_null) const {
  return SPI_getbinval(SPI_tuptable->vals[number_], SPI_tuptable->tupdesc, column, is_null);
}

bool SpiRow::IsNull(int column) const {
  bool is_null;
  (void)Value(column, &is_null);
  return is_null;
}

Datum SpiRow::ValueOrZero(int column) const {
  bool is_null;
  const Datum value = Value(column, &is_null);
  return is_null ? static_cast<Datum>(0) : value;
}

char* SpiRow::Text(int column) const {
  bool is_null;
  const Datum value = Value(column, &is_null);
  return is_null ? nullptr : text_to_cstring(DatumGetTextPP(value));
}

char* SpiRow::NameText(int column) const {
  bool is_null;
  const Datum value = Value(column, &is_null);
  return is_null ? nullptr : pstrdup(NameStr(*DatumGetName(value)));
}

void SetSettingInScope(const char* name, const char* value) {
  (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

int BeginSettings() { return NewGUCNestLevel(); }

// Rolling back also undoes what a trigger has set in the meantime.
void EndSettings(int level) { AtEOXact_GUC(false, level); }

int ConnectSpi() {
  SPI_connect();
  const int settings = BeginSettings();
  SetSettingInScope("search_path", kSearchPath);
  // With these settings constants are deparsed so that they mean the same when read again, and a
  // text in a query means the same whoever runs it.
  SetSettingInScope("DateStyle", "ISO");
  SetSettingInScope("IntervalStyle", "postgres");
  SetSettingInScope("extra_float_digits", "3");
  SetSettingInScope("standard_conforming_strings", "on");
  SetSettingInScope("bytea_output", "hex");
  SetSettingInScope("array_nulls", "on");
  SetSettingInScope("transform_null_equals", "off");
  return settings;
}

void DisconnectSpi(int settings) {
  EndSettings(settings);
  SPI_finish();
}

text* TextOutsideSpi(const char* value) {
  const size_t length = strlen(value);
  auto* copy = static_cast<text*>(SPI_palloc(length + VARHDRSZ));
  SET_VARSIZE(copy, length + VARHDRSZ);
  memcpy(VARDATA(copy), value, length);
  return copy;
}

}  // namespace millrace::pg
