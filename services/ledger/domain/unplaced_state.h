// What the gateway told of a charge that no account has (P3): it waits for whoever credits it.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_UNPLACED_STATE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_UNPLACED_STATE_H_

#include <cstdint>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/dispute_policy.h"
#include "services/ledger/domain/refund_policy.h"

namespace reserve::domain {

// How the newest that was told of a refund or dispute stands.
struct UnplacedState {
  // The numbers are stored; never reuse one.
  enum class Standing : uint8_t {
    kListed = 1,     // a person must look
    kDismissed = 2,  // one has; it counts all the same once the charge is credited
    kApplied = 3,    // the charge was credited, and this counts there
  };

  int32_t slot = 0;  // where it is stored, from 1; 0: it is not yet
  std::variant<GatewayRefund, GatewayDispute> told;
  std::string currency;  // of its amount
  Standing standing = Standing::kListed;
  absl::Time create_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();  // when it moved on last

  bool is_refund() const { return std::holds_alternative<GatewayRefund>(told); }
  const std::string& charge_id() const;
  const std::string& told_id() const;  // the gateway's id of the refund or dispute
};

// Does `told` lead on from what is known of the same refund or dispute?
bool LeadsOn(const UnplacedState& known, const UnplacedState& told);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_UNPLACED_STATE_H_
