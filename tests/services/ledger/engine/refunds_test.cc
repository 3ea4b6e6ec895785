// Refunds and disputes on a real database: once, whatever comes twice, and found again by whoever
// starts anew (P1 to P3).
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/unplaced_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using domain::AccountState;
using domain::DisputeState;
using domain::EntryKind;
using domain::GatewayRefund;
using domain::RechargeState;
using domain::SuspensionReason;
using test_support::WaitUntil;
using ::testing::ElementsAre;

class RefundsTest : public OneAccountTest {
 protected:
  void SetUp() override {
    OpenFunded(*engine_, kAccount);  // recharge 1, $15, charge ch_1
  }
  domain::Recharge Give(const std::string& request_id, Nanos amount) {
    return Must<RechargeReply>(Refund(request_id, 1, amount)).recharge;
  }
  domain::Recharge Tell(const std::string& refund_id, GatewayRefund::State state, Nanos amount) {
    return Must<RechargeReply>(ToldRefund(1, refund_id, state, amount)).recharge;
  }
  domain::Dispute Tell(const std::string& dispute_id, DisputeState state, Nanos amount) {
    return Must<DisputeReply>(ToldDispute(1, dispute_id, state, amount)).dispute;
  }
};

// Takes what it is given, and does nothing. Thread-safe.
class WatchingWorker : public RechargeWatcher {
 public:
  explicit WatchingWorker(Engine& engine) : engine_(engine) {
    engine_.dispatcher().Add(this, "w", 10);
  }
  ~WatchingWorker() override { engine_.dispatcher().Remove(this); }
  void OnLease(const LeasedRecharge& leased) override {
    absl::MutexLock lock(&mutex_);
    leased_.push_back(leased.recharge);
  }
  std::vector<domain::Recharge> leased() const {
    absl::MutexLock lock(&mutex_);
    return leased_;
  }

 private:
  Engine& engine_;
  mutable absl::Mutex mutex_;
  std::vector<domain::Recharge> leased_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(RefundsTest, P1_ARefundIsDebitedAtOnceAndNothingIsChargedForIt) {
  const domain::Recharge refund = Give("r", 15 * kDollar);
  EXPECT_EQ(refund.ordinal, 2);
  EXPECT_EQ(refund.charge_id, "ch_1");
  const domain::Account account = ledger_.Account(kAccount);
  EXPECT_EQ(account.balance, 0);
  EXPECT_EQ(account.open_ordinal, 0);
  EXPECT_EQ(account.suspension.reason, SuspensionReason::kMoneyTakenBack);
  EXPECT_EQ(account.state, AccountState::kDisabled);
  EXPECT_EQ(ledger_.Recharge(kAccount, 1).refunded, 15 * kDollar);
  EXPECT_THAT(Kinds(), ElementsAre(EntryKind::kRecharge, EntryKind::kRefund));
}

TEST_F(RefundsTest, P1_ARefundAskedForTwiceIsOne) {
  const domain::Recharge first = Give("r", 4 * kDollar);
  StartAnew();
  EXPECT_EQ(Give("r", 4 * kDollar).ordinal, first.ordinal);
  EXPECT_EQ(Balance(), 11 * kDollar);
  const auto other = Ask<RechargeReply>(*engine_, kAccount, Refund("r", 1, 5 * kDollar));
  EXPECT_EQ(ReasonOf(other.status()), "REQUEST_ID_REUSED");
}

TEST_F(RefundsTest, P1_NoMoreThanWasChargedIsGivenBack) {
  Give("a", 10 * kDollar);
  Must<EntryReply>(AdjustBalance{"gift", 90 * kDollar, {"a gift"}, ""});
  const auto more = Ask<RechargeReply>(*engine_, kAccount, Refund("b", 1, 6 * kDollar, true));
  EXPECT_EQ(ReasonOf(more.status()), "REFUND_TOO_LARGE");
  EXPECT_EQ(Give("c", 5 * kDollar).ordinal, 3);
  EXPECT_EQ(ledger_.Recharge(kAccount, 1).left(), 0);
}

TEST_F(RefundsTest, P1_AWorkerGetsItWithTheChargeAndWhatItReportsIsAppliedOnce) {
  const WatchingWorker worker(*engine_);
  Give("r", 4 * kDollar);
  ASSERT_TRUE(WaitUntil([&] { return worker.leased().size() == 1; }));
  const domain::Recharge leased = worker.leased().front();
  EXPECT_TRUE(leased.is_refund());
  EXPECT_EQ(leased.charge_id, "ch_1");
  EXPECT_EQ(leased.amount, 4 * kDollar);
  EXPECT_FALSE(Must<RechargeReply>(RefundSucceeded(2)).already_applied);
  EXPECT_TRUE(Must<RechargeReply>(RefundSucceeded(2)).already_applied);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).state, RechargeState::kSucceeded);
  EXPECT_EQ(Balance(), 11 * kDollar);
}

TEST_F(RefundsTest, P1_AFailureIsBookedBackOnceAlsoDaysAfterASuccess) {
  Give("r", 4 * kDollar);
  Must<RechargeReply>(RefundSucceeded(2));
  StartAnew();
  ledger_.clock().Advance(absl::Hours(72));
  for (int i = 0; i < 2; ++i) Tell("re_2", GatewayRefund::State::kFailed, 4 * kDollar);
  EXPECT_EQ(Balance(), 15 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).state, RechargeState::kFailed);
  EXPECT_EQ(ledger_.Recharge(kAccount, 1).refunded, 0);
  Tell("re_2", GatewayRefund::State::kSucceeded, 4 * kDollar);  // late, and forward only
  EXPECT_EQ(Balance(), 15 * kDollar);
  EXPECT_THAT(Kinds(),
              ElementsAre(EntryKind::kRecharge, EntryKind::kRefund, EntryKind::kRefundReturned));
}

TEST_F(RefundsTest, P3_ARefundMadeByHandAtTheGatewayIsTakenUpOnce) {
  for (int i = 0; i < 2; ++i) Tell("re_hand", GatewayRefund::State::kSucceeded, 3 * kDollar);
  StartAnew();
  Tell("re_hand", GatewayRefund::State::kSucceeded, 3 * kDollar);
  EXPECT_EQ(Balance(), 12 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 1).refunded, 3 * kDollar);
}

TEST_F(RefundsTest, P2_ADisputeDebitsSuspendsAndMarksTheCardUntilItIsWon) {
  Tell("dp", DisputeState::kInquiry, 15 * kDollar);
  EXPECT_EQ(Balance(), 15 * kDollar);
  for (int i = 0; i < 2; ++i) Tell("dp", DisputeState::kOpened, 15 * kDollar);
  StartAnew();
  domain::Account account = ledger_.Account(kAccount);
  EXPECT_EQ(account.balance, 0);
  EXPECT_EQ(account.state, AccountState::kDisabled);
  EXPECT_EQ(account.suspension.reason, SuspensionReason::kDispute);
  EXPECT_EQ(ledger_.CardState(kAccount), domain::CardState::kDisputed);
  EXPECT_EQ(ReasonOf(Ask<RechargeReply>(*engine_, kAccount, RequestRecharge{"t", {}, ""}).status()),
            "CARD_DISPUTED");
  for (int i = 0; i < 2; ++i) Tell("dp", DisputeState::kWon, 15 * kDollar);
  account = ledger_.Account(kAccount);
  EXPECT_EQ(account.balance, 15 * kDollar);
  EXPECT_EQ(account.state, AccountState::kActive);
  EXPECT_EQ(account.suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(ledger_.CardState(kAccount), domain::CardState::kUsable);
}

TEST_F(RefundsTest, P2_ARefundThatNobodyHasSentIsCanceledByADispute) {
  Give("r", 4 * kDollar);
  Tell("dp", DisputeState::kOpened, 15 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).state, RechargeState::kCanceled);
  EXPECT_EQ(Balance(), 0);
  const WatchingWorker worker(*engine_);
  const auto again = Ask<RechargeReply>(*engine_, kAccount, Refund("s", 1, 4 * kDollar, true));
  EXPECT_EQ(ReasonOf(again.status()), "CHARGE_DISPUTED");
  EXPECT_TRUE(worker.leased().empty());
}

TEST_F(RefundsTest, P3_WhatTheGatewayTellsBeforeTheChargeIsCreditedCountsOnceItIs) {
  Spend(*engine_, kAccount, 6 * kDollar);  // opens recharge 2
  const auto kept = Must<DisputeReply>(ToldDispute(2, "dp", DisputeState::kOpened, 15 * kDollar));
  EXPECT_TRUE(kept.kept);
  EXPECT_EQ(Balance(), 9 * kDollar);
  StartAnew();
  Must<RechargeReply>(Succeeded(2, 15 * kDollar));
  EXPECT_EQ(Balance(), 9 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).disputed, 15 * kDollar);
  EXPECT_EQ(ledger_.Account(kAccount).suspension.reason, SuspensionReason::kDispute);
}

// Keeps what the gateway tells of a charge that no account has, as its webhook does.
class OfNobodyTest : public RefundsTest {
 protected:
  template <typename Told>
  storage::KeptUnplaced Keep(const Told& told, const std::string& currency = "USD") {
    domain::UnplacedState state;
    state.told = told;
    state.currency = currency;
    const auto kept = storage::KeepUnplaced(*connection_, state, ledger_.clock().Now(),
                                            []() -> absl::StatusOr<bool> { return false; });
    EXPECT_TRUE(kept.ok()) << kept.status();
    return kept.ok() ? *kept : storage::KeptUnplaced{};
  }
  storage::KeptUnplaced Keep(const std::string& dispute_id, DisputeState state) {
    return Keep(domain::GatewayDispute{"ch_9", dispute_id, state, 15 * kDollar, "fraudulent"});
  }
  storage::KeptUnplaced Keep(const std::string& refund_id, GatewayRefund::State state) {
    return Keep(GatewayRefund{"ch_9", refund_id, state, 4 * kDollar, ""});
  }
  // How many a person is shown.
  size_t Listed() { return storage::ListUnplaced(*connection_, 0, 100).value().size(); }
  absl::StatusOr<bool> Dismiss(const std::string& request_id) {
    return storage::DismissUnplaced(*connection_, "ch_9", request_id, {"not ours", "ann", "T-1"},
                                    /*validate_only=*/false);
  }

  const std::unique_ptr<storage::Connection> connection_ = ledger_.Connect();
};

TEST_F(OfNobodyTest, P3_ADisputeThatCameBeforeItsChargeWasRecordedCountsWithThePayment) {
  EXPECT_EQ(Keep("dp_9", DisputeState::kOpened).keeping, storage::Keeping::kKept);
  EXPECT_EQ(Keep("dp_9", DisputeState::kOpened).keeping, storage::Keeping::kKept);
  EXPECT_EQ(Listed(), 1u);
  StartAnew();
  Must<PaymentReply>(Payment("paid", 15 * kDollar, "ch_9"));
  EXPECT_EQ(Balance(), 15 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).disputed, 15 * kDollar);
  EXPECT_EQ(ledger_.Account(kAccount).suspension.reason, SuspensionReason::kDispute);
  EXPECT_THAT(Kinds(), ElementsAre(EntryKind::kRecharge, EntryKind::kPayment, EntryKind::kDispute));
  EXPECT_EQ(Listed(), 0u);
  // What comes after it finds the charge, and what is told again changes nothing.
  Must<PaymentReply>(Payment("again", 15 * kDollar, "ch_9"));
  ReportGatewayDispute won = ToldDispute(2, "dp_9", DisputeState::kWon, 15 * kDollar);
  won.told.charge_id = "ch_9";
  for (int i = 0; i < 2; ++i) Must<DisputeReply>(won);
  EXPECT_EQ(Balance(), 30 * kDollar);
}

TEST_F(OfNobodyTest, P3_AWorkersReportTakesItUpTooRefundsFirst) {
  Keep("dp_9", DisputeState::kWon);
  Keep("dp_9", DisputeState::kOpened);  // late, and forward only
  Keep("re_9", GatewayRefund::State::kPending);
  Keep("re_9", GatewayRefund::State::kSucceeded);
  Keep("re_bad", GatewayRefund::State::kFailed);
  EXPECT_EQ(Listed(), 3u);
  Spend(*engine_, kAccount, 6 * kDollar);  // opens recharge 2
  ReportRecharge report = Succeeded(2, 15 * kDollar);
  report.outcome.charge_id = "ch_9";
  for (int i = 0; i < 2; ++i) Must<RechargeReply>(report);
  EXPECT_EQ(Balance(), 20 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).refunded, 4 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).disputed, 0);
  EXPECT_EQ(Listed(), 0u);
}

TEST_F(OfNobodyTest, P3_WhatAPersonDismissedCountsAllTheSameAndWhatIsToldAnewIsListed) {
  Keep("dp_9", DisputeState::kInquiry);
  EXPECT_TRUE(*Dismiss("T-1"));
  EXPECT_EQ(Listed(), 0u);
  Keep("dp_9", DisputeState::kInquiry);
  EXPECT_EQ(Listed(), 0u);
  Keep("dp_9", DisputeState::kLost);
  EXPECT_EQ(Listed(), 1u);
  EXPECT_TRUE(*Dismiss("T-1")) << "a repeat";
  EXPECT_EQ(Listed(), 1u) << "and it undoes nothing";
  EXPECT_TRUE(*Dismiss("T-2"));
  Must<PaymentReply>(Payment("paid", 15 * kDollar, "ch_9"));
  EXPECT_EQ(Balance(), 15 * kDollar);
  EXPECT_FALSE(*Dismiss("T-3")) << "nothing is kept of it any more";
}

TEST_F(OfNobodyTest, P3_WhatCantBeAppliedKeepsNobodyFromTheCreditAndStaysListed) {
  Keep(domain::GatewayDispute{"ch_9", "dp_9", DisputeState::kOpened, 15 * kDollar, ""}, "EUR");
  Must<PaymentReply>(Payment("paid", 15 * kDollar, "ch_9"));
  EXPECT_EQ(Balance(), 30 * kDollar);
  EXPECT_EQ(Listed(), 1u);
}

TEST_F(OfNobodyTest, P3_WhatIsOnlyTriedOrOfAnotherChargeLeavesItKept) {
  Keep("dp_9", DisputeState::kOpened);
  RecordPayment tried = Payment("tried", 15 * kDollar, "ch_9");
  tried.validate_only = true;
  Must<PaymentReply>(tried);
  Must<PaymentReply>(Payment("other", 15 * kDollar, "ch_8"));
  EXPECT_EQ(Balance(), 30 * kDollar);
  EXPECT_EQ(Listed(), 1u);
}

// As after a credit by a ledger of before, which does not look.
TEST_F(OfNobodyTest, P3_WhatACreditPassedByCountsWhenTheGatewayTellsAnythingOfTheCharge) {
  Must<PaymentReply>(Payment("paid", 15 * kDollar, "ch_9"));
  Keep("dp_9", DisputeState::kOpened);
  Keep("re_9", GatewayRefund::State::kFailed);
  ReportGatewayDispute told = ToldDispute(2, "dp_9", DisputeState::kInquiry, 15 * kDollar);
  told.told.charge_id = "ch_9";
  Must<DisputeReply>(told);
  EXPECT_EQ(Balance(), 15 * kDollar);
  EXPECT_EQ(Listed(), 0u);
}

TEST_F(OfNobodyTest, P3_WhoCreditsAndWhoKeepsWaitForEachOther) {
  // One that is about to credit has looked, and found nothing.
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(storage::LoadUnplaced(*connection_, {{kAccount, "ch_9"}}).ok());
  const std::unique_ptr<storage::Connection> webhook = ledger_.Connect();
  ASSERT_TRUE(webhook->Execute("SET SESSION innodb_lock_wait_timeout = 1").ok());
  domain::UnplacedState state;
  state.told = GatewayRefund{"ch_9", "re_9", GatewayRefund::State::kSucceeded, kDollar, ""};
  state.currency = "USD";
  bool looked = false;
  const auto keep = [&] {
    return storage::KeepUnplaced(*webhook, state, ledger_.clock().Now(),
                                 [&looked]() -> absl::StatusOr<bool> {
                                   looked = true;
                                   return true;
                                 });
  };
  EXPECT_EQ(keep().status().code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(looked) << "what it would have found was not committed yet";
  // Others who credit are not held up.
  const std::unique_ptr<storage::Connection> other = ledger_.Connect();
  ASSERT_TRUE(other->Begin().ok());
  EXPECT_TRUE(storage::LoadUnplaced(*other, {{kAccount, "ch_9"}}).ok());
  other->Rollback();
  ASSERT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(keep()->keeping, storage::Keeping::kHasAccount);
  EXPECT_TRUE(looked);
  EXPECT_EQ(Listed(), 0u);
}

TEST_F(RefundsTest, P3_AnotherChargeUnderOurReferenceIsRefused) {
  ReportGatewayRefund report = ToldRefund(1, "re", GatewayRefund::State::kSucceeded, kDollar);
  report.told.charge_id = "ch_other";
  EXPECT_EQ(ReasonOf(Ask<RechargeReply>(*engine_, kAccount, report).status()), "CHARGE_NOT_FOUND");
}

}  // namespace
}  // namespace reserve::engine
