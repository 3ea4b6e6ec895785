// The database dies in the middle of load: what was acknowledged is there exactly
// once, and what was not can be sent again.

#include <atomic>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;

constexpr int kCallers = 6;
constexpr int kCrashes = 3;
constexpr int64_t kAcknowledgedPerCrash = 300;

std::string AccountOf(int caller) { return absl::StrCat("account-", caller % 2); }

// Sends usages one batch after the other, each until it is acknowledged.
class Caller {
 public:
  Caller(int number, Engine& engine) : number_(number), engine_(engine) {}

  void RunUntil(const std::atomic<bool>& stop) {
    for (int round = 0; !stop; ++round) {
      std::vector<Order> orders;
      for (int i = 0; i < 5; ++i) {
        const std::string id = absl::StrCat("c", number_, "-", round, "-", i);
        orders.emplace_back(AccountOf(number_),
                            RecordUsage{Call(kUser, id, kDearNumber, int64_t{60} * (1 + i))});
      }
      while (!orders.empty()) orders = SendOnce(std::move(orders));
    }
  }

  int64_t acknowledged() const { return acknowledged_; }
  int64_t sent_again() const { return sent_again_; }

 private:
  // What was not acknowledged.
  std::vector<Order> SendOnce(std::vector<Order> orders) {
    const auto replies = AskAll(engine_, orders);
    std::vector<Order> rest;
    for (size_t i = 0; i < orders.size(); ++i) {
      if (replies[i].ok()) {
        ++acknowledged_;
        continue;
      }
      EXPECT_EQ(replies[i].status().code(), absl::StatusCode::kUnavailable) << replies[i].status();
      ++sent_again_;
      rest.push_back(std::move(orders[i]));
    }
    return rest;
  }

  const int number_;
  Engine& engine_;
  std::atomic<int64_t> acknowledged_ = 0;
  std::atomic<int64_t> sent_again_ = 0;
};

TEST(EngineCrashTest, NothingIsLostOrBookedTwiceWhenTheDatabaseDies) {
  if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
    GTEST_SKIP() << "kills its database server, so it needs one of its own";
  }
  auto server = PrivateDatabaseServer::Create();
  ASSERT_TRUE(server.ok()) << server.status();
  Ledger ledger(**server);
  EngineOptions options = ledger.Options();
  options.retry_budget = absl::Milliseconds(100);
  auto engine = ledger.StartEngine(options);
  for (int i = 0; i < 2; ++i) OpenFunded(*engine, AccountOf(i));

  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < kCallers; ++i) callers.push_back(std::make_unique<Caller>(i, *engine));
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (const auto& caller : callers) {
    threads.emplace_back([&caller, &stop] { caller->RunUntil(stop); });
  }
  const auto acknowledged = [&callers] {
    int64_t sum = 0;
    for (const auto& caller : callers) sum += caller->acknowledged();
    return sum;
  };
  const auto sent_again = [&callers] {
    int64_t sum = 0;
    for (const auto& caller : callers) sum += caller->sent_again();
    return sum;
  };
  for (int crash = 0; crash < kCrashes; ++crash) {
    const int64_t goal = acknowledged() + kAcknowledgedPerCrash;
    EXPECT_TRUE(WaitUntil([&] { return acknowledged() >= goal; }, absl::Seconds(60)));
    const int64_t before = sent_again();
    (*server)->Kill();
    // Callers are told that they don't know.
    EXPECT_TRUE(WaitUntil([&] { return sent_again() > before; }, absl::Seconds(60)));
    ASSERT_TRUE((*server)->Start().ok()) << (*server)->Log();
  }
  const int64_t goal = acknowledged() + kAcknowledgedPerCrash;
  EXPECT_TRUE(WaitUntil([&] { return acknowledged() >= goal; }, absl::Seconds(60)));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(engine->stats().connections_lost, 1);
  engine.reset();

  // Each caller goes on until all that it sent is acknowledged, so what is stored is
  // exactly that; ids are unique, or the audit would say so.
  const Findings findings = ledger.Audit();
  EXPECT_EQ(findings.usages, acknowledged());
  EXPECT_EQ(ledger.sql().QueryInt("SELECT COUNT(*) FROM usage_ids"), acknowledged());
  EXPECT_EQ(ledger.sql().QueryInt("SELECT COUNT(DISTINCT account_id, usage_id) FROM entries "
                                  "WHERE kind = 1"),
            acknowledged());
}

}  // namespace
}  // namespace reserve::engine
