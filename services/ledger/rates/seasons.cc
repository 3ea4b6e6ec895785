#include "services/ledger/rates/seasons.h"

#include <algorithm>

namespace reserve::rates {
namespace {

using domain::LineTerms;

int64_t FirstDay(const LineTerms* line) {
  return line == nullptr || !line->first_day.has_value() ? kFromEver : DayNumber(*line->first_day);
}

// The day after its last one.
int64_t EndDay(const LineTerms* line) {
  return line == nullptr || !line->last_day.has_value() ? INT64_MAX
                                                        : DayNumber(*line->last_day) + 1;
}

bool SamePeriods(const LineTerms* one, const LineTerms* other) {
  static const std::vector<domain::DayPeriod> none;
  return (one == nullptr ? none : one->periods) == (other == nullptr ? none : other->periods);
}

std::vector<uint32_t> InForce(absl::Span<const LineTerms* const> lines, int64_t day) {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < lines.size(); ++i) {
    if (FirstDay(lines[i]) > day || EndDay(lines[i]) <= day) continue;
    const auto same = std::find_if(found.begin(), found.end(), [&](uint32_t other) {
      return SamePeriods(lines[i], lines[other]);
    });
    if (same == found.end()) {
      found.push_back(i);
    } else if (FirstDay(lines[i]) >= FirstDay(lines[*same])) {
      *same = i;
    }
  }
  return found;
}

}  // namespace

int64_t DayNumber(absl::CivilDay day) { return day - absl::CivilDay(1970, 1, 1); }

std::vector<LinesOfSeason> SeasonsOf(absl::Span<const LineTerms* const> lines) {
  std::vector<int64_t> days = {kFromEver};
  for (const LineTerms* line : lines) {
    if (FirstDay(line) != kFromEver) days.push_back(FirstDay(line));
    if (EndDay(line) != INT64_MAX) days.push_back(EndDay(line));
  }
  std::sort(days.begin(), days.end());
  days.erase(std::unique(days.begin(), days.end()), days.end());
  std::vector<LinesOfSeason> seasons;
  for (const int64_t day : days) {
    std::vector<uint32_t> in_force = InForce(lines, day);
    if (!seasons.empty() && seasons.back().lines == in_force) continue;
    seasons.push_back({day, std::move(in_force)});
  }
  return seasons;
}

}  // namespace reserve::rates
