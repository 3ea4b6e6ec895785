// Limits against fraud (L1 to L5): whose counts, how spending is counted, and what follows.
#include "services/ledger/domain/limit_policy.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

Limits PerHour(Nanos amount) {
  Limits limits;
  limits.spend[0] = amount;
  return limits;
}
Limits PerDay(Nanos amount) {
  Limits limits;
  limits.spend[1] = amount;
  return limits;
}

Rate RateAt(Nanos price) {
  Rate rate = DearRate();
  rate.price = price;
  return rate;
}

// The limit of that kind that is in force, or none.
std::optional<ShownLimit> InForceOf(const Books& books, LimitKind kind,
                                    const std::string& user_id = "", bool of_user = false) {
  const User* user = user_id.empty() ? nullptr : &books.users().at(user_id);
  const Plan* plan = user_id.empty() ? nullptr : &books.plan_of(user_id);
  for (const ShownLimit& each : LimitsInForce(books.context(), books.account(), user, plan)) {
    if (each.kind == kind && each.of_user == of_user) return each;
  }
  return std::nullopt;
}

class LimitTest : public testing::Test {
 protected:
  LimitTest() {
    books_.OpenFunded();  // $15.00
    books_.Advance(absl::Hours(24 * 8));
  }
  // A call at $0.50 a minute that ends now.
  void Call(int64_t minutes, const std::string& user_id = "ann") {
    const Rate rate = DearRate();
    const Usage usage = OutboundCall(books_.now() - absl::Minutes(minutes), minutes * 60);
    ASSERT_TRUE(books_.Record(user_id, usage, &rate).ok());
  }
  // One that costs so much, and ends as it begins.
  void Spend(Nanos cost) { ASSERT_TRUE(books_.Use(cost).ok()); }
  Authorization Ask(const Rate& rate, const std::string& user_id = "ann") {
    return books_.Authorize(user_id, OutboundCall(books_.now(), 0), &rate);
  }
  Nanos Used(LimitKind kind) { return InForceOf(books_, kind)->used; }

  Books books_;
};

// --- L1 -------------------------------------------------------------------------------------

TEST_F(LimitTest, L1_OfEachLimitTheNearestLevelThatSetsItCounts) {
  EXPECT_EQ(InForceOf(books_, LimitKind::kPricePerMinute, "ann")->level, LimitLevel::kOperator);
  Limits of_account;
  of_account.price_per_minute = Dollars(2);
  ASSERT_TRUE(books_.Limit(of_account).ok());
  EXPECT_EQ(InForceOf(books_, LimitKind::kPricePerMinute, "ann")->level, LimitLevel::kAccount);
  Limits of_user;
  of_user.price_per_minute = Dollars(3);
  ASSERT_TRUE(books_.Limit(of_user, "ann").ok());
  const ShownLimit nearest = *InForceOf(books_, LimitKind::kPricePerMinute, "ann");
  EXPECT_EQ(nearest.level, LimitLevel::kUser);
  EXPECT_EQ(nearest.amount, Dollars(3));
  EXPECT_EQ(InForceOf(books_, LimitKind::kPricePerMinute, "mia")->level, LimitLevel::kAccount);
  EXPECT_EQ(Ask(RateAt(Dollars(3)), "ann").decision, Decision::kAllowed);
  EXPECT_EQ(Ask(RateAt(Dollars(3)), "mia").decision, Decision::kLimitReached);
  EXPECT_EQ(Ask(RateAt(Dollars(3)), "mia").limit.kind, LimitKind::kPricePerMinute);
}

TEST_F(LimitTest, L1_APlanCountsBeforeTheOperatorAndAfterTheAccount) {
  Plan plan = PerMinutePlan();
  Limits limits;
  limits.price_per_minute = Cents(60);
  plan.limits = {{"USD", limits}};
  ASSERT_TRUE(CheckPlan(books_.settings(), plan).ok());
  User user = books_.users().at("ann");
  UsageTerms terms;
  terms.user = &user;
  terms.plan = &plan;
  const Rate rate = RateAt(Cents(70));
  terms.rate = &rate;
  const Usage call = OutboundCall(books_.now(), 0);
  EXPECT_EQ(LimitOn(books_.context(), books_.account(), terms, call).level, LimitLevel::kPlan);
  limits.price_per_minute = Cents(70);
  ASSERT_TRUE(books_.Limit(limits).ok());
  EXPECT_FALSE(LimitOn(books_.context(), books_.account(), terms, call).any());
}

TEST_F(LimitTest, L1_NotSetIsNotZeroAndZeroLetsNothingThroughThatIsPaid) {
  EXPECT_FALSE(InForceOf(books_, LimitKind::kSpendPerDay).has_value());
  EXPECT_EQ(Ask(DearRate()).decision, Decision::kAllowed);
  ASSERT_TRUE(books_.Limit(PerDay(0)).ok());
  EXPECT_EQ(Ask(DearRate()).decision, Decision::kLimitReached);
  EXPECT_EQ(Ask(DearRate()).limit.until, absl::InfiniteFuture());
  EXPECT_EQ(books_.account().alarm.reached, 0) << "nothing was spent";
  Call(1);
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 1);
  ASSERT_TRUE(books_.Limit(Limits()).ok());
  EXPECT_EQ(Ask(DearRate()).decision, Decision::kAllowed);
  EXPECT_FALSE(books_.account().limits.any());
}

TEST_F(LimitTest, L1_AChangeLeavesSpentWhatWasSpentAndSaysWhoAndWhy) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(4))).ok());
  Spend(Dollars(2));
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(8))).ok());
  EXPECT_NEAR(static_cast<double>(Used(LimitKind::kSpendPerDay)), Dollars(2), 1000);
  const Event event = books_.LastOf(EventKind::kLimitsChanged);
  EXPECT_EQ(event.cause, "as the customer asks");
  EXPECT_EQ(event.actor, "support-1");
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(8))).ok());
  EXPECT_TRUE(books_.last().unchanged);
}

TEST_F(LimitTest, L1_WhatCannotBeIsRefusedAtItsField) {
  EXPECT_FALSE(books_.Limit(PerDay(-1)).ok());
  Limits limits;
  limits.countries = {"Atlantis"};
  EXPECT_FALSE(books_.Limit(limits).ok());
  limits.countries = {"US", "PREMIUM_RATE"};
  limits.calls = kMostLimitCalls + 1;
  EXPECT_FALSE(books_.Limit(limits).ok());
  limits.calls = 3;
  limits.longest_call_seconds = 0;
  EXPECT_FALSE(books_.Limit(limits).ok());
  limits.longest_call_seconds = 60;
  limits.price_per_minute = 0;
  limits.new_account_price_per_minute = 5;
  limits.spend = {1, 2, 3};
  EXPECT_TRUE(books_.Limit(limits).ok());
  EXPECT_EQ(LimitsFrom(TextOf(limits)), limits);
  EXPECT_EQ(LimitsFrom(TextOf(Limits())), Limits());
  limits = {};
  limits.countries.emplace();
  EXPECT_EQ(LimitsFrom(TextOf(limits)), limits) << "a list of none is one";
}

// --- L2 -------------------------------------------------------------------------------------

TEST_F(LimitTest, L2_WhatIsSpentLeaksAwayAtThePaceOfTheLimit) {
  ASSERT_TRUE(books_.Limit(PerHour(Dollars(6))).ok());
  Spend(Dollars(3));
  EXPECT_EQ(Used(LimitKind::kSpendPerHour), Dollars(3));
  books_.Advance(absl::Minutes(10));
  EXPECT_EQ(Used(LimitKind::kSpendPerHour), Dollars(2));
  books_.Advance(absl::Minutes(20));
  EXPECT_EQ(Used(LimitKind::kSpendPerHour), 0);
  books_.Advance(absl::Hours(5));
  Spend(Dollars(6));
  EXPECT_TRUE(InForceOf(books_, LimitKind::kSpendPerHour)->reached);
}

TEST_F(LimitTest, L2_OnlyWhatBeganWithinTheWindowCounts) {
  ASSERT_TRUE(books_.Limit(PerHour(Dollars(1))).ok());
  const Rate rate = DearRate();
  // A switch was away for a day, and tells now.
  for (int hour = 24; hour > 1; --hour) {
    const Usage late = OutboundCall(books_.now() - absl::Hours(hour), 60);
    ASSERT_TRUE(books_.Record("ann", late, &rate).ok());
  }
  EXPECT_EQ(Used(LimitKind::kSpendPerHour), 0);
  EXPECT_EQ(books_.Count(EventKind::kLimitReached), 0);
  EXPECT_FALSE(books_.account().alarm.rings());
}

TEST_F(LimitTest, L2_ADayThatIsToldLateFillsAMeterNoMoreThanInTime) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(6))).ok());
  const Rate rate = DearRate();
  const absl::Time end = books_.now();
  Books in_time = books_;
  // 12 calls of 50 cents, one every two hours: the whole of the limit in a day.
  for (int call = 12; call > 0; --call) {
    const absl::Time start = end - absl::Hours(2 * call) + absl::Minutes(1);
    ASSERT_TRUE(books_.Record("ann", OutboundCall(start, 60), &rate).ok());
  }
  EXPECT_EQ(books_.Count(EventKind::kLimitReached), 0);
  EXPECT_LE(Used(LimitKind::kSpendPerDay), Cents(50));
}

TEST_F(LimitTest, L2_WhatIsToldLateBehindNewerUsageFillsAsIfItWereOfNow) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(6))).ok());
  const Rate rate = DearRate();
  Spend(Cents(50));
  // A switch was away, and tells the newest first: nothing of it has leaked, and no more counts
  // than it cost.
  for (int call = 1; call <= 10; ++call) {
    const absl::Time start = books_.now() - absl::Hours(2 * call);
    ASSERT_TRUE(books_.Record("ann", OutboundCall(start, 60), &rate).ok());
  }
  EXPECT_NEAR(static_cast<double>(Used(LimitKind::kSpendPerDay)), Cents(550), 1000);
  EXPECT_EQ(books_.Count(EventKind::kLimitReached), 0);
  ASSERT_TRUE(books_.Record("ann", OutboundCall(books_.now() - absl::Hours(22), 120), &rate).ok());
  EXPECT_EQ(books_.Count(EventKind::kLimitReached), 1) << "more than the limit in a window";
}

TEST_F(LimitTest, L2_AVoidGivesBack) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(4))).ok());
  Spend(Dollars(1));
  Usage usage = OutboundSms(books_.now(), 1);
  usage.usage_id = "wrong";
  Rate rate = SmsRate();
  rate.price = Dollars(3);
  ASSERT_TRUE(books_.Record("ann", usage, &rate).ok());
  EXPECT_TRUE(InForceOf(books_, LimitKind::kSpendPerDay)->reached);
  ASSERT_TRUE(books_.Void("wrong").ok());
  EXPECT_EQ(Used(LimitKind::kSpendPerDay), Dollars(1));
  EXPECT_EQ(Ask(DearRate()).decision, Decision::kAllowed);
}

TEST_F(LimitTest, L2_WhoHasNoLimitHasNothingCounted) {
  Call(4);
  EXPECT_EQ(books_.account().spent, SpendMeters());
  EXPECT_TRUE(books_.last().spending.empty());
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(100)), "mia").ok());
  Call(1, "ann");
  EXPECT_TRUE(books_.last().spending.empty()) << "a row of hers is written for nothing";
  EXPECT_EQ(books_.account().spent, SpendMeters());
  Call(1, "mia");
  EXPECT_EQ(books_.last().spending.size(), 1);
  EXPECT_NE(books_.users().at("mia").spent, SpendMeters());
}

// --- L3 -------------------------------------------------------------------------------------

TEST_F(LimitTest, L3_PaidUsageIsRefusedByTheNameOfTheLimitAndFreeUsagePasses) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(2))).ok());
  Spend(Dollars(2));
  const Authorization dear = Ask(DearRate());
  EXPECT_EQ(dear.decision, Decision::kLimitReached);
  EXPECT_EQ(dear.limit.kind, LimitKind::kSpendPerDay);
  EXPECT_EQ(dear.limit.level, LimitLevel::kAccount);
  EXPECT_EQ(dear.limit.until, books_.now()) << "it leaks from now on";
  const Rate sms = SmsRate();
  EXPECT_EQ(books_.Authorize("ann", OutboundSms(books_.now(), 1), &sms).decision,
            Decision::kLimitReached);
  const Authorization standard = Ask(StandardRate());
  EXPECT_EQ(standard.decision, Decision::kAllowed);
  EXPECT_EQ(standard.max_duration_seconds, 18'000) << "what the allowance covers, and no more";
  EXPECT_EQ(Ask(StandardRate(), "uma").decision, Decision::kAllowed);
  EXPECT_TRUE(Ask(StandardRate(), "uma").unlimited_duration);
}

TEST_F(LimitTest, L3_RecordingIsNeverRefusedAndNeitherAreCallsForHelp) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(1))).ok());
  Call(4);
  const Nanos before = books_.account().balance;
  Call(4);
  EXPECT_EQ(books_.account().balance, before - Dollars(2));
  EXPECT_TRUE(books_.RecordEmergency("ann").ok());
}

TEST_F(LimitTest, L3_ACallInProgressGetsNoMoreAndASecondNone) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(2))).ok());
  const Rate rate = DearRate();
  ASSERT_EQ(*books_.Hold("a", "ann", rate), Decision::kAllowed);
  ASSERT_TRUE(books_.Extend("a", 1, absl::Minutes(3)).ok());
  EXPECT_FALSE(books_.hold("a").final());
  // The fourth minute has begun: $2.00 are used.
  ASSERT_TRUE(books_.Extend("a", 2, absl::Minutes(4) - absl::Seconds(1)).ok());
  EXPECT_EQ(books_.hold("a").final_reason, FinalReason::kLimitReached);
  EXPECT_EQ(books_.hold("a").granted_seconds, 240) << "what this very report says counts";
  EXPECT_EQ(books_.Count(EventKind::kLimitReached), 1) << "what has accrued is spent";
  EXPECT_EQ(*books_.Hold("b", "mia", rate), Decision::kLimitReached);
  EXPECT_EQ(*books_.Hold("c", "mia", StandardRate()), Decision::kAllowed);
  ASSERT_TRUE(books_.LiftLimits(absl::Hours(1)).ok());
  ASSERT_TRUE(books_.Extend("a", 4, absl::Minutes(4) + absl::Seconds(1)).ok());
  EXPECT_FALSE(books_.hold("a").final());
}

TEST_F(LimitTest, L3_AUsersLimitIsTheUsersAlone) {
  ASSERT_TRUE(books_.Limit(PerHour(Dollars(1)), "ann").ok());
  Call(2, "mia");
  EXPECT_EQ(Ask(DearRate(), "ann").decision, Decision::kAllowed);
  Call(2, "ann");
  books_.Advance(-absl::Minutes(2));
  Call(2, "ann");
  EXPECT_EQ(Ask(DearRate(), "ann").decision, Decision::kLimitReached);
  EXPECT_EQ(Ask(DearRate(), "ann").limit.level, LimitLevel::kUser);
  EXPECT_EQ(Ask(DearRate(), "mia").decision, Decision::kAllowed);
  const Event event = books_.LastOf(EventKind::kLimitReached);
  EXPECT_EQ(event.user_id, "ann");
  EXPECT_EQ(event.limit, LimitKind::kSpendPerHour);
  EXPECT_EQ(event.amount, Dollars(1));
  ASSERT_TRUE(books_.LiftLimits(absl::ZeroDuration(), "ann").ok());
  EXPECT_EQ(Ask(DearRate(), "ann").decision, Decision::kAllowed);
  EXPECT_FALSE(books_.account().alarm.rings());
}

TEST_F(LimitTest, L3_AHoldIsGrantedNoMoreThanTheLimitLeavesHoweverLongItsSlice) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(2))).ok());
  const Rate rate = DearRate();
  ASSERT_EQ(*books_.Hold("a", "ann", rate, absl::Hours(1)), Decision::kAllowed);
  EXPECT_EQ(books_.hold("a").granted_seconds, 240) << "as AuthorizeUsage says";
  EXPECT_FALSE(books_.hold("a").final()) << "the limit is not reached";
  ASSERT_TRUE(books_.Extend("a", 1, absl::Minutes(2)).ok());
  Spend(Dollars(1) - Cents(10));  // 10 cents are left
  ASSERT_TRUE(books_.Extend("a", 2, absl::Minutes(2) + absl::Seconds(30)).ok());
  EXPECT_EQ(books_.hold("a").granted_seconds, 240) << "what is granted stays";
  EXPECT_EQ(books_.hold("a").final_reason, FinalReason::kLimitReached);
  EXPECT_EQ(books_.Count(EventKind::kLimitReached), 1);
}

TEST_F(LimitTest, L3_TheIncrementThatPassesTheLimitIsGrantedSoThatItIsReached) {
  ASSERT_TRUE(books_.Limit(PerDay(Cents(125)), "ann").ok());
  const Rate rate = DearRate();
  ASSERT_EQ(*books_.Hold("a", "ann", rate, absl::Hours(1)), Decision::kAllowed);
  EXPECT_EQ(books_.hold("a").granted_seconds, 120);
  ASSERT_TRUE(books_.Extend("a", 1, absl::Seconds(30)).ok());
  EXPECT_EQ(books_.hold("a").granted_seconds, 120) << "no more, however often it asks";
  ASSERT_TRUE(books_.Extend("a", 2, absl::Seconds(90)).ok());
  EXPECT_EQ(books_.hold("a").granted_seconds, 180);
  EXPECT_FALSE(books_.hold("a").final());
  ASSERT_TRUE(books_.Extend("a", 3, absl::Seconds(121)).ok());
  EXPECT_EQ(books_.hold("a").granted_seconds, 180);
  EXPECT_EQ(books_.hold("a").final_reason, FinalReason::kLimitReached);
  EXPECT_EQ(books_.LastOf(EventKind::kLimitReached).user_id, "ann");
}

TEST_F(LimitTest, L3_CallsAtATimeShareWhatTheLimitLeavesAndPassItByAnIncrementEach) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(2))).ok());
  const Rate rate = DearRate();
  for (int call = 0; call < 10; ++call) {
    const std::string hold_id = absl::StrCat("call-", call);
    ASSERT_EQ(*books_.Hold(hold_id, "ann", rate, absl::Hours(1)), Decision::kAllowed);
    EXPECT_EQ(books_.hold(hold_id).granted_seconds, call == 0 ? 240 : 60);
  }
  EXPECT_EQ(Ask(rate).max_duration_seconds, 60) << "AuthorizeUsage sees them, too";
  EXPECT_LE(books_.account().held, Dollars(2) + 9 * Cents(50));
}

TEST_F(LimitTest, L3_ACallIsAllowedNoLongerThanTheLimitLeaves) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(2))).ok());
  EXPECT_EQ(Ask(DearRate()).max_duration_seconds, 240);
  Spend(Dollars(2) - Cents(10));
  EXPECT_EQ(Ask(DearRate()).max_duration_seconds, 60) << "the first increment may pass it";
}

// --- L4 -------------------------------------------------------------------------------------

TEST_F(LimitTest, L4_ItSuspendsAutomaticRechargingAndTopUpsGoOn) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(6))).ok());
  Spend(Dollars(6));  // $9.00 are left, below the threshold
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 1);
  EXPECT_EQ(books_.CountInLast(EventKind::kRechargeOpened), 0);
  EXPECT_EQ(books_.LastOf(EventKind::kLowBalance).obstacle, RefillObstacle::kLimitReached);
  books_.Advance(absl::Hours(48));
  ASSERT_TRUE(books_.Reconsider().ok());
  EXPECT_EQ(books_.open(), nullptr) << "time does not lift it";
  ASSERT_TRUE(books_.TopUp(Dollars(15)).ok());
  ASSERT_TRUE(books_.Charge().ok());
  EXPECT_TRUE(books_.account().alarm.rings()) << "nor does a top-up";
  ASSERT_TRUE(books_.SwitchAutomatic(true).ok());
  EXPECT_TRUE(books_.account().alarm.rings()) << "nor the customer";
}

TEST_F(LimitTest, L4_WhatARingingOffReportsReachesALimitToo) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(1)), "ann").ok());
  ASSERT_EQ(*books_.Hold("a", "ann", DearRate()), Decision::kAllowed);
  ASSERT_TRUE(books_.Release("a", absl::Minutes(2)).ok());
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 1);
  EXPECT_EQ(books_.LastOf(EventKind::kLimitReached).user_id, "ann");
  EXPECT_TRUE(books_.account().alarm.rings());
}

TEST_F(LimitTest, L4_ARechargeThatWaitsIsCanceled) {
  Spend(Dollars(6));
  ASSERT_TRUE(books_.Decline(DeclineClass::kSoft).ok());
  ASSERT_NE(books_.open(), nullptr) << "it is tried again in an hour";
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(1))).ok());
  Spend(Dollars(1));
  EXPECT_EQ(books_.open(), nullptr);
  EXPECT_EQ(books_.CountInLast(EventKind::kRechargeCanceled), 1);
}

TEST_F(LimitTest, L4_D2_TheAccountIsNotDisabledByItBeforeTheDebtLimit) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(1))).ok());
  Spend(Dollars(20));  // $5.00 below zero
  EXPECT_EQ(books_.account().state, AccountState::kActive);
  Spend(Dollars(9) + Cents(99));  // the debt limit: one cent less than the reserve amount
  EXPECT_EQ(books_.account().state, AccountState::kDisabled);
  EXPECT_EQ(books_.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kLimitReached);
}

TEST_F(LimitTest, L4_ItIsToldOnceUntilItIsLifted) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(1))).ok());
  Spend(Dollars(1));
  Spend(Dollars(1));
  books_.Advance(absl::Hours(24 * 3));
  Spend(Dollars(1));
  EXPECT_EQ(books_.Count(EventKind::kLimitReached), 1);
}

TEST_F(LimitTest, L4_LiftedWithAQuietTimeItRaisesNothingAndThenCountsAgain) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(2))).ok());
  Spend(Dollars(6));
  ASSERT_TRUE(books_.LiftLimits(absl::Hours(12)).ok());
  const Event lifted = books_.LastOf(EventKind::kLimitLifted);
  EXPECT_EQ(lifted.cause, "a busy day");
  EXPECT_EQ(lifted.actor, "support-1");
  EXPECT_EQ(books_.CountInLast(EventKind::kRechargeOpened), 1) << "automatic recharging goes on";
  EXPECT_TRUE(InForceOf(books_, LimitKind::kSpendPerDay)->quiet);
  Spend(Dollars(3));
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 0);
  EXPECT_EQ(Ask(DearRate()).decision, Decision::kAllowed);
  books_.Advance(absl::Hours(12));
  Spend(Dollars(1));
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 1) << "$3.00 of before leak on";
}

TEST_F(LimitTest, L4_LiftedWithoutAUserAUsersLimitRingsAgain) {
  ASSERT_TRUE(books_.Limit(PerHour(Dollars(1)), "ann").ok());
  Call(3, "ann");
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 1);
  ASSERT_TRUE(books_.LiftLimits().ok());
  EXPECT_FALSE(books_.account().alarm.rings());
  EXPECT_FALSE(books_.users().at("ann").alarm.rings());
  EXPECT_EQ(Ask(DearRate(), "ann").decision, Decision::kAllowed) << "what she spent is forgotten";
  books_.Advance(absl::Hours(2));
  Call(3, "ann");
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 1);
  EXPECT_TRUE(books_.account().alarm.rings());
}

TEST_F(LimitTest, L4_LiftedForOneUserTheAlarmOfAnotherRingsOn) {
  for (const char* user : {"ann", "mia"}) {
    ASSERT_TRUE(books_.Limit(PerHour(Dollars(1)), user).ok());
    Call(3, user);
    EXPECT_EQ(books_.CountInLast(EventKind::kLimitReached), 1);
  }
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(1))).ok());
  Call(3, "uma");
  const absl::Time since = books_.account().alarm.time;
  books_.Advance(absl::Minutes(1));
  ASSERT_TRUE(books_.LiftLimits(absl::ZeroDuration(), "ann").ok());
  EXPECT_EQ(books_.CountInLast(EventKind::kLimitLifted), 1);
  EXPECT_EQ(books_.account().alarm.reached, kUsersBit) << "mia's";
  EXPECT_EQ(books_.account().alarm.time, since);
  EXPECT_FALSE(books_.users().at("ann").alarm.rings());
  EXPECT_TRUE(books_.users().at("mia").alarm.rings());
  ASSERT_TRUE(books_.LiftLimits(absl::ZeroDuration(), "ann").ok());
  EXPECT_TRUE(books_.last().unchanged);
  ASSERT_TRUE(books_.LiftLimits(absl::ZeroDuration(), "mia").ok());
  EXPECT_FALSE(books_.account().alarm.rings());
  EXPECT_FALSE(books_.users().at("mia").alarm.rings());
}

TEST_F(LimitTest, L4_LiftingWhereNothingIsReachedChangesNothing) {
  ASSERT_TRUE(books_.Limit(PerDay(Dollars(2))).ok());
  ASSERT_TRUE(books_.LiftLimits(absl::Hours(12)).ok());
  EXPECT_TRUE(books_.last().unchanged);
}

TEST_F(LimitTest, L4_TheFirstReserveIsChargedWhateverWasReached) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(books.Limit(PerDay(Cents(1))).ok());
  ASSERT_TRUE(books.Use(Cents(50)).ok());
  EXPECT_TRUE(books.account().alarm.rings());
  EXPECT_NE(books.open(), nullptr) << "it is no automatic recharge (O1)";
}

// --- L5 -------------------------------------------------------------------------------------

TEST_F(LimitTest, L5_AMinuteHasACeilingWhichForNewAccountsIsLow) {
  EXPECT_EQ(Ask(RateAt(Dollars(10))).decision, Decision::kAllowed);
  EXPECT_EQ(Ask(RateAt(Dollars(10) + 1)).limit.kind, LimitKind::kPricePerMinute);
  Rate with_fee = RateAt(Dollars(9));
  with_fee.connect_fee = Dollars(2);
  EXPECT_EQ(Ask(with_fee).decision, Decision::kLimitReached) << "a fee is a price, too";
  Rate with_minimum = RateAt(Cents(1));
  Tariff tariff;
  tariff.lines.emplace_back().price = Cents(1);
  tariff.lines[0].minimum = Dollars(10) + 1;
  with_minimum.tariff = &tariff;
  EXPECT_EQ(Ask(with_minimum).limit.kind, LimitKind::kPricePerMinute) << "so is the least";
  Books opened{Settings()};
  opened.OpenFunded();
  const Rate dear = RateAt(Dollars(1) + 1);
  const auto ask = [&] { return opened.Authorize("ann", OutboundCall(opened.now(), 0), &dear); };
  EXPECT_EQ(ask().limit.kind, LimitKind::kNewAccountPricePerMinute);
  EXPECT_EQ(ask().limit.until, opened.account().create_time + absl::Hours(24 * 7));
  opened.Advance(absl::Hours(24 * 7));
  EXPECT_EQ(ask().decision, Decision::kAllowed);
}

TEST_F(LimitTest, L5_PaidCallsGoOnlyToTheCountriesThatAreAllowed) {
  Limits limits;
  limits.countries = {"CA", "US"};
  ASSERT_TRUE(books_.Limit(limits).ok());
  EXPECT_EQ(Ask(DearRate()).decision, Decision::kAllowed);
  Usage abroad = OutboundCall(books_.now(), 0);
  abroad.destination = "4930123456";
  const Rate rate = DearRate();
  EXPECT_EQ(books_.Authorize("ann", abroad, &rate).limit.kind, LimitKind::kCountries);
  Rate premium = DearRate();
  premium.country = NumberCountry::kPremiumRate;
  EXPECT_EQ(Ask(premium).decision, Decision::kLimitReached) << "as the deck says, in the US or not";
  limits.countries = {"*"};
  ASSERT_TRUE(books_.Limit(limits, "ann").ok());
  EXPECT_EQ(books_.Authorize("ann", abroad, &rate).decision, Decision::kAllowed);
  EXPECT_EQ(books_.Authorize("mia", abroad, &rate).decision, Decision::kLimitReached);
}

TEST_F(LimitTest, L5_H10_CallsAtATimeAndTheLongestCallHaveLevelsToo) {
  Limits limits;
  limits.calls = 2;
  limits.longest_call_seconds = 120;
  ASSERT_TRUE(books_.Limit(limits).ok());
  const Rate rate = DearRate();
  ASSERT_EQ(*books_.Hold("a", "ann", rate, absl::Minutes(10)), Decision::kAllowed);
  EXPECT_EQ(books_.hold("a").granted_seconds, 120);
  EXPECT_EQ(books_.hold("a").final_reason, FinalReason::kLongestCall);
  ASSERT_EQ(*books_.Hold("b", "mia", rate), Decision::kAllowed);
  EXPECT_EQ(*books_.Hold("c", "uma", rate), Decision::kTooManyCalls);
  Limits of_user;
  of_user.calls = 0;
  ASSERT_TRUE(books_.Limit(of_user, "uma").ok());
  limits.calls = 9;
  ASSERT_TRUE(books_.Limit(limits).ok());
  EXPECT_EQ(*books_.Hold("c", "uma", rate), Decision::kTooManyCalls);
  EXPECT_EQ(*books_.Hold("c", "ann", rate), Decision::kAllowed);
}

TEST_F(LimitTest, L5_BeforeAnUpgradeIsFinishedNothingOfItCounts) {
  Context before = books_.context();
  before.feature_level = kLimitsLevel - 1;
  const User& ann = books_.users().at("ann");
  const Rate rate = RateAt(Dollars(11));
  EXPECT_EQ(AuthorizeUsage(before, books_.account(), ann, PerMinutePlan(),
                           OutboundCall(books_.now(), 0), &rate)
                .decision,
            Decision::kAllowed);
  EXPECT_EQ(UpdateLimits(before, books_.account(), nullptr, {PerDay(1), {LimitKind::kSpendPerDay}},
                         Staff("x"))
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace reserve::domain
