// What is known of the months that an account's entries are in.

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

using book::MonthSpan;

using testing::ElementsAre;
using testing::IsEmpty;

class MonthsTest : public testing::Test {
 protected:
  MigratedDatabase database_;
  std::unique_ptr<Connection> connection_ = database_.Connect();
};

TEST_F(MonthsTest, SpansAreAddedAndOnlyEverExtended) {
  ASSERT_TRUE(WriteBalances(*connection_, {{"a", 0, 90, 1, 1, {}, 202611}}).ok());
  ASSERT_TRUE(
      WriteMonths(
          *connection_,
          {{"a", 202611, 60, 60}, {"a", 202609, 5, 5}, {"b", 202609, 7, 7}, {"a", 202610, 6, 6}})
          .ok());
  // A month that is turned away from, another that a usage came late for, and one back in time.
  ASSERT_TRUE(
      WriteMonths(*connection_, {{"a", 202609, 1, 40}, {"a", 202610, 70, 70}, {"a", 202610, 1, 30}})
          .ok());
  const auto months = LoadMonths(*connection_, "a");
  ASSERT_TRUE(months.ok()) << months.status();
  EXPECT_EQ(months->last_seq, 90);
  EXPECT_EQ(months->current, 202611);
  EXPECT_THAT(months->spans,
              ElementsAre(MonthSpan{"a", 202609, 5, 40}, MonthSpan{"a", 202610, 6, 70},
                          MonthSpan{"a", 202611, 60, 90}))
      << "the current one goes up to the last entry";
}

TEST_F(MonthsTest, SeveralSpansOfAMonthAreOneThatBeginsAsTheFirst) {
  ASSERT_TRUE(WriteBalances(*connection_, {{"a", 0, 90, 1, 1, {}, 202611}}).ok());
  std::vector<MonthSpan> spans = {{"a", 202609, 3, 3}, {"a", 202610, 4, 4}, {"a", 202609, 1, 8}};
  for (int64_t seq = 9; seq < 2'000; ++seq) spans.push_back({"a", 202610, seq, seq});
  ASSERT_TRUE(WriteMonths(*connection_, spans).ok());
  EXPECT_THAT(LoadMonths(*connection_, "a")->spans,
              ElementsAre(MonthSpan{"a", 202609, 3, 8}, MonthSpan{"a", 202610, 4, 1'999}));
}

TEST_F(MonthsTest, AnAccountWithoutEntriesAndAnUnknownOneHaveNoMonths) {
  ASSERT_TRUE(WriteBalances(*connection_, {{"a", 0, 0, 1, 1, {}}}).ok());
  for (const char* account_id : {"a", "nobody"}) {
    const auto months = LoadMonths(*connection_, account_id);
    ASSERT_TRUE(months.ok()) << months.status();
    EXPECT_EQ(months->last_seq, 0);
    EXPECT_EQ(months->current, 0);
    EXPECT_THAT(months->spans, IsEmpty());
  }
}

TEST_F(MonthsTest, AreComputedFromWhereTheEntriesAre) {
  for (const char* values :
       {"'a',1,202609", "'a',2,202611", "'a',3,202610", "'a',4,202609", "'b',5,202608"}) {
    database_.sql().Execute(
        absl::StrCat("INSERT INTO entries (record_time,kind,amount_nanos,balance_after_nanos,"
                     "entry_hash,account_id,seq,month) VALUES (NOW(6),3,0,0,'',",
                     values, ")"));
  }
  const auto spans = ComputeMonths(*connection_, "a");
  ASSERT_TRUE(spans.ok()) << spans.status();
  EXPECT_THAT(*spans, ElementsAre(MonthSpan{"a", 202609, 1, 4}, MonthSpan{"a", 202610, 3, 3},
                                  MonthSpan{"a", 202611, 2, 2}));
  EXPECT_THAT(*ComputeMonths(*connection_, "nobody"), IsEmpty());
}

TEST(AccountMonthsTest, AStretchIsInTheMonthsWhoseSpansItTouches) {
  const AccountMonths months = {
      90, 202611, 0, {{"a", 202608, 1, 9}, {"a", 202609, 10, 75}, {"a", 202611, 60, 90}}};
  EXPECT_THAT(months.Within(1, 10), ElementsAre(202608));
  EXPECT_THAT(months.Within(1, 11), ElementsAre(202608, 202609));
  EXPECT_THAT(months.Within(9, 10), ElementsAre(202608));
  EXPECT_THAT(months.Within(10, 60), ElementsAre(202609));
  EXPECT_THAT(months.Within(75, 76), ElementsAre(202609, 202611));
  EXPECT_THAT(months.Within(76, 91), ElementsAre(202611));
  EXPECT_THAT(months.Within(91, 100), IsEmpty());
}

}  // namespace
}  // namespace reserve::storage
