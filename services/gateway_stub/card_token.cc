#include "services/gateway_stub/card_token.h"

#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace reserve::gateway_stub {
namespace {

constexpr int64_t kMaxDelayMs = 3'600'000;
constexpr int64_t kMaxCount = 1'000'000;

constexpr Decline kDeclines[] = {
    {DeclineClass::kSoft, "insufficient_funds", "The card has insufficient funds."},
    {DeclineClass::kSoft, "card_velocity_exceeded", "The card's balance or credit limit is used."},
    {DeclineClass::kSoft, "withdrawal_count_limit_exceeded", "The card is used too often."},
    {DeclineClass::kSoft, "processing_error", "The card could not be processed just now."},
    {DeclineClass::kSoft, "try_again_later", "The issuer asks to try again later."},
    {DeclineClass::kSoft, "reenter_transaction", "The issuer asks to try again."},
    {DeclineClass::kSoft, "issuer_not_available", "The issuer can't be reached."},
    {DeclineClass::kSoft, "no_action_taken", "The issuer did nothing, for no reason given."},
    {DeclineClass::kSoft, "generic_decline", "The card was declined for no reason given."},
    {DeclineClass::kSoft, "do_not_honor", "The card was declined for no reason given."},
    {DeclineClass::kSoft, "call_issuer", "The card was declined for no reason given."},
    {DeclineClass::kSoft, "duplicate_transaction", "The issuer has just seen the same charge."},
    {DeclineClass::kHard, "expired_card", "The card has expired."},
    {DeclineClass::kHard, "incorrect_cvc", "The security code is wrong."},
    {DeclineClass::kHard, "incorrect_number", "The card number is wrong."},
    {DeclineClass::kHard, "invalid_expiry_month", "The expiry month is wrong."},
    {DeclineClass::kHard, "invalid_expiry_year", "The expiry year is wrong."},
    {DeclineClass::kHard, "lost_card", "The card is reported lost."},
    {DeclineClass::kHard, "stolen_card", "The card is reported stolen."},
    {DeclineClass::kHard, "pickup_card", "The card can't be used for this payment."},
    {DeclineClass::kHard, "restricted_card", "The card can't be used for this payment."},
    {DeclineClass::kHard, "fraudulent", "The charge is suspected of fraud."},
    {DeclineClass::kHard, "merchant_blacklist", "The card is on the merchant's block list."},
    {DeclineClass::kHard, "revocation_of_authorization", "The customer revoked this payment."},
    {DeclineClass::kHard, "revocation_of_all_authorizations", "The customer revoked all payments."},
    {DeclineClass::kHard, "stop_payment_order", "The customer stopped this payment."},
    {DeclineClass::kHard, "do_not_try_again", "The issuer asks not to try again."},
    {DeclineClass::kHard, "transaction_not_allowed", "The issuer does not allow this payment."},
    {DeclineClass::kHard, "highest_risk_level", "The charge is too risky."},
    {DeclineClass::kHard, "currency_not_supported", "The card does not take this currency."},
    {DeclineClass::kHard, "card_not_supported", "The card does not take this kind of payment."},
    {DeclineClass::kHard, "invalid_account", "The card or its account is not valid."},
    {DeclineClass::kHard, "not_permitted", "The payment is not permitted."},
    {DeclineClass::kHard, "service_not_allowed", "The payment is not permitted."},
    {DeclineClass::kHard, "invalid_card_token", "There is no such card."},
    {DeclineClass::kAuthenticationRequired, "authentication_required",
     "The customer must authenticate the payment."},
};

// Names without "tok_" or "pm_card_"; an empty code succeeds.
struct NamedCard {
  absl::string_view name;
  absl::string_view code;
};

constexpr NamedCard kNamedCards[] = {
    {"visa", ""},
    {"visa_debit", ""},
    {"mastercard", ""},
    {"mastercard_debit", ""},
    {"amex", ""},
    {"discover", ""},
    {"diners", ""},
    {"jcb", ""},
    {"visa_chargeDeclined", "generic_decline"},
    {"visa_chargeDeclinedInsufficientFunds", "insufficient_funds"},
    {"visa_chargeDeclinedLostCard", "lost_card"},
    {"visa_chargeDeclinedStolenCard", "stolen_card"},
    {"visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"},
    {"chargeDeclined", "generic_decline"},
    {"chargeDeclinedInsufficientFunds", "insufficient_funds"},
    {"chargeDeclinedLostCard", "lost_card"},
    {"chargeDeclinedStolenCard", "stolen_card"},
    {"chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"},
    {"chargeDeclinedExpiredCard", "expired_card"},
    {"chargeDeclinedIncorrectCvc", "incorrect_cvc"},
    {"chargeDeclinedProcessingError", "processing_error"},
    {"chargeDeclinedFraudulent", "fraudulent"},
    {"chargeCustomerFail", "generic_decline"},
    {"radarBlock", "highest_risk_level"},
    {"authenticationRequired", "authentication_required"},
    {"authenticationRequiredOnSetup", "authentication_required"},
    {"threeDSecureRequired", "authentication_required"},
};

CardBehavior Declining(absl::string_view code) {
  CardBehavior behavior;
  behavior.decline = FindDecline(code);
  return behavior;
}

// The number that is all that is left of `text` after `prefix`.
std::optional<int64_t> NumberAfter(absl::string_view text, absl::string_view prefix, int64_t max) {
  int64_t number = 0;
  if (!absl::ConsumePrefix(&text, prefix) || text.empty() || text.size() > 9) return std::nullopt;
  if (text.find_first_not_of("0123456789") != absl::string_view::npos) return std::nullopt;
  if (!absl::SimpleAtoi(text, &number) || number > max) return std::nullopt;
  return number;
}

// The cards whose behaviour is a number.
std::optional<CardBehavior> NumberedCard(absl::string_view name) {
  CardBehavior behavior;
  if (const auto n = NumberAfter(name, "decline_after_", kMaxCount)) {
    behavior.decline = FindDecline("insufficient_funds");
    behavior.other_way_first = *n;
    return behavior;
  }
  if (const auto n = NumberAfter(name, "soft_then_ok_", kMaxCount)) {
    behavior.other_way_first = *n;
    return behavior;
  }
  if (const auto ms = NumberAfter(name, "late_", kMaxDelayMs)) {
    behavior.reply_delay = absl::Milliseconds(*ms);
    return behavior;
  }
  if (const auto ms = NumberAfter(name, "slow_", kMaxDelayMs)) {
    behavior.work_time = absl::Milliseconds(*ms);
    return behavior;
  }
  if (const auto n = NumberAfter(name, "partial_", kMaxCount)) {
    behavior.most_captured = *n;
    return behavior;
  }
  if (const auto ms = NumberAfter(name, "pending_", kMaxDelayMs)) {
    behavior.pending_time = absl::Milliseconds(*ms);
    return behavior;
  }
  if (const auto ms = NumberAfter(name, "pending_decline_", kMaxDelayMs)) {
    behavior.decline = FindDecline("insufficient_funds");
    behavior.pending_time = absl::Milliseconds(*ms);
    return behavior;
  }
  if (const auto n = NumberAfter(name, "fail_before_", kMaxCount)) {
    behavior.failures_before = *n;
    return behavior;
  }
  if (const auto n = NumberAfter(name, "invalid_request_", kMaxCount)) {
    behavior.failures_before = *n;
    behavior.invalid_before = true;
    return behavior;
  }
  return std::nullopt;
}

// The cards whose trouble is not with the card.
std::optional<CardBehavior> TroubledCard(absl::string_view name) {
  CardBehavior behavior;
  if (name == "lost_reply") {
    behavior.reply = Reply::kLost;
  } else if (name == "fail_before") {
    behavior.failures_before = 1;
  } else if (name == "unavailable") {
    behavior.failures_before = std::numeric_limits<int64_t>::max();
  } else if (name == "invalid_request") {
    behavior.failures_before = std::numeric_limits<int64_t>::max();
    behavior.invalid_before = true;
  } else if (name == "internal") {
    behavior.decline = FindDecline("processing_error");
    behavior.reply = Reply::kInternalError;
  } else if (name == "internal_charged") {
    behavior.reply = Reply::kInternalError;
  } else {
    return std::nullopt;
  }
  return behavior;
}

// The cards that are charged as any other and differ in how they are given back; `name` without
// "refund_".
std::optional<CardBehavior> RefundCard(absl::string_view name) {
  CardBehavior behavior;
  RefundBehavior& refund = behavior.refund;
  const auto pending_ms = NumberAfter(name, "pending_", kMaxDelayMs);
  const auto pending_fail_ms = NumberAfter(name, "pending_fail_", kMaxDelayMs);
  const auto fail_later_ms = NumberAfter(name, "fail_later_", kMaxDelayMs);
  const auto late_ms = NumberAfter(name, "late_", kMaxDelayMs);
  const auto slow_ms = NumberAfter(name, "slow_", kMaxDelayMs);
  const auto failures = NumberAfter(name, "fail_before_", kMaxCount);
  if (pending_ms.has_value()) {
    refund.pending_time = absl::Milliseconds(*pending_ms);
  } else if (pending_fail_ms.has_value()) {
    refund.pending_time = absl::Milliseconds(*pending_fail_ms);
    refund.fails_after = refund.pending_time;
  } else if (fail_later_ms.has_value()) {
    refund.fails_after = absl::Milliseconds(*fail_later_ms);
  } else if (late_ms.has_value()) {
    refund.reply_delay = absl::Milliseconds(*late_ms);
  } else if (slow_ms.has_value()) {
    refund.work_time = absl::Milliseconds(*slow_ms);
  } else if (failures.has_value()) {
    refund.failures_before = *failures;
  } else if (name == "fail_before") {
    refund.failures_before = 1;
  } else if (name == "unavailable") {
    refund.failures_before = std::numeric_limits<int64_t>::max();
  } else if (name == "lost_reply") {
    refund.reply = Reply::kLost;
  } else if (name == "internal") {
    refund.reply = Reply::kInternalError;
  } else if (name == "fail") {
    refund.failure_code = kRefundFailureCode;
  } else {
    return std::nullopt;
  }
  return behavior;
}

}  // namespace

absl::Span<const Decline> Declines() { return kDeclines; }

const Decline* FindDecline(absl::string_view code) {
  for (const Decline& decline : kDeclines) {
    if (decline.code == code) return &decline;
  }
  return nullptr;
}

CardBehavior BehaviorOf(absl::string_view card_token) {
  absl::string_view name = card_token.substr(0, card_token.find('#'));
  if (!absl::ConsumePrefix(&name, "tok_") && !absl::ConsumePrefix(&name, "pm_card_")) {
    return Declining("invalid_card_token");
  }
  for (const NamedCard& card : kNamedCards) {
    if (card.name != name) continue;
    CardBehavior behavior;
    behavior.decline = FindDecline(card.code);
    behavior.until_authenticated = card.code == "authentication_required";
    return behavior;
  }
  if (const auto behavior = NumberedCard(name)) return *behavior;
  if (const auto behavior = TroubledCard(name)) return *behavior;
  if (absl::ConsumePrefix(&name, "refund_")) {
    return RefundCard(name).value_or(Declining("invalid_card_token"));
  }
  if (absl::ConsumePrefix(&name, "decline_") && FindDecline(name) != nullptr) {
    return Declining(name);
  }
  return Declining("invalid_card_token");
}

const Decline* NextDecline(const CardBehavior& behavior, const CardHistory& history) {
  if (behavior.until_authenticated && history.authenticated) return nullptr;
  if (behavior.other_way_first == 0) return behavior.decline;
  if (behavior.decline != nullptr) {
    return history.succeeded < behavior.other_way_first ? nullptr : behavior.decline;
  }
  return history.declined < behavior.other_way_first ? FindDecline("insufficient_funds") : nullptr;
}

}  // namespace reserve::gateway_stub
