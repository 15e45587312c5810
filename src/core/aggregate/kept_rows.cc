#include "core/aggregate/kept_rows.h"

#include <algorithm>
#include <cstring>

#include "core/aggregate/aggregate_hash_table.h"

namespace millrace {

void KeptRows::Column::StartNulls(std::size_t rows, Allocator& allocator) {
  nulls.Clear();
  if (rows > 0) std::memset(nulls.Extend(rows, allocator), 0, rows);
  any_null = true;
}

std::uint8_t KeptRows::AddColumn(std::uint16_t column) {
  std::uint8_t k = 0;
  while (k < count_ && columns_[k].number != column) ++k;
  if (k == count_) columns_[count_++] = {column, false, {}, {}, nullptr, nullptr, false};
  return k;
}

void KeptRows::Append(const ColumnBatch& batch, const std::uint32_t* groups, Allocator& allocator) {
  const std::size_t before = groups_.size();
  // First make room in all columns, so that they have the same length if an allocation fails.
  groups_.Reserve(before + batch.rows, allocator);
  for (std::uint8_t k = 0; k < count_; ++k) {
    Column& kept = columns_[k];
    kept.values.Reserve(before + batch.rows, allocator);
    const bool any_null = batch.columns[kept.number].any_null;
    if (any_null || kept.any_null) kept.nulls.Reserve(before + batch.rows, allocator);
    if (any_null && !kept.any_null) kept.StartNulls(before, allocator);
  }
  for (std::uint32_t i = 0; i < batch.rows; ++i) {
    if (groups[i] != AggregateHashTable::kNoGroup) groups_.Append(groups[i], allocator);
  }
  const bool all = groups_.size() - before == batch.rows;
  for (std::uint8_t k = 0; k < count_; ++k) {
    Column& kept = columns_[k];
    const millrace::Column& column = batch.columns[kept.number];
    if (all && !kept.any_null) {
      std::memcpy(kept.values.Extend(batch.rows, allocator), column.values,
                  batch.rows * sizeof(*column.values));
      continue;
    }
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      if (groups[i] == AggregateHashTable::kNoGroup) continue;
      kept.values.Append(column.values[i], allocator);
      if (kept.any_null) {
        kept.nulls.Append(column.any_null ? column.nulls[i] : std::uint8_t{0}, allocator);
      }
    }
  }
}

std::size_t KeptRows::Bytes() const {
  std::size_t row = sizeof(std::uint32_t);
  for (std::uint8_t k = 0; k < count_; ++k) {
    row += 2 * (sizeof(std::int64_t) + (columns_[k].any_null ? 1 : 0));
  }
  return groups_.size() * row;
}

void KeptRows::Scatter(std::uint32_t groups, Allocator& allocator) {
  const std::size_t rows = groups_.size();
  const std::size_t count = groups;
  offsets_ = allocator.AllocateArray<std::uint64_t>(count + 1);
  std::memset(offsets_, 0, (count + 1) * sizeof(*offsets_));
  for (std::size_t i = 0; i < rows; ++i) ++offsets_[groups_[i] + 1];
  for (std::size_t g = 0; g < count; ++g) offsets_[g + 1] += offsets_[g];

  // The place of each row; then the columns follow without looking at the groups again.
  auto* next = allocator.AllocateArray<std::uint64_t>(count);
  std::memcpy(next, offsets_, count * sizeof(*next));
  auto* places = allocator.AllocateArray<std::uint32_t>(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    places[i] = static_cast<std::uint32_t>(next[groups_[i]]++);
  }
  allocator.Free(next);
  for (std::uint8_t k = 0; k < count_; ++k) {
    Column& kept = columns_[k];
    kept.by_group = allocator.AllocateArray<std::int64_t>(rows);
    for (std::size_t i = 0; i < rows; ++i) kept.by_group[places[i]] = kept.values[i];
    kept.values.Release(allocator);
    kept.any_null_by_group = kept.any_null;
    kept.any_null = false;
    if (!kept.any_null_by_group) continue;
    kept.nulls_by_group = allocator.AllocateArray<std::uint8_t>(rows);
    for (std::size_t i = 0; i < rows; ++i) kept.nulls_by_group[places[i]] = kept.nulls[i];
    kept.nulls.Release(allocator);
  }
  allocator.Free(places);
  groups_.Release(allocator);
}

void KeptRows::KeepAgain(std::uint32_t group, Allocator& allocator) {
  const std::size_t begin = offsets_[group], size = RowsOf(group);
  const std::size_t before = groups_.size();
  std::fill_n(groups_.Extend(size, allocator), size, group);
  for (std::uint8_t k = 0; k < count_; ++k) {
    Column& kept = columns_[k];
    std::memcpy(kept.values.Extend(size, allocator), kept.by_group + begin,
                size * sizeof(*kept.by_group));
    if (!kept.any_null_by_group) continue;
    if (!kept.any_null) kept.StartNulls(before, allocator);
    std::memcpy(kept.nulls.Extend(size, allocator), kept.nulls_by_group + begin, size);
  }
}

void KeptRows::FreeScattered(Allocator& allocator) {
  for (std::uint8_t k = 0; k < count_; ++k) {
    Column& kept = columns_[k];
    allocator.Free(kept.by_group);
    allocator.Free(kept.nulls_by_group);
    kept.by_group = nullptr;
    kept.nulls_by_group = nullptr;
  }
  allocator.Free(offsets_);
  offsets_ = nullptr;
}

}  // namespace millrace
