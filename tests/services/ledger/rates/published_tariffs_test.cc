// What calls cost under tariffs that others published (C11): published_tariffs.txt, each with its
// source.
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/clock/calendar.h"
#include "gtest/gtest.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/line_check.h"

namespace reserve::rates {
namespace {

Nanos Amount(absl::string_view text) {
  const absl::StatusOr<Nanos> amount = ParseDecimal(text);
  EXPECT_TRUE(amount.ok()) << text;
  return amount.value_or(0);
}

int32_t Number(absl::string_view text) {
  int32_t number = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &number)) << text;
  return number;
}

std::pair<std::string, std::string> Halves(absl::string_view text, char separator) {
  return absl::StrSplit(text, absl::MaxSplits(separator, 1));
}

int16_t Minute(absl::string_view clock) {
  const auto [hour, minute] = Halves(clock, ':');
  return static_cast<int16_t>(Number(hour) * 60 + Number(minute));
}

// "1-5@08:00-19:00;6-7H@00:00-24:00".
std::vector<domain::DayPeriod> Periods(absl::string_view text) {
  std::vector<domain::DayPeriod> periods;
  for (const absl::string_view each : absl::StrSplit(text, ';')) {
    const auto [days, span] = Halves(each, '@');
    const auto [from, to] = Halves(span, '-');
    domain::DayPeriod& period = periods.emplace_back();
    for (int day = days[0] - '0'; day <= days[2] - '0'; ++day) {
      period.days = static_cast<uint8_t>(period.days | 1U << (day - 1));
    }
    if (days.back() == 'H') period.days |= domain::kHolidayBit;
    period.from_minute = Minute(from);
    period.to_minute = Minute(to);
  }
  return periods;
}

class Tariff {
 public:
  explicit Tariff(std::string name) : name_(std::move(name)) {}

  std::string name_;
  std::string source_;
  absl::TimeZone zone_;
  DeckHeader header_;
  std::vector<RateRow> rows_;

  void ReadDeck(absl::string_view words) {
    std::vector<absl::CivilDay> holidays;
    for (const absl::string_view word : absl::StrSplit(words, ' ', absl::SkipEmpty())) {
      const auto [key, value] = Halves(word, '=');
      if (key == "zone") {
        const auto zone = FindTimeZone(value);
        ASSERT_TRUE(zone.has_value()) << value;
        zone_ = *zone;
      } else if (key == "holidays") {
        for (const absl::string_view day : absl::StrSplit(value, ',')) {
          ASSERT_TRUE(absl::ParseCivilTime(day, &holidays.emplace_back())) << day;
        }
      } else {
        ASSERT_EQ(key, "rounding");
        const auto [mode, place] = Halves(value, '/');
        header_.rules.rounding.place = Number(place);
        header_.rules.rounding.mode = mode == "up"          ? RoundingMode::kUp
                                      : mode == "half_even" ? RoundingMode::kHalfEven
                                                            : RoundingMode::kHalfUp;
      }
    }
    header_.rules.calendar = domain::CalendarOf(zone_);
    header_.rules.calendar.holidays = holidays;
  }

  void ReadLine(absl::string_view words) {
    RateRow row;
    row.prefix = "99";
    domain::LineTerms terms;
    for (const absl::string_view word : absl::StrSplit(words, ' ', absl::SkipEmpty())) {
      const auto [key, value] = Halves(word, '=');
      if (key == "price") {
        row.price = Amount(value);
      } else if (key == "fee") {
        row.connect_fee = Amount(value);
      } else if (key == "increments") {
        const auto [initial, further] = Halves(value, '/');
        row.initial_increment_seconds = Number(initial);
        row.increment_seconds = Number(further);
      } else if (key == "steps") {
        for (const absl::string_view step : absl::StrSplit(value, ',')) {
          const auto [from, price] = Halves(step, ':');
          terms.steps.push_back({Number(from), Amount(price)});
        }
      } else if (key == "included") {
        terms.included_seconds = Number(value);
      } else if (key == "minimum") {
        terms.minimum = Amount(value);
      } else if (key == "maximum") {
        terms.maximum = Amount(value);
      } else {
        ASSERT_EQ(key, "periods");
        terms.periods = Periods(value);
      }
    }
    if (!(terms == domain::LineTerms())) row.terms = std::make_shared<domain::LineTerms>(terms);
    rows_.push_back(std::move(row));
  }

  void ExpectCost(absl::string_view words) const {
    const std::vector<std::string> parts = absl::StrSplit(words, ' ');
    ASSERT_EQ(parts.size(), 3u) << words;
    absl::CivilSecond civil;
    ASSERT_TRUE(absl::ParseCivilTime(parts[0], &civil)) << words;
    domain::Usage call;
    call.destination = "9912345678";
    call.start_time = absl::FromCivil(civil, zone_);
    call.duration = absl::Seconds(Number(parts[1]));
    RateRows rows = rows_;
    ASSERT_EQ(CheckLines(header_, &rows), absl::OkStatus());
    const auto deck = DeckSnapshot::Create(header_, std::move(rows));
    ASSERT_TRUE(deck.ok()) << deck.status();
    const auto rate = (*deck)->FindCall(call.direction, call.destination, call.start_time);
    ASSERT_TRUE(rate.has_value());
    const auto rating = domain::RateUsage(call, domain::Plan(), domain::User(), 0, &*rate);
    ASSERT_TRUE(rating.ok()) << rating.status();
    EXPECT_EQ(FormatDecimal(rating->cost), FormatDecimal(Amount(parts[2]))) << name_ << "\n"
                                                                            << source_ << "\n"
                                                                            << words << "\n"
                                                                            << rating->terms;
  }
};

TEST(PublishedTariffsTest, C11_CallsCostWhatTheTariffSays) {
  // Tests run in the root of the sources.
  std::ifstream file("tests/services/ledger/rates/published_tariffs.txt");
  ASSERT_TRUE(file.good());
  std::vector<Tariff> tariffs;
  int calls = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto [kind, rest] = Halves(line, ' ');
    if (kind == "tariff") {
      if (!tariffs.empty()) {
        EXPECT_FALSE(tariffs.back().source_.empty()) << tariffs.back().name_;
      }
      tariffs.emplace_back(rest);
    } else if (kind == "source") {
      tariffs.back().source_ = rest;
    } else if (kind == "deck") {
      tariffs.back().ReadDeck(rest);
    } else if (kind == "line") {
      tariffs.back().ReadLine(rest);
    } else {
      ASSERT_EQ(kind, "call") << line;
      tariffs.back().ExpectCost(rest);
      ++calls;
    }
  }
  EXPECT_GE(calls, 40);
}

}  // namespace
}  // namespace reserve::rates
