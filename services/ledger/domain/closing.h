// How far the closing of an account is (P4), as it is stored with the account.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CLOSING_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CLOSING_H_

#include <cstdint>

#include "absl/time/time.h"
#include "common/clock/compact_time.h"
#include "common/money/money.h"

namespace reserve::domain {

struct Closing {
  CompactTime begin_time = absl::InfinitePast();   // InfinitePast: nobody closes it
  CompactTime grace_until = absl::InfinitePast();  // facts are booked until then at least
  // When the first refund of closing was opened, or, where nothing goes back to a card, when it was
  // closed: from then on usage is refused. InfinitePast: not yet.
  CompactTime facts_end = absl::InfinitePast();
  // The refunds of closing: so many, numbered from this one on. They are opened at once.
  int64_t first_refund = 0;
  int32_t refunds = 0;
  Nanos owed = 0;         // to be paid out by a person, in all
  Nanos paid_out = 0;     // of that, what a person has
  Nanos written_off = 0;  // net: debt above zero, what is less than a minor unit below it
  CompactTime close_time = absl::InfinitePast();
  // Money that came or went after it was closed, until a person has looked: since when, or
  // InfinitePast, and how much, net.
  CompactTime late_time = absl::InfinitePast();
  Nanos late = 0;

  bool begun() const { return begin_time != absl::InfinitePast(); }
  // Has a person still to pay something out?
  bool owes() const { return owed > paid_out; }
  bool takes_facts() const { return facts_end == absl::InfinitePast(); }
  // Is it the ordinal of one of its refunds?
  bool opened(int64_t ordinal) const {
    return ordinal >= first_refund && ordinal - first_refund < refunds;
  }
  friend bool operator==(const Closing&, const Closing&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CLOSING_H_
