#include "pg/rollup/catalog/extension.h"

#include "pg/base/spi.h"

namespace millrace::pg {
namespace {

constexpr char kName[] = "millrace";

// The version of the extension's SQL; nullptr where the database does not have it.
const char* InstalledVersion(Oid* extension) {
  Relation relation = table_open(ExtensionRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
              CStringGetDatum(kName));
  SysScanDesc scan = systable_beginscan(relation, ExtensionNameIndexId, true, nullptr, 1, &key);
  const char* version = nullptr;
  const HeapTuple tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) {
    *extension = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->oid;
    bool is_null;
    const Datum value =
        heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &is_null);
    version = is_null ? "" : TextDatumGetCString(value);
  }
  systable_endscan(scan);
  table_close(relation, AccessShareLock);
  return version;
}

// Compares the numbers from left to right: 0.9 is older than 0.10. What is not a number is ignored.
bool IsOlder(const char* a, const char* b) {
  for (;;) {
    char *end_a, *end_b;
    const unsigned long number_a = strtoul(a, &end_a, 10);
    const unsigned long number_b = strtoul(b, &end_b, 10);
    if (end_b == b) return false;
    if (end_a == a || number_a < number_b) return true;
    if (number_a > number_b) return false;
    a = *end_a == '.' ? end_a + 1 : end_a;
    b = *end_b == '.' ? end_b + 1 : end_b;
  }
}

}  // namespace

const char* VersionAdvice(const char* sql_version) {
  if (IsOlder(MILLRACE_SQL_VERSION, sql_version)) {
    return "Restart the server, so that it loads the library that is installed now. If that "
           "library is no newer, install the one that belongs to this SQL.";
  }
  return "Run ALTER EXTENSION millrace UPDATE in this database.";
}

void CheckExtensionVersion() {
  Oid extension;
  const char* version = InstalledVersion(&extension);
  if (version == nullptr || strcmp(version, MILLRACE_SQL_VERSION) == 0) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("the SQL of extension millrace in this database is of version %s, and the "
                         "library that runs needs %s",
                         version, MILLRACE_SQL_VERSION),
                  errhint("%s", VersionAdvice(version))));
}

bool ExtensionIsReady() {
  Oid extension;
  const char* version = InstalledVersion(&extension);
  return version != nullptr && strcmp(version, MILLRACE_SQL_VERSION) == 0;
}

ExtensionState HoldExtension(const char** version) {
  Oid extension;
  *version = InstalledVersion(&extension);
  if (*version == nullptr) return ExtensionState::kAbsent;
  // DROP EXTENSION locks the extension before anything that belongs to it; a script of ALTER
  // EXTENSION locks this table first.
  if (!ConditionalLockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock)) {
    return ExtensionState::kChanging;
  }
  const Oid schema = get_namespace_oid(kName, true);
  const Oid table = OidIsValid(schema) ? get_relname_relid("rollup", schema) : InvalidOid;
  if (OidIsValid(table) && !ConditionalLockRelationOid(table, AccessShareLock)) {
    return ExtensionState::kChanging;
  }
  // The extension may have been changed or dropped just before we got the locks.
  *version = InstalledVersion(&extension);
  if (*version == nullptr || get_rel_name(table) == nullptr) return ExtensionState::kAbsent;
  return strcmp(*version, MILLRACE_SQL_VERSION) == 0 ? ExtensionState::kReady
                                                     : ExtensionState::kOtherVersion;
}

void AttachView(Oid view) {
  ObjectAddress object, extension;
  ObjectAddressSet(object, RelationRelationId, view);
  ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid(kName, false));
  recordDependencyOn(&object, &extension, DEPENDENCY_NORMAL);
}

void AttachViews() {
  const uint64 rows = RunSql(R"(
    SELECT r.definition FROM millrace.rollup r
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = r.definition)
      AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = r.definition
                        AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'millrace'))");
  for (uint64 i = 0; i < rows; ++i) {
    CHECK_FOR_INTERRUPTS();
    const Oid view = SpiRow(i).ObjectId(1);
    if (!ConditionalLockRelationOid(view, AccessShareLock)) continue;
    if (get_rel_name(view) != nullptr) AttachView(view);
  }
}

}  // namespace millrace::pg
