#include "pg/scan/batch_builder.h"

#include "pg/base/error_fence.h"
#include "pg/hll/hll_value.h"
#include "pg/topn/summary_codec.h"

namespace millrace::pg {

void BatchBuilder::Init(const VectorAggPlan& plan) {
  plan_ = &plan;
  context_ = AllocSetContextCreate(CurrentMemoryContext, "MillraceAggregate batch",
                                   ALLOCSET_DEFAULT_SIZES);
  refers_to_tuples_ = false;
  batch_ = {0, static_cast<uint32>(plan.column_count), columns_};
  for (int i = 0; i < plan.column_count; ++i) {
    columns_[i].values = static_cast<int64*>(palloc0(kBatchRows * sizeof(int64)));
    columns_[i].nulls = static_cast<uint8*>(palloc0(kBatchRows));
    columns_[i].any_null = false;
    interned_[i] = key_[i] = false;
    const ColumnKind kind = plan.columns[i].kind;
    if (kind == ColumnKind::kHll || kind == ColumnKind::kTopN) refers_to_tuples_ = true;
    views_[i] = kind == ColumnKind::kHll
                    ? static_cast<HllView*>(palloc0(kBatchRows * sizeof(HllView)))
                    : nullptr;
    bytes_[i] = kind == ColumnKind::kInteger || kind == ColumnKind::kFloat
                    ? nullptr
                    : static_cast<Bytes*>(palloc0(kBatchRows * sizeof(Bytes)));
  }
  for (int i = 0; i < plan.key_count; ++i) {
    interned_[plan.keys[i].column] = key_[plan.keys[i].column] = true;
  }
  for (int i = 0; i < plan.aggregate_count; ++i) {
    const AggregatePlan& aggregate = plan.aggregates[i];
    if (aggregate.kind == AggregateKind::kTopNAddText || aggregate.kind == AggregateKind::kHllAdd) {
      interned_[aggregate.column] = true;
    }
  }
}

void BatchBuilder::Begin(GroupBy* group_by, Allocator* allocator, bool insert) {
  group_by_ = group_by;
  allocator_ = allocator;
  insert_ = insert;
  batch_.rows = 0;
  for (int i = 0; i < plan_->column_count; ++i) {
    if (columns_[i].any_null) memset(columns_[i].nulls, 0, kBatchRows);
    columns_[i].any_null = false;
  }
  MemoryContextReset(context_);
}

void BatchBuilder::PutNull(int column) {
  Column& c = columns_[column];
  c.values[batch_.rows] = 0;
  c.nulls[batch_.rows] = 1;
  c.any_null = true;
}

void BatchBuilder::Put(int column, Datum value) {
  const ColumnPlan& plan = plan_->columns[column];
  switch (plan.kind) {
    case ColumnKind::kInteger:
      switch (plan.type) {
        case INT2OID:
          return PutInteger(column, DatumGetInt16(value));
        case INT4OID:
        case DATEOID:
          return PutInteger(column, DatumGetInt32(value));
        case BOOLOID:
          return PutInteger(column, DatumGetBool(value) ? 1 : 0);
        default:
          return PutInteger(column, DatumGetInt64(value));
      }
    case ColumnKind::kFloat:
      if (plan.type == FLOAT4OID) value = Float8GetDatum(DatumGetFloat4(value));
      return PutInteger(column, static_cast<int64>(value));
    case ColumnKind::kItem:
      break;
    case ColumnKind::kText:
      if (plan.type == UUIDOID) return PutBytes(column, {DatumGetPointer(value), UUID_LEN});
      break;
    case ColumnKind::kHll:
    case ColumnKind::kTopN:
      break;
  }
  const MemoryContext caller = MemoryContextSwitchTo(context_);
  struct varlena* detoasted = PG_DETOAST_DATUM_PACKED(value);
  MemoryContextSwitchTo(caller);
  PutBytes(column, {VARDATA_ANY(detoasted), static_cast<uint32>(VARSIZE_ANY_EXHDR(detoasted))});
}

void BatchBuilder::PutBytes(int column, Bytes bytes) {
  const uint32 row = batch_.rows;
  bytes_[column][row] = bytes;
  int64* value = &columns_[column].values[row];
  switch (plan_->columns[column].kind) {
    case ColumnKind::kText:
    case ColumnKind::kItem: {
      if (!interned_[column]) {
        *value = 0;
        return;
      }
      Dictionary& dictionary = group_by_->dictionary(static_cast<uint32>(column));
      std::string_view text(bytes.data, bytes.size);
      if (plan_->columns[column].kind == ColumnKind::kItem) text = ClipKey(text);
      // A row of a known group may add a new text to its sketches.
      *value = insert_ || !key_[column]
                   ? RunCpp([&] { return dictionary.Intern(text, *allocator_); })
                   : dictionary.Find(text);
      return;
    }
    case ColumnKind::kHll: {
      HllView* view = &views_[column][row];
      CheckStatus(HllView::Parse(bytes.data, bytes.size, view));
      *value = reinterpret_cast<int64>(view);
      return;
    }
    case ColumnKind::kTopN: {
      const MemoryContext caller = MemoryContextSwitchTo(context_);
      auto* stored = static_cast<TopNStored*>(palloc(sizeof(TopNStored)));
      const Summary summary = SummaryFromBytes(bytes.data, bytes.size);
      *stored = {summary.items, summary.size};
      MemoryContextSwitchTo(caller);
      *value = reinterpret_cast<int64>(stored);
      return;
    }
    case ColumnKind::kInteger:
    case ColumnKind::kFloat:
      break;
  }
}

void BatchBuilder::DropRow() {
  for (int i = 0; i < plan_->column_count; ++i) {
    if (columns_[i].any_null) columns_[i].nulls[batch_.rows] = 0;
  }
}

}  // namespace millrace::pg
