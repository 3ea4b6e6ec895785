// Cards that are pending, captured in part or about to be tried again, by the real processes: what
// a customer, staff or a bank does meanwhile counts, and nothing is charged that must not be (G1,
// G3, G4, P3). The gateway's own list of charges is the witness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::WaitUntil;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Recharges = pb::Recharges::Stub;
using Support = pb::Support::Stub;

class CardsTest : public StackTest {
 protected:
  // For so long what is pending stands in the way of a top-up.
  static constexpr absl::Duration kInTheWay = absl::Seconds(3);

  static void SetUpTestSuite() {
    StartStack(
        {.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s", "--retry_delays=4s,4s",
                          "--decline_interval=0s", "--pending_lookup_interval=100ms",
                          absl::StrCat("--pending_in_the_way=", absl::FormatDuration(kInTheWay))},
         .gateway = true,
         .workers = 1});
  }

  static void Open(const std::string& id, const std::string& card) {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: '", card, "#", id, "'"));
  }
  static void OpenFunded(const std::string& id, const std::string& card = "tok_visa") {
    Open(id, card);
    EXPECT_TRUE(WaitUntil([&] { return Balance(id) == "15.00"; })) << Balance(id);
  }
  static void Spend(const std::string& id, const std::string& request_id, int units) {
    const absl::Status spent = SpendOf(stack_->stubs(), id, request_id, units * kNanosPerUnit);
    EXPECT_TRUE(spent.ok()) << spent;
  }
  // Newest first.
  static std::vector<pb::Recharge> RechargesOf(const std::string& id) {
    const auto list = Must(&Accounts::ListRecharges, absl::StrCat("account_id: '", id, "'"));
    return {list.recharges().begin(), list.recharges().end()};
  }
  // What of the account stands in the way of a charge.
  static std::map<pb::RefillObstacle, pb::Obstacle> ObstaclesOf(const std::string& id) {
    std::map<pb::RefillObstacle, pb::Obstacle> obstacles;
    const pb::Account account = Account(id);
    for (const pb::Obstacle& obstacle : account.obstacles()) {
      obstacles[obstacle.kind()] = obstacle;
      // Of no card at all nothing says since when.
      EXPECT_EQ(obstacle.has_since(), obstacle.kind() != pb::REFILL_OBSTACLE_NO_CARD)
          << obstacle.ShortDebugString();
      EXPECT_FALSE(obstacle.remedy().empty()) << obstacle.ShortDebugString();
    }
    return obstacles;
  }
  // Funded, then spent down until a decline; its retry is due four seconds later.
  static void WaitForARetry(const std::string& id) {
    OpenFunded(id, "tok_decline_after_1");
    Spend(id, "spent", 10);
    EXPECT_TRUE(WaitUntil([&] {
      const auto recharges = RechargesOf(id);
      return recharges.size() == 2 && recharges[0].attempt() == 2;
    }));
    const auto obstacles = ObstaclesOf(id);
    ASSERT_EQ(obstacles.count(pb::REFILL_OBSTACLE_CARD_FAILING), 1u) << id;
    EXPECT_TRUE(obstacles.at(pb::REFILL_OBSTACLE_CARD_FAILING).has_until()) << id;
  }
};

// --- G1: what was due is not charged ----------------------------------------------------

TEST_F(CardsTest, G1_ARetryIsNotMadeOfWhatNobodyWantsAnyMore) {
  struct Act {
    std::string id;
    std::optional<pb::RefillObstacle> obstacle;  // that GetAccount shows after it
    std::function<void(const std::string&)> act;
  };
  const auto of = [](const std::string& id) { return absl::StrCat("account_id: '", id, "' "); };
  const std::vector<Act> acts = {
      {"switched-off", pb::REFILL_OBSTACLE_SWITCHED_OFF,
       [&](const std::string& id) {
         Must(&Accounts::UpdateBillingSettings,
              of(id) + "billing_settings { automatic_recharge: false }");
       }},
      {"removed", pb::REFILL_OBSTACLE_NO_CARD,
       [&](const std::string& id) {
         Must(&Accounts::RemovePaymentMethod, of(id) + "payment_method_id: 'card-1'");
       }},
      {"blocked", pb::REFILL_OBSTACLE_BLOCKED,
       [&](const std::string& id) {
         Must(&Support::BlockAccount, of(id) + "reason: 'fraud?' actor: 'ann'");
       }},
      {"disputed", pb::REFILL_OBSTACLE_DISPUTE, [&](const std::string& id) {
         const gw::Charge charge = Charges(id).at(0);
         Must(&Recharges::ReportGatewayDispute,
              absl::StrCat("charge_id: '", charge.charge_id(), "' charge_reference: '",
                           charge.reference(),
                           "' dispute_id: 'dp' state: DISPUTE_STATE_OPENED amount { "
                           "currency_code: 'USD' units: 1 }"));
       }}};
  for (const Act& each : acts) {
    SCOPED_TRACE(each.id);
    WaitForARetry(each.id);
    each.act(each.id);
    const pb::Recharge recharge = RechargesOf(each.id).at(0);
    EXPECT_EQ(recharge.state(), pb::RECHARGE_STATE_CANCELED);
    const auto obstacles = ObstaclesOf(each.id);
    ASSERT_EQ(obstacles.count(*each.obstacle), 1u);
    EXPECT_FALSE(obstacles.at(*each.obstacle).has_until()) << "until somebody acts";
  }
  // One whose retry was due after theirs has it made.
  WaitForARetry("sentinel");
  EXPECT_TRUE(WaitUntil([] { return Charges("sentinel").size() == 3; }));
  for (const Act& each : acts) {
    EXPECT_THAT(Charges(each.id), SizeIs(2)) << each.id << ": the first, and the one declined";
    ExpectAudited(each.id);
  }
}

// --- G3: pending ------------------------------------------------------------------------

TEST_F(CardsTest, G3_ATopUpGoesBesideWhatHasBeenPendingForLong) {
  Open("slow", "tok_pending_8000");
  EXPECT_TRUE(WaitUntil([] { return RechargesOf("slow").at(0).has_pending_time(); }));
  Must(&Accounts::AddPaymentMethod,
       "account_id: 'slow' request_id: 'second' payment_method { card_token: 'tok_visa#slow' "
       "position: 1 }");
  const auto top_up = [] {
    return Ask(&Accounts::RequestRecharge,
               "account_id: 'slow' request_id: 'top-up' amount { units: 20 }");
  };
  const absl::Status refused = top_up().status();
  EXPECT_EQ(ReasonOf(refused), "RECHARGE_IN_FLIGHT") << refused;
  EXPECT_GT(RetryAfterOf(refused), absl::ZeroDuration());
  EXPECT_LE(RetryAfterOf(refused), kInTheWay);
  EXPECT_TRUE(WaitUntil([&] { return top_up().ok(); }));
  const std::vector<pb::Recharge> both = RechargesOf("slow");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_GE(*reserve::FromProto(both[0].create_time(), "create_time"),
            *reserve::FromProto(both[1].pending_time(), "pending_time") + kInTheWay);
  EXPECT_TRUE(WaitUntil([] { return Balance("slow") == "20.00"; }));
  const auto obstacles = ObstaclesOf("slow");
  EXPECT_EQ(obstacles.count(pb::REFILL_OBSTACLE_UNDER_REVIEW), 1u) << "that, or pending";
  EXPECT_EQ(RechargesOf("slow").back().state(), pb::RECHARGE_STATE_OPEN);
  // It ends as the gateway says in the end, and is credited too.
  EXPECT_TRUE(WaitUntil([] { return Balance("slow") == "35.00"; }));
  EXPECT_THAT(Charges("slow"), SizeIs(2));
  EXPECT_THAT(Account("slow").obstacles(), IsEmpty());
  ExpectAudited("slow");
}

// --- G4: in part ------------------------------------------------------------------------

TEST_F(CardsTest, G4_WhatIsCapturedInPartIsCreditedAndStartsNoStorm) {
  Open("twelve", "tok_partial_1200");
  EXPECT_TRUE(WaitUntil([] { return Balance("twelve") == "12.00"; })) << Balance("twelve");
  EXPECT_EQ(RechargesOf("twelve").size(), 1u) << "at or above the threshold nothing is wanted";
  EXPECT_EQ(Text(RechargesOf("twelve")[0].credited_amount()), "12.00");
  // A cent is far below: the card rests for an hour before it is charged by itself again.
  Open("cent", "tok_partial_1");
  EXPECT_TRUE(WaitUntil([] { return Balance("cent") == "0.01"; })) << Balance("cent");
  const auto recharges = RechargesOf("cent");
  ASSERT_EQ(recharges.size(), 2u);
  EXPECT_EQ(recharges[0].state(), pb::RECHARGE_STATE_OPEN);
  const auto due = reserve::FromProto(recharges[0].due_time(), "due_time");
  ASSERT_TRUE(due.ok());
  EXPECT_GT(*due, absl::Now() + absl::Minutes(50));
  const auto obstacles = ObstaclesOf("cent");
  ASSERT_EQ(obstacles.count(pb::REFILL_OBSTACLE_CARD_RESTING), 1u);
  const pb::Obstacle& rest = obstacles.at(pb::REFILL_OBSTACLE_CARD_RESTING);
  EXPECT_EQ(rest.until().seconds() - rest.since().seconds(), 3600);
  EXPECT_THAT(rest.remedy(), HasSubstr("top up"));
  EXPECT_TRUE(Account("cent").payment_methods(0).has_retry_time());
  EXPECT_THAT(Charges("cent"), SizeIs(1));
  EXPECT_THAT(Charges("twelve"), SizeIs(1));
  ExpectAudited("cent");
}

// --- G7: a cap --------------------------------------------------------------------------

TEST_F(CardsTest, AnUpdateRestsOnWhatWasReadWhichChargesDoNotChange) {
  OpenFunded("etag");
  const pb::Account read = Account("etag");
  Spend("etag", "one", 1);
  const pb::Account later = Account("etag");
  EXPECT_EQ(later.billing_settings().etag(), read.billing_settings().etag());
  EXPECT_EQ(later.payment_methods(0).etag(), read.payment_methods(0).etag());

  const auto set = [&](int units) {
    return Ask(&Accounts::UpdateBillingSettings,
               absl::StrCat("account_id: 'etag' billing_settings { reserve_amount { units: ", units,
                            " } etag: '", read.billing_settings().etag(), "' }"));
  };
  const auto changed = set(20);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_NE(changed->etag(), read.billing_settings().etag());
  EXPECT_TRUE(set(20).ok()) << "the same again, whose reply was lost";
  EXPECT_EQ(ReasonOf(set(25).status()), "ETAG_MISMATCH");

  const pb::PaymentMethod& card = read.payment_methods(0);
  const auto show = [&](const std::string& brand) {
    return Ask(&Accounts::UpdatePaymentMethod,
               absl::StrCat("account_id: 'etag' payment_method { payment_method_id: '",
                            card.payment_method_id(), "' brand: '", brand, "' etag: '", card.etag(),
                            "' }"));
  };
  const auto shown = show("Visa");
  ASSERT_TRUE(shown.ok()) << shown.status();
  EXPECT_NE(shown->etag(), card.etag());
  EXPECT_TRUE(show("Visa").ok()) << "the same again, whose reply was lost";
  EXPECT_EQ(ReasonOf(show("Amex").status()), "ETAG_MISMATCH");
  const auto remove = [&](const std::string& etag) {
    return Ask(&Accounts::RemovePaymentMethod,
               absl::StrCat("account_id: 'etag' payment_method_id: '", card.payment_method_id(),
                            "' etag: '", etag, "'"))
        .status();
  };
  EXPECT_EQ(ReasonOf(remove(card.etag())), "ETAG_MISMATCH");
  EXPECT_TRUE(remove(shown->etag()).ok());
}

TEST_F(CardsTest, G7_ACapIsShownWithItsEndAndATopUpGoesBesideIt) {
  OpenFunded("capped");
  Must(&Accounts::UpdateBillingSettings,
       "account_id: 'capped' billing_settings { monthly_cap { units: 15 } }");
  Spend("capped", "one", 10);
  EXPECT_TRUE(WaitUntil([] { return Balance("capped") == "20.00"; })) << Balance("capped");
  Spend("capped", "two", 15);
  const auto obstacles = ObstaclesOf("capped");
  ASSERT_EQ(obstacles.count(pb::REFILL_OBSTACLE_CAP_REACHED), 1u);
  EXPECT_TRUE(obstacles.at(pb::REFILL_OBSTACLE_CAP_REACHED).has_until());
  Must(&Accounts::RequestRecharge,
       "account_id: 'capped' request_id: 'top-up' amount { units: 20 }");
  EXPECT_TRUE(WaitUntil([] { return Balance("capped") == "25.00"; })) << Balance("capped");
  EXPECT_THAT(Charges("capped"), SizeIs(3));
}

// --- P3: for a person -------------------------------------------------------------------

TEST_F(CardsTest, P3_WhatIsKeptOfAChargeThatNothingIsCreditedForIsListedUntilAPersonResolvesIt) {
  Open("kept", "tok_decline_lost_card");
  EXPECT_TRUE(
      WaitUntil([] { return RechargesOf("kept")[0].state() == pb::RECHARGE_STATE_FAILED; }));
  const std::string told =
      "charge_id: 'ch_kept' charge_reference: 'kept/1' amount { currency_code: 'USD' units: 4 } ";
  Must(&Recharges::ReportGatewayRefund, told + "refund_id: 're_k' state: REFUND_STATE_SUCCEEDED");
  Must(&Recharges::ReportGatewayDispute, told + "dispute_id: 'dp_k' state: DISPUTE_STATE_OPENED");
  const auto listed = [] {
    const auto reviews = Must(&Support::ListReviews, "");
    return std::vector<pb::KeptOfCharge>(reviews.kept().begin(), reviews.kept().end());
  };
  const auto kept = listed();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].account_id(), "kept");
  EXPECT_EQ(kept[0].recharge_ordinal(), 1);
  ASSERT_EQ(kept[0].refunds_size(), 1);
  EXPECT_EQ(kept[0].refunds(0).refund_id(), "re_k");
  EXPECT_TRUE(kept[0].refunds(0).kept());
  ASSERT_EQ(kept[0].disputes_size(), 1);
  EXPECT_EQ(kept[0].disputes(0).dispute_id(), "dp_k");
  const std::string dismiss =
      "account_id: 'kept' ordinal: 1 dismissed { } reason: 'never charged' actor: 'ann' reference: "
      "'T-1' request_id: ";
  Must(&Support::ResolveReview, dismiss + "'try' validate_only: true");
  EXPECT_THAT(listed(), SizeIs(1));
  Must(&Support::ResolveReview, dismiss + "'done'");
  EXPECT_THAT(listed(), IsEmpty());
  Must(&Support::ResolveReview, dismiss + "'done'");
  EXPECT_EQ(ReasonOf(Ask(&Support::ResolveReview, dismiss + "'again'").status()),
            "NOT_UNDER_REVIEW");
  EXPECT_EQ(Balance("kept"), "0.00");
  // The charge turns up after all, as a payment: what was told of it counts.
  Must(&Recharges::ReportRecharge,
       "account_id: 'kept' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_kept' "
       "amount { currency_code: 'USD' units: 15 } }");
  EXPECT_EQ(Balance("kept"), "7.00");
  ExpectAudited("kept");
}

}  // namespace
}  // namespace reserve::e2e
