// A filter of HeapReader: compares an attribute of integers or times with a constant.
#pragma once

#include "pg/base/api.h"
#include "pg/scan/heap_reader.h"

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

struct HeapReader::Filter {
  AttrNumber attribute;
  Oid type;  // of the attribute
  Comparison comparison;
  int64 constant;  // once it is known
  Expr* expression;
  ExprState* constant_state;
  Oid constant_type;

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

}  // namespace millrace::pg
