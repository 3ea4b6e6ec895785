// Charges that are given back: P1, P3, and what follows of it, G12 and D1 (docs/RULES.md).
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

using State = GatewayRefund::State;

// --- P1: what is asked for -------------------------------------------------------

TEST(RefundPolicyTest, P1_ARefundTakesTheMoneyAtOnceAndSuspendsAndOpensNothing) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  EXPECT_EQ(books.account().balance, 0);
  EXPECT_EQ(books.open(), nullptr) << "what is given back is not charged again";
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  EXPECT_EQ(books.CountInLast(EventKind::kSuspended), 1);
  EXPECT_EQ(books.account().state, AccountState::kDisabled) << "D1";
  EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kSuspended);
  EXPECT_EQ(books.recharge(1).refunded, Dollars(15));
  const Recharge& refund = books.refund();
  EXPECT_TRUE(refund.waits());
  EXPECT_EQ(refund.refund_of, 1);
  EXPECT_EQ(refund.charge_id, books.recharge(1).charge_id);
  EXPECT_EQ(refund.ordinal, 2) << "numbered with the recharges: its key at the gateway";
  books.Advance(absl::Hours(24));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr) << "time is nobody's act";
}

TEST(RefundPolicyTest, P1_WhoGivesBackAndWhyIsInTheEventAndTheEntry) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  const Event opened = books.LastOf(EventKind::kRefundOpened);
  EXPECT_EQ(opened.actor, "support-1");
  EXPECT_EQ(opened.reference, "ticket-7");
  EXPECT_EQ(opened.cause, "goodwill");
  EXPECT_EQ(opened.amount, Dollars(4));
  EXPECT_EQ(opened.balance, Dollars(11)) << "as it is with it";
  EXPECT_EQ(opened.recharge_ordinal, 2);
  EXPECT_EQ(opened.recharge_kind, RechargeKind::kRefund);
  const Entry& entry = books.entries().back();
  EXPECT_EQ(entry.kind, EntryKind::kRefund);
  EXPECT_EQ(entry.amount, -Dollars(4));
  EXPECT_EQ(entry.reason, "goodwill");
  EXPECT_EQ(entry.request_id, books.refund().request_id);
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  const Event suspended = books.LastOf(EventKind::kSuspended);
  EXPECT_EQ(suspended.actor, "support-1");
  EXPECT_EQ(suspended.reference, "ticket-7");
}

TEST(RefundPolicyTest, P1_InPartsUntilNothingIsLeft) {
  Books books = FundedAt(Dollars(60));
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  ASSERT_TRUE(books.Refund(1, std::nullopt).ok());
  EXPECT_EQ(books.refund().amount, Dollars(11)) << "all that is left";
  const absl::Status refused = books.Refund(1, std::nullopt);
  EXPECT_EQ(ReasonOf(refused), "REFUND_TOO_LARGE");
  EXPECT_EQ(books.account().balance, Dollars(45));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone) << "it is not low";
}

TEST(RefundPolicyTest, P1_MoreThanIsLeftIsRefused) {
  Books books = FundedAt(Dollars(60));
  ASSERT_TRUE(books.Refund(1, Dollars(10)).ok());
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(6))), "REFUND_TOO_LARGE") << "being refunded";
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(6), /*allow_debt=*/true)), "REFUND_TOO_LARGE");
  ASSERT_TRUE(books.FailToGiveBack().ok());
  ASSERT_TRUE(books.Refund(1, Dollars(6)).ok());
}

// What a refusal says that may be given back.
std::string LeftOf(const absl::Status& refused) {
  for (const auto& [key, value] : MetadataOf(refused)) {
    if (key == "left") return value;
  }
  return "not said";
}

TEST(RefundPolicyTest, P1_ARefusalSaysWhatMayBeGivenBackAndNotWhatTheBalanceIs) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.GrantCredit(Dollars(50), books.now() + absl::Hours(1000)).ok());
  EXPECT_EQ(LeftOf(books.Refund(1, Dollars(13))), "12.00") << "promotional money is not given back";
  books.stored().held = Dollars(55);
  EXPECT_EQ(LeftOf(books.Refund(1, Dollars(13))), "7.00") << "nor is what calls are held for";
  books.stored().held = Dollars(70);
  EXPECT_EQ(LeftOf(books.Refund(1, Dollars(13))), "0.00");
  books.stored().held = 0;
  ASSERT_TRUE(books.Refund(1, Dollars(12)).ok());
}

TEST(RefundPolicyTest, P1_MoreThanTheAccountsOwnMoneyNeedsAllowDebt) {
  Books books = FundedAt(Dollars(12));
  const absl::Status refused = books.Refund(1, std::nullopt);
  EXPECT_EQ(ReasonOf(refused), "INSUFFICIENT_BALANCE");
  EXPECT_EQ(LeftOf(refused), "12.00");
  EXPECT_EQ(books.account().balance, Dollars(12));
  ASSERT_TRUE(books.Refund(1, std::nullopt, /*allow_debt=*/true).ok());
  EXPECT_EQ(books.account().balance, -Dollars(3));
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
}

TEST(RefundPolicyTest, P1_OnlyWhatWasReallyChargedIsGivenBack) {
  Books books = FundedAt(Dollars(5));
  EXPECT_EQ(ReasonOf(books.Refund(2, std::nullopt)), "NOT_CREDITED");
  ASSERT_TRUE(books.ChargeInPart(Dollars(9)).ok());
  EXPECT_EQ(ReasonOf(books.Refund(2, Dollars(15))), "REFUND_TOO_LARGE");
  ASSERT_TRUE(books.Refund(2, std::nullopt).ok());
  EXPECT_EQ(books.refund().amount, Dollars(9));
  EXPECT_EQ(ReasonOf(books.Refund(books.refund().ordinal, Dollars(1))), "NOT_CREDITED")
      << "a refund is no charge";
}

TEST(RefundPolicyTest, P1_RefusalsComeInTheirOrder) {
  Books books = FundedAt(Dollars(5));
  for (const Nanos amount : {Nanos{0}, -Dollars(1), Dollars(1) + 1}) {
    EXPECT_EQ(FieldOf(books.Refund(2, amount)), "amount") << amount;
  }
  EXPECT_EQ(ReasonOf(books.Refund(2, Dollars(900))), "NOT_CREDITED");
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened).ok());
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(900))), "CHARGE_DISPUTED");
  EXPECT_EQ(ReasonOf(books.Refund(1, std::nullopt)), "CHARGE_DISPUTED");
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kWon).ok());
  ASSERT_TRUE(books.TellDispute("dp_2", DisputeState::kOpened, Dollars(5)).ok());
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(11))), "REFUND_TOO_LARGE");
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(10))), "INSUFFICIENT_BALANCE");
  EXPECT_TRUE(books.Refund(1, Dollars(10), /*allow_debt=*/true).ok());
}

TEST(RefundPolicyTest, P1_ItMakesNoAccountPendingAgainAndAlsoABlockedOneIsGivenBack) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Block("fraud").ok());
  ASSERT_TRUE(books.Refund(1, std::nullopt).ok());
  ASSERT_TRUE(books.GiveBack().ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_EQ(books.account().balance, 0);
}

// --- P1: what comes of it --------------------------------------------------------

TEST(RefundPolicyTest, P1_ASuccessBooksNothingMore) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  books.HandOutRefund(2);
  ChargeOutcome outcome = GivenBack(books.recharge(2));
  outcome.lease_epoch = 0;
  ASSERT_TRUE(books.ReportRefund(2, outcome).ok()) << "whatever the lease";
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  EXPECT_EQ(books.recharge(2).refund_id, "re_2");
  EXPECT_EQ(books.account().balance, 0);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  ASSERT_TRUE(books.ReportRefund(2, outcome).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(RefundPolicyTest, P1_AFailureBooksItBackOnce) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  ASSERT_TRUE(books.FailToGiveBack().ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.recharge(1).refunded, 0);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.CountInLast(EventKind::kSuspensionLifted), 1);
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.CountInLast(EventKind::kRefundFailed), 1);
  EXPECT_EQ(books.LastOf(EventKind::kRefundFailed).balance, Dollars(15)) << "as it is with it";
  const ChargeOutcome again = NotGivenBack(books.recharge(2));
  ASSERT_TRUE(books.ReportRefund(2, again).ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.TellRefund("re_2", State::kFailed, Dollars(15), 1, 2).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.Booked(EntryKind::kRefundReturned), Dollars(15));
}

TEST(RefundPolicyTest, P1_AFailureDaysAfterASuccessBooksItBackOnce) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  ASSERT_TRUE(books.GiveBack().ok());
  books.Advance(absl::Hours(24 * 5));
  ASSERT_TRUE(books.TellRefund("re_2", State::kFailed, Dollars(15), 1, 2).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.recharge(2).last_decline_code, "card_closed");
  EXPECT_EQ(books.open(), nullptr);
  for (const State state : {State::kPending, State::kSucceeded, State::kFailed}) {
    ASSERT_TRUE(books.TellRefund("re_2", state, Dollars(15), 1, 2).ok());
    EXPECT_TRUE(books.last().unchanged);
  }
  ASSERT_TRUE(books.ReportRefund(2, GivenBack(books.recharge(2))).ok());
  EXPECT_TRUE(books.last().unchanged) << "what it was before it failed";
}

TEST(RefundPolicyTest, P1_ASuccessAfterAFailureThatNeverReachedTheGatewayTakesTheMoneyAgain) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  books.HandOutRefund(2);
  ChargeOutcome refused = NotGivenBack(books.recharge(2));
  refused.charge_id.clear();
  ASSERT_TRUE(books.ReportRefund(2, refused).ok());
  ASSERT_EQ(books.account().balance, Dollars(15));
  ASSERT_TRUE(books.ReportRefund(2, GivenBack(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, 0) << "the money is out";
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RefundPolicyTest, P3_WhatTheGatewayKnowsToHaveFailedIsNotDebitedByAnOlderSuccess) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  books.HandOutRefund(2);
  ChargeOutcome refused = NotGivenBack(books.recharge(2));
  refused.charge_id.clear();
  ASSERT_TRUE(books.ReportRefund(2, refused).ok());
  ASSERT_TRUE(books.TellRefund("re_2", State::kFailed, Dollars(15), 1, 2).ok());
  EXPECT_EQ(books.recharge(2).refund_id, "re_2") << "it had been made, and failed";
  ASSERT_TRUE(books.TellRefund("re_2", State::kSucceeded, Dollars(15), 1, 2).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.account().balance, Dollars(15));
}

TEST(RefundPolicyTest, P1_AnythingButASuccessNeedsTheLease) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  books.HandOutRefund(2);
  for (ChargeOutcome outcome : {NotGivenBack(books.recharge(2)), RefundPends(books.recharge(2)),
                                UnresolvedOf(books.recharge(2))}) {
    --outcome.lease_epoch;
    EXPECT_EQ(ReasonOf(books.ReportRefund(2, outcome)), "LEASE_LOST");
  }
  EXPECT_EQ(books.account().balance, 0);
}

TEST(RefundPolicyTest, P1_WhatTheGatewayCallsPendingIsLookedUpAgainUntilItSaysOtherwise) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
  books.HandOutRefund(2);
  const ChargeOutcome pends = RefundPends(books.recharge(2));
  ASSERT_TRUE(books.ReportRefund(2, pends).ok());
  EXPECT_TRUE(books.recharge(2).pending());
  EXPECT_EQ(books.recharge(2).refund_id, "re_2");
  EXPECT_EQ(books.recharge(2).due_time, books.now() + books.settings().pending_lookup_interval);
  books.Advance(absl::Seconds(10));
  ASSERT_TRUE(books.ReportRefund(2, pends).ok());
  EXPECT_TRUE(books.last().unchanged) << "a repeat puts nothing off";
  EXPECT_EQ(books.open(), nullptr) << "and stands in nobody's way";
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.FailToGiveBack().ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
}

TEST(RefundPolicyTest, P1_AnUnknownOutcomeIsAReviewThatAPersonResolves) {
  for (const bool given_back : {true, false}) {
    Books books = FundedAt(Dollars(15));
    ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
    books.HandOutRefund(2);
    const ChargeOutcome unresolved = UnresolvedOf(books.recharge(2));
    const std::optional<std::string> found =
        given_back ? std::optional<std::string>("re_7") : std::nullopt;
    EXPECT_EQ(ReasonOf(books.ResolveRefund(2, found)), "NOT_UNDER_REVIEW");
    ASSERT_TRUE(books.ReportRefund(2, unresolved).ok());
    EXPECT_EQ(books.CountInLast(EventKind::kRefundNeedsReview), 1);
    EXPECT_EQ(books.account().set_aside, 0) << "it stops nothing";
    ASSERT_TRUE(books.ReportRefund(2, unresolved).ok());
    EXPECT_TRUE(books.last().unchanged);
    EXPECT_EQ(ReasonOf(books.Resolve(2, {given_back, "re_7", Dollars(15)})), "NOT_UNDER_REVIEW")
        << "it is no recharge";
    ASSERT_TRUE(books.ResolveRefund(2, found).ok());
    EXPECT_EQ(books.LastOf(EventKind::kReviewResolved).actor, "support-1");
    EXPECT_EQ(books.account().balance, given_back ? 0 : Dollars(15));
    EXPECT_EQ(books.recharge(2).refund_id, given_back ? "re_7" : "");
    ASSERT_TRUE(books.ResolveRefund(2, found).ok());
    EXPECT_TRUE(books.last().unchanged);
  }
}

TEST(RefundPolicyTest, P1_ASuccessAfterAPersonFoundNoneTakesTheMoneyAgain) {
  for (const bool was_pending : {false, true}) {
    Books books = FundedAt(Dollars(15));
    ASSERT_TRUE(books.Refund(1, Dollars(15)).ok());
    books.HandOutRefund(2);
    if (was_pending) {
      ASSERT_TRUE(books.ReportRefund(2, RefundPends(books.recharge(2))).ok());
      books.Advance(absl::Hours(1));
      books.HandOutRefund(2);
    }
    ASSERT_TRUE(books.ReportRefund(2, UnresolvedOf(books.recharge(2))).ok());
    ASSERT_TRUE(books.ResolveRefund(2, std::nullopt).ok());
    ASSERT_EQ(books.account().balance, Dollars(15));
    ASSERT_TRUE(books.TellRefund("re_2", State::kSucceeded, Dollars(15), 1, 2).ok());
    EXPECT_EQ(books.account().balance, 0) << "the gateway did give it back, " << was_pending;
    EXPECT_EQ(books.recharges().size(), 2u) << "it is the one that we asked for";
  }
}

// --- G12: what a refund suspends -------------------------------------------------

TEST(RefundPolicyTest, G12_ARechargeThatWaitsIsCanceledByTheRefundAndOneInFlightIsCredited) {
  Books books = FundedAt(Dollars(5));
  Books in_flight = books;
  ASSERT_TRUE(books.Refund(1, Dollars(1)).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
  EXPECT_EQ(books.LastOf(EventKind::kSuspended).cause, "money was taken back");
  in_flight.HandOut();
  ASSERT_TRUE(in_flight.Refund(1, Dollars(1)).ok());
  ASSERT_TRUE(in_flight.Report(2, SuccessOf(in_flight.recharge(2))).ok());
  EXPECT_EQ(in_flight.account().balance, Dollars(19));
  EXPECT_EQ(in_flight.account().suspension.reason, SuspensionReason::kMoneyTakenBack)
      << "an automatic recharge is nobody's act";
}

TEST(RefundPolicyTest, G12_WhatIsBookedBackWaitsForTheCustomersNextActWhereTheBalanceIsLow) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.Refund(1, Dollars(5)).ok());
  ASSERT_TRUE(books.Use(Dollars(4)).ok());
  ASSERT_TRUE(books.FailToGiveBack().ok());
  EXPECT_EQ(books.account().balance, Dollars(8));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr) << "time is nobody's act";
  ASSERT_TRUE(books.Adjust(Dollars(1)).ok());
  EXPECT_EQ(books.open(), nullptr) << "nor does staff act for the customer";
  ASSERT_TRUE(books.Use(0).ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(RefundPolicyTest, G12_EachRefundTakesBackItsOwnPartOnly) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  EXPECT_EQ(books.Count(EventKind::kSuspended), 1) << "told once";
  ASSERT_TRUE(books.FailToGiveBack().ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  EXPECT_EQ(books.account().balance, Dollars(8));
  books.HandOutRefund(2);
  ASSERT_TRUE(books.ReportRefund(2, NotGivenBack(books.recharge(2))).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.Count(EventKind::kSuspensionLifted), 1);
}

struct RefundCase {
  const char* what;
  std::function<absl::Status(Books&)> act;
};

TEST(RefundPolicyTest, G12_WhoeverActedIsNotUndoneByWhatIsBookedBackLater) {
  const std::vector<RefundCase> cases = {
      {"a top-up",
       [](Books& books) {
         EXPECT_TRUE(books.TopUp(Dollars(20)).ok());
         return books.Charge();
       }},
      {"the switch", [](Books& books) { return books.SwitchAutomatic(true); }},
      {"support", [](Books& books) { return books.LiftSuspension(); }},
  };
  for (const RefundCase& c : cases) {
    Books books = FundedAt(Dollars(15));
    ASSERT_TRUE(books.Refund(1, Dollars(8)).ok());
    ASSERT_TRUE(c.act(books).ok()) << c.what;
    EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone) << c.what;
    const int64_t first = books.refund().ordinal;
    books.HandOutRefund(first);
    ASSERT_TRUE(books.Refund(1, Dollars(7), /*allow_debt=*/true).ok());
    const SuspensionReason second = books.account().suspension.reason;
    ASSERT_TRUE(books.ReportRefund(first, NotGivenBack(books.recharge(first))).ok());
    EXPECT_EQ(books.account().suspension.reason, second)
        << c.what << ": the second refund's is not the first one's to take back";
  }
}

TEST(RefundPolicyTest, G12_ATopUpThatSucceedsAfterARefundLiftsItsSuspension) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, std::nullopt).ok());
  ASSERT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.account().balance, Dollars(20));
}

// --- P3: what the gateway tells --------------------------------------------------

TEST(RefundPolicyTest, P3_ARefundByHandIsTakenUpOnce) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellRefund("re_hand", State::kSucceeded, Dollars(6)).ok());
  EXPECT_EQ(books.account().balance, Dollars(9));
  EXPECT_EQ(books.recharge(1).refunded, Dollars(6));
  EXPECT_EQ(books.refund().state, RechargeState::kSucceeded);
  EXPECT_EQ(books.refund().refund_id, "re_hand");
  EXPECT_EQ(books.CountInLast(EventKind::kRefundOpened), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kRefundSucceeded), 1);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  EXPECT_EQ(books.open(), nullptr);
  for (const State state : {State::kSucceeded, State::kPending}) {
    ASSERT_TRUE(books.TellRefund("re_hand", state, Dollars(6)).ok());
    EXPECT_TRUE(books.last().unchanged);
  }
  ASSERT_TRUE(books.TellRefund("re_hand", State::kFailed, Dollars(6)).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.recharges().size(), 2u);
}

TEST(RefundPolicyTest, P3_ARefundByHandMayTakeMoreThanThereIs) {
  Books books = FundedAt(Dollars(2));
  ASSERT_TRUE(books.TellRefund("re_hand", State::kPending, Dollars(15)).ok());
  EXPECT_EQ(books.account().balance, -Dollars(13)) << "it is out, whoever sent it";
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_FALSE(books.refund().waits()) << "no worker is to send it again";
  EXPECT_EQ(books.refund().due_time, absl::InfiniteFuture());
  ASSERT_TRUE(books.TellRefund("re_hand", State::kSucceeded, Dollars(15)).ok());
  EXPECT_EQ(books.account().balance, -Dollars(13));
  EXPECT_EQ(books.refund().state, RechargeState::kSucceeded);
}

TEST(RefundPolicyTest, P3_ARefundByHandThatHadFailedAlreadyBooksNothing) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellRefund("re_hand", State::kFailed, Dollars(6)).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.refund().state, RechargeState::kFailed);
  EXPECT_EQ(books.refund().last_decline_code, "card_closed");
  ASSERT_TRUE(books.TellRefund("re_hand", State::kSucceeded, Dollars(6)).ok());
  EXPECT_TRUE(books.last().unchanged) << "it failed after that";
  EXPECT_EQ(FieldOf(books.TellRefund("re_2", State::kSucceeded, 0)), "amount");
}

TEST(RefundPolicyTest, P3_ARefundThatCarriesOurReferenceIsAReportOfOurs) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(6)).ok());
  ASSERT_TRUE(books.TellRefund("re_x", State::kPending, Dollars(6), 1, 2).ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.TellRefund("re_x", State::kSucceeded, Dollars(6), 1, 2).ok());
  EXPECT_EQ(books.account().balance, Dollars(9)) << "debited when it was asked for";
  EXPECT_EQ(books.recharge(2).refund_id, "re_x");
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  ASSERT_TRUE(books.TellRefund("re_x", State::kFailed, Dollars(6)).ok());
  EXPECT_EQ(books.account().balance, Dollars(15)) << "by its id, as the reference is known";
}

// A refund of which a person found out that it was made, as "re_typo".
Books ResolvedAs(const std::string& refund_id) {
  Books books = FundedAt(Dollars(15));
  EXPECT_TRUE(books.Refund(1, Dollars(4)).ok());
  books.HandOutRefund(2);
  EXPECT_TRUE(books.ReportRefund(2, UnresolvedOf(books.recharge(2))).ok());
  EXPECT_TRUE(books.ResolveRefund(2, refund_id).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  EXPECT_EQ(books.account().balance, Dollars(11));
  return books;
}

TEST(RefundPolicyTest, P3_TheGatewaysIdCorrectsTheOneThatAPersonTyped) {
  for (const GatewayRefund::State state : {State::kPending, State::kSucceeded}) {
    Books books = ResolvedAs("re_typo");
    ASSERT_TRUE(books.TellRefund("re_7", state, Dollars(4), 1, /*reference=*/2).ok());
    EXPECT_FALSE(books.last().unchanged);
    EXPECT_EQ(books.recharge(2).refund_id, "re_7");
    EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded) << "only forward";
    EXPECT_EQ(books.recharges().size(), 2u) << "it is no second one";
    EXPECT_EQ(books.account().balance, Dollars(11));
    ASSERT_TRUE(books.TellRefund("re_7", state, Dollars(4), 1, /*reference=*/2).ok());
    EXPECT_TRUE(books.last().unchanged);
    ASSERT_TRUE(books.TellRefund("re_8", State::kSucceeded, Dollars(4), 1, /*reference=*/2).ok());
    EXPECT_EQ(books.account().balance, Dollars(7)) << "the gateway has told two";
  }
}

TEST(RefundPolicyTest, P3_AWorkersReportCorrectsTheIdThatAPersonTyped) {
  Books books = ResolvedAs("re_typo");
  ASSERT_TRUE(books.ReportRefund(2, GivenBack(books.recharge(2))).ok());
  EXPECT_EQ(books.recharge(2).refund_id, "re_2");
  EXPECT_EQ(books.account().balance, Dollars(11));
  ASSERT_TRUE(books.ReportRefund(2, GivenBack(books.recharge(2))).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(RefundPolicyTest, P3_AFailureIsOfTheRefundThatItNamesWhateverWasTyped) {
  Books books = ResolvedAs("re_typo");
  ASSERT_TRUE(books.TellRefund("re_7", State::kFailed, Dollars(4), 1, /*reference=*/2).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.recharge(2).refund_id, "re_7");
  EXPECT_EQ(books.account().balance, Dollars(15));
}

TEST(RefundPolicyTest, P3_WhatAPersonTypedIsBelievedOfARefundWithoutOurReference) {
  Books books = ResolvedAs("re_hand");
  ASSERT_TRUE(books.TellRefund("re_hand", State::kSucceeded, Dollars(4)).ok());
  EXPECT_EQ(books.recharges().size(), 2u);
  EXPECT_EQ(books.account().balance, Dollars(11));
  ASSERT_TRUE(books.TellRefund("re_7", State::kSucceeded, Dollars(4), 1, /*reference=*/2).ok());
  EXPECT_EQ(books.account().balance, Dollars(7)) << "the gateway has told that id now";
}

TEST(RefundPolicyTest, P3_AnIdThatAPersonTypedTakesNoOtherRefundsPlace) {
  Books books = ResolvedAs("re_3");
  ASSERT_TRUE(books.Refund(1, Dollars(2)).ok());
  ASSERT_TRUE(books.GiveBack().ok());
  ASSERT_EQ(books.recharge(3).refund_id, "re_3");
  ASSERT_TRUE(books.TellRefund("re_3", State::kFailed, Dollars(2), 1, /*reference=*/3).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  EXPECT_EQ(books.recharge(3).state, RechargeState::kFailed);
}

TEST(RefundPolicyTest, P3_KeptUntilTheChargeIsCredited) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  ASSERT_TRUE(books.TellRefund("re_hand", State::kPending, Dollars(6), 2).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kGatewayStateKept), 1);
  ASSERT_TRUE(books.TellRefund("re_hand", State::kSucceeded, Dollars(6), 2).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kGatewayStateKept), 1) << "it moved on";
  EXPECT_EQ(books.CountInLast(EventKind::kRefundSucceeded), 0) << "not yet";
  EXPECT_EQ(books.account().balance, Dollars(5));
  EXPECT_TRUE(books.recharge(2).keeps);
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(14));
  EXPECT_FALSE(books.recharge(2).keeps);
  EXPECT_EQ(books.recharge(2).refunded, Dollars(6));
  EXPECT_EQ(books.CountInLast(EventKind::kRefundOpened), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kRefundSucceeded), 1);
  ASSERT_TRUE(books.TellRefund("re_hand", State::kSucceeded, Dollars(6), 2).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(RefundPolicyTest, P3_WhatWasKeptAndFailedBooksNothingOnceTheChargeIsCredited) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  ASSERT_TRUE(books.TellRefund("re_hand", State::kSucceeded, Dollars(6), 2).ok());
  ASSERT_TRUE(books.TellRefund("re_hand", State::kFailed, Dollars(6), 2).ok());
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.Booked(EntryKind::kRefund), 0);
}

}  // namespace
}  // namespace reserve::domain
