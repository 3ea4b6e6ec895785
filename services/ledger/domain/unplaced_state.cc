#include "services/ledger/domain/unplaced_state.h"

namespace reserve::domain {

const std::string& UnplacedState::charge_id() const {
  return std::visit([](const auto& state) -> const std::string& { return state.charge_id; }, told);
}

const std::string& UnplacedState::told_id() const {
  const auto* refund = std::get_if<GatewayRefund>(&told);
  return refund != nullptr ? refund->refund_id : std::get<GatewayDispute>(told).dispute_id;
}

bool LeadsOn(const UnplacedState& known, const UnplacedState& told) {
  if (told.is_refund()) {
    return std::get<GatewayRefund>(told.told).state > std::get<GatewayRefund>(known.told).state;
  }
  return LeadsOn(std::get<GatewayDispute>(known.told).state,
                 std::get<GatewayDispute>(told.told).state);
}

}  // namespace reserve::domain
