// A refund or a dispute of a charge, as the gateway has it: what the ledger is told of money that
// comes back, or is taken back. Plain values, without protobuf; gateway_messages.h makes them.
#ifndef RESERVE_WORKER_GATEWAY_STATE_H_
#define RESERVE_WORKER_GATEWAY_STATE_H_

#include <cstdint>
#include <string>

#include "common/money/money.h"

namespace reserve::worker {

struct GatewayState {
  enum class Kind : uint8_t { kRefund = 1, kDispute };
  Kind kind = Kind::kRefund;
  std::string id = {};         // the gateway's
  std::string key = {};        // of a refund: under which it was asked for; empty: by hand
  std::string reference = {};  // of a refund
  // How it stands, in the numbers that both protos have for it; 0: not known.
  int32_t state = 0;
  Nanos amount = 0;  // 0: can't be read
  std::string currency = {};
  std::string text = {};  // why it failed, or is disputed

  friend bool operator==(const GatewayState&, const GatewayState&) = default;
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_GATEWAY_STATE_H_
