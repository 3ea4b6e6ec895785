// How much is charged, what caps it, and how far below zero an account may go behind what stands
// in the way: G2, G7, D1, D2 (docs/RULES.md).
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <vector>

#include "common/clock/calendar.h"
#include "services/ledger/domain/policy.h"
#include "services/ledger/domain/refill.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

// --- G2 --------------------------------------------------------------------------

struct AmountCase {
  const char* what;
  Nanos balance;
  int n;
  bool limited;
};

TEST(RefillTest, G2_TheSmallestMultipleThatBringsTheBalanceToTheThreshold) {
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

TEST(RefillTest, G2_OneChargeIsAtMostTheLargestAmountOfASingleCharge) {
  Settings settings;
  settings.currencies["USD"].max_recharge_amount = Dollars(50);
  const Books books = FundedAt(-Dollars(100), settings);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(45));
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeLimited), 1);
}

TEST(RefillTest, G2_AnEnormousDebtIsNoOverflow) {
  const Books books = FundedAt(std::numeric_limits<Nanos>::min() + Dollars(20));
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->amount, Dollars(300));
}

// --- G7: caps --------------------------------------------------------------------

Settings HourCap(Nanos amount) {
  Settings settings;
  settings.currencies["USD"].max_automatic_amount_per_hour = amount;
  return settings;
}

Settings DayCapAlone(Nanos amount) {
  Settings settings;
  settings.currencies["USD"].max_automatic_amount_per_day = amount;
  return settings;
}

Settings DayCap(Nanos amount) {
  Settings settings = HourCap(amount);
  settings.currencies["USD"].max_automatic_amount_per_day = amount;
  return settings;
}

absl::Time EndOfUtcHour(absl::Time time) {
  const absl::CivilHour hour = absl::ToCivilHour(time, absl::UTCTimeZone());
  return absl::FromCivil(absl::CivilSecond(hour + 1), absl::UTCTimeZone());
}

// So many dips to $5, each recharged to $20, far enough from each other that no amount grows.
void RechargeTimes(Books& books, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
    ASSERT_NE(books.open(), nullptr) << i;
    ASSERT_EQ(books.open()->amount, Dollars(15)) << i;
    ASSERT_TRUE(books.Charge().ok());
    books.Advance(absl::Minutes(40));
  }
}

TEST(RefillTest, G7_AReachedCapOfTheHourIsNamedAndEndsWithTheHour) {
  Books books = FundedAt(Dollars(12), HourCap(Dollars(15)));
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.CountInLast(EventKind::kCapReached), 1);
  EXPECT_EQ(books.account().due.reason, DueReason::kCapWindow);
  EXPECT_EQ(books.account().due.time, EndOfUtcHour(books.now()));
  EXPECT_EQ(books.account().cap_reached_time, books.now());
  EXPECT_EQ(FirstObstacle(books.account()), RefillObstacle::kCapReached);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.Count(EventKind::kCapReached), 1);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable) << "it is not a failed card";
  books.Advance(EndOfUtcHour(books.now()) - books.now() - absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr);
  books.Advance(absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.account().due.reason, DueReason::kNone);
  EXPECT_EQ(books.account().cap_reached_time, absl::InfinitePast());
  EXPECT_EQ(books.Count(EventKind::kCapReached), 1);
}

TEST(RefillTest, G7_MoneyOfADayIsCapped) {
  Settings settings;
  settings.currencies["USD"].max_automatic_amount_per_day = Dollars(45);
  Books books(settings);
  books.OpenFunded();
  RechargeTimes(books, 3);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.CountInLast(EventKind::kCapReached), 1);
  EXPECT_EQ(books.account().due.time, EndOfUtcDay(books.now()));
  books.Advance(EndOfUtcDay(books.now()) - books.now());
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_NE(books.open(), nullptr);
}

// An account in New York, five hours behind UTC, at 18:30 there.
Books FundedInNewYork(const Settings& settings) {
  Books books(settings);
  books.Advance(absl::Hours(14) + absl::Minutes(30));
  OpenAccountCommand command;
  command.account_id = "acct-1";
  command.card = Given(CardNamed("visa"));
  command.default_plan = PerMinutePlan();
  command.calendar.time_zone = FindTimeZone("America/New_York").value();
  EXPECT_TRUE(books.Open(command).ok());
  EXPECT_TRUE(books.Charge().ok());
  EXPECT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  return books;
}

TEST(RefillTest, C8_G7_ACapIsOfTheHoursDaysAndMonthsOfTheAccountsTimeZone) {
  Books books = FundedInNewYork(DayCap(Dollars(15)));
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  const absl::TimeZone zone = books.account().calendar.latest().time_zone;
  EXPECT_EQ(books.account().caps.hour.window, 2026111018);
  EXPECT_EQ(books.account().caps.day.window, 20261110);
  EXPECT_EQ(books.account().caps.month.window, 202611);
  books.Advance(EndOfUtcDay(books.now()) - books.now() + absl::Minutes(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr) << "it is still the same day in New York";
  EXPECT_EQ(books.account().due.time, absl::FromCivil(absl::CivilSecond(2026, 11, 11), zone));
  books.Advance(books.account().due.time - books.now());
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(RefillTest, C8_G7_NoCapIsUsedTwiceByChangingZonesBackAndForth) {
  Books books = FundedInNewYork(DayCapAlone(Dollars(15)));
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_EQ(books.open(), nullptr) << "the day's cap is used";
  const absl::Time end = books.account().due.time;
  const CalendarRule new_york = books.account().calendar.latest();
  // There another day has begun, and in the other it has not.
  for (const std::string zone : {"Asia/Tokyo", "Pacific/Pago_Pago"}) {
    ASSERT_TRUE(books.ChangeCalendar({FindTimeZone(zone).value(), 1}).ok());
    EXPECT_EQ(books.open(), nullptr) << zone;
    EXPECT_EQ(books.account().due.time, end) << "what runs keeps its end";
  }
  ASSERT_TRUE(books.ChangeCalendar(new_york).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.Count(EventKind::kCapReached), 1) << "told once in a window";
  books.Advance(end - books.now() - absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr);
  books.Advance(absl::Microseconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(RefillTest, C8_G7_TheDayAfterAChangeIsNoneOfAFewHours) {
  Books books = FundedInNewYork(DayCapAlone(Dollars(15)));
  ASSERT_TRUE(books.ChangeCalendar({FindTimeZone("America/Los_Angeles").value(), 1}).ok());
  books.Advance(absl::Hours(12));
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  // It began at midnight in New York, and ends at the next but one in Los Angeles: 27 hours.
  EXPECT_EQ(books.account().due.time, absl::FromCivil(absl::CivilSecond(2026, 11, 12),
                                                      FindTimeZone("America/Los_Angeles").value()));
}

TEST(RefillTest, G7_TheCustomersOwnCapIsOfTheMonthAndATopUpGoesBesideIt) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.CapTheMonth(Dollars(30)).ok());
  RechargeTimes(books, 1);
  books.Advance(absl::Hours(24 * 10));
  RechargeTimes(books, 1);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.account().due.time,
            absl::FromCivil(absl::CivilSecond(2026, 12, 1), absl::UTCTimeZone()));
  ASSERT_TRUE(books.TopUp(Dollars(2)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(7));
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.CapTheMonth(Dollars(45)).ok());
  EXPECT_NE(books.open(), nullptr) << "the customer's next act";
}

TEST(RefillTest, G7_ACapIsToldOnceAWindowHoweverOftenItIsMet) {
  Books books = FundedAt(Dollars(12), HourCap(Dollars(15)));
  for (int hour = 1; hour <= 2; ++hour) {
    ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
    ASSERT_TRUE(books.Charge().ok());
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
      EXPECT_EQ(books.Count(EventKind::kCapReached), hour);
      ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
      EXPECT_EQ(books.account().due.reason, DueReason::kNone);
    }
    books.Advance(EndOfUtcHour(books.now()) - books.now() + absl::Minutes(5));
  }
}

TEST(RefillTest, G7_FirstChargesTopUpsAndDeclinesDoNotCount) {
  Books books = FundedAt(Dollars(12), HourCap(Dollars(15)));
  ASSERT_TRUE(books.TopUp(Dollars(50)).ok());
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.account().caps.hour.amount, 0);
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().caps.hour.amount, Dollars(15));
}

TEST(RefillTest, G7_WhatACapLeavesIsChargedWhereItHelpsOrNothingOfTheWindowIsUsed) {
  struct Case {
    const char* what;
    int used;  // recharges before
    Nanos balance;
    Nanos charged;  // 0: none
  };
  for (const Case& c : std::vector<Case>{
           {"all of it fits", 1, -Dollars(25), Dollars(45)},
           {"three of four fit and bring it above zero", 1, -Dollars(40), Dollars(45)},
           {"three of four fit and bring it to zero", 1, -Dollars(45), 0},
           {"nothing is used yet, and four of six fit", 0, -Dollars(80), Dollars(60)},
       }) {
    Books books = FundedAt(Dollars(12), DayCap(Dollars(60)));
    RechargeTimes(books, c.used);
    ASSERT_TRUE(books.AdjustTo(c.balance).ok());
    if (c.charged == 0) {
      EXPECT_EQ(books.open(), nullptr) << c.what;
      EXPECT_EQ(books.CountInLast(EventKind::kCapReached), 1) << c.what;
      continue;
    }
    ASSERT_NE(books.open(), nullptr) << c.what;
    EXPECT_EQ(books.open()->amount, c.charged) << c.what;
  }
}

TEST(RefillTest, G7_ARechargeThatWaitsIsCanceledWhereACapLeavesNothingForIt) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.CapTheMonth(Dollars(15)).ok());
  EXPECT_EQ(books.recharge(3).state, RechargeState::kCanceled);
  EXPECT_EQ(FirstObstacle(books.account()), RefillObstacle::kCardFailing);
  EXPECT_EQ(books.account().due.reason, DueReason::kMonthlyCap);
}

// --- G7: many charges within an hour are made few -----------------------------------

// The amounts of all automatic recharges.
std::vector<Nanos> AutomaticCharges(const Books& books) {
  std::vector<Nanos> amounts;
  for (const auto& [ordinal, recharge] : books.recharges()) {
    if (recharge.kind == RechargeKind::kAutomatic) amounts.push_back(recharge.amount);
  }
  return amounts;
}

Rate VeryDearRate() {
  Rate rate = DearRate();
  rate.price = Cents(550);
  return rate;
}

TEST(RefillTest, G7_EightLongDearCallsWithinTwoHoursAreAFewLargerCharges) {
  Books books;
  books.OpenFunded();
  for (int call = 0; call < 8; ++call) {
    ASSERT_TRUE(books.Call(VeryDearRate(), 900).ok());  // $82.50
    if (books.open() != nullptr) {
      ASSERT_TRUE(books.Charge().ok());
    }
    EXPECT_GE(books.account().balance, Dollars(10)) << call;
    books.Advance(absl::Minutes(15));
  }
  EXPECT_EQ(AutomaticCharges(books), (std::vector<Nanos>{Dollars(90), Dollars(75), Dollars(255),
                                                         Dollars(75), Dollars(90), Dollars(255)}));
}

TEST(RefillTest, G7_ThirtyTwoDearMinutesAreFewChargesThatGrow) {
  Books books;
  books.OpenFunded();
  for (int call = 0; call < 32; ++call) {
    ASSERT_TRUE(books.Call(VeryDearRate(), 60).ok());  // $5.50
    if (books.open() != nullptr) {
      ASSERT_TRUE(books.Charge().ok());
    }
    books.Advance(absl::Minutes(1));
  }
  const std::vector<Nanos> amounts = AutomaticCharges(books);
  EXPECT_LE(amounts.size(), 5u);
  for (size_t i = 1; i < amounts.size(); ++i) EXPECT_GE(amounts[i], amounts[i - 1]);
  EXPECT_GE(amounts.back(), Dollars(45));
}

TEST(RefillTest, G7_TheSecondThatWaitsDoesNotGrowByBeingLookedAtAgain) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AdjustTo(-Dollars(20)).ok());
  ASSERT_TRUE(books.Charge().ok());  // $30, the first of the hour
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_EQ(books.open()->amount, Dollars(15));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Use(Cents(10)).ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
}

TEST(RefillTest, G7_AnAutomaticRechargeThatWasCanceledDoesNotMakeTheNextOneGrow) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AdjustTo(-Dollars(20)).ok());
  ASSERT_TRUE(books.Charge().ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
    ASSERT_TRUE(books.SwitchAutomatic(false).ok());
    ASSERT_TRUE(books.AdjustTo(Dollars(12)).ok());
    ASSERT_TRUE(books.SwitchAutomatic(true).ok());
  }
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
}

// --- D1, D2: behind what stands in the way ------------------------------------------

struct BehindCase {
  const char* what;
  RefillObstacle obstacle;
  std::function<void(Books&)> put_in_the_way;
};

std::vector<BehindCase> NotTheCards() {
  return {
      {"the switch", RefillObstacle::kSwitchedOff,
       [](Books& books) { ASSERT_TRUE(books.SwitchAutomatic(false).ok()); }},
      {"a block", RefillObstacle::kBlocked,
       [](Books& books) { ASSERT_TRUE(books.Block("papers").ok()); }},
      {"a review", RefillObstacle::kUnderReview,
       [](Books& books) {
         ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
         ASSERT_TRUE(books.Unresolved().ok());
       }},
      {"a cap", RefillObstacle::kCapReached,
       [](Books& books) {
         ASSERT_TRUE(books.CapTheMonth(Dollars(15)).ok());
         ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
         ASSERT_TRUE(books.Charge().ok());
       }},
  };
}

TEST(RefillTest, D2_BehindSwitchBlockReviewOrCapItGoesDownToTheDebtLimitAndIsDisabledThere) {
  for (const BehindCase& c : NotTheCards()) {
    Books books = FundedAt(Dollars(12));
    c.put_in_the_way(books);
    ASSERT_TRUE(books.AdjustTo(-Cents(1'498)).ok());
    EXPECT_EQ(books.account().state, AccountState::kActive) << c.what;
    EXPECT_EQ(books.open(), nullptr) << c.what;
    EXPECT_EQ(FirstObstacle(books.account()), c.obstacle) << c.what;
    if (c.obstacle != RefillObstacle::kBlocked) {
      const Rate dear = DearRate();
      EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 0), &dear).decision,
                Decision::kInsufficientBalance)
          << c.what;
      EXPECT_EQ(books.Authorize("ann", InboundCall(books.now(), 0), nullptr).decision,
                Decision::kAllowed)
          << c.what;
    }
    ASSERT_TRUE(books.AdjustTo(-Cents(1'499)).ok());
    EXPECT_EQ(books.account().state, AccountState::kDisabled) << c.what;
    EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, c.obstacle) << c.what;
    ASSERT_TRUE(books.AdjustTo(1).ok());
    EXPECT_EQ(books.account().state, AccountState::kActive) << c.what;
  }
}

// --- What only time brings and ends -----------------------------------------------------------

TEST(RefillTest, G9_TheDaysLimitOnDeclinesIsShownWithItsTimesAndToldOnce) {
  Settings settings;
  settings.max_declines_per_day = 2;
  Books books = FundedAt(Dollars(5), settings);
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.Count(EventKind::kCardLimitReached), 0);
  books.AdvanceToDue();
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kCardLimitReached), 1);
  const absl::Time reached = books.now();
  const auto obstacles = ObstaclesAt(settings, books.now(), books.account());
  ASSERT_EQ(obstacles.size(), 2u) << "the card fails, too";
  EXPECT_EQ(obstacles[1].kind, RefillObstacle::kDeclineLimit);
  EXPECT_EQ(obstacles[1].since, reached);
  EXPECT_EQ(obstacles[1].until, EndOfUtcDay(books.now()));
  EXPECT_EQ(RemedyOf(obstacles[1].kind), "wait until the account's day ends, or pay another way");
  // A confirmed card changes nothing of it, and the next day ends it.
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  EXPECT_EQ(ObstaclesAt(settings, books.now(), books.account()).size(), 1u);
  books.Advance(EndOfUtcDay(books.now()) - books.now());
  EXPECT_TRUE(ObstaclesAt(settings, books.now(), books.account()).empty());
}

TEST(RefillTest, G4_TheRestOfACardOfWhichLessWasCapturedIsShownWithItsTimes) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.ChargeInPart(Dollars(1)).ok());
  const auto obstacles = ObstaclesAt(books.settings(), books.now(), books.account());
  ASSERT_EQ(obstacles.size(), 1u);
  EXPECT_EQ(obstacles[0].kind, RefillObstacle::kCardResting);
  EXPECT_EQ(obstacles[0].since, books.now());
  EXPECT_EQ(obstacles[0].until, books.now() + books.settings().partial_charge_wait);
  Books other = books;
  ASSERT_TRUE(other.AddCard(CardNamed("amex")).ok());
  EXPECT_TRUE(ObstaclesAt(other.settings(), other.now(), other.account()).empty())
      << "another card may be charged";
  books.Advance(books.settings().partial_charge_wait);
  EXPECT_TRUE(ObstaclesAt(books.settings(), books.now(), books.account()).empty());
}

TEST(RefillTest, D2_TheDebtLimitIsTheReserveAmountOrTheSmallestCapLessAMinorUnitUnlessItIsSet) {
  const auto limit = [](Nanos reserve_amount, Nanos hour, Nanos month, const char* currency) {
    Account account;
    account.currency = currency;
    account.reserve_amount = reserve_amount;
    account.monthly_cap = month;
    Settings settings;
    settings.currencies[currency].max_automatic_amount_per_hour = hour;
    return DebtLimit(settings, account);
  };
  EXPECT_EQ(limit(Dollars(40), Dollars(500), 0, "USD"), Cents(3'999));
  EXPECT_EQ(limit(Dollars(40), Dollars(30), 0, "USD"), Cents(2'999));
  EXPECT_EQ(limit(Dollars(40), Dollars(500), Dollars(20), "USD"), Cents(1'999));
  EXPECT_EQ(limit(Dollars(1'500), Dollars(5'000), 0, "JPY"), Dollars(1'499));
  Settings set;
  set.currencies["USD"].debt_limit = Dollars(3);
  Books books = FundedAt(Dollars(12), set);
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books.AdjustTo(-Dollars(3) + 1).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Use(1).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
}

TEST(RefillTest, M3_AnAccountWhoseCurrencyHasNoSettingsAnyMoreGoesOnWithWhatItHas) {
  Account account;
  account.currency = "USD";
  account.reserve_amount = Dollars(20);
  account.recharge_threshold = Dollars(12);
  Settings settings;
  settings.currencies.erase("USD");
  const CurrencySettings own = CurrencyOf(settings, account);
  EXPECT_EQ(own.max_automatic_amount_per_hour, Dollars(660)) << "500 of 15, of 20";
  EXPECT_EQ(own.max_automatic_amount_per_day, Dollars(1'320));
  EXPECT_EQ(own.max_recharge_amount, Dollars(1'320));
  EXPECT_EQ(DebtLimit(settings, account), Cents(1'999));
  account.reserve_amount = std::numeric_limits<Nanos>::max();
  EXPECT_EQ(CurrencyOf(settings, account).max_recharge_amount, account.reserve_amount);
}

TEST(RefillTest, D1_WithoutAUsableCardItIsDisabledAtZeroWhateverElseStandsInTheWay) {
  for (const BehindCase& c : NotTheCards()) {
    Books books = FundedAt(Dollars(12));
    c.put_in_the_way(books);
    ASSERT_TRUE(books.RemoveCard("card-1").ok());
    ASSERT_TRUE(books.AdjustTo(0).ok());
    EXPECT_EQ(books.account().state, AccountState::kDisabled) << c.what;
    EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kNoCard) << c.what;
  }
}

TEST(RefillTest, D2_AllThatStandsInTheWayIsNamedThatWhichDisablesFirst) {
  Books books = FundedAt(Dollars(12));
  books.Advance(absl::Minutes(1));
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  books.Advance(absl::Minutes(1));
  ASSERT_TRUE(books.Block("fraud").ok());
  ASSERT_TRUE(books.AdjustDown(Dollars(5)).ok());
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  ASSERT_TRUE(books.AdjustDown(Dollars(1)).ok());
  books.stored().suspension = {SuspensionReason::kDispute, books.now()};
  std::vector<RefillObstacle> kinds;
  for (const Obstacle& obstacle : ObstaclesOf(books.account())) kinds.push_back(obstacle.kind);
  EXPECT_EQ(kinds, (std::vector<RefillObstacle>{
                       RefillObstacle::kNoCard, RefillObstacle::kDispute, RefillObstacle::kBlocked,
                       RefillObstacle::kSwitchedOff, RefillObstacle::kTakenBack}));
  EXPECT_EQ(ObstaclesOf(books.account())[3].since, books.now() - absl::Minutes(1));
}

}  // namespace
}  // namespace reserve::domain
