// What the engine does in the background, when a part of it can't be done.

#include <memory>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;

TEST(BackgroundStepsTest, DecksThatCantBeReadStopNoRechecks) {
  Ledger ledger;
  EngineOptions options = ledger.Options();
  options.house_interval = absl::Milliseconds(5);
  const auto engine = ledger.StartEngine(options);
  OpenFunded(*engine, "a");
  ledger.sql().Execute("RENAME TABLE rate_decks TO decks_elsewhere");
  EXPECT_TRUE(WaitUntil([&] { return engine->steps().failures(Step::kCatalog) > 0; }));
  // As if the day of a cap had ended, with the balance below the threshold. The lanes remember
  // accounts by their versions.
  ledger.sql().Execute("UPDATE balances SET version = version + 1");
  ledger.sql().Execute(
      "UPDATE accounts SET recheck_time = '2026-01-01', recharge_threshold_nanos = 20000000000");
  EXPECT_TRUE(WaitUntil([&] { return ledger.Account("a").open_ordinal == 2; }));
  EXPECT_GT(engine->steps().failing(Step::kCatalog), absl::ZeroDuration());
  EXPECT_EQ(engine->steps().failures(Step::kRechecks), 0);
  ledger.sql().Execute("RENAME TABLE decks_elsewhere TO rate_decks");
  EXPECT_TRUE(
      WaitUntil([&] { return engine->steps().failing(Step::kCatalog) == absl::ZeroDuration(); }));
}

}  // namespace
}  // namespace reserve::engine
