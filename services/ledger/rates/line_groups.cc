#include "services/ledger/rates/line_groups.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace reserve::rates {
namespace {

using domain::DayPeriod;
using domain::LineTerms;

constexpr int kKindBits = 50;
constexpr size_t kMinutes = 1440;
constexpr size_t kDayKinds = 8;
constexpr size_t kHoliday = 7;
constexpr size_t kShownGaps = 5;
constexpr std::array<absl::string_view, kDayKinds> kDayNames = {"Mon", "Tue", "Wed", "Thu",
                                                                "Fri", "Sat", "Sun", "holidays"};

const LineTerms& TermsOf(const LineTerms* terms) {
  static const auto* const none = new LineTerms;
  return terms == nullptr ? *none : *terms;
}

// 15 digits are less than 2^50; without a leading zero the number is the prefix. A short code may
// have one.
uint64_t KeyOf(const RateRow& row) {
  uint64_t number = IsShortCodeKind(row.kind) ? 1 : 0;
  for (const char c : row.prefix) number = number * 10 + static_cast<uint64_t>(c - '0');
  return static_cast<uint64_t>(row.kind) << kKindBits | number;
}

std::string PrefixOf(uint64_t key) {
  const std::string digits = absl::StrCat(key & ((uint64_t{1} << kKindBits) - 1));
  return IsShortCodeKind(static_cast<RateKind>(key >> kKindBits)) ? digits.substr(1) : digits;
}

using Minutes = std::bitset<kMinutes>;

Minutes MinutesOf(const DayPeriod& period) {
  Minutes minutes;
  const auto set = [&minutes](int from, int to) {
    for (int i = from; i < to; ++i) minutes.set(static_cast<size_t>(i));
  };
  if (period.from_minute < period.to_minute) {
    set(period.from_minute, period.to_minute);
  } else {
    set(0, period.to_minute);
    set(period.from_minute, kMinutes);
  }
  return minutes;
}

// "08:00-09:30", the first stretch of them.
std::string FirstStretch(const Minutes& minutes) {
  const size_t from = minutes._Find_first();
  size_t to = from;
  while (to < kMinutes && minutes[to]) ++to;
  return absl::StrFormat("%02d:%02d-%02d:%02d", from / 60, from % 60, to / 60, to % 60);
}

// "Sat, Sun 00:00-24:00": the first stretch of the first day that has any, and the days alike.
std::string Describe(const std::array<Minutes, kDayKinds>& days, size_t day_count) {
  std::string stretch;
  std::vector<absl::string_view> names;
  for (size_t day = 0; day < day_count; ++day) {
    if (days[day].none()) continue;
    const std::string own = FirstStretch(days[day]);
    if (stretch.empty()) stretch = own;
    if (own == stretch) names.push_back(kDayNames[day]);
  }
  return absl::StrCat(absl::StrJoin(names, ", "), " ", stretch);
}

// The periods of lines that hold on the same days.
std::string CheckSchedule(const std::vector<const LineTerms*>& lines) {
  std::array<Minutes, kDayKinds> covered;
  std::array<Minutes, kDayKinds> twice;
  bool rest = false;
  bool holidays = false;
  for (const LineTerms* line : lines) {
    const std::vector<DayPeriod>& periods = TermsOf(line).periods;
    rest = rest || periods.empty();
    for (const DayPeriod& period : periods) {
      const Minutes minutes = MinutesOf(period);
      for (size_t day = 0; day < kDayKinds; ++day) {
        if ((period.days >> day & 1) == 0) continue;
        holidays = holidays || day == kHoliday;
        twice[day] |= covered[day] & minutes;
        covered[day] |= minutes;
      }
    }
  }
  const auto any = [](const std::array<Minutes, kDayKinds>& days, size_t count) {
    return std::any_of(days.begin(), days.begin() + static_cast<std::ptrdiff_t>(count),
                       [](const Minutes& minutes) { return minutes.any(); });
  };
  if (any(twice, kDayKinds)) {
    return absl::StrCat("has two lines for ", Describe(twice, kDayKinds));
  }
  if (rest) return "";
  // A holiday is its weekday, where no line of the prefix names holidays.
  const size_t day_count = holidays ? kDayKinds : kHoliday;
  std::array<Minutes, kDayKinds> missing;
  for (size_t day = 0; day < day_count; ++day) missing[day] = ~covered[day];
  if (!any(missing, day_count)) return "";
  return absl::StrCat("has no line for ", Describe(missing, day_count),
                      ": add one, or one without days and times for the rest");
}

bool HoldsOn(const LineTerms& terms, absl::CivilDay day) {
  return (!terms.first_day.has_value() || *terms.first_day <= day) &&
         (!terms.last_day.has_value() || day <= *terms.last_day);
}

}  // namespace

void LineGroups::Add(const RateRow& row, int64_t line) {
  const auto next = static_cast<uint32_t>(carriers_.size());
  const uint32_t carrier =
      row.carrier.empty() ? ~uint32_t{0} : carriers_.try_emplace(row.carrier, next).first->second;
  lines_.push_back({KeyOf(row), carrier, static_cast<uint32_t>(line), row.terms.get()});
}

void LineGroups::Check(absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  std::sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) {
    return std::tie(a.key, a.carrier, a.line) < std::tie(b.key, b.carrier, b.line);
  });
  for (size_t begin = 0; begin < lines_.size();) {
    size_t end = begin + 1;
    while (end < lines_.size() && lines_[end].key == lines_[begin].key &&
           lines_[end].carrier == lines_[begin].carrier) {
      ++end;
    }
    if (end - begin > 1 || !TermsOf(lines_[begin].terms).periods.empty()) {
      CheckGroup(absl::MakeConstSpan(lines_).subspan(begin, end - begin), tell);
    }
    begin = end;
  }
}

void LineGroups::CheckGroup(Group group, absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  if (!CheckRepeats(group, tell)) return;
  CheckTimes(group, tell);
  FindGaps(group);
}

bool LineGroups::CheckRepeats(Group group, absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  using When = std::pair<std::vector<DayPeriod>, std::optional<absl::CivilDay>>;
  std::map<When, uint32_t> lines;
  bool unique = true;
  for (const Line& line : group) {
    const LineTerms& terms = TermsOf(line.terms);
    const auto [first, is_new] = lines.try_emplace(When{terms.periods, terms.first_day}, line.line);
    if (is_new) continue;
    unique = false;
    const bool plain = terms.periods.empty() && !terms.first_day.has_value();
    tell(line.line, {"",
                     plain ? "the same kind, prefix and carrier as "
                           : "the same kind, prefix, carrier, first day and times as ",
                     first->second == line.line
                         ? absl::StrCat("itself: ", PrefixOf(line.key), " is named twice")
                         : absl::StrCat("line ", first->second)});
  }
  return unique;
}

void LineGroups::CheckTimes(Group group, absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  const bool timed = std::any_of(group.begin(), group.end(), [](const Line& line) {
    return !TermsOf(line.terms).periods.empty();
  });
  if (!timed) return;
  // What holds changes on these days only.
  std::set<absl::CivilDay> days = {absl::CivilDay(1, 1, 1)};
  for (const Line& line : group) {
    const LineTerms& terms = TermsOf(line.terms);
    if (terms.first_day.has_value()) days.insert(*terms.first_day);
    if (terms.last_day.has_value()) days.insert(*terms.last_day + 1);
  }
  for (const absl::CivilDay day : days) {
    // Of one period the latest line that has begun.
    std::map<std::vector<DayPeriod>, const LineTerms*> holding;
    for (const Line& line : group) {
      const LineTerms& terms = TermsOf(line.terms);
      if (!HoldsOn(terms, day)) continue;
      const LineTerms*& held = holding[terms.periods];
      if (held == nullptr || held->first_day < terms.first_day) held = &terms;
    }
    if (holding.empty()) continue;
    std::vector<const LineTerms*> lines;
    for (const auto& [periods, terms] : holding) lines.push_back(terms);
    const std::string& problem = ProblemOf(lines);
    if (problem.empty()) continue;
    tell(group.front().line,
         {PrefixOf(group.front().key), problem,
          day.year() == 1 ? "" : absl::StrCat(" (from ", absl::FormatCivilTime(day), " on)")});
    return;
  }
}

const std::string& LineGroups::ProblemOf(const std::vector<const LineTerms*>& lines) {
  std::string key;
  for (const LineTerms* line : lines) {
    for (const DayPeriod& period : line->periods) {
      absl::StrAppend(&key, period.days, " ", period.from_minute, " ", period.to_minute, ",");
    }
    key.push_back(';');
  }
  const auto [known, is_new] = schedules_.try_emplace(key);
  if (is_new) known->second = CheckSchedule(lines);
  return known->second;
}

void LineGroups::FindGaps(Group group) {
  std::vector<std::tuple<absl::CivilDay, absl::CivilDay, uint32_t>> spans;
  for (const Line& line : group) {
    const LineTerms& terms = TermsOf(line.terms);
    spans.emplace_back(terms.first_day.value_or(absl::CivilDay(1, 1, 1)),
                       terms.last_day.value_or(absl::CivilDay(9999, 12, 31)), line.line);
  }
  std::sort(spans.begin(), spans.end());
  absl::CivilDay covered = std::get<1>(spans.front());
  for (const auto& [first, last, line] : spans) {
    if (first > covered + 1) {
      ++gap_count_;
      if (gaps_.size() < kShownGaps) {
        gaps_.push_back({line, PrefixOf(group.front().key), covered + 1, first - 1});
      }
    }
    covered = std::max(covered, last);
  }
}

}  // namespace reserve::rates
