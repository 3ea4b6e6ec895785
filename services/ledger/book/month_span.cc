#include "services/ledger/book/month_span.h"

#include <utility>

#include "common/clock/utc.h"

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

}  // namespace reserve::book
