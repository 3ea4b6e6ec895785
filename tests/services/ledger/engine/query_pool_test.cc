// Work that takes long can be ended: when its caller has gone, and when a drain begins.
#include "services/ledger/engine/query_pool.h"

#include <atomic>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/engine/errors.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

class QueryPoolTest : public testing::Test {
 protected:
  // Work without an end: statement after statement until one fails.
  absl::Status WorkWithoutEnd(storage::Connection& connection) {
    while (true) {
      RESERVE_RETURN_IF_ERROR(connection.Query("SELECT SLEEP(0.01)", [](const storage::Row&) {}));
      ++statements_;
    }
  }
  void Start(QueryPool::Gone gone = nullptr) {
    pool_.Submit([this](storage::Connection& connection) { return WorkWithoutEnd(connection); },
                 [this](const absl::Status& status) {
                   result_ = status;
                   ended_.Notify();
                 },
                 std::move(gone));
    ASSERT_TRUE(test_support::WaitUntil([this] { return statements_ > 0; }, absl::Seconds(20)));
  }

  storage::DatabaseOptions Options() {
    storage::DatabaseOptions options = ledger_.Options().database;
    options.io_timeout_seconds = 29;  // as nobody else's here
    return options;
  }

  Ledger ledger_;
  std::atomic<int64_t> refused_ = 0;
  std::atomic<int> statements_ = 0;
  absl::Status result_;
  absl::Notification ended_;
  QueryPool pool_{Options(), /*threads=*/1, /*patience=*/absl::Seconds(5), refused_};
};

TEST_F(QueryPoolTest, ADrainEndsWhatIsUnderWayAndWhatWaits) {
  Start();
  absl::Status waiting;
  absl::Notification waiting_ended;
  pool_.Submit([](storage::Connection&) { return absl::OkStatus(); },
               [&](const absl::Status& status) {
                 waiting = status;
                 waiting_ended.Notify();
               });
  pool_.Drain();
  ended_.WaitForNotification();
  waiting_ended.WaitForNotification();
  for (const absl::Status& status : {result_, waiting}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), "DRAINING") << status;
  }
}

TEST_F(QueryPoolTest, ADrainBreaksOffAStatementThatTakesLong) {
  const Moment begin = MonotonicNow();
  pool_.Submit(
      [this](storage::Connection& connection) {
        ++statements_;
        return connection.Execute("DO SLEEP(25)");
      },
      [this](const absl::Status& status) {
        result_ = status;
        ended_.Notify();
      });
  ASSERT_TRUE(test_support::WaitUntil([this] { return statements_ > 0; }, absl::Seconds(20)));
  pool_.Drain();
  ended_.WaitForNotification();
  EXPECT_EQ(ReasonOf(result_), "DRAINING") << result_;
  EXPECT_LT(MonotonicNow() - begin, absl::Seconds(15));
}

// Those for other shards would wait behind it.
TEST_F(QueryPoolTest, AShardThatIsAwayIsNotWaitedFor) {
  int tries = 0;
  const Moment begin = MonotonicNow();
  const absl::Status asked = pool_.Run([&tries](storage::Connection&) {
    ++tries;
    return storage::DatabaseError(storage::ErrorClass::kShard, "target: reserve.80-.primary: away");
  });
  EXPECT_EQ(asked.code(), absl::StatusCode::kUnavailable) << asked;
  EXPECT_EQ(ReasonOf(asked), "DATABASE_UNAVAILABLE");
  EXPECT_EQ(tries, 2) << "the session may have lost its place there";
  EXPECT_LT(MonotonicNow() - begin, absl::Seconds(4));
  EXPECT_TRUE(pool_.Run([](storage::Connection&) { return absl::OkStatus(); }).ok());
}

TEST_F(QueryPoolTest, WorkWhoseCallerHasGoneEndsAndTheThreadIsFree) {
  std::atomic<bool> gone = false;
  Start([&gone] { return gone ? CallerGone() : absl::OkStatus(); });
  gone = true;
  ended_.WaitForNotification();
  EXPECT_EQ(result_.code(), absl::StatusCode::kCancelled) << result_;
  // On a session without what the other left open.
  int64_t answer = 0;
  const absl::Status next = pool_.Run([&answer](storage::Connection& connection) {
    return connection.Query("SELECT 42", [&](const storage::Row& row) { answer = row.Int(1); });
  });
  EXPECT_TRUE(next.ok()) << next;
  EXPECT_EQ(answer, 42);
}

TEST_F(QueryPoolTest, WorkWhoseCallerHasGoneBeforeItBeganIsNotBegun) {
  std::atomic<bool> begun = false;
  pool_.Submit(
      [&begun](storage::Connection&) {
        begun = true;
        return absl::OkStatus();
      },
      [this](const absl::Status& status) {
        result_ = status;
        ended_.Notify();
      },
      [] { return CallerGone(); });
  ended_.WaitForNotification();
  EXPECT_EQ(result_.code(), absl::StatusCode::kCancelled) << result_;
  EXPECT_FALSE(begun);
}

}  // namespace
}  // namespace reserve::engine
