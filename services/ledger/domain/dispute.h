// Disputes: charges that the cardholder's bank takes back (P2).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/money/money.h"

namespace reserve::domain {

// The numbers are stored; never reuse one. A dispute only moves on in this order; WON and LOST
// are its ends.
enum class DisputeState : uint8_t { kInquiry = 1, kOpened = 2, kWon = 3, kLost = 4 };

struct Dispute {
  std::string account_id;
  std::string dispute_id;  // the gateway's
  int64_t ordinal = 0;     // of the recharge whose charge it is
  std::string charge_id;
  Nanos amount = 0;
  DisputeState state = DisputeState::kInquiry;
  std::string reason;             // as the bank says
  bool debited = false;           // its amount is out of the balance
  int32_t suspension_number = 0;  // the suspension that it is a reason of; 0: of none
  std::string card_fingerprint;   // the number that it keeps from being charged; empty: none
  absl::Time create_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();

  friend bool operator==(const Dispute&, const Dispute&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTE_H_
