// Several ledgers on one database, with the same accounts.

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

constexpr int kThreads = 6;
constexpr int kReplicaRounds = 40;
constexpr int kUsagesARound = 8;
constexpr int kAccounts = 3;

// A worker whose charges always succeed: it reports as soon as it is asked.
class InstantWorker : public RechargeWatcher, public ReplySink {
 public:
  explicit InstantWorker(Engine& engine) : engine_(engine) {}
  void OnLease(const LeasedRecharge& leased) override {
    ReportRecharge report =
        Succeeded(leased.recharge.ordinal, leased.recharge.amount, leased.recharge.attempt);
    report.outcome.lease_epoch = leased.recharge.lease_epoch;
    ++reported_;
    engine_.Submit({{leased.recharge.account_id, report, this, 0}});
  }
  void Done(uint32_t, absl::StatusOr<Reply> reply) override {
    EXPECT_TRUE(reply.ok()) << reply.status();
    ++answered_;
  }
  bool idle() const { return reported_ == answered_; }
  int64_t reported() const { return reported_; }

 private:
  Engine& engine_;
  std::atomic<int64_t> reported_ = 0;
  std::atomic<int64_t> answered_ = 0;
};

std::string AccountOf(int i) { return absl::StrCat("account-", i % kAccounts); }

// One caller: sends each round to one ledger, and some of it to the other as well.
void Hammer(int thread, std::vector<std::unique_ptr<Engine>>& engines,
            std::map<std::string, int64_t>* seq_of) {
  std::mt19937 random(static_cast<uint32_t>(thread));
  for (int round = 0; round < kReplicaRounds; ++round) {
    std::vector<Order> orders;
    for (int i = 0; i < kUsagesARound; ++i) {
      const std::string id = absl::StrCat("t", thread, "-r", round, "-", i);
      const bool dear = random() % 2 == 0;
      orders.emplace_back(AccountOf(static_cast<int>(random() % kAccounts)),
                          RecordUsage{Call(random() % 2 == 0 ? kUser : kUnlimitedUser, id,
                                           dear ? kDearNumber : kStandardNumber,
                                           static_cast<int64_t>(random() % 900))});
    }
    Replies first(orders.size());
    Replies second(orders.size());
    engines[random() % 2]->Submit(TasksFor(orders, &first));
    const bool twice = random() % 4 == 0;
    if (twice) engines[random() % 2]->Submit(TasksFor(orders, &second));
    const auto replies = first.Wait();
    for (size_t i = 0; i < replies.size(); ++i) {
      ASSERT_TRUE(replies[i].ok()) << replies[i].status();
      const std::string& account_id = orders[i].first;
      const std::string& id = std::get<RecordUsage>(orders[i].second).usage.usage_id;
      (*seq_of)[absl::StrCat(account_id, "/", id)] = book::As<UsageReply>(*replies[i]).seq;
    }
    if (!twice) continue;
    const auto again = second.Wait();
    for (size_t i = 0; i < again.size(); ++i) {
      ASSERT_TRUE(again[i].ok()) << again[i].status();
      const auto& a = book::As<UsageReply>(*replies[i]);
      const auto& b = book::As<UsageReply>(*again[i]);
      EXPECT_EQ(a.seq, b.seq);
      EXPECT_EQ(a.balance_after, b.balance_after);
      EXPECT_NE(a.duplicate, b.duplicate);
    }
  }
}

TEST(ReplicasTest, HammeredAccountsAddUp) {
  Ledger ledger;
  std::vector<std::unique_ptr<Engine>> engines;
  EngineOptions options = ledger.Options();
  options.retry_budget = absl::Seconds(60);
  options.settings.currencies["USD"].max_automatic_amount_per_hour = 10'000'000 * kNanosPerUnit;
  options.settings.currencies["USD"].max_automatic_amount_per_day = 10'000'000 * kNanosPerUnit;
  for (int i = 0; i < 2; ++i) engines.push_back(ledger.StartEngine(options));
  for (int i = 0; i < kAccounts; ++i) OpenFunded(*engines[0], AccountOf(i));
  InstantWorker workers[2] = {InstantWorker(*engines[0]), InstantWorker(*engines[1])};
  for (size_t i = 0; i < 2; ++i) {
    engines[i]->dispatcher().Add(&workers[i], absl::StrCat("w", i), 100);
  }

  std::vector<std::thread> threads;
  std::vector<std::map<std::string, int64_t>> seqs(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back(
        [t, &engines, &seqs] { Hammer(t, engines, &seqs[static_cast<size_t>(t)]); });
  }
  for (std::thread& thread : threads) thread.join();
  // Every open recharge is charged in the end.
  EXPECT_TRUE(test_support::WaitUntil([&] {
    return ledger.sql().QueryInt("SELECT COUNT(*) FROM recharges WHERE state <> 2") == 0 &&
           workers[0].idle() && workers[1].idle();
  }));
  for (size_t i = 0; i < 2; ++i) engines[i]->dispatcher().Remove(&workers[i]);
  engines.clear();

  EXPECT_GT(workers[0].reported() + workers[1].reported(), 0);
  const Findings findings = ledger.Audit();
  EXPECT_EQ(findings.usages, kThreads * kReplicaRounds * kUsagesARound);
  EXPECT_EQ(findings.difference_count, 0);
  // What callers were told is what is stored.
  std::map<std::string, int64_t> told;
  for (const auto& of_thread : seqs) told.insert(of_thread.begin(), of_thread.end());
  std::map<std::string, int64_t> stored;
  for (const auto& row : ledger.sql().Query("SELECT account_id, usage_id, seq FROM usage_ids")) {
    stored[absl::StrCat(row[0], "/", row[1])] = std::stoll(row[2]);
  }
  EXPECT_EQ(told, stored);
}

TEST(ReplicasTest, AnAccountOpenedByTwoAtOnceIsOpenedOnce) {
  Ledger ledger;
  const auto one = ledger.StartEngine();
  const auto two = ledger.StartEngine();
  std::vector<Order> orders;
  for (int i = 0; i < 100; ++i) orders.emplace_back(absl::StrCat("a", i), OpenWithCard());
  Replies replies[2] = {Replies(orders.size()), Replies(orders.size())};
  one->Submit(TasksFor(orders, &replies[0]));
  two->Submit(TasksFor(orders, &replies[1]));
  for (Replies& of_engine : replies) {
    for (const auto& reply : of_engine.Wait()) EXPECT_TRUE(reply.ok()) << reply.status();
  }
  const Findings findings = ledger.Audit();
  EXPECT_EQ(findings.accounts, 100);
  EXPECT_EQ(findings.recharges, 100);
}

TEST(ReplicasTest, ADeckImportedThroughAnotherReplicaIsUsedAtOnceAndBookedUsagesStayBooked) {
  constexpr char kNewNumber[] = "33155501234";
  Ledger ledger;
  const auto one = ledger.StartEngine();
  const auto two = ledger.StartEngine();
  OpenFunded(*one, "acme");
  const domain::Usage booked = Call(kUser, "call-1", kNewNumber, 60);
  const auto unrated = Ask<UsageReply>(*two, "acme", RecordUsage{booked});
  ASSERT_TRUE(unrated.ok()) << unrated.status();
  EXPECT_EQ(unrated->status, domain::UsageStatus::kUnrated);

  rates::DeckHeader header;
  header.name = "with-france";
  header.currency = "USD";
  header.effective_time = booked.start_time - absl::Hours(1);
  header.import_time = ledger.clock().Now();
  header.content_digest = "with-france";
  rates::RateRow row;
  row.prefix = "33";
  row.price = 5 * kNanosPerCent;
  ASSERT_TRUE(one->queries()
                  .Run([&](storage::Connection& connection) {
                    return ImportInForce(*one, connection, header, {row}).status();
                  })
                  .ok());

  const domain::Usage next = Call(kUser, "call-2", kNewNumber, 60);
  const auto first = Ask<UsageReply>(*two, "acme", RecordUsage{next});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->cost, 5 * kNanosPerCent);
  const auto repeated = Ask<UsageReply>(*one, "acme", RecordUsage{next});
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_TRUE(repeated->duplicate);
  EXPECT_EQ(repeated->seq, first->seq);
}

TEST(ReplicasTest, APlanThatWasMadeElsewhereIsKnownAtOnce) {
  Ledger ledger;
  EngineOptions options = ledger.Options();
  options.house_interval = absl::Hours(1);  // no help from housekeeping
  const auto one = ledger.StartEngine(options);
  const auto two = ledger.StartEngine(options);
  OpenFunded(*one, "acme");
  EXPECT_EQ(ReasonOf(Ask<UserReply>(*two, "acme", PutUser{kUser, "new"}).status()),
            "PLAN_NOT_FOUND");
  ledger.sql().Execute(
      "INSERT INTO plans (plan_id,standard_calls,free_seconds,bucket_reset,"
      "default_reserve_amount_nanos) VALUES ('new',1,60,1,0)");
  const auto put = Ask<UserReply>(*two, "acme", PutUser{kUser, "new"});
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->plan.free_seconds, 60);
  // To the other the plan is new, too.
  EXPECT_TRUE(Ask<UsageReply>(*one, "acme", RecordUsage{Call(kUser, "c", kDearNumber, 60)}).ok());
}

TEST(ReplicasTest, AChangeThroughOneIsKnownToTheOtherWithItsNextCommand) {
  Ledger ledger;
  const auto one = ledger.StartEngine();
  const auto two = ledger.StartEngine();
  OpenFunded(*one, "acme");
  int calls = 0;
  const auto standard_call = [&](Engine& engine) {
    return Ask<UsageReply>(
        engine, "acme",
        RecordUsage{Call(kUser, absl::StrCat("call-", ++calls), kStandardNumber, 9'000)});
  };
  const auto authorized = [&](Engine& engine) {
    return Ask<AuthorizeReply>(engine, "acme", AuthorizeUsage{Call(kUser, "", kDearNumber, 0)})
        ->authorization.decision;
  };
  // Both have met the account; each takes half of the free minutes.
  for (Engine* engine : {one.get(), two.get()}) {
    const auto reply = standard_call(*engine);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->cost, 0);
    EXPECT_EQ(authorized(*engine), domain::Decision::kAllowed);
  }
  for (Engine* engine : {one.get(), two.get()}) {
    EXPECT_EQ(standard_call(*engine)->cost, 150 * kNanosPerCent) << "the allowance is empty";
  }

  ASSERT_TRUE(Ask<UserReply>(*one, "acme", PutUser{kUser, "unlimited"}).ok());
  domain::Usage later = Call(kUser, "later", kStandardNumber, 9'000);
  later.start_time = TestNow();
  EXPECT_EQ(Ask<UsageReply>(*two, "acme", RecordUsage{later})->cost, 0)
      << "the plan was changed through the other";
  ASSERT_TRUE(Ask<domain::Account>(*two, "acme", BlockAccount{{"fraud"}}).ok());
  EXPECT_EQ(authorized(*one), domain::Decision::kAccountBlocked);
  ASSERT_TRUE(Ask<domain::Account>(*one, "acme", UnblockAccount{{"cleared"}}).ok());
  EXPECT_EQ(authorized(*two), domain::Decision::kAllowed);
  ledger.Audit();
}

TEST(ReplicasTest, WhatOneRemembersOfABalanceIsNotWrittenOverWhatTheOtherDid) {
  Ledger ledger;
  const auto one = ledger.StartEngine();
  const auto two = ledger.StartEngine();
  OpenFunded(*one, "acme");
  Nanos balance = ledger.Account("acme").balance;
  int calls = 0;
  const auto book = [&](Engine& engine) {
    const auto reply = Ask<UsageReply>(
        engine, "acme",
        RecordUsage{Call(kUnlimitedUser, absl::StrCat("c", ++calls), kDearNumber, 60)});
    ASSERT_TRUE(reply.ok()) << reply.status();
    balance -= reply->cost;
    ledger.clock().Advance(absl::Microseconds(1));  // or the entries' keys would collide first
    EXPECT_EQ(reply->balance_after, balance) << "call " << calls;
  };
  book(*one);
  book(*one);
  EXPECT_EQ(one->stats().moved, 0) << "nobody else was there";
  for (int i = 0; i < 10; ++i) {
    book(*two);
    book(*one);
  }
  EXPECT_GT(one->stats().moved, 0);
  EXPECT_LT(one->stats().moved, 10) << "it should have stopped to trust its memory";
  EXPECT_EQ(ledger.Account("acme").balance, balance);
  ledger.Audit();
}

TEST(ReplicasTest, ARepeatOfABookedIdIsNeverRefusedForItsContent) {
  Ledger ledger;
  const auto engine = ledger.StartEngine();
  OpenFunded(*engine, "acme");
  const domain::Usage booked = Call(kUser, "call-1", kStandardNumber, 60);
  ASSERT_TRUE(Ask<UsageReply>(*engine, "acme", RecordUsage{booked}).ok());
  domain::Usage without_rate = booked;
  without_rate.destination = "99955501234";
  domain::Usage of_nobody = booked;
  of_nobody.user_id = "nobody";
  domain::Usage too_old = booked;
  too_old.start_time -= absl::Hours(24 * 20'000);
  for (const domain::Usage& other : {without_rate, of_nobody, too_old}) {
    const auto reply = Ask<UsageReply>(*engine, "acme", RecordUsage{other});
    EXPECT_EQ(reply.status().code(), absl::StatusCode::kAlreadyExists) << reply.status();
    EXPECT_EQ(ReasonOf(reply.status()), "USAGE_ID_REUSED");
  }
}

}  // namespace
}  // namespace reserve::engine
