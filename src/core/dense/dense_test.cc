// Chunks and pages: what is read is what was written, for random columns.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/base/testing.h"
#include "core/dense/chunk.h"
#include "core/dense/page.h"

namespace millrace::dense {
namespace {

struct TestColumn {
  ColumnShape shape;
  std::vector<std::uint64_t> values;
  std::vector<std::uint8_t> nulls;
  std::vector<std::uint16_t> sizes;
  std::vector<std::string> strings;
  bool has_nulls = false;
};

TestColumn RandomColumn(std::mt19937_64& random, int rows) {
  TestColumn column;
  const int kind = static_cast<int>(random() % 3);
  column.nulls.resize(static_cast<std::size_t>(rows));
  column.sizes.resize(static_cast<std::size_t>(rows));
  const auto nulls = random() % 4;  // 0 and 1: none; 2: some; 3: all or nearly
  std::uint64_t value = random();
  const int step_bits = static_cast<int>(random() % 65);
  const int pool = 1 + static_cast<int>(random() % 900);
  const std::size_t fixed = 1 + random() % 24;
  column.shape = {static_cast<std::int16_t>(kind == 0 ? 8 : kind == 1 ? fixed : -1), 1, kind == 0};
  for (int i = 0; i < rows; ++i) {
    const bool is_null = nulls == 2 ? random() % 3 == 0 : nulls == 3 ? random() % 50 != 0 : false;
    column.nulls[static_cast<std::size_t>(i)] = is_null;
    column.has_nulls |= is_null;
    if (kind == 0) {
      value += step_bits == 0 ? 0 : random() >> (64 - step_bits);
      column.values.push_back(value);
      continue;
    }
    const auto member = random() % static_cast<std::uint64_t>(pool);
    std::string text = std::to_string(member * 7919);
    if (kind == 1) {
      text.resize(fixed, 'x');
    } else if (member % 5 == 0) {
      text.append(member % 200, 'y');
    }
    column.strings.push_back(text);
  }
  for (std::size_t i = 0; i < column.strings.size(); ++i) {
    column.values.push_back(reinterpret_cast<std::uint64_t>(column.strings[i].data()));
    column.sizes[i] = static_cast<std::uint16_t>(column.strings[i].size());
  }
  return column;
}

void ExpectColumn(const ChunkView& view, int number, const TestColumn& column, int first) {
  std::vector<std::uint8_t> nulls(kMaxChunkRows, 0);
  bool any = false;
  ASSERT_TRUE(view.ReadNulls(number, nulls.data(), &any).ok());
  std::vector<std::int64_t> integers(kMaxChunkRows);
  std::vector<const std::uint8_t*> values(kMaxChunkRows);
  std::vector<std::uint16_t> sizes(kMaxChunkRows);
  if (column.shape.integer) {
    ASSERT_TRUE(view.ReadIntegers(number, integers.data()).ok());
  } else if (view.encoding(number) != Encoding::kAllNull) {
    ASSERT_TRUE(view.ReadBytes(number, column.shape, values.data(), sizes.data()).ok());
  }
  std::int64_t least = INT64_MIN, greatest = INT64_MAX;
  const bool bounded = column.shape.integer && view.Bounds(number, &least, &greatest);
  for (int i = 0; i < view.rows(); ++i) {
    const auto row = static_cast<std::size_t>(first + i);
    const auto at = static_cast<std::size_t>(i);
    ASSERT_EQ(nulls[at] != 0, column.has_nulls && column.nulls[row] != 0);
    if (nulls[at] != 0) continue;
    if (column.shape.integer) {
      ASSERT_EQ(integers[at], static_cast<std::int64_t>(column.values[row]));
      if (bounded) {
        ASSERT_LE(least, integers[at]);
        ASSERT_GE(greatest, integers[at]);
      }
    } else {
      ASSERT_GE(sizes[at], column.strings[row].size());
      ASSERT_EQ(std::memcmp(values[at], column.strings[row].data(), column.strings[row].size()), 0);
    }
  }
}

TEST(Chunk, ReadsWhatItWrote) {
  std::mt19937_64 random(millrace::testing::Seed());
  for (int round = 0; round < 400; ++round) {
    const int rows = 1 + static_cast<int>(random() % kMaxChunkRows);
    const int columns = 1 + static_cast<int>(random() % 6);
    std::vector<TestColumn> data;
    std::vector<ColumnShape> shapes;
    std::vector<ColumnInput> inputs;
    for (int i = 0; i < columns; ++i) data.push_back(RandomColumn(random, rows));
    for (const TestColumn& column : data) {
      shapes.push_back(column.shape);
      inputs.push_back({column.values.data(), column.has_nulls ? column.nulls.data() : nullptr,
                        column.sizes.data(), random() % 2 == 0});
    }
    std::vector<std::uint64_t> workspace(ChunkEncoder::WorkspaceBytes(shapes.data(), columns) / 8 +
                                         1);
    ChunkEncoder encoder;
    encoder.Begin(shapes.data(), inputs.data(), columns, rows, workspace.data());
    for (int first = 0; first < rows;) {
      int count = rows - first;
      std::size_t bytes = encoder.Measure(first, count);
      while (bytes > 60000) bytes = encoder.Measure(first, count = (count + 1) / 2);
      std::vector<std::uint8_t> chunk(bytes + kReadAhead, 0xab);
      encoder.Write(chunk.data());
      for (std::size_t i = 0; i < kReadAhead; ++i) ASSERT_EQ(chunk[bytes + i], 0xab);
      ChunkView view;
      ASSERT_TRUE(ChunkView::Open(chunk.data(), bytes, &view).ok());
      ASSERT_EQ(view.rows(), count);
      ASSERT_EQ(view.bytes(), bytes);
      for (int i = 0; i < columns; ++i) {
        ExpectColumn(view, i, data[static_cast<std::size_t>(i)], first);
      }
      first += count;
    }
  }
}

TEST(Page, KeepsRunsAndParts) {
  std::vector<std::uint8_t> page(kPageBytes + kReadAhead, 0);
  PageEditor editor(page.data());
  editor.Init();
  std::mt19937_64 random(millrace::testing::Seed());
  std::vector<dense::Run> runs;
  int parts = 0;
  for (std::uint64_t transaction = 700;; ++transaction) {
    const std::size_t bytes = 8 * (1 + random() % 20);
    const std::uint32_t command = static_cast<std::uint32_t>(random() % 2);
    const std::uint64_t full = transaction / 3;
    if (editor.RunBytes(full, command) + bytes > editor.free_bytes()) break;
    std::uint8_t* part = editor.AddPart(bytes, 1, full, command);
    StoreUnaligned(part, ChunkHeader{static_cast<std::uint16_t>(bytes), 1, 1, kYoungPart});
    ++parts;
    if (runs.empty() || runs.back().transaction != full || runs.back().command != command) {
      runs.push_back({full, command, 0, 0, 0});
    }
    ++runs.back().rows;
    PageView view;
    ASSERT_TRUE(PageView::Open(page.data(), &view).ok());
  }
  PageView view;
  ASSERT_TRUE(PageView::Open(page.data(), &view).ok());
  ASSERT_EQ(view.tail().runs, runs.size());
  ASSERT_EQ(view.tail().parts, parts);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const dense::Run run = view.run(static_cast<int>(i));
    ASSERT_EQ(run.transaction, runs[i].transaction);
    ASSERT_EQ(run.rows, runs[i].rows);
  }
}

TEST(Page, RefusesDamage) {
  std::vector<std::uint8_t> page(kPageBytes + kReadAhead, 0);
  PageView view;
  ASSERT_FALSE(PageView::Open(page.data(), &view).ok());
  PageEditor editor(page.data());
  editor.Init();
  ASSERT_TRUE(PageView::Open(page.data(), &view).ok());
  StoreUnaligned(editor.AddPart(16, 1, 1, 1), ChunkHeader{16, 1, 1, kYoungPart});
  ASSERT_TRUE(PageView::Open(page.data(), &view).ok());
  page[kPageHeaderBytes] = 24;  // the part's size
  ASSERT_FALSE(PageView::Open(page.data(), &view).ok());
}

}  // namespace
}  // namespace millrace::dense
