#include "pg/summarize/proposals.h"

#include <initializer_list>

#include "pg/base/list.h"
#include "pg/rollup/catalog/aggregates.h"
#include "pg/summarize/asked.h"

namespace millrace::pg {
namespace {

constexpr const char* kLongestSuffix = "_definition";

AttrNumber NumberOf(const Rollup& rollup, const RollupColumn& column) {
  return get_attnum(rollup.relation, column.name);
}

// -- Names

bool IsTaken(const char* schema, const char* name, const List* proposals) {
  const Oid space = get_namespace_oid(schema, false);
  for (const char* suffix : {"", "_live", kLongestSuffix}) {
    const char* full = psprintf("%s%s", name, suffix);
    if (OidIsValid(get_relname_relid(full, space)) ||
        SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(full), ObjectIdGetDatum(space))) {
      return true;
    }
  }
  for (const Proposal* proposal : Each<Proposal>(proposals)) {
    if (proposal->name != nullptr && strcmp(proposal->name, name) == 0) return true;
  }
  return false;
}

// The beginning of a text, of at most so many bytes.
const char* Clipped(const char* text, int bytes) {
  const auto length = static_cast<int>(strlen(text));
  if (length <= bytes) return text;
  return pnstrdup(text, pg_mbcliplen(text, length, bytes));
}

// The rollup's name with _total, or _by_ and the keys; where that is too long, less of the rollup's
// name and then of the keys; where it is taken, with a number.
const char* FreeName(const Rollup& rollup, const char* schema, const Bitmapset* keys,
                     const List* proposals) {
  StringInfoData suffix;
  initStringInfo(&suffix);
  const AttrNumber bucket = BucketOf(rollup);
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    const AttrNumber number = NumberOf(rollup, *column);
    if (number == bucket || !bms_is_member(number, keys)) continue;
    appendStringInfo(&suffix, "%s_%s", suffix.len == 0 ? "_by" : "", column->name);
  }
  if (suffix.len == 0) appendStringInfoString(&suffix, "_total");
  const auto most = static_cast<int>(NAMEDATALEN - 1 - strlen(kLongestSuffix));
  const char* stem = get_rel_name(rollup.relation);
  for (int attempt = 1;; ++attempt) {
    const char* number = attempt == 1 ? "" : psprintf("_%d", attempt);
    const int room = most - static_cast<int>(strlen(number));
    const char* end = Clipped(suffix.data, room * 3 / 4);
    const char* name =
        psprintf("%s%s%s", Clipped(stem, room - static_cast<int>(strlen(end))), end, number);
    if (!IsTaken(schema, name, proposals)) return name;
  }
}

// -- Candidates

// Whether a question can be answered by this key of another table.
bool IsExact(const Rollup& rollup, int number) {
  Oid type, collation;
  int32 typmod;
  get_atttypetypmodcoll(rollup.relation, static_cast<AttrNumber>(number), &type, &typmod,
                        &collation);
  return EqualMeansSame(type, collation);
}

bool AreExact(const Rollup& rollup, const Bitmapset* keys) {
  for (int i = -1; (i = bms_next_member(keys, i)) >= 0;) {
    if (!IsExact(rollup, i)) return false;
  }
  return true;
}

class Proposals {
 public:
  Proposals(const Rollup& rollup, const RollupStatistics& statistics)
      : rollup_(rollup), statistics_(statistics), all_(KeysOf(rollup)) {
    const AttrNumber bucket = BucketOf(rollup);
    bucket_ = bucket == InvalidAttrNumber ? nullptr : bms_make_singleton(bucket);
  }

  // `keys` is without the bucket.
  void Add(const Bitmapset* keys, const char* reason, const AskedKeys* asked) {
    Bitmapset* with_bucket = bms_union(keys, bucket_);
    if (bms_is_empty(with_bucket) || bms_equal(with_bucket, all_) ||
        !AreExact(rollup_, with_bucket)) {
      return;
    }
    for (const Proposal* other : Each<Proposal>(proposals_)) {
      if (bms_equal(other->keys, with_bucket)) return;
    }
    auto* proposal = static_cast<Proposal*>(palloc0(sizeof(Proposal)));
    proposal->keys = with_bucket;
    proposal->reason = reason;
    proposal->asked = asked != nullptr;
    if (asked != nullptr) {
      proposal->calls = asked->calls;
      proposal->milliseconds = asked->milliseconds;
    }
    proposal->rows = EstimateRows(statistics_, with_bucket);
    proposals_ = lappend(proposals_, proposal);
  }

  void AddEachKey() {
    const int before = list_length(proposals_);
    const Bitmapset* keys = bms_difference(all_, bucket_);
    for (int i = -1; (i = bms_next_member(keys, i)) >= 0;) {
      Add(bms_make_singleton(i), "by key", nullptr);
    }
    List* by_key = list_copy_tail(proposals_, before);
    list_sort(by_key, [](const ListCell* a, const ListCell* b) {
      const double left = static_cast<const Proposal*>(lfirst(a))->rows;
      const double right = static_cast<const Proposal*>(lfirst(b))->rows;
      return left < right ? -1 : left > right ? 1 : 0;
    });
    proposals_ = list_concat(list_truncate(proposals_, before), by_key);
  }

  List* list() const { return proposals_; }

 private:
  const Rollup& rollup_;
  const RollupStatistics& statistics_;
  Bitmapset* all_;
  Bitmapset* bucket_;
  List* proposals_ = NIL;
};

// Whether a table has these keys of the rollup and no others.
bool IsBy(const SummaryTable& table, const Bitmapset* keys) {
  return !table.more_keys && bms_equal(table.keys, keys);
}

const SummaryTable* FindTable(const List* tables, const Bitmapset* keys) {
  for (const SummaryTable* table : Each<SummaryTable>(tables)) {
    if (IsBy(*table, keys)) return table;
  }
  return nullptr;
}

}  // namespace

List* Propose(const Rollup& rollup, const RollupStatistics& statistics, const List* tables,
              const List* asked, double budget, double* left) {
  Proposals proposals(rollup, statistics);
  for (const AskedKeys* each : Each<AskedKeys>(asked)) proposals.Add(each->keys, "asked", each);
  proposals.Add(nullptr, "total", nullptr);
  proposals.AddEachKey();

  *left = budget;
  const SummaryTable* own = static_cast<SummaryTable*>(linitial(tables));
  for (const SummaryTable* table : Each<SummaryTable>(tables)) {
    if (table != own && !table->more_keys) *left -= table->rows;
  }
  const char* schema = get_namespace_name(get_rel_namespace(rollup.relation));
  for (Proposal* proposal : Each<Proposal>(proposals.list())) {
    if (const SummaryTable* table = FindTable(tables, proposal->keys)) {
      proposal->state = ProposalState::kExists;
      proposal->rows = table->rows;
      proposal->schema = get_namespace_name(get_rel_namespace(table->relation));
      proposal->name = get_rel_name(table->relation);
      continue;
    }
    proposal->schema = schema;
    proposal->name = FreeName(rollup, schema, proposal->keys, proposals.list());
    if (proposal->rows > *left) {
      proposal->state = ProposalState::kOverBudget;
    } else {
      *left -= proposal->rows;
    }
  }
  return proposals.list();
}

void ChooseSource(const Rollup& rollup, const List* tables, Proposal* proposal) {
  proposal->source = nullptr;
  for (const SummaryTable* table : Each<SummaryTable>(tables)) {
    if (!bms_is_subset(proposal->keys, table->keys)) continue;
    if (proposal->source == nullptr || table->rows < proposal->source->rows) {
      proposal->source = table;
    }
  }
  StringInfoData query, groups;
  initStringInfo(&query);
  initStringInfo(&groups);
  int keys = 0;
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    const AttrNumber number = NumberOf(rollup, *column);
    const bool is_key = column->role == ColumnRole::kKey;
    if (is_key ? !bms_is_member(number, proposal->keys) : !IsStored(*column)) continue;
    const char* below = quote_identifier(proposal->source->columns[number]);
    const char* name = quote_identifier(column->name);
    appendStringInfoString(&query, query.len == 0 ? "SELECT " : ", ");
    appendStringInfoString(&query, is_key ? below : MergeAggregateSql(*column, below));
    if (!is_key || strcmp(below, name) != 0) appendStringInfo(&query, " AS %s", name);
    // Keys may stand after measures.
    ++keys;
    if (is_key) appendStringInfo(&groups, "%s%d", groups.len == 0 ? "" : ", ", keys);
  }
  appendStringInfo(&query, " FROM %s GROUP BY %s", proposal->source->name, groups.data);
  proposal->query = query.data;
}

SummaryTable* AsTable(const Rollup& rollup, const Proposal& proposal) {
  auto* table = static_cast<SummaryTable*>(palloc0(sizeof(SummaryTable)));
  table->relation = get_relname_relid(proposal.name, get_namespace_oid(proposal.schema, false));
  table->name = quote_qualified_identifier(proposal.schema, proposal.name);
  table->keys = bms_copy(proposal.keys);
  table->rows = proposal.rows;
  table->columns = MakeColumns(rollup);
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    const AttrNumber number = NumberOf(rollup, *column);
    const bool has =
        column->role == ColumnRole::kKey ? bms_is_member(number, proposal.keys) : IsStored(*column);
    if (has) table->columns[number] = column->name;
  }
  return table;
}

Datum KeyNames(const Rollup& rollup, const Proposal& proposal) {
  auto* names = static_cast<Datum*>(palloc(sizeof(Datum) * (bms_num_members(proposal.keys) + 1)));
  int count = 0;
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (!bms_is_member(NumberOf(rollup, *column), proposal.keys)) continue;
    names[count++] = CStringGetTextDatum(column->name);
  }
  return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

}  // namespace millrace::pg
