// Calls in progress, as a switch plays them on the real processes (H1 to H12): what calls share,
// what a long one costs, and what becomes of one whose switch dies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/stack_suite.h"
#include "tests/e2e/telephone_switch.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::WaitUntil;
using ::testing::Each;
using ::testing::Ge;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using Support = pb::Support::Stub;

constexpr char kBritish[] = "+442079460000";  // 0.0150 a minute by the second: standard
constexpr char kJamaica[] = "+18765550123";   // 0.1800 by the minute
constexpr char kBarbados[] = "+12464301234";  // 0.2000 by the second: dear
constexpr char kSatellite[] = "+8816234567";  // 5.5000 by the minute
constexpr char kDeck[] =
    "kind,prefix,price,initial_increment_seconds,increment_seconds\n"
    "call,44,0.0150,1,1\n"
    "call,1876,0.1800,60,60\n"
    "call,1246,0.2000,1,1\n"
    "call,881,5.5000,60,60\n";

constexpr absl::Duration kWaitForMoney = absl::Seconds(15);

Nanos NanosOf(const google::type::Money& money) {
  return reserve::FromProto(money, "USD", "money").value_or(-kNanosPerUnit);
}

class HoldsSwitchTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack(
        {.ledger_flags = {"--poll_interval=50ms", "--new_account_period=0s", "--hold_ringing=4s",
                          "--hold_grace=0s", "--settle_within=4s", "--max_holds_per_user=30"},
         // A call of two hours is played in a second.
         .dollars = {{"max_automatic_amount_per_hour", "5000"},
                     {"max_automatic_amount_per_day", "5000"}},
         .starter_deck = false,
         .gateway = true,
         .workers = 1});
    const std::string csv = absl::StrCat(stack_->folder(), "/holds.csv");
    std::ofstream(csv) << kDeck;
    const Stack::Ended imported = stack_->RunLedger(
        {"import-rates", csv, "--effective_time=2000-01-01T00:00:00Z", "--backdate"});
    ASSERT_EQ(imported.exit_code, 0) << imported.output << imported.errors;
  }

  void TearDown() override {
    const Stack::Ended verified = stack_->RunLedger({"verify"});
    EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  }

  static std::shared_ptr<grpc::Channel> Channel() { return WireTo(stack_->ledger_address()); }
  static void OpenFunded(const std::string& id, const std::string& card = "tok_visa") {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: '", card, "#", id, "'"));
    Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: 'u'"));
    EXPECT_TRUE(WaitUntil([&] { return Balance(id) == "15.00"; })) << Balance(id);
  }
  static void SwitchRechargingOff(const std::string& id) {
    Must(&Accounts::UpdateBillingSettings,
         absl::StrCat("account_id: '", id, "' billing_settings { automatic_recharge: false } ",
                      "update_mask { paths: 'automatic_recharge' }"));
  }
  static pb::Hold GetHold(const std::string& id, const std::string& hold_id) {
    return Must(&Ledger::GetHold, absl::StrCat("account_id: '", id, "' hold_id: '", hold_id, "'"));
  }
  static std::vector<pb::Hold> ListHolds(const std::string& id, const std::string& more = "") {
    const auto list = Must(&Ledger::ListHolds, absl::StrCat("account_id: '", id, "' ", more));
    return {list.holds().begin(), list.holds().end()};
  }
  static std::vector<pb::UsageRecord> ListUsage(const std::string& id) {
    const auto list = Must(&Accounts::ListUsage, absl::StrCat("account_id: '", id, "'"));
    return {list.usage_records().begin(), list.usage_records().end()};
  }
  static int CountEvents(const std::string& id, pb::EventKind kind) {
    const auto list =
        Must(&pb::Events::Stub::ListEvents, absl::StrCat("account_id: '", id, "' page_size: 1000"));
    int count = 0;
    for (const pb::Event& event : list.events()) count += event.kind() == kind ? 1 : 0;
    return count;
  }
  static Nanos Charged(const std::string& id) {
    Nanos sum = 0;
    for (const gw::Charge& charge : Charges(id)) {
      if (charge.state() == gw::CHARGE_STATE_SUCCEEDED) sum += NanosOf(charge.amount());
    }
    return sum;
  }
  static void AddGhosts(const std::string& id, const std::string& like, int count);
  static void ExpectNothingHeld(const std::string& id) {
    const pb::Account account = Account(id);
    EXPECT_EQ(Text(account.held()), "0.00");
    EXPECT_EQ(Text(account.accrued()), "0.00");
    EXPECT_THAT(ListHolds(id), SizeIs(0));
    ExpectAudited(id);
  }

  struct Played {
    int allowed = 0;
    int cut = 0;
    Nanos cost = 0;
    std::vector<Nanos> balances;  // after each call
  };
  // Thirty calls at once, of three switches, each as long as it may be but not longer.
  static Played PlayThirty(const std::string& id, const std::string& destination,
                           absl::Duration length, absl::Duration wait_for_money) {
    constexpr int kSwitches = 3;
    constexpr int kCalls = 10;
    std::vector<std::unique_ptr<TelephoneSwitch>> switches;
    std::vector<std::thread> threads;
    for (int i = 0; i < kSwitches; ++i) {
      switches.push_back(std::make_unique<TelephoneSwitch>(
          std::vector{Channel()}, SwitchOptions{.switch_id = absl::StrCat("pbx-", id, i),
                                                .wait_for_money = wait_for_money}));
      threads.emplace_back([&pbx = *switches.back(), &id, &destination, length, i] {
        for (int call = 0; call < kCalls; ++call) {
          const auto decision =
              pbx.Dial({id, "u", destination, absl::StrCat("call-", i, "-", call)});
          EXPECT_TRUE(decision.ok()) << decision.status();
        }
        for (const auto& [call_id, call] : pbx.calls()) EXPECT_TRUE(pbx.Answer(call_id).ok());
        const absl::Status passed = pbx.Pass(length);
        EXPECT_TRUE(passed.ok()) << passed;
        for (const auto& [call_id, call] : pbx.calls()) {
          if (call.over) continue;
          EXPECT_TRUE(pbx.HangUp(call_id).ok());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    Played played;
    for (const auto& pbx : switches) {
      for (const auto& [call_id, call] : pbx->calls()) {
        ++played.allowed;
        played.cut += call.cut ? 1 : 0;
        played.cost += NanosOf(call.booked.cost());
        played.balances.push_back(NanosOf(call.booked.balance_after()));
      }
    }
    return played;
  }
};

// --- What calls share -----------------------------------------------------------------

TEST_F(HoldsSwitchTest, H1_ThirtyCallsAtOnceCostNoMoreThanTheReserve) {
  OpenFunded("thirty");
  SwitchRechargingOff("thirty");
  const Played played = PlayThirty("thirty", kJamaica, absl::Minutes(30), absl::ZeroDuration());
  EXPECT_EQ(played.allowed, 30);
  EXPECT_EQ(played.cut, 30) << "each ends when its answer says that it is the last";
  EXPECT_EQ(FormatDecimal(played.cost), "14.94") << "83 minutes at 0.18: a minute more is too dear";
  EXPECT_THAT(played.balances, Each(Ge(0)));
  EXPECT_EQ(Balance("thirty"), "0.06");
  EXPECT_EQ(CountEvents("thirty", pb::EVENT_KIND_HOLD_EXPIRED), 0);
  ExpectNothingHeld("thirty");
}

TEST_F(HoldsSwitchTest, H6_ThirtyCallsAtOnceGoOnAsTheReserveIsRefilled) {
  OpenFunded("refilled");
  const Played played = PlayThirty("refilled", kJamaica, absl::Minutes(10), kWaitForMoney);
  EXPECT_EQ(played.cut, 0);
  EXPECT_EQ(FormatDecimal(played.cost), "54.00") << "300 minutes at 0.18";
  EXPECT_THAT(played.balances, Each(Ge(0)));
  EXPECT_TRUE(WaitUntil([] { return Account("refilled").open_recharge_ordinal() == 0; }));
  EXPECT_EQ(Balance("refilled"), FormatDecimal(Charged("refilled") - played.cost));
  ExpectNothingHeld("refilled");
}

// Asked one by one and without holds, all thirty would be told that they may last 120 s.
TEST_F(HoldsSwitchTest, H1_OfThirtyDearCallsAtOnceAsManyBeginAsTheBalancePaysFor) {
  OpenFunded("dearest", "tok_decline_after_1");
  const Played played = PlayThirty("dearest", kSatellite, absl::Seconds(120), absl::ZeroDuration());
  EXPECT_EQ(played.allowed, 2) << "5.50 each of 15.00";
  EXPECT_EQ(FormatDecimal(played.cost), "11.00");
  EXPECT_EQ(Balance("dearest"), "4.00");
  ExpectNothingHeld("dearest");
}

TEST_F(HoldsSwitchTest, H1_NinetyFreeSecondsAreSharedByTwoCallsToTheSecond) {
  OpenFunded("ninety");
  Must(&Ledger::RecordUsage,
       absl::StrCat("account_id: 'ninety' usage { usage_id: 'before' user_id: 'u' start_time { "
                    "seconds: ",
                    absl::ToUnixSeconds(absl::Now()),
                    " } call { direction: DIRECTION_OUTBOUND destination: '", kBritish,
                    "' duration { seconds: 17910 } } }"));
  TelephoneSwitch pbx({Channel()}, {});
  ASSERT_EQ(pbx.Dial({"ninety", "u", kBritish, "one"}).value(), pb::AUTHORIZATION_DECISION_ALLOWED);
  ASSERT_EQ(pbx.Dial({"ninety", "u", kBritish, "two"}).value(), pb::AUTHORIZATION_DECISION_ALLOWED);
  EXPECT_EQ(pbx.call("one").hold.allowance_held().seconds(), 60);
  EXPECT_EQ(pbx.call("two").hold.allowance_held().seconds(), 30);
  EXPECT_EQ(Text(pbx.call("two").hold.held()), "0.0075") << "its other 30 s are paid";
  ASSERT_TRUE(pbx.Answer("one").ok());
  ASSERT_TRUE(pbx.Answer("two").ok());
  ASSERT_TRUE(pbx.Pass(absl::Seconds(45)).ok());
  ASSERT_TRUE(pbx.HangUp("one").ok());
  EXPECT_EQ(Text(pbx.call("one").booked.cost()), "0.00");
  ASSERT_TRUE(pbx.Pass(absl::Seconds(1)).ok());
  ASSERT_TRUE(pbx.HangUp("two").ok());
  EXPECT_EQ(Text(pbx.call("two").booked.cost()), "0.00025") << "45 s are free, one is paid";
  const auto user = Must(&Accounts::GetUser, "account_id: 'ninety' user_id: 'u'");
  EXPECT_EQ(user.allowance_left().seconds(), 0);
  EXPECT_EQ(Balance("ninety"), "14.99975");
  ExpectNothingHeld("ninety");
}

// --- Long calls -------------------------------------------------------------------------

TEST_F(HoldsSwitchTest, H6_ATwoHourCallAtADearPriceIsRechargedAsItGoesAndNeverCut) {
  OpenFunded("long", "tok_slow_150");
  TelephoneSwitch pbx({Channel()}, {.wait_for_money = kWaitForMoney});
  ASSERT_TRUE(pbx.Dial({"long", "u", kSatellite, "call"}).ok());
  ASSERT_TRUE(pbx.Answer("call").ok());
  const absl::Status passed = pbx.Pass(absl::Hours(2));
  ASSERT_TRUE(passed.ok()) << passed;
  const PhoneCall& call = pbx.call("call");
  EXPECT_FALSE(call.cut) << "after " << call.talked << ": " << call.hold.DebugString();
  EXPECT_GE(call.times_without_money, 1) << "the card is slower than the switch's clock";
  EXPECT_GE(CountEvents("long", pb::EVENT_KIND_FUNDS_AVAILABLE), call.times_without_money);
  ASSERT_TRUE(pbx.HangUp("call").ok());
  EXPECT_EQ(Text(call.booked.cost()), "660.00");
  EXPECT_THAT(NanosOf(call.booked.balance_after()), Ge(0)) << "it was paid before it was booked";
  EXPECT_TRUE(WaitUntil([] { return Account("long").open_recharge_ordinal() == 0; }));
  EXPECT_EQ(Balance("long"), FormatDecimal(Charged("long") - 660 * kNanosPerUnit));
  ExpectNothingHeld("long");
}

TEST_F(HoldsSwitchTest, H6_WithACardThatFailsACallEndsWithinASliceOfWhatIsThere) {
  OpenFunded("failing", "tok_decline_after_1");
  TelephoneSwitch pbx({Channel()}, {.wait_for_money = absl::Milliseconds(300)});
  ASSERT_TRUE(pbx.Dial({"failing", "u", kSatellite, "call"}).ok());
  ASSERT_TRUE(pbx.Answer("call").ok());
  ASSERT_TRUE(pbx.Pass(absl::Hours(2)).ok());
  const PhoneCall& call = pbx.call("call");
  EXPECT_TRUE(call.cut);
  EXPECT_EQ(call.hold.final_reason(), pb::FINAL_REASON_INSUFFICIENT_BALANCE);
  EXPECT_EQ(call.talked, absl::Seconds(120));
  EXPECT_EQ(Text(call.booked.cost()), "11.00");
  EXPECT_EQ(Balance("failing"), "4.00");
  EXPECT_EQ(FormatDecimal(Charged("failing")), "15.00");
  ExpectNothingHeld("failing");
}

TEST_F(HoldsSwitchTest, H9_ACallOnADisabledAccountEndsUnlessMoneyComesInTime) {
  OpenFunded("disabled", "tok_decline_after_1");
  TelephoneSwitch pbx({Channel()}, {.wait_for_money = kWaitForMoney});
  ASSERT_TRUE(pbx.Dial({"disabled", "u", kJamaica, "call"}).ok());
  ASSERT_TRUE(pbx.Answer("call").ok());
  ASSERT_TRUE(pbx.Pass(absl::Seconds(55)).ok());
  const int64_t granted = pbx.call("call").hold.granted().seconds();
  Must(&Ledger::RecordUsage,
       absl::StrCat("account_id: 'disabled' usage { usage_id: 'dear' user_id: 'u' start_time { "
                    "seconds: ",
                    absl::ToUnixSeconds(absl::Now()),
                    " } call { direction: DIRECTION_OUTBOUND destination: '", kSatellite,
                    "' duration { seconds: 180 } } }"));
  EXPECT_TRUE(WaitUntil([] { return Account("disabled").state() == pb::ACCOUNT_STATE_DISABLED; }));
  ASSERT_TRUE(pbx.Extend("call").ok());
  EXPECT_EQ(pbx.call("call").hold.final_reason(), pb::FINAL_REASON_ACCOUNT_DISABLED);
  EXPECT_EQ(pbx.call("call").hold.granted().seconds(), granted) << "what was granted is kept";
  EXPECT_EQ(CountEvents("disabled", pb::EVENT_KIND_FUNDS_AVAILABLE), 0);
  Must(&Accounts::UpdatePaymentMethod,
       "account_id: 'disabled' request_id: 'new' payment_method { card_token: "
       "'tok_visa#disabled-2' }");
  ASSERT_TRUE(pbx.Pass(absl::Minutes(10)).ok());
  EXPECT_FALSE(pbx.call("call").cut);
  EXPECT_EQ(pbx.call("call").times_without_money, 1);
  EXPECT_EQ(CountEvents("disabled", pb::EVENT_KIND_FUNDS_AVAILABLE), 1);
  ASSERT_TRUE(pbx.HangUp("call").ok());
  EXPECT_EQ(Account("disabled").state(), pb::ACCOUNT_STATE_ACTIVE);
  ExpectNothingHeld("disabled");
}

TEST_F(HoldsSwitchTest, H9_ABlockDuringTheCallMakesTheNextExtensionTheLast) {
  OpenFunded("blocked");
  TelephoneSwitch pbx({Channel()}, {});
  ASSERT_TRUE(pbx.Dial({"blocked", "u", kJamaica, "call"}).ok());
  ASSERT_TRUE(pbx.Answer("call").ok());
  ASSERT_TRUE(pbx.Pass(absl::Seconds(200)).ok());
  const int64_t granted = pbx.call("call").hold.granted().seconds();
  EXPECT_EQ(granted, 240);
  Must(&Support::BlockAccount, "account_id: 'blocked' reason: 'stolen' actor: 'ann'");
  ASSERT_TRUE(pbx.Pass(absl::Hours(1)).ok());
  const PhoneCall& call = pbx.call("call");
  EXPECT_TRUE(call.cut);
  EXPECT_EQ(call.hold.final_reason(), pb::FINAL_REASON_ACCOUNT_BLOCKED);
  EXPECT_EQ(call.talked, absl::Seconds(granted)) << "what was granted is kept, and nothing follows";
  EXPECT_EQ(Text(call.booked.cost()), "0.72");
  ExpectNothingHeld("blocked");
}

TEST_F(HoldsSwitchTest, H4_ACallThatNobodyAnswersSetsNothingAsideForGood) {
  OpenFunded("ringing");
  TelephoneSwitch pbx({Channel()}, {});
  ASSERT_TRUE(pbx.Dial({"ringing", "u", kSatellite, "lost"}).ok());
  ASSERT_TRUE(pbx.Dial({"ringing", "u", kSatellite, "given-up"}).ok());
  EXPECT_EQ(Text(Account("ringing").available()), "4.00");
  ASSERT_TRUE(pbx.HangUp("given-up").ok());
  EXPECT_EQ(pbx.call("given-up").hold.state(), pb::HOLD_STATE_RELEASED);
  EXPECT_EQ(Text(Account("ringing").available()), "9.50");
  EXPECT_TRUE(
      WaitUntil([] { return GetHold("ringing", "lost").state() == pb::HOLD_STATE_EXPIRED; }));
  EXPECT_EQ(Text(Account("ringing").available()), "15.00");
  EXPECT_EQ(CountEvents("ringing", pb::EVENT_KIND_HOLD_EXPIRED), 1);
  // It was answered all the same, and goes on.
  ASSERT_TRUE(pbx.Answer("lost").ok());
  ASSERT_TRUE(pbx.Pass(absl::Seconds(55)).ok());
  EXPECT_EQ(pbx.call("lost").hold.state(), pb::HOLD_STATE_OPEN);
  EXPECT_EQ(pbx.call("lost").hold.granted().seconds(), 120);
  ASSERT_TRUE(pbx.HangUp("lost").ok());
  ExpectNothingHeld("ringing");
}

// The usage has another id than the one that CreateHold named: only `hold_id` tells.
TEST_F(HoldsSwitchTest, H5_ACdrInABatchOrOnAStreamSettlesTheHoldThatItNames) {
  OpenFunded("bulk");
  const auto hold = [](const std::string& id) {
    Must(&Ledger::CreateHold,
         absl::StrCat("account_id: 'bulk' hold_id: '", id, "' usage_id: 'held-", id,
                      "' user_id: 'u' call { direction: DIRECTION_OUTBOUND destination: '",
                      kBarbados, "' }"));
  };
  const auto cdr = [](const std::string& id) {
    return absl::StrCat("account_id: 'bulk' hold_id: '", id, "' usage { usage_id: 'cdr-", id,
                        "' user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()),
                        " } call { direction: DIRECTION_OUTBOUND destination: '", kBarbados,
                        "' duration { seconds: 30 } } }");
  };
  hold("batch");
  hold("stream");
  EXPECT_EQ(Text(Account("bulk").held()), "0.40");
  const auto batch =
      Must(&Ledger::BatchRecordUsage, absl::StrCat("requests { ", cdr("batch"), " }"));
  EXPECT_TRUE(batch.results(0).has_response());
  EXPECT_EQ(GetHold("bulk", "batch").state(), pb::HOLD_STATE_SETTLED);
  EXPECT_EQ(Text(Account("bulk").held()), "0.20");
  {
    grpc::ClientContext context;
    const auto stream = stack_->stub<Ledger>().StreamUsage(&context);
    ASSERT_TRUE(stream->Write(Parse<pb::StreamUsageRequest>(
        absl::StrCat("sequence: 1 request { ", cdr("stream"), " }"))));
    stream->WritesDone();
    pb::StreamUsageResponse response;
    int64_t acknowledged = 0;
    while (stream->Read(&response)) {
      acknowledged = response.acknowledged_sequence();
      EXPECT_EQ(response.refusals_size(), 0);
    }
    ASSERT_TRUE(stream->Finish().ok());
    EXPECT_EQ(acknowledged, 1);
  }
  EXPECT_EQ(GetHold("bulk", "stream").state(), pb::HOLD_STATE_SETTLED);
  EXPECT_EQ(Balance("bulk"), "14.80");
  ExpectNothingHeld("bulk");
}

// --- What gets lost, and who dies -----------------------------------------------------

TEST_F(HoldsSwitchTest, H3_LostDoubledAndReorderedExtensionsChangeNothing) {
  pb::Hold as_it_should_be;
  for (const Line line : {Line::kGood, Line::kDoubles, Line::kLoses, Line::kReorders}) {
    SCOPED_TRACE(static_cast<int>(line));
    const std::string id = absl::StrCat("line-", static_cast<int>(line));
    OpenFunded(id);
    TelephoneSwitch pbx({Channel()}, {.line = line});
    ASSERT_TRUE(pbx.Dial({id, "u", kJamaica, "call"}).ok());
    ASSERT_TRUE(pbx.Answer("call").ok());
    ASSERT_TRUE(pbx.Pass(absl::Minutes(20)).ok());
    const pb::Hold hold = GetHold(id, "call");
    if (line == Line::kGood) as_it_should_be = hold;
    EXPECT_EQ(hold.granted().seconds(), as_it_should_be.granted().seconds());
    EXPECT_EQ(hold.used().seconds(), as_it_should_be.used().seconds());
    EXPECT_EQ(Text(hold.held()), Text(as_it_should_be.held()));
    EXPECT_EQ(Text(hold.accrued()), Text(as_it_should_be.accrued()));
    EXPECT_FALSE(hold.final());
    ASSERT_TRUE(pbx.HangUp("call").ok());
    EXPECT_EQ(Text(pbx.call("call").booked.cost()), "3.60");
    ExpectNothingHeld(id);
  }
}

TEST_F(HoldsSwitchTest, H8_ASwitchThatStartsAgainReleasesItsHoldsOfAllAccounts) {
  TelephoneSwitch pbx({Channel()}, {.switch_id = "of-many"});
  TelephoneSwitch other({Channel()}, {.switch_id = "of-one"});
  const std::vector<std::string> accounts = {"many-a", "many-b", "many-c"};
  for (const std::string& id : accounts) {
    OpenFunded(id);
    for (const std::string call : {"1", "2"}) {
      ASSERT_TRUE(pbx.Dial({id, "u", kJamaica, absl::StrCat(id, "-", call)}).ok());
    }
  }
  ASSERT_TRUE(other.Dial({"many-b", "u", kJamaica, "of-another"}).ok());
  pbx.Crash();
  const auto released = pbx.ReleaseOldHolds();
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->released(), 6);
  EXPECT_EQ(released->unsettled(), 0);
  EXPECT_EQ(GetHold("many-b", "of-another").state(), pb::HOLD_STATE_OPEN);
  EXPECT_EQ(ListHolds("many-b").size(), 1);
  ASSERT_TRUE(other.HangUp("of-another").ok());
  for (const std::string& id : accounts) ExpectNothingHeld(id);
}

// A page of holds that no command finds, as the account's row knows of none.
void HoldsSwitchTest::AddGhosts(const std::string& id, const std::string& like, int count) {
  const auto& sql = stack_->database();
  sql.Execute(absl::StrCat("CREATE TABLE ghosts AS SELECT * FROM holds WHERE account_id = '", like,
                           "' AND state = 1"));
  sql.Execute(absl::StrCat("UPDATE ghosts SET slot = 0, account_id = '", id,
                           "', expire_time = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR"));
  for (int i = 1; i <= count; ++i) {
    sql.Execute(absl::StrCat("UPDATE ghosts SET slot = ", i, ", hold_id = 'ghost-", i, "'"));
    sql.Execute("INSERT INTO holds SELECT * FROM ghosts");
  }
  sql.Execute("DROP TABLE ghosts");
}

TEST_F(HoldsSwitchTest, H8_HoldsThatCantBeReleasedKeepNoOtherFromIt) {
  OpenFunded("aa-ghosts");
  OpenFunded("zz-after");
  TelephoneSwitch pbx({Channel()}, {.switch_id = "of-ghosts"});
  ASSERT_TRUE(pbx.Dial({"zz-after", "u", kJamaica, "like-this"}).ok());
  AddGhosts("aa-ghosts", "zz-after", 500);
  ASSERT_TRUE(pbx.Dial({"zz-after", "u", kJamaica, "z"}).ok());
  pbx.Crash();
  const auto released = pbx.ReleaseOldHolds();
  EXPECT_EQ(ReasonOf(released.status()), "HOLD_NOT_FOUND") << released.status();
  EXPECT_EQ(GetHold("zz-after", "z").state(), pb::HOLD_STATE_RELEASED);
  stack_->database().Execute("DELETE FROM holds WHERE account_id = 'aa-ghosts'");
  const auto again = pbx.ReleaseOldHolds();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->released(), 0) << "it was";
  ExpectNothingHeld("zz-after");
}

TEST_F(HoldsSwitchTest, H12_HoldsOfAllAccountsAreListedByPagesAndByState) {
  TelephoneSwitch pbx({Channel()}, {.switch_id = "lists-all"});
  const std::vector<std::string> accounts = {"all-a", "all-b", "all-c"};
  for (const std::string& id : accounts) OpenFunded(id);
  for (const std::string& id : accounts) {
    ASSERT_TRUE(pbx.Dial({id, "u", kJamaica, absl::StrCat("of-", id)}).ok());
  }
  std::vector<std::string> listed;
  std::string token;
  do {
    const auto page =
        Must(&Ledger::ListHolds,
             absl::StrCat("state: HOLD_STATE_OPEN page_size: 2 page_token: '", token, "'"));
    EXPECT_LE(page.holds_size(), 2);
    for (const pb::Hold& hold : page.holds()) listed.push_back(hold.account_id());
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_THAT(listed, ::testing::IsSupersetOf(accounts));
  for (const std::string& id : accounts) {
    ASSERT_TRUE(pbx.HangUp(absl::StrCat("of-", id)).ok());
    ExpectNothingHeld(id);
  }
}

TEST_F(HoldsSwitchTest, H12_HoldsAreListedByPagesAndByState) {
  OpenFunded("list");
  TelephoneSwitch pbx({Channel()}, {.switch_id = "lists"});
  std::vector<std::string> dialled;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(pbx.Dial({"list", "u", kJamaica, dialled.emplace_back(absl::StrCat("l", i))}).ok());
  }
  Must(&Ledger::ReleaseHold, "account_id: 'list' hold_id: 'l0' used { seconds: 30 }");
  std::vector<std::string> listed;
  std::string token;
  do {
    const auto page =
        Must(&Ledger::ListHolds,
             absl::StrCat("account_id: 'list' page_size: 2 page_token: '", token, "'"));
    EXPECT_LE(page.holds_size(), 2);
    for (const pb::Hold& hold : page.holds()) listed.push_back(hold.hold_id());
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_THAT(listed, UnorderedElementsAreArray(dialled)) << "each once, over the pages";
  const std::vector<pb::Hold> open = ListHolds("list", "state: HOLD_STATE_OPEN");
  EXPECT_EQ(open.size(), 4);
  for (const pb::Hold& hold : open) EXPECT_EQ(hold.state(), pb::HOLD_STATE_OPEN);
  const std::vector<pb::Hold> unsettled = ListHolds("list", "state: HOLD_STATE_UNSETTLED");
  ASSERT_EQ(unsettled.size(), 1);
  EXPECT_EQ(unsettled[0].hold_id(), "l0");
  for (const std::string& call : dialled) ASSERT_TRUE(pbx.HangUp(call).ok());
  EXPECT_TRUE(WaitUntil([] { return ListHolds("list").empty(); })) << "what was reported is booked";
  ExpectNothingHeld("list");
}

TEST_F(HoldsSwitchTest, H8_ASwitchThatStartsAgainReleasesItsOldHoldsOnce) {
  OpenFunded("crash");
  TelephoneSwitch pbx({Channel()}, {.switch_id = "crashing"});
  TelephoneSwitch other({Channel()}, {.switch_id = "other"});
  for (const std::string id : {"rings", "talks", "reported"}) {
    ASSERT_TRUE(pbx.Dial({"crash", "u", kJamaica, id}).ok());
  }
  ASSERT_TRUE(other.Dial({"crash", "u", kJamaica, "others"}).ok());
  ASSERT_TRUE(pbx.Answer("reported").ok());
  ASSERT_TRUE(pbx.Pass(absl::Seconds(55)).ok());
  ASSERT_TRUE(pbx.Answer("talks").ok());
  const PhoneCall reported = pbx.call("reported");
  EXPECT_GT(reported.hold.used().seconds(), 0);
  pbx.Crash();
  ASSERT_TRUE(pbx.Dial({"crash", "u", kJamaica, "new"}).ok());
  auto released = pbx.ReleaseOldHolds();
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->released(), 2);
  EXPECT_EQ(released->unsettled(), 1);
  released = pbx.ReleaseOldHolds();
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->released(), 0);
  EXPECT_EQ(released->unsettled(), 0);
  EXPECT_EQ(GetHold("crash", "rings").state(), pb::HOLD_STATE_RELEASED);
  EXPECT_EQ(GetHold("crash", "reported").state(), pb::HOLD_STATE_UNSETTLED);
  EXPECT_EQ(GetHold("crash", "others").state(), pb::HOLD_STATE_OPEN);
  EXPECT_EQ(GetHold("crash", "new").state(), pb::HOLD_STATE_OPEN);
  const auto late = Must(&Ledger::ExtendHold,
                         "account_id: 'crash' hold_id: 'rings' extension: 1 used { seconds: 0 }");
  EXPECT_EQ(late.final_reason(), pb::FINAL_REASON_HOLD_ENDED);
  // Its CDR is found on the disk.
  PhoneCall found = reported;
  ASSERT_TRUE(pbx.SendCdr(found).ok());
  EXPECT_EQ(GetHold("crash", "reported").state(), pb::HOLD_STATE_SETTLED);
  ASSERT_TRUE(pbx.HangUp("new").ok());
  ASSERT_TRUE(other.HangUp("others").ok());
  ExpectNothingHeld("crash");
}

TEST_F(HoldsSwitchTest, H12_TheHourOfASwitchThatDiesIsBookedAndItsCdrTakesThePlaceOfThat) {
  OpenFunded("dead");
  SwitchRechargingOff("dead");
  TelephoneSwitch pbx({Channel()}, {.slice = absl::Seconds(1)});
  ASSERT_TRUE(pbx.Dial({"dead", "u", kBarbados, "call"}).ok());
  ASSERT_TRUE(pbx.Answer("call").ok());
  pbx.Hang(absl::Hours(1));
  ASSERT_TRUE(pbx.Extend("call").ok());
  PhoneCall call = pbx.call("call");
  pbx.Crash();

  std::vector<pb::Hold> unsettled;
  EXPECT_TRUE(WaitUntil([&] {
    unsettled = ListHolds("dead", "state: HOLD_STATE_UNSETTLED");
    return unsettled.size() == 1;
  }));
  ASSERT_THAT(unsettled, SizeIs(1));
  EXPECT_EQ(unsettled[0].used().seconds(), 3600);
  EXPECT_EQ(Text(unsettled[0].accrued()), "12.00");
  EXPECT_EQ(Text(unsettled[0].held()), "12.00");
  EXPECT_EQ(CountEvents("dead", pb::EVENT_KIND_HOLD_EXPIRED), 1);
  EXPECT_EQ(CountEvents("dead", pb::EVENT_KIND_HOLD_UNSETTLED), 1);

  EXPECT_TRUE(
      WaitUntil([] { return GetHold("dead", "call").state() == pb::HOLD_STATE_ESTIMATED; }));
  EXPECT_EQ(Balance("dead"), "3.00");
  EXPECT_EQ(CountEvents("dead", pb::EVENT_KIND_USAGE_ESTIMATED), 1);
  const std::string usage = "account_id: 'dead' usage_id: 'call'";
  pb::UsageRecord record = Must(&Accounts::GetUsage, usage);
  EXPECT_TRUE(record.estimated());
  EXPECT_EQ(record.usage().call().duration().seconds(), 3600);
  EXPECT_EQ(Text(record.cost()), "12.00");
  ExpectNothingHeld("dead");

  call.talked = absl::Seconds(3660);
  ASSERT_TRUE(pbx.SendCdr(call).ok());
  EXPECT_FALSE(call.booked.duplicate());
  EXPECT_EQ(Text(call.booked.cost()), "12.20");
  EXPECT_EQ(Balance("dead"), "2.80");
  record = Must(&Accounts::GetUsage, usage);
  EXPECT_FALSE(record.estimated());
  EXPECT_EQ(record.usage().call().duration().seconds(), 3660);
  EXPECT_EQ(Text(record.cost()), "12.20");
  const std::vector<pb::UsageRecord> history = ListUsage("dead");
  ASSERT_THAT(history, SizeIs(2));
  int voided = 0;
  for (const pb::UsageRecord& each : history) {
    if (!each.estimated()) continue;
    ++voided;
    EXPECT_EQ(each.status(), pb::USAGE_STATUS_VOIDED);
    EXPECT_EQ(each.usage().call().duration().seconds(), 3600);
    EXPECT_EQ(each.voided().corrected_by_usage_id(), "call");
    EXPECT_EQ(each.voided().seq(), record.seq() - 1) << "its void is the entry before the CDR's";
    EXPECT_EQ(Text(each.voided().returned()), "12.00");
    EXPECT_TRUE(each.voided().has_void_time());
    EXPECT_EQ(Text(each.cost()), "0.00");
  }
  EXPECT_EQ(voided, 1);
  const auto statement = Must(&Accounts::ListEntries, "account_id: 'dead' page_size: 2");
  ASSERT_EQ(statement.entries_size(), 2);
  EXPECT_EQ(statement.entries(0).kind(), pb::ENTRY_KIND_USAGE);
  EXPECT_EQ(Text(statement.entries(0).amount()), "-12.20");
  EXPECT_EQ(statement.entries(1).kind(), pb::ENTRY_KIND_VOID);
  EXPECT_EQ(Text(statement.entries(1).amount()), "12.00");
  ASSERT_TRUE(pbx.SendCdr(call).ok());
  EXPECT_TRUE(call.booked.duplicate());
  EXPECT_EQ(Balance("dead"), "2.80");
  ExpectNothingHeld("dead");
}

TEST_F(HoldsSwitchTest, H12_OfAnEstimateThatWasVoidedBeforeItsCdrCameTheHistoryNamesThatVoid) {
  OpenFunded("voided");
  SwitchRechargingOff("voided");
  TelephoneSwitch pbx({Channel()}, {.slice = absl::Seconds(1)});
  ASSERT_TRUE(pbx.Dial({"voided", "u", kBarbados, "call"}).ok());
  ASSERT_TRUE(pbx.Answer("call").ok());
  pbx.Hang(absl::Hours(1));
  ASSERT_TRUE(pbx.Extend("call").ok());
  PhoneCall call = pbx.call("call");
  pbx.Crash();
  EXPECT_TRUE(
      WaitUntil([] { return GetHold("voided", "call").state() == pb::HOLD_STATE_ESTIMATED; }));
  const auto taken_back = Must(&pb::Ledger::Stub::VoidUsage,
                               "account_id: 'voided' usage_id: 'call' reason: 'it never was'");
  Must(&pb::Support::Stub::AdjustBalance,
       "account_id: 'voided' request_id: 'a' amount { units: 1 } reason: 'in between'");
  ASSERT_TRUE(pbx.SendCdr(call).ok());
  int estimates = 0;
  for (const pb::UsageRecord& each : ListUsage("voided")) {
    if (!each.estimated()) continue;
    ++estimates;
    EXPECT_EQ(each.status(), pb::USAGE_STATUS_VOIDED);
    EXPECT_EQ(each.voided().seq(), taken_back.seq());
    EXPECT_EQ(Text(each.voided().returned()), "12.00");
    EXPECT_TRUE(each.voided().has_void_time());
  }
  EXPECT_EQ(estimates, 1);
  // The CDR may be voided in its turn, and each record names its own.
  const auto again = Must(&pb::Ledger::Stub::VoidUsage,
                          "account_id: 'voided' usage_id: 'call' reason: 'a wrong CDR'");
  for (const pb::UsageRecord& each : ListUsage("voided")) {
    EXPECT_EQ(each.voided().seq(), each.estimated() ? taken_back.seq() : again.seq());
  }
  ExpectNothingHeld("voided");
}

}  // namespace
}  // namespace reserve::e2e
