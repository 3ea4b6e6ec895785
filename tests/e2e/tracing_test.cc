// Traces of the real programs, at a collector that is there, hangs, is away and comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/free_port.h"
#include "tests/support/http_get.h"
#include "tests/support/trace_collector.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::FreePort;
using test_support::HttpGet;
using test_support::TraceCollector;
using test_support::WaitUntil;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Span = TraceCollector::Span;

constexpr char kTraceId[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kSpanId[] = "b7ad6b7169203331";
constexpr char kRecordUsage[] = "reserve.ledger.v1.Ledger/RecordUsage";

std::string Traceparent(bool sampled) {
  return absl::StrCat("00-", kTraceId, "-", kSpanId, sampled ? "-01" : "-00");
}

class TracingTest : public ::testing::Test {
 protected:
  // The programs send spans to `port_`, whoever is there.
  void Start(const std::string& ratio) {
    const std::vector<std::string> flags = {absl::StrCat("--otlp_endpoint=127.0.0.1:", port_),
                                            "--trace_ratio=" + ratio, "--log_level=debug"};
    StartWith(flags);
  }
  void StartWith(const std::vector<std::string>& flags) {
    auto stack = Stack::Start({.ledger_flags = flags,
                               .gateway = true,
                               .gateway_flags = {"--log_level=debug"},
                               .workers = 1,
                               .worker_flags = flags});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    const auto opened = Call(
        stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
        Parse<pb::OpenAccountRequest>("account_id: 'acct' card_token: 'tok_visa#traced-card'"));
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                     Parse<pb::PutUserRequest>("account_id: 'acct' user_id: 'u'"))
                    .ok());
    ASSERT_TRUE(WaitUntil([&] { return BalanceUnits() == 15; }));
  }

  int64_t BalanceUnits() {
    const auto account = Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                              Parse<pb::GetAccountRequest>("account_id: 'acct'"));
    return account.ok() ? account->balance().units() : -1;
  }

  // Books a call as part of a trace, with what else callers send along.
  grpc::Status Record(const pb::RecordUsageRequest& request,
                      const std::optional<std::string>& traceparent) {
    grpc::ClientContext context;
    if (traceparent.has_value()) context.AddMetadata("traceparent", *traceparent);
    context.AddMetadata("baggage", "customer=baggage-of-the-caller");
    pb::RecordUsageResponse response;
    return stack_->ledger().RecordUsage(&context, request, &response);
  }

  // A call that takes the balance below the threshold, so that the worker charges the card.
  pb::RecordUsageRequest DearCall(const std::string& usage_id) {
    pb::RecordUsageRequest request = UsageOf(usage_id);
    request.mutable_usage()->mutable_call()->set_destination("+8816234567");
    return request;
  }

  double Metric(const std::string& name) {
    for (const std::string& line : LinesOf(HttpGet(stack_->metrics_port(), "/metrics"))) {
      double value = 0;
      if (absl::StartsWith(line, name + " ") &&
          absl::SimpleAtod(line.substr(name.size() + 1), &value)) {
        return value;
      }
    }
    return -1;
  }

  // The only span of the name that is in the caller's trace.
  Span Only(TraceCollector& collector, const std::string& name) {
    std::vector<Span> found;
    WaitUntil([&] {
      found.clear();
      for (const Span& span : collector.Named(name)) {
        if (absl::BytesToHexString(span.trace_id()) == kTraceId) found.push_back(span);
      }
      return !found.empty();
    });
    EXPECT_THAT(found, SizeIs(1)) << name;
    return found.empty() ? Span() : found.front();
  }

  const int port_ = FreePort();
  std::unique_ptr<Stack> stack_;
};

TEST_F(TracingTest, ACallIsFollowedThroughItsCommitTheWorkerTheGatewayAndTheReport) {
  TraceCollector collector(port_);
  ASSERT_TRUE(collector.listens());
  ASSERT_NO_FATAL_FAILURE(Start("0"));
  ASSERT_TRUE(Record(DearCall("dip"), Traceparent(true)).ok());

  const Span call = Only(collector, kRecordUsage);
  EXPECT_EQ(absl::BytesToHexString(call.parent_span_id()), kSpanId);
  EXPECT_EQ(call.kind(), 2);
  EXPECT_LE(call.start_time_unix_nano(), call.end_time_unix_nano());
  const Span commit = collector.Named("ledger.commit").front();
  EXPECT_EQ(commit.parent_span_id(), call.span_id());
  ASSERT_THAT(commit.links(), SizeIs(1));
  EXPECT_EQ(commit.links(0).span_id(), call.span_id());
  const Span charge = Only(collector, "worker.charge");
  EXPECT_EQ(charge.parent_span_id(), call.span_id());
  EXPECT_EQ(charge.kind(), 5);
  const Span at_gateway = Only(collector, "reserve.gateway.v1.PaymentGateway/Charge");
  EXPECT_EQ(at_gateway.parent_span_id(), charge.span_id());
  EXPECT_EQ(at_gateway.kind(), 3);
  std::vector<Span> reports;
  ASSERT_TRUE(WaitUntil([&] {
    reports = collector.Named("reserve.ledger.v1.Recharges/ReportRecharge");
    return reports.size() == 2;
  }));
  const Span& sent = reports[reports[0].kind() == 3 ? 0 : 1];
  const Span& taken = reports[reports[0].kind() == 3 ? 1 : 0];
  EXPECT_EQ(sent.parent_span_id(), charge.span_id());
  EXPECT_EQ(taken.parent_span_id(), sent.span_id());

  // And in the logs of all three by the trace's id; nothing of what else the caller sent.
  for (test_support::Subprocess* process :
       {stack_->ledger_process(), stack_->worker_process(0), stack_->gateway_process()}) {
    EXPECT_THAT(process->Stderr(), HasSubstr(absl::StrCat("\"trace_id\":\"", kTraceId, "\"")));
    EXPECT_FALSE(absl::StrContains(process->Stderr(), "baggage-of-the-caller"));
  }
  EXPECT_FALSE(absl::StrContains(collector.Text(), "baggage-of-the-caller"));
  EXPECT_FALSE(absl::StrContains(collector.Text(), "traced-card"));
  EXPECT_FALSE(absl::StrContains(collector.Text(), "8816234567"));
  EXPECT_FALSE(absl::StrContains(collector.Text(), "acct"));
}

TEST_F(TracingTest, TheCallersWordSaysWhatIsTracedAndElseTheRatio) {
  TraceCollector collector(port_);
  ASSERT_NO_FATAL_FAILURE(Start("0"));
  ASSERT_TRUE(Record(UsageOf("not-sampled"), Traceparent(false)).ok());
  ASSERT_TRUE(Record(UsageOf("nothing-said"), std::nullopt).ok());
  ASSERT_TRUE(Record(UsageOf("no-sense"), "00-zz-01").ok());
  ASSERT_TRUE(Record(UsageOf("sampled"), Traceparent(true)).ok());
  ASSERT_TRUE(WaitUntil([&] { return !collector.Named(kRecordUsage).empty(); }));
  EXPECT_THAT(collector.Named(kRecordUsage), SizeIs(1));
}

TEST_F(TracingTest, EachCallIsTracedIfTheRatioIsOne) {
  TraceCollector collector(port_);
  ASSERT_NO_FATAL_FAILURE(Start("1"));
  ASSERT_TRUE(Record(UsageOf("nothing-said"), std::nullopt).ok());
  ASSERT_TRUE(WaitUntil([&] { return !collector.Named(kRecordUsage).empty(); }));
  EXPECT_THAT(collector.Named(kRecordUsage).front().parent_span_id(), IsEmpty());
}

TEST_F(TracingTest, ACollectorThatIsAwayHangsAndComesBackKeepsNobodyWaiting) {
  ASSERT_NO_FATAL_FAILURE(Start("1"));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Record(UsageOf(absl::StrCat("away-", i)), std::nullopt).ok());
  }
  EXPECT_TRUE(WaitUntil([&] { return Metric("reserve_trace_spans_queued") >= 20; }));
  EXPECT_TRUE(stack_->ledger_process()
                  ->WaitForOutput("the trace collector does not take spans", absl::Seconds(30))
                  .ok());
  {
    TraceCollector collector(port_);
    ASSERT_TRUE(collector.listens());
    // What ended while it was away was kept.
    EXPECT_TRUE(
        WaitUntil([&] { return collector.Named(kRecordUsage).size() >= 20; }, absl::Minutes(1)));
    EXPECT_TRUE(stack_->ledger_process()
                    ->WaitForOutput("the trace collector takes spans again", absl::Seconds(30))
                    .ok());
    collector.Hang(true);
    const absl::Time begin = absl::Now();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(Record(UsageOf(absl::StrCat("slow-", i)), std::nullopt).ok());
    }
    EXPECT_TRUE(WaitUntil([&] { return collector.Kept(); }));
    ASSERT_TRUE(Record(UsageOf("while-it-hangs"), std::nullopt).ok());
    EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
    // A ledger that ends does not wait for it either.
    stack_->ledger_process()->Signal(SIGTERM);
    EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(30)), 0);
    collector.Hang(false);
  }
}

// CPU seconds that the ledger takes for so many calls.
class TracingCostTest : public TracingTest {
 protected:
  double CpuOfCalls(const std::string& prefix, int calls) {
    const double before = Metric("process_cpu_seconds_total");
    for (int i = 0; i < calls; ++i) {
      EXPECT_TRUE(Record(UsageOf(absl::StrCat(prefix, i)), std::nullopt).ok());
    }
    return Metric("process_cpu_seconds_total") - before;
  }
};

TEST_F(TracingCostTest, ADeadCollectorCostsNothing) {
  constexpr int kCalls = 1500;
  ASSERT_NO_FATAL_FAILURE(StartWith({}));
  CpuOfCalls("warm-", kCalls / 5);
  const double without = CpuOfCalls("without-", kCalls);
  stack_.reset();
  // Each call is traced, and nobody is there.
  ASSERT_NO_FATAL_FAILURE(StartWith(
      {absl::StrCat("--otlp_endpoint=127.0.0.1:", port_), "--trace_ratio=1", "--otlp_plaintext"}));
  CpuOfCalls("warm-", kCalls / 5);
  const double with = CpuOfCalls("with-", kCalls);
  RecordProperty("cpu_without", std::to_string(without));
  RecordProperty("cpu_with", std::to_string(with));
  std::printf("CPU of %d calls: %.2f s untraced, %.2f s traced to a dead collector\n", kCalls,
              without, with);
  // A third more would be a bill; what a busy machine adds at random is less.
  EXPECT_LT(with, 1.33 * without + 0.05);
}

}  // namespace
}  // namespace reserve::e2e
