// Cards: their schedule, what the customer gives and takes away, and what limits how often one
// is tried: G5, G6, G9, G10 (docs/RULES.md).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

// $5 and two cards, "card-1" (visa) and "card-2" (amex); recharge 2 is open for the first.
Books LowWithTwoCards() {
  Books books;
  books.OpenFunded();
  EXPECT_TRUE(books.AddCard(CardNamed("amex")).ok());
  EXPECT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->payment_method_id, "card-1");
  return books;
}

// --- G5 --------------------------------------------------------------------------

TEST(PaymentMethodPolicyTest, G5_ASoftDeclineMarksTheCardFailingAndIsRetriedAfter1And3And7Hours) {
  Books books = FundedAt(Dollars(5));
  int attempt = 1;
  for (const absl::Duration delay : {absl::Hours(1), absl::Hours(3), absl::Hours(7)}) {
    ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
    ++attempt;
    EXPECT_EQ(books.StateOf("card-1"), CardState::kFailing);
    EXPECT_EQ(books.card("card-1").soft_declines, attempt - 1);
    EXPECT_EQ(books.card("card-1").retry_time, books.now() + delay);
    const Recharge& recharge = books.recharge(2);
    EXPECT_EQ(recharge.state, RechargeState::kOpen);
    EXPECT_EQ(recharge.attempt, attempt);
    EXPECT_EQ(recharge.declines, attempt - 1);
    EXPECT_EQ(recharge.due_time, books.now() + delay);
    EXPECT_FALSE(recharge.in_flight());
    EXPECT_EQ(recharge.last_decline, DeclineClass::kSoft);
    EXPECT_EQ(recharge.last_decline_code, "insufficient_funds");
    EXPECT_EQ(books.CountInLast(EventKind::kRechargeDeclined), 1);
    EXPECT_EQ(books.CountInLast(EventKind::kRechargeFailed), 0);
    books.Advance(delay);
  }
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.recharge(2).end_time, books.now());
  EXPECT_EQ(books.account().open_ordinal, 0);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kFailing);
  EXPECT_EQ(books.card("card-1").retry_time, absl::InfiniteFuture());
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeFailed), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kCardRefused), 0);
}

TEST(PaymentMethodPolicyTest, G5_AfterTheLastRetryOnlyATopUpOrTheCustomersCardStartsAgain) {
  Books books = FundedAt(Dollars(5));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_EQ(books.account().open_ordinal, 0);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  books.Advance(absl::Hours(100));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.account().open_ordinal, 0);
  Books confirmed = books;
  ASSERT_TRUE(confirmed.GiveCard(CardNamed("visa")).ok());
  EXPECT_NE(confirmed.open(), nullptr);
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.account().balance, Cents(2'450));
}

TEST(PaymentMethodPolicyTest, G5_TheScheduleIsTheCardsAndGoesOnInTheNextRecharge) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  const absl::Time eleven = books.now() + absl::Hours(1);
  ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_EQ(books.open()->ordinal, 3);
  EXPECT_EQ(books.open()->due_time, eleven);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Hours(3));
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Hours(1)) << "it had worked meanwhile";
}

TEST(PaymentMethodPolicyTest, G5_AHardDeclineAndAuthenticationRequiredRefuseTheCardAtOnce) {
  for (const DeclineClass decline : {DeclineClass::kHard, DeclineClass::kAuthenticationRequired}) {
    Books books = FundedAt(Dollars(5));
    ASSERT_TRUE(books.Decline(decline).ok());
    EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
    EXPECT_EQ(books.recharge(2).last_decline, decline);
    EXPECT_EQ(books.StateOf("card-1"), CardState::kRefused);
    EXPECT_EQ(books.account().open_ordinal, 0);
    EXPECT_EQ(books.CountInLast(EventKind::kRechargeFailed), 1);
    EXPECT_EQ(books.CountInLast(EventKind::kCardRefused), 1);
    books.Advance(absl::Hours(1'000));
    ASSERT_TRUE(books.Reconsider().ok());
    EXPECT_EQ(books.open(), nullptr);
    const absl::Status status = books.TopUp(std::nullopt);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status), "CARD_REFUSED");
  }
}

TEST(PaymentMethodPolicyTest, G5_ADeclineGoesOnWithTheNextCardAtOnceAsTheNextAttempt) {
  for (const DeclineClass decline : {DeclineClass::kSoft, DeclineClass::kHard}) {
    Books books = LowWithTwoCards();
    ASSERT_TRUE(books.Decline(decline).ok());
    ASSERT_NE(books.open(), nullptr);
    EXPECT_EQ(books.open()->ordinal, 2);
    EXPECT_EQ(books.open()->attempt, 2);
    EXPECT_EQ(books.open()->payment_method_id, "card-2");
    EXPECT_EQ(books.open()->card, CardNamed("amex"));
    EXPECT_LE(books.open()->due_time, books.now());
    ASSERT_TRUE(books.Charge().ok());
    EXPECT_EQ(books.account().balance, Dollars(20));
    EXPECT_EQ(books.StateOf("card-2"), CardState::kUsable);
    EXPECT_EQ(books.StateOf("card-1"),
              decline == DeclineClass::kSoft ? CardState::kFailing : CardState::kRefused);
  }
}

TEST(PaymentMethodPolicyTest, G5_WhereNoCardIsLeftItWaitsForTheEarliestThatIsDue) {
  Books books = LowWithTwoCards();
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  books.Advance(absl::Minutes(10));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.open()->attempt, 3);
  EXPECT_EQ(books.open()->payment_method_id, "card-1");
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Minutes(50));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Minutes(10));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.open(), nullptr);
}

TEST(PaymentMethodPolicyTest, G5_ACardThatIsDueIsTriedBeforeALaterOneThatIsUsable) {
  Books books = LowWithTwoCards();
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2") << "the first is not due";
  ASSERT_TRUE(books.Charge().ok());
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-1") << "the customer's order";
}

TEST(PaymentMethodPolicyTest, G5_TheSameNumberIsNotTriedAgainAtOnceByAnotherToken) {
  Books books = LowWithTwoCards();
  ASSERT_TRUE(books.Give("card-2", Given(RenewedCard("visa"))).ok());
  ASSERT_EQ(books.card("card-2").card.fingerprint, "fp_visa");
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Hours(1));
  // Another number is.
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-3");
  EXPECT_LE(books.open()->due_time, books.now());
  // And that number as soon as it is given again.
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Hours(1));
  ASSERT_TRUE(books.Give("card-2", Given(RenewedCard("visa"))).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
  EXPECT_LE(books.open()->due_time, books.now());
}

TEST(PaymentMethodPolicyTest, G5_TheCustomersOrderSaysWhichIsTriedFirst) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AddCard(CardNamed("amex"), 1).ok());
  ASSERT_EQ(books.account().payment_methods[0].payment_method_id, "card-2");
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
  GivenCard last;
  last.position = 2;
  ASSERT_TRUE(books.Give("card-2", last).ok());
  EXPECT_EQ(books.account().payment_methods[1].payment_method_id, "card-2");
  EXPECT_EQ(books.open()->payment_method_id, "card-1") << "what waits follows";
  ASSERT_TRUE(books.Give("card-2", last).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(PaymentMethodPolicyTest, G5_ADeclineNeedsTheCurrentLease) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome stale_decline = DeclineOf(*books.open(), DeclineClass::kHard);
  const ChargeOutcome stale_review = UnresolvedOf(*books.open());
  const ChargeOutcome stale_pending = PendingOf(*books.open());
  books.Advance(absl::Minutes(1));
  books.HandOut();
  for (const ChargeOutcome& outcome : {stale_decline, stale_review, stale_pending}) {
    const absl::Status status = books.Report(2, outcome);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status), "LEASE_LOST");
  }
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(PaymentMethodPolicyTest, G5_ARepeatedDeclineCountsOnce) {
  for (const DeclineClass decline : {DeclineClass::kSoft, DeclineClass::kHard}) {
    Books books = FundedAt(Dollars(5));
    books.HandOut();
    const ChargeOutcome outcome = DeclineOf(*books.open(), decline);
    ASSERT_TRUE(books.Report(2, outcome).ok());
    books.Advance(absl::Seconds(1));
    ASSERT_TRUE(books.Report(2, outcome).ok());
    EXPECT_TRUE(books.last().unchanged);
  }
}

TEST(PaymentMethodPolicyTest, G5_ARepeatedReviewOrPendingCountsOnce) {
  for (const bool pending : {false, true}) {
    Books books = FundedAt(Dollars(5));
    books.HandOut();
    const ChargeOutcome outcome = pending ? PendingOf(*books.open()) : UnresolvedOf(*books.open());
    ASSERT_TRUE(books.Report(2, outcome).ok());
    books.Advance(absl::Seconds(1));
    ASSERT_TRUE(books.Report(2, outcome).ok());
    EXPECT_TRUE(books.last().unchanged);
  }
}

// --- G6 --------------------------------------------------------------------------

TEST(PaymentMethodPolicyTest, G6_ARenewedCardIsUsableAndIsChargedAtOnce) {
  for (const DeclineClass decline : {DeclineClass::kSoft, DeclineClass::kHard}) {
    Books books = FundedAt(Dollars(5));
    ASSERT_TRUE(books.Decline(decline).ok());
    ASSERT_TRUE(books.GiveCard(RenewedCard("visa")).ok());
    EXPECT_EQ(books.account().payment_methods.size(), 1u);
    EXPECT_EQ(books.card("card-1").card, RenewedCard("visa"));
    EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
    EXPECT_EQ(books.card("card-1").soft_declines, 0);
    EXPECT_EQ(books.CountInLast(EventKind::kCardReplaced), 1);
    ASSERT_NE(books.open(), nullptr);
    EXPECT_EQ(books.open()->card, RenewedCard("visa"));
    EXPECT_LE(books.open()->due_time, books.now());
    ASSERT_TRUE(books.Charge().ok());
    EXPECT_EQ(books.account().balance, Dollars(20));
  }
}

TEST(PaymentMethodPolicyTest, G6_TheSameTokenConfirmedAfterAuthenticationIsTriedAtOnce) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kAuthenticationRequired).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.card("card-1").given, 2);
  EXPECT_EQ(books.CountInLast(EventKind::kCardConfirmed), 1);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 3);
  EXPECT_LE(books.open()->due_time, books.now());
}

TEST(PaymentMethodPolicyTest, G6_AnotherCardInPlaceOfARefusedOneStartsOver) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.card("card-1").card, CardNamed("amex"));
  EXPECT_EQ(books.CountInLast(EventKind::kCardReplaced), 1);
  ASSERT_EQ(books.account().open_ordinal, 3);
  EXPECT_EQ(books.open()->card, CardNamed("amex"));
  EXPECT_EQ(books.open()->kind, RechargeKind::kAutomatic);
}

TEST(PaymentMethodPolicyTest, G6_ANewCardWithEnoughBalanceOpensNothing) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.AddCard(CardNamed("third")).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(PaymentMethodPolicyTest, G6_ARechargeWaitingForItsRetryGoesOnWithTheNewCardAtOnce) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  const Recharge before = books.recharge(2);
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  const Recharge& after = books.recharge(2);
  EXPECT_EQ(after.card, CardNamed("amex"));
  EXPECT_EQ(after.attempt, before.attempt) << "nothing was sent under its key";
  EXPECT_EQ(after.lease_epoch, before.lease_epoch + 1);
  EXPECT_LE(after.due_time, books.now());
  EXPECT_EQ(after.amount, before.amount);
  EXPECT_FALSE(after.in_flight());
}

TEST(PaymentMethodPolicyTest, G6_TheNewCardHasTheWholeScheduleOfRetries) {
  Books books = FundedAt(Dollars(5));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(1));
}

TEST(PaymentMethodPolicyTest, G6_AnAttemptInFlightFinishesOnItsOwnCardWithSuccess) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const Recharge before = books.recharge(2);
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.recharge(2), before);
  ASSERT_TRUE(books.Report(2, SuccessOf(before)).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.card("card-1").card, CardNamed("amex"));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(PaymentMethodPolicyTest, G6_ADeclineOfAnAttemptFromBeforeMarksNothingAndItGoesOnWithTheCard) {
  for (const DeclineClass decline :
       {DeclineClass::kSoft, DeclineClass::kHard, DeclineClass::kAuthenticationRequired}) {
    for (const Card& given : {CardNamed("visa"), RenewedCard("visa"), CardNamed("amex")}) {
      Books books = FundedAt(-Dollars(5));
      books.HandOut();
      const Recharge before = books.recharge(2);
      ASSERT_TRUE(books.GiveCard(given).ok());
      EXPECT_EQ(books.recharge(2), before);
      const ChargeOutcome outcome = DeclineOf(before, decline);
      ASSERT_TRUE(books.Report(2, outcome).ok());
      EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
      EXPECT_EQ(books.card("card-1").soft_declines, 0);
      EXPECT_EQ(books.account().state, AccountState::kActive);
      ASSERT_TRUE(books.last().decline.has_value()) << "it counts for the network (G9)";
      const Recharge& after = books.recharge(2);
      EXPECT_EQ(after.state, RechargeState::kOpen);
      EXPECT_EQ(after.card, given);
      EXPECT_EQ(after.attempt, before.attempt + 1);
      EXPECT_LE(after.due_time, books.now());
      EXPECT_FALSE(after.in_flight());
      ASSERT_TRUE(books.Report(2, outcome).ok());
      EXPECT_TRUE(books.last().unchanged);
    }
  }
}

TEST(PaymentMethodPolicyTest, G6_AStateIsNotKeptByTheNumber) {
  Books books = LowWithTwoCards();
  ASSERT_TRUE(books.Give("card-2", Given(RenewedCard("visa"))).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kRefused);
  EXPECT_EQ(books.StateOf("card-2"), CardState::kUsable);
}

TEST(PaymentMethodPolicyTest, G6_GivingACardChargesNothingWhileOffSuspendedOrBlocked) {
  for (const char* what : {"off", "suspended", "blocked"}) {
    Books books = FundedAt(Dollars(5));
    ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
    const std::string how = what;
    if (how == "off") {
      ASSERT_TRUE(books.SwitchAutomatic(false).ok());
    } else if (how == "blocked") {
      ASSERT_TRUE(books.Block("fraud").ok());
    } else {
      books.stored().suspension = {SuspensionReason::kMoneyTakenBack, books.now()};
    }
    ASSERT_TRUE(books.GiveCard(RenewedCard("visa")).ok());
    EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable) << what;
    EXPECT_EQ(books.open(), nullptr) << what;
  }
}

TEST(PaymentMethodPolicyTest, G6_TheNumberOfACardThatIsThereRenewsThatCard) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.AddCard(RenewedCard("amex")).ok());
  EXPECT_EQ(books.account().payment_methods.size(), 2u);
  EXPECT_EQ(books.card("card-2").card, RenewedCard("amex"));
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.card("card-2").card, CardNamed("amex"));
  ASSERT_TRUE(books.GiveCard(CardNamed("third")).ok());
  EXPECT_EQ(books.card("card-1").card, CardNamed("third")) << "another number replaces the first";
}

TEST(PaymentMethodPolicyTest, G6_WhatIsShownOfACardChangesWithoutACharge) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  GivenCard shown;
  shown.display = CardDisplay{"Visa", "4242", 2029, 7};
  ASSERT_TRUE(books.Give("card-1", shown).ok());
  EXPECT_EQ(books.card("card-1").display.last_four, "4242");
  EXPECT_EQ(books.StateOf("card-1"), CardState::kRefused);
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.Give("card-1", Given(RenewedCard("visa"))).ok());
  EXPECT_EQ(books.card("card-1").display.last_four, "4242") << "the same number";
  ASSERT_TRUE(books.Give("card-1", Given(CardNamed("amex"))).ok());
  EXPECT_EQ(books.card("card-1").display, CardDisplay()) << "another number";
  EXPECT_EQ(ReasonOf(books.Give("card-7", Given(CardNamed("amex")))), "PAYMENT_METHOD_NOT_FOUND");
}

TEST(PaymentMethodPolicyTest, G6_ANumberThatIsDisputedStaysSoByWhicheverToken) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Cents(1)).ok());
  ASSERT_TRUE(books.GiveCard(RenewedCard("visa")).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "CARD_DISPUTED");
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Give("card-2", Given(CardNamed("visa"))).ok());
  EXPECT_EQ(books.StateOf("card-2"), CardState::kDisputed);
}

GivenCard TokenOf(const std::string& name) { return WithoutNumber(Given(CardNamed(name))); }

TEST(PaymentMethodPolicyTest, G6_ATokenThatIsKnownKeepsItsNumberWhereNoneIsGiven) {
  Books books = FundedAt(Dollars(12));
  Card visa = CardNamed("visa");
  visa.network = CardNetwork::kVisa;
  ASSERT_TRUE(books.GiveCard(visa).ok());
  ASSERT_TRUE(books.Give("", TokenOf("visa")).ok());
  EXPECT_EQ(books.card("card-1").card, visa);
  EXPECT_EQ(books.CountInLast(EventKind::kCardConfirmed), 1);
  ASSERT_TRUE(books.Give("card-1", TokenOf("visa")).ok());
  EXPECT_EQ(books.card("card-1").card, visa);
  // A number that is given now is learned.
  Card named = CardNamed("visa");
  named.fingerprint = "fp_known_since";
  ASSERT_TRUE(books.Give("", Given(named)).ok());
  EXPECT_EQ(books.card("card-1").card.fingerprint, "fp_known_since");
}

TEST(PaymentMethodPolicyTest, G6_TheTokenSaysWhichOfTwoCardsIsGivenAgain) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  const Card first = books.card("card-1").card;
  ASSERT_TRUE(books.Give("", TokenOf("amex")).ok());
  EXPECT_EQ(books.card("card-1").card, first);
  EXPECT_EQ(books.card("card-2").card, CardNamed("amex"));
  EXPECT_EQ(books.card("card-2").given, 2);
}

TEST(PaymentMethodPolicyTest, G6_ATokenIsOfOneCardHoweverOftenItIsAdded) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Add(TokenOf("amex")).ok());
  EXPECT_EQ(books.account().payment_methods.size(), 2u);
  EXPECT_EQ(books.CountInLast(EventKind::kCardConfirmed), 1);
}

TEST(PaymentMethodPolicyTest, G6_ATokenOfADisputedNumberStaysDisputedWhateverNumberIsGiven) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Cents(1)).ok());
  Card claimed = CardNamed("visa");
  claimed.fingerprint = "fp_claimed";
  for (const GivenCard& given : {TokenOf("visa"), Given(claimed)}) {
    ASSERT_TRUE(books.Give("", given).ok());
    ASSERT_TRUE(books.Give("card-1", given).ok());
    ASSERT_TRUE(books.Add(given).ok());
    ASSERT_EQ(books.account().payment_methods.size(), 1u);
    EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
    EXPECT_EQ(books.card("card-1").card.fingerprint, "fp_visa");
    books.Advance(absl::Hours(24));
  }
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "CARD_DISPUTED");
  EXPECT_EQ(books.open(), nullptr);
}

TEST(PaymentMethodPolicyTest, G6_ADisputedTokenThatWasTakenAwayIsKnownWhenItIsGivenAgain) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.GiveCard(RenewedCard("visa")).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Cents(1)).ok());
  // Both the token that was charged, and the one that came after it.
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  ASSERT_TRUE(books.Add(WithoutNumber(Given(RenewedCard("visa")))).ok());
  EXPECT_EQ(books.StateOf("card-2"), CardState::kDisputed);
  ASSERT_TRUE(books.Give("card-2", Given(CardNamed("amex"))).ok());
  EXPECT_EQ(books.StateOf("card-2"), CardState::kUsable);
  ASSERT_TRUE(books.Add(TokenOf("visa")).ok());
  EXPECT_EQ(books.StateOf("card-3"), CardState::kDisputed);
  EXPECT_EQ(books.card("card-3").card.fingerprint, "fp_visa");
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kWon, Cents(1)).ok());
  EXPECT_EQ(books.StateOf("card-3"), CardState::kUsable);
  EXPECT_TRUE(books.account().disputed_numbers.empty());
}

TEST(PaymentMethodPolicyTest, G6_ATokenThatGotItsNumberAfterItWasChargedIsDisputedUnderBoth) {
  Books books;
  OpenAccountCommand open;
  open.account_id = "acct-1";
  open.card = TokenOf("visa");
  open.default_plan = PerMinutePlan();
  ASSERT_TRUE(books.Open(open).ok());
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.Give("card-1", Given(CardNamed("visa"))).ok());
  EXPECT_EQ(books.card("card-1").card.fingerprint, "fp_visa");
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Cents(1)).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kWon, Cents(1)).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

// --- G9: of the networks ---------------------------------------------------------

struct LimitCase {
  const char* what;
  CardNetwork network;
  int declines;
  absl::Duration apart;  // from each decline to the one before; the newest is now
  absl::Duration wait;   // until the next attempt is allowed
  CardLimits limits = {};
};

TEST(PaymentMethodPolicyTest, G9_ACardIsTriedUntilItWasDeclinedAsOftenAsItsNetworkAllows) {
  constexpr absl::Duration kNone = absl::ZeroDuration();
  const absl::Duration h = absl::Hours(1);
  const absl::Duration month = 30 * 24 * h;
  const std::vector<LimitCase> cases = {
      {"Visa, the 15th attempt", CardNetwork::kVisa, 14, h, kNone},
      {"Visa, the 16th attempt", CardNetwork::kVisa, 15, h, month - 14 * h},
      {"Visa, the 21st attempt", CardNetwork::kVisa, 20, h, month - 14 * h},
      {"a moment before the first leaves the window",
       CardNetwork::kVisa,
       16,
       48 * h - absl::Microseconds(1),
       absl::Microseconds(15),
       {16, 0, 0}},
      {"when the first has left the window", CardNetwork::kVisa, 16, 48 * h, kNone, {16, 0, 0}},
      {"Visa, all at once", CardNetwork::kVisa, 15, kNone, month},
      {"Mastercard, the 10th attempt in a day", CardNetwork::kMastercard, 9, h, kNone},
      {"Mastercard, the 11th attempt in a day", CardNetwork::kMastercard, 10, h, 15 * h},
      {"Mastercard, nine in a day and more before", CardNetwork::kMastercard, 20, 24 * h / 9,
       kNone},
      {"Mastercard, the 35th attempt in 30 days", CardNetwork::kMastercard, 34, 10 * h, kNone},
      {"Mastercard, the 36th attempt in 30 days", CardNetwork::kMastercard, 35, 10 * h,
       month - 340 * h},
      {"unknown, as strict as Mastercard in a day", CardNetwork::kUnknown, 10, h, 15 * h},
      {"unknown, as strict as Visa in 30 days", CardNetwork::kUnknown, 15, 10 * h, month - 140 * h},
      {"unknown, one fewer", CardNetwork::kUnknown, 14, 10 * h, kNone},
      {"another, as strict as Visa in 30 days", CardNetwork::kOther, 15, 10 * h, month - 140 * h},
      {"another, as strict as Mastercard in a day", CardNetwork::kOther, 10, h, 15 * h},
      {"no declines", CardNetwork::kUnknown, 0, h, kNone},
      {"no limits", CardNetwork::kUnknown, 100, h, kNone, {0, 0, 0}},
      {"a limit of one", CardNetwork::kVisa, 1, h, month, {1, 0, 0}},
  };
  const absl::Time now = absl::FromUnixSeconds(1'790'000'000);
  for (const LimitCase& c : cases) {
    std::vector<absl::Time> declines;
    for (int i = 0; i < c.declines; ++i) declines.push_back(now - i * c.apart);
    EXPECT_EQ(NextAllowedAttempt(c.limits, c.network, declines, now) - now, c.wait) << c.what;
    const absl::Time later = now + 2 * month;
    EXPECT_EQ(NextAllowedAttempt(c.limits, c.network, declines, later), later) << c.what;
  }
}

Card CardOf(CardNetwork network) {
  Card card = CardNamed("other");
  card.network = network;
  return card;
}

// With a card that was declined so often elsewhere, the newest an hour ago, and an
// hour between; recharge 2 is open.
Books DeclinedElsewhere(CardNetwork network, int declines) {
  Books books;
  books.OpenFunded();
  EXPECT_TRUE(books.GiveCard(CardOf(network)).ok());
  for (int i = 1; i <= declines; ++i) {
    books.DeclinedElsewhere("fp_other", books.now() - i * absl::Hours(1));
  }
  EXPECT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_NE(books.open(), nullptr);
  return books;
}

TEST(PaymentMethodPolicyTest, G9_ARetryIsPutOffUntilTheCardMayBeTried) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 9);
  ASSERT_TRUE(books.Defer().ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.recharge(2).attempt, 2);
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(24 - 9));
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeDeclined), 1);
  ASSERT_TRUE(books.last().decline.has_value());
  EXPECT_EQ(
      *books.last().decline,
      (CardDecline{"acct-1", 2, 1, CardOf(CardNetwork::kMastercard).fingerprint, books.now()}));
}

TEST(PaymentMethodPolicyTest, G9_ARetryThatIsLaterThanTheLimitAsksForIsNotMoved) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 8);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(1));
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 0);
}

TEST(PaymentMethodPolicyTest, G9_ARetryWaitsAsLongAsTheNetworkAsks) {
  Books books = DeclinedElsewhere(CardNetwork::kVisa, 14);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(30 * 24 - 14));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kFailing);
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 1);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.recharges().size(), 2u);
}

TEST(PaymentMethodPolicyTest, G9_ADueRechargeOfACardAtItsLimitIsPutOffAndCountsAsFailing) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 10);
  ASSERT_TRUE(books.Defer().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.recharge(2).attempt, 1);
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(24 - 10));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kFailing);
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 1);
  // As any failing card (D1).
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  // Then it is tried, and clears the mark (G4).
  books.Advance(absl::Hours(24 - 10));
  ASSERT_TRUE(books.Defer().ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(PaymentMethodPolicyTest, G9_ACardAtItsLimitIsPassedOverForOneThatMayBeTried) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 10);
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
  EXPECT_LE(books.open()->due_time, books.now());
  EXPECT_EQ(books.Count(EventKind::kCardLimitReached), 0);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(PaymentMethodPolicyTest, G9_WhereNoneMayBeTriedEachUsableCardAtItsLimitCountsAsFailing) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 10);
  for (int i = 1; i <= 15; ++i) {
    books.DeclinedElsewhere("fp_amex", books.now() - i * absl::Hours(1));
  }
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-1") << "the earlier";
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Hours(24 - 10));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kFailing);
  EXPECT_EQ(books.StateOf("card-2"), CardState::kFailing);
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 2);
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
}

TEST(PaymentMethodPolicyTest, G9_AnAttemptInFlightIsNotDeferred) {
  Books books = DeclinedElsewhere(CardNetwork::kVisa, 15);
  books.HandOut();
  ASSERT_TRUE(books.Defer().ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(PaymentMethodPolicyTest, G9_ATopUpOfACardAtItsLimitIsRefusedUntilThen) {
  Books books = DeclinedElsewhere(CardNetwork::kVisa, 15);
  const absl::Status refused = books.TopUp(std::nullopt);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), "CARD_LIMIT_REACHED");
  EXPECT_EQ(RetryAfterOf(refused), absl::Hours(30 * 24 - 15));
  books.Advance(absl::Hours(30 * 24 - 15) - absl::Microseconds(1));
  EXPECT_FALSE(books.TopUp(std::nullopt).ok());
  books.Advance(absl::Microseconds(1));
  EXPECT_TRUE(books.TopUp(std::nullopt).ok());
}

TEST(PaymentMethodPolicyTest, G9_AfterASecondDeclineACardIsTriedOnceAMinute) {
  const Settings settings;
  const Card card = CardOf(CardNetwork::kVisa);
  const absl::Time begin = absl::UnixEpoch() + absl::Hours(24 * 365);
  std::vector<absl::Time> declines;  // newest first
  const auto next = [&](absl::Duration now) {
    bool limited = false;
    return AllowedByDeclines(settings, card, declines, begin + now, &limited) - begin;
  };
  for (const int at : {0, 10, 70, 130}) {
    EXPECT_EQ(next(absl::Seconds(at)), absl::Seconds(at)) << at;
    if (at > 10) {
      EXPECT_EQ(next(absl::Seconds(at - 1)), absl::Seconds(at)) << "not sooner than " << at;
    }
    declines.insert(declines.begin(), begin + absl::Seconds(at));
  }
  // Left alone for two minutes it may be tried at once again, once.
  declines.insert(declines.begin(), begin + absl::Seconds(250));
  EXPECT_EQ(next(absl::Seconds(251)), absl::Seconds(251));
  declines.insert(declines.begin(), begin + absl::Seconds(251));
  EXPECT_EQ(next(absl::Seconds(252)), absl::Seconds(311));
}

// A top-up that nobody has sent yet, of a card that has come to its limit since.
Books TopUpAtTheLimit() {
  Books books;
  books.OpenFunded();
  EXPECT_TRUE(books.GiveCard(CardOf(CardNetwork::kVisa)).ok());
  EXPECT_TRUE(books.TopUp(Dollars(20)).ok());
  for (int i = 1; i <= 15; ++i) {
    books.DeclinedElsewhere("fp_other", books.now() - i * absl::Hours(1));
  }
  return books;
}

TEST(PaymentMethodPolicyTest, G8_ATopUpThatALimitPutsOffIsCanceledAndKeepsNoOtherOut) {
  Books books = TopUpAtTheLimit();
  ASSERT_TRUE(books.Defer().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeCanceled), 1);
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
  EXPECT_LE(books.open()->due_time, books.now());
}

TEST(PaymentMethodPolicyTest, G8_ATopUpWhoseCardGoesIsNotPutOffByTheLimitOfAnother) {
  Books books = TopUpAtTheLimit();
  ASSERT_TRUE(books.AddCard(CardNamed("amex"), 1).ok());
  ASSERT_TRUE(books.Defer().ok());
  ASSERT_EQ(books.open()->payment_method_id, "card-2");
  ASSERT_TRUE(books.RemoveCard("card-2").ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
}

TEST(PaymentMethodPolicyTest, G8_ATopUpThatWasPutOffTakesTheCardThatTheCustomerGives) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.GiveCard(CardOf(CardNetwork::kVisa)).ok());
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  books.Advance(-absl::Hours(1));  // as one that an earlier version has put off
  for (int i = 1; i <= 15; ++i) {
    books.DeclinedElsewhere("fp_other", books.now() - i * absl::Hours(1));
  }
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
  EXPECT_LE(books.open()->due_time, books.now());
}

TEST(PaymentMethodPolicyTest, G9_EachDeclineCountsOnceForTheCardThatWasCharged) {
  for (const DeclineClass decline :
       {DeclineClass::kSoft, DeclineClass::kHard, DeclineClass::kAuthenticationRequired}) {
    Books books = DeclinedElsewhere(CardNetwork::kVisa, 0);
    books.HandOut();
    const ChargeOutcome outcome = DeclineOf(*books.open(), decline);
    ASSERT_TRUE(books.GiveCard(CardNamed("third")).ok());
    ASSERT_TRUE(books.Report(2, outcome).ok());
    ASSERT_TRUE(books.last().decline.has_value());
    EXPECT_EQ(books.last().decline->card_fingerprint, "fp_other");
    ASSERT_TRUE(books.Report(2, outcome).ok());
    EXPECT_TRUE(books.last().unchanged);
    EXPECT_FALSE(books.last().decline.has_value());
  }
}

// --- G9: ours, against card testing ----------------------------------------------

TEST(PaymentMethodPolicyTest, G9_AnAccountHasAtMostFiveCards) {
  Settings settings;
  settings.max_cards_given_per_day = 100;
  Books books(settings);
  books.OpenFunded();
  for (int i = 2; i <= 5; ++i) {
    ASSERT_TRUE(books.AddCard(CardNamed(absl::StrCat("card", i))).ok());
  }
  EXPECT_EQ(ReasonOf(books.AddCard(CardNamed("sixth"))), "TOO_MANY_PAYMENT_METHODS");
  EXPECT_TRUE(books.AddCard(RenewedCard("card3")).ok()) << "that is no further one";
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  EXPECT_TRUE(books.AddCard(CardNamed("sixth")).ok());
}

TEST(PaymentMethodPolicyTest, G9_AtMostFiveCardsAreGivenADay) {
  Books books;
  books.OpenFunded();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(books.GiveCard(CardNamed(absl::StrCat("card", i))).ok());
  }
  const absl::Duration to_midnight = EndOfUtcDay(books.now()) - books.now();
  for (const absl::Status& refused :
       {books.GiveCard(CardNamed("sixth")), books.AddCard(CardNamed("sixth"))}) {
    EXPECT_EQ(ReasonOf(refused), "TOO_MANY_CARDS_GIVEN");
    EXPECT_EQ(RetryAfterOf(refused), to_midnight);
  }
  books.Advance(to_midnight);
  EXPECT_TRUE(books.GiveCard(CardNamed("sixth")).ok());
}

TEST(PaymentMethodPolicyTest, G9_AfterTheSecondDeclineInARowACardIsTriedOnceAMinute) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  books.Advance(absl::Seconds(10));
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  EXPECT_LE(books.open()->due_time, books.now()) << "after one decline at once";
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  books.Advance(absl::Seconds(10));
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Seconds(50));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable) << "a limit of ours is no failing card";
  const absl::Status refused = books.TopUp(std::nullopt);
  EXPECT_EQ(ReasonOf(refused), "CARD_LIMIT_REACHED");
  EXPECT_EQ(RetryAfterOf(refused), absl::Seconds(50));
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(PaymentMethodPolicyTest, G9_AfterTenDeclinesOfADayAllAttemptsWaitForTheNext) {
  Settings settings;
  settings.card_limits = {0, 0, 0};
  Books books = FundedAt(Dollars(20), settings);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(books.TopUp(std::nullopt).ok()) << i;
    ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
    books.Advance(absl::Minutes(1));
  }
  const absl::Time midnight = EndOfUtcDay(books.now());
  const absl::Status refused = books.TopUp(std::nullopt);
  EXPECT_EQ(ReasonOf(refused), "CARD_LIMIT_REACHED");
  EXPECT_EQ(RetryAfterOf(refused), midnight - books.now());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->due_time, midnight);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
}

// --- G10, and cards that expire --------------------------------------------------

TEST(PaymentMethodPolicyTest, G10_TheSwitchStaysOffUntilTheCustomerSwitchesItOn) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kAutomaticRechargeOff), 1);
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.LastOf(EventKind::kLowBalance).obstacle, RefillObstacle::kSwitchedOff);
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.TopUp(Dollars(2)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.SwitchAutomatic(true).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kAutomaticRechargeOn), 1);
  EXPECT_NE(books.open(), nullptr);
}

TEST(PaymentMethodPolicyTest, G10_ACustomerMayTakeAwayEachCardAlsoTheLast) {
  Books books = LowWithTwoCards();
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  EXPECT_EQ(books.CountInLast(EventKind::kCardRemoved), 1);
  EXPECT_EQ(books.LastOf(EventKind::kCardRemoved).payment_method_id, "card-1");
  ASSERT_TRUE(books.last().removed_card.has_value());
  EXPECT_EQ(books.last().removed_card->state, CardState::kRemoved);
  EXPECT_EQ(books.open()->payment_method_id, "card-2") << "what waits goes on with the other";
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.RemoveCard("card-2").ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_TRUE(books.account().payment_methods.empty());
  EXPECT_EQ(ReasonOf(books.RemoveCard("card-3")), "PAYMENT_METHOD_NOT_FOUND");
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "NO_CARD");
  ASSERT_TRUE(books.AddCard(CardNamed("visa")).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-3") << "an id is never given twice";
}

TEST(PaymentMethodPolicyTest, G10_AnAdministratorsBlockRefusesTopUps) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Block("fraud").ok());
  EXPECT_EQ(ReasonOf(books.TopUp(Dollars(20))), "ACCOUNT_BLOCKED");
  ASSERT_TRUE(books.Unblock("cleared").ok());
  EXPECT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Block("fraud").ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled) << "nothing of it was sent";
}

TEST(PaymentMethodPolicyTest, D5_ThatACardExpiresIsToldOnceInTime) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Give("", Expiring(CardNamed("visa"), 2026, 12)).ok());
  EXPECT_EQ(books.Count(EventKind::kCardExpiring), 0);
  const absl::Time notice = absl::FromCivil(absl::CivilSecond(2026, 12, 18), absl::UTCTimeZone());
  EXPECT_EQ(books.account().expiry_notice_time, notice);
  books.Advance(notice - books.now() - absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_TRUE(books.last().unchanged);
  books.Advance(absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.CountInLast(EventKind::kCardExpiring), 1);
  EXPECT_EQ(books.LastOf(EventKind::kCardExpiring).payment_method_id, "card-1");
  EXPECT_EQ(books.account().expiry_notice_time, absl::InfiniteFuture());
  books.Advance(absl::Hours(24));
  ASSERT_TRUE(books.Reconsider().ok());
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.Count(EventKind::kCardExpiring), 1);
  ASSERT_TRUE(books.Give("", Expiring(RenewedCard("visa"), 2030, 1)).ok());
  EXPECT_EQ(books.Count(EventKind::kCardExpiring), 1);
  EXPECT_EQ(books.account().expiry_notice_time,
            absl::FromCivil(absl::CivilSecond(2030, 1, 18), absl::UTCTimeZone()));
}

}  // namespace
}  // namespace reserve::domain
