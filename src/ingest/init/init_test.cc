// What `millrace init` guesses from texts, without a server.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "client/error.h"
#include "ingest/init/choose_columns.h"
#include "ingest/init/choose_partitions.h"
#include "ingest/init/plain_names.h"
#include "ingest/init/proposal_sql.h"
#include "ingest/init/propose_files.h"
#include "ingest/init/rollups.h"
#include "ingest/init/sample_files.h"

namespace millrace::cli {
namespace {

// A file that is removed when the test ends.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    std::string name = "/tmp/millrace-init-XXXXXX";
    const int fd = mkstemp(name.data());
    EXPECT_GE(fd, 0);
    close(fd);
    path_ = name;
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Sample SampleOf(const std::vector<std::vector<std::string>>& columns) {
  Sample sample;
  for (std::size_t i = 0; i < columns.size(); ++i) sample.names.push_back("c" + std::to_string(i));
  for (std::size_t row = 0; row < columns[0].size(); ++row) {
    sample.rows.emplace_back();
    for (const auto& column : columns) sample.rows.back().push_back({column[row], false});
  }
  return sample;
}

ColumnProfile ProfileOf(const std::vector<std::string>& values) {
  return ProfileColumns(SampleOf({values}), "")[0];
}

ValueType TypeOf(const std::vector<std::string>& values) { return ProfileOf(values).type; }

TEST(PlainNames, AreWhatSqlTakesWithoutQuotes) {
  EXPECT_EQ(PlainName("Device ID"), "device_id");
  EXPECT_EQ(PlainName("deviceId"), "device_id");
  EXPECT_EQ(PlainName("  device-id "), "device_id");
  EXPECT_EQ(PlainName("HTTPStatus"), "http_status");
  EXPECT_EQ(PlainName("order"), "order_");
  EXPECT_EQ(PlainName("2nd value"), "column_2nd_value");
  EXPECT_EQ(PlainName("xmin"), "xmin_");
  EXPECT_EQ(PlainName("Währung"), "währung");
  EXPECT_EQ(PlainName("€ %"), "€");
  EXPECT_EQ(PlainName(" - "), "");
  EXPECT_EQ(PlainName(std::string(39, 'a') + "ä").size(), 39u);  // not half a character
}

TEST(PlainNames, DoNotRepeat) {
  EXPECT_EQ(PlainNames({"a", "A", "", "a b", "a_b", "a_2"}),
            (std::vector<std::string>{"a", "a_2", "column_3", "a_b", "a_b_2", "a_2_2"}));
}

TEST(PlainNames, QuoteOnlyWhatNeedsIt) {
  EXPECT_EQ(SqlName(std::string("device_id")), "device_id");
  EXPECT_EQ(SqlName(std::string("order")), "\"order\"");
  EXPECT_EQ(SqlName(std::string("Device")), "\"Device\"");
  EXPECT_EQ(SqlText("it's"), "'it''s'");
}

TEST(Types, OfNumbers) {
  EXPECT_EQ(TypeOf({"1", "-20", "0"}), ValueType::kBigint);
  EXPECT_EQ(TypeOf({"1", "9223372036854775808"}), ValueType::kDecimal);
  EXPECT_EQ(TypeOf({"1.5", "2", ".5"}), ValueType::kDecimal);
  EXPECT_EQ(TypeOf({"1.5e3", "2"}), ValueType::kFloat);
  EXPECT_EQ(TypeOf({"1.5", "NaN"}), ValueType::kFloat);
  EXPECT_EQ(TypeOf({"007", "12"}), ValueType::kText) << "a number with a zero before it is a name";
  EXPECT_EQ(TypeOf({"+491701", "+491702"}), ValueType::kText);
  EXPECT_EQ(TypeOf({"1", "x"}), ValueType::kText);
  EXPECT_EQ(TypeOf({"-", "1"}), ValueType::kText);
  EXPECT_EQ(TypeOf({"", ""}), ValueType::kText);
}

TEST(Types, OfNumbersWithCommas) {
  EXPECT_EQ(ProfileOf({"12,5", "1.234,50"}).style, NumberStyle::kComma);
  EXPECT_EQ(ProfileOf({"1,234.50", "12"}).style, NumberStyle::kThousands);
  EXPECT_DOUBLE_EQ(ProfileOf({"12,5", "1.234,50"}).high, 1234.5);
  EXPECT_DOUBLE_EQ(ProfileOf({"1,234.50", "12"}).high, 1234.5);
  // Either a thousand or one and a quarter: nobody can say.
  EXPECT_EQ(TypeOf({"1,234", "2,250"}), ValueType::kText);
}

TEST(Types, OfWords) {
  EXPECT_EQ(TypeOf({"true", "FALSE"}), ValueType::kBoolean);
  EXPECT_EQ(TypeOf({"true", "true"}), ValueType::kBoolean);
  EXPECT_EQ(TypeOf({"yes", "no"}), ValueType::kBoolean);
  EXPECT_EQ(TypeOf({"no", "no"}), ValueType::kText) << "may be a country";
  EXPECT_EQ(TypeOf({"t", "n"}), ValueType::kText);
  EXPECT_EQ(TypeOf({"6f1c2e50-0d3b-4a57-9c5e-3f0f5d1c9a11"}), ValueType::kUuid);
  EXPECT_EQ(TypeOf({"10.0.0.1", "::1"}), ValueType::kInet);
  EXPECT_EQ(TypeOf({"{\"a\": 1}", "[]"}), ValueType::kJson);
  EXPECT_EQ(TypeOf({"{\"a\": \"\\u0000\"}"}), ValueType::kText) << "jsonb has no zero character";
  EXPECT_EQ(TypeOf({"{a}"}), ValueType::kText);
}

TEST(Types, OfTimes) {
  EXPECT_EQ(TypeOf({"2026-01-31", "2026-02-01"}), ValueType::kDate);
  EXPECT_EQ(TypeOf({"2026-02-30"}), ValueType::kText) << "no such day";
  EXPECT_EQ(TypeOf({"2026-01-31 10:15", "2026-01-31"}), ValueType::kTime);
  const ColumnProfile zoned = ProfileOf({"2026-01-31T10:15:30.25+01:00", "2026-01-31T00:00:00Z"});
  EXPECT_EQ(zoned.type, ValueType::kTime);
  EXPECT_EQ(zoned.without_zone, 0);
  EXPECT_EQ(ShowTime(zoned.last_time), "2026-01-31 09:15");
  EXPECT_EQ(ProfileOf({"2026-01-31 10:15"}).without_zone, 1);
  EXPECT_EQ(ProfileOf({"31.01.2026 10:15"}).time_forms, std::uint32_t{kTimeDotted});
  EXPECT_EQ(ProfileOf({"31/01/2026"}).time_forms, std::uint32_t{kTimeDayFirst});
  EXPECT_EQ(ProfileOf({"01/31/2026"}).time_forms, std::uint32_t{kTimeMonthFirst});
  EXPECT_EQ(ProfileOf({"01/02/2026"}).time_forms, kTimeDayFirst | kTimeMonthFirst);
  EXPECT_EQ(ProfileOf({"1767571215181"}).time_forms, std::uint32_t{kTimeMillis});
  EXPECT_EQ(ProfileOf({"31/Jan/2026:10:15:00 +0100"}).time_forms, std::uint32_t{kTimeLog});
  EXPECT_EQ(ProfileOf({"Jan 31, 2026 10:15:00 PM"}).time_forms, std::uint32_t{kTimeNamedPm});
  EXPECT_EQ(ShowTime(ProfileOf({"01/31/2026 10:15 PM"}).first_time), "2026-01-31 22:15");
  EXPECT_EQ(ProfileOf({"1767571215"}).type, ValueType::kBigint);
  EXPECT_EQ(ShowTime(ProfileOf({"1767571215"}).first_time), "2026-01-05 00:00");
}

TEST(Null, IsAWordWithoutWhichAColumnHasAType) {
  EXPECT_EQ(GuessNullText(SampleOf({{"1", "NULL", "3"}, {"a", "b", "NULL"}})), "NULL");
  EXPECT_EQ(GuessNullText(SampleOf({{"a", "NULL", "c"}})), "") << "all texts anyway";
  EXPECT_EQ(GuessNullText(SampleOf({{"NULL", "NULL"}})), "");
}

SampledFiles SampleText(const std::string& text, const SampleChoices& choices = {}) {
  const TemporaryFile file(text);
  return SampleFiles({file.path()}, choices);
}

TEST(Samples, KnowTheHeader) {
  EXPECT_TRUE(SampleText("time,n\n2026-01-01,1\n").header);
  EXPECT_FALSE(SampleText("2026-01-01,1\n2026-01-02,2\n").header);
  EXPECT_TRUE(SampleText("name,town\nann,ulm\nbob,ulm\n").header);
  EXPECT_FALSE(SampleText("ann,ulm\nbob,ulm\nann,bonn\n").header) << "ann comes again";
  SampleChoices choices;
  choices.header = HeaderMode::kNo;
  EXPECT_EQ(SampleText("time,n\n2026-01-01,1\n", choices).sample.rows.size(), 2u);
}

TEST(Samples, SayWhatIsWrong) {
  EXPECT_THROW(SampleText(""), CliError);
  EXPECT_THROW(SampleFiles({"/dev/null"}, {}), CliError) << "no regular file";
  SampleChoices choices;
  choices.header = HeaderMode::kYes;
  EXPECT_THROW(SampleText("a,b\n", choices), CliError) << "a header and no rows";
  choices.columns = {"one"};
  EXPECT_THROW(SampleText("a,b\n1,2\n", choices), CliError) << "one name for two columns";
  const TemporaryFile one("a,b\n1,2\n"), other("a,c\n1,2\n");
  EXPECT_THROW(SampleFiles({one.path(), other.path()}, {}), CliError) << "other columns";
}

TEST(Samples, TakeTheMiddleAndTheEndOfLargeFiles) {
  // 15 MB, whose rows say where they are.
  std::string text = "time,place\n";
  const int rows = 500'000;
  for (int i = 0; i < rows; ++i) {
    text += "2026-01-01 00:00:00+00," + std::to_string(10'000'000 + i) + "\n";
  }
  const SampledFiles sampled = SampleText(text);
  const ColumnProfile place = ProfileColumns(sampled.sample, "")[1];
  EXPECT_FALSE(sampled.sample.whole);
  EXPECT_EQ(place.type, ValueType::kBigint) << "no row is cut";
  EXPECT_EQ(place.low, 10'000'000);
  EXPECT_EQ(place.high, 10'000'000 + rows - 1);
  EXPECT_NEAR(static_cast<double>(sampled.sample.total_rows), rows, rows / 100.0);
  EXPECT_EQ(sampled.sample.odd_rows, 0);
}

TEST(Samples, OfDeepJson) {
  const std::string deep(2'000'000, '[');
  const SampledFiles sampled =
      SampleText("{\"t\":\"2026-01-01T00:00:00Z\",\"a\":1}\n{\"a\":" + deep +
                 std::string(deep.size(), ']') + "}\n");
  EXPECT_EQ(sampled.sample.rows.size(), 1u);
  EXPECT_EQ(sampled.sample.odd_rows, 1);
}

TEST(Samples, OfJson) {
  const SampledFiles sampled = SampleText(
      "{\"t\":\"2026-01-01T00:00:00Z\",\"user\":{\"id\":7},\"tags\":[1]}\n"
      "{\"t\":\"2026-01-01T00:00:01Z\",\"user\":{\"id\":null},\"paid\":true}\nno\n");
  EXPECT_TRUE(sampled.json);
  EXPECT_EQ(sampled.sample.names, (std::vector<std::string>{"t", "user.id", "tags", "paid"}));
  EXPECT_EQ(sampled.sample.odd_rows, 1);
  const auto profiles = ProfileColumns(sampled.sample, "");
  EXPECT_EQ(profiles[1].type, ValueType::kBigint);
  EXPECT_EQ(profiles[1].nulls, 1);
  EXPECT_EQ(profiles[2].type, ValueType::kJson);
  EXPECT_EQ(profiles[3].type, ValueType::kBoolean);
}

// 400 events of 3 sites, 100 devices and 2 browsers; `name`s are the header.
std::string Visits() {
  std::string text = "Time,site,device id,browser,price,ms\n";
  for (int i = 0; i < 400; ++i) {
    text += "2026-01-01 0" + std::to_string(i % 10) + ":00:00,site" + std::to_string(i % 3) + "," +
            std::to_string(i * 7 % 100) + "," + (i % 2 == 0 ? "a" : "b") + "," + std::to_string(i) +
            ".50," + std::to_string(i * 13 % 997) + "\n";
  }
  return text;
}

Proposal ProposeText(const std::string& text, const InitChoices& choices = {}) {
  const TemporaryFile file(text);
  return ProposeForFiles({file.path()}, SampleFiles({file.path()}, {}), choices,
                         1'767'312'000'000'000);  // 2026-01-02
}

const Column& Find(const Proposal& proposal, const std::string& name) {
  for (const Column& column : proposal.columns) {
    if (column.name == name) return column;
  }
  throw CliError("no column " + name);
}

TEST(Proposals, OfVisits) {
  const Proposal proposal = ProposeText(Visits());
  EXPECT_EQ(proposal.columns[proposal.time].name, "time");
  EXPECT_EQ(Find(proposal, "time").type, "timestamptz");
  EXPECT_EQ(Find(proposal, "site").use, ColumnUse::kTenant);
  EXPECT_EQ(Find(proposal, "browser").use, ColumnUse::kDimension);
  EXPECT_TRUE(Find(proposal, "device_id").distinct);
  EXPECT_TRUE(Find(proposal, "device_id").top);
  EXPECT_EQ(Find(proposal, "price").type, "numeric");
  EXPECT_TRUE(Find(proposal, "price").sum);
  EXPECT_TRUE(Find(proposal, "ms").average);
  EXPECT_EQ(proposal.partitions.width, "1 day");
  EXPECT_EQ(proposal.id_column, "event_id");
}

TEST(Proposals, TakeTheUsersWord) {
  InitChoices choices;
  choices.tenant = "none";
  choices.dimensions = {"site", "device id"};
  choices.distinct = {"none"};
  choices.top = {"browser"};
  choices.sum = {"ms"};
  choices.types = {{"ms", "int"}};
  choices.partition = "1hour";
  const Proposal proposal = ProposeText(Visits(), choices);
  EXPECT_FALSE(proposal.tenant);
  EXPECT_EQ(Find(proposal, "site").use, ColumnUse::kDimension);
  EXPECT_EQ(Find(proposal, "device_id").use, ColumnUse::kDimension);
  EXPECT_TRUE(Find(proposal, "browser").top);
  EXPECT_TRUE(Find(proposal, "ms").sum);
  EXPECT_EQ(Find(proposal, "ms").type, "integer");
  EXPECT_FALSE(Find(proposal, "price").sum);
  EXPECT_EQ(proposal.partitions.width, "1 hour");
  choices.sum = {"site"};
  EXPECT_THROW(ProposeText(Visits(), choices), CliError) << "no number";
  choices.sum = {"nothing"};
  EXPECT_THROW(ProposeText(Visits(), choices), CliError) << "no such column";
}

TEST(Proposals, NeedATime) {
  EXPECT_THROW(ProposeText("a,b\n1,x\n2,y\n"), CliError);
  EXPECT_THROW(ProposeText("day,n\n01/02/2026,1\n03/04/2026,2\n"), CliError)
      << "day or month first";
  InitChoices choices;
  choices.time_format = "%d/%m/%Y";
  const Proposal proposal = ProposeText("day,n\n01/02/2026,1\n03/04/2026,2\n", choices);
  EXPECT_EQ(proposal.time_sql, "day");
  EXPECT_EQ(ShowTime(proposal.columns[0].profile.first_time), "2026-02-01 00:00");
  choices.time_format = "%Y-%m-%d";
  EXPECT_THROW(ProposeText("day,n\n01/02/2026,1\n", choices), CliError) << "another format";
}

TEST(Proposals, FindTheTimeByItsFormat) {
  InitChoices choices;
  choices.time_format = "%y%m%d-%H%M";
  const Proposal proposal =
      ProposeText("when,made\n2026-01-01,260131-1015\n2026-01-01,260131-1016\n", choices);
  EXPECT_EQ(proposal.columns[proposal.time].name, "made");
  EXPECT_EQ(ShowTime(proposal.columns[1].profile.last_time), "2026-01-31 10:16");
}

TEST(Proposals, KeepTheTextOfGermanNumbers) {
  const Proposal proposal =
      ProposeText("zeit;betrag\n2026-01-01 10:00;1.234,50\n2026-01-01 10:01;2,25\n");
  EXPECT_EQ(Find(proposal, "betrag").raw_name, "betrag_text");
  EXPECT_EQ(Find(proposal, "betrag").expression,
            "replace(replace(betrag_text, '.', ''), ',', '.')::numeric");
}

TEST(Proposals, OfDatesHaveOneRollupByDay) {
  const Proposal proposal = ProposeText("date,n\n2026-01-01,1\n2026-01-02,2\n");
  const auto rollups = RollupsOf(proposal);
  ASSERT_EQ(rollups.size(), 1u);
  EXPECT_EQ(rollups[0].keys.back().expression, "date");
}

TEST(Proposals, GiveColumnsOfRollupsNamesOfTheirOwn) {
  // Columns that are named as what is computed of others.
  std::string text = "time,minute,event_count,ms,ms_sum\n";
  for (int i = 0; i < 300; ++i) {
    text += "2026-01-01 10:00:00,m" + std::to_string(i % 2) + ",e" + std::to_string(i % 2) + "," +
            std::to_string(i) + "," + std::to_string(i * 3) + "\n";
  }
  for (const ProposedRollup& rollup : RollupsOf(ProposeText(text))) {
    std::set<std::string> names;
    for (const auto& columns : {rollup.keys, rollup.measures}) {
      for (const RollupColumn& column : columns) EXPECT_TRUE(names.insert(column.name).second);
    }
  }
}

TEST(Partitions, AreAsWideAsTheEventsAreFew) {
  InitChoices choices;
  Proposal proposal;
  proposal.columns.resize(1);
  ColumnProfile& time = proposal.columns[0].profile;
  time.time_forms = kTimeIso;
  time.values = 1000;
  const std::int64_t now = 1'767'312'000'000'000;
  time.last_time = now;
  time.first_time = now - 86'400'000'000;
  for (const auto& [rows, width] : {std::pair(1'000'000, "1 day"), std::pair(100'000'000, "1 hour"),
                                    std::pair(2'000'000'000, "5 minutes")}) {
    proposal.total_rows = rows;
    EXPECT_EQ(ChoosePartitions(choices, proposal, now).width, width);
  }
  proposal.total_rows = 1000;
  time.first_time = now - 3'000LL * 86'400'000'000;
  EXPECT_EQ(ChoosePartitions(choices, proposal, now).width, "") << "3,000 would be too many";
}

TEST(Partitions, HaveWidthsThatPostgresReads) {
  EXPECT_EQ(ParsePartitionWidth("1day"), "1 day");
  EXPECT_EQ(ParsePartitionWidth("5min"), "5 minutes");
  EXPECT_EQ(ParsePartitionWidth("2 hours"), "2 hours");
  for (const char* text : {"1month", "day", "0day", "5", "-1day", "1day; DROP"}) {
    EXPECT_THROW(ParsePartitionWidth(text), CliError) << text;
  }
}

TEST(Names, OfTables) {
  EXPECT_EQ(TableNameOf("/a/b/Clicks.csv"), "clicks");
  EXPECT_EQ(TableNameOf("clicks-2026-01.csv.gz"), "clicks");
  EXPECT_EQ(TableNameOf("2026-01.csv"), "events");
  EXPECT_EQ(TableNameOf("order.csv"), "order");
}

TEST(Scripts, HaveNoNameThatIsRun) {
  Proposal proposal = ProposeText(Visits());
  const std::string script =
      SqlScript(proposal, SqlParts(proposal), "millrace load 'a\nDROP TABLE b.csv'");
  EXPECT_NE(script.find("\n--DROP TABLE b.csv'\n"), std::string::npos);
  for (Column& column : proposal.columns) {
    if (column.name == "browser") column.name = "a$rollup$b";
  }
  const std::string sql = DeclareSql(RollupsOf(proposal)[0], "");
  EXPECT_NE(sql.find("$xrollup$\n    SELECT"), std::string::npos);
}

TEST(Comments, CannotBeLeft) {
  EXPECT_EQ(SqlComment("a\nDROP TABLE b"), "-- a DROP TABLE b\n");
  const std::string comment =
      SqlComment(std::string(300, 'x') + " " + std::string(90, 'y') + " zz zz zz");
  std::size_t at = 0;
  while (at < comment.size()) {
    EXPECT_EQ(comment.substr(at, 2), "--");
    at = comment.find('\n', at) + 1;
  }
}

}  // namespace
}  // namespace millrace::cli
