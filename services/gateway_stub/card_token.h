// The test cards: what each token does when it is charged. A pure table.
//
// Anything from `#` on is a suffix that makes another card with the same
// behaviour: `tok_visa#42`. The whole text is the card for everything that counts
// per card. A number is at most 3,600,000 (ms) or 1,000,000 (n).
//
//   token                          behaviour
//   tok_visa, tok_mastercard       succeeds (also amex, discover, diners, jcb)
//   tok_visa_chargeDeclined...     declines, under the names of Stripe's test tokens
//   tok_chargeDeclined..., tok_chargeCustomerFail, tok_radarBlock,
//   tok_authenticationRequired     the same; `pm_card_...` works for each of them, too. One that
//                                  asks for authentication succeeds once its holder has
//                                  authenticated it (StubDashboard.AuthenticateCard)
//   tok_decline_<code>             declines with any code of Declines()
//   tok_decline_after_<n>          succeeds n times, then insufficient_funds
//   tok_soft_then_ok_<n>           insufficient_funds n times, then succeeds
//   tok_late_<ms>                  charged at once, the reply comes so much later
//   tok_slow_<ms>                  in work for so long, then charged
//   tok_partial_<n>                at most n minor units are captured
//   tok_pending_<ms>               pending for so long, then charged
//   tok_pending_decline_<ms>       pending for so long, then declined: insufficient_funds
//   tok_lost_reply                 charged, the reply is lost; asked again, it is replayed
//   tok_fail_before[_<n>]          the first n (1) requests fail, nothing charged
//   tok_unavailable                every request fails, nothing charged
//   tok_invalid_request[_<n>]      the first n (all) requests are refused as invalid, and not
//                                  for the card; nothing charged
//   tok_internal                   not charged; an internal error, stored and replayed
//   tok_internal_charged           charged; an internal error, stored and replayed
//   tok_refund_<...>               succeeds; what is special is how it is given back:
//   tok_refund_fail                refunds fail: expired_or_canceled_card
//   tok_refund_fail_later_<ms>     refunds succeed, and fail so much later
//   tok_refund_pending_<ms>        refunds are pending for so long, then succeed
//   tok_refund_pending_fail_<ms>   refunds are pending for so long, then fail
//   tok_refund_late_<ms>           given back at once, the reply comes so much later
//   tok_refund_slow_<ms>           refunds are in work for so long, then given back
//   tok_refund_lost_reply          given back, the reply is lost; asked again, it is replayed
//   tok_refund_fail_before[_<n>]   the first n (1) requests for refunds fail, nothing given back
//   tok_refund_unavailable         every request for a refund fails, nothing given back
//   tok_refund_internal            given back; an internal error, stored and replayed
//   anything else                  declined for good: invalid_card_token
//
// Thread-safe: pure functions.
#ifndef RESERVE_GATEWAY_STUB_CARD_TOKEN_H_
#define RESERVE_GATEWAY_STUB_CARD_TOKEN_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace reserve::gateway_stub {

// What refunds of the test cards fail with.
inline constexpr absl::string_view kRefundFailureCode = "expired_or_canceled_card";

// What may be done after a decline.
enum class DeclineClass : uint8_t { kSoft = 1, kHard = 2, kAuthenticationRequired = 3 };

struct Decline {
  DeclineClass decline_class;
  // The gateway's code, and a sentence for support staff.
  absl::string_view code;
  absl::string_view message;
};

// Every decline there is.
absl::Span<const Decline> Declines();
// The decline of that code, or null.
const Decline* FindDecline(absl::string_view code);

// What the caller gets to see of a charge or a refund that was decided.
enum class Reply : uint8_t {
  kAnswer = 1,     // the charge
  kLost,           // nothing, the first time; the charge from then on
  kInternalError,  // an internal error, each time
};

// How a charge of the card is given back.
struct RefundBehavior {
  // Empty: it succeeds.
  absl::string_view failure_code = "";
  // So many requests fail before anything is stored.
  int64_t failures_before = 0;
  Reply reply = Reply::kAnswer;
  // In work for so long before it is decided, on top of what every request takes.
  absl::Duration work_time = absl::ZeroDuration();
  // Pending for so long, once it is decided.
  absl::Duration pending_time = absl::ZeroDuration();
  // It fails so long after it is decided; never, if that is infinite.
  absl::Duration fails_after = absl::InfiniteDuration();
  // Between decision and reply.
  absl::Duration reply_delay = absl::ZeroDuration();
};

struct CardBehavior {
  // Null: it succeeds.
  const Decline* decline = nullptr;
  // It declines only until its holder has authenticated it.
  bool until_authenticated = false;
  // Of a card that changes: so many charges go the other way first.
  int64_t other_way_first = 0;
  // So many requests fail before anything is stored.
  int64_t failures_before = 0;
  // Are these the caller's fault? INVALID_ARGUMENT then, else UNAVAILABLE.
  bool invalid_before = false;
  Reply reply = Reply::kAnswer;
  // In work for so long before it is decided, on top of what every charge takes.
  absl::Duration work_time = absl::ZeroDuration();
  // At most so many minor units are captured; 0: all.
  int64_t most_captured = 0;
  // Decided at once and called pending for so long.
  absl::Duration pending_time = absl::ZeroDuration();
  // Between decision and reply.
  absl::Duration reply_delay = absl::ZeroDuration();
  RefundBehavior refund = {};
};

CardBehavior BehaviorOf(absl::string_view card_token);

// What happened to the card so far.
struct CardHistory {
  bool authenticated = false;
  int64_t failed_before = 0;
  int64_t succeeded = 0;
  int64_t declined = 0;
  int64_t refunds_failed_before = 0;
};

// How the next charge of the card ends: null if it succeeds.
const Decline* NextDecline(const CardBehavior& behavior, const CardHistory& history);

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_CARD_TOKEN_H_
