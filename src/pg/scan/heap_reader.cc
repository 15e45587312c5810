#include "pg/scan/heap_reader.h"

#include "core/base/coding.h"
#include "pg/scan/heap_filter.h"

namespace millrace::pg {
namespace {

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

// Tuples fill a page from its end to its front, which the processor does not predict. So this many
// tuples ahead are prefetched, and this many bytes of each (keys and small sketches come first).
constexpr int kPrefetchTuples = 4;
constexpr unsigned kPrefetchBytes = 512, kCacheLine = 64;

// Must be inlined: GCC believes that a function which only prefetches has no effect, and drops the
// call.
__attribute__((always_inline)) inline void PrefetchTuple(Page page, OffsetNumber offset) {
  const ItemId item = PageGetItemId(page, offset);
  const char* tuple = PageGetItem(page, item);
  const unsigned bytes = Min(ItemIdGetLength(item), kPrefetchBytes);
  for (unsigned at = 0; at < bytes; at += kCacheLine) __builtin_prefetch(tuple + at);
}

}  // namespace

inline bool HeapReader::Passes(const Attribute& attribute, Datum value, bool is_null) {
  for (int i = 0; i < attribute.filter_count; ++i) {
    if (is_null || !attribute.filters[i].Passes(value)) return false;
  }
  return true;
}

// Gives the value to its outputs. May raise, and texts are interned, so call it only for rows that
// every filter lets through.
inline void HeapReader::PutOut(const Attribute& attribute, Datum value, bool is_null,
                               BatchBuilder* batch) {
  for (int i = 0; i < attribute.output_count; ++i) {
    const Output& output = attribute.outputs[i];
    if (is_null) {
      batch->PutNull(output.column);
    } else if (output.bucket != nullptr) {
      bool null_bucket = false;
      const int64 start = BucketOf(output.bucket, DatumGetInt64(value), &null_bucket);
      if (unlikely(null_bucket)) {
        batch->PutNull(output.column);
      } else {
        batch->PutInteger(output.column, start);
      }
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

// Reads a tuple that has all the attributes we want, in one walk over its bytes, as
// heap_deform_tuple does. False if a filter refuses the row.
template <bool kFiltersFirst>
bool HeapReader::ReadTuple(const Table& table, HeapTupleHeader tuple, BatchBuilder* batch) {
  const char* data = reinterpret_cast<char*>(tuple) + tuple->t_hoff;
  const auto* nulls = (tuple->t_infomask & HEAP_HASNULL) != 0 ? tuple->t_bits : nullptr;
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

// Reads a tuple that was written before columns were added: these have their default.
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

int HeapReader::TuplesOfPage() const {
  return static_cast<int>(reinterpret_cast<HeapScanDesc>(scan_)->rs_ntuples);
}

// Reads the rest of the open page, as far as the batch has room.
void HeapReader::ReadPage(BatchBuilder* batch) {
  Table& table = tables_[table_];
  auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
  Page page = BufferGetPage(heap->rs_cbuf);
  const int first = tuple_, count = TuplesOfPage();
  // What PostgreSQL's functions allocate is freed with the batch.
  const MemoryContext caller = MemoryContextSwitchTo(batch->context());
  while (tuple_ < count && !batch->full()) {
    if (tuple_ + kPrefetchTuples < count) {
      PrefetchTuple(page, heap->rs_vistuples[tuple_ + kPrefetchTuples]);
    }
    const ItemId item = PageGetItemId(page, heap->rs_vistuples[tuple_++]);
    auto* tuple = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
    bool taken;
    const bool known = table.buckets_known && table.filters_known == table.filter_count;
    if (unlikely(!known) && !Admit(&table, tuple, ItemIdGetLength(item))) {
      // No row will pass.
      if (table.never) tuple_ = count;
      continue;
    }
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
  // Counted as PostgreSQL's scans count them.
  CountRowsRead(scan_->rs_rd, table.bitmap != nullptr, tuple_ - first);
}

// Begins to read the open table page by page.
void HeapReader::StartPages(bool in_order) {
  pages_of_table_.Begin(
      scan_, in_order, [](void* self) { return static_cast<HeapReader*>(self)->NextBlock(); },
      this);
}

void HeapReader::StartShared() {
  scan_ = shared_;
  auto* heap = reinterpret_cast<HeapScanDesc>(shared_);
  table_block_parallelscan_startblock_init(
      shared_->rs_rd, heap->rs_parallelworkerdata,
      reinterpret_cast<ParallelBlockTableScanDesc>(shared_->rs_parallel));
  StartPages(true);
}

// The next page of the open table; InvalidBlockNumber if there is none left.
BlockNumber HeapReader::NextBlock() {
  const auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
  if (shared_ != nullptr) {
    return table_block_parallelscan_nextpage(
        shared_->rs_rd, heap->rs_parallelworkerdata,
        reinterpret_cast<ParallelBlockTableScanDesc>(shared_->rs_parallel));
  }
  if (bitmap_pages_.begun()) {
    BlockNumber block = bitmap_pages_.Next();
    // A page of the bitmap may be newer than our snapshot.
    while (block != InvalidBlockNumber && block >= heap->rs_nblocks) block = bitmap_pages_.Next();
    return block;
  }
  if (block_ >= heap->rs_nblocks) return InvalidBlockNumber;
  const BlockNumber block = heap->rs_startblock + block_++;
  return block >= heap->rs_nblocks ? block - heap->rs_nblocks : block;
}

// Opens a table.
void HeapReader::OpenTable(const Table& table) {
  if (table.bitmap != nullptr) {
    bitmap_ = reinterpret_cast<TIDBitmap*>(MultiExecProcNode(table.bitmap));
    bitmap_pages_.Begin(bitmap_);
  }
  Relation relation = table.scan->ss_currentRelation;
  scan_ = table.bitmap != nullptr ? BeginBitmapScan(relation, estate_->es_snapshot)
                                  : table_beginscan(relation, estate_->es_snapshot, 0, nullptr);
  block_ = 0;
  StartPages(table.bitmap == nullptr);
}

// Opens the next page, if need be of the next table. False after the last.
bool HeapReader::NextPage() {
  for (; table_ < table_count_; ++table_) {
    const Table& table = tables_[table_];
    if (!table.never) {
      CHECK_FOR_INTERRUPTS();
      if (scan_ == nullptr) OpenTable(table);
      if (pages_of_table_.Next()) {
        BeginPage();
        return true;
      }
    }
    EndTable();
  }
  return false;
}

void HeapReader::BeginPage() {
  ++pages_;
  tuple_ = 0;
  const auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
  Page page = BufferGetPage(heap->rs_cbuf);
  for (int i = 0; i < Min(kPrefetchTuples, TuplesOfPage()); ++i) {
    PrefetchTuple(page, heap->rs_vistuples[i]);
  }
}

void HeapReader::EndTable() {
  pages_of_table_.End();
  // A shared scan belongs to its node.
  if (scan_ != nullptr && shared_ == nullptr) table_endscan(scan_);
  scan_ = nullptr;
  bitmap_pages_.End();
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
    if (tuple_ >= TuplesOfPage()) page_open_ = false;
  }
  return true;
}

void HeapReader::Close() {
  EndTable();
  table_ = table_count_;
}

}  // namespace millrace::pg
