// Usage is added up by day and prefix behind the lanes: each once, whichever ledger counts and
// whatever fails meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/ledger/storage/usage_count_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of all that Booked() has: "usages/seconds/list cost".
constexpr char kCounted[] =
    "SELECT CONCAT_WS('/', COALESCE(SUM(usages), 0), COALESCE(SUM(seconds), 0), "
    "COALESCE(SUM(list_cost_nanos), 0)) FROM usage_by_prefix";
// The same from the entries, where calls last whole minutes and no usage is void.
constexpr char kBooked[] =
    "SELECT CONCAT_WS('/', COUNT(*), COALESCE(SUM(duration_micros DIV 1000000), 0), "
    "COALESCE(SUM(price_nanos * (duration_micros DIV 60000000) + IF(duration_micros > 0, "
    "connect_fee_nanos, 0)), 0)) "
    "FROM entries WHERE kind = 1 AND deck_version > 0";

class UsageCountTest : public testing::Test {
 protected:
  // Counting begins a day before the tests take place.
  UsageCountTest() {
    ledger_.sql().Execute(
        "UPDATE usage_count SET begin_time = '2026-11-22', through_time = '2026-11-22'");
  }

  EngineOptions Options(const std::string& ledger_id) {
    EngineOptions options = ledger_.Options();
    options.ledger_id = ledger_id;
    options.usage_count_interval = absl::Milliseconds(2);
    options.retry_budget = absl::Milliseconds(100);
    return options;
  }
  // What is booked until now is old enough to be counted.
  void LetItGrowOld() { ledger_.clock().Advance(absl::Minutes(6)); }
  std::string Counted() { return ledger_.sql().QueryText(kCounted); }
  std::string Booked() { return ledger_.sql().QueryText(kBooked); }
  std::string CountedBy() { return ledger_.sql().QueryText("SELECT ledger_id FROM usage_count"); }
  bool AllIsCounted() {
    return WaitUntil([this] { return Counted() == Booked(); });
  }
  // Usages of that many numbers from `first` on, each on a line of its own of three.
  void Book(Engine& engine, int first, int count) {
    const char* const numbers[] = {kStandardNumber, kDearNumber, kCentASecond};
    std::vector<Order> orders;
    for (int i = first; i < first + count; ++i) {
      orders.emplace_back(kAccount, RecordUsage{Call(kUser, absl::StrCat("call-", i),
                                                     numbers[i % 3], int64_t{60} * (i % 4))});
    }
    for (const auto& reply : AskAll(engine, std::move(orders))) {
      EXPECT_TRUE(reply.ok()) << reply.status();
    }
  }
  // "8816: 2 usages, 120 s, 1.2"
  std::vector<std::string> Lines() {
    const auto connection = ledger_.Connect();
    const auto counted =
        storage::ReadCountedUsage(*connection, absl::CivilDay(2026, 11, 20), {1, 2});
    EXPECT_TRUE(counted.ok()) << counted.status();
    std::vector<std::string> lines;
    for (const rates::UsageGroup& group : counted->groups) {
      if (group.usages == 0) continue;
      lines.push_back(absl::StrCat(group.prefix, ": ", group.usages, " usages, ", group.seconds,
                                   " s, ", FormatDecimal(group.list_cost)));
    }
    return lines;
  }

  const storage::SqlThread sql_thread_;
  Ledger ledger_;
};

TEST_F(UsageCountTest, IsByLineAtListPricesWhateverWasFree) {
  const auto engine = ledger_.StartEngine(Options("one"));
  OpenFunded(*engine, kAccount);
  for (const char* user : {kUser, kUnlimitedUser}) {
    const auto usage = Call(user, user, kStandardNumber, 90);
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RecordUsage{usage}).ok());
  }
  ASSERT_TRUE(
      Ask<UsageReply>(*engine, kAccount, RecordUsage{Sms(kUser, "text", kStandardNumber, 2)}).ok());
  EXPECT_THAT(Lines(), IsEmpty()) << "it is too new";
  LetItGrowOld();
  EXPECT_TRUE(WaitUntil([this] { return Lines().size() == 2; }));
  EXPECT_THAT(Lines(), ElementsAre("1: 2 usages, 180 s, 0.04", "1: 1 usages, 0 s, 0.024"));
}

TEST_F(UsageCountTest, IsOfEachUsageOnceThoughTwoLedgersCount) {
  const auto one = ledger_.StartEngine(Options("one"));
  const auto two = ledger_.StartEngine(Options("two"));
  OpenFunded(*one, kAccount);
  for (int round = 0; round < 20; ++round) {
    Book(round % 2 == 0 ? *one : *two, round * 50, 50);
    LetItGrowOld();  // longer than a ledger is waited for that has not moved
  }
  EXPECT_TRUE(AllIsCounted()) << Counted() << " of " << Booked();
  EXPECT_EQ(one->steps().failures(Step::kUsageCount) + two->steps().failures(Step::kUsageCount), 0);
}

TEST_F(UsageCountTest, IsGoneOnWithByAnotherLedgerWhenOneEnds) {
  auto one = ledger_.StartEngine(Options("one"));
  OpenFunded(*one, kAccount);
  Book(*one, 0, 50);
  LetItGrowOld();
  ASSERT_TRUE(AllIsCounted());
  EXPECT_EQ(CountedBy(), "one");
  one.reset();
  const auto two = ledger_.StartEngine(Options("two"));
  Book(*two, 50, 50);
  LetItGrowOld();
  EXPECT_TRUE(AllIsCounted()) << Counted() << " of " << Booked();
  EXPECT_EQ(CountedBy(), "two");
}

TEST_F(UsageCountTest, U5_AVoidTakesBackWhatWasCounted) {
  const auto engine = ledger_.StartEngine(Options("one"));
  OpenFunded(*engine, kAccount);
  Book(*engine, 0, 6);
  LetItGrowOld();
  ASSERT_TRUE(AllIsCounted());
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"call-1", false, {"wrong"}}).ok());
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"call-2", false, {"wrong"}}).ok());
  // Of one that is voided while it is new the void is counted together with it.
  Book(*engine, 6, 1);
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"call-6", false, {"wrong"}}).ok());
  // And one that was not there yet counts for nothing.
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"to-come", true, {"wrong"}}).ok());
  LetItGrowOld();
  EXPECT_TRUE(WaitUntil([this] { return absl::StartsWith(Counted(), "4/"); })) << Counted();
  EXPECT_THAT(Lines(), ElementsAre("1: 2 usages, 180 s, 0.03", "44: 1 usages, 0 s, 0.00",
                                   "8816: 1 usages, 60 s, 0.60"));
}

TEST_F(UsageCountTest, K3_WhatWaitedForAPriceCountsOnceItIsRated) {
  const auto engine = ledger_.StartEngine(Options("one"));
  OpenFunded(*engine, kAccount);
  const domain::Usage usage = Call("late", "call", kDearNumber, 60);
  ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RecordUsage{usage}).ok());
  LetItGrowOld();
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"late", ""}).ok());
  ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RateUnrated{"call"}).ok());
  LetItGrowOld();
  EXPECT_TRUE(WaitUntil([this] { return Lines().size() == 1; }));
  EXPECT_THAT(Lines(), ElementsAre("44: 1 usages, 60 s, 0.07"));
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"call", false, {"wrong"}}).ok());
  LetItGrowOld();
  EXPECT_TRUE(WaitUntil([this] { return Lines().empty(); })) << Counted();
}

TEST_F(UsageCountTest, WhatCantBeCountedKeepsNobodyFromBookingAndIsCountedLater) {
  const auto engine = ledger_.StartEngine(Options("one"));
  OpenFunded(*engine, kAccount);
  ledger_.sql().Execute("RENAME TABLE usage_by_prefix TO usage_elsewhere");
  Book(*engine, 0, 50);
  LetItGrowOld();
  EXPECT_TRUE(WaitUntil([&] { return engine->steps().failures(Step::kUsageCount) > 0; }));
  Book(*engine, 50, 50);
  LetItGrowOld();
  ledger_.sql().Execute("RENAME TABLE usage_elsewhere TO usage_by_prefix");
  EXPECT_TRUE(AllIsCounted()) << Counted() << " of " << Booked();
  EXPECT_TRUE(WaitUntil(
      [&] { return engine->steps().failing(Step::kUsageCount) == absl::ZeroDuration(); }));
}

TEST_F(UsageCountTest, WhatIsBookedAtOneTimeIsNeverCutInTwo) {
  const auto engine = ledger_.StartEngine(ledger_.Options());  // which counts nothing
  OpenFunded(*engine, kAccount);
  Book(*engine, 0, 300);
  const auto connection = ledger_.Connect();
  const absl::Time now = ledger_.clock().Now();
  const auto stretch =
      storage::ListStretch(*connection, now - absl::Hours(1), now + absl::Hours(1), 100);
  ASSERT_TRUE(stretch.ok()) << stretch.status();
  EXPECT_THAT(stretch->entries, IsEmpty());
  EXPECT_EQ(stretch->through, now);
  const auto at = storage::ListStretch(*connection, now, now + absl::Hours(1), 100);
  ASSERT_TRUE(at.ok()) << at.status();
  EXPECT_EQ(at->entries.size(), 300u);
  EXPECT_EQ(at->through, now + absl::Microseconds(1));
  const auto after = storage::ListStretch(*connection, at->through, now + absl::Hours(1), 100);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_THAT(after->entries, IsEmpty());
  EXPECT_EQ(after->through, now + absl::Hours(1));
}

TEST_F(UsageCountTest, APositionThatSomebodyElseMovedAddsNothing) {
  const auto connection = ledger_.Connect();
  const auto count = storage::ReadUsageCount(*connection);
  ASSERT_TRUE(count.ok()) << count.status();
  rates::UsageGroup group;
  group.day = absl::CivilDay(2026, 11, 23);
  group.deck_version = 1;
  group.prefix = "44";
  group.usages = 1;
  const auto add = [&] {
    const auto added = storage::AddUsage(*connection, *count, count->through + absl::Seconds(1),
                                         "one", TestNow(), absl::CivilDay(2026, 11, 1), {group});
    EXPECT_TRUE(added.ok()) << added.status();
    return added.ok() && *added;
  };
  EXPECT_TRUE(add());
  EXPECT_FALSE(add());
  EXPECT_EQ(Counted(), "1/0/0");
}

// The database dies while it is counted, again and again.
class UsageCountCrashTest : public testing::Test {};

TEST_F(UsageCountCrashTest, NothingIsLostOrCountedTwiceWhenTheDatabaseDies) {
  if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
    GTEST_SKIP() << "kills its database server, so it needs one of its own";
  }
  auto server = PrivateDatabaseServer::Create();
  ASSERT_TRUE(server.ok()) << server.status();
  const storage::SqlThread sql_thread;
  Ledger ledger(**server);
  ledger.sql().Execute(
      "UPDATE usage_count SET begin_time = '2026-11-22', "
      "through_time = '2026-11-22'");
  const auto books = ledger.StartEngine();
  OpenFunded(*books, kAccount);
  constexpr int kRounds = 40;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Order> orders;
    for (int i = 0; i < 25; ++i) {
      orders.emplace_back(
          kAccount, RecordUsage{Call(kUser, absl::StrCat("c-", round, "-", i), kDearNumber, 60)});
    }
    for (const auto& reply : AskAll(*books, std::move(orders))) ASSERT_TRUE(reply.ok());
    ledger.clock().Advance(absl::Minutes(1));
  }
  const std::string booked = ledger.sql().QueryText(kBooked);
  // Two ledgers count, a minute of usage at a time, while the server is killed.
  std::vector<std::unique_ptr<Engine>> engines;
  for (const char* id : {"one", "two"}) {
    EngineOptions options = ledger.Options();
    options.ledger_id = id;
    options.usage_count_interval = absl::Milliseconds(1);
    options.usage_counted_after = absl::Minutes(kRounds);
    engines.push_back(ledger.StartEngine(options));
  }
  const auto counted = [&] {
    return ledger.sql().QueryInt("SELECT COALESCE(SUM(usages), 0) FROM usage_by_prefix");
  };
  for (int minute = 1; minute <= kRounds + 1; ++minute) {
    ledger.clock().Advance(absl::Minutes(1));
    if (minute % 8 == 0) {
      (*server)->Kill();
      ASSERT_TRUE((*server)->Start().ok()) << (*server)->Log();
    }
    const int64_t goal = int64_t{25} * std::min(minute, kRounds);
    EXPECT_TRUE(WaitUntil([&] { return counted() >= goal; })) << minute;
  }
  EXPECT_TRUE(WaitUntil([&] { return ledger.sql().QueryText(kCounted) == booked; }))
      << ledger.sql().QueryText(kCounted) << " of " << booked;
  EXPECT_GT(engines[0]->steps().failures(Step::kUsageCount) +
                engines[1]->steps().failures(Step::kUsageCount),
            0);
}

}  // namespace
}  // namespace reserve::engine
