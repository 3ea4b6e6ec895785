// Periods of an account's ledger, by booking: which entries are of one, and what they come to.
//
// A period is a stretch of seqs: from the first entry that was booked at or after its begin up to
// before the first that was booked at or after its end. The times of booking need not grow with the
// seqs, as clocks are put back; borders by this rule never cross all the same, so that periods that
// meet share no entry and leave none out, and a border that was found stays where it is.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_STATEMENTS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_STATEMENTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::storage {

struct BookedPeriod {
  SeqRange seqs;  // of the entries that there are now
  // An entry was booked at or after the end: the stretch stays what it is.
  bool final = false;
};

// The entries of a period; InfinitePast and InfiniteFuture: without a begin, without an end. All of
// the account's entries up to its end are looked at, in an index that has their times: what it
// costs grows with their number.
absl::StatusOr<BookedPeriod> FindBooked(Connection& connection, absl::string_view account_id,
                                        absl::Time begin, absl::Time end);

// What the entries of one kind come to. A sum that does not fit is the nearest amount that does.
struct KindTotal {
  domain::EntryKind kind = domain::EntryKind::kUsage;
  int64_t count = 0;
  Nanos credits = 0;  // what they add
  Nanos debits = 0;   // what they take, not above 0
};

struct PeriodSums {
  Nanos opening_balance = 0;      // before the first entry
  Nanos closing_balance = 0;      // after the last
  std::vector<KindTotal> totals;  // by kind
};

// What a stretch of entries comes to. All of them are looked at.
absl::StatusOr<PeriodSums> SumPeriod(Connection& connection, absl::string_view account_id,
                                     const SeqRange& seqs);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_STATEMENTS_H_
