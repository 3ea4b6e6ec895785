// What the gateway remembers, and its form in the data file: a line of JSON each.
//
// Thread-safe: plain values and pure functions.
#ifndef RESERVE_GATEWAY_STUB_RECORD_H_
#define RESERVE_GATEWAY_STUB_RECORD_H_

#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/gateway_stub/card_token.h"

namespace reserve::gateway_stub {

// What the caller asked for. The same key must come with the same content.
struct ChargeOrder {
  std::string idempotency_key = {};
  std::string card_token = {};
  Nanos amount = 0;
  std::string currency_code = {};
  std::string reference = {};

  friend bool operator==(const ChargeOrder&, const ChargeOrder&) = default;
};

struct RefundOrder {
  std::string idempotency_key = {};
  std::string charge_id = {};
  std::string reason = {};

  friend bool operator==(const RefundOrder&, const RefundOrder&) = default;
};

// A charge as it was decided.
struct ChargeRecord {
  std::string charge_id = {};
  ChargeOrder order = {};
  const Decline* decline = nullptr;  // null: it succeeded
  Reply reply = Reply::kAnswer;
  absl::Time create_time = {};
  std::string refund_id = {};  // empty: not given back
  absl::Time refund_time = {};
  bool pending = false;  // as it is shown: not decided yet
};

// A refund as it was made.
struct RefundRecord {
  std::string refund_id = {};
  RefundOrder order = {};
  absl::Time create_time = {};
};

// One line, without its end. The refund of a charge is a line of its own.
std::string EncodeLine(const ChargeRecord& charge);
std::string EncodeLine(const RefundRecord& refund);

// INVALID_ARGUMENT for anything that EncodeLine does not write.
absl::StatusOr<std::variant<ChargeRecord, RefundRecord>> DecodeLine(absl::string_view line);

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_RECORD_H_
