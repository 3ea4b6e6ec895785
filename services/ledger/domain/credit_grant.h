// Promotional credit with an end (P6), as it stands with its account: what can still be drawn.
//
// A grant is booked by an entry, and so is its end; what a usage drew on which grant is stored with
// the usage. The balance is own money and promotional together.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CREDIT_GRANT_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CREDIT_GRANT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock/compact_time.h"
#include "common/money/money.h"

namespace reserve::domain {

struct CreditGrant {
  int32_t number = 0;   // 1, 2, 3 ... of the account
  int64_t seq = 0;      // of the entry that booked it: later usage draws on it
  Nanos remaining = 0;  // 0: used up, but what a void gives back can be used again
  CompactTime end = absl::InfinitePast();  // nothing is drawn from then on

  friend bool operator==(const CreditGrant&, const CreditGrant&) = default;
};

// So many, whose end has not come, an account can have.
inline constexpr size_t kMostCreditGrants = 30;

// What was drawn on a grant, or given back to it.
struct GrantDraw {
  int32_t number = 0;
  Nanos amount = 0;

  friend bool operator==(const GrantDraw&, const GrantDraw&) = default;
};

// "1:250000000 3:5000": as it is stored with a usage; empty for none.
std::string TextOf(const std::vector<GrantDraw>& draws);
// What is no such text is none.
std::vector<GrantDraw> DrawsFrom(absl::string_view text);

Nanos SumOf(const std::vector<CreditGrant>& grants);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CREDIT_GRANT_H_
