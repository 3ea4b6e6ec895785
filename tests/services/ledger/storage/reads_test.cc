// Every query finds its rows by an index, however few rows there are and whatever the server's
// statistics say: a scan would grow with the history, and a locking one would lock other accounts.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/account_search.h"
#include "services/ledger/storage/card_decline_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/hold_rows.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/unplaced_rows.h"
#include "services/ledger/storage/usage_history.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "services/ledger/storage/user_search.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

using book::AttemptKey;
using book::OnceKey;
using book::UserKey;

// Accounts, each with some rows in every table; and what one of them has more of.
constexpr int kAccounts = 2000;
constexpr int kLongHistory = 2000;
constexpr int kLimit = 50;

std::string Id(int number) { return absl::StrFormat("account-%05d", number); }
std::string UsageId(int number) { return absl::StrFormat("usage-%05d", number); }

class ReadsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    database_ = new MigratedDatabase;
    Fill("balances (account_id,balance_nanos,last_seq,version,revision,month,head_hash)", kAccounts,
         [](int i) {
           return absl::StrFormat("('%s',1,%d,1,1,%d,'')", Id(i), i == 0 ? kLongHistory + 1 : 1,
                                  i == 0 ? 202611 : 202609 + i % 3);
         });
    Fill("account_months (account_id,month,first_seq,last_seq)", kAccounts,
         [](int i) { return absl::StrFormat("('%s',%d,1,1)", Id(i), 202609 + i % 3); });
    // The months of the long history lie across each other.
    database_->sql().Execute(
        absl::StrFormat("INSERT INTO account_months VALUES ('%s',202610,1,%d), ('%s',202611,1,%d) ",
                        Id(0), kLongHistory, Id(0), kLongHistory));
    database_->sql().Execute(
        absl::StrFormat("UPDATE account_months SET last_seq = %d WHERE account_id = '%s'",
                        kLongHistory + 1, Id(0)));
    FillYear();
    FillAccounts();
    Fill("users (account_id,user_id,plan_id,create_time)", kAccounts,
         [](int i) { return absl::StrFormat("('%s','u','per_minute','2026-01-01')", Id(i)); });
    Fill("allowances (account_id,user_id,period,seconds_used)", kAccounts,
         [](int i) { return absl::StrFormat("('%s','u',0,60)", Id(i)); });
    // One in three waits for its price.
    Fill(
        "usage_states (account_id,usage_id,status,unrated_reason,seq,cost_nanos,free_seconds,"
        "free_period,latest_seq,user_id,start_time,corrected_by,update_time)",
        kAccounts, [](int i) {
          return absl::StrFormat("('%s','%s',%d,1,1,0,0,0,1,'u','2026-11-01','','2026-11-01')",
                                 Id(i), UsageId(i), i % 3 == 0 ? 2 : 3);
        });
    // And as many again of one account, of long ago.
    Fill(
        "usage_states (account_id,usage_id,status,unrated_reason,seq,cost_nanos,free_seconds,"
        "free_period,latest_seq,user_id,start_time,corrected_by,update_time)",
        kLongHistory, [](int i) {
          return absl::StrFormat(
              "('%s','ancient-%05d',3,0,1,0,0,0,1,'u','2020-01-01','','2020-01-01')", Id(0), i);
        });
    FillEntries("", 1, kAccounts);
    FillEntries(Id(0), 2, kLongHistory);
    FillIds();
    FillEvents("", kAccounts);
    FillEvents(Id(0), kLongHistory);
    FillRecharges("", kAccounts);
    FillRecharges(Id(0), kLongHistory);
    FillReviews();
    FillDeclinesAndRates();
    FillHolds();
    FillUnplaced();
  }
  // As many as there may be; the last third waits for a person.
  static void FillUnplaced() {
    Fill(
        "unplaced_states (slot,charge_id,kind,told_id,state,amount_nanos,currency,reason,standing,"
        "create_time,update_time)",
        kMostUnplaced, [](int i) {
          return absl::StrFormat(
              "(%d,'ch_%d',1,'re_%d',2,1,'USD','',%d,'2026-11-01','2026-11-01' + INTERVAL %d "
              "SECOND)",
              i + 1, i, i, 3 - 3 * i / kMostUnplaced, i);
        });
  }
  static void FillAccounts() {
    const std::string columns =
        "accounts (account_id,recheck_time,expiry_notice_time,last_payment_method,create_time)";
    Fill(columns, kAccounts, [](int i) {
      // Few accounts have such a time; the others come first in the index.
      const std::string time =
          i < 1900 ? "NULL" : absl::StrCat("'2030-01-01' + INTERVAL ", i, " SECOND");
      return absl::StrFormat("('%s',%s,%s,1,'2026-01-01')", Id(i), time, time);
    });
    Fill(
        "payment_methods (account_id,payment_method_id,position,state,card_token,"
        "card_fingerprint,card_network,brand,last_four,expiry_year,expiry_month,given,"
        "soft_declines,declined_ordinal,declined_attempt,expiry_told)",
        kAccounts, [](int i) {
          return absl::StrFormat("('%s','card-1',1,1,'','',1,'','',0,0,1,0,0,0,0)", Id(i));
        });
  }
  // What follows fills in one row an account if `account_id` is empty, else more of that account.
  static void FillEntries(const std::string& account_id, int first, int count) {
    Fill(
        "entries (record_time,account_id,seq,month,kind,amount_nanos,balance_after_nanos,"
        "entry_hash,usage_id,user_id,start_time,basis)",
        count, [&](int i) {
          return absl::StrFormat(
              "('2026-11-01' + INTERVAL %d SECOND,'%s',%d,%d,%d,0,0,'','%s','u','2026-11-01',%d)",
              i, account_id.empty() ? Id(i) : account_id, account_id.empty() ? 1 : first + i,
              202609 + i % 3, static_cast<int>(domain::EntryKind::kUsage), UsageId(i),
              static_cast<int>(domain::ChargeBasis::kMeteredStandard));
        });
  }
  static void FillIds() {
    Fill("usage_ids (usage_id,account_id,seq,month)", kAccounts, [](int i) {
      return absl::StrFormat("('%s','%s',1,%d)", UsageId(i), Id(i), 202609 + i % 3);
    });
    Fill("requests (account_id,request_id,digest,seq,month,ordinal)", kAccounts,
         [](int i) { return absl::StrFormat("('%s','r','',1,202609,0)", Id(i)); });
  }
  static void FillEvents(const std::string& account_id, int count) {
    Fill(
        "events (account_id,event_seq,kind,cause,event_time,state,balance_nanos,"
        "recharge_ordinal,feed_time)",
        count, [&](int i) {
          return absl::StrFormat(
              "('%s',%d,1,'','2026-11-01',1,0,0,'2026-11-01' + INTERVAL %d SECOND)",
              account_id.empty() ? Id(i) : account_id, account_id.empty() ? 1 : 2 + i, i);
        });
  }
  static void FillRecharges(const std::string& account_id, int count) {
    Fill(
        "recharges (account_id,ordinal,kind,state,currency,amount_nanos,card_token,"
        "card_fingerprint,attempt,due_time,lease_owner,lease_epoch,soft_declines,last_decline,"
        "last_decline_code,charge_id,request_id,create_time)",
        count, [&](int i) {
          return absl::StrFormat(
              "('%s',%d,1,%d,'USD',0,'','',1,'2030-01-01' + INTERVAL %d SECOND,'',0,0,0,'','','',"
              "'2026-01-01')",
              account_id.empty() ? Id(i) : account_id, account_id.empty() ? 1 : 2 + i,
              static_cast<int>(domain::RechargeState::kOpen), i);
        });
  }
  static void FillReviews() {
    Fill(
        "recharges (account_id,ordinal,kind,state,currency,amount_nanos,card_token,"
        "card_fingerprint,attempt,due_time,lease_owner,lease_epoch,soft_declines,last_decline,"
        "last_decline_code,charge_id,request_id,create_time)",
        kAccounts, [&](int i) {
          return absl::StrFormat(
              "('%s',%d,1,%d,'USD',0,'','',1,NULL,'',0,0,0,'','','','2026-01-01')", Id(i),
              kLongHistory + 10, static_cast<int>(domain::RechargeState::kNeedsReview));
        });
  }
  // Of ten places nine are free. Of the holds one in ten is OPEN, and of these ten are due.
  static void FillHolds() {
    Fill(
        "holds (account_id,slot,hold_id,usage_id,user_id,direction,destination,switch_id,"
        "incarnation,state,plan_id,deck_version,slice_seconds,extension,used_micros,"
        "granted_seconds,final_reason,held_nanos,accrued_nanos,free_seconds,accrued_free_seconds,"
        "free_period,expire_time)",
        10 * kAccounts, [](int i) {
          const int hold = i / 10;
          const int state = i % 10 != 0 ? 0 : hold % 10 == 0 ? 1 : 2;
          const std::string time =
              state == 0   ? "NULL"
              : hold < 100 ? absl::StrCat("'2026-01-01' + INTERVAL ", hold / 20, " SECOND")
                           : "'2030-01-01'";
          return absl::StrFormat(
              "('%s',%d,'','','u',1,'','switch',1,%d,'p',1,60,0,0,60,0,0,0,0,0,0,%s)", Id(hold),
              i % 10 + 1, state, time);
        });
  }
  static void FillDeclinesAndRates() {
    // More of these: the index holds all that is asked for, and MariaDB 11 reads a small one from
    // end to end rather than half of it piece by piece, whatever it is told.
    Fill("card_declines (account_id,ordinal,attempt,card_fingerprint,decline_time)", 10 * kAccounts,
         [](int i) {
           return absl::StrFormat("('%s',1,%d,'card-%d','2026-11-01')", Id(i % kAccounts), i, i);
         });
    for (int version = 1; version <= 2; ++version) {
      Fill(
          "rates (deck_version,kind,prefix,carrier,destination_name,price_nanos,"
          "connect_fee_nanos,initial_increment_seconds,increment_seconds)",
          kAccounts,
          [&](int i) { return absl::StrFormat("(%d,1,'%d','','',0,0,60,60)", version, 1000 + i); });
    }
  }
  // An account whose months follow each other, with kLimit usages in each.
  static void FillYear() {
    const std::vector<std::string> months = {"202512", "202601", "202602", "202603",
                                             "202604", "202605", "202606", "202607",
                                             "202608", "202609", "202610", "202611"};
    const auto count = static_cast<int>(months.size());
    database_->sql().Execute(absl::StrFormat(
        "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,head_hash,month) "
        "VALUES ('year',0,%d,1,1,'',%s)",
        count * kLimit, months.back()));
    Fill("account_months (account_id,month,first_seq,last_seq)", count, [&](int i) {
      return absl::StrFormat("('year',%s,%d,%d)", months[i], i * kLimit + 1, (i + 1) * kLimit);
    });
    Fill(
        "entries (record_time,account_id,seq,month,kind,amount_nanos,balance_after_nanos,"
        "entry_hash,usage_id,user_id,start_time,basis)",
        count * kLimit, [&](int i) {
          return absl::StrFormat(
              "('2026-11-01' + INTERVAL %d SECOND,'year',%d,%s,%d,0,0,'','%s','u','%s-%s-01' + "
              "INTERVAL %d SECOND,%d)",
              i, i + 1, months[i / kLimit], static_cast<int>(domain::EntryKind::kUsage), UsageId(i),
              months[i / kLimit].substr(0, 4), months[i / kLimit].substr(4), i,
              static_cast<int>(domain::ChargeBasis::kMeteredStandard));
        });
    OpenTables();
  }
  // MySQL counts what it reads of its own when a table is opened for the first time: before all
  // that is to be counted.
  static void OpenTables() {
    for (const auto& row : database_->sql().Query(
             "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")) {
      database_->sql().Query(absl::StrCat("SELECT 1 FROM ", row[0], " LIMIT 1"));
    }
  }
  static void TearDownTestSuite() {
    delete database_;
    database_ = nullptr;
  }

  static void Fill(const std::string& table, int count,
                   absl::FunctionRef<std::string(int)> row_of) {
    std::vector<std::string> rows;
    for (int i = 0; i < count; ++i) rows.push_back(row_of(i));
    database_->sql().Execute(
        absl::StrCat("INSERT INTO ", table, " VALUES ", absl::StrJoin(rows, ",")));
  }

  // What the server did for this session since it began.
  std::map<std::string, int64_t> Counters() {
    std::map<std::string, int64_t> counters;
    EXPECT_TRUE(connection_
                    ->Query("SHOW SESSION STATUS LIKE 'Handler_read%'",
                            [&](const Row& row) { counters[row.Text(1)] = row.Int(2); })
                    .ok());
    return counters;
  }

  // The counters' growth by `read`, without that by asking for them.
  std::map<std::string, int64_t> Growth(absl::FunctionRef<void()> read) {
    std::map<std::string, int64_t> grown;
    const auto begin = Counters();
    const auto idle = Counters();
    read();
    auto end = Counters();
    for (const auto& [name, value] : idle) {
      grown[name] = end[name] - value - (value - begin.at(name));
    }
    return grown;
  }

  // That `read` begins no scan, and reads at most `most` rows.
  void ExpectReads(int most, absl::FunctionRef<absl::Status()> read, int line = __builtin_LINE()) {
    SCOPED_TRACE(absl::StrCat("asked in line ", line));
    absl::Status status;
    const auto grown = Growth([&] { status = read(); });
    EXPECT_TRUE(status.ok()) << status;
    int64_t all = 0;
    for (const auto& [name, count] : grown) all += count;
    std::string shown = absl::StrJoin(grown, ", ", absl::PairFormatter("="));
    EXPECT_EQ(grown.at("Handler_read_first"), 0) << shown;
    EXPECT_EQ(grown.at("Handler_read_rnd_next"), 0) << shown;
    EXPECT_LE(all, most) << shown;
    EXPECT_GT(all, 0) << shown;
  }

  static MigratedDatabase* database_;
  std::unique_ptr<Connection> connection_ = database_->Connect();
};

MigratedDatabase* ReadsTest::database_ = nullptr;

// Lists of ids from one to half of the table, where a scan is most tempting.
class ReadsByListTest : public ReadsTest, public testing::WithParamInterface<int> {
 protected:
  ReadsByListTest() {
    for (int i = 0; i < count_; ++i) {
      ids_.push_back(Id(2 * i));
      usage_ids_.push_back(UsageId(2 * i));
    }
  }
  std::vector<absl::string_view> Views() const { return {ids_.begin(), ids_.end()}; }
  template <typename Key>
  std::vector<Key> Keys(const std::vector<std::string>& seconds) const {
    std::vector<Key> keys;
    for (int i = 0; i < count_; ++i) keys.emplace_back(ids_[i], seconds[i]);
    return keys;
  }
  std::vector<std::pair<std::string, int64_t>> Numbered() const {
    std::vector<std::pair<std::string, int64_t>> keys;
    for (const std::string& id : ids_) keys.emplace_back(id, 1);
    return keys;
  }
  // What is found of each id: the row, and for some indexes the look for a second one.
  void ExpectList(absl::FunctionRef<size_t()> read, int rows_each = 1) {
    size_t found = 0;
    ExpectReads(2 * rows_each * count_ + 11, [&] {
      found = read();
      return absl::OkStatus();
    });
    EXPECT_EQ(found, static_cast<size_t>(count_));
  }

  const int count_ = GetParam();
  std::vector<std::string> ids_;
  std::vector<std::string> usage_ids_;
};

TEST_P(ReadsByListTest, Balances) {
  for (const Lock lock : {Lock::kNone, Lock::kForUpdate}) {
    ASSERT_TRUE(connection_->Begin().ok());
    ExpectList([&] { return LoadBalances(*connection_, Views(), lock)->size(); });
    ASSERT_TRUE(connection_->Commit().ok());
  }
}

TEST_P(ReadsByListTest, Accounts) {
  // Of each its two rows, and its card.
  ExpectList([&] { return LoadAccounts(*connection_, Views())->size(); }, 3);
}

TEST_P(ReadsByListTest, Users) {
  const std::vector<std::string> user_ids(static_cast<size_t>(count_), "u");
  // The users, and their allowances.
  ExpectList([&] { return LoadUsers(*connection_, Keys<UserKey>(user_ids))->size(); }, 2);
}

TEST_P(ReadsByListTest, UsageStates) {
  ExpectList([&] { return LoadUsageStates(*connection_, Keys<OnceKey>(usage_ids_))->size(); });
}

TEST_P(ReadsByListTest, Usages) {
  ExpectList([&] { return FindUsagePlaces(*connection_, Keys<OnceKey>(usage_ids_))->size(); });
  // The ids, then the entries, which takes the index and the row.
  ExpectList([&] { return FindUsages(*connection_, Keys<OnceKey>(usage_ids_))->size(); }, 3);
}

TEST_P(ReadsByListTest, Requests) {
  const std::vector<std::string> request_ids(static_cast<size_t>(count_), "r");
  ExpectList([&] { return FindRequests(*connection_, Keys<OnceKey>(request_ids))->size(); });
}

TEST_P(ReadsByListTest, Recharges) {
  for (const Lock lock : {Lock::kNone, Lock::kForUpdate}) {
    ASSERT_TRUE(connection_->Begin().ok());
    ExpectList([&] { return LoadRecharges(*connection_, Numbered(), lock)->size(); });
    ASSERT_TRUE(connection_->Commit().ok());
  }
}

TEST_P(ReadsByListTest, FeedEvents) {
  ExpectList([&] { return LoadFeedEvents(*connection_, Numbered())->size(); }, 2);
}

TEST_P(ReadsByListTest, CardDeclines) {
  std::vector<std::string> names;
  for (int i = 0; i < count_; ++i) names.push_back(absl::StrCat("card-", 2 * i));
  const std::vector<absl::string_view> cards(names.begin(), names.end());
  ExpectList([&] {
    return LoadCardDeclines(*connection_, cards, TestNow() - absl::Hours(24 * 30))->size();
  });
}

TEST_P(ReadsByListTest, NumbersOfDeclinedAttempts) {
  std::vector<AttemptKey> attempts;
  for (int i = 0; i < count_; ++i) attempts.emplace_back(Id(2 * i), 1, 2 * i);
  ExpectList([&] { return LoadDeclinedNumbers(*connection_, attempts)->size(); });
}

INSTANTIATE_TEST_SUITE_P(OfLength, ReadsByListTest, testing::Values(1, 10, 250, 900, 999, 1000),
                         testing::PrintToStringParamName());

// MariaDB would make a subquery of longer ones.
TEST_F(ReadsTest, ListsOfPairsAreCutBeforeTheServerRewritesThem) {
  ASSERT_LT(2 * kMaxPairs, 1'000u);
  ASSERT_LT(3 * kMaxTriples, 1'000u);
  const auto selects = [this] {
    int64_t count = 0;
    EXPECT_TRUE(connection_
                    ->Query("SHOW SESSION STATUS LIKE 'Com_select'",
                            [&count](const Row& row) { count = row.Int(2); })
                    .ok());
    return count;
  };
  const auto expect_parts = [&](size_t keys, absl::FunctionRef<absl::Status()> read) {
    const int64_t before = selects();
    EXPECT_TRUE(read().ok());
    EXPECT_EQ(selects() - before, static_cast<int64_t>((keys + kMaxPairs - 1) / kMaxPairs)) << keys;
  };
  for (const size_t keys : {size_t{1}, kMaxPairs, kMaxPairs + 1, size_t{1'000}}) {
    std::vector<std::string> ids;
    for (size_t i = 0; i < keys; ++i) ids.push_back(absl::StrCat("nobody-", i));
    std::vector<UserKey> pairs;
    std::vector<std::pair<std::string, int64_t>> numbered;
    for (const std::string& id : ids) {
      pairs.emplace_back(id, "x");
      numbered.emplace_back(id, 1);
    }
    expect_parts(keys, [&] { return LoadUsers(*connection_, pairs).status(); });
    expect_parts(keys, [&] { return FindUsages(*connection_, pairs).status(); });
    expect_parts(keys, [&] { return FindUsagePlaces(*connection_, pairs).status(); });
    expect_parts(keys, [&] { return FindRequests(*connection_, pairs).status(); });
    expect_parts(keys, [&] { return LoadFeedEvents(*connection_, numbered).status(); });
    expect_parts(keys, [&] { return LoadRecharges(*connection_, numbered, Lock::kNone).status(); });
  }
}

TEST_F(ReadsTest, APageOfTheHistoryLooksOnlyIntoItsMonths) {
  // Its rows, the twelve of account_months, the balance, what is archived of the account and what
  // stays of that, and where each of two months begins. To look into all months is ten more, and as
  // many pages of the disk.
  constexpr int kMost = kLimit + 12 + 8 + 5;
  for (const int64_t before : {kNewest, int64_t{4} * kLimit + 20}) {
    ExpectReads(kMost, [&] { return ListEntries(*connection_, "year", before, kLimit).status(); });
  }
}

TEST_F(ReadsTest, APageOfTheHistoryByStartLooksOnlyAtWhatIsNearIt) {
  // Its rows, each of them by the index and in its place; before that what is near them, to find
  // where to end, and to count where the month ends sooner; and the twelve of account_months.
  constexpr int kMost = 4 * (kLimit + kLimit / 16) + 12 + 20;
  UsageFilter filter;
  for (const bool oldest_first : {false, true}) {
    filter.oldest_first = oldest_first;
    for (const bool from_the_middle : {false, true}) {
      const absl::Time middle = RangeOfMonth(202605).begin + absl::Hours(24 * 10);
      filter.start_from = from_the_middle && oldest_first ? middle : absl::InfinitePast();
      filter.start_before = from_the_middle && !oldest_first ? middle : absl::InfiniteFuture();
      ExpectReads(kMost, [&]() -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(
            const UsagePage page,
            ListUsagesByStart(*connection_, "year", filter, std::nullopt, kLimit));
        EXPECT_EQ(page.entries.size(), static_cast<size_t>(kLimit));
        return absl::OkStatus();
      });
    }
  }
}

TEST_F(ReadsTest, HoldsThatAreDueAreFoundOnceEachPageByPage) {
  std::set<std::string> found;
  DuePlace after;
  for (int page = 0; page < 4; ++page) {
    size_t count = 0;
    // Those of the other state are looked at, too, but no free place and none that is not due.
    ExpectReads(2 * 100 + 10, [&]() -> absl::Status {
      RESERVE_ASSIGN_OR_RETURN(
          const std::vector<domain::Hold> due,
          DueHolds(*connection_, domain::HoldState::kOpen, TestNow(), after, 3));
      count = due.size();
      for (const domain::Hold& hold : due) found.insert(hold.account_id);
      after = PlaceOf(due.back());
      return absl::OkStatus();
    });
    EXPECT_EQ(count, page < 3 ? 3u : 1u);
  }
  EXPECT_EQ(found.size(), 10u) << "each once, also of those that are due at the same time";
  ExpectReads(2 * kLimit + 10,
              [&] { return HoldsDueAfter(*connection_, TestNow(), {}, kLimit).status(); });
}

TEST_F(ReadsTest, HoldsAreCountedWithoutTheFreePlaces) {
  ExpectReads(2 * kAccounts + 20, [&]() -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(const HoldCounts counts, CountHolds(*connection_));
    EXPECT_EQ(counts.open, kAccounts / 10);
    EXPECT_EQ(counts.unsettled, kAccounts - kAccounts / 10);
    return absl::OkStatus();
  });
}

TEST_F(ReadsTest, APageOfTheHoldsOfAllAccountsLooksAtABoundedNumberOfRows) {
  constexpr int kMostRows = 500;
  size_t found = 0;
  int pages = 0;
  std::optional<HoldPlace> place = HoldPlace();
  while (place.has_value()) {
    ++pages;
    // Once to find where it ends, and once to read.
    ExpectReads(2 * kMostRows + 30, [&]() -> absl::Status {
      RESERVE_ASSIGN_OR_RETURN(
          const HoldPage page,
          ListAllHolds(*connection_, *place, domain::HoldState::kOpen, kLimit, kMostRows));
      EXPECT_LE(page.holds.size(), 5u);
      found += page.holds.size();
      place = page.looked_to;
      return absl::OkStatus();
    });
  }
  EXPECT_EQ(found, kAccounts / 10u);
  EXPECT_EQ(pages, 10 * kAccounts / kMostRows + 1);
}

TEST_F(ReadsTest, PagesOfOneAccount) {
  const std::string busy = Id(0);
  // An ordered page of `entries` begins with a look into each month.
  constexpr int kMost = 2 * kLimit + 60;
  ExpectReads(kMost, [&] { return ListEntries(*connection_, busy, 1500, kLimit).status(); });
  ExpectReads(kMost, [&] { return ListEntriesAfter(*connection_, busy, 500, kLimit).status(); });
  ExpectReads(kMost, [&] { return ListEvents(*connection_, busy, 500, kLimit).status(); });
  for (const bool newest_first : {false, true}) {
    ExpectReads(kMost, [&] {
      return ListEventsWithin(*connection_, busy, {1, kLongHistory}, {.newest_first = newest_first},
                              kLimit)
          .status();
    });
    // Of a kind that there is none of: the stretch, and no more.
    ExpectReads(kMost, [&] {
      return ListEventsWithin(
                 *connection_, busy, {500, 500 + kLimit},
                 {.kinds = {domain::EventKind::kPaidOut}, .newest_first = newest_first}, kLimit)
          .status();
    });
  }
  ExpectReads(kMost, [&] {
    return ListRecharges(*connection_, busy, Listed::kAll, 1500, kLimit).status();
  });
  ExpectReads(kMost, [&] {
    return SearchRecharges(*connection_, busy, {.state = domain::RechargeState::kReversed},
                           {500, 500 + kLimit}, Oldest::kLast, kLimit)
        .status();
  });
  ExpectReads(kMost, [&] { return ListUsers(*connection_, busy, "", kLimit).status(); });
  // Those of the account, once to find where the page ends, and once to look at them.
  ExpectReads(kMost, [&] {
    return SearchUsers(*connection_, busy, {.search = "nobody"}, "", kLimit).status();
  });
  ExpectReads(4, [&] { return LoadEntry(*connection_, busy, 1000, 202609 + 998 % 3).status(); });
  // All of one account's, and no other's.
  ExpectReads(kLongHistory + 60, [&] {
    return CountAutomaticSince(*connection_, busy, TestNow() - absl::Hours(1)).status();
  });
  // None of what became of usages of before.
  ExpectReads(kLongHistory + 120, [&] {
    return StandardUseSince(*connection_, busy, absl::FromUnixSeconds(1'790'000'000)).status();
  });
  // In each part of each month from then on.
  ExpectReads(5 * 7 + 5, [&] {
    return StandardUseSince(*connection_, Id(7), absl::FromUnixSeconds(1'790'000'000)).status();
  });
}

TEST_F(ReadsTest, PagesOfAllAccounts) {
  constexpr int kMost = 2 * kLimit + 10;
  ExpectReads(kMost + 2 * kLimit,
              [&] { return ListAccounts(*connection_, Id(1000), kLimit).status(); });
  // The last ten, and no others' cards and balances.
  const AccountFilter filter = {.low_balance = true, .card_failing = true, .under_review = true};
  ExpectReads(10 * 5 + 20, [&] {
    return SearchAccounts(*connection_, filter, Id(kAccounts - 11), kLimit).status();
  });
  ExpectReads(2, [&] { return ListAccountsThatOwe(*connection_, "", kLimit).status(); });
  ExpectReads(2, [&] { return ListAccountsWithLateMoney(*connection_, "", kLimit).status(); });
  const absl::Time late = TestNow() + absl::Hours(24 * 365 * 20);
  ExpectReads(kMost, [&] { return DueRechecks(*connection_, late, kLimit).status(); });
  ExpectReads(2, [&] { return DueRechecks(*connection_, TestNow(), kLimit).status(); });
  ExpectReads(kMost, [&] { return RechecksAfter(*connection_, TestNow(), kLimit).status(); });
  ExpectReads(kMost, [&] { return DueExpiryNotices(*connection_, late, kLimit).status(); });
  ExpectReads(2, [&] { return DueExpiryNotices(*connection_, TestNow(), kLimit).status(); });
  ExpectReads(kMost, [&] { return ListReviews(*connection_, {Id(1000), 1}, kLimit).status(); });
  ExpectReads(kMost, [&] { return ListKeeping(*connection_, {Id(1000), 1}, kLimit).status(); });
  ExpectReads(kMost, [&] { return RechargesDueAfter(*connection_, TestNow(), kLimit).status(); });
  ExpectReads(kMost, [&] { return DueRecharges(*connection_, late, kLimit).status(); });
  ExpectReads(2, [&] { return DueRecharges(*connection_, TestNow(), kLimit).status(); });
  const FeedPlace place = {absl::FromUnixSeconds(1'793'491'200 + 1000), Id(1000), 1};
  ExpectReads(kMost, [&] { return ListFeed(*connection_, place, "", kLimit).status(); });
  // A page's place in the key is a few ranges, of each of which MySQL reads one row more, and there
  // are five kinds.
  ExpectReads(kAccounts + 80, [&] { return LoadDeckRows(*connection_, 2).status(); });
}

TEST_F(ReadsTest, ASearchByNumberLooksAtABoundedNumberOfEntries) {
  constexpr int kMostRows = 500;
  std::optional<BookingPlace> place = BookingPlace();
  int pages = 0;
  for (; place.has_value(); ++pages) {
    // Once to find where it ends, and once to read; each begins with a look into each month.
    ExpectReads(2 * kMostRows + 2 * 60, [&]() -> absl::Status {
      RESERVE_ASSIGN_OR_RETURN(
          const FoundByNumber found,
          SearchByNumber(*connection_, "442079460000", *place, kLimit, kMostRows));
      EXPECT_TRUE(found.accounts.empty());
      place = found.looked_to;
      return absl::OkStatus();
    });
    ASSERT_LT(pages, 100);
  }
  EXPECT_GE(pages, (kAccounts + kLongHistory) / kMostRows - 1);
}

TEST_F(ReadsTest, WhatIsToldOfChargesOfNobody) {
  ExpectReads(2 * kLimit + 10, [&] { return ListUnplaced(*connection_, 8000, kLimit).status(); });
  ASSERT_TRUE(connection_->Begin().ok());
  ExpectReads(8, [&] { return LoadUnplaced(*connection_, {{Id(3), "ch_9000"}}).status(); });
  ExpectReads(8, [&] { return LoadUnplaced(*connection_, {{Id(3), "ch_none"}}).status(); });
  ASSERT_TRUE(connection_->Commit().ok());
  domain::UnplacedState told;
  told.currency = "USD";
  const auto keep = [&] {
    return KeepUnplaced(*connection_, told, TestNow(),
                        []() -> absl::StatusOr<bool> { return false; })
        .status();
  };
  told.told =
      domain::GatewayRefund{"ch_9000", "re_9000", domain::GatewayRefund::State::kPending, 1, ""};
  ExpectReads(4, keep);  // it is known
  told.told =
      domain::GatewayRefund{"ch_new", "re_new", domain::GatewayRefund::State::kPending, 1, ""};
  ExpectReads(30, keep);  // in the place of another
  ExpectReads(20, [&] {
    return DismissUnplaced(*connection_, "ch_9000", "d", {"not ours"}, false).status();
  });
}

TEST_F(ReadsTest, WritesOfOneRow) {
  const auto recharges = LoadRecharges(*connection_, {{Id(3), 1}}, Lock::kNone);
  ASSERT_TRUE(recharges.ok());
  domain::Recharge recharge = recharges->front();
  const absl::Time late = TestNow() + absl::Hours(24 * 365 * 20);
  ExpectReads(2, [&] {
    return ClaimRecharge(*connection_, "w", late, late + absl::Seconds(30), &recharge).status();
  });
  ExpectReads(2, [&] {
    return RenewLease(*connection_, {Id(3), 1}, "w", recharge.lease_epoch, late).status();
  });
}

}  // namespace
}  // namespace reserve::storage
