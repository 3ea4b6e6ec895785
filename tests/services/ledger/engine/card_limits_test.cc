// The card networks' limits (G9) on a real database: counted over accounts, kept over restarts,
// and held to whoever asks for a charge.
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
    return options;
  }
  static void Open(Engine& engine, const std::string& account_id) {
    OpenAccount open = OpenWithCard();
    open.card = {CardToken(absl::StrCat("tok-", account_id)), "shared", domain::CardNetwork::kVisa};
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
  bool GivenUp(const std::string& account_id) const {
    return ledger_.Account(account_id).open_ordinal == 0;
  }

  Ledger ledger_;
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
    ASSERT_TRUE(WaitUntil([&] { return GivenUp("b"); }));
    EXPECT_EQ(Declines(), 3);
    EXPECT_EQ(Events("b", domain::EventKind::kCardLimitReached), 1);
    // The retry that was scheduled before is not made.
    ledger_.clock().Advance(absl::Hours(3));
    ASSERT_TRUE(WaitUntil([&] { return GivenUp("a"); }));
    EXPECT_EQ(Events("a", domain::EventKind::kCardLimitReached), 1);
    // Nor the first attempt of a new account.
    Open(*engine, "c");
    ASSERT_TRUE(WaitUntil([&] { return GivenUp("c"); }));
    EXPECT_EQ(ledger_.Account("c").card_state, domain::CardState::kFailing);
    EXPECT_THAT(worker.attempts(), ElementsAre("a/1/1", "a/1/2", "b/1/1"));
  }
  engine.reset();
  engine = ledger_.StartEngine(Options());
  DecliningWorker worker(*engine);
  for (const std::string account_id : {"a", "b", "c"}) {
    EXPECT_EQ(ReasonOf(TopUp(*engine, account_id)), "CARD_LIMIT_REACHED") << account_id;
  }
  // Until the first decline is 30 days old.
  ledger_.clock().Advance(absl::Hours(30 * 24 - 4));
  ASSERT_TRUE(TopUp(*engine, "c").ok());
  ASSERT_TRUE(WaitUntil([&] { return Declines() == 4; }));
  EXPECT_THAT(worker.attempts(), ElementsAre("c/2/1"));
  ledger_.Audit();
}

TEST_F(CardLimitsTest, G9_AnotherCardIsNotHeldBack) {
  auto engine = ledger_.StartEngine(Options());
  DecliningWorker worker(*engine);
  for (const std::string account_id : {"a", "b", "c"}) {
    Open(*engine, account_id);
    ASSERT_TRUE(WaitUntil(
        [&] { return ledger_.Account(account_id).card_state == domain::CardState::kFailing; }));
  }
  EXPECT_EQ(Declines(), 3);
  const auto replaced = Ask<domain::Account>(
      *engine, "c", UpdatePaymentMethod{{CardToken("tok-own"), "own", domain::CardNetwork::kVisa}});
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  ASSERT_TRUE(WaitUntil([&] { return Declines() == 4; }));
  EXPECT_THAT(worker.attempts(), ElementsAre("a/1/1", "b/1/1", "c/1/1", "c/2/1"));
}

TEST_F(CardLimitsTest, G9_AWornCardIsHeldBackInTheBatchThatGivesIt) {
  auto engine = ledger_.StartEngine(Options());
  for (const std::string account_id : {"a", "b", "c"}) {
    const DecliningWorker worker(*engine);
    Open(*engine, account_id);
    ASSERT_TRUE(WaitUntil(
        [&] { return ledger_.Account(account_id).card_state == domain::CardState::kFailing; }));
  }
  ASSERT_EQ(Declines(), 3);
  OpenFunded(*engine, "d");
  const domain::Card worn = {CardToken("tok-d"), "shared", domain::CardNetwork::kVisa};
  const std::vector<absl::StatusOr<Reply>> replies =
      AskAll(*engine, {{"d", UpdatePaymentMethod{worn}}, {"d", RequestRecharge{"r", {}, ""}}});
  EXPECT_TRUE(replies[0].ok()) << replies[0].status();
  EXPECT_EQ(ReasonOf(replies[1].status()), "CARD_LIMIT_REACHED");
}

}  // namespace
}  // namespace reserve::engine
