#include "pg/dense/storage.h"

#include "core/dense/page.h"

namespace millrace::pg {
namespace {

// The rows of a page, whoever sees them.
int RowsOfPage(Relation relation, BlockNumber block) {
  Buffer buffer = ReadBuffer(relation, block);
  LockBuffer(buffer, BUFFER_LOCK_SHARE);
  Page page = BufferGetPage(buffer);
  const int rows =
      PageIsNew(page)
          ? 0
          : Min(dense::PageEditor(reinterpret_cast<uint8*>(page)).tail().rows, dense::kMaxPageRows);
  UnlockReleaseBuffer(buffer);
  return rows;
}

}  // namespace

void CreateDenseFile(Relation, const FileLocator* file, char persistence, TransactionId* frozen,
                     MultiXactId* least_multi) {
  *frozen = RecentXmin;
  *least_multi = GetOldestMultiXactId();
  SMgrRelation storage = RelationCreateStorage(*file, persistence, true);
  if (persistence == RELPERSISTENCE_UNLOGGED) {
    smgrcreate(storage, INIT_FORKNUM, false);
    log_smgrcreate(file, INIT_FORKNUM);
    smgrimmedsync(storage, INIT_FORKNUM);
  }
  smgrclose(storage);
}

void TruncateDense(Relation relation) { RelationTruncate(relation, 0); }

void CopyDenseFile(Relation relation, const FileLocator* file) {
  SMgrRelation from = RelationGetSmgr(relation);
  const char persistence = relation->rd_rel->relpersistence;
  // Its pages may be newer in the buffers than on disk.
  FlushRelationBuffers(relation);
  SMgrRelation to = RelationCreateStorage(*file, persistence, true);
  RelationCopyStorage(from, to, MAIN_FORKNUM, persistence);
  for (int i = MAIN_FORKNUM + 1; i <= MAX_FORKNUM; ++i) {
    const auto fork = static_cast<ForkNumber>(i);
    if (!smgrexists(from, fork)) continue;
    smgrcreate(to, fork, false);
    if (RelationIsPermanent(relation) ||
        (persistence == RELPERSISTENCE_UNLOGGED && fork == INIT_FORKNUM)) {
      log_smgrcreate(file, fork);
    }
    RelationCopyStorage(from, to, fork, persistence);
  }
  RelationDropStorage(relation);
  smgrclose(to);
}

uint64 DenseBytes(Relation relation, ForkNumber fork) {
  return table_block_relation_size(relation, fork);
}

bool NeedsToastTable(Relation relation) {
  // A row may be as large as a page; values that make it larger go to the TOAST table.
  const TupleDesc descriptor = RelationGetDescr(relation);
  Size most = 0;
  bool unlimited = false, can = false;
  for (int i = 0; i < descriptor->natts; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (attribute->attisdropped) continue;
    if (attribute->attlen > 0) {
      most += attribute->attlen;
      continue;
    }
    const int32 limit = type_maximum_size(attribute->atttypid, attribute->atttypmod);
    if (limit < 0) {
      unlimited = true;
    } else {
      most += limit;
    }
    can |= attribute->attstorage != TYPSTORAGE_PLAIN;
  }
  return can && (unlimited || most > TOAST_TUPLE_THRESHOLD);
}

void EstimateDense(Relation relation, int32*, BlockNumber* pages, double* rows,
                   double* all_visible) {
  *pages = RelationGetNumberOfBlocks(relation);
  *all_visible = 0;
  *rows = 0;
  if (*pages == 0) return;
  const double known_pages = relation->rd_rel->relpages;
  const double known_rows = relation->rd_rel->reltuples;
  double density;
  if (known_rows >= 0 && known_pages > 0) {
    density = known_rows / known_pages;
  } else {
    // The pages say it: look at a few.
    constexpr BlockNumber kLooks = 3;
    double sum = 0;
    const BlockNumber looks = Min(*pages, kLooks);
    for (BlockNumber i = 0; i < looks; ++i) {
      sum +=
          RowsOfPage(relation, static_cast<BlockNumber>(static_cast<uint64>(i) * *pages / looks));
    }
    density = sum / looks;
  }
  *rows = rint(density * *pages);
}

}  // namespace millrace::pg
