#include "pg/summarize/asked.h"

#include <initializer_list>

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/base/subtransaction.h"
#include "pg/rewrite/items.h"
#include "pg/rewrite/rewrite.h"
#include "pg/summarize/statement_text.h"
#include "pg/summarize/summaries.h"

namespace millrace::pg {
namespace {

// A statement as pg_stat_statements has it: constants are $1, $2, ...
struct Statement {
  const char* text;
  int64 calls;
  double milliseconds;
};

// The view pg_stat_statements, qualified; nullptr if there is none.
const char* FindView() {
  if (RunSql("SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = "
             "e.extnamespace WHERE e.extname = 'pg_stat_statements'") == 0) {
    return nullptr;
  }
  const char* schema = SpiRow(0).Text(1);
  const Oid view = get_relname_relid("pg_stat_statements", get_namespace_oid(schema, false));
  // Before version 1.8 of the extension it has no such column.
  const bool known = OidIsValid(view) && get_attnum(view, "total_exec_time") != InvalidAttrNumber;
  return known ? quote_qualified_identifier(schema, "pg_stat_statements") : nullptr;
}

struct Reading {
  const char* view;
  Oid rollup;
  List* statements;  // Statement*
};

// Reads the statements whose text has the name of the rollup, or of a view over it.
void ReadStatements(void* argument) {
  auto* reading = static_cast<Reading*>(argument);
  const char* sql = psprintf(
      "WITH RECURSIVE reader AS (SELECT $1::oid AS oid UNION SELECT w.ev_class FROM reader r JOIN "
      "pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.classid = "
      "'pg_rewrite'::regclass JOIN pg_rewrite w ON w.oid = d.objid) "
      "SELECT s.query, sum(s.calls)::bigint, round(sum(s.total_exec_time))::bigint FROM %s s WHERE "
      "s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.calls > 0 "
      "AND EXISTS (SELECT FROM reader r JOIN pg_class c ON c.oid = r.oid WHERE c.relkind IN ('r', "
      "'v') AND position(lower(replace(c.relname, '\"', '\"\"')) IN lower(s.query)) > 0) GROUP BY "
      "s.query ORDER BY 3 DESC, 1 LIMIT 1000",
      reading->view);
  const uint64 rows = RunSql(sql, {OidArgument(reading->rollup)});
  for (uint64 i = 0; i < rows; ++i) {
    const SpiRow row(i);
    auto* statement = static_cast<Statement*>(palloc(sizeof(Statement)));
    *statement = {row.Text(1), row.Int64(2), static_cast<double>(row.Int64(3))};
    reading->statements = lappend(reading->statements, statement);
  }
}

// The SELECT in a statement; nullptr if it has none.
Node* SelectOf(Node* statement) {
  if (IsA(statement, SelectStmt)) return statement;
  if (IsA(statement, PrepareStmt))
    return SelectOf(reinterpret_cast<PrepareStmt*>(statement)->query);
  if (IsA(statement, DeclareCursorStmt)) {
    return SelectOf(reinterpret_cast<DeclareCursorStmt*>(statement)->query);
  }
  if (IsA(statement, CreateTableAsStmt)) {
    return SelectOf(reinterpret_cast<CreateTableAsStmt*>(statement)->query);
  }
  if (IsA(statement, InsertStmt)) {
    Node* query = reinterpret_cast<InsertStmt*>(statement)->selectStmt;
    return query == nullptr ? nullptr : SelectOf(query);
  }
  return nullptr;
}

// A parameter of any type, the same for all: two constants were equal of which pg_stat_statements
// has made $1 and $2, where GROUP BY date_trunc($2, hour) would not fit date_trunc($1, hour).
Node* AnyParameter(ParseState*, ParamRef* reference) {
  Param* parameter = makeNode(Param);
  parameter->paramkind = PARAM_EXTERN;
  parameter->paramid = 1;
  parameter->paramtype = UNKNOWNOID;
  parameter->paramtypmod = -1;
  parameter->location = reference->location;
  return reinterpret_cast<Node*>(parameter);
}

// Gives it the type that its place asks for.
Node* TypedParameter(ParseState*, Param* parameter, Oid type, int32, int) {
  if (parameter->paramtype != UNKNOWNOID) return nullptr;
  auto* typed = CopyNode(parameter);
  typed->paramtype = type;
  typed->paramcollid = get_typcollation(type);
  return reinterpret_cast<Node*>(typed);
}

// Whether a function is somebody else's. What a question needs is found with its constants folded,
// which runs functions: with the caller's rights, those of whoever has asked it must not run.
bool IsForeign(Oid function, void*) {
  if (function < FirstNormalObjectId) return false;
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) return true;
  const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
  ReleaseSysCache(tuple);
  return owner != GetUserId() && !superuser_arg(owner);
}

bool CallsForeign(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, Query)) {
    return WalkQueryTree(reinterpret_cast<Query*>(node), CallsForeign, context, 0);
  }
  return check_functions_in_node(node, IsForeign, context) ||
         WalkExpressionTree(node, CallsForeign, context);
}

struct Understanding {
  const Rollup* rollup;
  const char* text;
  bool literals;    // as ParseableText has it
  List* questions;  // Question*
};

void Understand(void* argument) {
  auto* understanding = static_cast<Understanding*>(argument);
  const char* text = ParseableText(understanding->text, understanding->literals);
  for (RawStmt* statement : Each<RawStmt>(raw_parser(text, RAW_PARSE_DEFAULT))) {
    Node* select = SelectOf(statement->stmt);
    if (select == nullptr) continue;
    // Not parse_analyze: pg_stat_statements would take note of the statement.
    ParseState* state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    state->p_paramref_hook = AnyParameter;
    state->p_coerce_param_hook = TypedParameter;
    auto* only = makeNode(RawStmt);
    only->stmt = select;
    Query* query = transformTopLevelStmt(state, only);
    free_parsestate(state);
    for (Query* rewritten : Each<Query>(QueryRewrite(query))) {
      if (CallsForeign(reinterpret_cast<Node*>(rewritten), nullptr)) continue;
      understanding->questions = list_concat(
          understanding->questions, QuestionsTo(understanding->rollup->relation, rewritten));
    }
  }
}

// The keys that a question needs.
Bitmapset* KeysNeeded(const Question& question) {
  List* expressions = list_copy(question.conditions);
  for (const Item* item : Each<Item>(question.items)) {
    for (Node* node : {item->key, item->argument, item->filter}) {
      if (node != nullptr) expressions = lappend(expressions, node);
    }
  }
  Bitmapset* keys = nullptr;
  for (const Var* var :
       Each<Var>(pull_var_clause(reinterpret_cast<Node*>(expressions), PVC_RECURSE_AGGREGATES))) {
    const KnownColumn* column = ColumnAt(question.rollup->columns, var->varattno);
    if (column != nullptr && column->role == ColumnRole::kKey) {
      keys = bms_add_member(keys, var->varattno);
    }
  }
  return keys;
}

// Whether the session's settings let another rollup answer it.
bool MayBeAnswered(const Question& question) {
  for (const Item* item : Each<Item>(question.items)) {
    if (IsApproximate(*item) && enable_rewrite != RewriteMode::kApproximate) return false;
  }
  return true;
}

void Count(const Statement& statement, Bitmapset* keys, List** asked) {
  for (AskedKeys* each : Each<AskedKeys>(*asked)) {
    if (!bms_equal(each->keys, keys)) continue;
    each->calls += statement.calls;
    each->milliseconds += statement.milliseconds;
    return;
  }
  auto* each = static_cast<AskedKeys*>(palloc(sizeof(AskedKeys)));
  *each = {keys, statement.calls, statement.milliseconds};
  *asked = lappend(*asked, each);
}

void RaiseUnlessHarmless(ErrorData* error) {
  const int code = error->sqlerrcode;
  if (code == ERRCODE_QUERY_CANCELED ||
      ERRCODE_TO_CATEGORY(code) == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES)) {
    ReThrowError(error);
  }
  ereport(DEBUG1,
          (errmsg_internal("millrace.summarize: left out of the questions: %s", error->message)));
  FreeErrorData(error);
}

// What the statement asks of the rollup: Question*. NIL if it cannot be understood.
List* QuestionsOf(const Rollup& rollup, const Statement& statement) {
  Understanding understanding = {&rollup, statement.text, false, NIL};
  ErrorData* error = TryAndUndo(Understand, &understanding);
  if (error != nullptr && error->sqlerrcode == ERRCODE_GROUPING_ERROR) {
    FreeErrorData(error);
    understanding = {&rollup, statement.text, true, NIL};
    error = TryAndUndo(Understand, &understanding);
  }
  if (error == nullptr) return understanding.questions;
  RaiseUnlessHarmless(error);
  return NIL;
}

int LongestFirst(const ListCell* a, const ListCell* b) {
  const auto* left = static_cast<const AskedKeys*>(lfirst(a));
  const auto* right = static_cast<const AskedKeys*>(lfirst(b));
  if (left->milliseconds != right->milliseconds) {
    return left->milliseconds > right->milliseconds ? -1 : 1;
  }
  return left->calls > right->calls ? -1 : left->calls < right->calls ? 1 : 0;
}

}  // namespace

List* FindAskedKeys(const Rollup& rollup, const char* search_path) {
  Reading reading = {FindView(), rollup.relation, NIL};
  if (reading.view == nullptr) return NIL;
  // Fails where the library of pg_stat_statements is not loaded.
  if (ErrorData* error = RunInSubtransaction(ReadStatements, &reading)) RaiseUnlessHarmless(error);
  const AttrNumber bucket = BucketOf(rollup);
  List* asked = NIL;
  WithSettings([&] {
    SetSettingInScope("search_path", search_path);
    // A table that somebody holds is not waited for.
    SetSettingInScope("lock_timeout", "1s");
    for (const Statement* statement : Each<Statement>(reading.statements)) {
      CHECK_FOR_INTERRUPTS();
      const List* questions = QuestionsOf(rollup, *statement);
      List* counted = NIL;  // each set of keys once for a statement
      for (const Question* question : Each<Question>(questions)) {
        if (!MayBeAnswered(*question)) continue;
        Count({statement->text, 0, 0}, bms_del_member(KeysNeeded(*question), bucket), &counted);
      }
      for (const AskedKeys* each : Each<AskedKeys>(counted)) {
        Count(*statement, each->keys, &asked);
      }
    }
  });
  list_sort(asked, LongestFirst);
  return asked;
}

}  // namespace millrace::pg
