// What is known of the months that an account's entries are in.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

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
          {{"a", 202609, 1, 1}, {"a", 202610, 2, 2}, {"a", 202611, 60, 60}, {"b", 202609, 7, 7}})
          .ok());
  // A month that ends, another that a usage came late for, and twice the same.
  ASSERT_TRUE(WriteMonths(*connection_, {{"a", 202609, 1, 40},
                                         {"a", 202609, 55, 55},
                                         {"a", 202609, 1, 50},
                                         {"a", 202610, 70, 70}})
                  .ok());
  const auto months = LoadMonths(*connection_, "a");
  ASSERT_TRUE(months.ok()) << months.status();
  EXPECT_EQ(months->last_seq, 90);
  EXPECT_EQ(months->newest, 202611);
  EXPECT_THAT(months->spans,
              ElementsAre(MonthSpan{"a", 202609, 1, 55}, MonthSpan{"a", 202610, 2, 70},
                          MonthSpan{"a", 202611, 60, 90}))
      << "the newest goes up to the last entry";
}

TEST_F(MonthsTest, AnAccountWithoutEntriesAndAnUnknownOneHaveNoMonths) {
  ASSERT_TRUE(WriteBalances(*connection_, {{"a", 0, 0, 1, 1, {}}}).ok());
  for (const char* account_id : {"a", "nobody"}) {
    const auto months = LoadMonths(*connection_, account_id);
    ASSERT_TRUE(months.ok()) << months.status();
    EXPECT_EQ(months->last_seq, 0);
    EXPECT_EQ(months->newest, 0);
    EXPECT_THAT(months->spans, IsEmpty());
  }
}

TEST(AccountMonthsTest, AStretchIsInTheMonthsWhoseSpansItTouches) {
  const AccountMonths months = {
      90, 202611, {{"a", 202608, 1, 9}, {"a", 202609, 10, 75}, {"a", 202611, 60, 90}}};
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
