#include "services/ledger/domain/refusals.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/domain/destination.h"

namespace reserve::domain {
namespace {

absl::Status Refused(absl::string_view reason, absl::string_view field, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, field, message);
}

absl::Status OfAnotherCharge(absl::string_view reason, absl::string_view what,
                             absl::string_view charge_id) {
  return WithMetadata(MakeError(absl::StatusCode::kAlreadyExists, reason, "charge_id",
                                absl::StrCat(what, " is of charge ", charge_id)),
                      "charge_id", charge_id);
}

constexpr char kUsageNotFoundReason[] = "USAGE_NOT_FOUND";
constexpr char kNotUnderReview[] = "NOT_UNDER_REVIEW";
constexpr char kUsageAfterClosingReason[] = "USAGE_AFTER_CLOSING";
// So many are named by a refusal.
constexpr size_t kMostUsagesNamed = 20;

}  // namespace

absl::Status AccountNotFound(absl::string_view account_id) {
  return MakeError(absl::StatusCode::kNotFound, "ACCOUNT_NOT_FOUND", "account_id",
                   absl::StrCat("there is no account \"", account_id, "\""));
}

absl::Status UsageNotAllowed(absl::string_view decision, const ReachedLimit& limit) {
  absl::Status refused =
      WithMetadata(Refused("USAGE_NOT_ALLOWED", "",
                           absl::StrCat("it may not begin, and was not booked: ", decision)),
                   "decision", decision);
  if (!limit.any()) return refused;
  refused = WithMetadata(std::move(refused), "limit", NameOf(limit.kind));
  return WithMetadata(std::move(refused), "limit_level", NameOf(limit.level));
}

absl::Status UsageNotFound(absl::string_view account_id, absl::string_view usage_id) {
  return MakeError(absl::StatusCode::kNotFound, kUsageNotFoundReason, "usage_id",
                   absl::StrCat("account \"", account_id, "\" has no usage \"", usage_id, "\""));
}

absl::Status UsageTooOld(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "USAGE_TOO_OLD", "start_time", why);
}

absl::Status ArchivedAlready(absl::string_view field, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "USAGE_ARCHIVED", field, message);
}

absl::Status UsageArchived(absl::string_view usage_id, int64_t seq) {
  return ArchivedAlready("usage_id",
                         absl::StrCat("usage \"", usage_id, "\" is archived, as entry ", seq,
                                      ": what it was is in the archive of its "
                                      "month, and it takes no change"));
}

bool IsUsageNotFound(const absl::Status& status) {
  return ReasonOf(status) == kUsageNotFoundReason;
}

absl::Status UserNotFound(absl::string_view account_id, absl::string_view user_id) {
  return MakeError(absl::StatusCode::kNotFound, "USER_NOT_FOUND", "user_id",
                   absl::StrCat("account \"", account_id, "\" has no user \"", user_id, "\""));
}

absl::Status CurrencyNotSupported(absl::string_view field, absl::string_view currency) {
  return Refused("CURRENCY_NOT_SUPPORTED", field,
                 absl::StrCat("there are no settings for ", currency,
                              "; the operator sets the amounts of a currency first"));
}

absl::Status CurrencyWithoutDeck(absl::string_view currency) {
  return Refused("CURRENCY_WITHOUT_DECK", "currency_code",
                 absl::StrCat("no rate deck in ", currency, " is in force; import one first"));
}

absl::Status HoldNotFound(absl::string_view account_id, absl::string_view hold_id) {
  return MakeError(absl::StatusCode::kNotFound, "HOLD_NOT_FOUND", "hold_id",
                   absl::StrCat("account \"", account_id, "\" has no hold \"", hold_id, "\""));
}

absl::Status HoldIdReused(const Hold& hold) {
  return MakeError(absl::StatusCode::kAlreadyExists, "HOLD_ID_REUSED", "hold_id",
                   absl::StrCat("hold \"", hold.hold_id, "\" is of another call: usage \"",
                                hold.usage_id, "\""));
}

absl::Status UsageHeld(const Hold& hold) {
  return WithMetadata(
      MakeError(absl::StatusCode::kAlreadyExists, "USAGE_HELD", "usage_id",
                absl::StrCat("hold \"", hold.hold_id, "\" is of usage \"", hold.usage_id, "\"")),
      "hold_id", hold.hold_id);
}

absl::Status UsageBooked(absl::string_view usage_id, int64_t seq) {
  return MakeError(absl::StatusCode::kAlreadyExists, "USAGE_BOOKED", "usage_id",
                   absl::StrCat("usage \"", usage_id, "\" is booked as entry ", seq));
}

absl::Status NoRate(absl::string_view field, absl::string_view destination) {
  return Refused(kNoRateReason, field,
                 absl::StrCat("the rate deck in force at the start has no price for ",
                              DialledForm(destination)));
}

absl::Status DestinationBlocked(absl::string_view field, absl::string_view destination) {
  return Refused("DESTINATION_BLOCKED", field,
                 absl::StrCat("the rate deck in force at the start blocks ",
                              DialledForm(destination), ", and has no price for it"));
}

absl::Status BadTerms(absl::string_view terms) {
  return MakeError(absl::StatusCode::kInternal, "BAD_TERMS", "",
                   absl::StrCat("a call can't have been priced as \"", terms, "\""));
}

absl::Status NoCard() { return Refused("NO_CARD", "", "the account has no card to charge"); }

absl::Status CardRefused() {
  return Refused("CARD_REFUSED", "", "the card was refused for good; give another card first");
}

absl::Status CardDisputed() {
  return Refused("CARD_DISPUTED", "",
                 "a charge of the card is disputed at its bank; give another card first");
}

absl::Status AccountBlocked(absl::Time since) {
  return Refused("ACCOUNT_BLOCKED", "",
                 absl::StrCat("an administrator blocked the account at ", FormatRfc3339(since)));
}

absl::Status AccountClosing(absl::Time since) {
  return Refused("ACCOUNT_CLOSING", "",
                 absl::StrCat("the account is being closed since ", FormatRfc3339(since)));
}

absl::Status AccountClosed(absl::Time time) {
  return Refused("ACCOUNT_CLOSED", "",
                 absl::StrCat("the account was closed for ever at ", FormatRfc3339(time)));
}

absl::Status MoreThanOwed(absl::string_view currency, Nanos total, Nanos owed) {
  return Refused("MORE_THAN_OWED", "total",
                 absl::StrCat(FormatMoney(currency, owed), " is owed in all, not ",
                              FormatMoney(currency, total)));
}

absl::Status UnratedUsage(const std::vector<std::string>& usage_ids) {
  const size_t named = std::min(usage_ids.size(), kMostUsagesNamed);
  const std::string names =
      absl::StrJoin(usage_ids.begin(), usage_ids.begin() + static_cast<int64_t>(named), " ");
  const std::string count = absl::StrCat(usage_ids.size());
  return WithMetadata(
      WithMetadata(Refused("UNRATED_USAGE", "waive_unrated_usage_ids",
                           absl::StrCat(count,
                                        " usages wait for a price; rate or void them, or "
                                        "waive them by name: ",
                                        names, named < usage_ids.size() ? " ..." : "")),
                   "count", count),
      "usage_ids", names);
}

absl::Status UsageAfterClosing(absl::Time time) {
  return Refused(kUsageAfterClosingReason, "",
                 absl::StrCat("the account is closed: nothing is booked of its usage since ",
                              FormatRfc3339(time)));
}

absl::Status CallTooLong(absl::Duration longest, absl::string_view field) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CALL_TOO_LONG", field,
                   absl::StrCat("must be 0 to ", absl::ToInt64Seconds(longest),
                                " seconds: a longer call is taken for a mistake"));
}

bool IsUsageAfterClosing(const absl::Status& status) {
  return ReasonOf(status) == kUsageAfterClosingReason;
}

absl::Status RechargeInFlight(int64_t ordinal, absl::Time now, absl::Time since, absl::Time until) {
  std::string text = absl::StrCat("recharge ", ordinal, " is under way since ",
                                  FormatRfc3339(since), "; ask again when its outcome is known");
  absl::Duration wait = absl::Seconds(1);
  if (until != absl::InfiniteFuture()) {
    absl::StrAppend(&text, ", or after ", FormatRfc3339(until));
    wait = std::max(until - now, wait);
  }
  return WithRetryAfter(Refused("RECHARGE_IN_FLIGHT", "", text), wait);
}

absl::Status CardLimitReached(absl::Time now, absl::Time allowed) {
  return WithRetryAfter(Refused("CARD_LIMIT_REACHED", "", CardLimitText(allowed)), allowed - now);
}

std::string CardLimitText(absl::Time allowed) {
  return absl::StrCat("the card was declined as often as is allowed; not before ",
                      FormatRfc3339(allowed));
}

absl::Status PaymentMethodNotFound(absl::string_view account_id,
                                   absl::string_view payment_method_id) {
  return MakeError(
      absl::StatusCode::kNotFound, "PAYMENT_METHOD_NOT_FOUND", "payment_method_id",
      absl::StrCat("account \"", account_id, "\" has no card \"", payment_method_id, "\""));
}

absl::Status TooManyPaymentMethods(int32_t most) {
  return Refused("TOO_MANY_PAYMENT_METHODS", "",
                 absl::StrCat("an account has at most ", most, " cards; take one away first"));
}

absl::Status TooManyCardsGiven(int32_t most, absl::Time now, absl::Time allowed) {
  return WithRetryAfter(
      Refused("TOO_MANY_CARDS_GIVEN", "",
              absl::StrCat("at most ", most, " cards are taken a day; not before ",
                           FormatRfc3339(allowed))),
      allowed - now);
}

absl::Status CalendarChangedTooOften(int32_t most, absl::Time now, absl::Time allowed) {
  return WithRetryAfter(Refused("CALENDAR_CHANGED_TOO_OFTEN", "",
                                absl::StrCat("time zone and billing day are changed at most ", most,
                                             " times a year; not before ", FormatRfc3339(allowed))),
                        allowed - now);
}

absl::Status PlanChangedTooOften(size_t most, absl::Time now, absl::Time allowed) {
  return WithRetryAfter(Refused("PLAN_CHANGED_TOO_OFTEN", "",
                                absl::StrCat("a user changes plan at most ", most,
                                             " times a year; not before ", FormatRfc3339(allowed))),
                        allowed - now);
}

absl::Status PlanRetired(absl::string_view plan_id) {
  return Refused("PLAN_RETIRED", "plan_id",
                 absl::StrCat("plan \"", plan_id, "\" is retired: nobody is put on it any more"));
}

absl::Status FeatureLevelTooLow(int level, int needed) {
  return Refused("FEATURE_LEVEL_TOO_LOW", "",
                 absl::StrCat("the schema's feature level is ", level, ", and this needs ", needed,
                              ": end the upgrade with `ledger migrate --finish`"));
}

absl::Status NotUnderReview(const Recharge& recharge) {
  return Refused(kNotUnderReview, "ordinal",
                 absl::StrCat("recharge ", recharge.ordinal, " is not under review"));
}

absl::Status NothingLate(absl::string_view account_id) {
  return Refused(kNotUnderReview, "ordinal",
                 absl::StrCat("no money has come to account \"", account_id,
                              "\" after it was closed that nobody has looked at"));
}

absl::Status ChargeNotFound(absl::string_view charge_id) {
  return MakeError(absl::StatusCode::kNotFound, "CHARGE_NOT_FOUND", "charge_id",
                   absl::StrCat("charge ", charge_id, " is none of ours"));
}

absl::Status NotCredited(const Recharge& recharge) {
  return Refused("NOT_CREDITED", "ordinal",
                 absl::StrCat("recharge ", recharge.ordinal, " was not charged"));
}

absl::Status NoCharge(const Recharge& payment) {
  return Refused("NO_CHARGE", "ordinal",
                 absl::StrCat("payment ", payment.ordinal,
                              " came by no charge of the gateway's; give it back the way it came, "
                              "and reverse it"));
}

absl::Status ChargeDisputed(const Recharge& recharge) {
  return Refused("CHARGE_DISPUTED", "ordinal",
                 absl::StrCat("the cardholder's bank has taken back ",
                              FormatMoney(recharge.currency, recharge.disputed), " of charge ",
                              recharge.charge_id));
}

absl::Status RefundTooLarge(const Recharge& recharge) {
  const std::string left = FormatMoney(recharge.currency, recharge.left());
  return WithMetadata(Refused("REFUND_TOO_LARGE", "amount",
                              absl::StrCat("of charge ", recharge.charge_id, " ", left,
                                           " are left to be given back")),
                      "left", FormatDecimal(recharge.left()));
}

absl::Status DisputeNotFound(absl::string_view account_id, absl::string_view dispute_id) {
  return MakeError(absl::StatusCode::kNotFound, "DISPUTE_NOT_FOUND", "dispute_id",
                   absl::StrCat("no number of account \"", account_id, "\" is disputed by \"",
                                dispute_id, "\""));
}

absl::Status RefundIdReused(const Recharge& refund) {
  return OfAnotherCharge("REFUND_ID_REUSED", absl::StrCat("refund ", refund.refund_id),
                         refund.charge_id);
}

absl::Status DisputeIdReused(const Dispute& dispute) {
  return OfAnotherCharge("DISPUTE_ID_REUSED", absl::StrCat("dispute ", dispute.dispute_id),
                         dispute.charge_id);
}

absl::Status InsufficientBalance(const Account& account, Nanos left) {
  return WithMetadata(
      Refused("INSUFFICIENT_BALANCE", "amount",
              absl::StrCat("of the account's own money ", FormatMoney(account.currency, left),
                           " are free; more is given back only with allow_debt")),
      "left", FormatDecimal(left));
}

absl::Status PaymentNotFound(absl::string_view account_id, int64_t ordinal) {
  return MakeError(absl::StatusCode::kNotFound, "PAYMENT_NOT_FOUND", "ordinal",
                   absl::StrCat("account \"", account_id, "\" has no payment ", ordinal));
}

absl::Status AlreadyReversed(const Recharge& payment) {
  return Refused("ALREADY_REVERSED", "ordinal",
                 absl::StrCat("payment ", payment.ordinal, " was reversed at ",
                              FormatRfc3339(payment.end_time)));
}

absl::Status PaymentGivenBack(const Recharge& payment) {
  return WithMetadata(
      Refused("PAYMENT_GIVEN_BACK", "ordinal",
              absl::StrCat("of payment ", payment.ordinal, " ",
                           FormatMoney(payment.currency, payment.credited - payment.left()),
                           " were given back or disputed, and are booked as that")),
      "left", FormatDecimal(payment.left()));
}

absl::Status LeaseLost(absl::string_view account_id, int64_t ordinal) {
  return Refused("LEASE_LOST", "lease_epoch",
                 absl::StrCat("recharge ", ordinal, " of account \"", account_id,
                              "\" is closed or another worker has taken over"));
}

absl::Status TooManyGrants(const Account& account) {
  return Refused("TOO_MANY_GRANTS", "",
                 absl::StrCat("account \"", account.account_id, "\" has ", account.grants.size(),
                              " credit grants that have not ended, the most that it can have"));
}

absl::Status RequestIdReused(absl::string_view request_id) {
  return MakeError(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "request_id",
                   absl::StrCat("request \"", request_id, "\" was made with other content"));
}

absl::Status EtagMismatch(absl::string_view field) {
  return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH", field,
                   "it was changed since it was read; read it again");
}

absl::Status ReratingMovedOn() {
  return MakeError(absl::StatusCode::kUnavailable, "RERATING_MOVED_ON", "",
                   "another ledger may have gone on with the rerating");
}

absl::Status AlreadyCredited(const Recharge& recharge, absl::string_view charge_id) {
  return Refused("ALREADY_CREDITED", "",
                 absl::StrCat("recharge ", recharge.ordinal, " was credited for charge ",
                              recharge.charge_id, ", not for ", charge_id));
}

absl::Status ChargeCredited(const Recharge& credited) {
  return Refused(
      "CHARGE_CREDITED", "charge_id",
      absl::StrCat("charge ", credited.charge_id, " was credited as recharge ", credited.ordinal));
}

}  // namespace reserve::domain
