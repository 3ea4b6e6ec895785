#include "services/ledger/rates/line_terms_text.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace reserve::rates {
namespace {

using domain::DayPeriod;
using domain::LineTerms;
using domain::OffsetChange;
using domain::PriceStep;

std::string StepText(const PriceStep& step) {
  return absl::StrCat(step.from_second, ":", step.price);
}

std::string PeriodText(const DayPeriod& period) {
  return absl::StrCat(period.days, "/", period.from_minute, "-", period.to_minute);
}

// Two texts with one of `separator` between them.
std::pair<absl::string_view, absl::string_view> Halves(absl::string_view text, char separator) {
  return absl::StrSplit(text, absl::MaxSplits(separator, 1));
}

bool ReadAmount(absl::string_view text, std::optional<Nanos>* amount) {
  return absl::SimpleAtoi(text, &amount->emplace());
}

bool ReadDay(absl::string_view text, std::optional<absl::CivilDay>* day) {
  return absl::ParseCivilTime(text, &day->emplace());
}

bool ReadStep(absl::string_view text, PriceStep* step) {
  const auto [from, price] = Halves(text, ':');
  return absl::SimpleAtoi(from, &step->from_second) && absl::SimpleAtoi(price, &step->price);
}

bool ReadPeriod(absl::string_view text, DayPeriod* period) {
  const auto [days, minutes] = Halves(text, '/');
  const auto [from, to] = Halves(minutes, '-');
  uint32_t numbers[3];
  if (!absl::SimpleAtoi(days, &numbers[0]) || !absl::SimpleAtoi(from, &numbers[1]) ||
      !absl::SimpleAtoi(to, &numbers[2]) || numbers[0] > 255 || numbers[1] > 1439 ||
      numbers[2] > 1440) {
    return false;
  }
  *period = {static_cast<uint8_t>(numbers[0]), static_cast<int16_t>(numbers[1]),
             static_cast<int16_t>(numbers[2])};
  return true;
}

template <typename Value, typename Read>
bool ReadList(absl::string_view text, const Read& read, std::vector<Value>* values) {
  for (const absl::string_view each : absl::StrSplit(text, ',')) {
    if (!read(each, &values->emplace_back())) return false;
  }
  // A list is named only if it holds something.
  return !values->empty();
}

bool ReadWord(absl::string_view name, absl::string_view value, LineTerms* terms) {
  if (name == "steps") return ReadList(value, ReadStep, &terms->steps);
  if (name == "included") return absl::SimpleAtoi(value, &terms->included_seconds);
  if (name == "minimum") return ReadAmount(value, &terms->minimum);
  if (name == "maximum") return ReadAmount(value, &terms->maximum);
  if (name == "standard") {
    terms->standard = value == "1";
    return value == "0" || value == "1";
  }
  if (name == "blocked") return terms->blocked = value == "1";
  if (name == "unpriced") return terms->unpriced = value == "1";
  if (name == "from") return ReadDay(value, &terms->first_day);
  if (name == "to") return ReadDay(value, &terms->last_day);
  if (name == "periods") return ReadList(value, ReadPeriod, &terms->periods);
  return false;
}

}  // namespace

std::string TextOf(const LineTerms& terms) {
  std::string text;
  const auto add = [&text](auto... words) {
    absl::StrAppend(&text, text.empty() ? "" : " ", words...);
  };
  const auto append = [](const auto& text_of) {
    return [text_of](std::string* out, const auto& value) { out->append(text_of(value)); };
  };
  if (!terms.steps.empty()) add("steps=", absl::StrJoin(terms.steps, ",", append(StepText)));
  if (terms.included_seconds != 0) add("included=", terms.included_seconds);
  if (terms.minimum.has_value()) add("minimum=", *terms.minimum);
  if (terms.maximum.has_value()) add("maximum=", *terms.maximum);
  if (terms.standard.has_value()) add("standard=", *terms.standard ? 1 : 0);
  if (terms.blocked) add("blocked=1");
  if (terms.unpriced) add("unpriced=1");
  if (terms.first_day.has_value()) add("from=", absl::FormatCivilTime(*terms.first_day));
  if (terms.last_day.has_value()) add("to=", absl::FormatCivilTime(*terms.last_day));
  if (!terms.periods.empty()) {
    add("periods=", absl::StrJoin(terms.periods, ",", append(PeriodText)));
  }
  return text;
}

std::optional<LineTerms> LineTermsFrom(absl::string_view text) {
  LineTerms terms;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const auto [name, value] = Halves(word, '=');
    if (!ReadWord(name, value, &terms)) return std::nullopt;
  }
  return terms;
}

std::string ChangesText(const domain::DeckCalendar& calendar) {
  std::string text = absl::StrCat(calendar.first_offset_seconds);
  for (const OffsetChange& change : calendar.changes) {
    absl::StrAppend(&text, " ", change.at, ":", change.offset_seconds);
  }
  return text;
}

std::string HolidaysText(const domain::DeckCalendar& calendar) {
  return absl::StrJoin(calendar.holidays, " ", [](std::string* out, absl::CivilDay day) {
    out->append(absl::FormatCivilTime(day));
  });
}

std::optional<domain::DeckCalendar> CalendarFrom(absl::string_view changes,
                                                 absl::string_view holidays) {
  domain::DeckCalendar calendar;
  bool first = true;
  for (const absl::string_view word : absl::StrSplit(changes, ' ', absl::SkipEmpty())) {
    if (first) {
      if (!absl::SimpleAtoi(word, &calendar.first_offset_seconds)) return std::nullopt;
    } else {
      const auto [at, offset] = Halves(word, ':');
      OffsetChange& change = calendar.changes.emplace_back();
      if (!absl::SimpleAtoi(at, &change.at) || !absl::SimpleAtoi(offset, &change.offset_seconds)) {
        return std::nullopt;
      }
    }
    first = false;
  }
  for (const absl::string_view word : absl::StrSplit(holidays, ' ', absl::SkipEmpty())) {
    if (!absl::ParseCivilTime(word, &calendar.holidays.emplace_back())) return std::nullopt;
  }
  return calendar;
}

}  // namespace reserve::rates
