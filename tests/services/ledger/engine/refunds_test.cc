// Refunds and disputes on a real database: once, whatever comes twice, and found again by whoever
// starts anew (P1 to P3).
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/dispute_rows.h"
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

constexpr Nanos kDollar = kNanosPerUnit;

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

TEST_F(RefundsTest, P3_AChargeThatIsNoneOfOursIsRefused) {
  ReportGatewayRefund report = ToldRefund(1, "re", GatewayRefund::State::kSucceeded, kDollar);
  report.told.charge_id = "ch_other";
  EXPECT_EQ(ReasonOf(Ask<RechargeReply>(*engine_, kAccount, report).status()), "CHARGE_NOT_FOUND");
}

}  // namespace
}  // namespace reserve::engine
