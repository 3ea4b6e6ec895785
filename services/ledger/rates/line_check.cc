#include "services/ledger/rates/line_check.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/ledger/domain/tariff.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/seasons.h"

namespace reserve::rates {
namespace {

using domain::LineTerms;

constexpr size_t kMostProblems = 10;
constexpr int32_t kMinutesADay = 1440;
constexpr std::array<absl::string_view, 8> kDayNames = {"Mondays",   "Tuesdays", "Wednesdays",
                                                        "Thursdays", "Fridays",  "Saturdays",
                                                        "Sundays",   "holidays"};

auto KeyOf(const RateRow& row) { return std::tie(row.kind, row.prefix, row.carrier); }

const LineTerms& TermsOf(const RateRow& row) {
  static const auto* nothing = new LineTerms;
  return row.terms == nullptr ? *nothing : *row.terms;
}

std::string NameOf(const RateRow& row) {
  return absl::StrCat(RateKindName(row.kind), " ", row.prefix,
                      row.carrier.empty() ? "" : absl::StrCat(" (", row.carrier, ")"));
}

std::string ClockText(int32_t minute) {
  return absl::StrFormat("%02d:%02d", minute / 60, minute % 60);
}

// Collects what is wrong.
class LineChecker {
 public:
  explicit LineChecker(const DeckHeader& header) : header_(header) {}

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

  // The lines of one kind, prefix and carrier.
  void CheckTogether(const std::vector<RateRow>& rows, size_t begin, size_t end) {
    std::vector<const LineTerms*> lines;
    for (size_t i = begin; i < end; ++i) {
      if (i > begin && !LineBefore(rows[i - 1], rows[i])) {
        return Note(rows[i], "is there twice for the same days and periods");
      }
      lines.push_back(rows[i].terms.get());
    }
    for (const LinesOfSeason& season : SeasonsOf(lines)) {
      if (season.lines.empty()) continue;
      size_t parts = 0;
      for (const uint32_t line : season.lines)
        parts += 1 + TermsOf(rows[begin + line]).steps.size();
      if (parts > domain::kMaxCallParts) {
        Note(rows[begin],
             absl::StrCat("has ", parts, " prices at a time, more than ", domain::kMaxCallParts));
      }
      CheckDays(rows, begin, season);
    }
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
  void Note(const RateRow& row, absl::string_view problem) {
    ++count_;
    if (problems_.size() < kMostProblems) {
      problems_.push_back(absl::StrCat("the line of ", NameOf(row), " ", problem));
    }
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

  // Each minute of each kind of day has one line, or is the rest.
  void CheckDays(const std::vector<RateRow>& rows, size_t begin, const LinesOfSeason& season) {
    const RateRow* rest = nullptr;
    uint8_t named = 0;
    for (const uint32_t line : season.lines) {
      const RateRow& row = rows[begin + line];
      if (TermsOf(row).periods.empty()) rest = &row;
      for (const domain::DayPeriod& period : TermsOf(row).periods) named |= period.days;
    }
    if (named == 0) return;
    const bool holidays = (named & domain::kHolidayBit) != 0;
    for (size_t day = 0; day < kDayNames.size(); ++day) {
      if (day == 7 && !holidays) break;
      std::array<int, kMinutesADay> covered{};
      for (const uint32_t line : season.lines) {
        for (const domain::DayPeriod& period : TermsOf(rows[begin + line]).periods) {
          if ((period.days >> day & 1) == 0) continue;
          for (int32_t minute = 0; minute < kMinutesADay; ++minute) {
            if (domain::CoversMinute(period, minute)) ++covered[static_cast<size_t>(minute)];
          }
        }
      }
      NoteDay(rows[begin], covered, kDayNames[day], rest != nullptr);
    }
  }

  void NoteDay(const RateRow& row, const std::array<int, kMinutesADay>& covered,
               absl::string_view day, bool has_rest) {
    for (int32_t minute = 0; minute < kMinutesADay;) {
      const int times = covered[static_cast<size_t>(minute)];
      int32_t end = minute;
      while (end < kMinutesADay && covered[static_cast<size_t>(end)] == times) ++end;
      const std::string span = absl::StrCat(ClockText(minute), "-", ClockText(end), " of ", day);
      if (times == 0 && !has_rest) Note(row, absl::StrCat("and its others leave a gap: ", span));
      if (times > 1) Note(row, absl::StrCat("and its others overlap: ", span));
      minute = end;
    }
  }

  const DeckHeader& header_;
  size_t count_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace

bool LineBefore(const RateRow& one, const RateRow& other) {
  if (KeyOf(one) != KeyOf(other)) return KeyOf(one) < KeyOf(other);
  if (one.terms == nullptr || other.terms == nullptr) {
    const auto says = [](const RateRow& row) {
      return row.terms != nullptr &&
             (row.terms->first_day.has_value() || !row.terms->periods.empty());
    };
    return !says(one) && says(other);
  }
  return std::tie(one.terms->first_day, one.terms->periods) <
         std::tie(other.terms->first_day, other.terms->periods);
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

absl::Status CheckLines(const DeckHeader& header, std::vector<RateRow>* rows) {
  std::sort(rows->begin(), rows->end(), LineBefore);
  LineChecker checker(header);
  for (size_t begin = 0; begin < rows->size();) {
    size_t end = begin;
    bool plain = true;
    while (end < rows->size() && KeyOf((*rows)[end]) == KeyOf((*rows)[begin])) {
      checker.CheckRow((*rows)[end]);
      plain = plain && (*rows)[end].terms == nullptr;
      ++end;
    }
    if (!plain || end - begin > 1) checker.CheckTogether(*rows, begin, end);
    begin = end;
  }
  return checker.Found();
}

}  // namespace reserve::rates
