// Facts that are put right, by the real processes: usages without a price, wrong records that are
// taken back or corrected one by one and in bulk, and what the customer sees of them (U1, U5, K3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/free_port.h"
#include "tests/support/http_get.h"
#include "tests/support/subprocess.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::WaitUntil;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using Rates = pb::Rates::Stub;
using Recharges = pb::Recharges::Stub;
using Support = pb::Support::Stub;

class UsageCorrectionsTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack({});
    stack_->database().Execute(
        "INSERT INTO plans VALUES ('monthly600', 1, 600, 2, 0, 0, 'standard')");
  }

  static void Open(const std::string& id, const std::string& plan = "per_minute") {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' default_plan_id: '", plan, "'"));
    Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: 'u'"));
  }
  // "usage { ... }" of a call.
  static std::string UsageText(const std::string& usage_id, const std::string& destination,
                               int64_t seconds, absl::Time start = absl::Now(),
                               const std::string& user = "u") {
    return absl::StrCat("usage { usage_id: '", usage_id, "' user_id: '", user,
                        "' start_time { seconds: ", absl::ToUnixSeconds(start),
                        " } call { direction: DIRECTION_OUTBOUND destination: '", destination,
                        "' duration { seconds: ", seconds, " } } } ");
  }
  static pb::RecordUsageResponse Record(const std::string& id, const std::string& usage) {
    return Must(&Ledger::RecordUsage, absl::StrCat("account_id: '", id, "' ", usage));
  }
  static int64_t AllowanceLeft(const std::string& id) {
    return Must(&Accounts::GetUser, absl::StrCat("account_id: '", id, "' user_id: 'u'"))
        .allowance_left()
        .seconds();
  }
  static pb::UsageRecord Get(const std::string& id, const std::string& usage_id) {
    return Must(&Accounts::GetUsage,
                absl::StrCat("account_id: '", id, "' usage_id: '", usage_id, "'"));
  }

  // A funded account with $0.01 and no recharge to come.
  static void OpenWithACent(const std::string& id) {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: 'tok_visa#", id, "'"));
    Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: 'u'"));
    Must(&Recharges::ReportRecharge,
         absl::StrCat("account_id: '", id,
                      "' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_", id,
                      "' amount { currency_code: 'USD' units: 15 } }"));
    Must(&Accounts::UpdateBillingSettings,
         absl::StrCat("account_id: '", id,
                      "' billing_settings { automatic_recharge: false } update_mask { paths: "
                      "'automatic_recharge' }"));
    Must(&Support::AdjustBalance,
         absl::StrCat("account_id: '", id,
                      "' request_id: 'down' reason: 'all but a cent' amount { units: -14 nanos: "
                      "-990000000 }"));
  }
  // A text of a cent, to be sent only if the account pays for it.
  static std::string TextIfAllowed(const std::string& id, int number) {
    return absl::StrCat("account_id: '", id, "' only_if_allowed: true usage { usage_id: 't", number,
                        "' user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()),
                        " } sms { direction: DIRECTION_OUTBOUND destination: '+12025550123' "
                        "carrier: 'att' segments: 1 } }");
  }
  // Sends these on a stream of their own, none of which may be refused, and waits until all are
  // decided; or breaks it off once some are. What is decided, as the caller knows.
  enum class Line { kHolds, kBreaks };
  static int64_t SendOnStream(const std::vector<pb::RecordUsageRequest>& requests, Line line) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
    const auto stream = stack_->ledger().StreamUsage(&context);
    for (size_t i = 0; i < requests.size(); ++i) {
      pb::StreamUsageRequest message;
      message.set_sequence(static_cast<int64_t>(i) + 1);
      *message.mutable_request() = requests[i];
      EXPECT_TRUE(stream->Write(message));
    }
    if (line == Line::kHolds) stream->WritesDone();
    pb::StreamUsageResponse response;
    int64_t decided = 0;
    while (stream->Read(&response)) {
      decided = response.acknowledged_sequence();
      EXPECT_EQ(response.refusals_size(), 0) << response.DebugString();
      if (line == Line::kBreaks) context.TryCancel();
    }
    EXPECT_EQ(stream->Finish().ok(), line == Line::kHolds);
    return decided;
  }
  // A figure of /metrics; -1 if it is not there.
  static int64_t Metric(const std::string& name) {
    const std::string page = test_support::HttpGet(stack_->metrics_port(), "/metrics");
    for (const absl::string_view line : absl::StrSplit(page, '\n')) {
      int64_t value = 0;
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(line, absl::MaxSplits(' ', 1));
      if (parts.first == name && absl::SimpleAtoi(parts.second, &value)) return value;
    }
    return -1;
  }

  static constexpr char kUs[] = "+12125550100";       // 0.0100 a minute: standard
  static constexpr char kJamaica[] = "+18765550123";  // 0.1800 a minute: dearer
  static constexpr char kNowhere[] = "+99999999999";  // in no deck
};

TEST_F(UsageCorrectionsTest, U5_AWrongRecordOfTenThousandSecondsIsPutRight) {
  Open("wrong");
  Record("wrong", UsageText("k1", kUs, 10'800));
  EXPECT_EQ(AllowanceLeft("wrong"), 7'200);
  const auto corrected =
      Must(&Ledger::CorrectUsage, absl::StrCat("account_id: 'wrong' usage_id: 'k1' reason: 'wrong "
                                               "CDR' ",
                                               UsageText("k1b", kUs, 306)));
  EXPECT_EQ(corrected.voided().allowance_returned().seconds(), 10'800);
  EXPECT_EQ(AllowanceLeft("wrong"), 17'640);
  const pb::UsageRecord old = Get("wrong", "k1");
  EXPECT_EQ(old.status(), pb::USAGE_STATUS_VOIDED);
  EXPECT_EQ(old.voided().corrected_by_usage_id(), "k1b");
  EXPECT_EQ(Get("wrong", "k1b").corrects_usage_id(), "k1");
  ExpectAudited("wrong");
}

TEST_F(UsageCorrectionsTest, U5_WhatIsOnlyTriedIsAnsweredAndChangesNothing) {
  OpenWithACent("tried");
  Record("tried", UsageText("old", kJamaica, 60));
  const std::string balance = Balance("tried");
  const std::string voids = "account_id: 'tried' usage_id: 'old' reason: 'wrong' ";
  const std::string corrects = voids + UsageText("new", kJamaica, 120);
  for (int i = 0; i < 2; ++i) {
    const auto tried = Must(&Ledger::VoidUsage, voids + "validate_only: true");
    EXPECT_EQ(tried.returned().nanos(), 180'000'000);
    EXPECT_EQ(tried.balance().nanos(), 10'000'000);
    EXPECT_FALSE(tried.already_voided());
    const auto corrected = Must(&Ledger::CorrectUsage, corrects + "validate_only: true");
    EXPECT_EQ(corrected.usage().cost().nanos(), 360'000'000);
    EXPECT_EQ(corrected.voided().returned().nanos(), 180'000'000);
  }
  EXPECT_EQ(Balance("tried"), balance);
  EXPECT_EQ(Get("tried", "old").status(), pb::USAGE_STATUS_RATED);
  EXPECT_FALSE(Must(&Ledger::CorrectUsage, corrects).usage().duplicate());
  EXPECT_EQ(Balance("tried"), "-0.35");
}

TEST_F(UsageCorrectionsTest, U5_TheOldRecordThatComesAgainAfterTheVoidBooksNothing) {
  Open("again");
  const std::string usage = UsageText("c", kJamaica, 60);
  Record("again", usage);
  const auto voided =
      Must(&Ledger::VoidUsage, "account_id: 'again' usage_id: 'c' reason: 'not answered'");
  EXPECT_EQ(Text(voided.returned()), "0.18");
  EXPECT_EQ(Text(voided.balance()), "0.00");
  const auto again = Record("again", usage);
  EXPECT_TRUE(again.duplicate());
  EXPECT_EQ(again.status(), pb::USAGE_STATUS_VOIDED);
  EXPECT_EQ(Text(again.cost()), "0.00");
  EXPECT_EQ(Balance("again"), "0.00");
  ExpectAudited("again");
}

TEST_F(UsageCorrectionsTest, U5_ASwitchSendsCorrectedRecordsInBulk) {
  Open("bulk");
  pb::BatchRecordUsageRequest wrong;
  pb::BatchRecordUsageRequest right;
  for (int i = 0; i < 300; ++i) {
    const std::string id = absl::StrCat("c", i);
    *wrong.add_requests() = Parse<pb::RecordUsageRequest>(
        absl::StrCat("account_id: 'bulk' ", UsageText(id, kJamaica, 600)));
    const std::string replaces =
        absl::StrCat("replaces { usage_id: '", id, "' reason: 'wrong clock' }");
    *right.add_requests() = Parse<pb::RecordUsageRequest>(absl::StrCat(
        "account_id: 'bulk' ", i % 3 == 0 ? "" : UsageText(id + "b", kJamaica, 60), replaces));
  }
  ASSERT_TRUE(Call(stack_->ledger(), &Ledger::BatchRecordUsage, wrong).ok());
  EXPECT_EQ(Balance("bulk"), "-540.00");
  for (const bool again : {false, true}) {
    const auto results = Call(stack_->ledger(), &Ledger::BatchRecordUsage, right);
    ASSERT_TRUE(results.ok()) << results.status();
    for (int i = 0; i < 300; ++i) {
      const pb::RecordUsageResult& result = results->results(i);
      if (i % 3 == 0) {
        ASSERT_TRUE(result.has_voided()) << result.DebugString();
        EXPECT_EQ(result.voided().already_voided(), again);
      } else {
        ASSERT_TRUE(result.has_corrected()) << result.DebugString();
        EXPECT_EQ(result.corrected().usage().duplicate(), again);
      }
    }
    EXPECT_EQ(Balance("bulk"), "-36.00");
  }
  ExpectAudited("bulk");
}

TEST_F(UsageCorrectionsTest,
       U5_ASwitchStreamsCorrectedRecordsAndSendsThemAgainWhenTheStreamBreaks) {
  Open("stream");
  pb::BatchRecordUsageRequest wrong;
  std::vector<pb::RecordUsageRequest> right;
  for (int i = 0; i < 300; ++i) {
    const std::string id = absl::StrCat("c", i);
    *wrong.add_requests() = Parse<pb::RecordUsageRequest>(
        absl::StrCat("account_id: 'stream' ", UsageText(id, kJamaica, 600)));
    const std::string replaces =
        absl::StrCat("replaces { usage_id: '", id, "' reason: 'wrong clock' }");
    right.push_back(Parse<pb::RecordUsageRequest>(absl::StrCat(
        "account_id: 'stream' ", i % 3 == 0 ? "" : UsageText(id + "b", kJamaica, 60), replaces)));
  }
  ASSERT_TRUE(Call(stack_->ledger(), &Ledger::BatchRecordUsage, wrong).ok());
  EXPECT_EQ(Balance("stream"), "-540.00");
  // Broken once some of it is decided; what of the rest is booked nobody knows.
  const int64_t watermark = SendOnStream({right.begin(), right.begin() + 200}, Line::kBreaks);
  EXPECT_GT(watermark, 0);
  const std::vector<pb::RecordUsageRequest> rest(right.begin() + watermark, right.end());
  EXPECT_EQ(SendOnStream(rest, Line::kHolds), 300 - watermark);
  EXPECT_EQ(Balance("stream"), "-36.00");
  EXPECT_EQ(SendOnStream(right, Line::kHolds), 300) << "all of it once more";
  EXPECT_EQ(Balance("stream"), "-36.00");
  EXPECT_EQ(Get("stream", "c1").voided().corrected_by_usage_id(), "c1b");
  EXPECT_EQ(Get("stream", "c1b").corrects_usage_id(), "c1");
  EXPECT_EQ(Get("stream", "c3").status(), pb::USAGE_STATUS_VOIDED);
  ExpectAudited("stream");
}

TEST_F(UsageCorrectionsTest, U1_AUsageWithoutAPriceIsListedAndRatedOnceADeckPricesIt) {
  Open("unrated");
  const int64_t booked_before = Metric("reserve_ledger_unrated_booked_total");
  const int64_t rated_before = Metric("reserve_ledger_rated_later_total");
  const int64_t looked_before = Metric("reserve_ledger_unrated_looked_at_total");
  const auto booked = Record("unrated", UsageText("c", kNowhere, 60));
  EXPECT_EQ(booked.status(), pb::USAGE_STATUS_UNRATED);
  EXPECT_EQ(booked.unrated_reason(), pb::UNRATED_REASON_NO_RATE);
  const auto listed = Must(&Rates::ListUnratedUsage, "account_id: 'unrated'");
  ASSERT_THAT(listed.unrated_usages(), SizeIs(1));
  EXPECT_EQ(listed.unrated_usages(0).usage().call().destination(), kNowhere);
  EXPECT_EQ(Get("unrated", "c").status(), pb::USAGE_STATUS_UNRATED);
  EXPECT_EQ(Metric("reserve_ledger_unrated_booked_total"), booked_before + 1);
  // All that wait are counted every 15 s.
  EXPECT_TRUE(WaitUntil([] { return Metric("reserve_ledger_unrated_usages") == 1; },
                        absl::Seconds(40), absl::Milliseconds(100)));

  const std::string csv = absl::StrCat(stack_->folder(), "/nowhere.csv");
  std::ofstream(csv)
      << "kind,prefix,price\ncall,1,0.01\ncall,1876,0.18\ncall,999,0.50\nsms,1,0.01\n";
  const auto imported =
      stack_->RunLedger({"import-rates", csv, "--effective_time=2020-01-01T00:00:00Z", "--backdate",
                         "--accept=ROWS_DROPPED,PRICES_CHANGED,BARE_PREFIX,MISSES_RECENT"});
  ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_TRUE(WaitUntil([] { return Get("unrated", "c").status() == pb::USAGE_STATUS_RATED; }));
  const pb::UsageRecord rated = Get("unrated", "c");
  EXPECT_EQ(Text(rated.cost()), "0.50");
  EXPECT_GT(rated.rating_seq(), rated.seq());
  EXPECT_THAT(rated.earlier_ratings(), SizeIs(0)) << "a booking without a price is none";
  EXPECT_EQ(Balance("unrated"), "-0.50");
  // How far the rating in the background is.
  EXPECT_TRUE(
      WaitUntil([&] { return Metric("reserve_ledger_rated_later_total") == rated_before + 1; }));
  EXPECT_GT(Metric("reserve_ledger_unrated_looked_at_total"), looked_before);
  EXPECT_TRUE(WaitUntil([] { return Metric("reserve_ledger_unrated_usages") == 0; }));
  std::vector<pb::Event> told;
  const auto events = Must(&pb::Events::Stub::ListEvents, "account_id: 'unrated'");
  for (const pb::Event& event : events.events()) {
    if (event.usage_id() == "c") told.push_back(event);
  }
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told[0].kind(), pb::EVENT_KIND_USAGE_UNRATED);
  EXPECT_EQ(told[1].kind(), pb::EVENT_KIND_USAGE_RATED);
  EXPECT_EQ(Text(told[1].amount()), "-0.50");
  EXPECT_THAT(Must(&Rates::ListUnratedUsage, "account_id: 'unrated'").unrated_usages(), SizeIs(0));
  ExpectAudited("unrated");
}

TEST_F(UsageCorrectionsTest, K3_UsageOfAUserWhoComesLaterIsRatedThen) {
  Open("late-user");
  Record("late-user", UsageText("c", kJamaica, 60, absl::Now(), "zoe"));
  EXPECT_EQ(Balance("late-user"), "0.00");
  Must(&Accounts::PutUser, "account_id: 'late-user' user_id: 'zoe'");
  EXPECT_TRUE(WaitUntil([] { return Balance("late-user") == "-0.18"; }));
  ExpectAudited("late-user");
}

TEST_F(UsageCorrectionsTest, S3_AThousandTextsOnACentSendNoMoreThanTheCentPaysFor) {
  OpenWithACent("texts");
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < 1'000; ++i) {
    *batch.add_requests() = Parse<pb::RecordUsageRequest>(TextIfAllowed("texts", i));
  }
  const auto results = Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch);
  ASSERT_TRUE(results.ok()) << results.status();
  int booked = 0;
  for (const pb::RecordUsageResult& result : results->results()) {
    if (result.has_response()) ++booked;
    if (result.has_error()) {
      EXPECT_EQ(ReasonOf(FromProtoStatus(result.error())), "USAGE_NOT_ALLOWED");
    }
  }
  EXPECT_EQ(booked, 1);
  EXPECT_EQ(Balance("texts"), "0.00");
  ExpectAudited("texts");
}

TEST_F(UsageCorrectionsTest, S3_AThousandTextsAskedForAtOnceOfTwoLedgersSpendTheCentOnce) {
  OpenWithACent("apart");
  const std::string address = absl::StrCat("127.0.0.1:", test_support::FreePort());
  const auto other = test_support::Subprocess::Start(
      {.program = "ledger",
       .args = {"serve", absl::StrCat("--database=", stack_->database().url()),
                absl::StrCat("--listen=", address)}});
  ASSERT_TRUE(other.ok()) << other.status();
  ChannelOptions options;
  options.own_connection = true;
  const auto channel = MakeChannel(address, options);
  ASSERT_TRUE(channel.ok()) << channel.status();
  ASSERT_TRUE((*channel)->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Seconds(30))));
  const auto second = pb::Ledger::NewStub(*channel);

  struct Sending {
    grpc::ClientContext context;
    pb::RecordUsageRequest request;
    pb::RecordUsageResponse response;
    grpc::Status status;
  };
  std::vector<Sending> texts(1'000);
  absl::BlockingCounter waiting(static_cast<int>(texts.size()));
  for (size_t i = 0; i < texts.size(); ++i) {
    Sending& text = texts[i];
    text.request = Parse<pb::RecordUsageRequest>(TextIfAllowed("apart", static_cast<int>(i)));
    text.context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    (i % 2 == 0 ? stack_->ledger() : *second)
        .async()
        ->RecordUsage(&text.context, &text.request, &text.response,
                      [&waiting, &text](grpc::Status status) {
                        text.status = std::move(status);
                        waiting.DecrementCount();
                      });
  }
  waiting.Wait();
  std::vector<std::string> booked;
  for (const Sending& text : texts) {
    if (text.status.ok()) {
      booked.push_back(text.request.usage().usage_id());
    } else {
      EXPECT_EQ(ReasonOf(FromGrpcStatus(text.status)), "USAGE_NOT_ALLOWED");
    }
  }
  ASSERT_THAT(booked, SizeIs(1));
  EXPECT_EQ(Balance("apart"), "0.00");
  // It was not sent after all: another may be, whichever ledger is asked.
  Must(&Ledger::VoidUsage,
       absl::StrCat("account_id: 'apart' usage_id: '", booked.front(), "' reason: 'not sent'"));
  EXPECT_EQ(Balance("apart"), "0.01");
  const auto next = Parse<pb::RecordUsageRequest>(TextIfAllowed("apart", 1'000));
  EXPECT_TRUE(Call(*second, &Ledger::RecordUsage, next).ok());
  EXPECT_EQ(Balance("apart"), "0.00");
  EXPECT_EQ(ReasonOf(Ask(&Ledger::RecordUsage, TextIfAllowed("apart", 1'001)).status()),
            "USAGE_NOT_ALLOWED");
  ExpectAudited("apart");
}

TEST_F(UsageCorrectionsTest, C8_ALateCallDrawsOnTheAllowanceOfTheMonthThatItBeganIn) {
  Open("months", "monthly600");
  const absl::Time now = absl::Now();
  Record("months", UsageText("n1", kUs, 540, now));
  const auto late = Record("months", UsageText("late", kUs, 300, now - absl::Hours(24 * 31)));
  EXPECT_EQ(Text(late.cost()), "0.00") << "that month's were unused";
  const auto next = Record("months", UsageText("n2", kUs, 60, now));
  EXPECT_EQ(Text(next.cost()), "0.00") << "this month's are as they were";
  ExpectAudited("months");
}

}  // namespace
}  // namespace reserve::e2e
