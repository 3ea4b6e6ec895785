// Opening, settings, usage, authorisation, disabling and blocking: O1 to O3, U1
// to U4, D1 to D4 (docs/RULES.md).
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

OpenAccountCommand OpeningWith(const Card& card) {
  OpenAccountCommand command;
  command.account_id = "acct-1";
  command.card = Given(card);
  command.default_plan = PerMinutePlan();
  command.digest = "digest";
  return command;
}

// --- O1 --------------------------------------------------------------------------

TEST(AccountPolicyTest, O1_OpeningWithACardInvoicesTheReserveCharge) {
  Books books;
  ASSERT_TRUE(books.Open(OpeningWith(CardNamed("visa"))).ok());
  const Account& account = books.account();
  EXPECT_EQ(account.account_id, "acct-1");
  EXPECT_EQ(account.currency, "USD");
  EXPECT_EQ(account.default_plan_id, "per_minute");
  EXPECT_EQ(account.opening_digest, "digest");
  EXPECT_EQ(account.create_time, books.now());
  EXPECT_EQ(account.state, AccountState::kPendingFunding);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.card("card-1").card, CardNamed("visa"));
  EXPECT_EQ(account.balance, 0);
  EXPECT_EQ(account.reserve_amount, Dollars(15));
  EXPECT_EQ(account.recharge_threshold, Dollars(10));
  ASSERT_EQ(account.open_ordinal, 1);
  const Recharge& recharge = books.recharge(1);
  EXPECT_EQ(recharge.kind, RechargeKind::kInitial);
  EXPECT_EQ(recharge.state, RechargeState::kOpen);
  EXPECT_EQ(recharge.amount, Dollars(15));
  EXPECT_EQ(recharge.currency, "USD");
  EXPECT_EQ(recharge.card, CardNamed("visa"));
  EXPECT_EQ(recharge.payment_method_id, "card-1");
  EXPECT_EQ(recharge.attempt, 1);
  EXPECT_LE(recharge.due_time, books.now());
  EXPECT_FALSE(recharge.in_flight());
  EXPECT_TRUE(books.entries().empty());
  EXPECT_EQ(books.Count(EventKind::kAccountOpened), 1);
  EXPECT_EQ(books.Count(EventKind::kRechargeOpened), 1);
}

TEST(AccountPolicyTest, O1_OpeningWithoutACardWaitsForOne) {
  Books books;
  ASSERT_TRUE(books.Open(OpeningWith(Card())).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
  EXPECT_TRUE(books.account().payment_methods.empty());
  EXPECT_EQ(books.account().open_ordinal, 0);
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kInitial);
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
}

TEST(AccountPolicyTest, O1_AllUsageIsRefusedUntilTheFirstRechargeSucceeds) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(books.PutUser("uma", UnlimitedPlan()).ok());
  const Rate standard = StandardRate();
  const Rate sms = SmsRate();
  for (const char* user : {"ann", "uma"}) {
    EXPECT_EQ(books.Authorize(user, OutboundCall(books.now(), 0), &standard).decision,
              Decision::kPendingFunding);
    EXPECT_EQ(books.Authorize(user, InboundCall(books.now(), 0), nullptr).decision,
              Decision::kPendingFunding);
    EXPECT_EQ(books.Authorize(user, OutboundSms(books.now(), 1), &sms).decision,
              Decision::kPendingFunding);
    EXPECT_EQ(books.Authorize(user, InboundSms(books.now(), 1), nullptr).decision,
              Decision::kPendingFunding);
  }
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.CountInLast(EventKind::kEnabled), 1);
  EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 0), &standard).decision,
            Decision::kAllowed);
}

TEST(AccountPolicyTest, O1_PendingFundingStaysWhenTheFirstRechargeFails) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
  EXPECT_EQ(books.recharge(1).state, RechargeState::kFailed);
  EXPECT_EQ(books.account().open_ordinal, 0);
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_EQ(books.account().open_ordinal, 2);
  EXPECT_EQ(books.open()->kind, RechargeKind::kInitial);
  EXPECT_EQ(books.open()->card, CardNamed("amex"));
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(AccountPolicyTest, O1_AnAdjustmentAloneDoesNotFundAnAccount) {
  Books books;
  ASSERT_TRUE(books.Open(OpeningWith(Card())).ok());
  ASSERT_TRUE(books.Adjust(Dollars(50)).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kInitial);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.account().balance, Dollars(65));
}

TEST(AccountPolicyTest, O1_WhatStaffTakesBackMakesTheFirstChargeNoLarger) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Adjust(-Dollars(20)).ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, -Dollars(5));
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.open(), nullptr) << "nor does what was taken start another (G12)";
}

TEST(AccountPolicyTest, O1_TheFirstChargeIsMoreForUsageAndNotForWhatStaffTookBack) {
  Books books;
  ASSERT_TRUE(books.Open(OpeningWith(Card())).ok());
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(books.Adjust(-Dollars(20)).ok());
  ASSERT_TRUE(books.AddCard(CardNamed("visa")).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(15));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Use(Dollars(6)).ok());
  EXPECT_EQ(books.open()->amount, Dollars(30)) << "-6, and the threshold is 10";
  ASSERT_TRUE(books.Adjust(Dollars(20)).ok());
  EXPECT_EQ(books.open()->amount, Dollars(30));
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(24));
  EXPECT_FALSE(books.account().taken_back.waits()) << "it is not low";
}

TEST(AccountPolicyTest, O1_ATopUpThatFundsAnAccountEndsTheWaitForWhatWasTakenBackBefore) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Adjust(-Dollars(20)).ok());
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(15));
}

TEST(AccountPolicyTest, O1_ThoughSwitchedOffTheFirstCardIsChargedForTheFirstReserve) {
  Books books;
  ASSERT_TRUE(books.Open(OpeningWith(Card())).ok());
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kInitial);
}

TEST(AccountPolicyTest, O1_WhileBlockedNoFirstReserveIsCharged) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.Block("checking papers").ok());
  EXPECT_EQ(books.recharge(1).state, RechargeState::kCanceled);
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.Unblock("papers are fine").ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kInitial);
  EXPECT_EQ(books.open()->card, CardNamed("amex"));
}

TEST(AccountPolicyTest, O1_ALateSuccessFundsTheAccountAndTheOtherFirstChargeIsNotMadeToo) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  books.HandOut();
  const ChargeOutcome success = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(1, DeclineOf(*books.open(), DeclineClass::kHard)).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_EQ(books.open()->kind, RechargeKind::kInitial);
  ASSERT_TRUE(books.Report(1, success).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
  EXPECT_EQ(books.open(), nullptr);
}

TEST(AccountPolicyTest, O1_WhereALateSuccessFundsTooLittleTheNextIsAnAutomaticRecharge) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  books.HandOut();
  const ChargeOutcome success = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(1, DeclineOf(*books.open(), DeclineClass::kHard)).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Use(Dollars(12)).ok());
  ASSERT_TRUE(books.Report(1, success).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kAutomatic);
}

// --- O2 --------------------------------------------------------------------------

struct DefaultReserveCase {
  const char* what;
  Nanos plan_default;
  std::optional<Nanos> monthly;
  Nanos expected;
};

TEST(AccountPolicyTest, O2_TheDefaultReserveIsTheLargestOfDefaultPlanAndAWeekOfActivity) {
  const std::vector<DefaultReserveCase> cases = {
      {"nothing said", 0, std::nullopt, Dollars(15)},
      {"the plan's own is larger", Dollars(25), std::nullopt, Dollars(25)},
      {"the plan's own is smaller", Dollars(5), std::nullopt, Dollars(15)},
      {"little activity", 0, Dollars(30), Dollars(15)},
      {"a week of $300 is $70", 0, Dollars(300), Dollars(70)},
      {"a week of $100 is $23.33, rounded up to a unit", 0, Dollars(100), Dollars(24)},
      {"a week of a nano more than $300 is rounded up", 0, Dollars(300) + 1, Dollars(71)},
      {"the plan's own is larger than a week", Dollars(80), Dollars(300), Dollars(80)},
      {"no spend at all", 0, Nanos{0}, Dollars(15)},
  };
  for (const DefaultReserveCase& c : cases) {
    Plan plan = PerMinutePlan();
    plan.default_reserve_amount = c.plan_default;
    const absl::StatusOr<Nanos> amount =
        DefaultReserveAmount(BuiltInCurrencies()["USD"], c.plan_default, c.monthly);
    ASSERT_TRUE(amount.ok()) << c.what;
    EXPECT_EQ(*amount, c.expected) << c.what;
    Books books;
    OpenAccountCommand command = OpeningWith(CardNamed("visa"));
    command.default_plan = plan;
    command.expected_monthly_spend = c.monthly;
    ASSERT_TRUE(books.Open(command).ok()) << c.what;
    EXPECT_EQ(books.account().reserve_amount, c.expected) << c.what;
    EXPECT_EQ(books.recharge(1).amount, c.expected) << c.what;
  }
}

TEST(AccountPolicyTest, O2_AReserveAmountThatIsGivenWinsOverTheDefaults) {
  Books books;
  OpenAccountCommand command = OpeningWith(CardNamed("visa"));
  command.reserve_amount = Dollars(20);
  command.recharge_threshold = Dollars(12);
  command.expected_monthly_spend = Dollars(3'000);
  ASSERT_TRUE(books.Open(command).ok());
  EXPECT_EQ(books.account().reserve_amount, Dollars(20));
  EXPECT_EQ(books.account().recharge_threshold, Dollars(12));
  EXPECT_EQ(books.recharge(1).amount, Dollars(20));
}

TEST(AccountPolicyTest, O2_AHugeExpectedSpendIsNoWrap) {
  const absl::StatusOr<Nanos> amount = DefaultReserveAmount(
      BuiltInCurrencies()["USD"], /*of_plan=*/0, std::numeric_limits<Nanos>::max());
  if (amount.ok()) {
    EXPECT_GE(*amount, Dollars(15));
  }
}

// --- M3 --------------------------------------------------------------------------

TEST(AccountPolicyTest, M3_TheDefaultsAreThoseOfTheCurrency) {
  struct Case {
    const char* currency;
    Nanos reserve_amount;
    Nanos threshold;
  };
  for (const Case& c :
       {Case{"USD", Dollars(15), Dollars(10)}, Case{"EUR", Dollars(15), Dollars(10)},
        Case{"JPY", Dollars(1'500), Dollars(1'000)}}) {
    Books books;
    OpenAccountCommand command = OpeningWith(CardNamed("visa"));
    command.currency = c.currency;
    ASSERT_TRUE(books.Open(command).ok()) << c.currency;
    EXPECT_EQ(books.account().reserve_amount, c.reserve_amount) << c.currency;
    EXPECT_EQ(books.account().recharge_threshold, c.threshold) << c.currency;
    EXPECT_EQ(books.recharge(1).amount, c.reserve_amount) << c.currency;
  }
}

TEST(AccountPolicyTest, M3_EveryBuiltInCurrencyMakesSense) {
  for (const auto& [currency, settings] : BuiltInCurrencies()) {
    EXPECT_TRUE(CheckCurrencySettings(currency, settings).ok()) << currency;
  }
}

TEST(AccountPolicyTest,
     M3_ACurrencyWithoutSettingsOrWithoutADeckOpensNothingAndSaysWhichIsMissing) {
  Books books;
  OpenAccountCommand command = OpeningWith(CardNamed("visa"));
  command.currency = "SEK";
  command.deck_in_force = false;
  absl::Status status = books.Open(command);
  EXPECT_EQ(ReasonOf(status), "CURRENCY_NOT_SUPPORTED");
  EXPECT_EQ(FieldOf(status), "currency_code");
  command.currency = "JPY";
  status = books.Open(command);
  EXPECT_EQ(ReasonOf(status), "CURRENCY_WITHOUT_DECK");
  EXPECT_EQ(FieldOf(status), "currency_code");
  EXPECT_EQ(books.account(), Account()) << "nothing is charged before";
}

TEST(AccountPolicyTest, M3_WithoutSettingsItsAmountsStayAndAllElseCanBeChanged) {
  Books books;
  books.OpenFunded();
  const Account account = books.account();
  Settings settings;
  settings.currencies.erase("USD");
  const Context context{settings, books.now()};
  const auto change = [&](const BillingChange& wanted) {
    return UpdateBillingSettings(context, account, wanted).status();
  };
  for (const auto& [wanted, field] :
       {std::pair(BillingChange{.reserve_amount = Dollars(20)}, "reserve_amount"),
        std::pair(BillingChange{.recharge_threshold = Dollars(11)}, "recharge_threshold")}) {
    EXPECT_EQ(ReasonOf(change(wanted)), "CURRENCY_NOT_SUPPORTED");
    EXPECT_EQ(FieldOf(change(wanted)), field);
  }
  EXPECT_TRUE(change({.reserve_amount = Dollars(15), .monthly_cap = Dollars(30)}).ok());
  EXPECT_TRUE(change({.automatic_recharge = false}).ok());
}

TEST(AccountPolicyTest, M3_ATopUpIsAtLeastTheSmallestCharge) {
  Books books;
  books.OpenFunded();
  EXPECT_EQ(FieldOf(books.TopUp(Cents(49))), "amount");
  EXPECT_TRUE(books.TopUp(Cents(50)).ok());
}

TEST(AccountPolicyTest, C10_AnAccountHasACountryTheOperatorsIfNoneIsGiven) {
  Books books;
  ASSERT_TRUE(books.Open(OpeningWith(CardNamed("visa"))).ok());
  EXPECT_EQ(books.account().country, "US");
  Books british;
  OpenAccountCommand command = OpeningWith(CardNamed("visa"));
  command.country = "GB";
  ASSERT_TRUE(british.Open(command).ok());
  EXPECT_EQ(british.account().country, "GB");
}

// --- O3 --------------------------------------------------------------------------

struct SettingsCase {
  const char* what;
  std::optional<Nanos> reserve_amount;
  std::optional<Nanos> threshold;
  const char* field;  // at fault; empty if it is fine
};

std::vector<SettingsCase> SettingsCases() {
  return {
      {"both at the minimum", Dollars(15), Dollars(10), ""},
      {"a threshold equal to the reserve", Dollars(30), Dollars(30), ""},
      {"only a larger reserve", Dollars(100), std::nullopt, ""},
      {"only a larger threshold", std::nullopt, Dollars(15), ""},
      {"the largest reserve, the cap of an hour", Dollars(500), std::nullopt, ""},
      {"a reserve below the minimum", Dollars(15) - Cents(1), std::nullopt, "reserve_amount"},
      {"a threshold below the minimum", std::nullopt, Dollars(10) - Cents(1), "recharge_threshold"},
      {"a threshold above the reserve", Dollars(20), Dollars(20) + Cents(1), "recharge_threshold"},
      {"a threshold above the reserve as it is", std::nullopt, Dollars(16), "recharge_threshold"},
      {"a reserve above the maximum", Dollars(500) + Cents(1), std::nullopt, "reserve_amount"},
      {"half a cent", Dollars(20) + 5'000'000, std::nullopt, "reserve_amount"},
      {"zero", Nanos{0}, std::nullopt, "reserve_amount"},
      {"negative", -Dollars(20), std::nullopt, "reserve_amount"},
      {"a negative threshold", std::nullopt, -Dollars(20), "recharge_threshold"},
  };
}

TEST(AccountPolicyTest, O3_ReserveAndThresholdAreBoundedWhenTheyAreChanged) {
  for (const SettingsCase& c : SettingsCases()) {
    Books books;
    books.OpenFunded();
    const Account before = books.account();
    const absl::Status status = books.ChangeSettings(c.reserve_amount, c.threshold);
    if (std::string(c.field).empty()) {
      EXPECT_TRUE(status.ok()) << c.what << ": " << status;
      EXPECT_EQ(books.account().reserve_amount, c.reserve_amount.value_or(Dollars(15))) << c.what;
      EXPECT_EQ(books.account().recharge_threshold, c.threshold.value_or(Dollars(10))) << c.what;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.what;
      EXPECT_EQ(FieldOf(status), c.field) << c.what;
      EXPECT_EQ(books.account(), before) << c.what;
    }
  }
}

TEST(AccountPolicyTest, O3_TheSameBoundsHoldAtOpening) {
  for (const SettingsCase& c : SettingsCases()) {
    Books books;
    OpenAccountCommand command = OpeningWith(CardNamed("visa"));
    command.reserve_amount = c.reserve_amount;
    command.recharge_threshold = c.threshold;
    const absl::Status status = books.Open(command);
    EXPECT_EQ(status.ok(), std::string(c.field).empty()) << c.what << ": " << status;
    if (!status.ok()) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.what;
      EXPECT_EQ(FieldOf(status), c.field) << c.what;
    }
  }
}

TEST(AccountPolicyTest, O3_AReserveMayNotFallBelowTheThresholdInForce) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.ChangeSettings(Dollars(40), Dollars(30)).ok());
  EXPECT_EQ(books.ChangeSettings(Dollars(20), std::nullopt).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(books.ChangeSettings(Dollars(20), Dollars(20)).ok());
}

TEST(AccountPolicyTest, O3_AChangeDoesNotAlterAnAttemptInFlight) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  books.HandOut();
  ASSERT_TRUE(books.ChangeSettings(Dollars(40), std::nullopt).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kSettingsChanged), 1);
  EXPECT_EQ(books.recharge(1).amount, Dollars(15));
  ASSERT_TRUE(books.Report(1, SuccessOf(books.recharge(1))).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(40));
}

TEST(AccountPolicyTest, O3_ARechargeThatWaitsFollowsAChange) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  const int64_t epoch = books.recharge(1).lease_epoch;
  ASSERT_TRUE(books.ChangeSettings(Dollars(40), std::nullopt).ok());
  EXPECT_EQ(books.recharge(1).amount, Dollars(40));
  EXPECT_GT(books.recharge(1).lease_epoch, epoch);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(40));
}

TEST(AccountPolicyTest, O3_TheMonthsCapIsAtLeastTheReserveAmountOrNone) {
  Books books;
  books.OpenFunded();
  EXPECT_EQ(FieldOf(books.CapTheMonth(Dollars(15) - Cents(1))), "monthly_cap");
  EXPECT_EQ(FieldOf(books.CapTheMonth(-Dollars(15))), "monthly_cap");
  EXPECT_TRUE(books.CapTheMonth(Dollars(15)).ok());
  EXPECT_EQ(FieldOf(books.ChangeSettings(Dollars(20), std::nullopt)), "monthly_cap");
  EXPECT_TRUE(books.CapTheMonth(0).ok());
  EXPECT_TRUE(books.ChangeSettings(Dollars(20), std::nullopt).ok());
  EXPECT_EQ(FieldOf(books.NotifyBelow(-1)), "notify_below");
}

TEST(AccountPolicyTest, O3_AThresholdRaisedAboveTheBalanceRechargesAtOnce) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.ChangeSettings(Dollars(20), Dollars(16)).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(20));
}

// --- Users -----------------------------------------------------------------------

TEST(AccountPolicyTest, C3_ChangingThePlanLeavesUsedFreeSecondsUsed) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Call(StandardRate(), 600).ok());
  ASSERT_TRUE(books.PutUser("ann", UnlimitedPlan()).ok());
  EXPECT_EQ(books.users().at("ann").plan_id, "unlimited");
  EXPECT_EQ(books.CountInLast(EventKind::kUserPut), 1);
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  EXPECT_EQ(FreeSecondsLeft(books.users().at("ann"), PerMinutePlan(), 0), 17'400);
  EXPECT_EQ(books.users().at("ann").create_time, books.users().at("uma").create_time);
}

TEST(AccountPolicyTest, C3_TheAllowanceIsPerUser) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.PutUser("bob", PerMinutePlan()).ok());
  ASSERT_TRUE(books.Call(StandardRate(), 18'000).ok());
  EXPECT_EQ(FreeSecondsLeft(books.users().at("ann"), PerMinutePlan(), 0), 0);
  EXPECT_EQ(FreeSecondsLeft(books.users().at("bob"), PerMinutePlan(), 0), 18'000);
}

TEST(AccountPolicyTest, D4_PuttingAUserAsItIsChangesNothing) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  EXPECT_TRUE(books.last().unchanged);
}

// --- U1 to U4 --------------------------------------------------------------------

TEST(AccountPolicyTest, U1_AUsageIsBookedWhateverTheStateAndTheBalance) {
  Books pending;
  ASSERT_TRUE(pending.OpenWithCard().ok());
  ASSERT_TRUE(pending.PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(pending.Call(DearRate(), 60).ok());
  EXPECT_EQ(pending.account().balance, -Cents(50));
  EXPECT_EQ(pending.account().state, AccountState::kPendingFunding);

  Books blocked;
  blocked.OpenFunded();
  ASSERT_TRUE(blocked.Block("fraud").ok());
  ASSERT_TRUE(blocked.Call(DearRate(), 60).ok());
  EXPECT_EQ(blocked.account().balance, Cents(1'450));

  Books disabled;
  disabled.OpenFunded();
  ASSERT_TRUE(disabled.AdjustTo(Dollars(1)).ok());
  ASSERT_TRUE(disabled.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(disabled.Call(DearRate(), 120).ok());
  ASSERT_EQ(disabled.account().state, AccountState::kDisabled);
  ASSERT_TRUE(disabled.Call(DearRate(), 600).ok());
  EXPECT_EQ(disabled.account().balance, -Dollars(5));
}

TEST(AccountPolicyTest, U1_AnOverflowOfTheBalanceIsAnErrorAndChangesNothing) {
  Books books;
  books.OpenFunded();
  // $15 above the smallest balance that there is.
  ASSERT_TRUE(books.Adjust(std::numeric_limits<Nanos>::min()).ok());
  const Account before = books.account();
  const absl::Status status = books.Call(DearRate(), int64_t{31} * 60);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(status), "MONEY_OVERFLOW");
  EXPECT_EQ(books.account(), before);
}

TEST(AccountPolicyTest, U3_FreeUsageIsInTheHistoryAtZero) {
  Books books;
  books.OpenFunded();
  const size_t before = books.entries().size();
  const Rate standard = StandardRate();
  ASSERT_TRUE(books.Record("ann", OutboundCall(books.now(), 60), &standard).ok());
  ASSERT_TRUE(books.Record("uma", OutboundCall(books.now(), 60), &standard).ok());
  ASSERT_TRUE(books.Record("ann", InboundCall(books.now(), 60), nullptr).ok());
  ASSERT_TRUE(books.Record("ann", InboundSms(books.now(), 1), nullptr).ok());
  ASSERT_TRUE(books.Record("ann", OutboundCall(books.now(), 0), &standard).ok());
  ASSERT_EQ(books.entries().size(), before + 5);
  for (size_t i = before; i < books.entries().size(); ++i) {
    EXPECT_EQ(books.entries()[i].amount, 0);
    EXPECT_EQ(books.entries()[i].balance_after, Dollars(15));
    EXPECT_TRUE(books.entries()[i].booked.has_value());
  }
}

TEST(AccountPolicyTest, U4_AnEntryOfAUsageHoldsTheFactTheRatingAndTheBalance) {
  Books books;
  books.OpenFunded();
  const Rate rate = DearRate();
  Usage usage = OutboundCall(books.now() - absl::Minutes(5), 61);
  usage.usage_id = "call-1";
  ASSERT_TRUE(books.Record("ann", usage, &rate).ok());
  const Entry& entry = books.entries().back();
  EXPECT_EQ(entry.kind, EntryKind::kUsage);
  EXPECT_EQ(entry.amount, -Dollars(1));
  EXPECT_EQ(entry.balance_after, Dollars(14));
  EXPECT_EQ(entry.record_time, books.now());
  ASSERT_TRUE(entry.booked.has_value());
  usage.user_id = "ann";
  EXPECT_EQ(entry.booked->usage, usage);
  EXPECT_EQ(entry.booked->rating.cost, Dollars(1));
  EXPECT_EQ(entry.booked->rating.deck_version, 7);
}

TEST(AccountPolicyTest, U1_AStartTooOldOrInTheFutureIsRefused) {
  Books books;
  books.OpenFunded();
  const Context context = books.context();
  const absl::Time now = books.now();
  EXPECT_TRUE(CheckStartTime(context, now).ok());
  EXPECT_TRUE(CheckStartTime(context, now + context.settings.max_usage_ahead).ok());
  EXPECT_TRUE(CheckStartTime(context, now - context.settings.max_usage_age).ok());
  for (const absl::Time start : {now + context.settings.max_usage_ahead + absl::Microseconds(1),
                                 now - context.settings.max_usage_age - absl::Microseconds(1),
                                 absl::InfinitePast(), absl::InfiniteFuture()}) {
    const absl::Status status = CheckStartTime(context, start);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << start;
    EXPECT_EQ(FieldOf(status), "start_time") << start;
  }
}

// --- Authorisation ---------------------------------------------------------------

TEST(AccountPolicyTest, D2_RefusalsComeInOneOrderOfPrecedence) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(books.PutUser("uma", UnlimitedPlan()).ok());
  const Rate dear = DearRate();
  const Usage call = OutboundCall(books.now(), 0);
  ASSERT_TRUE(books.Block("fraud").ok());
  EXPECT_EQ(books.Authorize("ann", call, nullptr).decision, Decision::kAccountBlocked);
  ASSERT_TRUE(books.Unblock("cleared").ok());
  EXPECT_EQ(books.Authorize("ann", call, nullptr).decision, Decision::kPendingFunding);
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(1)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.AdjustTo(0).ok());
  ASSERT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_EQ(books.Authorize("ann", call, nullptr).decision, Decision::kAccountDisabled);
  EXPECT_EQ(books.Authorize("uma", InboundCall(books.now(), 0), nullptr).decision,
            Decision::kAccountDisabled);
  ASSERT_TRUE(books.AdjustTo(Cents(1)).ok());
  EXPECT_EQ(books.Authorize("ann", call, nullptr).decision, Decision::kNoRate);
  EXPECT_EQ(books.Authorize("ann", call, &dear).decision, Decision::kInsufficientBalance);
  ASSERT_TRUE(books.AdjustTo(Cents(50)).ok());
  EXPECT_EQ(books.Authorize("ann", call, &dear).decision, Decision::kAllowed);
}

TEST(AccountPolicyTest, D2_AtOrBelowZeroPaidUsageIsRefusedAndFreeAndUnlimitedUsagePasses) {
  for (const Nanos balance : {Nanos{0}, -Dollars(3)}) {
    Books books;
    books.OpenFunded();
    ASSERT_TRUE(books.AdjustTo(balance).ok());
    ASSERT_EQ(books.account().state, AccountState::kActive);
    const Rate standard = StandardRate();
    const Rate dear = DearRate();
    const Rate sms = SmsRate();
    const absl::Time now = books.now();
    EXPECT_EQ(books.Authorize("ann", OutboundCall(now, 0), &standard).decision, Decision::kAllowed);
    EXPECT_EQ(books.Authorize("ann", OutboundCall(now, 0), &dear).decision,
              Decision::kInsufficientBalance);
    EXPECT_EQ(books.Authorize("ann", OutboundSms(now, 1), &sms).decision,
              Decision::kInsufficientBalance);
    EXPECT_EQ(books.Authorize("ann", InboundCall(now, 0), nullptr).decision, Decision::kAllowed);
    EXPECT_EQ(books.Authorize("ann", InboundSms(now, 1), nullptr).decision, Decision::kAllowed);
    EXPECT_EQ(books.Authorize("uma", OutboundCall(now, 0), &standard).decision, Decision::kAllowed);
    EXPECT_EQ(books.Authorize("uma", OutboundCall(now, 0), &dear).decision,
              Decision::kInsufficientBalance);
    ASSERT_TRUE(books.Call(StandardRate(), 18'000).ok());
    EXPECT_EQ(books.Authorize("ann", OutboundCall(now, 0), &standard).decision,
              Decision::kInsufficientBalance);
  }
}

TEST(AccountPolicyTest, D2_AllowanceAndBalanceTogetherMustPayForTheFirstIncrement) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Call(StandardRate(), 17'940).ok());
  Rate coarse = StandardRate();
  coarse.initial_increment_seconds = 120;  // 60 s are free, 60 s cost two cents
  const Usage call = OutboundCall(books.now(), 0);
  ASSERT_TRUE(books.AdjustTo(Cents(2) - 1).ok());
  EXPECT_EQ(books.Authorize("ann", call, &coarse).decision, Decision::kInsufficientBalance);
  ASSERT_TRUE(books.AdjustTo(Cents(2)).ok());
  const Authorization answer = books.Authorize("ann", call, &coarse);
  EXPECT_EQ(answer.decision, Decision::kAllowed);
  EXPECT_EQ(answer.free_seconds_left, 60);
  EXPECT_EQ(answer.max_duration_seconds, 120);
  EXPECT_FALSE(answer.unlimited_duration);
}

TEST(AccountPolicyTest, D2_TheConnectFeeIsPartOfTheFirstIncrement) {
  Books books;
  books.OpenFunded();
  Rate rate = DearRate();
  rate.connect_fee = Cents(5);
  const Usage call = OutboundCall(books.now(), 0);
  ASSERT_TRUE(books.AdjustTo(Cents(55) - 1).ok());
  EXPECT_EQ(books.Authorize("ann", call, &rate).decision, Decision::kInsufficientBalance);
  ASSERT_TRUE(books.AdjustTo(Cents(55)).ok());
  EXPECT_EQ(books.Authorize("ann", call, &rate).decision, Decision::kAllowed);
}

TEST(AccountPolicyTest, D2_TheAnswerSaysHowLongTheCallMayLast) {
  Books books;
  books.OpenFunded();
  const Rate standard = StandardRate();
  const Rate dear = DearRate();
  const Usage call = OutboundCall(books.now(), 0);
  const Authorization metered = books.Authorize("ann", call, &standard);
  EXPECT_EQ(metered.free_seconds_left, 18'000);
  EXPECT_EQ(metered.max_duration_seconds, 18'000 + 750 * 60);
  const Authorization expensive = books.Authorize("ann", call, &dear);
  EXPECT_EQ(expensive.max_duration_seconds, 30 * 60);
  EXPECT_TRUE(books.Authorize("uma", call, &standard).unlimited_duration);
  EXPECT_FALSE(books.Authorize("uma", call, &dear).unlimited_duration);
  EXPECT_TRUE(books.Authorize("ann", InboundCall(books.now(), 0), nullptr).unlimited_duration);
  Rate gratis = StandardRate();
  gratis.price = 0;
  EXPECT_TRUE(books.Authorize("ann", call, &gratis).unlimited_duration);
}

TEST(AccountPolicyTest, S1_ATextIsAllowedIfTheBalancePaysForAllItsSegments) {
  Books books;
  books.OpenFunded();
  const Rate sms = SmsRate();
  ASSERT_TRUE(books.AdjustTo(36'000'000).ok());
  const Authorization three = books.Authorize("ann", OutboundSms(books.now(), 3), &sms);
  EXPECT_EQ(three.decision, Decision::kAllowed);
  EXPECT_EQ(three.sms_cost, 36'000'000);
  EXPECT_EQ(books.Authorize("ann", OutboundSms(books.now(), 4), &sms).decision,
            Decision::kInsufficientBalance);
  EXPECT_EQ(books.Authorize("ann", OutboundSms(books.now(), 1), nullptr).decision,
            Decision::kNoRate);
}

// --- D1 --------------------------------------------------------------------------

TEST(AccountPolicyTest, D1_BalanceAtZeroAfterADeclineDisablesInTheTransactionOfTheUsage) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustTo(Dollars(1)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.account().balance, 0);
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_EQ(books.CountInLast(EventKind::kDisabled), 1);
  EXPECT_EQ(books.last().events.back().state, AccountState::kDisabled);
  EXPECT_EQ(books.last().events.back().balance, 0);
}

TEST(AccountPolicyTest, D1_ADeclineAfterTheBalanceIsUsedUpDisablesInTheTransactionOfTheReport) {
  for (const DeclineClass decline :
       {DeclineClass::kSoft, DeclineClass::kHard, DeclineClass::kAuthenticationRequired}) {
    Books books;
    books.OpenFunded();
    ASSERT_TRUE(books.AdjustTo(-Dollars(2)).ok());
    EXPECT_EQ(books.account().state, AccountState::kActive);
    ASSERT_TRUE(books.Decline(decline).ok());
    EXPECT_EQ(books.account().state, AccountState::kDisabled);
    EXPECT_EQ(books.CountInLast(EventKind::kDisabled), 1);
  }
}

TEST(AccountPolicyTest, D1_OneNanoAboveZeroIsNotDisabled) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustTo(1).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Use(1).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
}

TEST(AccountPolicyTest, D1_MoneyByAnyWayEnablesAgain) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustTo(-Dollars(2)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_TRUE(books.AdjustTo(1).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.CountInLast(EventKind::kEnabled), 1);
}

TEST(AccountPolicyTest, D1_ANewCardAloneLeavesTheAccountDisabledUntilMoneyArrives) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustTo(-Dollars(2)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(AccountPolicyTest, D1_OneUsableCardAmongFailingOnesKeepsTheAccountActive) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.AdjustTo(-Dollars(2)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kCardFailing);
}

TEST(AccountPolicyTest, D1_WhoTakesTheLastCardAwayAtZeroIsDisabledByThat) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kNoCard);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
}

TEST(AccountPolicyTest, D1_ADisputedCardIsNone) {
  Books books;
  books.OpenFunded();
  books.stored().payment_methods[0].state = CardState::kDisputed;
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kCardDisputed);
  EXPECT_EQ(books.open(), nullptr);
}

TEST(AccountPolicyTest, D2_AnOpenRechargeNotDeclinedKeepsTheAccountActive) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AdjustTo(-Dollars(2)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  books.HandOut();
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  ASSERT_TRUE(books.Use(Dollars(100)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

// --- D3, D4 ------------------------------------------------------------------------

TEST(AccountPolicyTest, D3_ABlockedAccountIsRefusedAllUsageAndKeepsItsState) {
  Books books;
  books.OpenFunded();
  books.Advance(absl::Minutes(1));
  ASSERT_TRUE(books.Block("fraud").ok());
  EXPECT_TRUE(books.account().blocked());
  EXPECT_EQ(books.account().block.reason, "fraud");
  EXPECT_EQ(books.account().block.time, books.now());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.CountInLast(EventKind::kBlocked), 1);
  const Rate standard = StandardRate();
  EXPECT_EQ(books.Authorize("uma", OutboundCall(books.now(), 0), &standard).decision,
            Decision::kAccountBlocked);
  EXPECT_EQ(books.Authorize("ann", InboundSms(books.now(), 1), nullptr).decision,
            Decision::kAccountBlocked);
  ASSERT_TRUE(books.Unblock("cleared").ok());
  EXPECT_FALSE(books.account().blocked());
  EXPECT_EQ(books.CountInLast(EventKind::kUnblocked), 1);
  EXPECT_EQ(books.Authorize("uma", OutboundCall(books.now(), 0), &standard).decision,
            Decision::kAllowed);
}

TEST(AccountPolicyTest, D3_BlockingAndUnblockingAreSafeToRepeat) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Unblock("nothing to lift").ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.Block("fraud").ok());
  books.Advance(absl::Minutes(1));
  ASSERT_TRUE(books.Block("fraud").ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.Count(EventKind::kBlocked), 1);
}

TEST(AccountPolicyTest, D4_EveryChangeOfStateIsAnEventWithItsCauseAndTime) {
  Books books;
  books.OpenFunded();
  books.Advance(absl::Hours(2));
  ASSERT_TRUE(books.Adjust(Dollars(1)).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kBalanceAdjusted), 1);
  ASSERT_TRUE(books.AdjustTo(-Dollars(2)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Charge().ok());
  std::vector<EventKind> states;
  for (const Event& event : books.events()) {
    EXPECT_FALSE(event.cause.empty()) << static_cast<int>(event.kind);
    if (event.kind == EventKind::kEnabled || event.kind == EventKind::kDisabled) {
      states.push_back(event.kind);
      EXPECT_EQ(event.state, event.kind == EventKind::kEnabled ? AccountState::kActive
                                                               : AccountState::kDisabled);
    }
  }
  EXPECT_EQ(states, (std::vector<EventKind>{EventKind::kEnabled, EventKind::kDisabled,
                                            EventKind::kEnabled}));
}

TEST(AccountPolicyTest, C8_AChangeOfTheCalendarIsToldWithTheEndsThatFollow) {
  Books books = FundedAt(Dollars(15));
  const CalendarRule rule{FindTimeZone("America/New_York").value(), 15};
  ASSERT_TRUE(books.ChangeCalendar(rule).ok());
  EXPECT_EQ(books.account().calendar.latest(), rule);
  ASSERT_EQ(books.last().events.size(), 1u);
  EXPECT_EQ(books.last().events[0].kind, EventKind::kCalendarChanged);
  EXPECT_EQ(books.last().events[0].cause,
            "its time zone is America/New_York, and was UTC; its billing day is 15, and was 1; "
            "what runs ends as before: the billing month at 2026-12-01T00:00:00.000000Z, and the "
            "next one "
            "at 2027-01-15T05:00:00.000000Z");
  ASSERT_TRUE(books.ChangeCalendar(rule).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(AccountPolicyTest, C8_ABillingDayIsOneOfThe31) {
  Books books = FundedAt(Dollars(15));
  for (const int32_t day : {-1, 0, 32}) {
    const absl::Status refused = books.ChangeCalendar({absl::UTCTimeZone(), day});
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(FieldOf(refused), "billing_day");
  }
}

TEST(AccountPolicyTest, C8_TheCalendarIsChangedFourTimesAYearAtMost) {
  Books books = FundedAt(Dollars(15));
  const absl::Time first = books.now();
  for (int32_t day = 2; day <= 5; ++day) {
    ASSERT_TRUE(books.ChangeCalendar({absl::UTCTimeZone(), day}).ok());
    books.Advance(absl::Hours(24));
  }
  const CalendarRule fifth{absl::UTCTimeZone(), 6};
  const absl::Status refused = books.ChangeCalendar(fifth);
  EXPECT_EQ(ReasonOf(refused), "CALENDAR_CHANGED_TOO_OFTEN");
  books.Advance(first + absl::Hours(24 * 365) - books.now() - absl::Microseconds(1));
  EXPECT_FALSE(books.ChangeCalendar(fifth).ok());
  books.Advance(absl::Microseconds(1));
  EXPECT_TRUE(books.ChangeCalendar(fifth).ok());
}

TEST(AccountPolicyTest, C8_AChangeByAClockThatIsBehindComesAfterTheOneBeforeIt) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.ChangeCalendar({absl::UTCTimeZone(), 15}).ok());
  const Context behind{books.settings(), books.now() - absl::Hours(24 * 40)};
  AccountChange change;
  change.billing_day = 20;
  const auto changed = UpdateAccount(behind, books.account(), change);
  ASSERT_TRUE(changed.ok());
  const auto changes = changed->account.calendar.Changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[1].time, changes[0].time);
  EXPECT_EQ(WindowAt(changed->account.calendar, CalendarUnit::kBillingMonth, books.now()).end,
            absl::FromCivil(absl::CivilSecond(2026, 12, 1), absl::UTCTimeZone()));
}

TEST(AccountPolicyTest, C10_AnAccountMovesToAnotherCountryAndItsEmergencyNumbersAreThatOnes) {
  const Books books = FundedAt(Dollars(15));
  const auto moved = UpdateAccount(books.context(), books.account(), {.country = "GB"});
  ASSERT_TRUE(moved.ok());
  EXPECT_EQ(moved->account.country.view(), "GB");
  ASSERT_EQ(moved->events.size(), 1u);
  EXPECT_EQ(moved->events[0].kind, EventKind::kAccountUpdated);
  EXPECT_EQ(moved->events[0].cause, "its country is GB, and was US");
  EXPECT_TRUE(UpdateAccount(books.context(), moved->account, {.country = "GB"})->unchanged);
  EXPECT_TRUE(UpdateAccount(books.context(), moved->account, {})->unchanged);
  Usage help = OutboundCall(books.now(), absl::ZeroDuration());
  help.destination = "#999";
  EXPECT_FALSE(IsEmergency(books.settings(), books.account().country.view(), help));
  EXPECT_TRUE(IsEmergency(books.settings(), moved->account.country.view(), help));
}

}  // namespace
}  // namespace reserve::domain
