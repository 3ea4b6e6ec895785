// Errors of the database outside of the lanes' transactions: while connecting, in the claims of
// the dispatcher, in queries and imports, and in the housekeeping.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/deck_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/services/ledger/engine/sabotage.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;

// One of each class: conflict, killed, connection gone, and what no waiting mends; and the ways
// in which a connection can end.
std::vector<Ruling> Faults() {
  std::vector<Ruling> faults = {
      {Fate::kCut, 0}, {Fate::kDoneAndCut, 0}, {Fate::kDoneAndGarbled, 0}};
  for (const int error : {1213, 1205, 1317, 2006, 2013, 1053, 1927, 4031, 1064}) {
    faults.push_back({Fate::kRefused, error});
    faults.push_back({Fate::kDoneAndRefused, error});
  }
  return faults;
}

std::string TextOf(const Ruling& ruling) {
  return absl::StrCat("fate ", static_cast<int>(ruling.fate), ", error ", ruling.error);
}

bool WasDone(const Ruling& ruling) {
  return ruling.fate == Fate::kDoneAndCut || ruling.fate == Fate::kDoneAndGarbled ||
         ruling.fate == Fate::kDoneAndRefused;
}

// Spoils, once, the first statement that begins so.
Sabotage::Plan FirstThatBegins(std::string beginning, Ruling ruling) {
  auto done = std::make_shared<bool>(false);
  return [beginning = std::move(beginning), ruling, done](const Sabotage::Statement& s) {
    if (*done || !absl::StartsWith(s.text, beginning)) return Ruling{};
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
    direct_ = ledger_->StartEngine(options);
    options.database.socket = sabotage_->socket_path();
    engine_ = ledger_->StartEngine(options);
    OpenFunded(*engine_, "a");
    // The query pool has read the plans, and the housekeeper is about to.
    EXPECT_TRUE(WaitUntil([this] { return sabotage_->housekeepers() == 2; }));
  }

  // Runs a query as callers do, on the pool behind the proxy.
  absl::Status Query(QueryPool::Work work) { return engine_->queries().Run(std::move(work)); }

  static PrivateDatabaseServer* server_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Sabotage> sabotage_;
  std::unique_ptr<Engine> direct_;
  std::unique_ptr<Engine> engine_;
};

PrivateDatabaseServer* DatabaseErrorsElsewhereTest::server_ = nullptr;

TEST_F(DatabaseErrorsElsewhereTest, ALaneConnectsInTheEndWhateverIsWrongMeanwhile) {
  std::vector<Ruling> faults = Faults();
  // Too many connections, a login refused, a schema that is not there yet, a host that is locked.
  for (const int error : {1040, 1045, 1049, 1129, 1203}) faults.push_back({Fate::kRefused, error});
  int cases = 0;
  for (int index = 0;; ++index) {
    int reached = 0;
    for (const Ruling& fault : faults) {
      SCOPED_TRACE(absl::StrCat("statement ", index, " of a new connection: ", TextOf(fault)));
      const std::string usage_id = absl::StrCat("u-", index, "-", ++cases);
      // The lane's connection ends; the one that is to replace it is spoiled.
      sabotage_->Begin([index, fault](const Sabotage::Statement& s) {
        if (s.of_housekeeping) return Ruling{};
        if (s.of_new_connection) return s.index == index ? fault : Ruling{};
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
    bool is_secret = false;  // the lease is taken, and nobody is told
  };
  std::vector<Case> cases;
  for (const Ruling& fault : Faults()) {
    for (const std::string statement :
         {"SELECT account_id,ordinal", "START TRANSACTION", "UPDATE recharges", "COMMIT"}) {
      cases.push_back({absl::StrCat(statement, ": ", TextOf(fault)),
                       FirstThatBegins(statement, fault), statement == "COMMIT" && WasDone(fault)});
    }
    cases.push_back({absl::StrCat("ROLLBACK after an error: ", TextOf(fault)),
                     Both(FirstThatBegins("COMMIT", {Fate::kRefused, 1213}),
                          FirstThatBegins("ROLLBACK", fault))});
  }
  int number = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string account_id = absl::StrCat("claimed-", ++number);
    sabotage_->Begin(c.plan);
    ASSERT_TRUE(Ask<domain::Account>(*direct_, account_id, OpenWithCard()).ok());
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
    EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
    sabotage_->End();
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
    engine_->dispatcher().Settled({account_id, 1});
  }
  engine_->dispatcher().Remove(&watcher);
  ledger_->Audit();
}

// --- Queries and imports ----------------------------------------------------------------

TEST_F(DatabaseErrorsElsewhereTest, AQueryThatFailsLeavesNoTransactionOpenAndSaysThatItMayPass) {
  std::vector<std::string> statements;
  sabotage_->Begin([&statements](const Sabotage::Statement& s) {
    if (s.of_housekeeping) statements.emplace_back(s.text);
    return Ruling{};
  });
  const QueryPool::Work verify = [](storage::Connection& connection) {
    Findings findings;
    absl::Status verified = VerifyAccount(connection, "a", &findings);
    EXPECT_EQ(findings.difference_count, 0);
    return verified;
  };
  ASSERT_TRUE(Query(verify).ok());
  sabotage_->End();
  statements.erase(std::remove_if(statements.begin(), statements.end(),
                                  [](const std::string& s) {
                                    return absl::StrContains(s, " FROM plans") ||
                                           absl::StrContains(s, " FROM rate_decks") ||
                                           absl::StrContains(s, "recheck_time <=");
                                  }),
                   statements.end());
  ASSERT_GE(statements.size(), 5u);
  for (const std::string& statement : statements) {
    for (const Ruling& fault : Faults()) {
      SCOPED_TRACE(absl::StrCat(statement.substr(0, 80), ": ", TextOf(fault)));
      sabotage_->Begin(FirstThatBegins(statement, fault));
      const absl::Status verified = Query(verify);
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      if (!verified.ok() && fault.error != 1064) {
        EXPECT_EQ(verified.code(), absl::StatusCode::kUnavailable) << verified;
        EXPECT_EQ(ReasonOf(verified), "DATABASE_UNAVAILABLE");
      }
      // Within a transaction this is an error (1568), on either server.
      const absl::Status asked = Query([](storage::Connection& connection) {
        return connection.Execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
      });
      ASSERT_TRUE(asked.ok()) << asked;
    }
  }
}

TEST_F(DatabaseErrorsElsewhereTest, AnImportIsDoneOnceOrNotAtAll) {
  const std::vector<rates::RateRow> rows = {
      {rates::RateKind::kCall, "1", "", "North America", 9'000'000, 0, 60, 60}};
  int number = 0;
  for (const std::string statement : {"START TRANSACTION", "INSERT INTO rate_decks",
                                      "INSERT INTO rates", "COMMIT", "SELECT version"}) {
    for (const Ruling& fault : Faults()) {
      SCOPED_TRACE(absl::StrCat(statement, ": ", TextOf(fault)));
      rates::DeckHeader header;
      header.name = absl::StrCat("deck-", ++number);
      header.currency = "USD";
      header.effective_time = TestNow() + absl::Hours(number);
      header.import_time = TestNow();
      const auto import = [&] {
        return Query([&](storage::Connection& connection) {
          return engine_->ImportDeck(connection, header, rows).status();
        });
      };
      const auto decks = [&] {
        return ledger_->sql().QueryInt(
            absl::StrCat("SELECT COUNT(*) FROM rate_decks WHERE name = '", header.name, "'"));
      };
      sabotage_->Begin([plan = FirstThatBegins(statement, fault)](const Sabotage::Statement& s) {
        return s.of_housekeeping ? plan(s) : Ruling{};
      });
      const absl::Status imported = import();
      EXPECT_GT(sabotage_->struck(), 0) << "nothing was spoiled";
      sabotage_->End();
      if (imported.ok()) {
        EXPECT_EQ(decks(), 1);
      } else if (fault.error != 1064 || statement == "COMMIT") {
        EXPECT_EQ(imported.code(), absl::StatusCode::kUnavailable) << imported;
      }
      const absl::Status again = import();
      ASSERT_TRUE(again.ok()) << again;
      EXPECT_EQ(decks(), 1);
    }
  }
  EXPECT_EQ(ledger_->sql().QueryInt("SELECT COUNT(*) FROM rate_decks d WHERE rate_count <> "
                                    "(SELECT COUNT(*) FROM rates WHERE deck_version = d.version)"),
            0);
}

// --- Housekeeping -----------------------------------------------------------------------

TEST_F(DatabaseErrorsElsewhereTest, HousekeepingGoesOnAfterAnyError) {
  direct_.reset();  // another housekeeper
  std::vector<std::pair<std::string, Ruling>> faults;
  for (const std::string part : {" FROM plans", " FROM rate_decks", "recheck_time <="}) {
    for (const Ruling& fault : {Ruling{Fate::kCut, 0}, Ruling{Fate::kRefused, 1064}}) {
      faults.emplace_back(part, fault);
    }
  }
  // One each time it keeps house.
  std::atomic<size_t> next = 0;
  sabotage_->Begin([&](const Sabotage::Statement& s) {
    if (next == faults.size() || !absl::StrContains(s.text, faults[next].first)) return Ruling{};
    return faults[next++].second;
  });
  ASSERT_TRUE(WaitUntil([&] { return next == faults.size(); }, absl::Seconds(60)));
  // As if the day of a cap had ended, with the balance below the threshold. The lanes remember
  // accounts by their versions.
  ledger_->sql().Execute("UPDATE balances SET version = version + 1");
  ledger_->sql().Execute(
      "UPDATE accounts SET recheck_time = '2026-01-01', "
      "recharge_threshold_nanos = 20000000000");
  EXPECT_TRUE(WaitUntil([&] { return ledger_->Account("a").open_ordinal == 2; }));
  sabotage_->End();
}

}  // namespace
}  // namespace reserve::engine
