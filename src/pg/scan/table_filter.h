// The filters of TableReader: they compare attributes of integers or times with constants.
#pragma once

#include "pg/base/api.h"
#include "pg/scan/table_reader.h"

namespace millrace::pg {

enum class Comparison { kLess, kLessOrEqual, kEqual, kGreaterOrEqual, kGreater };

inline int64 IntegerOf(Oid type, Datum value) {
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

struct TableReader::Filter {
  AttrNumber attribute;
  Oid type;  // of the attribute
  Comparison comparison;
  int64 constant;  // once it is known
  Expr* expression;
  ExprState* constant_state;
  Oid constant_type;

  // Whether no value from `least` to `greatest` passes.
  bool RefusesAll(int64 least, int64 greatest) const {
    switch (comparison) {
      case Comparison::kLess:
        return least >= constant;
      case Comparison::kLessOrEqual:
        return least > constant;
      case Comparison::kEqual:
        return least > constant || greatest < constant;
      case Comparison::kGreaterOrEqual:
        return greatest < constant;
      case Comparison::kGreater:
        return greatest <= constant;
    }
    return false;
  }
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

// Whether every filter lets the row through, one after the other as in PostgreSQL. Computes the
// constants of filters and buckets that are not known yet. fetch(attribute, &is_null) is a value of
// the row.
template <typename Fetch>
bool TableReader::Admit(Table* table, Fetch fetch) {
  bool is_null;
  for (int i = 0; i < table->filter_count; ++i) {
    if (i == table->filters_known && !UseNextFilter(table)) return false;
    const Filter& filter = table->filters[i];
    const Datum value = fetch(filter.attribute, &is_null);
    if (is_null || !filter.Passes(value)) return false;
  }
  if (table->buckets_known) return true;
  for (int i = 0; i < table->bucket_count; ++i) {
    const Datum value = fetch(table->buckets[i]->attribute, &is_null);
    SettleBucket(table->buckets[i], DatumGetInt64(value), is_null);
  }
  table->buckets_known = true;
  return true;
}

// Gives a value of an attribute of `length` bytes to one output.
inline void TableReader::PutOne(const Output& output, int16 length, Datum value, bool is_null,
                                BatchBuilder* batch) {
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
  } else if (length == 8 && output.integer) {
    batch->PutInteger(output.column, DatumGetInt64(value));
  } else if (length == -1 && VARATT_IS_1B(DatumGetPointer(value)) &&
             !VARATT_IS_1B_E(DatumGetPointer(value))) {
    const char* varlena = DatumGetPointer(value);
    batch->PutText(output.column, {VARDATA_1B(varlena),
                                   static_cast<uint32>(VARSIZE_1B(varlena) - VARHDRSZ_SHORT)});
  } else {
    batch->Put(output.column, value);
  }
}

}  // namespace millrace::pg
