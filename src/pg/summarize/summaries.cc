#include "pg/summarize/summaries.h"

#include "pg/base/list.h"
#include "pg/rollup/catalog/definition_parts.h"

namespace millrace::pg {
namespace {

Bitmapset* ColumnsThat(const Rollup& rollup, bool (*are)(const RollupColumn&)) {
  Bitmapset* columns = nullptr;
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (are(*column)) columns = bms_add_member(columns, get_attnum(rollup.relation, column->name));
  }
  return columns;
}

const RollupColumn* ColumnNamed(const Rollup& rollup, const char* name) {
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (strcmp(column->name, name) == 0) return column;
  }
  return nullptr;
}

// The column of the table below that an output of a rollup over it carries over; nullptr if it does
// anything more with it.
const char* CarriedColumn(const Rollup& child, const TargetEntry* entry) {
  const Node* node = reinterpret_cast<const Node*>(entry->expr);
  if (const Aggref* aggref = AggregateBelowCasts(entry->expr)) {
    if (aggref->aggfilter != nullptr || aggref->args == NIL) return nullptr;
    node = reinterpret_cast<Node*>(static_cast<TargetEntry*>(linitial(aggref->args))->expr);
  }
  if (!IsA(node, Var)) return nullptr;
  return get_attname(child.source, reinterpret_cast<const Var*>(node)->varattno, true);
}

int CountColumns(const Rollup& rollup) {
  Relation table = relation_open(rollup.relation, AccessShareLock);
  const int count = RelationGetNumberOfAttributes(table);
  relation_close(table, NoLock);
  return count;
}

class Finder {
 public:
  explicit Finder(const Rollup& rollup)
      : rollup_(rollup),
        keys_(KeysOf(rollup)),
        measures_(MeasuresOf(rollup)),
        width_(CountColumns(rollup) + 1) {}

  List* Run() {
    SummaryTable* own = Make(rollup_);
    for (int i = -1; (i = bms_next_member(keys_, i)) >= 0;) Carry(own, i, NameOf(i));
    for (int i = -1; (i = bms_next_member(measures_, i)) >= 0;) Carry(own, i, NameOf(i));
    found_ = list_make1(own);
    AddOver(rollup_, *own);
    return found_;
  }

 private:
  const char* NameOf(int number) const {
    return get_attname(rollup_.relation, static_cast<AttrNumber>(number), false);
  }

  SummaryTable* Make(const Rollup& rollup) const {
    auto* summary = static_cast<SummaryTable*>(palloc0(sizeof(SummaryTable)));
    summary->relation = rollup.relation;
    summary->name = rollup.name;
    summary->columns = MakeColumns(rollup_);
    summary->rows = RowsOfTable(rollup.relation);
    return summary;
  }

  void Carry(SummaryTable* summary, int number, const char* name) const {
    if (summary->columns[number] == nullptr) summary->columns[number] = name;
    if (bms_is_member(number, keys_)) summary->keys = bms_add_member(summary->keys, number);
  }

  // Which of our columns a column of a table over ours is; 0 if it is none, or has another type.
  int NumberOf(const SummaryTable& below, const char* column, const RollupColumn& output) const {
    for (int i = 1; column != nullptr && i < width_; ++i) {
      if (below.columns[i] == nullptr || strcmp(below.columns[i], column) != 0) continue;
      const RollupColumn* ours = ColumnNamed(rollup_, NameOf(i));
      // A key that is an argument of an aggregate is no key of the result.
      const bool same = (ours->role == ColumnRole::kKey) == (output.role == ColumnRole::kKey) &&
                        ours->type == output.type && ours->collation == output.collation;
      return same ? i : 0;
    }
    return 0;
  }

  void AddOver(const Rollup& parent, const SummaryTable& below) {
    for (const Rollup* child : Each<Rollup>(parent.children)) {
      const RollupDefinition& definition = *child->definition;
      if (definition.storage->jointree->quals != nullptr) continue;
      SummaryTable* summary = Make(*child);
      Bitmapset* carried = nullptr;
      for (const TargetEntry* entry : Each<TargetEntry>(definition.storage->targetList)) {
        if (entry->resjunk) continue;
        const RollupColumn* output = ColumnNamed(*child, entry->resname);
        if (output == nullptr) continue;
        const int number = NumberOf(below, CarriedColumn(*child, entry), *output);
        if (number != 0) {
          Carry(summary, number, output->name);
          carried = bms_add_member(carried, number);
        } else if (output->role == ColumnRole::kKey) {
          summary->more_keys = true;
        }
      }
      // What lacks a measure may still have rollups over it, which lack it too.
      if (!bms_is_subset(measures_, carried)) continue;
      found_ = lappend(found_, summary);
      AddOver(*child, *summary);
    }
  }

  const Rollup& rollup_;
  Bitmapset* keys_;
  Bitmapset* measures_;
  int width_;
  List* found_ = NIL;
};

}  // namespace

List* FindSummaryTables(const Rollup& rollup) { return Finder(rollup).Run(); }

Bitmapset* KeysOf(const Rollup& rollup) {
  return ColumnsThat(rollup,
                     [](const RollupColumn& column) { return column.role == ColumnRole::kKey; });
}

Bitmapset* MeasuresOf(const Rollup& rollup) {
  return ColumnsThat(rollup, [](const RollupColumn& column) {
    return column.role != ColumnRole::kKey && IsStored(column);
  });
}

AttrNumber BucketOf(const Rollup& rollup) {
  const char* bucket = rollup.definition->bucket;
  return bucket == nullptr ? InvalidAttrNumber : get_attnum(rollup.relation, bucket);
}

const char** MakeColumns(const Rollup& rollup) {
  return static_cast<const char**>(palloc0(sizeof(char*) * (CountColumns(rollup) + 1)));
}

double RowsOfTable(Oid relation) {
  Relation table = relation_open(relation, AccessShareLock);
  BlockNumber pages;
  double rows, all_visible;
  estimate_rel_size(table, nullptr, &pages, &rows, &all_visible);
  relation_close(table, NoLock);
  return rows;
}

}  // namespace millrace::pg
