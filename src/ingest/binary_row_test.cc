// Tests of rows in COPY's binary form. What the server makes of them: test/kafka/binary.

#include "ingest/binary_row.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "ingest/time_format.h"

namespace millrace::cli {
namespace {

// The bytes of a field, as hexadecimal digits, or "-" if there is no binary form.
std::string Hex(BinaryType type, const std::string& text) {
  std::string out;
  if (!AppendBinaryText(type, text, &out)) return out.empty() ? "-" : "something was appended";
  const std::string head = out.substr(0, 4);
  std::string hex;
  for (const char c : out.substr(4)) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  const std::string length = {0, 0, 0, static_cast<char>(out.size() - 4)};
  return head == length ? hex : "another length";
}

TEST(BinaryRow, Numbers) {
  EXPECT_EQ(Hex(BinaryType::kInt2, "-2"), "fffe");
  EXPECT_EQ(Hex(BinaryType::kInt4, "65536"), "00010000");
  EXPECT_EQ(Hex(BinaryType::kInt8, "9223372036854775807"), "7fffffffffffffff");
  EXPECT_EQ(Hex(BinaryType::kInt8, "-9223372036854775808"), "8000000000000000");
  EXPECT_EQ(Hex(BinaryType::kFloat8, "-0.5"), "bfe0000000000000");
  EXPECT_EQ(Hex(BinaryType::kFloat8, "1e3"), "408f400000000000");
  EXPECT_EQ(Hex(BinaryType::kFloat4, "1.5"), "3fc00000");
  EXPECT_EQ(Hex(BinaryType::kBool, "true"), "01");
  EXPECT_EQ(Hex(BinaryType::kBool, "false"), "00");
  for (const char* other : {"", " 1", "1 ", "+1", "1.0", "0x1", "1e0", "32768", "x", "-"}) {
    EXPECT_EQ(Hex(BinaryType::kInt2, other), "-") << other;
  }
  EXPECT_EQ(Hex(BinaryType::kInt4, "2147483648"), "-");
  EXPECT_EQ(Hex(BinaryType::kInt8, "9223372036854775808"), "-");
  for (const char* other : {"", "nan", "inf", "-inf", "Infinity", ".5", "1e999", "1,5", " 1"}) {
    EXPECT_EQ(Hex(BinaryType::kFloat8, other), "-") << other;
  }
  EXPECT_EQ(Hex(BinaryType::kFloat4, "1e39"), "-");
  EXPECT_EQ(Hex(BinaryType::kBool, "t"), "01");
  EXPECT_EQ(Hex(BinaryType::kBool, "0"), "00");
  for (const char* other : {"tr", "yes", "TRUE", " t", ""}) {
    EXPECT_EQ(Hex(BinaryType::kBool, other), "-");
  }
}

TEST(BinaryRow, Numeric) {
  // Count of groups, weight, sign, decimals, groups.
  EXPECT_EQ(Hex(BinaryType::kNumeric, "0"), "0000000000000000");
  EXPECT_EQ(Hex(BinaryType::kNumeric, "-0.00"), "0000000000000002");
  EXPECT_EQ(Hex(BinaryType::kNumeric, "12345.678"),
            "00030001000000030001"
            "0929"
            "1a7c");
  EXPECT_EQ(Hex(BinaryType::kNumeric, "-0.05"), "0001ffff4000000201f4");
  EXPECT_EQ(Hex(BinaryType::kNumeric, "0.00001"), "0001fffe0000000503e8");
  EXPECT_EQ(Hex(BinaryType::kNumeric, "10000"), "00010001000000000001");
  for (const char* other : {"", "-", "1.", ".5", "1e3", "NaN", "+1", " 1", "1_0"}) {
    EXPECT_EQ(Hex(BinaryType::kNumeric, other), "-") << other;
  }
  EXPECT_EQ(Hex(BinaryType::kNumeric, std::string(101, '1')), "-");
}

TEST(BinaryRow, Texts) {
  EXPECT_EQ(Hex(BinaryType::kText, ""), "");
  EXPECT_EQ(Hex(BinaryType::kText, "\xc3\xa9"), "c3a9");
  EXPECT_EQ(Hex(BinaryType::kText, std::string("a\0b", 3)), "-");
  EXPECT_EQ(Hex(BinaryType::kJson, "{}"), "7b7d");
  EXPECT_EQ(Hex(BinaryType::kJsonb, "{}"), "017b7d");
  EXPECT_EQ(Hex(BinaryType::kJson, ""), "-");
  EXPECT_EQ(Hex(BinaryType::kUuid, "00112233-4455-6677-8899-aAbBcCdDeEfF"),
            "00112233445566778899aabbccddeeff");
  EXPECT_EQ(Hex(BinaryType::kUuid, "{00112233-4455-6677-8899-aabbccddeeff}"), "-");
  EXPECT_EQ(Hex(BinaryType::kUuid, "00112233445566778899aabbccddeeff"), "-");
  EXPECT_EQ(Hex(BinaryType::kUuid, "00112233-4455-6677-8899-aabbccddeefg"), "-");
  EXPECT_EQ(Hex(BinaryType::kNone, "x"), "-");
}

TEST(BinaryRow, Times) {
  EXPECT_EQ(Hex(BinaryType::kTimestampTz, "2000-01-01T00:00:01Z"), "00000000000f4240");
  EXPECT_EQ(Hex(BinaryType::kTimestampTz, "2000-01-01 01:00:00.000001+01:00"), "0000000000000001");
  EXPECT_EQ(Hex(BinaryType::kTimestampTz, "2000-01-01 01:00:00.5+0100"), "000000000007a120");
  EXPECT_EQ(Hex(BinaryType::kTimestampTz, "1999-12-31T23:00:00-01"), "0000000000000000");
  EXPECT_EQ(Hex(BinaryType::kTimestamp, "2000-01-01T00:00:01"), "00000000000f4240");
  // A timestamp is what the clock shows, as in SQL.
  EXPECT_EQ(Hex(BinaryType::kTimestamp, "2000-01-01T00:00:01+05:00"), "00000000000f4240");
  EXPECT_EQ(Hex(BinaryType::kDate, "2000-01-02"), "00000001");
  EXPECT_EQ(Hex(BinaryType::kDate, "1999-12-31"), "ffffffff");
  for (const char* other :
       {"", "now", "2000-01-01", "2000-01-01T00:00:01", "2000-01-01T00:00Z", "2000-02-30T00:00:00Z",
        "2000-01-01T24:00:00Z", "2000-01-01T00:00:60Z", "2000-01-01T00:00:00.Z",
        "2000-01-01T00:00:00.1234567Z", "2000-01-01T00:00:00 Z", "2000-01-01T00:00:00+16",
        "2000-01-01T00:00:00z", "2000-01-01t00:00:00Z", "0000-01-01T00:00:00Z",
        "01.01.2000 00:00:00Z", "2000-01-01T00:00:00 Europe/Berlin", "2000-01-01T00:00:00+01:0"}) {
    EXPECT_EQ(Hex(BinaryType::kTimestampTz, other), "-") << other;
  }
  for (const char* other : {"2000-01-01 00:00:00", "2000-1-1", "01/02/2000", "infinity"}) {
    EXPECT_EQ(Hex(BinaryType::kDate, other), "-") << other;
  }
  std::string out;
  Moment moment;
  EXPECT_FALSE(AppendBinaryMoment(BinaryType::kTimestampTz, moment, &out));
  EXPECT_FALSE(AppendBinaryMoment(BinaryType::kText, moment, &out));
  EXPECT_EQ(out, "");
}

TEST(BinaryRow, FieldsAndTheirMinutes) {
  const auto minute = [](BinaryType type, const std::string& text) {
    std::string row;
    AppendBinaryRow(3, &row);
    AppendBinaryNull(&row);
    EXPECT_TRUE(AppendBinaryText(BinaryType::kText, "some text", &row));
    EXPECT_TRUE(AppendBinaryText(type, text, &row));
    EXPECT_FALSE(BinaryField(row, 0));
    EXPECT_EQ(BinaryField(row, 1), "some text");
    EXPECT_FALSE(BinaryField(row, 3));
    return FormatBinaryMinute(type, BinaryMinute(type, BinaryField(row, 2).value_or("")));
  };
  EXPECT_EQ(minute(BinaryType::kTimestampTz, "2026-01-31T08:15:59.9+01:00"), "2026-01-31 07:15+00");
  EXPECT_EQ(minute(BinaryType::kTimestampTz, "1999-12-31T23:59:59Z"), "1999-12-31 23:59+00");
  EXPECT_EQ(minute(BinaryType::kTimestamp, "0001-01-01 00:00:30"), "0001-01-01 00:00");
  EXPECT_EQ(minute(BinaryType::kDate, "2026-01-31"), "2026-01-31");
  EXPECT_EQ(minute(BinaryType::kInt8, "-5"), "-5");
  EXPECT_EQ(minute(BinaryType::kBool, "true"), "");
}

}  // namespace
}  // namespace millrace::cli
