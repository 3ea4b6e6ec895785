// Which months an account has entries in, and between which of its seqs they lie.
//
// Entries are kept by month, and a usage belongs to the month it began in, so that an account's
// seqs run across the months: this tells a reader which months a stretch of seqs can be in.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_MONTH_SPAN_H_
#define RESERVE_SERVICES_LEDGER_BOOK_MONTH_SPAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "services/ledger/book/image.h"
#include "services/ledger/domain/journal.h"

namespace reserve::book {

// No entry that the account has in `month` has a seq below `first_seq` or above `last_seq`.
struct MonthSpan {
  std::string account_id;
  int32_t month = 0;  // 202611
  int64_t first_seq = 0;
  int64_t last_seq = 0;

  friend bool operator==(const MonthSpan&, const MonthSpan&) = default;
};

// The month that an entry belongs to: that of the usage's start, else of booking.
int32_t MonthOfEntry(const domain::Entry& entry);

// Notes that `entry`, the newest, was added to the account: moves its current month on where it
// turns to another, and adds the spans that are to be written for it, mostly none.
void NoteMonth(const domain::Entry& entry, KnownAccount* known, std::vector<MonthSpan>* spans);

struct WriteSet;
// The earliest month of what is written about usages: of their entries, and of the starts of those
// whose state changes; INT32_MAX: nothing is.
int32_t OldestMonthOf(const WriteSet& writes);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_MONTH_SPAN_H_
