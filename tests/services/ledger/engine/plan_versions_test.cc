// Plans have versions, and users change plan (K4): by one ledger, for all of them.
#include "services/ledger/engine/plan_versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/plan_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using rates::PlanVersion;
using testing::SizeIs;

constexpr Nanos kMinute = kNanosPerCent;  // to kStandardNumber

class PlanVersionsTest : public testing::Test {
 protected:
  // Two ledgers that look for what is new only when somebody needs it.
  PlanVersionsTest() {
    EngineOptions options = ledger_.Options();
    options.house_interval = absl::Hours(1);
    one_ = ledger_.StartEngine(options);
    other_ = ledger_.StartEngine(options);
    OpenFunded(*one_, kAccount);
  }

  ~PlanVersionsTest() override { ledger_.Audit(); }

  absl::Time Now() { return ledger_.clock().Now(); }

  // Terms with so many free seconds for life, and standard calls metered.
  PlanOrder OrderOf(const std::string& plan_id, int64_t free_seconds,
                    std::optional<absl::Time> from = std::nullopt) {
    PlanOrder order;
    order.plan_id = plan_id;
    order.allow_missing = true;
    order.from = from;
    order.change = [free_seconds](domain::Plan plan) -> absl::StatusOr<domain::Plan> {
      plan.free_seconds = free_seconds;
      return plan;
    };
    order.request_id = absl::StrCat("put-", ++orders_);
    order.digest = absl::StrCat(plan_id, " ", free_seconds);
    return order;
  }

  absl::StatusOr<PlanVersion> Put(const PlanOrder& order) { return PutBy(*one_, order); }
  absl::StatusOr<PlanVersion> PutBy(Engine& engine, const PlanOrder& order) {
    const auto connection = ledger_.Connect();
    return engine.PutPlan(*connection, order);
  }
  absl::Status Retire(const std::string& plan_id, const std::string& etag = "") {
    const auto connection = ledger_.Connect();
    return one_->RetirePlan(*connection, plan_id, etag, {.by = {"nobody buys it", "jo", "T-7"}});
  }
  absl::Status RetireFor(const std::string& request_id, const std::string& plan_id) {
    const auto connection = ledger_.Connect();
    return one_->RetirePlan(*connection, plan_id, "",
                            {.request_id = request_id, .digest = plan_id});
  }

  absl::StatusOr<UsageReply> Record(Engine& engine, const std::string& user, absl::Time start,
                                    int64_t seconds = 60) {
    domain::Usage call = Call(user, absl::StrCat("usage-", ++usages_), kStandardNumber, seconds);
    call.start_time = start;
    return Ask<UsageReply>(engine, kAccount, RecordUsage{call});
  }
  Nanos Cost(Engine& engine, const std::string& user, absl::Time start) {
    const auto booked = Record(engine, user, start);
    EXPECT_TRUE(booked.ok()) << booked.status();
    return booked.ok() ? booked->cost : -1;
  }
  absl::StatusOr<UserReply> PutOn(Engine& engine, const std::string& user,
                                  const std::string& plan_id,
                                  absl::Time from = absl::InfinitePast()) {
    return Ask<UserReply>(engine, kAccount, PutUser{user, plan_id, from});
  }

  const storage::SqlThread sql_thread_;
  Ledger ledger_;
  std::unique_ptr<Engine> one_;
  std::unique_ptr<Engine> other_;
  int orders_ = 0;
  int usages_ = 0;
};

TEST_F(PlanVersionsTest, K4_ANewPlanIsKnownToEveryLedgerAtOnce) {
  EXPECT_EQ(ReasonOf(PutOn(*other_, "new", "night").status()), "PLAN_NOT_FOUND");
  const auto put = Put(OrderOf("night", 120));
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->version, 1);
  EXPECT_EQ(put->from, absl::InfinitePast());
  const auto user = PutOn(*other_, "new", "night");
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->plan.free_seconds, 120);
  EXPECT_EQ(Cost(*one_, "new", Now()), 0);
}

TEST_F(PlanVersionsTest, K4_BothLedgersPriceAStartByTheVersionInForceThen) {
  ASSERT_TRUE(Put(OrderOf("night", 3'600)).ok());
  ASSERT_TRUE(PutOn(*one_, "new", "night").ok());
  const absl::Time change = Now() + absl::Minutes(10);
  const auto put = Put(OrderOf("night", 0, change));
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->version, 2);
  EXPECT_EQ(put->from, change);
  ledger_.clock().Advance(absl::Minutes(10));
  for (Engine* engine : {other_.get(), one_.get()}) {
    EXPECT_EQ(Cost(*engine, "new", change - absl::Microseconds(1)), 0);
    EXPECT_EQ(Cost(*engine, "new", change), kMinute);
    EXPECT_EQ(Cost(*engine, "new", change + absl::Seconds(1)), kMinute) << "ahead of the clock";
  }
  ledger_.clock().Advance(absl::Hours(1));
  for (Engine* engine : {other_.get(), one_.get()}) {
    EXPECT_EQ(Cost(*engine, "new", change - absl::Seconds(1)), 0) << "a late CDR";
  }
}

TEST_F(PlanVersionsTest, K4_StartsAroundAVersionArePricedAlikeWhileItIsWritten) {
  ASSERT_TRUE(Put(OrderOf("night", 1'000'000)).ok());
  ASSERT_TRUE(PutOn(*one_, "new", "night").ok());
  // Both have read the timeline before it is written.
  ASSERT_EQ(Cost(*other_, "new", Now()), 0);
  std::atomic<bool> written = false;
  std::optional<absl::StatusOr<PlanVersion>> put;
  std::thread writer([&] {
    const storage::SqlThread sql_thread;
    put = Put(OrderOf("night", 0));
    written = true;
  });
  // Meanwhile each prices what begins around now and later, as far as it knows.
  struct Priced {
    absl::Time start;
    Nanos cost;
  };
  std::vector<Priced> priced;
  for (int i = 0, after = 0; after < 500; ++i) {
    if (written) {
      ++after;
      ledger_.clock().Advance(absl::Milliseconds(10));
    }
    const absl::Time start = Now() + absl::Milliseconds(25) * (i % 100 - 50);
    const auto booked = Record(i % 2 == 0 ? *one_ : *other_, "new", start);
    if (booked.ok()) {
      priced.push_back({start, booked->cost});
    } else {
      EXPECT_EQ(ReasonOf(booked.status()), "RATE_TIMELINE_NOT_READ") << booked.status();
    }
  }
  writer.join();
  ASSERT_TRUE(put->ok()) << put->status();
  EXPECT_LT(priced.front().start, (*put)->from);
  EXPECT_GT(priced.back().start, (*put)->from) << "both were tried";
  for (const Priced& each : priced) {
    EXPECT_EQ(each.cost, each.start < (*put)->from ? 0 : kMinute)
        << absl::FormatTime(each.start) << " of " << absl::FormatTime((*put)->from);
  }
}

TEST_F(PlanVersionsTest, K4_WhatWasBookedStaysAndIsRatedAgainByTheTermsOfItsStart) {
  ASSERT_TRUE(Put(OrderOf("night", 60)).ok());
  ASSERT_TRUE(PutOn(*one_, "new", "night").ok());
  const absl::Time start = Now();
  ASSERT_TRUE(Record(*one_, "new", start, 120).ok());
  ASSERT_TRUE(Put(OrderOf("night", 6'000, Now() + absl::Minutes(5))).ok());
  ledger_.clock().Advance(absl::Hours(1));
  book::RerateUsage again;
  again.usage_id = absl::StrCat("usage-", usages_);
  again.rerating.number = 1;
  again.rerating.by = {"a wrong deck"};
  const auto rerated = Ask<RerateReply>(*other_, kAccount, again);
  ASSERT_TRUE(rerated.ok()) << rerated.status();
  EXPECT_EQ(rerated->cost, kMinute) << "by the version of its start";
  EXPECT_EQ(rerated->free_seconds, 60);
}

TEST_F(PlanVersionsTest, K4_ACallInProgressKeepsTheTermsOfItsAnswer) {
  ASSERT_TRUE(Put(OrderOf("night", 36'000)).ok());
  ASSERT_TRUE(PutOn(*one_, "new", "night").ok());
  CreateHold create;
  create.request.hold_id = "h";
  create.request.call = Call("new", "held", kStandardNumber, 0);
  create.request.call.start_time = Now();
  ASSERT_TRUE(Ask<HoldReply>(*one_, kAccount, create).ok());
  ASSERT_TRUE(Put(OrderOf("night", 0, Now() + absl::Minutes(10))).ok());
  ledger_.clock().Advance(absl::Minutes(1));
  ASSERT_TRUE(Ask<HoldReply>(*other_, kAccount, ExtendHold{"h", {1, absl::Seconds(30)}}).ok());
  ledger_.clock().Advance(absl::Minutes(20));
  const auto late = Ask<HoldReply>(*other_, kAccount, ExtendHold{"h", {2, absl::Minutes(20)}});
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->hold->used, absl::Minutes(20));
  EXPECT_EQ(late->hold->accrued, 0) << "by the terms of before";
  EXPECT_EQ(Cost(*one_, "new", Now()), kMinute) << "another call is paid for";
}

TEST_F(PlanVersionsTest, K4_ARequestIsDoneOnceWhoeverIsAsked) {
  const PlanOrder order = OrderOf("night", 60);
  ASSERT_TRUE(Put(order).ok());
  ASSERT_TRUE(Put(OrderOf("night", 120, Now() + absl::Hours(1))).ok());
  const auto again = PutBy(*other_, order);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->version, 1);
  EXPECT_EQ(again->plan.free_seconds, 60);
  PlanOrder reused = OrderOf("night", 61);
  reused.request_id = order.request_id;
  EXPECT_EQ(ReasonOf(Put(reused).status()), "REQUEST_ID_REUSED");
  ActivationOrder activation;
  activation.deck_version = 1;
  activation.request_id = order.request_id;
  const auto connection = ledger_.Connect();
  EXPECT_EQ(ReasonOf(one_->ActivateDeck(*connection, activation).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT COUNT(*) FROM plan_versions"), 2);
}

TEST_F(PlanVersionsTest, K4_AVersionThatWasLeftUndecidedIsGoneOnWithOrMisses) {
  ASSERT_TRUE(Put(OrderOf("night", 3'600)).ok());
  ASSERT_TRUE(PutOn(*one_, "new", "night").ok());
  const absl::Time change = Now() + absl::Minutes(10);
  const auto connection = ledger_.Connect();
  // As a ledger leaves it that ends between the two.
  const auto leave = [&](const PlanOrder& order) {
    const auto left = PlanVersionFor(
        *connection, [this](storage::Connection&) { return Now(); }, order);
    ASSERT_TRUE(left.ok()) << left.status();
    ASSERT_TRUE(storage::AddPlanVersion(*connection, *left).ok());
  };
  const PlanOrder order = OrderOf("night", 0, change);
  leave(order);
  ledger_.clock().Advance(absl::Minutes(10) - rates::kTimelineHolds);
  EXPECT_EQ(Cost(*other_, "new", change - absl::Seconds(1)), 0);
  EXPECT_EQ(ReasonOf(Record(*other_, "new", change).status()), "RATE_TIMELINE_NOT_READ");
  ASSERT_TRUE(Put(order).ok());
  absl::StatusOr<UsageReply> booked;
  EXPECT_TRUE(test_support::WaitUntil([&] {
    booked = Record(*other_, "new", change);
    return booked.ok();
  })) << booked.status();
  EXPECT_EQ(booked->cost, kMinute);
  leave(OrderOf("night", 60, change + absl::Minutes(10)));
  ledger_.clock().Advance(absl::Hours(1));
  EngineOptions options = ledger_.Options();
  one_ = ledger_.StartEngine(options);  // one that keeps house
  EXPECT_TRUE(test_support::WaitUntil([&] {
    return ledger_.sql().QueryInt("SELECT COUNT(*) FROM plan_versions WHERE stage = 3") == 1;
  }));
  EXPECT_EQ(Cost(*other_, "new", Now()), kMinute);
}

// Two at once: what another ledger has written and not decided yet is not forgotten.
TEST_F(PlanVersionsTest, K4_AVersionIsMadeFromOneThatIsStillToBeDecided) {
  ASSERT_TRUE(Put(OrderOf("night", 3'600)).ok());
  const auto connection = ledger_.Connect();
  const auto written = PlanVersionFor(
      *connection, [this](storage::Connection&) { return Now(); }, OrderOf("night", 600));
  ASSERT_TRUE(written.ok()) << written.status();
  ASSERT_EQ(written->stage, rates::ActivationStage::kPrepared);
  ASSERT_TRUE(storage::AddPlanVersion(*connection, *written).ok());
  PlanOrder name_alone = OrderOf("night", 0);
  name_alone.change = [](domain::Plan plan) -> absl::StatusOr<domain::Plan> {
    plan.display_name = "Night";
    return plan;
  };
  const auto put = PutBy(*other_, name_alone);
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->version, 3);
  EXPECT_EQ(put->plan.display_name, "Night");
  EXPECT_EQ(put->plan.free_seconds, 600);
  const auto plans = storage::LoadPlanBook(*connection);
  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_THAT(plans->VersionsOf("night"), SizeIs(3)) << "the other one counts";
  EXPECT_TRUE(plans->undecided().empty());
}

TEST_F(PlanVersionsTest, K4_ManyAtOnceEachKeepWhatTheOthersChanged) {
  ASSERT_TRUE(Put(OrderOf("night", 3'600)).ok());
  constexpr int kPuts = 4;
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < kPuts; ++i) {
    PlanOrder order = OrderOf("night", 0);
    order.change = [i](domain::Plan plan) -> absl::StatusOr<domain::Plan> {
      absl::StrAppend(&plan.display_name, i);
      return plan;
    };
    threads.emplace_back([this, i, order, &done] {
      const storage::SqlThread sql_thread;
      const auto put = PutBy(i % 2 == 0 ? *one_ : *other_, order);
      EXPECT_TRUE(put.ok()) << put.status();
      done += put.ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(done, kPuts);
  const auto plans = storage::LoadPlanBook(*ledger_.Connect());
  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(plans->VersionsOf("night").back()->plan.display_name.size(), kPuts);
}

TEST_F(PlanVersionsTest, K4_NoVersionIsBackdatedAndAFirstOneHoldsForAllTime) {
  EXPECT_EQ(FieldOf(Put(OrderOf("night", 60, Now() + absl::Hours(1))).status()), "effective_time");
  ASSERT_TRUE(Put(OrderOf("night", 60)).ok());
  EXPECT_EQ(FieldOf(Put(OrderOf("night", 60, Now() - absl::Seconds(1))).status()),
            "effective_time");
  EXPECT_EQ(FieldOf(Put(OrderOf("night", 60, Now() + absl::Seconds(1))).status()),
            "effective_time");
  PlanOrder known_only = OrderOf("day", 60);
  known_only.allow_missing = false;
  EXPECT_EQ(ReasonOf(Put(known_only).status()), "PLAN_NOT_FOUND");
}

TEST_F(PlanVersionsTest, K4_AVersionRestsOnThePlanThatItWasMadeFrom) {
  ASSERT_TRUE(Put(OrderOf("night", 60)).ok());
  PlanOrder order = OrderOf("night", 120);
  order.etag = EtagOf(*one_->catalog()->plans, "night");
  ASSERT_TRUE(Put(OrderOf("night", 90, Now() + absl::Hours(1))).ok());
  EXPECT_EQ(ReasonOf(Put(order).status()), "ETAG_MISMATCH");
  EXPECT_EQ(ReasonOf(Retire("night", order.etag)), "ETAG_MISMATCH");
  const std::string now = EtagOf(*one_->catalog()->plans, "night");
  EXPECT_TRUE(Retire("night", now).ok());
  EXPECT_TRUE(Retire("night", now).ok()) << "the same again, whose reply was lost";
}

TEST_F(PlanVersionsTest, K4_NobodyIsPutOnARetiredPlanAndWhoIsOnItGoesOn) {
  ASSERT_TRUE(Put(OrderOf("night", 6'000)).ok());
  ASSERT_TRUE(PutOn(*one_, "old", "night").ok());
  EXPECT_EQ(ReasonOf(Retire("nothing")), "PLAN_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Retire("per_minute")), "PLAN_NEEDED");
  ASSERT_TRUE(Retire("night").ok());
  ASSERT_TRUE(Retire("night").ok()) << "it stays so";
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT COUNT(*) FROM plan_versions WHERE stage = 4"), 1);
  EXPECT_EQ(ReasonOf(PutOn(*one_, "new", "night").status()), "PLAN_RETIRED");
  EXPECT_EQ(ReasonOf(PutOn(*one_, kUser, "night").status()), "PLAN_RETIRED");
  OpenAccount open = OpenWithCard();
  open.plan_id = "night";
  EXPECT_EQ(ReasonOf(Ask<domain::Account>(*one_, "late", open).status()), "PLAN_RETIRED");
  EXPECT_TRUE(PutOn(*one_, "old", "night").ok());
  EXPECT_EQ(Cost(*one_, "old", Now()), 0);
}

TEST_F(PlanVersionsTest, K4_WhoRetiredAPlanAndWhyIsStored) {
  ASSERT_TRUE(Put(OrderOf("night", 0)).ok());
  ASSERT_TRUE(Retire("night").ok());
  EXPECT_EQ(
      ledger_.sql().QueryText(
          "SELECT CONCAT(reason, '|', actor, '|', reference) FROM plan_versions WHERE plan_id "
          "= 'night' AND stage = 4"),
      "nobody buys it|jo|T-7");
}

TEST_F(PlanVersionsTest, ARetirementIsDoneOnceAndItsIdIsForNothingElse) {
  ASSERT_TRUE(Put(OrderOf("night", 0)).ok());
  PlanOrder day = OrderOf("day", 0);
  ASSERT_TRUE(Put(day).ok());
  ASSERT_TRUE(RetireFor("retire", "night").ok());
  const auto retired = one_->catalog()->plans->RetireTimeOf("night");
  ASSERT_TRUE(retired.has_value());
  ledger_.clock().Advance(absl::Hours(1));
  EXPECT_TRUE(RetireFor("retire", "night").ok()) << "a repeat";
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT COUNT(*) FROM plan_versions WHERE stage = 4"), 1);
  EXPECT_EQ(ReasonOf(RetireFor("retire", "day")), "REQUEST_ID_REUSED");
  EXPECT_EQ(ReasonOf(RetireFor(day.request_id, "day")), "REQUEST_ID_REUSED");
  day.request_id = "retire";
  EXPECT_EQ(ReasonOf(Put(day).status()), "REQUEST_ID_REUSED");
  // The id of one that changes nothing is taken, too.
  EXPECT_TRUE(RetireFor("again", "night").ok());
  EXPECT_EQ(ReasonOf(RetireFor("again", "day")), "REQUEST_ID_REUSED");
  EXPECT_EQ(one_->catalog()->plans->RetireTimeOf("night"), retired);
  EXPECT_FALSE(one_->catalog()->plans->IsRetired("day"));
}

TEST_F(PlanVersionsTest, K4_WhatProgramsOfBeforeWouldMisreadWaitsForTheEndOfAnUpgrade) {
  ledger_.sql().Execute("UPDATE feature_level SET level = 2, receipts_from = NULL");
  EXPECT_EQ(ReasonOf(Put(OrderOf("night", 60)).status()), "FEATURE_LEVEL_TOO_LOW");
  EXPECT_EQ(ReasonOf(Retire("unlimited")), "FEATURE_LEVEL_TOO_LOW");
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT COUNT(*) FROM plan_versions"), 0);
}

// --- Users -------------------------------------------------------------------------------

TEST_F(PlanVersionsTest, K4_AUsageIsRatedByThePlanOfItsUserAtItsStart) {
  ASSERT_TRUE(Put(OrderOf("paid", 0)).ok());
  const absl::Time change = Now() + absl::Minutes(30);
  const auto put = PutOn(*one_, kUser, "paid", change);
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->plan.plan_id, "per_minute");
  ledger_.clock().Advance(absl::Hours(1));
  for (Engine* engine : {other_.get(), one_.get()}) {
    EXPECT_EQ(Cost(*engine, kUser, change - absl::Seconds(1)), 0) << "a late CDR";
    EXPECT_EQ(Cost(*engine, kUser, change), kMinute);
  }
  ASSERT_TRUE(PutOn(*other_, kUser, "per_minute").ok());
  EXPECT_EQ(Cost(*one_, kUser, Now()), 0);
  EXPECT_EQ(Cost(*one_, kUser, change), kMinute);
  const auto connection = ledger_.Connect();
  const auto users = storage::LoadUsers(*connection, {{kAccount, kUser}});
  ASSERT_TRUE(users.ok());
  EXPECT_THAT(users->front().earlier_plans.All(), SizeIs(2));
  EXPECT_EQ(users->front().SecondsUsed(0), 3 * 60) << "used seconds stay used";
}

TEST_F(PlanVersionsTest, K4_WhatAProgramOfBeforePutHoldsFromTheLastChangeOn) {
  ASSERT_TRUE(PutOn(*one_, kUser, "unlimited").ok());
  // As such a program would: it knows the one column.
  ledger_.sql().Execute("UPDATE users SET plan_id = 'per_minute' WHERE user_id = 'u'");
  const auto connection = ledger_.Connect();
  const auto users = storage::LoadUsers(*connection, {{kAccount, kUser}});
  EXPECT_EQ(users->front().PlanIdAt(Now()), "per_minute");
  EXPECT_THAT(users->front().earlier_plans.All(), SizeIs(1));
}

TEST_F(PlanVersionsTest, K4_ARemovedUserIsRefusedAndTheIdComesBackWithWhatItUsed) {
  ASSERT_EQ(Cost(*one_, kUser, Now()), 0);
  const auto removed = Ask<UserReply>(*other_, kAccount, book::RemoveUser{kUser});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_TRUE(removed->user.removed());
  ASSERT_TRUE(Ask<UserReply>(*one_, kAccount, book::RemoveUser{kUser}).ok()) << "once more";
  const auto asked =
      Ask<AuthorizeReply>(*one_, kAccount, AuthorizeUsage{Call(kUser, "", kStandardNumber, 0)});
  EXPECT_EQ(asked->authorization.decision, domain::Decision::kUserRemoved);
  EXPECT_EQ(Cost(*one_, kUser, Now()), 0) << "a fact";
  EXPECT_EQ(ReasonOf(Ask<UserReply>(*one_, kAccount, book::RemoveUser{"nobody"}).status()),
            "USER_NOT_FOUND");
  const auto connection = ledger_.Connect();
  const auto listed = storage::ListUsers(*connection, kAccount, "", 10, /*with_removed=*/false);
  for (const domain::User& user : *listed) EXPECT_NE(user.user_id, kUser);
  const auto back = Ask<UserReply>(*one_, kAccount, PutUser{kUser, ""});
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_FALSE(back->user.removed());
  EXPECT_EQ(back->user.SecondsUsed(0), 120);
}

}  // namespace
}  // namespace reserve::engine
