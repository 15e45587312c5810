#include "client/text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(FormatCount, HasTheWordForOneOrForMore) {
  EXPECT_EQ(FormatCount(0, "row is", "rows are"), "0 rows are");
  EXPECT_EQ(FormatCount(1, "row is", "rows are"), "1 row is");
  EXPECT_EQ(FormatCount(1001, "row is", "rows are"), "1,001 rows are");
}

}  // namespace
}  // namespace millrace
