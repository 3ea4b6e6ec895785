// Users and their plans (K4), and what another plan would save (A1).
#include "services/ledger/domain/user_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/advice.h"
#include "services/ledger/domain/user_plan.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

// --- The plans of a user ---------------------------------------------------------------

TEST(UserPlanTest, K4_APlanHoldsFromItsTimeOnAndTheFirstForAllTimeBefore) {
  EarlierPlans earlier;
  std::string latest = "a";
  EXPECT_EQ(earlier.PlanIdAt(absl::InfinitePast(), latest), "a");
  earlier.Change("b", kNow, &latest);
  earlier.Change("c", kNow + absl::Hours(1), &latest);
  EXPECT_EQ(earlier.PlanIdAt(absl::InfinitePast(), latest), "a");
  EXPECT_EQ(earlier.PlanIdAt(kNow - absl::Microseconds(1), latest), "a");
  EXPECT_EQ(earlier.PlanIdAt(kNow, latest), "b");
  EXPECT_EQ(earlier.PlanIdAt(kNow + absl::Hours(1), latest), "c");
}

TEST(UserPlanTest, K4_AChangeTakesAwayWhatWasToComeThenOrLater) {
  EarlierPlans earlier;
  std::string latest = "a";
  earlier.Change("b", kNow + absl::Hours(1), &latest);
  earlier.Change("c", kNow + absl::Hours(2), &latest);
  earlier.Change("d", kNow + absl::Hours(1), &latest);
  EXPECT_EQ(latest, "d");
  EXPECT_THAT(earlier.All(), SizeIs(1));
  earlier.Change("a", kNow, &latest);
  EXPECT_EQ(latest, "a");
  EXPECT_THAT(earlier.All(), IsEmpty());
}

// --- PutUser, RemoveUser ---------------------------------------------------------------

class UserPolicyTest : public testing::Test {
 protected:
  UserPolicyTest() {
    books_.OpenFunded();
    context_.now = books_.now();
  }

  // What it comes to, of the user as she was left by the one before.
  absl::Status Put(const UserChange& change) {
    auto put = domain::PutUser(context_, books_.account(), &user_, change);
    if (put.ok()) {
      events_ = {put->events.begin(), put->events.end()};
      if (put->user.has_value()) user_ = *put->user;
    }
    return put.status();
  }

  Settings settings_;
  Context context_{settings_, kNow, kNewestFeatureLevel};
  Books books_;
  User user_ = [] {
    User user;
    user.account_id = "a";
    user.user_id = "ann";
    user.plan_id = "per_minute";
    return user;
  }();
  std::vector<Event> events_;
};

TEST_F(UserPolicyTest, K4_APlanOfATimeToComeIsToldAndRepeatedWithoutAChange) {
  UserChange change{"ann", "unlimited", context_.now + absl::Hours(1)};
  ASSERT_TRUE(Put(change).ok());
  EXPECT_EQ(user_.PlanIdAt(context_.now), "per_minute");
  EXPECT_EQ(user_.PlanIdAt(change.plan_from), "unlimited");
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].kind, EventKind::kUserPut);
  EXPECT_THAT(events_[0].cause, HasSubstr("ann is on plan per_minute, from "));
  EXPECT_THAT(events_[0].cause, HasSubstr("on unlimited"));
  ASSERT_TRUE(Put(change).ok());
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(UserPolicyTest, K4_WhatProgramsOfBeforeWouldNotHeedWaitsForTheEndOfAnUpgrade) {
  context_.feature_level = kPlansLevel - 1;
  UserChange later{"ann", "unlimited", context_.now + absl::Hours(1)};
  EXPECT_EQ(ReasonOf(Put(later)), "FEATURE_LEVEL_TOO_LOW");
  UserChange block{"ann"};
  block.blocked = true;
  EXPECT_EQ(ReasonOf(Put(block)), "FEATURE_LEVEL_TOO_LOW");
  EXPECT_EQ(ReasonOf(domain::RemoveUser(context_, books_.account(), user_).status()),
            "FEATURE_LEVEL_TOO_LOW");
  EXPECT_TRUE(Put({"ann", "unlimited"}).ok()) << "a change from now on is read by all";
}

TEST_F(UserPolicyTest, K4_AUserChangesPlanNotTooOften) {
  for (size_t i = 0; i < kMostEarlierPlans; ++i) {
    context_.now += absl::Hours(1);
    ASSERT_TRUE(Put({"ann", absl::StrCat("plan-", i)}).ok());
  }
  context_.now += absl::Hours(1);
  const User before = user_;
  EXPECT_EQ(ReasonOf(Put({"ann", "another"})), "PLAN_CHANGED_TOO_OFTEN");
  EXPECT_EQ(user_, before);
  context_.now += kEarlierPlansKept;
  EXPECT_TRUE(Put({"ann", "another"}).ok());
  EXPECT_EQ(user_.earlier_plans.All().size(), kMostEarlierPlans);
}

TEST_F(UserPolicyTest, ADisplayNameIsToldOfWithoutTheName) {
  UserChange change{"ann"};
  change.display_name = "Ann of Sales";
  ASSERT_TRUE(Put(change).ok());
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_THAT(events_[0].cause, testing::Not(HasSubstr("Sales")));
  EXPECT_EQ(user_.display_name, "Ann of Sales");
}

TEST(UserBooksTest, K4_OfARemovedUserNothingIsAuthorisedAndFactsAreBooked) {
  Books books;
  ASSERT_NO_FATAL_FAILURE(books.OpenFunded());
  const Rate rate = StandardRate();
  EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 60), &rate).decision,
            Decision::kAllowed);
  ASSERT_TRUE(books.RemoveUser("ann").ok());
  EXPECT_EQ(books.CountInLast(EventKind::kUserRemoved), 1);
  EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 60), &rate).decision,
            Decision::kUserRemoved);
  EXPECT_EQ(*books.Hold("held", "ann", rate), Decision::kUserRemoved);
  ASSERT_TRUE(books.Record("ann", OutboundCall(books.now(), 60), &rate).ok());
  ASSERT_TRUE(books.ChangeUser({"ann"}).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kUserPut), 1);
  EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 60), &rate).decision,
            Decision::kAllowed);
  EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 60), &rate).free_seconds_left,
            kPerMinuteFreeSeconds - 60)
      << "the id keeps what it used";
}

TEST(UserBooksTest, K4_ABlockedUserMayBeginNothingUntilTheBlockEnds) {
  Books books;
  ASSERT_NO_FATAL_FAILURE(books.OpenFunded());
  const Rate rate = StandardRate();
  UserChange change{"ann"};
  change.blocked = true;
  ASSERT_TRUE(books.ChangeUser(change).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kUserBlocked), 1);
  EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 60), &rate).decision,
            Decision::kUserBlocked);
  ASSERT_TRUE(books.Record("ann", OutboundCall(books.now(), 60), &rate).ok());
  change.blocked = false;
  ASSERT_TRUE(books.ChangeUser(change).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kUserUnblocked), 1);
  EXPECT_EQ(books.Authorize("ann", OutboundCall(books.now(), 60), &rate).decision,
            Decision::kAllowed);
}

// --- Plans -----------------------------------------------------------------------------

TEST(PlanTest, K4_TermsOutOfBoundsAreRefusedByTheirField) {
  const Settings settings;
  const auto refused = [&settings](auto change) {
    Plan plan = PerMinutePlan();
    change(plan);
    return FieldOf(CheckPlan(settings, plan));
  };
  EXPECT_EQ(refused([](Plan&) {}), "");
  EXPECT_EQ(refused([](Plan& plan) { plan.free_seconds = -1; }), "allowance");
  EXPECT_EQ(refused([](Plan& plan) { plan.free_seconds = 2'000'000'000; }), "allowance");
  EXPECT_EQ(refused([](Plan& plan) { plan.standard_calls = StandardCalls::kIncluded; }),
            "allowance");
  EXPECT_EQ(refused([](Plan& plan) { plan.longest_call_seconds = -1; }), "longest_call");
  EXPECT_EQ(refused([](Plan& plan) { plan.monthly_prices = {{"USD", -1}}; }), "monthly_prices[0]");
  EXPECT_EQ(refused([](Plan& plan) {
              plan.monthly_prices = {{"USD", 1}, {"USD", 2}};
            }),
            "monthly_prices[1]");
  EXPECT_EQ(refused([](Plan& plan) {
              plan.monthly_prices = {{"XAF", 1}};
            }),
            "monthly_prices[0].currency_code");
  EXPECT_EQ(refused([](Plan& plan) {
              plan.default_reserve_amounts = {{"USD", -1}};
            }),
            "default_reserve_amounts[0]");
}

TEST(PlanTest, O2_APlansDefaultReserveIsThatOfTheCurrency) {
  Plan plan = PerMinutePlan();
  plan.default_reserve_amount = 5;
  plan.default_reserve_amounts = {{"EUR", 7}};
  EXPECT_EQ(plan.DefaultReserveIn("EUR"), 7);
  EXPECT_EQ(plan.DefaultReserveIn("USD"), 5);
}

TEST(AdviceTest, A1_TheSavingIsWhatTheCallsCostLessTheDifferenceOfThePrices) {
  const auto priced = [](Plan plan, const std::string& plan_id, Nanos price) {
    plan.plan_id = plan_id;
    plan.monthly_prices = {{"USD", price}};
    return plan;
  };
  const Plan current = priced(PerMinutePlan(), "per_minute", 5 * kNanosPerUnit);
  const Plan cheap = priced(UnlimitedPlan(), "cheap", 25 * kNanosPerUnit);
  const Plan dear = priced(UnlimitedPlan(), "dear", 40 * kNanosPerUnit);
  Plan other_list = priced(UnlimitedPlan(), "other", 0);
  other_list.series = "other";
  const std::vector<const Plan*> offered = {&current, &dear, &cheap, &other_list};
  const auto best = BestUnlimited(current, offered, "USD", 30 * kNanosPerUnit);
  ASSERT_TRUE(best.has_value());
  EXPECT_EQ(best->plan, &cheap);
  EXPECT_EQ(best->saving, 10 * kNanosPerUnit);
  EXPECT_EQ(best->standard_cost, 30 * kNanosPerUnit);
  EXPECT_EQ(best->current_monthly_price, 5 * kNanosPerUnit);
  EXPECT_EQ(best->advised_monthly_price, 25 * kNanosPerUnit);
  EXPECT_FALSE(BestUnlimited(current, offered, "USD", 19 * kNanosPerUnit).has_value())
      << "it would cost more than it saves";
  EXPECT_FALSE(BestUnlimited(current, offered, "EUR", 30 * kNanosPerUnit).has_value())
      << "none has a price in that currency";
}

}  // namespace
}  // namespace reserve::domain
