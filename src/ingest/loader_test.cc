// Tests of the parts of the loader that need no server.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "client/error.h"
#include "ingest/csv.h"
#include "ingest/loaded_ranges.h"
#include "ingest/qualified_name.h"
#include "ingest/row_times.h"
#include "ingest/units.h"
#include "ingest/workload/clickstream.h"
#include "ingest/workload/random.h"

namespace millrace::cli {
namespace {

struct Read {
  std::string text;
  std::int64_t first_line, last_line;
  bool operator==(const Read&) const = default;
};

// A source that returns `text` in pieces of at most `piece` bytes.
ByteSource SourceOf(const std::string& text, std::size_t piece) {
  return [&text, piece, at = std::size_t{0}](char* buffer, std::size_t size) mutable {
    const std::size_t got = std::min({piece, size, text.size() - at});
    text.copy(buffer, got, at);
    at += got;
    return got;
  };
}

std::vector<Read> ReadAll(const std::string& text, std::size_t piece,
                          CsvReader::Outcome* last = nullptr) {
  CsvReader reader(SourceOf(text, piece), 1 << 20);
  std::vector<Read> records;
  CsvRecord record;
  CsvReader::Outcome outcome;
  while ((outcome = reader.Next(&record)) == CsvReader::Outcome::kRecord) {
    records.push_back({std::string(record.text), record.first_line, record.last_line});
  }
  if (last != nullptr) *last = outcome;
  return records;
}

// A simple reader to compare with: one byte at a time.
std::vector<Read> ReadSimply(const std::string& text) {
  std::vector<Read> records;
  Read current = {"", 1, 1};
  bool in_quotes = false;
  std::int64_t line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') in_quotes = !in_quotes;
    if (text[i] != '\n' || in_quotes) current.text += text[i];
    const bool ends = text[i] == '\n' && !in_quotes;
    if (ends || (i + 1 == text.size() && !in_quotes)) {
      current.last_line = line;
      if (current.text.ends_with('\r')) current.text.pop_back();
      records.push_back(current);
      current = {"", line + 1, 0};
    }
    if (text[i] == '\n') ++line;
  }
  return records;
}

TEST(CsvReader, AgreesWithItsTwinOnRandomBytesInPiecesOfAnySize) {
  Xoshiro256 random(5);
  const std::string alphabet = "ab,\"\"\n\n\r\\.";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const auto length = random.Below(40);
    for (std::uint64_t i = 0; i < length; ++i) text += alphabet[random.Below(alphabet.size())];
    ASSERT_EQ(ReadAll(text, 1 + random.Below(7)), ReadSimply(text)) << text;
  }
}

TEST(CsvReader, RecordsLongerThanItsFirstBuffer) {
  std::string text = "a\n\"";
  text.append(1'000'000, 'x');
  text += "\n\"\nb";
  const auto records = ReadAll(text, 100'000);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].text.size(), 1'000'003u);
  EXPECT_EQ(records[1].last_line, 3);
  EXPECT_EQ(records[2], (Read{"b", 4, 4}));
}

TEST(CsvReader, AnOpenQuoteAtTheEnd) {
  CsvReader::Outcome last;
  EXPECT_EQ(ReadAll("a\n\"b\nc", 3, &last).size(), 1u);
  EXPECT_EQ(last, CsvReader::Outcome::kUnterminated);
}

TEST(CsvReader, SkipsARecordTooLongAndGoesOn) {
  const std::string text = "a\n" + std::string(3'000'000, 'x') + "\"\n\"\nb\n";
  CsvReader reader(SourceOf(text, 4'096), 1'000);
  CsvRecord record;
  EXPECT_EQ(reader.Next(&record), CsvReader::Outcome::kRecord);
  EXPECT_EQ(reader.Next(&record), CsvReader::Outcome::kTooLong);
  EXPECT_EQ(record.first_line, 2);
  EXPECT_EQ(reader.SkipRecord(), 3);
  EXPECT_EQ(reader.Next(&record), CsvReader::Outcome::kRecord);
  EXPECT_EQ(record.text, "b");
  EXPECT_EQ(record.first_line, 4);
  EXPECT_EQ(reader.Next(&record), CsvReader::Outcome::kEnd);
}

TEST(CsvReader, DropsAByteOrderMark) {
  EXPECT_EQ(ReadAll("\xef\xbb\xbf"
                    "a\n",
                    1),
            (std::vector<Read>{{"a", 1, 1}}));
  EXPECT_EQ(ReadAll("\xef\xbb", 1), (std::vector<Read>{{"\xef\xbb", 1, 1}}));
}

TEST(SplitCsvRecord, QuotesAndNulls) {
  const auto fields = SplitCsvRecord("a,,\"\",\"b\"\"c,d\",e\"f\"");
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_EQ(fields[1].value, "");
  EXPECT_FALSE(fields[1].quoted);
  EXPECT_TRUE(fields[2].quoted);
  EXPECT_EQ(fields[3].value, "b\"c,d");
  EXPECT_EQ(fields[4].value, "ef");
}

TEST(SplitCsvRecord, UndoesQuoteCsvField) {
  for (const std::string text : {"", "a", "\"", "a,\"b\"\n"}) {
    const auto fields = SplitCsvRecord(QuoteCsvField(text));
    ASSERT_EQ(fields.size(), 1u);
    EXPECT_EQ(fields[0].value, text);
  }
}

TEST(FindRecord, ByLineAndByIndex) {
  const std::string records = "a\n\"b\n\nb\"\nc\n";
  const CsvPosition b = FindRecordAtLine(records, 3);
  EXPECT_TRUE(b.found);
  EXPECT_EQ(records.substr(b.offset, b.length), "\"b\n\nb\"\n");
  EXPECT_EQ(b.index, 1);
  EXPECT_EQ(b.line, 1);
  EXPECT_EQ(FindRecordAtLine(records, 4).index, 2);
  EXPECT_FALSE(FindRecordAtLine(records, 5).found);
  EXPECT_EQ(FindRecordAtIndex(records, 2).line, 4);
  const CsvPosition end = FindRecordAtIndex(records, 3);
  EXPECT_FALSE(end.found);
  EXPECT_EQ(end.offset, records.size());
  EXPECT_EQ(end.index, 3);
}

TEST(LoadedRanges, MergesWhatTouches) {
  LoadedRanges ranges;
  EXPECT_EQ(ranges.ToString(), "no row");
  ranges.Add(11, 10, 12, 21);
  ranges.Add(31, 10, 32, 41);
  EXPECT_EQ(ranges.ToString(), "rows 11-20 (lines 12-21), rows 31-40 (lines 32-41)");
  ranges.Add(1, 10, 2, 11);
  ranges.Add(21, 10, 22, 31);
  EXPECT_EQ(ranges.ToString(), "rows 1-40 (lines 2-41)");
  EXPECT_EQ(ranges.rows(), 40);
}

TEST(QualifiedName, QuotesWhateverItIsGiven) {
  EXPECT_EQ(QualifiedName::Parse("Events").Quoted(), "\"events\"");
  EXPECT_EQ(QualifiedName::Parse("public.events").Quoted(), "\"public\".\"events\"");
  EXPECT_EQ(QualifiedName::Parse("\"A.b\".\"c\"\"d\"").Quoted(), "\"A.b\".\"c\"\"d\"");
  EXPECT_EQ(QualifiedName::Parse("e; drop table x").Quoted(), "\"e; drop table x\"");
  for (const char* bad : {"", ".", "a.", "a.b.c", "\"a", "\"\""}) {
    EXPECT_THROW(QualifiedName::Parse(bad), CliError) << bad;
  }
}

TEST(Units, Durations) {
  EXPECT_EQ(ParseDuration("90"), 90 * kMicrosPerSecond);
  EXPECT_EQ(ParseDuration("500ms"), 500'000);
  EXPECT_EQ(ParseDuration("1.5 min"), 90 * kMicrosPerSecond);
  EXPECT_EQ(ParseDuration("2h"), 7'200 * kMicrosPerSecond);
  EXPECT_EQ(ParseDuration("7days"), 7 * kMicrosPerDay);
  for (const char* bad : {"", "h", "-1s", "1 week", "nan", "inf", "1e30d", "ss", "1us s"}) {
    EXPECT_THROW(ParseDuration(bad), CliError) << bad;
  }
}

TEST(Units, TimestampsAreTheInverseOfWhatTheGeneratorWrites) {
  ClickEventWriter writer;
  for (const std::int64_t time :
       {std::int64_t{0}, std::int64_t{-1}, kMinEventTime, kMaxEventTime - 1}) {
    EXPECT_EQ(ParseTimestamp(std::string(writer.FormatTime(time))), time);
  }
  EXPECT_EQ(ParseTimestamp("1970-01-02"), kMicrosPerDay);
  EXPECT_EQ(ParseTimestamp("1970-01-01T01:00:00.5+01:00"), 500'000);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:00 -0130"), 5'400 * kMicrosPerSecond);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:01Z"), 60 * kMicrosPerSecond);
  for (const char* bad : {"", "2026", "2026-02-30", "2026-13-01", "2026-01-01 24:00", "0000-01-01",
                          "2026-01-01x", "2026-01-01 08:00 CET", "2026-01-01 08:00+99"}) {
    EXPECT_THROW(ParseTimestamp(bad), CliError) << bad;
  }
}

TEST(TimeKey, KeepsMinutesAndZone) {
  EXPECT_EQ(TimeKey("2026-01-31 08:15:59.999+01"), "2026-01-31 08:15+01");
  EXPECT_EQ(TimeKey("2026-01-31T08:15Z"), "2026-01-31T08:15Z");
  EXPECT_EQ(TimeKey("2026-01-31 08:15:00"), "2026-01-31 08:15");
  EXPECT_EQ(TimeKey("2026-01-31 08:15:00 BC"), "2026-01-31 08:15 BC");
  for (const char* other :
       {"infinity", "", "20260131T081500", "2026-1-31 08:15:00", "2026-01-31"}) {
    EXPECT_EQ(TimeKey(other), other);
  }
}

TEST(FindCsvField, AgreesWithSplit) {
  for (const std::string record : {"", "a", "a,b", ",", "\"x,\"\"y\",z", "1,\"a\nb\",", "\\."}) {
    const auto fields = SplitCsvRecord(record);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const CsvFieldRange range = FindCsvField(record, i);
      ASSERT_TRUE(range.found);
      const auto alone = SplitCsvRecord(record.substr(range.begin, range.end - range.begin));
      ASSERT_EQ(alone.size(), 1U);
      EXPECT_EQ(alone[0].value, fields[i].value);
    }
    EXPECT_FALSE(FindCsvField(record, fields.size()).found);
  }
}

}  // namespace
}  // namespace millrace::cli
