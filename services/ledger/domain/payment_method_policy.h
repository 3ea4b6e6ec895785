// Cards: what the customer gives, confirms, orders and takes away (G5, G6, G9, G10).
//
// Whatever the customer does on purpose is believed: a card that is given or confirmed is USABLE
// and is tried at once, within the limits, where a recharge is wanted. An attempt that is in
// flight ends on the card it was sent with, and its decline says nothing of the card given since.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_METHOD_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_METHOD_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/payment_method.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

struct GivenCard {
  Card card = {};
  std::optional<CardDisplay> display = {};  // not given: what is known of the same number stays
  int32_t position = 0;                     // in the customer's order, from 1; 0: as it is, or last
  // Is the card's fingerprint what the customer's bank, or whoever knows, says? Else it is
  // StandInNumber(), and what the account knows of the token counts.
  bool number_given = true;
};

// Adds a card. One with the token or the number of a card of the account confirms or renews that
// card. Refused:
// "TOO_MANY_PAYMENT_METHODS", "TOO_MANY_CARDS_GIVEN".
absl::StatusOr<Transition> AddPaymentMethod(const Context& context, const Account& account,
                                            const GivenCard& given);

// Gives or confirms the card `payment_method_id`; empty: the one with this token, else with this
// number, else the first, else a new one. A token that is empty changes display and position alone.
// Refused: "PAYMENT_METHOD_NOT_FOUND", "TOO_MANY_CARDS_GIVEN".
absl::StatusOr<Transition> UpdatePaymentMethod(const Context& context, const Account& account,
                                               const std::string& payment_method_id,
                                               const GivenCard& given);

// Takes a card away, also the last. One that was taken away before: changes nothing. Refused:
// "PAYMENT_METHOD_NOT_FOUND".
absl::StatusOr<Transition> RemovePaymentMethod(const Context& context, const Account& account,
                                               const std::string& payment_method_id);

// The id of an account's n-th card, and its number; 0 of what is no such id.
std::string PaymentMethodId(int32_t number);
int32_t NumberOf(absl::string_view payment_method_id);
// Puts a new card at the end of the account's.
void PutNewCard(const GivenCard& given, Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_METHOD_POLICY_H_
