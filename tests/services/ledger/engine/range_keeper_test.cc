// Ledgers that share the accounts of a database: who gets which ranges, and when.
#include "services/ledger/engine/range_keeper.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/range_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RangeKeeperTest : public testing::Test {
 protected:
  EngineOptions OptionsOf(const std::string& id) {
    EngineOptions options = ledger_.Options();
    options.ledger_id = id;
    options.peer_address = absl::StrCat(id, ".test:1");
    options.range_interval = absl::Milliseconds(20);
    return options;
  }
  std::unique_ptr<Engine> Start(const std::string& id) {
    return ledger_.StartEngine(OptionsOf(id));
  }
  std::map<std::string, int64_t> Counts() const {
    std::map<std::string, int64_t> counts;
    const auto rows = ledger_.sql().Query(
        "SELECT owner, COUNT(*) FROM account_ranges GROUP BY owner ORDER BY owner");
    for (const auto& row : rows) counts[row[0]] = std::stoll(row[1]);
    return counts;
  }
  bool AwaitCounts(const std::map<std::string, int64_t>& counts) const {
    return WaitUntil([&] { return Counts() == counts; });
  }
  // To which other ledger each of a hundred accounts belongs, as one sees it; empty: to none.
  static std::map<std::string, int> OwnersSeenBy(Engine& engine) {
    std::map<std::string, int> owners;
    for (int i = 0; i < 100; ++i) {
      const RangeOwner* owner = engine.ranges().Elsewhere(absl::StrCat("acct-", i));
      ++owners[owner == nullptr ? "" : owner->address];
    }
    return owners;
  }

  Ledger ledger_;
};

TEST_F(RangeKeeperTest, ALedgerWithoutAnAddressTakesNoPart) {
  EngineOptions options = OptionsOf("a");
  options.peer_address.clear();
  const auto engine = ledger_.StartEngine(options);
  OpenFunded(*engine, "acme");
  EXPECT_FALSE(engine->ranges().takes_part());
  EXPECT_EQ(engine->ranges().Elsewhere("acme"), nullptr);
  EXPECT_THAT(engine->ranges().placed(), IsEmpty());
  EXPECT_THAT(Counts(), IsEmpty());
}

TEST_F(RangeKeeperTest, LedgersHaveEqualSharesAndKnowEachOthersAddresses) {
  const auto a = Start("a");
  ASSERT_TRUE(AwaitCounts({{"a", 64}}));
  EXPECT_THAT(OwnersSeenBy(*a), ElementsAre(std::pair("", 100)));
  const auto b = Start("b");
  ASSERT_TRUE(AwaitCounts({{"a", 32}, {"b", 32}}));
  EXPECT_TRUE(WaitUntil([&] { return OwnersSeenBy(*a)["b.test:1"] > 20; }));
  EXPECT_TRUE(WaitUntil([&] {
    for (int i = 0; i < 100; ++i) {
      const std::string account = absl::StrCat("acct-", i);
      const bool here = a->ranges().Elsewhere(account) == nullptr;
      if (here == (b->ranges().Elsewhere(account) == nullptr)) return false;
    }
    return true;
  })) << "each account is of one of them";
  EXPECT_THAT(a->ranges().placed(), SizeIs(64));
  EXPECT_EQ(a->stats().ranges_owned, 32);
  EXPECT_EQ(a->stats().ledgers_sharing, 2);
}

TEST_F(RangeKeeperTest, OneThatDrainsHandsItsRangesOverBeforeItEnds) {
  auto drains = Start("a");
  // Several times: the other may be looking just then.
  for (const auto& [from, to] : std::map<std::string, std::string>{
           {"a", "b"}, {"b", "c"}, {"c", "d"}, {"d", "e"}, {"e", "f"}}) {
    SCOPED_TRACE(absl::StrCat(from, " hands over to ", to));
    auto other = Start(to);
    ASSERT_TRUE(AwaitCounts({{from, 32}, {to, 32}}));
    ASSERT_TRUE(WaitUntil([&] { return drains->stats().ledgers_sharing == 2; }));
    drains->ranges().HandOver();
    EXPECT_EQ(Counts(), (std::map<std::string, int64_t>{{to, 64}})) << "at once";
    EXPECT_THAT(OwnersSeenBy(*drains), ElementsAre(std::pair(absl::StrCat(to, ".test:1"), 100)))
        << "what still comes to it is passed on";
    EXPECT_TRUE(WaitUntil([&] { return other->stats().ledgers_sharing == 1; }));
    EXPECT_TRUE(AwaitCounts({{to, 64}})) << "and nobody gives it any back";
    drains = std::move(other);
  }
}

TEST_F(RangeKeeperTest, TheRangesOfOneThatIsSilentAreTaken) {
  const auto a = Start("a");
  ASSERT_TRUE(AwaitCounts({{"a", 64}}));
  // One that was killed: its beat stands still.
  const auto sql = ledger_.Connect();
  ASSERT_TRUE(storage::RegisterLedger(*sql, "dead", domain::kNewestFeatureLevel).ok());
  ASSERT_TRUE(storage::BeatPeer(*sql, "dead", "dead.test:1").ok());
  EXPECT_TRUE(AwaitCounts({{"a", 32}, {"dead", 32}})) << "as long as it may live";
  EXPECT_TRUE(AwaitCounts({{"a", 64}}));
  EXPECT_TRUE(WaitUntil([&] { return OwnersSeenBy(*a)[""] == 100; }));
  // It was only frozen.
  ASSERT_TRUE(storage::BeatPeer(*sql, "dead", "dead.test:1").ok());
  EXPECT_TRUE(AwaitCounts({{"a", 32}, {"dead", 32}}));
}

TEST_F(RangeKeeperTest, WhoComesBackAtTheSameAddressNeedNotWaitForItsFormerSelf) {
  {
    EngineOptions options = OptionsOf("first");
    options.peer_address = "same.test:1";
    const auto first = ledger_.StartEngine(options);
    ASSERT_TRUE(AwaitCounts({{"first", 64}}));
    // Gone without a word.
  }
  ledger_.sql().Execute("UPDATE ledgers SET leave_time = NULL");
  EngineOptions options = OptionsOf("second");
  options.peer_address = "same.test:1";
  options.range_interval = absl::Hours(1);  // it looks once
  const auto second = ledger_.StartEngine(options);
  EXPECT_TRUE(AwaitCounts({{"second", 64}}));
}

TEST_F(RangeKeeperTest, WhoeverWritesUponAnOldReadingChangesNothing) {
  const auto sql = ledger_.Connect();
  ASSERT_TRUE(storage::MakeRanges(*sql, 4).ok());
  const auto read = storage::ReadRanges(*sql);
  ASSERT_TRUE(read.ok());
  ASSERT_THAT(*read, SizeIs(4));
  ASSERT_TRUE(storage::MoveRanges(*sql, {(*read)[0], (*read)[2]}, "a").ok());
  ASSERT_TRUE(storage::MoveRanges(*sql, *read, "b").ok());
  EXPECT_EQ(Counts(), (std::map<std::string, int64_t>{{"a", 2}, {"b", 2}}));
  ASSERT_TRUE(storage::MakeRanges(*sql, 6).ok());
  EXPECT_EQ(Counts(), (std::map<std::string, int64_t>{{"", 2}, {"a", 2}, {"b", 2}}))
      << "those that are there stay";
}

TEST_F(RangeKeeperTest, ADatabaseThatIsAwayKeepsNoLedgerFromItsWork) {
  const auto a = Start("a");
  const auto b = Start("b");
  ASSERT_TRUE(AwaitCounts({{"a", 32}, {"b", 32}}));
  ledger_.sql().Execute("RENAME TABLE account_ranges TO ranges_elsewhere");
  EXPECT_TRUE(WaitUntil([&] { return a->steps().failures(Step::kRanges) > 0; }));
  OpenFunded(*a, "acme");
  EXPECT_TRUE(Ask<UsageReply>(*b, "acme", RecordUsage{Call(kUser, "c", kStandardNumber, 60)}).ok());
  ledger_.sql().Execute("RENAME TABLE ranges_elsewhere TO account_ranges");
  EXPECT_TRUE(WaitUntil([&] { return a->steps().failing(Step::kRanges) == absl::ZeroDuration(); }));
}

// What time brings is done by the ledger that has the account, and by another if that hangs.
TEST_F(RangeKeeperTest, WhatIsDueOfAnothersAccountsIsDoneAllTheSameIfThatOneHangs) {
  EngineOptions options = OptionsOf("a");
  options.house_interval = absl::Milliseconds(5);
  const auto a = ledger_.StartEngine(options);
  for (int i = 0; i < 8; ++i) OpenFunded(*a, absl::StrCat("acct-", i));
  EngineOptions hangs = OptionsOf("hangs");
  hangs.house_interval = absl::Hours(1);
  const auto b = ledger_.StartEngine(hangs);
  ASSERT_TRUE(AwaitCounts({{"a", 32}, {"hangs", 32}}));
  ASSERT_TRUE(WaitUntil([&] { return a->stats().ledgers_sharing == 2; }));
  ledger_.sql().Execute("UPDATE balances SET version = version + 1");
  ledger_.sql().Execute(
      "UPDATE accounts SET recheck_time = '2026-01-01', recharge_threshold_nanos = 20000000000");
  for (int i = 0; i < 8; ++i) {
    const std::string id = absl::StrCat("acct-", i);
    EXPECT_TRUE(WaitUntil([&] { return ledger_.Account(id).open_ordinal == 2; })) << id;
  }
}

}  // namespace
}  // namespace reserve::engine
