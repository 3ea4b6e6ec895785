#include "services/ledger/domain/tariff.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace reserve::domain {
namespace {

constexpr int32_t kMinutesADay = 1440;
constexpr int32_t kSecondsADay = 86'400;

// The bit of DayPeriod::days of a day since 1970-01-01, which was a Thursday.
uint8_t BitOfDay(int64_t day) {
  const int64_t weekday = ((day + 3) % 7 + 7) % 7;  // 0: Monday
  return static_cast<uint8_t>(1U << weekday);
}

bool Covers(const TariffLine& line, uint8_t bit, int32_t minute) {
  return std::any_of(line.periods.begin(), line.periods.end(), [=](const DayPeriod& period) {
    return (period.days & bit) != 0 && CoversMinute(period, minute);
  });
}

// The first edge of a period after this minute of the day; else the day's end.
int32_t NextEdge(const Tariff& tariff, int32_t minute) {
  int32_t next = kMinutesADay;
  for (const TariffLine& line : tariff.lines) {
    for (const DayPeriod& period : line.periods) {
      if (period.from_minute > minute) next = std::min<int32_t>(next, period.from_minute);
      if (period.to_minute > minute) next = std::min<int32_t>(next, period.to_minute);
    }
  }
  return next;
}

// The price of a place in the call, and where the next step begins.
struct StepOfPlace {
  int32_t from_second = 0;
  Nanos price = 0;
  int64_t until = std::numeric_limits<int64_t>::max();
};

StepOfPlace StepAt(const TariffLine& line, int64_t place) {
  StepOfPlace found{0, line.price, std::numeric_limits<int64_t>::max()};
  for (const PriceStep& step : line.steps) {
    if (step.from_second > place) {
      found.until = step.from_second;
      break;
    }
    found.from_second = step.from_second;
    found.price = step.price;
  }
  return found;
}

void AddTo(std::vector<CallPart>* parts, const CallPart& added) {
  for (CallPart& part : *parts) {
    if (part.line != added.line || part.from_second != added.from_second) continue;
    part.seconds += added.seconds;
    part.free_seconds += added.free_seconds;
    return;
  }
  parts->push_back(added);
}

template <typename Number>
bool ReadNumber(absl::string_view text, Number* number) {
  return absl::SimpleAtoi(text, number) && *number >= 0;
}

bool ReadPart(absl::string_view text, CallPart* part) {
  const std::vector<absl::string_view> numbers = absl::StrSplit(text, '/');
  int32_t standard = 0;
  if (numbers.size() != 6 || !ReadNumber(numbers[0], &part->line) ||
      !ReadNumber(numbers[1], &part->from_second) || !ReadNumber(numbers[2], &part->price) ||
      !ReadNumber(numbers[3], &standard) || !ReadNumber(numbers[4], &part->seconds) ||
      !ReadNumber(numbers[5], &part->free_seconds)) {
    return false;
  }
  part->standard = standard == 1;
  return standard <= 1 && part->free_seconds <= part->seconds;
}

bool ReadRounding(absl::string_view text, Rounding* rounding) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  int32_t mode = 0;
  if (!ReadNumber(parts.first, &mode) || !ReadNumber(parts.second, &rounding->place)) return false;
  if (mode < 1 || mode > 3 || rounding->place > kNanoPlace) return false;
  rounding->mode = static_cast<RoundingMode>(mode);
  return true;
}

bool ReadWord(absl::string_view name, absl::string_view value, PricedTerms* terms) {
  if (name == "standard") return terms->says_standard = value.empty();
  if (name == "included") return ReadNumber(value, &terms->included_seconds);
  if (name == "minimum") return ReadNumber(value, &terms->minimum.emplace());
  if (name == "maximum") return ReadNumber(value, &terms->maximum.emplace());
  if (name == "rounding") return ReadRounding(value, &terms->rounding);
  if (name == "part") return ReadPart(value, &terms->parts.emplace_back());
  return false;
}

}  // namespace

bool CoversMinute(const DayPeriod& period, int32_t minute) {
  if (period.from_minute < period.to_minute) {
    return period.from_minute <= minute && minute < period.to_minute;
  }
  return minute < period.to_minute || minute >= period.from_minute;
}

LineOfSecond LineAt(const Tariff& tariff, int64_t second) {
  const DeckCalendar& calendar = tariff.rules->calendar;
  const DeckCalendar::Shown shown = calendar.At(second);
  const int32_t minute = shown.second_of_day / 60;
  const bool holiday = tariff.names_holidays && calendar.IsHoliday(shown.day);
  const uint8_t bit = holiday ? kHolidayBit : BitOfDay(shown.day);
  LineOfSecond found;
  const int32_t edge = std::min(NextEdge(tariff, minute) * 60, kSecondsADay);
  found.until = std::min(second + (edge - shown.second_of_day), shown.until);
  for (size_t i = 0; i < tariff.lines.size(); ++i) {
    if (tariff.lines[i].periods.empty()) {
      found.line = i;  // unless another one has it
    } else if (Covers(tariff.lines[i], bit, minute)) {
      found.line = i;
      break;
    }
  }
  return found;
}

std::string TextOf(const PricedTerms& terms) {
  std::string text;
  const auto add = [&text](auto... words) {
    absl::StrAppend(&text, text.empty() ? "" : " ", words...);
  };
  if (terms.says_standard) add("standard");
  if (terms.included_seconds > 0) add("included:", terms.included_seconds);
  if (terms.minimum.has_value()) add("minimum:", *terms.minimum);
  if (terms.maximum.has_value()) add("maximum:", *terms.maximum);
  if (!(terms.rounding == Rounding())) {
    add("rounding:", static_cast<int>(terms.rounding.mode), "/", terms.rounding.place);
  }
  for (const CallPart& part : terms.parts) {
    add("part:", part.line, "/", part.from_second, "/", part.price, "/", part.standard ? 1 : 0, "/",
        part.seconds, "/", part.free_seconds);
  }
  return text;
}

std::optional<PricedTerms> PricedTermsFrom(absl::string_view text) {
  PricedTerms terms;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(word, absl::MaxSplits(':', 1));
    if (!ReadWord(parts.first, parts.second, &terms)) return std::nullopt;
  }
  if (terms.parts.size() > kMaxCallParts) return std::nullopt;
  return terms;
}

std::vector<CallPart> PartsOf(const Tariff& tariff, size_t start_line, int64_t start,
                              int64_t billable, Coverage coverage) {
  std::vector<CallPart> parts;
  const bool one_line = tariff.lines.size() == 1 || tariff.rules->periods_by_start;
  int64_t place = tariff.lines[start_line].included_seconds;
  const int64_t end = place + billable;
  while (place < end) {
    LineOfSecond at{start_line, std::numeric_limits<int64_t>::max()};
    if (!one_line) at = LineAt(tariff, start + place);
    const TariffLine& line = tariff.lines[at.line];
    const StepOfPlace step = StepAt(line, place);
    int64_t until = std::min(end, step.until);
    if (!one_line) until = std::min(until, at.until - start);
    CallPart part;
    part.line = static_cast<int32_t>(at.line);
    part.from_second = step.from_second;
    part.price = step.price;
    part.standard = line.standard;
    part.seconds = until - place;
    if (line.standard && coverage.all) {
      part.free_seconds = part.seconds;
    } else if (line.standard && step.price > 0) {
      part.free_seconds = std::min(part.seconds, coverage.free_seconds);
      coverage.free_seconds -= part.free_seconds;
    }
    AddTo(&parts, part);
    place = until;
  }
  return parts;
}

int64_t PaidSeconds(const CallPart& part, bool charges_besides) {
  if (part.price == 0 && !charges_besides) return 0;
  return part.seconds - part.free_seconds;
}

absl::StatusOr<Nanos> CostOf(const PricedTerms& terms, Nanos fee) {
  const bool charges_besides = ChargesBesides(fee, terms.minimum);
  absl::int128 sixtieths = 0;
  bool paid = false;
  for (const CallPart& part : terms.parts) {
    const int64_t seconds = PaidSeconds(part, charges_besides);
    paid |= seconds > 0;
    sixtieths += absl::int128(part.price) * seconds;
  }
  if (!paid) return 0;
  sixtieths += absl::int128(fee) * 60;
  if (terms.maximum.has_value()) {
    sixtieths = std::min(sixtieths, absl::int128(*terms.maximum) * 60);
  }
  if (terms.minimum.has_value()) {
    sixtieths = std::max(sixtieths, absl::int128(*terms.minimum) * 60);
  }
  return RoundSixtieths(sixtieths, terms.rounding);
}

}  // namespace reserve::domain
