// What a usage costs: M1, M2, C1 to C7, S1, S2, U4 (docs/RULES.md).
#include "services/ledger/domain/rating.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "services/ledger/domain/usage.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

absl::Time Noon(int month, int day) {
  return absl::FromCivil(absl::CivilSecond(2026, month, day, 12, 0, 0), absl::UTCTimeZone());
}

User UserWith(int64_t free_seconds_used, int32_t free_period = 0) {
  User user;
  user.account_id = "acct-1";
  user.user_id = "ann";
  user.plan_id = "per_minute";
  if (free_seconds_used > 0) user.SetSecondsUsed({free_period, free_seconds_used});
  return user;
}

int32_t Period(const Plan& plan, absl::Time start) {
  return PeriodOf(plan, start, AccountCalendar());
}

absl::StatusOr<Rating> RateIt(const Usage& usage, const Plan& plan, const User& user,
                              const Rate* rate) {
  return RateUsage(usage, plan, user, Period(plan, usage.start_time), rate);
}

// What the user has left of the allowance of `start`.
int64_t LeftAt(const User& user, const Plan& plan, absl::Time start) {
  return FreeSecondsLeft(user, plan, Period(plan, start));
}

Rate WithIncrements(Rate rate, int32_t initial, int32_t increment) {
  rate.initial_increment_seconds = initial;
  rate.increment_seconds = increment;
  return rate;
}

Rate WithFee(Rate rate, Nanos fee) {
  rate.connect_fee = fee;
  return rate;
}

Rating MustRate(const Usage& usage, const Plan& plan, const User& user, const Rate* rate) {
  const absl::StatusOr<Rating> rating = RateIt(usage, plan, user, rate);
  EXPECT_TRUE(rating.ok()) << rating.status();
  return rating.ok() ? *rating : Rating();
}

// --- M1, M2 --------------------------------------------------------------------

TEST(RatingTest, M1_ACostThatDoesNotFitIsAnErrorAndNeverWraps) {
  Rate rate = DearRate();
  rate.price = std::numeric_limits<Nanos>::max() / 2;
  const auto rating = RateIt(OutboundCall(Noon(11, 1), 600), UnlimitedPlan(), UserWith(0), &rate);
  ASSERT_FALSE(rating.ok());
  EXPECT_EQ(rating.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(rating.status()), "MONEY_OVERFLOW");
}

TEST(RatingTest, M1_AnSmsCostThatDoesNotFitIsAnError) {
  Rate rate = SmsRate();
  rate.price = std::numeric_limits<Nanos>::max() / 2;
  const auto rating = RateIt(OutboundSms(Noon(11, 1), 3), PerMinutePlan(), UserWith(0), &rate);
  ASSERT_FALSE(rating.ok());
  EXPECT_EQ(ReasonOf(rating.status()), "MONEY_OVERFLOW");
}

TEST(RatingTest, M1_TheProductOfPriceAndSecondsMayLeave64BitsWhenTheCostFits) {
  Rate rate = WithIncrements(DearRate(), 60, 60);
  rate.price = 9'000'000'000'000'000;  // $9,000,000 a minute for 10 minutes
  const Rating rating =
      MustRate(OutboundCall(Noon(11, 1), 600), PerMinutePlan(), UserWith(0), &rate);
  EXPECT_EQ(rating.cost, 90'000'000'000'000'000);
}

struct RoundingCase {
  const char* what;
  Nanos price;
  int64_t seconds;
  Nanos fee;
  Nanos cost;
};

TEST(RatingTest, M2_AUsageIsRoundedOnceHalfUpToTheNano) {
  const std::vector<RoundingCase> cases = {
      {"1/60 rounds down", 1, 1, 0, 0},
      {"29/60 rounds down", 29, 1, 0, 0},
      {"30/60 is a half and rounds up", 30, 1, 0, 1},
      {"31/60 rounds up", 31, 1, 0, 1},
      {"89/60 rounds down to 1", 89, 1, 0, 1},
      {"90/60 is one and a half and rounds up", 90, 1, 0, 2},
      {"a whole nano stays", 60, 7, 0, 7},
      {"half up before the fee is the same as after it", 30, 1, 5, 6},
      {"the whole call is rounded, not each second", 20, 3, 0, 1},
      {"$0.0171 for 7 s", 17'100'000, 7, 0, 1'995'000},
      {"$0.01 for 1 s", 10'000'000, 1, 0, 166'667},
      {"$0.01 for 5 s", 10'000'000, 5, 0, 833'333},
  };
  for (const RoundingCase& c : cases) {
    Rate rate = WithFee(WithIncrements(DearRate(), 1, 1), c.fee);
    rate.price = c.price;
    const Rating rating =
        MustRate(OutboundCall(Noon(11, 1), c.seconds), PerMinutePlan(), UserWith(0), &rate);
    EXPECT_EQ(rating.cost, c.cost) << c.what;
  }
}

// --- C1 --------------------------------------------------------------------------

TEST(RatingTest, C1_ADestinationIsPlusThenAFirstDigitFromOneToNineThen5To15Digits) {
  for (const char* good : {"+12345", "+123456789012345", "+18765550123", "+99999"}) {
    EXPECT_TRUE(IsE164(good)) << good;
  }
  for (const char* bad : {"", "+", "12015550123", "+1234", "+1234567890123456", "+02345678",
                          "+1201555012a", "+1 2015550123", "++12015550123", "+1201555-0123",
                          " +12015550123", "+12015550123 ", "0012015550123"}) {
    EXPECT_FALSE(IsE164(bad)) << "'" << bad << "'";
  }
}

TEST(RatingTest, C1_AnOutboundCallWithoutARateIsNoRateAndNeverADefaultPrice) {
  for (const int64_t seconds : {int64_t{60}, int64_t{0}}) {
    const auto rating =
        RateIt(OutboundCall(Noon(11, 1), seconds), PerMinutePlan(), UserWith(0), nullptr);
    ASSERT_FALSE(rating.ok()) << seconds;
    EXPECT_EQ(rating.status().code(), absl::StatusCode::kFailedPrecondition) << seconds;
    EXPECT_EQ(ReasonOf(rating.status()), "NO_RATE") << seconds;
    EXPECT_EQ(FieldOf(rating.status()), "call.destination") << seconds;
  }
}

TEST(RatingTest, C1_NotEvenTheUnlimitedPlanCallsWithoutARate) {
  EXPECT_FALSE(RateIt(OutboundCall(Noon(11, 1), 60), UnlimitedPlan(), UserWith(0), nullptr).ok());
}

// --- C2 --------------------------------------------------------------------------

struct IncrementCase {
  int64_t duration;
  int32_t initial;
  int32_t increment;
  int64_t billable;
};

TEST(RatingTest, C2_BillableSecondsAreTheInitialIncrementPlusWholeFurtherOnes) {
  const std::vector<IncrementCase> cases = {
      {0, 60, 60, 0},           {1, 60, 60, 60},    {59, 60, 60, 60},   {60, 60, 60, 60},
      {61, 60, 60, 120},        {120, 60, 60, 120}, {121, 60, 60, 180}, {0, 30, 6, 0},
      {1, 30, 6, 30},           {30, 30, 6, 30},    {31, 30, 6, 36},    {36, 30, 6, 36},
      {37, 30, 6, 42},          {1, 6, 6, 6},       {7, 6, 6, 12},      {1, 1, 1, 1},
      {17, 1, 1, 17},           {1, 60, 1, 60},     {61, 60, 1, 61},    {604'800, 60, 60, 604'800},
      {604'799, 1, 1, 604'799},
  };
  for (const IncrementCase& c : cases) {
    EXPECT_EQ(BillableSeconds(absl::Seconds(c.duration), c.initial, c.increment), c.billable)
        << c.duration << " s at " << c.initial << "/" << c.increment;
  }
}

TEST(RatingTest, C9_OnlyIncrementsRoundADurationUp) {
  const absl::Duration least = absl::Microseconds(1);
  EXPECT_EQ(BillableSeconds(least, 60, 60), 60);
  EXPECT_EQ(BillableSeconds(absl::Seconds(60) - least, 60, 60), 60);
  EXPECT_EQ(BillableSeconds(absl::Seconds(60) + least, 60, 60), 120);
  EXPECT_EQ(BillableSeconds(absl::Seconds(36) + least, 30, 6), 42);
  EXPECT_EQ(BillableSeconds(absl::Seconds(16) + least, 1, 1), 17);
  EXPECT_EQ(BillableSeconds(absl::Hours(7 * 24) - least, 60, 60), 604'800);
}

TEST(RatingTest, C9_WhatIsFinerThanAMicrosecondIsRoundedUp) {
  EXPECT_EQ(RoundedUpToMicros(absl::Seconds(60) + absl::Nanoseconds(1)),
            absl::Seconds(60) + absl::Microseconds(1));
  EXPECT_EQ(RoundedUpToMicros(absl::Nanoseconds(999'999'999)), absl::Seconds(1));
  EXPECT_EQ(RoundedUpToMicros(absl::Microseconds(290'123'456)), absl::Microseconds(290'123'456));
  EXPECT_EQ(RoundedUpToMicros(absl::ZeroDuration()), absl::ZeroDuration());
}

TEST(RatingTest, C9_TheSecondsThatADurationHasBegunBillTheSame) {
  for (const int64_t micros : {0LL, 1LL, 999'999LL, 1'000'000LL, 60'000'001LL, 61'000'000LL}) {
    const absl::Duration exact = absl::Microseconds(micros);
    const absl::Duration whole = absl::Seconds(StartedSeconds(exact));
    EXPECT_EQ(BillableSeconds(exact, 30, 6), BillableSeconds(whole, 30, 6)) << exact;
  }
}

TEST(RatingTest, C2_IncrementsAreAppliedOnceToTheWholeCallBeforeFreeSecondsAreTaken) {
  // 61 s are 120 billable; 100 are free and 20 are paid. Were the rest rounded
  // again, 60 would be paid.
  const Rate rate = StandardRate();
  const Rating rating =
      MustRate(OutboundCall(Noon(11, 1), 61), PerMinutePlan(), UserWith(17'900), &rate);
  EXPECT_EQ(rating.billable_seconds, 120);
  EXPECT_EQ(rating.free_seconds_taken, 100);
  EXPECT_EQ(rating.paid_seconds, 20);
  EXPECT_EQ(rating.cost, 6'666'667);
}

TEST(RatingTest, C2_EachPrefixHasItsOwnIncrements) {
  const Rate rate = WithIncrements(DearRate(), 30, 6);
  const Rating rating =
      MustRate(OutboundCall(Noon(11, 1), 31), PerMinutePlan(), UserWith(0), &rate);
  EXPECT_EQ(rating.paid_seconds, 36);
  EXPECT_EQ(rating.cost, Cents(30));
}

// --- C3 --------------------------------------------------------------------------

struct AllowanceCase {
  const char* what;
  int64_t used;
  int64_t duration;
  int64_t taken;
  int64_t paid;
  Nanos cost;
};

TEST(RatingTest, C3_TheFirst300MinutesAtStandardRateAreFree) {
  const std::vector<AllowanceCase> cases = {
      {"the first call", 0, 600, 600, 0, 0},
      {"the whole allowance in one call", 0, 18'000, 18'000, 0, 0},
      {"one minute more than the allowance", 0, 18'001, 18'000, 60, Cents(2)},
      {"up to its last second", 17'940, 60, 60, 0, 0},
      {"nothing left", 18'000, 60, 0, 60, Cents(2)},
      {"more used than there is", 20'000, 60, 0, 60, Cents(2)},
  };
  const Rate rate = StandardRate();
  for (const AllowanceCase& c : cases) {
    const Rating rating =
        MustRate(OutboundCall(Noon(11, 1), c.duration), PerMinutePlan(), UserWith(c.used), &rate);
    EXPECT_EQ(rating.basis, ChargeBasis::kMeteredStandard) << c.what;
    EXPECT_EQ(rating.free_seconds_taken, c.taken) << c.what;
    EXPECT_EQ(rating.paid_seconds, c.paid) << c.what;
    EXPECT_EQ(rating.cost, c.cost) << c.what;
    EXPECT_TRUE(rating.standard_rate) << c.what;
  }
}

TEST(RatingTest, C3_CallThatStraddlesTheEndOfTheAllowancePaysTheRest) {
  const Rate rate = StandardRate();
  User user = UserWith(17'880);
  const Usage usage = OutboundCall(Noon(11, 1), 300);
  const Rating rating = MustRate(usage, PerMinutePlan(), user, &rate);
  EXPECT_EQ(rating.free_seconds_before, 120);
  EXPECT_EQ(rating.free_seconds_taken, 120);
  EXPECT_EQ(rating.paid_seconds, 180);
  EXPECT_EQ(rating.cost, Cents(6));
  user.SetSecondsUsed(AfterTaking(rating, user));
  EXPECT_EQ(user.SecondsUsed(0), 18'000);
  EXPECT_EQ(LeftAt(user, PerMinutePlan(), usage.start_time), 0);
}

TEST(RatingTest, C3_TheAllowanceIsForLifeByDefault) {
  const User user = UserWith(18'000);
  EXPECT_EQ(LeftAt(user, PerMinutePlan(), Noon(11, 1)), 0);
  EXPECT_EQ(LeftAt(user, PerMinutePlan(), Noon(12, 1)), 0);
}

TEST(RatingTest, C3_AMonthlyAllowanceStartsAfreshInALaterMonth) {
  const Plan plan = MonthlyPlan();
  User user = UserWith(17'000, 202610);
  EXPECT_EQ(LeftAt(user, plan, Noon(10, 31)), 1'000);
  EXPECT_EQ(LeftAt(user, plan, Noon(11, 1)), 18'000);
  const Rate rate = StandardRate();
  const Usage usage = OutboundCall(Noon(11, 1), 120);
  const Rating rating = MustRate(usage, plan, user, &rate);
  EXPECT_EQ(rating.free_seconds_before, 18'000);
  EXPECT_EQ(rating.free_period, 202611);
  user.SetSecondsUsed(AfterTaking(rating, user));
  EXPECT_EQ(user.SecondsUsed(202611), 120);
  EXPECT_EQ(user.SecondsUsed(202610), 17'000);
}

TEST(RatingTest, C3_AMonthIsAMonthInUtc) {
  const User user = UserWith(18'000, 202611);
  const absl::Time month_end =
      absl::FromCivil(absl::CivilSecond(2026, 12, 1, 0, 0, 0), absl::UTCTimeZone());
  EXPECT_EQ(LeftAt(user, MonthlyPlan(), month_end - absl::Microseconds(1)), 0);
  EXPECT_EQ(LeftAt(user, MonthlyPlan(), month_end), 18'000);
}

TEST(RatingTest, C8_ALateUsageDrawsOnTheAllowanceOfItsOwnMonth) {
  const Plan plan = MonthlyPlan();
  User user = UserWith(17'940, 202611);
  user.SetSecondsUsed({202610, 17'880});
  const Rate rate = StandardRate();
  const Usage late = OutboundCall(Noon(10, 20), 180);
  const Rating rating = MustRate(late, plan, user, &rate);
  EXPECT_EQ(rating.free_seconds_before, 120);
  EXPECT_EQ(rating.paid_seconds, 60);
  user.SetSecondsUsed(AfterTaking(rating, user));
  EXPECT_EQ(user.SecondsUsed(202610), 18'000);
  EXPECT_EQ(user.SecondsUsed(202611), 17'940) << "November's is as it was";
}

TEST(RatingTest, C8_AMonthIsOneOfTheAccountsTimeZone) {
  absl::TimeZone kiritimati;
  if (!absl::LoadTimeZone("Pacific/Kiritimati", &kiritimati)) GTEST_SKIP() << "without tzdata";
  const AccountCalendar there{{kiritimati}};
  // 14 hours ahead: there November has begun.
  EXPECT_EQ(PeriodOf(MonthlyPlan(), Noon(10, 31), there), 202611);
  EXPECT_EQ(PeriodOf(MonthlyPlan(), Noon(10, 31), AccountCalendar()), 202610);
  EXPECT_EQ(PeriodOf(PerMinutePlan(), Noon(10, 31), there), 0) << "life is one period";
}

TEST(RatingTest, K4_AChangeOfPlanLeavesUsedSecondsUsed) {
  User user = UserWith(17'000, 0);
  user.SetSecondsUsed({202611, 60});
  EXPECT_EQ(LeftAt(user, PerMinutePlan(), Noon(11, 1)), 1'000);
  EXPECT_EQ(LeftAt(user, MonthlyPlan(), Noon(11, 1)), 17'940);
}

// --- C4, C5, C6 ------------------------------------------------------------------

TEST(RatingTest, C4_ADearerCallIsPaidInFullAndLeavesTheAllowanceAlone) {
  const Rate rate = DearRate();
  User user = UserWith(0);
  const Usage usage = OutboundCall(Noon(11, 1), 61);
  const Rating rating = MustRate(usage, PerMinutePlan(), user, &rate);
  EXPECT_EQ(rating.basis, ChargeBasis::kDearer);
  EXPECT_EQ(rating.free_seconds_taken, 0);
  EXPECT_EQ(rating.paid_seconds, 120);
  EXPECT_EQ(rating.cost, Dollars(1));
  EXPECT_FALSE(rating.standard_rate);
}

TEST(RatingTest, C5_UnlimitedPlanPaysNothingAtStandardRateAndNoFee) {
  const Rate rate = WithFee(StandardRate(), Cents(5));
  const Rating rating =
      MustRate(OutboundCall(Noon(11, 1), 36'000), UnlimitedPlan(), UserWith(0), &rate);
  EXPECT_EQ(rating.basis, ChargeBasis::kUnlimitedStandard);
  EXPECT_EQ(rating.billable_seconds, 36'000);
  EXPECT_EQ(rating.paid_seconds, 0);
  EXPECT_EQ(rating.cost, 0);
}

TEST(RatingTest, C5_UnlimitedPlanPaysDearerCallsInFull) {
  const Rate rate = DearRate();
  const Rating rating =
      MustRate(OutboundCall(Noon(11, 1), 120), UnlimitedPlan(), UserWith(0), &rate);
  EXPECT_EQ(rating.basis, ChargeBasis::kDearer);
  EXPECT_EQ(rating.cost, Dollars(1));
}

TEST(RatingTest, C6_TheConnectFeeIsChargedOnceIfAnySecondIsPaid) {
  const Rate dear = WithFee(DearRate(), Cents(7));
  const Rate standard = WithFee(StandardRate(), Cents(7));
  struct Case {
    const char* what;
    const Rate* rate;
    int64_t used;
    int64_t duration;
    Nanos cost;
  };
  const std::vector<Case> cases = {
      {"one paid minute", &dear, 0, 60, Cents(57)},
      {"ten paid minutes", &dear, 0, 600, Cents(507)},
      {"a free call", &standard, 0, 60, 0},
      {"one second over the allowance", &standard, 17'999, 60, Cents(7) + 19'666'667},
      {"a zero-second dear call", &dear, 0, 0, 0},
      {"a zero-second call after the allowance", &standard, 18'000, 0, 0},
  };
  for (const Case& c : cases) {
    const Rating rating =
        MustRate(OutboundCall(Noon(11, 1), c.duration), PerMinutePlan(), UserWith(c.used), c.rate);
    EXPECT_EQ(rating.cost, c.cost) << c.what;
  }
}

TEST(RatingTest, C6_AZeroSecondCallCostsNothingAndTakesNothing) {
  const Rate rate = WithFee(DearRate(), Cents(7));
  const Rating rating = MustRate(OutboundCall(Noon(11, 1), 0), PerMinutePlan(), UserWith(0), &rate);
  EXPECT_EQ(rating.basis, ChargeBasis::kZeroDuration);
  EXPECT_EQ(rating.billable_seconds, 0);
  EXPECT_EQ(rating.free_seconds_taken, 0);
  EXPECT_EQ(rating.cost, 0);
}

// --- C7 --------------------------------------------------------------------------

TEST(RatingTest, C7_AnInboundCallWithoutARowIsFree) {
  User user = UserWith(18'000);
  const Usage usage = InboundCall(Noon(11, 1), 3'600);
  const Rating rating = MustRate(usage, PerMinutePlan(), user, nullptr);
  EXPECT_EQ(rating.basis, ChargeBasis::kInboundFree);
  EXPECT_EQ(rating.free_seconds_taken, 0);
  EXPECT_EQ(rating.paid_seconds, 0);
  EXPECT_EQ(rating.cost, 0);
}

TEST(RatingTest, C7_AnInboundCallWithARowIsRatedByIt) {
  const Rate dear = DearRate();
  EXPECT_EQ(MustRate(InboundCall(Noon(11, 1), 61), PerMinutePlan(), UserWith(0), &dear).cost,
            Dollars(1));
  const Rate standard = StandardRate();
  const Rating allowance =
      MustRate(InboundCall(Noon(11, 1), 120), PerMinutePlan(), UserWith(17'940), &standard);
  EXPECT_EQ(allowance.free_seconds_taken, 60);
  EXPECT_EQ(allowance.cost, Cents(2));
  EXPECT_EQ(MustRate(InboundCall(Noon(11, 1), 120), UnlimitedPlan(), UserWith(0), &standard).cost,
            0);
}

// --- S1, S2 ----------------------------------------------------------------------

TEST(RatingTest, S1_AnOutboundTextCostsThePriceTimesItsSegments) {
  struct Case {
    Nanos price;
    int32_t segments;
    Nanos cost;
  };
  for (const Case& c : std::vector<Case>{{10'000'000, 1, 10'000'000},
                                         {13'000'000, 1, 13'000'000},
                                         {11'500'000, 3, 34'500'000},
                                         {0, 5, 0},
                                         {13'000'000, 255, 3'315'000'000}}) {
    Rate rate = SmsRate();
    rate.price = c.price;
    const Rating rating =
        MustRate(OutboundSms(Noon(11, 1), c.segments), UnlimitedPlan(), UserWith(0), &rate);
    EXPECT_EQ(rating.basis, ChargeBasis::kSms);
    EXPECT_EQ(rating.cost, c.cost) << c.price << " x " << c.segments;
    EXPECT_EQ(rating.free_seconds_taken, 0);
  }
}

TEST(RatingTest, S1_AnOutboundTextWithoutARateIsNoRate) {
  const auto rating = RateIt(OutboundSms(Noon(11, 1), 1), PerMinutePlan(), UserWith(0), nullptr);
  ASSERT_FALSE(rating.ok());
  EXPECT_EQ(rating.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(rating.status()), "NO_RATE");
  EXPECT_EQ(FieldOf(rating.status()), "sms.destination");
}

TEST(RatingTest, S1_AnInboundTextIsFreeWhateverTheRate) {
  const Rate rate = SmsRate();
  EXPECT_EQ(MustRate(InboundSms(Noon(11, 1), 4), PerMinutePlan(), UserWith(0), nullptr).cost, 0);
  EXPECT_EQ(MustRate(InboundSms(Noon(11, 1), 4), PerMinutePlan(), UserWith(0), &rate).cost, 0);
}

TEST(RatingTest, S2_SegmentsAre160Or153SeptetsAnd70Or67CodeUnits) {
  struct Case {
    int32_t length;
    int32_t gsm7;
    int32_t ucs2;
  };
  for (const Case& c : std::vector<Case>{{0, 1, 1},
                                         {1, 1, 1},
                                         {70, 1, 1},
                                         {71, 1, 2},
                                         {134, 1, 2},
                                         {135, 1, 3},
                                         {160, 1, 3},
                                         {161, 2, 3},
                                         {201, 2, 3},
                                         {202, 2, 4},
                                         {306, 2, 5},
                                         {307, 3, 5},
                                         {459, 3, 7},
                                         {460, 4, 7}}) {
    EXPECT_EQ(Gsm7Segments(c.length), c.gsm7) << c.length << " septets";
    EXPECT_EQ(Ucs2Segments(c.length), c.ucs2) << c.length << " code units";
  }
}

TEST(RatingTest, U2_IdsAre1To64LettersDigitsDotsUnderscoresColonsAndDashes) {
  EXPECT_TRUE(IsValidId("a"));
  EXPECT_TRUE(IsValidId("0190b5e4-7cc3-7000-8000-00A0C9:x_y.z"));
  EXPECT_TRUE(IsValidId(std::string(64, 'x')));
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a/b"),
        std::string("\xc3\xa4"), std::string("a\0b", 3), std::string("a\n")}) {
    EXPECT_FALSE(IsValidId(bad)) << bad;
  }
}

// --- U4 --------------------------------------------------------------------------

TEST(RatingTest, U4_ARatingStoresEverythingThatExplainsItsCost) {
  const Rate rate = WithFee(WithIncrements(StandardRate(), 30, 6), Cents(1));
  const Rating rating =
      MustRate(OutboundCall(Noon(11, 1), 31), PerMinutePlan(), UserWith(17'994), &rate);
  Rating expected;
  expected.basis = ChargeBasis::kMeteredStandard;
  expected.plan_id = "per_minute";
  expected.deck_version = 7;
  expected.prefix = "1201";
  expected.price = Cents(2);
  expected.connect_fee = Cents(1);
  expected.initial_increment_seconds = 30;
  expected.increment_seconds = 6;
  expected.billable_seconds = 36;
  expected.free_seconds_before = 6;
  expected.free_seconds_taken = 6;
  expected.paid_seconds = 30;
  expected.standard_rate = true;
  expected.country = "US";
  expected.cost = Cents(2);
  EXPECT_EQ(rating, expected);
}

// --- The longest duration that is paid for -----------------------------------------

// The same figure by trying every step of the grid, in sixtieths of a nano.
int64_t LongestByTrying(const Rate& rate, int64_t free_seconds, Nanos balance, int64_t limit) {
  int64_t longest = 0;
  for (int64_t seconds = rate.initial_increment_seconds; seconds <= limit;
       seconds += rate.increment_seconds) {
    const int64_t paid = seconds > free_seconds ? seconds - free_seconds : 0;
    const __int128 sixtieths =
        paid == 0 ? 0 : __int128{rate.price} * paid + __int128{rate.connect_fee} * 60;
    if (sixtieths > __int128{balance < 0 ? 0 : balance} * 60) break;
    longest = seconds;
  }
  return longest;
}

TEST(RatingTest, MaxDurationIsTheLongestOnTheGridThatAllowanceAndBalancePayFor) {
  for (const auto& [initial, increment] :
       std::vector<std::pair<int32_t, int32_t>>{{60, 60}, {30, 6}, {6, 6}, {1, 1}, {60, 1}}) {
    for (const Nanos fee : {Nanos{0}, Cents(5)}) {
      for (const int64_t free_seconds : {0, 1, 29, 30, 59, 60, 61, 600}) {
        for (const Nanos balance : {-Dollars(1), Nanos{0}, Nanos{1}, Nanos{9'999'999}, Cents(1),
                                    Cents(4), Cents(50), Cents(57), Dollars(1)}) {
          Rate rate = WithFee(WithIncrements(DearRate(), initial, increment), fee);
          rate.standard_rate = true;
          EXPECT_EQ(MaxDurationSeconds(rate, PerMinutePlan(), Noon(11, 1), free_seconds, balance),
                    LongestByTrying(rate, free_seconds, balance, 2'000))
              << initial << "/" << increment << " fee " << fee << " free " << free_seconds
              << " balance " << balance;
        }
      }
    }
  }
}

// --- A thousand calls rated by others ------------------------------------------------

TEST(RatingTest, C2_M2_AThousandCallsCostWhatAnotherProgramFound) {
  const char* source_dir = std::getenv("RESERVE_TEST_SOURCE_DIR");
  std::ifstream file(
      absl::StrCat(source_dir == nullptr ? "." : source_dir, "/../shared/data/calls.csv"));
  if (!file) GTEST_SKIP() << "the sample calls are not here";
  std::string line;
  std::getline(file, line);
  int rated = 0;
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = absl::StrSplit(line, ',');
    if (cells.size() != 14 || cells[4] != "ANSWERED" || absl::StrContains(line, "NO_RATE")) {
      continue;
    }
    int64_t duration = 0;
    ASSERT_TRUE(absl::SimpleAtoi(cells[3], &duration)) << line;
    for (const auto& [seconds, column] : std::vector<std::pair<int32_t, int>>{{6, 8}, {60, 10}}) {
      Rate rate = WithIncrements(DearRate(), seconds, seconds);
      rate.price = ParseDecimal(cells[7]).value();
      const Rating rating =
          MustRate(OutboundCall(Noon(11, 1), duration), PerMinutePlan(), UserWith(0), &rate);
      EXPECT_EQ(absl::StrCat(rating.billable_seconds), cells[column]) << line;
      EXPECT_EQ(rating.cost, ParseDecimal(cells[column + 1]).value()) << line;
    }
    ++rated;
  }
  EXPECT_GT(rated, 900);
}

}  // namespace
}  // namespace reserve::domain
