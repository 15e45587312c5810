// A batch of COPY is encoded at once, and put into the page that this session writes to, as far as
// there is room, and then into a new one. Few rows are stored as they are; when the page is full,
// all its rows are encoded together.

#include "pg/dense/insert.h"

#include "core/dense/row.h"
#include "pg/base/compat_table_am.h"
#include "pg/base/error_fence.h"
#include "pg/dense/visibility.h"

namespace millrace::pg {
namespace {

using dense::ChunkEncoder;
using dense::PageEditor;

// Fewer rows than this are stored young: a chunk's headers would take more than they save.
constexpr int kFewRows = 8;
// A page with less room than this takes no part of a batch: the rest of the batch would be spread
// over too many chunks.
constexpr Size kLeastRoom = 768;

struct Insertion {
  Relation relation;
  const RowSet* rows;
  uint64 transaction;
  CommandId command;
  uint8 state;
  int options;
  BulkInsertState bulk;
  ItemPointerData* addresses;
  ChunkEncoder* encoder;
  dense::ColumnInput* inputs;  // the rows from `begun` on
  void* workspace;
  int done;   // rows that are in pages
  int begun;  // first row of those that the encoder has
};

uint8* BytesOf(Page page) { return reinterpret_cast<uint8*>(page); }

void InitPage(Page page) {
  PageInit(page, BLCKSZ, sizeof(dense::PageTail));
  PageEditor(BytesOf(page)).Init();
}

void CheckBounds(Page page) {
  if (!PageEditor(BytesOf(page)).IsSound()) RaiseDamagedPage("the page's bounds are damaged");
}

int RoomForNumbers(const PageEditor& page) { return dense::kMaxPageRows - page.tail().rows; }

void NoteAddresses(Insertion* insertion, BlockNumber block, int first, int count) {
  if (insertion->addresses == nullptr) return;
  for (int i = 0; i < count; ++i) {
    ItemPointerSet(&insertion->addresses[insertion->done + i], block, first + i);
  }
}

void SetStateOfLastRun(PageEditor* page, const Insertion& insertion) {
  if (insertion.state == 0) return;
  const int last = page->tail().runs - 1;
  dense::PageView view;
  CheckStatus(dense::PageView::Open(page->bytes(), &view));
  dense::Run run = view.run(last);
  run.state = insertion.state;
  page->SetRun(last, run);
}

// Puts the next rows into the page as young rows, as many as there is room for.
int PutYoung(Insertion* insertion, BlockNumber block, PageEditor* page) {
  const RowSet* rows = insertion->rows;
  const int first = page->tail().rows + 1;
  int put = 0;
  while (insertion->done + put < rows->rows && RoomForNumbers(*page) > 0) {
    const int row = insertion->done + put;
    const Size bytes = dense::MeasureRow(rows->shapes, rows->inputs, rows->columns, row);
    const Size run = page->RunBytes(insertion->transaction, insertion->command);
    if (bytes + run > page->free_bytes()) break;
    uint8* part = page->AddPart(bytes, 1, insertion->transaction, insertion->command);
    dense::WriteRow(rows->shapes, rows->inputs, rows->columns, row, part);
    ++put;
  }
  if (put > 0) {
    SetStateOfLastRun(page, *insertion);
    NoteAddresses(insertion, block, first, put);
    insertion->done += put;
  }
  return put;
}

// Puts as many of the next rows as there is room for into the page as one chunk.
int PutChunk(Insertion* insertion, BlockNumber block, PageEditor* page) {
  const RowSet* rows = insertion->rows;
  const Size run = page->RunBytes(insertion->transaction, insertion->command);
  if (page->free_bytes() <= run) return 0;
  const Size room = page->free_bytes() - run;
  // The encoder has at most kMaxChunkRows of the rows at a time.
  if (insertion->begun < 0 || insertion->done >= insertion->begun + dense::kMaxChunkRows) {
    insertion->begun = insertion->done;
    InputsFrom(rows, insertion->begun, insertion->inputs);
    insertion->encoder->Begin(rows->shapes, insertion->inputs, rows->columns,
                              Min(rows->rows - insertion->begun, dense::kMaxChunkRows),
                              insertion->workspace);
  }
  const int offset = insertion->done - insertion->begun;
  int count = Min(rows->rows - insertion->done, dense::kMaxChunkRows - offset);
  count = Min(count, RoomForNumbers(*page));
  const Size fixed = sizeof(dense::ChunkHeader) + rows->columns * 3 * sizeof(uint64);
  Size bytes = count > 0 ? insertion->encoder->Measure(offset, count) : 0;
  while (count > 0 && bytes > room) {
    // What does not depend on the rows stays; a little less than what would fit by that.
    const Size each = bytes > fixed ? bytes - fixed : bytes;
    const Size left = room > fixed ? room - fixed : 0;
    const int fits = static_cast<int>(static_cast<double>(left) / each * count * 0.98);
    count = Min(count - 1, Max(fits, 1));
    if (count > 0) bytes = insertion->encoder->Measure(offset, count);
  }
  if (count <= 0) return 0;
  const int first = page->tail().rows + 1;
  insertion->encoder->Write(
      page->AddPart(bytes, count, insertion->transaction, insertion->command));
  SetStateOfLastRun(page, *insertion);
  NoteAddresses(insertion, block, first, count);
  insertion->done += count;
  return count;
}

// A part of a page that is being made denser.
struct Part {
  const uint8* bytes;
  dense::ChunkHeader header;
  bool keep;  // as it is: it has rows of an aborted transaction, whose columns may have been others
};

// Encodes the rows of parts [begin, end) of `old`, a copy of the page, together. False, and the
// page is as it was, if that makes less than kLeastRoom more room.
bool Merge(Relation relation, const uint8* old, const Part* parts, int begin, int end, int count,
           PageEditor* page) {
  int stored = 0;
  Size before = 0, behind = 0;
  for (int i = begin; i < end; ++i) {
    stored += parts[i].header.rows;
    before += parts[i].header.bytes;
  }
  for (int i = end; i < count; ++i) behind += parts[i].header.bytes;
  if (before <= kLeastRoom) return false;
  RowSet* rows = MakeStoredRowSet(RelationGetDescr(relation), parts[begin].header.columns, stored);
  for (int i = begin; i < end; ++i) AppendPart(rows, parts[i].bytes, parts[i].header);
  Size bytes;
  const uint8* encoded = EncodeRows(rows, before - kLeastRoom, &bytes);
  if (encoded == nullptr) return false;
  page->DropParts(parts[begin].bytes - old, begin);
  AddEncodedParts(page, encoded, bytes);
  if (behind > 0) AddEncodedParts(page, parts[end].bytes, behind);
  return true;
}

// Fills the parts of a page.
int FindParts(const dense::PageView& view, int columns, Part* parts) {
  Size at = dense::kPageHeaderBytes;
  int count = 0, run = -1, left = 0;
  bool aborted = false;
  while (view.NextPart(&at, &parts[count].bytes, &parts[count].header)) {
    parts[count].keep = parts[count].header.columns > columns;
    // The runs of its rows.
    for (int rows = parts[count].header.rows; rows > 0;) {
      while (left == 0) {
        const dense::Run next = view.run(++run);
        if ((next.state & dense::kRemoved) != 0) continue;
        left = next.rows;
        aborted = (SettledState(next) & dense::kAborted) != 0;
      }
      parts[count].keep |= aborted;
      const int here = Min(rows, left);
      rows -= here;
      left -= here;
    }
    ++count;
  }
  return count;
}

// Makes room in a page by encoding rows together. Mostly only its last rows, and with them chunks
// that are not much larger, so that a row is encoded a few times at most (as the levels of a
// log-structured merge tree); if that does not help, all that have the same columns.
bool Compact(Relation relation, PageEditor* page) {
  auto* old = static_cast<uint8*>(palloc(dense::kPageBytes + dense::kReadAhead));
  memcpy(old, page->bytes(), dense::kPageBytes);
  dense::PageView view;
  const Status status = dense::PageView::Open(old, &view);
  if (!status.ok()) RaiseDamagedPage(status.message());
  const int columns = RelationGetDescr(relation)->natts;
  auto* parts = static_cast<Part*>(palloc(Max(view.tail().parts, 1) * sizeof(Part)));
  const int count = FindParts(view, columns, parts);
  int end = count;
  while (end > 0 && parts[end - 1].keep) --end;
  if (end == 0) return false;
  const uint16 width = parts[end - 1].header.columns;
  int first = end;
  while (first > 0 && !parts[first - 1].keep && parts[first - 1].header.columns == width) --first;
  int chunks = 0;
  Size young_bytes = 0;
  for (int i = first; i < end; ++i) {
    if (parts[i].header.kind == dense::kYoungPart) {
      young_bytes += parts[i].header.bytes;
    } else {
      ++chunks;
    }
  }
  // What may be won: most of a young row, and what every chunk but one has besides its rows.
  const Size chunk_bytes = 100 + 16 * static_cast<Size>(columns);
  if (young_bytes * 3 / 4 + Max(chunks - 1, 0) * chunk_bytes < kLeastRoom) return false;
  int begin = end, rows = 0;
  while (begin > first && (parts[begin - 1].header.kind == dense::kYoungPart ||
                           parts[begin - 1].header.rows <= 2 * rows)) {
    rows += parts[--begin].header.rows;
  }
  if (begin < end && Merge(relation, old, parts, begin, end, count, page)) return true;
  return begin > first && Merge(relation, old, parts, first, end, count, page);
}

// Puts rows into the page that is locked in `buffer`. Returns how many.
int PutInto(Insertion* insertion, Buffer buffer) {
  Relation relation = insertion->relation;
  const BlockNumber block = BufferGetBlockNumber(buffer);
  const bool is_new = PageIsNew(BufferGetPage(buffer));
  if (!is_new) CheckBounds(BufferGetPage(buffer));
  GenericXLogState* log = GenericXLogStart(relation);
  Page page = GenericXLogRegisterBuffer(log, buffer, is_new ? GENERIC_XLOG_FULL_IMAGE : 0);
  if (is_new) InitPage(page);
  PageEditor editor(BytesOf(page));
  auto put = [&] {
    const int left = insertion->rows->rows - insertion->done;
    return left < kFewRows ? PutYoung(insertion, block, &editor)
                           : PutChunk(insertion, block, &editor);
  };
  int count = 0;
  if (is_new || editor.free_bytes() >= kLeastRoom) count = put();
  if (count == 0 && insertion->rows->rows - insertion->done < kFewRows) count = put();
  if (count == 0 && !is_new && Compact(relation, &editor)) count = put();
  // A single row may fit only without the headers of a chunk.
  if (count == 0 && is_new) count = PutYoung(insertion, block, &editor);
  if (count > 0) {
    GenericXLogFinish(log);
  } else {
    GenericXLogAbort(log);
  }
  return count;
}

// The bytes of a page that a young row changes, as generic WAL has them: for each piece where it
// begins, its length, its bytes. GenericXLogFinish finds the pieces by comparing two copies of the
// page, which for a single row takes several times what the row itself takes.
class PageChanges {
 public:
  void Note(const uint8* page, Size begin, Size length) {
    const uint16 place[] = {static_cast<uint16>(begin), static_cast<uint16>(length)};
    memcpy(data_ + size_, place, sizeof(place));
    memcpy(data_ + size_ + sizeof(place), page + begin, length);
    size_ += sizeof(place) + length;
  }
  // REQUIRES: a critical section.
  void Log(Relation relation, Buffer buffer) {
    MarkBufferDirty(buffer);
    if (!RelationNeedsWAL(relation)) return;
    XLogBeginInsert();
    XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
    XLogRegisterBufData(0, data_, static_cast<uint32>(size_));
    const XLogRecPtr end = XLogInsert(RM_GENERIC_ID, 0);
    PageSetLSN(BufferGetPage(buffer), end);
  }

 private:
  char data_[2 * dense::kPageBytes];
  Size size_ = 0;
};

// Puts the next row, if it is the only one left, straight into a page that has room for it.
bool PutSingle(Insertion* insertion, Buffer buffer) {
  const RowSet* rows = insertion->rows;
  Page page = BufferGetPage(buffer);
  if (rows->rows - insertion->done != 1 || insertion->state != 0 || PageIsNew(page)) return false;
  CheckBounds(page);
  PageEditor editor(BytesOf(page));
  const Size bytes = dense::MeasureRow(rows->shapes, rows->inputs, rows->columns, insertion->done);
  if (bytes + sizeof(dense::Run) > editor.free_bytes() || RoomForNumbers(editor) == 0) return false;
  const auto* header = reinterpret_cast<PageHeader>(page);
  const Size part = header->pd_lower;
  const BlockNumber block = BufferGetBlockNumber(buffer);
  PageChanges changes;
  START_CRIT_SECTION();
  PutYoung(insertion, block, &editor);
  changes.Note(editor.bytes(), offsetof(PageHeaderData, pd_lower), 2 * sizeof(LocationIndex));
  changes.Note(editor.bytes(), part, bytes);
  changes.Note(editor.bytes(), header->pd_upper, sizeof(dense::Run));
  changes.Note(editor.bytes(), dense::kTailBegin, sizeof(dense::PageTail));
  changes.Log(insertion->relation, buffer);
  END_CRIT_SECTION();
  return true;
}

// The page to try first: where this session wrote last; then one that is known to have room; then
// the last one.
BlockNumber FirstTarget(const Insertion& insertion) {
  const BlockNumber target = RelationGetTargetBlock(insertion.relation);
  if (target != InvalidBlockNumber) return target;
  if ((insertion.options & TABLE_INSERT_SKIP_FSM) != 0) return InvalidBlockNumber;
  const BlockNumber blocks = RelationGetNumberOfBlocks(insertion.relation);
  const BlockNumber known = GetPageWithFreeSpace(insertion.relation, kLeastRoom);
  // After a crash the map may know pages that are not there.
  if (known < blocks) return known;
  return blocks > 0 ? blocks - 1 : InvalidBlockNumber;
}

// REQUIRES: the next row does not fit into `block`, which is empty, and stays so.
[[noreturn]] void RaiseRowTooBig(const Insertion& insertion, BlockNumber block) {
  const RowSet* rows = insertion.rows;
  RecordPageWithFreeSpace(insertion.relation, block, BLCKSZ / 2);
  const Size most = dense::kTailBegin - dense::kPageHeaderBytes - sizeof(dense::Run);
  ereport(
      ERROR,
      (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
       errmsg("row is too big: size %zu, maximum size %zu",
              dense::MeasureRow(rows->shapes, rows->inputs, rows->columns, insertion.done), most)));
}

void PutRows(Insertion* insertion) {
  Relation relation = insertion->relation;
  BufferAccessStrategy strategy = insertion->bulk != nullptr ? insertion->bulk->strategy : nullptr;
  BlockNumber target = FirstTarget(*insertion);
  int tries = 0;
  while (insertion->done < insertion->rows->rows) {
    CHECK_FOR_INTERRUPTS();
    if (target == InvalidBlockNumber) {
      Buffer buffer = ExtendByOne(relation, strategy);
      target = BufferGetBlockNumber(buffer);
      const int count = PutInto(insertion, buffer);
      UnlockReleaseBuffer(buffer);
      // One row at a time, it fits or nothing does.
      if (count == 0) RaiseRowTooBig(*insertion, target);
      RelationSetTargetBlock(relation, target);
      continue;
    }
    Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, target, RBM_NORMAL, strategy);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    const bool is_new = PageIsNew(BufferGetPage(buffer));
    const int count = PutSingle(insertion, buffer) ? 1 : PutInto(insertion, buffer);
    const Size left = PageIsNew(BufferGetPage(buffer))
                          ? 0
                          : PageEditor(BytesOf(BufferGetPage(buffer))).free_bytes();
    UnlockReleaseBuffer(buffer);
    if (count > 0) {
      RelationSetTargetBlock(relation, target);
      continue;
    }
    if (is_new) RaiseRowTooBig(*insertion, target);
    // Full. Another page that is known to have room, a few times; else a new one.
    constexpr int kTries = 3;
    target = (insertion->options & TABLE_INSERT_SKIP_FSM) != 0 || ++tries > kTries
                 ? InvalidBlockNumber
                 : RecordAndGetPageWithFreeSpace(relation, target, Min(left, kLeastRoom - 1),
                                                 kLeastRoom);
    if (target >= RelationGetNumberOfBlocks(relation)) target = InvalidBlockNumber;
  }
}

}  // namespace

void InsertRows(Relation relation, const RowSet* rows, uint64 transaction, CommandId command,
                uint8 state, int options, BulkInsertState bulk, ItemPointerData* addresses) {
  Insertion insertion = {relation,  rows,    transaction, command, state, options, bulk,
                         addresses, nullptr, nullptr,     nullptr, 0,     -1};
  ChunkEncoder encoder;
  insertion.encoder = &encoder;
  if (rows->rows >= kFewRows) {
    insertion.inputs = static_cast<dense::ColumnInput*>(
        palloc(Max(rows->columns, 1) * sizeof(dense::ColumnInput)));
    insertion.workspace = palloc(ChunkEncoder::WorkspaceBytes(rows->shapes, rows->columns));
  }
  PutRows(&insertion);
}

void InsertIntoDense(Relation relation, TupleTableSlot** slots, int count, CommandId command,
                     int options, BulkInsertState bulk) {
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "Millrace dense insert", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext caller = MemoryContextSwitchTo(scratch);
  RowSet* rows = MakeRowSet(RelationGetDescr(relation), count);
  for (int i = 0; i < count; ++i) AppendSlot(rows, relation, slots[i], options);
  auto* addresses = static_cast<ItemPointerData*>(palloc(count * sizeof(ItemPointerData)));
  const bool frozen = (options & TABLE_INSERT_FROZEN) != 0;
  const uint64 transaction =
      frozen ? FrozenTransactionId : U64FromFullTransactionId(GetCurrentFullTransactionId());
  // Early, so as not to do work that is rolled back; and, as the heap does, when the rows are
  // there: who read their pages before that has a predicate lock by now, others see the rows.
  CheckForSerializableConflictIn(relation, nullptr, InvalidBlockNumber);
  InsertRows(relation, rows, transaction, command, frozen ? dense::kCommitted : 0, options, bulk,
             addresses);
  CheckForSerializableConflictIn(relation, nullptr, InvalidBlockNumber);
  MemoryContextSwitchTo(caller);
  for (int i = 0; i < count; ++i) {
    slots[i]->tts_tid = addresses[i];
    slots[i]->tts_tableOid = RelationGetRelid(relation);
  }
  MemoryContextDelete(scratch);
  pgstat_count_heap_insert(relation, count);
}

}  // namespace millrace::pg
