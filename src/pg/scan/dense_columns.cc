// The half of TableReader that reads dense events: part by part of a page, and column by column.
// Only the columns that are needed are read, those of filters first; parts whose bounds no row can
// pass are skipped.

#include "pg/dense/handler.h"
#include "pg/dense/scan.h"
#include "pg/scan/table_filter.h"

namespace millrace::pg {
namespace {

// Keeps the rows for which passes(value) is true and the value is not NULL. `from`: nullptr for the
// rows 0, 1, 2, ... Returns how many.
template <typename Passes>
int Keep(const uint16* from, uint16* rows, int count, const int64* values, const uint8* nulls,
         Passes passes) {
  int kept = 0;
  if (nulls == nullptr && from == nullptr) {
    for (int i = 0; i < count; ++i) {
      rows[kept] = static_cast<uint16>(i);
      kept += passes(values[i]) ? 1 : 0;
    }
    return kept;
  }
  for (int i = 0; i < count; ++i) {
    const uint16 row = from == nullptr ? static_cast<uint16>(i) : from[i];
    rows[kept] = row;
    kept += (nulls == nullptr || nulls[row] == 0) && passes(values[row]) ? 1 : 0;
  }
  return kept;
}

}  // namespace

void TableReader::OpenDense() {
  dense_ = nullptr;
  if (!IsDense(scan_->rs_rd)) return;
  dense_ = ReaderOf(reinterpret_cast<DenseScan*>(scan_));
  const Size columns = Max(RelationGetDescr(scan_->rs_rd)->natts, 1);
  if (columns_read_ != nullptr) pfree(columns_read_);
  columns_read_ = static_cast<bool*>(MemoryContextAlloc(estate_->es_query_cxt, columns));
}

// Opens the next page that has a row which the snapshot sees. False after the last.
bool TableReader::NextDensePage() {
  auto* scan = reinterpret_cast<DenseScan*>(scan_);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    const BlockNumber block = bitmap_pages_.begun() ? bitmap_pages_.Next() : NextDenseBlock(scan);
    if (block == InvalidBlockNumber) return false;
    if (!OpenDensePage(scan, block)) continue;
    part_ = 0;
    part_selected_ = false;
    return true;
  }
}

void TableReader::ReadDensePage(BatchBuilder* batch) {
  const Table& table = tables_[table_];
  const MemoryContext caller = MemoryContextSwitchTo(batch->context());
  while (!batch->full()) {
    if (!part_selected_) {
      while (part_ < dense_->parts() && !table.never && !SelectRows()) ++part_;
      if (part_ >= dense_->parts() || table.never) break;
      part_selected_ = true;
      selected_next_ = 0;
    }
    const uint32 count =
        Min(static_cast<uint32>(selected_count_ - selected_next_), kBatchRows - batch->rows());
    PutColumns(selected_ + selected_next_, count, batch);
    selected_next_ += static_cast<int>(count);
    if (selected_next_ == selected_count_) {
      part_selected_ = false;
      ++part_;
    }
  }
  MemoryContextSwitchTo(caller);
  if (!part_selected_ && (part_ >= dense_->parts() || table.never)) {
    tuple_ = TuplesOfPage();
    // Counted as PostgreSQL's scans count them.
    CountRowsRead(scan_->rs_rd, table.bitmap != nullptr, tuple_);
  }
}

// Finds the rows of the present part that are visible and pass the filters. False if none does.
bool TableReader::SelectRows() {
  const Table& table = tables_[table_];
  const PageReader::PartRows& part = dense_->part(part_);
  if (part.visible == 0) return false;
  memset(columns_read_, 0, RelationGetDescr(scan_->rs_rd)->natts);
  int first = 0;
  if (unlikely(!table.buckets_known || table.filters_known < table.filter_count)) {
    first = AdmitFirst();
    if (first < 0) return false;
  }
  selected_count_ = part.header.rows;
  const bool all = first == 0 && part.visible == part.header.rows;
  if (!all) {
    selected_count_ = 0;
    for (int row = first; row < part.header.rows; ++row) {
      if (dense_->Sees(part.first + row)) selected_[selected_count_++] = static_cast<uint16>(row);
    }
  }
  return SelectByFilters(all);
}

// The first row of the part that passes all filters, whose constants are computed on the way; -1 if
// there is none.
int TableReader::AdmitFirst() {
  Table* table = &tables_[table_];
  const PageReader::PartRows& part = dense_->part(part_);
  for (int row = 0; row < part.header.rows && !table->never; ++row) {
    if (!dense_->Sees(part.first + row)) continue;
    auto fetch = [&](AttrNumber attribute, bool* is_null) {
      ReadColumn(attribute - 1);
      const RowSet* rows = dense_->rows();
      const uint8* nulls = rows->inputs[attribute - 1].nulls;
      *is_null = nulls != nullptr && nulls[row] != 0;
      return *is_null ? 0 : ValueOf(rows, attribute - 1, row);
    };
    if (Admit(table, fetch)) return row;
  }
  return -1;
}

void TableReader::ReadColumn(int column) {
  if (columns_read_[column]) return;
  dense_->ReadColumn(part_, column);
  columns_read_[column] = true;
}

// `all`: selected_ is not filled, and every row of the part is meant.
bool TableReader::SelectByFilters(bool all) {
  const Table& table = tables_[table_];
  for (int i = 0; i < table.attribute_count; ++i) {
    const Attribute& attribute = table.attributes[i];
    int64 least, greatest;
    if (attribute.filter_count == 0 || !dense_->Bounds(part_, i, &least, &greatest)) continue;
    for (int j = 0; j < attribute.filter_count; ++j) {
      if (attribute.filters[j].RefusesAll(least, greatest)) return false;
    }
  }
  for (int i = 0; i < table.attribute_count && selected_count_ > 0; ++i) {
    const Attribute& attribute = table.attributes[i];
    if (attribute.filter_count == 0) continue;
    ReadColumn(i);
    const RowSet* rows = dense_->rows();
    const auto* values = reinterpret_cast<const int64*>(rows->values[i]);
    const uint8* nulls = rows->inputs[i].nulls;
    for (int j = 0; j < attribute.filter_count; ++j) {
      const int64 constant = attribute.filters[j].constant;
      auto keep = [&](auto passes) {
        selected_count_ =
            Keep(all ? nullptr : selected_, selected_, selected_count_, values, nulls, passes);
        all = false;
      };
      switch (attribute.filters[j].comparison) {
        case Comparison::kLess:
          keep([constant](int64 value) { return value < constant; });
          break;
        case Comparison::kLessOrEqual:
          keep([constant](int64 value) { return value <= constant; });
          break;
        case Comparison::kEqual:
          keep([constant](int64 value) { return value == constant; });
          break;
        case Comparison::kGreaterOrEqual:
          keep([constant](int64 value) { return value >= constant; });
          break;
        case Comparison::kGreater:
          keep([constant](int64 value) { return value > constant; });
          break;
      }
    }
  }
  if (all) {
    for (int row = 0; row < selected_count_; ++row) selected_[row] = static_cast<uint16>(row);
  }
  return selected_count_ > 0;
}

// Appends rows of the present part to the batch.
void TableReader::PutColumns(const uint16* rows, uint32 count, BatchBuilder* batch) {
  const Table& table = tables_[table_];
  const uint32 begin = batch->rows();
  for (int i = 0; i < table.attribute_count; ++i) {
    const Attribute& attribute = table.attributes[i];
    for (int j = 0; j < attribute.output_count; ++j) {
      const Output& output = attribute.outputs[j];
      if (output.text && PutTexts(i, output, rows, count, batch)) continue;
      ReadColumn(i);
      const RowSet* from = dense_->rows();
      const uint64* values = from->values[i];
      const uint8* nulls = from->inputs[i].nulls;
      if (output.integer && output.bucket == nullptr && nulls == nullptr) {
        int64* to = batch->Integers(output.column) + begin;
        for (uint32 k = 0; k < count; ++k) to[k] = static_cast<int64>(values[rows[k]]);
        continue;
      }
      for (uint32 k = 0; k < count; ++k) {
        batch->SetRow(begin + k);
        const bool is_null = nulls != nullptr && nulls[rows[k]] != 0;
        PutOne(output, attribute.length, static_cast<Datum>(values[rows[k]]), is_null, batch);
      }
      batch->SetRow(begin);
    }
  }
  batch->SetRow(begin + count);
}

// The same for a text that is stored as a dictionary: each entry is looked up once. False for any
// other.
bool TableReader::PutTexts(int column, const Output& output, const uint16* rows, uint32 count,
                           BatchBuilder* batch) {
  Datum entries[dense::kMaxChunkRows];
  uint16 codes[dense::kMaxChunkRows];
  int entry_count;
  if (columns_read_[column] ||
      !dense_->ReadDictionary(part_, column, entries, &entry_count, codes)) {
    return false;
  }
  constexpr uint16 kNowhere = UINT16_MAX;
  uint16 first_row[dense::kMaxChunkRows];  // of the batch, that has the entry
  for (int i = 0; i < entry_count; ++i) first_row[i] = kNowhere;
  const uint8* nulls = dense_->rows()->inputs[column].nulls;
  const uint32 begin = batch->rows();
  for (uint32 k = 0; k < count; ++k) {
    batch->SetRow(begin + k);
    if (nulls != nullptr && nulls[rows[k]] != 0) {
      batch->PutNull(output.column);
      continue;
    }
    const uint16 code = codes[rows[k]];
    if (first_row[code] == kNowhere) {
      batch->Put(output.column, entries[code]);
      first_row[code] = static_cast<uint16>(begin + k);
    } else {
      batch->PutCode(output.column, batch->BytesAt(output.column, first_row[code]),
                     batch->IntegerAt(output.column, first_row[code]));
    }
  }
  batch->SetRow(begin);
  return true;
}

}  // namespace millrace::pg
