// When an account is to be looked at again, and why: what time alone changes (G1).
//
// A command may find that something is in the way only until some time. It leaves that time
// with its reason on the account's row, the housekeeper gives the account a Reconsider when it
// has come, and who asks what is in the way reads the reason, not the time.
//
// A recharge that waits (for a retry, or for the networks' limits) has a time of its own, as
// it is handed to a worker and changes nothing of its account: Recharge::due_time.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DUE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DUE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "common/clock/compact_time.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class DueReason : uint8_t {
  kNone = 0,        // nothing waits for a time
  kCapWindow = 1,   // the hour's or day's cap is reached until its window ends (G7)
  kMonthlyCap = 2,  // the customer's own cap of the month is (G7)
  kClosing = 3,     // the account is CLOSING, and its grace may be over (P4)
  kGrantEnd = 4,    // a credit grant ends (P6)
};

struct Due {
  DueReason reason = DueReason::kNone;
  CompactTime time = absl::InfiniteFuture();  // never, of kNone

  // Is it a cap that stops automatic recharging?
  bool capped() const {
    return reason == DueReason::kCapWindow || reason == DueReason::kMonthlyCap;
  }

  friend bool operator==(const Due&, const Due&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DUE_H_
