// Every request that changes something, sent again after it was answered, as after a lost reply:
// the answer is the same, and nothing that is stored changes.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "tests/e2e/failure_scene.h"
#include "tests/e2e/stack.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::TextFormat;

// A request to "Service.Method" as text.
struct Step {
  std::string method = "";
  std::string request = "";
};

// In an order in which each succeeds. The recharges of `soft` and `lost` are handed to a worker
// before they are reported.
std::vector<Step> StepsOfUsage() {
  const std::string usage =
      "account_id: 'acct' usage { user_id: 'u' start_time { seconds: 1790000000 } call { "
      "direction: DIRECTION_OUTBOUND destination: '+18765550123' duration { seconds: 60 } } ";
  return {
      {"Accounts.OpenAccount", "account_id: 'acct' card_token: 'tok_visa#acct'"},
      {"Accounts.OpenAccount",
       "account_id: 'placed' country_code: 'GB' time_zone: 'Europe/London' billing_day: 31"},
      {"Recharges.ReportRecharge",
       "account_id: 'acct' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_1' "
       "amount { currency_code: 'USD' units: 15 } }"},
      {"Accounts.PutUser", "account_id: 'acct' user_id: 'u'"},
      {"Accounts.PutUser", "account_id: 'acct' user_id: 'u' user { plan_id: 'unlimited' }"},
      {"Accounts.PutUser",
       "account_id: 'acct' user_id: 'u' user { plan_id: 'per_minute' display_name: 'Uma' } "
       "plan_effective_time { seconds: 4000000000 }"},
      {"Accounts.PutUser", "account_id: 'acct' user_id: 'gone' user { blocked: true }"},
      {"Accounts.RemoveUser", "account_id: 'acct' user_id: 'gone'"},
      {"Support.UpdateLimits",
       "account_id: 'acct' request_id: 'limit' limits { calls: 3 } reason: 'as they ask'"},
      {"Support.UpdateLimits",
       "account_id: 'acct' user_id: 'u' limits { calls: 2 } reason: 'as they ask'"},
      {"Accounts.UpdateBillingSettings",
       "account_id: 'acct' billing_settings { reserve_amount { units: 20 } recharge_threshold { "
       "units: 12 } }"},
      {"Accounts.UpdatePaymentMethod",
       "account_id: 'acct' request_id: 'anew' payment_method { card_token: 'tok_mastercard#acct' "
       "}"},
      {"Accounts.AddPaymentMethod",
       "account_id: 'acct' request_id: 'second' payment_method { card_token: 'tok_visa#second' }"},
      {"Accounts.RemovePaymentMethod", "account_id: 'acct' payment_method_id: 'card-2'"},
      {"Ledger.RecordUsage", absl::StrCat(usage, "usage_id: 'one' }")},
      {"Ledger.BatchRecordUsage", absl::StrCat("requests { ", usage,
                                               "usage_id: 'two' } } requests "
                                               "{ ",
                                               usage, "usage_id: 'three' } }")},
      {"Ledger.StreamUsage", absl::StrCat("sequence: 1 request { ", usage, "usage_id: 'four' } }")},
      {"Ledger.CreateHold",
       "account_id: 'acct' hold_id: 'held' usage_id: 'held-call' user_id: 'u' switch_id: 's' "
       "switch_incarnation: 1 call { direction: DIRECTION_OUTBOUND destination: '+18765550123' }"},
      {"Ledger.ExtendHold",
       "account_id: 'acct' hold_id: 'held' extension: 1 used { seconds: 30 } answer_time { "
       "seconds: 1790000000 }"},
      {"Ledger.RecordUsage", absl::StrCat(usage, "usage_id: 'held-call' } hold_id: 'held'")},
      {"Ledger.CreateHold",
       "account_id: 'acct' hold_id: 'rings' usage_id: 'rings' user_id: 'u' switch_id: 's' "
       "switch_incarnation: 1 call { direction: DIRECTION_OUTBOUND destination: '+18765550123' }"},
      {"Ledger.ReleaseHold", "account_id: 'acct' hold_id: 'rings'"},
      {"Ledger.VoidUsage", "account_id: 'acct' usage_id: 'two' reason: 'a wrong record'"},
      {"Ledger.CorrectUsage",
       absl::StrCat("account_id: 'acct' usage_id: 'three' reason: 'a wrong record' ",
                    usage.substr(usage.find("usage {")), "usage_id: 'three-b' }")},
      {"Ledger.BatchRecordUsage",
       absl::StrCat("requests { ", usage,
                    "usage_id: 'four-b' } replaces { usage_id: 'four' reason: "
                    "'a wrong record' } }")},
  };
}

std::vector<Step> StepsOfMoney() {
  const std::string usage =
      "account_id: 'acct' usage { user_id: 'u' start_time { seconds: 1790000000 } call { "
      "direction: DIRECTION_OUTBOUND destination: '+18765550123' duration { seconds: 60 } } ";
  return {
      {"Support.AdjustBalance",
       "account_id: 'acct' request_id: 'gift' amount { units: 1 } reason: 'gift'"},
      {"Support.AdjustBalance",
       "account_id: 'acct' request_id: 'dip' amount { units: -10 } reason: 'dip'"},
      {"Support.GrantCredit",
       "account_id: 'acct' request_id: 'welcome' amount { nanos: 10000000 } expire_time { seconds: "
       "2000000000 } reason: 'welcome'"},
      // What staff takes back waits for the customer's next usage.
      {"Ledger.RecordUsage", absl::StrCat(usage, "usage_id: 'five' }")},
      {"Recharges.ReportRecharge",
       "account_id: 'acct' ordinal: 2 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_2' "
       "amount { currency_code: 'USD' units: 20 } }"},
      {"Accounts.RequestRecharge", "account_id: 'acct' request_id: 'top-up' amount { units: 25 }"},
      {"Support.RefundRecharge",
       "account_id: 'acct' request_id: 'back' ordinal: 1 amount { units: 5 } reason: 'asked'"},
      {"Recharges.ReportRecharge",
       "account_id: 'acct' ordinal: 4 attempt: 1 worker_id: 'w' refund_succeeded { refund_id: "
       "'re_4' }"},
      {"Recharges.ReportGatewayRefund",
       "charge_id: 'ch_1' charge_reference: 'acct/1' refund_id: 're_4' refund_reference: 'acct/4' "
       "state: REFUND_STATE_FAILED amount { currency_code: 'USD' units: 5 } failure_code: "
       "'expired_card'"},
      {"Recharges.ReportGatewayDispute",
       "charge_id: 'ch_1' charge_reference: 'acct/1' dispute_id: 'dp_1' state: "
       "DISPUTE_STATE_OPENED amount { currency_code: 'USD' units: 15 } reason: 'not recognised'"},
      {"Recharges.ReportGatewayDispute",
       "charge_id: 'ch_none' dispute_id: 'dp_2' state: DISPUTE_STATE_OPENED amount { "
       "currency_code: 'USD' units: 15 }"},
      {"Support.ResolveReview",
       "request_id: 'not-ours' reason: 'not ours' dismissed { charge_id: 'ch_none' }"},
      {"Support.LiftSuspension", "account_id: 'acct' reason: 'spoke to the customer'"},
      {"Support.RecordPayment",
       "account_id: 'acct' request_id: 'paid' amount { units: 5 } means: "
       "PAYMENT_MEANS_BANK_TRANSFER reference: 'transfer-7' charge_id: 'pg_1' reason: 'paid'"},
      {"Support.RecordPayment",
       "account_id: 'acct' request_id: 'paid-2' amount { units: 5 } means: "
       "PAYMENT_MEANS_CARD_ELSEWHERE charge_id: 'pg_1' reason: 'paid'"},
      {"Support.ReversePayment",
       "account_id: 'acct' request_id: 'bounced' ordinal: 5 reason: 'bounced'"},
      {"Accounts.UpdateAccount", "account_id: 'acct' account { country_code: 'GB' }"},
      {"Accounts.UpdateAccount",
       "account_id: 'acct' account { time_zone: 'Europe/London' billing_day: 15 } request_id: "
       "'moved'"},
      {"Support.BlockAccount", "account_id: 'acct' reason: 'fraud?'"},
      {"Support.UnblockAccount", "account_id: 'acct' reason: 'no fraud'"},
      {"Recharges.ReportRecharge",
       "account_id: 'soft' ordinal: 1 attempt: 1 lease_epoch: 1 worker_id: 'ghost' declined { "
       "decline_class: DECLINE_CLASS_SOFT code: 'insufficient_funds' }"},
      {"Recharges.ReportRecharge",
       "account_id: 'lost' ordinal: 1 attempt: 1 lease_epoch: 1 worker_id: 'ghost' unresolved { "
       "reason: 'nobody knows' }"},
      {"Support.ResolveReview",
       "account_id: 'lost' request_id: 'found' ordinal: 1 charged { charge_id: 'ch_3' amount { "
       "units: 15 } } reason: "
       "'found'"},
      {"Support.CloseAccount",
       "account_id: 'lost' request_id: 'close' reason: 'the customer leaves'"},
      {"Rates.ImportRateDeck", ""},
      {"Rates.ActivateRateDeck",
       "deck_version: 1 effective_time { seconds: 1000000000 } backdate: true request_id: "
       "'activate' reason: 'again'"},
  };
}

std::vector<Step> StepsOfPlans() {
  return {
      {"Rates.PutPlan",
       "plan_id: 'night' allow_missing: true request_id: 'night' reason: 'new' plan { allowance { "
       "seconds: 600 } monthly_prices { currency_code: 'USD' units: 5 } }"},
      {"Rates.PutPlan",
       "plan_id: 'night' request_id: 'later' reason: 'dearer' effective_time { seconds: 4000000000 "
       "} plan { monthly_prices { currency_code: 'USD' units: 6 } }"},
      {"Rates.RetirePlan", "plan_id: 'night'"},
      {"Rates.RetirePlan", "plan_id: 'night' request_id: 'retire' reason: 'nobody buys it'"},
  };
}

std::vector<Step> Steps() {
  std::vector<Step> steps = StepsOfUsage();
  for (Step& step : StepsOfMoney()) steps.push_back(std::move(step));
  for (Step& step : StepsOfPlans()) steps.push_back(std::move(step));
  return steps;
}

// What is not in Steps(): it changes nothing, or has its reason here.
const std::set<std::string>& NotRepeated() {
  static const auto* const methods = new std::set<std::string>{
      "Accounts.GetAccount", "Accounts.ListAccounts", "Accounts.GetUser", "Accounts.ListUsers",
      "Ledger.AuthorizeUsage", "Accounts.GetUsage", "Accounts.ListUsage", "Accounts.ListEntries",
      "Accounts.SummarizeUsage", "Accounts.GetEntry", "Accounts.GetLimits", "Accounts.GetRecharge",
      "Accounts.ListRecharges", "Accounts.ListPaymentMethods", "Support.ListReviews",
      "Accounts.ListRefunds", "Accounts.ListDisputes", "Events.ListEvents", "Events.WatchEvents",
      "Accounts.GetBillingAdvice", "Accounts.QuoteUsage", "Rates.ListRateDecks", "Rates.ListRates",
      "Rates.QuoteCall", "Rates.ListUnratedUsage", "Accounts.ListPayments", "Rates.QuoteSms",
      "Audit.VerifyAccount", "Audit.VerifyLedger", "Audit.CheckHead", "Audit.GetStatus",
      "Rates.GetRerating", "Rates.ListReratings", "Ledger.GetHold", "Ledger.ListHolds",
      "Support.ListPayouts", "Ledger.CountSmsSegments", "Rates.GetRateDeck",
      "Ledger.GetAccountRanges", "Rates.ListRateDeckActivations", "Rates.CompareRateDecks",
      "Accounts.GetReceipt", "Accounts.ListReceipts", "Accounts.Export", "Rates.CompareRateDecks",
      "Rates.GetPlan", "Rates.ListPlans", "Rates.ListPlanVersions",
      // Needs a deck that prices nothing: DeckTimelineTest sends it again.
      "Rates.RetireRateDeck",
      // Needs an account that was closed and owes something: ClosingTest sends it again.
      "Support.RecordPayout",
      // Needs a rerating that is under way: ReratingsTest sends it again.
      "Rates.CancelRerating",
      // Its commands are those of other methods: PeersTest sends them again.
      "Peers.PassOn",
      // Counts what it has released: HoldsSwitchTest sends it again.
      "Ledger.ReleaseSwitchHolds",
      // Tells how far it is: ReratingsTest sends it again.
      "Rates.RerateUsage",
      // Leases are time: each hand-out has a new epoch, and a renewal lasts from when it was asked.
      "Recharges.WatchLowBalance", "Recharges.RenewLease"};
  return *methods;
}

class RepeatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto stack = Stack::Start({.gateway = true});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  // The answer, as text and without the mark of a repeat.
  absl::StatusOr<std::string> Send(const Step& step) {
    if (step.method == "Rates.ImportRateDeck") {
      const auto ended =
          stack_->RunLedger({"import-rates", "--starter", "--effective_time=2000-01-01T00:00:00Z"});
      if (ended.exit_code != 0) return absl::UnknownError(ended.errors);
      return ended.output;
    }
    const auto* method = DescriptorPool::generated_pool()->FindMethodByName(
        absl::StrCat("reserve.ledger.v1.", step.method));
    if (method == nullptr) return absl::UnknownError("there is no such method");
    MessageFactory* factory = MessageFactory::generated_factory();
    const std::unique_ptr<Message> request(factory->GetPrototype(method->input_type())->New());
    if (!TextFormat::ParseFromString(step.request, request.get())) {
      return absl::UnknownError("not a request");
    }
    auto bytes = stack_->CallRaw(
        absl::StrCat("/reserve.ledger.v1.", absl::StrReplaceAll(step.method, {{".", "/"}})),
        request->SerializeAsString());
    if (!bytes.ok()) return bytes.status();
    const std::unique_ptr<Message> answer(factory->GetPrototype(method->output_type())->New());
    if (!answer->ParseFromString(*bytes)) return absl::UnknownError("not an answer");
    std::vector<std::string> lines = absl::StrSplit(answer->DebugString(), '\n');
    lines.erase(std::remove_if(lines.begin(), lines.end(),
                               [](absl::string_view line) {
                                 line = absl::StripLeadingAsciiWhitespace(line);
                                 return line == "duplicate: true" ||
                                        line == "already_applied: true" ||
                                        line == "already_voided: true";
                               }),
                lines.end());
    return absl::StrJoin(lines, "\n");
  }

  // But for which ledgers serve, which is written every few seconds.
  std::vector<test_support::TestDatabase::Row> Stored() {
    return stack_->database().Query(absl::StrCat(
        "CHECKSUM TABLE ",
        stack_->database().QueryText(
            "SELECT GROUP_CONCAT(table_name) FROM information_schema.tables WHERE table_schema = "
            "DATABASE() AND table_type = 'BASE TABLE' AND table_name <> 'ledgers'")));
  }

  std::unique_ptr<Stack> stack_;
};

TEST_F(RepeatsTest, EveryRequestSentAgainAnswersTheSameAndChangesNothing) {
  for (const std::string id : {"soft", "lost"}) {
    GhostWorker ghost(stack_->recharges());
    ASSERT_TRUE(Send({"Accounts.OpenAccount",
                      absl::StrCat("account_id: '", id, "' card_token: '", "tok_visa#", id, "'")})
                    .ok());
    ASSERT_EQ(ghost.Take().account_id(), id);
  }
  for (const Step& step : Steps()) {
    SCOPED_TRACE(absl::StrCat(step.method, " { ", step.request, " }"));
    const auto before = Stored();
    const auto first = Send(step);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto stored = Stored();
    ASSERT_GE(stored.size(), 10u);
    // The starter deck is imported by the stack.
    if (step.method != "Rates.ImportRateDeck") {
      EXPECT_NE(stored, before) << "it changes nothing";
    }
    for (int i = 0; i < 2; ++i) {
      const auto again = Send(step);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(*again, *first);
      EXPECT_EQ(Stored(), stored);
    }
  }
}

// A request that was delayed on its way and comes again after another act: the first's outcome was
// answered, and what came in between stands.
TEST_F(RepeatsTest, ALateRepeatUndoesNothingThatCameInBetween) {
  struct Case {
    std::string method;
    std::string request;  // but for its id
    Step between;
  };
  ASSERT_TRUE(Send({"Accounts.OpenAccount", "account_id: 'a' card_token: 'tok_visa#a'"}).ok());
  ASSERT_TRUE(Send({"Recharges.ReportRecharge",
                    "account_id: 'a' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: "
                    "'ch_1' amount { currency_code: 'USD' units: 15 } }"})
                  .ok());
  const std::string dispute =
      "charge_id: 'ch_1' charge_reference: 'a/1' state: DISPUTE_STATE_OPENED amount { "
      "currency_code: 'USD' units: 2 } dispute_id: ";
  ASSERT_TRUE(Send({"Recharges.ReportGatewayDispute", dispute + "'dp_1'"}).ok());
  const std::vector<Case> cases = {
      {"Support.LiftSuspension",
       "reason: 'spoke to the customer' payment_method_id: 'card-1'",
       {"Recharges.ReportGatewayDispute", dispute + "'dp_2'"}},
      {"Accounts.UpdateBillingSettings",
       "billing_settings { automatic_recharge: true }",
       {"Accounts.UpdateBillingSettings",
        "account_id: 'a' billing_settings { automatic_recharge: false }"}},
      {"Support.BlockAccount",
       "reason: 'fraud?'",
       {"Support.UnblockAccount", "account_id: 'a' reason: 'no fraud'"}},
      {"Support.UnblockAccount",
       "reason: 'no fraud at all'",
       {"Support.BlockAccount", "account_id: 'a' reason: 'it was fraud'"}},
      {"Accounts.RemovePaymentMethod",
       "payment_method_id: 'card-1'",
       {"Accounts.AddPaymentMethod",
        "account_id: 'a' request_id: 'second' payment_method { card_token: 'tok_visa#second' }"}},
      {"Accounts.PutUser",
       "user_id: 'u' user { plan_id: 'unlimited' }",
       {"Accounts.PutUser", "account_id: 'a' user_id: 'u' user { plan_id: 'per_minute' }"}},
      {"Accounts.PutUser",
       "user_id: 'u' user { display_name: 'U' blocked: false }",
       {"Accounts.PutUser", "account_id: 'a' user_id: 'u' user { blocked: true }"}},
      {"Accounts.RemoveUser", "user_id: 'u'", {"Accounts.PutUser", "account_id: 'a' user_id: 'u'"}},
      {"Accounts.PutUser",
       "user_id: 'u' user { display_name: 'Back' }",
       {"Accounts.RemoveUser", "account_id: 'a' user_id: 'u'"}},
  };
  int number = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.method + " " + c.request);
    const Step step{c.method,
                    absl::StrCat("account_id: 'a' request_id: 'case-", ++number, "' ", c.request)};
    ASSERT_TRUE(Send(step).ok());
    ASSERT_TRUE(Send(c.between).ok());
    const auto stored = Stored();
    const auto again = Send(step);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(Stored(), stored);
    const Step other{c.method, absl::StrCat("account_id: 'a' request_id: 'second' ", c.request)};
    if (c.method == "Accounts.RemovePaymentMethod") {
      EXPECT_EQ(ReasonOf(Send(other).status()), "REQUEST_ID_REUSED") << "one namespace an account";
    }
  }
}

TEST_F(RepeatsTest, EveryMethodIsRepeatedHereOrHasItsReasonNotToBe) {
  std::set<std::string> repeated;
  for (const Step& step : Steps()) repeated.insert(step.method);
  for (const std::string service :
       {"Ledger", "Accounts", "Events", "Support", "Rates", "Recharges", "Audit"}) {
    const auto* descriptor = DescriptorPool::generated_pool()->FindServiceByName(
        absl::StrCat("reserve.ledger.v1.", service));
    ASSERT_NE(descriptor, nullptr) << service;
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const std::string method = absl::StrCat(service, ".", descriptor->method(i)->name());
      EXPECT_EQ(repeated.count(method) + NotRepeated().count(method), 1u) << method;
    }
  }
}

TEST_F(RepeatsTest, AChargeAndARefundSentAgainAreReplayed) {
  auto& gateway = stack_->gateway();
  const auto charge = Parse<gw::ChargeRequest>(
      "idempotency_key: 'charge' card_token: 'tok_visa' reference: 'a/1' amount { currency_code: "
      "'USD' units: 15 }");
  const auto charged = Call(gateway, &gw::PaymentGateway::Stub::Charge, charge);
  ASSERT_TRUE(charged.ok()) << charged.status();
  const auto charged_again = Call(gateway, &gw::PaymentGateway::Stub::Charge, charge);
  ASSERT_TRUE(charged_again.ok()) << charged_again.status();
  EXPECT_TRUE(charged_again->replayed());
  EXPECT_EQ(charged_again->charge().SerializeAsString(), charged->charge().SerializeAsString());
  const auto refund = Parse<gw::RefundRequest>(
      absl::StrCat("idempotency_key: 'refund' charge_id: '", charged->charge().charge_id(),
                   "' amount { currency_code: 'USD' units: 5 } reason: 'r'"));
  const auto refunded = Call(gateway, &gw::PaymentGateway::Stub::Refund, refund);
  ASSERT_TRUE(refunded.ok()) << refunded.status();
  const auto refunded_again = Call(gateway, &gw::PaymentGateway::Stub::Refund, refund);
  ASSERT_TRUE(refunded_again.ok()) << refunded_again.status();
  EXPECT_TRUE(refunded_again->replayed());
  EXPECT_EQ(refunded_again->refund().SerializeAsString(), refunded->refund().SerializeAsString());
  const auto list = Call(gateway, &gw::PaymentGateway::Stub::ListCharges, gw::ListChargesRequest());
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->charges_size(), 1);
}

}  // namespace
}  // namespace reserve::e2e
