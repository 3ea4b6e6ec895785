// What staff does: money taken back and suspensions, reviews, blocks: G12, G3, D3 (docs/RULES.md).
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "services/ledger/domain/refill.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

Decision DearCall(const Books& books) {
  const Rate dear = DearRate();
  return books.Authorize("ann", OutboundCall(books.now(), 0), &dear).decision;
}

// --- G12: the wait ---------------------------------------------------------------

TEST(SupportPolicyTest, G12_FifteenTakenBackOfFifteenOpensAndDisablesNothingUntilTheNextUsage) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustDown(Dollars(15)).ok());
  EXPECT_EQ(books.account().balance, 0);
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.LastOf(EventKind::kLowBalance).obstacle, RefillObstacle::kTakenBack);
  EXPECT_EQ(DearCall(books), Decision::kAllowed) << "by the money that was taken back";
  books.Advance(absl::Hours(24));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr) << "time is nobody's act";
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(15));
  EXPECT_FALSE(books.account().taken_back.waits());
  EXPECT_EQ(DearCall(books), Decision::kInsufficientBalance);
}

TEST(SupportPolicyTest, G12_TheSameOfABlockedAccount) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Block("a dispute").ok());
  ASSERT_TRUE(books.AdjustDown(Dollars(15)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Unblock("won").ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Use(Cents(1)).ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(SupportPolicyTest, G12_WithoutAUsableCardTheNextUsageDisables) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.AdjustDown(Dollars(5)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(DearCall(books), Decision::kAllowed);
  ASSERT_TRUE(books.Use(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
}

struct ActCase {
  const char* what;
  std::function<absl::Status(Books&)> act;
};

TEST(SupportPolicyTest, G12_EachActOfTheCustomerEndsTheWait) {
  const std::vector<ActCase> cases = {
      {"a card", [](Books& books) { return books.GiveCard(CardNamed("amex")); }},
      {"a further card", [](Books& books) { return books.AddCard(CardNamed("amex")); }},
      {"a setting", [](Books& books) { return books.ChangeSettings(Dollars(20), std::nullopt); }},
      {"the switch, which is on", [](Books& books) { return books.SwitchAutomatic(true); }},
      {"a top-up", [](Books& books) { return books.TopUp(Dollars(20)); }},
      {"a usage that costs nothing", [](Books& books) { return books.Use(0); }},
  };
  for (const ActCase& c : cases) {
    Books books;
    books.OpenFunded();
    ASSERT_TRUE(books.AdjustDown(Dollars(10)).ok());
    ASSERT_TRUE(books.account().taken_back.waits());
    ASSERT_TRUE(c.act(books).ok()) << c.what;
    EXPECT_FALSE(books.account().taken_back.waits()) << c.what;
    EXPECT_NE(books.open(), nullptr) << c.what;
  }
}

TEST(SupportPolicyTest, G12_WhatIsGivenAgainMakesGoodForItFirst) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustDown(Dollars(15)).ok());
  ASSERT_TRUE(books.Adjust(Dollars(6)).ok());
  EXPECT_EQ(books.account().taken_back.amount, Dollars(9));
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.Adjust(Dollars(9)).ok());
  EXPECT_FALSE(books.account().taken_back.waits());
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.AdjustTo(Dollars(9)).ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(SupportPolicyTest, G12_AnAdjustmentThatIsMadeGoodForChargesNobodyWhileTheBalanceIsLow) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Adjust(Dollars(5)).ok());  // $20
  ASSERT_TRUE(books.Refund(1, Dollars(12)).ok());
  ASSERT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  ASSERT_TRUE(books.Use(Dollars(8) + Dollars(3)).ok());
  ASSERT_TRUE(books.FailToGiveBack().ok());
  ASSERT_EQ(books.account().balance, Dollars(9));
  ASSERT_TRUE(books.account().taken_back.waits());
  ASSERT_TRUE(books.AdjustDown(Dollars(1)).ok());
  EXPECT_EQ(books.account().taken_back.amount, Dollars(1));
  ASSERT_TRUE(books.GrantCredit(Cents(50), books.now() + absl::Hours(24)).ok());
  ASSERT_TRUE(books.Adjust(Cents(75)).ok());
  EXPECT_EQ(books.account().taken_back.amount, 0);
  EXPECT_TRUE(books.account().taken_back.waits());
  EXPECT_EQ(books.open(), nullptr) << "no act of staff's charges a card";
  Books acted = books;
  ASSERT_TRUE(acted.Use(0).ok());
  EXPECT_NE(acted.open(), nullptr);
  ASSERT_TRUE(books.AdjustTo(Dollars(10)).ok());
  EXPECT_FALSE(books.account().taken_back.waits()) << "it is at the threshold";
}

TEST(SupportPolicyTest, G12_NothingWaitsWhereTheBalanceIsNotLowAfterwards) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustDown(Dollars(5)).ok());
  EXPECT_EQ(books.account().balance, Dollars(10));
  EXPECT_FALSE(books.account().taken_back.waits());
  ASSERT_TRUE(books.Use(1).ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(SupportPolicyTest, G12_TheWaitNeitherAddsToARechargeThatWaitsNorCancelsIt) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  const Recharge before = books.recharge(2);
  ASSERT_TRUE(books.AdjustDown(Dollars(30)).ok());
  EXPECT_EQ(books.recharge(2), before);
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.recharge(2), before);
  Books blocked = books;
  ASSERT_TRUE(blocked.Block("fraud").ok());
  EXPECT_EQ(blocked.recharge(2).state, RechargeState::kCanceled) << "for another reason it ends";
  ASSERT_TRUE(books.Use(0).ok());
  EXPECT_EQ(books.recharge(2).amount, Dollars(45)) << "-25 and the customer has acted";
}

TEST(SupportPolicyTest, G12_MoneyTakenBackAtTheDebtLimitDisablesNobodyWhoseRechargeIsUnderWay) {
  Books books = FundedAt(-Dollars(16));
  books.HandOut();
  ASSERT_TRUE(books.AdjustDown(Dollars(1)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

// --- G12: suspended --------------------------------------------------------------

Books SuspendedAt(Nanos balance, SuspensionReason reason) {
  Books books;
  books.OpenFunded();
  books.stored().suspension = {reason, books.now()};
  EXPECT_TRUE(books.AdjustTo(balance).ok());
  return books;
}

TEST(SupportPolicyTest, G12_WhileSuspendedNothingIsChargedByItselfAndAtZeroItIsDisabled) {
  for (const SuspensionReason reason :
       {SuspensionReason::kMoneyTakenBack, SuspensionReason::kDispute}) {
    Books books = SuspendedAt(Dollars(5), reason);
    const RefillObstacle obstacle = reason == SuspensionReason::kDispute
                                        ? RefillObstacle::kDispute
                                        : RefillObstacle::kSuspended;
    EXPECT_EQ(books.open(), nullptr);
    EXPECT_EQ(books.LastOf(EventKind::kLowBalance).obstacle, obstacle);
    ASSERT_TRUE(books.AdjustTo(0).ok());
    EXPECT_EQ(books.account().state, AccountState::kDisabled);
    EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, obstacle);
  }
}

TEST(SupportPolicyTest, G12_ATopUpThatSucceedsTheSwitchOrSupportLiftsASuspension) {
  const std::vector<ActCase> cases = {
      {"a top-up",
       [](Books& books) {
         EXPECT_TRUE(books.TopUp(Dollars(2)).ok());
         EXPECT_EQ(books.Count(EventKind::kSuspensionLifted), 0);
         return books.Charge();
       }},
      {"the switch", [](Books& books) { return books.SwitchAutomatic(true); }},
      {"support", [](Books& books) { return books.LiftSuspension(); }},
  };
  for (const ActCase& c : cases) {
    Books books = SuspendedAt(Dollars(5), SuspensionReason::kMoneyTakenBack);
    ASSERT_TRUE(c.act(books).ok()) << c.what;
    EXPECT_EQ(books.CountInLast(EventKind::kSuspensionLifted), 1) << c.what;
    EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone) << c.what;
    EXPECT_NE(books.open(), nullptr) << c.what;
  }
}

TEST(SupportPolicyTest, G12_AnAutomaticRechargeThatWasInFlightLiftsNoSuspension) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  books.stored().suspension = {SuspensionReason::kDispute, books.now()};
  ASSERT_TRUE(books.Report(2, SuccessOf(*books.open())).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
}

TEST(SupportPolicyTest, G12_APageThatSavesAllSettingsAsTheyAreLiftsNoSuspension) {
  Books books = SuspendedAt(Dollars(5), SuspensionReason::kDispute);
  BillingChange all;
  all.reserve_amount = Dollars(15);
  all.recharge_threshold = Dollars(10);
  all.automatic_recharge = true;
  ASSERT_TRUE(books.ChangeBilling(all).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  EXPECT_EQ(books.open(), nullptr);
  // From off to on it does, whatever else is saved.
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  ASSERT_TRUE(books.ChangeBilling(all).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_NE(books.open(), nullptr);
}

TEST(SupportPolicyTest, G12_ATopUpFromBeforeLiftsNoSuspensionThatCameAfterIt) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  books.HandOut();
  ASSERT_TRUE(books.Report(2, PendingOf(*books.open())).ok());
  books.Advance(absl::Hours(24));
  ASSERT_TRUE(books.Use(Dollars(14)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened).ok());
  books.Advance(absl::Hours(48));
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(3));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  EXPECT_EQ(books.open(), nullptr) << "nobody has acted since";
  // One that is asked for now does.
  ASSERT_TRUE(books.TopUp(Dollars(2)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_NE(books.open(), nullptr);
}

TEST(SupportPolicyTest, G12_WhoLiftsASuspensionIsInTheEvent) {
  Books books = SuspendedAt(Dollars(5), SuspensionReason::kDispute);
  ASSERT_TRUE(books.LiftSuspension().ok());
  const Event lifted = books.LastOf(EventKind::kSuspensionLifted);
  EXPECT_EQ(lifted.actor, "support-1");
  EXPECT_EQ(lifted.reference, "ticket-7");
  EXPECT_EQ(lifted.cause, "spoke to the customer");
  ASSERT_TRUE(books.LiftSuspension().ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(SupportPolicyTest, G12_ARechargeThatWaitsIsCanceledOnceItIsSuspended) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  books.stored().suspension = {SuspensionReason::kDispute, books.now()};
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
}

// --- G3: reviews -----------------------------------------------------------------

TEST(SupportPolicyTest, G3_AReviewThatFindsAChargeCreditsItOnce) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  ASSERT_TRUE(books.Resolve(2, {true, "ch_9", Dollars(15)}).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.account().set_aside, 0);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  const Event resolved = books.LastOf(EventKind::kReviewResolved);
  EXPECT_EQ(resolved.actor, "support-1");
  EXPECT_EQ(resolved.recharge_ordinal, 2);
  ASSERT_TRUE(books.Resolve(2, {true, "ch_9", Dollars(15)}).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(ReasonOf(books.Resolve(2, {true, "ch_10", Dollars(15)})), "ALREADY_CREDITED");
  EXPECT_EQ(ReasonOf(books.Resolve(2, {false, "", 0})), "NOT_UNDER_REVIEW");
}

TEST(SupportPolicyTest, G3_AReviewThatFindsNoneLetsG1GoOn) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  ASSERT_TRUE(books.Resolve(2, {false, "", 0}).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable) << "it declined nothing";
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 3);
  ASSERT_TRUE(books.Resolve(2, {false, "", 0}).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(SupportPolicyTest, G3_OnlyWhatIsUnderReviewIsResolved) {
  Books books = FundedAt(Dollars(5));
  EXPECT_EQ(ReasonOf(books.Resolve(2, {true, "ch_9", Dollars(15)})), "NOT_UNDER_REVIEW");
  ASSERT_TRUE(books.Unresolved().ok());
  EXPECT_EQ(FieldOf(books.Resolve(2, {true, "ch_9", 0})), "charged.amount");
}

// --- D3 --------------------------------------------------------------------------

TEST(SupportPolicyTest, D3_WhoBlocksIsInTheEvent) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Block("fraud").ok());
  EXPECT_EQ(books.LastOf(EventKind::kBlocked).actor, "support-1");
  EXPECT_EQ(books.LastOf(EventKind::kBlocked).cause, "fraud");
  ASSERT_TRUE(books.Unblock("cleared").ok());
  EXPECT_EQ(books.LastOf(EventKind::kUnblocked).reference, "ticket-7");
}

}  // namespace
}  // namespace reserve::domain
