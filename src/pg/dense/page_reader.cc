#include "pg/dense/page_reader.h"

namespace millrace::pg {

using dense::Run;

static_assert(BLCKSZ == dense::kPageBytes);
static_assert(SizeOfPageHeaderData == dense::kPageHeaderBytes);
static_assert(offsetof(PageHeaderData, pd_lower) == 12 && offsetof(PageHeaderData, pd_upper) == 14);

PageReader* PageReader::Make(Relation relation) {
  auto* reader = static_cast<PageReader*>(palloc(sizeof(PageReader)));
  reader->relation_ = relation;
  reader->context_ = CurrentMemoryContext;
  reader->rows_ = nullptr;
  reader->rows_part_ = -1;
  reader->block_ = InvalidBlockNumber;
  reader->visible_ = 0;
  reader->sees_all_ = reader->numbered_ = false;
  reader->part_count_ = 0;
  return reader;
}

void PageReader::Free() {
  if (rows_ != nullptr) FreeRowSet(rows_);
  pfree(this);
}

bool PageReader::Read(BlockNumber block, const RunSnapshot& snapshot, BufferAccessStrategy strategy,
                      int only) {
  block_ = block;
  rows_part_ = -1;
  visible_ = 0;
  dead_ = 0;
  numbered_ = false;
  part_count_ = 0;
  view_ = dense::PageView();
  Buffer buffer = ReadBufferExtended(relation_, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
  LockBuffer(buffer, BUFFER_LOCK_SHARE);
  Page page = BufferGetPage(buffer);
  // A server that crashed while the table grew leaves an empty page behind.
  if (!PageIsNew(page)) {
    const auto* header = reinterpret_cast<PageHeader>(page);
    const Size lower = Min(header->pd_lower, BLCKSZ), upper = Min(header->pd_upper, BLCKSZ);
    memcpy(copy_, page, lower);
    memcpy(copy_ + upper, reinterpret_cast<const char*>(page) + upper, BLCKSZ - upper);
    const Status status = dense::PageView::Open(copy_, &view_);
    if (unlikely(!status.ok())) RaiseDamagedPage(status.message());
    FindVisible(snapshot, only);
  }
  UnlockReleaseBuffer(buffer);
  if (visible_ > 0) FindParts();
  return visible_ > 0;
}

// Finds out which runs the snapshot sees, and fills sees_ unless it sees all.
void PageReader::FindVisible(const RunSnapshot& snapshot, int only) {
  int number = 1, stored = 0;
  sees_all_ = true;
  for (int i = 0; i < view_.tail().runs; ++i) {
    const Run run = view_.run(i);
    if ((run.state & dense::kRemoved) != 0) {
      number += run.rows;
      continue;
    }
    bool dead = false;
    const bool wanted = only == 0 || (only >= number && only < number + run.rows);
    const bool sees = wanted && SeesRun(snapshot, run, &dead);
    if (wanted && !sees) NoteUnseenRun(relation_, snapshot, run);
    if (dead) dead_ += run.rows;
    if (!sees && sees_all_) {
      memset(sees_, 1, stored);
      sees_all_ = false;
    }
    if (!sees_all_) memset(sees_ + stored, sees, run.rows);
    if (sees) visible_ += run.rows;
    number += run.rows;
    stored += run.rows;
  }
}

// Fills visible_rows_, for readers of rows.
void PageReader::NumberRows() {
  if (numbered_) return;
  int number = 1, stored = 0, visible = 0;
  for (int i = 0; i < view_.tail().runs; ++i) {
    const Run run = view_.run(i);
    const bool removed = (run.state & dense::kRemoved) != 0;
    for (int row = 0; row < run.rows; ++row, ++number) {
      if (removed) continue;
      if (Sees(stored)) {
        visible_rows_[visible++] = {static_cast<uint16>(number), static_cast<uint16>(stored)};
      }
      ++stored;
    }
  }
  numbered_ = true;
}

void PageReader::FindParts() {
  Size at = dense::kPageHeaderBytes;
  int first = 0;
  PartRows part = {};
  while (view_.NextPart(&at, &part.bytes, &part.header)) {
    part.first = first;
    part.visible = part.header.rows;
    if (!sees_all_) {
      part.visible = 0;
      for (int row = 0; row < part.header.rows; ++row) part.visible += sees_[first + row];
    }
    first += part.header.rows;
    parts_[part_count_++] = part;
  }
}

void PageReader::UseDescriptor(TupleDesc descriptor) {
  if (rows_ != nullptr && rows_->descriptor == descriptor) return;
  const MemoryContext caller = MemoryContextSwitchTo(context_);
  if (rows_ != nullptr) FreeRowSet(rows_);
  rows_ = nullptr;
  rows_ = MakeRowSet(descriptor, dense::kMaxChunkRows);
  rows_part_ = -1;
  MemoryContextSwitchTo(caller);
}

RowSet* PageReader::rows() {
  UseDescriptor(RelationGetDescr(relation_));
  return rows_;
}

void PageReader::ReadPart(int part) {
  if (rows_part_ == part) return;
  rows_part_ = -1;
  rows_->rows = 0;
  for (int i = 0; i < rows_->columns; ++i) rows_->inputs[i].nulls = nullptr;
  AppendPart(rows_, parts_[part].bytes, parts_[part].header);
  rows_part_ = part;
}

void PageReader::ReadColumn(int part, int column) {
  // A young row is read whole.
  if (parts_[part].header.kind == dense::kYoungPart) {
    UseDescriptor(RelationGetDescr(relation_));
    return ReadPart(part);
  }
  UseDescriptor(RelationGetDescr(relation_));
  rows_part_ = -1;
  rows_->inputs[column].nulls = nullptr;
  ReadColumns(rows_, parts_[part].bytes, parts_[part].header, column, column + 1);
}

bool PageReader::Bounds(int part, int column, int64* least, int64* greatest) const {
  dense::ChunkView chunk;
  if (parts_[part].header.kind == dense::kYoungPart ||
      !dense::ChunkView::Open(parts_[part].bytes, parts_[part].header.bytes, &chunk).ok() ||
      column >= chunk.columns()) {
    return false;
  }
  std::int64_t low, high;
  if (!chunk.Bounds(column, &low, &high)) return false;
  *least = low;
  *greatest = high;
  return true;
}

bool PageReader::ReadDictionary(int part, int column, Datum* entries, int* count, uint16* codes) {
  if (parts_[part].header.kind == dense::kYoungPart) return false;
  UseDescriptor(RelationGetDescr(relation_));
  rows_->inputs[column].nulls = nullptr;
  return ReadCodes(rows_, parts_[part].bytes, parts_[part].header, column, entries, count, codes);
}

Run PageReader::RunOf(int i, int* end) {
  NumberRows();
  int number = 1;
  Run run = {};
  for (int at = 0; number <= visible_rows_[i].number; ++at) {
    run = view_.run(at);
    number += run.rows;
  }
  *end = i;
  while (*end < visible_ && visible_rows_[*end].number < number) ++*end;
  return run;
}

int PageReader::Find(int number) {
  NumberRows();
  int low = 0, high = visible_ - 1;
  while (low <= high) {
    const int middle = (low + high) / 2;
    if (visible_rows_[middle].number == number) return middle;
    if (visible_rows_[middle].number < number) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return -1;
}

void PageReader::Store(int i, TupleTableSlot* slot) {
  NumberRows();
  UseDescriptor(slot->tts_tupleDescriptor);
  const VisibleRow row = visible_rows_[i];
  int part = rows_part_;
  if (part < 0 || row.stored < parts_[part].first ||
      row.stored >= parts_[part].first + parts_[part].header.rows) {
    int low = 0, high = part_count_ - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (parts_[middle].first <= row.stored) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    part = low;
    ReadPart(part);
  }
  const int at = row.stored - parts_[part].first;
  ExecClearTuple(slot);
  const int columns = rows_->columns;
  Datum* values = slot->tts_values;
  bool* nulls = slot->tts_isnull;
  for (int column = 0; column < columns; ++column) {
    nulls[column] = rows_->nulls[column][at] != 0;
    values[column] = nulls[column] ? 0 : static_cast<Datum>(rows_->values[column][at]);
  }
  ItemPointerSet(&slot->tts_tid, block_, row.number);
  slot->tts_tableOid = RelationGetRelid(relation_);
  ExecStoreVirtualTuple(slot);
}

}  // namespace millrace::pg
