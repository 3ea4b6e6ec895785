// What the engine does for traces: spans of transactions, and recharges that know what opened them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/telemetry/trace.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;

class TracesTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> Start() {
    EngineOptions options = ledger_.Options();
    options.tracer = &tracer_;
    auto engine = ledger_.StartEngine(options);
    OpenFunded(*engine, "a");
    return engine;
  }
  // Books so many calls at once, each of a trace of its own.
  std::vector<TraceContext> Book(Engine& engine, size_t calls, bool sampled) {
    std::vector<Order> orders;
    for (size_t i = 0; i < calls; ++i) {
      orders.emplace_back(
          "a", RecordUsage{Call(kUser, absl::StrCat("c", booked_++), kStandardNumber, 60)});
    }
    Replies replies(calls);
    std::vector<Task> tasks = TasksFor(std::move(orders), &replies);
    std::vector<TraceContext> traces;
    for (Task& task : tasks) {
      task.trace = {1, 1 + traces.size(), 1 + traces.size(), sampled};
      traces.push_back(task.trace);
    }
    engine.Submit(std::move(tasks));
    for (const auto& reply : replies.Wait()) EXPECT_TRUE(reply.ok()) << reply.status();
    return traces;
  }
  std::vector<Span> Ended() { return tracer_.Take(1000, absl::ZeroDuration()); }

  Tracer tracer_{{.on = true, .ratio = 0}};
  Ledger ledger_;
  int booked_ = 0;
};

TEST_F(TracesTest, ACommitIsLinkedToTheSampledCallsThatItServedAndTo128AtTheMost) {
  const auto engine = Start();
  const std::vector<TraceContext> few = Book(*engine, 3, /*sampled=*/true);
  std::vector<TraceContext> linked;
  for (const Span& span : Ended()) {
    EXPECT_EQ(span.name, "ledger.commit");
    EXPECT_EQ(span.parent_id, span.links.front().span_id);
    linked.insert(linked.end(), span.links.begin(), span.links.end());
  }
  EXPECT_EQ(linked, few);
  Book(*engine, 500, /*sampled=*/true);
  size_t most = 0;
  for (const Span& span : Ended()) most = std::max(most, span.links.size());
  EXPECT_EQ(most, 128);
}

TEST_F(TracesTest, CallsThatAreNotSampledMakeNoSpan) {
  const auto engine = Start();
  Book(*engine, 50, /*sampled=*/false);
  EXPECT_THAT(Ended(), testing::IsEmpty());
}

// Keeps what it is handed.
class Handed : public RechargeWatcher {
 public:
  void OnLease(const LeasedRecharge& leased) override {
    absl::MutexLock lock(&mutex_);
    traces_.push_back(leased.trace);
  }
  std::vector<TraceContext> traces() {
    absl::MutexLock lock(&mutex_);
    return traces_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<TraceContext> traces_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(TracesTest, ARechargeIsHandedOutWithTheTraceOfTheCallThatOpenedIt) {
  const auto engine = Start();
  Handed worker;
  engine->dispatcher().Add(&worker, "w", 4);
  Replies replies(1);
  std::vector<Task> tasks = TasksFor({{"a", Costing(6 * kNanosPerUnit)}}, &replies);
  tasks[0].trace = {7, 8, 9, false};
  engine->Submit(std::move(tasks));
  ASSERT_TRUE(replies.Wait()[0].ok());
  ASSERT_TRUE(WaitUntil([&] { return !worker.traces().empty(); }));
  EXPECT_EQ(worker.traces().front(), (TraceContext{7, 8, 9, false}));
  engine->dispatcher().Remove(&worker);
}

}  // namespace
}  // namespace reserve::engine
