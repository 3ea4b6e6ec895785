// Errors of the database outside of the lanes' transactions: while connecting, in the claims of
// the dispatcher and where it defers, in queries, renewals and imports, in the housekeeping,
// the feed of events, the health checks and migrations.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/archive/archive_check.h"
#include "services/ledger/archive/archiver.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/account_search.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/forget.h"
#include "services/ledger/storage/hold_rows.h"
#include "services/ledger/storage/migrator.h"
#include "services/ledger/storage/number_key_rows.h"
#include "services/ledger/storage/range_rows.h"
#include "services/ledger/storage/receipt_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/rerating_rows.h"
#include "services/ledger/storage/server_check.h"
#include "services/ledger/storage/statements.h"
#include "services/ledger/storage/unplaced_rows.h"
#include "services/ledger/storage/usage_count_rows.h"
#include "services/ledger/storage/usage_history.h"
#include "services/ledger/storage/usage_lines.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "services/ledger/storage/usage_sum_rows.h"
#include "services/ledger/storage/usage_summary.h"
#include "services/ledger/storage/user_search.h"
#include "tests/services/ledger/engine/database_faults.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/services/ledger/engine/sabotage.h"
#include "tests/services/ledger/engine/tried_in_full.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using storage::Connection;
using test_support::PrivateDatabaseServer;
using test_support::TestDatabase;
using test_support::WaitUntil;
using ::testing::AnyOf;
using ::testing::Eq;

// Spoils, once, the nth statement (from 1) of which this is true.
using Is = std::function<bool(absl::string_view text)>;

Sabotage::Plan Nth(int n, Is is, Ruling ruling) {
  auto seen = std::make_shared<int>(0);
  return [n, is = std::move(is), ruling, seen](const Sabotage::Statement& s) {
    return is(s.text) && ++*seen == n ? ruling : Ruling{};
  };
}

Is Begins(std::string beginning) {
  return [beginning = std::move(beginning)](absl::string_view text) {
    return absl::StartsWith(text, beginning);
  };
}

Is Contains(std::string part) {
  return [part = std::move(part)](absl::string_view text) { return absl::StrContains(text, part); };
}

// Spoils, once, the first with this part on a connection that has begun a transaction.
Sabotage::Plan InATransaction(std::string part, Ruling ruling) {
  auto begun = std::make_shared<std::set<int>>();
  auto done = std::make_shared<bool>(false);
  return [part = std::move(part), ruling, begun, done](const Sabotage::Statement& s) {
    if (s.text == "START TRANSACTION") begun->insert(s.connection);
    if (*done || begun->count(s.connection) == 0 || !absl::StrContains(s.text, part)) {
      return Ruling{};
    }
    *done = true;
    return ruling;
  };
}

// Spoils two statements, one after the other.
Sabotage::Plan Both(Sabotage::Plan one, Sabotage::Plan other) {
  return [one = std::move(one), other = std::move(other)](const Sabotage::Statement& s) {
    const Ruling ruling = one(s);
    return ruling.fate == Fate::kPasses ? other(s) : ruling;
  };
}

// A statement of a sequence: as it begins, and how many of those that begin so are before it.
struct Place {
  std::string beginning;
  int nth = 1;
  std::vector<Fault> faults;  // all where it is the first here of its literal, else of each class
};

using FaultsOf = std::vector<Fault> (*)(absl::string_view statement);

std::vector<Fault> FaultsOfStatement(absl::string_view statement) {
  return IsNewHere(statement) ? FaultsToTry() : FaultsOfEachClass();
}

std::vector<Place> PlacesOf(const std::vector<std::string>& statements,
                            FaultsOf faults = FaultsOfStatement) {
  constexpr size_t kBeginning = 24;
  std::map<std::string, int> counts;
  std::vector<Place> places;
  for (const std::string& statement : statements) {
    std::string beginning = statement.substr(0, kBeginning);
    const int nth = ++counts[beginning];
    places.push_back({std::move(beginning), nth, faults(statement)});
  }
  return places;
}

// The status of work of a query thread that a fault has struck.
void ExpectTold(const absl::Status& status, const Fault& fault, bool is_commit = false) {
  if (status.ok()) return;
  const bool for_good = !is_commit && fault.ruling.error == kContent;
  EXPECT_EQ(status.code(), for_good ? absl::StatusCode::kInternal : absl::StatusCode::kUnavailable)
      << status;
  EXPECT_EQ(RetryAfterOf(status).has_value(), !for_good) << status;
  EXPECT_EQ(ReasonOf(status), for_good ? "DATABASE_ERROR" : "DATABASE_UNAVAILABLE") << status;
}

class DatabaseErrorsElsewhereTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) return;
    auto server =
        PrivateDatabaseServer::Create({.extra_args = {"--innodb-flush-log-at-trx-commit=0"}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    if (server_ == nullptr) GTEST_SKIP() << "needs a database server of its own";
    ledger_ = std::make_unique<Ledger>(*server_);
    sabotage_ = std::make_unique<Sabotage>(server_->socket_path());
    EngineOptions options = ledger_->Options();
    options.lanes = 1;
    options.retry_budget = absl::Seconds(20);
    options.poll_interval = absl::Milliseconds(2);
    options.event_poll_interval = absl::Milliseconds(2);
    // What keeps house by itself would only be in the way; who wants it shortens this.
    options.house_interval = absl::Hours(1);
    options.feature_level_holds = absl::InfiniteDuration();
    direct_ = ledger_->StartEngine(options);
    options.database.socket = sabotage_->socket_path();
    options_ = options;
    engine_ = ledger_->StartEngine(options);
    OpenFunded(*engine_, "a");
  }

  // What is said through the proxy while this is done, connecting aside.
  std::vector<std::string> Learn(const std::function<void()>& work) {
    std::vector<std::string> statements;
    sabotage_->Begin([&statements](const Sabotage::Statement& s) {
      if (s.text != SqlProxy::kConnect) statements.emplace_back(s.text);
      return Ruling{};
    });
    work();
    sabotage_->End();
    EXPECT_FALSE(statements.empty());
    return statements;
  }

  // Runs a query as callers do, on the pool behind the proxy.
  absl::Status Query(QueryPool::Work work) { return engine_->queries().Run(std::move(work)); }

  // What is done once under a name: with each fault at each of its statements it is done, or told,
  // and done once when it is asked for again.
  struct DoneOnce {
    std::function<void()> next;           // another name
    std::function<absl::Status()> ask;    // under that name
    std::function<int64_t()> stored;      // how often it is there
    std::function<void()> clean = [] {};  // after the faults of each statement
  };
  void ExpectDoneOnceWhateverFails(const DoneOnce& it) {
    it.next();
    const std::vector<std::string> statements = Learn([&] { ASSERT_TRUE(it.ask().ok()); });
    EXPECT_GE(statements.size(), 8u);
    for (const Place& place : PlacesOf(statements)) {
      for (const Fault& fault : place.faults) {
        SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
        it.next();
        sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
        const absl::Status asked = it.ask();
        EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
        sabotage_->End();
        ExpectTold(asked, fault, place.beginning == "COMMIT");
        EXPECT_TRUE(!asked.ok() || it.stored() == 1);
        const absl::Status again = it.ask();
        ASSERT_TRUE(again.ok()) << again;
        EXPECT_EQ(it.stored(), 1);
      }
      it.clean();
    }
  }

  // Of the accounts of this prefix, numbered from 1.
  void ExpectClean(absl::string_view prefix, int accounts) {
    Findings findings;
    const auto connection = ledger_->Connect();
    for (int i = 1; i <= accounts; ++i) {
      EXPECT_TRUE(VerifyAccount(*connection, absl::StrCat(prefix, i), &findings).ok());
    }
    EXPECT_EQ(findings.difference_count, 0);
  }

  static PrivateDatabaseServer* server_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Sabotage> sabotage_;
  EngineOptions options_;  // of the engine behind the proxy
  std::unique_ptr<Engine> direct_;
  std::unique_ptr<Engine> engine_;
};

PrivateDatabaseServer* DatabaseErrorsElsewhereTest::server_ = nullptr;

TEST_F(DatabaseErrorsElsewhereTest, ALaneConnectsInTheEndWhateverIsWrongMeanwhile) {
  std::vector<Fault> faults = FaultsToTry();
  // A login refused, a schema that is not there yet, a host that is locked, too many of a user's.
  for (const int error : {1045, 1049, 1129, 1203}) {
    faults.push_back(FaultOf("refused with", Fate::kRefused, error, true));
  }
  int cases = 0;
  for (int index = 0;; ++index) {
    int reached = 0;
    for (const Fault& fault : faults) {
      SCOPED_TRACE(absl::StrCat("statement ", index, " of a new connection: ", fault.name));
      const std::string usage_id = absl::StrCat("u-", index, "-", ++cases);
      // The lane's connection ends; the one that is to replace it is spoiled.
      sabotage_->Begin([index, &fault](const Sabotage::Statement& s) {
        if (s.of_housekeeping) return Ruling{};
        if (s.of_new_connection) return s.index == index ? fault.ruling : Ruling{};
        return s.index == 0 ? Ruling{Fate::kCut} : Ruling{};
      });
      const auto booked = Ask<UsageReply>(
          *engine_, "a", RecordUsage{Call(kUnlimitedUser, usage_id, kStandardNumber, 60)});
      reached += sabotage_->struck() == 2;
      sabotage_->End();
      ASSERT_TRUE(booked.ok()) << booked.status();
      EXPECT_FALSE(booked->duplicate);
    }
    if (reached == 0) {
      EXPECT_GE(index, 3) << "connecting, and what sets the session up";
      break;
    }
    EXPECT_EQ(reached, static_cast<int>(faults.size()));
  }
  EXPECT_EQ(ledger_->Audit().usages, cases);
}

// --- Claims -----------------------------------------------------------------------------

class Watcher : public RechargeWatcher {
 public:
  void OnLease(const LeasedRecharge& leased) override {
    absl::MutexLock lock(&mutex_);
    leases_.push_back(leased);
  }
  std::vector<LeasedRecharge> Take() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(leases_, {});
  }
  size_t count() const {
    absl::MutexLock lock(&mutex_);
    return leases_.size();
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<LeasedRecharge> leases_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(DatabaseErrorsElsewhereTest, AClaimThatFailsIsMadeAgainAndALeaseIsHandedOutOnce) {
  Watcher watcher;
  // Room for one: a claim that failed must not take it up.
  engine_->dispatcher().Add(&watcher, "w1", 1);
  struct Case {
    std::string name;
    Sabotage::Plan plan;
    bool is_secret = false;     // the lease is taken, and nobody is told
    bool is_announced = false;  // by a lane of the same ledger
  };
  const Is is_announced_read = [](absl::string_view text) {
    return absl::StrContains(text, "FROM recharges FORCE INDEX (PRIMARY)") &&
           !absl::StrContains(text, "FOR UPDATE");
  };
  std::vector<Case> cases;
  for (const Fault& fault : FaultsToTry()) {
    const auto add = [&](const std::string& what, Is is, bool announced = false) {
      cases.push_back({absl::StrCat(what, ": ", fault.name), Nth(1, std::move(is), fault.ruling),
                       what == "COMMIT" && fault.done(), announced});
    };
    add("announced", is_announced_read, /*announced=*/true);
    add("due", Contains("FORCE INDEX (by_due_time)"));
    add("declines", Contains("FROM card_declines"));
    for (const std::string statement : {"START TRANSACTION", "UPDATE recharges", "COMMIT"}) {
      add(statement, Begins(statement));
    }
    cases.push_back({absl::StrCat("ROLLBACK after an error: ", fault.name),
                     Both(Nth(1, Begins("COMMIT"), {Fate::kRefused, 1213}),
                          Nth(1, Begins("ROLLBACK"), fault.ruling))});
  }
  int number = 0;
  for (size_t next = 0; next < cases.size();) {
    const Case& c = cases[next];
    SCOPED_TRACE(c.name);
    const std::string account_id = absl::StrCat("claimed-", ++number);
    sabotage_->Begin(c.plan);
    Engine& opener = c.is_announced ? *engine_ : *direct_;
    ASSERT_TRUE(Ask<domain::Account>(opener, account_id, OpenWithCard()).ok());
    const int64_t epoch = c.is_secret ? 2 : 1;
    if (c.is_secret) {
      const std::string select =
          absl::StrCat("SELECT lease_epoch FROM recharges WHERE account_id = '", account_id, "'");
      ASSERT_TRUE(WaitUntil([&] { return ledger_->sql().QueryInt(select) == 1; }));
      EXPECT_EQ(watcher.count(), 0u);
      // It runs out, and others had their chance.
      ledger_->clock().Advance(absl::Seconds(31));
    }
    ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
    const bool was_spoiled = sabotage_->struck() > 0;
    sabotage_->End();
    // A poll that was under way may be quicker than what was to be spoiled: once more then.
    if (was_spoiled) ++next;
    ASSERT_LE(number, static_cast<int>(3 * cases.size())) << "nothing was spoiled";
    const std::vector<LeasedRecharge> leases = watcher.Take();
    ASSERT_EQ(leases.size(), 1u);
    EXPECT_EQ(leases[0].recharge.account_id, account_id);
    EXPECT_EQ(leases[0].recharge.lease_epoch, epoch);
    const auto stored =
        storage::LoadRecharges(*ledger_->Connect(), {{account_id, 1}}, storage::Lock::kNone);
    ASSERT_TRUE(stored.ok() && stored->size() == 1) << stored.status();
    EXPECT_EQ(stored->front().lease_owner, "w1");
    EXPECT_EQ(stored->front().lease_epoch, epoch);
    ASSERT_TRUE(
        Ask<RechargeReply>(*engine_, account_id, Succeeded(1, leases[0].recharge.amount)).ok());
    engine_->dispatcher().Reported({account_id, 1}, epoch);
  }
  engine_->dispatcher().Remove(&watcher);
  ExpectClean("claimed-", number);
}

// G9: the count before a first attempt. The dispatcher makes it, and then the lane that it asks.
TEST_F(DatabaseErrorsElsewhereTest, ACardAtItsLimitIsDeferredOnceAndNeverHandedOut) {
  Watcher watcher;
  engine_->dispatcher().Add(&watcher, "w1", 10);
  int number = 0;
  for (const Fault& fault : FaultsToTry()) {
    struct Strike {
      std::string name;
      Sabotage::Plan plan;
    };
    for (const Strike& strike :
         {Strike{"the dispatcher looks", Nth(1, Contains("(by_due_time)"), fault.ruling)},
          Strike{"the dispatcher counts", Nth(1, Contains("FROM card_declines"), fault.ruling)},
          Strike{"the lane counts", InATransaction("FROM card_declines", fault.ruling)},
          Strike{"the lane commits", Nth(1, Begins("COMMIT"), fault.ruling)}}) {
      SCOPED_TRACE(absl::StrCat(strike.name, ": ", fault.name));
      const std::string account_id = absl::StrCat("limited-", ++number);
      OpenAccount open = OpenWithCard();
      open.card.card.fingerprint += account_id;
      for (int attempt = 1; attempt <= 10; ++attempt) {
        ledger_->sql().Execute(absl::StrCat("INSERT INTO card_declines VALUES ('", account_id,
                                            "', 7, ", attempt, ", '", open.card.card.fingerprint,
                                            "', '2026-11-23 00:00:00' + INTERVAL ", attempt,
                                            " MINUTE)"));
      }
      sabotage_->Begin(strike.plan);
      ASSERT_TRUE(Ask<domain::Account>(*direct_, account_id, open).ok());
      // An error that lasts is told to the dispatcher's command, which nobody waits for: the next
      // poll finds the recharge again.
      ASSERT_TRUE(
          WaitUntil([&] { return ledger_->CardState(account_id) == domain::CardState::kFailing; }));
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      const auto stored =
          storage::LoadRecharges(*ledger_->Connect(), {{account_id, 1}}, storage::Lock::kNone);
      ASSERT_TRUE(stored.ok() && stored->size() == 1) << stored.status();
      EXPECT_EQ(stored->front().lease_owner, "");
      EXPECT_TRUE(stored->front().waits());
      EXPECT_GT(stored->front().due_time, ledger_->clock().Now());
      EXPECT_EQ(ledger_->sql().QueryInt(absl::StrCat(
                    "SELECT COUNT(*) FROM events WHERE account_id = '", account_id,
                    "' AND kind = ", static_cast<int>(domain::EventKind::kCardLimitReached))),
                1);
    }
  }
  EXPECT_EQ(watcher.count(), 0u);
  engine_->dispatcher().Remove(&watcher);
}

// --- Queries, renewals and imports --------------------------------------------------------

// What the API reads: the name, and a text of what is read.
struct Read {
  std::string name;
  std::function<absl::StatusOr<std::string>(Connection&)> read;
};

template <typename T>
absl::StatusOr<std::string> CountOf(const absl::StatusOr<std::vector<T>>& rows) {
  if (!rows.ok()) return rows.status();
  return absl::StrCat(rows->size(), " rows");
}

// Of what is read for its own sake: that it was.
template <typename T>
absl::StatusOr<std::string> WasRead(const absl::StatusOr<T>& rows) {
  if (!rows.ok()) return rows.status();
  return "read";
}

std::vector<Read> Reads() {
  using storage::kNewest;
  return {
      {"GetAccount", [](Connection& c) { return CountOf(storage::LoadAccounts(c, {"a"})); }},
      {"an account's currency", [](Connection& c) { return storage::FindCurrency(c, "a"); }},
      {"ListAccounts", [](Connection& c) { return CountOf(storage::ListAccounts(c, "", 10)); }},
      {"GetUser",
       [](Connection& c) {
         return CountOf(storage::LoadUsers(c, {{"a", kUser}}));
       }},
      {"ListUsers", [](Connection& c) { return CountOf(storage::ListUsers(c, "a", "", 10)); }},
      {"GetUsage",
       [](Connection& c) {
         return CountOf(storage::FindUsages(c, {{"a", "call"}}));
       }},
      {"GetUsage, where it stands",
       [](Connection& c) {
         return CountOf(storage::LoadUsageStates(c, {{"a", "rated"}}));
       }},
      {"GetUsage, its latest rating",
       [](Connection& c) {
         return CountOf(storage::LoadEntries(c, "a", {1, 2}));
       }},
      {"usages that wait",
       [](Connection& c) {
         return CountOf(storage::ListUnrated(c, {"", ""}, 10));
       }},
      {"usages of an account that wait",
       [](Connection& c) { return CountOf(storage::ListUnratedOf(c, "a", "", 10)); }},
      {"how many wait",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const int64_t count, storage::CountUnrated(c));
         return absl::StrCat(count);
       }},
      {"recharges that are not over",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const storage::OpenRecharges open,
                                  storage::CountOpenRecharges(c));
         return absl::StrCat(open.waiting + open.in_flight + open.pending + open.in_review);
       }},
      {"the ledgers that serve", [](Connection& c) { return CountOf(storage::ListLedgers(c)); }},
      {"ListEntries",
       [](Connection& c) { return CountOf(storage::ListEntries(c, "a", kNewest, 10)); }},
      {"ListRecharges",
       [](Connection& c) {
         return CountOf(storage::ListRecharges(c, "a", storage::Listed::kAll, kNewest, 10));
       }},
      {"ListRefunds",
       [](Connection& c) {
         return CountOf(storage::ListRecharges(c, "a", storage::Listed::kRefunds, kNewest, 10));
       }},
      {"ListPayments",
       [](Connection& c) {
         return CountOf(storage::ListRecharges(c, "a", storage::Listed::kPayments, kNewest, 10));
       }},
      {"the payments of a charge",
       [](Connection& c) {
         return CountOf(storage::FindCharge(c, "ch_1", storage::Listed::kAll, {}, 10));
       }},
      {"recharges alone",
       [](Connection& c) {
         return CountOf(storage::ListRecharges(c, "a", storage::Listed::kCharges, kNewest, 10));
       }},
      {"ListDisputes",
       [](Connection& c) { return CountOf(storage::ListDisputes(c, "a", "", 10)); }},
      {"events of an audit",
       [](Connection& c) { return CountOf(storage::ListEvents(c, "a", 0, 10)); }},
  };
}

// Statements, receipts and exports.
std::vector<Read> ReadsOfStatements() {
  using storage::kNewest;
  const storage::SeqRange seqs = {2, 100};
  return {
      {"ListEntries of a stretch",
       [=](Connection& c) {
         return CountOf(storage::ListEntriesWithin(c, "a", seqs, {domain::EntryKind::kUsage},
                                                   storage::Oldest::kFirst, 10));
       }},
      {"which entries are of a period",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(
             const storage::BookedPeriod period,
             storage::FindBooked(c, "a", TestNow() - absl::Hours(24), TestNow() + absl::Hours(24)));
         return absl::StrCat(period.seqs.first, " to ", period.seqs.end);
       }},
      {"what a period comes to",
       [=](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const storage::PeriodSums sums, storage::SumPeriod(c, "a", seqs));
         return absl::StrCat(sums.opening_balance, " to ", sums.closing_balance, ", ",
                             sums.totals.size(), " kinds");
       }},
      {"ListReceipts",
       [](Connection& c) {
         return CountOf(storage::ListReceipts(c, "a", 1, kNewest, storage::Oldest::kLast, 10));
       }},
      {"Export of recharges",
       [](Connection& c) {
         return CountOf(storage::ListRechargesAfter(c, "a", storage::Listed::kCharges, 0, 10));
       }},
  };
}

absl::StatusOr<std::string> CountUsages(Connection& c, const storage::UsageFilter& filter,
                                        const std::optional<storage::UsagePosition>& after,
                                        int limit = 10) {
  RESERVE_ASSIGN_OR_RETURN(const storage::UsagePage page,
                           storage::ListUsagesByStart(c, "a", filter, after, limit));
  return absl::StrCat(page.entries.size(), " usages");
}

absl::StatusOr<std::string> CountSums(Connection& c, const std::string& account_id,
                                      const storage::TimeRange& range, int64_t most) {
  RESERVE_ASSIGN_OR_RETURN(const storage::UsageSummary summary,
                           storage::SummarizeUsages(c, account_id, {{range}, {}, {}}, most));
  return absl::StrCat(summary.sums.size(), " sums");
}

// With every filter, after a page, and what it adds up to.
std::vector<Read> ReadsOfTheHistory() {
  const absl::Time day_ago = TestNow() - absl::Hours(24);
  const storage::TimeRange around = {day_ago, TestNow() + absl::Hours(24)};
  return {
      {"ListUsage, by what was used",
       [=](Connection& c) {
         storage::UsageFilter filter;
         filter.user_id = kUser;
         filter.kind = domain::UsageKind::kCall;
         filter.direction = domain::Direction::kOutbound;
         filter.destination = kStandardNumber;
         filter.destination_prefix = "1";
         return CountUsages(c, filter, storage::UsagePosition{around.end, 1'000});
       }},
      {"ListUsage, of many", [](Connection& c) { return CountUsages(c, {}, std::nullopt, 1); }},
      {"ListUsage, by what it is now",
       [=](Connection& c) {
         storage::UsageFilter filter;
         filter.status = domain::UsageStatus::kUnrated;
         filter.minimum_cost = 1;
         filter.country = "US";
         return CountUsages(c, filter, std::nullopt);
       }},
      {"SummarizeUsage",
       [=](Connection& c) { return CountSums(c, "a", around, storage::kSummarizedEntries); }},
      {"SummarizeUsage, of estimates",
       [=](Connection& c) {
         return CountSums(c, "estimates", around, storage::kSummarizedEntries);
       }},
      {"SummarizeUsage, of what may be too much",
       [=](Connection& c) {
         return CountSums(c, "a", {TestNow() + absl::Hours(12), TestNow() + absl::Hours(24)}, 0);
       }},
      {"ListEvents",
       [](Connection& c) {
         storage::EventFilter filter;
         filter.kinds = {domain::EventKind::kAccountOpened};
         filter.from = TestNow() - absl::Hours(24 * 400);
         filter.before = TestNow() + absl::Hours(1);
         filter.newest_first = true;
         return CountOf(storage::ListEventsWithin(c, "a", {1, 100}, filter, 10));
       }},
  };
}

// Of lists, by what a person looks for.
std::vector<Read> ReadsOfSearches() {
  const storage::TimeRange around = {TestNow() - absl::Hours(24), TestNow() + absl::Hours(24)};
  return {
      {"ListPayments, by everything",
       [=](Connection& c) {
         return CountOf(storage::SearchRecharges(c, "a",
                                                 {.listed = storage::Listed::kPayments,
                                                  .state = domain::RechargeState::kSucceeded,
                                                  .means = domain::PaymentMeans::kCash,
                                                  .reference = "till 7",
                                                  .refund_of = 1,
                                                  .from = around.begin,
                                                  .before = around.end},
                                                 {1, 100}, storage::Oldest::kFirst, 10));
       }},
      {"ListReceipts, by everything",
       [=](Connection& c) {
         return CountOf(storage::SearchReceipts(c, "a",
                                                {.kind = domain::EntryKind::kRecharge,
                                                 .ordinal = 1,
                                                 .from = around.begin,
                                                 .before = around.end},
                                                1, 100, storage::Oldest::kFirst, 10));
       }},
      {"ListUsers, by name",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(
             const storage::FoundUsers found,
             storage::SearchUsers(c, "a", {.search = std::string(kUser).substr(0, 1)}, "", 10));
         return absl::StrCat(found.users.size(), " users");
       }},
      {"ListAccounts, by what is looked for",
       [](Connection& c) -> absl::StatusOr<std::string> {
         const storage::AccountFilter all = {domain::AccountState::kActive, true, true, true, ""};
         RESERVE_ASSIGN_OR_RETURN(const storage::FoundAccounts found,
                                  storage::SearchAccounts(c, all, "", 10));
         return absl::StrCat(found.accounts.size(), " accounts");
       }},
      {"ListAccounts, by a usage",
       [](Connection& c) -> absl::StatusOr<std::string> {
         const storage::AccountFilter by_usage = {.usage_id = "u-1"};
         RESERVE_ASSIGN_OR_RETURN(const storage::FoundAccounts found,
                                  storage::SearchAccounts(c, by_usage, "", 10));
         return absl::StrCat(found.accounts.size(), " accounts");
       }},
      {"ListAccounts, by a number",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const storage::FoundByNumber found,
                                  storage::SearchByNumber(c, kStandardNumber, {}, 10, 3));
         return absl::StrCat(found.accounts.size(), " accounts");
       }},
  };
}

std::vector<Read> ReadsOfAll() {
  const absl::Time long_ago = TestNow() - absl::Hours(24 * 30);
  return {
      {"GetBillingAdvice, recharges",
       [=](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const int64_t count,
                                  storage::CountAutomaticSince(c, "a", long_ago));
         return absl::StrCat(count);
       }},
      {"CheckHead",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const auto hash, storage::FindEntryHash(c, "a", 1));
         return absl::StrCat(hash.has_value());
       }},
      {"ListPayouts",
       [](Connection& c) { return CountOf(storage::ListAccountsThatOwe(c, "", 10)); }},
      {"ListReviews, what came after closing",
       [](Connection& c) { return CountOf(storage::ListAccountsWithLateMoney(c, "", 10)); }},
      {"ListReviews",
       [](Connection& c) {
         return WasRead(storage::ListReviews(c, {"", 0}, 10));
       }},
      {"ListReviews, what is kept",
       [](Connection& c) {
         return WasRead(storage::ListKeeping(c, {"", 0}, 10));
       }},
      {"ListReviews, the refunds that are kept",
       [](Connection& c) {
         return WasRead(storage::LoadKeptRefunds(c, {"a", 1}));
       }},
      {"cards that expire",
       [](Connection& c) { return WasRead(storage::DueExpiryNotices(c, TestNow(), 10)); }},
      {"due times that are too far off",
       [](Connection& c) { return WasRead(storage::RechargesDueAfter(c, TestNow(), 10)); }},
      {"rechecks that are too far off",
       [](Connection& c) { return WasRead(storage::RechecksAfter(c, TestNow(), 10)); }},
      {"how the server replicates",
       [](Connection& c) { return WasRead(storage::ReadReplication(c)); }},
      {"VerifyAccount",
       [](Connection& c) -> absl::StatusOr<std::string> {
         Findings findings;
         RESERVE_RETURN_IF_ERROR(VerifyAccount(c, "a", &findings));
         return absl::StrCat(findings.entries, " entries, ", findings.difference_count,
                             " differences");
       }},
  };
}

// Its scope says all that one can say.
book::ReratingOrder ReratingOf(const std::string& request_id) {
  book::ReratingOrder order;
  order.request_id = request_id;
  order.scope.currency = "USD";
  order.scope.user_id = kUser;
  order.scope.plan_id = "per_minute";
  order.scope.prefix = "1";
  order.scope.from = TestNow() - absl::Hours(24);
  order.scope.to = TestNow();
  order.by = {"wrong deck"};
  return order;
}

// The same of what belongs to upgrades and to persons who are to be forgotten.
std::vector<Read> MoreReads() {
  return {
      {"moving a due time",
       [](Connection& c) -> absl::StatusOr<std::string> {
         domain::Recharge none;  // there is no such recharge, and the statement is the same
         none.account_id = "a";
         none.ordinal = 1'000;
         none.due_time = TestNow();
         RESERVE_RETURN_IF_ERROR(storage::MoveDueTime(c, none, TestNow()).status());
         return "moved";
       }},
      {"a person's keys", [](Connection& c) { return CountOf(storage::ListNumberKeys(c, "a")); }},
      {"the feature level",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const int level,
                                  storage::ReadFeatureLevel(c, domain::kNewestFeatureLevel));
         return absl::StrCat("level ", level);
       }},
      {"a rerating that is asked for",
       [](Connection& c) -> absl::StatusOr<std::string> {
         static int number = 0;
         RESERVE_RETURN_IF_ERROR(
             storage::AddRerating(c, ReratingOf(absl::StrCat("asked-", ++number)), TestNow())
                 .status());
         return "added";
       }},
      {"GetRerating",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const auto job, storage::FindRerating(c, "asked-1"));
         return absl::StrCat("found: ", job.has_value());
       }},
      {"CancelRerating",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_RETURN_IF_ERROR(
             storage::CancelRerating(c, "never-asked", {"why"}, TestNow()).status());
         return "none to cancel";
       }},
      {"ListReratings",
       [](Connection& c) {
         return WasRead(storage::ListReratings(c, storage::kNewestRerating, 10));
       }},
      {"reratings that are left",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const bool is_left, storage::IsReratingLeft(c));
         return absl::StrCat("left: ", is_left);
       }},
      {"the one account of a rerating's scope",
       [](Connection& c) {
         book::ReratingScope scope = ReratingOf("one").scope;
         scope.account_id = "a";
         return CountOf(storage::AccountsOfScope(c, scope, {}, 10));
       }},
      {"a ledger that leaves",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_RETURN_IF_ERROR(storage::LeaveLedgers(c, "none"));
         return "left";
       }},
      {"GetBillingAdvice, use",
       [](Connection& c) {
         return CountOf(storage::StandardUseSince(c, "a", TestNow() - absl::Hours(24 * 30)));
       }},
  };
}

// The same of calls in progress.
std::vector<Read> ReadsOfCalls() {
  return {
      {"holds whose time has come",
       [](Connection& c) {
         const storage::DuePlace after{TestNow(), {"a", 1}};
         return WasRead(storage::DueHolds(c, domain::HoldState::kOpen, TestNow(), after, 10));
       }},
      {"holds of a wrong clock",
       [](Connection& c) { return WasRead(storage::HoldsDueAfter(c, TestNow(), {}, 10)); }},
      {"ListHolds of an account",
       [](Connection& c) { return WasRead(storage::ListHolds(c, "a", 0, std::nullopt, 10)); }},
      {"ListHolds",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(
             const storage::HoldPage page,
             storage::ListAllHolds(c, {"", 0}, domain::HoldState::kOpen, 10, /*most_rows=*/1));
         return absl::StrCat(page.looked_to.has_value(), page.holds.size());
       }},
      {"the holds of a switch",
       [](Connection& c) {
         return WasRead(storage::ListHoldsOfSwitch(c, "switch", 2, {"", 0}, 10));
       }},
      {"how many calls are in progress",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const auto counts, storage::CountHolds(c));
         return counts.open >= 0 ? "counted" : "";
       }},
  };
}

// The same of the statistic of usage.
std::vector<Read> ReadsOfCounting() {
  const absl::Time long_ago = TestNow() - absl::Hours(24);
  return {
      {"how far usage is counted",
       [](Connection& c) { return WasRead(storage::ReadUsageCount(c)); }},
      {"what is to be counted",
       [=](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(
             const storage::EntryStretch stretch,
             storage::ListStretch(c, long_ago, TestNow() + absl::Hours(24), 1000));
         return absl::StrCat(stretch.entries.size(), " entries");
       }},
      {"counting",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const storage::UsageCount count, storage::ReadUsageCount(c));
         rates::UsageGroup group;
         group.day = absl::CivilDay(2026, 11, 23);
         RESERVE_RETURN_IF_ERROR(storage::AddUsage(c, count, count.through + absl::Microseconds(1),
                                                   "one", TestNow(), group.day, {group})
                                     .status());
         return "counted";
       }},
      {"CompareRateDecks, recent usage",
       [](Connection& c) {
         return WasRead(storage::ReadCountedUsage(c, absl::CivilDay(2026, 11, 20), {0, 1}));
       }},
  };
}

// The same of ratings after the booking.
std::vector<Read> ReadsOfRatings() {
  return {
      {"GetUsage, its earlier ratings",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::UsageState> states,
                                  storage::LoadUsageStates(c, {{"a", "rated"}}));
         std::vector<const domain::UsageState*> of;
         for (const domain::UsageState& state : states) of.push_back(&state);
         return CountOf(storage::LoadRatings(c, "a", of));
       }},
      {"what was paid for since",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const int64_t seconds,
                                  storage::PaidSecondsSince(c, "a", kUser, 0, 0));
         return absl::StrCat(seconds, " s");
       }},
  };
}

// Of a charge that no account has; each is another.
domain::UnplacedState OfNobody() {
  static int number = 0;
  domain::UnplacedState state;
  state.told = domain::GatewayDispute{"ch_none", absl::StrCat("dp_", ++number),
                                      domain::DisputeState::kOpened, kNanosPerUnit, ""};
  state.currency = "USD";
  return state;
}

absl::StatusOr<std::string> KeepOfNobody(Connection& c) {
  RESERVE_ASSIGN_OR_RETURN(const storage::KeptUnplaced kept,
                           storage::KeepUnplaced(c, OfNobody(), TestNow(),
                                                 []() -> absl::StatusOr<bool> { return false; }));
  return kept.keeping == storage::Keeping::kKept ? "kept" : "not kept";
}

// The same of what is told of charges that no account has. The last leaves no other room.
std::vector<Read> ReadsOfNobody() {
  return {
      {"what is told of a charge of nobody", KeepOfNobody},
      {"ListReviews, of charges of nobody",
       [](Connection& c) { return WasRead(storage::ListUnplaced(c, 0, 10)); }},
      {"a dismissal",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_RETURN_IF_ERROR(KeepOfNobody(c).status());
         RESERVE_ASSIGN_OR_RETURN(const bool kept,
                                  storage::DismissUnplaced(c, "ch_none", "", {"not ours"}, false));
         return absl::StrCat("dismissed: ", kept);
       }},
      {"what counts from now on",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_RETURN_IF_ERROR(storage::LoadUnplaced(c, {{"a", "ch_none"}}).status());
         domain::UnplacedState none;  // there is none of that slot, and the statement is the same
         none.slot = -1;
         RESERVE_RETURN_IF_ERROR(storage::WriteApplied(c, {&none}));
         return "applied";
       }},
      {"what takes the place of another",
       [](Connection& c) {
         const absl::Status full = c.Execute(absl::StrCat(
             "INSERT INTO unplaced_states (slot,charge_id,kind,told_id,state,amount_nanos,currency,"
             "reason,standing,create_time,update_time) VALUES (",
             storage::kMostUnplaced,
             ",'',1,'',1,1,'USD','',3,'2026-11-01','2026-11-01') ON DUPLICATE KEY UPDATE "
             "standing = 3"));
         return full.ok() ? KeepOfNobody(c) : full;
       }},
  };
}

// The same of what accounts' usages are added up to.
std::vector<Read> ReadsOfSums() {
  return {
      {"ListRateDecks", [](Connection& c) { return CountOf(storage::LoadDeckHeaders(c)); }},
      {"what an import asks of recent usage",
       [](Connection& c) {
         return CountOf(storage::ListPricedUsages(c, TestNow() - absl::Hours(24 * 30), 10));
       }},
      {"what entries change of the sums",
       [](Connection& c) {
         return CountOf(storage::LoadUsageChanges(c, "a", {1, 1'000}));
       }},
      {"adding up",
       [](Connection& c) -> absl::StatusOr<std::string> {
         static int number = 0;
         const std::string account_id = absl::StrCat("added-up-", ++number);
         storage::DaySum sum;
         sum.day_begin = TestNow();
         sum.amounts.usages = 1;
         for (const int64_t through : {1, 2}) {
           RESERVE_ASSIGN_OR_RETURN(const auto from, storage::ReadSumsPosition(c, account_id));
           RESERVE_RETURN_IF_ERROR(
               storage::AddToSums(c, account_id, from, {through, 0}, {sum}).status());
         }
         return "added";
       }},
      {"adding up anew",
       [](Connection& c) -> absl::StatusOr<std::string> {
         static int number = 0;
         const std::string id = absl::StrCat("anew-", ++number);
         RESERVE_ASSIGN_OR_RETURN(const bool begun,
                                  storage::AddToSums(c, id, std::nullopt, {}, {}));
         RESERVE_ASSIGN_OR_RETURN(const bool anew, storage::StartSumsAnew(c, id, {}, 0));
         // What is answered as a duplicate is left to whoever seems to have begun.
         return absl::StrCat("anew, or left to another: ", anew || !begun);
       }},
      {"what is added up",
       [](Connection& c) -> absl::StatusOr<std::string> {
         const storage::SumsAsked asked = {{TestNow() - absl::Hours(24), TestNow()}};
         RESERVE_RETURN_IF_ERROR(storage::ListSums(c, "a", asked).status());
         return WasRead(storage::LastDayOfSums(c, "a"));
       }},
      {"how densely an account books",
       [](Connection& c) { return WasRead(storage::BookingTimeOf(c, "a", {202611}, 1)); }},
  };
}

// A head that moves, of an account of its own, with all that can stay behind it.
absl::StatusOr<storage::HeadMove> MoveAHead(Connection& c) {
  static int number = 0;
  storage::HeadMove move;
  move.head.account_id = absl::StrCat("moved-", ++number);
  move.head.month = 202611;
  move.head.border = TestNow();
  RESERVE_RETURN_IF_ERROR(c.Execute(absl::StrCat(
      "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,month,head_hash) "
      "VALUES ('",
      move.head.account_id, "',0,0,0,0,202611,'')")));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Entry> entries,
                           storage::ListEntriesOfMonths(c, 0, 202611, "a", 0, 100));
  for (const domain::Entry& entry : entries) {
    if (entry.account_id != "a") continue;
    move.kept.push_back({entry, entry.hash});
    move.kept.back().entry.account_id = move.head.account_id;
  }
  move.dropped = {1'000};
  move.ended_states = {"none"};
  move.head.allowances = {{"u", {202611, 60}}};
  RESERVE_RETURN_IF_ERROR(storage::MoveHead(c, move));
  return move;
}

// The same of what archives are made with, and what is left of archived months.
std::vector<Read> ReadsOfArchives() {
  return {
      {"the head of an account that is archived",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const storage::HeadMove move, MoveAHead(c));
         return absl::StrCat("moved, keeping ", move.kept.size());
       }},
      {"sums of an account that is archived",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_ASSIGN_OR_RETURN(const storage::HeadMove move, MoveAHead(c));
         return WasRead(storage::SumPeriod(c, move.head.account_id, {2, 100}));
       }},
      {"what a head has",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_RETURN_IF_ERROR(storage::FindArchivedHead(c, "a").status());
         RESERVE_RETURN_IF_ERROR(storage::ListKeptUpTo(c, "a", 0, 1, 10).status());
         RESERVE_RETURN_IF_ERROR(storage::FindEntryHash(c, "a", 1'000).status());
         return WasRead(storage::ListArchivedAllowances(c, "a"));
       }},
      {"what is to be archived",
       [](Connection& c) -> absl::StatusOr<std::string> {
         RESERVE_RETURN_IF_ERROR(
             storage::WhatIsOpen(c, TestNow() - absl::Hours(24 * 400)).status());
         RESERVE_RETURN_IF_ERROR(storage::CountEntriesOfMonths(c, 0, 202509).status());
         RESERVE_RETURN_IF_ERROR(storage::FindHeadSeq(c, "a", 0, 202611, TestNow()).status());
         return WasRead(storage::AccountsOfMonths(c, 0, 202611, "", 10));
       }},
      {"the steps of an archive",
       [](Connection& c) -> absl::StatusOr<std::string> {
         constexpr int32_t kMonth = 200001;  // of which there is nothing
         RESERVE_RETURN_IF_ERROR(storage::ListArchives(c).status());
         RESERVE_RETURN_IF_ERROR(storage::SealMonth(c, kMonth, TestNow()));
         storage::Archive archive;
         archive.month = kMonth;
         RESERVE_RETURN_IF_ERROR(storage::NoteArchiveWritten(c, archive, TestNow()));
         RESERVE_RETURN_IF_ERROR(storage::NoteArchiveDropped(c, kMonth, TestNow()));
         RESERVE_RETURN_IF_ERROR(storage::UnsealMonth(c, kMonth));
         return WasRead(storage::ReadArchivedMonth(c));
       }},
  };
}

std::vector<Read> AllReads() {
  std::vector<Read> all = Reads();
  for (Read& read : ReadsOfNobody()) all.push_back(std::move(read));
  for (Read& read : ReadsOfStatements()) all.push_back(std::move(read));
  for (Read& read : ReadsOfAll()) all.push_back(std::move(read));
  for (Read& read : MoreReads()) all.push_back(std::move(read));
  for (Read& read : ReadsOfCalls()) all.push_back(std::move(read));
  for (Read& read : ReadsOfCounting()) all.push_back(std::move(read));
  for (Read& read : ReadsOfRatings()) all.push_back(std::move(read));
  for (Read& read : ReadsOfSums()) all.push_back(std::move(read));
  for (Read& read : ReadsOfArchives()) all.push_back(std::move(read));
  for (Read& read : ReadsOfTheHistory()) all.push_back(std::move(read));
  for (Read& read : ReadsOfSearches()) all.push_back(std::move(read));
  return all;
}

// In parts that run side by side, as most of it is waiting for the pool's pauses.
constexpr size_t kPartsOfReads = 4;
class QueryErrorsTest : public DatabaseErrorsElsewhereTest,
                        public testing::WithParamInterface<size_t> {
 protected:
  // Within a transaction this is an error (1568), on either server.
  void ExpectNoTransactionIsOpen() {
    absl::Status set;
    EXPECT_TRUE(WaitUntil([&] {
      set = Query([](Connection& connection) {
        return connection.Execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
      });
      return set.code() != absl::StatusCode::kUnavailable;  // a slow machine's patience is short
    }));
    EXPECT_TRUE(set.ok()) << set;
  }

  // A row at least of all that is read.
  void BookWhatIsRead() {
    ASSERT_TRUE(
        Ask<UsageReply>(*direct_, "a", RecordUsage{Call(kUser, "call", kStandardNumber, 60)}).ok());
    ASSERT_TRUE(
        Ask<UsageReply>(*direct_, "a", RecordUsage{Call("late", "waits", kStandardNumber, 60)})
            .ok());
    // One that has a rating after its booking.
    ASSERT_TRUE(
        Ask<UsageReply>(*direct_, "a", RecordUsage{Call("soon", "rated", kStandardNumber, 60)})
            .ok());
    ASSERT_TRUE(Ask<UserReply>(*direct_, "a", PutUser{"soon", ""}).ok());
    ASSERT_TRUE(Ask<UsageReply>(*direct_, "a", RateUnrated{"rated"}).ok());
    ASSERT_TRUE(Ask<EntryReply>(*direct_, "a", AdjustBalance{"1", -kNanosPerUnit, {"x"}, ""}).ok());
    ASSERT_TRUE(Ask<RechargeReply>(*direct_, "a", Refund("r", 1, kNanosPerUnit)).ok());
    ASSERT_TRUE(Ask<PaymentReply>(*direct_, "a", Payment("p", kNanosPerUnit)).ok());
    ASSERT_TRUE(
        Ask<DisputeReply>(*direct_, "a",
                          ToldDispute(1, "dp", domain::DisputeState::kInquiry, kNanosPerUnit))
            .ok());
    CreateHold hold;
    hold.request.hold_id = "h";
    hold.request.call = Call(kUser, "in-progress", kStandardNumber, 0);
    const auto held = Ask<HoldReply>(*direct_, "a", hold);
    ASSERT_TRUE(held.ok() && held->hold.has_value()) << held.status();
    // One that was booked from estimates, of an account of its own.
    for (const char* const row :
         {"balances (account_id,balance_nanos,last_seq,version,revision,month,head_hash) VALUES "
          "('estimates',0,1,1,1,202611,'')",
          "account_months (account_id,month,first_seq,last_seq) VALUES ('estimates',202611,1,1)",
          "entries (record_time,account_id,seq,month,kind,amount_nanos,balance_after_nanos,"
          "entry_hash,usage_id,user_id,usage_kind,start_time,duration_seconds,basis,estimated) "
          "VALUES ('2026-11-23','estimates',1,202611,1,0,0,'','guessed','u',1,'2026-11-23',60,5,"
          "1)"}) {
      ledger_->sql().Execute(absl::StrCat("INSERT INTO ", row));
    }
    // As if something were owed to somebody, and had come after the end.
    ledger_->sql().Execute(
        "UPDATE accounts SET payout_owed = 1, closing_late_time = UTC_TIMESTAMP(6), "
        "closing_late_nanos = 1");
    // No payment gives anything back: one that has all that lists of money go by.
    ledger_->sql().Execute(
        "UPDATE recharges SET means = 3, reference = 'till 7', refund_of = 1 WHERE kind = 5");
  }
};

INSTANTIATE_TEST_SUITE_P(Part, QueryErrorsTest, testing::Range(size_t{0}, kPartsOfReads));

TEST_P(QueryErrorsTest, AQueryIsAnsweredOrToldAndLeavesNoTransactionOpen) {
  // Errors that never end are waited for no longer than this.
  engine_.reset();
  options_.retry_budget = absl::Milliseconds(20);
  engine_ = ledger_->StartEngine(options_);
  BookWhatIsRead();
  const std::vector<Read> reads = AllReads();
  for (size_t i = GetParam(); i < reads.size(); i += kPartsOfReads) {
    const Read& read = reads[i];
    std::string text;
    const auto ask = [&] {
      text.clear();
      return Query([&](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(text, read.read(connection));
        return absl::OkStatus();
      });
    };
    const std::vector<std::string> statements = Learn([&] { ASSERT_TRUE(ask().ok()); });
    const std::string expected = text;
    EXPECT_THAT(expected, testing::Not(testing::StartsWith("0 rows"))) << read.name;
    for (const Place& place : PlacesOf(statements)) {
      for (const Fault& fault : place.faults) {
        SCOPED_TRACE(
            absl::StrCat(read.name, ", ", place.beginning, " ", place.nth, ": ", fault.name));
        sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
        const absl::Status asked = ask();
        EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
        sabotage_->End();
        ExpectTold(asked, fault, /*is_commit=*/place.beginning == "COMMIT");
        // ROLLBACK only lets go of a snapshot: what was read holds.
        EXPECT_TRUE(!asked.ok() || text == expected) << text;
        ExpectNoTransactionIsOpen();
      }
      // And if it never ends.
      for (const Fault& fault : {FaultOf("always refused with", Fate::kRefused, 1213, true),
                                 FaultOf("always refused with", Fate::kRefused, 2013, true),
                                 FaultOf("always refused with", Fate::kRefused, 1064, false),
                                 FaultOf("always cut off before it", Fate::kCut, 0, true)}) {
        if (place.beginning == "ROLLBACK") continue;
        SCOPED_TRACE(absl::StrCat(read.name, ", ", place.beginning, ": ", fault.name));
        sabotage_->Begin([&](const Sabotage::Statement& s) {
          return absl::StartsWith(s.text, place.beginning) ? fault.ruling : Ruling{};
        });
        const absl::Status asked = ask();
        sabotage_->End();
        EXPECT_FALSE(asked.ok());
        ExpectTold(asked, fault);
      }
      // The outage is over, and that is found out within the patience of some query.
      ASSERT_TRUE(WaitUntil([&] { return ask().ok(); }));
    }
  }
}

TEST_F(DatabaseErrorsElsewhereTest, ALeaseIsRenewedOrToldAndNeverLostByAnError) {
  ASSERT_TRUE(Ask<domain::Account>(*direct_, "leased", OpenWithCard()).ok());
  ledger_->sql().Execute(
      "UPDATE recharges SET lease_owner = 'w', lease_epoch = 1, due_time = '2026-11-24' "
      "WHERE account_id = 'leased'");
  const auto renew = [&] {
    return Query([&](Connection& connection) {
      return engine_->RenewLease(connection, {"leased", 1}, "w", 1).status();
    });
  };
  const auto stored = [&] {
    const auto recharges =
        storage::LoadRecharges(*ledger_->Connect(), {{"leased", 1}}, storage::Lock::kNone);
    EXPECT_TRUE(recharges.ok() && recharges->size() == 1);
    EXPECT_EQ(recharges->front().lease_owner, "w");
    EXPECT_EQ(recharges->front().lease_epoch, 1);
    return recharges->front().due_time;
  };
  for (const Fault& fault : FaultsToTry()) {
    SCOPED_TRACE(fault.name);
    ledger_->clock().Advance(absl::Seconds(1));
    const absl::Time renewed = ledger_->clock().Now() + engine_->options().lease_duration;
    const absl::Time before = stored();
    sabotage_->Begin(Nth(1, Begins("UPDATE recharges SET due_time"), fault.ruling));
    const absl::Status asked = renew();
    EXPECT_EQ(sabotage_->struck(), 1);
    sabotage_->End();
    ExpectTold(asked, fault);
    EXPECT_THAT(stored(), AnyOf(Eq(asked.ok() ? renewed : before), Eq(renewed)));
    ASSERT_TRUE(renew().ok());
    EXPECT_EQ(stored(), renewed);
  }
}

TEST_F(DatabaseErrorsElsewhereTest, AnImportIsDoneOnceOrNotAtAll) {
  const std::vector<rates::RateRow> rows = {
      {rates::RateKind::kCall, "1", "", "North America", 9'000'000, 0, 60, 60}};
  rates::DeckHeader header;
  header.currency = "USD";
  header.import_time = TestNow();
  int number = 0;
  const auto next_deck = [&] {
    header.name = absl::StrCat("deck-", ++number);
    header.effective_time = TestNow() + absl::Hours(number);
  };
  const auto import = [&] {
    return Query([&](Connection& connection) {
      return ImportInForce(*engine_, connection, header, rows).status();
    });
  };
  const auto decks = [&] {
    return ledger_->sql().QueryInt(
        absl::StrCat("SELECT COUNT(*) FROM rate_decks WHERE name = '", header.name, "'"));
  };
  // Each catalog keeps all decks in force: enough of them.
  const auto clean = [&] {
    ledger_->sql().Execute("DELETE FROM rate_activations WHERE deck_version > 1");
    ledger_->sql().Execute("DELETE FROM rate_decks WHERE version > 1");
    ledger_->sql().Execute("DELETE FROM rates WHERE deck_version > 1");
    ledger_->sql().Execute("DELETE FROM rate_shapes WHERE deck_version > 1");
    engine_.reset();
    engine_ = ledger_->StartEngine(options_);
  };
  ExpectDoneOnceWhateverFails({next_deck, import, decks, clean});
  EXPECT_EQ(ledger_->sql().QueryInt("SELECT COUNT(*) FROM rate_decks d WHERE rate_count <> "
                                    "(SELECT COUNT(*) FROM rates WHERE deck_version = d.version)"),
            0);
}

TEST_F(DatabaseErrorsElsewhereTest, AnActivationIsDoneOnceOrNotAtAll) {
  ActivationOrder order;
  order.deck_version = 1;
  order.digest = "digest";
  int number = 0;
  const auto next = [&] { order.request_id = absl::StrCat("activation-", ++number); };
  const auto activate = [&] {
    return Query(
        [&](Connection& connection) { return engine_->ActivateDeck(connection, order).status(); });
  };
  const auto stored = [&] {
    return ledger_->sql().QueryInt(
        absl::StrCat("SELECT COUNT(*) FROM rate_activations WHERE stage = 2 AND request_id = '",
                     order.request_id, "'"));
  };
  const auto clean = [&] {
    ledger_->sql().Execute("DELETE FROM rate_activations WHERE number > 1");
    engine_.reset();
    engine_ = ledger_->StartEngine(options_);
  };
  ExpectDoneOnceWhateverFails({next, activate, stored, clean});
}

TEST_F(DatabaseErrorsElsewhereTest, AVersionOfAPlanIsPutOnceOrNotAtAll) {
  PlanOrder order;
  order.plan_id = "per_minute";
  order.digest = "digest";
  order.change = [](const domain::Plan& before) -> absl::StatusOr<domain::Plan> { return before; };
  int number = 0;
  const auto next = [&] { order.request_id = absl::StrCat("version-", ++number); };
  const auto put = [&] {
    return Query(
        [&](Connection& connection) { return engine_->PutPlan(connection, order).status(); });
  };
  const auto stored = [&] {
    return ledger_->sql().QueryInt(
        absl::StrCat("SELECT COUNT(*) FROM plan_versions WHERE stage = 2 AND request_id = '",
                     order.request_id, "'"));
  };
  ExpectDoneOnceWhateverFails({next, put, stored});
}

TEST_F(DatabaseErrorsElsewhereTest, ADeckIsRetiredOrNotAtAll) {
  const auto connection = ledger_->Connect();
  rates::DeckHeader header;
  header.version = 1;
  header.currency = "USD";
  header.effective_time = header.import_time = TestNow();
  const auto next_draft = [&] {
    header.name = absl::StrCat("draft-", ++header.version);
    ASSERT_TRUE(storage::InsertDeck(*connection, header, {}).ok());
  };
  const auto retire = [&] {
    return Query([&](Connection& c) { return engine_->RetireDeck(c, header.version, {}); });
  };
  const auto retired = [&] {
    return ledger_->sql().QueryInt(
        absl::StrCat("SELECT COUNT(*) FROM rate_activations WHERE stage = 4 AND deck_version = ",
                     header.version));
  };
  next_draft();
  const std::vector<std::string> statements = Learn([&] { ASSERT_TRUE(retire().ok()); });
  for (const Place& place : PlacesOf(statements)) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      next_draft();
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status status = retire();
      sabotage_->End();
      ExpectTold(status, fault, place.beginning == "COMMIT");
      EXPECT_TRUE(!status.ok() || retired() == 1);
      ASSERT_TRUE(retire().ok());
      EXPECT_EQ(retired(), 1);
    }
  }
}

// --- Housekeeping, the feed, health -------------------------------------------------------

TEST_F(DatabaseErrorsElsewhereTest, HousekeepingGoesOnAfterAnyError) {
  engine_.reset();
  options_.house_interval = absl::Milliseconds(2);
  options_.heartbeat_interval = absl::Milliseconds(2);
  engine_ = ledger_->StartEngine(options_);
  const auto connection = ledger_->Connect();
  int64_t version = 1;
  for (const std::string part :
       {" FROM plans", " FROM plan_versions ORDER", " FROM rate_activations", " FROM rate_decks",
        " FROM rate_shapes WHERE", " FROM rates WHERE", "recheck_time <=", "INSERT INTO ledgers",
        "expiry_notice_time <=", " WHERE expire_time <=", "ORDER BY account_id,usage_id LIMIT",
        " COUNT(*) FROM usage_states"}) {
    for (const Fault& fault : FaultsToTry()) {
      SCOPED_TRACE(absl::StrCat(part, ": ", fault.name));
      sabotage_->Begin(Nth(1, Contains(part), fault.ruling));
      rates::DeckHeader header;
      header.version = ++version;
      header.name = absl::StrCat("deck-", version);
      header.currency = "USD";
      header.effective_time = TestNow() + absl::Hours(1);
      header.import_time = TestNow();
      StoreInForce(*connection, header, {});
      ASSERT_TRUE(WaitUntil([&] {
        return sabotage_->struck() > 0 && engine_->catalog()->decks->latest_version() == version;
      }));
      sabotage_->End();
    }
  }
  // As if the day of a cap had ended, with the balance below the threshold. The lanes remember
  // accounts by their versions.
  ledger_->sql().Execute("UPDATE balances SET version = version + 1");
  ledger_->sql().Execute(
      "UPDATE accounts SET recheck_time = '2026-01-01', "
      "recharge_threshold_nanos = 20000000000");
  EXPECT_TRUE(WaitUntil([&] { return ledger_->Account("a").open_ordinal == 2; }));
}

TEST_F(DatabaseErrorsElsewhereTest, AReratingGoesOnAfterAnyErrorAndCountsEachUsageOnce) {
  ASSERT_TRUE(
      Ask<UsageReply>(*direct_, "a", RecordUsage{Call(kUser, "call", kStandardNumber, 60)}).ok());
  const auto connection = ledger_->Connect();
  int number = 0;
  // One rerating, of which a statement is spoiled if the runner says it after Begin.
  const auto rerate_with = [&](const std::string& part, const Fault& fault) {
    const std::string request_id = absl::StrCat("spoiled-", ++number);
    sabotage_->Begin(Nth(1, Contains(part), fault.ruling));
    ASSERT_TRUE(storage::AddRerating(*connection, ReratingOf(request_id), TestNow()).ok());
    std::optional<book::ReratingJob> job;
    ASSERT_TRUE(WaitUntil([&] {
      engine_->reratings().Announce();
      job = *storage::FindRerating(*connection, request_id);
      return job->done;
    }));
    sabotage_->End();
    EXPECT_EQ(job->counts.looked_at, 1);
  };
  for (const std::string part :
       {"FROM reratings WHERE state", "UPDATE reratings SET lease_owner",
        "SELECT a.account_id,b.last_seq FROM", "SELECT account_id,seq,usage_id FROM entries",
        "UPDATE reratings SET state"}) {
    for (const Fault& fault : FaultsToTry()) {
      SCOPED_TRACE(absl::StrCat(part, ": ", fault.name));
      // The runner may still be looking for more after the last one: what it had begun to ask
      // finds the new one unspoiled. Then there is another.
      for (int attempt = 0; attempt == 0 || (sabotage_->struck() == 0 && attempt < 5); ++attempt) {
        ASSERT_NO_FATAL_FAILURE(rerate_with(part, fault));
      }
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
    }
  }
}

// Watches all events, and goes on from its position when the feed fails. Thread-safe.
class FollowingWatcher : public EventWatcher {
 public:
  explicit FollowingWatcher(EventReader::Options options = {}) : options_(std::move(options)) {}

  const EventReader::Options& options() const { return options_; }
  void OnPage(EventReader::Page page) override {
    absl::MutexLock lock(&mutex_);
    for (const storage::FeedEvent& e : page.events) {
      seqs_[e.event.account_id].push_back(e.event.event_seq);
    }
    if (!page.position.stretches.empty()) position_ = page.position;
    page_is_there_ = true;
  }
  void OnFailed(const absl::Status& status) override {
    absl::MutexLock lock(&mutex_);
    failure_ = status;
  }

  // Goes on with the feed as a client does: the next page, or a new watch.
  void GoOn(EventFeed& feed) {
    absl::Status failure;
    bool next = false;
    EventReader::Options options = options_;
    {
      absl::MutexLock lock(&mutex_);
      std::swap(failure, failure_);
      next = std::exchange(page_is_there_, false);
      if (position_.has_value()) options.resume_from = position_;
    }
    if (!failure.ok()) {
      EXPECT_EQ(failure.code(), absl::StatusCode::kUnavailable) << failure;
      EXPECT_EQ(ReasonOf(failure), "DATABASE_UNAVAILABLE");
      feed.Remove(this);
      EXPECT_TRUE(feed.Add(this, options).ok());
    } else if (next) {
      feed.Ready(this);
    }
  }
  bool has_page() const {
    absl::MutexLock lock(&mutex_);
    return page_is_there_;
  }
  std::vector<int64_t> SeqsOf(const std::string& account_id) const {
    absl::MutexLock lock(&mutex_);
    const auto found = seqs_.find(account_id);
    return found == seqs_.end() ? std::vector<int64_t>() : found->second;
  }

 private:
  const EventReader::Options options_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::vector<int64_t>> seqs_ ABSL_GUARDED_BY(mutex_);
  std::optional<FeedPosition> position_ ABSL_GUARDED_BY(mutex_);
  bool page_is_there_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(DatabaseErrorsElsewhereTest, TheFeedOfEventsLosesNothing) {
  FollowingWatcher watcher;
  ASSERT_TRUE(engine_->event_feed().Add(&watcher, {}).ok());
  ASSERT_TRUE(WaitUntil([&] { return watcher.has_page(); }));
  int number = 0;
  for (const std::string part :
       {"UTC_TIMESTAMP", "FORCE INDEX (by_feed_time)", " FROM events e "}) {
    for (const Fault& fault : FaultsToTry()) {
      SCOPED_TRACE(absl::StrCat(part, ": ", fault.name));
      const std::string account_id = absl::StrCat("seen-", ++number);
      sabotage_->Begin(Nth(1, Contains(part), fault.ruling));
      OpenFunded(*direct_, account_id);
      const int64_t last = ledger_->Account(account_id).last_event_seq;
      ASSERT_TRUE(WaitUntil([&] {
        watcher.GoOn(engine_->event_feed());
        const std::vector<int64_t> seqs = watcher.SeqsOf(account_id);
        return sabotage_->struck() > 0 && !seqs.empty() && seqs.back() == last;
      }));
      sabotage_->End();
      // Each at least once, and in order from the first; from the start again after a failure.
      int64_t next = 1;
      for (const int64_t seq : watcher.SeqsOf(account_id)) {
        EXPECT_TRUE(seq == next || seq == 1) << seq << " instead of " << next;
        next = seq + 1;
      }
    }
  }
  // Of one account only.
  EventReader::Options options;
  options.account_id = "a";
  options.resume_from = absl::UnixEpoch() + absl::Hours(24);
  for (const Fault& fault : FaultsToTry()) {
    SCOPED_TRACE(fault.name);
    FollowingWatcher of_one(options);
    sabotage_->Begin(Nth(1, Contains(" AND account_id = 'a'"), fault.ruling));
    ASSERT_TRUE(engine_->event_feed().Add(&of_one, of_one.options()).ok());
    ASSERT_TRUE(WaitUntil([&] {
      watcher.GoOn(engine_->event_feed());
      of_one.GoOn(engine_->event_feed());
      return sabotage_->struck() > 0 && !of_one.SeqsOf("a").empty();
    }));
    sabotage_->End();
    engine_->event_feed().Remove(&of_one);
  }
  engine_->event_feed().Remove(&watcher);
}

TEST_F(DatabaseErrorsElsewhereTest, NoErrorOfAHealthCheckIsTakenForHealthOrForAnUnsafeDatabase) {
  std::unique_ptr<Connection> connection;
  for (const Fault& fault : FaultsToTry()) {
    SCOPED_TRACE(fault.name);
    if (connection == nullptr || !connection->alive()) {
      connection = storage::MustConnect(options_.database);
    }
    sabotage_->Begin(Nth(1, Contains("FROM schema_migrations"), fault.ruling));
    const absl::Status schema = storage::CheckSchema(*connection);
    EXPECT_EQ(sabotage_->struck(), 1);
    sabotage_->End();
    EXPECT_FALSE(schema.ok());
    if (fault.passes && fault.ruling.error != kDuplicateKey) {
      EXPECT_THAT(schema.code(), AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kAborted));
    } else if (fault.ruling.error == 1142) {
      EXPECT_EQ(storage::ErrorClassOf(schema), storage::ErrorClass::kRights);
    } else {
      EXPECT_EQ(ReasonOf(schema), "SCHEMA_TOO_OLD");
    }
    for (const std::string statement : {"SHOW GLOBAL VARIABLES", "SHOW GLOBAL STATUS"}) {
      SCOPED_TRACE(statement);
      if (!connection->alive()) connection = storage::MustConnect(options_.database);
      sabotage_->Begin(Nth(1, Begins(statement), fault.ruling));
      const absl::Status durability = storage::CheckDurability(*connection);
      EXPECT_EQ(sabotage_->struck(), 1);
      sabotage_->End();
      EXPECT_FALSE(durability.ok());
      // That would end the ledger.
      EXPECT_NE(ReasonOf(durability), "UNSAFE_DATABASE");
    }
    const std::vector<std::pair<std::string, absl::Status (*)(Connection&)>> checks = {
        {"SHOW GLOBAL VARIABLES", storage::CheckBinlogFormat},
        {"SELECT @@GLOBAL", storage::CheckPacketSize},
        {"EXPLAIN SELECT", storage::CheckRights},
        {"EXPLAIN INSERT", storage::CheckRights},
        {"EXPLAIN UPDATE", storage::CheckRights},
        {"INSERT INTO usage_ids", storage::TryToGrow}};
    for (const auto& [statement, check] : checks) {
      SCOPED_TRACE(statement);
      if (!connection->alive()) connection = storage::MustConnect(options_.database);
      sabotage_->Begin(Nth(1, Begins(statement), fault.ruling));
      const absl::Status checked = check(*connection);
      EXPECT_EQ(sabotage_->struck(), 1);
      sabotage_->End();
      EXPECT_FALSE(checked.ok());
    }
    EXPECT_EQ(ledger_->sql().QueryInt("SELECT COUNT(*) FROM usage_ids WHERE account_id = ''"), 0);
  }
}

// --- The feature level --------------------------------------------------------------------

TEST_F(DatabaseErrorsElsewhereTest, ALedgerIsRegisteredOrToldWhateverFails) {
  int number = 0;
  const auto registered = [&](const std::string& id) {
    return Query(
        [&](Connection& c) { return storage::RegisterLedger(c, id, domain::kNewestFeatureLevel); });
  };
  const std::vector<std::string> statements =
      Learn([&] { ASSERT_TRUE(registered("ledger-0").ok()); });
  for (const Place& place : PlacesOf(statements)) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      const std::string id = absl::StrCat("ledger-", ++number);
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status asked = registered(id);
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      ExpectTold(asked, fault, place.beginning == "COMMIT");
      ASSERT_TRUE(asked.ok() || registered(id).ok());
      EXPECT_EQ(
          ledger_->sql().QueryInt(absl::StrCat(
              "SELECT COUNT(*) FROM ledgers WHERE leave_time IS NULL AND ledger_id = '", id, "'")),
          1);
    }
  }
}

// --- Who works on which accounts ----------------------------------------------------------

TEST_F(DatabaseErrorsElsewhereTest, RangesAreMovedOrToldWhateverFails) {
  int number = 0;
  std::string owner;
  const auto share = [&](Connection& c) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(storage::BeatPeer(c, "sharing", "sharing.test:1"));
    RESERVE_RETURN_IF_ERROR(storage::ReadPeers(c).status());
    RESERVE_RETURN_IF_ERROR(storage::MakeRanges(c, 2));
    RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::AccountRange> ranges,
                             storage::ReadRanges(c));
    RESERVE_RETURN_IF_ERROR(storage::MoveRanges(c, ranges, owner));
    return storage::ForgetPeer(c, {"nobody", "", 0});
  };
  ASSERT_TRUE(Query([](Connection& c) {
                return storage::RegisterLedger(c, "sharing", domain::kNewestFeatureLevel);
              }).ok());
  const std::vector<std::string> statements = Learn([&] { ASSERT_TRUE(Query(share).ok()); });
  EXPECT_GE(statements.size(), 5u);
  for (const Place& place : PlacesOf(statements)) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      owner = absl::StrCat("ledger-", ++number);
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status asked = Query(share);
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      ExpectTold(asked, fault);
      ASSERT_TRUE(asked.ok() || Query(share).ok());
      EXPECT_EQ(ledger_->sql().QueryInt(absl::StrCat(
                    "SELECT COUNT(*) FROM account_ranges WHERE owner = '", owner, "'")),
                2);
    }
  }
}

TEST_F(DatabaseErrorsElsewhereTest, TheLevelIsRaisedOnceOrNotAtAllWhateverFails) {
  const auto level = [&] { return ledger_->sql().QueryInt("SELECT level FROM feature_level"); };
  const auto lower = [&] {
    ledger_->sql().Execute("UPDATE feature_level SET level = 1, receipts_from = NULL");
  };
  const auto finish = [&] {
    storage::DatabaseOptions options = options_.database;
    options.socket = sabotage_->socket_path();
    return storage::Finish(options, /*silent_are_gone=*/false, [](const std::string&) {});
  };
  lower();
  const std::vector<std::string> statements = Learn([&] { ASSERT_TRUE(finish().ok()); });
  EXPECT_GE(statements.size(), 10u);
  for (const Place& place : PlacesOf(statements)) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      lower();
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status finished = finish();
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      EXPECT_TRUE(!finished.ok() || level() == domain::kNewestFeatureLevel);
      const absl::Status again = finish();
      ASSERT_TRUE(again.ok()) << again;
      EXPECT_EQ(level(), domain::kNewestFeatureLevel);
    }
  }
}

// --- Who is forgotten ---------------------------------------------------------------------

TEST_F(DatabaseErrorsElsewhereTest, APersonIsForgottenOnceOrAgainWhateverFails) {
  constexpr char kForgetful[] = "forgetful";
  OpenFunded(*engine_, kForgetful);
  for (const char* id : {"one", "two"}) {
    ASSERT_TRUE(
        Ask<UsageReply>(*engine_, kForgetful, RecordUsage{Call(kUser, id, kStandardNumber, 60)})
            .ok());
  }
  const TestDatabase& sql = ledger_->sql();
  const std::string of_user =
      absl::StrCat(" WHERE account_id = '", kForgetful, "' AND user_id = '", kUser, "'");
  const auto remember = [&] {
    sql.Execute("DELETE FROM number_keys" + of_user);
    sql.Execute(
        "INSERT INTO number_keys (account_id,user_id,year,number_key) SELECT DISTINCT "
        "account_id,user_id,YEAR(start_time),REPEAT('k',32) FROM entries" +
        of_user);
    sql.Execute("UPDATE entries SET destination = '12025550123'" + of_user);
  };
  const auto forget = [&] {
    return Query([=](Connection& c) {
      const storage::ForgetOptions a_try = {.dry_run = true};
      RESERVE_RETURN_IF_ERROR(storage::ForgetUser(c, kForgetful, kUser, a_try).status());
      return storage::ForgetUser(c, kForgetful, kUser, {}).status();
    });
  };
  remember();
  const std::vector<std::string> statements = Learn([&] { ASSERT_TRUE(forget().ok()); });
  for (const Place& place : PlacesOf(statements)) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      remember();
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status asked = forget();
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      const absl::Status again = forget();
      ASSERT_TRUE(again.ok()) << asked << ", then " << again;
      EXPECT_EQ(
          sql.QueryInt("SELECT COUNT(*) FROM entries" + of_user + " AND LENGTH(destination) <> 64"),
          0);
      EXPECT_EQ(sql.QueryInt("SELECT COUNT(*) FROM number_keys" + of_user), 0);
    }
  }
}

// --- Archives -----------------------------------------------------------------------------

// A month of an account that is archived again and again: what it was before comes back.
class ArchivedAgain {
 public:
  explicit ArchivedAgain(const TestDatabase& sql) : sql_(sql) {
    for (const char* table : kTables) {
      sql_.Execute(absl::StrCat("CREATE TABLE saved_", table, " AS SELECT * FROM ", table));
    }
  }
  ~ArchivedAgain() {
    for (const char* table : kTables) sql_.Execute(absl::StrCat("DROP TABLE saved_", table));
  }
  void BringBack() {
    for (const char* table :
         {"archives", "archived_heads", "archived_allowances", "kept_entries"}) {
      sql_.Execute(absl::StrCat("DELETE FROM ", table));
    }
    if (sql_.QueryInt("SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = "
                      "DATABASE() AND table_name = 'entries' AND partition_name = 'earlier'") ==
        0) {
      sql_.Execute(
          "ALTER TABLE entries REORGANIZE PARTITION m202510 INTO (PARTITION earlier VALUES LESS "
          "THAN (202510), PARTITION m202510 VALUES LESS THAN (202511))");
    }
    for (const char* table : kTables) {
      sql_.Execute(absl::StrCat("DELETE FROM ", table));
      sql_.Execute(absl::StrCat("INSERT INTO ", table, " SELECT * FROM saved_", table));
    }
  }

 private:
  static constexpr const char* kTables[] = {"entries", "account_months", "usage_states"};
  const TestDatabase& sql_;
};

// What only reads leaves nothing half done, whatever it is answered.
std::vector<Fault> FaultsOfAMonth(absl::string_view statement) {
  std::vector<Fault> faults = FaultsOfEachClass();
  if (absl::StartsWith(statement, "SELECT ")) faults.resize(1);
  return faults;
}

TEST_F(DatabaseErrorsElsewhereTest, U8_WhoMayArchiveIsToldWhateverFails) {
  const auto take = [](const storage::DatabaseOptions& database) -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(const auto lock, Connection::Open(database));
    RESERVE_RETURN_IF_ERROR(storage::TakeArchiveLock(*lock, TestNow()));
    return storage::KeepArchiveLock(*lock);
  };
  for (const Place& place : PlacesOf(Learn([&] { ASSERT_TRUE(take(options_.database).ok()); }))) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status taken = take(options_.database);
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      const bool is_setting = absl::StartsWith(place.beginning, "SET ");
      EXPECT_TRUE(is_setting || fault.done() || !taken.ok());
      // Whatever it was told, it is let go of with its connection.
      ASSERT_TRUE(WaitUntil([&] { return take(ledger_->database().options()).ok(); }));
    }
  }
}

TEST_F(DatabaseErrorsElsewhereTest, U8_AMonthIsArchivedOnceOrAgainWhateverFails) {
  constexpr absl::Duration kBack = absl::Hours(24 * 430);
  ledger_->clock().Advance(-kBack);
  OpenFunded(*engine_, "old");
  const auto book = [&](const std::string& id) {
    domain::Usage usage = Call(kUser, id, kDearNumber, 60);
    usage.start_time = ledger_->clock().Now();
    ASSERT_TRUE(Ask<UsageReply>(*engine_, "old", RecordUsage{usage}).ok());
  };
  book("one");
  book("voided");
  ASSERT_TRUE(Ask<VoidReply>(*engine_, "old", VoidUsage{"voided", false, {"wrong"}}).ok());
  ledger_->clock().Advance(absl::Hours(24 * 12));
  book("last-day");
  ledger_->clock().Advance(kBack - absl::Hours(24 * 12));
  std::string folder = std::filesystem::temp_directory_path() / "reserve-archive-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto archive = [&](const storage::DatabaseOptions& database) {
    archive::ArchiveOptions options;
    options.database = database;
    options.month = 202509;
    options.directory = folder;
    options.max_usage_age = absl::ZeroDuration();
    options.now = ledger_->clock().Now();
    const absl::Status archived = archive::ArchiveMonths(options);
    if (!archived.ok()) return archived;
    return archive::CheckArchives(*ledger_->Connect(), folder, 0, [](const std::string&) {})
        .status();
  };
  ArchivedAgain again(ledger_->sql());
  const std::vector<std::string> statements =
      Learn([&] { ASSERT_EQ(archive(options_.database), absl::OkStatus()); });
  EXPECT_GE(statements.size(), 40u);
  // Each statement alone meets all faults where ReadsOfArchives() are tried.
  for (const Place& place : PlacesOf(statements, FaultsOfAMonth)) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      again.BringBack();
      // As nothing tells them from another schema's.
      std::filesystem::remove_all(folder);
      std::filesystem::create_directory(folder);
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status asked = archive(options_.database);
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      const absl::Status done = archive(ledger_->database().options());
      ASSERT_TRUE(done.ok()) << asked << ", then " << done;
      Findings findings;
      ASSERT_TRUE(VerifyAccount(*ledger_->Connect(), "old", &findings).ok());
      EXPECT_EQ(findings.difference_count, 0);
      EXPECT_EQ(ledger_->sql().QueryInt("SELECT COUNT(*) FROM entries WHERE month <= 202509"), 0);
    }
  }
  std::filesystem::remove_all(folder);
}

// --- Migrations ---------------------------------------------------------------------------

// The columns, indexes and partitions of a schema.
std::string LayoutOf(const TestDatabase& sql) {
  std::vector<std::string> rows;
  for (const std::string select :
       {"SELECT CONCAT_WS('|', table_name, column_name, ordinal_position, column_type, is_nullable,"
        " COALESCE(column_default, 'none'), COALESCE(collation_name, 'none')) "
        "FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1",
        "SELECT CONCAT_WS('|', table_name, index_name, seq_in_index, column_name, non_unique) "
        "FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1",
        "SELECT CONCAT_WS('|', partition_name, partition_description) "
        "FROM information_schema.partitions WHERE table_schema = DATABASE() "
        "AND partition_name IS NOT NULL ORDER BY 1",
        "SELECT CONCAT_WS('|', version, name, oldest_code) FROM schema_migrations ORDER BY 1",
        "SELECT CONCAT_WS('|', plan_id, standard_calls, free_seconds) FROM plans ORDER BY 1"}) {
    for (const auto& row : sql.Query(select)) rows.push_back(row[0]);
  }
  return absl::StrJoin(rows, "\n");
}

absl::Status MigrateOn(storage::DatabaseOptions options, const std::string& socket,
                       absl::Time now = TestNow()) {
  options.socket = socket;
  return storage::Migrate(options, now, [](const std::string&) {});
}

TEST_F(DatabaseErrorsElsewhereTest, AMigrationOfWhatIsUpToDateMayFailAnywhereAndBeRunAgain) {
  const std::string layout = LayoutOf(ledger_->sql());
  const auto migrate = [&] { return MigrateOn(options_.database, sabotage_->socket_path()); };
  const std::vector<std::string> statements = Learn([&] { ASSERT_TRUE(migrate().ok()); });
  for (const Place& place : PlacesOf(statements)) {
    for (const Fault& fault : place.faults) {
      SCOPED_TRACE(absl::StrCat(place.beginning, " ", place.nth, ": ", fault.name));
      sabotage_->Begin(Nth(place.nth, Begins(place.beginning), fault.ruling));
      const absl::Status migrated = migrate();
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      if (fault.passes && fault.ruling.error != kDuplicateKey) {
        EXPECT_THAT(migrated.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kUnavailable,
                                           absl::StatusCode::kAborted));
      }
      const absl::Status again = migrate();
      ASSERT_TRUE(again.ok()) << again;
    }
  }
  EXPECT_EQ(LayoutOf(ledger_->sql()), layout);
}

// Nothing was done, as somebody else was in the way.
bool IsConflict(const Fault& fault) {
  return fault.ruling.fate != Fate::kDoneAndRefused &&
         absl::c_linear_search(kConflicts, fault.ruling.error);
}

TEST_F(DatabaseErrorsElsewhereTest, WhatIsMigratedIsNotedAndMonthsGetTheirPartitionsWhateverFails) {
  const std::string layout = LayoutOf(ledger_->sql());
  const auto& socket = sabotage_->socket_path();
  for (const Fault& fault : FaultsToTry()) {
    SCOPED_TRACE(fault.name);
    ledger_->sql().Execute("DELETE FROM schema_migrations ORDER BY version DESC LIMIT 1");
    sabotage_->Begin(Nth(1, Begins("INSERT INTO schema_migrations"), fault.ruling));
    EXPECT_FALSE(MigrateOn(options_.database, socket).ok());
    EXPECT_EQ(sabotage_->struck(), 1);
    sabotage_->End();
    const absl::Status again = MigrateOn(options_.database, socket);
    ASSERT_TRUE(again.ok()) << again;
    ASSERT_EQ(LayoutOf(ledger_->sql()), layout);
  }
}

// What a migration does to a table's partitions as a month begins, each time with another fault.
struct ChangeOfPartitions {
  std::string begins;
  bool first = false;  // there are none yet
};

TEST_F(DatabaseErrorsElsewhereTest, MonthsGetTheirPartitionsAndOldOnesGoWhateverFails) {
  const auto& socket = sabotage_->socket_path();
  absl::CivilMonth month(absl::ToCivilMonth(TestNow(), absl::UTCTimeZone()));
  const std::vector<ChangeOfPartitions> changes = {{"ALTER TABLE entries REORGANIZE"},
                                                   {"ALTER TABLE entries REORGANIZE", true},
                                                   {"ALTER TABLE ended_holds DROP"}};
  for (const ChangeOfPartitions& change : changes) {
    for (const Fault& fault : FaultsToTry()) {
      SCOPED_TRACE(
          absl::StrCat(change.first ? "the first of " : "", change.begins, ": ", fault.name));
      if (change.first) {
        ledger_->sql().Execute(
            "ALTER TABLE entries PARTITION BY RANGE (month) "
            "(PARTITION later VALUES LESS THAN MAXVALUE)");
      }
      // Late enough for 31 days ago to be in the month before.
      const absl::Time later = absl::FromCivil(absl::CivilDay(++month) + 4, absl::UTCTimeZone());
      sabotage_->Begin(Nth(1, Begins(change.begins), fault.ruling));
      // A change that others were in the way of is made again at once.
      const absl::Status migrated = MigrateOn(options_.database, socket, later);
      EXPECT_EQ(migrated.ok(), IsConflict(fault)) << migrated;
      EXPECT_EQ(sabotage_->struck(), 1);
      sabotage_->End();
      const absl::Status again = MigrateOn(options_.database, socket, later);
      ASSERT_TRUE(again.ok()) << again;
      const absl::CivilMonth last = month + 3;
      EXPECT_EQ(ledger_->sql().QueryInt(absl::StrCat(
                    "SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = "
                    "DATABASE() AND partition_name = 'm",
                    last.year() * 100 + last.month(), "'")),
                2)
          << "of entries and usage_by_prefix";
      // How holds ended is kept for the month before this one, this one, the next, and later ones.
      EXPECT_EQ(ledger_->sql().QueryInt(
                    "SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = "
                    "DATABASE() AND table_name = 'ended_holds'"),
                4);
    }
  }
}

// A change of a table is no transaction: each may be done without being noted. What a migration
// does about an error is the same for all, so one of each kind is enough.
TEST_F(DatabaseErrorsElsewhereTest, AMigrationThatFailsAtAnyChangeIsFinishedByTheNext) {
  const std::string layout = LayoutOf(ledger_->sql());
  for (const Fault& fault : {FaultOf("cut off before it", Fate::kCut, 0, true),
                             FaultOf("cut off after it", Fate::kDoneAndCut, 0, true),
                             FaultOf("refused with", Fate::kRefused, 1213, true),
                             FaultOf("done, but answered", Fate::kDoneAndRefused, 1213, true)}) {
    const TestDatabase database(*server_);
    const storage::DatabaseOptions options = storage::OptionsFor(database.url());
    std::set<std::string> struck;
    for (bool any = true; any;) {
      any = false;
      bool has_lock = false;  // what comes before is tried above
      sabotage_->Begin([&](const Sabotage::Statement& s) {
        has_lock |= absl::StrContains(s.text, "FROM schema_migrations");
        // What is refused by a conflict is tried again in the same run.
        const bool goes_on = fault.ruling.error == 1213;
        if ((any && !goes_on) || !has_lock || !struck.emplace(s.text).second) return Ruling{};
        any = true;
        return fault.ruling;
      });
      const absl::Status migrated = MigrateOn(options, sabotage_->socket_path());
      sabotage_->End();
      EXPECT_TRUE(any || migrated.ok()) << fault.name << ": " << migrated;
      if (HasFailure()) return;
    }
    EXPECT_GE(struck.size(), 30u);
    EXPECT_EQ(LayoutOf(database), layout) << fault.name;
  }
}

}  // namespace
}  // namespace reserve::engine
