#include "services/ledger/storage/migrator.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/hold_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "tests/services/ledger/storage/migrated_database.h"
#include "tests/support/build_tree.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::storage {
namespace {

using book::MonthSpan;

using test_support::TestDatabase;
using testing::ElementsAre;
using testing::HasSubstr;

absl::Time MonthsLater(int months) {
  const absl::CivilMonth month(absl::ToCivilMonth(TestNow(), absl::UTCTimeZone()));
  return absl::FromCivil(month + months, absl::UTCTimeZone());
}

class MigratorTest : public testing::Test {
 protected:
  absl::Status MigrateAt(absl::Time now) {
    return Migrate(OptionsFor(database_.url()), now,
                   [this](const std::string& line) { progress_.push_back(line); });
  }
  absl::Status Check() {
    const auto connection = MustConnect(OptionsFor(database_.url()));
    return CheckSchema(*connection);
  }
  std::vector<std::string> Partitions() {
    std::vector<std::string> names;
    for (const TestDatabase::Row& row : database_.Query(
             "SELECT partition_name FROM information_schema.partitions WHERE table_schema = "
             "DATABASE() AND table_name = 'entries' ORDER BY partition_ordinal_position")) {
      names.push_back(row[0]);
    }
    return names;
  }

  // A conflict, such as a lock that was not had in time, is tried again for 5 s.
  static absl::Status BookAsALaneDoes(Connection& connection) {
    const absl::Time give_up = absl::Now() + absl::Seconds(5);
    while (true) {
      absl::Status booked = connection.Execute("DELETE FROM entries WHERE account_id = 'nobody'");
      if (!absl::IsAborted(booked) || absl::Now() >= give_up) return booked;
    }
  }

  const SqlThread sql_thread_;
  TestDatabase database_;
  std::vector<std::string> progress_;
};

TEST_F(MigratorTest, AnEmptySchemaIsTooOld) {
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "SCHEMA_TOO_OLD");
  EXPECT_THAT(std::string(status.message()), HasSubstr("ledger migrate"));
}

TEST_F(MigratorTest, AFreshSchemaIsMadeAndFits) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_TRUE(Check().ok()) << Check();
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM plans"), 2);
  EXPECT_THAT(progress_, testing::Contains("applying 0001_initial"));
}

TEST_F(MigratorTest, ASecondTimeChangesNothing) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const std::vector<std::string> before = Partitions();
  database_.Execute("UPDATE plans SET free_seconds = 1 WHERE plan_id = 'per_minute'");
  progress_.clear();
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_EQ(Partitions(), before);
  EXPECT_EQ(database_.QueryInt("SELECT free_seconds FROM plans WHERE plan_id = 'per_minute'"), 1);
  EXPECT_THAT(progress_, ElementsAre(absl::StrCat("the schema is at version ",
                                                  BuiltInMigrations().back().version)));
}

TEST_F(MigratorTest, AMigrationThatWasCutOffIsTakenUpAgain) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  database_.Execute("DELETE FROM schema_migrations");
  database_.Execute("DROP TABLE plans");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_TRUE(Check().ok());
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM plans"), 2);
}

TEST_F(MigratorTest, SeveralAtOnceAllSucceed) {
  std::vector<std::thread> threads;
  std::vector<absl::Status> statuses(4);
  for (size_t i = 0; i < statuses.size(); ++i) {
    threads.emplace_back([this, i, &statuses] {
      const SqlThread sql_thread;
      statuses[i] = Migrate(OptionsFor(database_.url()), TestNow(), [](const std::string&) {});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Check().ok());
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM schema_migrations"),
            static_cast<int64_t>(BuiltInMigrations().size()));
}

TEST_F(MigratorTest, NewMonthsWaitForAnAuditThatReadsAndBookingsGoOnMeanwhile) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const size_t before = Partitions().size();
  const auto audit = MustConnect(OptionsFor(database_.url()));
  ASSERT_TRUE(audit->BeginSnapshot("entries", "").ok());
  std::atomic<int> waited = 0;
  absl::Status migrated;
  std::thread job([&] {
    const SqlThread sql_thread;
    migrated = Migrate(OptionsFor(database_.url()), MonthsLater(2), [&](const std::string& line) {
      if (absl::StrContains(line, "waiting for a table that others are reading")) ++waited;
    });
  });
  // Each asks for the lock that a booking needs, and would wait behind the change for as long as
  // the change waits.
  DatabaseOptions of_a_lane = OptionsFor(database_.url());
  of_a_lane.io_timeout_seconds = 4;
  const auto bookings = MustConnect(of_a_lane);
  absl::Duration longest;
  EXPECT_TRUE(test_support::WaitUntil(
      [&] {
        const absl::Time begin = absl::Now();
        const absl::Status booked = BookAsALaneDoes(*bookings);
        EXPECT_TRUE(booked.ok()) << booked << " after " << absl::Now() - begin;
        longest = std::max(longest, absl::Now() - begin);
        return waited >= 2;
      },
      absl::Seconds(60)));
  EXPECT_LT(longest, absl::Seconds(10)) << "a booking waited for as long";
  audit->Rollback();
  job.join();
  EXPECT_TRUE(migrated.ok()) << migrated;
  EXPECT_EQ(Partitions().size(), before + 2);
}

TEST_F(MigratorTest, WaitsForAnotherThatWorks) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const auto other = MustConnect(OptionsFor(database_.url()));
  ASSERT_TRUE(other->Begin().ok());
  ASSERT_TRUE(other->Execute("UPDATE schema_lock SET holder_time = NULL").ok());
  std::atomic<bool> waiting = false;
  absl::Status status;
  std::thread thread([&] {
    const SqlThread sql_thread;
    status = Migrate(OptionsFor(database_.url()), MonthsLater(1), [&](const std::string& line) {
      if (line == "waiting for another migration to end") waiting = true;
    });
  });
  EXPECT_TRUE(test_support::WaitUntil([&] { return waiting.load(); }, absl::Seconds(60)));
  EXPECT_TRUE(other->Commit().ok());
  thread.join();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(MigratorTest, ASchemaThatNoLongerKnowsThisProgramIsTooNew) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  database_.Execute("INSERT INTO schema_migrations VALUES (999, 'far_future', 999, NOW())");
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "SCHEMA_TOO_NEW");
}

TEST_F(MigratorTest, ANewerSchemaThatStillKnowsThisProgramFits) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  database_.Execute("INSERT INTO schema_migrations VALUES (999, 'soon', 1, NOW())");
  EXPECT_TRUE(Check().ok()) << Check();
  EXPECT_TRUE(MigrateAt(TestNow()).ok());
}

TEST_F(MigratorTest, ASchemaOfABranchWithOtherNumbersIsRefusedAndNotTouched) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  // As a program of the branch left it, which knew one migration less, and another one before it.
  const int last = BuiltInMigrations().back().version;
  database_.Execute(absl::StrCat("DELETE FROM schema_migrations WHERE version = ", last));
  database_.Execute(absl::StrCat(
      "UPDATE schema_migrations SET name = 'of_the_branch' WHERE version = ", last - 1));
  const std::vector<std::string> before = Partitions();
  progress_.clear();
  for (const absl::Status& status : {MigrateAt(MonthsLater(2)), Check()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status), "SCHEMA_DIFFERS");
    EXPECT_THAT(std::string(status.message()), HasSubstr("of_the_branch"));
  }
  EXPECT_THAT(progress_, testing::IsEmpty());
  EXPECT_EQ(Partitions(), before);
  EXPECT_EQ(database_.QueryInt("SELECT MAX(version) FROM schema_migrations"), last - 1);
}

TEST_F(MigratorTest, EveryMonthHasAPartition) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const std::vector<std::string> partitions = Partitions();
  ASSERT_EQ(partitions.size(), 19u);
  EXPECT_EQ(partitions.front(), "earlier");
  EXPECT_EQ(partitions[1], "m202510");
  EXPECT_EQ(partitions[17], "m202702");
  EXPECT_EQ(partitions.back(), "later");
}

TEST_F(MigratorTest, PartitionsAreMadeAsMonthsPass) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  ASSERT_TRUE(MigrateAt(MonthsLater(2)).ok());
  const std::vector<std::string> partitions = Partitions();
  ASSERT_EQ(partitions.size(), 21u);
  EXPECT_EQ(partitions[19], "m202704");
  EXPECT_EQ(partitions.back(), "later");
}

TEST_F(MigratorTest, PartitionsAreMadeAfterAnyPause) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  for (const int months : {17, 34, 60}) {
    ASSERT_TRUE(MigrateAt(MonthsLater(months)).ok()) << months;
    EXPECT_EQ(Partitions().size(), 19u + static_cast<size_t>(months));
  }
}

TEST_F(MigratorTest, EntriesThatCameBeforeTheirPartitionMoveIntoIt) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  domain::Entry entry;
  entry.account_id = "a";
  entry.seq = 1;
  entry.kind = domain::EntryKind::kAdjustment;
  entry.record_time = MonthsLater(6);
  const auto connection = MustConnect(OptionsFor(database_.url()));
  ASSERT_TRUE(InsertEntries(*connection, {&entry}).ok());
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM entries PARTITION (later)"), 1);
  ASSERT_TRUE(MigrateAt(MonthsLater(6)).ok());
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM entries PARTITION (later)"), 0);
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM entries PARTITION (m202705)"), 1);
}

TEST_F(MigratorTest, H4_HoldsThatEndedAreRememberedForThirtyDaysAndThenDroppedByMonths) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const auto connection = MustConnect(OptionsFor(database_.url()));
  const auto end = [&](const std::string& hold_id, absl::Time made) {
    domain::Hold hold;
    hold.account_id = "a";
    hold.hold_id = hold_id;
    hold.state = domain::HoldState::kReleased;
    hold.create_time = hold.end_time = made;
    ASSERT_TRUE(WriteEndedHolds(*connection, {&hold}).ok());
  };
  const auto is_known = [&](const std::string& hold_id) {
    return LoadEndedHolds(*connection, {{"a", hold_id}})->size() == 1;
  };
  end("first", TestNow());
  ASSERT_TRUE(MigrateAt(TestNow() + absl::Hours(24 * 30)).ok());
  EXPECT_TRUE(is_known("first"));
  end("later", MonthsLater(3) - absl::Hours(24 * 30));
  ASSERT_TRUE(MigrateAt(MonthsLater(3)).ok());
  EXPECT_FALSE(is_known("first")) << "its month is over for more than 30 days";
  EXPECT_TRUE(is_known("later"));
}

TEST_F(MigratorTest, EventsFromBeforeTheFeedStayOutOfItAndLaterOnesOfAnyProgramAreIn) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  // Back to what came before.
  database_.Execute("DELETE FROM schema_migrations WHERE version >= 3");
  database_.Execute(
      "ALTER TABLE events DROP KEY by_feed_time, DROP COLUMN feed_time, DROP COLUMN amount_nanos, "
      "DROP COLUMN recharge_kind, DROP COLUMN decline_class, DROP COLUMN obstacle");
  const std::string insert =
      "INSERT INTO events (account_id,event_seq,kind,cause,event_time,state,balance_nanos,"
      "recharge_ordinal) VALUES ('a',";
  database_.Execute(insert + "1,1,'old',NOW(),1,0,0)");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM events WHERE feed_time IS NULL"), 1);
  // By a program that knows nothing of the feed.
  database_.Execute(insert + "2,1,'new',NOW(),1,0,0)");
  const auto connection = MustConnect(OptionsFor(database_.url()));
  const auto feed = ListFeed(*connection, {absl::UnixEpoch(), "", 0}, "", 10);
  ASSERT_TRUE(feed.ok()) << feed.status();
  ASSERT_EQ(feed->size(), 1u);
  EXPECT_EQ(feed->front().event_seq, 2);
}

TEST_F(MigratorTest, EntriesFromBeforeTheirMonthsWereKnownAreFound) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  // Back to what came before.
  database_.Execute("DELETE FROM schema_migrations WHERE version >= 4");
  database_.Execute("ALTER TABLE balances DROP COLUMN month");
  database_.Execute("DROP TABLE account_months");
  const auto connection = MustConnect(OptionsFor(database_.url()));
  for (int seq = 1; seq <= 5; ++seq) {
    domain::Entry entry;
    entry.account_id = "a";
    entry.seq = seq;
    entry.kind = domain::EntryKind::kAdjustment;
    entry.record_time = MonthsLater(seq == 4 ? 0 : seq);  // 4 is late
    ASSERT_TRUE(InsertEntries(*connection, {&entry}).ok());
  }
  database_.Execute(
      "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,head_hash) VALUES "
      "('a', 0, 5, 1, 1, ''), ('b', 0, 0, 1, 1, '')");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_EQ(database_.QueryInt("SELECT month FROM balances WHERE account_id = 'a'"), 202704);
  EXPECT_EQ(database_.QueryInt("SELECT month FROM balances WHERE account_id = 'b'"), 0);
  const auto months = LoadMonths(*connection, "a");
  ASSERT_TRUE(months.ok()) << months.status();
  EXPECT_THAT(months->spans, ElementsAre(MonthSpan{"a", 202611, 4, 4}, MonthSpan{"a", 202612, 1, 1},
                                         MonthSpan{"a", 202701, 2, 2}, MonthSpan{"a", 202702, 3, 3},
                                         MonthSpan{"a", 202704, 5, 5}));
  const auto page = ListEntries(*connection, "a", kNewest, 10);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->size(), 5u);
  // Again, as if it had been cut off, with what is too narrow and what has gone on meanwhile.
  database_.Execute("DELETE FROM schema_migrations WHERE version >= 4");
  database_.Execute("UPDATE account_months SET first_seq = 5, last_seq = 5 WHERE month = 202611");
  database_.Execute("UPDATE account_months SET last_seq = 9 WHERE month = 202702");
  database_.Execute("UPDATE balances SET month = 202702, last_seq = 10 WHERE account_id = 'a'");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_THAT(LoadMonths(*connection, "a")->spans,
              ElementsAre(MonthSpan{"a", 202611, 4, 5}, MonthSpan{"a", 202612, 1, 1},
                          MonthSpan{"a", 202701, 2, 2}, MonthSpan{"a", 202702, 3, 10},
                          MonthSpan{"a", 202704, 5, 5}));
}

// Each costs a leaf a row written.
TEST_F(MigratorTest, NoIndexIsThereThatNoStatementGoesBy) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  std::string sources;
  const std::filesystem::path storage =
      std::filesystem::path(test_support::SourceDir()) / "services/ledger/storage";
  for (const auto& entry : std::filesystem::directory_iterator(storage)) {
    if (entry.path().extension() != ".cc") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    sources.append(std::istreambuf_iterator<char>(in), {});
  }
  const auto indexes = database_.Query(
      "SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE "
      "table_schema = DATABASE() AND non_unique = 1");
  EXPECT_GE(indexes.size(), 10u);
  for (const auto& row : indexes) {
    EXPECT_THAT(sources, HasSubstr(absl::StrCat("FORCE INDEX (", row[1], ")"))) << row[0];
  }
}

TEST_F(MigratorTest, AnIndexThatOnlyProgramsOfBeforeGoByIsDroppedOnceTheUpgradeIsFinished) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const auto is_there = [&] {
    return database_.QueryInt(
               "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() "
               "AND table_name = 'entries' AND index_name = 'by_start'") > 0;
  };
  EXPECT_FALSE(is_there()) << "nobody has ever gone by it";
  // Back to what came before.
  database_.Execute("DELETE FROM schema_migrations WHERE version >= 30");
  database_.Execute("ALTER TABLE entries DROP KEY by_part, DROP COLUMN start_part");
  database_.Execute("UPDATE feature_level SET level = 6");
  database_.Execute("INSERT INTO accounts (account_id) VALUES ('a')");  // it is not a new one

  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_TRUE(is_there());
  const auto finish = [&] {
    return Finish(OptionsFor(database_.url()), /*silent_are_gone=*/false,
                  [](const std::string&) {});
  };
  ASSERT_TRUE(finish().ok()) << finish();
  EXPECT_FALSE(is_there());
  // As if it had been cut off before the index was dropped.
  database_.Execute("ALTER TABLE entries ADD KEY by_start (account_id, start_time, seq)");
  EXPECT_TRUE(finish().ok()) << finish();
  EXPECT_FALSE(is_there());
}

TEST_F(MigratorTest, AProgramOfBeforeTheMonthsWritesNothingAnyMore) {
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const auto connection = MustConnect(OptionsFor(database_.url()));
  database_.Execute(
      "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,head_hash,month) "
      "VALUES ('a', 0, 5, 1, 1, '', 202611)");
  for (const char* account_id : {"a", "b"}) {
    const absl::Status status = connection->Execute(
        absl::StrCat("INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,"
                     "head_hash) VALUES ('",
                     account_id, "',1,6,1,2,''),('z", account_id,
                     "',1,6,1,2,'') ON DUPLICATE KEY UPDATE "
                     "last_seq=VALUES(last_seq)"));
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("'month'"));
  }
  EXPECT_EQ(database_.QueryInt("SELECT SUM(last_seq) FROM balances"), 5);
}

// What a program of before migration 9 left behind.
class CardMigrationTest : public MigratorTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MigrateAt(TestNow()).ok());
    database_.Execute("DELETE FROM schema_migrations WHERE version >= 9");
    database_.Execute("DROP TABLE payment_methods");
    database_.Execute("DROP TABLE disputes");
    database_.Execute("DROP TABLE allowances");
    database_.Execute("DROP TABLE usage_states");
    database_.Execute("DROP TABLE reratings");
    Drop("entries", {"free_period", "unrated_reason", "corrects_usage_id", "previous_cost_nanos",
                     "voided_usage_id", "free_seconds_back", "free_period_back",
                     "voided_in_advance", "previous_free_seconds", "previous_free_period"});
    Drop("events", {"usage_id"});
    Drop("accounts",
         {"suspension_number", "suspending_refunds", "suspending_disputes", "disputed_numbers"});
    database_.Execute("ALTER TABLE recharges DROP KEY by_charge_id");
    database_.Execute("ALTER TABLE recharges DROP KEY by_keeps");
    Drop("recharges", {"credited_as", "means", "reference", "received_time"});
    Drop("accounts", {"payments"});
    Drop("recharges", {"refunded_nanos", "disputed_nanos", "keeps", "refund_of", "refund_id",
                       "debited", "suspension_number", "refund_id_typed"});
    Drop("accounts", {"open_waits",
                      "set_aside",
                      "set_aside_time",
                      "last_payment_method",
                      "cap_hour",
                      "cap_hour_amount_nanos",
                      "cap_reported_hour",
                      "cap_month",
                      "cap_month_amount_nanos",
                      "cap_reported_month",
                      "cap_reached_time",
                      "monthly_cap_nanos",
                      "automatic_off_time",
                      "suspension",
                      "suspension_time",
                      "taken_back_nanos",
                      "taken_back_time",
                      "notify_below_nanos",
                      "tries_day",
                      "cards_given",
                      "declines",
                      "marks",
                      "expiry_notice_time"});
    Drop("recharges",
         {"payment_method_id", "card_given", "credited_nanos", "pending_time", "set_aside"});
    Drop("events", {"payment_method_id", "actor", "reference"});
  }
  void Drop(const std::string& table, const std::vector<std::string>& columns) {
    database_.Execute(absl::StrCat("ALTER TABLE ", table, " DROP COLUMN ",
                                   absl::StrJoin(columns, ", DROP COLUMN ")));
  }
  void InsertAccount(const std::string& account_id, domain::CardState card, int64_t open_ordinal) {
    database_.Execute(
        absl::StrCat("INSERT INTO accounts (account_id,currency,state,reserve_amount_nanos,"
                     "recharge_threshold_nanos,last_ordinal,open_ordinal,card_state,card_token,"
                     "card_fingerprint,card_network,create_time) VALUES ('",
                     account_id, "','USD',2,15000000000,10000000000,9,", open_ordinal, ",",
                     static_cast<int>(card), ",'tok','fp',1,'2026-01-01 00:00:01')"));
    database_.Execute(absl::StrCat(
        "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,head_hash,month) "
        "VALUES ('",
        account_id, "', 5000000000, 1, 1, 1, '', 202611)"));
  }
  // `times`: "attempt_start,due_time".
  void InsertRecharge(const std::string& account_id, int64_t ordinal, domain::RechargeState state,
                      const std::string& times, const std::string& token = "tok") {
    database_.Execute(absl::StrCat(
        "INSERT INTO recharges (account_id,ordinal,kind,state,currency,amount_nanos,card_token,"
        "card_fingerprint,attempt,attempt_start,due_time,lease_owner,lease_epoch,soft_declines,"
        "last_decline,last_decline_code,charge_id,request_id,create_time,card_network) VALUES ('",
        account_id, "',", ordinal, ",2,", static_cast<int>(state), ",'USD',15000000000,'", token,
        "','fp',3,", times, ",'',7,2,1,'insufficient_funds','','','2026-01-02',1)"));
  }
  domain::Account Account(const std::string& account_id) {
    const auto connection = MustConnect(OptionsFor(database_.url()));
    const auto accounts = LoadAccounts(*connection, {account_id});
    EXPECT_TRUE(accounts.ok()) << accounts.status();
    return accounts->size() == 1 ? accounts->front() : domain::Account();
  }
  domain::Recharge Recharge(const std::string& account_id, int64_t ordinal) {
    const auto connection = MustConnect(OptionsFor(database_.url()));
    const auto recharges = LoadRecharges(*connection, {{account_id, ordinal}}, Lock::kNone);
    EXPECT_TRUE(recharges.ok()) << recharges.status();
    return recharges->size() == 1 ? recharges->front() : domain::Recharge();
  }
  domain::PaymentMethod TheCard(const std::string& account_id) {
    const domain::Account account = Account(account_id);
    EXPECT_EQ(account.payment_methods.size(), 1u) << account_id;
    EXPECT_EQ(account.last_payment_method, 1) << account_id;
    return account.payment_methods.empty() ? domain::PaymentMethod()
                                           : account.payment_methods.front();
  }
};

TEST_F(CardMigrationTest, TheCardOfAnAccountIsItsFirstCard) {
  InsertAccount("works", domain::CardState::kUsable, 0);
  InsertAccount("refused", domain::CardState::kRefused, 0);
  InsertAccount("given_up", domain::CardState::kFailing, 0);
  InsertAccount("bare", domain::CardState::kNone, 0);
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_TRUE(Check().ok()) << Check();
  domain::PaymentMethod expected;
  expected.payment_method_id = "card-1";
  expected.card = {CardToken("tok"), "fp", domain::CardNetwork::kVisa};
  expected.state_time = absl::FromUnixSeconds(1'767'225'601);
  EXPECT_EQ(TheCard("works"), expected);
  EXPECT_EQ(TheCard("refused").state, domain::CardState::kRefused);
  EXPECT_EQ(TheCard("given_up").state, domain::CardState::kFailing);
  EXPECT_EQ(TheCard("given_up").retry_time, absl::InfiniteFuture());
  const domain::Account bare = Account("bare");
  EXPECT_TRUE(bare.payment_methods.empty());
  EXPECT_EQ(bare.last_payment_method, 0);
  EXPECT_FALSE(bare.open_waits);
  EXPECT_FALSE(bare.automatic_off);
}

TEST_F(CardMigrationTest, ARechargeThatWaitsForAFailingCardGoesOnByTheCardsSchedule) {
  InsertAccount("a", domain::CardState::kFailing, 9);
  InsertRecharge("a", 9, domain::RechargeState::kOpen, "NULL,'2026-11-23 07:00:00'");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const domain::PaymentMethod card = TheCard("a");
  EXPECT_EQ(card.state, domain::CardState::kFailing);
  EXPECT_EQ(card.soft_declines, 2);
  EXPECT_EQ(card.retry_time, absl::FromUnixSeconds(1'795'417'200));
  const domain::Account account = Account("a");
  EXPECT_EQ(account.open_ordinal, 9);
  EXPECT_TRUE(account.open_waits);
  const domain::Recharge recharge = Recharge("a", 9);
  EXPECT_TRUE(recharge.waits());
  EXPECT_EQ(recharge.due_time, card.retry_time);
  EXPECT_EQ(recharge.payment_method_id, "card-1");
  EXPECT_EQ(recharge.card_given, card.given);
  EXPECT_EQ(recharge.attempt, 3);
  EXPECT_EQ(recharge.declines, 2);
  EXPECT_FALSE(recharge.pending());
}

TEST_F(CardMigrationTest, ARechargeUnderReviewIsSetAside) {
  InsertAccount("a", domain::CardState::kUsable, 9);
  InsertRecharge("a", 8, domain::RechargeState::kSucceeded, "'2026-11-01',NULL");
  InsertRecharge("a", 9, domain::RechargeState::kNeedsReview, "'2026-11-01',NULL");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const domain::Account account = Account("a");
  EXPECT_EQ(account.open_ordinal, 0);
  EXPECT_EQ(account.set_aside, 1);
  EXPECT_EQ(account.set_aside_time, account.create_time);
  EXPECT_FALSE(account.open_waits);
  EXPECT_TRUE(Recharge("a", 9).set_aside);
  EXPECT_EQ(Recharge("a", 9).credited, 0);
  EXPECT_FALSE(Recharge("a", 8).set_aside);
  EXPECT_EQ(Recharge("a", 8).credited, 15 * kNanosPerUnit);
  const auto connection = MustConnect(OptionsFor(database_.url()));
  EXPECT_THAT(*ListReviews(*connection, {"", 0}, 10), ElementsAre(Recharge("a", 9)));
}

// Its decline says nothing of the card that was given since (G6).
TEST_F(CardMigrationTest, AnAttemptInFlightOnAnotherTokenIsOfNoCardThatIsGivenNow) {
  InsertAccount("a", domain::CardState::kUsable, 9);
  InsertRecharge("a", 9, domain::RechargeState::kOpen, "'2026-11-23','2026-11-23'", "old-tok");
  InsertAccount("b", domain::CardState::kUsable, 9);
  InsertRecharge("b", 9, domain::RechargeState::kOpen, "'2026-11-23','2026-11-23'");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_LT(Recharge("a", 9).card_given, TheCard("a").given);
  EXPECT_EQ(Recharge("b", 9).card_given, TheCard("b").given);
}

TEST_F(CardMigrationTest, WhatWasCutOffIsTakenUpAgain) {
  InsertAccount("a", domain::CardState::kFailing, 9);
  InsertRecharge("a", 9, domain::RechargeState::kOpen, "NULL,'2026-11-23 07:00:00'");
  InsertAccount("b", domain::CardState::kUsable, 9);
  InsertRecharge("b", 9, domain::RechargeState::kNeedsReview, "'2026-11-01',NULL");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  const domain::Account waits = Account("a");
  const domain::Account under_review = Account("b");
  database_.Execute("DELETE FROM schema_migrations WHERE version >= 9");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_EQ(Account("a"), waits);
  EXPECT_EQ(Account("b"), under_review);
  // Cut off before its last statement.
  database_.Execute("DELETE FROM schema_migrations WHERE version >= 9");
  database_.Execute("UPDATE accounts SET last_payment_method = 0");
  ASSERT_TRUE(MigrateAt(TestNow()).ok());
  EXPECT_EQ(Account("a"), waits);
  EXPECT_EQ(Account("b"), under_review);
}

// A number that is left out and taken later would never be applied where a higher one was.
TEST(BuiltInMigrationsTest, AreNumberedFromOneWithoutGaps) {
  int expected = 1;
  for (const Migration& migration : BuiltInMigrations()) {
    EXPECT_EQ(migration.version, expected++);
    EXPECT_THAT(migration.sql, testing::StartsWith("-- oldest-code: "));
  }
}

}  // namespace
}  // namespace reserve::storage
