// Commands to the book and their replies, as plain values. Each command is for one account,
// which is named beside it.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_COMMAND_H_
#define RESERVE_SERVICES_LEDGER_BOOK_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "services/ledger/book/apart.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/policy.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/usage.h"

namespace reserve::book {

struct OpenAccount {
  std::string currency;
  std::string country;  // empty: the operator's default
  domain::CalendarRule calendar;
  std::string plan_id;
  domain::GivenCard card;
  std::optional<Nanos> reserve_amount;
  std::optional<Nanos> recharge_threshold;
  std::optional<Nanos> expected_monthly_spend;
  std::string digest;  // of the request's content
  std::string display_name = {};
};
struct UpdateBillingSettings {
  domain::BillingChange change;
  std::string currency;   // of the amounts; empty: the account's
  std::string etag = {};  // of the settings that it rests on (etag.h); empty: any
  std::string request_id = {};
  bool validate_only = false;
};
// Without a request id each call is a request of its own.
struct UpdateAccount {
  std::string request_id = {};
  domain::AccountChange change;
  std::string etag = {};  // of the account that it rests on (etag.h); empty: any
  bool validate_only = false;
};
// Of what follows, and of what staff does, a request id that is empty makes each call a request of
// its own, where it may be.
struct AddPaymentMethod {
  std::string request_id;
  domain::GivenCard given;
  bool validate_only = false;
};
struct UpdatePaymentMethod {
  std::string request_id;
  std::string payment_method_id;
  domain::GivenCard given;
  std::string etag = {};  // of the card that it rests on; empty: any
  bool validate_only = false;
};
struct RemovePaymentMethod {
  std::string payment_method_id;
  std::string etag = {};
  std::string request_id = {};
  bool validate_only = false;
};
struct PutUser {
  std::string user_id;
  std::string plan_id;                           // empty: the account's default, or no change
  absl::Time plan_from = absl::InfinitePast();   // InfinitePast: from now on
  std::optional<std::string> display_name = {};  // not set: it stays
  std::optional<bool> blocked = {};
  std::string request_id = {};  // may be empty
  // `plan_from` had come before the call: then it can only be a repeat.
  bool plan_from_passed = false;
  bool validate_only = false;
};
struct RemoveUser {
  std::string user_id;
  std::string request_id = {};  // may be empty
  bool validate_only = false;
};
struct RecordUsage {
  domain::Usage usage;
  bool only_if_allowed = false;  // else refused, as AuthorizeUsage would (S3)
  std::string hold_id = {};      // that it settles, beside that of its usage id; may be empty
};
struct VoidUsage {
  std::string usage_id;
  bool allow_missing = false;  // one that was not booked is voided in advance
  domain::ByStaff by;
  bool validate_only = false;
};
struct CorrectUsage {
  domain::Correction correction;
  domain::Usage usage;  // that takes its place
  domain::ByStaff by;
  bool validate_only = false;
};
// Rates an UNRATED usage, if that can be done by now; `duplicate` says that nothing was.
struct RateUnrated {
  std::string usage_id;
};
// By which prices a usage is rated again. The numbers are stored; never reuse one.
enum class PricesBy : uint8_t {
  kTimeline = 1,  // of the deck that is in force at its start now
  kDeck = 2,      // of a deck that is named
  kOwnDeck = 3,   // of the deck that rated it last: only its allowance may have changed (U7)
};
struct RerateUsage {
  std::string usage_id;
  int64_t seq = 0;  // of the entry by which it was met; 0: that of its turn
  PricesBy prices = PricesBy::kTimeline;
  int64_t deck_version = 0;  // of kDeck
  domain::Rerating rerating;
  // Whoever comes too late may find that others have gone on meanwhile: then nothing is done, and
  // UNAVAILABLE "RERATING_MOVED_ON" said.
  absl::Time not_after = absl::InfiniteFuture();
};
struct AuthorizeUsage {
  domain::Usage usage;  // without an id
};
struct CreateHold {
  domain::HoldRequest request;
};
struct ExtendHold {
  std::string hold_id;
  domain::HoldExtension extension;
};
struct ReleaseHold {
  std::string hold_id;
  absl::Duration used;  // what the switch knows by now, or 0
  // Only of an incarnation of its switch before this one; 0: of whichever (H8).
  int64_t before_incarnation = 0;
  absl::Time answer_time = absl::InfinitePast();  // InfinitePast: `used` ago
};
// Ends an OPEN hold whose time has come, or books the usage of an UNSETTLED one.
struct EndHold {
  std::string hold_id;
  domain::Usage usage;  // that its call would be, when it was found
};
struct AdjustBalance {
  std::string request_id;
  Nanos amount = 0;
  domain::ByStaff by;
  std::string currency;  // of the amount; empty: the account's
  bool validate_only = false;
};
struct GrantCredit {
  domain::GrantRequest request;
  std::string currency;  // of the amount; empty: the account's
  bool validate_only = false;
};
struct RequestRecharge {
  std::string request_id;
  std::optional<Nanos> amount;
  std::string currency;  // of the amount; empty: the account's
  bool validate_only = false;
};
struct BlockAccount {
  domain::ByStaff by;
  std::string request_id = {};
  bool validate_only = false;
};
struct UnblockAccount {
  domain::ByStaff by;
  std::string request_id = {};
  bool validate_only = false;
};
struct LiftSuspension {
  domain::LiftedCard card;  // that may be charged again, too
  domain::ByStaff by;
  std::string request_id = {};
  std::string user_id = {};   // the only one whose limits are lifted, too; empty: all of them
  absl::Duration quiet = {};  // limits that were reached raise nothing for so long
  bool validate_only = false;
};
// Of the account, or of a user (L1).
struct UpdateLimits {
  std::string user_id;  // empty: of the account
  domain::LimitsChange change;
  std::string currency;  // of the amounts; empty: the account's
  std::string etag;      // of the limits that it rests on (etag.h); empty: any
  domain::ByStaff by;
  std::string request_id;
  bool validate_only = false;
};
struct RefundRecharge {
  int64_t ordinal = 0;
  domain::RefundRequest request;
  std::string currency;  // of the amount; empty: the account's
  bool validate_only = false;
};
struct RecordPayment {
  domain::PaymentRequest request;
  std::string currency;  // of the amount; empty: the account's
  bool validate_only = false;
};
struct ReversePayment {
  int64_t ordinal = 0;
  std::string request_id;
  domain::ByStaff by;
  bool validate_only = false;
};
// Answers, when it is repeated, how the closing stands.
struct CloseAccount {
  std::string request_id;
  std::vector<std::string> waived;  // UNRATED usages that are voided
  domain::ByStaff by;
  bool validate_only = false;
};
// Of recharge or payment `ordinal`, whose charge it is; 0: it is known by the charge's id alone.
struct ReportGatewayRefund {
  int64_t ordinal = 0;
  int64_t refund_ordinal = 0;  // that its reference names; 0: none
  std::string currency;
  domain::GatewayRefund told;
};
struct ReportGatewayDispute {
  int64_t ordinal = 0;
  std::string currency;
  domain::GatewayDispute told;
};
// A person has paid out what closing owes, so much in all.
struct RecordPayout {
  Nanos total = 0;
  std::string currency;  // of the total; empty: the account's
  domain::ByStaff by;
  std::string request_id = {};
  bool validate_only = false;
};
struct ResolveReview {
  int64_t ordinal = 0;  // 0, dismissed: of the money that came after the account was closed
  domain::ReviewOutcome outcome;
  std::string currency;  // of the amount; empty: the account's
  domain::ByStaff by;
  std::string request_id = {};
  bool validate_only = false;
};
struct ReportRecharge {
  int64_t ordinal = 0;
  std::optional<bool> of_refund;  // whether the outcome can only be one of a refund, or never
  domain::ChargeOutcome outcome;
};
// Has a due recharge try another card, or wait, where limits keep its card from being tried (G9).
struct DeferRecharge {
  int64_t ordinal = 0;
};
// Applies the level-triggered rules to an account whose Due has come.
struct Reconsider {};

using Command =
    std::variant<RecordUsage, AuthorizeUsage, OpenAccount, UpdateBillingSettings, AddPaymentMethod,
                 UpdatePaymentMethod, RemovePaymentMethod, PutUser, AdjustBalance, RequestRecharge,
                 BlockAccount, UnblockAccount, VoidUsage, CorrectUsage, RateUnrated, RerateUsage,
                 LiftSuspension, RefundRecharge, RecordPayment, ReversePayment, ReportGatewayRefund,
                 ReportGatewayDispute, ResolveReview, ReportRecharge, DeferRecharge, Reconsider,
                 CloseAccount, GrantCredit, CreateHold, ExtendHold, ReleaseHold, EndHold,
                 RecordPayout, UpdateAccount, RemoveUser, UpdateLimits>;

struct UsageReply {
  int64_t seq = 0;
  Nanos cost = 0;
  Nanos balance_after = 0;
  std::string currency;
  bool duplicate = false;
  domain::EntryHash hash{};  // of the entry
  domain::UsageStatus status = domain::UsageStatus::kRated;
  domain::UnratedReason unrated_reason = domain::UnratedReason::kNone;
  // It left with its month: it is known that it was booked, as entry `seq`, and no more (U8).
  bool archived = false;
  // An emergency call of an account that there is not: nothing was booked, all else is empty (C10).
  bool booked = true;
};
// What a void gave back, or had given back before.
struct VoidReply {
  int64_t seq = 0;  // of the void
  Nanos returned = 0;
  int64_t free_seconds_returned = 0;
  Nanos balance = 0;  // now
  std::string currency;
  bool already_voided = false;
  // Whose allowance got the free seconds, and the entry that had booked the usage.
  std::string user_id = {};
  int32_t free_period = 0;
  int64_t usage_seq = 0;
  std::string corrected_by = {};  // the usage that took its place, if one did
};
struct CorrectionReply {
  UsageReply usage;
  std::optional<VoidReply> voided;  // none if the usage was voided by something else before
};
// What became of a usage that was to be rated again: as it was before, and as it is.
struct RerateReply {
  domain::Rerated outcome = domain::Rerated::kPassedOver;
  std::string account_id;
  domain::Usage usage;
  Nanos cost_before = 0;
  Nanos cost = 0;
  int64_t free_seconds_before = 0;
  int64_t free_seconds = 0;
  int64_t deck_version_before = 0;
  int64_t deck_version = 0;
  bool was_unrated = false;
};
struct AuthorizeReply {
  domain::Authorization authorization;
  std::string currency;
  // Of the rate that matched; unset if none did.
  std::optional<Nanos> price;
  bool standard_rate = false;
  std::string prefix;
  bool deck_missing = false;  // no deck of the currency was in force at the start
};
// A hold as it stands; none of what was not allowed, and of an emergency call, which is never held
// for.
struct HoldReply {
  AuthorizeReply authorize;  // of CreateHold
  std::optional<domain::Hold> hold = {};
  std::string currency = {};
  // What this command has done: ended it, with nothing reported or to wait for its CDR; by time; or
  // booked its usage from what was reported.
  bool released_now = false;
  bool unsettled_now = false;
  bool expired_now = false;
  bool estimated_now = false;
};
struct UserReply {
  domain::User user;
  domain::Plan plan;                 // that is in force now
  domain::AccountCalendar calendar;  // of the account
};
struct EntryReply {
  domain::Entry entry;
  std::string currency;
};
struct RechargeReply {
  domain::Recharge recharge;
  bool already_applied = false;
  // Its success lets an automatic recharge follow at once (G8).
  bool more_follows = false;
  bool kept = false;  // of a refund: its charge is not credited yet (P3)
};
struct PaymentReply {
  domain::Recharge credited;           // the payment, or what its charge was credited as before
  std::optional<domain::Entry> entry;  // that credits it
  bool already_credited = false;       // by a report, or by another payment (G4)
  std::vector<domain::Recharge> same_reference;  // earlier payments, oldest first
};
struct DisputeReply {
  domain::Dispute dispute;
  std::string currency;
  bool kept = false;  // its charge is not credited yet
};
struct ClosingReply {
  domain::Account account;
  std::vector<domain::ClosingStep> steps;
};
struct PaymentMethodReply {
  domain::PaymentMethod method;
  int32_t position = 0;  // in the customer's order, from 1; 0 of one that was taken away
};
// Limits as they are, or as they would be.
struct LimitsReply {
  domain::Account account;
  std::optional<domain::User> user;  // whose they are, if not the account's
  std::vector<domain::ShownLimit> in_force;
};
// RecordUsage -> UsageReply, VoidUsage -> VoidReply, CorrectUsage -> CorrectionReply,
// RateUnrated -> UsageReply, RerateUsage -> RerateReply, AuthorizeUsage -> AuthorizeReply, PutUser
// and RemoveUser -> UserReply, AdjustBalance and GrantCredit -> EntryReply, AddPaymentMethod and
// UpdatePaymentMethod -> PaymentMethodReply, RequestRecharge, RefundRecharge, ReversePayment,
// ReportGatewayRefund, ResolveReview and ReportRecharge -> RechargeReply, RecordPayment ->
// PaymentReply, ReportGatewayDispute -> DisputeReply, CloseAccount -> ClosingReply, CreateHold,
// ExtendHold, ReleaseHold and EndHold -> HoldReply, UpdateLimits -> LimitsReply; all others ->
// Account.
using Reply =
    std::variant<UsageReply, AuthorizeReply, Apart<domain::Account>, Apart<UserReply>,
                 Apart<EntryReply>, Apart<RechargeReply>, Apart<PaymentMethodReply>,
                 Apart<DisputeReply>, Apart<VoidReply>, Apart<CorrectionReply>, Apart<PaymentReply>,
                 Apart<RerateReply>, Apart<ClosingReply>, Apart<HoldReply>, Apart<LimitsReply>>;

// Those that come by the thousand; all others are held apart.
template <typename Kind>
inline constexpr bool kInPlace =
    std::is_same_v<Kind, UsageReply> || std::is_same_v<Kind, AuthorizeReply>;

// The reply as the kind that it is known to be, wherever it is held.
template <typename Kind, typename AnyReply>
auto& As(AnyReply& reply) {
  if constexpr (kInPlace<Kind>) {
    return std::get<Kind>(reply);
  } else {
    return *std::get<Apart<Kind>>(reply);
  }
}
// Null if it is of another kind.
template <typename Kind>
const Kind* AsIf(const Reply& reply) {
  using Held = std::conditional_t<kInPlace<Kind>, Kind, Apart<Kind>>;
  return std::holds_alternative<Held>(reply) ? &As<Kind>(reply) : nullptr;
}

// About how much memory the strings of a command hold outside of it. Cheap: it looks at their
// sizes only.
size_t HeapBytesOf(const Command& command);
// The same of one string.
size_t HeapBytesOf(const std::string& text);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_COMMAND_H_
