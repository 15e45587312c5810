#include "pg/rollup/catalog/key_index.h"

#include "pg/base/list.h"
#include "pg/base/spi.h"

namespace millrace::pg {
namespace {

constexpr int kMostPlainBytes = 63;
// Up to this n, the values of a varchar(n) cannot be long.
constexpr int kMostPlainCharacters = 15;

RollupColumn* KeyNamed(const Rollup& rollup, const char* name) {
  for (auto* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (column->role == ColumnRole::kKey && strcmp(column->name, name) == 0) return column;
  }
  return nullptr;
}

// The digest expression as PostgreSQL's catalog has it for an index.
Node* AnalyzedDigest(const Rollup& rollup, const RollupColumn& column) {
  const char* sql = psprintf("SELECT %s FROM %s", KeyDigestSql(column), rollup.name);
  auto* statement = static_cast<RawStmt*>(linitial(raw_parser(sql, RAW_PARSE_DEFAULT)));
  const Query* query = parse_analyze_fixedparams(statement, sql, nullptr, 0, nullptr);
  auto* entry = static_cast<TargetEntry*>(linitial(query->targetList));
  return eval_const_expressions(nullptr, reinterpret_cast<Node*>(entry->expr));
}

// Marks the keys whose digest is among the index's expressions. Returns how many there are.
int MarkDigested(const Rollup& rollup, const List* expressions) {
  int marked = 0;
  for (auto* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (column->role != ColumnRole::kKey || !CanBeDigested(*column)) continue;
    column->digested = list_member(expressions, AnalyzedDigest(rollup, *column));
    marked += column->digested;
  }
  return marked;
}

void ForgetDigested(const Rollup& rollup) {
  for (auto* each : Each<RollupColumn>(rollup.definition->columns)) {
    each->digested = false;
  }
}

void AppendKey(StringInfo out, const RollupColumn& column) {
  if (out->len > 0) appendStringInfoString(out, ", ");
  if (column.digested) {
    appendStringInfo(out, "(%s)", KeyDigestSql(column));
  } else {
    appendStringInfoString(out, quote_identifier(column.name));
  }
}

// Appends the keys for which `wanted` is true.
template <typename Wanted>
void AppendKeys(StringInfo out, const Rollup& rollup, Wanted wanted) {
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (column->role == ColumnRole::kKey && wanted(*column)) AppendKey(out, *column);
  }
}

bool FirstKeyIsDigested(const Rollup& rollup) {
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (column->role == ColumnRole::kKey) return column->digested;
  }
  return false;
}

}  // namespace

bool CanBeDigested(const RollupColumn& column) {
  switch (getBaseType(column.type)) {
    case VARCHAROID:
    case BPCHAROID:
      if (column.typmod >= VARHDRSZ && column.typmod - VARHDRSZ <= kMostPlainCharacters) {
        return false;
      }
      [[fallthrough]];
    case TEXTOID:
      return !OidIsValid(column.collation) || get_collation_isdeterministic(column.collation);
    case BYTEAOID:
      return true;
    default:
      return false;
  }
}

const char* KeyDigestSql(const RollupColumn& column) {
  const char* key = quote_identifier(column.name);
  const Oid type = getBaseType(column.type);
  if (type == BYTEAOID) {
    // Two digests, 64 bytes: no value of up to 63 bytes can be equal to it.
    return psprintf(
        "CASE WHEN octet_length(%s::bytea) <= %d THEN %s::bytea ELSE sha256(%s::bytea) || "
        "sha256(E'\\\\x00'::bytea || %s::bytea) END",
        key, kMostPlainBytes, key, key, key);
  }
  // A backslash would start an escape in the text form of bytea.
  const char* digest =
      psprintf("encode(sha256(replace(%s::text, E'\\\\', E'\\\\\\\\')::bytea), 'hex')", key);
  return psprintf("CASE WHEN octet_length(%s::text) <= %d THEN %s::text ELSE %s END", key,
                  kMostPlainBytes, key, digest);
}

const char* KeyIndexSql(const Rollup& rollup) {
  StringInfoData out;
  initStringInfo(&out);
  AppendKeys(&out, rollup, [](const RollupColumn&) { return true; });
  return out.data;
}

const char* CreateUniqueIndexSql(const Rollup& rollup) {
  StringInfoData keys;
  initStringInfo(&keys);
  if (FirstKeyIsDigested(rollup)) {
    AppendKeys(&keys, rollup, [](const RollupColumn& column) { return !column.digested; });
    AppendKeys(&keys, rollup, [](const RollupColumn& column) { return column.digested; });
  } else {
    appendStringInfoString(&keys, KeyIndexSql(rollup));
  }
  return psprintf("CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT", rollup.name, keys.data);
}

void ChooseDigestedKeys(const Rollup& rollup, const char* plain) {
  for (auto* column : Each<RollupColumn>(rollup.definition->columns)) {
    column->digested = column->role == ColumnRole::kKey && CanBeDigested(*column) &&
                       (plain == nullptr || strcmp(column->name, plain) != 0);
  }
}

bool IsUniqueOverKeys(Relation table, Relation index, const Rollup& rollup) {
  const Form_pg_index form = index->rd_index;
  ForgetDigested(rollup);
  if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
      RelationGetIndexPredicate(index) != NIL) {
    return false;
  }
  const int digested = RelationGetIndexExpressions(index) == NIL
                           ? 0
                           : MarkDigested(rollup, RelationGetIndexExpressions(index));
  int keys = 0;
  bool nullable = digested > 0;
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    keys += column->role == ColumnRole::kKey;
  }
  bool unique = keys == form->indnkeyatts;
  int plain = 0;
  for (int i = 0; i < form->indnkeyatts; ++i) {
    const AttrNumber attribute = form->indkey.values[i];
    if (attribute == InvalidAttrNumber) continue;
    const char* name = get_attname(rollup.relation, attribute, false);
    const RollupColumn* key = KeyNamed(rollup, name);
    unique &= key != nullptr && !key->digested;
    nullable |=
        attribute > 0 &&
        !IsNeverNull(rollup.relation, *TupleDescAttr(RelationGetDescr(table), attribute - 1));
    ++plain;
  }
  unique &= plain + digested == keys && (form->indnullsnotdistinct || !nullable);
  if (!unique) ForgetDigested(rollup);
  return unique;
}

Oid FindKeyIndex(const Rollup& rollup) {
  Oid found = InvalidOid;
  Relation table = relation_open(rollup.relation, AccessShareLock);
  for (const Oid each : EachOid(RelationGetIndexList(table))) {
    Relation index = index_open(each, AccessShareLock);
    if (IsUniqueOverKeys(table, index, rollup)) found = each;
    index_close(index, AccessShareLock);
    if (OidIsValid(found)) break;
  }
  relation_close(table, NoLock);
  return found;
}

void MakePlainInIndex(const Rollup& rollup, const char* plain) {
  const Oid index = FindKeyIndex(rollup);
  const RollupColumn* key = KeyNamed(rollup, plain);
  if (!OidIsValid(index) || key == nullptr || !key->digested) return;
  RunSql(psprintf("DROP INDEX %s", QualifiedName(index)));
  ChooseDigestedKeys(rollup, plain);
  RunSql(CreateUniqueIndexSql(rollup));
}

}  // namespace millrace::pg
