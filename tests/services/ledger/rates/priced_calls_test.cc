// Random calls under random lines cost what a second, plain reading of C11 says (point by point, a
// second at a time), over both changes of summer time, nights, holidays and dates.
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/calendar.h"
#include "gtest/gtest.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/rates/line_terms_text.h"
#include "tests/services/ledger/rates/priced_calls_model.h"

namespace reserve::rates {
namespace {

constexpr uint8_t kWorkdays = 0x1F;
constexpr uint8_t kWeekend = 0x60;

class RandomDeck {
 public:
  explicit RandomDeck(uint32_t seed) : random_(seed) {
    static const std::vector<std::string> zones = {"Europe/Berlin", "America/New_York", "UTC",
                                                   "Australia/Lord_Howe", "Asia/Kolkata"};
    header_.time_zone = zones[Below(zones.size())];
    zone_ = *FindTimeZone(header_.time_zone);
    header_.rules.calendar = domain::CalendarOf(zone_);
    for (const int day : {26, 29, 30}) {
      header_.rules.calendar.holidays.push_back(absl::CivilDay(2026, 3, day));
    }
    header_.rules.calendar.holidays.push_back(absl::CivilDay(2026, 10, 26));
    header_.rules.calendar.holidays.push_back(absl::CivilDay(2026, 11, 1));
    header_.rules.periods_by_start = Chance(15);
    if (Chance(50)) {
      header_.rules.rounding.mode = static_cast<RoundingMode>(1 + Below(3));
      header_.rules.rounding.place = static_cast<int32_t>(Below(10));
    }
    AddLines();
    if (Chance(25)) AddDated();
  }

  size_t Below(size_t end) { return random_() % end; }
  bool Chance(size_t percent) { return Below(100) < percent; }

  // Near a change of the clock, a holiday or an edge of a period.
  absl::Time SomeStart() {
    static const std::vector<absl::CivilSecond> near = {
        absl::CivilSecond(2026, 3, 29, 2),  absl::CivilSecond(2026, 10, 25, 2),
        absl::CivilSecond(2026, 3, 8, 2),   absl::CivilSecond(2026, 11, 1, 1),
        absl::CivilSecond(2026, 3, 26, 0),  absl::CivilSecond(2026, 10, 26, 0),
        absl::CivilSecond(2026, 4, 5, 1),   absl::CivilSecond(2026, 10, 4, 2),
        absl::CivilSecond(2026, 6, 15, 12), absl::CivilSecond(2026, 6, 20, 0)};
    const absl::Time time = absl::FromCivil(near[Below(near.size())], zone_);
    const auto micros =
        static_cast<int64_t>(Below(Chance(50) ? 3 : 40) * 3'600'000'000 + Below(3'600'000'000));
    return time + absl::Microseconds(Chance(50) ? micros : -micros);
  }

  ModelCall SomeCall() {
    ModelCall call;
    call.start = SomeStart();
    call.duration =
        absl::Microseconds(static_cast<int64_t>(Below(Chance(60) ? 400'000'000 : 20'000'000'000)));
    if (Chance(30)) call.duration = absl::Floor(call.duration, absl::Seconds(1));
    if (Chance(5)) call.duration = absl::ZeroDuration();
    if (Chance(60)) call.free_seconds = static_cast<int64_t>(Below(3'000));
    if (Chance(15)) call.standard_is_free = true;
    if (call.standard_is_free) call.free_seconds = 0;
    return call;
  }

  DeckHeader header_;
  absl::TimeZone zone_;
  std::vector<RateRow> rows_;

 private:
  Nanos SomeAmount() {
    return static_cast<Nanos>(Below(40)) * UnitOfPlace(header_.rules.rounding.place);
  }

  RateRow SomeLine(std::vector<domain::DayPeriod> periods) {
    RateRow row;
    row.prefix = "49";
    row.price = Chance(15) ? 0 : static_cast<Nanos>(Below(40'000'001));
    if (Chance(25)) row.connect_fee = SomeAmount();
    static constexpr int32_t kIncrements[] = {1, 6, 7, 30, 60, 61};
    row.initial_increment_seconds = kIncrements[Below(6)];
    row.increment_seconds = kIncrements[Below(6)];
    domain::LineTerms terms;
    terms.periods = std::move(periods);
    int32_t from = 0;
    for (size_t steps = Chance(50) ? Below(4) : 0; steps > 0; --steps) {
      from += 1 + static_cast<int32_t>(Below(400));
      terms.steps.push_back({from, Chance(20) ? 0 : static_cast<Nanos>(Below(40'000'001))});
    }
    if (Chance(25)) terms.included_seconds = static_cast<int32_t>(Below(90));
    if (Chance(20)) terms.minimum = SomeAmount();
    if (Chance(20)) terms.maximum = terms.minimum.value_or(0) + SomeAmount();
    if (Chance(15)) terms.standard = Chance(50);
    if (!(terms == domain::LineTerms())) row.terms = std::make_shared<domain::LineTerms>(terms);
    return row;
  }

  void AddLines() {
    const auto from = static_cast<int16_t>(Below(1440));
    auto to = static_cast<int16_t>(1 + Below(1440));
    if (Chance(40)) to = static_cast<int16_t>(from / 60 * 60 + 1);
    const uint8_t holiday = Chance(50) ? domain::kHolidayBit : 0;
    const auto other_days = static_cast<uint8_t>(kWeekend | holiday);
    switch (Below(4)) {
      case 0:
        rows_ = {SomeLine({})};
        break;
      case 1:  // a period, and the rest
        rows_ = {SomeLine({{static_cast<uint8_t>(kWorkdays | holiday), from, to}}), SomeLine({})};
        break;
      case 2:  // day and night of workdays, and other days
        if (from == to || (from == 0 && to == 1440)) to = static_cast<int16_t>(from == 9 ? 10 : 9);
        rows_ = {SomeLine({{kWorkdays, from, to}}),
                 SomeLine({{kWorkdays, static_cast<int16_t>(to % 1440),
                            static_cast<int16_t>(from == 0 ? 1440 : from)},
                           {other_days, 0, 1440}})};
        break;
      default:
        rows_ = {SomeLine({{kWorkdays, 0, 1440}}), SomeLine({{kWeekend, 0, 1440}})};
        if (holiday != 0) rows_.push_back(SomeLine({{holiday, 0, 1440}}));
    }
  }

  // Lines for some days, beside those of always.
  void AddDated() {
    const std::vector<RateRow> always = rows_;
    const absl::CivilDay first(2026, 3, 20 + static_cast<int>(Below(12)));
    for (const RateRow& row : always) {
      RateRow dated =
          SomeLine(row.terms == nullptr ? std::vector<domain::DayPeriod>() : row.terms->periods);
      domain::LineTerms terms;
      if (dated.terms != nullptr) terms = *dated.terms;
      terms.first_day = first;
      terms.last_day = first + static_cast<int>(Below(250));
      dated.terms = std::make_shared<domain::LineTerms>(terms);
      rows_.push_back(std::move(dated));
    }
  }

  std::mt19937 random_;
};

std::string Told(const RandomDeck& deck, const ModelCall& call) {
  std::string text = absl::StrCat(
      deck.header_.time_zone, " by start ", deck.header_.rules.periods_by_start, " rounding ",
      static_cast<int>(deck.header_.rules.rounding.mode), "/", deck.header_.rules.rounding.place,
      "\n", absl::FormatTime(call.start, deck.zone_), " ", absl::FormatDuration(call.duration),
      " free ", call.free_seconds, call.standard_is_free ? " unlimited" : "");
  for (const RateRow& row : deck.rows_) {
    absl::StrAppend(&text, "\n", row.price, " fee ", row.connect_fee, " ",
                    row.initial_increment_seconds, "/", row.increment_seconds, " ",
                    row.terms == nullptr ? "" : TextOf(*row.terms));
  }
  return text;
}

class PricedCallsTest : public ::testing::Test {
 protected:
  void Compare(RandomDeck& deck, const DeckSnapshot& snapshot, const ModelCall& call) {
    const ModelPrice expected = PriceByTheSecond(deck.header_, deck.zone_, deck.rows_, call);
    const auto rate = snapshot.FindCall(domain::Direction::kOutbound, "4930123456", call.start);
    ASSERT_EQ(rate.has_value(), expected.found);
    if (!expected.found) return;
    domain::Usage usage;
    usage.start_time = call.start;
    usage.duration = call.duration;
    usage.destination = "4930123456";
    domain::Plan plan;
    plan.free_seconds = call.free_seconds;
    if (call.standard_is_free) plan.standard_calls = domain::StandardCalls::kIncluded;
    const auto rating = domain::RateUsage(usage, plan, domain::User(), 0, &*rate);
    ASSERT_TRUE(rating.ok()) << rating.status();
    EXPECT_EQ(rating->billable_seconds, expected.billable);
    EXPECT_EQ(rating->free_seconds_taken, expected.free_taken);
    EXPECT_EQ(rating->paid_seconds, expected.paid);
    EXPECT_EQ(rating->cost, static_cast<Nanos>(expected.cost));
    ++dear_[rating->cost > 0];
    // U4: from what is stored it comes to the same.
    if (rating->terms.empty()) return;
    domain::Rating stored = *rating;
    stored.billable_seconds = stored.paid_seconds = 0;
    domain::CompleteSeconds(usage, &stored);
    EXPECT_EQ(stored, *rating);
    const auto again = domain::RateFromTerms(usage, plan, 0, stored);
    ASSERT_TRUE(again.ok()) << again.status() << stored.terms;
    EXPECT_EQ(*again, *rating);
  }

  // The longest call that can be paid is on the grid, can be paid, and the next one can't.
  void CheckLongest(RandomDeck& deck, const DeckSnapshot& snapshot, const ModelCall& call) {
    const auto rate = snapshot.FindCall(domain::Direction::kOutbound, "4930123456", call.start);
    if (!rate.has_value()) return;
    domain::Plan plan;
    plan.free_seconds = call.free_seconds;
    if (call.standard_is_free) plan.standard_calls = domain::StandardCalls::kIncluded;
    const auto money = static_cast<Nanos>(deck.Below(60'000'000));
    constexpr int64_t kLongest = 5'000;
    const int64_t longest =
        domain::MaxDurationSeconds(*rate, plan, call.start, call.free_seconds, money, kLongest);
    const int64_t first = domain::LastIncrementWithin(*rate, 0);
    const auto pays_for = [&](int64_t seconds) {
      ModelCall other = call;
      other.duration = absl::Seconds(seconds);
      const ModelPrice price = PriceByTheSecond(deck.header_, deck.zone_, deck.rows_, other);
      return price.cost == 0 || price.cost <= money;
    };
    if (longest == 0) {
      EXPECT_TRUE(first > kLongest || !pays_for(first)) << money;
      return;
    }
    EXPECT_EQ((longest - first) % rate->increment_seconds, 0);
    EXPECT_TRUE(pays_for(longest)) << longest << " for " << money;
    const int64_t next = longest + rate->increment_seconds;
    // At one price it is worked out without rounding, which may give half a nano-unit away.
    if (rate->tariff != nullptr && next <= kLongest) {
      EXPECT_FALSE(pays_for(next)) << next << " for " << money;
    }
  }

  int dear_[2] = {};
};

TEST_F(PricedCallsTest, C11_CallsCostWhatASecondReadingSays) {
  const uint32_t seed = std::random_device{}();
  for (uint32_t round = 0; round < 250 && !HasFailure(); ++round) {
    RandomDeck deck(seed + round);
    RateRows rows = deck.rows_;
    ASSERT_EQ(CheckLines(deck.header_, &rows), absl::OkStatus()) << Told(deck, {});
    const auto snapshot = DeckSnapshot::Create(deck.header_, std::move(rows));
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    for (int i = 0; i < 12 && !HasFailure(); ++i) {
      const ModelCall call = deck.SomeCall();
      SCOPED_TRACE(absl::StrCat("seed ", seed + round, "\n", Told(deck, call)));
      Compare(deck, **snapshot, call);
      if (i < 2) CheckLongest(deck, **snapshot, call);
    }
  }
  EXPECT_GT(dear_[0], 100);
  EXPECT_GT(dear_[1], 1'000);
}

}  // namespace
}  // namespace reserve::rates
