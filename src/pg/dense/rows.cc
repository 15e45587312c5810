#include "pg/dense/rows.h"

#include "core/dense/row.h"

namespace millrace::pg {
namespace {

using dense::ChunkHeader;
using dense::ChunkView;

uint8 AlignmentOf(char align) {
  switch (align) {
    case TYPALIGN_CHAR:
      return 1;
    case TYPALIGN_SHORT:
      return 2;
    case TYPALIGN_INT:
      return 4;
    default:
      return 8;
  }
}

// The bits of an integer as its type has them, sign-extended.
uint64 Canonical(Datum value, int16 length) {
  switch (length) {
    case 1:
      return static_cast<uint64>(static_cast<int64>(static_cast<signed char>(value)));
    case 2:
      return static_cast<uint64>(static_cast<int64>(static_cast<int16>(value)));
    case 4:
      return static_cast<uint64>(static_cast<int64>(static_cast<int32>(value)));
    default:
      return value;
  }
}

// Puts a varlena that is not in a TOAST table into the form that pages have.
Datum PageForm(Form_pg_attribute attribute, Datum value) {
  auto* varlena = reinterpret_cast<struct varlena*>(DatumGetPointer(value));
  if (VARATT_IS_EXTERNAL_EXPANDED(varlena)) {
    ExpandedObjectHeader* object = DatumGetEOHP(value);
    const Size size = EOH_get_flat_size(object);
    varlena = static_cast<struct varlena*>(palloc(size));
    EOH_flatten_into(object, varlena, size);
  }
  const bool packable = attribute->attstorage != TYPSTORAGE_PLAIN;
  if (packable && VARATT_CAN_MAKE_SHORT(varlena)) {
    const Size size = VARATT_CONVERTED_SHORT_SIZE(varlena);
    auto* packed = static_cast<char*>(palloc(size));
    SET_VARSIZE_SHORT(packed, size);
    memcpy(packed + 1, VARDATA(varlena), size - 1);
    return PointerGetDatum(packed);
  }
  return PointerGetDatum(varlena);
}

Size BytesOf(Form_pg_attribute attribute, Datum value) {
  return attribute->attlen < 0 ? VARSIZE_ANY(DatumGetPointer(value))
                               : static_cast<Size>(attribute->attlen);
}

// Whether the value must be fetched from elsewhere before it can be stored.
bool IsElsewhere(Form_pg_attribute attribute, Datum value) {
  return attribute->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(value)) &&
         !VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value));
}

void PutRow(RowSet* rows, const Datum* values, const bool* nulls) {
  const int row = rows->rows++;
  for (int i = 0; i < rows->columns; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(rows->descriptor, i);
    rows->nulls[i][row] = nulls[i];
    if (nulls[i]) {
      rows->inputs[i].nulls = rows->nulls[i];
      rows->values[i][row] = 0;
      if (rows->sizes[i] != nullptr) rows->sizes[i][row] = 0;
      continue;
    }
    if (attribute->attbyval) {
      rows->values[i][row] = Canonical(values[i], attribute->attlen);
      continue;
    }
    rows->values[i][row] = values[i];
    if (rows->sizes[i] == nullptr) continue;
    rows->sizes[i][row] = static_cast<uint16>(BytesOf(attribute, values[i]));
    if (!VARATT_IS_1B(DatumGetPointer(values[i]))) rows->inputs[i].aligned = true;
  }
}

// Puts large values into the TOAST table, as the heap does.
HeapTuple ToastRow(const RowSet* rows, Relation relation, Datum* values, bool* nulls, int options) {
  HeapTuple tuple = heap_form_tuple(rows->descriptor, values, nulls);
  const char kind = relation->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW) return tuple;
  // Logical decoding does not see the rows of dense events, and would take their values for those
  // of the next row that it sees.
  return heap_toast_insert_or_update(relation, tuple, nullptr, options | HEAP_INSERT_NO_LOGICAL);
}

// A value may only be used if its header says no more bytes than there are.
void CheckVarlena(const uint8* bytes, Size size) {
  const char* varlena = reinterpret_cast<const char*>(bytes);
  Size needed;
  if (size == 0) RaiseDamagedPage("a value has no bytes");
  if (VARATT_IS_1B_E(varlena)) {
    if (size < VARHDRSZ_EXTERNAL + sizeof(varatt_external) ||
        VARTAG_EXTERNAL(varlena) != VARTAG_ONDISK) {
      RaiseDamagedPage("a value in a TOAST table has a damaged address");
    }
    return;
  }
  if (VARATT_IS_1B(varlena)) {
    needed = VARSIZE_1B(varlena);
  } else {
    if (size < VARHDRSZ) RaiseDamagedPage("a value is shorter than its header");
    needed = VARSIZE_4B(varlena);
    if (needed < (VARATT_IS_4B_C(varlena) ? VARHDRSZ_COMPRESSED : VARHDRSZ)) {
      RaiseDamagedPage("a value is shorter than its header");
    }
  }
  if (needed > size) RaiseDamagedPage("a value is longer than its bytes");
}

void Check(const Status& status) {
  if (unlikely(!status.ok())) RaiseDamagedPage(status.message());
}

// Gives a column that the part does not have the value that PostgreSQL keeps for such rows.
void PutMissing(RowSet* rows, int column, int at, int count) {
  bool is_null;
  const Datum value = getmissingattr(rows->descriptor, column + 1, &is_null);
  Form_pg_attribute attribute = TupleDescAttr(rows->descriptor, column);
  for (int row = at; row < at + count; ++row) {
    rows->nulls[column][row] = is_null;
    rows->values[column][row] =
        is_null || !attribute->attbyval ? value : Canonical(value, attribute->attlen);
    if (rows->sizes[column] != nullptr) {
      // No page has room for the longest; they must not look shorter than they are.
      rows->sizes[column][row] =
          static_cast<uint16>(is_null ? 0 : Min(BytesOf(attribute, value), UINT16_MAX));
    }
  }
  if (is_null) rows->inputs[column].nulls = rows->nulls[column];
  if (!is_null && rows->sizes[column] != nullptr && !VARATT_IS_1B(DatumGetPointer(value))) {
    rows->inputs[column].aligned = true;
  }
}

void CheckValues(RowSet* rows, int column, int at, int count) {
  const uint8* last = nullptr;
  for (int row = at; row < at + count; ++row) {
    if (rows->nulls[column][row] != 0) continue;
    const auto* bytes = reinterpret_cast<const uint8*>(rows->values[column][row]);
    if (rows->sizes[column] == nullptr) continue;
    // The values of a dictionary repeat.
    if (bytes != last) CheckVarlena(bytes, rows->sizes[column][row]);
    last = bytes;
    // Not the padding behind it.
    rows->sizes[column][row] = static_cast<uint16>(VARSIZE_ANY(bytes));
    if (!VARATT_IS_1B(bytes)) rows->inputs[column].aligned = true;
  }
}

// Reads columns of an encoded part into the rows from `at` on.
void ReadEncoded(RowSet* rows, const uint8* part, const ChunkHeader& header, int first, int end,
                 int at) {
  ChunkView chunk;
  Check(ChunkView::Open(part, header.bytes, &chunk));
  for (int i = first; i < end; ++i) {
    if (TupleDescAttr(rows->descriptor, i)->attisdropped && !rows->as_stored) {
      memset(rows->nulls[i] + at, 1, header.rows);
      rows->inputs[i].nulls = rows->nulls[i];
      continue;
    }
    if (i >= chunk.columns()) {
      PutMissing(rows, i, at, header.rows);
      continue;
    }
    bool any_null;
    Check(chunk.ReadNulls(i, rows->nulls[i] + at, &any_null));
    if (any_null) {
      rows->inputs[i].nulls = rows->nulls[i];
    } else {
      memset(rows->nulls[i] + at, 0, header.rows);
    }
    if (rows->shapes[i].integer) {
      Check(chunk.ReadIntegers(i, reinterpret_cast<std::int64_t*>(rows->values[i] + at)));
      continue;
    }
    if (chunk.encoding(i) == dense::Encoding::kAllNull) continue;
    uint16 scratch[dense::kMaxChunkRows];
    uint16* sizes = rows->sizes[i] != nullptr ? rows->sizes[i] + at : scratch;
    const Status status = chunk.ReadBytes(
        i, rows->shapes[i], reinterpret_cast<const uint8**>(rows->values[i] + at), sizes);
    Check(status);
    if (rows->sizes[i] == nullptr) {
      for (int row = 0; row < header.rows; ++row) {
        if (scratch[row] < rows->shapes[i].length) RaiseDamagedPage("a value is too short");
      }
    } else {
      CheckValues(rows, i, at, header.rows);
    }
  }
}

void ReadYoung(RowSet* rows, const uint8* part, const ChunkHeader& header, int at) {
  const int columns = rows->columns;
  auto* values = static_cast<uint64*>(palloc(columns * sizeof(uint64)));
  auto* nulls = static_cast<uint8*>(palloc(columns));
  auto* sizes = static_cast<uint16*>(palloc(columns * sizeof(uint16)));
  Check(dense::ReadRow(part, header, rows->shapes, columns, values, nulls, sizes));
  for (int i = 0; i < columns; ++i) {
    if (TupleDescAttr(rows->descriptor, i)->attisdropped && !rows->as_stored) {
      nulls[i] = 1;
    } else if (i >= header.columns) {
      PutMissing(rows, i, at, 1);
      continue;
    }
    rows->nulls[i][at] = nulls[i];
    if (nulls[i] != 0) {
      rows->inputs[i].nulls = rows->nulls[i];
      continue;
    }
    rows->values[i][at] = values[i];
    if (rows->sizes[i] != nullptr) {
      rows->sizes[i][at] = sizes[i];
      CheckValues(rows, i, at, 1);
    }
  }
  pfree(values);
  pfree(nulls);
  pfree(sizes);
}

RowSet* MakeRows(TupleDesc descriptor, int columns, int capacity) {
  auto* rows = static_cast<RowSet*>(palloc0(sizeof(RowSet)));
  rows->descriptor = descriptor;
  rows->columns = columns;
  rows->capacity = capacity;
  const Size count = Max(columns, 1);
  rows->shapes = static_cast<dense::ColumnShape*>(palloc(count * sizeof(dense::ColumnShape)));
  rows->inputs = static_cast<dense::ColumnInput*>(palloc0(count * sizeof(dense::ColumnInput)));
  // Arrays of pointers, as is meant: NOLINTBEGIN(bugprone-sizeof-expression)
  rows->values = static_cast<uint64**>(palloc(count * sizeof(uint64*)));
  rows->nulls = static_cast<uint8**>(palloc(count * sizeof(uint8*)));
  rows->sizes = static_cast<uint16**>(palloc0(count * sizeof(uint16*)));
  // NOLINTEND(bugprone-sizeof-expression)
  auto* values =
      static_cast<uint64*>(palloc_extended(count * capacity * sizeof(uint64), MCXT_ALLOC_HUGE));
  auto* nulls = static_cast<uint8*>(palloc_extended(count * capacity, MCXT_ALLOC_HUGE));
  rows->values[0] = values;
  rows->nulls[0] = nulls;
  for (int i = 0; i < columns; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (attribute->attlen < -1) {
      ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                      errmsg("dense events cannot have column \"%s\" of type %s",
                             NameStr(attribute->attname), format_type_be(attribute->atttypid))));
    }
    rows->shapes[i] = {attribute->attlen, AlignmentOf(attribute->attalign), attribute->attbyval};
    rows->values[i] = values + static_cast<Size>(i) * capacity;
    rows->nulls[i] = nulls + static_cast<Size>(i) * capacity;
    if (attribute->attlen < 0) {
      rows->sizes[i] = static_cast<uint16*>(palloc(capacity * sizeof(uint16)));
    }
    rows->inputs[i] = {rows->values[i], nullptr, rows->sizes[i], false};
  }
  return rows;
}

}  // namespace

void RaiseDamagedPage(const char* what) {
  ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("dense events are damaged: %s", what),
                  errhint("Read what can still be read, and restore the table from a backup.")));
}

RowSet* MakeRowSet(TupleDesc descriptor, int capacity) {
  return MakeRows(descriptor, descriptor->natts, capacity);
}

RowSet* MakeStoredRowSet(TupleDesc descriptor, int columns, int capacity) {
  RowSet* rows = MakeRows(descriptor, columns, capacity);
  rows->as_stored = true;
  return rows;
}

void FreeRowSet(RowSet* rows) {
  pfree(rows->values[0]);
  pfree(rows->nulls[0]);
  for (int i = 0; i < rows->columns; ++i) {
    if (rows->sizes[i] != nullptr) pfree(rows->sizes[i]);
  }
  pfree(rows->values);
  pfree(rows->nulls);
  pfree(rows->sizes);
  pfree(rows->inputs);
  pfree(rows->shapes);
  pfree(rows);
}

void AppendSlot(RowSet* rows, Relation relation, TupleTableSlot* slot, int options) {
  slot_getallattrs(slot);
  Datum* values = slot->tts_values;
  bool* nulls = slot->tts_isnull;
  Size bytes = 0;
  bool elsewhere = false, prepared = false;
  for (int i = 0; i < rows->columns; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(rows->descriptor, i);
    if (nulls[i]) continue;
    if (attribute->attlen == -1) {
      if (IsElsewhere(attribute, values[i])) {
        elsewhere = true;
        continue;
      }
      const Datum form = PageForm(attribute, values[i]);
      if (form != values[i] && !prepared) {
        // The slot's values are the caller's.
        auto* copy = static_cast<Datum*>(palloc(rows->columns * sizeof(Datum)));
        memcpy(copy, values, rows->columns * sizeof(Datum));
        values = copy;
        prepared = true;
      }
      values[i] = form;
    }
    bytes += BytesOf(attribute, values[i]);
  }
  if (unlikely(elsewhere || bytes > TOAST_TUPLE_THRESHOLD)) {
    HeapTuple tuple = ToastRow(rows, relation, values, nulls, options);
    values = static_cast<Datum*>(palloc(rows->columns * sizeof(Datum)));
    nulls = static_cast<bool*>(palloc(rows->columns * sizeof(bool)));
    heap_deform_tuple(tuple, rows->descriptor, values, nulls);
    for (int i = 0; i < rows->columns; ++i) {
      if (!nulls[i] && BytesOf(TupleDescAttr(rows->descriptor, i), values[i]) > dense::kPageBytes) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("row is too big: column \"%s\" does not fit in a page",
                               NameStr(TupleDescAttr(rows->descriptor, i)->attname))));
      }
    }
  }
  PutRow(rows, values, nulls);
}

void AppendPart(RowSet* rows, const uint8* part, const ChunkHeader& header) {
  const int at = rows->rows;
  Assert(at + header.rows <= rows->capacity);
  if (header.kind == dense::kYoungPart) {
    ReadYoung(rows, part, header, at);
  } else {
    ReadEncoded(rows, part, header, 0, rows->columns, at);
  }
  rows->rows += header.rows;
}

uint8* EncodeRows(const RowSet* rows, Size most, Size* bytes) {
  dense::ChunkEncoder encoder;
  void* workspace = palloc(dense::ChunkEncoder::WorkspaceBytes(rows->shapes, rows->columns));
  auto* inputs =
      static_cast<dense::ColumnInput*>(palloc(Max(rows->columns, 1) * sizeof(dense::ColumnInput)));
  auto* encoded = static_cast<uint8*>(palloc(dense::kPageBytes));
  *bytes = 0;
  for (int begin = 0; begin < rows->rows; begin += dense::kMaxChunkRows) {
    const int count = Min(rows->rows - begin, dense::kMaxChunkRows);
    InputsFrom(rows, begin, inputs);
    encoder.Begin(rows->shapes, inputs, rows->columns, count, workspace);
    const Size chunk = encoder.Measure(0, count);
    if (*bytes + chunk > Min(most, dense::kPageBytes)) return nullptr;
    encoder.Write(encoded + *bytes);
    *bytes += chunk;
  }
  return encoded;
}

void AddEncodedParts(dense::PageEditor* page, const uint8* encoded, Size bytes) {
  for (Size at = 0; at < bytes;) {
    const auto chunk = LoadUnaligned<ChunkHeader>(encoded + at);
    memcpy(page->AddPart(chunk.bytes), encoded + at, chunk.bytes);
    at += chunk.bytes;
  }
}

bool ReadCodes(RowSet* rows, const uint8* part, const ChunkHeader& header, int column,
               Datum* entries, int* count, uint16* codes) {
  ChunkView chunk;
  Check(ChunkView::Open(part, header.bytes, &chunk));
  if (column >= chunk.columns() || rows->shapes[column].integer ||
      chunk.encoding(column) != dense::Encoding::kDictionary ||
      TupleDescAttr(rows->descriptor, column)->attisdropped) {
    return false;
  }
  bool any_null;
  Check(chunk.ReadNulls(column, rows->nulls[column], &any_null));
  rows->inputs[column].nulls = any_null ? rows->nulls[column] : nullptr;
  uint16 sizes[dense::kMaxChunkRows];
  const uint8* values[dense::kMaxChunkRows];
  Check(chunk.ReadEntries(column, values, sizes, count));
  Check(chunk.ReadCodes(column, codes));
  const int16 length = rows->shapes[column].length;
  for (int i = 0; i < *count; ++i) {
    if (length < 0) {
      CheckVarlena(values[i], sizes[i]);
    } else if (sizes[i] < length) {
      RaiseDamagedPage("a value is too short");
    }
    entries[i] = PointerGetDatum(values[i]);
  }
  return true;
}

void InputsFrom(const RowSet* rows, int first, dense::ColumnInput* inputs) {
  for (int i = 0; i < rows->columns; ++i) {
    inputs[i] = rows->inputs[i];
    inputs[i].values += first;
    if (inputs[i].nulls != nullptr) inputs[i].nulls += first;
    if (inputs[i].sizes != nullptr) inputs[i].sizes += first;
  }
}

void ReadColumns(RowSet* rows, const uint8* part, const ChunkHeader& header, int first, int end) {
  ReadEncoded(rows, part, header, first, end, 0);
}

}  // namespace millrace::pg
