// What the engine does in the background, when a part of it can't be done.

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/services/ledger/engine/sabotage.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::PrivateDatabaseServer;
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

// The commands that the background sends for an account "a" fail, and then work again.
class BackgroundCommandsTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> StartLooking() {
    EngineOptions options = ledger_.Options();
    options.house_interval = absl::Milliseconds(5);
    return ledger_.StartEngine(options);
  }
  // Engines remember accounts by their versions.
  void Change(const std::string& sql) {
    ledger_.sql().Execute(sql);
    ledger_.sql().Execute("UPDATE balances SET version = version + 1");
  }
  // That the step fails, which is counted and told; and once `mend` is done, that it works.
  void ExpectTold(Engine& engine, Step step, const std::string& mend) {
    ASSERT_TRUE(WaitUntil([&] { return engine.steps().failures(step) > 1; }));
    EXPECT_GT(engine.steps().failing(step), absl::ZeroDuration());
    std::string told;
    for (const StepReport::Line& line : engine.steps().Take()) {
      if (line.step == step) told = std::string(line.error.message());
    }
    EXPECT_TRUE(absl::StartsWith(told, "account a: ")) << told;
    Change(mend);
    EXPECT_TRUE(WaitUntil([&] { return engine.steps().failing(step) == absl::ZeroDuration(); }));
  }

  Ledger ledger_;
};

TEST_F(BackgroundCommandsTest, AnAccountThatCantBeReconsideredIsTold) {
  const auto engine = StartLooking();
  OpenFunded(*engine, "a");
  // Its next event finds its number taken.
  ledger_.sql().Execute(
      "INSERT INTO events (account_id,event_seq,kind,cause,event_time,state,balance_nanos,"
      "recharge_ordinal) SELECT account_id,last_event_seq+1,1,'nobody','2026-01-01',state,0,0 "
      "FROM accounts");
  Change("UPDATE accounts SET recheck_time = '2026-01-01', recharge_threshold_nanos = 20000000000");
  ExpectTold(*engine, Step::kRechecks, "DELETE FROM events WHERE cause = 'nobody'");
  EXPECT_TRUE(WaitUntil([&] { return ledger_.Account("a").open_ordinal == 2; }));
}

TEST_F(BackgroundCommandsTest, AUsageThatCantBeRatedIsTold) {
  auto engine = StartLooking();
  OpenFunded(*engine, "a");
  ASSERT_TRUE(Ask<UsageReply>(*engine, "a", RecordUsage{Call(kUser, "c", "33155501234", 60)}).ok());
  engine.reset();
  Change("UPDATE users SET plan_id = 'gone'");
  engine = StartLooking();
  ExpectTold(*engine, Step::kUnrated, "UPDATE users SET plan_id = 'per_minute'");
}

// One that refuses each statement with this in it, once it is told to.
class PartialFailure {
 public:
  PartialFailure() : server_(*PrivateDatabaseServer::Create()) {
    ledger_ = std::make_unique<Ledger>(*server_);
    sabotage_ = std::make_unique<Sabotage>(server_->socket_path());
    EngineOptions options = ledger_->Options();
    options.house_interval = options.heartbeat_interval = absl::Milliseconds(5);
    options.clock = absl::Now;  // a wrong one puts nothing right
    options.database.socket = sabotage_->socket_path();
    engine_ = ledger_->StartEngine(options);
    OpenFunded(*engine_, "a");
  }

  void Refuse(const std::string& part) {
    sabotage_->Begin([part](const Sabotage::Statement& s) {
      return absl::StrContains(s.text, part) ? Ruling{Fate::kRefused, 1146} : Ruling{};
    });
  }
  // As if a time had come that makes a recharge of the account follow.
  void MakeDue(const std::string& recheck_time) {
    ledger_->sql().Execute("UPDATE balances SET version = version + 1");
    ledger_->sql().Execute(absl::StrCat("UPDATE accounts SET recheck_time = '", recheck_time,
                                        "', recharge_threshold_nanos = 20000000000"));
  }
  bool IsReconsidered() {
    return WaitUntil([this] { return ledger_->Account("a").open_ordinal == 2; });
  }
  bool Fails(Step step) {
    return WaitUntil([this, step] { return engine_->steps().failures(step) > 0; });
  }
  Engine& engine() { return *engine_; }
  Ledger& ledger() { return *ledger_; }

 private:
  std::unique_ptr<PrivateDatabaseServer> server_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Sabotage> sabotage_;
  std::unique_ptr<Engine> engine_;
};

class PartsOfAStepTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
      GTEST_SKIP() << "needs a database server of its own";
    }
  }
};

TEST_F(PartsOfAStepTest, WhatIsDueIsReconsideredThoughExpiryNoticesCantBeRead) {
  PartialFailure failing;
  failing.Refuse("FORCE INDEX (by_expiry_notice_time)");
  EXPECT_TRUE(failing.Fails(Step::kExpiryNotices));
  failing.MakeDue("2020-01-01");
  EXPECT_TRUE(failing.IsReconsidered());
  EXPECT_EQ(failing.engine().steps().failures(Step::kRechecks), 0);
}

TEST_F(PartsOfAStepTest, WhatIsDueIsReconsideredThoughTheDatabasesClockCantBeRead) {
  PartialFailure failing;
  failing.Refuse("UTC_TIMESTAMP(6)");
  EXPECT_TRUE(failing.Fails(Step::kDueTimes));
  EXPECT_TRUE(failing.Fails(Step::kHolds));
  failing.MakeDue("2020-01-01");
  EXPECT_TRUE(failing.IsReconsidered());
  EXPECT_EQ(failing.engine().steps().failures(Step::kRechecks), 0);
}

TEST_F(PartsOfAStepTest, ADueTimeThatIsTooFarOffIsPutRightThoughRechargesCantBeRead) {
  PartialFailure failing;
  failing.Refuse("AND due_time > ");
  EXPECT_TRUE(failing.Fails(Step::kDueTimes));
  failing.MakeDue("2099-01-01");
  EXPECT_TRUE(failing.IsReconsidered());
}

// A step, and a part of a statement of it alone.
struct Failing {
  Step step;
  std::string part;
};

class OneStepTest : public PartsOfAStepTest, public testing::WithParamInterface<Failing> {};

TEST_P(OneStepTest, IsToldAndStopsNoOther) {
  PartialFailure failing;
  failing.Refuse(GetParam().part);
  const bool fails = WaitUntil([&] {
    failing.engine().reratings().Announce();  // it looks when it is asked to
    return failing.engine().steps().failures(GetParam().step) > 0;
  });
  EXPECT_TRUE(fails);
  EXPECT_GT(failing.engine().steps().failing(GetParam().step), absl::ZeroDuration());
  failing.MakeDue("2020-01-01");
  EXPECT_TRUE(failing.IsReconsidered());
  for (int i = 0; i < kSteps; ++i) {
    const auto step = static_cast<Step>(i);
    if (step == GetParam().step) continue;
    EXPECT_EQ(failing.engine().steps().failures(step), 0) << NameOf(step);
  }
}

INSTANTIATE_TEST_SUITE_P(
    ThatFails, OneStepTest,
    testing::Values(Failing{Step::kHeartbeat, "INSERT INTO ledgers"},
                    Failing{Step::kRechargeCount, "COUNT(CASE WHEN pending_time"},
                    Failing{Step::kReratings, "ORDER BY number LIMIT 1"}),
    [](const auto& failing) { return std::string(NameOf(failing.param.step)); });

}  // namespace
}  // namespace reserve::engine
