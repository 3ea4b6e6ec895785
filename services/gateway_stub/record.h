// What the gateway remembers, and its form in the data file: a line of JSON each.
//
// Thread-safe: plain values and pure functions.
#ifndef RESERVE_GATEWAY_STUB_RECORD_H_
#define RESERVE_GATEWAY_STUB_RECORD_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/gateway_stub/card_token.h"

namespace reserve::gateway_stub {

// A card whose holder has authenticated it with the bank.
struct CardRecord {
  std::string card_token = {};
  absl::Time authenticate_time = {};
};

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
  Nanos amount = 0;
  std::string currency_code = {};
  std::string reference = {};
  std::string reason = {};

  friend bool operator==(const RefundOrder&, const RefundOrder&) = default;
};

enum class RefundState : uint8_t { kPending = 1, kSucceeded, kFailed };

// A refund as it was decided; the order's key is empty if it was made by hand.
struct RefundRecord {
  std::string refund_id = {};
  RefundOrder order = {};
  RefundState state = RefundState::kSucceeded;
  // Of one that is pending: from when on it has succeeded.
  absl::Time succeed_time = {};
  // From when on it has failed, whatever it was before.
  absl::Time fail_time = absl::InfiniteFuture();
  std::string failure_code = {};  // empty: it did not fail
  Reply reply = Reply::kAnswer;
  absl::Time create_time = {};
  absl::Time update_time = {};  // of the state
};

enum class DisputeState : uint8_t { kInquiry = 1, kOpened, kWon, kLost };

struct DisputeRecord {
  std::string dispute_id = {};
  std::string charge_id = {};
  Nanos amount = 0;
  std::string currency_code = {};
  DisputeState state = DisputeState::kOpened;
  std::string reason = {};
  absl::Time create_time = {};
  absl::Time update_time = {};  // of the state
};

// A charge as it was decided.
struct ChargeRecord {
  std::string charge_id = {};
  ChargeOrder order = {};
  const Decline* decline = nullptr;  // null: it succeeded
  Reply reply = Reply::kAnswer;
  absl::Time create_time = {};
  // As it is shown: not decided yet; when it, a refund or a dispute last changed; and these,
  // oldest first.
  bool pending = false;
  absl::Time update_time = {};
  std::vector<RefundRecord> refunds = {};
  std::vector<DisputeRecord> disputes = {};
};

// What the card of a success paid; 0 if it was declined.
Nanos CapturedOf(const ChargeRecord& charge);
// The refund as it is at that time: pending until then, succeeded or failed.
RefundRecord AsOf(RefundRecord refund, absl::Time now);
// Does the merchant not have this money any more?
bool TakesMoney(const RefundRecord& refund);
bool TakesMoney(const DisputeRecord& dispute);

inline const std::string& IdOf(const RefundRecord& refund) { return refund.refund_id; }
inline const std::string& IdOf(const DisputeRecord& dispute) { return dispute.dispute_id; }
inline const std::string& ChargeIdOf(const RefundRecord& refund) { return refund.order.charge_id; }
inline const std::string& ChargeIdOf(const DisputeRecord& dispute) { return dispute.charge_id; }

// One line, without its end. A refund or a dispute is a line of its own, and one more each time
// that it changes: the last one counts.
std::string EncodeLine(const ChargeRecord& charge);
std::string EncodeLine(const RefundRecord& refund);
std::string EncodeLine(const DisputeRecord& dispute);
std::string EncodeLine(const CardRecord& card);

using AnyRecord = std::variant<ChargeRecord, RefundRecord, DisputeRecord, CardRecord>;
// INVALID_ARGUMENT for anything that EncodeLine does not write. Lines of before refunds had
// amounts come with the amount 0 and no currency: these gave all of the charge back.
absl::StatusOr<AnyRecord> DecodeLine(absl::string_view line);

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_RECORD_H_
