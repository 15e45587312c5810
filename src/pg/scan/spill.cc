#include "pg/scan/spill.h"

#include "core/base/hash.h"

namespace millrace::pg {
namespace {

constexpr int kBitsALevel = 5;
static_assert(1 << kBitsALevel == kSpillPartitions);

bool HasBytes(ColumnKind kind) {
  return kind != ColumnKind::kInteger && kind != ColumnKind::kFloat;
}

// Reads exactly `size` bytes. At the end of the file: if `*end` is set, reads none.
void ReadExactly(BufFile* file, void* target, size_t size, bool* end) {
  const size_t read = BufFileRead(file, target, size);
  if (end != nullptr) *end = read == 0;
  if (read != size && !(end != nullptr && read == 0)) {
    ereport(ERROR, (errcode_for_file_access(),
                    errmsg("could not read from a temporary file of MillraceAggregate")));
  }
}

}  // namespace

int Spill::PartitionOf(const BatchBuilder& batch, uint32 row) const {
  uint64 hash = 0;
  for (int i = 0; i < plan_->key_count; ++i) {
    const int column = plan_->keys[i].column;
    uint64 value = 0;
    if (batch.IsNull(column, row)) {
      value = 0x9ae16a3b2f90404fULL;
    } else if (HasBytes(plan_->columns[column].kind)) {
      const Bytes bytes = batch.BytesAt(column, row);
      value = FastHash(bytes.data, bytes.size);
    } else {
      value = static_cast<uint64>(batch.IntegerAt(column, row));
    }
    hash = HashCombine(hash, value);
  }
  return static_cast<int>(hash >> (level_ * kBitsALevel) & (kSpillPartitions - 1));
}

int64 Spill::Write(const BatchBuilder& batch, uint32 row) {
  BufFile*& file = files_[PartitionOf(batch, row)];
  if (file == nullptr) file = BufFileCreateTemp(false);
  int64 written = 0;
  for (int i = 0; i < plan_->column_count; ++i) {
    uint8 is_null = batch.IsNull(i, row) ? 1 : 0;
    BufFileWrite(file, &is_null, 1);
    ++written;
    if (is_null) continue;
    if (HasBytes(plan_->columns[i].kind)) {
      Bytes bytes = batch.BytesAt(i, row);
      BufFileWrite(file, &bytes.size, sizeof(bytes.size));
      BufFileWrite(file, const_cast<char*>(bytes.data), bytes.size);
      written += sizeof(bytes.size) + bytes.size;
    } else {
      int64 value = batch.IntegerAt(i, row);
      BufFileWrite(file, &value, sizeof(value));
      written += sizeof(value);
    }
  }
  return written;
}

void Spill::Rewind(int partition) {
  if (BufFileSeek(files_[partition], 0, 0, SEEK_SET) != 0) {
    ereport(ERROR, (errcode_for_file_access(),
                    errmsg("could not rewind a temporary file of MillraceAggregate")));
  }
}

bool Spill::Read(int partition, BatchBuilder* batch) {
  BufFile* file = files_[partition];
  while (!batch->full()) {
    for (int i = 0; i < plan_->column_count; ++i) {
      uint8 is_null;
      bool end = false;
      ReadExactly(file, &is_null, 1, i == 0 ? &end : nullptr);
      if (end) return false;
      if (is_null) {
        batch->PutNull(i);
      } else if (HasBytes(plan_->columns[i].kind)) {
        Bytes bytes;
        ReadExactly(file, &bytes.size, sizeof(bytes.size), nullptr);
        auto* copy = static_cast<char*>(MemoryContextAlloc(batch->context(), Max(bytes.size, 1)));
        ReadExactly(file, copy, bytes.size, nullptr);
        bytes.data = copy;
        batch->PutBytes(i, bytes);
      } else {
        int64 value;
        ReadExactly(file, &value, sizeof(value), nullptr);
        batch->PutInteger(i, value);
      }
    }
    batch->EndRow();
  }
  return true;
}

void Spill::Close(int partition) {
  if (files_[partition] == nullptr) return;
  BufFileClose(files_[partition]);
  files_[partition] = nullptr;
}

}  // namespace millrace::pg
