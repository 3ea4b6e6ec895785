// How often the card networks let a card be tried that declines (G9). Pure.
//
// The networks fine a merchant who goes on trying. They count per card, so the
// declines of all accounts with the card (the fingerprint) are counted together,
// the first of a series too: Mastercard limits declined attempts, Visa the ones after the first.
//
//   NextAllowedAttempt(limits, card.network, declines, now) <= now  ->  may be tried
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CARD_LIMITS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CARD_LIMITS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/ledger/domain/account.h"

namespace reserve::domain {

// Declined attempts within a time, after which none is allowed; 0: no limit.
struct CardLimits {
  int32_t visa_per_30_days = 15;
  int32_t mastercard_per_24_hours = 10;
  int32_t mastercard_per_30_days = 35;
};

// Declines before this long ago count nowhere.
inline constexpr absl::Duration kCardDeclinesCount = absl::Hours(30 * 24);

// A declined attempt.
struct CardDecline {
  std::string account_id;
  int64_t ordinal = 0;
  int32_t attempt = 0;
  std::string card_fingerprint;
  absl::Time time = absl::InfinitePast();

  friend bool operator==(const CardDecline&, const CardDecline&) = default;
};

// The earliest time, not before `earliest`, at which a card with these declines
// (newest first) may be tried: fewer than the limit lie within the time before it.
// A card of an unknown or another network keeps to the limits of all of them.
absl::Time NextAllowedAttempt(const CardLimits& limits, CardNetwork network,
                              absl::Span<const absl::Time> declines, absl::Time earliest);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CARD_LIMITS_H_
