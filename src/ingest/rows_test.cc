// Tests of how rows are read: times, objects of JSON, fields that are left out or rewritten.

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "client/error.h"
#include "ingest/file_columns.h"
#include "ingest/json_object.h"
#include "ingest/json_rows.h"
#include "ingest/load_hints.h"
#include "ingest/plain_json.h"
#include "ingest/row_times.h"
#include "ingest/row_writer.h"
#include "ingest/time_format.h"

namespace millrace::cli {
namespace {

std::string Converted(const std::string& format, const std::string& text) {
  std::string out;
  return TimeFormat(format).Convert(text, &out) ? out : "-" + out;
}

TEST(TimeFormat, NumbersSince1970) {
  EXPECT_EQ(Converted("seconds", "0"), "1970-01-01 00:00:00.000000+00");
  EXPECT_EQ(Converted("epoch", "1767261600"), "2026-01-01 10:00:00.000000+00");
  EXPECT_EQ(Converted("seconds", " 1767261600.25 "), "2026-01-01 10:00:00.250000+00");
  EXPECT_EQ(Converted("seconds", "1.1234567"), "1970-01-01 00:00:01.123456+00");
  EXPECT_EQ(Converted("seconds", "-0.0000001"), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(Converted("seconds", "-1.5"), "1969-12-31 23:59:58.500000+00");
  EXPECT_EQ(Converted("ms", "1767261600001"), "2026-01-01 10:00:00.001000+00");
  EXPECT_EQ(Converted("milliseconds", "1767261600001.5"), "2026-01-01 10:00:00.001500+00");
  EXPECT_EQ(Converted("us", "-1"), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(Converted("ns", "1767261600000001999"), "2026-01-01 10:00:00.000001+00");
  EXPECT_EQ(Converted("ns", "-1"), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(Converted("seconds", "-62135596800"), "0001-01-01 00:00:00.000000+00");
  EXPECT_EQ(Converted("seconds", "253402300799.999999"), "9999-12-31 23:59:59.999999+00");
  for (const char* bad : {"", "-", ".", "x", "1x", "1.x", "+1", "1e9", "--1", "-62135596801",
                          "253402300800", "99999999999999999999", "0x10", "1 2"}) {
    EXPECT_EQ(Converted("seconds", bad), "-") << bad;
  }
}

TEST(TimeFormat, Patterns) {
  EXPECT_EQ(Converted("%d.%m.%Y %H:%M", "31.01.2026 08:15"), "2026-01-31 08:15:00");
  EXPECT_EQ(Converted("%d.%m.%Y %H:%M", "1.2.2026  8:05"), "2026-02-01 08:05:00");
  EXPECT_EQ(Converted("%d.%m.%Y", "31.01.2026"), "2026-01-31");
  EXPECT_EQ(Converted("%m/%d/%Y %I:%M %p", "1/31/2026 8:15 pm"), "2026-01-31 20:15:00");
  EXPECT_EQ(Converted("%m/%d/%Y %I:%M %p", "1/31/2026 12:00 AM"), "2026-01-31 00:00:00");
  EXPECT_EQ(Converted("%m/%d/%Y %I:%M %p", "1/31/2026 12:00 PM"), "2026-01-31 12:00:00");
  EXPECT_EQ(Converted("%d/%b/%Y:%T %z", "31/Jan/2026:08:15:00 +0100"), "2026-01-31 08:15:00+01:00");
  EXPECT_EQ(Converted("%a, %d %b %Y %T %z", "Sat, 31 JAN 2026 08:15:00 -0330"),
            "2026-01-31 08:15:00-03:30");
  EXPECT_EQ(Converted("%FT%T%z", "2026-01-31T08:15:00.25Z"), "2026-01-31 08:15:00.250000+00:00");
  EXPECT_EQ(Converted("%FT%H:%M:%S.%f%z", "2026-01-31T08:15:00Z"), "-");
  EXPECT_EQ(Converted("%Y%m%d%H%M%S%f", "20260131081500123"), "2026-01-31 08:15:00.123000");
  EXPECT_EQ(Converted("%y-%B-%e", "26-september- 3"), "2026-09-03");
  EXPECT_EQ(Converted("[%s]", "[1767261600]"), "2026-01-01 10:00:00.000000+00");
  EXPECT_EQ(Converted("%Y%%%m", "2026%02"), "2026-02-01");
  for (const char* bad : {"", "31.01.2026", "31.01.2026 08:15:00", "32.01.2026 08:15",
                          "30.02.2026 08:15", "31.13.2026 08:15", "31.01.0000 08:15",
                          "31.01.2026 24:00", "31.01.2026 08:60", "31-01-2026 08:15"}) {
    EXPECT_EQ(Converted("%d.%m.%Y %H:%M", bad), "-") << bad;
  }
  for (const char* bad : {"", "hours", "%d.%m", "%Y-%q", "%Y-%", "%Y %I:%M", "%Y %H %p"}) {
    EXPECT_THROW(TimeFormat{bad}, CliError) << bad;
  }
}

TEST(HasNoZone, DatesAndTimes) {
  for (const char* none :
       {"2026-01-31", "2026-01-31 08:15", "2026-01-31T08:15:00.25", "20260131", "20260131T081500",
        "1/31/2026 8:15", "31.01.2026 08:15", "31-Jan-2026 08:15:00", "Jan 31, 2026 8:15 PM",
        "Sat Jan 31 08:15:00 2026", "2026-01-31 08:15 bc"}) {
    EXPECT_TRUE(HasNoZone(none)) << none;
  }
  for (const char* some :
       {"2026-01-31 08:15+01", "2026-01-31 08:15-01", "2026-01-31T08:15:00Z", "20260131T081500-03",
        "2026-01-31 08:15 UTC", "2026-01-31 08:15 Europe/Berlin", "2026-01-31 08:15:00+05:30",
        "infinity", "now", "", "20260131T081500Z", "31-Jan-2026 08:15 CET",
        "Sat Jan 31 08:15:00 2026 MST", "31-Jan-2026 08:15-03"}) {
    EXPECT_FALSE(HasNoZone(some)) << some;
  }
}

class JsonObject : public ::testing::Test {
 protected:
  // Reads a line with these columns; kMissing is "~", NULL "NULL", and a text is in quotes.
  std::string Values(const std::string& line) {
    std::vector<JsonValue> values(columns_.size());
    unknown_.clear();
    const std::string reason = ReadJsonObject(
        line,
        [&](const std::string& path) -> JsonField {
          for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (columns_[i] == path) return {JsonField::Kind::kColumn, i};
          }
          return {path == "skipped" ? JsonField::Kind::kSkipped : JsonField::Kind::kUnknown, 0};
        },
        &unknown_, &values);
    if (!reason.empty()) return "bad: " + reason;
    return Text(values);
  }
  static std::string Text(const std::vector<JsonValue>& values) {
    std::string text;
    for (const JsonValue& value : values) {
      text += text.empty() ? "" : " ";
      text += value.kind == JsonValue::Kind::kMissing ? "~"
              : value.kind == JsonValue::Kind::kNull  ? "NULL"
              : value.kind == JsonValue::Kind::kPlain ? value.text
                                                      : "'" + value.text + "'";
    }
    return text;
  }
  bool Bad(const std::string& line) { return Values(line).starts_with("bad: "); }

  std::vector<std::string> columns_ = {"a", "b", "c.d"};
  std::set<std::string> unknown_;
};

TEST_F(JsonObject, ValuesAsTheyAreWritten) {
  EXPECT_EQ(Values(R"({"a": 1, "b": "x"})"), "1 'x' ~");
  EXPECT_EQ(Values(R"({"a": 0.1000, "b": 123456789012345678901234567890})"),
            "0.1000 123456789012345678901234567890 ~");
  EXPECT_EQ(Values(R"({"a": 1e3, "b": -5})"), "1e3 -5 ~");
  EXPECT_EQ(Values(R"({"a": true, "b": null})"), "true NULL ~");
  EXPECT_EQ(Values(R"({"a": "\u00e9\n\"", "b": ""})"), "'\xc3\xa9\n\"' '' ~");
  EXPECT_EQ(Values("{}"), "~ ~ ~");
}

TEST_F(JsonObject, ObjectsInObjects) {
  EXPECT_EQ(Values(R"({"c": {"d": 7, "e": 8}, "a": 1})"), "1 ~ 7");
  EXPECT_EQ(unknown_, (std::set<std::string>{"c.e"}));
  EXPECT_EQ(Values(R"({"c.d": 7})"), "~ ~ 7");
  EXPECT_EQ(Values(R"({"x": {"y": {"a": 1}}, "a": 2, "z": [1, {"a": 3}], "skipped": {"a": 4}})"),
            "2 ~ ~");
  EXPECT_EQ(unknown_, (std::set<std::string>{"x.y.a", "z"}));
  EXPECT_EQ(Values(R"({"x": {"y": {}}, "c": {"e": {"f": 1}, "d": 2}})"), "~ ~ 2");
  EXPECT_EQ(Values(R"({"": {"a": 1, "": {"c": {"d": 2}}}, "b": 3})"), "~ 3 ~");
  EXPECT_EQ(unknown_, (std::set<std::string>{".a", "..c.d"}));
}

TEST_F(JsonObject, ObjectsAndArraysForAColumn) {
  for (const std::string json :
       {R"({})", R"([])", R"([1,2.50,"x\"\n",null,true,{"p":[],"q":{"r":[[]]}}])",
        R"({"a":{"a":1},"b":[{"a":2},{"b":3}]})"}) {
    EXPECT_EQ(Values(R"({"b":)" + json + R"(,"a":1})"), "1 '" + json + "' ~");
  }
}

TEST_F(JsonObject, WhatIsNoObject) {
  for (const char* bad :
       {"", "{", "[1]", "1", "\"a\"", "null", "{\"a\": 1} x", "{\"a\": 1}{\"a\": 2}", "{a: 1}",
        "{\"a\": NaN}", "{\"a\": 01}", "{\"a\": \"\xff\"}", "{\"a\": \"\\ud800\"}",
        "{\"a\": 1e999}", "{\"a\": 1, \"a\": 2}", "{\"a\": [1}", "{\"a\": 1,}"}) {
    EXPECT_TRUE(Bad(bad)) << bad << Values(bad);
  }
  const std::string deep(300'000, '[');
  EXPECT_TRUE(Bad("{\"a\":" + deep));
  EXPECT_FALSE(Bad("{\"a\":" + deep + std::string(deep.size(), ']') + "}"));
}

// Reads with one reader, so that it knows the names; "-" if the object is not in the plain form.
TEST_F(JsonObject, PlainForm) {
  std::vector<JsonValue> values(columns_.size());
  std::set<std::string> unknown;
  PlainJsonReader reader([&](const std::string& path) -> JsonField {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i] == path) return {JsonField::Kind::kColumn, i};
    }
    if (path == "throws") throw CliError("two columns");
    return {path == "skipped" ? JsonField::Kind::kSkipped : JsonField::Kind::kUnknown, 0};
  });
  const auto plain = [&](const std::string& line) {
    return reader.Read(line, &unknown, &values) ? Text(values) : "-";
  };
  for (const char* line :
       {R"({"a": 1, "b": "x"})", R"({"b":"x","a":1})", R"({})", " \t\r\n{ }\n",
        R"({"a":-5,"b":null})", R"({"a":0.1000,"b":123456789012345678901234567890})",
        R"({"a":true,"b":false})", R"({"c":{"d":7,"e":8},"a":1})", R"({"c.d":7})",
        "{\"a\":\"\xc3\xa9, and more text\"}",
        R"({"x": {"y": {"a": 1}}, "a": 2, "z": [1, {"a": 3}], "skipped": {"a": 4}})",
        R"({"b": [ 1 , {"p" : [ ] , "q":{ "r":[[ ]] } } , "x y", null,true ], "a" : 1 })",
        R"({"b":{},"a":[]})", "{\"a\":\"\xf0\x9f\x98\x80\"}", R"({"a":-0.0,"b":"12345678"})",
        R"({"new":1,"new":2,"a":"1234567"})", R"({"a":"123456789"})"}) {
    EXPECT_EQ(plain(line), Values(line)) << line;
    EXPECT_NE(plain(line), "-") << line;
  }
  EXPECT_EQ(unknown, (std::set<std::string>{"c.e", "new", "x.y.a", "z"}));
  // Left to the other reader, whether it can read them or not.
  for (const char* line : {"",
                           "{",
                           "[1]",
                           "1",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{\"a\":1} x",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":-}",
                           "{\"a\":-0}",
                           "{\"a\":1e3}",
                           "{\"a\":1E3}",
                           "{\"a\":tru}",
                           "{\"a\" 1}",
                           "{\"a\":\"\\n\"}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"x}",
                           "{\"\":1}",
                           "{\"\\u0061\":1}",
                           "{\"a\":1,\"a\":2}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"\xc3\"}",
                           "{\"a\":[1}",
                           "{\"a\":[1,]}",
                           "{\"a\":{\"b\"}}",
                           "{\"a\":[\"\\t\"]}",
                           "{\"skipped\":[}",
                           "{\"a\":\"\xed\xa0\x80\"}",
                           "\xef\xbb\xbf{\"a\":1}"}) {
    EXPECT_EQ(plain(line), "-") << line;
  }
  EXPECT_EQ(plain("{\"a\":" + std::string(300'000, '[')), "-");
  EXPECT_EQ(plain("{\"a\":" + std::string(301, '9') + "}"), "-");
  // A name that cannot be read is asked for each time.
  for (int i = 0; i < 2; ++i) EXPECT_THROW(plain(R"({"throws":1})"), CliError);
  // And names without end are not kept.
  int known = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (plain("{\"n" + std::to_string(i) + "\":1}") != "-") ++known;
  }
  EXPECT_LT(known, 10'000);
  EXPECT_EQ(plain(R"({"a":1})"), "1 ~ ~");
}

TargetTable Events() {
  TargetTable table;
  table.name = QualifiedName::Parse("t");
  table.columns = {"at", "name", "n"};
  table.info.resize(3);
  table.info[0].time = ColumnInfo::Time::kWithZone;
  table.info[0].never_empty = table.info[2].never_empty = true;
  return table;
}

TEST(CsvWriter, LeavesOutAndRewritesFieldsAndNothingElse) {
  LoadOptions options;
  options.time_formats = {{"", "seconds"}};
  options.dialect = {';', '\'', "NA", ""};
  const TargetTable table = Events();
  const auto writer = MakeCsvWriter(options, table, {"name", "", "at", "n"});
  EXPECT_EQ(writer->format()->columns, (std::vector<std::string>{"name", "at", "n"}));
  const auto sent = [&](const std::string& record) {
    const std::string reason = writer->Take(record);
    std::string out;
    writer->Append(&out);
    return reason.empty() ? out : "bad: " + reason;
  };
  EXPECT_EQ(sent("'a;''b';'x\ny';0;5"), "'a;''b';'1970-01-01 00:00:00.000000+00';5");
  EXPECT_EQ(sent("NA;x;NA;NA"), "NA;NA;NA");
  EXPECT_EQ(sent("a;x;'1';"), "a;'1970-01-01 00:00:01.000000+00';");
  EXPECT_EQ(sent("a;x;;"), "a;;");
  EXPECT_EQ(sent("a;x;soon;5").substr(0, 5), "bad: ");
  EXPECT_EQ(sent("a;x;1"), "bad: missing data for column \"n\"");
  EXPECT_EQ(sent("a;x;1;2;3"), "bad: extra data after last expected column");
}

TEST(CsvWriter, WithoutQuotesAndWithEmptyAsNull) {
  LoadOptions options;
  options.dialect = {'\t', '\0', "\\N", ""};
  options.empty_as_null = true;
  const TargetTable table = Events();
  const auto writer = MakeCsvWriter(options, table, {"at", "name", "n"});
  EXPECT_EQ(writer->format()->dialect.quote, '"');
  EXPECT_EQ(writer->format()->force_null, (std::vector<std::string>{"at", "n"}));
  std::string out;
  EXPECT_EQ(writer->Take("\t5\" x\t\\N"), "");
  writer->Append(&out);
  EXPECT_EQ(out, "\\N\t\"5\"\" x\"\t\\N");
}

TEST(CsvWriter, SendsRecordsAsTheyAreIfNothingAsksForMore) {
  LoadOptions options;
  options.dialect = {';', '\'', "NULL", ""};
  options.time_zone = "Europe/Berlin";
  const TargetTable table = Events();
  const auto writer = MakeCsvWriter(options, table, {"at", "name", "n"});
  EXPECT_FALSE(writer->changes_lines());
  std::string out;
  EXPECT_EQ(writer->Take("any'thing;\nat all"), "");
  writer->Append(&out);
  EXPECT_EQ(out, "any'thing;\nat all");
}

TEST(JsonWriter, BinaryWhereItMeansTheSame) {
  LoadOptions options;
  TargetTable table = Events();
  table.info[0].binary = BinaryType::kTimestampTz;
  table.info[1].binary = BinaryType::kText;
  table.info[2].binary = BinaryType::kInt4;
  JsonWriter writer(options, table, true), text(options, table);
  const auto binary = [&](const std::string& line) {
    EXPECT_EQ(text.Take(line), "");
    EXPECT_FALSE(text.format()->binary);
    EXPECT_EQ(writer.Take(line), "");
    std::string row, record;
    writer.Append(&row);
    text.Append(&record);
    const bool is_binary = writer.format()->binary;
    EXPECT_EQ(row == record, !is_binary);
    return is_binary;
  };
  EXPECT_TRUE(binary(R"({"at":"2026-01-31T08:15:00Z","name":"x","n":5})"));
  const auto first = writer.format();
  EXPECT_TRUE(binary(R"({"n":null,"name":"\n"})"));
  EXPECT_EQ(writer.format(), first);
  EXPECT_FALSE(binary(R"({"at":"2026-01-31T08:15:00","name":"x","n":5})"));
  EXPECT_FALSE(binary(R"({"n":1e3})"));
  EXPECT_FALSE(binary(R"({"n":"x"})"));
  EXPECT_FALSE(binary(R"({"name":"\u0000"})"));
  EXPECT_TRUE(binary(R"({"n":"7"})"));
  EXPECT_EQ(writer.format(), first);
}

TEST(FindFileColumns, HeaderOrData) {
  const TargetTable table = Events();
  LoadOptions options;
  const auto find = [&](const std::string& record) {
    const FileColumns found = FindFileColumns(options, table, "f:1", record);
    std::string text = found.header ? "header" : "data";
    for (const std::string& name : found.names) text += " " + name;
    return text;
  };
  EXPECT_EQ(find("at,name,n"), "header at name n");
  EXPECT_EQ(find("N,\"Name\""), "header n name");
  EXPECT_THROW(find("at,label,n"), CliError);
  EXPECT_THROW(find("when,label,count"), CliError);
  EXPECT_THROW(find("at,AT"), CliError);
  EXPECT_THROW(find("2026-01-01,x,1"), CliError);
  options.map = {{"label", "name"}};
  options.skip = {"junk"};
  EXPECT_EQ(find("label,junk,at"), "header name  at");
  EXPECT_THROW(find("name,junk"), CliError);
  EXPECT_THROW(find("label,name,junk"), CliError);
  options.map = {};
  EXPECT_THROW(find("junk"), CliError);
  options.skip = {};
  options.columns = {"name", "n"};
  EXPECT_EQ(find("x,y"), "data name n");
  EXPECT_EQ(find("name,n"), "header name n");
}

TEST(HintFor, WhatHelps) {
  EXPECT_NE(HintFor("22021", "invalid byte sequence", "caf\xe9").find("latin1"), std::string::npos);
  EXPECT_NE(HintFor("22021", "invalid byte sequence", "\x80").find("win1252"), std::string::npos);
  EXPECT_NE(HintFor("22021", "0x00", std::string("a\0b\0", 4)).find("utf-16"), std::string::npos);
  EXPECT_NE(HintFor("22P02", "invalid input syntax for type bigint: \"\", column n: \"\"", "")
                .find("--empty-as-null"),
            std::string::npos);
  EXPECT_EQ(HintFor("22P02", "invalid input syntax for type bigint: \"x1\", column n: \"x1\"", ""),
            "");
  EXPECT_NE(
      HintFor("22P02", "invalid input syntax for type x: \"1.000,5\"", "").find("decimal comma"),
      std::string::npos);
  EXPECT_NE(HintFor("22P04", "extra data after last expected column", "").find("--quote"),
            std::string::npos);
  EXPECT_NE(HintFor("22P02", "invalid input syntax for type bigint: \"N/A\", column n: \"N/A\"", "")
                .find("--null N/A"),
            std::string::npos);
  EXPECT_NE(HintFor("22008", "date/time field value out of range: \"1767261600\"", "")
                .find("--time-format seconds"),
            std::string::npos);
  EXPECT_NE(HintFor("22007", "invalid input syntax for type x: \"1767261600.123456\"", "")
                .find("--time-format seconds"),
            std::string::npos);
  EXPECT_EQ(HintFor("23505", "duplicate key", ""), "");
}

}  // namespace
}  // namespace millrace::cli
