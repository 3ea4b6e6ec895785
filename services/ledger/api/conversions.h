// Between the messages of the ledger's services and the domain's values.
//
// From a message: checked, with INVALID_ARGUMENT naming the field. To a message:
// plain. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_CONVERSIONS_H_
#define RESERVE_SERVICES_LEDGER_API_CONVERSIONS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "reserve/ledger/v1/ledger.pb.h"
#include "reserve/ledger/v1/rates.pb.h"
#include "reserve/ledger/v1/recharges.pb.h"
#include "reserve/ledger/v1/resources.pb.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/book/command.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/policy.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/settings.h"
#include "services/ledger/domain/unplaced_state.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/timeline.h"

namespace reserve::api {

namespace pb = ::reserve::ledger::v1;

// The domain of every `ErrorInfo` of this service.
inline constexpr char kErrorDomain[] = "reserve.ledger";

absl::Status CheckId(absl::string_view id, absl::string_view field);
// The same of one that may be empty.
absl::Status CheckOptionalId(absl::string_view id, absl::string_view field);
// The id of a request, which counts for nothing where it is only tried.
template <typename Request>
std::string IdUnlessTried(const Request& request) {
  return request.validate_only() ? std::string() : request.request_id();
}
// What looks like the number of a card is refused in what callers write and in tokens. What the
// gateway tells is a fact, and is not refused for it, but masked.
absl::Status CheckNoCardNumber(absl::string_view text, absl::string_view field);
// 1 to 255 bytes of UTF-8 without control characters, and without the number of a card.
absl::Status CheckReason(absl::string_view text, absl::string_view field);
// A currency of ISO 4217; empty means USD.
absl::StatusOr<std::string> CurrencyFrom(const std::string& currency_code, absl::string_view field);
// A country of ISO 3166-1 alpha-2; empty stays empty.
absl::StatusOr<std::string> CountryFrom(const std::string& country_code, absl::string_view field);
// A time zone by its IANA name; empty means UTC.
absl::StatusOr<absl::TimeZone> TimeZoneFrom(const std::string& name, absl::string_view field);
// A card of a request; the fingerprint is domain::StandInNumber() if it is empty.
absl::StatusOr<domain::Card> CardFrom(const std::string& token, const std::string& fingerprint,
                                      pb::CardNetwork network);
// The amount, or nothing if it is unset. `currency` empty: any; the message's
// code is then checked by the engine.
absl::StatusOr<std::optional<Nanos>> OptionalMoney(bool is_set, const google::type::Money& money,
                                                   absl::string_view currency,
                                                   absl::string_view field);
// The same of an amount that must be set, in any currency.
absl::StatusOr<Nanos> RequiredMoney(bool is_set, const google::type::Money& money,
                                    absl::string_view field);

// What may be for help needs no user (C10).
absl::StatusOr<domain::Usage> UsageFrom(const domain::Settings& settings, const pb::Usage& usage);
// C9: 0 to 366 days, what is finer than a microsecond rounded up. The policy may believe less.
absl::StatusOr<absl::Duration> DurationFrom(const google::protobuf::Duration& duration,
                                            absl::string_view field);
// Fill the part of a usage that says what it was; fields are named from "call."
// or "sms." on.
absl::Status CallFrom(const domain::Settings& settings, const pb::Call& call, domain::Usage* usage);
absl::Status SmsFrom(const domain::Settings& settings, const pb::Sms& sms, domain::Usage* usage);
// What a request with `user_id`, `start_time` and a call or text asks about; it begins at `now`
// unless that says otherwise.
template <typename Request>
absl::StatusOr<domain::Usage> UsageAskedAbout(const domain::Settings& settings,
                                              const Request& request, absl::Time now);

// The same, with what is shown of it and its place in the customer's order; a token is needed.
// Fields are named within the message.
absl::StatusOr<domain::GivenCard> GivenCardFrom(const pb::PaymentMethod& message);
// What people know a card by.
absl::StatusOr<domain::CardDisplay> DisplayFrom(const pb::PaymentMethod& message);
// A place in the customer's order: 0, for none, to 1,000.
absl::StatusOr<int32_t> PositionFrom(int32_t position);
// Who does it and what it is about, of a request with `reason`, `actor` and `reference`.
template <typename Request>
absl::StatusOr<domain::ByStaff> ByStaffFrom(const Request& request);

// A gateway's id of a charge: 1 to 64 printable ASCII characters.
absl::Status CheckChargeId(absl::string_view charge_id, absl::string_view field);
// A code of the gateway, for people.
absl::Status CheckCode(absl::string_view code, absl::string_view field);
absl::StatusOr<book::ReportRecharge> ReportFrom(const pb::ReportRechargeRequest& request);

// As of when, and under which settings, an account is shown.
struct Sight {
  const domain::Settings& settings;
  absl::Time now;
};
void ToProto(const domain::Account& account, const Sight& sight, pb::Account* message);
void ToProto(const domain::Account& account, pb::BillingSettings* message);
void ToProto(const domain::PaymentMethod& method, int32_t position, absl::Time now,
             pb::PaymentMethod* message);
// All cards of an account, in the customer's order.
void ToProto(const domain::Account& account, absl::Time now,
             google::protobuf::RepeatedPtrField<pb::PaymentMethod>* messages);
// `now` decides which month's allowance is shown, if the plan has such.
void ToProto(const book::UserReply& reply, absl::Time now, pb::User* message);
void ToProto(const domain::Usage& usage, pb::Usage* message);
void ToProto(const domain::Entry& entry, const std::string& currency, pb::Entry* message);
// `entry` must book a usage.
void ToProto(const domain::Entry& entry, const std::string& currency, pb::UsageRecord* message);
// Adds where a usage stands to its record; `rating` is the entry that rated it later, or null.
void AddState(const domain::UsageState& state, const domain::Entry* rating,
              const std::string& currency, pb::UsageRecord* message);
// A rating in whose place another came; `entry` booked its usage, or rated it later.
void ToProto(const domain::Entry& entry, const std::string& currency, pb::EarlierRating* message);
void ToProto(const domain::Recharge& recharge, pb::Recharge* message);
void ToProto(const domain::Recharge& refund, pb::Refund* message);
void ToProto(const domain::Recharge& payment, pb::Payment* message);
void ToProto(const domain::Dispute& dispute, const std::string& currency, pb::Dispute* message);
// What is kept of a charge that no account has: a refund, a dispute.
void ToProto(const domain::UnplacedState& refund, pb::Refund* message);
void ToProto(const domain::UnplacedState& dispute, pb::Dispute* message);
void ToProto(const domain::Hold& hold, const std::string& currency, pb::Hold* message);
void ToProto(const domain::Event& event, const std::string& currency, pb::Event* message);
// Whether it is a standard rate is its deck's to say (DeckSnapshot::IsStandardAt).
void ToProto(const rates::RateRow& row, const std::string& currency, pb::Rate* message);
// How a usage was rated.
void ToProto(const domain::Usage& usage, const domain::Rating& rating, const std::string& currency,
             pb::Rating* message);
// How a usage was priced whose line is not plain.
void ToProto(const domain::PricedTerms& terms, Nanos connect_fee, const std::string& currency,
             pb::PricedTerms* message);
pb::Rounding RoundingOf(const Rounding& rounding);
// INVALID_ARGUMENT on `field`, or on that with "_decimals" after it.
absl::StatusOr<Rounding> RoundingFrom(pb::Rounding rounding, int32_t decimals,
                                      absl::string_view field);
// Without what the timeline says.
void ToProto(const rates::DeckHeader& header, pb::RateDeck* message);
void ToProto(const rates::DeckHeader& header, const rates::Timeline& timeline, absl::Time now,
             pb::RateDeck* message);
void ToProto(const rates::DeckActivation& activation, const rates::Timeline& timeline,
             absl::Time now, pb::RateDeckActivation* message);
void ToProto(const book::UsageReply& reply, pb::RecordUsageResponse* message);
void ToProto(const book::VoidReply& reply, pb::VoidUsageResponse* message);
void ToProto(const book::CorrectionReply& reply, pb::CorrectUsageResponse* message);
void ToProto(const book::AuthorizeReply& reply, pb::AuthorizeUsageResponse* message);

// Up to 128 bytes of UTF-8 without control characters, or empty.
absl::Status CheckStaffText(absl::string_view text, absl::string_view field);

template <typename Request>
absl::StatusOr<domain::Usage> UsageAskedAbout(const domain::Settings& settings,
                                              const Request& request, absl::Time now) {
  domain::Usage usage;
  RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
  usage.user_id = request.user_id();
  usage.start_time = now;
  if (request.has_start_time()) {
    RESERVE_ASSIGN_OR_RETURN(usage.start_time,
                             reserve::FromProto(request.start_time(), "start_time"));
  }
  if (request.has_call()) {
    RESERVE_RETURN_IF_ERROR(CallFrom(settings, request.call(), &usage));
  } else if (request.has_sms()) {
    RESERVE_RETURN_IF_ERROR(SmsFrom(settings, request.sms(), &usage));
  } else {
    return NoCallOrSms();
  }
  return usage;
}

template <typename Request>
absl::StatusOr<domain::ByStaff> ByStaffFrom(const Request& request) {
  absl::Status status = CheckReason(request.reason(), "reason");
  status.Update(CheckStaffText(request.actor(), "actor"));
  status.Update(CheckStaffText(request.reference(), "reference"));
  if (!status.ok()) return status;
  return domain::ByStaff{request.reason(), request.actor(), request.reference()};
}

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_CONVERSIONS_H_
