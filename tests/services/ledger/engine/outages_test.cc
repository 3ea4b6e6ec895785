// A database that is away for long, or refuses to write for long: nobody waits for it in vain,
// however many wait, and one kind of work does not keep another waiting.
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/services/ledger/engine/sabotage.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;

constexpr absl::Duration kBudget = absl::Seconds(2);
constexpr int kWaiting = 60;

class OutagesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
      GTEST_SKIP() << "needs a database server of its own";
    }
    auto server = PrivateDatabaseServer::Create();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ledger_ = std::make_unique<Ledger>(*server_);
    sabotage_ = std::make_unique<Sabotage>(server_->socket_path());
    EngineOptions options = ledger_->Options();
    options.database.socket = sabotage_->socket_path();
    options.lanes = 1;
    options.max_batch = 1;  // so that many batches wait
    options.retry_budget = kBudget;
    options.house_interval = absl::Hours(1);
    engine_ = ledger_->StartEngine(options);
    OpenFunded(*engine_, "a");
  }

  // kWaiting usages at once.
  std::vector<absl::StatusOr<Reply>> BookMany(const std::string& prefix) {
    std::vector<Order> orders;
    for (int i = 0; i < kWaiting; ++i) {
      orders.emplace_back("a",
                          RecordUsage{Call(kUser, absl::StrCat(prefix, i), kStandardNumber, 60)});
    }
    return AskAll(*engine_, std::move(orders));
  }
  static void ExpectToldToRepeat(const absl::Status& status) {
    EXPECT_EQ(ReasonOf(status), "DATABASE_UNAVAILABLE") << status;
    EXPECT_TRUE(RetryAfterOf(status).has_value()) << status;
  }
  absl::Status Read() {
    return engine_->queries().Run([](storage::Connection& connection) {
      return connection.Query("SELECT 42", [](const storage::Row&) {});
    });
  }

  std::unique_ptr<PrivateDatabaseServer> server_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Sabotage> sabotage_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(OutagesTest, WhatAFullDiskRefusesWaitsOnceHoweverManyReadsWorkMeanwhile) {
  sabotage_->Begin([](const Sabotage::Statement& s) {
    return absl::StartsWith(s.text, "INSERT INTO entries") ? Ruling{Fate::kRefused, 1114}
                                                           : Ruling{};
  });
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::thread reader([&] {
    while (!stop) {
      EXPECT_TRUE(Read().ok());
      ++reads;
    }
  });
  const Moment begin = MonotonicNow();
  for (const absl::StatusOr<Reply>& reply : BookMany("call-")) ExpectToldToRepeat(reply.status());
  // Not once for each.
  EXPECT_LT(MonotonicNow() - begin, kBudget * kWaiting / 4);
  EXPECT_GT(reads, 0);
  stop = true;
  reader.join();
  // What only reads is answered by the lane, too.
  const auto authorized =
      Ask<AuthorizeReply>(*engine_, "a", AuthorizeUsage{Call(kUser, "", kStandardNumber, 60)});
  EXPECT_TRUE(authorized.ok()) << authorized.status();
  sabotage_->End();
  for (const absl::StatusOr<Reply>& reply : BookMany("call-")) EXPECT_TRUE(reply.ok());
  EXPECT_EQ(ledger_->Audit().difference_count, 0);
}

TEST_F(OutagesTest, WhileNobodyAnswersWhatWaitsIsToldAtOnce) {
  server_->Freeze();
  const Moment begin = MonotonicNow();
  absl::BlockingCounter reads(kWaiting);
  for (int i = 0; i < kWaiting; ++i) {
    engine_->queries().Submit(
        [](storage::Connection& connection) {
          return connection.Query("SELECT 42", [](const storage::Row&) {});
        },
        [&reads](const absl::Status& status) {
          ExpectToldToRepeat(status);
          reads.DecrementCount();
        });
  }
  for (const absl::StatusOr<Reply>& reply : BookMany("call-")) ExpectToldToRepeat(reply.status());
  reads.Wait();
  // A statement hangs for 4 s, and each connection that is tried for 1 s.
  EXPECT_LT(MonotonicNow() - begin, absl::Seconds(kWaiting / 3));
  server_->Thaw();
  EXPECT_TRUE(WaitUntil([this] { return Read().ok(); }, absl::Seconds(30)));
  EXPECT_TRUE(WaitUntil(
      [this] { return Ask<UsageReply>(*engine_, "a", Costing(kNanosPerUnit / 100)).ok(); },
      absl::Seconds(30)));
}

}  // namespace
}  // namespace reserve::engine
