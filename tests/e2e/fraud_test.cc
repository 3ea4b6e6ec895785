// Limits against fraud (L1 to L5), by the real processes: what a night of toll fraud costs with
// them and without, and that a day of ordinary calls that is told late raises nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;

using Accounts = pb::Accounts::Stub;
using Events = pb::Events::Stub;
using Ledger = pb::Ledger::Stub;
using Support = pb::Support::Stub;

// A range that its owner earns from: $9.00 a minute in the starter deck.
constexpr char kPremium[] = "+97912345678";
constexpr Nanos kPremiumPrice = 9 * kNanosPerUnit;
// $0.20 a minute.
constexpr char kBarbados[] = "+12465550123";

Nanos NanosOf(const google::type::Money& money) {
  return reserve::FromProto(money, "", "money").value_or(0);
}

class FraudTest : public StackTest {
 protected:
  static void SetUpTestSuite() { StartStack({.gateway = true, .workers = 1}); }

  static std::string Head(const std::string& id) { return absl::StrCat("account_id: '", id, "' "); }
  static void Open(const std::string& id) {
    Must(&Accounts::OpenAccount, absl::StrCat(Head(id), "card_token: 'tok_visa#", id, "'"));
    Must(&Accounts::PutUser, Head(id) + "user_id: 'pbx' user { plan_id: 'unlimited' }");
    AwaitActive(id);
  }
  static void AwaitActive(const std::string& id) {
    EXPECT_TRUE(test_support::WaitUntil(
        [&id] { return Account(id).state() == pb::ACCOUNT_STATE_ACTIVE; }, absl::Seconds(20)));
  }
  static pb::AccountLimits Limit(const std::string& id, const std::string& limits,
                                 const std::string& more = "") {
    return Must(&Support::UpdateLimits,
                absl::StrCat(Head(id), "reason: 'test' limits { ", limits, " } ", more));
  }
  static std::string Dollars(const std::string& field, int units) {
    return absl::StrCat(field, " { currency_code: 'USD' units: ", units, " } ");
  }
  static pb::AuthorizeUsageResponse MayCall(const std::string& id, const std::string& number) {
    return Must(&Ledger::AuthorizeUsage,
                absl::StrCat(Head(id), "user_id: 'pbx' call { direction: DIRECTION_OUTBOUND ",
                             "destination: '", number, "' }"));
  }
  static std::string UsageText(const std::string& usage_id, const std::string& number,
                               absl::Time start, int64_t seconds) {
    return absl::StrCat("usage { usage_id: '", usage_id,
                        "' user_id: 'pbx' start_time { seconds: ", absl::ToUnixSeconds(start),
                        " } call { direction: DIRECTION_OUTBOUND destination: '", number,
                        "' duration { seconds: ", seconds, " } } } ");
  }
  static void Record(const std::string& id, const std::string& usage_id,
                     const std::string& number) {
    Must(&Ledger::RecordUsage,
         Head(id) + UsageText(usage_id, number, absl::Now() - absl::Seconds(50), 50));
  }
  // So many events of that kind.
  static int Count(const std::string& id, pb::EventKind kind) {
    const auto page = Must(&Events::ListEvents, Head(id) + "page_size: 1000");
    return static_cast<int>(
        std::count_if(page.events().begin(), page.events().end(),
                      [kind](const pb::Event& event) { return event.kind() == kind; }));
  }
  static pb::Event LastOf(const std::string& id, pb::EventKind kind) {
    const auto page = Must(&Events::ListEvents, Head(id) + "page_size: 1000");
    pb::Event last;
    for (const pb::Event& event : page.events()) {
      if (event.kind() == kind) last = event;
    }
    return last;
  }
  static Nanos Charged(const std::string& id) {
    Nanos charged = 0;
    for (const auto& charge : Charges(id)) charged += NanosOf(charge.amount());
    return charged;
  }
  // All at once, as after an outage: from a day ago on, every twenty minutes a call of two minutes,
  // $0.40 each; what they cost.
  static Nanos TellOfADayLate(const std::string& id) {
    const absl::Time now = absl::Now();
    pb::BatchRecordUsageRequest batch;
    Nanos cost = 0;
    for (int i = 0; i < 71; ++i) {
      const absl::Time start = now - absl::Hours(24) + absl::Minutes(20 * i + 15);
      *batch.add_requests() = Parse<pb::RecordUsageRequest>(
          Head(id) + UsageText(absl::StrCat("late-", i), kBarbados, start, 120));
      cost += 40 * kNanosPerCent;
    }
    const auto booked = Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch);
    EXPECT_TRUE(booked.ok()) << booked.status();
    return cost;
  }
  // What the owner of the range has earned from the account, and its customer was charged.
  struct Loss {
    int calls = 0;
    Nanos used = 0;
    Nanos charged = 0;
  };
  // Somebody has the password of one telephone: as many calls of a minute as may begin, one after
  // the other, for the card to refill the reserve between.
  static Loss NightOfFraud(const std::string& id, int calls) {
    Loss loss;
    for (int i = 0; i < calls; ++i) {
      pb::AuthorizeUsageResponse answer = MayCall(id, kPremium);
      if (answer.decision() == pb::AUTHORIZATION_DECISION_INSUFFICIENT_BALANCE) {
        (void)test_support::WaitUntil(
            [&] {
              answer = MayCall(id, kPremium);
              return answer.allowed();
            },
            absl::Seconds(20));
      }
      if (!answer.allowed()) break;
      Record(id, absl::StrCat("night-", i), kPremium);
      ++loss.calls;
      loss.used += kPremiumPrice;
    }
    (void)test_support::WaitUntil([&id] { return Account(id).open_recharge_ordinal() == 0; },
                                  absl::Seconds(20));
    loss.charged = Charged(id);
    return loss;
  }
  // A call of the user's, with an hour granted at a time if that may be.
  static pb::CreateHoldResponse Hold(const std::string& id, const std::string& user_id,
                                     const std::string& hold_id) {
    return Must(&Ledger::CreateHold,
                absl::StrCat(Head(id), "user_id: '", user_id, "' hold_id: '", hold_id,
                             "' usage_id: 'of-", hold_id, "' slice { seconds: 3600 } call { ",
                             "direction: DIRECTION_OUTBOUND destination: '", kPremium, "' }"));
  }
  // The call lasts as long as it is let, and its CDR comes: what it cost.
  static Nanos LastsAsLongAsItIsLet(const std::string& id, pb::Hold hold) {
    while (!hold.final()) {
      hold = Must(&Ledger::ExtendHold,
                  absl::StrCat(Head(id), "hold_id: '", hold.hold_id(),
                               "' extension: ", hold.extension() + 1,
                               " used { seconds: ", hold.granted().seconds(), " }"));
    }
    const int64_t seconds = hold.granted().seconds();
    Must(&Ledger::RecordUsage, Head(id) + UsageText(hold.usage_id(), kPremium,
                                                    absl::Now() - absl::Seconds(seconds), seconds));
    return kPremiumPrice * (seconds / 60);
  }
  static std::string Said(const Loss& loss) {
    return absl::StrCat(loss.calls, " calls for $", FormatDecimal(loss.used), ", $",
                        FormatDecimal(loss.charged), " charged to the card");
  }
};

TEST_F(FraudTest, L3_L4_WhatANightOfTollFraudCostsWithAndWithoutLimits) {
  constexpr int kCalls = 20;
  const std::string no_ceiling =
      Dollars("price_per_minute", 100) + Dollars("new_account_price_per_minute", 100);
  Open("without");
  Limit("without", no_ceiling);
  Open("spending");
  Limit("spending", no_ceiling + Dollars("spend_per_day", 20));
  Open("default");
  const Loss without = NightOfFraud("without", kCalls);
  const Loss spending = NightOfFraud("spending", kCalls);
  const Loss by_default = NightOfFraud("default", kCalls);
  std::cout << "a night of toll fraud through one telephone:\n  without limits: " << Said(without)
            << "\n  $20 a day: " << Said(spending) << "\n  by default: " << Said(by_default)
            << "\n";
  EXPECT_EQ(without.used, kCalls * kPremiumPrice);
  EXPECT_GE(without.charged, without.used);
  // Three calls: the third passes the limit, as any call may.
  EXPECT_EQ(spending.calls, 3);
  EXPECT_LE(spending.charged, 30 * kNanosPerUnit) << "the first reserve, and one refill";
  EXPECT_EQ(by_default.calls, 0);
  EXPECT_EQ(by_default.charged, 15 * kNanosPerUnit) << "the first reserve alone";

  EXPECT_EQ(Count("without", pb::EVENT_KIND_LIMIT_REACHED), 0);
  EXPECT_EQ(Count("spending", pb::EVENT_KIND_LIMIT_REACHED), 1);
  const pb::AuthorizeUsageResponse refused = MayCall("spending", kPremium);
  EXPECT_EQ(refused.decision(), pb::AUTHORIZATION_DECISION_LIMIT_REACHED);
  EXPECT_EQ(refused.limit(), pb::LIMIT_KIND_SPEND_PER_DAY);
  EXPECT_EQ(refused.limit_level(), pb::LIMIT_LEVEL_ACCOUNT);
  EXPECT_TRUE(refused.has_limit_until());
  EXPECT_EQ(MayCall("default", kPremium).limit(), pb::LIMIT_KIND_NEW_ACCOUNT_PRICE_PER_MINUTE);
  EXPECT_TRUE(MayCall("spending", "+12025550123").unlimited_duration()) << "free usage passes";
  const pb::Account account = Account("spending");
  EXPECT_EQ(account.state(), pb::ACCOUNT_STATE_ACTIVE);
  ASSERT_EQ(account.obstacles_size(), 1);
  EXPECT_EQ(account.obstacles(0).kind(), pb::REFILL_OBSTACLE_LIMIT_REACHED);
  // The customer's own top-up goes beside it.
  Must(&Accounts::RequestRecharge, Head("spending") + "request_id: 'by-hand'");
  EXPECT_TRUE(test_support::WaitUntil([] { return Charged("spending") == 45 * kNanosPerUnit; },
                                      absl::Seconds(20)));
  // A false alarm: it goes on, and raises nothing for a while.
  Must(&Support::LiftSuspension,
       Head("spending") + "reason: 'a campaign' actor: 'eve' quiet_time { seconds: 3600 }");
  const pb::Event lifted = LastOf("spending", pb::EVENT_KIND_LIMIT_LIFTED);
  EXPECT_EQ(lifted.actor(), "eve");
  EXPECT_THAT(lifted.cause(), ::testing::HasSubstr("a campaign"));
  EXPECT_EQ(Account("spending").obstacles_size(), 0) << "the card is charged again";
  EXPECT_TRUE(MayCall("spending", kPremium).allowed());
  Record("spending", "after", kPremium);
  Record("spending", "after-2", kPremium);
  Record("spending", "after-3", kPremium);
  EXPECT_EQ(Count("spending", pb::EVENT_KIND_LIMIT_REACHED), 1);
  for (const char* id : {"without", "spending", "default"}) ExpectAudited(id);
}

TEST_F(FraudTest, L3_ManyCallsAtATimeThroughOneUserCostTheLimitAndAnIncrementOfEachMore) {
  constexpr int kCalls = 10;
  Open("many");
  Must(&Accounts::PutUser, Head("many") + "user_id: 'desk' user { plan_id: 'unlimited' }");
  Must(
      &Support::AdjustBalance,
      Head("many") + "request_id: 'r' reason: 'a test' amount { currency_code: 'USD' units: 999 }");
  Limit("many", Dollars("price_per_minute", 100) + Dollars("new_account_price_per_minute", 100));
  Limit("many", Dollars("spend_per_day", 20), "user_id: 'pbx'");
  std::vector<pb::Hold> calls;
  for (int i = 0; i < kCalls; ++i) {
    const pb::CreateHoldResponse begun = Hold("many", "pbx", absl::StrCat("call-", i));
    ASSERT_TRUE(begun.authorization().allowed()) << begun.DebugString();
    calls.push_back(begun.hold());
    EXPECT_LE(begun.hold().granted().seconds(), 120) << "as much as the limit leaves, and no hour";
  }
  EXPECT_LE(MayCall("many", kPremium).max_duration().seconds(), 60);
  Nanos cost = 0;
  for (const pb::Hold& call : calls) cost += LastsAsLongAsItIsLet("many", call);
  std::cout << kCalls << " calls at a time through one telephone, under $20 a day: $"
            << FormatDecimal(cost) << "\n";
  EXPECT_GE(cost, 20 * kNanosPerUnit);
  EXPECT_LE(cost, 20 * kNanosPerUnit + kCalls * kPremiumPrice);
  EXPECT_EQ(Count("many", pb::EVENT_KIND_LIMIT_REACHED), 1);
  const pb::CreateHoldResponse refused = Hold("many", "pbx", "late");
  EXPECT_EQ(refused.authorization().decision(), pb::AUTHORIZATION_DECISION_LIMIT_REACHED);
  EXPECT_EQ(refused.authorization().limit_level(), pb::LIMIT_LEVEL_USER);
  EXPECT_TRUE(Hold("many", "desk", "other").authorization().allowed()) << "others go on";
  // Staff lifts it without naming the user, and it rings again.
  Must(&Support::LiftSuspension, Head("many") + "reason: 'looked at'");
  EXPECT_TRUE(MayCall("many", kPremium).allowed());
  for (int i = 0; i < 3; ++i) Record("many", absl::StrCat("again-", i), kPremium);
  EXPECT_EQ(Count("many", pb::EVENT_KIND_LIMIT_REACHED), 2);
  ExpectAudited("many");
}

TEST_F(FraudTest, L2_ADayOfOrdinaryCallsThatIsToldLateRaisesNothing) {
  Open("office");
  Limit("office", Dollars("spend_per_hour", 3) + Dollars("spend_per_day", 30));
  const Nanos cost = TellOfADayLate("office");
  EXPECT_GT(cost, int64_t{9} * 3 * kNanosPerUnit)
      << "at once it would be nine times the limit of an hour";
  EXPECT_EQ(Count("office", pb::EVENT_KIND_LIMIT_REACHED), 0);
  EXPECT_EQ(Account("office").obstacles_size(), 0);
  // Once the recharge that they made due has come.
  EXPECT_TRUE(test_support::WaitUntil([] { return MayCall("office", kBarbados).allowed(); }));
  std::cout << "a day of ordinary calls told late: $" << FormatDecimal(cost)
            << ", and nothing raised\n";
  const pb::AccountLimits limits = Must(&Accounts::GetLimits, Head("office"));
  for (const pb::LimitInForce& each : limits.in_force()) {
    EXPECT_FALSE(each.reached());
    if (each.kind() == pb::LIMIT_KIND_SPEND_PER_HOUR) {
      EXPECT_LT(NanosOf(each.used()), 2 * kNanosPerUnit);
    }
  }
  ExpectAudited("office");
}

TEST_F(FraudTest, L5_ByDefaultADayThatIsToldLateRaisesNothingAndTheNextCallGoesOn) {
  Open("shop");
  const Nanos cost = TellOfADayLate("shop");
  EXPECT_EQ(Count("shop", pb::EVENT_KIND_LIMIT_REACHED), 0);
  EXPECT_EQ(Count("shop", pb::EVENT_KIND_SUSPENDED), 0);
  EXPECT_EQ(Account("shop").obstacles_size(), 0);
  // The card has refilled the reserve by itself.
  EXPECT_TRUE(test_support::WaitUntil([] { return MayCall("shop", kBarbados).allowed(); },
                                      absl::Seconds(20)));
  EXPECT_GE(Charged("shop"), cost);
  ExpectAudited("shop");
}

TEST_F(FraudTest, L1_LimitsAreSetShownTriedAndUnsetByLevel) {
  Open("levels");
  const auto shown = [](const pb::AccountLimits& limits, pb::LimitKind kind) {
    for (const pb::LimitInForce& each : limits.in_force()) {
      if (each.kind() == kind) return each;
    }
    return pb::LimitInForce();
  };
  const std::string get = Head("levels") + "user_id: 'pbx' ";
  EXPECT_EQ(shown(Must(&Accounts::GetLimits, get), pb::LIMIT_KIND_PRICE_PER_MINUTE).level(),
            pb::LIMIT_LEVEL_OPERATOR);
  const std::string countries = "countries { codes: 'US' codes: 'CA' } ";
  EXPECT_EQ(
      shown(Limit("levels", countries, "validate_only: true"), pb::LIMIT_KIND_COUNTRIES).level(),
      pb::LIMIT_LEVEL_ACCOUNT);
  EXPECT_FALSE(Must(&Accounts::GetLimits, get).limits().has_countries());
  const pb::AccountLimits set = Limit("levels", countries + "calls: 3 ");
  EXPECT_EQ(MayCall("levels", kBarbados).limit(), pb::LIMIT_KIND_COUNTRIES);
  // The user's own is nearer.
  Must(&Support::UpdateLimits,
       get +
           "reason: 'travels' limits { countries { codes: '*' } spend_per_hour { "
           "currency_code: 'USD' units: 5 } }");
  EXPECT_TRUE(MayCall("levels", kBarbados).allowed());
  Record("levels", "one", kBarbados);
  const pb::AccountLimits of_user = Must(&Accounts::GetLimits, get);
  EXPECT_EQ(shown(of_user, pb::LIMIT_KIND_COUNTRIES).level(), pb::LIMIT_LEVEL_USER);
  EXPECT_TRUE(shown(of_user, pb::LIMIT_KIND_SPEND_PER_HOUR).of_user());
  EXPECT_GT(NanosOf(shown(of_user, pb::LIMIT_KIND_SPEND_PER_HOUR).used()), 0);
  // What the mask names and the request does not set is unset, by an etag or not at all.
  const std::string unset = Head("levels") + "reason: 'done' update_mask { paths: 'countries' } ";
  EXPECT_EQ(ReasonOf(Ask(&Support::UpdateLimits, unset + "etag: 'other'").status()),
            "ETAG_MISMATCH");
  const pb::AccountLimits left =
      Must(&Support::UpdateLimits, absl::StrCat(unset, "etag: '", set.etag(), "'"));
  EXPECT_FALSE(left.limits().has_countries());
  EXPECT_EQ(left.limits().calls(), 3);
  EXPECT_EQ(Count("levels", pb::EVENT_KIND_LIMITS_CHANGED), 3);
  EXPECT_FALSE(Ask(&Accounts::GetLimits, Head("levels") + "user_id: 'nobody'").ok());
}

}  // namespace
}  // namespace reserve::e2e
