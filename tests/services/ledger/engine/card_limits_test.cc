// The card networks' limits, and ours (G9), on a real database: counted over accounts, kept over
// restarts, and held to whoever asks for a charge.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;
using ::testing::Contains;
using ::testing::ElementsAre;

// Declines whatever it is given. Thread-safe.
class DecliningWorker : public RechargeWatcher {
 public:
  explicit DecliningWorker(Engine& engine) : engine_(engine) {
    engine_.dispatcher().Add(this, "w", 10);
  }
  ~DecliningWorker() override { engine_.dispatcher().Remove(this); }

  void OnLease(const LeasedRecharge& leased) override {
    absl::MutexLock lock(&mutex_);
    const domain::Recharge& recharge = leased.recharge;
    attempts_.push_back(
        absl::StrCat(recharge.account_id, "/", recharge.ordinal, "/", recharge.attempt));
    ReportRecharge report;
    report.ordinal = recharge.ordinal;
    report.outcome.kind = domain::ChargeOutcome::Kind::kDeclined;
    report.outcome.attempt = recharge.attempt;
    report.outcome.lease_epoch = recharge.lease_epoch;
    report.outcome.decline_class = domain::DeclineClass::kSoft;
    report.outcome.text = "insufficient_funds";
    engine_.Submit({Task{recharge.account_id, report, Nobody(), 0}});
  }
  // "account/ordinal/attempt", in the order of the hand-outs.
  std::vector<std::string> attempts() const {
    absl::MutexLock lock(&mutex_);
    return attempts_;
  }

 private:
  // Outlives every lane, as a reply may come when the worker has gone.
  static ReplySink* Nobody() {
    class NobodyWaits : public ReplySink {
      void Done(uint32_t, absl::StatusOr<Reply>) override {}
    };
    static auto* const nobody = new NobodyWaits;
    return nobody;
  }

  Engine& engine_;
  mutable absl::Mutex mutex_;
  std::vector<std::string> attempts_ ABSL_GUARDED_BY(mutex_);
};

class CardLimitsTest : public testing::Test {
 protected:
  EngineOptions Options() {
    EngineOptions options = ledger_.Options();
    options.settings.card_limits.visa_per_30_days = 3;
    options.settings.decline_interval = absl::ZeroDuration();  // ours would come first
    return options;
  }
  static void Open(Engine& engine, const std::string& account_id) {
    OpenAccount open = OpenWithCard();
    open.card.card = {CardToken(absl::StrCat("tok-", account_id)), "shared",
                      domain::CardNetwork::kVisa};
    const auto opened = Ask<domain::Account>(engine, account_id, open);
    ASSERT_TRUE(opened.ok()) << opened.status();
  }
  static absl::Status TopUp(Engine& engine, const std::string& account_id) {
    RequestRecharge request;
    request.request_id = absl::StrCat("r", absl::ToUnixMicros(engine.Now()));
    return Ask<RechargeReply>(engine, account_id, request).status();
  }
  int64_t Declines() const { return ledger_.sql().QueryInt("SELECT COUNT(*) FROM card_declines"); }
  int64_t Events(const std::string& account_id, domain::EventKind kind) const {
    return ledger_.sql().QueryInt(absl::StrCat("SELECT COUNT(*) FROM events WHERE account_id = '",
                                               account_id,
                                               "' AND kind = ", static_cast<int>(kind)));
  }
  // Does its first recharge wait for the networks' limit?
  bool Deferred(const std::string& account_id) {
    const domain::Recharge recharge = ledger_.Recharge(account_id, 1);
    return recharge.waits() && recharge.due_time == begin_ + absl::Hours(30 * 24);
  }
  bool Failing(const std::string& account_id) const {
    return ledger_.CardState(account_id) == domain::CardState::kFailing;
  }

  Ledger ledger_;
  const absl::Time begin_ = ledger_.clock().Now();
};

TEST_F(CardLimitsTest, G9_DeclinesAreCountedOverAccountsAndKeptOverARestart) {
  auto engine = ledger_.StartEngine(Options());
  {
    DecliningWorker worker(*engine);
    Open(*engine, "a");
    ASSERT_TRUE(WaitUntil([&] { return Declines() == 1; }));
    ledger_.clock().Advance(absl::Hours(1));
    ASSERT_TRUE(WaitUntil([&] { return Declines() == 2; }));
    // The third decline, of another account with the same card, is the last.
    Open(*engine, "b");
    ASSERT_TRUE(WaitUntil([&] { return Deferred("b"); }));
    EXPECT_EQ(Declines(), 3);
    EXPECT_EQ(Events("b", domain::EventKind::kCardLimitReached), 1);
    // The retry that was scheduled before is not made.
    ledger_.clock().Advance(absl::Hours(3));
    ASSERT_TRUE(WaitUntil([&] { return Deferred("a"); }));
    EXPECT_EQ(Events("a", domain::EventKind::kCardLimitReached), 1);
    // Nor the first attempt of a new account.
    Open(*engine, "c");
    ASSERT_TRUE(WaitUntil([&] { return Deferred("c"); }));
    EXPECT_EQ(Events("c", domain::EventKind::kCardLimitReached), 1);
    EXPECT_TRUE(Failing("c"));
    EXPECT_THAT(worker.attempts(), ElementsAre("a/1/1", "a/1/2", "b/1/1"));
  }
  engine.reset();
  engine = ledger_.StartEngine(Options());
  for (const std::string account_id : {"a", "b", "c"}) {
    EXPECT_EQ(ReasonOf(TopUp(*engine, account_id)), "CARD_LIMIT_REACHED") << account_id;
  }
  // Until the first decline is 30 days old.
  ledger_.clock().Advance(absl::Hours(30 * 24 - 4));
  ASSERT_TRUE(TopUp(*engine, "c").ok());
  DecliningWorker worker(*engine);
  ASSERT_TRUE(WaitUntil([&] { return Declines() > 3; }));
  ASSERT_TRUE(WaitUntil([&] { return !ledger_.Recharge("c", 2).open(); }));
  EXPECT_THAT(worker.attempts(), Contains("c/2/1"));
  ledger_.Audit();
}

TEST_F(CardLimitsTest, G9_AnotherCardIsNotDeferred) {
  auto engine = ledger_.StartEngine(Options());
  DecliningWorker worker(*engine);
  for (const std::string account_id : {"a", "b", "c"}) {
    Open(*engine, account_id);
    ASSERT_TRUE(WaitUntil([&] { return Failing(account_id); }));
  }
  EXPECT_EQ(Declines(), 3);
  ASSERT_TRUE(Deferred("c"));
  const domain::Card own = {CardToken("tok-own"), "own", domain::CardNetwork::kVisa};
  const auto replaced = Ask<PaymentMethodReply>(*engine, "c", UpdatePaymentMethod{"", "", {own}});
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  ASSERT_TRUE(WaitUntil([&] { return Declines() == 4; }));
  EXPECT_THAT(worker.attempts(), ElementsAre("a/1/1", "b/1/1", "c/1/1", "c/1/2"));
}

TEST_F(CardLimitsTest, G9_AWornCardIsDeferredInTheBatchThatGivesIt) {
  auto engine = ledger_.StartEngine(Options());
  for (const std::string account_id : {"a", "b", "c"}) {
    const DecliningWorker worker(*engine);
    Open(*engine, account_id);
    ASSERT_TRUE(WaitUntil([&] { return Failing(account_id); }));
  }
  ASSERT_EQ(Declines(), 3);
  OpenFunded(*engine, "d");
  const domain::Card worn = {CardToken("tok-d"), "shared", domain::CardNetwork::kVisa};
  const std::vector<absl::StatusOr<Reply>> replies = AskAll(
      *engine, {{"d", UpdatePaymentMethod{"", "", {worn}}}, {"d", RequestRecharge{"r", {}, ""}}});
  EXPECT_TRUE(replies[0].ok()) << replies[0].status();
  EXPECT_EQ(ReasonOf(replies[1].status()), "CARD_LIMIT_REACHED");
}

// Two declines within a minute: a third account waits, and its card is none the worse.
TEST_F(CardLimitsTest, G9_OurOwnLimitDefersWhatIsDueAndFailsNoCard) {
  EngineOptions options = ledger_.Options();
  ASSERT_EQ(options.settings.decline_interval, absl::Minutes(1));
  const auto engine = ledger_.StartEngine(options);
  DecliningWorker worker(*engine);
  for (const std::string account_id : {"a", "b"}) {
    Open(*engine, account_id);
    ASSERT_TRUE(WaitUntil([&] { return Failing(account_id); }));
  }
  Open(*engine, "c");
  ASSERT_TRUE(
      WaitUntil([&] { return ledger_.Recharge("c", 1).due_time == begin_ + absl::Minutes(1); }));
  EXPECT_EQ(ledger_.CardState("c"), domain::CardState::kUsable);
  EXPECT_EQ(Events("c", domain::EventKind::kCardLimitReached), 0);
  EXPECT_THAT(worker.attempts(), ElementsAre("a/1/1", "b/1/1"));
  ledger_.clock().Advance(absl::Minutes(1));
  ASSERT_TRUE(WaitUntil([&] { return Declines() == 3; }));
  EXPECT_THAT(worker.attempts(), ElementsAre("a/1/1", "b/1/1", "c/1/1"));
  ledger_.Audit();
}

TEST_F(CardLimitsTest, G9_WhatCantBeDeferredIsTold) {
  const auto engine = ledger_.StartEngine(Options());
  Open(*engine, "a");
  for (int i = 0; i < 3; ++i) {
    ledger_.sql().Execute(absl::StrCat(
        "INSERT INTO card_declines (account_id,ordinal,attempt,card_fingerprint,decline_time) "
        "VALUES ('another',1,",
        i, ",'shared','", absl::FormatTime("%Y-%m-%d %H:%M:%E6S", begin_, absl::UTCTimeZone()),
        "')"));
  }
  const auto change = [this](const std::string& sql) {
    ledger_.sql().Execute(sql);
    ledger_.sql().Execute("UPDATE balances SET version = version + 1");
  };
  ledger_.sql().Execute("CREATE TABLE away AS SELECT * FROM accounts");
  change("DELETE FROM accounts");
  DecliningWorker worker(*engine);
  EXPECT_TRUE(WaitUntil([&] { return engine->steps().failures(Step::kDispatch) > 1; }));
  EXPECT_GT(engine->steps().failing(Step::kDispatch), absl::ZeroDuration());
  change("INSERT INTO accounts SELECT * FROM away");
  EXPECT_TRUE(WaitUntil([&] { return Deferred("a"); }));
  EXPECT_TRUE(
      WaitUntil([&] { return engine->steps().failing(Step::kDispatch) == absl::ZeroDuration(); }));
  EXPECT_THAT(worker.attempts(), ElementsAre());
}

}  // namespace
}  // namespace reserve::engine
