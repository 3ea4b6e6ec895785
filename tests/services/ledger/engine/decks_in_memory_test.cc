// Which decks are in memory, and what becomes of those who need another one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/engine/catalog.h"
#include "services/ledger/storage/deck_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr char kNumber[] = "33155501234";

// Deck 1 of the harness has been in force for ten years. Deck 2 takes its place 20 days ago, deck 3
// a day ago, and deck 4 in an hour; each doubles the price of France.
class DecksInMemoryTest : public testing::Test {
 protected:
  DecksInMemoryTest() {
    Store(2, absl::Hours(-24 * 20), 1);
    Store(3, absl::Hours(-24), 2);
    Store(4, absl::Hours(1), 4);
  }

  void Store(int64_t version, absl::Duration from_now, int64_t cents) {
    rates::DeckHeader header;
    header.version = version;
    header.name = absl::StrCat("deck-", version);
    header.currency = "USD";
    header.effective_time = TestNow() + from_now;
    header.import_time = TestNow();
    header.content_digest = header.name;
    rates::RateRow row;
    row.prefix = "33";
    row.price = cents * kNanosPerCent;
    StoreInForce(*ledger_.Connect(), header, {row});
  }

  std::unique_ptr<Engine> StartWithOneLane() {
    EngineOptions options = ledger_.Options();
    options.lanes = 1;
    return ledger_.StartEngine(options);
  }

  static domain::Usage CallOf(const std::string& usage_id, absl::Duration ago) {
    domain::Usage call = Call(kUser, usage_id, kNumber, 60);
    call.start_time = TestNow() - ago;
    return call;
  }

  static std::vector<int64_t> InMemory(const Engine& engine) {
    std::vector<int64_t> versions;
    for (const auto& deck : engine.catalog()->decks->decks()) {
      versions.push_back(deck->header().version);
    }
    return versions;
  }

  // Nobody reads lines of decks meanwhile.
  std::unique_ptr<storage::Connection> HoldLines() {
    auto holder = ledger_.Connect();
    EXPECT_TRUE(holder->Execute("LOCK TABLES rates WRITE").ok());
    return holder;
  }

  const storage::SqlThread sql_thread_;
  Ledger ledger_;
};

TEST_F(DecksInMemoryTest, AreThoseOfStartsOfLateAndOfTimeToCome) {
  const auto engine = ledger_.StartEngine();
  EXPECT_THAT(InMemory(*engine), UnorderedElementsAre(2, 3, 4));
  ASSERT_EQ(engine->catalog()->left_out.size(), 1u);
  EXPECT_EQ(engine->catalog()->left_out.front().version, 1);
}

TEST_F(DecksInMemoryTest, OneThatIsNeededNoMoreIsLetGo) {
  const auto engine = ledger_.StartEngine();
  ledger_.clock().Advance(absl::Hours(24 * 7));  // no call of so long ago is still under way
  EXPECT_TRUE(WaitUntil([&] { return InMemory(*engine) == std::vector<int64_t>{3, 4}; }));
}

TEST_F(DecksInMemoryTest, AUsageOfLongAgoIsRatedByTheDeckOfItsStart) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  Store(5, absl::Hours(-24 * 30), 7);  // between decks 1 and 2, and never needed by itself
  const auto cost = [&](absl::Duration ago) {
    const auto booked =
        Ask<UsageReply>(*engine, kAccount, RecordUsage{CallOf(absl::FormatDuration(ago), ago)});
    EXPECT_TRUE(booked.ok()) << booked.status();
    return booked.ok() ? booked->cost : -1;
  };
  EXPECT_EQ(cost(absl::Hours(1)), 0) << "at the standard rate, in the free minutes";
  EXPECT_EQ(cost(absl::Hours(24 * 25)), 7 * kNanosPerCent);
  EXPECT_EQ(cost(absl::Hours(24 * 10)), 0);
  // Deck 1 has no line for it.
  const auto unrated =
      Ask<UsageReply>(*engine, kAccount, RecordUsage{CallOf("long ago", absl::Hours(24 * 400))});
  ASSERT_TRUE(unrated.ok()) << unrated.status();
  EXPECT_EQ(unrated->status, domain::UsageStatus::kUnrated);
  EXPECT_THAT(InMemory(*engine), testing::IsSupersetOf({1, 2, 3, 4, 5}));
  ledger_.Audit();
}

TEST_F(DecksInMemoryTest, WhoWaitsForADeckKeepsNobodyElseWaiting) {
  const auto engine = StartWithOneLane();
  OpenFunded(*engine, kAccount);
  const auto holder = HoldLines();
  auto of_long_ago = std::async(std::launch::async, [&] {
    domain::Usage call = Call(kUser, "long ago", kDearNumber, 60);
    call.start_time = TestNow() - absl::Hours(24 * 400);
    return Ask<UsageReply>(*engine, kAccount, RecordUsage{call});
  });
  // The same account and lane, again and again.
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(
        Ask<UsageReply>(*engine, kAccount, RecordUsage{CallOf(absl::StrCat(i), absl::Minutes(1))})
            .ok());
  }
  EXPECT_EQ(of_long_ago.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  ASSERT_TRUE(holder->Execute("UNLOCK TABLES").ok());
  const auto booked = of_long_ago.get();
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->cost, 7 * kNanosPerCent);  // by deck 1: $0.06 and $0.01 to connect
}

TEST_F(DecksInMemoryTest, WhoseDeckCantBeLoadedIsToldToComeAgain) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  ledger_.sql().Execute("RENAME TABLE rates TO rates_elsewhere");
  const RecordUsage of_long_ago{CallOf("long ago", absl::Hours(24 * 400))};
  const auto refused = Ask<UsageReply>(*engine, kAccount, of_long_ago);
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
  EXPECT_TRUE(RetryAfterOf(refused.status()).has_value());
  EXPECT_GT(engine->steps().failures(Step::kDecks), 0);
  ledger_.sql().Execute("RENAME TABLE rates_elsewhere TO rates");
  EXPECT_TRUE(WaitUntil([&] { return Ask<UsageReply>(*engine, kAccount, of_long_ago).ok(); }));
  EXPECT_TRUE(
      WaitUntil([&] { return engine->steps().failing(Step::kDecks) == absl::ZeroDuration(); }));
}

TEST_F(DecksInMemoryTest, U6_AUsageIsRatedAgainByADeckOfLongAgo) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const domain::Usage call = Call(kUser, "call", kDearNumber, 60);
  const auto unrated = Ask<UsageReply>(*engine, kAccount, RecordUsage{call});
  ASSERT_TRUE(unrated.ok()) << unrated.status();
  EXPECT_EQ(unrated->status, domain::UsageStatus::kUnrated) << "deck 3 has no line for it";
  RerateUsage again;
  again.usage_id = "call";
  again.prices = book::PricesBy::kDeck;
  again.deck_version = 1;
  again.rerating = {1, true, false, {"the deck of before"}};
  const auto rerated = Ask<RerateReply>(*engine, kAccount, again);
  ASSERT_TRUE(rerated.ok()) << rerated.status();
  EXPECT_EQ(rerated->cost, 7 * kNanosPerCent);
  EXPECT_EQ(rerated->deck_version, 1);
}

TEST_F(DecksInMemoryTest, ALedgerEndsThoughSomebodyWaitsForADeck) {
  auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  ledger_.sql().Execute("RENAME TABLE rates TO rates_elsewhere");
  auto waits = std::async(std::launch::async, [&engine = *engine] {
    return Ask<UsageReply>(engine, kAccount,
                           RecordUsage{CallOf("long ago", absl::Hours(24 * 400))});
  });
  EXPECT_TRUE(absl::IsUnavailable(waits.get().status()));
  engine.reset();
}

TEST_F(DecksInMemoryTest, ADeckThatWasAskedForIsKeptForAWhile) {
  const auto connection = ledger_.Connect();
  CatalogKeeper keeper([] { return TestNow(); }, /*kept_for=*/absl::ZeroDuration());
  ASSERT_TRUE(keeper.Refresh(*connection).ok());
  EXPECT_EQ(keeper.Get()->decks->ByVersion(1), nullptr);
  ASSERT_TRUE(keeper.Load(*connection, 1).ok());
  const auto with_it = keeper.Get();
  EXPECT_NE(with_it->decks->ByVersion(1), nullptr);
  ASSERT_TRUE(keeper.Refresh(*connection).ok());
  EXPECT_EQ(keeper.Get()->decks->ByVersion(1), nullptr);
  EXPECT_NE(with_it->decks->ByVersion(1), nullptr) << "who uses it keeps it";
}

TEST_F(DecksInMemoryTest, StartsAreOfTheDeckInForceThoughItIsLeftOut) {
  const auto connection = ledger_.Connect();
  CatalogKeeper keeper([] { return TestNow(); });
  ASSERT_TRUE(keeper.Refresh(*connection).ok());
  ASSERT_TRUE(keeper.Load(*connection, 1).ok());
  // Decks 1, 3 and 4 are in memory, and deck 2 is between them.
  const auto catalog = keeper.Get();
  EXPECT_EQ(catalog->LeftOutAt("USD", "standard", TestNow() - absl::Hours(24 * 10)), 2);
  EXPECT_EQ(catalog->LeftOutAt("USD", "standard", TestNow() - absl::Hours(24 * 30)), 0);
  EXPECT_EQ(catalog->LeftOutAt("USD", "standard", TestNow()), 0);
  EXPECT_EQ(catalog->LeftOutAt("EUR", "standard", TestNow()), 0);
  EXPECT_TRUE(catalog->DeckInForce("USD", "standard", TestNow() - absl::Hours(24 * 10)));
  EXPECT_EQ(catalog->latest_version(), 4);
}

}  // namespace
}  // namespace reserve::engine
