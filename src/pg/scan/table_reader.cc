#include "pg/scan/table_reader.h"

#include "core/base/coding.h"
#include "pg/dense/handler.h"
#include "pg/dense/scan.h"
#include "pg/scan/table_filter.h"

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

inline bool TableReader::Passes(const Attribute& attribute, Datum value, bool is_null) {
  for (int i = 0; i < attribute.filter_count; ++i) {
    if (is_null || !attribute.filters[i].Passes(value)) return false;
  }
  return true;
}

// Gives the value to its outputs. May raise, and texts are interned, so call it only for rows that
// every filter lets through.
inline void TableReader::PutOut(const Attribute& attribute, Datum value, bool is_null,
                                BatchBuilder* batch) {
  for (int i = 0; i < attribute.output_count; ++i) {
    PutOne(attribute.outputs[i], attribute.length, value, is_null, batch);
  }
}

// Reads a tuple that has all the attributes we want, in one walk over its bytes, as
// heap_deform_tuple does. False if a filter refuses the row.
template <bool kFiltersFirst>
bool TableReader::ReadTuple(const Table& table, HeapTupleHeader tuple, BatchBuilder* batch) {
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
bool TableReader::ReadIncomplete(const Table& table, TupleDesc descriptor, HeapTupleHeader header,
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

int TableReader::TuplesOfPage() const {
  if (dense_ != nullptr) return dense_->visible();
  return static_cast<int>(reinterpret_cast<HeapScanDesc>(scan_)->rs_ntuples);
}

// Reads the rest of the open page, as far as the batch has room.
void TableReader::ReadPage(BatchBuilder* batch) {
  if (dense_ != nullptr) return ReadDensePage(batch);
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
    auto fetch = [&](AttrNumber attribute, bool* is_null) {
      HeapTupleData whole;
      whole.t_data = tuple;
      whole.t_len = ItemIdGetLength(item);
      whole.t_tableOid = InvalidOid;
      ItemPointerSetInvalid(&whole.t_self);
      return heap_getattr(&whole, attribute, RelationGetDescr(scan_->rs_rd), is_null);
    };
    if (unlikely(!known) && !Admit(&table, fetch)) {
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
void TableReader::StartPages(bool in_order) {
  if (dense_ != nullptr) return;
  pages_of_table_.Begin(
      scan_, in_order, [](void* self) { return static_cast<TableReader*>(self)->NextBlock(); },
      this);
}

void TableReader::StartShared() {
  scan_ = shared_;
  OpenDense();
  if (dense_ != nullptr) return;
  auto* heap = reinterpret_cast<HeapScanDesc>(shared_);
  table_block_parallelscan_startblock_init(
      shared_->rs_rd, heap->rs_parallelworkerdata,
      reinterpret_cast<ParallelBlockTableScanDesc>(shared_->rs_parallel));
  StartPages(true);
}

// The next page of the open table; InvalidBlockNumber if there is none left.
BlockNumber TableReader::NextBlock() {
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
void TableReader::OpenTable(const Table& table) {
  if (table.bitmap != nullptr) {
    bitmap_ = reinterpret_cast<TIDBitmap*>(MultiExecProcNode(table.bitmap));
    bitmap_pages_.Begin(bitmap_);
  }
  Relation relation = table.scan->ss_currentRelation;
  scan_ = table.bitmap != nullptr ? BeginBitmapScan(relation, estate_->es_snapshot)
                                  : table_beginscan(relation, estate_->es_snapshot, 0, nullptr);
  block_ = 0;
  OpenDense();
  StartPages(table.bitmap == nullptr);
}

// Opens the next page, if need be of the next table. False after the last.
bool TableReader::NextPage() {
  for (; table_ < table_count_; ++table_) {
    const Table& table = tables_[table_];
    if (!table.never) {
      CHECK_FOR_INTERRUPTS();
      if (scan_ == nullptr) OpenTable(table);
      if (dense_ != nullptr ? NextDensePage() : pages_of_table_.Next()) {
        BeginPage();
        return true;
      }
    }
    EndTable();
  }
  return false;
}

void TableReader::BeginPage() {
  ++pages_;
  tuple_ = 0;
  if (dense_ != nullptr) return;
  const auto* heap = reinterpret_cast<HeapScanDesc>(scan_);
  Page page = BufferGetPage(heap->rs_cbuf);
  for (int i = 0; i < Min(kPrefetchTuples, TuplesOfPage()); ++i) {
    PrefetchTuple(page, heap->rs_vistuples[i]);
  }
}

void TableReader::EndTable() {
  pages_of_table_.End();
  dense_ = nullptr;
  // A shared scan belongs to its node.
  if (scan_ != nullptr && shared_ == nullptr) table_endscan(scan_);
  scan_ = nullptr;
  bitmap_pages_.End();
  if (bitmap_ != nullptr) tbm_free(bitmap_);
  bitmap_ = nullptr;
}

bool TableReader::Fill(BatchBuilder* batch, bool at_page_end) {
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

void TableReader::Close() {
  EndTable();
  table_ = table_count_;
}

}  // namespace millrace::pg
