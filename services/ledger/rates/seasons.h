// Which lines of a prefix and carrier are in force together, day by day (C11): what a deck's lookup
// and the check of an import both go by.
//
// Pure. Days are counted from 1970-01-01 in the deck's zone.
#ifndef RESERVE_SERVICES_LEDGER_RATES_SEASONS_H_
#define RESERVE_SERVICES_LEDGER_RATES_SEASONS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "services/ledger/domain/line_terms.h"

namespace reserve::rates {

inline constexpr int64_t kFromEver = INT64_MIN;

struct LinesOfSeason {
  int64_t from_day = kFromEver;  // until the next season
  std::vector<uint32_t> lines;   // places in `lines`; none: as if the prefix had no line
};

int64_t DayNumber(absl::CivilDay day);

// What lines of one prefix and carrier say; null says nothing beyond a price. The seasons come in
// the order of time, the first one from ever. Of lines of the same periods the one with the latest
// first day counts, of those the last in `lines`.
std::vector<LinesOfSeason> SeasonsOf(absl::Span<const domain::LineTerms* const> lines);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_SEASONS_H_
