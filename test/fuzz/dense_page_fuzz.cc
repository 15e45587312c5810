// A page of dense events. The first bytes say what columns the table has; the rest is the page. All
// that is read must lie in the page, which has kReadAhead bytes more; so it is copied to the end of
// memory of just that size.

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/dense/page.h"
#include "core/dense/row.h"
#include "fuzz.h"

namespace {

using namespace millrace;
using namespace millrace::dense;

constexpr int kColumns = 12;
std::uint64_t sum;

void Use(const std::uint8_t* bytes, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) sum += bytes[i];
}

void ReadEncoded(const std::uint8_t* part, const ChunkHeader& header, const ColumnShape* shapes) {
  ChunkView chunk;
  if (!ChunkView::Open(part, header.bytes, &chunk).ok()) return;
  FUZZ_CHECK(chunk.rows() == header.rows && chunk.columns() == header.columns);
  static std::uint8_t nulls[kMaxChunkRows];
  static std::int64_t integers[kMaxChunkRows];
  static const std::uint8_t* values[kMaxChunkRows];
  static std::uint16_t sizes[kMaxChunkRows], codes[kMaxChunkRows];
  for (int i = 0; i < chunk.columns(); ++i) {
    const ColumnShape& shape = shapes[i % kColumns];
    bool any;
    std::int64_t least, greatest;
    int entries;
    if (chunk.ReadNulls(i, nulls, &any).ok() && any) Use(nulls, header.rows);
    if (chunk.ReadIntegers(i, integers).ok()) {
      Use(reinterpret_cast<const std::uint8_t*>(integers), header.rows * sizeof(integers[0]));
    }
    if (chunk.Bounds(i, &least, &greatest)) sum += static_cast<std::uint64_t>(greatest);
    if (chunk.ReadEntries(i, values, sizes, &entries).ok()) {
      for (int entry = 0; entry < entries; ++entry) Use(values[entry], sizes[entry]);
      if (chunk.ReadCodes(i, codes).ok()) {
        for (int row = 0; row < header.rows; ++row) FUZZ_CHECK(codes[row] < entries);
      }
    }
    if (shape.integer || !chunk.ReadBytes(i, shape, values, sizes).ok()) continue;
    for (int row = 0; row < header.rows; ++row) Use(values[row], sizes[row]);
  }
}

void ReadYoung(const std::uint8_t* part, const ChunkHeader& header, const ColumnShape* shapes) {
  std::uint64_t values[kColumns];
  std::uint8_t nulls[kColumns];
  std::uint16_t sizes[kColumns];
  if (!ReadRow(part, header, shapes, kColumns, values, nulls, sizes).ok()) return;
  for (int i = 0; i < header.columns; ++i) {
    if (nulls[i] != 0 || shapes[i].integer) continue;
    Use(reinterpret_cast<const std::uint8_t*>(values[i]),
        shapes[i].length < 0 ? sizes[i] : static_cast<std::size_t>(shapes[i].length));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kColumns) return 0;
  ColumnShape shapes[kColumns];
  for (int i = 0; i < kColumns; ++i) {
    static constexpr ColumnShape kShapes[] = {{1, 1, true},   {2, 2, true},   {4, 4, true},
                                              {8, 8, true},   {-1, 4, false}, {16, 1, false},
                                              {12, 4, false}, {64, 1, false}};
    shapes[i] = kShapes[data[i] % 8];
  }
  data += kColumns;
  size -= kColumns;
  const std::unique_ptr<std::uint8_t[]> page(new std::uint8_t[kPageBytes + kReadAhead]());
  std::memcpy(page.get(), data, std::min(size, kPageBytes));
  PageView view;
  if (!PageView::Open(page.get(), &view).ok()) return 0;
  FUZZ_CHECK(PageEditor(page.get()).IsSound());
  int rows = 0;
  for (int i = 0; i < view.tail().runs; ++i) rows += view.run(i).rows;
  FUZZ_CHECK(rows == view.tail().rows && rows <= kMaxPageRows);
  std::size_t at = kPageHeaderBytes;
  const std::uint8_t* part;
  ChunkHeader header;
  int stored = 0;
  while (view.NextPart(&at, &part, &header)) {
    stored += header.rows;
    if (header.kind == kYoungPart) {
      ReadYoung(part, header, shapes);
    } else {
      ReadEncoded(part, header, shapes);
    }
  }
  FUZZ_CHECK(stored == view.tail().stored);
  return 0;
}
