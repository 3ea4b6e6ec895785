// Where in a month's index of starts a usage lies.
//
// The index of the history by start (entries, by_part) goes by the part of the month in which a
// usage began, by account, and by start: so what is written lies close together, and a month's
// index need not be in memory as a whole. A part is eight days of the month in UTC, 1 to 4; 0 is
// what programs wrote that knew of none.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_START_PARTS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_START_PARTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace reserve::storage {

// The part that a usage is written to.
int StartPartOf(absl::Time start);

// As a condition, the parts in which usages of one month may lie that began in the range; all, if
// it is longer: "start_part IN (0,2,3)".
std::string InStartParts(absl::Time begin, absl::Time end);

// A part of a range of starts that an index has in order, or nearly so.
struct StartPart {
  absl::Time begin;
  absl::Time end;
  std::string condition;  // "start_part = 2"
};
// The parts that the range has of the month, oldest first. `has_zero`: usages may lie in part 0.
std::vector<StartPart> StartPartsOf(int32_t month, absl::Time begin, absl::Time end, bool has_zero);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_START_PARTS_H_
