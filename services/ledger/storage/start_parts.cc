#include "services/ledger/storage/start_parts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/clock/utc.h"

namespace reserve::storage {
namespace {

constexpr int kDaysOfPart = 8;
constexpr int kLastPart = 4;

absl::Time MidnightOf(absl::CivilDay day) { return absl::FromCivil(day, absl::UTCTimeZone()); }

}  // namespace

int StartPartOf(absl::Time start) {
  return 1 + (absl::ToCivilDay(start, absl::UTCTimeZone()).day() - 1) / kDaysOfPart;
}

std::string InStartParts(absl::Time begin, absl::Time end) {
  std::string condition = "start_part IN (0";
  const absl::Time last = end - absl::Microseconds(1);
  const bool within_month = end - begin <= absl::Hours(24 * 31) && MonthOf(begin) == MonthOf(last);
  const int first_part = within_month ? StartPartOf(begin) : 1;
  const int last_part = within_month ? StartPartOf(last) : kLastPart;
  for (int part = first_part; part <= last_part; ++part) absl::StrAppend(&condition, ",", part);
  return condition + ")";
}

std::vector<StartPart> StartPartsOf(int32_t month, absl::Time begin, absl::Time end,
                                    bool has_zero) {
  std::vector<StartPart> parts;
  const absl::CivilMonth of(month / 100, month % 100);
  for (int part = 1; part <= kLastPart; ++part) {
    const absl::CivilDay first = absl::CivilDay(of) + int64_t{part - 1} * kDaysOfPart;
    const absl::CivilDay next = part == kLastPart ? absl::CivilDay(of + 1) : first + kDaysOfPart;
    const absl::Time from = std::max(begin, MidnightOf(first));
    const absl::Time before = std::min(end, MidnightOf(next));
    if (from >= before) continue;
    parts.push_back({from, before,
                     has_zero ? absl::StrCat("start_part IN (0,", part, ")")
                              : absl::StrCat("start_part = ", part)});
  }
  return parts;
}

}  // namespace reserve::storage
