#include "services/ledger/book/month_span.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/time/time.h"
#include "common/clock/utc.h"
#include "services/ledger/book/write_set.h"

namespace reserve::book {

int32_t MonthOfEntry(const domain::Entry& entry) {
  return MonthOf(entry.booked.has_value() ? entry.booked->usage.start_time : entry.record_time);
}

void NoteMonth(const domain::Entry& entry, KnownAccount* known, std::vector<MonthSpan>* spans) {
  const int32_t month = MonthOfEntry(entry);
  const int32_t last = std::exchange(known->last_month, month);
  if (month == known->month) return;  // as nearly all are: nothing to write
  spans->push_back({entry.account_id, month, entry.seq, entry.seq});
  // A usage that comes late is alone. The account turns to a later month at once, as time does, and
  // to an earlier one with the second in a row: then old ones are being sent in.
  if (month < known->month && month != last) return;
  if (known->month != 0) {
    // Its row has had the first seq since the account turned to it; 1 would only be too wide.
    spans->push_back({entry.account_id, known->month, 1, entry.seq - 1});
  }
  known->month = month;
}

int32_t OldestMonthOf(const WriteSet& writes) {
  absl::Time oldest = absl::InfiniteFuture();
  for (const domain::Entry& entry : writes.entries) {
    if (entry.booked.has_value()) oldest = std::min(oldest, entry.booked->usage.start_time);
  }
  for (const domain::UsageState* state : writes.usage_states) {
    // One that was voided before it came began at no known time.
    if (state->start_time != absl::InfinitePast()) oldest = std::min(oldest, state->start_time);
  }
  if (oldest == absl::InfiniteFuture()) return std::numeric_limits<int32_t>::max();
  return MonthOf(oldest);
}

}  // namespace reserve::book
