// The database dies under load and comes back, for a moment and for long: callers wait or are
// told, health says so, nothing that was acknowledged is lost or booked twice, and service is back
// with the database.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using absl::StatusCode;
using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;

constexpr int kCallers = 4;
// A bound on what is promised, not on what is usual: see what the test prints.
constexpr absl::Duration kBackWithin = absl::Seconds(5);
constexpr absl::Duration kLongOutage = absl::Seconds(11);

// 1 serving, 2 not serving, -1 no answer.
int Health(Stack& stack) {
  const auto answer = stack.CallRaw("/grpc.health.v1.Health/Check", "");
  return answer.ok() && answer->size() == 2 ? (*answer)[1] : -1;
}

std::string AccountOf(int caller) { return absl::StrCat("acct-", caller % 2); }

// Books usages one after the other on its account, each until it is acknowledged.
class Caller {
 public:
  Caller(Stack& stack, int number) : stack_(stack), number_(number), thread_([this] { Run(); }) {}
  ~Caller() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  int64_t acknowledged() const { return acknowledged_; }
  int64_t refused() const { return refused_; }
  // What it was told, with the number of times, and the sequence numbers by usage id.
  std::map<std::string, int> refusals() const {
    absl::MutexLock lock(&mutex_);
    return refusals_;
  }
  std::map<std::string, int64_t> booked() const {
    absl::MutexLock lock(&mutex_);
    return booked_;
  }

 private:
  void Run() {
    for (int i = 0; !stop_; ++i) {
      const std::string usage_id = absl::StrCat("usage-", number_, "-", i);
      const auto request = Parse<pb::RecordUsageRequest>(
          absl::StrCat("account_id: '", AccountOf(number_), "' usage { usage_id: '", usage_id,
                       "' user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()),
                       " } call { direction: DIRECTION_OUTBOUND destination: '+18765550123' "
                       "duration { seconds: 60 } } }"));
      while (!Book(usage_id, request)) absl::SleepFor(absl::Milliseconds(20));
    }
  }

  bool Book(const std::string& usage_id, const pb::RecordUsageRequest& request) {
    const auto reply = Call(stack_.ledger(), &pb::Ledger::Stub::RecordUsage, request);
    absl::MutexLock lock(&mutex_);
    if (reply.ok()) {
      booked_[usage_id] = reply->seq();
      ++acknowledged_;
      return true;
    }
    ++refusals_[absl::StrCat(absl::StatusCodeToString(reply.status().code()), " ",
                             ReasonOf(reply.status()))];
    ++refused_;
    return false;
  }

  Stack& stack_;
  const int number_;
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> acknowledged_ = 0;
  std::atomic<int64_t> refused_ = 0;
  mutable absl::Mutex mutex_;
  std::map<std::string, int> refusals_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> booked_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

class DatabaseRestartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = PrivateDatabaseServer::Create();
    if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    auto stack = Stack::Start({.server = server_.get(),
                               .ledger_flags = {"--lease_duration=5s"},
                               .dollars = {{"max_automatic_amount_per_hour", "1000000"},
                                           {"max_automatic_amount_per_day", "1000000"}},
                               .gateway = true,
                               .workers = 1});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    for (int i = 0; i < 2; ++i) {
      const std::string account_id = AccountOf(i);
      ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                       Parse<pb::OpenAccountRequest>(absl::StrCat(
                           "account_id: '", account_id, "' card_token: 'tok_visa#", i, "'")))
                      .ok());
      ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                       Parse<pb::PutUserRequest>(
                           absl::StrCat("account_id: '", account_id, "' user_id: 'u'")))
                      .ok());
    }
  }

  void StartLoad() {
    for (int i = 0; i < kCallers; ++i) callers_.push_back(std::make_unique<Caller>(*stack_, i));
  }
  // Waits until every caller had this many more usages acknowledged.
  bool AwaitProgress(int64_t usages) {
    for (const auto& caller : callers_) {
      const int64_t goal = caller->acknowledged() + usages;
      if (!WaitUntil([&] { return caller->acknowledged() >= goal; }, absl::Seconds(60))) {
        return false;
      }
    }
    return true;
  }
  int64_t Refused() const {
    int64_t sum = 0;
    for (const auto& caller : callers_) sum += caller->refused();
    return sum;
  }

  // Starts the database, and measures how long after that health and callers are served.
  void ExpectServiceBack(const char* what, absl::Time died) {
    ASSERT_TRUE(server_->Start().ok()) << server_->Log();
    const absl::Time back = absl::Now();
    EXPECT_TRUE(WaitUntil([this] { return Health(*stack_) == 1; }, absl::Seconds(60)));
    const absl::Duration until_health = absl::Now() - back;
    EXPECT_TRUE(AwaitProgress(1));
    const absl::Duration until_booked = absl::Now() - back;
    std::printf("%s: the database was away for %s; healthy %s and all callers served %s later\n",
                what, absl::FormatDuration(back - died).c_str(),
                absl::FormatDuration(until_health).c_str(),
                absl::FormatDuration(until_booked).c_str());
    EXPECT_LE(until_health, kBackWithin);
    EXPECT_LE(until_booked, kBackWithin);
  }

  // Ends the load; what callers were told is what is stored, once, and all of it adds up.
  void ExpectNothingLostOrDoubled() {
    for (const auto& caller : callers_) caller->Stop();
    std::map<std::string, int64_t> told;
    for (int i = 0; i < kCallers; ++i) {
      for (const auto& [refusal, times] : callers_[static_cast<size_t>(i)]->refusals()) {
        EXPECT_EQ(refusal, "UNAVAILABLE DATABASE_UNAVAILABLE") << times << " times";
      }
      for (const auto& [usage_id, seq] : callers_[static_cast<size_t>(i)]->booked()) {
        told[absl::StrCat(AccountOf(i), "/", usage_id)] = seq;
      }
    }
    std::map<std::string, int64_t> stored;
    int64_t rows = 0;
    for (const auto& row :
         stack_->database().Query("SELECT account_id, usage_id, seq FROM entries WHERE kind = 1")) {
      stored[absl::StrCat(row[0], "/", row[1])] = std::stoll(row[2]);
      ++rows;
    }
    EXPECT_EQ(told, stored);
    EXPECT_EQ(static_cast<size_t>(rows), stored.size()) << "booked twice";
    // Whatever was charged meanwhile is credited in the end.
    EXPECT_TRUE(WaitUntil(
        [this] {
          return stack_->database().QueryInt("SELECT COUNT(*) FROM recharges WHERE state <> 2") ==
                 0;
        },
        absl::Seconds(60)));
    const auto verified = stack_->RunLedger({"verify"});
    EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
    EXPECT_TRUE(stack_->ledger_process()->Running());
    EXPECT_TRUE(stack_->worker_process(0)->Running());
  }

  std::unique_ptr<PrivateDatabaseServer> server_;
  std::unique_ptr<Stack> stack_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

TEST_F(DatabaseRestartTest, AShortOutageIsRiddenOutAndALongOneIsTold) {
  StartLoad();
  ASSERT_TRUE(AwaitProgress(20));

  // Shorter than the ledger tries for (5 s): callers wait, and most are served in the end.
  const int64_t refused_before = Refused();
  absl::Time died = absl::Now();
  server_->Kill();
  ASSERT_NO_FATAL_FAILURE(ExpectServiceBack("short", died));
  if (absl::Now() - died < absl::Seconds(4)) {
    EXPECT_EQ(Refused(), refused_before) << "nobody has to be told of an outage this short";
  }
  ASSERT_TRUE(AwaitProgress(20));

  died = absl::Now();
  server_->Kill();
  EXPECT_TRUE(WaitUntil([this] { return Health(*stack_) == 2; }));
  std::printf("long: not serving %s after the database died\n",
              absl::FormatDuration(absl::Now() - died).c_str());
  const auto read = Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                         Parse<pb::GetAccountRequest>("account_id: 'acct-0'"));
  EXPECT_EQ(read.status().code(), StatusCode::kUnavailable) << read.status();
  EXPECT_EQ(ReasonOf(read.status()), "DATABASE_UNAVAILABLE");
  // Every caller is told, and told again at once when it repeats: nobody waits in line.
  for (const auto& caller : callers_) {
    EXPECT_TRUE(WaitUntil([&] { return caller->refused() >= 20; }));
  }
  EXPECT_TRUE(WaitUntil([&] { return absl::Now() - died >= kLongOutage; }));
  EXPECT_EQ(Health(*stack_), 2);
  ASSERT_NO_FATAL_FAILURE(ExpectServiceBack("long", died));
  ASSERT_TRUE(AwaitProgress(20));
  ExpectNothingLostOrDoubled();
}

TEST_F(DatabaseRestartTest, ADatabaseThatHangsIsNoticedAndItsReturnToo) {
  server_->Freeze();
  EXPECT_TRUE(WaitUntil([this] { return Health(*stack_) == 2; }));
  server_->Thaw();
  EXPECT_TRUE(WaitUntil([this] { return Health(*stack_) == 1; }));
  StartLoad();
  EXPECT_TRUE(AwaitProgress(1));
  ExpectNothingLostOrDoubled();
}

}  // namespace
}  // namespace reserve::e2e
