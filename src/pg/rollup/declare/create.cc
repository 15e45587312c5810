// millrace.create_rollup.

#include "pg/rollup/declare/create.h"

#include "pg/base/fault_point.h"
#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/base/monotonic_time.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/extension.h"
#include "pg/rollup/catalog/key_index.h"
#include "pg/rollup/log/source_check.h"
#include "pg/rollup/refresh/distribution.h"
#include "pg/rollup/refresh/edits.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/sql/statements.h"

using namespace millrace::pg;

namespace {

struct Request {
  const char* schema;
  const char* name;
  Query* query;
  Datum refresh_interval;
  const char* id_column;  // nullptr: find it
  bool has_start;
  int64 start_after;
  bool with_data;
};

const char* TextAt(FunctionCallInfo fcinfo, int i, const char* what) {
  if (PG_ARGISNULL(i)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", what)));
  }
  return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

// Parses a name as it is written in SQL.
RangeVar* ParseName(text* name) {
  ErrorContextCallback callback;
  callback.callback = [](void* given) {
    if (geterrcode() != ERRCODE_INVALID_NAME) return;
    const char* quoted = quote_literal_cstr(psprintf("\"%s\"", static_cast<char*>(given)));
    errhint("Quote a name that has spaces or special characters, as in SQL: %s.", quoted);
  };
  callback.arg = text_to_cstring(name);
  callback.previous = error_context_stack;
  error_context_stack = &callback;
  RangeVar* range = makeRangeVarFromNameList(textToQualifiedNameList(name));
  error_context_stack = callback.previous;
  return range;
}

Request ReadArguments(FunctionCallInfo fcinfo) {
  Request request;
  TextAt(fcinfo, 0, "the name of the rollup");
  RangeVar* name = ParseName(PG_GETARG_TEXT_PP(0));
  request.schema = get_namespace_name(RangeVarGetCreationNamespace(name));
  if (isTempNamespace(get_namespace_oid(request.schema, false))) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a rollup cannot be a temporary table"),
             errdetail("The background worker cannot read the temporary tables of a session.")));
  }
  request.name = name->relname;
  if (strlen(request.name) + strlen("_definition") >= NAMEDATALEN) {
    ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG),
                    errmsg("name \"%s\" is too long for a rollup", request.name),
                    errdetail("Its views have the same name with _live and _definition added.")));
  }
  request.query = ParseRollupQuery(TextAt(fcinfo, 1, "the query of the rollup"));
  if (PG_ARGISNULL(2)) TextAt(fcinfo, 2, "the refresh interval");
  request.refresh_interval = PG_GETARG_DATUM(2);
  const Interval* interval = PG_GETARG_INTERVAL_P(2);
  if (interval->time < 0 || interval->day < 0 || interval->month < 0 ||
      interval->time + interval->day + interval->month == 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("the refresh interval must be positive")));
  }
  request.id_column = PG_ARGISNULL(3) ? nullptr : pstrdup(NameStr(*PG_GETARG_NAME(3)));
  request.has_start = !PG_ARGISNULL(4);
  request.start_after = request.has_start ? PG_GETARG_INT64(4) : 0;
  if (request.start_after < 0) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("start_after must not be negative")));
  }
  request.with_data = PG_ARGISNULL(5) || PG_GETARG_BOOL(5);
  return request;
}

const char* Sibling(const Request& request, const char* suffix) {
  return quote_qualified_identifier(request.schema, psprintf("%s%s", request.name, suffix));
}

Oid RelationNamed(const Request& request, const char* suffix) {
  return get_relname_relid(psprintf("%s%s", request.name, suffix),
                           get_namespace_oid(request.schema, false));
}

[[noreturn]] void RefuseColumn(const Rollup& rollup, const RollupColumn& column, const char* what,
                               const char* hint) {
  ereport(ERROR,
          (errcode(ERRCODE_DATATYPE_MISMATCH),
           errmsg("column \"%s\" of the existing table %s %s", column.name, rollup.name, what),
           errhint("%s", hint)));
  pg_unreachable();
}

// Checks that the column keeps the query's values unchanged, and that it and the query agree on
// which keys are equal.
void CheckColumn(const Rollup& rollup, const RollupColumn& column, AttrNumber attribute) {
  Oid type, collation;
  int32 typmod;
  get_atttypetypmodcoll(rollup.relation, attribute, &type, &typmod, &collation);
  constexpr const char* kCast = "Cast it in the query, or change the column.";
  if (type != column.type) {
    RefuseColumn(rollup, column,
                 psprintf("is of type %s, but the query gives %s", format_type_be(type),
                          format_type_be(column.type)),
                 kCast);
  }
  if (typmod != -1 && typmod != column.typmod) {
    RefuseColumn(
        rollup, column,
        psprintf("is of type %s, but the query gives %s", format_type_with_typemod(type, typmod),
                 format_type_with_typemod(column.type, column.typmod)),
        kCast);
  }
  if (collation != column.collation) {
    RefuseColumn(rollup, column, "has another collation than the query",
                 "Name the collation in the query, or change the column.");
  }
  const bool generated = get_attgenerated(rollup.relation, attribute) != '\0';
  if (column.role == ColumnRole::kAverage && !generated) {
    RefuseColumn(rollup, column, "is not generated from the sum and the count of its average",
                 psprintf("Drop it and add it again: ALTER TABLE %s ADD COLUMN %s %s GENERATED "
                          "ALWAYS AS (%s) STORED.",
                          rollup.name, quote_identifier(column.name), format_type_be(column.type),
                          AverageSql(column)));
  }
  if (column.role != ColumnRole::kAverage && generated) {
    RefuseColumn(rollup, column, "is generated", "Make it an ordinary column.");
  }
}

void CheckColumns(const Rollup& rollup) {
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    const AttrNumber attribute = get_attnum(rollup.relation, column->name);
    if (attribute == InvalidAttrNumber) {
      ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                      errmsg("table %s exists but has no column \"%s\"", rollup.name, column->name),
                      errhint("Add it, or give the rollup another name.")));
    }
    CheckColumn(rollup, *column, attribute);
  }
}

// The rows of an existing table hold what the events before them gave. A column that was added
// later has no values for these events.
void CheckFilled(const Rollup& rollup) {
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (column->role == ColumnRole::kKey || !IsStored(*column)) continue;
    const char* name = quote_identifier(column->name);
    // A count is never NULL. Another measure may be, but hardly in every row.
    const bool missing =
        column->role == ColumnRole::kCount
            ? RunSql(psprintf("SELECT FROM %s WHERE %s IS NULL LIMIT 1", rollup.name, name)) > 0
            : RunSql(psprintf("SELECT FROM %s WHERE %s IS NOT NULL LIMIT 1", rollup.name, name)) ==
                  0;
    if (!missing) continue;
    RefuseColumn(
        rollup, *column, "is NULL in existing rows",
        psprintf("The column was added later and has no values for earlier events. Fill it "
                 "(UPDATE %s SET %s = ...), or empty the table and leave start_after out.",
                 rollup.name, name));
  }
}

// A publication of all tables refuses updates of a table without a replica identity. An index
// cannot be one here, because the keys may be NULL.
void AllowReplication(const Rollup& rollup) {
  Relation table = relation_open(rollup.relation, AccessShareLock);
  const bool missing =
      table->rd_rel->relreplident == REPLICA_IDENTITY_DEFAULT && !OidIsValid(PrimaryKeyOf(table));
  relation_close(table, NoLock);
  if (missing) RunSql(psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", rollup.name));
}

// Takes an existing table as the rollup's own. Returns whether it has rows.
bool AdoptTable(const Request& request, const Rollup& rollup) {
  if (get_rel_relkind(rollup.relation) != RELKIND_RELATION) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("%s exists but is not an ordinary table", rollup.name)));
  }
  CheckOwner(rollup);
  if (OidIsValid(rollup.parent) && OwnerOf(rollup.relation) != GetUserId()) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("table %s and the rollup below have different owners", rollup.name)));
  }
  if (get_rel_persistence(rollup.relation) != RELPERSISTENCE_PERMANENT) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table %s exists but is unlogged", rollup.name),
                    errdetail("A crash would empty the table but not move the watermark back."),
                    errhint("Run ALTER TABLE %s SET LOGGED.", rollup.name)));
  }
  if (FindRollup(rollup.relation) != nullptr) {
    ereport(
        ERROR,
        (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("rollup %s is declared already", rollup.name),
         errhint("millrace.drop_rollup(%s) drops it.", quote_literal_cstr(rollup.name))));
  }
  CheckColumns(rollup);
  LockRelationOid(rollup.relation, ShareUpdateExclusiveLock);
  const bool unique = OidIsValid(FindKeyIndex(rollup));
  if (!unique) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                    errmsg("table %s exists but has no unique index over the keys of the query",
                           rollup.name),
                    errdetail("The index must treat NULLs as equal. Otherwise each refresh would "
                              "add another row for a group with a NULL key."),
                    errhint("Run: %s", CreateUniqueIndexSql(rollup))));
  }
  CheckNoRowSecurity(rollup.relation, GetUserId());
  const bool start_given = request.has_start && !OidIsValid(rollup.parent);
  const bool has_rows = RunSql(psprintf("SELECT FROM %s LIMIT 1", rollup.name)) > 0;
  if (!start_given && has_rows) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table %s exists and has rows, whose events would be counted twice",
                           rollup.name),
                    errhint("Empty the table, or give the last id whose event is already in it: "
                            "start_after => ...")));
  }
  if (has_rows) CheckFilled(rollup);
  AllowReplication(rollup);
  // Whatever filled the table may still run; only the user can know.
  ereport(
      NOTICE,
      (errmsg("table %s exists and is taken over", rollup.name),
       errdetail("If something else still writes to it, events are counted twice."),
       errhint("Stop whatever has filled it so far, or declare the rollup under another name.")));
  return has_rows;
}

// Makes an index by which the events after the watermark are found without reading all events.
void EnsureIdIndex(const Rollup& rollup, const IdSource& ids) {
  bool found = false;
  Relation source = relation_open(rollup.source, AccessShareLock);
  for (const Oid each : EachOid(RelationGetIndexList(source))) {
    Relation index = index_open(each, AccessShareLock);
    found |= index->rd_index->indisvalid && RelationGetIndexPredicate(index) == NIL &&
             index->rd_index->indkey.values[0] == ids.attribute &&
             (index->rd_rel->relam == BTREE_AM_OID || index->rd_rel->relam == BRIN_AM_OID);
    index_close(index, AccessShareLock);
  }
  relation_close(source, NoLock);
  if (found) return;
  const char* sql = psprintf("CREATE INDEX ON %s USING brin (%s) WITH (pages_per_range = 32)",
                             QualifiedName(rollup.source), quote_identifier(ids.column));
  if (pg_class_ownercheck(rollup.source, GetUserId())) {
    RunSql(sql);
    return;
  }
  ereport(NOTICE, (errmsg("each refresh will read all of %s", QualifiedName(rollup.source)),
                   errhint("Have its owner run: %s", sql)));
}

// Finds the rollup whose table the query reads, and its family; nullptr when the query reads
// events.
void FindFamily(Rollup* rollup, Rollup** parent, Rollup** root) {
  *parent = FindRollup(rollup->source);
  *root = rollup;
  if (*parent == nullptr) return;
  // Both are refreshed by one statement, which runs as one role.
  if ((*parent)->owner != GetUserId()) {
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("rollup %s belongs to %s, and only that role can declare a rollup over it",
                    (*parent)->name, GetUserNameFromId((*parent)->owner, false)),
             errhint("Run SET ROLE %s.",
                     quote_identifier(GetUserNameFromId((*parent)->owner, false)))));
  }
  rollup->parent = rollup->source;
  CheckOverRollup(*rollup->definition, *(*parent)->definition, rollup->name);
  *root = LoadFamily(rollup->source);
}

// Merges the rows of the parent that meet the condition. Returns how long that took, in
// milliseconds.
double MergeFromParent(const Rollup& rollup, const Rollup& parent, const char* condition) {
  const MonotonicTime start = MonotonicNow();
  RunSql(MergeSql(rollup, SelectFromParentSql(rollup, parent, condition)));
  return static_cast<double>(MonotonicNow() - start) / 1000;
}

// What a refresh does for a rollup even if it changes no row of it: it reads its definition, and
// plans and runs the merge.
double MergeNothing(const Rollup& rollup, const Rollup& parent) {
  const MonotonicTime start = MonotonicNow();
  (void)GetRollup(rollup.relation);
  const double found_ms = static_cast<double>(MonotonicNow() - start) / 1000;
  // No row has this place, and the planner does not know.
  return found_ms + MergeFromParent(rollup, parent, "ctid = '(0,0)'");
}

// `cost` may be nullptr.
void FillFromParent(const Rollup& rollup, const Rollup& parent, const Rollup& root,
                    MergeCost* cost) {
  constexpr int kTries = 5;
  Watermarks watermarks;
  LockWatermarks(root, true, &watermarks);
  WithRefreshSettings(root.topn_counters, [&] {
    InsideRefresh(root.relation, [&] {
      const double fill_ms = MergeFromParent(rollup, parent, nullptr);
      if (cost == nullptr) return;
      *cost = {fill_ms, fill_ms};
      for (int i = 0; i < kTries; ++i) {
        cost->empty_ms = Min(cost->empty_ms, MergeNothing(rollup, parent));
      }
    });
  });
}

// topn.number_of_counters of this session, if the rollup has summaries.
int CountersOf(const Rollup& rollup) {
  for (auto* each : Each<RollupColumn>(rollup.definition->columns)) {
    if (each->role != ColumnRole::kTopN) continue;
    return NumberOfCounters();
  }
  return 0;
}

void CreateDefinitionView(const Request& request, Rollup* rollup) {
  RunSql(psprintf("CREATE VIEW %s AS %s", Sibling(request, "_definition"),
                  pg_get_querydef(CopyNode(rollup->definition->query), false)));
  rollup->definition_view = RelationNamed(request, "_definition");
  // The live view depends on the extension already: it reads the watermark.
  AttachView(rollup->definition_view);
}

void CreateLiveView(const Request& request, Rollup* rollup, const Rollup& root,
                    const char* id_column) {
  RunSql(psprintf("CREATE VIEW %s AS %s", Sibling(request, "_live"),
                  LiveSql(*rollup, root, id_column)));
  rollup->live_view = RelationNamed(request, "_live");
}

int64 StartPosition(const Request& request, const Rollup& rollup, const IdSource& ids) {
  if (!request.has_start) return 0;
  if (OidIsValid(rollup.parent)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("start_after cannot be given for a rollup over another"),
                    errdetail("The rollup is made from the rows of the other rollup.")));
  }
  // If Citus distributes the events, this is the last id that the coordinator has handed out.
  const int64 last = LastId(ids);
  if (request.start_after > last) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("start_after is " INT64_FORMAT ", but the last id of %s is " INT64_FORMAT,
                    request.start_after, QualifiedName(rollup.source), last)));
  }
  return request.start_after;
}

// `cost` is measured for a rollup over another, unless it is nullptr.
Oid Create(const Request& request, MergeCost* cost) {
  auto* rollup = static_cast<Rollup*>(palloc0(sizeof(Rollup)));
  rollup->name = quote_qualified_identifier(request.schema, request.name);
  rollup->definition = AnalyzeRollupQuery(request.query, rollup->name);
  rollup->source = rollup->definition->source;
  rollup->id_column = request.id_column;
  CheckQueryPermissions(request.query);
  Rollup *parent, *root;
  FindFamily(rollup, &parent, &root);
  const bool on_nodes = CanFollowOnNodes(root->source);
  const IdSource ids = FindIdSource(root->source, root->id_column);
  CheckSource(root->source, ids, GetUserId(), true);
  CheckNotWriting(root->source);
  const int64 position = StartPosition(request, *rollup, ids);

  rollup->relation = RelationNamed(request, "");
  const bool adopt = OidIsValid(rollup->relation);
  if (rollup->relation == rollup->source) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("rollup %s would read its own table", rollup->name)));
  }
  bool has_rows = false;
  if (adopt) {
    has_rows = AdoptTable(request, *rollup);
  } else {
    ChooseDigestedKeys(*rollup, on_nodes ? DistributionKey(*rollup) : nullptr);
    RunSql(CreateTableSql(*rollup));
    RunSql(CreateUniqueIndexSql(*rollup));
    if (rollup->definition->bucket != nullptr) RunSql(CreateBucketIndexSql(*rollup));
    rollup->relation = RelationNamed(request, "");
    AllowReplication(*rollup);
  }
  if (parent == nullptr) rollup->topn_counters = CountersOf(*rollup);
  // If the table had rows, they hold the events up to `position`.
  rollup->start_after = has_rows ? 0 : position;
  if (parent == nullptr) EnsureIdIndex(*rollup, ids);
  if (on_nodes) DistributeTable(*rollup);
  // Rows may be left over from a rollup that was dropped with keep_table.
  DeleteRollup(rollup->relation);
  if (parent == nullptr) StartWatermark(rollup->relation, position);
  if (on_nodes && parent == nullptr) CreateWatermarkCopy(rollup, position);
  CreateDefinitionView(request, rollup);
  CreateLiveView(request, rollup, *root, ids.column);
  InsertRollup(*rollup, request.refresh_interval);
  if (!on_nodes) WatchForEdits(*rollup);
  if (parent != nullptr) {
    FillFromParent(*rollup, *parent, *root, cost);
  } else if (request.with_data) {
    RefreshOptions options;
    options.refuse_all = true;
    RefreshFamily(LoadFamily(rollup->relation), options);
  }
  FaultPoint("create: done");
  return rollup->relation;
}

}  // namespace

Oid millrace::pg::CreateSummary(const char* schema, const char* name, const char* query,
                                Datum refresh_interval, MergeCost* cost) {
  Request request = {};
  request.schema = schema;
  request.name = name;
  request.query = ParseRollupQuery(query);
  request.refresh_interval = refresh_interval;
  return Create(request, cost);
}

// millrace.create_rollup(name text, query text, refresh_interval interval, id_column name,
// start_after bigint, with_data boolean) returns regclass.
MILLRACE_FUNCTION(create_rollup) {
  const Request request = ReadArguments(fcinfo);
  if (request.with_data) RequireReadCommitted("millrace.create_rollup");
  const Oid relation = WithSpi([&] {
    return WithSettings([&] {
      UseOneConnectionPerNode();
      return Create(request, nullptr);
    });
  });
  NotifyWorker();
  PG_RETURN_OID(relation);
}
