#include "services/ledger/domain/card_limits.h"

#include <algorithm>

namespace reserve::domain {

absl::Time NextAllowedAttempt(const CardLimits& limits, CardNetwork network,
                              absl::Span<const absl::Time> declines, absl::Time earliest) {
  absl::Time allowed = earliest;
  const auto keep = [&](int32_t limit, absl::Duration window) {
    if (limit < 1 || declines.size() < static_cast<size_t>(limit)) return;
    // Once this one has left the window, fewer than the limit are in it.
    const absl::Time oldest = declines[static_cast<size_t>(limit) - 1];
    allowed = std::max(allowed, oldest + window);
  };
  if (network != CardNetwork::kMastercard) keep(limits.visa_per_30_days, kCardDeclinesCount);
  if (network != CardNetwork::kVisa) {
    keep(limits.mastercard_per_24_hours, absl::Hours(24));
    keep(limits.mastercard_per_30_days, kCardDeclinesCount);
  }
  return allowed;
}

}  // namespace reserve::domain
