// millrace.check_dense: reads every page of dense events, whoever sees its rows.

#include "pg/base/error_fence.h"
#include "pg/dense/handler.h"
#include "pg/dense/page_reader.h"

namespace millrace::pg {
namespace {

struct Place {
  const char* table;
  BlockNumber block;
};

void SayPlace(void* argument) {
  const auto* place = static_cast<const Place*>(argument);
  errcontext("page %u of %s", place->block, place->table);
}

// Raises ERRCODE_DATA_CORRUPTED if a run says what cannot be.
void CheckRun(Relation relation, const dense::Run& run) {
  if (run.transaction >= U64FromFullTransactionId(ReadNextFullTransactionId())) {
    RaiseDamagedPage("a run is of a transaction that has not begun");
  }
  const bool known = (run.state & (dense::kCommitted | dense::kAborted)) != 0;
  if (!known && run.transaction < FullTransactionIdOf(relation->rd_rel->relfrozenxid)) {
    RaiseDamagedPage("a run is older than the table's relfrozenxid, and its end is not known");
  }
}

// Reads all rows of a page, except those of aborted transactions. Raises ERRCODE_DATA_CORRUPTED if
// they cannot be read.
void CheckPage(Relation relation, BlockNumber block) {
  PageReader* reader = PageReader::Make(relation);
  const bool any = reader->Read(block, MakeRunSnapshot(SnapshotAny), nullptr);
  for (int i = 0; i < reader->runs(); ++i) CheckRun(relation, reader->run(i));
  if (!any) return;
  (void)reader->rows();
  for (int i = 0; i < reader->parts(); ++i) {
    if (reader->part(i).visible > 0) reader->ReadPart(i);
  }
}

}  // namespace
}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.check_dense(events regclass) returns bigint: how many pages were read.
MILLRACE_FUNCTION(check_dense) {
  const Oid table = PG_GETARG_OID(0);
  Relation relation = try_relation_open(table, AccessShareLock);
  if (relation == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("relation with OID %u does not exist", table)));
  }
  if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK) {
    aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(relation));
  }
  if (!IsDense(relation)) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("\"%s\" has no dense events", RelationGetRelationName(relation)),
                    errhint("Name a partition, if it is partitioned.")));
  }
  Place place = {RelationGetRelationName(relation), 0};
  ErrorContextCallback callback = {error_context_stack, SayPlace, &place};
  error_context_stack = &callback;
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "Millrace dense check", ALLOCSET_DEFAULT_SIZES);
  const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
  for (; place.block < blocks; ++place.block) {
    CHECK_FOR_INTERRUPTS();
    MemoryContextReset(scratch);
    const MemoryContext caller = MemoryContextSwitchTo(scratch);
    CheckPage(relation, place.block);
    MemoryContextSwitchTo(caller);
  }
  error_context_stack = callback.previous;
  MemoryContextDelete(scratch);
  relation_close(relation, NoLock);
  PG_RETURN_INT64(blocks);
}
