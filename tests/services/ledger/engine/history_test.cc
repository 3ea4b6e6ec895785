// Pages of the history, whose usages lie in the months they began in, and come late.

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/usage_history.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

using book::MonthSpan;
using domain::Entry;
using storage::Connection;
using storage::kNewest;
using testing::ElementsAre;

constexpr absl::Duration kDay = absl::Hours(24);

std::vector<int64_t> SeqsOf(const absl::StatusOr<std::vector<Entry>>& entries) {
  EXPECT_TRUE(entries.ok()) << entries.status();
  std::vector<int64_t> seqs;
  for (const Entry& entry : *entries) seqs.push_back(entry.seq);
  return seqs;
}

domain::Usage CallAt(absl::Time start, const std::string& usage_id, const char* user) {
  domain::Usage usage = Call(user, usage_id, kStandardNumber, 60);
  usage.start_time = start;
  return usage;
}

// All pages of what was booked, as a caller turns them, against all that is stored.
void ExpectEveryPageOfEntries(Connection& connection, const std::vector<Entry>& all, int limit) {
  std::vector<int64_t> expected;
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) expected.push_back(entry->seq);
  std::vector<int64_t> seqs;
  for (int64_t before = kNewest;;) {
    const std::vector<int64_t> page =
        SeqsOf(storage::ListEntries(connection, all.front().account_id, before, limit));
    seqs.insert(seqs.end(), page.begin(), page.end());
    if (static_cast<int>(page.size()) < limit) break;
    before = page.back();
  }
  ASSERT_EQ(seqs, expected);
}

// The same of usages, by when they began; empty: of every user.
void ExpectEveryPageOfUsage(Connection& connection, const std::vector<Entry>& all, int limit,
                            const std::string& user, bool oldest_first) {
  SCOPED_TRACE(absl::StrCat("of user ", user, oldest_first ? ", oldest first" : ""));
  std::vector<std::pair<absl::Time, int64_t>> places;
  for (const Entry& entry : all) {
    if (entry.kind != domain::EntryKind::kUsage) continue;
    const domain::Usage& usage = entry.booked->usage;
    if (user.empty() || user == usage.user_id) places.emplace_back(usage.start_time, entry.seq);
  }
  std::sort(places.begin(), places.end());
  if (!oldest_first) std::reverse(places.begin(), places.end());
  std::vector<int64_t> expected;
  for (const auto& [start, seq] : places) expected.push_back(seq);
  storage::UsageFilter filter;
  filter.user_id = user;
  filter.oldest_first = oldest_first;
  std::vector<int64_t> seqs;
  for (std::optional<storage::UsagePosition> after;;) {
    const auto page =
        storage::ListUsagesByStart(connection, all.front().account_id, filter, after, limit);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const Entry& entry : page->entries) seqs.push_back(entry.seq);
    if (static_cast<int>(page->entries.size()) < limit) break;
    after = storage::PositionOf(page->entries.back());
  }
  ASSERT_EQ(seqs, expected);
}

void ExpectEveryPage(Connection& connection, const std::string& account_id) {
  const auto all = storage::ListEntriesAfter(connection, account_id, 0, 100'000);
  ASSERT_TRUE(all.ok()) << all.status();
  for (const int limit : {1, 7, 50, 1000}) {
    SCOPED_TRACE(absl::StrCat("pages of ", limit));
    ExpectEveryPageOfEntries(connection, *all, limit);
    for (const std::string user : {"", kUser, kUnlimitedUser, "nobody"}) {
      for (const bool oldest_first : {false, true}) {
        ExpectEveryPageOfUsage(connection, *all, limit, user, oldest_first);
      }
    }
  }
}

class HistoryTest : public testing::Test {
 protected:
  void Book(Engine& engine, const domain::Usage& usage) {
    const auto reply = Ask<UsageReply>(engine, kAccount, RecordUsage{usage});
    ASSERT_TRUE(reply.ok()) << reply.status();
  }
  void BookTogether(const std::vector<domain::Usage>& usages) {
    std::vector<Order> orders;
    for (const domain::Usage& usage : usages) orders.emplace_back(kAccount, RecordUsage{usage});
    for (const auto& reply : AskAll(*engine_, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  }
  std::vector<MonthSpan> Spans() {
    const auto months = storage::LoadMonths(*connection_, kAccount);
    EXPECT_TRUE(months.ok()) << months.status();
    return months->spans;
  }

  Ledger ledger_;
  std::unique_ptr<Engine> engine_ = ledger_.StartEngine();
  std::unique_ptr<Connection> connection_ = ledger_.Connect();
};

TEST_F(HistoryTest, AMonthIsKnownFromItsFirstEntryToItsLast) {
  OpenFunded(*engine_, kAccount);  // entry 1, in November
  EXPECT_THAT(Spans(), ElementsAre(MonthSpan{kAccount, 202611, 1, 1}));
  const absl::Time november = TestNow();
  Book(*engine_, CallAt(november, "2", kUser));
  Book(*engine_, CallAt(november - 30 * kDay, "3, late", kUser));
  ledger_.clock().Advance(30 * kDay);
  Book(*engine_, CallAt(november + 20 * kDay, "4", kUser));
  Book(*engine_, CallAt(november + 21 * kDay, "5", kUser));
  Book(*engine_, CallAt(november, "6, late", kUser));
  EXPECT_THAT(Spans(),
              ElementsAre(MonthSpan{kAccount, 202610, 3, 3}, MonthSpan{kAccount, 202611, 1, 6},
                          MonthSpan{kAccount, 202612, 4, 6}));
  ExpectEveryPage(*connection_, kAccount);
  ledger_.Audit();
}

TEST_F(HistoryTest, MonthsThatBeginAndEndWithinABatchAreKnown) {
  OpenFunded(*engine_, kAccount);
  ledger_.clock().Advance(100 * kDay);
  std::vector<domain::Usage> usages;
  for (const int days : {0, 40, 0, 70, 99, 40, 99}) {
    usages.push_back(CallAt(TestNow() + days * kDay, absl::StrCat("call-", usages.size()), kUser));
  }
  BookTogether(usages);
  EXPECT_THAT(Spans(),
              ElementsAre(MonthSpan{kAccount, 202611, 1, 4}, MonthSpan{kAccount, 202701, 3, 7},
                          MonthSpan{kAccount, 202702, 5, 5}, MonthSpan{kAccount, 202703, 6, 8}));
  ExpectEveryPage(*connection_, kAccount);
  ledger_.Audit();
}

TEST_F(HistoryTest, AnAccountTurnsToAnOldMonthThatIsSentIn) {
  OpenFunded(*engine_, kAccount);  // entry 1, in November
  const absl::Time may = TestNow() - 180 * kDay;
  int number = 1;
  for (const int days : {0, 1, 2, 30, 31, 180}) {
    Book(*engine_, CallAt(may + days * kDay, absl::StrCat(++number), kUser));
    const auto months = storage::LoadMonths(*connection_, kAccount);
    const int32_t expected = number < 3   ? 202611
                             : number < 5 ? 202605
                             : number < 7 ? 202606
                                          : 202611;
    EXPECT_EQ(months->current, expected) << "after entry " << number;
  }
  EXPECT_THAT(Spans(),
              ElementsAre(MonthSpan{kAccount, 202605, 2, 4}, MonthSpan{kAccount, 202606, 5, 6},
                          MonthSpan{kAccount, 202611, 1, 7}));
  ExpectEveryPage(*connection_, kAccount);
  ledger_.Audit();
}

TEST_F(HistoryTest, ABatchThatIsTriedAgainKnowsItsMonthsOnce) {
  OpenFunded(*engine_, kAccount);
  const domain::Usage old = CallAt(TestNow() - 40 * kDay, "old", kUser);
  Book(*engine_, old);
  ledger_.clock().Advance(10 * kDay);
  // A repeat beside the first of another month: the batch is rolled back, and run again.
  BookTogether({CallAt(TestNow() + 9 * kDay, "of December", kUser), old,
                CallAt(TestNow() - 80 * kDay, "older", kUser),
                CallAt(TestNow() - 81 * kDay, "older, too", kUser)});
  EXPECT_GT(engine_->stats().duplicates, 0);
  EXPECT_THAT(Spans(),
              ElementsAre(MonthSpan{kAccount, 202609, 4, 5}, MonthSpan{kAccount, 202610, 2, 2},
                          MonthSpan{kAccount, 202611, 1, 2}, MonthSpan{kAccount, 202612, 3, 4}));
  ledger_.Audit();
}

// Two ledgers in turns, whose clocks are not the same, while months pass and usages come late by
// any time, and some are sent in by the month.
TEST_F(HistoryTest, NoPageLeavesAnEntryOutWhoeverBookedItAndWhenever) {
  // By the database's clock no usage begins in the future (K2).
  EngineOptions options = ledger_.Options();
  options.database_clock = [this](Connection&) { return ledger_.clock().Now() + absl::Hours(2); };
  engine_ = ledger_.StartEngine(options);
  EngineOptions slow = options;
  slow.clock = [this] { return ledger_.clock().Now() - 3 * kDay; };
  const auto other = ledger_.StartEngine(slow);
  OpenFunded(*engine_, kAccount);
  std::mt19937 random(7);
  int64_t number = 0;
  for (int round = 0; round < 150; ++round) {
    ledger_.clock().Advance(absl::Hours(random() % 150));
    // For a while by one of them, so that it trusts what it remembers.
    Engine& engine = round / 10 % 2 == 0 ? *engine_ : *other;
    const absl::Time now = &engine == other.get() ? slow.clock() : ledger_.clock().Now();
    const bool sent_in = random() % 8 == 0;
    const absl::Duration age_of_all = absl::Hours(random() % 8'000);
    std::vector<Order> orders;
    for (uint32_t i = random() % 12 + 1; i > 0; --i) {
      const std::string id = absl::StrCat("call-", ++number);
      const bool late = random() % 4 == 0;
      const absl::Duration age =
          sent_in ? age_of_all
                  : absl::Hours(late ? random() % 8'000 : random() % 4) - absl::Hours(2);
      orders.emplace_back(
          kAccount,
          RecordUsage{CallAt(now - age, id, random() % 20 == 0 ? kUnlimitedUser : kUser)});
      if (random() % 10 == 0) {
        orders.emplace_back(kAccount, AdjustBalance{id, kNanosPerUnit, {"enough"}, ""});
      }
    }
    for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  }
  EXPECT_GT(Spans().size(), 20u);
  ExpectEveryPage(*connection_, kAccount);
  ledger_.Audit();
}

}  // namespace
}  // namespace reserve::engine
