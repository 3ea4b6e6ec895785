// The refusals of the domain by their names, each reason in this one place.
//
// A refusal is the status of a command that changes nothing. Its reason is part of the
// API (docs/RULES.md cites them); its text is for people. Amounts and settings out of
// bounds are refused by InvalidField (common/error), with the field's own text.
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_REFUSALS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_REFUSALS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/recharge.h"

namespace reserve::domain {

// NOT_FOUND "ACCOUNT_NOT_FOUND" on "account_id".
absl::Status AccountNotFound(absl::string_view account_id);

// NOT_FOUND "USER_NOT_FOUND" on "user_id".
absl::Status UserNotFound(absl::string_view account_id, absl::string_view user_id);

inline constexpr char kNoRateReason[] = "NO_RATE";
// FAILED_PRECONDITION "NO_RATE" on `field`: no line of the deck has this destination (C1).
absl::Status NoRate(absl::string_view field, absl::string_view destination);

// FAILED_PRECONDITION "NO_CARD": there is no card to charge (G8).
absl::Status NoCard();
// FAILED_PRECONDITION "CARD_REFUSED": the card was declined for good (G8).
absl::Status CardRefused();
// FAILED_PRECONDITION "RECHARGE_ALREADY_OPEN" (G3).
absl::Status RechargeAlreadyOpen(int64_t ordinal);
// FAILED_PRECONDITION "CARD_LIMIT_REACHED": not before `allowed` (G9).
absl::Status CardLimitReached(absl::Time allowed);
// What it says, which an event tells, too.
std::string CardLimitText(absl::Time allowed);

// FAILED_PRECONDITION "LEASE_LOST": the recharge is settled, or another worker has taken over.
absl::Status LeaseLost(absl::string_view account_id, int64_t ordinal);
// FAILED_PRECONDITION "ALREADY_CREDITED": `recharge` was credited for another charge (G4).
absl::Status AlreadyCredited(const Recharge& recharge, absl::string_view charge_id);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_REFUSALS_H_
