// Recharging: G1 to G9 (docs/RULES.md).
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

absl::Time EndOfUtcDay(absl::Time time) {
  const absl::CivilDay day = absl::ToCivilDay(time, absl::UTCTimeZone());
  return absl::FromCivil(day + 1, absl::UTCTimeZone());
}

// Books with a funded account whose balance is then set; a balance under the
// threshold opens recharge 2.
Books FundedAt(Nanos balance, const Settings& settings = Settings()) {
  Books books(settings);
  books.OpenFunded();
  EXPECT_TRUE(books.AdjustTo(balance).ok());
  return books;
}

// --- G1 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G1_BalanceExactlyAtThresholdDoesNotRecharge) {
  const Books books = FundedAt(Dollars(10));
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G1_OneNanoBelowTheThresholdRechargesInTheSameTransaction) {
  const Books books = FundedAt(Dollars(10) - 1);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 2);
  EXPECT_EQ(books.open()->kind, RechargeKind::kAutomatic);
  EXPECT_EQ(books.open()->state, RechargeState::kOpen);
  EXPECT_EQ(books.open()->amount, Dollars(15));
  EXPECT_EQ(books.open()->card, CardNamed("visa"));
  EXPECT_LE(books.open()->due_time, books.now());
  EXPECT_EQ(books.open()->create_time, books.now());
  EXPECT_EQ(books.last().recharges.size(), 1u);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeOpened), 1);
}

TEST(RechargePolicyTest, G1_AUsageThatDipsBelowTheThresholdRecharges) {
  Books books = FundedAt(Dollars(10));
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_NE(books.open(), nullptr);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeOpened), 1);
}

TEST(RechargePolicyTest, G1_NoUsableCardNoRecharge) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G1_ASuccessThatLeavesTheBalanceLowOpensTheNext) {
  Books books = FundedAt(Dollars(9));
  ASSERT_TRUE(books.Call(DearRate(), int64_t{40} * 60).ok());  // -$11 while $15 is under way
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(4));
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 3);
}

TEST(RechargePolicyTest, G1_ABlockedAccountIsStillRecharged) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Block("checking papers").ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_NE(books.open(), nullptr);
}

// --- G2 --------------------------------------------------------------------------

struct AmountCase {
  const char* what;
  Nanos balance;
  int n;
  bool limited;
};

TEST(RechargePolicyTest, G2_TheSmallestMultipleThatBringsTheBalanceToTheThreshold) {
  const std::vector<AmountCase> cases = {
      {"just below", Dollars(10) - 1, 1, false},
      {"zero", 0, 1, false},
      {"reaches the threshold exactly", -Dollars(5), 1, false},
      {"a nano more needs another", -Dollars(5) - 1, 2, false},
      {"two reach it exactly", -Dollars(20), 2, false},
      {"the largest n that is allowed", -Dollars(290), 20, false},
      {"beyond it is limited", -Dollars(290) - 1, 20, true},
      {"far beyond it", -Dollars(5'000), 20, true},
  };
  for (const AmountCase& c : cases) {
    const Books books = FundedAt(c.balance);
    ASSERT_NE(books.open(), nullptr) << c.what;
    EXPECT_EQ(books.open()->amount, c.n * Dollars(15)) << c.what;
    EXPECT_EQ(books.CountInLast(EventKind::kRechargeLimited), c.limited ? 1 : 0) << c.what;
  }
}

TEST(RechargePolicyTest, G2_OneChargeIsAtMostTheLargestAmountOfASingleCharge) {
  Settings settings;
  settings.max_recharge_amount = Dollars(50);
  const Books books = FundedAt(-Dollars(100), settings);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(45));
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeLimited), 1);
}

TEST(RechargePolicyTest, G2_AnEnormousDebtIsNoOverflow) {
  const Books books = FundedAt(std::numeric_limits<Nanos>::min() + Dollars(20));
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(300));
}

// --- G3 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G3_WhileARechargeIsOpenNoOtherIsOpened) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.recharges().size(), 2u);
  const absl::Status status = books.TopUp(std::nullopt);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "RECHARGE_ALREADY_OPEN");
}

TEST(RechargePolicyTest, G3_AnUnknownOutcomeCountsAsOpen) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kNeedsReview);
  EXPECT_EQ(books.account().open_ordinal, 2);
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeNeedsReview), 1);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.recharges().size(), 2u);
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "RECHARGE_ALREADY_OPEN");
}

TEST(RechargePolicyTest, G3_ASuccessAfterAReviewStillCredits) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  books.Advance(absl::Hours(48));
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.account().open_ordinal, 0);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
}

TEST(RechargePolicyTest, G3_ARechargeUnderReviewIsNotMovedToANewCard) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.account().card, CardNamed("amex"));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kNeedsReview);
  EXPECT_EQ(books.recharge(2).card, CardNamed("visa"));
  EXPECT_EQ(books.recharges().size(), 2u);
}

// --- G4 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G4_ASuccessCreditsOnceAndARepeatChangesNothing) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome success = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, success).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.account().open_ordinal, 0);
  const Recharge& recharge = books.recharge(2);
  EXPECT_EQ(recharge.state, RechargeState::kSucceeded);
  EXPECT_EQ(recharge.charge_id, success.charge_id);
  EXPECT_EQ(recharge.settle_time, books.now());
  const Entry& entry = books.entries().back();
  EXPECT_EQ(entry.kind, EntryKind::kRecharge);
  EXPECT_EQ(entry.amount, Dollars(15));
  EXPECT_EQ(entry.recharge_ordinal, 2);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeSucceeded), 1);
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.Report(2, success).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.account().balance, Dollars(20));
}

TEST(RechargePolicyTest, G4_ASuccessIsAppliedWhateverTheLeaseSays) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome of_the_first_worker = SuccessOf(*books.open());
  books.Advance(absl::Minutes(1));
  books.HandOut();
  ASSERT_TRUE(books.Report(2, of_the_first_worker).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.account().balance, Dollars(20));
}

TEST(RechargePolicyTest, G4_ASuccessOfAnEarlierAttemptIsCreditedAndSettles) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome first = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kSoft)).ok());
  ASSERT_EQ(books.recharge(2).attempt, 2);
  ASSERT_TRUE(books.Report(2, first).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
}

TEST(RechargePolicyTest, G4_ALateSuccessOfAFailedRechargeIsCredited) {
  Books books = FundedAt(-Dollars(2));
  books.HandOut();
  const ChargeOutcome success = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kHard)).ok());
  ASSERT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_TRUE(books.Report(2, success).ok());
  EXPECT_EQ(books.account().balance, Dollars(13));
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
}

TEST(RechargePolicyTest, G4_ASuccessOfAnotherAmountOrCurrencyIsRefused) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  ChargeOutcome less = SuccessOf(*books.open());
  less.amount -= Cents(1);
  EXPECT_EQ(books.Report(2, less).code(), absl::StatusCode::kInvalidArgument);
  ChargeOutcome euros = SuccessOf(*books.open());
  euros.currency = "EUR";
  EXPECT_EQ(books.Report(2, euros).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(books.account().balance, Dollars(5));
}

TEST(RechargePolicyTest, G4_SuccessClearsTheFailingMark) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_EQ(books.account().card_state, CardState::kFailing);
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
}

TEST(RechargePolicyTest, G4_SuccessEnablesAsSoonAsTheBalanceIsAboveZero) {
  struct Case {
    Nanos balance_before;
    AccountState state;
  };
  for (const Case& c : std::vector<Case>{{-Dollars(15) + 1, AccountState::kActive},
                                         {-Dollars(15), AccountState::kDisabled}}) {
    Books books = FundedAt(Dollars(1));
    ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
    ASSERT_TRUE(books.AdjustTo(c.balance_before).ok());
    ASSERT_EQ(books.account().state, AccountState::kDisabled);
    ASSERT_TRUE(books.Charge().ok());
    EXPECT_EQ(books.account().balance, c.balance_before + Dollars(15));
    EXPECT_EQ(books.account().state, c.state) << c.balance_before;
    EXPECT_NE(books.open(), nullptr) << "the balance is still below the threshold";
  }
}

TEST(RechargePolicyTest, G4_SuccessNeverLiftsAnAdministratorsBlock) {
  Books books = FundedAt(-Dollars(2));
  ASSERT_TRUE(books.Block("fraud").ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_TRUE(books.account().blocked());
  EXPECT_EQ(books.Authorize("uma", InboundCall(books.now(), 0), nullptr).decision,
            Decision::kAccountBlocked);
}

// --- G5 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G5_ASoftDeclineMarksTheCardFailingAndIsRetriedAfter1And3And7Hours) {
  Books books = FundedAt(Dollars(5));
  int attempt = 1;
  for (const absl::Duration delay : {absl::Hours(1), absl::Hours(3), absl::Hours(7)}) {
    ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
    ++attempt;
    EXPECT_EQ(books.account().card_state, CardState::kFailing);
    const Recharge& recharge = books.recharge(2);
    EXPECT_EQ(recharge.state, RechargeState::kOpen);
    EXPECT_EQ(recharge.attempt, attempt);
    EXPECT_EQ(recharge.soft_declines, attempt - 1);
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
  EXPECT_EQ(books.recharge(2).settle_time, books.now());
  EXPECT_EQ(books.account().open_ordinal, 0);
  EXPECT_EQ(books.account().card_state, CardState::kFailing);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeFailed), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kCardRefused), 0);
}

TEST(RechargePolicyTest, G5_AfterTheLastRetryOnlyATopUpOrAnotherCardStartsAgain) {
  Books books = FundedAt(Dollars(5));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_EQ(books.account().open_ordinal, 0);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  books.Advance(absl::Hours(100));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.account().open_ordinal, 0);
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
  EXPECT_EQ(books.account().balance, Cents(2'450));
}

TEST(RechargePolicyTest, G5_AHardDeclineAndAuthenticationRequiredBlockTheCardAtOnce) {
  for (const DeclineClass decline : {DeclineClass::kHard, DeclineClass::kAuthenticationRequired}) {
    Books books = FundedAt(Dollars(5));
    ASSERT_TRUE(books.Decline(decline).ok());
    EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
    EXPECT_EQ(books.recharge(2).last_decline, decline);
    EXPECT_EQ(books.account().card_state, CardState::kRefused);
    EXPECT_EQ(books.account().open_ordinal, 0);
    EXPECT_EQ(books.CountInLast(EventKind::kRechargeFailed), 1);
    EXPECT_EQ(books.CountInLast(EventKind::kCardRefused), 1);
    const absl::Status status = books.TopUp(std::nullopt);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status), "CARD_REFUSED");
  }
}

TEST(RechargePolicyTest, G5_ADeclineNeedsTheCurrentLease) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome stale_decline = DeclineOf(*books.open(), DeclineClass::kHard);
  const ChargeOutcome stale_review = UnresolvedOf(*books.open());
  books.Advance(absl::Minutes(1));
  books.HandOut();
  for (const ChargeOutcome& outcome : {stale_decline, stale_review}) {
    const absl::Status status = books.Report(2, outcome);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status), "LEASE_LOST");
  }
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
}

TEST(RechargePolicyTest, G5_ARepeatedDeclineCountsOnce) {
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

TEST(RechargePolicyTest, G5_ARepeatedReviewCountsOnce) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome outcome = UnresolvedOf(*books.open());
  ASSERT_TRUE(books.Report(2, outcome).ok());
  books.Advance(absl::Seconds(1));
  ASSERT_TRUE(books.Report(2, outcome).ok());
  EXPECT_TRUE(books.last().unchanged);
}

// --- G6 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G6_TheSameCardGivenAgainChangesNothing) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  const Account before = books.account();
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.account(), before);
}

TEST(RechargePolicyTest, G6_EqualFingerprintsAreTheSameCard) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  Card card = CardNamed("visa");
  card.token = CardToken("tok_other");
  ASSERT_TRUE(books.GiveCard(card).ok());
  EXPECT_EQ(books.account().card_state, CardState::kRefused);
  EXPECT_EQ(books.account().open_ordinal, 0);
}

TEST(RechargePolicyTest, G6_ANewCardClearsBlockedAndStartsOver) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
  EXPECT_EQ(books.account().card, CardNamed("amex"));
  EXPECT_EQ(books.CountInLast(EventKind::kCardReplaced), 1);
  ASSERT_EQ(books.account().open_ordinal, 3);
  EXPECT_EQ(books.open()->card, CardNamed("amex"));
  EXPECT_EQ(books.open()->kind, RechargeKind::kAutomatic);
}

TEST(RechargePolicyTest, G6_ANewCardWithEnoughBalanceOpensNothing) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G6_ARechargeWaitingForItsRetryMovesToTheNewCardAtOnce) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  const Recharge before = books.recharge(2);
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
  const Recharge& after = books.recharge(2);
  EXPECT_EQ(after.card, CardNamed("amex"));
  EXPECT_EQ(after.attempt, before.attempt + 1);
  EXPECT_EQ(after.lease_epoch, before.lease_epoch + 1);
  EXPECT_EQ(after.soft_declines, 0);
  EXPECT_LE(after.due_time, books.now());
  EXPECT_EQ(after.amount, before.amount);
  EXPECT_FALSE(after.in_flight());
}

TEST(RechargePolicyTest, G6_TheNewCardHasTheWholeScheduleOfRetries) {
  Books books = FundedAt(Dollars(5));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(1));
}

TEST(RechargePolicyTest, G6_AnAttemptInFlightFinishesOnItsOwnCardWithSuccess) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const Recharge before = books.recharge(2);
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.account().card, CardNamed("amex"));
  EXPECT_EQ(books.recharge(2), before);
  ASSERT_TRUE(books.Report(2, SuccessOf(before)).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.account().card, CardNamed("amex"));
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
}

TEST(RechargePolicyTest, G6_AnAttemptInFlightThatIsDeclinedMovesToTheNewCardUnmarked) {
  for (const DeclineClass decline : {DeclineClass::kSoft, DeclineClass::kHard}) {
    Books books = FundedAt(-Dollars(5));
    books.HandOut();
    const Recharge before = books.recharge(2);
    ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
    const ChargeOutcome outcome = DeclineOf(before, decline);
    ASSERT_TRUE(books.Report(2, outcome).ok());
    EXPECT_EQ(books.account().card_state, CardState::kUsable);
    EXPECT_EQ(books.account().state, AccountState::kActive);
    const Recharge& after = books.recharge(2);
    EXPECT_EQ(after.state, RechargeState::kOpen);
    EXPECT_EQ(after.card, CardNamed("amex"));
    EXPECT_EQ(after.attempt, before.attempt + 1);
    EXPECT_EQ(after.soft_declines, 0);
    EXPECT_LE(after.due_time, books.now());
    EXPECT_FALSE(after.in_flight());
    ASSERT_TRUE(books.Report(2, outcome).ok());
    EXPECT_TRUE(books.last().unchanged);
  }
}

// --- G7 --------------------------------------------------------------------------

// Uses the account up to `count` successful automatic recharges of one dip each.
void RechargeTimes(Books& books, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
    ASSERT_NE(books.open(), nullptr) << i;
    ASSERT_TRUE(books.Charge().ok());
  }
}

TEST(RechargePolicyTest, G7_TheEleventhAutomaticRechargeOfADayIsRefusedAndReportedOnce) {
  Books books;
  books.OpenFunded();
  RechargeTimes(books, 10);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.CountInLast(EventKind::kCapReached), 1);
  EXPECT_EQ(books.account().due.time, EndOfUtcDay(books.now()));
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.Count(EventKind::kCapReached), 1);
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(RechargePolicyTest, G7_TheNextDayOpensTheRechargeThatWasRefused) {
  Books books;
  books.OpenFunded();
  RechargeTimes(books, 10);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  const absl::Time midnight = EndOfUtcDay(books.now());
  books.Advance(midnight - books.now() - absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr);
  books.Advance(absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.account().due.time, absl::InfiniteFuture());
  EXPECT_EQ(books.Count(EventKind::kCapReached), 1);
}

TEST(RechargePolicyTest, G7_MoneyADayIsCappedToo) {
  Settings settings;
  settings.max_automatic_amount_per_day = Dollars(40);
  Books books(settings);
  books.OpenFunded();
  RechargeTimes(books, 2);  // $30; a third would make $45
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.CountInLast(EventKind::kCapReached), 1);

  Settings exact;
  exact.max_automatic_amount_per_day = Dollars(45);
  Books within(exact);
  within.OpenFunded();
  RechargeTimes(within, 3);
  ASSERT_TRUE(within.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(within.open(), nullptr);
}

TEST(RechargePolicyTest, G7_ACapIsReportedOnceADayHoweverOftenItIsMet) {
  Settings settings;
  settings.max_automatic_recharges_per_day = 1;
  Books books(settings);
  books.OpenFunded();
  RechargeTimes(books, 1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
    EXPECT_EQ(books.Count(EventKind::kCapReached), 1);
    ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
    EXPECT_EQ(books.account().due.time, absl::InfiniteFuture());
  }
  books.Advance(EndOfUtcDay(books.now()) - books.now());
  RechargeTimes(books, 1);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.Count(EventKind::kCapReached), 2) << "another day, another report";
}

TEST(RechargePolicyTest, G7_AReachedCapIsAFailedCardForDisabling) {
  Books books;
  books.OpenFunded();
  RechargeTimes(books, 10);
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
  books.Advance(EndOfUtcDay(books.now()) - books.now());
  ASSERT_TRUE(books.Reconsider().ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(RechargePolicyTest, G7_InitialAndTopUpDoNotCount) {
  Settings settings;
  settings.max_automatic_recharges_per_day = 2;
  Books books(settings);
  books.OpenFunded();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(books.TopUp(Dollars(15)).ok());
    ASSERT_TRUE(books.Charge().ok());
  }
  RechargeTimes(books, 2);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G7_OnlySuccessesCount) {
  Settings settings;
  settings.max_automatic_recharges_per_day = 2;
  Books books(settings);
  books.OpenFunded();
  for (const char* card : {"one", "two", "three"}) {
    ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
    ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
    ASSERT_TRUE(books.GiveCard(CardNamed(card)).ok());
  }
  EXPECT_EQ(books.account().caps.count, 0);
  EXPECT_NE(books.open(), nullptr);
}

// --- D5 --------------------------------------------------------------------------

// The last event of this kind; a failure of the test if there is none.
Event LastOf(const Books& books, EventKind kind) {
  for (auto event = books.events().rbegin(); event != books.events().rend(); ++event) {
    if (event->kind == kind) return *event;
  }
  ADD_FAILURE() << "no event of kind " << static_cast<int>(kind);
  return {};
}

TEST(RechargePolicyTest, D5_ADipThatIsRefilledIsToldByTheRechargeWithItsAmountAndKind) {
  Books books = FundedAt(-Dollars(6));
  const Event opened = LastOf(books, EventKind::kRechargeOpened);
  EXPECT_EQ(opened.recharge_kind, RechargeKind::kAutomatic);
  EXPECT_EQ(opened.amount, Dollars(30));
  EXPECT_EQ(opened.recharge_ordinal, 2);
  EXPECT_EQ(books.Count(EventKind::kLowBalance), 0);
  ASSERT_TRUE(books.Charge().ok());
  const Event recharged = LastOf(books, EventKind::kRechargeSucceeded);
  EXPECT_EQ(recharged.amount, Dollars(30));
  EXPECT_EQ(recharged.recharge_kind, RechargeKind::kAutomatic);
  EXPECT_EQ(recharged.decline_class, DeclineClass::kNone);
  ASSERT_TRUE(books.TopUp(Dollars(33)).ok());
  EXPECT_EQ(LastOf(books, EventKind::kRechargeOpened).recharge_kind, RechargeKind::kTopUp);
  ASSERT_TRUE(books.Unresolved().ok());
  EXPECT_EQ(LastOf(books, EventKind::kRechargeNeedsReview).amount, Dollars(33));
}

TEST(RechargePolicyTest, D5_ADeclineSaysOfWhichClassItIs) {
  for (const DeclineClass decline_class :
       {DeclineClass::kSoft, DeclineClass::kHard, DeclineClass::kAuthenticationRequired}) {
    Books books = FundedAt(Dollars(5));
    ASSERT_TRUE(books.Decline(decline_class).ok());
    const bool soft = decline_class == DeclineClass::kSoft;
    const Event declined =
        LastOf(books, soft ? EventKind::kRechargeDeclined : EventKind::kRechargeFailed);
    EXPECT_EQ(declined.decline_class, decline_class);
    EXPECT_EQ(declined.amount, Dollars(15));
    const Event card = LastOf(books, soft ? EventKind::kCardFailing : EventKind::kCardRefused);
    EXPECT_EQ(card.decline_class, decline_class);
    EXPECT_EQ(card.recharge_ordinal, 2);
    EXPECT_EQ(books.Count(EventKind::kCardFailing), soft ? 1 : 0);
    EXPECT_EQ(books.Count(EventKind::kCardRefused), soft ? 0 : 1);
  }
}

TEST(RechargePolicyTest, D5_AFailingCardIsToldOnceUntilItHasWorked) {
  Books books = FundedAt(Dollars(5));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
    EXPECT_EQ(books.Count(EventKind::kCardFailing), 1);
    books.Advance(absl::Hours(8));
  }
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.Count(EventKind::kCardFailing), 2);
}

TEST(RechargePolicyTest, D5_ADipThatNothingRefillsIsToldWithTheReasonOnceUntilTheNext) {
  Settings settings;
  settings.retry_delays = {};
  settings.max_automatic_recharges_per_day = 1;
  for (const RefillObstacle obstacle :
       {RefillObstacle::kCardFailing, RefillObstacle::kCardRefused, RefillObstacle::kCapReached}) {
    Books books = FundedAt(Dollars(5), settings);
    if (obstacle == RefillObstacle::kCapReached) {
      ASSERT_TRUE(books.Charge().ok());
    } else {
      ASSERT_TRUE(books
                      .Decline(obstacle == RefillObstacle::kCardFailing ? DeclineClass::kSoft
                                                                        : DeclineClass::kHard)
                      .ok());
    }
    EXPECT_EQ(books.Count(EventKind::kLowBalance), 0) << "the decline has told it";
    for (int dip = 1; dip <= 2; ++dip) {
      ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
      ASSERT_TRUE(books.AdjustTo(Dollars(9)).ok());
      const Event low = LastOf(books, EventKind::kLowBalance);
      EXPECT_EQ(low.obstacle, obstacle);
      EXPECT_EQ(low.balance, Dollars(9));
      ASSERT_TRUE(books.Call(DearRate(), 60).ok());
      EXPECT_EQ(books.Count(EventKind::kLowBalance), dip);
    }
  }
}

TEST(RechargePolicyTest, D5_ARaisedThresholdIsADipToo) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(12)).ok());
  ASSERT_TRUE(books.ChangeSettings(std::nullopt, Dollars(14)).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kLowBalance), 1);
}

TEST(RechargePolicyTest, D5_WhoIsDisabledIsToldWhyAndNotOfALowBalanceToo) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kDisabled), 1);
  EXPECT_EQ(LastOf(books, EventKind::kDisabled).obstacle, RefillObstacle::kCardRefused);
  EXPECT_EQ(books.Count(EventKind::kLowBalance), 0);
}

TEST(RechargePolicyTest, D5_AnAdjustmentSaysWhatItAdded) {
  Books books = FundedAt(Dollars(12));
  EXPECT_EQ(LastOf(books, EventKind::kBalanceAdjusted).amount, -Dollars(3));
}

// --- G8 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G8_ATopUpGoesThroughTheSamePipeline) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.TopUp(Dollars(33)).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kTopUp);
  EXPECT_EQ(books.open()->amount, Dollars(33));
  EXPECT_FALSE(books.open()->request_id.empty());
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeOpened), 1);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(48));
}

TEST(RechargePolicyTest, G8_ATopUpWithoutAnAmountIsTheReserveAmount) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.TopUp(std::nullopt).ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
}

TEST(RechargePolicyTest, G8_ATopUpIsWholeCentsAboveZeroAndNotTooMuch) {
  Books books;
  books.OpenFunded();
  for (const Nanos amount : {Nanos{0}, -Dollars(1), Dollars(20) + 1, Dollars(10'000) + Cents(1)}) {
    const absl::Status status = books.TopUp(amount);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << amount;
    EXPECT_EQ(FieldOf(status), "amount") << amount;
  }
}

TEST(RechargePolicyTest, G8_ATopUpMayTryAFailingCardButNotABlockedOrMissingOne) {
  Books failing = FundedAt(Dollars(5));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(failing.Decline(DeclineClass::kSoft).ok());
  EXPECT_TRUE(failing.TopUp(std::nullopt).ok());
  EXPECT_EQ(failing.account().card_state, CardState::kFailing);

  Books without;
  OpenAccountCommand command;
  command.account_id = "acct-2";
  command.default_plan = PerMinutePlan();
  ASSERT_TRUE(without.Open(command).ok());
  EXPECT_EQ(ReasonOf(without.TopUp(std::nullopt)), "NO_CARD");
}

TEST(RechargePolicyTest, G8_ADeclinedTopUpMarksTheCardToo) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.TopUp(std::nullopt).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.account().card_state, CardState::kRefused);
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(RechargePolicyTest, G8_ATopUpThatSucceedsFundsAPendingAccount) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_EQ(books.account().state, AccountState::kPendingFunding);
  ASSERT_EQ(books.account().open_ordinal, 0);
  ASSERT_TRUE(books.TopUp(std::nullopt).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
}

// --- G9 --------------------------------------------------------------------------

struct LimitCase {
  const char* what;
  CardNetwork network;
  int declines;
  absl::Duration apart;  // from each decline to the one before; the newest is now
  absl::Duration wait;   // until the next attempt is allowed
  CardLimits limits = {};
};

TEST(RechargePolicyTest, G9_ACardIsTriedUntilItWasDeclinedAsOftenAsItsNetworkAllows) {
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
  for (int i = 1; i <= declines; ++i) books.DeclinedElsewhere(books.now() - i * absl::Hours(1));
  EXPECT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_NE(books.open(), nullptr);
  return books;
}

TEST(RechargePolicyTest, G9_ARetryIsPutOffUntilTheCardMayBeTried) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 9);
  ASSERT_TRUE(books.Hold().ok());
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

TEST(RechargePolicyTest, G9_ARetryThatIsLaterThanTheLimitAsksForIsNotMoved) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 8);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(1));
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 0);
}

TEST(RechargePolicyTest, G9_ARetryThatWouldHaveToWaitTooLongIsGivenUp) {
  Books books = DeclinedElsewhere(CardNetwork::kVisa, 14);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.account().card_state, CardState::kFailing);
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeFailed), 1);
  // Usage goes on, and nothing is opened for a card that fails.
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G9_ADueRechargeOfACardAtItsLimitIsPutOffAndCountsAsFailing) {
  Books books = DeclinedElsewhere(CardNetwork::kMastercard, 10);
  ASSERT_TRUE(books.Hold().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
  EXPECT_EQ(books.recharge(2).attempt, 1);
  EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Hours(24 - 10));
  EXPECT_EQ(books.account().card_state, CardState::kFailing);
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 1);
  // As any failing card (D1).
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  // Then it is tried, and clears the mark (G4).
  books.Advance(absl::Hours(24 - 10));
  ASSERT_TRUE(books.Hold().ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().card_state, CardState::kUsable);
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(RechargePolicyTest, G9_ADueRechargeThatWouldHaveToWaitTooLongIsGivenUp) {
  Books books = DeclinedElsewhere(CardNetwork::kVisa, 15);
  ASSERT_TRUE(books.Hold().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.account().open_ordinal, 0);
  EXPECT_EQ(books.account().card_state, CardState::kFailing);
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeFailed), 1);
  // Another card is another count.
  ASSERT_TRUE(books.GiveCard(CardNamed("third")).ok());
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Hold().ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(RechargePolicyTest, G9_AnAttemptInFlightIsNotHeldBack) {
  Books books = DeclinedElsewhere(CardNetwork::kVisa, 15);
  books.HandOut();
  ASSERT_TRUE(books.Hold().ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(RechargePolicyTest, G9_ATopUpOfACardAtItsLimitIsRefused) {
  Books books = DeclinedElsewhere(CardNetwork::kVisa, 15);
  ASSERT_TRUE(books.Hold().ok());
  ASSERT_EQ(books.open(), nullptr);
  const absl::Status refused = books.TopUp(std::nullopt);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), "CARD_LIMIT_REACHED");
  books.Advance(absl::Hours(30 * 24 - 15) - absl::Microseconds(1));
  EXPECT_FALSE(books.TopUp(std::nullopt).ok());
  books.Advance(absl::Microseconds(1));
  EXPECT_TRUE(books.TopUp(std::nullopt).ok());
}

TEST(RechargePolicyTest, G9_EachDeclineCountsOnceForTheCardThatWasCharged) {
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

}  // namespace
}  // namespace reserve::domain
