#include "tests/services/ledger/rates/priced_calls_model.h"

#include <algorithm>
#include <optional>

namespace reserve::rates {
namespace {

const domain::LineTerms& Terms(const RateRow& row) {
  static const auto* none = new domain::LineTerms;
  return row.terms == nullptr ? *none : *row.terms;
}

bool NamesHolidays(const std::vector<const RateRow*>& rows) {
  for (const RateRow* row : rows) {
    for (const domain::DayPeriod& period : Terms(*row).periods) {
      if (period.days >= 128) return true;
    }
  }
  return false;
}

// The lines that are there on that day.
std::vector<const RateRow*> OnDay(const std::vector<RateRow>& rows, absl::CivilDay day) {
  std::vector<const RateRow*> there;
  for (const RateRow& row : rows) {
    const domain::LineTerms& terms = Terms(row);
    if (terms.first_day.has_value() && day < *terms.first_day) continue;
    if (terms.last_day.has_value() && day > *terms.last_day) continue;
    bool beaten = false;
    for (const RateRow& other : rows) {
      const domain::LineTerms& later = Terms(other);
      if (&other == &row || later.periods != terms.periods) continue;
      if (later.last_day.has_value() && day > *later.last_day) continue;
      if (!later.first_day.has_value() || day < *later.first_day) continue;
      if (!terms.first_day.has_value() || *later.first_day > *terms.first_day) beaten = true;
    }
    if (!beaten) there.push_back(&row);
  }
  return there;
}

// The line that has this second.
const RateRow* LineOf(const DeckHeader& header, absl::TimeZone zone,
                      const std::vector<const RateRow*>& rows, absl::Time second) {
  const absl::CivilSecond shown = absl::ToCivilSecond(second, zone);
  const absl::CivilDay day(shown);
  const auto& holidays = header.rules.calendar.holidays;
  int bit = static_cast<int>(absl::GetWeekday(day));  // Monday is 0
  if (NamesHolidays(rows) && std::find(holidays.begin(), holidays.end(), day) != holidays.end()) {
    bit = 7;
  }
  const int minute = shown.hour() * 60 + shown.minute();
  const RateRow* rest = nullptr;
  for (const RateRow* row : rows) {
    if (Terms(*row).periods.empty()) rest = row;
    for (const domain::DayPeriod& period : Terms(*row).periods) {
      if ((period.days & 1 << bit) == 0) continue;
      const bool night = period.from_minute >= period.to_minute;
      const bool before_end = minute < period.to_minute;
      const bool after_begin = minute >= period.from_minute;
      if (night ? before_end || after_begin : before_end && after_begin) return row;
    }
  }
  return rest;
}

Nanos PriceOfPlace(const RateRow& row, int64_t place) {
  Nanos price = row.price;
  for (const domain::PriceStep& step : Terms(row).steps) {
    if (step.from_second <= place) price = step.price;
  }
  return price;
}

bool IsStandardLine(const DeckHeader& header, const RateRow& row) {
  const domain::LineTerms& terms = Terms(row);
  if (terms.standard.has_value()) return *terms.standard;
  bool cheap = row.price <= header.standard_rate_ceiling;
  for (const domain::PriceStep& step : terms.steps) {
    cheap = cheap && step.price <= header.standard_rate_ceiling;
  }
  return cheap && row.connect_fee == 0 && terms.minimum.value_or(0) == 0;
}

__int128 Rounded(__int128 sixtieths, const Rounding& rounding) {
  __int128 unit = 1;
  for (int i = rounding.place; i < 9; ++i) unit *= 10;
  const __int128 below = sixtieths / (60 * unit) * unit;
  const __int128 over = sixtieths - below * 60;  // of a unit, in sixtieths
  if (over == 0) return below;
  if (rounding.mode == RoundingMode::kUp) return below + unit;
  const __int128 half = 30 * unit;
  if (over != half) return over > half ? below + unit : below;
  if (rounding.mode == RoundingMode::kHalfUp) return below + unit;
  return below / unit % 2 == 0 ? below : below + unit;
}

}  // namespace

ModelPrice PriceByTheSecond(const DeckHeader& header, absl::TimeZone zone,
                            const std::vector<RateRow>& rows, const ModelCall& call) {
  ModelPrice price;
  const std::vector<const RateRow*> there =
      OnDay(rows, absl::CivilDay(absl::ToCivilSecond(call.start, zone)));
  if (there.empty()) return price;
  price.found = true;
  const RateRow& own = *LineOf(header, zone, there, call.start);
  const int64_t included = Terms(own).included_seconds;
  // Steps 1 and 2.
  const int64_t micros = absl::ToInt64Microseconds(call.duration) - included * 1'000'000;
  if (micros <= 0) return price;
  price.billable = own.initial_increment_seconds;
  while (price.billable * 1'000'000 < micros) price.billable += own.increment_seconds;
  // Steps 3 to 5.
  const bool charges_besides = own.connect_fee > 0 || Terms(own).minimum.value_or(0) > 0;
  int64_t free_left = call.free_seconds;
  __int128 sixtieths = 0;
  for (int64_t place = included; place < included + price.billable; ++place) {
    const RateRow& line = header.rules.periods_by_start
                              ? own
                              : *LineOf(header, zone, there, call.start + absl::Seconds(place));
    const Nanos a_minute = PriceOfPlace(line, place);
    const bool standard = IsStandardLine(header, line);
    if (standard && call.standard_is_free) continue;
    if (a_minute == 0 && !charges_besides) continue;
    if (standard && a_minute > 0 && free_left > 0) {
      --free_left;
      ++price.free_taken;
      continue;
    }
    ++price.paid;
    sixtieths += a_minute;
  }
  if (price.paid == 0) return price;
  sixtieths += __int128{own.connect_fee} * 60;
  // Steps 6 and 7.
  if (const auto most = Terms(own).maximum; most.has_value()) {
    sixtieths = std::min(sixtieths, __int128{*most} * 60);
  }
  if (const auto least = Terms(own).minimum; least.has_value()) {
    sixtieths = std::max(sixtieths, __int128{*least} * 60);
  }
  price.cost = Rounded(sixtieths, header.rules.rounding);
  return price;
}

}  // namespace reserve::rates
