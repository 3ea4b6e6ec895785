// What the ledger's door bounds, whatever comes: sizes, pages, how often one calls, connections;
// and that it stays healthy while many times as much comes as it can take. Real processes and
// sockets.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "common/rpc/health_check.h"
#include "common/rpc/status.h"
#include "services/ledger/access/access_table.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/free_port.h"
#include "tests/support/http_get.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using absl::StatusCode;
using test_support::HttpGet;
using test_support::WaitUntil;
using ::testing::HasSubstr;

constexpr char kPushback[] = "grpc-retry-pushback-ms";

class LimitsTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> ledger_flags = {}, bool starter_deck = true) {
    auto stack =
        Stack::Start({.ledger_flags = std::move(ledger_flags), .starter_deck = starter_deck});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }
  // With an account "acct" and its user "u".
  void StartWithAccount(std::vector<std::string> ledger_flags = {}) {
    ASSERT_NO_FATAL_FAILURE(Start(std::move(ledger_flags)));
    ASSERT_NO_FATAL_FAILURE(Open("acct"));
  }
  void Open(const std::string& account_id) {
    const absl::Status opened = Patiently([&] {
      return Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                  Parse<pb::OpenAccountRequest>(absl::StrCat("account_id: '", account_id, "'")))
          .status();
    });
    ASSERT_TRUE(opened.ok()) << opened;
    const absl::Status put = Patiently([&] {
      return Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                  Parse<pb::PutUserRequest>(
                      absl::StrCat("account_id: '", account_id, "' user_id: 'u'")))
          .status();
    });
    ASSERT_TRUE(put.ok()) << put;
  }
  // Comes again as long as it comes too often.
  template <typename Once>
  static absl::Status Patiently(Once once) {
    absl::Status status;
    WaitUntil([&] {
      status = once();
      return !absl::IsResourceExhausted(status);
    });
    return status;
  }

  absl::Status Get(const std::string& account_id) {
    return Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                Parse<pb::GetAccountRequest>(absl::StrCat("account_id: '", account_id, "'")))
        .status();
  }
  // The refusal that ends a series of calls; OK if none of very many is refused.
  template <typename Once>
  static absl::Status UntilRefused(Once once) {
    absl::Status status;
    for (int i = 0; i < 1000 && status.ok(); ++i) status = once();
    return status;
  }
  static void ExpectRateExceeded(const absl::Status& status, const std::string& reason) {
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    EXPECT_EQ(ReasonOf(status), reason) << status;
    const auto wait = RetryAfterOf(status);
    ASSERT_TRUE(wait.has_value()) << status;
    EXPECT_GT(*wait, absl::ZeroDuration());
  }

  std::shared_ptr<grpc::Channel> Connect(const std::string& service_config = "") const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    if (!service_config.empty()) arguments.SetServiceConfigJSON(service_config);
    return grpc::CreateCustomChannel(stack_->ledger_address(), grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  std::string Metrics() const { return HttpGet(stack_->metrics_port(), "/metrics"); }
  double MetricOf(const std::string& name) const {
    const std::string page = Metrics();
    const size_t at = page.find(absl::StrCat("\n", name, " "));
    if (at == std::string::npos) return -1;
    double value = -1;
    const size_t begin = at + name.size() + 2;
    EXPECT_TRUE(absl::SimpleAtod(page.substr(begin, page.find('\n', begin) - begin), &value));
    return value;
  }

  std::unique_ptr<Stack> stack_;
};

// --- Sizes ----------------------------------------------------------------------------

// A message of so many bytes that says nothing: a field that no message has.
std::string Nothing(size_t bytes) {
  std::string text = "\xC2\x3E";  // field 1000, a string
  // Its length takes three bytes, from 2 MiB on four.
  const size_t bytes_of_length = bytes - 5 < (size_t{1} << 21) ? 3 : 4;
  const size_t length = bytes - text.size() - bytes_of_length;
  for (size_t i = 0; i < bytes_of_length; ++i) {
    const size_t more = i + 1 < bytes_of_length ? 0x80 : 0;
    text.push_back(static_cast<char>(((length >> (7 * i)) & 0x7F) | more));
  }
  return text + std::string(length, 'x');
}

TEST_F(LimitsTest, NoMethodTakesARequestLargerThanItsRowSays) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const MethodAccess& row : access::kAccessTable) {
    SCOPED_TRACE(row.method);
    const absl::Status status =
        stack_->CallRaw(std::string(row.method), Nothing(row.most_bytes + 1)).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), "REQUEST_TOO_LARGE") << status;
  }
  EXPECT_THAT(Metrics(), HasSubstr("reserve_door_refusals_total{code=\"INVALID_ARGUMENT\",method="
                                   "\"reserve.ledger.v1.Support/AdjustBalance\"} 1"));
}

TEST_F(LimitsTest, ARequestOfJustThatSizeReachesItsHandler) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(kRequestBytes, 64 << 10);
  for (const std::string method :
       {"Ledger/RecordUsage", "Ledger/BatchRecordUsage", "Ledger/StreamUsage",
        "Accounts/GetAccount", "Rates/ImportRateDeck"}) {
    const bool pieces = method == "Ledger/BatchRecordUsage" || method == "Rates/ImportRateDeck";
    const absl::Status status =
        stack_
            ->CallRaw("/reserve.ledger.v1." + method, Nothing(pieces ? kPieceBytes : kRequestBytes))
            .status();
    EXPECT_NE(ReasonOf(status), "REQUEST_TOO_LARGE") << method;
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << method << ": " << status;
  }
}

TEST_F(LimitsTest, TheTransportTakesNoMessageOfMoreThanFourMebibytes) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string method = "/reserve.ledger.v1.Ledger/BatchRecordUsage";
  const absl::Status over = stack_->CallRaw(method, std::string((4 << 20) + 1, '\0')).status();
  EXPECT_EQ(over.code(), StatusCode::kResourceExhausted) << over;
  EXPECT_THAT(std::string(over.message()), HasSubstr("larger than max"));
  const absl::Status just = stack_->CallRaw(method, std::string(4 << 20, '\0')).status();
  EXPECT_EQ(ReasonOf(just), "REQUEST_TOO_LARGE") << just;
}

TEST_F(LimitsTest, ACallWithMoreMetadataThanEightKibibytesIsRefusedAndTheNextIsNot) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount());
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
  context.AddMetadata("x-much", std::string(9 << 10, 'x'));
  pb::Account account;
  const absl::Status status = FromGrpcStatus(stack_->accounts().GetAccount(
      &context, Parse<pb::GetAccountRequest>("account_id: 'acct'"), &account));
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
  // gRPC now and then closes the connection that such a call came by; the next call has a new one.
  absl::Status next;
  EXPECT_TRUE(WaitUntil([&] {
    next = Get("acct");
    return next.code() != StatusCode::kUnavailable;
  })) << next;
  EXPECT_TRUE(next.ok()) << next;
}

// --- Pages ----------------------------------------------------------------------------

// Calls whose explanations are long: each has 32 prices, one a minute.
class LongPagesTest : public LimitsTest {
 protected:
  static constexpr int kUsages = 1000;

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Start({}, /*starter_deck=*/false));
    std::vector<std::string> steps;
    for (int minute = 1; minute <= 32; ++minute) {
      steps.push_back(absl::StrCat(60 * minute, ":0.1", 100 + minute));
    }
    const std::string path = stack_->folder() + "/steps.csv";
    std::ofstream(path) << "prefix,price,steps\n1202,0.2," << absl::StrJoin(steps, ";") << "\n";
    const Stack::Ended ended = stack_->RunLedger(
        {"import-rates", path, "--effective_time=2015-01-01T00:00:00Z", "--backdate"});
    ASSERT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
    ASSERT_NO_FATAL_FAILURE(Open("acct"));
    pb::BatchRecordUsageRequest batch;
    for (int i = 0; i < kUsages; ++i) {
      pb::RecordUsageRequest* usage = batch.add_requests();
      *usage = UsageOf(absl::StrCat("long-", i));
      usage->mutable_usage()->mutable_call()->mutable_duration()->set_seconds(int64_t{33} * 60);
    }
    const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage, batch);
    ASSERT_TRUE(booked.ok()) << booked.status();
    for (const auto& result : booked->results()) ASSERT_TRUE(result.has_response());
  }
};

TEST_F(LongPagesTest, APageEndsAtAMebibyteAndTheNextOneGoesOnBehindIt) {
  constexpr size_t kLargestRow = 8 << 10;
  std::set<std::string> seen;
  pb::ListUsageRequest request;
  request.set_account_id("acct");
  request.set_page_size(kUsages);
  int pages = 0;
  do {
    const auto page = Call(stack_->accounts(), &pb::Accounts::Stub::ListUsage, request);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_GT(page->usage_records_size(), 0);
    EXPECT_LT(page->ByteSizeLong(), (1 << 20) + kLargestRow);
    for (const auto& record : page->usage_records()) {
      EXPECT_TRUE(seen.insert(record.usage().usage_id()).second) << record.usage().usage_id();
    }
    if (++pages == 1) {
      EXPECT_LT(page->usage_records_size(), kUsages);
      EXPECT_GE(page->ByteSizeLong(), 1 << 20);
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seen.size(), size_t{kUsages});
}

// --- How often --------------------------------------------------------------------------

TEST_F(LimitsTest, ACallerWhoComesTooOftenIsToldWhenToComeAgainAndHelpIsNotCounted) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_caller_rate=5"}));
  const absl::Status refused = UntilRefused([&] { return Get("acct"); });
  ExpectRateExceeded(refused, "CALLER_RATE_EXCEEDED");
  EXPECT_LE(*RetryAfterOf(refused), absl::Milliseconds(200));

  // A call for help in a moment in which others are refused.
  const absl::Status authorized = UntilRefused([&] {
    return Call(stack_->ledger(), &pb::Ledger::Stub::AuthorizeUsage,
                Parse<pb::AuthorizeUsageRequest>(
                    "account_id: 'acct' user_id: 'u' call { direction: DIRECTION_OUTBOUND "
                    "destination: '+12025550123' }"))
        .status();
  });
  ExpectRateExceeded(authorized, "CALLER_RATE_EXCEEDED");
  for (int i = 0; i < 20; ++i) {
    const auto help =
        Call(stack_->ledger(), &pb::Ledger::Stub::AuthorizeUsage,
             Parse<pb::AuthorizeUsageRequest>("account_id: 'acct' user_id: 'u' call { direction: "
                                              "DIRECTION_OUTBOUND destination: '911' }"));
    ASSERT_TRUE(help.ok()) << help.status();
    EXPECT_EQ(help->decision(), pb::AUTHORIZATION_DECISION_ALLOWED);
  }
  EXPECT_THAT(Metrics(), HasSubstr("reserve_door_refusals_total{code=\"RESOURCE_EXHAUSTED\",method="
                                   "\"reserve.ledger.v1.Accounts/GetAccount\"} 1"));
}

TEST_F(LimitsTest, TheWaitIsInTheTrailerThatGrpcItselfGoesBy) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_caller_rate=5"}));
  const auto stub = pb::Accounts::NewStub(Connect());
  const auto get = [&stub](grpc::ClientContext* context) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
    pb::Account account;
    return FromGrpcStatus(
        stub->GetAccount(context, Parse<pb::GetAccountRequest>("account_id: 'acct'"), &account));
  };
  auto context = std::make_unique<grpc::ClientContext>();
  const absl::Status refused = UntilRefused([&] {
    context = std::make_unique<grpc::ClientContext>();
    return get(context.get());
  });
  ExpectRateExceeded(refused, "CALLER_RATE_EXCEEDED");
  const auto& trailers = context->GetServerTrailingMetadata();
  const auto pushback = trailers.find(kPushback);
  ASSERT_NE(pushback, trailers.end());
  int64_t millis = 0;
  ASSERT_TRUE(absl::SimpleAtoi(absl::string_view(pushback->second.data(), pushback->second.size()),
                               &millis));
  EXPECT_EQ(millis,
            absl::ToInt64Milliseconds(absl::Ceil(*RetryAfterOf(refused), absl::Milliseconds(1))));
}

// By its own back-off it would have tried all its times within some milliseconds, and failed.
TEST_F(LimitsTest, AStockClientThatRetriesWaitsAsLongAsItIsTold) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_caller_rate=5"}));
  const auto retrying = pb::Accounts::NewStub(Connect(R"({"methodConfig": [{
      "name": [{"service": "reserve.ledger.v1.Accounts"}],
      "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.001s", "maxBackoff": "0.001s",
                      "backoffMultiplier": 1, "retryableStatusCodes": ["RESOURCE_EXHAUSTED"]}}]})"));
  for (int i = 0; i < 20; ++i) {
    const auto account = Call(*retrying, &pb::Accounts::Stub::GetAccount,
                              Parse<pb::GetAccountRequest>("account_id: 'acct'"));
    EXPECT_TRUE(account.ok()) << account.status();
  }
  const std::string refusals =
      "reserve_door_refusals_total{code=\"RESOURCE_EXHAUSTED\",method=\"reserve.ledger.v1.Accounts/"
      "GetAccount\"}";
  EXPECT_GE(MetricOf(refusals), 1) << "nothing was refused, so nothing was retried";
}

TEST_F(LimitsTest, ABatchCountsAsWhatItHoldsAndIsNeverTooLarge) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_caller_rate=50"}));
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < 500; ++i) *batch.add_requests() = UsageOf(absl::StrCat("batch-", i));
  const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage, batch);
  ASSERT_TRUE(booked.ok()) << booked.status();
  for (const auto& result : booked->results()) EXPECT_TRUE(result.has_response());
  const absl::Status next = Get("acct");
  ExpectRateExceeded(next, "CALLER_RATE_EXCEEDED");
  // 500 take ten seconds, of which one is for what may come at once.
  EXPECT_GT(*RetryAfterOf(next), absl::Seconds(4));
}

TEST_F(LimitsTest, ABatchThatHoldsNothingCountsAsOneCall) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_caller_rate=5"}));
  ExpectRateExceeded(UntilRefused([&] {
                       const absl::Status status =
                           Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage,
                                pb::BatchRecordUsageRequest())
                               .status();
                       return absl::IsInvalidArgument(status) ? absl::OkStatus() : status;
                     }),
                     "CALLER_RATE_EXCEEDED");
}

TEST_F(LimitsTest, AStreamIsReadAsFastAsItsCallerMayComeAndNothingOfItIsRefused) {
  constexpr int kMessages = 60;
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_caller_rate=20"}));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
  const Moment begin = MonotonicNow();
  const auto stream = stack_->ledger().StreamUsage(&context);
  pb::StreamUsageRequest message;
  for (int i = 1; i <= kMessages; ++i) {
    message.set_sequence(i);
    *message.mutable_request() = UsageOf(absl::StrCat("streamed-", i));
    ASSERT_TRUE(stream->Write(message));
  }
  stream->WritesDone();
  pb::StreamUsageResponse response;
  int64_t acknowledged = 0;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.refusals_size(), 0);
    acknowledged = response.acknowledged_sequence();
  }
  const absl::Status status = FromGrpcStatus(stream->Finish());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(acknowledged, kMessages);
  // 20 at once, and 50 ms for each of the others.
  EXPECT_GE(MonotonicNow() - begin, absl::Milliseconds(1900));
}

TEST_F(LimitsTest, AnAccountThatIsCalledAboutTooOftenKeepsNobodyElseWaitingAndCanBeBlocked) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_account_rate=3"}));
  ASSERT_NO_FATAL_FAILURE(Open("other"));
  ExpectRateExceeded(UntilRefused([&] { return Get("acct"); }), "ACCOUNT_RATE_EXCEEDED");
  int number = 0;
  ExpectRateExceeded(UntilRefused([&] {
                       return Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
                                   UsageOf(absl::StrCat("flood-", ++number)))
                           .status();
                     }),
                     "ACCOUNT_RATE_EXCEEDED");
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < 10; ++i) *batch.add_requests() = UsageOf(absl::StrCat("batch-", i));
  batch.mutable_requests(9)->set_account_id("other");
  const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage, batch);
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(ReasonOf(FromProtoStatus(booked->results(8).error())), "ACCOUNT_RATE_EXCEEDED");
  EXPECT_TRUE(booked->results(9).has_response()) << booked->results(9).error().message();
  EXPECT_TRUE(Get("other").ok());
  // What people decide comes through all the same.
  for (int i = 0; i < 10; ++i) {
    const auto blocked = Call(
        stack_->support(), &pb::Support::Stub::BlockAccount,
        Parse<pb::BlockAccountRequest>(absl::StrCat(
            "account_id: 'acct' reason: 'flooded' actor: 'ann' request_id: '", "block-", i, "'")));
    EXPECT_TRUE(blocked.ok()) << blocked.status();
  }
}

// --- Connections ------------------------------------------------------------------------

TEST_F(LimitsTest, AConnectionWithoutCallsIsClosedAndMadeAnewByTheNextCall) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_connection_idle=1s"}));
  const auto channel = Connect();
  const auto stub = pb::Accounts::NewStub(channel);
  const auto get = [&] {
    return Call(*stub, &pb::Accounts::Stub::GetAccount,
                Parse<pb::GetAccountRequest>("account_id: 'acct'"))
        .status();
  };
  ASSERT_TRUE(get().ok());
  ASSERT_EQ(channel->GetState(false), GRPC_CHANNEL_READY);
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY,
                                          absl::ToChronoTime(absl::Now() + absl::Seconds(20))));
  EXPECT_EQ(channel->GetState(false), GRPC_CHANNEL_IDLE);
  EXPECT_TRUE(get().ok());
}

TEST_F(LimitsTest, AConnectionHasAsManyCallsAtATimeAsMayBeAndTheNextWaits) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_concurrent_calls=2"}));
  const auto channel = Connect();
  const auto accounts = pb::Accounts::NewStub(channel);
  const auto get = [&](absl::Duration patience) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
    pb::Account account;
    return accounts
        ->GetAccount(&context, Parse<pb::GetAccountRequest>("account_id: 'acct'"), &account)
        .error_code();
  };
  // So that the connection stands, with what the server allows.
  ASSERT_EQ(get(absl::Seconds(20)), grpc::StatusCode::OK);
  const auto events = pb::Events::NewStub(channel);
  grpc::ClientContext contexts[2];
  std::vector<std::unique_ptr<grpc::ClientReader<pb::WatchEventsResponse>>> streams;
  for (grpc::ClientContext& context : contexts) {
    streams.push_back(events->WatchEvents(&context, pb::WatchEventsRequest()));
  }
  EXPECT_EQ(get(absl::Seconds(1)), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Get("acct").ok()) << "on another connection";
  contexts[0].TryCancel();
  EXPECT_EQ(get(absl::Seconds(20)), grpc::StatusCode::OK);
  contexts[1].TryCancel();
  for (const auto& stream : streams) stream->Finish();
}

TEST_F(LimitsTest, AConnectionThatIsOldIsLeftAndAStreamOnItGoesOn) {
  ASSERT_NO_FATAL_FAILURE(StartWithAccount({"--max_connection_age=1s"}));
  const auto channel = Connect();
  const auto accounts = pb::Accounts::NewStub(channel);
  const auto get = [&] {
    return Call(*accounts, &pb::Accounts::Stub::GetAccount,
                Parse<pb::GetAccountRequest>("account_id: 'acct'"))
        .status();
  };
  ASSERT_TRUE(get().ok());
  const auto events = pb::Events::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
  const auto stream = events->WatchEvents(&context, pb::WatchEventsRequest());
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY,
                                          absl::ToChronoTime(absl::Now() + absl::Seconds(20))));
  EXPECT_TRUE(get().ok());
  ASSERT_NO_FATAL_FAILURE(Open("later"));
  pb::WatchEventsResponse message;
  bool told = false;
  while (!told && stream->Read(&message)) {
    for (const pb::Event& event : message.events()) told |= event.account_id() == "later";
  }
  EXPECT_TRUE(told);
  context.TryCancel();
  stream->Finish();
}

// --- Many times the load ----------------------------------------------------------------

// Keeps so many calls under way, each followed by the next as soon as it has ended, whatever it was
// told.
class Flood {
 public:
  Flood(std::vector<std::shared_ptr<grpc::Channel>> channels, int calls_each) {
    for (const auto& channel : channels) stubs_.push_back(pb::Ledger::NewStub(channel));
    for (const auto& stub : stubs_) {
      for (int i = 0; i < calls_each; ++i) {
        ++under_way_;
        Next(*stub);
      }
    }
  }
  ~Flood() {
    stopped_ = true;
    EXPECT_TRUE(WaitUntil([this] { return under_way_ == 0; }, absl::Seconds(60)));
  }

  int64_t booked() const { return booked_; }
  int64_t refused() const { return refused_; }
  int64_t failed() const { return failed_; }

 private:
  struct UnderWay {
    grpc::ClientContext context;
    pb::RecordUsageRequest request;
    pb::RecordUsageResponse response;
  };

  void Next(pb::Ledger::Stub& stub) {
    auto* call = new UnderWay;
    call->request = UsageOf(absl::StrCat("flood-", ++number_));
    call->context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    stub.async()->RecordUsage(&call->context, &call->request, &call->response,
                              [this, call, &stub](const grpc::Status& status) {
                                delete call;
                                const bool overload =
                                    status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
                                ++(status.ok() ? booked_ : overload ? refused_ : failed_);
                                if (stopped_) {
                                  --under_way_;
                                } else {
                                  Next(stub);
                                }
                              });
  }

  std::vector<std::unique_ptr<pb::Ledger::Stub>> stubs_;
  std::atomic<int64_t> number_ = 0;
  std::atomic<int> under_way_ = 0;
  std::atomic<int64_t> booked_ = 0;
  std::atomic<int64_t> refused_ = 0;
  std::atomic<int64_t> failed_ = 0;
  std::atomic<bool> stopped_ = false;
};

TEST_F(LimitsTest, HealthStaysGreenWhileTenTimesAsMuchComesAsThereIsRoomFor) {
  constexpr int kRoom = 200;
  constexpr int kConnections = 10;
  constexpr int kProbes = 100;
  const int health_port = test_support::FreePort();
  ASSERT_NO_FATAL_FAILURE(
      StartWithAccount({"--lanes=1", absl::StrCat("--max_queue=", kRoom),
                        absl::StrCat("--health_listen=127.0.0.1:", health_port)}));
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < kConnections; ++i) channels.push_back(Connect());
  const auto probe = Connect();
  const auto own_port = grpc::CreateChannel(absl::StrCat("127.0.0.1:", health_port),
                                            grpc::InsecureChannelCredentials());
  const Flood flood(channels, kRoom);
  ASSERT_TRUE(WaitUntil([&] { return flood.refused() > int64_t{10} * kRoom; }, absl::Seconds(60)));
  absl::Duration slowest;
  for (int i = 0; i < kProbes; ++i) {
    const Moment begin = MonotonicNow();
    for (const auto& channel : {probe, own_port}) {
      const auto serving = IsServing(channel, "", absl::Seconds(5));
      EXPECT_TRUE(serving.ok() && *serving) << serving.status();
    }
    slowest = std::max(slowest, MonotonicNow() - begin);
  }
  RecordProperty("slowest_probe_ms", static_cast<int>(absl::ToInt64Milliseconds(slowest)));
  EXPECT_GT(flood.booked(), 0);
  EXPECT_EQ(flood.failed(), 0) << "what is neither booked nor told to come again";
  EXPECT_GT(MetricOf("reserve_ledger_overloaded_total"), 10 * kRoom);
}

}  // namespace
}  // namespace reserve::e2e
