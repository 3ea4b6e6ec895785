#include "services/ledger/rates/line_check.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/ledger/domain/tariff.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/line_charges.h"
#include "services/ledger/rates/seasons.h"

namespace reserve::rates {
namespace {

using domain::DayPeriod;
using domain::LineTerms;

constexpr size_t kMostProblems = 10;
constexpr int32_t kMinutesADay = 1440;
constexpr size_t kDayKinds = 8;
constexpr size_t kHoliday = 7;
constexpr std::array<absl::string_view, kDayKinds> kDayNames = {"Mon", "Tue", "Wed", "Thu",
                                                                "Fri", "Sat", "Sun", "holidays"};

std::string NameOf(const RateRow& row) {
  return absl::StrCat(RateKindName(row.kind), " ", row.prefix,
                      row.carrier.empty() ? "" : absl::StrCat(" (", row.carrier, ")"));
}

using Minutes = std::bitset<size_t{kMinutesADay}>;

Minutes MinutesOf(const DayPeriod& period) {
  Minutes minutes;
  for (int32_t minute = 0; minute < kMinutesADay; ++minute) {
    if (domain::CoversMinute(period, minute)) minutes.set(static_cast<size_t>(minute));
  }
  return minutes;
}

// The first stretch of minutes: from, and to without it.
std::pair<size_t, size_t> FirstStretch(const Minutes& minutes) {
  const size_t from = minutes._Find_first();
  size_t to = from;
  while (to < minutes.size() && minutes[to]) ++to;
  return {from, to};
}

// "Sat, Sun 00:00-24:00": the first stretch of the first day that has any, and the days alike.
std::string Describe(absl::Span<const Minutes> days) {
  std::optional<std::pair<size_t, size_t>> stretch;
  std::vector<absl::string_view> names;
  for (size_t day = 0; day < days.size(); ++day) {
    if (days[day].none()) continue;
    const auto own = FirstStretch(days[day]);
    if (!stretch.has_value()) stretch = own;
    if (own == *stretch) names.push_back(kDayNames[day]);
  }
  const auto [from, to] = *stretch;
  return absl::StrFormat("%s %02d:%02d-%02d:%02d", absl::StrJoin(names, ", "), from / 60, from % 60,
                         to / 60, to % 60);
}

bool Any(absl::Span<const Minutes> days) {
  return std::any_of(days.begin(), days.end(), [](const Minutes& day) { return day.any(); });
}

// What is wrong with the periods of lines that hold on the same days; empty: nothing.
std::string CheckTimes(const std::vector<const LineTerms*>& lines) {
  std::array<Minutes, kDayKinds> covered;
  std::array<Minutes, kDayKinds> twice;
  bool rest = false;
  bool holidays = false;
  for (const LineTerms* line : lines) {
    rest = rest || TermsOf(line).periods.empty();
    for (const DayPeriod& period : TermsOf(line).periods) {
      const Minutes minutes = MinutesOf(period);
      for (size_t day = 0; day < kDayKinds; ++day) {
        if ((period.days >> day & 1) == 0) continue;
        holidays = holidays || day == kHoliday;
        twice[day] |= covered[day] & minutes;
        covered[day] |= minutes;
      }
    }
  }
  if (Any(twice)) return absl::StrCat("has two lines for ", Describe(twice));
  if (rest) return "";
  // A holiday is its weekday, where no line of the prefix names holidays.
  std::array<Minutes, kDayKinds> missing;
  for (size_t day = 0; day < kDayKinds; ++day) missing[day] = ~covered[day];
  const auto days = absl::MakeConstSpan(missing).first(holidays ? kDayKinds : kHoliday);
  if (!Any(days)) return "";
  const bool is_a_minute =
      std::any_of(days.begin(), days.end(), [](const Minutes& day) { return day.count() == 1; });
  return absl::StrCat("has no line for ", Describe(days), ": ",
                      is_a_minute ? "a time ends before the minute of its `to`: write 18:00, not "
                                    "17:59, and 24:00, not 23:59"
                                  : "add one, or one without days and times for the rest");
}

// Collects what is wrong.
class LineChecker {
 public:
  explicit LineChecker(const DeckHeader& header) : header_(header) {}

  // What is wrong with a row by itself is wrong with what it shares with others.
  void CheckRow(const RateRows& rows, size_t index) {
    const size_t shape = 2 * rows.ShapeAt(index) + (IsTextKind(rows.KindAt(index)) ? 1 : 0);
    if (right_.size() <= shape) right_.resize(2 * rows.shapes().size());
    if (right_[shape]) return;
    const size_t before = count_;
    CheckRow(rows[index]);
    right_[shape] = count_ == before;
  }

  // The lines of one kind, prefix and carrier, in order.
  void CheckTogether(const RateRows& rows, size_t begin, size_t end) {
    std::vector<const LineTerms*> lines;
    for (size_t i = begin; i < end; ++i) lines.push_back(rows.TermsOf(i));
    together_.Check(lines, [&](const LinesTogether::Problem& problem) {
      const RateRow row = rows[begin + problem.place];
      if (problem.like.has_value()) {
        Note(row, "is there twice for the same days and periods");
      } else {
        Tell(absl::StrCat(NameOf(row), " ", problem.cause, problem.detail));
      }
    });
  }

  absl::Status Found() const {
    if (count_ == 0) return absl::OkStatus();
    return InvalidRateDeck(
        absl::StatusCode::kInvalidArgument,
        absl::StrCat(absl::StrJoin(problems_, "; "),
                     count_ > problems_.size()
                         ? absl::StrCat("; and ", count_ - problems_.size(), " more")
                         : ""));
  }

 private:
  void CheckRow(const RateRow& row) {
    const LineTerms& terms = TermsOf(row);
    const Nanos unit = UnitOfPlace(header_.rules.rounding.place);
    if (row.connect_fee % unit != 0 || terms.minimum.value_or(0) % unit != 0 ||
        terms.maximum.value_or(0) % unit != 0) {
      Note(row, absl::StrCat("has a fee, a minimum or a maximum with more than ",
                             header_.rules.rounding.place, " decimals, to which the deck rounds"));
    }
    if (row.terms == nullptr) return;
    if (terms.unpriced && !terms.blocked) Note(row, "has no price");
    if (terms.minimum.value_or(0) < 0 || terms.maximum.value_or(0) < 0 ||
        terms.included_seconds < 0) {
      Note(row, "has less than nothing as its minimum, maximum or included seconds");
    }
    if (terms.maximum.has_value() && *terms.maximum < terms.minimum.value_or(0)) {
      Note(row, "has a maximum below its minimum");
    }
    if (terms.last_day.has_value() && terms.first_day.has_value() &&
        *terms.last_day < *terms.first_day) {
      Note(row, "ends before it begins");
    }
    if (IsTextKind(row.kind) &&
        (!terms.steps.empty() || terms.included_seconds != 0 || terms.minimum.has_value() ||
         terms.maximum.has_value() || terms.standard.has_value() || !terms.periods.empty())) {
      Note(row, "is of a text, which has a price a segment, and no more");
    }
    CheckSteps(row, terms);
    CheckPeriods(row, terms);
  }

  void Note(const RateRow& row, absl::string_view problem) {
    Tell(absl::StrCat("the line of ", NameOf(row), " ", problem));
  }

  void Tell(std::string problem) {
    ++count_;
    if (problems_.size() < kMostProblems) problems_.push_back(std::move(problem));
  }

  void CheckSteps(const RateRow& row, const LineTerms& terms) {
    int32_t before = 0;
    for (const domain::PriceStep& step : terms.steps) {
      if (step.from_second <= before) return Note(row, "has steps that are not in order");
      if (step.price < 0 || step.price > kMaxDeckPrice) {
        return Note(row, "has a step with a price that can't be");
      }
      before = step.from_second;
    }
  }

  void CheckPeriods(const RateRow& row, const LineTerms& terms) {
    for (const domain::DayPeriod& period : terms.periods) {
      if (period.days == 0 || period.from_minute < 0 || period.from_minute >= kMinutesADay ||
          period.to_minute < 1 || period.to_minute > kMinutesADay) {
        return Note(row, "has a period of no day, or no time of the day");
      }
    }
  }

  const DeckHeader& header_;
  LinesTogether together_;
  std::vector<bool> right_;  // shapes of calls and of texts that have been looked at
  size_t count_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace

void LinesTogether::Check(absl::Span<const LineTerms* const> lines,
                          absl::FunctionRef<void(const Problem&)> tell) {
  using When = std::pair<std::optional<absl::CivilDay>, std::vector<DayPeriod>>;
  std::map<When, size_t> places;
  bool unique = true;
  for (size_t i = 0; i < lines.size(); ++i) {
    const LineTerms& terms = TermsOf(lines[i]);
    const auto [first, is_new] = places.try_emplace(When{terms.first_day, terms.periods}, i);
    if (is_new) continue;
    unique = false;
    tell({i, first->second});
  }
  if (!unique) return;
  for (const LinesOfSeason& season : SeasonsOf(lines)) {
    if (season.lines.empty()) continue;
    std::vector<const LineTerms*> held;
    size_t parts = 0;
    for (const uint32_t line : season.lines) {
      held.push_back(lines[line]);
      parts += 1 + TermsOf(lines[line]).steps.size();
    }
    const std::string cause =
        parts > domain::kMaxCallParts
            ? absl::StrCat("has ", parts, " prices at a time, more than ", domain::kMaxCallParts)
            : ProblemOfTimes(held);
    if (cause.empty()) continue;
    const absl::CivilDay from = absl::CivilDay(1970, 1, 1) + season.from_day;
    return tell({0, std::nullopt, cause,
                 season.from_day == kFromEver
                     ? ""
                     : absl::StrCat(" (from ", absl::FormatCivilTime(from), " on)")});
  }
}

const std::string& LinesTogether::ProblemOfTimes(const std::vector<const LineTerms*>& lines) {
  std::string key;
  for (const LineTerms* line : lines) {
    for (const DayPeriod& period : TermsOf(line).periods) {
      absl::StrAppend(&key, period.days, " ", period.from_minute, " ", period.to_minute, ",");
    }
    key.push_back(';');
  }
  static const std::string* const nothing = new std::string;
  // No line has a time.
  if (key.size() == lines.size()) return *nothing;
  const auto [known, is_new] = timetables_.try_emplace(key);
  if (is_new) known->second = CheckTimes(lines);
  return known->second;
}

bool TermsBefore(const LineTerms* one, const LineTerms* other) {
  const LineTerms& a = TermsOf(one);
  const LineTerms& b = TermsOf(other);
  return std::tie(a.first_day, a.periods) < std::tie(b.first_day, b.periods);
}

bool IsStandard(const RateRow& row, const DeckHeader& header) {
  if (IsTextKind(row.kind)) return false;
  const LineTerms& terms = TermsOf(row);
  if (terms.standard.has_value()) return *terms.standard;
  Nanos dearest = row.price;
  for (const domain::PriceStep& step : terms.steps) dearest = std::max(dearest, step.price);
  if (terms.unpriced || dearest > header.standard_rate_ceiling) return false;
  return header.standard_by_price_alone || !domain::ChargesBesides(row.connect_fee, terms.minimum);
}

absl::Status CheckLines(const DeckHeader& header, RateRows* rows) {
  rows->Sort();
  LineChecker checker(header);
  for (size_t begin = 0; begin < rows->size();) {
    size_t end = begin;
    bool plain = true;
    while (end < rows->size() && rows->SameKey(begin, end)) {
      checker.CheckRow(*rows, end);
      plain = plain && rows->TermsOf(end) == nullptr;
      ++end;
    }
    if (!plain || end - begin > 1) checker.CheckTogether(*rows, begin, end);
    begin = end;
  }
  return checker.Found();
}

}  // namespace reserve::rates
