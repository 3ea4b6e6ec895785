// What Reserve is for, done by the real processes: accounts are opened and funded, calls and texts
// are rated and booked, cards are charged in time and once, and accounts whose card fails are
// disabled until another card is given. The gateway's own list of charges is the witness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::WaitUntil;
using ::testing::ElementsAre;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Events = pb::Events::Stub;
using Support = pb::Support::Stub;
using Ledger = pb::Ledger::Stub;

constexpr char kUsCall[] = "+12025550123";       // 0.0100 a minute: standard
constexpr char kJamaicaCall[] = "+18765550123";  // 0.1800 a minute: dearer

// "15.00", "-0.01".
std::string Text(const google::type::Money& money) {
  const auto amount = reserve::FromProto(money, "", "money");
  return amount.ok() ? FormatDecimal(*amount) : amount.status().ToString();
}

google::type::Money Dollars(const std::string& decimal) {
  google::type::Money money;
  reserve::ToProto(ParseDecimal(decimal).value(), "USD", &money);
  return money;
}

std::string CallText(const std::string& destination, int64_t seconds,
                     const std::string& direction = "OUTBOUND") {
  return absl::StrCat("call { direction: DIRECTION_", direction, " destination: '", destination,
                      "' duration { seconds: ", seconds, " } }");
}

std::string SmsText(const std::string& carrier, const std::string& size) {
  return absl::StrCat("sms { direction: DIRECTION_OUTBOUND destination: '", kUsCall, "' carrier: '",
                      carrier, "' ", size, " }");
}

class MainJobTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto stack =
        Stack::Start({.ledger_flags = {"--retry_delays=300ms,300ms", "--decline_interval=0s",
                                       "--poll_interval=50ms", "--lease_duration=2s"},
                      .dollars = {{"max_automatic_amount_per_hour", "100000"},
                                  {"max_automatic_amount_per_day", "100000"}},
                      .gateway = true,
                      .workers = 2,
                      .worker_flags = {"--charge_timeout=500ms", "--backoff_initial=20ms",
                                       "--backoff_max=200ms"}});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = stack->release();
  }
  static void TearDownTestSuite() {
    delete stack_;
    stack_ = nullptr;
  }

  // One call to the ledger; a refusal is a failure of the test.
  template <typename Stub, typename Request, typename Response>
  static Response Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       const Request& request) {
    auto response = Call(stack_->stub<Stub>(), method, request);
    EXPECT_TRUE(response.ok()) << request.ShortDebugString() << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }
  template <typename Stub, typename Request, typename Response>
  static Response Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       const std::string& request) {
    return Must(method, Parse<Request>(request));
  }

  static pb::Account Open(const std::string& id, const std::string& card_token) {
    const auto response =
        Must(&Accounts::OpenAccount, Parse<pb::OpenAccountRequest>(absl::StrCat(
                                         "account_id: '", id, "' card_token: '", card_token, "'")));
    Must(&Accounts::PutUser,
         Parse<pb::PutUserRequest>(absl::StrCat("account_id: '", id, "' user_id: 'u'")));
    return response;
  }
  static void OpenFunded(const std::string& id, std::string card_token = "") {
    if (card_token.empty()) card_token = absl::StrCat("tok_visa#", id);
    Open(id, card_token);
    Await(id, [](const pb::Account& a) { return a.state() == pb::ACCOUNT_STATE_ACTIVE; });
  }

  static pb::Account Get(const std::string& id) {
    return Must(&Accounts::GetAccount,
                Parse<pb::GetAccountRequest>(absl::StrCat("account_id: '", id, "'")));
  }
  // Waits until the account is so; shows it if it does not get there.
  static pb::Account Await(const std::string& id,
                           const std::function<bool(const pb::Account&)>& is_so) {
    pb::Account account;
    EXPECT_TRUE(WaitUntil([&] { return is_so(account = Get(id)); })) << account.DebugString();
    return account;
  }
  static void AwaitBalance(const std::string& id, const std::string& balance) {
    Await(id, [&](const pb::Account& a) {
      return Text(a.balance()) == balance && a.open_recharge_ordinal() == 0;
    });
  }
  static std::string Balance(const std::string& id) { return Text(Get(id).balance()); }

  static pb::RecordUsageRequest UsageOf(const std::string& id, const std::string& usage_id,
                                        const std::string& kind, const std::string& user = "u",
                                        absl::Time start = absl::Now()) {
    return Parse<pb::RecordUsageRequest>(
        absl::StrCat("account_id: '", id, "' usage { usage_id: '", usage_id, "' user_id: '", user,
                     "' start_time { seconds: ", absl::ToUnixSeconds(start), " } ", kind, " }"));
  }
  // What it cost.
  static std::string Record(const std::string& id, const std::string& usage_id,
                            const std::string& kind, const std::string& user = "u") {
    return Text(Must(&Ledger::RecordUsage, UsageOf(id, usage_id, kind, user)).cost());
  }
  static pb::Rating Explain(const std::string& id, const std::string& usage_id) {
    return Must(&Accounts::GetUsage, Parse<pb::GetUsageRequest>(absl::StrCat(
                                         "account_id: '", id, "' usage_id: '", usage_id, "'")))
        .rating();
  }
  static pb::AuthorizeUsageResponse Authorize(const std::string& id, const std::string& kind,
                                              const std::string& user = "u") {
    return Must(&Ledger::AuthorizeUsage,
                Parse<pb::AuthorizeUsageRequest>(
                    absl::StrCat("account_id: '", id, "' user_id: '", user, "' ", kind)));
  }

  static absl::StatusOr<pb::Entry> TryAdjust(const std::string& id, const std::string& request_id,
                                             const std::string& amount,
                                             const std::string& reason = "test") {
    pb::AdjustBalanceRequest request;
    request.set_account_id(id);
    request.set_request_id(request_id);
    *request.mutable_amount() = Dollars(amount);
    request.set_reason(reason);
    return Call(stack_->support(), &Support::AdjustBalance, request);
  }
  static void Spend(const std::string& id, const std::string& request_id,
                    const std::string& amount) {
    const absl::Status spent =
        SpendOf(stack_->stubs(), id, request_id, ParseDecimal(amount).value());
    EXPECT_TRUE(spent.ok()) << spent;
  }
  // What leaves 9.00 of a balance.
  static std::string AllButNineDollars(const std::string& id) {
    return FormatDecimal(ParseDecimal(Balance(id)).value() - 9 * kNanosPerUnit);
  }
  static void GiveCard(const std::string& id, const std::string& token) {
    Must(&Accounts::UpdatePaymentMethod,
         Parse<pb::UpdatePaymentMethodRequest>(
             absl::StrCat("account_id: '", id, "' payment_method { card_token: '", token, "' }")));
  }

  // Newest first.
  static std::vector<pb::Recharge> Recharges(const std::string& id) {
    const auto list = Must(&Accounts::ListRecharges,
                           Parse<pb::ListRechargesRequest>(absl::StrCat("account_id: '", id, "'")));
    return {list.recharges().begin(), list.recharges().end()};
  }
  static std::vector<pb::EventKind> EventKinds(const std::string& id) {
    const auto list =
        Must(&Events::ListEvents,
             Parse<pb::ListEventsRequest>(absl::StrCat("account_id: '", id, "' page_size: 1000")));
    std::vector<pb::EventKind> kinds;
    for (const pb::Event& event : list.events()) {
      // A user is put beside whatever the worker does.
      if (event.kind() != pb::EVENT_KIND_USER_PUT) kinds.push_back(event.kind());
    }
    return kinds;
  }
  // What the gateway knows, oldest first.
  static std::vector<gw::Charge> Charges(const std::string& reference_prefix) {
    std::vector<gw::Charge> charges;
    gw::ListChargesRequest request;
    request.set_reference_prefix(reference_prefix);
    request.set_page_size(1000);
    do {
      const auto page = Call(stack_->gateway(), &gw::PaymentGateway::Stub::ListCharges, request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      charges.insert(charges.end(), page->charges().begin(), page->charges().end());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return charges;
  }
  static int Succeeded(const std::string& id) {
    int count = 0;
    for (const gw::Charge& charge : Charges(id + "/")) {
      count += charge.state() == gw::CHARGE_STATE_SUCCEEDED ? 1 : 0;
    }
    return count;
  }

  static Stack* stack_;
};

Stack* MainJobTest::stack_ = nullptr;

// --- Opening ------------------------------------------------------------------------

TEST_F(MainJobTest, O1_AnAccountWithACardIsPendingUntilItsReserveIsCharged) {
  const pb::Account opened = Open("open", "tok_visa#open");
  EXPECT_EQ(opened.state(), pb::ACCOUNT_STATE_PENDING_FUNDING);
  EXPECT_EQ(opened.open_recharge_ordinal(), 1);
  EXPECT_EQ(Text(opened.billing_settings().reserve_amount()), "15.00");
  EXPECT_EQ(Text(opened.billing_settings().recharge_threshold()), "10.00");
  AwaitBalance("open", "15.00");
  EXPECT_EQ(Get("open").state(), pb::ACCOUNT_STATE_ACTIVE);
  const auto recharges = Recharges("open");
  ASSERT_THAT(recharges, SizeIs(1));
  EXPECT_EQ(recharges[0].kind(), pb::RECHARGE_KIND_INITIAL);
  const auto charges = Charges("open/");
  ASSERT_THAT(charges, SizeIs(1));
  EXPECT_EQ(charges[0].charge_id(), recharges[0].charge_id());
  EXPECT_EQ(Text(charges[0].amount()), "15.00");
  EXPECT_THAT(EventKinds("open"),
              ElementsAre(pb::EVENT_KIND_ACCOUNT_OPENED, pb::EVENT_KIND_RECHARGE_OPENED,
                          pb::EVENT_KIND_RECHARGE_SUCCEEDED, pb::EVENT_KIND_ENABLED));
  // The same once more is the same account, and charges nothing.
  EXPECT_EQ(Open("open", "tok_visa#open").state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_THAT(Charges("open/"), SizeIs(1));
}

TEST_F(MainJobTest, O1_AnAccountWithoutACardWaitsForOne) {
  EXPECT_EQ(Open("cardless", "").open_recharge_ordinal(), 0);
  EXPECT_EQ(Authorize("cardless", CallText(kUsCall, 0)).decision(),
            pb::AUTHORIZATION_DECISION_PENDING_FUNDING);
  GiveCard("cardless", "tok_visa#cardless");
  AwaitBalance("cardless", "15.00");
}

TEST_F(MainJobTest, O2_TheDefaultReserveCoversAWeekOfTheExpectedSpend) {
  const auto opened = Must(
      &Accounts::OpenAccount,
      Parse<pb::OpenAccountRequest>("account_id: 'spender' expected_monthly_spend { units: 200 }"));
  EXPECT_EQ(Text(opened.billing_settings().reserve_amount()), "47.00");
}

// --- Rating -------------------------------------------------------------------------

TEST_F(MainJobTest, C3_ACallThatStraddlesTheEndOfTheFreeMinutesIsPaidInPart) {
  OpenFunded("straddle");
  EXPECT_EQ(Record("straddle", "c1", CallText(kUsCall, 17'939)), "0.00");
  const auto answer = Authorize("straddle", CallText(kUsCall, 0));
  EXPECT_TRUE(answer.allowed());
  EXPECT_TRUE(answer.standard_rate());
  EXPECT_EQ(answer.allowance_left().seconds(), 60);
  EXPECT_EQ(answer.max_duration().seconds(), 60 + 1500 * 60);
  EXPECT_EQ(Record("straddle", "c2", CallText(kUsCall, 170)), "0.02");
  EXPECT_EQ(Record("straddle", "c3", CallText(kUsCall, 1)), "0.01");
  const pb::Rating rating = Explain("straddle", "c2");
  EXPECT_EQ(rating.basis(), pb::CHARGE_BASIS_METERED_STANDARD);
  EXPECT_EQ(rating.billable_duration().seconds(), 180);
  EXPECT_EQ(rating.allowance_before().seconds(), 60);
  EXPECT_EQ(rating.allowance_after().seconds(), 0);
  EXPECT_EQ(rating.paid_duration().seconds(), 120);
  EXPECT_EQ(Text(rating.price()), "0.01");
  EXPECT_EQ(rating.destination_name(), "United States");
  EXPECT_EQ(Balance("straddle"), "14.97");
}

TEST_F(MainJobTest, C4_ADearerCallIsPaidInFullAndLeavesTheFreeMinutesAlone) {
  OpenFunded("dearer");
  EXPECT_EQ(Record("dearer", "c1", CallText(kJamaicaCall, 61)), "0.36");
  const pb::Rating rating = Explain("dearer", "c1");
  EXPECT_EQ(rating.basis(), pb::CHARGE_BASIS_DEARER);
  EXPECT_EQ(rating.allowance_after().seconds(), 18'000);
  EXPECT_EQ(rating.prefix(), "1876");
}

TEST_F(MainJobTest, C5_AnUnlimitedUserPaysForDearerCallsOnly) {
  OpenFunded("unlimited");
  Must(&Accounts::PutUser,
       Parse<pb::PutUserRequest>(
           "account_id: 'unlimited' user_id: 'all' user { plan_id: 'unlimited' }"));
  EXPECT_EQ(Record("unlimited", "c1", CallText(kUsCall, 100'000), "all"), "0.00");
  EXPECT_EQ(Explain("unlimited", "c1").basis(), pb::CHARGE_BASIS_UNLIMITED_STANDARD);
  EXPECT_EQ(Record("unlimited", "c2", CallText(kJamaicaCall, 60), "all"), "0.18");
  EXPECT_TRUE(Authorize("unlimited", CallText(kUsCall, 0), "all").unlimited_duration());
}

TEST_F(MainJobTest, C9_ACallIsBookedComparedAndShownToTheMicrosecond) {
  OpenFunded("exact");
  const auto call = [](const std::string& duration) {
    return absl::StrCat("call { direction: DIRECTION_OUTBOUND destination: '", kJamaicaCall,
                        "' duration { ", duration, " } }");
  };
  const auto booked = UsageOf("exact", "c1", call("seconds: 60 nanos: 1000"));
  EXPECT_EQ(Text(Must(&Ledger::RecordUsage, booked).cost()), "0.36");
  EXPECT_EQ(Explain("exact", "c1").billable_duration().seconds(), 120);
  EXPECT_EQ(Record("exact", "c2", call("seconds: 59 nanos: 999999999")), "0.18");
  EXPECT_EQ(Record("exact", "c3", call("nanos: 1")), "0.18");
  const auto stored =
      Must(&Accounts::GetUsage, Parse<pb::GetUsageRequest>("account_id: 'exact' usage_id: 'c1'"));
  EXPECT_EQ(stored.usage().call().duration().seconds(), 60);
  EXPECT_EQ(stored.usage().call().duration().nanos(), 1'000);

  // U2 compares what is stored: what is finer was rounded up, and a microsecond more is another.
  auto again = booked;
  again.mutable_usage()->mutable_call()->mutable_duration()->set_nanos(1);
  EXPECT_TRUE(Must(&Ledger::RecordUsage, again).duplicate());
  again.mutable_usage()->mutable_call()->mutable_duration()->set_nanos(1'001);
  EXPECT_EQ(ReasonOf(Call(stack_->ledger(), &Ledger::RecordUsage, again).status()),
            "USAGE_ID_REUSED");
}

TEST_F(MainJobTest, C6_ACallOfNoSecondsCostsNothing) {
  OpenFunded("unanswered");
  EXPECT_EQ(Record("unanswered", "c1", CallText(kJamaicaCall, 0)), "0.00");
  EXPECT_EQ(Explain("unanswered", "c1").basis(), pb::CHARGE_BASIS_ZERO_DURATION);
}

TEST_F(MainJobTest, C7_AnInboundCallIsFreeUnlessItsNumberIsTollFree) {
  OpenFunded("inbound");
  EXPECT_EQ(Record("inbound", "c1", CallText(kUsCall, 600, "INBOUND")), "0.00");
  EXPECT_EQ(Explain("inbound", "c1").basis(), pb::CHARGE_BASIS_INBOUND_FREE);
  EXPECT_EQ(Record("inbound", "c2", CallText(kUsCall, 18'000)), "0.00");
  EXPECT_EQ(Record("inbound", "c3", CallText("+18005550123", 600, "INBOUND")), "0.18");
  EXPECT_EQ(Explain("inbound", "c3").prefix(), "1800");
}

TEST_F(MainJobTest, S1_TextsArePricedByCarrierAndSegment) {
  OpenFunded("texts");
  EXPECT_EQ(Record("texts", "s1", SmsText("att", "segments: 1")), "0.01");
  EXPECT_EQ(Record("texts", "s2", SmsText("us-cellular", "segments: 3")), "0.039");
  EXPECT_EQ(Record("texts", "s3", SmsText("nobody", "segments: 1")), "0.012");
  EXPECT_EQ(Record("texts", "s4", SmsText("", "segments: 1")), "0.012");
  EXPECT_EQ(
      Record("texts", "s5", SmsText("att", "text { encoding: SMS_ENCODING_GSM7 length: 161 }")),
      "0.02");
  EXPECT_EQ(
      Record("texts", "s6", SmsText("att", "text { encoding: SMS_ENCODING_UCS2 length: 70 }")),
      "0.01");
  EXPECT_EQ(Record("texts", "s7", "sms { direction: DIRECTION_INBOUND segments: 2 }"), "0.00");
  EXPECT_EQ(Text(Authorize("texts", SmsText("att", "segments: 2")).sms_cost()), "0.02");
  EXPECT_EQ(Explain("texts", "s5").segments(), 2);
  EXPECT_EQ(Balance("texts"), "14.897");
}

TEST_F(MainJobTest, C3_AChangeOfPlanLeavesUsedMinutesUsed) {
  OpenFunded("mover");
  Record("mover", "c1", CallText(kUsCall, 6'000));
  const auto put = [](const std::string& plan) {
    return Must(&Accounts::PutUser,
                Parse<pb::PutUserRequest>(absl::StrCat(
                    "account_id: 'mover' user_id: 'u' user { plan_id: '", plan, "' }")));
  };
  EXPECT_EQ(put("unlimited").allowance().seconds(), 0);
  EXPECT_EQ(put("per_minute").allowance_left().seconds(), 12'000);
}

// --- Recording ----------------------------------------------------------------------

TEST_F(MainJobTest, U2_AUsageSentTwiceIsBookedOnce) {
  OpenFunded("twice");
  const auto request = UsageOf("twice", "c1", CallText(kJamaicaCall, 60));
  const auto first = Must(&Ledger::RecordUsage, request);
  const auto second = Must(&Ledger::RecordUsage, request);
  EXPECT_FALSE(first.duplicate());
  EXPECT_TRUE(second.duplicate());
  EXPECT_EQ(second.seq(), first.seq());
  EXPECT_EQ(Text(second.cost()), "0.18");
  EXPECT_EQ(Text(second.balance_after()), Text(first.balance_after()));
  EXPECT_EQ(Balance("twice"), "14.82");
}

TEST_F(MainJobTest, ABatchBooksWhatIsRightAndRefusesTheRest) {
  OpenFunded("batch-a");
  OpenFunded("batch-b");
  pb::BatchRecordUsageRequest request;
  *request.add_requests() = UsageOf("batch-a", "1", CallText(kJamaicaCall, 60));
  *request.add_requests() = UsageOf("batch-b", "1", SmsText("att", "segments: 1"));
  *request.add_requests() = UsageOf("batch-a", "2", CallText("+99999999999", 60));
  *request.add_requests() = UsageOf("nobody", "1", CallText(kUsCall, 60));
  *request.add_requests() = request.requests(0);
  *request.add_requests() = UsageOf("batch-a", "3", CallText("12", 60));
  *request.add_requests() = UsageOf("batch-b", "2", CallText(kJamaicaCall, 120));
  for (const bool again : {false, true}) {
    const auto response = Must(&Ledger::BatchRecordUsage, request);
    ASSERT_EQ(response.results_size(), 7);
    const auto cost = [&](int i) { return Text(response.results(i).response().cost()); };
    const auto reason = [&](int i) {
      return ReasonOf(FromProtoStatus(response.results(i).error()));
    };
    EXPECT_EQ(cost(0), "0.18");
    EXPECT_EQ(response.results(0).response().duplicate(), again);
    EXPECT_EQ(cost(1), "0.01");
    EXPECT_EQ(response.results(2).response().status(), pb::USAGE_STATUS_UNRATED);
    EXPECT_EQ(cost(2), "0.00");
    EXPECT_EQ(reason(3), "ACCOUNT_NOT_FOUND");
    EXPECT_TRUE(response.results(4).response().duplicate());
    EXPECT_EQ(response.results(4).response().seq(), response.results(0).response().seq());
    EXPECT_EQ(reason(5), "INVALID_FIELD");
    EXPECT_EQ(cost(6), "0.36");
  }
  EXPECT_EQ(Balance("batch-a"), "14.82");
  EXPECT_EQ(Balance("batch-b"), "14.63");
}

// Sends usages on a stream; stops listening once `enough` are acknowledged. Returns the watermark.
struct StreamResult {
  int64_t acknowledged = 0;
  std::map<int64_t, absl::Status> refusals;
  grpc::Status status;
};
StreamResult SendStream(Ledger& ledger, const std::vector<pb::RecordUsageRequest>& usages,
                        int64_t break_after = 0) {
  StreamResult result;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
  const auto stream = ledger.StreamUsage(&context);
  pb::StreamUsageRequest message;
  for (size_t i = 0; i < usages.size(); ++i) {
    message.set_sequence(static_cast<int64_t>(i) + 1);
    *message.mutable_request() = usages[i];
    if (!stream->Write(message)) break;
  }
  if (break_after == 0) stream->WritesDone();
  pb::StreamUsageResponse response;
  while (stream->Read(&response)) {
    EXPECT_GT(response.acknowledged_sequence(), result.acknowledged);
    result.acknowledged = response.acknowledged_sequence();
    for (const auto& refusal : response.refusals()) {
      result.refusals[refusal.sequence()] = FromProtoStatus(refusal.error());
    }
    if (break_after > 0 && result.acknowledged >= break_after) context.TryCancel();
  }
  result.status = stream->Finish();
  return result;
}

TEST_F(MainJobTest, AStreamAcknowledgesEveryUsageAndNamesTheRefused) {
  OpenFunded("stream");
  std::vector<pb::RecordUsageRequest> usages;
  for (int i = 1; i <= 100; ++i) {
    usages.push_back(UsageOf("stream", absl::StrCat("s", i), SmsText("att", "segments: 1")));
  }
  usages[6] = UsageOf("stream", "s7", CallText("12", 1));
  usages[22] = UsageOf("stream", "s22", SmsText("att", "segments: 2"));
  const StreamResult result = SendStream(stack_->ledger(), usages);
  EXPECT_TRUE(result.status.ok()) << result.status.error_message();
  EXPECT_EQ(result.acknowledged, 100);
  ASSERT_THAT(result.refusals, SizeIs(2));
  EXPECT_EQ(ReasonOf(result.refusals.at(7)), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(result.refusals.at(23)), "USAGE_ID_REUSED");
  EXPECT_EQ(Balance("stream"), "14.02");
}

TEST_F(MainJobTest, AfterABrokenStreamNothingIsBookedTwice) {
  OpenFunded("broken");
  std::vector<pb::RecordUsageRequest> usages;
  for (int i = 0; i < 200; ++i) {
    usages.push_back(UsageOf("broken", absl::StrFormat("s%03d", i), SmsText("att", "segments: 1")));
  }
  const StreamResult first = SendStream(stack_->ledger(), usages, /*break_after=*/20);
  EXPECT_EQ(first.status.error_code(), grpc::StatusCode::CANCELLED);
  ASSERT_GE(first.acknowledged, 20);
  const std::vector<pb::RecordUsageRequest> rest(usages.begin() + first.acknowledged, usages.end());
  const StreamResult second = SendStream(stack_->ledger(), rest);
  EXPECT_TRUE(second.status.ok()) << second.status.error_message();
  EXPECT_EQ(second.acknowledged, static_cast<int64_t>(rest.size()));
  EXPECT_THAT(second.refusals, SizeIs(0));
  EXPECT_EQ(Balance("broken"), "13.00");
}

TEST_F(MainJobTest, TheHistoryShowsEveryUsageOnceOverItsPages) {
  OpenFunded("history");
  Must(&Accounts::PutUser, Parse<pb::PutUserRequest>("account_id: 'history' user_id: 'v'"));
  for (int i = 0; i < 25; ++i) {
    Record("history", absl::StrCat("c", i), CallText(kUsCall, 60), i % 5 == 0 ? "v" : "u");
  }
  const auto walk = [](const std::string& user) {
    std::vector<std::string> ids;
    auto request = Parse<pb::ListUsageRequest>("account_id: 'history' page_size: 7");
    request.set_user_id(user);
    int64_t last_seq = std::numeric_limits<int64_t>::max();
    do {
      const auto page = Must(&Accounts::ListUsage, request);
      EXPECT_LE(page.usage_records_size(), 7);
      for (const auto& record : page.usage_records()) {
        EXPECT_LT(record.seq(), last_seq);
        last_seq = record.seq();
        ids.push_back(record.usage().usage_id());
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  };
  const auto all = walk("");
  EXPECT_THAT(all, SizeIs(25));
  EXPECT_THAT(std::set<std::string>(all.begin(), all.end()), SizeIs(25));
  EXPECT_THAT(walk("v"), ElementsAre("c20", "c15", "c10", "c5", "c0"));
  const auto entries = Must(&Accounts::ListEntries,
                            Parse<pb::ListEntriesRequest>("account_id: 'history' page_size: 100"));
  EXPECT_EQ(entries.entries_size(), 26);
  EXPECT_EQ(entries.entries(25).kind(), pb::ENTRY_KIND_RECHARGE);
}

// --- Recharging ---------------------------------------------------------------------

TEST_F(MainJobTest, G1_TheCardIsChargedStrictlyBelowTheThreshold) {
  OpenFunded("dip");
  Spend("dip", "a1", "5.00");
  const pb::Account at_threshold = Get("dip");
  EXPECT_EQ(Text(at_threshold.balance()), "10.00");
  EXPECT_EQ(at_threshold.open_recharge_ordinal(), 0);
  EXPECT_EQ(Record("dip", "s1", SmsText("att", "segments: 1")), "0.01");
  AwaitBalance("dip", "24.99");
  const auto recharges = Recharges("dip");
  ASSERT_THAT(recharges, SizeIs(2));
  EXPECT_EQ(recharges[0].kind(), pb::RECHARGE_KIND_AUTOMATIC);
  EXPECT_EQ(Succeeded("dip"), 2);
}

TEST_F(MainJobTest, G2_ADeepDipIsFilledByOneChargeOfSeveralReserveAmounts) {
  OpenFunded("deep");
  Spend("deep", "a1", "45.00");
  AwaitBalance("deep", "15.00");
  const auto charges = Charges("deep/");
  ASSERT_THAT(charges, SizeIs(2));
  EXPECT_EQ(Text(charges[1].amount()), "45.00");
}

TEST_F(MainJobTest, O3_AThresholdRaisedAboveTheBalanceRechargesAtOnce) {
  OpenFunded("settings");
  const auto updated =
      Must(&Accounts::UpdateBillingSettings,
           Parse<pb::UpdateBillingSettingsRequest>(
               "account_id: 'settings' billing_settings { reserve_amount { units: 40 } "
               "recharge_threshold { units: 20 } }"));
  EXPECT_EQ(Text(updated.reserve_amount()), "40.00");
  AwaitBalance("settings", "55.00");
}

TEST_F(MainJobTest, AnUpdateWritesWhatItsMaskNames) {
  Must(&Accounts::OpenAccount, "account_id: 'masked'");
  const auto update = [](const std::string& mask) {
    const pb::BillingSettings settings =
        Must(&Accounts::UpdateBillingSettings,
             absl::StrCat("account_id: 'masked' billing_settings { reserve_amount { units: 30 } "
                          "recharge_threshold { units: 20 } automatic_recharge: true } ",
                          mask));
    return absl::StrCat(Text(settings.reserve_amount()), " below ",
                        Text(settings.recharge_threshold()));
  };
  EXPECT_EQ(update("update_mask { paths: 'reserve_amount' }"), "30.00 below 10.00");
  EXPECT_EQ(update("update_mask { paths: 'recharge_threshold' }"), "30.00 below 20.00");
  EXPECT_EQ(Text(Must(&Accounts::UpdateBillingSettings,
                      "account_id: 'masked' billing_settings { reserve_amount { units: 40 } }")
                     .recharge_threshold()),
            "20.00");
  EXPECT_EQ(update("update_mask { paths: '*' }"), "30.00 below 20.00");
  EXPECT_EQ(Text(Get("masked").billing_settings().reserve_amount()), "30.00");
}

TEST_F(MainJobTest, AMaskMayNameWhatOnlyTheLedgerWrites) {
  Must(&Accounts::OpenAccount, "account_id: 'as-read'");
  Must(&Accounts::PutUser, "account_id: 'as-read' user_id: 'u'");
  // What was read is sent back whole, with another plan.
  pb::PutUserRequest request;
  request.set_account_id("as-read");
  request.set_user_id("u");
  *request.mutable_user() =
      Must(&Accounts::GetUser, Parse<pb::GetUserRequest>("account_id: 'as-read' user_id: 'u'"));
  const int64_t left = request.user().allowance_left().seconds();
  request.mutable_user()->set_plan_id("unlimited");
  request.mutable_user()->mutable_allowance_left()->set_seconds(1);
  for (const std::string path : {"", "*", "plan_id", "allowance_left"}) {
    SCOPED_TRACE(path);
    request.clear_update_mask();
    if (!path.empty()) request.mutable_update_mask()->add_paths(path);
    EXPECT_EQ(Must(&Accounts::PutUser, request).plan_id(), "unlimited");
  }
  request.mutable_user()->set_plan_id("per_minute");
  const pb::User user = Must(&Accounts::PutUser, request);
  EXPECT_EQ(user.plan_id(), "unlimited") << "the mask names allowance_left alone";
  request.clear_update_mask();
  EXPECT_EQ(Must(&Accounts::PutUser, request).allowance_left().seconds(), left);
}

TEST_F(MainJobTest, ACardIsGivenWithWhatItsMaskNamesOfIt) {
  Must(&Accounts::OpenAccount, "account_id: 'masked-card'");
  const auto give = [](const std::string& mask) {
    return Must(&Accounts::UpdatePaymentMethod,
                absl::StrCat("account_id: 'masked-card' payment_method { card_token: 'tok_visa#m' "
                             "card_fingerprint: 'mine' card_network: CARD_NETWORK_VISA } ",
                             mask));
  };
  const pb::PaymentMethod derived = give("update_mask { paths: 'card_token' }");
  EXPECT_THAT(derived.card_fingerprint(), ::testing::StartsWith("sha256-"));
  EXPECT_EQ(derived.card_network(), pb::CARD_NETWORK_UNSPECIFIED);
  const pb::PaymentMethod whole = give("");
  EXPECT_EQ(whole.card_fingerprint(), "mine");
  EXPECT_EQ(whole.card_network(), pb::CARD_NETWORK_VISA);
  EXPECT_EQ(whole.card_state(), pb::CARD_STATE_USABLE);
  EXPECT_EQ(whole.card_token(), "") << "it is shown to nobody";
}

TEST_F(MainJobTest, G8_ATopUpAskedForTwiceIsChargedOnce) {
  OpenFunded("topup");
  const auto request = Parse<pb::RequestRechargeRequest>(
      "account_id: 'topup' request_id: 'r1' amount { units: 25 nanos: 500000000 }");
  const auto first = Must(&Accounts::RequestRecharge, request);
  EXPECT_EQ(first.kind(), pb::RECHARGE_KIND_TOP_UP);
  AwaitBalance("topup", "40.50");
  const auto again = Must(&Accounts::RequestRecharge, request);
  EXPECT_EQ(again.ordinal(), first.ordinal());
  EXPECT_EQ(again.state(), pb::RECHARGE_STATE_SUCCEEDED);
  auto other = request;
  other.mutable_amount()->set_units(26);
  EXPECT_EQ(ReasonOf(Call(stack_->accounts(), &Accounts::RequestRecharge, other).status()),
            "REQUEST_ID_REUSED");
  EXPECT_EQ(Balance("topup"), "40.50");
  EXPECT_EQ(Succeeded("topup"), 2);
}

TEST_F(MainJobTest, G5_ASoftDeclineIsTriedAgainOnSchedule) {
  Open("soft", "tok_soft_then_ok_2#soft");
  AwaitBalance("soft", "15.00");
  const auto charges = Charges("soft/");
  ASSERT_THAT(charges, SizeIs(3));
  std::set<std::string> keys;
  for (const gw::Charge& charge : charges) keys.insert(charge.idempotency_key());
  EXPECT_THAT(keys, SizeIs(3));
  for (int i = 1; i < 3; ++i) {
    const absl::Time before = reserve::FromProto(charges[i - 1].create_time(), "t").value();
    const absl::Time after = reserve::FromProto(charges[i].create_time(), "t").value();
    EXPECT_GE(after - before, absl::Milliseconds(290));
  }
  const auto recharges = Recharges("soft");
  ASSERT_THAT(recharges, SizeIs(1));
  EXPECT_EQ(recharges[0].attempt(), 3);
  EXPECT_EQ(Get("soft").payment_methods(0).card_state(), pb::CARD_STATE_USABLE);
}

TEST_F(MainJobTest, G9_ACardIsNotTriedMoreOftenThanItsNetworkAllowsWhoeversAccountItIsOn) {
  // Three attempts each: fifteen in all.
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(absl::StrCat("limit-", i));
  for (const std::string& id : ids) {
    Must(&Accounts::OpenAccount,
         Parse<pb::OpenAccountRequest>(
             absl::StrCat("account_id: '", id,
                          "' card_token: 'tok_decline_insufficient_funds#limit' card_fingerprint: "
                          "'one-card' card_network: CARD_NETWORK_VISA")));
    // Given up after its schedule, but the last, which waits until the network allows it again.
    Await(id, [&](const pb::Account& a) {
      return id == "limit-5" ? a.payment_methods(0).card_state() == pb::CARD_STATE_FAILING
                             : a.open_recharge_ordinal() == 0;
    });
  }
  EXPECT_THAT(Charges("limit-"), SizeIs(15));
  EXPECT_THAT(Charges("limit-5/"), SizeIs(0));
  const std::vector<pb::EventKind> kinds = EventKinds("limit-5");
  EXPECT_THAT(kinds, ElementsAre(pb::EVENT_KIND_ACCOUNT_OPENED, pb::EVENT_KIND_RECHARGE_OPENED,
                                 pb::EVENT_KIND_CARD_LIMIT_REACHED));
  EXPECT_EQ(Recharges("limit-5")[0].state(), pb::RECHARGE_STATE_OPEN);
  EXPECT_EQ(Get("limit-5").payment_methods(0).card_network(), pb::CARD_NETWORK_VISA);
  EXPECT_EQ(Get("limit-5").payment_methods(0).card_state(), pb::CARD_STATE_FAILING);
  EXPECT_EQ(
      ReasonOf(Call(stack_->accounts(), &Accounts::RequestRecharge,
                    Parse<pb::RequestRechargeRequest>("account_id: 'limit-0' request_id: 'r'"))
                   .status()),
      "CARD_LIMIT_REACHED");
  GiveCard("limit-5", "tok_visa#limit-5");
  AwaitBalance("limit-5", "15.00");
}

TEST_F(MainJobTest, D1_AReserveUsedUpWhileTheCardFailsDisablesUntilItIsRefilled) {
  OpenFunded("spent", "tok_decline_after_1#spent");
  Spend("spent", "a1", "15.00");
  const pb::Account disabled =
      Await("spent", [](const pb::Account& a) { return a.state() == pb::ACCOUNT_STATE_DISABLED; });
  EXPECT_EQ(disabled.payment_methods(0).card_state(), pb::CARD_STATE_FAILING);
  EXPECT_EQ(Authorize("spent", CallText(kUsCall, 0)).decision(),
            pb::AUTHORIZATION_DECISION_ACCOUNT_DISABLED);
  // Given up after the schedule; the card stays FAILING.
  Await("spent", [](const pb::Account& a) { return a.open_recharge_ordinal() == 0; });
  EXPECT_EQ(Recharges("spent")[0].state(), pb::RECHARGE_STATE_FAILED);
  EXPECT_THAT(Charges("spent/"), SizeIs(4));
  // What happened is booked all the same (U1).
  EXPECT_EQ(Record("spent", "c1", CallText(kJamaicaCall, 60)), "0.18");
  EXPECT_EQ(Balance("spent"), "-0.18");
  GiveCard("spent", "tok_visa#spent-2");
  AwaitBalance("spent", "14.82");
  EXPECT_EQ(Get("spent").state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_EQ(EventKinds("spent").back(), pb::EVENT_KIND_ENABLED);
}

TEST_F(MainJobTest, G5_AHardDeclineRefusesTheCardUntilAnotherIsGiven) {
  OpenFunded("hard");
  GiveCard("hard", "tok_decline_lost_card#hard");
  Spend("hard", "a1", "10.00");
  const pb::Account blocked = Await("hard", [](const pb::Account& a) {
    return a.payment_methods(0).card_state() == pb::CARD_STATE_REFUSED;
  });
  EXPECT_EQ(blocked.state(), pb::ACCOUNT_STATE_ACTIVE);  // 5.00 are left
  EXPECT_TRUE(Authorize("hard", CallText(kJamaicaCall, 0)).allowed());
  EXPECT_EQ(Recharges("hard")[0].last_decline_class(), pb::DECLINE_CLASS_HARD);
  EXPECT_EQ(Record("hard", "c1", CallText(kJamaicaCall, int64_t{28} * 60)), "5.04");
  EXPECT_EQ(Get("hard").state(), pb::ACCOUNT_STATE_DISABLED);
  // Who confirms the card is believed, and it is tried at once (G6).
  GiveCard("hard", "tok_decline_lost_card#hard");
  EXPECT_TRUE(WaitUntil([&] { return Charges("hard/").size() == 3; }));
  Await("hard", [](const pb::Account& a) {
    return a.payment_methods(0).card_state() == pb::CARD_STATE_REFUSED;
  });
  EXPECT_EQ(ReasonOf(Call(stack_->accounts(), &Accounts::RequestRecharge,
                          Parse<pb::RequestRechargeRequest>("account_id: 'hard' request_id: 'r'"))
                         .status()),
            "CARD_REFUSED");
  GiveCard("hard", "tok_mastercard#hard");
  AwaitBalance("hard", "14.96");
  EXPECT_EQ(Get("hard").state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_EQ(Succeeded("hard"), 2);
}

TEST_F(MainJobTest, G5_ACardThatAsksForAuthenticationIsNotTriedAgain) {
  Open("3ds", "tok_authenticationRequired#3ds");
  const pb::Account account = Await("3ds", [](const pb::Account& a) {
    return a.payment_methods(0).card_state() == pb::CARD_STATE_REFUSED;
  });
  EXPECT_EQ(account.state(), pb::ACCOUNT_STATE_PENDING_FUNDING);
  EXPECT_EQ(Recharges("3ds")[0].last_decline_class(), pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED);
  EXPECT_THAT(Charges("3ds/"), SizeIs(1));
  GiveCard("3ds", "tok_visa#3ds");
  AwaitBalance("3ds", "15.00");
}

TEST_F(MainJobTest, G6_ACardThatTheCustomerHasAuthenticatedIsTriedAtOnceWhenItIsConfirmed) {
  const std::string card = "tok_authenticationRequired#confirmed";
  Open("confirmed", card);
  Await("confirmed", [](const pb::Account& a) {
    return a.payment_methods(0).card_state() == pb::CARD_STATE_REFUSED;
  });
  const auto authenticated =
      Call(stack_->dashboard(), &gw::StubDashboard::Stub::AuthenticateCard,
           Parse<gw::AuthenticateCardRequest>(absl::StrCat("card_token: '", card, "'")));
  ASSERT_TRUE(authenticated.ok()) << authenticated.status();
  EXPECT_EQ(Balance("confirmed"), "0.00") << "nobody has told the ledger";
  GiveCard("confirmed", card);
  AwaitBalance("confirmed", "15.00");
  EXPECT_THAT(Charges("confirmed/"), SizeIs(2));
}

TEST_F(MainJobTest, P2_ADisputedCardThatIsGivenByItsTokenAloneIsNotCharged) {
  const std::string card = "card_token: 'tok_visa#taken-back'";
  Must(&Accounts::OpenAccount,
       absl::StrCat("account_id: 'taken-back' ", card, " card_fingerprint: 'number'"));
  AwaitBalance("taken-back", "15.00");
  const gw::Charge charge = Charges("taken-back/").at(0);
  const auto dispute =
      Call(stack_->dashboard(), &gw::StubDashboard::Stub::OpenDispute,
           Parse<gw::OpenDisputeRequest>(absl::StrCat("charge_id: '", charge.charge_id(), "'")));
  ASSERT_TRUE(dispute.ok()) << dispute.status();
  Must(&pb::Recharges::Stub::ReportGatewayDispute,
       absl::StrCat("charge_id: '", charge.charge_id(), "' charge_reference: '", charge.reference(),
                    "' dispute_id: '", dispute->dispute_id(),
                    "' state: DISPUTE_STATE_OPENED amount { currency_code: 'USD' units: 15 }"));
  for (const std::string extra : {"", "payment_method_id: 'card-1' "}) {
    const auto given =
        Must(&Accounts::UpdatePaymentMethod,
             absl::StrCat("account_id: 'taken-back' payment_method { ", extra, card, " }"));
    EXPECT_EQ(given.card_state(), pb::CARD_STATE_DISPUTED);
    EXPECT_EQ(given.card_fingerprint(), "number");
  }
  EXPECT_EQ(Must(&Accounts::AddPaymentMethod,
                 absl::StrCat("account_id: 'taken-back' request_id: 'again' payment_method { ",
                              card, " }"))
                .payment_method_id(),
            "card-1");
  EXPECT_EQ(
      ReasonOf(Call(stack_->accounts(), &Accounts::RequestRecharge,
                    Parse<pb::RequestRechargeRequest>("account_id: 'taken-back' request_id: 'r'"))
                   .status()),
      "CARD_DISPUTED");
  EXPECT_THAT(Charges("taken-back/"), SizeIs(1));
}

TEST_F(MainJobTest, G4_WhateverBecomesOfTheReplyTheCardIsChargedOnce) {
  const std::map<std::string, std::string> cards = {{"lost", "tok_lost_reply#lost"},
                                                    {"late", "tok_late_1500#late"},
                                                    {"slow", "tok_slow_1500#slow"},
                                                    {"internal", "tok_internal_charged#internal"},
                                                    {"before", "tok_fail_before_2#before"}};
  for (const auto& [id, token] : cards) Open(id, token);
  for (const auto& [id, token] : cards) {
    SCOPED_TRACE(id);
    AwaitBalance(id, "15.00");
    EXPECT_THAT(Charges(id + "/"), SizeIs(1));
    EXPECT_EQ(Succeeded(id), 1);
    EXPECT_EQ(Recharges(id)[0].attempt(), 1);
  }
}

TEST_F(MainJobTest, D2_AnOutageOfTheGatewayIsNoDeclineAndDisablesNobody) {
  OpenFunded("outage");
  Must(&Accounts::PutUser,
       Parse<pb::PutUserRequest>(
           "account_id: 'outage' user_id: 'free' user { plan_id: 'unlimited' }"));
  stack_->gateway_process()->Kill();
  Spend("outage", "a1", "20.00");
  EXPECT_EQ(Record("outage", "c1", CallText(kJamaicaCall, 60)), "0.18");
  const pb::Account below = Get("outage");
  EXPECT_EQ(below.state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_EQ(below.payment_methods(0).card_state(), pb::CARD_STATE_USABLE);
  EXPECT_EQ(Authorize("outage", CallText(kJamaicaCall, 0)).decision(),
            pb::AUTHORIZATION_DECISION_INSUFFICIENT_BALANCE);
  EXPECT_TRUE(Authorize("outage", CallText(kUsCall, 0), "free").allowed());
  ASSERT_TRUE(stack_->StartGateway().ok());
  // 9.82 after the charge that waited, which is below the threshold again.
  AwaitBalance("outage", "24.82");
  for (const pb::Recharge& recharge : Recharges("outage")) EXPECT_EQ(recharge.attempt(), 1);
  EXPECT_EQ(Succeeded("outage"), 3);
}

TEST_F(MainJobTest, D3_ABlockedAccountIsRefusedUsageAndNotChargedUntilItIsUnblocked) {
  OpenFunded("blocked");
  const auto block = Must(&Support::BlockAccount,
                          Parse<pb::BlockAccountRequest>("account_id: 'blocked' reason: 'fraud?'"));
  EXPECT_EQ(block.block().reason(), "fraud?");
  EXPECT_EQ(Authorize("blocked", CallText(kUsCall, 0)).decision(),
            pb::AUTHORIZATION_DECISION_ACCOUNT_BLOCKED);
  Spend("blocked", "a1", "6.00");
  const pb::Account account = Get("blocked");
  EXPECT_EQ(Text(account.balance()), "9.00");
  EXPECT_EQ(account.open_recharge_ordinal(), 0);
  ASSERT_EQ(account.obstacles_size(), 1);
  EXPECT_EQ(account.obstacles(0).kind(), pb::REFILL_OBSTACLE_BLOCKED);
  EXPECT_EQ(
      ReasonOf(Call(stack_->accounts(), &Accounts::RequestRecharge,
                    Parse<pb::RequestRechargeRequest>("account_id: 'blocked' request_id: 'r'"))
                   .status()),
      "ACCOUNT_BLOCKED");
  const auto unblock = Must(&Support::UnblockAccount,
                            Parse<pb::UnblockAccountRequest>("account_id: 'blocked' reason: 'no'"));
  EXPECT_FALSE(unblock.has_block());
  EXPECT_TRUE(Authorize("blocked", CallText(kUsCall, 0)).allowed());
  AwaitBalance("blocked", "24.00");
}

TEST_F(MainJobTest, AnAdjustmentSentTwiceIsBookedOnce) {
  OpenFunded("adjusted");
  const auto first = TryAdjust("adjusted", "a1", "2.50");
  const auto again = TryAdjust("adjusted", "a1", "2.50");
  ASSERT_TRUE(first.ok() && again.ok()) << first.status() << again.status();
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(ReasonOf(TryAdjust("adjusted", "a1", "2.51").status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(ReasonOf(TryAdjust("adjusted", "a1", "2.50", "other").status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(Balance("adjusted"), "17.50");
}

TEST_F(MainJobTest, A1_AdviceNamesTheUserWhoCallsTooMuchAndTheReserveThatIsTooSmall) {
  OpenFunded("advised");
  Must(&Ledger::RecordUsage,
       UsageOf("advised", "c1", CallText(kUsCall, 100'020), "u", absl::Now() - absl::Hours(24)));
  AwaitBalance("advised", "16.33");
  // Each charge of an hour grows with what the hour used (G7).
  for (int i = 0; i < 8; ++i) {
    Spend("advised", absl::StrCat("a", i), AllButNineDollars("advised"));
    ASSERT_TRUE(WaitUntil([] { return Balance("advised") != "9.00"; }));
  }
  EXPECT_EQ(Succeeded("advised"), 10);
  const auto advice = Must(&Accounts::GetBillingAdvice,
                           Parse<pb::GetBillingAdviceRequest>("account_id: 'advised'"));
  ASSERT_EQ(advice.plan_advice_size(), 1);
  EXPECT_EQ(advice.plan_advice(0).user_id(), "u");
  EXPECT_EQ(advice.plan_advice(0).plan_id(), "unlimited");
  EXPECT_EQ(advice.plan_advice(0).standard_duration().seconds(), 100'020);
  EXPECT_EQ(Text(advice.plan_advice(0).saving()), "13.67");
  EXPECT_EQ(Text(advice.plan_advice(0).standard_cost()), "13.67");
  EXPECT_EQ(advice.reserve_advice().recharges(), 9);
  EXPECT_EQ(Text(advice.reserve_advice().advised_reserve_amount()), "30.00");
  const auto none =
      Must(&Accounts::GetBillingAdvice, Parse<pb::GetBillingAdviceRequest>("account_id: 'open'"));
  EXPECT_EQ(none.plan_advice_size(), 0);
  EXPECT_FALSE(none.has_reserve_advice());
}

TEST_F(MainJobTest, C11_AQuoteSaysWhatThisUserWouldPayAndBooksNothing) {
  OpenFunded("quoted");
  const auto request = Parse<pb::QuoteUsageRequest>(
      absl::StrCat("account_id: 'quoted' user_id: 'u' ", CallText(kUsCall, 100'020)));
  for (int i = 0; i < 2; ++i) {
    const auto quote = Must(&Accounts::QuoteUsage, request);
    EXPECT_EQ(Text(quote.cost()), "13.67");
    EXPECT_EQ(quote.rating().basis(), pb::CHARGE_BASIS_METERED_STANDARD);
    EXPECT_EQ(quote.rating().plan_id(), "per_minute");
    EXPECT_EQ(quote.rating().allowance_before().seconds(), 18'000);
    EXPECT_EQ(quote.rating().allowance_after().seconds(), 0);
    EXPECT_EQ(quote.rating().paid_duration().seconds(), 82'020);
    EXPECT_EQ(quote.rating().destination_name(), "United States");
    EXPECT_FALSE(quote.blocked());
  }
  EXPECT_EQ(Balance("quoted"), "15.00");
  auto stranger = request;
  stranger.set_user_id("stranger");
  const auto unknown = Call(stack_->accounts(), &Accounts::QuoteUsage, stranger);
  EXPECT_EQ(ReasonOf(unknown.status()), "USER_NOT_FOUND");
}

TEST_F(MainJobTest, TwoWorkersSideBySideChargeEachRechargeOnce) {
  constexpr int kAccounts = 120;
  const auto id = [](int i) { return absl::StrFormat("race-%03d", i); };
  for (int i = 0; i < kAccounts; ++i) Open(id(i), absl::StrCat("tok_visa#", id(i)));
  for (int i = 0; i < kAccounts; ++i) AwaitBalance(id(i), "15.00");
  for (int i = 0; i < kAccounts; ++i) Spend(id(i), "dip", "5.01");
  for (int i = 0; i < kAccounts; ++i) AwaitBalance(id(i), "24.99");
  std::map<std::string, int> by_reference;
  for (const gw::Charge& charge : Charges("race-")) {
    EXPECT_EQ(charge.state(), gw::CHARGE_STATE_SUCCEEDED);
    ++by_reference[charge.reference()];
  }
  EXPECT_THAT(by_reference, SizeIs(2 * kAccounts));
  for (const auto& [reference, count] : by_reference) EXPECT_EQ(count, 1) << reference;
}

TEST_F(MainJobTest, ADipIsFilledAlsoAfterLedgerAndWorkersWereKilled) {
  OpenFunded("killed");
  for (size_t i = 0; i < 2; ++i) stack_->worker_process(i)->Kill();
  Spend("killed", "a1", "6.00");
  stack_->ledger_process()->Kill();
  ASSERT_TRUE(stack_->StartLedger().ok());
  for (size_t i = 0; i < 2; ++i) ASSERT_TRUE(stack_->StartWorker(i).ok());
  // The channel notices by itself that the ledger is back.
  WaitUntil([] {
    return Call(stack_->accounts(), &Accounts::GetAccount,
                Parse<pb::GetAccountRequest>("account_id: 'killed'"))
        .ok();
  });
  AwaitBalance("killed", "24.00");
  EXPECT_EQ(Succeeded("killed"), 2);
}

// --- What all of it left ------------------------------------------------------------

TEST_F(MainJobTest, TheGatewayChargedWhatTheLedgerCreditedAndEverythingAddsUp) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
  const auto stream = stack_->audit().VerifyLedger(&context, pb::VerifyLedgerRequest());
  pb::VerifyLedgerResponse step;
  while (stream->Read(&step)) {
    for (const auto& difference : step.differences()) ADD_FAILURE() << difference.DebugString();
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(step.done());
  EXPECT_EQ(step.counts().differences(), 0);
  EXPECT_GE(step.counts().accounts(), 1);

  const auto verified = stack_->RunLedger({"verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;

  std::multiset<std::string> charged;
  for (const gw::Charge& charge : Charges("")) {
    if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) continue;
    charged.insert(absl::StrCat(charge.reference(), " ", charge.charge_id()));
  }
  std::multiset<std::string> credited;
  for (const auto& row : stack_->database().Query(
           "SELECT e.account_id, e.recharge_ordinal, r.charge_id FROM entries e JOIN recharges r "
           "ON r.account_id = e.account_id AND r.ordinal = e.recharge_ordinal WHERE e.kind = 2")) {
    credited.insert(absl::StrCat(row[0], "/", row[1], " ", row[2]));
  }
  EXPECT_EQ(charged, credited);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(stack_->worker_process(i)->Running());
}

}  // namespace
}  // namespace reserve::e2e
