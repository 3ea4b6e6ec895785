// The history by start, and what it adds up to, against a model that looks at everything: usages
// that were voided, rated later, rated again, corrected and estimated, of three months, in any
// order.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/usage_history.h"
#include "services/ledger/storage/usage_lines.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "services/ledger/storage/usage_sum_rows.h"
#include "services/ledger/storage/usage_summary.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

using domain::Direction;
using domain::Entry;
using domain::EntryKind;
using domain::UsageKind;
using domain::UsageState;
using domain::UsageStatus;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kAccount[] = "acme";
constexpr Nanos kCent = 10'000'000;
constexpr absl::Duration kDay = absl::Hours(24);

// A usage as it stands, and the entry that booked it.
struct Standing {
  Entry entry;
  UsageStatus status = UsageStatus::kRated;
  Nanos cost = 0;
  std::string country;
  int64_t free_seconds = 0;
  int64_t paid_seconds = 0;
};

int64_t PaidSecondsOf(const domain::BookedUsage& booked) {
  domain::Rating rating = booked.rating;
  domain::CompleteSeconds(booked.usage, &rating);
  return rating.paid_seconds;
}

// Makes entries as the ledger books them, and what became of the usages.
class Books {
 public:
  explicit Books(uint32_t seed) : random_(seed) {}

  int Pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }

  Entry Usage(absl::Time start) {
    Entry entry;
    entry.account_id = kAccount;
    entry.record_time = TestNow();
    domain::BookedUsage& booked = entry.booked.emplace();
    domain::Usage& usage = booked.usage;
    usage.usage_id = absl::StrCat("usage-", ++last_id_);
    usage.user_id = absl::StrCat("u", Pick(3));
    usage.kind = Pick(4) == 0 ? UsageKind::kSms : UsageKind::kCall;
    usage.direction = Pick(3) == 0 ? Direction::kInbound : Direction::kOutbound;
    const char* const destinations[] = {"12025550123", "12025550199", "442079460000", "#411"};
    usage.destination = destinations[Pick(4)];
    usage.start_time = start;
    if (usage.kind == UsageKind::kCall) usage.duration = absl::Milliseconds(100 * Pick(5'000));
    if (usage.kind == UsageKind::kSms) usage.segments = 1 + Pick(3);
    Rate(Pick(6) * kCent, &booked.rating);
    entry.amount = -booked.rating.cost;
    return entry;
  }
  void Rate(Nanos cost, domain::Rating* rating) {
    *rating = {};
    const domain::ChargeBasis bases[] = {domain::ChargeBasis::kDearer,
                                         domain::ChargeBasis::kMeteredStandard,
                                         domain::ChargeBasis::kUnlimitedStandard};
    rating->basis = bases[Pick(3)];
    rating->cost = cost;
    rating->free_seconds_taken = int64_t{60} * Pick(3);
    rating->initial_increment_seconds = 1 + 59 * Pick(2);
    rating->increment_seconds = 6 * Pick(3);
    if (Pick(5) == 0) {
      domain::PricedTerms terms;
      terms.parts = {{0, 0, kCent, true, 120, 60}, {0, 120, 2 * kCent, false, 60 + Pick(60), 0}};
      rating->terms = TextOf(terms);
    }
    const char* const countries[] = {"US", "GB", "TOLL_FREE", ""};
    rating->country = countries[Pick(4)];
  }
  void Unrate(Entry* entry) {
    domain::Rating& rating = entry->booked->rating;
    rating = {};
    rating.basis = domain::ChargeBasis::kUnrated;
    rating.unrated_reason = domain::UnratedReason::kNoRate;
    entry->amount = 0;
  }

  // Books it; how it stands then.
  Standing& Book(Entry entry) {
    Add(&entry);
    const domain::Rating& rating = entry.booked->rating;
    Standing standing = {entry,          UsageStatus::kRated,       rating.cost,
                         rating.country, rating.free_seconds_taken, PaidSecondsOf(*entry.booked)};
    if (rating.unrated()) {
      standing.status = UsageStatus::kUnrated;
      StateFor(entry);
    }
    standings_.push_back(std::move(standing));
    return standings_.back();
  }
  void RateAgain(Standing* standing) {
    UsageState& state = StateFor(standing->entry);
    Entry rating = standing->entry;
    rating.kind = EntryKind::kRating;
    rating.booked->previous_cost = standing->cost;
    Rate(Pick(6) * kCent, &rating.booked->rating);
    rating.amount = standing->cost - rating.booked->rating.cost;
    Add(&rating);
    state.Take(rating.booked->rating);
    state.latest_seq = rating.seq;
    if (state.rated_seq == 0) state.rated_seq = rating.seq;
    standing->status = UsageStatus::kRated;
    standing->cost = rating.booked->rating.cost;
    standing->country = rating.booked->rating.country;
    standing->free_seconds = rating.booked->rating.free_seconds_taken;
    standing->paid_seconds = PaidSecondsOf(*rating.booked);
  }
  int64_t Void(Standing* standing) {
    Entry voiding;
    voiding.account_id = kAccount;
    voiding.record_time = TestNow();
    voiding.kind = EntryKind::kVoid;
    voiding.voided.usage_id = domain::UsageIdOf(standing->entry);
    voiding.amount = standing->cost;
    UsageState& state = StateFor(standing->entry);
    Add(&voiding);
    state.status = UsageStatus::kVoided;
    state.latest_seq = voiding.seq;
    standing->status = UsageStatus::kVoided;
    standing->cost = 0;
    return voiding.seq;
  }
  // A report that takes the place of what was booked from estimates, under the same id.
  void Replace(size_t estimate, Entry report) {
    const int64_t voided = Void(&standings_[estimate]);
    report.booked->usage.usage_id = domain::UsageIdOf(standings_[estimate].entry);
    report.booked->corrects = report.booked->usage.usage_id;
    Book(report);
    UsageState state = domain::StateOf(standings_.back().entry);
    state.estimate_void_seq = voided;
    states_[state.usage_id] = state;
  }

  void Write(Connection& connection) {
    std::vector<const Entry*> entries;
    std::map<int32_t, book::MonthSpan> spans;
    for (const Entry& entry : entries_) {
      entries.push_back(&entry);
      const int32_t month = book::MonthOfEntry(entry);
      const auto span = spans.try_emplace(month, book::MonthSpan{kAccount, month, entry.seq, 0});
      span.first->second.last_seq = entry.seq;
    }
    for (size_t begin = 0; begin < entries.size(); begin += 500) {
      const size_t end = std::min(entries.size(), begin + 500);
      ASSERT_TRUE(InsertEntries(connection, {entries.begin() + static_cast<int64_t>(begin),
                                             entries.begin() + static_cast<int64_t>(end)})
                      .ok());
    }
    std::vector<const UsageState*> states;
    for (const auto& [usage_id, state] : states_) states.push_back(&state);
    ASSERT_TRUE(WriteUsageStates(connection, states).ok());
    std::vector<book::MonthSpan> months;
    for (const auto& [month, span] : spans) months.push_back(span);
    ASSERT_TRUE(WriteMonths(connection, months).ok());
    const auto last_seq = static_cast<int64_t>(entries_.size());
    ASSERT_TRUE(
        WriteBalances(connection, {{kAccount, 0, last_seq, 1, 1, {}, months.back().month}}).ok());
  }

  std::vector<Standing>& standings() { return standings_; }
  int64_t last_seq() const { return static_cast<int64_t>(entries_.size()); }

 private:
  void Add(Entry* entry) {
    entry->seq = static_cast<int64_t>(entries_.size()) + 1;
    entries_.push_back(*entry);
  }
  UsageState& StateFor(const Entry& entry) {
    return states_.try_emplace(domain::UsageIdOf(entry), domain::StateOf(entry)).first->second;
  }

  std::mt19937 random_;
  int last_id_ = 0;
  std::vector<Entry> entries_;
  std::vector<Standing> standings_;
  std::map<std::string, UsageState> states_;
};

// Usages of three months, at moments that many share, and all that may become of them.
Books AnyBooks(uint32_t seed, int usages) {
  Books books(seed);
  const absl::Time first = TestNow() - 70 * kDay;
  const auto start = [&] { return first + books.Pick(70) * kDay + books.Pick(3) * absl::Hours(7); };
  for (int i = 0; i < usages; ++i) {
    Entry entry = books.Usage(start());
    switch (books.Pick(12)) {
      case 0:
        books.Void(&books.Book(entry));
        break;
      case 1:
        books.Unrate(&entry);
        books.Book(entry);
        break;
      case 2:
        books.Unrate(&entry);
        books.RateAgain(&books.Book(entry));
        break;
      case 3:
        books.RateAgain(&books.Book(entry));
        books.RateAgain(&books.standings().back());
        break;
      case 4:
        books.RateAgain(&books.Book(entry));
        books.Void(&books.standings().back());
        break;
      case 5:
        entry.booked->estimated = true;
        books.Book(entry);
        books.Replace(books.standings().size() - 1, books.Usage(start()));
        break;
      case 6:
        entry.booked->estimated = true;
        books.Book(entry);
        if (books.Pick(2) == 0) books.RateAgain(&books.standings().back());
        break;
      default:
        books.Book(entry);
    }
  }
  return books;
}

UsageFilter AnyFilter(Books& books) {
  UsageFilter filter;
  if (books.Pick(4) == 0) filter.user_id = "u1";
  if (books.Pick(5) == 0) filter.kind = UsageKind::kSms;
  if (books.Pick(5) == 0) filter.direction = Direction::kInbound;
  if (books.Pick(6) == 0) filter.destination = "12025550199";
  if (books.Pick(6) == 0) filter.destination_prefix = "1202";
  if (books.Pick(4) == 0) filter.country = "GB";
  if (books.Pick(3) == 0) filter.start_from = TestNow() - (1 + books.Pick(70)) * kDay;
  if (books.Pick(3) == 0) filter.start_before = TestNow() - books.Pick(60) * kDay;
  if (books.Pick(4) == 0) filter.minimum_cost = 2 * kCent;
  if (books.Pick(3) == 0) filter.status = static_cast<UsageStatus>(1 + books.Pick(3));
  filter.oldest_first = books.Pick(2) == 0;
  return filter;
}

bool Applies(const UsageFilter& filter, const Standing& standing) {
  const domain::Usage& usage = standing.entry.booked->usage;
  return (filter.user_id.empty() || usage.user_id == filter.user_id) &&
         usage.kind == filter.kind.value_or(usage.kind) &&
         usage.direction == filter.direction.value_or(usage.direction) &&
         (filter.destination.empty() || usage.destination == filter.destination) &&
         absl::StartsWith(usage.destination, filter.destination_prefix) &&
         (filter.country.empty() || standing.country == filter.country) &&
         usage.start_time >= filter.start_from && usage.start_time < filter.start_before &&
         standing.cost >= filter.minimum_cost &&
         standing.status == filter.status.value_or(standing.status);
}

std::vector<int64_t> SeqsExpected(const UsageFilter& filter,
                                  const std::vector<Standing>& standings) {
  std::vector<std::pair<absl::Time, int64_t>> places;
  for (const Standing& standing : standings) {
    if (!Applies(filter, standing)) continue;
    places.emplace_back(standing.entry.booked->usage.start_time, standing.entry.seq);
  }
  std::sort(places.begin(), places.end());
  if (!filter.oldest_first) std::reverse(places.begin(), places.end());
  std::vector<int64_t> seqs;
  for (const auto& [start, seq] : places) seqs.push_back(seq);
  return seqs;
}

class UsageHistoryTest : public testing::Test {
 protected:
  // By usage id, its latest entry and its status.
  using States = std::map<std::string, std::pair<int64_t, UsageStatus>>;

  static States Named(const UsageStatesById& states) {
    States named;
    for (const auto& [usage_id, state] : states) {
      EXPECT_EQ(usage_id, state.usage_id);
      named[usage_id] = {state.latest_seq, state.status};
    }
    return named;
  }
  // Those of these usages, each looked for by its id.
  States StatesFound(const std::vector<Entry>& entries) {
    std::vector<book::OnceKey> keys;
    for (const Entry& entry : entries) keys.emplace_back(kAccount, domain::UsageIdOf(entry));
    const auto found = LoadUsageStates(*connection_, keys);
    EXPECT_TRUE(found.ok()) << found.status();
    States states;
    for (const UsageState& state : *found) {
      states[state.usage_id] = {state.latest_seq, state.status};
    }
    return states;
  }

  // All pages of so many, as a caller turns them.
  std::vector<int64_t> Pages(const UsageFilter& filter, int limit) {
    std::vector<int64_t> seqs;
    std::optional<UsagePosition> after;
    while (true) {
      const auto page = ListUsagesByStart(*connection_, kAccount, filter, after, limit);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return seqs;
      EXPECT_LE(page->entries.size(), static_cast<size_t>(limit));
      for (const Entry& entry : page->entries) seqs.push_back(entry.seq);
      EXPECT_EQ(Named(page->states), StatesFound(page->entries));
      if (page->searched.has_value()) {
        EXPECT_LT(page->entries.size(), static_cast<size_t>(limit));
        after = page->searched;
      } else if (page->entries.size() == static_cast<size_t>(limit)) {
        after = PositionOf(page->entries.back());
      } else {
        return seqs;
      }
    }
  }

  void ExpectWhatAModelFinds(Books& books, int filters) {
    int found = 0;
    for (int i = 0; i < filters; ++i) {
      const UsageFilter filter = i == 0 ? UsageFilter() : AnyFilter(books);
      const int limit = i % 3 == 0 ? 7 : i % 3 == 1 ? 50 : 1'000;
      const std::vector<int64_t> expected = SeqsExpected(filter, books.standings());
      ASSERT_EQ(Pages(filter, limit), expected) << "filter " << i << ", pages of " << limit;
      found += static_cast<int>(expected.size());
    }
    EXPECT_GT(found, 10 * filters) << "filters that find nothing show nothing";
  }

  MigratedDatabase database_;
  std::unique_ptr<Connection> connection_ = database_.Connect();
};

TEST_F(UsageHistoryTest, EveryFilterFindsWhatAModelFindsPageByPageInBothOrders) {
  Books books = AnyBooks(/*seed=*/11, /*usages=*/400);
  books.Write(*connection_);
  ExpectWhatAModelFinds(books, /*filters=*/200);
}

TEST_F(UsageHistoryTest, MonthsOfManyUsagesAreLookedThroughPartByPart) {
  Books books = AnyBooks(/*seed=*/12, /*usages=*/2'000);
  books.Write(*connection_);
  ExpectWhatAModelFinds(books, /*filters=*/40);
}

TEST_F(UsageHistoryTest, WhatAProgramWroteThatKnowsOfNoPartsIsFoundBetweenTheOthers) {
  Books books = AnyBooks(/*seed=*/13, /*usages=*/1'200);
  books.Write(*connection_);
  // All of September, and side by side with others in October.
  database_.sql().Execute(
      "UPDATE entries SET start_part = 0 WHERE month < 202610 OR month = 202610 AND MOD(seq, 3) > "
      "0");
  ExpectWhatAModelFinds(books, /*filters=*/40);
}

TEST_F(UsageHistoryTest, APageThatFindsLittleStopsAndSaysHowFarItLooked) {
  Books books(1);
  for (int i = 0; i < kHistoryLookedAt + 100; ++i) {
    Entry entry = books.Usage(TestNow() - absl::Seconds(i));
    entry.booked->usage.user_id = i == kHistoryLookedAt + 50 ? "rare" : "u";
    books.Book(entry);
  }
  books.Write(*connection_);
  UsageFilter filter;
  filter.user_id = "rare";
  const auto page = ListUsagesByStart(*connection_, kAccount, filter, std::nullopt, 10);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->entries, IsEmpty());
  ASSERT_TRUE(page->searched.has_value());
  EXPECT_EQ(page->searched->start, TestNow() - absl::Seconds(kHistoryLookedAt - 1));
  const auto rest = ListUsagesByStart(*connection_, kAccount, filter, page->searched, 10);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_THAT(rest->entries, SizeIs(1));
  EXPECT_FALSE(rest->searched.has_value());
}

TEST_F(UsageHistoryTest, AnErasedNumberIsFoundByNoPrefix) {
  Books books(1);
  Entry erased = books.Usage(TestNow());
  erased.booked->usage.destination = std::string(domain::kNumberDigestLength, '1');
  books.Book(erased);
  books.Write(*connection_);
  UsageFilter filter;
  EXPECT_THAT(Pages(filter, 10), SizeIs(1));
  filter.destination_prefix = "1";
  EXPECT_THAT(Pages(filter, 10), IsEmpty());
}

// By the same key as UsageSum has, from what the model has.
std::vector<UsageSum> ExpectedSums(const std::vector<Standing>& standings,
                                   const std::vector<TimeRange>& ranges,
                                   const UsageGrouping& grouping) {
  std::map<std::tuple<size_t, std::string, std::string, UsageKind>, UsageSum> sums;
  for (const Standing& standing : standings) {
    if (standing.status == UsageStatus::kVoided) continue;
    const domain::Usage& usage = standing.entry.booked->usage;
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (usage.start_time < ranges[i].begin || usage.start_time >= ranges[i].end) continue;
      const std::string user = grouping.by_user ? usage.user_id : "";
      const std::string country = grouping.by_country ? standing.country : "";
      const UsageKind kind = grouping.by_kind ? usage.kind : UsageKind::kCall;
      UsageSum& sum = sums[{i, user, country, kind}];
      sum.range = i;
      sum.user_id = user;
      sum.country = country;
      sum.kind = kind;
      ++sum.usages;
      if (standing.status == UsageStatus::kUnrated) ++sum.unrated;
      sum.duration += usage.duration;
      sum.free_seconds += standing.free_seconds;
      sum.paid_seconds += standing.paid_seconds;
      sum.segments += usage.segments;
      sum.cost += standing.cost;
    }
  }
  std::vector<UsageSum> expected;
  for (const auto& [key, sum] : sums) expected.push_back(sum);
  return expected;
}

TEST_F(UsageHistoryTest, SummariesAddUpWhatAModelAddsUpForEveryGrouping) {
  Books books = AnyBooks(/*seed=*/12, /*usages=*/400);
  books.Write(*connection_);
  std::vector<TimeRange> days;
  for (int i = 0; i < 75; ++i) {
    days.push_back({TestNow() - (75 - i) * kDay, TestNow() - (74 - i) * kDay});
  }
  for (int i = 0; i < 16; ++i) {
    const UsageGrouping grouping = {(i & 1) != 0, (i & 2) != 0, (i & 4) != 0};
    const std::vector<TimeRange> ranges =
        (i & 8) != 0 ? days : std::vector<TimeRange>{{days[10].begin, days[60].end}};
    const auto summary = SummarizeUsages(*connection_, kAccount, {ranges, grouping, {}});
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->sums, ExpectedSums(books.standings(), ranges, grouping)) << i;
    EXPECT_GT(summary->sums.front().usages, 0);
    EXPECT_EQ(summary->through_seq, books.last_seq());
  }
}

TEST_F(UsageHistoryTest, ASummaryOfTooMuchIsRefusedAndOneOfNothingIsEmpty) {
  Books books = AnyBooks(/*seed=*/13, /*usages=*/100);
  books.Write(*connection_);
  const std::vector<TimeRange> all = {{TestNow() - 80 * kDay, TestNow() + kDay}};
  EXPECT_EQ(ReasonOf(SummarizeUsages(*connection_, kAccount, {all, {}, {}}, 50).status()),
            "TOO_MUCH_USAGE");
  EXPECT_TRUE(SummarizeUsages(*connection_, kAccount, {all, {}, {}}, 1'000).ok());
  const SummaryScope by_user = {all, {.by_user = true}, {}};
  const auto groups = SummarizeUsages(*connection_, kAccount, by_user);
  ASSERT_TRUE(groups.ok()) << groups.status();
  const auto count = static_cast<int64_t>(groups->sums.size());
  EXPECT_GT(count, 1);
  EXPECT_TRUE(SummarizeUsages(*connection_, kAccount, by_user, 1'000, count).ok());
  const absl::Status too_many =
      SummarizeUsages(*connection_, kAccount, by_user, 1'000, count - 1).status();
  EXPECT_EQ(ReasonOf(too_many), "TOO_MANY_GROUPS");
  EXPECT_EQ(FieldOf(too_many), "group_by");
  const std::vector<TimeRange> later = {{TestNow() + kDay, TestNow() + 2 * kDay}};
  const auto nothing = SummarizeUsages(*connection_, kAccount, {later, {}, {}}, 50);
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_THAT(nothing->sums, IsEmpty());
  const auto nobody = SummarizeUsages(*connection_, "nobody", {all, {}, {}});
  ASSERT_TRUE(nobody.ok()) << nobody.status();
  EXPECT_EQ(nobody->through_seq, 0);
}

// --- What was added up behind the lanes -----------------------------------------------------

absl::TimeZone ZoneOf(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

// An account that moved, fifty days ago.
domain::AccountCalendar CalendarOfOneThatMoved() {
  domain::AccountCalendar calendar;
  calendar.first.time_zone = ZoneOf("America/New_York");
  calendar.Add({TestNow() - 50 * kDay, {ZoneOf("Asia/Kolkata"), 1}, 0});
  return calendar;
}

// The days of a stretch of time, whole but for the first and the last.
std::vector<TimeRange> DaysOf(const domain::AccountCalendar& calendar, const TimeRange& range) {
  std::vector<TimeRange> days;
  for (absl::Time begin = range.begin; begin < range.end; begin = days.back().end) {
    const auto day = domain::WindowAt(calendar, domain::CalendarUnit::kDay, begin);
    days.push_back({begin, std::min(day.end, range.end)});
  }
  return days;
}

class UsageSumsTest : public UsageHistoryTest {
 protected:
  // Adds up to that entry, as the ledgers do behind the lanes.
  bool AddUpTo(int64_t seq) {
    const auto position = ReadSumsPosition(*connection_, kAccount);
    EXPECT_TRUE(position.ok()) << position.status();
    const int64_t after = position->has_value() ? (*position)->through_seq : 0;
    const auto changes = LoadUsageChanges(*connection_, kAccount, {after + 1, seq + 1});
    EXPECT_TRUE(changes.ok()) << changes.status();
    const auto sums = SumsByDay(*changes, calendar_);
    EXPECT_TRUE(sums.ok()) << sums.status();
    const auto added = AddToSums(*connection_, kAccount, *position, {seq, kChanges}, *sums);
    EXPECT_TRUE(added.ok()) << added.status();
    return *added;
  }
  UsageSummary Summarize(const std::vector<TimeRange>& ranges, const UsageGrouping& grouping) {
    const auto summary = SummarizeUsages(*connection_, kAccount, {ranges, grouping, calendar_});
    EXPECT_TRUE(summary.ok()) << summary.status();
    return summary.value_or(UsageSummary());
  }

  static constexpr int64_t kChanges = 1;
  const domain::AccountCalendar calendar_ = CalendarOfOneThatMoved();
};

TEST_F(UsageSumsTest, WhateverIsAddedUpByThenTheSummaryIsWhatAModelAddsUp) {
  for (const uint32_t seed : {21, 22}) {
    SCOPED_TRACE(seed);
    for (const char* table : {"entries", "usage_ids", "usage_states", "balances", "account_months",
                              "usage_sums", "usage_sums_through"}) {
      database_.sql().Execute(absl::StrCat("DELETE FROM ", table));
    }
    Books books = AnyBooks(seed, /*usages=*/300);
    books.Write(*connection_);
    int64_t added = 0;
    for (int round = 0; added < books.last_seq(); ++round) {
      if (round > 0) {
        added = std::min<int64_t>(books.last_seq(), added + 1 + books.Pick(80));
        ASSERT_TRUE(AddUpTo(added));
      }
      const TimeRange range = {
          TestNow() - (20 + books.Pick(55)) * kDay + absl::Hours(books.Pick(9)),
          TestNow() - books.Pick(20) * kDay - absl::Hours(books.Pick(9))};
      const UsageGrouping grouping = {books.Pick(2) == 0, books.Pick(2) == 0, books.Pick(2) == 0};
      for (const auto& ranges : {std::vector<TimeRange>{range}, DaysOf(calendar_, range)}) {
        const UsageSummary summary = Summarize(ranges, grouping);
        ASSERT_EQ(summary.sums, ExpectedSums(books.standings(), ranges, grouping))
            << "added up to " << added << " of " << books.last_seq();
        EXPECT_EQ(summary.through_seq, books.last_seq());
      }
    }
  }
}

TEST_F(UsageSumsTest, AnEntryIsAddedOnceWhoeverAddsItMeanwhile) {
  Books books = AnyBooks(/*seed=*/23, /*usages=*/50);
  books.Write(*connection_);
  const auto nothing = ReadSumsPosition(*connection_, kAccount);
  ASSERT_TRUE(nothing.ok() && !nothing->has_value());
  ASSERT_TRUE(AddUpTo(20));
  const auto twenty = ReadSumsPosition(*connection_, kAccount);
  const auto before = ListSums(*connection_, kAccount, {});
  ASSERT_TRUE(AddUpTo(30));
  const auto after = ListSums(*connection_, kAccount, {});
  ASSERT_TRUE(before.ok() && after.ok());
  // Of others that read their position before.
  for (const auto& from : {*nothing, *twenty}) {
    const auto added = AddToSums(*connection_, kAccount, from, {30, kChanges}, *before);
    ASSERT_TRUE(added.ok()) << added.status();
    EXPECT_FALSE(*added);
  }
  EXPECT_EQ(*ListSums(*connection_, kAccount, {}), *after);
}

TEST_F(UsageSumsTest, ByDaysOfAnotherCalendarThanTheAccountsTheSumsAreNotGoneBy) {
  Books books = AnyBooks(/*seed=*/24, /*usages=*/200);
  books.Write(*connection_);
  ASSERT_TRUE(AddUpTo(books.last_seq()));
  const auto day_of = [&](absl::Time time) {
    return domain::WindowAt(calendar_, domain::CalendarUnit::kDay, time);
  };
  const TimeRange whole = {day_of(TestNow() - 70 * kDay).begin, day_of(TestNow()).end};
  EXPECT_EQ(Summarize(DaysOf(calendar_, whole), {}).entries_read, 0);
  EXPECT_EQ(Summarize({whole}, {}).entries_read, 0);
  domain::AccountCalendar moved = calendar_;
  moved.Add({TestNow() - kDay, {ZoneOf("Asia/Tokyo"), 1}, 0});
  const std::vector<TimeRange> others = DaysOf(moved, whole);
  const auto summary = SummarizeUsages(*connection_, kAccount, {others, {}, moved});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->sums, ExpectedSums(books.standings(), others, {}));
  EXPECT_GT(summary->entries_read, 100);
  // Added up anew, by the days that there are now.
  const auto anew = StartSumsAnew(*connection_, kAccount, {books.last_seq(), kChanges}, 2);
  ASSERT_TRUE(anew.ok() && *anew) << anew.status();
  EXPECT_THAT(*ListSums(*connection_, kAccount, {}), IsEmpty());
}

TEST_F(UsageSumsTest, WhatIsTooMuchToReadIsNotTooMuchOnceItIsAddedUp) {
  Books books = AnyBooks(/*seed=*/25, /*usages=*/200);
  books.Write(*connection_);
  const auto day = domain::WindowAt(calendar_, domain::CalendarUnit::kDay, TestNow());
  const std::vector<TimeRange> all = {{TestNow() - 80 * kDay, day.end}};
  EXPECT_EQ(ReasonOf(SummarizeUsages(*connection_, kAccount, {all, {}, calendar_}, 50).status()),
            "TOO_MUCH_USAGE");
  ASSERT_TRUE(AddUpTo(books.last_seq()));
  EXPECT_TRUE(SummarizeUsages(*connection_, kAccount, {all, {}, calendar_}, 50).ok());
}

}  // namespace
}  // namespace reserve::storage
