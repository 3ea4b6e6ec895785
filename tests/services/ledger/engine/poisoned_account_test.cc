// An account that can't be served (its stored rows contradict each other, or it meets conflicts
// without end) beside others that are: it fails alone and soon, and costs the others little.
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/services/ledger/engine/sabotage.h"
#include "tests/support/mariadb_server.h"

namespace reserve::engine {
namespace {

using test_support::PrivateDatabaseServer;

constexpr char kBroken[] = "m-broken";  // in the middle of the others
constexpr int kOthers = 200;
constexpr int kPoisonedRounds = 20;

std::string Other(int i) { return absl::StrCat(i % 2 == 0 ? "a-" : "z-", i); }

class PoisonedAccountTest : public testing::Test {
 protected:
  // One lane, and so patient that nothing would be answered if it had to run out of patience.
  EngineOptions Options(Ledger& ledger) {
    EngineOptions options = ledger.Options();
    options.lanes = 1;
    options.retry_budget = absl::Hours(1);
    return options;
  }

  static void OpenAll(Engine& engine) {
    std::vector<Order> orders;
    const auto open = [&orders](const std::string& account_id) {
      OpenAccount command = OpenWithCard();
      command.card.card.fingerprint += account_id;
      orders.emplace_back(account_id, command);
      orders.emplace_back(account_id, PutUser{kUser, ""});
      orders.emplace_back(account_id, Succeeded(1, 15 * kNanosPerUnit));
    };
    for (int i = 0; i < kOthers; ++i) open(Other(i));
    open(kBroken);
    for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  }

  // The next event of the account finds its number taken.
  static void BreakEvents(const Ledger& ledger) {
    ledger.sql().Execute(absl::StrCat(
        "INSERT INTO events (account_id,event_seq,kind,cause,event_time,state,balance_nanos,"
        "recharge_ordinal) SELECT account_id,last_event_seq+1,1,'nobody','2026-01-01',state,0,0 "
        "FROM accounts WHERE account_id = '",
        kBroken, "'"));
  }

  // Two usages of each of the others, with `orders` of the broken account between them: all in one
  // batch. Expects that the others are served, in order; answers the broken account's replies.
  std::vector<absl::StatusOr<Reply>> AskAmongOthers(Engine& engine, std::vector<Order> orders) {
    const std::string round = absl::StrCat("round-", ++round_, "-");
    std::vector<Order> all;
    const auto add_others = [&](const std::string& usage_id) {
      for (int i = 0; i < kOthers; ++i) {
        all.emplace_back(Other(i), RecordUsage{Call(kUser, usage_id, kStandardNumber, 60)});
      }
    };
    add_others(round + "first");
    const size_t begin = all.size();
    for (Order& order : orders) all.push_back(std::move(order));
    const size_t end = all.size();
    add_others(round + "second");
    std::vector<absl::StatusOr<Reply>> replies = AskAll(engine, std::move(all));
    for (size_t i = 0; i < begin; ++i) {
      const auto& first = replies[i];
      const auto& second = replies[end + i];
      EXPECT_TRUE(first.ok() && second.ok()) << first.status() << "; " << second.status();
      if (!first.ok() || !second.ok()) return {};
      EXPECT_FALSE(book::As<UsageReply>(*first).duplicate);
      EXPECT_LT(book::As<UsageReply>(*first).seq, book::As<UsageReply>(*second).seq);
    }
    return {replies.begin() + static_cast<std::ptrdiff_t>(begin),
            replies.begin() + static_cast<std::ptrdiff_t>(end)};
  }

  std::vector<Order> UsageBlockUsage() const {
    const auto usage = [&](const std::string& id) {
      return RecordUsage{Call(kUser, absl::StrCat(id, round_), kStandardNumber, 60)};
    };
    return {
        {kBroken, usage("before")}, {kBroken, BlockAccount{{"why"}}}, {kBroken, usage("after")}};
  }

  int round_ = 0;
};

TEST_F(PoisonedAccountTest, ABrokenEventFailsItsCommandAloneAndWithinABoundedNumberOfTries) {
  Ledger ledger;
  const auto engine = ledger.StartEngine(Options(ledger));
  OpenAll(*engine);
  BreakEvents(ledger);
  const EngineStats& stats = engine->stats();
  int64_t conflicts = stats.conflicts;
  int64_t splits = stats.splits;
  for (int round = 0; round < kPoisonedRounds; ++round) {
    const auto replies = AskAmongOthers(*engine, UsageBlockUsage());
    ASSERT_EQ(replies.size(), 3u);
    // What writes no event is done, also behind what fails: usages that happened are booked (U1).
    EXPECT_TRUE(replies[0].ok()) << replies[0].status();
    EXPECT_TRUE(replies[2].ok()) << replies[2].status();
    EXPECT_LT(book::As<UsageReply>(*replies[0]).seq, book::As<UsageReply>(*replies[2]).seq);
    EXPECT_EQ(replies[1].status().code(), absl::StatusCode::kUnavailable) << replies[1].status();
    EXPECT_EQ(ReasonOf(replies[1].status()), "ACCOUNT_INCONSISTENT");
    // Once it must be found among 403 commands; from then on it is known, and costs the two
    // tries with it and one without.
    EXPECT_LE(stats.conflicts - conflicts, round == 0 ? 3 + 10 : 3) << round;
    EXPECT_LE(stats.splits - splits, round == 0 ? 10 : 2) << round;
    conflicts = stats.conflicts;
    splits = stats.splits;
  }
  EXPECT_EQ(ledger.AuditOf(kBroken).usages, 2 * kPoisonedRounds);
  EXPECT_GT(ledger.AuditOf(kBroken).difference_count, 0) << "the audit does not see it";
  EXPECT_EQ(ledger.AuditOf(Other(0)).difference_count, 0);
  // Mended, it is served at once.
  ledger.sql().Execute(
      absl::StrCat("DELETE FROM events WHERE cause = 'nobody' AND account_id = '", kBroken, "'"));
  const auto replies = AskAmongOthers(*engine, UsageBlockUsage());
  ASSERT_EQ(replies.size(), 3u);
  for (const auto& reply : replies) EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ledger.AuditOf(kBroken).difference_count, 0);
}

TEST_F(PoisonedAccountTest, AUsageIdWithoutAnEntryFailsThatUsageOnly) {
  Ledger ledger;
  const auto engine = ledger.StartEngine(Options(ledger));
  OpenAll(*engine);
  ledger.sql().Execute(
      absl::StrCat("INSERT INTO usage_ids VALUES ('lost', '", kBroken, "', 99, 202611)"));
  std::vector<Order> orders;
  for (const char* const id : {"one", "lost", "two"}) {
    orders.emplace_back(kBroken, RecordUsage{Call(kUser, id, kStandardNumber, 60)});
  }
  const auto replies = AskAmongOthers(*engine, orders);
  ASSERT_EQ(replies.size(), 3u);
  EXPECT_TRUE(replies[0].ok()) << replies[0].status();
  EXPECT_EQ(ReasonOf(replies[1].status()), "ACCOUNT_INCONSISTENT") << replies[1].status();
  EXPECT_TRUE(replies[2].ok()) << replies[2].status();
}

TEST_F(PoisonedAccountTest, ConflictsWithoutEndOfOneAccountAreToldSoonAndOthersAreServed) {
  if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
    GTEST_SKIP() << "needs a database server of its own";
  }
  auto server = PrivateDatabaseServer::Create();
  ASSERT_TRUE(server.ok()) << server.status();
  Ledger ledger(**server);
  Sabotage sabotage((*server)->socket_path());
  EngineOptions options = Options(ledger);
  options.database.socket = sabotage.socket_path();
  const auto engine = ledger.StartEngine(options);
  OpenAll(*engine);
  sabotage.Begin([](const Sabotage::Statement& s) {
    return absl::StrContains(s.text, kBroken) ? Ruling{Fate::kRolledBack, 1213} : Ruling{};
  });
  const EngineStats& stats = engine->stats();
  int64_t conflicts = stats.conflicts;
  for (int round = 0; round < kPoisonedRounds; ++round) {
    const auto replies = AskAmongOthers(*engine, UsageBlockUsage());
    ASSERT_EQ(replies.size(), 3u);
    for (const auto& reply : replies) {
      EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable) << reply.status();
      EXPECT_EQ(ReasonOf(reply.status()), "DATABASE_UNAVAILABLE");
    }
    // Three tries of each batch that it is in; alone some more, but only once.
    EXPECT_LE(stats.conflicts - conflicts, round == 0 ? 3 * 9 + 8 : 3) << round;
    conflicts = stats.conflicts;
  }
  sabotage.End();
  const auto replies = AskAmongOthers(*engine, UsageBlockUsage());
  ASSERT_EQ(replies.size(), 3u);
  for (const auto& reply : replies) EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ledger.AuditOf(kBroken).difference_count, 0);
}

}  // namespace
}  // namespace reserve::engine
