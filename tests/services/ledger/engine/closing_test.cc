// Closing an account on a real database: it goes on by itself, whoever starts anew, and once,
// whatever comes twice (P4).
#include <memory>
#include <string>
#include <vector>

#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/domain/closing_policy.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using domain::AccountState;
using domain::ClosingStep;
using domain::DisputeState;
using domain::EntryKind;
using domain::GatewayRefund;
using domain::RechargeState;
using test_support::WaitUntil;
using ::testing::ElementsAre;

class ClosingTest : public OneAccountTest {
 protected:
  void SetUp() override {
    OpenFunded(*engine_, kAccount);  // recharge 1, $15, charge ch_1
  }
  domain::Account Account() const { return ledger_.Account(kAccount); }
  bool IsClosed() const { return Account().closed(); }
  std::vector<ClosingStep> StepsOf(const std::string& request_id) {
    return Must<ClosingReply>(Close(request_id)).steps;
  }
  // Nothing is told: the housekeeper finds it.
  void EndGrace() {
    ledger_.clock().Advance(absl::Hours(72));
    EXPECT_TRUE(WaitUntil([&] { return !Account().closing.takes_facts(); }));
  }
  void CloseNow() {
    Must<ClosingReply>(Close("close"));
    EndGrace();
  }
  // Another charge, of another card.
  void TopUp(Nanos amount) {
    domain::GivenCard given;
    given.card.token = CardToken("tok_other");
    given.card.fingerprint = "other";
    given.position = 1;
    Must<PaymentMethodReply>(AddPaymentMethod{"card", given});
    Must<RechargeReply>(RequestRecharge{"top-up", amount, ""});
    Must<RechargeReply>(Succeeded(Account().last_ordinal, amount));
  }
};

TEST_F(ClosingTest, P4_AnAccountIsOpenedAndClosedInOneBatch) {
  const std::vector<absl::StatusOr<Reply>> replies =
      AskAll(*engine_, {{"brief", OpenWithCard()},
                        {"brief", PutUser{kUser, ""}},
                        {"brief", Succeeded(1, 15 * kDollar)},
                        {"brief", Close("close")}});
  for (const auto& reply : replies) EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ledger_.Account("brief").state, AccountState::kClosing);
}

TEST_F(ClosingTest, P4_MoneyOnTwoCardsGoesBackByItselfHoweverOftenTheLedgerStartsAnew) {
  TopUp(25 * kDollar);
  const std::vector<ClosingStep> steps = StepsOf("close");
  ASSERT_EQ(steps.size(), 3);
  EXPECT_EQ(steps[0].kind, ClosingStep::Kind::kGrace);
  EXPECT_EQ(steps[1].charge_ordinal, 2);
  EXPECT_EQ(steps[1].payment_method_id, "card-2");
  EXPECT_EQ(steps[2].amount, 15 * kDollar);
  StartAnew();
  EXPECT_EQ(Account().state, AccountState::kClosing);
  EndGrace();
  StartAnew();
  EXPECT_EQ(Balance(), 0);
  EXPECT_EQ(ledger_.Recharge(kAccount, 3).refund_of, 2);
  EXPECT_EQ(ledger_.Recharge(kAccount, 4).refund_of, 1);
  Must<RechargeReply>(RefundSucceeded(3));
  StartAnew();
  EXPECT_EQ(Account().state, AccountState::kClosing);
  for (int i = 0; i < 2; ++i) Must<RechargeReply>(RefundSucceeded(4));
  EXPECT_TRUE(IsClosed());
  StartAnew();
  EXPECT_TRUE(IsClosed());
  EXPECT_THAT(Kinds(), ElementsAre(EntryKind::kRecharge, EntryKind::kRecharge, EntryKind::kRefund,
                                   EntryKind::kRefund));
  for (const ClosingStep& step : StepsOf("close")) EXPECT_TRUE(step.done);
}

TEST_F(ClosingTest, P4_ARequestThatIsRepeatedAnswersHowItStands) {
  Must<ClosingReply>(Close("close"));
  StartAnew();
  EXPECT_EQ(Must<ClosingReply>(Close("close")).account.state, AccountState::kClosing);
  const auto other = Ask<ClosingReply>(*engine_, kAccount, Close("close", {"usage"}));
  EXPECT_EQ(ReasonOf(other.status()), "REQUEST_ID_REUSED");
  EndGrace();
  EXPECT_EQ(Must<ClosingReply>(Close("close")).steps.front().ordinal, 2);
  Must<RechargeReply>(RefundSucceeded(2));
  EXPECT_EQ(Must<ClosingReply>(Close("close")).account.state, AccountState::kClosed);
  EXPECT_EQ(Must<ClosingReply>(Close("again")).account.state, AccountState::kClosed);
  EXPECT_EQ(Account().last_ordinal, 2);
}

TEST_F(ClosingTest, P4_TryingChangesNothing) {
  CloseAccount close = Close("close");
  close.validate_only = true;
  const auto reply = Must<ClosingReply>(close);
  EXPECT_EQ(reply.account.state, AccountState::kClosing);
  EXPECT_EQ(reply.steps.back().amount, 15 * kDollar);
  EXPECT_EQ(Account().state, AccountState::kActive);
  EXPECT_EQ(Must<ClosingReply>(Close("close")).account.state, AccountState::kClosing)
      << "the id is free still";
}

TEST_F(ClosingTest, P4_AnAttemptInFlightIsWaitedForAndALateSuccessIsOwed) {
  Spend(*engine_, kAccount, 6 * kDollar);  // recharge 2 is opened
  ledger_.sql().Execute(
      "UPDATE recharges SET attempt_start = create_time, lease_epoch = 1 WHERE ordinal = 2");
  StartAnew();
  Must<ClosingReply>(Close("close"));
  ledger_.clock().Advance(absl::Hours(72));
  EXPECT_EQ(StepsOf("close").front().kind, ClosingStep::Kind::kAttempt);
  EXPECT_TRUE(Account().closing.takes_facts());
  Must<RechargeReply>(Declined(2, domain::DeclineClass::kHard, /*lease_epoch=*/1));
  EXPECT_FALSE(Account().closing.takes_facts()) << "in the same transaction";
  Must<RechargeReply>(RefundSucceeded(3));
  ASSERT_TRUE(IsClosed());
  for (int i = 0; i < 2; ++i) Must<RechargeReply>(Succeeded(2, 15 * kDollar));
  EXPECT_TRUE(IsClosed());
  EXPECT_EQ(Account().closing.owed, 15 * kDollar);
  EXPECT_EQ(Account().last_ordinal, 3);
}

TEST_F(ClosingTest, P4_LateRecordsAreBookedInTheGraceAndRefusedAndCountedAfterIt) {
  Must<ClosingReply>(Close("close"));
  const RecordUsage within = Costing(2 * kDollar);
  Must<UsageReply>(within);
  EXPECT_EQ(Balance(), 13 * kDollar);
  EndGrace();
  for (int i = 0; i < 2; ++i) {
    const auto after = Ask<UsageReply>(*engine_, kAccount, Costing(kDollar));
    EXPECT_EQ(ReasonOf(after.status()), "USAGE_AFTER_CLOSING");
    StartAnew();
  }
  EXPECT_TRUE(Must<UsageReply>(within).duplicate) << "what is booked is answered as ever";
  EXPECT_EQ(engine_->stats().usage_after_closing, 0);
  Ask<UsageReply>(*engine_, kAccount, Costing(kDollar)).IgnoreError();
  EXPECT_EQ(engine_->stats().usage_after_closing, 1);
  const auto voided =
      Ask<VoidReply>(*engine_, kAccount, VoidUsage{within.usage.usage_id, false, {"wrong"}});
  EXPECT_EQ(ReasonOf(voided.status()), "USAGE_AFTER_CLOSING");
  Must<RechargeReply>(RefundSucceeded(2));
}

TEST_F(ClosingTest, P4_AFailedRefundADisputedChargeAndABankPaymentAreOwed) {
  TopUp(25 * kDollar);
  Must<PaymentReply>(Payment("bank", 10 * kDollar));
  Must<DisputeReply>(ToldDispute(2, "dp", DisputeState::kOpened, 5 * kDollar));
  CloseNow();
  EXPECT_EQ(ledger_.Recharge(kAccount, 4).refund_of, 1);
  Must<RechargeReply>(RefundFailed(4, "card_closed"));
  EXPECT_TRUE(IsClosed());
  EXPECT_EQ(Account().closing.owed, 45 * kDollar);
  EXPECT_EQ(Kinds().back(), EntryKind::kPayout);
}

TEST_F(ClosingTest, P4_ARefundUnderReviewIsWaitedFor) {
  CloseNow();
  domain::ChargeOutcome unresolved;
  unresolved.kind = domain::ChargeOutcome::Kind::kUnresolved;
  unresolved.attempt = 1;
  unresolved.text = "looked up for long";
  Must<RechargeReply>(ReportRecharge{2, true, unresolved});
  StartAnew();
  EXPECT_EQ(Account().state, AccountState::kClosing);
  Must<RechargeReply>(ResolveReview{2, {}, "", {"the gateway has none"}});
  EXPECT_TRUE(IsClosed());
  EXPECT_EQ(Account().closing.owed, 15 * kDollar);
}

TEST_F(ClosingTest, P4_DebtIsWrittenOffAndWhatComesAfterTakesItBackFirst) {
  Must<PaymentReply>(Payment("bank", 10 * kDollar));
  Spend(*engine_, kAccount, 20 * kDollar);  // recharge 3 is opened
  Must<EntryReply>(AdjustBalance{"fee", -8 * kDollar, {"a fee"}, ""});
  CloseNow();
  EXPECT_TRUE(IsClosed());
  EXPECT_EQ(Account().closing.written_off, 3 * kDollar);
  StartAnew();
  Must<RechargeReply>(Succeeded(3, 15 * kDollar));
  EXPECT_TRUE(IsClosed());
  EXPECT_EQ(Balance(), 0);
  EXPECT_EQ(Account().closing.written_off, 0);
  EXPECT_EQ(Account().closing.owed, 12 * kDollar);
  Must<RechargeReply>(ReversePayment{2, "bounced", {"bounced"}});
  EXPECT_EQ(Account().closing.written_off, 10 * kDollar);
  EXPECT_EQ(Account().open_ordinal, 0);
  EXPECT_EQ(Account().last_ordinal, 3);
}

TEST_F(ClosingTest, P4_LessThanACentIsWrittenOff) {
  Must<EntryReply>(AdjustBalance{"odd", -1, {"a rounding"}, ""});
  CloseNow();
  Must<RechargeReply>(RefundSucceeded(2));
  EXPECT_TRUE(IsClosed());
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).amount, 1499 * kNanosPerCent);
  EXPECT_EQ(Account().closing.written_off, -(kNanosPerCent - 1));
}

TEST_F(ClosingTest, P4_ARefundThatFailsDaysAfterAndADisputeAfterThatEndAtZero) {
  CloseNow();
  Must<RechargeReply>(RefundSucceeded(2));
  StartAnew();
  ledger_.clock().Advance(absl::Hours(48));
  Must<RechargeReply>(ToldRefund(1, "re_2", GatewayRefund::State::kFailed, 15 * kDollar));
  EXPECT_EQ(Account().closing.owed, 15 * kDollar);
  Must<DisputeReply>(ToldDispute(1, "dp", DisputeState::kOpened, 15 * kDollar));
  EXPECT_EQ(Account().closing.written_off, 15 * kDollar);
  Must<DisputeReply>(ToldDispute(1, "dp", DisputeState::kWon, 15 * kDollar));
  EXPECT_EQ(Account().closing.written_off, 0);
  EXPECT_TRUE(IsClosed());
  EXPECT_EQ(Balance(), 0);
}

TEST_F(ClosingTest, P4_UnratedUsageIsWaivedByName) {
  for (const char* id : {"one", "two"}) {
    Must<UsageReply>(RecordUsage{Call("nobody", id, kStandardNumber, 60)});
  }
  const auto refused = Ask<ClosingReply>(*engine_, kAccount, Close("close", {"two"}));
  EXPECT_EQ(ReasonOf(refused.status()), "UNRATED_USAGE");
  const auto unknown = Ask<ClosingReply>(*engine_, kAccount, Close("close", {"three"}));
  EXPECT_EQ(ReasonOf(unknown.status()), "USAGE_NOT_FOUND");
  Must<ClosingReply>(Close("close", {"one", "two"}));
  Must<UsageReply>(RecordUsage{Call("nobody", "late", kStandardNumber, 60)});
  ledger_.clock().Advance(absl::Hours(72));
  StartAnew();
  EXPECT_EQ(StepsOf("look").front().usage_id, "late");
  EXPECT_TRUE(Account().closing.takes_facts());
  Must<ClosingReply>(Close("waive", {"late"}));
  EXPECT_FALSE(Account().closing.takes_facts());
  Must<RechargeReply>(RefundSucceeded(2));
  EXPECT_TRUE(IsClosed());
}

TEST_F(ClosingTest, P4_TheIdIsNeverOpenedAgain) {
  CloseNow();
  Must<RechargeReply>(RefundSucceeded(2));
  const auto same = Ask<domain::Account>(*engine_, kAccount, OpenWithCard());
  EXPECT_EQ(ReasonOf(same.status()), "ACCOUNT_CLOSED");
  OpenAccount other = OpenWithCard();
  other.digest = "other";
  EXPECT_EQ(ReasonOf(Ask<domain::Account>(*engine_, kAccount, other).status()), "ACCOUNT_EXISTS");
}

TEST_F(ClosingTest, C10_CallsForHelpAreBookedWhileFactsAreThenCounted) {
  Must<ClosingReply>(Close("close"));
  EXPECT_TRUE(Must<UsageReply>(RecordUsage{Call(kUser, "sos", "#911", 60)}).booked);
  EndGrace();
  EXPECT_FALSE(Must<UsageReply>(RecordUsage{Call(kUser, "sos-2", "#911", 60)}).booked);
  EXPECT_TRUE(Must<UsageReply>(RecordUsage{Call(kUser, "sos", "#911", 60)}).duplicate);
  domain::Usage call = Call(kUser, "", "#911", 60);
  EXPECT_EQ(Must<AuthorizeReply>(AuthorizeUsage{call}).authorization.decision,
            domain::Decision::kAllowed);
  call.destination = kStandardNumber;
  EXPECT_EQ(Must<AuthorizeReply>(AuthorizeUsage{call}).authorization.decision,
            domain::Decision::kAccountClosing);
  Must<RechargeReply>(RefundSucceeded(2));
  EXPECT_EQ(Must<AuthorizeReply>(AuthorizeUsage{call}).authorization.decision,
            domain::Decision::kAccountClosed);
}

}  // namespace
}  // namespace reserve::engine
