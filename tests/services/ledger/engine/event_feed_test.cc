// The feed of events: nothing is lost, whatever the order of commits, and each
// account's events come in order.
#include "services/ledger/engine/event_feed.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/engine/event_cursor.h"
#include "services/ledger/storage/event_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using storage::Connection;
using storage::EventKey;
using test_support::WaitUntil;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

domain::Event EventOf(const std::string& account_id, int64_t seq) {
  domain::Event event;
  event.account_id = account_id;
  event.event_seq = seq;
  event.cause = "test";
  event.time = TestNow();
  return event;
}

std::vector<EventKey> KeysOf(const std::vector<storage::FeedEvent>& events) {
  std::vector<EventKey> keys;
  for (const storage::FeedEvent& e : events) {
    keys.emplace_back(e.event.account_id, e.event.event_seq);
  }
  return keys;
}

class EventCursorTest : public testing::Test {
 protected:
  void AddAccount(const std::string& account_id) {
    ledger_.sql().Execute(absl::StrCat("INSERT INTO accounts (account_id,currency) VALUES ('",
                                       account_id, "','USD')"));
  }
  void Write(Connection& connection, const std::string& account_id, int64_t seq) {
    const domain::Event event = EventOf(account_id, seq);
    const absl::Status inserted = storage::InsertEvents(connection, {&event});
    ASSERT_TRUE(inserted.ok()) << inserted;
  }
  // As if the INSERT had been `shift` from now by the database's clock.
  void Shift(Connection& connection, const std::string& account_id, int64_t seq,
             absl::Duration shift) {
    const auto moved = connection.Update(
        absl::StrCat("UPDATE events SET feed_time = UTC_TIMESTAMP(6) + INTERVAL ",
                     absl::ToInt64Microseconds(shift), " MICROSECOND WHERE account_id = '",
                     account_id, "' AND event_seq = ", seq));
    ASSERT_TRUE(moved.ok()) << moved.status();
  }
  absl::Time DatabaseNow() { return *storage::DatabaseTime(*reader_); }

  static EventCursor::Options FromTheEpoch() {
    EventCursor::Options options;
    options.resume_from = absl::UnixEpoch() + absl::Hours(24);
    return options;
  }
  // All that a cursor has until it is caught up.
  std::vector<EventKey> Drain(EventCursor& cursor, absl::Time* watermark = nullptr) {
    std::vector<EventKey> keys;
    while (true) {
      const auto page = cursor.Next(*reader_);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return keys;
      for (EventKey& key : KeysOf(page->events)) keys.push_back(std::move(key));
      if (watermark != nullptr) *watermark = page->watermark;
      if (page->caught_up) return keys;
    }
  }

  Ledger ledger_;
  const std::unique_ptr<Connection> reader_ = ledger_.Connect();
  const std::unique_ptr<Connection> one_ = ledger_.Connect();
  const std::unique_ptr<Connection> two_ = ledger_.Connect();
};

TEST_F(EventCursorTest, FromNowOnMeansWhatBecomesVisibleAfterTheFirstPass) {
  for (const char* id : {"a", "b"}) AddAccount(id);
  Write(*one_, "a", 1);
  // Written before the watch began, committed after.
  ASSERT_TRUE(two_->Begin().ok());
  Write(*two_, "b", 1);
  EventCursor cursor({});
  EXPECT_THAT(Drain(cursor), IsEmpty());
  ASSERT_TRUE(two_->Commit().ok());
  Write(*one_, "a", 2);
  EXPECT_THAT(Drain(cursor), ElementsAre(EventKey("a", 2), EventKey("b", 1)));
  EXPECT_THAT(Drain(cursor), IsEmpty());
}

TEST_F(EventCursorTest, AnEventThatCommitsBehindTheWatermarkIsStillSent) {
  for (const char* id : {"a", "b"}) AddAccount(id);
  EventCursor::Options options;
  options.overlap = absl::Seconds(30);
  EventCursor cursor(options);
  EXPECT_THAT(Drain(cursor), IsEmpty());
  // Its transaction has been open for longer than most passes read back.
  ASSERT_TRUE(two_->Begin().ok());
  Write(*two_, "b", 1);
  Shift(*two_, "b", 1, -absl::Seconds(15));
  Write(*one_, "a", 1);
  EXPECT_THAT(Drain(cursor), ElementsAre(EventKey("a", 1)));
  ASSERT_TRUE(two_->Commit().ok());
  std::vector<EventKey> late;
  EXPECT_TRUE(WaitUntil([&] {
    late = Drain(cursor);
    return !late.empty();
  }));
  EXPECT_THAT(late, ElementsAre(EventKey("b", 1)));
}

TEST_F(EventCursorTest, ResumingReadsBackForWhatCommittedLate) {
  for (const char* id : {"a", "b"}) AddAccount(id);
  ASSERT_TRUE(two_->Begin().ok());
  Write(*two_, "b", 1);
  Shift(*two_, "b", 1, -absl::Seconds(15));
  Write(*one_, "a", 1);
  absl::Time watermark;
  EventCursor first(FromTheEpoch());
  EXPECT_THAT(Drain(first, &watermark), ElementsAre(EventKey("a", 1)));
  ASSERT_TRUE(two_->Commit().ok());
  EventCursor::Options options;
  options.resume_from = watermark;
  EventCursor second(options);
  EXPECT_THAT(Drain(second), Contains(EventKey("b", 1)));
}

TEST_F(EventCursorTest, AnAccountsEventsKeepTheirOrderWhenTheClockIsSetBack) {
  for (const char* id : {"a", "b"}) AddAccount(id);
  for (int64_t seq = 1; seq <= 4; ++seq) {
    Write(*one_, "a", seq);
    Shift(*one_, "a", seq, absl::Seconds(10 - 5 * seq));
  }
  // Whether the feed shows the later ones first, ...
  EventCursor all(FromTheEpoch());
  EXPECT_THAT(Drain(all),
              ElementsAre(EventKey("a", 1), EventKey("a", 2), EventKey("a", 3), EventKey("a", 4)));
  // ... or one by one.
  EventCursor::Options options = FromTheEpoch();
  options.page_size = 1;
  EventCursor single(options);
  EXPECT_THAT(Drain(single),
              ElementsAre(EventKey("a", 1), EventKey("a", 2), EventKey("a", 3), EventKey("a", 4)));
}

TEST_F(EventCursorTest, GoesOnWhenTheClockIsSetBackByAnHour) {
  for (const char* id : {"a", "b"}) AddAccount(id);
  Write(*one_, "a", 1);
  EventCursor::Options options;
  // What was seen when the clock was ahead.
  options.resume_from = DatabaseNow() + absl::Hours(1);
  EventCursor cursor(options);
  EXPECT_THAT(Drain(cursor), ElementsAre(EventKey("a", 1)));
  Write(*one_, "b", 1);
  EXPECT_THAT(Drain(cursor), ElementsAre(EventKey("b", 1)));
}

TEST_F(EventCursorTest, PagesOfAnySizeHoldTheSame) {
  std::vector<EventKey> expected;
  std::vector<domain::Event> events;
  std::vector<const domain::Event*> pointers;
  for (const char* id : {"a", "b", "c"}) {
    AddAccount(id);
    for (int64_t seq = 1; seq <= 5; ++seq) {
      events.push_back(EventOf(id, seq));
      expected.emplace_back(id, seq);
    }
  }
  for (const domain::Event& event : events) pointers.push_back(&event);
  // One statement: one feed time.
  ASSERT_TRUE(storage::InsertEvents(*one_, pointers).ok());
  for (const int size : {1, 2, 4, 7, 400}) {
    EventCursor::Options options = FromTheEpoch();
    options.page_size = size;
    EventCursor cursor(options);
    EXPECT_EQ(Drain(cursor), expected) << "pages of " << size;
  }
}

TEST_F(EventCursorTest, FiltersByAccountAndKind) {
  for (const char* id : {"a", "b"}) AddAccount(id);
  for (int64_t seq = 1; seq <= 2; ++seq) {
    for (const char* id : {"a", "b"}) {
      domain::Event event = EventOf(id, seq);
      event.kind = seq == 1 ? domain::EventKind::kDisabled : domain::EventKind::kEnabled;
      ASSERT_TRUE(storage::InsertEvents(*one_, {&event}).ok());
    }
  }
  EventCursor::Options options = FromTheEpoch();
  options.account_id = "b";
  EventCursor of_account(options);
  EXPECT_THAT(Drain(of_account), ElementsAre(EventKey("b", 1), EventKey("b", 2)));
  options = FromTheEpoch();
  options.kinds = {domain::EventKind::kEnabled};
  EventCursor of_kind(options);
  EXPECT_THAT(Drain(of_kind), ElementsAre(EventKey("a", 2), EventKey("b", 2)));
}

TEST_F(EventCursorTest, WhatIsRememberedIsBoundedAndNothingIsLostByThat) {
  constexpr int kAccounts = 50;
  EventCursor::Options options = FromTheEpoch();
  options.max_accounts = 5;
  options.page_size = 10;
  EventCursor cursor(options);
  std::set<EventKey> expected;
  std::set<EventKey> seen;
  for (int i = 0; i < kAccounts; ++i) {
    const std::string id = absl::StrCat("account-", i);
    AddAccount(id);
    Write(*one_, id, 1);
    expected.emplace(id, 1);
    if (i % 7 != 0) continue;
    for (const EventKey& key : Drain(cursor)) seen.insert(key);
  }
  for (const EventKey& key : Drain(cursor)) seen.insert(key);
  EXPECT_EQ(seen, expected);
}

// Two ledgers write, with transactions of any length; a reader is cut off at any
// moment and resumes from the last watermark that it was given.
TEST_F(EventCursorTest, TwoWritersAndAReaderThatIsCutOffLoseNothing) {
  constexpr int kWriters = 2;
  constexpr int kAccountsEach = 5;
  constexpr int64_t kEventsEach = 60;
  for (int w = 0; w < kWriters; ++w) {
    for (int a = 0; a < kAccountsEach; ++a) AddAccount(absl::StrCat("w", w, "a", a));
  }
  const absl::Time start = DatabaseNow();
  std::atomic<int> writing = kWriters;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([this, w, &writing] {
      const storage::SqlThread sql_thread;
      std::vector<std::unique_ptr<Connection>> connections;
      for (int a = 0; a < kAccountsEach; ++a) connections.push_back(ledger_.Connect());
      std::mt19937 random(static_cast<uint32_t>(w));
      std::map<int, int64_t> open;  // account -> the event that is not committed yet
      std::map<int, int64_t> written;
      while (written.size() < kAccountsEach ||
             std::any_of(written.begin(), written.end(),
                         [](const auto& of) { return of.second < kEventsEach; }) ||
             !open.empty()) {
        const int a = static_cast<int>(random() % kAccountsEach);
        Connection& connection = *connections[static_cast<size_t>(a)];
        if (open.erase(a) > 0) {
          ASSERT_TRUE(connection.Commit().ok());
        } else if (written[a] < kEventsEach) {
          ASSERT_TRUE(connection.Begin().ok());
          Write(connection, absl::StrCat("w", w, "a", a), ++written[a]);
          open[a] = written[a];
        }
      }
      --writing;
    });
  }
  std::mt19937 random(4711);
  std::set<EventKey> seen;
  absl::Time watermark = start;
  int streams = 0;
  bool last = false;
  while (!last) {
    last = writing == 0;  // one more stream, to the end
    ++streams;
    EventCursor::Options options;
    options.resume_from = watermark;
    options.page_size = static_cast<int>(1 + random() % 40);
    EventCursor cursor(options);
    std::map<std::string, int64_t> last_seq;
    const int pages = static_cast<int>(1 + random() % 30);
    for (int i = 0; last || i < pages; ++i) {
      const auto page = cursor.Next(*reader_);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const auto& [account_id, seq] : KeysOf(page->events)) {
        const auto [before, is_first] = last_seq.try_emplace(account_id, seq);
        EXPECT_TRUE(is_first || seq == before->second + 1)
            << account_id << ": " << seq << " after " << before->second;
        before->second = seq;
        seen.emplace(account_id, seq);
      }
      watermark = page->watermark;
      if (last && page->caught_up) break;
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_GT(streams, 1);
  EXPECT_EQ(seen.size(), size_t{kWriters} * kAccountsEach * kEventsEach);
}

// --- The lanes' part --------------------------------------------------------------

TEST(EventAgeTest, ALaneDoesNotCommitEventsThatWatchersMayHaveLookedPast) {
  Ledger ledger;
  EngineOptions options = ledger.Options();
  options.event_overlap = absl::ZeroDuration();
  options.retry_budget = absl::Milliseconds(50);
  const auto engine = ledger.StartEngine(options);
  const auto opened = Ask<domain::Account>(*engine, "acme", OpenWithCard());
  EXPECT_EQ(ReasonOf(opened.status()), "DATABASE_UNAVAILABLE") << opened.status();
  EXPECT_EQ(ledger.sql().QueryInt("SELECT COUNT(*) FROM accounts"), 0);
  EXPECT_EQ(ledger.sql().QueryInt("SELECT COUNT(*) FROM events"), 0);
}

// --- The feed's thread --------------------------------------------------------------

// Keeps what it is given, and asks for more when it is told to. Thread-safe.
class PageWatcher : public EventWatcher {
 public:
  void OnPage(EventReader::Page page) override {
    absl::MutexLock lock(&mutex_);
    ++pages_;
    for (EventKey& key : KeysOf(page.events)) keys_.push_back(std::move(key));
  }
  void OnFailed(const absl::Status& status) override {
    absl::MutexLock lock(&mutex_);
    failed_ = status;
  }
  int pages() const {
    absl::MutexLock lock(&mutex_);
    return pages_;
  }
  std::vector<EventKey> keys() const {
    absl::MutexLock lock(&mutex_);
    return keys_;
  }
  absl::Status failed() const {
    absl::MutexLock lock(&mutex_);
    return failed_;
  }

 private:
  mutable absl::Mutex mutex_;
  int pages_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<EventKey> keys_ ABSL_GUARDED_BY(mutex_);
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
};

class EventFeedTest : public testing::Test {
 protected:
  static void Open(Engine& engine, const std::string& account_id) {
    const auto opened = Ask<domain::Account>(engine, account_id, OpenWithCard());
    ASSERT_TRUE(opened.ok()) << opened.status();
  }
  EngineOptions Options() {
    EngineOptions options = ledger_.Options();
    options.event_poll_interval = absl::Milliseconds(5);
    options.event_progress_interval = absl::Milliseconds(20);
    return options;
  }

  Ledger ledger_;
};

TEST_F(EventFeedTest, AWatcherHearsOfWhatAnyLedgerDoes) {
  const auto one = ledger_.StartEngine(Options());
  const auto two = ledger_.StartEngine(Options());
  PageWatcher watcher;
  ASSERT_TRUE(one->event_feed().Add(&watcher, {}).ok());
  EXPECT_TRUE(WaitUntil([&] { return watcher.pages() == 1; })) << "the first page comes at once";
  one->event_feed().Ready(&watcher);
  Open(*one, "a");
  Open(*two, "b");
  EXPECT_TRUE(WaitUntil([&] {
    one->event_feed().Ready(&watcher);
    return watcher.keys().size() == 4;
  }));
  EXPECT_THAT(watcher.keys(), testing::UnorderedElementsAre(EventKey("a", 1), EventKey("a", 2),
                                                            EventKey("b", 1), EventKey("b", 2)));
  one->event_feed().Remove(&watcher);
}

TEST_F(EventFeedTest, ASlowWatcherIsGivenNothingUntilItIsReadyAndHoldsUpNobody) {
  const auto engine = ledger_.StartEngine(Options());
  PageWatcher slow;
  PageWatcher quick;
  ASSERT_TRUE(engine->event_feed().Add(&slow, {}).ok());
  ASSERT_TRUE(WaitUntil([&] { return slow.pages() == 1; }));
  ASSERT_TRUE(engine->event_feed().Add(&quick, {}).ok());
  ASSERT_TRUE(WaitUntil([&] { return quick.pages() == 1; }));
  for (const char* id : {"a", "b", "c"}) Open(*engine, id);
  EXPECT_TRUE(WaitUntil([&] {
    engine->event_feed().Ready(&quick);
    return quick.keys().size() == 6;
  }));
  EXPECT_EQ(slow.pages(), 1);
  engine->event_feed().Ready(&slow);
  EXPECT_TRUE(WaitUntil([&] {
    engine->event_feed().Ready(&slow);
    return slow.keys().size() == 6;
  }));
  engine->event_feed().Remove(&slow);
  engine->event_feed().Remove(&quick);
}

TEST_F(EventFeedTest, GivesSignsOfLifeWhileNothingHappens) {
  const auto engine = ledger_.StartEngine(Options());
  PageWatcher watcher;
  ASSERT_TRUE(engine->event_feed().Add(&watcher, {}).ok());
  EXPECT_TRUE(WaitUntil([&] {
    engine->event_feed().Ready(&watcher);
    return watcher.pages() >= 3;
  }));
  EXPECT_THAT(watcher.keys(), IsEmpty());
  engine->event_feed().Remove(&watcher);
}

TEST_F(EventFeedTest, TooManyWatchersAreRefused) {
  const auto engine = ledger_.StartEngine(Options());
  std::vector<PageWatcher> watchers(EventFeed::kMaxWatchers + 1);
  for (size_t i = 0; i < watchers.size(); ++i) {
    const absl::Status added = engine->event_feed().Add(&watchers[i], {});
    EXPECT_EQ(added.ok(), i < EventFeed::kMaxWatchers) << i;
    EXPECT_EQ(ReasonOf(added), added.ok() ? "OK" : "OVERLOADED");
  }
  for (PageWatcher& watcher : watchers) engine->event_feed().Remove(&watcher);
}

TEST_F(EventFeedTest, AWatchThatCanNotBeReadOnEndsWithAReason) {
  const auto engine = ledger_.StartEngine(Options());
  PageWatcher watcher;
  ASSERT_TRUE(engine->event_feed().Add(&watcher, {}).ok());
  ASSERT_TRUE(WaitUntil([&] { return watcher.pages() == 1; }));
  ledger_.sql().Execute("RENAME TABLE events TO events_away");
  engine->event_feed().Ready(&watcher);
  EXPECT_TRUE(WaitUntil([&] { return !watcher.failed().ok(); }));
  EXPECT_EQ(ReasonOf(watcher.failed()), "DATABASE_UNAVAILABLE") << watcher.failed();
  engine->event_feed().Remove(&watcher);
  // Who comes later is served again.
  ledger_.sql().Execute("RENAME TABLE events_away TO events");
  PageWatcher next;
  ASSERT_TRUE(engine->event_feed().Add(&next, {}).ok());
  EXPECT_TRUE(WaitUntil([&] { return next.pages() == 1; }));
  engine->event_feed().Remove(&next);
}

}  // namespace
}  // namespace reserve::engine
