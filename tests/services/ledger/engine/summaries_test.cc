// What accounts' usages come to is added up behind the lanes: whatever is booked, voided, corrected
// and rated meanwhile, by whichever ledgers, and whatever dies, a summary is what the entries say.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/forget.h"
#include "services/ledger/storage/usage_sum_rows.h"
#include "services/ledger/storage/usage_summary.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using storage::TimeRange;
using storage::UsageSum;
using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;

constexpr absl::Duration kDay = absl::Hours(24);

// A database whose accounts are booked on at random.
class Bookings {
 public:
  Bookings(Ledger& ledger, uint32_t seed) : ledger_(ledger), random_(seed) {}

  EngineOptions Options() {
    EngineOptions options = ledger_.Options();
    options.summary_stretch = 5;
    options.retry_budget = absl::Seconds(5);
    return options;
  }

  // The account is opened, and another deck can be named.
  void Begin(Engine& engine) {
    OpenFunded(engine, kAccount);
    rates::DeckHeader header;
    header.name = "dearer";
    header.currency = "USD";
    header.effective_time = ledger_.clock().Now() + 3650 * kDay;
    header.import_time = ledger_.clock().Now();
    header.content_digest = "dearer";
    rates::RateRow row;
    row.prefix = "44";
    row.price = 3 * kNanosPerUnit;
    const auto connection = ledger_.Connect();
    ASSERT_TRUE(ImportInForce(engine, *connection, header, {row}).ok());
  }

  // Some usages, and what becomes of earlier ones. Of a stranger's what is booked waits UNRATED.
  void Book(Engine& engine) {
    std::vector<Order> orders;
    for (int i = 1 + Pick(8); i > 0; --i) orders.emplace_back(kAccount, Any());
    AskAll(engine, std::move(orders));  // some are refused: of usages that are void, or never were
  }
  int Pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }

  void ExpectSummariesOfTheEntries() {
    const domain::AccountCalendar calendar = ledger_.Account(kAccount).calendar;
    // By what is no calendar of the account's, the sums are not gone by.
    domain::AccountCalendar other = calendar;
    other.Add({TestNow() + 36'500 * kDay, {absl::FixedTimeZone(3600), 1}, 0});
    const auto connection = ledger_.Connect();
    std::vector<TimeRange> days;
    for (absl::Time begin = TestNow() - 40 * kDay; begin < TestNow() + 10 * kDay;) {
      const auto day = domain::WindowAt(calendar, domain::CalendarUnit::kDay, begin);
      days.push_back({begin, day.end});
      begin = day.end;
    }
    const storage::UsageGrouping all = {true, true, true};
    const auto summary = storage::SummarizeUsages(*connection, kAccount, {days, all, calendar});
    const auto plain = storage::SummarizeUsages(*connection, kAccount, {days, all, other});
    ASSERT_TRUE(summary.ok()) << summary.status();
    ASSERT_TRUE(plain.ok()) << plain.status();
    if (summary->through_seq == plain->through_seq) {
      EXPECT_EQ(summary->sums, plain->sums);
    }
  }

  void ExpectAllKindsOfEntries() {
    for (const domain::EntryKind kind :
         {domain::EntryKind::kUsage, domain::EntryKind::kVoid, domain::EntryKind::kRating}) {
      EXPECT_GT(ledger_.sql().QueryInt(absl::StrCat("SELECT COUNT(*) FROM entries WHERE kind = ",
                                                    static_cast<int>(kind))),
                0);
    }
  }

  // Is all added up but for less than two stretches? The end of a stretch is what is heard of, and
  // then less than one may be missing.
  bool IsAddedUp() {
    const auto connection = ledger_.Connect();
    const auto position = storage::ReadSumsPosition(*connection, kAccount);
    return position.ok() && position->has_value() &&
           ledger_.Account(kAccount).last_seq - (*position)->through_seq < 10;
  }

 private:
  Command Any() {
    const std::string earlier = absl::StrCat("u-", Pick(usages_ + 1));
    switch (Pick(10)) {
      case 0:
        return VoidUsage{earlier, false, {"wrong record"}};
      case 1:
        return CorrectUsage{{earlier}, Usage(), {"wrong record"}};
      case 2:
      case 3: {
        RerateUsage rerate;
        rerate.usage_id = earlier;
        rerate.prices = book::PricesBy::kDeck;
        rerate.deck_version = 1 + Pick(2);
        rerate.rerating = {++reratings_, Pick(2) == 0, false, {"other prices"}};
        return rerate;
      }
      case 4:
        if (Pick(4) == 0) return PutUser{"stranger", "per_minute"};
        return book::RateUnrated{earlier};
      default:
        return RecordUsage{Usage()};
    }
  }
  domain::Usage Usage() {
    const char* const numbers[] = {kStandardNumber, kDearNumber, kCentASecond};
    const char* const users[] = {kUser, kUser, kUnlimitedUser, "stranger"};
    const std::string id = absl::StrCat("u-", ++usages_);
    const char* user = users[Pick(4)];
    domain::Usage usage = Pick(4) == 0 ? Sms(user, id, kStandardNumber, 1 + Pick(3))
                                       : Call(user, id, numbers[Pick(3)], Pick(400));
    if (Pick(3) == 0) usage.start_time -= absl::Hours(Pick(24 * 40));
    return usage;
  }

  Ledger& ledger_;
  std::mt19937 random_;
  int usages_ = 0;
  int64_t reratings_ = 0;
};

class SummariesTest : public testing::Test {
 protected:
  const storage::SqlThread sql_thread_;
  Ledger ledger_;
  Bookings bookings_{ledger_, /*seed=*/5};
};

TEST_F(SummariesTest, AreWhatTheEntriesComeToThoughTwoLedgersBookAndAddUp) {
  const auto one = ledger_.StartEngine(bookings_.Options());
  const auto two = ledger_.StartEngine(bookings_.Options());
  bookings_.Begin(*one);
  for (int round = 0; round < 60; ++round) {
    bookings_.Book(round / 4 % 2 == 0 ? *one : *two);
    if (round % 5 == 0) bookings_.ExpectSummariesOfTheEntries();
    ledger_.clock().Advance(absl::Minutes(bookings_.Pick(100)));
  }
  EXPECT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  bookings_.ExpectSummariesOfTheEntries();
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
  bookings_.ExpectAllKindsOfEntries();
  EXPECT_EQ(one->steps().failures(Step::kSummaries), 0);
}

TEST_F(SummariesTest, AnAccountThatBooksLittleIsAddedUpOnceSomebodyAsksForMuch) {
  EngineOptions options = bookings_.Options();
  const auto engine = ledger_.StartEngine(options);
  bookings_.Begin(*engine);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount,
                                RecordUsage{Call(kUser, absl::StrCat("c-", i), kDearNumber, 60)})
                    .ok());
    ledger_.clock().Advance(absl::Hours(8));
  }
  EXPECT_FALSE(bookings_.IsAddedUp());
  engine->summaries().NoteRead(kAccount, 4 * options.summary_stretch - 1);
  engine->summaries().NoteRead(kAccount, 4 * options.summary_stretch);
  EXPECT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  // From then on it is gone on with.
  for (int i = 40; i < 60; ++i) {
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount,
                                RecordUsage{Call(kUser, absl::StrCat("c-", i), kDearNumber, 60)})
                    .ok());
    ledger_.clock().Advance(absl::Hours(8));
  }
  EXPECT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  bookings_.ExpectSummariesOfTheEntries();
}

TEST_F(SummariesTest, AChangeOfTheTimeZoneMovesNoDayThatHasBegun) {
  const auto engine = ledger_.StartEngine(bookings_.Options());
  bookings_.Begin(*engine);
  for (const char* zone : {"Asia/Kolkata", "America/New_York", "UTC"}) {
    for (int round = 0; round < 12; ++round) {
      bookings_.Book(*engine);
      ledger_.clock().Advance(absl::Hours(3));
    }
    book::UpdateAccount move;
    move.change.time_zone = absl::TimeZone();
    ASSERT_TRUE(absl::LoadTimeZone(zone, &*move.change.time_zone));
    ASSERT_TRUE(Ask<domain::Account>(*engine, kAccount, move).ok());
    bookings_.ExpectSummariesOfTheEntries();
    bookings_.Book(*engine);
    bookings_.Book(*engine);
    EXPECT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
    bookings_.ExpectSummariesOfTheEntries();
  }
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(SummariesTest, DaysThatAWrongClockHadBegunAreAddedUpAnew) {
  const auto engine = ledger_.StartEngine(bookings_.Options());
  bookings_.Begin(*engine);
  for (int round = 0; round < 12; ++round) bookings_.Book(*engine);
  ASSERT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  // The account was moved by a ledger whose clock was behind the days that are added up.
  ledger_.clock().Advance(-3 * kDay);
  book::UpdateAccount move;
  move.change.time_zone = absl::FixedTimeZone(9 * 3600);
  ASSERT_TRUE(absl::LoadTimeZone("Asia/Tokyo", &*move.change.time_zone));
  ASSERT_TRUE(Ask<domain::Account>(*engine, kAccount, move).ok());
  bookings_.ExpectSummariesOfTheEntries();
  ledger_.clock().Advance(3 * kDay);
  for (int round = 0; round < 6; ++round) bookings_.Book(*engine);
  const auto connection = ledger_.Connect();
  EXPECT_TRUE(WaitUntil([&] {
    const auto position = storage::ReadSumsPosition(*connection, kAccount);
    return bookings_.IsAddedUp() && (*position)->calendar_changes == 1;
  }));
  bookings_.ExpectSummariesOfTheEntries();
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(SummariesTest, APersonIsForgottenAndTheSumsStayRight) {
  const auto engine = ledger_.StartEngine(bookings_.Options());
  bookings_.Begin(*engine);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount,
                                RecordUsage{Call(kUser, absl::StrCat("c-", i), kDearNumber, 60)})
                    .ok());
  }
  ASSERT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  const auto connection = ledger_.Connect();
  ASSERT_TRUE(storage::ForgetUser(*connection, kAccount, kUser, {}).ok());
  // What is voided, and rated again, of a number that is erased.
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"c-3", false, {"wrong"}}).ok());
  for (int i = 30; i < 40; ++i) {
    const auto call = Call(kUnlimitedUser, absl::StrCat("c-", i), kDearNumber, 60);
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RecordUsage{call}).ok());
  }
  ASSERT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  bookings_.ExpectSummariesOfTheEntries();
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(SummariesTest, WhatIsAlteredIsFoundByTheAudit) {
  const auto engine = ledger_.StartEngine(bookings_.Options());
  bookings_.Begin(*engine);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount,
                                RecordUsage{Call(kUser, absl::StrCat("c-", i), kDearNumber, 60)})
                    .ok());
  }
  ASSERT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  ASSERT_EQ(ledger_.AuditOf(kAccount).difference_count, 0);
  for (const char* spoil :
       {"UPDATE usage_sums SET cost_nanos = cost_nanos + 1 LIMIT 1",
        "UPDATE usage_sums SET paid_seconds = paid_seconds - 1 LIMIT 1",
        "UPDATE usage_sums SET country = 'XX' LIMIT 1", "DELETE FROM usage_sums LIMIT 1",
        "UPDATE usage_sums_through SET through_seq = through_seq - 1",
        "UPDATE usage_sums_through SET through_seq = through_seq + 1000"}) {
    SCOPED_TRACE(spoil);
    ledger_.sql().Execute(spoil);
    const Findings findings = ledger_.AuditOf(kAccount);
    EXPECT_GE(findings.difference_count, 1);
    for (const Difference& difference : findings.differences) {
      EXPECT_EQ(difference.check, audit::kCheckSummaries) << difference.stored;
    }
    // Added up once more.
    ledger_.sql().Execute("DELETE FROM usage_sums");
    ledger_.sql().Execute("DELETE FROM usage_sums_through");
    engine->summaries().NoteRead(kAccount, 1'000);
    ASSERT_TRUE(WaitUntil([&] { return bookings_.IsAddedUp(); }));
  }
  EXPECT_EQ(ledger_.AuditOf(kAccount).difference_count, 0);
}

// The database dies while it is added up, again and again.
class SummariesCrashTest : public testing::Test {};

TEST_F(SummariesCrashTest, NothingIsLostOrAddedTwiceWhenTheDatabaseDies) {
  if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
    GTEST_SKIP() << "kills its database server, so it needs one of its own";
  }
  auto server = PrivateDatabaseServer::Create();
  ASSERT_TRUE(server.ok()) << server.status();
  const storage::SqlThread sql_thread;
  Ledger ledger(**server);
  Bookings bookings(ledger, /*seed=*/6);
  const auto one = ledger.StartEngine(bookings.Options());
  const auto two = ledger.StartEngine(bookings.Options());
  bookings.Begin(*one);
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 3; ++i) bookings.Book(i % 2 == 0 ? *one : *two);
    if (round % 10 == 9) {
      (*server)->Kill();
      ASSERT_TRUE((*server)->Start().ok()) << (*server)->Log();
      bookings.ExpectSummariesOfTheEntries();
    }
  }
  EXPECT_TRUE(WaitUntil([&] { return bookings.IsAddedUp(); }));
  bookings.ExpectSummariesOfTheEntries();
  bookings.ExpectAllKindsOfEntries();
  EXPECT_EQ(ledger.Audit().difference_count, 0);
}

}  // namespace
}  // namespace reserve::engine
