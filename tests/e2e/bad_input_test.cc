// What callers must not send, sent to the real service: each request is refused with its code,
// reason and field, and nothing that is stored changes.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/error/error.h"
#include "common/rpc/status.h"
#include "tests/e2e/failure_scene.h"
#include "tests/e2e/stack.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using absl::StatusCode;

// A request to "Service.Method" as text, and how it must be refused.
struct Refusal {
  std::string method = "";
  std::string request = "";
  StatusCode code = StatusCode::kInvalidArgument;
  std::string reason = "INVALID_FIELD";
  std::string field = "";
};

std::unique_ptr<google::protobuf::Message> RequestFor(const std::string& method) {
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      absl::StrCat("reserve.ledger.v1.", method));
  if (descriptor == nullptr) return nullptr;
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(descriptor->input_type())
          ->New());
}

// A field within others: Nested("settings.amount", "units: 1") is "settings { amount { units: 1 }
// }".
std::string Nested(const std::string& path, const std::string& content) {
  const size_t dot = path.find('.');
  if (dot == std::string::npos) return absl::StrCat(path, " { ", content, " }");
  return Nested(path.substr(0, dot), Nested(path.substr(dot + 1), content));
}

std::string PathOf(const std::string& method) {
  return absl::StrCat("/reserve.ledger.v1.", absl::StrReplaceAll(method, {{".", "/"}}));
}

// Requests that are right but for their account: one for each method that names one.
std::vector<std::pair<std::string, std::string>> GoodRequestsOfPeople() {
  return {
      {"Accounts.OpenAccount", ""},
      {"Accounts.GetAccount", ""},
      {"Accounts.UpdateAccount", "account { country_code: 'GB' }"},
      {"Accounts.UpdateBillingSettings", "billing_settings { reserve_amount { units: 20 } }"},
      {"Accounts.AddPaymentMethod",
       "request_id: 'new' payment_method { card_token: 'tok_visa#other' }"},
      {"Accounts.UpdatePaymentMethod", "payment_method { card_token: 'tok_visa#other' }"},
      {"Accounts.RemovePaymentMethod", "payment_method_id: 'card-1'"},
      {"Accounts.ListPaymentMethods", ""},
      {"Accounts.PutUser", "user_id: 'new'"},
      {"Accounts.RemoveUser", "user_id: 'u'"},
      {"Accounts.GetUser", "user_id: 'u'"},
      {"Accounts.ListUsers", ""},
      {"Accounts.GetLimits", ""},
      {"Ledger.AuthorizeUsage",
       "user_id: 'u' call { direction: DIRECTION_OUTBOUND destination: '+12025550123' }"},
      {"Ledger.RecordUsage",
       "usage { usage_id: 'new' user_id: 'u' start_time { seconds: 1790000000 } call { direction: "
       "DIRECTION_OUTBOUND destination: '+12025550123' duration { seconds: 60 } } }"},
      {"Ledger.VoidUsage", "usage_id: 'booked' reason: 'wrong'"},
      {"Ledger.CorrectUsage",
       "usage_id: 'booked' reason: 'wrong' usage { usage_id: 'new' user_id: 'u' start_time { "
       "seconds: 1790000000 } call { direction: DIRECTION_OUTBOUND destination: '+12025550123' "
       "duration { seconds: 60 } } }"},
      {"Ledger.CreateHold",
       "hold_id: 'new' usage_id: 'new' user_id: 'u' call { direction: DIRECTION_OUTBOUND "
       "destination: '+12025550123' }"},
      {"Ledger.ExtendHold", "hold_id: 'held' extension: 1"},
      {"Ledger.ReleaseHold", "hold_id: 'held'"},
      {"Ledger.GetHold", "hold_id: 'held'"},
      {"Accounts.GetUsage", "usage_id: 'booked'"},
      {"Accounts.ListUsage", ""},
      {"Accounts.SummarizeUsage",
       "start_from { seconds: 1700000000 } start_before { seconds: 1700086400 }"},
      {"Accounts.GetEntry", "seq: 1"},
      {"Accounts.ListEntries", ""},
      {"Accounts.GetReceipt", "number: 1"},
      {"Accounts.ListReceipts", ""},
      {"Support.AdjustBalance", "request_id: 'new' amount { units: 1 } reason: 'gift'"},
      {"Support.GrantCredit",
       "request_id: 'new' amount { units: 1 } expire_time { seconds: 4000000000 } reason: 'gift'"},
      {"Accounts.RequestRecharge", "request_id: 'new'"},
      {"Accounts.GetRecharge", "ordinal: 1"},
      {"Accounts.ListRecharges", ""},
      {"Accounts.ListRefunds", ""},
      {"Accounts.ListDisputes", ""},
      {"Accounts.ListPayments", ""},
      {"Support.BlockAccount", "reason: 'fraud'"},
      {"Support.UnblockAccount", "reason: 'no fraud'"},
      {"Support.LiftSuspension", "reason: 'spoke to the customer'"},
      {"Support.UpdateLimits", "limits { calls: 3 } reason: 'as they ask'"},
      {"Support.RefundRecharge", "request_id: 'new' ordinal: 1 reason: 'goodwill'"},
      {"Support.RecordPayment",
       "request_id: 'new' amount { units: 1 } means: PAYMENT_MEANS_CASH reason: 'paid'"},
      {"Support.ReversePayment", "request_id: 'new' ordinal: 1 reason: 'bounced'"},
      {"Support.ResolveReview", "ordinal: 1 not_charged { } reason: 'the gateway has none'"},
      {"Support.CloseAccount", "request_id: 'new' reason: 'the customer leaves'"},
      {"Support.RecordPayout", "total { units: 1 } reason: 'by bank'"},
      {"Events.ListEvents", ""},
      {"Accounts.GetBillingAdvice", ""},
      {"Accounts.QuoteUsage",
       "user_id: 'u' call { direction: DIRECTION_OUTBOUND destination: '+12025550123' }"},
  };
}

std::vector<std::pair<std::string, std::string>> GoodRequests() {
  std::vector<std::pair<std::string, std::string>> requests = {
      {"Recharges.ReportRecharge",
       "ordinal: 1 attempt: 1 lease_epoch: 1 worker_id: 'w' unresolved { reason: 'lost' }"},
      {"Recharges.RenewLease", "ordinal: 1 lease_epoch: 1 worker_id: 'w'"},
      {"Audit.VerifyAccount", ""},
      {"Audit.CheckHead", "seq: 1 hash: '0123456789abcdef0123456789abcdef'"},
  };
  for (auto& request : GoodRequestsOfPeople()) requests.push_back(std::move(request));
  return requests;
}

// Those that are of no account, or of all accounts where none is named.
const std::set<std::string>& OfNoAccount() {
  static const auto* const methods = new std::set<std::string>{"Accounts.Export",
                                                               "Accounts.ListAccounts",
                                                               "Audit.GetStatus",
                                                               "Audit.VerifyLedger",
                                                               "Events.WatchEvents",
                                                               "Ledger.BatchRecordUsage",
                                                               "Ledger.ListHolds",
                                                               "Ledger.CountSmsSegments",
                                                               "Ledger.GetAccountRanges",
                                                               "Peers.PassOn",
                                                               "Ledger.ReleaseSwitchHolds",
                                                               "Ledger.StreamUsage",
                                                               "Rates.CancelRerating",
                                                               "Rates.GetRerating",
                                                               "Rates.ImportRateDeck",
                                                               "Rates.ActivateRateDeck",
                                                               "Rates.RetireRateDeck",
                                                               "Rates.CompareRateDecks",
                                                               "Rates.GetPlan",
                                                               "Rates.ListPlanVersions",
                                                               "Rates.ListPlans",
                                                               "Rates.PutPlan",
                                                               "Rates.RetirePlan",
                                                               "Rates.GetRateDeck",
                                                               "Rates.ListRateDeckActivations",
                                                               "Rates.ListRateDecks",
                                                               "Rates.ListRates",
                                                               "Rates.ListReratings",
                                                               "Rates.ListUnratedUsage",
                                                               "Rates.QuoteCall",
                                                               "Rates.QuoteSms",
                                                               "Rates.RerateUsage",
                                                               "Recharges.ReportGatewayDispute",
                                                               "Recharges.ReportGatewayRefund",
                                                               "Recharges.WatchLowBalance",
                                                               "Support.ListPayouts",
                                                               "Support.ListReviews"};
  return *methods;
}

// Ids that no account, user, usage or request can have.
std::vector<std::string> BadIds() {
  return {"",      std::string(65, 'a'), "a b", "a/b",   "a\nb", std::string("a\0b", 3),
          "a\x7f", "\xc3\xa9",           "a,b", "'; --", "%",    " a",
          "a "};
}

class BadInputTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto stack = Stack::Start({});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = stack->release();
    // `acct` is in use: 15.00, a user, one call and one text booked, one adjustment of nothing
    // much.
    Must("Accounts.OpenAccount", "account_id: 'acct' card_token: 'tok_visa#acct'");
    Must("Accounts.PutUser", "account_id: 'acct' user_id: 'u'");
    Must("Recharges.ReportRecharge",
         "account_id: 'acct' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_1' "
         "amount { currency_code: 'USD' units: 15 } }");
    Must("Ledger.RecordUsage",
         absl::StrCat("account_id: 'acct' usage { ", Usage("booked"), Call(), " }"));
    Must("Ledger.RecordUsage", absl::StrCat("account_id: 'acct' usage { ", Usage("booked-sms"),
                                            "sms { direction: DIRECTION_OUTBOUND destination: "
                                            "'+12025550123' carrier: 'att' segments: 1 } }"));
    Must("Support.AdjustBalance",
         "account_id: 'acct' request_id: 'adjusted' amount { units: 1 } reason: 'gift'");
    // A worker has the first charge of `flight`, and that of `due` waits for one; `bare` has no
    // card; `yen` is not in dollars.
    {
      GhostWorker ghost(stack_->recharges());
      Must("Accounts.OpenAccount", "account_id: 'flight' card_token: 'tok_visa#flight'");
      ASSERT_EQ(ghost.Take().account_id(), "flight");
    }
    Must("Accounts.OpenAccount", "account_id: 'due' card_token: 'tok_visa#due'");
    // A refund and a dispute of the first of the two charges of `twice` are known.
    Must("Accounts.OpenAccount", "account_id: 'twice' card_token: 'tok_visa#twice'");
    Must("Recharges.ReportRecharge",
         "account_id: 'twice' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_a' "
         "amount { currency_code: 'USD' units: 15 } }");
    Must("Support.RecordPayment",
         "account_id: 'twice' request_id: 'paid' amount { units: 9 } means: PAYMENT_MEANS_OTHER "
         "charge_id: 'ch_b' reason: 'paid on a page'");
    Must("Recharges.ReportGatewayRefund",
         "charge_id: 'ch_a' charge_reference: 'twice/1' refund_id: 're_a' state: "
         "REFUND_STATE_SUCCEEDED amount { currency_code: 'USD' units: 1 }");
    Must("Recharges.ReportGatewayDispute",
         "charge_id: 'ch_a' charge_reference: 'twice/1' dispute_id: 'dp_a' state: "
         "DISPUTE_STATE_OPENED amount { currency_code: 'USD' units: 2 }");
    Must("Accounts.OpenAccount", "account_id: 'bare'");
    std::ofstream(stack_->folder() + "/yen.csv") << "kind,prefix,price\ncall,81,3\n";
    ASSERT_EQ(stack_
                  ->RunLedger({"import-rates", stack_->folder() + "/yen.csv", "--currency=JPY",
                               "--accept=FIRST_OF_CURRENCY"})
                  .exit_code,
              0);
    Must("Accounts.OpenAccount",
         "account_id: 'yen' currency_code: 'JPY' card_token: 'tok_visa#yen'");
    Must("Accounts.PutUser", "account_id: 'yen' user_id: 'u'");
  }
  static void TearDownTestSuite() {
    delete stack_;
    stack_ = nullptr;
  }

  static std::string Usage(const std::string& usage_id) {
    return absl::StrCat("usage_id: '", usage_id,
                        "' user_id: 'u' start_time { seconds: 1790000000 } ");
  }
  static std::string Call(const std::string& destination = "+12025550123",
                          const std::string& seconds = "60") {
    return absl::StrCat("call { direction: DIRECTION_OUTBOUND destination: '", destination,
                        "' duration { seconds: ", seconds, " } } ");
  }

  static absl::Status Send(const std::string& method, const google::protobuf::Message& request) {
    return stack_->CallRaw(PathOf(method), request.SerializeAsString()).status();
  }
  static absl::Status Send(const std::string& method, const std::string& text) {
    const auto request = RequestFor(method);
    if (request == nullptr) return absl::UnknownError("there is no such method");
    if (!google::protobuf::TextFormat::ParseFromString(text, request.get())) {
      return absl::UnknownError(absl::StrCat("not a request: ", text));
    }
    return Send(method, *request);
  }
  static void Must(const std::string& method, const std::string& text) {
    const absl::Status status = Send(method, text);
    ASSERT_TRUE(status.ok()) << method << " " << text << ": " << status;
  }

  // Everything that is stored, as the database sums it up.
  static std::vector<test_support::TestDatabase::Row> Stored() {
    return stack_->database().Query(
        "CHECKSUM TABLE accounts, users, entries, usage_ids, requests, events, recharges, "
        "disputes, unplaced_states, "
        "rate_decks, rates, plans, plan_versions");
  }

  static void ExpectStatus(const absl::Status& status, const Refusal& expected) {
    EXPECT_EQ(status.code(), expected.code) << status;
    EXPECT_EQ(ReasonOf(status), expected.reason) << status;
    EXPECT_EQ(FieldOf(status), expected.field) << status;
    EXPECT_FALSE(status.message().empty());
  }

  // Sends each request, and looks after each whether something changed.
  static void ExpectRefused(const std::vector<Refusal>& refusals) {
    const auto before = Stored();
    ASSERT_EQ(before.size(), 13u);
    for (const Refusal& refusal : refusals) {
      SCOPED_TRACE(absl::StrCat(refusal.method, " { ", refusal.request, " }"));
      ExpectStatus(Send(refusal.method, refusal.request), refusal);
      ASSERT_EQ(Stored(), before);
    }
  }

  // Sets a string field of a request, "user_id" or "user.plan_id", which may hold any bytes.
  static void SetText(google::protobuf::Message* request, const std::string& field,
                      const std::string& value) {
    const size_t dot = field.find('.');
    const auto* descriptor = request->GetDescriptor()->FindFieldByName(field.substr(0, dot));
    ASSERT_NE(descriptor, nullptr) << field;
    if (dot == std::string::npos) {
      request->GetReflection()->SetString(request, descriptor, value);
    } else {
      SetText(request->GetReflection()->MutableMessage(request, descriptor), field.substr(dot + 1),
              value);
    }
  }

  static Stack* stack_;
};

Stack* BadInputTest::stack_ = nullptr;

// --- Ids ----------------------------------------------------------------------------

TEST_F(BadInputTest, AMalformedAccountIdIsRefusedByEveryMethod) {
  const auto before = Stored();
  for (const auto& [method, text] : GoodRequests()) {
    for (const std::string& id : BadIds()) {
      SCOPED_TRACE(absl::StrCat(method, " of account '", absl::CHexEscape(id), "'"));
      const auto request = RequestFor(method);
      ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, request.get()));
      SetText(request.get(), "account_id", id);
      ExpectStatus(Send(method, *request),
                   {.method = method, .request = text, .field = "account_id"});
    }
  }
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, EveryMethodOfAnAccountIsTriedHere) {
  std::map<std::string, int> named;
  for (const auto& [method, text] : GoodRequests()) ++named[method];
  for (const std::string& method : OfNoAccount()) ++named[method];
  for (const std::string service :
       {"Ledger", "Accounts", "Events", "Support", "Rates", "Recharges", "Audit"}) {
    const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
        absl::StrCat("reserve.ledger.v1.", service));
    ASSERT_NE(descriptor, nullptr) << service;
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const std::string method = absl::StrCat(service, ".", descriptor->method(i)->name());
      EXPECT_EQ(named[method], 1) << method;
    }
  }
}

TEST_F(BadInputTest, AnUnknownAccountIsNotFoundByEveryMethod) {
  std::vector<Refusal> refusals;
  for (const auto& [method, text] : GoodRequests()) {
    // To CheckHead an account that is not there is the answer: its entries are lost.
    if (method == "Accounts.OpenAccount" || method == "Audit.CheckHead") continue;
    const bool lease = method == "Recharges.RenewLease";
    refusals.push_back({method, absl::StrCat("account_id: 'nobody' ", text),
                        lease ? StatusCode::kFailedPrecondition : StatusCode::kNotFound,
                        lease ? "LEASE_LOST" : "ACCOUNT_NOT_FOUND",
                        lease ? "lease_epoch" : "account_id"});
  }
  ExpectRefused(refusals);
}

// Idempotent by the state too, or by an etag.
const std::set<std::string>& MayHaveNoRequestId() {
  static const auto* const methods =
      new std::set<std::string>{"Accounts.UpdateBillingSettings", "Accounts.UpdatePaymentMethod",
                                "Accounts.RemovePaymentMethod",   "Support.BlockAccount",
                                "Support.UnblockAccount",         "Support.LiftSuspension",
                                "Support.UpdateLimits",           "Accounts.GetLimits",
                                "Support.ResolveReview"};
  return *methods;
}

TEST_F(BadInputTest, MalformedIdsOfUsersUsagesRequestsAndPlansAreRefused) {
  const auto before = Stored();
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"Accounts.PutUser", "user_id"},
      {"Accounts.GetUser", "user_id"},
      {"Ledger.AuthorizeUsage", "user_id"},
      {"Accounts.GetUsage", "usage_id"},
      {"Ledger.CreateHold", "hold_id"},
      {"Ledger.CreateHold", "usage_id"},
      {"Ledger.CreateHold", "user_id"},
      {"Ledger.ExtendHold", "hold_id"},
      {"Ledger.ReleaseHold", "hold_id"},
      {"Ledger.GetHold", "hold_id"},
      {"Support.AdjustBalance", "request_id"},
      {"Accounts.RequestRecharge", "request_id"},
      {"Support.GrantCredit", "request_id"},
      {"Accounts.AddPaymentMethod", "request_id"},
      {"Accounts.UpdatePaymentMethod", "request_id"},
      {"Accounts.RemovePaymentMethod", "request_id"},
      {"Accounts.UpdateBillingSettings", "request_id"},
      {"Support.BlockAccount", "request_id"},
      {"Support.UnblockAccount", "request_id"},
      {"Support.LiftSuspension", "request_id"},
      {"Support.LiftSuspension", "payment_method_id"},
      {"Support.LiftSuspension", "user_id"},
      {"Support.UpdateLimits", "request_id"},
      {"Support.UpdateLimits", "user_id"},
      {"Accounts.GetLimits", "user_id"},
      {"Support.RefundRecharge", "request_id"},
      {"Support.RecordPayment", "request_id"},
      {"Support.ReversePayment", "request_id"},
      {"Support.ResolveReview", "request_id"},
      {"Support.CloseAccount", "request_id"},
      {"Accounts.PutUser", "user.plan_id"},
      {"Accounts.ListUsage", "user_id"},
      {"Recharges.RenewLease", "worker_id"},
      {"Accounts.OpenAccount", "default_plan_id"},
      {"Recharges.WatchLowBalance", "worker_id"}};
  auto requests = GoodRequests();
  requests.emplace_back("Recharges.WatchLowBalance", "worker_id: 'w'");
  for (const auto& [method, field] : fields) {
    for (const std::string& id : BadIds()) {
      // An empty plan or user filter is a default, not a mistake; nor is it where each call is a
      // request of its own.
      const bool may_be_empty = absl::EndsWith(field, "plan_id") ||
                                method == "Accounts.ListUsage" ||
                                MayHaveNoRequestId().contains(method);
      if (id.empty() && may_be_empty) continue;
      SCOPED_TRACE(absl::StrCat(method, " with ", field, " '", absl::CHexEscape(id), "'"));
      const auto request = RequestFor(method);
      for (const auto& [name, text] : requests) {
        if (name == method) google::protobuf::TextFormat::ParseFromString(text, request.get());
      }
      if (method != "Recharges.WatchLowBalance") SetText(request.get(), "account_id", "acct");
      SetText(request.get(), field, id);
      ExpectStatus(Send(method, *request), {.field = field});
    }
  }
  for (const std::string& id : BadIds()) {
    auto request = Parse<pb::RecordUsageRequest>(
        absl::StrCat("account_id: 'acct' usage { ", Usage("new"), Call(), " }"));
    request.mutable_usage()->set_usage_id(id);
    ExpectStatus(Send("Ledger.RecordUsage", request), {.field = "usage.usage_id"});
    request.mutable_usage()->set_usage_id("new");
    request.mutable_usage()->set_user_id(id);
    ExpectStatus(Send("Ledger.RecordUsage", request), {.field = "usage.user_id"});
  }
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, CallsInProgressThatCanNeverBeRightAreRefused) {
  const std::string ids = "account_id: 'acct' hold_id: 'new' usage_id: 'new' user_id: 'u' ";
  const std::string call = "call { direction: DIRECTION_OUTBOUND destination: '+12025550123' } ";
  const std::string good = ids + call;
  ExpectRefused({
      {.method = "Ledger.CreateHold", .request = ids, .field = "call"},
      {.method = "Ledger.CreateHold",
       .request = ids + "call { direction: DIRECTION_OUTBOUND destination: '+0123' }",
       .field = "call.destination"},
      {.method = "Ledger.CreateHold", .request = good + "slice { }", .field = "slice"},
      {.method = "Ledger.CreateHold", .request = good + "slice { seconds: -60 }", .field = "slice"},
      {.method = "Ledger.CreateHold",
       .request = good + "slice { seconds: 3601 }",
       .field = "slice"},
      {.method = "Ledger.CreateHold",
       .request = good + "slice { seconds: 60 nanos: 1 }",
       .field = "slice"},
      {.method = "Ledger.CreateHold",
       .request = good + "switch_incarnation: 1",
       .field = "switch_incarnation"},
      {.method = "Ledger.CreateHold",
       .request = good + "switch_id: 's' switch_incarnation: -1",
       .field = "switch_incarnation"},
      {.method = "Ledger.CreateHold", .request = good + "switch_id: 'a b'", .field = "switch_id"},
      {.method = "Ledger.CreateHold",
       .request = good + "start_time { seconds: 4000000000 }",
       .field = "start_time"},
      {"Ledger.CreateHold",
       "account_id: 'acct' hold_id: 'new' usage_id: 'new' user_id: 'x' " + call,
       StatusCode::kNotFound, "USER_NOT_FOUND", "user_id"},
      {"Ledger.CreateHold",
       "account_id: 'acct' hold_id: 'new' usage_id: 'booked' user_id: 'u' " + call,
       StatusCode::kAlreadyExists, "USAGE_BOOKED", "usage_id"},
  });
}

TEST_F(BadInputTest, WhatIsToldOfACallMustBeRightAndOfAHoldThatThereIs) {
  ExpectRefused({
      {.method = "Ledger.ExtendHold",
       .request = "account_id: 'acct' hold_id: 'x'",
       .field = "extension"},
      {.method = "Ledger.ExtendHold",
       .request = "account_id: 'acct' hold_id: 'x' extension: 1 used { seconds: -1 }",
       .field = "used"},
      {"Ledger.ExtendHold", "account_id: 'acct' hold_id: 'x' extension: 1 used { seconds: 604801 }",
       StatusCode::kInvalidArgument, "CALL_TOO_LONG", "used"},
      {"Ledger.ExtendHold", "account_id: 'acct' hold_id: 'x' extension: 1", StatusCode::kNotFound,
       "HOLD_NOT_FOUND", "hold_id"},
      {.method = "Ledger.ReleaseHold",
       .request = "account_id: 'acct' hold_id: 'x' used { nanos: -1 }",
       .field = "used"},
      {.method = "Ledger.ReleaseHold",
       .request = "account_id: 'acct' hold_id: 'x' answer_time { nanos: -1 }",
       .field = "answer_time.nanos"},
      {"Ledger.ReleaseHold", "account_id: 'acct' hold_id: 'x'", StatusCode::kNotFound,
       "HOLD_NOT_FOUND", "hold_id"},
      {"Ledger.GetHold", "account_id: 'acct' hold_id: 'x'", StatusCode::kNotFound, "HOLD_NOT_FOUND",
       "hold_id"},
      {.method = "Ledger.ReleaseSwitchHolds",
       .request = "switch_incarnation: 2",
       .field = "switch_id"},
      {.method = "Ledger.ReleaseSwitchHolds",
       .request = "switch_id: 's'",
       .field = "switch_incarnation"},
      {.method = "Ledger.ListHolds", .request = "state: HOLD_STATE_EXPIRED", .field = "state"},
      {.method = "Ledger.ListHolds", .request = "account_id: 'a b'", .field = "account_id"},
      {.method = "Ledger.ListHolds", .request = "page_token: 'x'", .field = "page_token"},
      {.method = "Ledger.ListHolds", .request = "page_size: -1", .field = "page_size"},
      {.method = "Ledger.CountSmsSegments",
       .request = absl::StrCat("text: '", std::string(40'001, 'a'), "'"),
       .field = "text"},
      {.method = "Ledger.RecordUsage",
       .request =
           absl::StrCat("account_id: 'acct' hold_id: 'a b' usage { ", Usage("new"), Call(), " }"),
       .field = "hold_id"},
  });
}

TEST_F(BadInputTest, UnknownUsersUsagesPlansDecksAndRechargesAreNotFound) {
  const std::string call = Call();
  ExpectRefused({
      {"Accounts.GetUser", "account_id: 'acct' user_id: 'x'", StatusCode::kNotFound,
       "USER_NOT_FOUND", "user_id"},
      {"Ledger.AuthorizeUsage", "account_id: 'acct' user_id: 'x' " + call, StatusCode::kNotFound,
       "USER_NOT_FOUND", "user_id"},
      {"Ledger.VoidUsage", "account_id: 'acct' usage_id: 'x' reason: 'wrong'",
       StatusCode::kNotFound, "USAGE_NOT_FOUND", "usage_id"},
      // The user of another account is nobody here.
      {"Accounts.GetUser", "account_id: 'bare' user_id: 'u'", StatusCode::kNotFound,
       "USER_NOT_FOUND", "user_id"},
      {"Accounts.GetUsage", "account_id: 'acct' usage_id: 'x'", StatusCode::kNotFound,
       "USAGE_NOT_FOUND", "usage_id"},
      {"Accounts.GetUsage", "account_id: 'yen' usage_id: 'booked'", StatusCode::kNotFound,
       "USAGE_NOT_FOUND", "usage_id"},
      {"Accounts.PutUser", "account_id: 'acct' user_id: 'u' user { plan_id: 'gold' }",
       StatusCode::kNotFound, "PLAN_NOT_FOUND", "user.plan_id"},
      {"Accounts.OpenAccount", "account_id: 'new' default_plan_id: 'gold'", StatusCode::kNotFound,
       "PLAN_NOT_FOUND", "default_plan_id"},
      {"Rates.ListRates", "deck_version: 99", StatusCode::kNotFound, "RATE_DECK_NOT_FOUND",
       "deck_version"},
      {"Rates.GetRateDeck", "deck_version: 99", StatusCode::kNotFound, "RATE_DECK_NOT_FOUND",
       "deck_version"},
      {"Rates.RetireRateDeck", "deck_version: 99", StatusCode::kNotFound, "RATE_DECK_NOT_FOUND",
       "deck_version"},
      {"Rates.ActivateRateDeck", "deck_version: 99 request_id: 'r' reason: 'x'",
       StatusCode::kNotFound, "RATE_DECK_NOT_FOUND", "deck_version"},
      {"Recharges.ReportRecharge",
       "account_id: 'acct' ordinal: 9 attempt: 1 worker_id: 'w' unresolved { reason: 'lost' }",
       StatusCode::kNotFound, "RECHARGE_NOT_FOUND", "ordinal"},
      {"Recharges.ReportRecharge",
       "account_id: 'acct' ordinal: -1 attempt: 1 worker_id: 'w' unresolved { reason: 'lost' }",
       StatusCode::kNotFound, "RECHARGE_NOT_FOUND", "ordinal"},
  });
}

// --- Usage --------------------------------------------------------------------------

TEST_F(BadInputTest, MalformedNumbersAreRefused) {
  const std::vector<std::string> bad = {"",
                                        "+",
                                        "12025550123",
                                        "+0202555012",
                                        "+1202",
                                        "+1234567890123456",
                                        "+1202555012a",
                                        "+1 202 555 0123",
                                        "++12025550123",
                                        "+1202-5550123",
                                        "tel:+12025550123",
                                        "+\\331\\241202555012",
                                        "+12025550123\\n",
                                        "+12025550123\\000",
                                        std::string("+").append(300, '1')};
  std::vector<Refusal> refusals;
  for (const std::string& number : bad) {
    refusals.push_back(
        {.method = "Ledger.RecordUsage",
         .request = absl::StrCat("account_id: 'acct' usage { ", Usage("new"), Call(number), "}"),
         .field = "usage.call.destination"});
    refusals.push_back({.method = "Ledger.AuthorizeUsage",
                        .request = absl::StrCat("account_id: 'acct' user_id: 'u' ", Call(number)),
                        .field = "call.destination"});
    refusals.push_back(
        {.method = "Rates.QuoteCall", .request = Call(number), .field = "call.destination"});
    const std::string sms = absl::StrCat("sms { direction: DIRECTION_OUTBOUND destination: '",
                                         number, "' segments: 1 }");
    refusals.push_back({.method = "Rates.QuoteSms", .request = sms, .field = "sms.destination"});
    refusals.push_back(
        {.method = "Ledger.RecordUsage",
         .request = absl::StrCat("account_id: 'acct' usage { ", Usage("new"), sms, "}"),
         .field = "usage.sms.destination"});
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, CallsWithAnAbsurdDurationOrNoDirectionAreRefused) {
  std::vector<Refusal> refusals;
  const std::vector<std::pair<std::string, std::string>> durations = {
      {"-1", ""},
      {"0 nanos: -1", ""},
      {"60 nanos: -1", ".nanos"},
      {"60 nanos: 1000000000", ".nanos"},
      {"9223372036854775807", ".seconds"},
      {"-9223372036854775808", ".seconds"},
  };
  // By a setting of the operator.
  for (const std::string seconds : {"604801", "604800 nanos: 1"}) {
    refusals.push_back({.method = "Ledger.RecordUsage",
                        .request = absl::StrCat("account_id: 'acct' usage { ", Usage("new"),
                                                Call("+12025550123", seconds), "}"),
                        .reason = "CALL_TOO_LONG",
                        .field = "usage.call.duration"});
    refusals.push_back({.method = "Rates.QuoteCall",
                        .request = Call("+12025550123", seconds),
                        .reason = "CALL_TOO_LONG",
                        .field = "call.duration"});
  }
  for (const auto& [seconds, part] : durations) {
    refusals.push_back({.method = "Ledger.RecordUsage",
                        .request = absl::StrCat("account_id: 'acct' usage { ", Usage("new"),
                                                Call("+12025550123", seconds), "}"),
                        .field = absl::StrCat("usage.call.duration", part)});
    refusals.push_back({.method = "Rates.QuoteCall",
                        .request = Call("+12025550123", seconds),
                        .field = absl::StrCat("call.duration", part)});
  }
  for (const std::string direction : {"", "direction: DIRECTION_UNSPECIFIED"}) {
    const std::string call = absl::StrCat("call { destination: '+12025550123' ", direction, "}");
    refusals.push_back(
        {.method = "Ledger.RecordUsage",
         .request = absl::StrCat("account_id: 'acct' usage { ", Usage("new"), call, "}"),
         .field = "usage.call.direction"});
    refusals.push_back({.method = "Ledger.AuthorizeUsage",
                        .request = absl::StrCat("account_id: 'acct' user_id: 'u' ", call),
                        .field = "call.direction"});
    refusals.push_back({.method = "Rates.QuoteCall", .request = call, .field = "call.direction"});
  }
  ExpectRefused(refusals);
  pb::RecordUsageRequest unknown = Parse<pb::RecordUsageRequest>(
      absl::StrCat("account_id: 'acct' usage { ", Usage("new"), Call(), "}"));
  unknown.mutable_usage()->mutable_call()->set_direction(static_cast<pb::Direction>(7));
  ExpectStatus(Send("Ledger.RecordUsage", unknown), {.field = "usage.call.direction"});
}

TEST_F(BadInputTest, TextsWithAMalformedSizeOrCarrierAreRefused) {
  const auto sms = [](const std::string& rest) {
    return absl::StrCat("sms { direction: DIRECTION_OUTBOUND destination: '+12025550123' ", rest,
                        " }");
  };
  const std::vector<std::pair<std::string, std::string>> rows = {
      {sms(""), "sms.segments"},
      {sms("segments: 0"), "sms.segments"},
      {sms("segments: -1"), "sms.segments"},
      {sms("segments: 256"), "sms.segments"},
      {sms("segments: 2147483647"), "sms.segments"},
      {sms("text {}"), "sms.text.encoding"},
      {sms("text { length: 3 }"), "sms.text.encoding"},
      {sms("text { encoding: SMS_ENCODING_GSM7 length: -1 }"), "sms.text.length"},
      {sms("text { encoding: SMS_ENCODING_GSM7 length: 39016 }"), "sms.text.length"},
      {sms("text { encoding: SMS_ENCODING_UCS2 length: 17086 }"), "sms.text.length"},
      {sms("text { encoding: SMS_ENCODING_UCS2 length: 2147483647 }"), "sms.text.length"},
      {sms("segments: 1 carrier: 'a b'"), "sms.carrier"},
      {sms("segments: 1 carrier: 'a\\nb'"), "sms.carrier"},
      {sms("segments: 1 carrier: '\\303\\251'"), "sms.carrier"},
      {sms(absl::StrCat("segments: 1 carrier: '", std::string(33, 'a'), "'")), "sms.carrier"},
      {"sms { destination: '+12025550123' segments: 1 }", "sms.direction"},
  };
  std::vector<Refusal> refusals;
  for (const auto& [text, field] : rows) {
    refusals.push_back(
        {.method = "Ledger.RecordUsage",
         .request = absl::StrCat("account_id: 'acct' usage { ", Usage("new"), text, "}"),
         .field = absl::StrCat("usage.", field)});
    refusals.push_back({.method = "Ledger.AuthorizeUsage",
                        .request = absl::StrCat("account_id: 'acct' user_id: 'u' ", text),
                        .field = field});
    refusals.push_back({.method = "Rates.QuoteSms", .request = text, .field = field});
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, AnUnknownCarrierTakesThePrefixsOwnPrice) {
  auto quote = reserve::e2e::Call(
      stack_->rates(), &pb::Rates::Stub::QuoteSms,
      Parse<pb::QuoteSmsRequest>("sms { direction: DIRECTION_OUTBOUND destination: '+12025550123' "
                                 "carrier: 'nobody' segments: 1 }"));
  ASSERT_TRUE(quote.ok()) << quote.status();
  EXPECT_EQ(quote->rate().carrier(), "");
  EXPECT_EQ(quote->cost().nanos(), 12'000'000);
}

TEST_F(BadInputTest, UsageWithoutAKindOrAtAnImpossibleTimeIsRefused) {
  const auto at = [](const std::string& time) {
    return absl::StrCat("account_id: 'acct' usage { usage_id: 'new' user_id: 'u' ", time, Call(),
                        "}");
  };
  const std::string ahead = absl::StrCat(absl::ToUnixSeconds(absl::Now() + absl::Hours(3)));
  ExpectRefused({
      {.method = "Ledger.RecordUsage", .request = "account_id: 'acct'", .field = "usage.usage_id"},
      {.method = "Ledger.RecordUsage",
       .request = absl::StrCat("account_id: 'acct' usage { ", Usage("new"), "}"),
       .field = "usage.call"},
      {.method = "Ledger.AuthorizeUsage",
       .request = "account_id: 'acct' user_id: 'u'",
       .field = "call"},
      {.method = "Ledger.RecordUsage", .request = at(""), .field = "usage.start_time"},
      {.method = "Ledger.RecordUsage",
       .request = at("start_time {} "),
       .reason = "USAGE_TOO_OLD",
       .field = "usage.start_time"},
      {.method = "Ledger.RecordUsage",
       .request = at("start_time { seconds: -1 } "),
       .reason = "USAGE_TOO_OLD",
       .field = "usage.start_time"},
      {.method = "Ledger.RecordUsage",
       .request = at(absl::StrCat("start_time { seconds: ", ahead, "} ")),
       .field = "usage.start_time"},
      {.method = "Ledger.RecordUsage",
       .request = at("start_time { seconds: 253402300799 } "),
       .field = "usage.start_time"},
      {.method = "Ledger.RecordUsage",
       .request = at("start_time { seconds: 9223372036854775807 } "),
       .field = "usage.start_time.seconds"},
      {.method = "Ledger.RecordUsage",
       .request = at("start_time { seconds: -9223372036854775808 } "),
       .field = "usage.start_time.seconds"},
      {.method = "Ledger.RecordUsage",
       .request = at("start_time { seconds: 1790000000 nanos: -1 } "),
       .field = "usage.start_time.nanos"},
      {.method = "Ledger.RecordUsage",
       .request = at("start_time { seconds: 1790000000 nanos: 1000000000 } "),
       .field = "usage.start_time.nanos"},
      {.method = "Ledger.AuthorizeUsage",
       .request = absl::StrCat("account_id: 'acct' user_id: 'u' start_time { seconds: ", ahead,
                               " } ", Call()),
       .field = "start_time"},
      {.method = "Rates.QuoteCall",
       .request = absl::StrCat("start_time { seconds: 253402300800 } ", Call()),
       .field = "start_time.seconds"},
  });
}

TEST_F(BadInputTest, ANumberWithoutAPriceIsRefusedAndNotGuessed) {
  ExpectRefused({
      {"Rates.QuoteCall", Call("+99999999999"), StatusCode::kNotFound, "NO_RATE",
       "call.destination"},
      {"Rates.QuoteCall", "currency_code: 'JPY' " + Call(), StatusCode::kNotFound, "NO_RATE",
       "call.destination"},
      {"Rates.QuoteSms",
       "sms { direction: DIRECTION_OUTBOUND destination: '+99999999999' segments: 1 }",
       StatusCode::kNotFound, "NO_RATE", "sms.destination"},
  });
}

TEST_F(BadInputTest, AUsageIdTakesNoOtherContent) {
  const auto other = [](const std::string& usage) {
    return Refusal{"Ledger.RecordUsage", absl::StrCat("account_id: 'acct' usage { ", usage, " }"),
                   StatusCode::kAlreadyExists, "USAGE_ID_REUSED", "usage.usage_id"};
  };
  ExpectRefused({
      other(Usage("booked") + Call("+12025550123", "61")),
      other(Usage("booked") + Call("+12025550124")),
      // In another month, and half a year on.
      other("usage_id: 'booked' user_id: 'u' start_time { seconds: 1787000000 } " + Call()),
      other("usage_id: 'booked' user_id: 'u' start_time { seconds: 1774000000 } " + Call()),
      other("usage_id: 'booked' user_id: 'u' start_time { seconds: 1790000000 nanos: 1000 } " +
            Call()),
      other(Usage("booked") + "call { direction: DIRECTION_INBOUND destination: '+12025550123' "
                              "duration { seconds: 60 } "
                              "}"),
      other(Usage("booked") +
            "sms { direction: DIRECTION_OUTBOUND destination: '+12025550123' segments: 1 }"),
      other(Usage("booked-sms") +
            "sms { direction: DIRECTION_OUTBOUND destination: '+12025550123' segments: 1 }"),
      other(Usage("booked-sms") +
            "sms { direction: DIRECTION_OUTBOUND destination: '+12025550123' carrier: 'att' "
            "segments: 2 }"),
  });
}

// --- Money --------------------------------------------------------------------------

TEST_F(BadInputTest, MalformedMoneyIsRefusedWhereverItIsTaken) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"units: 20 nanos: 1000000000", ".nanos"},
      {"units: -20 nanos: -1000000000", ".nanos"},
      {"nanos: 2147483647", ".nanos"},
      {"units: 1 nanos: -1", ".nanos"},
      {"units: -1 nanos: 1", ".nanos"},
      {"units: 9223372037", ".units"},
      {"units: 9223372036 nanos: 854775808", ".units"},
      {"units: -9223372036 nanos: -854775809", ".units"},
      {"units: 9223372036854775807 nanos: 999999999", ".units"},
      {"units: -9223372036854775808", ".units"},
      {"currency_code: 'EUR' units: 20", ".currency_code"},
      {"currency_code: 'usd' units: 20", ".currency_code"},
      {"currency_code: 'US' units: 20", ".currency_code"},
      {"currency_code: 'USDUSDUSDUSD' units: 20", ".currency_code"},
      {"currency_code: 'U\\000D' units: 20", ".currency_code"},
  };
  struct Place {
    std::string method;
    std::string rest;  // of the request
    std::string field;
  };
  const std::vector<Place> places = {
      {"Accounts.OpenAccount", "account_id: 'new'", "reserve_amount"},
      {"Accounts.OpenAccount", "account_id: 'new'", "recharge_threshold"},
      {"Accounts.OpenAccount", "account_id: 'new'", "expected_monthly_spend"},
      {"Accounts.UpdateBillingSettings", "account_id: 'acct'", "billing_settings.reserve_amount"},
      {"Accounts.UpdateBillingSettings", "account_id: 'acct'",
       "billing_settings.recharge_threshold"},
      {"Support.AdjustBalance", "account_id: 'acct' request_id: 'new' reason: 'gift'", "amount"},
      {"Support.GrantCredit",
       "account_id: 'acct' request_id: 'new' reason: 'gift' expire_time { seconds: 4000000000 }",
       "amount"},
      {"Accounts.RequestRecharge", "account_id: 'acct' request_id: 'new'", "amount"},
  };
  std::vector<Refusal> refusals;
  for (const Place& place : places) {
    for (const auto& [money, part] : rows) {
      refusals.push_back({.method = place.method,
                          .request = absl::StrCat(place.rest, " ", Nested(place.field, money)),
                          .field = absl::StrCat(place.field, part)});
    }
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, SettingsBelowTheMinimumOrOutOfOrderAreRefused) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"reserve_amount { units: 14 nanos: 990000000 }", "reserve_amount"},
      {"reserve_amount {}", "reserve_amount"},
      {"reserve_amount { units: -20 }", "reserve_amount"},
      {"reserve_amount { units: 15 nanos: 1 }", "reserve_amount"},
      {"reserve_amount { units: 10001 }", "reserve_amount"},
      {"recharge_threshold { units: 9 nanos: 999999999 }", "recharge_threshold"},
      {"recharge_threshold { units: -1 }", "recharge_threshold"},
      {"recharge_threshold {}", "recharge_threshold"},
      {"recharge_threshold { units: 15 nanos: 1 }", "recharge_threshold"},
      {"reserve_amount { units: 20 } recharge_threshold { units: 21 }", "recharge_threshold"},
  };
  std::vector<Refusal> refusals;
  for (const auto& [text, field] : rows) {
    refusals.push_back(
        {.method = "Accounts.UpdateBillingSettings",
         .request = absl::StrCat("account_id: 'acct' ", Nested("billing_settings", text)),
         .field = absl::StrCat("billing_settings.", field)});
    refusals.push_back({.method = "Accounts.OpenAccount",
                        .request = absl::StrCat("account_id: 'new' ", text),
                        .field = field});
  }
  refusals.push_back({.method = "Accounts.UpdateBillingSettings",
                      .request = "account_id: 'acct' billing_settings { reserve_amount { "
                                 "currency_code: 'USD' units: 20 } recharge_threshold { "
                                 "currency_code: 'EUR' units: 15 } }",
                      .field = "billing_settings.recharge_threshold.currency_code"});
  refusals.push_back({.method = "Accounts.OpenAccount",
                      .request = "account_id: 'new' expected_monthly_spend { units: -1 }",
                      .field = "expected_monthly_spend"});
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, AnUpdateThatRestsOnWhatHasChangedIsRefused) {
  const std::string no_etag(65, 'e');
  ExpectRefused(
      {{"Accounts.UpdateBillingSettings",
        "account_id: 'acct' billing_settings { automatic_recharge: false etag: 'of before' }",
        StatusCode::kAborted, "ETAG_MISMATCH", "billing_settings.etag"},
       {"Accounts.UpdatePaymentMethod",
        "account_id: 'acct' payment_method { payment_method_id: 'card-1' brand: 'Visa' "
        "etag: 'of before' }",
        StatusCode::kAborted, "ETAG_MISMATCH", "payment_method.etag"},
       {"Accounts.RemovePaymentMethod",
        "account_id: 'acct' payment_method_id: 'card-1' etag: 'of before'", StatusCode::kAborted,
        "ETAG_MISMATCH", "etag"},
       {.method = "Accounts.UpdatePaymentMethod",
        .request = "account_id: 'acct' payment_method { card_token: 'tok_visa' etag: 'e' }",
        .field = "payment_method.etag"},
       {.method = "Accounts.AddPaymentMethod",
        .request = "account_id: 'acct' request_id: 'r' payment_method { card_token: 'tok_visa' "
                   "etag: 'e' }",
        .field = "payment_method.etag"},
       {.method = "Accounts.UpdateBillingSettings",
        .request = absl::StrCat("account_id: 'acct' billing_settings { etag: '", no_etag, "' }"),
        .field = "billing_settings.etag"},
       {.method = "Accounts.UpdatePaymentMethod",
        .request = absl::StrCat("account_id: 'acct' payment_method { payment_method_id: 'card-1' "
                                "etag: '",
                                no_etag, "' }"),
        .field = "payment_method.etag"},
       {.method = "Accounts.RemovePaymentMethod",
        .request =
            absl::StrCat("account_id: 'acct' payment_method_id: 'card-1' etag: '", no_etag, "'"),
        .field = "etag"}});
}

TEST_F(BadInputTest, AnAccountIsOpenedInARealPlace) {
  std::vector<Refusal> refusals;
  for (const std::string code : {"us", "USA", "UK", "XX", "U"}) {
    refusals.push_back({.method = "Accounts.OpenAccount",
                        .request = absl::StrCat("account_id: 'new' country_code: '", code, "'"),
                        .field = "country_code"});
  }
  for (const std::string name : {"Mars/Olympus", "utc", "localtime", "/etc/localtime", "../UTC",
                                 "Europe/../UTC", "Fixed/UTC+01:00:00"}) {
    refusals.push_back({.method = "Accounts.OpenAccount",
                        .request = absl::StrCat("account_id: 'new' time_zone: '", name, "'"),
                        .field = "time_zone"});
  }
  for (const int day : {-1, 0, 32}) {
    refusals.push_back({.method = "Accounts.OpenAccount",
                        .request = absl::StrCat("account_id: 'new' billing_day: ", day),
                        .field = "billing_day"});
  }
  for (const std::string place : {"country_code: 'US'", "time_zone: 'UTC'", "billing_day: 1"}) {
    refusals.push_back({"Accounts.OpenAccount",
                        absl::StrCat("account_id: 'acct' card_token: 'tok_visa#acct' ", place),
                        StatusCode::kAlreadyExists, "ACCOUNT_EXISTS", "account_id"});
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, AnAccountMovesToARealCountry) {
  const auto with = [](const std::string& account, const std::string& more = "") {
    return absl::StrCat("account_id: 'acct' account { ", account, " } ", more);
  };
  ExpectRefused({
      {.method = "Accounts.UpdateAccount",
       .request = with("country_code: 'XX'"),
       .field = "account.country_code"},
      {.method = "Accounts.UpdateAccount",
       .request = with("country_code: 'gb'"),
       .field = "account.country_code"},
      {.method = "Accounts.UpdateAccount",
       .request = with("", "update_mask { paths: 'country_code' }"),
       .field = "account.country_code"},
      {.method = "Accounts.UpdateAccount",
       .request = with("country_code: 'GB'", "update_mask { paths: 'currency_code' }"),
       .field = "update_mask"},
  });
}

TEST_F(BadInputTest, AnAccountIsGivenARealTimeZoneAndBillingDay) {
  const auto with = [](const std::string& account, const std::string& more = "") {
    return absl::StrCat("account_id: 'acct' account { ", account, " } ", more);
  };
  std::vector<Refusal> refusals;
  for (const std::string zone : {"Mars/Olympus", "utc", "localtime", "../UTC"}) {
    refusals.push_back({.method = "Accounts.UpdateAccount",
                        .request = with(absl::StrCat("time_zone: '", zone, "'")),
                        .field = "account.time_zone"});
  }
  for (const int day : {-1, 0, 32}) {
    refusals.push_back({.method = "Accounts.UpdateAccount",
                        .request = with(absl::StrCat("billing_day: ", day)),
                        .field = "account.billing_day"});
  }
  for (const std::string field : {"time_zone", "billing_day"}) {
    refusals.push_back({.method = "Accounts.UpdateAccount",
                        .request = with("country_code: 'GB'",
                                        absl::StrCat("update_mask { paths: '", field, "' }")),
                        .field = absl::StrCat("account.", field)});
  }
  refusals.push_back(
      {.method = "Accounts.UpdateAccount",
       .request = with(absl::StrCat("billing_day: 5 etag: '", std::string(65, 'e'), "'")),
       .field = "account.etag"});
  refusals.push_back({.method = "Accounts.UpdateAccount",
                      .request = with("billing_day: 5", "request_id: 'no/id'"),
                      .field = "request_id"});
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, APayoutByHandIsOfSomethingThatIsOwed) {
  const std::string head = "account_id: 'acct' ";
  ExpectRefused({
      {.method = "Support.RecordPayout", .request = head + "reason: 'x'", .field = "total"},
      {.method = "Support.RecordPayout",
       .request = head + "total { units: 0 } reason: 'x'",
       .field = "total"},
      {.method = "Support.RecordPayout",
       .request = head + "total { units: -1 } reason: 'x'",
       .field = "total"},
      {.method = "Support.RecordPayout",
       .request = head + "total { units: 1 currency_code: 'EUR' } reason: 'x'",
       .field = "total.currency_code"},
      {.method = "Support.RecordPayout", .request = head + "total { units: 1 }", .field = "reason"},
      {.method = "Support.RecordPayout",
       .request = head + "total { units: 1 } reason: 'x' request_id: 'a b'",
       .field = "request_id"},
      {"Support.RecordPayout", head + "total { units: 1 } reason: 'x'",
       StatusCode::kFailedPrecondition, "MORE_THAN_OWED", "total"},
      {.method = "Support.ListPayouts", .request = "page_size: -1", .field = "page_size"},
      {.method = "Support.ListPayouts", .request = "page_token: 'x'", .field = "page_token"},
  });
}

TEST_F(BadInputTest, AnAccountIsOpenedOnceAndInARealCurrency) {
  ExpectRefused({
      {"Accounts.OpenAccount", "account_id: 'new' currency_code: 'SEK'",
       StatusCode::kFailedPrecondition, "CURRENCY_NOT_SUPPORTED", "currency_code"},
      {"Accounts.OpenAccount", "account_id: 'new' currency_code: 'CHF'",
       StatusCode::kFailedPrecondition, "CURRENCY_WITHOUT_DECK", "currency_code"},
      {.method = "Accounts.OpenAccount",
       .request = "account_id: 'new' currency_code: 'XXX'",
       .field = "currency_code"},
      {.method = "Accounts.OpenAccount",
       .request = "account_id: 'new' currency_code: 'usd'",
       .field = "currency_code"},
      {.method = "Accounts.OpenAccount",
       .request = "account_id: 'new' currency_code: 'DOLLARS'",
       .field = "currency_code"},
      {"Accounts.OpenAccount", "account_id: 'acct'", StatusCode::kAlreadyExists, "ACCOUNT_EXISTS",
       "account_id"},
      {"Accounts.OpenAccount", "account_id: 'acct' card_token: 'tok_visa#else'",
       StatusCode::kAlreadyExists, "ACCOUNT_EXISTS", "account_id"},
      {"Accounts.OpenAccount",
       "account_id: 'acct' card_token: 'tok_visa#acct' recharge_threshold { units: 10 }",
       StatusCode::kAlreadyExists, "ACCOUNT_EXISTS", "account_id"},
  });
}

TEST_F(BadInputTest, AdjustmentsThatMakeNoSenseAreRefused) {
  const std::string head = "account_id: 'acct' request_id: 'new' ";
  ExpectRefused({
      {.method = "Support.AdjustBalance", .request = head + "reason: 'x'", .field = "amount"},
      {.method = "Support.AdjustBalance",
       .request = head + "reason: 'x' amount {}",
       .field = "amount"},
      {.method = "Support.AdjustBalance",
       .request = head + "amount { units: 1 }",
       .field = "reason"},
      {.method = "Support.AdjustBalance",
       .request = head + "amount { units: 1 } reason: 'a\\nb'",
       .field = "reason"},
      {.method = "Support.AdjustBalance",
       .request = absl::StrCat(head, "amount { units: 1 } reason: '", std::string(256, 'a'), "'"),
       .field = "reason"},
      // It would not fit: 16.99 is there.
      {"Support.AdjustBalance", head + "amount { units: 9223372036 } reason: 'x'",
       StatusCode::kOutOfRange, "MONEY_OVERFLOW", ""},
      {"Support.AdjustBalance",
       "account_id: 'acct' request_id: 'adjusted' amount { units: 2 } reason: 'gift'",
       StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "request_id"},
      {"Support.AdjustBalance",
       "account_id: 'acct' request_id: 'adjusted' amount { units: 1 } reason: 'other'",
       StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "request_id"},
      // One id is one request, of whatever kind.
      {"Accounts.RequestRecharge", "account_id: 'acct' request_id: 'adjusted'",
       StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "request_id"},
  });
}

TEST_F(BadInputTest, TopUpsThatCanNotBeChargedAreRefused) {
  const std::string head = "account_id: 'acct' request_id: 'new' ";
  ExpectRefused({
      {.method = "Accounts.RequestRecharge", .request = head + "amount {}", .field = "amount"},
      {.method = "Accounts.RequestRecharge",
       .request = head + "amount { units: -15 }",
       .field = "amount"},
      {.method = "Accounts.RequestRecharge",
       .request = head + "amount { units: 15 nanos: 5000000 }",
       .field = "amount"},
      {.method = "Accounts.RequestRecharge",
       .request = head + "amount { units: 10001 }",
       .field = "amount"},
      {.method = "Accounts.RequestRecharge",
       .request = "account_id: 'yen' request_id: 'new' amount { units: 1500 nanos: 10000000 }",
       .field = "amount"},
      {"Accounts.RequestRecharge", "account_id: 'bare' request_id: 'new'",
       StatusCode::kFailedPrecondition, "NO_CARD", ""},
      {"Accounts.RequestRecharge", "account_id: 'flight' request_id: 'new'",
       StatusCode::kFailedPrecondition, "RECHARGE_IN_FLIGHT", ""},
  });
}

// --- Cards, blocks, lists -----------------------------------------------------------

TEST_F(BadInputTest, MalformedCardsAreRefused) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"card_token: 'tok visa'", "card_token"},
      {"card_token: 'tok\\n'", "card_token"},
      {"card_token: '\\303\\251'", "card_token"},
      {absl::StrCat("card_token: '", std::string(256, 'a'), "'"), "card_token"},
      {"card_token: '4111111111111111'", "card_token"},
      {"card_token: 'tok_378282246310005'", "card_token"},
      {"card_token: 'tok_visa' card_fingerprint: '5555555555554444'", "card_fingerprint"},
      {"card_fingerprint: 'f'", "card_token"},
      {"card_network: CARD_NETWORK_VISA", "card_token"},
      {"card_token: 'tok_visa' card_network: 99", "card_network"},
      {"card_token: 'tok_visa' card_fingerprint: 'a b'", "card_fingerprint"},
      {absl::StrCat("card_token: 'tok_visa' card_fingerprint: '", std::string(65, 'a'), "'"),
       "card_fingerprint"},
  };
  std::vector<Refusal> refusals = {{.method = "Accounts.UpdatePaymentMethod",
                                    .request = "account_id: 'acct'",
                                    .field = "payment_method.card_token"}};
  for (const auto& [text, field] : rows) {
    refusals.push_back(
        {.method = "Accounts.UpdatePaymentMethod",
         .request = absl::StrCat("account_id: 'acct' ", Nested("payment_method", text)),
         .field = absl::StrCat("payment_method.", field)});
    refusals.push_back({.method = "Accounts.OpenAccount",
                        .request = absl::StrCat("account_id: 'new' ", text),
                        .field = field});
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, NumbersOfCardsAreRefusedInWhatPeopleWrite) {
  const std::string number = "see card 4111 1111 1111 1111";
  ExpectRefused({
      {.method = "Support.AdjustBalance",
       .request = absl::StrCat("account_id: 'acct' request_id: 'new' amount { units: 1 } reason: '",
                               number, "'"),
       .field = "reason"},
      {.method = "Support.AdjustBalance",
       .request = absl::StrCat("account_id: 'acct' request_id: 'new' amount { units: 1 } "
                               "reason: 'gift' reference: '",
                               number, "'"),
       .field = "reference"},
      {.method = "Support.AdjustBalance",
       .request = absl::StrCat("account_id: 'acct' request_id: 'new' amount { units: 1 } "
                               "reason: 'gift' actor: '",
                               number, "'"),
       .field = "actor"},
      {.method = "Support.BlockAccount",
       .request = absl::StrCat("account_id: 'acct' reason: '", number, "'"),
       .field = "reason"},
      {.method = "Accounts.UpdatePaymentMethod",
       .request = absl::StrCat("account_id: 'acct' payment_method { card_token: 'tok_visa#other' "
                               "brand: '4111111111111111' }"),
       .field = "payment_method.brand"},
  });
}

TEST_F(BadInputTest, IdsAndTelephoneNumbersAreNeverTakenForNumbersOfCards) {
  Must("Ledger.RecordUsage",
       absl::StrCat("account_id: 'acct' usage { ", Usage("4111111111111111"), Call(), " }"));
  Must("Ledger.AuthorizeUsage",
       "account_id: 'acct' user_id: 'u' call { direction: DIRECTION_OUTBOUND destination: "
       "'+378282246310005' }");
}

TEST_F(BadInputTest, AnUpdateMaskNamesFieldsThatAreThereAndSet) {
  const std::string settings =
      "account_id: 'acct' billing_settings { reserve_amount { units: 20 } } ";
  const std::string card = "account_id: 'acct' payment_method { card_token: 'tok_visa#other' } ";
  const std::string user = "account_id: 'acct' user_id: 'u' user { plan_id: 'unlimited' } ";
  std::vector<Refusal> refusals;
  for (const std::string path :
       {"reserve", "", " ", "reserve_amount.units", "billing_settings.reserve_amount",
        "billing_settings", "Reserve_amount", "reserveAmount", "reserve_amount,recharge_threshold",
        "account_id", "**", "card_token"}) {
    const std::string mask = absl::StrCat("update_mask { paths: '", path, "' }");
    refusals.push_back({.method = "Accounts.UpdateBillingSettings",
                        .request = settings + mask,
                        .field = "update_mask"});
  }
  for (const auto& [method, request] :
       {std::pair("Accounts.UpdateBillingSettings", settings),
        std::pair("Accounts.UpdatePaymentMethod", card), std::pair("Accounts.PutUser", user)}) {
    refusals.push_back({.method = method,
                        .request = request + "update_mask { paths: '*' paths: 'nothing' }",
                        .field = "update_mask"});
  }
  const auto add = [&](const std::string& method, const std::string& request,
                       const std::string& field) {
    refusals.push_back({.method = method, .request = request, .field = field});
  };
  // What is named must be there.
  add("Accounts.UpdateBillingSettings", settings + "update_mask { paths: 'recharge_threshold' }",
      "billing_settings.recharge_threshold");
  add("Accounts.UpdateBillingSettings", settings + "update_mask { paths: '*' }",
      "billing_settings.recharge_threshold");
  add("Accounts.UpdateBillingSettings",
      "account_id: 'acct' update_mask { paths: 'reserve_amount' }",
      "billing_settings.reserve_amount");
  add("Accounts.UpdatePaymentMethod", card + "update_mask { paths: 'card_network' }",
      "payment_method.card_token");
  add("Accounts.PutUser", "account_id: 'acct' user_id: 'u' update_mask { paths: 'plan_id' }",
      "user.plan_id");
  // One request is about one user.
  add("Accounts.PutUser", "account_id: 'acct' user_id: 'u' user { user_id: 'v' }", "user.user_id");
  add("Accounts.PutUser", "account_id: 'acct' user_id: 'u' request_id: 'a b'", "request_id");
  add("Accounts.RemoveUser", "account_id: 'acct' user_id: 'u' request_id: 'a b'", "request_id");
  add("Accounts.PutUser", "account_id: 'acct' user_id: 'u' user { account_id: 'due' }",
      "user.account_id");
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, FiltersOfEventsAndRechargesAreWhatTheySay) {
  const std::string events = "Events.ListEvents";
  const std::string recharges = "Accounts.ListRecharges";
  const std::string acct = "account_id: 'acct' ";
  ExpectRefused({
      {.method = events, .request = acct + "order: 3", .field = "order"},
      {.method = events, .request = acct + "kinds: 4 kinds: 0", .field = "kinds[1]"},
      {.method = events, .request = acct + "kinds: 9999", .field = "kinds[0]"},
      {.method = events, .request = acct + "time_from { nanos: -1 }", .field = "time_from.nanos"},
      {.method = events,
       .request = acct + "time_before { nanos: -1 }",
       .field = "time_before.nanos"},
      {.method = events,
       .request = acct + "time_from { seconds: 5 } time_before { seconds: 5 }",
       .field = "time_before"},
      {.method = recharges, .request = acct + "state: 99", .field = "state"},
      {.method = recharges, .request = acct + "kind: 99", .field = "kind"},
      {.method = recharges, .request = acct + "kind: RECHARGE_KIND_REFUND", .field = "kind"},
  });
}

TEST_F(BadInputTest, FiltersOfMoneyReceiptsAndUsersAreWhatTheySay) {
  const std::string times = "create_from { seconds: 5 } create_before { seconds: 5 }";
  std::vector<Refusal> refusals;
  for (const std::string list : {"Accounts.ListRecharges", "Accounts.ListRefunds",
                                 "Accounts.ListPayments", "Accounts.ListReceipts"}) {
    refusals.push_back({.method = list, .request = times, .field = "create_before"});
    refusals.push_back(
        {.method = list, .request = "create_from { nanos: -1 }", .field = "create_from.nanos"});
    refusals.push_back(
        {.method = list, .request = "create_before { nanos: -1 }", .field = "create_before.nanos"});
  }
  const std::string text(129, 'x');
  for (const auto& [list, request, field] : std::vector<std::array<std::string, 3>>{
           {"ListRefunds", "state: 9", "state"},
           {"ListRefunds", "recharge_ordinal: -1", "recharge_ordinal"},
           {"ListRefunds", "charge_id: 'ch_1'", "charge_id"},
           {"ListPayments", "state: 9", "state"},
           {"ListPayments", "means: 9", "means"},
           {"ListPayments", absl::StrCat("reference: '", text, "'"), "reference"},
           {"ListReceipts", "kind: 99", "kind"},
           {"ListReceipts", "kind: ENTRY_KIND_USAGE", "kind"},
           {"ListReceipts", "recharge_ordinal: -1", "recharge_ordinal"},
           {"ListUsers", "state: 9", "state"},
           {"ListUsers", absl::StrCat("search: '", text, "'"), "search"},
           {"ListUsers", "search: 'a\\nb'", "search"}}) {
    refusals.push_back({.method = "Accounts." + list, .request = request, .field = field});
  }
  for (Refusal& refusal : refusals) refusal.request += " account_id: 'acct'";
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, ABlockNeedsAReason) {
  std::vector<Refusal> refusals;
  for (const std::string method : {"Support.BlockAccount", "Support.UnblockAccount"}) {
    for (const std::string& reason :
         {std::string(), std::string(256, 'a'), std::string("a\\tb"), std::string("a\\000b")}) {
      refusals.push_back({.method = method,
                          .request = absl::StrCat("account_id: 'acct' reason: '", reason, "'"),
                          .field = "reason"});
    }
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, AStatementIsOfAPeriodThatThereCanBe) {
  std::vector<Refusal> refusals;
  const auto refuse = [&](const std::string& request, const std::string& field) {
    refusals.push_back({.method = "Accounts.ListEntries",
                        .request = absl::StrCat("account_id: 'acct' ", request),
                        .field = field});
  };
  for (const std::string month : {"2026", "2026-13", "2026-00", "2026-1", "2026-001", "26-11",
                                  "2026/11", "1999-12", "+026-11", " 2026-11", "2026-11-01"}) {
    refuse(absl::StrCat("month: '", month, "'"), "month");
  }
  refuse("month: '2026-11' begin_time { seconds: 1 }", "month");
  refuse("month: '2026-11' end_time { seconds: 1 }", "month");
  refuse("begin_time { seconds: 5 } end_time { seconds: 5 }", "end_time");
  refuse("begin_time { seconds: 5 } end_time { seconds: 4 }", "end_time");
  refuse("begin_time { nanos: -1 }", "begin_time.nanos");
  refuse("end_time { seconds: 999999999999 }", "end_time.seconds");
  refuse("kinds: 0", "kinds[0]");
  refuse("kinds: ENTRY_KIND_USAGE kinds: 99", "kinds[1]");
  for (const std::string number : {"0", "-1"}) {
    refusals.push_back({.method = "Accounts.GetReceipt",
                        .request = absl::StrCat("account_id: 'acct' number: ", number),
                        .field = "number"});
  }
  refusals.push_back({"Accounts.GetReceipt", "account_id: 'acct' number: 999999",
                      StatusCode::kNotFound, "RECEIPT_NOT_FOUND", "number"});
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, AnExportIsOfAKindAndGoesOnWithItsOwnToken) {
  const std::string kind = "kind: EXPORT_KIND_ENTRIES ";
  std::vector<Refusal> refusals = {
      {.method = "Accounts.Export", .request = "", .field = "kind"},
      {.method = "Accounts.Export", .request = "kind: 99", .field = "kind"},
      {.method = "Accounts.Export", .request = kind + "account_id: 'a b'", .field = "account_id"},
      {"Accounts.Export", kind + "account_id: 'nobody'", StatusCode::kNotFound, "ACCOUNT_NOT_FOUND",
       "account_id"}};
  for (const std::string token : {"x", "%%%", "AAAA", "MTIz"}) {
    refusals.push_back({.method = "Accounts.Export",
                        .request = absl::StrCat(kind, "resume_token: '", token, "'"),
                        .field = "resume_token"});
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, ListsRefuseTokensThatAreNotTheirs) {
  // A real token, of another list.
  const auto entries =
      reserve::e2e::Call(stack_->accounts(), &pb::Accounts::Stub::ListEntries,
                         Parse<pb::ListEntriesRequest>("account_id: 'acct' page_size: 1"));
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_FALSE(entries->next_page_token().empty());
  const std::string theirs = entries->next_page_token();
  std::vector<Refusal> refusals;
  for (const std::string list :
       {"Accounts.ListAccounts", "Accounts.ListUsers", "Accounts.ListUsage", "Accounts.ListEntries",
        "Accounts.ListRecharges", "Accounts.ListReceipts", "Accounts.ListRefunds",
        "Accounts.ListPayments", "Accounts.ListDisputes", "Events.ListEvents",
        "Rates.ListRateDecks", "Rates.ListRates", "Rates.ListRateDeckActivations"}) {
    const bool of_account = !absl::StartsWith(list, "Rates.") && list != "Accounts.ListAccounts";
    const std::string head = of_account ? "account_id: 'acct' " : "";
    for (const std::string token : {"x", "%%%", "AAAA", "MTIz", "a\\nb"}) {
      refusals.push_back({.method = list,
                          .request = absl::StrCat(head, "page_token: '", token, "'"),
                          .field = "page_token"});
    }
    refusals.push_back({.method = list,
                        .request = absl::StrCat(head, "page_token: '", std::string(5000, 'A'), "'"),
                        .field = "page_token"});
    if (list != "Accounts.ListEntries") {
      refusals.push_back({.method = list,
                          .request = absl::StrCat(head, "page_token: '", theirs, "'"),
                          .field = "page_token"});
    }
    for (const std::string size : {"-1", "-2147483648"}) {
      refusals.push_back({.method = list,
                          .request = absl::StrCat(head, "page_size: ", size),
                          .field = "page_size"});
    }
  }
  refusals.push_back({.method = "Accounts.ListEntries",
                      .request = absl::StrCat("account_id: 'due' page_token: '", theirs, "'"),
                      .field = "page_token"});
  refusals.push_back({.method = "Audit.VerifyLedger",
                      .request = absl::StrCat("resume_token: '", theirs, "'"),
                      .field = "resume_token"});
  refusals.push_back(
      {.method = "Audit.VerifyLedger", .request = "resume_token: 'x'", .field = "resume_token"});
  for (const std::string head : {"", "seq: 0 ", "seq: -1 "}) {
    refusals.push_back({.method = "Audit.CheckHead",
                        .request = absl::StrCat("account_id: 'acct' ", head,
                                                "hash: '0123456789abcdef0123456789abcdef'"),
                        .field = "seq"});
  }
  for (const std::string hash :
       {"", "x", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0"}) {
    refusals.push_back({.method = "Audit.CheckHead",
                        .request = absl::StrCat("account_id: 'acct' seq: 1 hash: '", hash, "'"),
                        .field = "hash"});
  }
  refusals.push_back({.method = "Rates.ListRates", .request = "prefix: '1a'", .field = "prefix"});
  refusals.push_back({.method = "Rates.ListRates",
                      .request = absl::StrCat("prefix: '", std::string(20, '1'), "'"),
                      .field = "prefix"});
  refusals.push_back(
      {.method = "Rates.ListRates", .request = "deck_version: -1", .field = "deck_version"});
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, FiltersOfTheHistoryAreRefusedByName) {
  const std::string usage = "Accounts.ListUsage";
  const std::string sums = "Accounts.SummarizeUsage";
  const std::string from = "start_from { seconds: 1700000000 } ";
  std::vector<Refusal> refusals = {
      {.method = usage, .request = "kind: 9", .field = "kind"},
      {.method = usage, .request = "direction: 9", .field = "direction"},
      {.method = usage, .request = "status: 9", .field = "status"},
      {.method = usage, .request = "order: 9", .field = "order"},
      {.method = usage, .request = "destination: '+0'", .field = "destination"},
      {.method = usage, .request = "destination: '1202%'", .field = "destination"},
      {.method = usage, .request = "destination_prefix: '+'", .field = "destination_prefix"},
      {.method = usage, .request = "destination_prefix: '+12%'", .field = "destination_prefix"},
      {.method = usage,
       .request = "destination_prefix: '+1234567890123456'",
       .field = "destination_prefix"},
      {.method = usage,
       .request = "destination_prefix: '123456789'",
       .field = "destination_prefix"},
      {.method = usage,
       .request = "destination: '+12025550123' destination_prefix: '+1'",
       .field = "destination_prefix"},
      {.method = usage, .request = "country: 'us'", .field = "country"},
      {.method = usage, .request = "country: 'ZZ'", .field = "country"},
      {.method = usage, .request = "minimum_cost { units: -1 }", .field = "minimum_cost"},
      {.method = usage,
       .request = "minimum_cost { currency_code: 'EUR' units: 1 }",
       .field = "minimum_cost.currency_code"},
      {.method = usage, .request = "start_from { nanos: -1 }", .field = "start_from.nanos"},
      {.method = usage,
       .request = from + "start_before { seconds: 1700000000 }",
       .field = "start_before"},
      {.method = sums, .request = "start_before { seconds: 1 }", .field = "start_from"},
      {.method = sums, .request = from, .field = "start_before"},
      {.method = sums,
       .request = from + "start_before { seconds: 1700000000 }",
       .field = "start_before"},
      {.method = sums,
       .request = from + "start_before { seconds: 1731622401 }",
       .field = "start_before"},
      {.method = sums,
       .request = from + "start_before { seconds: 1700000001 } group_by: 9",
       .field = "group_by"},
      {.method = sums,
       .request = from + "start_before { seconds: 1700000001 } group_by: 1 group_by: 1",
       .field = "group_by"},
      {.method = "Accounts.GetEntry", .request = "seq: 0", .field = "seq"},
      {.method = "Accounts.GetRecharge", .request = "ordinal: -1", .field = "ordinal"}};
  for (Refusal& refusal : refusals) refusal.request += " account_id: 'acct'";
  refusals.push_back({.method = "Accounts.GetEntry",
                      .request = "account_id: 'acct' seq: 1000000",
                      .code = StatusCode::kNotFound,
                      .reason = "ENTRY_NOT_FOUND",
                      .field = "seq"});
  refusals.push_back({.method = "Accounts.GetRecharge",
                      .request = "account_id: 'acct' ordinal: 1000000",
                      .code = StatusCode::kNotFound,
                      .reason = "RECHARGE_NOT_FOUND",
                      .field = "ordinal"});
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, AccountsAreLookedForByOneThingAtATime) {
  std::vector<Refusal> refusals = {
      {.method = "Accounts.ListAccounts", .request = "state: 9", .field = "state"}};
  for (const std::string by_usage : {"usage_id: 'with space'", "usage_id: 'u' low_balance: true"}) {
    refusals.push_back(
        {.method = "Accounts.ListAccounts", .request = by_usage, .field = "usage_id"});
  }
  for (const std::string by_number :
       {"called_number: 'x'", "called_number: '44'", "called_number: '+442079460000' usage_id: 'u'",
        "called_number: '+442079460000' state: ACCOUNT_STATE_ACTIVE"}) {
    refusals.push_back(
        {.method = "Accounts.ListAccounts", .request = by_number, .field = "called_number"});
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, WhoGivesCardsAndAsksForTopUpsIsNamedInText) {
  std::vector<Refusal> refusals;
  for (const auto& [method, sound] : std::vector<std::pair<std::string, std::string>>{
           {"Accounts.UpdateBillingSettings", "billing_settings { automatic_recharge: false }"},
           {"Accounts.AddPaymentMethod",
            "request_id: 'new' payment_method { card_token: 'tok_visa#new' }"},
           {"Accounts.UpdatePaymentMethod",
            "request_id: 'new' payment_method { card_token: 'tok_visa#new' }"},
           {"Accounts.RemovePaymentMethod", "payment_method_id: 'card-1'"},
           {"Accounts.RequestRecharge", "request_id: 'new'"}}) {
    for (const std::string& actor :
         {std::string("a\\nb"), std::string(129, 'a'), std::string("card 4242 4242 4242 4242")}) {
      refusals.push_back(
          {.method = method,
           .request = absl::StrCat("account_id: 'acct' ", sound, " actor: '", actor, "'"),
           .field = "actor"});
    }
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, APageIsNeverLargerThanAThousand) {
  const auto rates = reserve::e2e::Call(stack_->rates(), &pb::Rates::Stub::ListRates,
                                        Parse<pb::ListRatesRequest>("page_size: 2147483647"));
  ASSERT_TRUE(rates.ok()) << rates.status();
  EXPECT_EQ(rates->rates_size(), 1000);
}

// --- Batches and streams ------------------------------------------------------------

TEST_F(BadInputTest, ABatchHoldsOneToAThousandUsages) {
  const auto before = Stored();
  pb::BatchRecordUsageRequest request;
  ExpectStatus(Send("Ledger.BatchRecordUsage", request), {.field = "requests"});
  for (int i = 0; i < 1001; ++i) {
    *request.add_requests() = Parse<pb::RecordUsageRequest>(
        absl::StrCat("account_id: 'acct' usage { ", Usage(absl::StrCat("batch-", i)), Call(), "}"));
  }
  ExpectStatus(Send("Ledger.BatchRecordUsage", request), {.field = "requests"});
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, EachRefusalOfABatchNamesTheFieldAsTheSingleCallDoes) {
  const auto before = Stored();
  const auto response = reserve::e2e::Call(
      stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage,
      Parse<pb::BatchRecordUsageRequest>(absl::StrCat(
          "requests { } "
          "requests { account_id: 'nobody' usage { ",
          Usage("new"), Call(), "} } ", "requests { account_id: 'acct' } ",
          "requests { account_id: 'acct' usage { ", Usage("new"), Call("12"), "} } ",
          "requests { account_id: 'acct' replaces { usage_id: 'x' reason: 'wrong' } } ",
          "requests { account_id: 'acct' replaces { usage_id: 'booked' } } ",
          "requests { account_id: 'acct' usage { ", Usage("booked"), Call(),
          "} replaces { usage_id: 'booked' reason: 'wrong' } } ",
          "requests { account_id: 'acct' usage { ", Usage("booked"), Call("+12025550129"), "} }")));
  ASSERT_TRUE(response.ok()) << response.status();
  const std::vector<Refusal> expected = {
      {.field = "account_id"},
      {"", "", StatusCode::kNotFound, "ACCOUNT_NOT_FOUND", "account_id"},
      {.field = "usage.usage_id"},
      {.field = "usage.call.destination"},
      {"", "", StatusCode::kNotFound, "USAGE_NOT_FOUND", "replaces.usage_id"},
      {.field = "replaces.reason"},
      {.field = "usage.usage_id"},
      {"", "", StatusCode::kAlreadyExists, "USAGE_ID_REUSED", "usage.usage_id"},
  };
  ASSERT_EQ(response->results_size(), static_cast<int>(expected.size()));
  for (int i = 0; i < response->results_size(); ++i) {
    SCOPED_TRACE(i);
    ExpectStatus(FromProtoStatus(response->results(i).error()), expected[i]);
  }
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, WhatIsTakenBackOrCorrectedIsNamedInFull) {
  const std::string right = absl::StrCat("usage { ", Usage("new"), Call(), "} ");
  const std::string head = "account_id: 'acct' usage_id: 'booked' ";
  ExpectRefused({
      {.method = "Ledger.VoidUsage", .request = head, .field = "reason"},
      {.method = "Ledger.VoidUsage",
       .request = head + "reason: 'wrong' actor: '\001'",
       .field = "actor"},
      {.method = "Ledger.CorrectUsage",
       .request = head + "reason: 'wrong'",
       .field = "usage.usage_id"},
      {.method = "Ledger.CorrectUsage", .request = head + right, .field = "reason"},
      {.method = "Ledger.CorrectUsage",
       .request = absl::StrCat(head, "reason: 'wrong' usage { ", Usage("booked"), Call(), "}"),
       .field = "usage.usage_id"},
      {.method = "Ledger.CorrectUsage",
       .request = absl::StrCat(head, "reason: 'wrong' usage { ", Usage("new"), Call("12"), "}"),
       .field = "usage.call.destination"},
      {.method = "Ledger.RecordUsage",
       .request = absl::StrCat("account_id: 'acct' ", right,
                               "replaces { usage_id: 'booked' reason: 'wrong' }"),
       .field = "replaces"},
      {.method = "Rates.ListUnratedUsage", .request = "account_id: 'a b'", .field = "account_id"},
      {"Ledger.RecordUsage",
       absl::StrCat("account_id: 'acct' only_if_allowed: true usage { ", Usage("new"),
                    Call("+99999999999"), "}"),
       StatusCode::kFailedPrecondition, "USAGE_NOT_ALLOWED", ""},
      {"Ledger.RecordUsage",
       "account_id: 'acct' only_if_allowed: true usage { usage_id: 'new' user_id: 'x' start_time { "
       "seconds: 1790000000 } " +
           Call() + "}",
       StatusCode::kNotFound, "USER_NOT_FOUND", "usage.user_id"},
      {.method = "Rates.ListUnratedUsage", .request = "page_size: -1", .field = "page_size"},
      {"Rates.ListUnratedUsage", "account_id: 'nobody'", StatusCode::kNotFound, "ACCOUNT_NOT_FOUND",
       "account_id"},
  });
}

TEST_F(BadInputTest, AnInvalidGrantOfCreditIsRefusedByField) {
  const std::string head = "account_id: 'acct' request_id: 'new' ";
  ExpectRefused({
      {.method = "Support.GrantCredit",
       .request = head + "reason: 'x' expire_time { seconds: 4000000000 }",
       .field = "amount"},
      {.method = "Support.GrantCredit",
       .request = head + "reason: 'x' amount { units: -1 } expire_time { seconds: 4000000000 }",
       .field = "amount"},
      {.method = "Support.GrantCredit",
       .request = head + "reason: 'x' amount { units: 1 currency_code: 'EUR' } expire_time { "
                         "seconds: 2000000000 }",
       .field = "amount.currency_code"},
      {.method = "Support.GrantCredit",
       .request = head + "reason: 'x' amount { units: 1 }",
       .field = "expire_time"},
      {.method = "Support.GrantCredit",
       .request = head + "reason: 'x' amount { units: 1 } expire_time { seconds: 1760000000 }",
       .field = "expire_time"},
      {.method = "Support.GrantCredit",
       .request = head + "amount { units: 1 } expire_time { seconds: 2000000000 }",
       .field = "reason"},
  });
}

TEST_F(BadInputTest, AnInvalidReratingIsRefusedByField) {
  const std::string sound = "account_id: 'acct' reason: 'wrong deck' request_id: 'r' ";
  ExpectRefused({
      {.method = "Rates.RerateUsage",
       .request = "account_id: 'acct' reason: 'wrong deck'",
       .field = "request_id"},
      {.method = "Rates.RerateUsage",
       .request = "reason: 'wrong deck' request_id: 'r'",
       .field = "start_time"},
      {.method = "Rates.RerateUsage",
       .request = "account_id: 'acct' request_id: 'r'",
       .field = "reason"},
      {.method = "Rates.RerateUsage",
       .request = "account_id: 'a b' reason: 'x' validate_only: true",
       .field = "account_id"},
      {.method = "Rates.RerateUsage",
       .request = "start_time { seconds: 1 } user_id: 'u' reason: 'x' validate_only: true",
       .field = "user_id"},
      {.method = "Rates.RerateUsage",
       .request = sound + "destination_prefix: '+44'",
       .field = "destination_prefix"},
      {.method = "Rates.RerateUsage",
       .request = sound + "start_time { seconds: 2 } end_time { seconds: 2 }",
       .field = "end_time"},
      {.method = "Rates.RerateUsage",
       .request = sound + "start_time { nanos: -1 }",
       .field = "start_time.nanos"},
      {.method = "Rates.RerateUsage",
       .request = sound + "deck_version: -1",
       .field = "deck_version"},
      {.method = "Rates.RerateUsage",
       .request = sound + "currency_code: 'dollars'",
       .field = "currency_code"},
      {"Rates.RerateUsage", sound + "deck_version: 9999", StatusCode::kNotFound,
       "RATE_DECK_NOT_FOUND", "deck_version"},
      {"Rates.RerateUsage", sound + "plan_id: 'none'", StatusCode::kNotFound, "PLAN_NOT_FOUND",
       "plan_id"},
      {"Rates.RerateUsage", "account_id: 'nobody' reason: 'x' request_id: 'r'",
       StatusCode::kNotFound, "ACCOUNT_NOT_FOUND", "account_id"},
      {.method = "Rates.GetRerating", .request = "request_id: ''", .field = "request_id"},
      {"Rates.GetRerating", "request_id: 'none'", StatusCode::kNotFound, "RERATING_NOT_FOUND",
       "request_id"},
      {.method = "Rates.CancelRerating", .request = "reason: 'x'", .field = "request_id"},
      {.method = "Rates.CancelRerating", .request = "request_id: 'none'", .field = "reason"},
      {.method = "Rates.CancelRerating",
       .request = "request_id: 'none' reason: 'x' actor: '\\n'",
       .field = "actor"},
      {"Rates.CancelRerating", "request_id: 'none' reason: 'x'", StatusCode::kNotFound,
       "RERATING_NOT_FOUND", "request_id"},
      {.method = "Rates.ListReratings", .request = "page_size: -1", .field = "page_size"},
      {.method = "Rates.ListReratings", .request = "page_token: 'x'", .field = "page_token"},
  });
}

TEST_F(BadInputTest, AStreamEndsAtAWrongSequence) {
  const std::string request =
      absl::StrCat("request { account_id: 'acct' usage { ", Usage("new"), Call(), "} }");
  std::vector<Refusal> refusals;
  for (const std::string sequence : {"0", "2", "-1", "9223372036854775807"}) {
    refusals.push_back({.method = "Ledger.StreamUsage",
                        .request = absl::StrCat("sequence: ", sequence, " ", request),
                        .field = "sequence"});
  }
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, ARefusalOnAStreamNamesTheField) {
  const auto before = Stored();
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"sequence: 1", "request.account_id"},
      {"sequence: 1 request { account_id: 'acct' }", "request.usage.usage_id"},
      {absl::StrCat("sequence: 1 request { account_id: 'acct' usage { ", Usage("new"), Call("1"),
                    "} }"),
       "request.usage.call.destination"}};
  for (const auto& [text, field] : rows) {
    const auto answer = stack_->CallRaw(PathOf("Ledger.StreamUsage"),
                                        Parse<pb::StreamUsageRequest>(text).SerializeAsString());
    ASSERT_TRUE(answer.ok()) << answer.status();
    pb::StreamUsageResponse response;
    ASSERT_TRUE(response.ParseFromString(*answer));
    EXPECT_EQ(response.acknowledged_sequence(), 1);
    ASSERT_EQ(response.refusals_size(), 1);
    EXPECT_EQ(response.refusals(0).sequence(), 1);
    ExpectStatus(FromProtoStatus(response.refusals(0).error()), {.field = field});
  }
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, AnImportNeedsItsHeaderAndAWholeFile) {
  ExpectRefused({
      {.method = "Rates.ImportRateDeck", .request = "", .field = "header"},
      {.method = "Rates.ImportRateDeck", .request = "csv_chunk: 'x'", .field = "header"},
      {.method = "Rates.ImportRateDeck", .request = "header {}", .field = "header.name"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a b' }",
       .field = "header.name"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' currency_code: 'x' }",
       .field = "header.currency_code"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' csv_bytes: -1 }",
       .field = "header.csv_bytes"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' csv_bytes: 5 }",
       .field = "header.csv_bytes"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' standard_rate_ceiling { units: -1 } }",
       .field = "header.standard_rate_ceiling"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' effective_time { nanos: -1 } }",
       .field = "header.effective_time.nanos"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' date_format: 'someday' }",
       .field = "header.date_format"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' decimal_mark: ';' }",
       .field = "header.decimal_mark"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' default_kind: 99 }",
       .field = "header.default_kind"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' ignored_columns: '' }",
       .field = "header.ignored_columns"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' accept: RATE_DECK_FINDING_CODE_UNSPECIFIED }",
       .field = "header.accept"},
  });
}

TEST_F(BadInputTest, APlanNeedsItsRequestItsReasonAndTermsWithinBounds) {
  const std::string sound = "plan_id: 'per_minute' request_id: 'r' reason: 'x' ";
  const auto plan = [&sound](const std::string& terms) {
    return absl::StrCat(sound, "plan { ", terms, " }");
  };
  const std::string put = "Rates.PutPlan";
  ExpectRefused({
      {.method = put, .request = "request_id: 'r' reason: 'x'", .field = "plan_id"},
      {.method = put, .request = "plan_id: 'per_minute' reason: 'x'", .field = "request_id"},
      {.method = put, .request = "plan_id: 'per_minute' request_id: 'r'", .field = "reason"},
      {.method = put, .request = sound + "actor: 'a\\nb'", .field = "actor"},
      {.method = put, .request = plan("plan_id: 'other'"), .field = "plan.plan_id"},
      {.method = put,
       .request = plan("") + "update_mask { paths: 'price' }",
       .field = "update_mask"},
      {.method = put,
       .request = plan("") + "update_mask { paths: 'series' }",
       .field = "plan.series"},
      {.method = put,
       .request = plan("") + "update_mask { paths: 'standard_calls' }",
       .field = "plan.standard_calls"},
      {.method = put, .request = plan("standard_calls: 7"), .field = "plan.standard_calls"},
      {.method = put, .request = plan("allowance_reset: 7"), .field = "plan.allowance_reset"},
      {.method = put, .request = plan("allowance { seconds: -1 }"), .field = "plan.allowance"},
      {.method = put, .request = plan("allowance { nanos: 1 }"), .field = "plan.allowance"},
      {.method = put,
       .request = plan("allowance { seconds: 2000000000 }"),
       .field = "plan.allowance"},
      {.method = put,
       .request = plan("longest_call { seconds: -1 }"),
       .field = "plan.longest_call"},
      {.method = put, .request = plan("series: 'a b'"), .field = "plan.series"},
      {.method = put,
       .request = plan("monthly_prices { units: 1 }"),
       .field = "plan.monthly_prices[0].currency_code"},
      {.method = put,
       .request = plan("monthly_prices { currency_code: 'USD' units: -1 }"),
       .field = "plan.monthly_prices[0]"},
      {put, plan("monthly_prices { currency_code: 'XAF' units: 1 }"),
       StatusCode::kFailedPrecondition, "CURRENCY_NOT_SUPPORTED",
       "plan.monthly_prices[0].currency_code"},
      {.method = put,
       .request = plan("default_reserve_amounts { currency_code: 'USD' units: 1 } "
                       "default_reserve_amounts { currency_code: 'USD' units: 2 }"),
       .field = "plan.default_reserve_amounts[1]"},
      {.method = put,
       .request = plan("display_name: '4111 1111 1111 1111'"),
       .field = "plan.display_name"},
  });
}

TEST_F(BadInputTest, APlanThatIsNotThereOrHasMovedOnIsRefused) {
  const std::string sound = "plan_id: 'per_minute' request_id: 'r' reason: 'x' ";
  const std::string put = "Rates.PutPlan";
  ExpectRefused({
      {.method = put,
       .request = sound + "effective_time { seconds: 1 }",
       .field = "effective_time"},
      {put, "plan_id: 'none' request_id: 'r' reason: 'x'", StatusCode::kNotFound, "PLAN_NOT_FOUND",
       "plan_id"},
      {put, sound + "plan { etag: 'v77' }", StatusCode::kAborted, "ETAG_MISMATCH", "plan.etag"},
      {.method = "Rates.GetPlan", .request = "", .field = "plan_id"},
      {"Rates.GetPlan", "plan_id: 'none'", StatusCode::kNotFound, "PLAN_NOT_FOUND", "plan_id"},
      {.method = "Rates.ListPlanVersions", .request = "", .field = "plan_id"},
      {"Rates.ListPlanVersions", "plan_id: 'none'", StatusCode::kNotFound, "PLAN_NOT_FOUND",
       "plan_id"},
      {.method = "Rates.ListPlans", .request = "series: 'a b'", .field = "series"},
      {.method = "Rates.ListPlans", .request = "page_size: -1", .field = "page_size"},
      {.method = "Rates.RetirePlan", .request = "", .field = "plan_id"},
      {.method = "Rates.RetirePlan",
       .request = absl::StrCat("plan_id: 'unlimited' etag: '", std::string(65, 'e'), "'"),
       .field = "etag"},
      {"Rates.RetirePlan", "plan_id: 'unlimited' etag: 'v77'", StatusCode::kAborted,
       "ETAG_MISMATCH", "etag"},
      {.method = "Rates.RetirePlan",
       .request = "plan_id: 'unlimited' request_id: 'a b'",
       .field = "request_id"},
      {.method = "Rates.RetirePlan",
       .request = "plan_id: 'unlimited' actor: 'a\\nb'",
       .field = "actor"},
      {"Rates.RetirePlan", "plan_id: 'per_minute'", StatusCode::kFailedPrecondition, "PLAN_NEEDED",
       "plan_id"},
  });
}

TEST_F(BadInputTest, AUsersPlanNameAndBlockAreRefusedByTheirField) {
  const std::string user = "account_id: 'acct' user_id: 'u' ";
  const std::string put = "Accounts.PutUser";
  ExpectRefused({
      {.method = put,
       .request = user + "plan_effective_time { seconds: 4000000000 }",
       .field = "plan_effective_time"},
      {.method = put,
       .request = user + "user { plan_id: 'unlimited' } plan_effective_time { seconds: 1 }",
       .field = "plan_effective_time"},
      {.method = put,
       .request = user + "user { display_name: '4111 1111 1111 1111' }",
       .field = "user.display_name"},
      {.method = "Accounts.RemoveUser", .request = "account_id: 'acct'", .field = "user_id"},
      {"Accounts.RemoveUser", "account_id: 'acct' user_id: 'nobody'", StatusCode::kNotFound,
       "USER_NOT_FOUND", "user_id"},
      {.method = "Accounts.UpdateAccount",
       .request = "account_id: 'acct' account { display_name: '4111 1111 1111 1111' }",
       .field = "account.display_name"},
      {.method = "Accounts.OpenAccount",
       .request = "account_id: 'named' display_name: '4111 1111 1111 1111'",
       .field = "display_name"},
  });
}

TEST_F(BadInputTest, AnActivationNeedsItsDeckItsRequestAndItsReason) {
  const std::string sound = "deck_version: 1 request_id: 'r' reason: 'x' ";
  ExpectRefused({
      {.method = "Rates.ActivateRateDeck",
       .request = "request_id: 'r' reason: 'x'",
       .field = "deck_version"},
      {.method = "Rates.ActivateRateDeck",
       .request = "deck_version: -1 request_id: 'r' reason: 'x'",
       .field = "deck_version"},
      {.method = "Rates.ActivateRateDeck",
       .request = "deck_version: 1 reason: 'x'",
       .field = "request_id"},
      {.method = "Rates.ActivateRateDeck",
       .request = "deck_version: 1 request_id: 'r'",
       .field = "reason"},
      {.method = "Rates.ActivateRateDeck", .request = sound + "actor: 'a\\nb'", .field = "actor"},
      {.method = "Rates.ActivateRateDeck",
       .request = sound + "effective_time { nanos: -1 }",
       .field = "effective_time.nanos"},
      {"Rates.ActivateRateDeck", sound + "effective_time { seconds: 1 }",
       StatusCode::kFailedPrecondition, "BACKDATE_NEEDED", "backdate"},
      {.method = "Rates.RetireRateDeck", .request = "", .field = "deck_version"},
      {"Rates.RetireRateDeck", "deck_version: 1", StatusCode::kFailedPrecondition,
       "RATE_DECK_NEEDED", "deck_version"},
      {.method = "Rates.RetireRateDeck",
       .request = "deck_version: 1 request_id: 'a b'",
       .field = "request_id"},
      {.method = "Rates.RetireRateDeck",
       .request = "deck_version: 1 reason: 'a\\nb'",
       .field = "reason"},
      {.method = "Rates.GetRateDeck", .request = "", .field = "deck_version"},
      {.method = "Rates.CompareRateDecks", .request = "", .field = "deck_version"},
      {.method = "Rates.CompareRateDecks",
       .request = "deck_version: 1 base_deck_version: -1",
       .field = "base_deck_version"},
      {.method = "Rates.CompareRateDecks", .request = "deck_version: 1 kind: 99", .field = "kind"},
      {.method = "Rates.CompareRateDecks",
       .request = "deck_version: 1 page_size: -1",
       .field = "page_size"},
      {.method = "Rates.CompareRateDecks",
       .request = "deck_version: 1 page_token: 'x'",
       .field = "page_token"},
      {"Rates.CompareRateDecks", "deck_version: 99", StatusCode::kNotFound, "RATE_DECK_NOT_FOUND",
       "deck_version"},
      {.method = "Rates.ListRateDecks", .request = "series: 'a b'", .field = "series"},
      {.method = "Rates.ListRateDecks", .request = "currency_code: 'x'", .field = "currency_code"},
      {.method = "Rates.ListRateDecks", .request = "state: 99", .field = "state"},
      {.method = "Rates.ListRateDeckActivations",
       .request = "deck_version: -1",
       .field = "deck_version"},
      {.method = "Rates.ListRates", .request = "series: 'a b'", .field = "series"},
      {.method = "Rates.ImportRateDeck",
       .request = "header { name: 'a' series: 'a b' }",
       .field = "header.series"},
  });
}

// --- Workers ------------------------------------------------------------------------

TEST_F(BadInputTest, ReportsThatCanNotBeTrueAreRefused) {
  const std::string head = "account_id: 'due' worker_id: 'w' ordinal: 1 ";
  const std::string now = head + "attempt: 1 ";
  ExpectRefused({
      {.method = "Recharges.ReportRecharge", .request = now, .field = "outcome"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "declined {}",
       .field = "declined.decline_class"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "declined { decline_class: DECLINE_CLASS_SOFT code: 'a b' }",
       .field = "declined.code"},
      {.method = "Recharges.ReportRecharge",
       .request = absl::StrCat(now, "declined { decline_class: DECLINE_CLASS_SOFT code: '",
                               std::string(65, 'a'), "' }"),
       .field = "declined.code"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "unresolved {}",
       .field = "unresolved.reason"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "unresolved { reason: 'a\\nb' }",
       .field = "unresolved.reason"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "succeeded {}",
       .field = "succeeded.charge_id"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "succeeded { charge_id: 'ch' }",
       .field = "succeeded.amount.currency_code"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "succeeded { charge_id: 'ch' amount { currency_code: 'USD' } }",
       .field = "succeeded.amount"},
      {.method = "Recharges.ReportRecharge",
       .request = now + "succeeded { charge_id: 'ch' amount { currency_code: 'USD' units: -1 } }",
       .field = "succeeded.amount"},
      {.method = "Recharges.ReportRecharge",
       .request = head + "attempt: 0 unresolved { reason: 'lost' }",
       .field = "attempt"},
      {.method = "Recharges.ReportRecharge",
       .request = head + "attempt: 2 unresolved { reason: 'lost' }",
       .field = "attempt"},
      // Nobody holds a lease of this epoch.
      {"Recharges.ReportRecharge", now + "lease_epoch: 7 unresolved { reason: 'lost' }",
       StatusCode::kFailedPrecondition, "LEASE_LOST", "lease_epoch"},
      {"Recharges.ReportRecharge",
       now + "lease_epoch: 7 declined { decline_class: DECLINE_CLASS_HARD code: 'lost_card' }",
       StatusCode::kFailedPrecondition, "LEASE_LOST", "lease_epoch"},
      {"Recharges.ReportRecharge",
       "account_id: 'acct' worker_id: 'w' ordinal: 1 attempt: 1 succeeded { charge_id: 'ch_2' "
       "amount { currency_code: 'USD' units: 15 } }",
       StatusCode::kFailedPrecondition, "ALREADY_CREDITED", ""},
      {"Recharges.RenewLease", head + "lease_epoch: 7", StatusCode::kFailedPrecondition,
       "LEASE_LOST", "lease_epoch"},
      {.method = "Recharges.WatchLowBalance",
       .request = "worker_id: 'w' max_in_flight: -1",
       .field = "max_in_flight"},
      {.method = "Recharges.WatchLowBalance",
       .request = "worker_id: 'w' max_in_flight: 1025",
       .field = "max_in_flight"},
      {.method = "Events.WatchEvents", .request = "account_id: 'a b'", .field = "account_id"},
      {.method = "Events.WatchEvents",
       .request = "kinds: EVENT_KIND_ENABLED kinds: EVENT_KIND_UNSPECIFIED",
       .field = "kinds[1]"},
      {.method = "Events.WatchEvents",
       .request = "resume_token: 'not-ours'",
       .field = "resume_token"},
      {.method = "Events.WatchEvents", .request = "resume_token: '%%%'", .field = "resume_token"},
  });
}

// --- Bytes --------------------------------------------------------------------------

// What gRPC's callback API answers by itself to a message that it can't read; no handler sees it.
constexpr StatusCode kUnreadable = StatusCode::kUnimplemented;

// A field of length-delimited bytes, as it is on the wire. Short ones only.
std::string WireField(int number, const std::string& bytes) {
  return absl::StrCat(std::string(1, static_cast<char>(number << 3 | 2)),
                      std::string(1, static_cast<char>(bytes.size())), bytes);
}

TEST_F(BadInputTest, RefundsThatCanNotBeMadeAreRefused) {
  const std::string head = "account_id: 'acct' request_id: 'new' ordinal: 1 ";
  const auto refused = [&](const std::string& request, const std::string& field) {
    return Refusal{.method = "Support.RefundRecharge", .request = request, .field = field};
  };
  ExpectRefused({
      refused("account_id: 'acct' ordinal: 1 reason: 'r'", "request_id"),
      refused(head, "reason"),
      refused(head + "reason: 'r' amount {}", "amount"),
      refused(head + "reason: 'r' amount { units: -1 }", "amount"),
      refused(head + "reason: 'r' amount { nanos: 5000000 }", "amount"),
      refused(head + "reason: 'r' amount { currency_code: 'EUR' units: 1 }",
              "amount.currency_code"),
      refused(head + "reason: 'r' actor: 'a\\nb'", "actor"),
      {"Support.RefundRecharge", "account_id: 'acct' request_id: 'new' ordinal: 9 reason: 'r'",
       StatusCode::kNotFound, "RECHARGE_NOT_FOUND", "ordinal"},
      {"Support.RefundRecharge", "account_id: 'due' request_id: 'new' ordinal: 1 reason: 'r'",
       StatusCode::kFailedPrecondition, "NOT_CREDITED", "ordinal"},
      {"Support.RefundRecharge", head + "reason: 'r' amount { units: 16 } allow_debt: true",
       StatusCode::kFailedPrecondition, "REFUND_TOO_LARGE", "amount"},
  });
}

TEST_F(BadInputTest, WhatCanNotBePaidIsRefused) {
  const std::string head = "account_id: 'acct' request_id: 'new' ";
  const std::string payment = head + "amount { units: 5 } reason: 'r' ";
  const std::string means = "means: PAYMENT_MEANS_CHEQUE ";
  const auto refused = [](const std::string& request, const std::string& field) {
    return Refusal{.method = "Support.RecordPayment", .request = request, .field = field};
  };
  const auto not_reversed = [](const std::string& request, const std::string& field) {
    return Refusal{.method = "Support.ReversePayment", .request = request, .field = field};
  };
  ExpectRefused({
      refused("account_id: 'acct' amount { units: 5 } reason: 'r' " + means, "request_id"),
      refused(head + "reason: 'r' " + means, "amount"),
      refused(head + "amount { units: 5 } " + means, "reason"),
      refused(payment, "means"),
      refused(payment + "means: 99", "means"),
      refused(payment + means + "actor: 'a\\nb'", "actor"),
      refused(payment + means + "reference: 'a\\nb'", "reference"),
      refused(payment + means + "charge_id: 'with space'", "charge_id"),
      refused(payment + means + "received_time { nanos: -1 }", "received_time.nanos"),
      refused(payment + means + "received_time { seconds: 0 }", "received_time"),
      refused(payment + means + "received_time { seconds: 32503680000 }", "received_time"),
      refused(head + "reason: 'r' amount {} " + means, "amount"),
      refused(head + "reason: 'r' amount { units: -5 } " + means, "amount"),
      refused(head + "reason: 'r' amount { nanos: 5000000 } charge_id: 'pg_9' " + means, "amount"),
      refused(head + "reason: 'r' amount { currency_code: 'EUR' units: 5 } " + means,
              "amount.currency_code"),
      {"Support.RecordPayment",
       "account_id: 'none' request_id: 'new' amount { units: 5 } reason: "
       "'r' means: PAYMENT_MEANS_CASH",
       StatusCode::kNotFound, "ACCOUNT_NOT_FOUND", "account_id"},
      not_reversed("account_id: 'acct' ordinal: 1 reason: 'r'", "request_id"),
      not_reversed(head + "ordinal: 1", "reason"),
      {"Support.ReversePayment", head + "ordinal: 1 reason: 'r'", StatusCode::kNotFound,
       "PAYMENT_NOT_FOUND", "ordinal"},
      {"Accounts.ListPayments", "account_id: 'none'", StatusCode::kNotFound, "ACCOUNT_NOT_FOUND",
       "account_id"},
      {.method = "Accounts.ListPayments", .request = "", .field = "account_id"},
      {.method = "Accounts.ListPayments",
       .request = "account_id: 'acct' charge_id: 'pg_1'",
       .field = "charge_id"},
      {.method = "Accounts.ListPayments",
       .request = "charge_id: 'with space'",
       .field = "charge_id"},
      {.method = "Accounts.ListRecharges",
       .request = "account_id: 'acct' charge_id: 'pg_1'",
       .field = "charge_id"},
      {.method = "Accounts.ListRecharges",
       .request = "charge_id: 'with space'",
       .field = "charge_id"},
      {.method = "Accounts.ListRecharges",
       .request = "charge_id: 'pg_1' page_token: 'x'",
       .field = "page_token"},
  });
}

TEST_F(BadInputTest, WhatCanNotBeClosedIsRefused) {
  const std::string head = "account_id: 'acct' request_id: 'new' ";
  const auto refused = [](const std::string& request, const std::string& field) {
    return Refusal{.method = "Support.CloseAccount", .request = request, .field = field};
  };
  std::string too_many = head + "reason: 'r' ";
  for (int i = 0; i <= 1'000; ++i) absl::StrAppend(&too_many, "waive_unrated_usage_ids: 'u' ");
  ExpectRefused({
      refused("request_id: 'new' reason: 'r'", "account_id"),
      refused("account_id: 'acct' reason: 'r'", "request_id"),
      refused(head, "reason"),
      refused(head + "reason: 'r' actor: 'a\\nb'", "actor"),
      refused(head + "reason: 'r' reference: 'a\\nb'", "reference"),
      refused(head + "reason: 'r' waive_unrated_usage_ids: 'with space'",
              "waive_unrated_usage_ids"),
      refused(too_many, "waive_unrated_usage_ids"),
      {"Support.CloseAccount", "account_id: 'none' request_id: 'new' reason: 'r'",
       StatusCode::kNotFound, "ACCOUNT_NOT_FOUND", "account_id"},
      {"Support.CloseAccount", head + "reason: 'r' waive_unrated_usage_ids: 'never'",
       StatusCode::kNotFound, "USAGE_NOT_FOUND", "usage_id"},
  });
}

TEST_F(BadInputTest, WhatAGatewayCanNotMeanIsRefused) {
  const std::string charge = "charge_id: 'ch_1' charge_reference: 'acct/1' ";
  const std::string refund = charge + "refund_id: 're' state: REFUND_STATE_SUCCEEDED ";
  const std::string dispute = charge + "dispute_id: 'dp' state: DISPUTE_STATE_OPENED ";
  const auto refused = [](const std::string& method, const std::string& request,
                          const std::string& field) {
    return Refusal{.method = "Recharges." + method, .request = request, .field = field};
  };
  ExpectRefused({
      refused("ReportGatewayRefund", "charge_reference: 'acct/1'", "charge_id"),
      refused("ReportGatewayRefund", charge, "refund_id"),
      refused("ReportGatewayRefund", charge + "refund_id: 're'", "state"),
      refused("ReportGatewayRefund", charge + "refund_id: 're' state: REFUND_STATE_CANCELED",
              "state"),
      refused("ReportGatewayRefund", refund, "amount"),
      refused("ReportGatewayRefund", refund + "amount { currency_code: 'USD' }", "amount"),
      refused("ReportGatewayRefund", refund + "amount { currency_code: 'USD' units: -1 }",
              "amount"),
      refused("ReportGatewayRefund", refund + "amount { currency_code: 'EUR' units: 1 }",
              "amount.currency_code"),
      refused("ReportGatewayRefund", refund + "amount { units: 1 } failure_code: 'a b'",
              "failure_code"),
      refused("ReportGatewayDispute", charge, "dispute_id"),
      refused("ReportGatewayDispute", charge + "dispute_id: 'dp'", "state"),
      refused("ReportGatewayDispute", dispute, "amount"),
      refused("ReportGatewayDispute", dispute + "amount { units: 1 } reason: 'a\\nb'", "reason"),
      // Of a charge that no account has, which would be kept.
      refused("ReportGatewayRefund",
              "charge_id: 'ch_none' charge_reference: 'order-17' refund_id: 're' state: "
              "REFUND_STATE_SUCCEEDED amount { currency_code: 'USD' }",
              "amount"),
      refused("ReportGatewayDispute",
              "charge_id: 'ch_none' charge_reference: 'acct/01' dispute_id: 'dp' state: "
              "DISPUTE_STATE_OPENED amount { currency_code: 'XXX' units: 1 }",
              "amount.currency_code"),
      {"Recharges.ReportGatewayDispute",
       "charge_id: 'ch_other' charge_reference: 'acct/1' dispute_id: 'dp' state: "
       "DISPUTE_STATE_OPENED amount { currency_code: 'USD' units: 1 }",
       StatusCode::kNotFound, "CHARGE_NOT_FOUND", "charge_id"},
      {"Recharges.ReportGatewayRefund",
       "charge_id: 'ch_b' refund_id: 're_a' state: REFUND_STATE_FAILED amount { currency_code: "
       "'USD' units: 1 }",
       StatusCode::kAlreadyExists, "REFUND_ID_REUSED", "charge_id"},
      {"Recharges.ReportGatewayDispute",
       "charge_id: 'ch_b' dispute_id: 'dp_a' state: DISPUTE_STATE_WON amount { currency_code: "
       "'USD' units: 2 }",
       StatusCode::kAlreadyExists, "DISPUTE_ID_REUSED", "charge_id"},
  });
}

TEST_F(BadInputTest, WhatNobodyCanHaveFoundOutOrLiftedIsRefused) {
  const std::string review = "account_id: 'acct' ordinal: 1 reason: 'asked them' ";
  const std::string charged = review + "charged { charge_id: 'ch_9' amount { units: 15 ";
  const std::string lift = "account_id: 'acct' reason: 'spoke to them' ";
  ExpectRefused({
      {.method = "Support.ResolveReview", .request = review, .field = "outcome"},
      {.method = "Support.ResolveReview",
       .request = review + "charged { amount { units: 15 } }",
       .field = "charged.charge_id"},
      {.method = "Support.ResolveReview",
       .request = review + "charged { charge_id: 'ch_9' }",
       .field = "charged.amount"},
      {.method = "Support.ResolveReview",
       .request = charged + "currency_code: 'EUR' } }",
       .field = "charged.amount.currency_code"},
      {"Support.ResolveReview",
       "account_id: 'acct' ordinal: 99 not_charged { } reason: 'asked them'", StatusCode::kNotFound,
       "RECHARGE_NOT_FOUND", "ordinal"},
      {"Support.ResolveReview", charged + "} }", StatusCode::kFailedPrecondition,
       "ALREADY_CREDITED", ""},
      {"Support.ResolveReview", review + "not_charged { }", StatusCode::kFailedPrecondition,
       "NOT_UNDER_REVIEW", "ordinal"},
      {"Support.ResolveReview", review + "dismissed { }", StatusCode::kFailedPrecondition,
       "NOT_UNDER_REVIEW", "ordinal"},
      {.method = "Support.ResolveReview",
       .request = "account_id: 'acct' reason: 'not ours' dismissed { charge_id: 'ch_none' }",
       .field = "account_id"},
      {.method = "Support.ResolveReview",
       .request = "ordinal: 1 reason: 'not ours' dismissed { charge_id: 'ch_none' }",
       .field = "ordinal"},
      {.method = "Support.ResolveReview",
       .request = "dismissed { charge_id: 'ch_none' }",
       .field = "reason"},
      {.method = "Support.ResolveReview",
       .request = "reason: 'not ours' dismissed { charge_id: 'a b' }",
       .field = "dismissed.charge_id"},
      {"Support.ResolveReview", "reason: 'not ours' dismissed { charge_id: 'ch_none' }",
       StatusCode::kNotFound, "CHARGE_NOT_FOUND", "dismissed.charge_id"},
      {.method = "Support.LiftSuspension",
       .request = lift + "payment_method_id: 'card-1' dispute_id: 'dp_1'",
       .field = "dispute_id"},
      {"Support.LiftSuspension", lift + "payment_method_id: 'card-9'", StatusCode::kNotFound,
       "PAYMENT_METHOD_NOT_FOUND", "payment_method_id"},
      {"Support.LiftSuspension", lift + "dispute_id: 'dp_9'", StatusCode::kNotFound,
       "DISPUTE_NOT_FOUND", "dispute_id"},
      {.method = "Support.LiftSuspension",
       .request = lift + "quiet_time { seconds: -1 }",
       .field = "quiet_time"},
      {.method = "Support.LiftSuspension",
       .request = lift + "quiet_time { seconds: 2678401 }",
       .field = "quiet_time"},
      {"Support.LiftSuspension", lift + "user_id: 'nobody'", StatusCode::kNotFound,
       "USER_NOT_FOUND", "user_id"},
  });
}

TEST_F(BadInputTest, LimitsThatCannotBeAreRefusedAtTheirField) {
  const std::string head = "account_id: 'acct' reason: 'as they ask' ";
  std::vector<Refusal> refusals;
  for (const auto& [limits, field] : std::vector<std::pair<std::string, std::string>>{
           {"spend_per_hour { units: -1 }", "spend_per_hour"},
           {"spend_per_day { units: 1 nanos: -1 }", "spend_per_day.nanos"},
           {"spend_per_day { currency_code: 'USD' } spend_per_month { currency_code: 'EUR' }",
            "spend_per_month.currency_code"},
           {"price_per_minute { units: -1 }", "price_per_minute"},
           {"new_account_price_per_minute { units: -1 }", "new_account_price_per_minute"},
           {"countries { codes: 'us' }", "countries.codes"},
           {"calls: -1", "calls"},
           {"calls: 10001", "calls"},
           {"longest_call { }", "longest_call"},
           {"longest_call { seconds: 1 nanos: 1 }", "longest_call"}}) {
    refusals.push_back({.method = "Support.UpdateLimits",
                        .request = absl::StrCat(head, "limits { ", limits, " }"),
                        .field = "limits." + field});
  }
  refusals.push_back({.method = "Support.UpdateLimits",
                      .request = "account_id: 'acct' limits { calls: 1 }",
                      .field = "reason"});
  refusals.push_back({.method = "Support.UpdateLimits",
                      .request = head + "update_mask { paths: 'reason' }",
                      .field = "update_mask"});
  refusals.push_back({.method = "Support.UpdateLimits",
                      .request = head + "limits { spend_per_day { currency_code: 'EUR' } }",
                      .field = "limits.currency_code"});
  refusals.push_back({"Support.UpdateLimits", head + "user_id: 'nobody' limits { calls: 1 }",
                      StatusCode::kNotFound, "USER_NOT_FOUND", "user_id"});
  refusals.push_back({"Support.UpdateLimits", head + "etag: 'other' limits { calls: 1 }",
                      StatusCode::kAborted, "ETAG_MISMATCH", "etag"});
  refusals.push_back({"Accounts.GetLimits", "account_id: 'acct' user_id: 'nobody'",
                      StatusCode::kNotFound, "USER_NOT_FOUND", "user_id"});
  ExpectRefused(refusals);
}

TEST_F(BadInputTest, TextThatIsNotUtf8IsNeverStored) {
  const auto before = Stored();
  const std::vector<std::string> not_utf8 = {
      "\xff", "\xc3", "a\x80z", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc0\xaf"};
  const auto money = WireField(3, "\x10\x01");  // units: 1
  for (const std::string& text : not_utf8) {
    SCOPED_TRACE(absl::CHexEscape(text));
    const std::vector<std::pair<std::string, std::string>> requests = {
        {"Accounts.OpenAccount", WireField(1, text)},
        {"Accounts.OpenAccount", WireField(1, "new") + WireField(3, text)},
        {"Support.BlockAccount", WireField(1, "acct") + WireField(2, text)},
        {"Accounts.PutUser", WireField(1, "acct") + WireField(2, text)},
        {"Support.AdjustBalance",
         WireField(1, "acct") + WireField(2, "new") + money + WireField(4, text)},
        {"Accounts.ListUsage", WireField(1, "acct") + WireField(3, text)},
    };
    for (const auto& [method, bytes] : requests) {
      SCOPED_TRACE(method);
      const absl::Status status = stack_->CallRaw(PathOf(method), bytes).status();
      EXPECT_EQ(status.code(), kUnreadable) << status;
    }
  }
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, BytesThatAreNoMessageAreRefused) {
  const auto before = Stored();
  for (const std::string& bytes : {std::string("\x0a"),
                                   std::string("\x0a\x7f"
                                               "a"),
                                   std::string("\xff\xff\xff"), std::string(200, '\xff'),
                                   std::string("\x0b"), std::string("\x00", 1)}) {
    for (const std::string method : {"Accounts.GetAccount", "Ledger.RecordUsage",
                                     "Recharges.ReportRecharge", "Rates.QuoteCall"}) {
      SCOPED_TRACE(absl::StrCat(method, " ", absl::CHexEscape(bytes)));
      const absl::Status status = stack_->CallRaw(PathOf(method), bytes).status();
      EXPECT_EQ(status.code(), kUnreadable) << status;
    }
    // The one method that reads its bytes itself.
    const absl::Status status = stack_->CallRaw(PathOf("Ledger.BatchRecordUsage"), bytes).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(FieldOf(status), "requests") << status;
  }
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, AMessageThatIsTooLargeIsRefused) {
  const auto before = Stored();
  const absl::Status status =
      stack_->CallRaw(PathOf("Accounts.GetAccount"), std::string(5 << 20, '\x0a')).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(Stored(), before);
}

TEST_F(BadInputTest, AMethodThatIsNotThereIsUnimplemented) {
  EXPECT_EQ(stack_->CallRaw("/reserve.ledger.v1.Ledger/DropTables", "").status().code(),
            StatusCode::kUnimplemented);
}

// --- What all of it left ------------------------------------------------------------

TEST_F(BadInputTest, RefusalsAreNotLoggedAsFaultsAndTheLedgerStillAddsUp) {
  const auto verified = reserve::e2e::Call(stack_->audit(), &pb::Audit::Stub::VerifyAccount,
                                           Parse<pb::VerifyAccountRequest>("account_id: 'acct'"));
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->counts().differences(), 0) << verified->DebugString();
  EXPECT_EQ(verified->counts().entries(), 5);
  EXPECT_TRUE(stack_->ledger_process()->Running());
  EXPECT_THAT(stack_->ledger_process()->Stderr(),
              ::testing::Not(::testing::HasSubstr("\"severity\":\"ERROR\"")));
}

}  // namespace
}  // namespace reserve::e2e
