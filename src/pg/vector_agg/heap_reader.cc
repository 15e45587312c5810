#include "pg/vector_agg/heap_reader.h"

#include "core/base/coding.h"

namespace millrace::pg {
namespace {

enum class Comparison { kLess, kLessOrEqual, kEqual, kGreaterOrEqual, kGreater };

// How an operator on integers or times compares; false for any other operator.
bool ComparisonOf(Oid function, Comparison* comparison) {
  switch (function) {
    case F_INT2LT:
    case F_INT4LT:
    case F_INT8LT:
    case F_INT24LT:
    case F_INT28LT:
    case F_INT42LT:
    case F_INT48LT:
    case F_INT82LT:
    case F_INT84LT:
    case F_DATE_LT:
    case F_TIMESTAMP_LT:
    case F_TIMESTAMPTZ_LT:
      *comparison = Comparison::kLess;
      return true;
    case F_INT2LE:
    case F_INT4LE:
    case F_INT8LE:
    case F_INT24LE:
    case F_INT28LE:
    case F_INT42LE:
    case F_INT48LE:
    case F_INT82LE:
    case F_INT84LE:
    case F_DATE_LE:
    case F_TIMESTAMP_LE:
    case F_TIMESTAMPTZ_LE:
      *comparison = Comparison::kLessOrEqual;
      return true;
    case F_INT2EQ:
    case F_INT4EQ:
    case F_INT8EQ:
    case F_INT24EQ:
    case F_INT28EQ:
    case F_INT42EQ:
    case F_INT48EQ:
    case F_INT82EQ:
    case F_INT84EQ:
    case F_DATE_EQ:
    case F_TIMESTAMP_EQ:
    case F_TIMESTAMPTZ_EQ:
      *comparison = Comparison::kEqual;
      return true;
    case F_INT2GE:
    case F_INT4GE:
    case F_INT8GE:
    case F_INT24GE:
    case F_INT28GE:
    case F_INT42GE:
    case F_INT48GE:
    case F_INT82GE:
    case F_INT84GE:
    case F_DATE_GE:
    case F_TIMESTAMP_GE:
    case F_TIMESTAMPTZ_GE:
      *comparison = Comparison::kGreaterOrEqual;
      return true;
    case F_INT2GT:
    case F_INT4GT:
    case F_INT8GT:
    case F_INT24GT:
    case F_INT28GT:
    case F_INT42GT:
    case F_INT48GT:
    case F_INT82GT:
    case F_INT84GT:
    case F_DATE_GT:
    case F_TIMESTAMP_GT:
    case F_TIMESTAMPTZ_GT:
      *comparison = Comparison::kGreater;
      return true;
    default:
      return false;
  }
}

int64 IntegerOf(Oid type, Datum value) {
  switch (type) {
    case INT2OID:
      return DatumGetInt16(value);
    case INT4OID:
    case DATEOID:
      return DatumGetInt32(value);
    default:
      return DatumGetInt64(value);
  }
}

bool IsComparable(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID || type == DATEOID ||
         type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

Datum FetchByValue(const char* bytes, int16 length) {
  switch (length) {
    case 1:
      return CharGetDatum(*bytes);
    case 2:
      return Int16GetDatum(LoadUnaligned<int16>(bytes));
    case 4:
      return Int32GetDatum(LoadUnaligned<int32>(bytes));
    default:
      return Int64GetDatum(LoadUnaligned<int64>(bytes));
  }
}

// Tuples fill a page from its end to its front, which the processor does not foresee: they are
// asked for this many tuples ahead, and this many bytes of each (keys and small sketches lie in
// front).
constexpr int kPrefetchTuples = 4;
constexpr unsigned kPrefetchBytes = 512, kCacheLine = 64;

// Inlined by force: GCC takes a function that only prefetches for one without effect, and drops the
// call.
__attribute__((always_inline)) inline void PrefetchTuple(Page page, OffsetNumber offset) {
  const ItemId item = PageGetItemId(page, offset);
  const char* tuple = PageGetItem(page, item);
  const unsigned bytes = Min(ItemIdGetLength(item), kPrefetchBytes);
  for (unsigned at = 0; at < bytes; at += kCacheLine) __builtin_prefetch(tuple + at);
}

}  // namespace

struct HeapReader::Filter {
  Oid type;
  Comparison comparison;
  int64 constant;

  bool Passes(Datum value) const {
    const int64 integer = IntegerOf(type, value);
    switch (comparison) {
      case Comparison::kLess:
        return integer < constant;
      case Comparison::kLessOrEqual:
        return integer <= constant;
      case Comparison::kEqual:
        return integer == constant;
      case Comparison::kGreaterOrEqual:
        return integer >= constant;
      case Comparison::kGreater:
        return integer > constant;
    }
    return false;
  }
};

HeapReader* HeapReader::Open(PlanState* child, const VectorAggPlan& plan) {
  auto* reader = static_cast<HeapReader*>(palloc0(sizeof(HeapReader)));
  reader->estate_ = child->state;
  // Rows that EvalPlanQual puts in place of a scan's are the scan's business.
  if (child->state->es_epq_active != nullptr) return nullptr;
  // Parameters that changed are passed on when a node is asked for its next tuple, which none of
  // these will be.
  if (child->chgParam != nullptr) ExecReScan(child);
  if (IsA(child, AppendState)) {
    auto* append = reinterpret_cast<AppendState*>(child);
    if (append->as_prune_state != nullptr && append->as_prune_state->do_exec_prune) return nullptr;
    if (append->as_nasyncplans > 0 || append->ps.plan->parallel_aware) return nullptr;
    reader->tables_ = static_cast<Table*>(palloc0(Max(append->as_nplans, 1) * sizeof(Table)));
    for (int i = 0; i < append->as_nplans; ++i) {
      if (!reader->AddTable(append->appendplans[i], plan) || reader->shared_ != nullptr) {
        return nullptr;
      }
    }
    return reader;
  }
  reader->tables_ = static_cast<Table*>(palloc0(sizeof(Table)));
  if (!reader->AddTable(child, plan)) return nullptr;
  if (reader->shared_ != nullptr) reader->StartShared();
  return reader;
}

bool HeapReader::AddTable(PlanState* state, const VectorAggPlan& plan) {
  const bool bitmap = IsA(state, BitmapHeapScanState);
  if ((!IsA(state, SeqScanState) && !bitmap) || state->plan->initPlan != NIL) return false;
  if (state->chgParam != nullptr) ExecReScan(state);
  auto* scan = reinterpret_cast<ScanState*>(state);
  if (bitmap) {
    if (state->plan->parallel_aware) return false;
  } else if (scan->ss_currentScanDesc != nullptr) {
    // Made for a parallel plan: its blocks are shared out among the workers.
    if (scan->ss_currentScanDesc->rs_parallel == nullptr) return false;
    shared_ = scan->ss_currentScanDesc;
  }
  Relation relation = scan->ss_currentRelation;
  if (relation->rd_tableam != GetHeapamTableAmRoutine() ||
      !IsMVCCSnapshot(state->state->es_snapshot)) {
    return false;
  }
  Table* table = &tables_[table_count_];
  const TupleDesc descriptor = RelationGetDescr(relation);
  table->scan = scan;
  table->attributes = static_cast<Attribute*>(palloc0(descriptor->natts * sizeof(Attribute)));
  for (int i = 0; i < descriptor->natts; ++i) {
    table->attributes[i].length = TupleDescAttr(descriptor, i)->attlen;
    table->attributes[i].align = TupleDescAttr(descriptor, i)->attalign;
  }
  table->bitmap = bitmap ? outerPlanState(state) : nullptr;
  // Every row of a page is looked at, so the condition of the index is one more filter.
  const List* condition =
      bitmap ? reinterpret_cast<BitmapHeapScan*>(state->plan)->bitmapqualorig : NIL;
  if (!AddFilters(scan, state->plan->qual, table) || !AddFilters(scan, condition, table) ||
      !AddOutputs(scan, plan, table)) {
    return false;
  }
  int last_filter = 0, first_output = descriptor->natts;
  for (int i = descriptor->natts - 1; i >= 0; --i) {
    const Attribute& attribute = table->attributes[i];
    if (attribute.output_count + attribute.filter_count == 0) continue;
    table->attribute_count = Max(table->attribute_count, i + 1);
    if (attribute.filter_count > 0) last_filter = Max(last_filter, i);
    if (attribute.output_count > 0) first_output = i;
  }
  table->filters_first = last_filter <= first_output;
  table->waiting =
      static_cast<NullableDatum*>(palloc0(Max(table->attribute_count, 1) * sizeof(NullableDatum)));
  ++table_count_;
  return true;
}

bool HeapReader::AddFilters(const ScanState* scan, const List* quals, Table* table) {
  ListCell* cell;
  foreach (cell, quals) {
    const auto* operation = static_cast<OpExpr*>(lfirst(cell));
    Filter filter;
    if (!IsA(operation, OpExpr) || list_length(operation->args) != 2 ||
        !ComparisonOf(get_opcode(operation->opno), &filter.comparison)) {
      return false;
    }
    const auto* var = static_cast<Var*>(linitial(operation->args));
    auto* constant = static_cast<Expr*>(lsecond(operation->args));
    auto* node = reinterpret_cast<Node*>(constant);
    const Oid type = exprType(node);
    if (!IsA(var, Var) || var->varattno <= 0 || !IsComparable(var->vartype) ||
        !IsComparable(type) || contain_var_clause(node) || contain_volatile_functions(node) ||
        contain_subplans(node)) {
      return false;
    }
    bool is_null;
    // Without a parent, so that it is not compiled (JIT) at each rescan: it is evaluated once.
    const Datum value = ExecEvalExprSwitchContext(ExecInitExpr(constant, nullptr),
                                                  scan->ps.ps_ExprContext, &is_null);
    if (is_null) {
      table->never = true;
      continue;
    }
    filter.type = var->vartype;
    filter.constant = IntegerOf(type, value);
    Attribute* attribute = &table->attributes[var->varattno - 1];
    const int n = attribute->filter_count++;
    auto* filters = static_cast<Filter*>(palloc((n + 1) * sizeof(Filter)));
    if (n > 0) memcpy(filters, attribute->filters, n * sizeof(Filter));
    filters[n] = filter;
    attribute->filters = filters;
  }
  return true;
}

bool HeapReader::AddOutputs(const ScanState* scan, const VectorAggPlan& plan, Table* table) {
  for (int i = 0; i < plan.column_count; ++i) {
    const auto* entry =
        static_cast<TargetEntry*>(list_nth(scan->ps.plan->targetlist, plan.columns[i].resno - 1));
    Output output = {i, nullptr, plan.columns[i].kind == ColumnKind::kInteger};
    AttrNumber number;
    if (IsA(entry->expr, Var)) {
      number = reinterpret_cast<Var*>(entry->expr)->varattno;
    } else {
      output.bucket = static_cast<Bucket*>(palloc0(sizeof(Bucket)));
      if (!RecognizeBucket(entry->expr, scan->ps.ps_ExprContext, output.bucket)) return false;
      number = output.bucket->attribute;
    }
    if (number <= 0) return false;
    Attribute* attribute = &table->attributes[number - 1];
    const int n = attribute->output_count++;
    auto* outputs = static_cast<Output*>(palloc((n + 1) * sizeof(Output)));
    if (n > 0) memcpy(outputs, attribute->outputs, n * sizeof(Output));
    outputs[n] = output;
    attribute->outputs = outputs;
  }
  return true;
}

inline bool HeapReader::Passes(const Attribute& attribute, Datum value, bool is_null) {
  for (int i = 0; i < attribute.filter_count; ++i) {
    if (is_null || !attribute.filters[i].Passes(value)) return false;
  }
  return true;
}

// Gives the value to whoever wants it. May raise, and texts are interned: only for rows that every
// filter lets through.
inline void HeapReader::PutOut(const Attribute& attribute, Datum value, bool is_null,
                               BatchBuilder* batch) {
  for (int i = 0; i < attribute.output_count; ++i) {
    const Output& output = attribute.outputs[i];
    if (is_null) {
      batch->PutNull(output.column);
    } else if (output.bucket != nullptr) {
      batch->PutInteger(output.column, BucketOf(output.bucket, DatumGetInt64(value)));
    } else if (attribute.length == 8 && output.integer) {
      batch->PutInteger(output.column, DatumGetInt64(value));
    } else if (attribute.length == -1 && VARATT_IS_1B(DatumGetPointer(value)) &&
               !VARATT_IS_1B_E(DatumGetPointer(value))) {
      const char* varlena = DatumGetPointer(value);
      batch->PutText(output.column, {VARDATA_1B(varlena),
                                     static_cast<uint32>(VARSIZE_1B(varlena) - VARHDRSZ_SHORT)});
    } else {
      batch->Put(output.column, value);
    }
  }
}

// A tuple that has all the attributes we want: one walk over its bytes, as heap_deform_tuple does
// it. False when a filter refuses the row.
template <bool kFiltersFirst>
bool HeapReader::ReadTuple(const Table& table, HeapTupleHeader tuple, BatchBuilder* batch) {
  const char* data = reinterpret_cast<char*>(tuple) + tuple->t_hoff;
  const bits8* nulls = (tuple->t_infomask & HEAP_HASNULL) != 0 ? tuple->t_bits : nullptr;
  uint32 offset = 0;
  // False when a filter refuses the value.
  auto take = [&](int i, const Attribute& attribute, Datum value, bool is_null) {
    if (!Passes(attribute, value, is_null)) return false;
    if constexpr (kFiltersFirst) {
      PutOut(attribute, value, is_null, batch);
    } else {
      table.waiting[i] = {value, is_null};
    }
    return true;
  };
  for (int i = 0; i < table.attribute_count; ++i) {
    const Attribute& attribute = table.attributes[i];
    const bool wanted = attribute.output_count + attribute.filter_count > 0;
    if (nulls != nullptr && att_isnull(i, nulls)) {
      if (wanted && !take(i, attribute, 0, true)) return false;
      continue;
    }
    if (attribute.length == -1) {
      offset = att_align_pointer(offset, attribute.align, -1, data + offset);
    } else {
      offset = att_align_nominal(offset, attribute.align);
    }
    if (wanted) {
      const bool by_value = attribute.length > 0 && attribute.length <= 8;
      const Datum value =
          by_value ? FetchByValue(data + offset, attribute.length) : PointerGetDatum(data + offset);
      if (!take(i, attribute, value, false)) return false;
    }
    offset = att_addlength_pointer(offset, attribute.length, data + offset);
  }
  if constexpr (!kFiltersFirst) {
    for (int i = 0; i < table.attribute_count; ++i) {
      if (table.attributes[i].output_count == 0) continue;
      PutOut(table.attributes[i], table.waiting[i].value, table.waiting[i].isnull, batch);
    }
  }
  return true;
}

// A tuple from before columns were added, which have their default then.
bool HeapReader::ReadIncomplete(const Table& table, TupleDesc descriptor, HeapTupleHeader header,
                                uint32 length, BatchBuilder* batch) {
  HeapTupleData tuple;
  tuple.t_data = header;
  tuple.t_len = length;
  tuple.t_tableOid = InvalidOid;
  ItemPointerSetInvalid(&tuple.t_self);
  bool is_null;
  for (int i = 0; i < table.attribute_count; ++i) {
    if (table.attributes[i].filter_count == 0) continue;
    const Datum value = heap_getattr(&tuple, i + 1, descriptor, &is_null);
    if (!Passes(table.attributes[i], value, is_null)) return false;
  }
  for (int i = 0; i < table.attribute_count; ++i) {
    if (table.attributes[i].output_count == 0) continue;
    const Datum value = heap_getattr(&tuple, i + 1, descriptor, &is_null);
    PutOut(table.attributes[i], value, is_null, batch);
  }
  return true;
}

// The rest of the page that is open, as far as the batch has room.
void HeapReader::ReadPage(BatchBuilder* batch) {
  const Table& table = tables_[table_];
  auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
  Page page = BufferGetPage(heap->rs_cbuf);
  const int first = tuple_;
  // What PostgreSQL's functions leave behind goes with the batch.
  const MemoryContext caller = MemoryContextSwitchTo(batch->context());
  while (tuple_ < heap->rs_ntuples && !batch->full()) {
    if (tuple_ + kPrefetchTuples < heap->rs_ntuples) {
      PrefetchTuple(page, heap->rs_vistuples[tuple_ + kPrefetchTuples]);
    }
    const ItemId item = PageGetItemId(page, heap->rs_vistuples[tuple_++]);
    auto* tuple = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
    bool taken;
    if (unlikely(HeapTupleHeaderGetNatts(tuple) < table.attribute_count)) {
      taken = ReadIncomplete(table, RelationGetDescr(scan_->rs_rd), tuple, ItemIdGetLength(item),
                             batch);
    } else if (table.filters_first) {
      taken = ReadTuple<true>(table, tuple, batch);
    } else {
      taken = ReadTuple<false>(table, tuple, batch);
    }
    if (taken) {
      batch->EndRow();
    } else {
      batch->DropRow();
    }
  }
  MemoryContextSwitchTo(caller);
  if (pgstat_should_count_relation(scan_->rs_rd)) {
    scan_->rs_rd->pgstat_info->t_counts.t_tuples_returned += tuple_ - first;
  }
}

void HeapReader::StartShared() {
  scan_ = shared_;
  auto* heap = reinterpret_cast<HeapScanDesc>(shared_);
  table_block_parallelscan_startblock_init(
      shared_->rs_rd, heap->rs_parallelworkerdata,
      reinterpret_cast<ParallelBlockTableScanDesc>(shared_->rs_parallel));
}

bool HeapReader::NextSharedPage() {
  auto* heap = reinterpret_cast<HeapScanDesc>(shared_);
  const BlockNumber block =
      tables_[0].never ? InvalidBlockNumber
                       : table_block_parallelscan_nextpage(
                             shared_->rs_rd, heap->rs_parallelworkerdata,
                             reinterpret_cast<ParallelBlockTableScanDesc>(shared_->rs_parallel));
  if (block == InvalidBlockNumber) return false;
  OpenPage(block);
  return true;
}

void HeapReader::OpenPage(BlockNumber block) {
  CHECK_FOR_INTERRUPTS();
  heapgetpage(scan_, block);
  ++pages_;
  tuple_ = 0;
  const auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
  Page page = BufferGetPage(heap->rs_cbuf);
  for (int i = 0; i < Min(kPrefetchTuples, heap->rs_ntuples); ++i) {
    PrefetchTuple(page, heap->rs_vistuples[i]);
  }
}

// The next page of the table that is open; InvalidBlockNumber when there is none left.
BlockNumber HeapReader::NextBlock() {
  const auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
  if (pages_left_ != nullptr) {
    const TBMIterateResult* page = tbm_iterate(pages_left_);
    // A page of the bitmap may be newer than our snapshot.
    while (page != nullptr && page->blockno >= heap->rs_nblocks) page = tbm_iterate(pages_left_);
    return page == nullptr ? InvalidBlockNumber : page->blockno;
  }
  if (block_ >= heap->rs_nblocks) return InvalidBlockNumber;
  const BlockNumber block = heap->rs_startblock + block_++;
  return block >= heap->rs_nblocks ? block - heap->rs_nblocks : block;
}

bool HeapReader::NextPage() {
  if (shared_ != nullptr) return NextSharedPage();
  for (; table_ < table_count_; ++table_) {
    const Table& table = tables_[table_];
    if (table.never) continue;
    if (scan_ == nullptr) {
      if (table.bitmap != nullptr) {
        bitmap_ = reinterpret_cast<TIDBitmap*>(MultiExecProcNode(table.bitmap));
        pages_left_ = tbm_begin_iterate(bitmap_);
      }
      scan_ = table_beginscan(table.scan->ss_currentRelation, estate_->es_snapshot, 0, nullptr);
      block_ = 0;
    }
    const BlockNumber block = NextBlock();
    if (block != InvalidBlockNumber) {
      OpenPage(block);
      return true;
    }
    EndTable();
  }
  return false;
}

void HeapReader::EndTable() {
  if (scan_ != nullptr) table_endscan(scan_);
  scan_ = nullptr;
  if (pages_left_ != nullptr) tbm_end_iterate(pages_left_);
  pages_left_ = nullptr;
  if (bitmap_ != nullptr) tbm_free(bitmap_);
  bitmap_ = nullptr;
}

bool HeapReader::Fill(BatchBuilder* batch, bool at_page_end) {
  while (!batch->full()) {
    if (!page_open_) {
      if (at_page_end && batch->rows() > 0) return true;
      page_open_ = NextPage();
      if (!page_open_) return false;
    }
    ReadPage(batch);
    if (tuple_ >= reinterpret_cast<HeapScanDesc>(scan_)->rs_ntuples) page_open_ = false;
  }
  return true;
}

void HeapReader::Close() {
  // A shared scan belongs to its node.
  if (shared_ == nullptr) EndTable();
  scan_ = nullptr;
  table_ = table_count_;
}

}  // namespace millrace::pg
