#include "services/ledger/book/keyspace.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reserve::book {
namespace {

// Computed by the vindex `xxhash` of Vitess 24.
TEST(KeyspaceTest, RangesAreThoseOfVitess) {
  EXPECT_EQ(RangeOf("", 4), 2u);
  EXPECT_EQ(RangeOf("a", 4), 1u);
  EXPECT_EQ(RangeOf("acct-0000042", 4), 0u);
  EXPECT_EQ(RangeOf(std::string(31, 'x'), 4), 3u);
  EXPECT_EQ(RangeOf(std::string(32, 'x'), 4), 3u);
  EXPECT_EQ(RangeOf(std::string(64, 'x'), 4), 1u);
}

// XXH64("") is ef46db3751d8e999, so published by its author.
TEST(KeyspaceTest, TheIdIsTheHashWithItsBytesLowestFirst) {
  EXPECT_EQ(KeyspaceIdOf(""), 0x99e9d85137db46efu);
}

TEST(KeyspaceTest, HalfAsManyRangesArePairsOfTheRanges) {
  for (int i = 0; i < 1000; ++i) {
    const std::string id = absl::StrCat("account-", i);
    for (const size_t ranges : {2u, 4u, 8u, 16u, 64u}) {
      ASSERT_EQ(RangeOf(id, ranges) / 2, RangeOf(id, ranges / 2)) << id << " of " << ranges;
    }
  }
}

TEST(KeyspaceTest, RangesAreEvenlyFilledWhateverTheirNumber) {
  constexpr int kAccounts = 60'000;
  for (const size_t ranges : {1u, 3u, 4u, 10u, 64u}) {
    std::vector<int> counts(ranges);
    for (int i = 0; i < kAccounts; ++i) ++counts.at(RangeOf(absl::StrCat("acct-", i), ranges));
    for (const int count : counts) {
      EXPECT_GT(count * static_cast<int>(ranges), kAccounts * 8 / 10) << ranges << " ranges";
      EXPECT_LT(count * static_cast<int>(ranges), kAccounts * 12 / 10) << ranges << " ranges";
    }
  }
}

}  // namespace
}  // namespace reserve::book
