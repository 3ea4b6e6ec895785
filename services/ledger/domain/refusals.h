// The refusals of the domain by their names, each reason in this one place.
//
// A refusal is the status of a command that changes nothing. Its reason is part of the
// API (docs/RULES.md cites them); its text is for people. Amounts and settings out of
// bounds are refused by InvalidField (common/error), with the field's own text. A refusal that
// time ends says when to come again (WithRetryAfter).
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_REFUSALS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_REFUSALS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/dispute.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/recharge.h"

namespace reserve::domain {

// NOT_FOUND "ACCOUNT_NOT_FOUND" on "account_id".
absl::Status AccountNotFound(absl::string_view account_id);

// NOT_FOUND "USER_NOT_FOUND" on "user_id".
absl::Status UserNotFound(absl::string_view account_id, absl::string_view user_id);

// FAILED_PRECONDITION "CURRENCY_NOT_SUPPORTED" on `field`: the operator has no settings for it
// (M3).
absl::Status CurrencyNotSupported(absl::string_view field, absl::string_view currency);
// FAILED_PRECONDITION "CURRENCY_WITHOUT_DECK" on "currency_code": nothing prices anything in it
// (M3).
absl::Status CurrencyWithoutDeck(absl::string_view currency);

// FAILED_PRECONDITION "USAGE_NOT_ALLOWED", with the decision's name as the metadata "decision"
// (S3), and of a limit its kind and level as "limit" and "limit_level" (L3).
absl::Status UsageNotAllowed(absl::string_view decision, const ReachedLimit& limit = {});
// NOT_FOUND "USAGE_NOT_FOUND" on "usage_id".
absl::Status UsageNotFound(absl::string_view account_id, absl::string_view usage_id);
bool IsUsageNotFound(const absl::Status& status);
// INVALID_ARGUMENT "USAGE_TOO_OLD" on "start_time".
absl::Status UsageTooOld(absl::string_view why);
// FAILED_PRECONDITION "USAGE_ARCHIVED" (U8): what is asked for left with its month; of a usage, on
// "usage_id", as that entry.
absl::Status ArchivedAlready(absl::string_view field, absl::string_view message);
absl::Status UsageArchived(absl::string_view usage_id, int64_t seq);

// NOT_FOUND "HOLD_NOT_FOUND" on "hold_id".
absl::Status HoldNotFound(absl::string_view account_id, absl::string_view hold_id);
// ALREADY_EXISTS "HOLD_ID_REUSED" on "hold_id": it is of another call.
absl::Status HoldIdReused(const Hold& hold);
// ALREADY_EXISTS "USAGE_HELD" on "usage_id": another hold is of that call, its id the metadata
// "hold_id".
absl::Status UsageHeld(const Hold& hold);
// ALREADY_EXISTS "USAGE_BOOKED" on "usage_id": the call is over (H5).
absl::Status UsageBooked(absl::string_view usage_id, int64_t seq);

inline constexpr char kNoRateReason[] = "NO_RATE";
// FAILED_PRECONDITION "NO_RATE" on `field`: no line of the deck has this destination (C1).
absl::Status NoRate(absl::string_view field, absl::string_view destination);

// FAILED_PRECONDITION "DESTINATION_BLOCKED" on `field`: nobody may call it, and it has no price
// (C13).
absl::Status DestinationBlocked(absl::string_view field, absl::string_view destination);
// INTERNAL "BAD_TERMS": what is stored of how a call was priced can't be so.
absl::Status BadTerms(absl::string_view terms);

// FAILED_PRECONDITION "NO_CARD": there is no card to charge (G8).
absl::Status NoCard();
// FAILED_PRECONDITION "CARD_REFUSED": the card was declined for good (G8).
absl::Status CardRefused();
// FAILED_PRECONDITION "CARD_DISPUTED": its number is disputed, and no token of it is charged (P2).
absl::Status CardDisputed();
// FAILED_PRECONDITION "ACCOUNT_BLOCKED": an administrator blocked it, at `since` (G10).
absl::Status AccountBlocked(absl::Time since);
// FAILED_PRECONDITION "ACCOUNT_CLOSING": it is being closed, since `since` (P4).
absl::Status AccountClosing(absl::Time since);
// FAILED_PRECONDITION "ACCOUNT_CLOSED": it was closed, at `time`, for ever (P4).
absl::Status AccountClosed(absl::Time time);
// FAILED_PRECONDITION "UNRATED_USAGE" on "waive_unrated_usage_ids": these wait for a price; how
// many they are is the metadata "count", the first of them "usage_ids" (P4).
// FAILED_PRECONDITION "MORE_THAN_OWED" on field "total".
absl::Status MoreThanOwed(absl::string_view currency, Nanos total, Nanos owed);
absl::Status UnratedUsage(const std::vector<std::string>& usage_ids);
// FAILED_PRECONDITION "USAGE_AFTER_CLOSING": nothing is booked of it since `time` (P4).
absl::Status UsageAfterClosing(absl::Time time);
// A call that lasted longer than the operator believes (`max_call_duration`, U1).
absl::Status CallTooLong(absl::Duration longest, absl::string_view field);
bool IsUsageAfterClosing(const absl::Status& status);
// FAILED_PRECONDITION "RECHARGE_IN_FLIGHT": an attempt of it is under way since `since`, and
// stands in the way until `until` at the latest, or, InfiniteFuture, until its outcome is
// known (G8).
absl::Status RechargeInFlight(int64_t ordinal, absl::Time now, absl::Time since, absl::Time until);
// FAILED_PRECONDITION "CARD_LIMIT_REACHED": not before `allowed` (G9).
absl::Status CardLimitReached(absl::Time now, absl::Time allowed);
// What it says, which an event tells, too.
std::string CardLimitText(absl::Time allowed);
// NOT_FOUND "PAYMENT_METHOD_NOT_FOUND" on "payment_method_id".
absl::Status PaymentMethodNotFound(absl::string_view account_id,
                                   absl::string_view payment_method_id);
// FAILED_PRECONDITION "TOO_MANY_PAYMENT_METHODS".
absl::Status TooManyPaymentMethods(int32_t most);
// FAILED_PRECONDITION "TOO_MANY_CARDS_GIVEN": not before `allowed` (G9).
absl::Status TooManyCardsGiven(int32_t most, absl::Time now, absl::Time allowed);
// FAILED_PRECONDITION "CALENDAR_CHANGED_TOO_OFTEN": not before `allowed` (C8).
absl::Status CalendarChangedTooOften(int32_t most, absl::Time now, absl::Time allowed);
// FAILED_PRECONDITION "PLAN_CHANGED_TOO_OFTEN": not before `allowed` (K4).
absl::Status PlanChangedTooOften(size_t most, absl::Time now, absl::Time allowed);
// FAILED_PRECONDITION "PLAN_RETIRED" on "plan_id": nobody is put on it any more (K4).
absl::Status PlanRetired(absl::string_view plan_id);
// FAILED_PRECONDITION "FEATURE_LEVEL_TOO_LOW": programs of before may still come back, and would
// not heed what is asked for.
absl::Status FeatureLevelTooLow(int level, int needed);
// FAILED_PRECONDITION "NOT_UNDER_REVIEW" on "ordinal".
absl::Status NotUnderReview(const Recharge& recharge);
absl::Status NothingLate(absl::string_view account_id);

// NOT_FOUND "CHARGE_NOT_FOUND" on "charge_id": no recharge of ours was charged by it.
absl::Status ChargeNotFound(absl::string_view charge_id);
// FAILED_PRECONDITION "NOT_CREDITED" on "ordinal": nothing was charged that could be given back.
absl::Status NotCredited(const Recharge& recharge);
// FAILED_PRECONDITION "NO_CHARGE" on "ordinal": a payment that no charge of the gateway's brought.
absl::Status NoCharge(const Recharge& payment);
// FAILED_PRECONDITION "CHARGE_DISPUTED" on "ordinal": the cardholder's bank has taken what is left.
absl::Status ChargeDisputed(const Recharge& recharge);
// FAILED_PRECONDITION "REFUND_TOO_LARGE" on "amount", with what is left of the charge as "left".
absl::Status RefundTooLarge(const Recharge& recharge);
// NOT_FOUND "DISPUTE_NOT_FOUND" on "dispute_id": no number of the account is disputed by it.
absl::Status DisputeNotFound(absl::string_view account_id, absl::string_view dispute_id);

// ALREADY_EXISTS "REFUND_ID_REUSED" or "DISPUTE_ID_REUSED" on "charge_id": what the gateway told of
// under that id was of another charge, which is in the metadata as "charge_id".
absl::Status RefundIdReused(const Recharge& refund);
absl::Status DisputeIdReused(const Dispute& dispute);

// FAILED_PRECONDITION "INSUFFICIENT_BALANCE" on "amount", with what may be given back as "left":
// not more than that of the account's own money is free.
absl::Status InsufficientBalance(const Account& account, Nanos left);

// NOT_FOUND "PAYMENT_NOT_FOUND" on "ordinal".
absl::Status PaymentNotFound(absl::string_view account_id, int64_t ordinal);
// FAILED_PRECONDITION "ALREADY_REVERSED" on "ordinal".
absl::Status AlreadyReversed(const Recharge& payment);
// FAILED_PRECONDITION "PAYMENT_GIVEN_BACK" on "ordinal", with what is left of the payment as
// "left".
absl::Status PaymentGivenBack(const Recharge& payment);

// FAILED_PRECONDITION "LEASE_LOST": the recharge is closed, or another worker has taken over.
absl::Status LeaseLost(absl::string_view account_id, int64_t ordinal);
// FAILED_PRECONDITION "TOO_MANY_GRANTS": that many credit grants have not ended yet (P6).
absl::Status TooManyGrants(const Account& account);
// ALREADY_EXISTS "REQUEST_ID_REUSED" on "request_id": it was used with other content.
absl::Status RequestIdReused(absl::string_view request_id);
// ABORTED "ETAG_MISMATCH" on `field`: what the update rests on has changed since it was read.
absl::Status EtagMismatch(absl::string_view field);
// UNAVAILABLE "RERATING_MOVED_ON": another ledger may have gone on with the rerating.
absl::Status ReratingMovedOn();
// FAILED_PRECONDITION "ALREADY_CREDITED": `recharge` was credited for another charge (G4).
absl::Status AlreadyCredited(const Recharge& recharge, absl::string_view charge_id);
// FAILED_PRECONDITION "CHARGE_CREDITED" on "charge_id": `credited` was credited for that charge.
absl::Status ChargeCredited(const Recharge& credited);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_REFUSALS_H_
