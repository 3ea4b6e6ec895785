#include "services/ledger/api/conversions.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/card/card_number.h"
#include "common/clock/calendar.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/book/etag.h"
#include "services/ledger/domain/carrier.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/currency_settings.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/opening_policy.h"

namespace reserve::api {
namespace {

using domain::Usage;
using domain::UsageKind;

constexpr size_t kMaxReasonBytes = 255;
constexpr size_t kMaxStaffTextBytes = 128;
constexpr size_t kMaxTokenBytes = 255;
constexpr size_t kMaxFingerprintBytes = 64;
constexpr size_t kMaxBrandBytes = 32;
constexpr int32_t kMaxPosition = 1000;
constexpr size_t kMaxCarrierBytes = 32;
constexpr size_t kMaxCodeBytes = 64;
constexpr int32_t kMaxSmsUnits = domain::kMaxSegments * 153;

bool IsGraphic(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

bool HasControlCharacter(absl::string_view text) {
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) return true;
  }
  return false;
}

absl::StatusOr<domain::Direction> DirectionFrom(pb::Direction direction, absl::string_view field) {
  switch (direction) {
    case pb::DIRECTION_OUTBOUND:
      return domain::Direction::kOutbound;
    case pb::DIRECTION_INBOUND:
      return domain::Direction::kInbound;
    default:
      return InvalidField(field, "must be DIRECTION_OUTBOUND or DIRECTION_INBOUND");
  }
}

// C1, C10. What comes in is E.164 always.
absl::StatusOr<std::string> DestinationFrom(const domain::Settings& settings,
                                            const std::string& number, domain::Direction direction,
                                            absl::string_view field) {
  constexpr absl::string_view kE164 =
      "must be E.164: + and 5 to 15 digits, the first of them 1 to 9";
  if (direction == domain::Direction::kInbound && !domain::IsE164(number)) {
    return InvalidField(field, kE164);
  }
  if (std::optional<std::string> kept = domain::DestinationFrom(settings, number)) {
    return *std::move(kept);
  }
  return InvalidField(
      field, absl::StrCat(kE164, "; or a short code: ", domain::kMinShortCodeDigits, " to ",
                          domain::kMaxShortCodeDigits, " digits without +"));
}

absl::StatusOr<int32_t> SegmentsFrom(const pb::Sms& sms) {
  switch (sms.size_case()) {
    case pb::Sms::kSegments:
      if (sms.segments() < 1 || sms.segments() > domain::kMaxSegments) {
        return InvalidField("sms.segments", absl::StrCat("must be 1 to ", domain::kMaxSegments));
      }
      return sms.segments();
    case pb::Sms::kText:
      break;
    default:
      return InvalidField("sms.segments", "give the segments, or the text's size");
  }
  const pb::SmsText& text = sms.text();
  if (text.length() < 0 || text.length() > kMaxSmsUnits) {
    return InvalidField("sms.text.length", absl::StrCat("must be 0 to ", kMaxSmsUnits));
  }
  int32_t segments = 0;
  if (text.encoding() == pb::SMS_ENCODING_GSM7) {
    segments = domain::Gsm7Segments(text.length());
  } else if (text.encoding() == pb::SMS_ENCODING_UCS2) {
    segments = domain::Ucs2Segments(text.length());
  } else {
    return InvalidField("sms.text.encoding", "must be SMS_ENCODING_GSM7 or SMS_ENCODING_UCS2");
  }
  if (segments > domain::kMaxSegments) {
    return InvalidField("sms.text.length",
                        absl::StrCat("makes more than ", domain::kMaxSegments, " segments"));
  }
  return segments;
}

void FillObstacle(const domain::Obstacle& obstacle, pb::Obstacle* message) {
  message->set_kind(static_cast<pb::RefillObstacle>(obstacle.kind));
  if (obstacle.since != absl::InfinitePast()) {
    reserve::ToProto(obstacle.since, message->mutable_since());
  }
  if (obstacle.until != absl::InfiniteFuture()) {
    reserve::ToProto(obstacle.until, message->mutable_until());
  }
  message->set_remedy(std::string(domain::RemedyOf(obstacle.kind)));
}

// What is whole seconds by rule.
void SecondsToProto(int64_t seconds, google::protobuf::Duration* message) {
  reserve::ToProto(absl::Seconds(seconds), message);
}

// "1-5,7,H".
std::string DaysText(uint8_t days) {
  std::string text;
  const auto add = [&text](auto... words) {
    absl::StrAppend(&text, text.empty() ? "" : ",", words...);
  };
  for (int first = 0; first < 7; ++first) {
    int end = first;
    while (end < 7 && (days >> end & 1) != 0) ++end;
    if (end == first + 1) add(end);
    if (end > first + 1) add(first + 1, "-", end);
    first = std::max(first, end - 1);
  }
  if ((days & domain::kHolidayBit) != 0) add("H");
  return text;
}

void FillTerms(const domain::LineTerms& terms, const std::string& currency, pb::Rate* message) {
  for (const domain::PriceStep& step : terms.steps) {
    pb::PriceStep* added = message->add_steps();
    SecondsToProto(step.from_second, added->mutable_start());
    reserve::ToProto(step.price, currency, added->mutable_price());
  }
  SecondsToProto(terms.included_seconds, message->mutable_included_duration());
  if (terms.minimum) reserve::ToProto(*terms.minimum, currency, message->mutable_minimum());
  if (terms.maximum) reserve::ToProto(*terms.maximum, currency, message->mutable_maximum());
  message->set_blocked(terms.blocked);
  message->set_unpriced(terms.unpriced);
  if (terms.first_day) message->set_first_day(absl::FormatCivilTime(*terms.first_day));
  if (terms.last_day) message->set_last_day(absl::FormatCivilTime(*terms.last_day));
  for (const domain::DayPeriod& period : terms.periods) {
    message->add_periods(absl::StrFormat("%s %02d:%02d-%02d:%02d", DaysText(period.days),
                                         period.from_minute / 60, period.from_minute % 60,
                                         period.to_minute / 60, period.to_minute % 60));
  }
}

}  // namespace

void ToProto(const domain::Usage& usage, const domain::Rating& r, const std::string& currency,
             pb::Rating* message) {
  message->set_basis(static_cast<pb::ChargeBasis>(r.basis));
  message->set_plan_id(r.plan_id);
  message->set_deck_version(r.deck_version);
  message->set_prefix(r.prefix);
  if (r.deck_version != 0) {
    reserve::ToProto(r.price, currency, message->mutable_price());
    reserve::ToProto(r.connect_fee, currency, message->mutable_connect_fee());
  }
  SecondsToProto(r.initial_increment_seconds, message->mutable_initial_increment());
  SecondsToProto(r.increment_seconds, message->mutable_increment());
  SecondsToProto(r.billable_seconds, message->mutable_billable_duration());
  SecondsToProto(r.free_seconds_before, message->mutable_allowance_before());
  SecondsToProto(r.free_seconds_before - r.free_seconds_taken, message->mutable_allowance_after());
  SecondsToProto(r.paid_seconds, message->mutable_paid_duration());
  message->set_segments(usage.segments);
  message->set_rounding(pb::ROUNDING_HALF_UP_NANO);
  message->set_standard_rate(r.standard_rate);
  message->set_country(r.country);
  const std::optional<domain::PricedTerms> terms = domain::PricedTermsFrom(r.terms);
  if (r.terms.empty() || !terms.has_value()) return;  // altered since: the audit says so
  message->set_rounding(RoundingOf(terms->rounding));
  ToProto(*terms, r.connect_fee, currency, message->mutable_priced_terms());
}

pb::Rounding RoundingOf(const Rounding& rounding) {
  switch (rounding.mode) {
    case RoundingMode::kHalfUp:
      return rounding.place == kNanoPlace ? pb::ROUNDING_HALF_UP_NANO : pb::ROUNDING_HALF_UP;
    case RoundingMode::kUp:
      return pb::ROUNDING_UP;
    case RoundingMode::kHalfEven:
      return pb::ROUNDING_HALF_EVEN;
  }
  return pb::ROUNDING_UNSPECIFIED;
}

absl::StatusOr<Rounding> RoundingFrom(pb::Rounding rounding, int32_t decimals,
                                      absl::string_view field) {
  const std::string decimals_field = absl::StrCat(field, "_decimals");
  if (decimals < 0 || decimals > kNanoPlace) return InvalidField(decimals_field, "must be 0 to 9");
  switch (rounding) {
    case pb::ROUNDING_UNSPECIFIED:
    case pb::ROUNDING_HALF_UP_NANO:
      if (decimals != 0) return InvalidField(decimals_field, "is of a rounding to a place");
      return Rounding();
    case pb::ROUNDING_HALF_UP:
      return Rounding{RoundingMode::kHalfUp, decimals};
    case pb::ROUNDING_UP:
      return Rounding{RoundingMode::kUp, decimals};
    case pb::ROUNDING_HALF_EVEN:
      return Rounding{RoundingMode::kHalfEven, decimals};
    default:
      return InvalidField(field, "must be a rounding");
  }
}

void ToProto(const domain::PricedTerms& terms, Nanos connect_fee, const std::string& currency,
             pb::PricedTerms* message) {
  SecondsToProto(terms.included_seconds, message->mutable_included_duration());
  if (terms.minimum) reserve::ToProto(*terms.minimum, currency, message->mutable_minimum());
  if (terms.maximum) reserve::ToProto(*terms.maximum, currency, message->mutable_maximum());
  message->set_rounding_decimals(terms.rounding.place);
  const bool charges_besides = domain::ChargesBesides(connect_fee, terms.minimum);
  for (const domain::CallPart& part : terms.parts) {
    pb::PricedPart* added = message->add_parts();
    added->set_line(part.line);
    SecondsToProto(part.from_second, added->mutable_step_start());
    reserve::ToProto(part.price, currency, added->mutable_price());
    added->set_standard_rate(part.standard);
    SecondsToProto(part.seconds, added->mutable_duration());
    SecondsToProto(part.free_seconds, added->mutable_free_duration());
    SecondsToProto(domain::PaidSeconds(part, charges_besides), added->mutable_paid_duration());
  }
}

absl::Status CheckNoCardNumber(absl::string_view text, absl::string_view field) {
  if (!HoldsCardNumber(text)) return absl::OkStatus();
  return InvalidField(field, "must not hold what looks like the number of a card");
}

absl::Status CheckOptionalId(absl::string_view id, absl::string_view field) {
  return id.empty() ? absl::OkStatus() : CheckId(id, field);
}

absl::Status CheckId(absl::string_view id, absl::string_view field) {
  if (domain::IsValidId(id)) return absl::OkStatus();
  if (id.empty()) return InvalidField(field, "must be set");
  return InvalidField(field, "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -");
}

absl::Status CheckReason(absl::string_view text, absl::string_view field) {
  if (text.empty()) return InvalidField(field, "must be set");
  if (text.size() > kMaxReasonBytes) {
    return InvalidField(field, absl::StrCat("must be at most ", kMaxReasonBytes, " bytes"));
  }
  if (HasControlCharacter(text)) return InvalidField(field, "must not hold control characters");
  return CheckNoCardNumber(text, field);
}

absl::StatusOr<std::string> CurrencyFrom(const std::string& currency_code,
                                         absl::string_view field) {
  if (currency_code.empty()) return std::string("USD");
  if (!IsCurrency(currency_code)) {
    return InvalidField(field, absl::StrCat("must be a currency of ISO 4217, like USD"));
  }
  return currency_code;
}

absl::StatusOr<std::string> CountryFrom(const std::string& country_code, absl::string_view field) {
  if (country_code.empty() || domain::IsCountry(country_code)) return country_code;
  return InvalidField(field, "must be a country of ISO 3166-1 alpha-2, like US");
}

absl::StatusOr<absl::TimeZone> TimeZoneFrom(const std::string& name, absl::string_view field) {
  if (name.empty()) return absl::UTCTimeZone();
  if (const std::optional<absl::TimeZone> zone = FindTimeZone(name)) return *zone;
  return InvalidField(field, "must be a time zone of IANA's database, like America/New_York");
}

absl::StatusOr<domain::Card> CardFrom(const std::string& token, const std::string& fingerprint,
                                      pb::CardNetwork network) {
  if (token.size() > kMaxTokenBytes || !IsGraphic(token)) {
    return InvalidField("card_token", absl::StrCat("must be up to ", kMaxTokenBytes,
                                                   " printable ASCII characters without spaces"));
  }
  RESERVE_RETURN_IF_ERROR(CheckNoCardNumber(token, "card_token"));
  RESERVE_RETURN_IF_ERROR(CheckNoCardNumber(fingerprint, "card_fingerprint"));
  if (fingerprint.size() > kMaxFingerprintBytes || !IsGraphic(fingerprint)) {
    return InvalidField("card_fingerprint",
                        absl::StrCat("must be up to ", kMaxFingerprintBytes,
                                     " printable ASCII characters without spaces"));
  }
  if (!pb::CardNetwork_IsValid(network)) {
    return InvalidField("card_network", "must be a known network, or left out");
  }
  if (token.empty()) {
    if (fingerprint.empty() && network == pb::CARD_NETWORK_UNSPECIFIED) return domain::Card();
    return InvalidField("card_token", "must be set if card_fingerprint or card_network is");
  }
  domain::Card card{CardToken(token), fingerprint, static_cast<domain::CardNetwork>(network)};
  if (fingerprint.empty()) card.fingerprint = domain::StandInNumber(card.token);
  return card;
}

absl::Status CheckStaffText(absl::string_view text, absl::string_view field) {
  if (text.size() > kMaxStaffTextBytes) {
    return InvalidField(field, absl::StrCat("must be at most ", kMaxStaffTextBytes, " bytes"));
  }
  if (HasControlCharacter(text)) return InvalidField(field, "must not hold control characters");
  return CheckNoCardNumber(text, field);
}

absl::StatusOr<domain::CardDisplay> DisplayFrom(const pb::PaymentMethod& message) {
  const std::string& last_four = message.last_four();
  domain::CardDisplay display{message.brand(), last_four, message.expiry_year(),
                              message.expiry_month()};
  if (display.brand.size() > kMaxBrandBytes || HasControlCharacter(display.brand)) {
    return InvalidField("brand", absl::StrCat("must be up to ", kMaxBrandBytes,
                                              " bytes without control characters"));
  }
  RESERVE_RETURN_IF_ERROR(CheckNoCardNumber(display.brand, "brand"));
  const bool digits = std::all_of(last_four.begin(), last_four.end(),
                                  [](char c) { return absl::ascii_isdigit(c); });
  if (!digits || (!last_four.empty() && last_four.size() != 4)) {
    return InvalidField("last_four", "must be four digits, or empty");
  }
  if ((display.expiry_year == 0) != (display.expiry_month == 0)) {
    return InvalidField("expiry_month", "must be set with expiry_year, or neither");
  }
  if (display.expiry_month < 0 || display.expiry_month > 12) {
    return InvalidField("expiry_month", "must be 1 to 12");
  }
  if (display.expiry_year != 0 && (display.expiry_year < 2000 || display.expiry_year > 9999)) {
    return InvalidField("expiry_year", "must be 2000 to 9999");
  }
  return display;
}

absl::StatusOr<int32_t> PositionFrom(int32_t position) {
  if (position < 0 || position > kMaxPosition) {
    return InvalidField("position", absl::StrCat("must be 0 to ", kMaxPosition));
  }
  return position;
}

absl::StatusOr<domain::GivenCard> GivenCardFrom(const pb::PaymentMethod& message) {
  if (message.card_token().empty()) return InvalidField("card_token", "must be set");
  domain::GivenCard given;
  RESERVE_ASSIGN_OR_RETURN(given.card, CardFrom(message.card_token(), message.card_fingerprint(),
                                                message.card_network()));
  given.number_given = !message.card_fingerprint().empty();
  RESERVE_ASSIGN_OR_RETURN(given.position, PositionFrom(message.position()));
  RESERVE_ASSIGN_OR_RETURN(const domain::CardDisplay display, DisplayFrom(message));
  if (!(display == domain::CardDisplay())) given.display = display;
  return given;
}

absl::StatusOr<std::optional<Nanos>> OptionalMoney(bool is_set, const google::type::Money& money,
                                                   absl::string_view currency,
                                                   absl::string_view field) {
  if (!is_set) return std::optional<Nanos>();
  // Without a currency of either side only the amount is checked here; any
  // currency stands in.
  absl::string_view expected = currency;
  if (expected.empty() && money.currency_code().empty()) expected = "USD";
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, reserve::FromProto(money, expected, field));
  return std::optional<Nanos>(amount);
}

absl::StatusOr<Nanos> RequiredMoney(bool is_set, const google::type::Money& money,
                                    absl::string_view field) {
  if (!is_set) return InvalidField(field, "must be set");
  RESERVE_ASSIGN_OR_RETURN(const std::optional<Nanos> amount,
                           OptionalMoney(true, money, /*currency=*/"", field));
  return *amount;
}

absl::StatusOr<absl::Duration> DurationFrom(const google::protobuf::Duration& duration,
                                            absl::string_view field) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Duration exact, reserve::FromProto(duration, field));
  const absl::Duration rounded = domain::RoundedUpToMicros(exact);
  if (exact < absl::ZeroDuration() || rounded > absl::Seconds(domain::kMostDurationSeconds)) {
    return InvalidField(field,
                        absl::StrCat("must be 0 to ", domain::kMostDurationSeconds, " seconds"));
  }
  return rounded;
}

absl::Status CallFrom(const domain::Settings& settings, const pb::Call& call, Usage* usage) {
  usage->kind = UsageKind::kCall;
  RESERVE_ASSIGN_OR_RETURN(usage->direction, DirectionFrom(call.direction(), "call.direction"));
  RESERVE_ASSIGN_OR_RETURN(
      usage->destination,
      DestinationFrom(settings, call.destination(), usage->direction, "call.destination"));
  RESERVE_ASSIGN_OR_RETURN(usage->duration, DurationFrom(call.duration(), "call.duration"));
  return absl::OkStatus();
}

absl::Status SmsFrom(const domain::Settings& settings, const pb::Sms& sms, Usage* usage) {
  usage->kind = UsageKind::kSms;
  RESERVE_ASSIGN_OR_RETURN(usage->direction, DirectionFrom(sms.direction(), "sms.direction"));
  const bool may_be_empty = usage->direction == domain::Direction::kInbound;
  if (!sms.destination().empty() || !may_be_empty) {
    RESERVE_ASSIGN_OR_RETURN(
        usage->destination,
        DestinationFrom(settings, sms.destination(), usage->direction, "sms.destination"));
  }
  if (sms.carrier().size() > kMaxCarrierBytes || !IsGraphic(sms.carrier())) {
    return InvalidField("sms.carrier", absl::StrCat("must be up to ", kMaxCarrierBytes,
                                                    " printable ASCII characters"));
  }
  usage->carrier =
      domain::CarrierFrom(sms.carrier()).value_or(absl::AsciiStrToLower(sms.carrier()));
  RESERVE_ASSIGN_OR_RETURN(usage->segments, SegmentsFrom(sms));
  return absl::OkStatus();
}

namespace {

// Of a usage that is not read yet, whatever else is wrong with it.
bool MayBeForHelp(const domain::Settings& settings, const pb::Usage& usage) {
  Usage dialled;
  if (usage.has_call()) CallFrom(settings, usage.call(), &dialled).IgnoreError();
  if (usage.has_sms()) SmsFrom(settings, usage.sms(), &dialled).IgnoreError();
  return domain::MayBeEmergency(settings, dialled);
}

}  // namespace

absl::StatusOr<Usage> UsageFrom(const domain::Settings& settings, const pb::Usage& usage) {
  Usage parsed;
  RESERVE_RETURN_IF_ERROR(CheckId(usage.usage_id(), "usage_id"));
  if (!usage.user_id().empty() || !MayBeForHelp(settings, usage)) {
    RESERVE_RETURN_IF_ERROR(CheckId(usage.user_id(), "user_id"));
  }
  parsed.usage_id = usage.usage_id();
  parsed.user_id = usage.user_id();
  if (!usage.has_start_time()) return InvalidField("start_time", "must be set");
  RESERVE_ASSIGN_OR_RETURN(parsed.start_time, reserve::FromProto(usage.start_time(), "start_time"));
  parsed.start_time = TruncateToMicros(parsed.start_time);
  switch (usage.kind_case()) {
    case pb::Usage::kCall:
      RESERVE_RETURN_IF_ERROR(CallFrom(settings, usage.call(), &parsed));
      return parsed;
    case pb::Usage::kSms:
      RESERVE_RETURN_IF_ERROR(SmsFrom(settings, usage.sms(), &parsed));
      return parsed;
    default:
      return NoCallOrSms();
  }
}

absl::Status CheckChargeId(absl::string_view charge_id, absl::string_view field) {
  if (charge_id.empty() || charge_id.size() > kMaxCodeBytes || !IsGraphic(charge_id)) {
    return InvalidField(field, "must be 1 to 64 printable ASCII characters");
  }
  return absl::OkStatus();
}

absl::Status CheckCode(absl::string_view code, absl::string_view field) {
  if (code.size() <= kMaxCodeBytes && IsGraphic(code)) return absl::OkStatus();
  return InvalidField(field, "must be up to 64 printable ASCII characters");
}

absl::StatusOr<book::ReportRecharge> ReportFrom(const pb::ReportRechargeRequest& request) {
  book::ReportRecharge report;
  report.ordinal = request.ordinal();
  domain::ChargeOutcome& outcome = report.outcome;
  outcome.attempt = request.attempt();
  outcome.lease_epoch = request.lease_epoch();
  switch (request.outcome_case()) {
    case pb::ReportRechargeRequest::kRefundSucceeded:
      report.of_refund = true;
      outcome.kind = domain::ChargeOutcome::Kind::kSucceeded;
      outcome.charge_id = request.refund_succeeded().refund_id();
      RESERVE_RETURN_IF_ERROR(CheckChargeId(outcome.charge_id, "refund_succeeded.refund_id"));
      return report;
    case pb::ReportRechargeRequest::kRefundFailed:
      report.of_refund = true;
      outcome.kind = domain::ChargeOutcome::Kind::kDeclined;
      outcome.charge_id = request.refund_failed().refund_id();
      if (!outcome.charge_id.empty()) {
        RESERVE_RETURN_IF_ERROR(CheckChargeId(outcome.charge_id, "refund_failed.refund_id"));
      }
      outcome.text = MaskCardNumbers(request.refund_failed().code());
      RESERVE_RETURN_IF_ERROR(CheckCode(outcome.text, "refund_failed.code"));
      return report;
    case pb::ReportRechargeRequest::kSucceeded: {
      const pb::ChargeSucceeded& succeeded = request.succeeded();
      report.of_refund = false;
      outcome.kind = domain::ChargeOutcome::Kind::kSucceeded;
      outcome.charge_id = succeeded.charge_id();
      RESERVE_RETURN_IF_ERROR(CheckChargeId(outcome.charge_id, "succeeded.charge_id"));
      RESERVE_ASSIGN_OR_RETURN(outcome.amount,
                               reserve::FromProto(succeeded.amount(), "", "succeeded.amount"));
      outcome.currency = succeeded.amount().currency_code();
      return report;
    }
    case pb::ReportRechargeRequest::kDeclined: {
      const pb::ChargeDeclined& declined = request.declined();
      report.of_refund = false;
      outcome.kind = domain::ChargeOutcome::Kind::kDeclined;
      if (declined.decline_class() != pb::DECLINE_CLASS_SOFT &&
          declined.decline_class() != pb::DECLINE_CLASS_HARD &&
          declined.decline_class() != pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED) {
        return InvalidField("declined.decline_class", "must be set");
      }
      outcome.decline_class = static_cast<domain::DeclineClass>(declined.decline_class());
      outcome.text = MaskCardNumbers(declined.code());
      RESERVE_RETURN_IF_ERROR(CheckCode(outcome.text, "declined.code"));
      return report;
    }
    case pb::ReportRechargeRequest::kUnresolved:
      outcome.kind = domain::ChargeOutcome::Kind::kUnresolved;
      outcome.text = MaskCardNumbers(request.unresolved().reason());
      RESERVE_RETURN_IF_ERROR(CheckReason(outcome.text, "unresolved.reason"));
      return report;
    case pb::ReportRechargeRequest::kPending:
      outcome.kind = domain::ChargeOutcome::Kind::kPending;
      outcome.charge_id = request.pending().charge_id();
      RESERVE_RETURN_IF_ERROR(CheckChargeId(outcome.charge_id, "pending.charge_id"));
      return report;
    default:
      return InvalidField("outcome", "must be set");
  }
}

void ToProto(const domain::Account& account, pb::BillingSettings* message) {
  reserve::ToProto(account.reserve_amount, account.currency, message->mutable_reserve_amount());
  reserve::ToProto(account.recharge_threshold, account.currency,
                   message->mutable_recharge_threshold());
  message->set_automatic_recharge(!account.automatic_off);
  if (account.monthly_cap != 0) {
    reserve::ToProto(account.monthly_cap, account.currency, message->mutable_monthly_cap());
  }
  if (account.notify_below != 0) {
    reserve::ToProto(account.notify_below, account.currency, message->mutable_notify_below());
  }
  message->set_etag(book::EtagOf(account));
  if (account.settings_time != absl::InfinitePast()) {
    reserve::ToProto(account.settings_time, message->mutable_update_time());
  }
}

namespace {

// O3, G8: what the customer's amounts are checked against.
void FillBounds(const domain::CurrencySettings& settings, const std::string& currency,
                pb::BillingBounds* message) {
  reserve::ToProto(settings.min_reserve_amount, currency, message->mutable_min_reserve_amount());
  reserve::ToProto(domain::MostReserveAmount(settings), currency,
                   message->mutable_max_reserve_amount());
  reserve::ToProto(settings.min_recharge_threshold, currency,
                   message->mutable_min_recharge_threshold());
  reserve::ToProto(settings.smallest_charge, currency, message->mutable_min_top_up_amount());
  reserve::ToProto(settings.max_recharge_amount, currency, message->mutable_max_top_up_amount());
}

}  // namespace

void ToProto(const domain::PaymentMethod& method, int32_t position, absl::Time now,
             pb::PaymentMethod* message) {
  message->set_payment_method_id(method.payment_method_id);
  message->set_card_fingerprint(method.card.fingerprint);
  message->set_card_network(static_cast<pb::CardNetwork>(method.card.network));
  message->set_card_state(static_cast<pb::CardState>(method.state));
  message->set_brand(method.display.brand);
  message->set_last_four(std::string(method.display.last_four.view()));
  message->set_expiry_year(method.display.expiry_year);
  message->set_expiry_month(method.display.expiry_month);
  message->set_position(position);
  message->set_etag(book::EtagOf(method, position));
  if (method.update_time != absl::InfinitePast()) {
    reserve::ToProto(method.update_time, message->mutable_update_time());
  }
  if (method.state_time != absl::InfinitePast()) {
    reserve::ToProto(method.state_time, message->mutable_state_time());
  }
  const bool waits = method.state == domain::CardState::kFailing ||
                     (method.state == domain::CardState::kUsable && method.retry_time > now);
  if (waits && method.retry_time != absl::InfiniteFuture()) {
    reserve::ToProto(method.retry_time, message->mutable_retry_time());
  }
}

void ToProto(const domain::Account& account, absl::Time now,
             google::protobuf::RepeatedPtrField<pb::PaymentMethod>* messages) {
  int32_t position = 0;
  for (const domain::PaymentMethod& method : account.payment_methods) {
    ToProto(method, ++position, now, messages->Add());
  }
}

void ToProto(const domain::Closing& closing, const std::string& currency, pb::Closing* message) {
  const auto set = [](absl::Time time, auto mutable_time) {
    if (time != absl::InfinitePast()) reserve::ToProto(time, mutable_time());
  };
  set(closing.begin_time, [=] { return message->mutable_begin_time(); });
  set(closing.grace_until, [=] { return message->mutable_grace_until(); });
  set(closing.facts_end, [=] { return message->mutable_facts_end_time(); });
  set(closing.close_time, [=] { return message->mutable_close_time(); });
  reserve::ToProto(closing.owed, currency, message->mutable_owed());
  reserve::ToProto(closing.paid_out, currency, message->mutable_paid_out());
  reserve::ToProto(closing.written_off, currency, message->mutable_written_off());
}

void ToProto(const domain::Account& account, const Sight& sight, pb::Account* message) {
  message->set_account_id(account.account_id);
  message->set_state(static_cast<pb::AccountState>(account.state));
  reserve::ToProto(account.balance, account.currency, message->mutable_balance());
  ToProto(account, message->mutable_billing_settings());
  FillBounds(domain::CurrencyOf(sight.settings, account), account.currency,
             message->mutable_billing_bounds());
  ToProto(account, sight.now, message->mutable_payment_methods());
  if (account.closing.begun()) {
    ToProto(account.closing, account.currency, message->mutable_closing());
  } else {
    for (const domain::Obstacle& obstacle :
         domain::ObstaclesAt(sight.settings, sight.now, account)) {
      FillObstacle(obstacle, message->add_obstacles());
    }
  }
  if (account.blocked()) {
    message->mutable_block()->set_reason(account.block.reason);
    reserve::ToProto(account.block.time, message->mutable_block()->mutable_block_time());
  }
  message->set_default_plan_id(account.default_plan_id);
  message->set_display_name(account.display_name);
  message->set_country_code(std::string(account.country.view()));
  message->set_time_zone(account.calendar.latest().time_zone.name());
  message->set_billing_day(account.calendar.latest().billing_day);
  for (const domain::CalendarChange& change : account.calendar.Changes()) {
    pb::CalendarChange* shown = message->add_calendar_changes();
    reserve::ToProto(change.time, shown->mutable_change_time());
    shown->set_time_zone(change.rule.time_zone.name());
    shown->set_billing_day(change.rule.billing_day);
  }
  message->set_etag(book::EtagOfAccount(account));
  message->set_last_seq(account.last_seq);
  message->set_open_recharge_ordinal(account.open_ordinal);
  reserve::ToProto(account.create_time, message->mutable_create_time());
  if (account.update_time != absl::InfinitePast()) {
    reserve::ToProto(account.update_time, message->mutable_update_time());
  }
  reserve::ToProto(account.own_balance(), account.currency, message->mutable_own_balance());
  reserve::ToProto(account.promotional_balance(), account.currency,
                   message->mutable_promotional_balance());
  for (const domain::CreditGrant& grant : account.grants) {
    pb::CreditGrant* shown = message->add_credit_grants();
    shown->set_number(grant.number);
    shown->set_seq(grant.seq);
    reserve::ToProto(grant.remaining, account.currency, shown->mutable_remaining());
    reserve::ToProto(grant.end, shown->mutable_expire_time());
  }
  reserve::ToProto(account.held, account.currency, message->mutable_held());
  reserve::ToProto(account.accrued, account.currency, message->mutable_accrued());
  reserve::ToProto(account.available(), account.currency, message->mutable_available());
}

namespace {

void AddPlans(const domain::User& user, pb::User* message) {
  pb::UserPlan* plan = message->add_plans();
  for (const domain::EarlierPlan& each : user.earlier_plans.All()) {
    plan->set_plan_id(each.plan_id);
    reserve::ToProto(each.until, plan->mutable_end_time());
    plan = message->add_plans();
    reserve::ToProto(each.until, plan->mutable_effective_time());
  }
  plan->set_plan_id(user.plan_id);
}

}  // namespace

void ToProto(const book::UserReply& reply, absl::Time now, pb::User* message) {
  const domain::User& user = reply.user;
  const int32_t period = domain::PeriodOf(reply.plan, now, reply.calendar);
  message->set_account_id(user.account_id);
  message->set_user_id(user.user_id);
  message->set_plan_id(user.PlanIdAt(now));
  message->set_display_name(user.display_name);
  message->set_blocked(user.blocked());
  if (user.blocked()) reserve::ToProto(user.block_time, message->mutable_block_time());
  if (user.removed()) reserve::ToProto(user.remove_time, message->mutable_remove_time());
  AddPlans(user, message);
  SecondsToProto(reply.plan.free_seconds, message->mutable_allowance());
  SecondsToProto(domain::FreeSecondsLeft(user, reply.plan, period),
                 message->mutable_allowance_left());
  reserve::ToProto(user.create_time, message->mutable_create_time());
  if (user.update_time != absl::InfinitePast()) {
    reserve::ToProto(user.update_time, message->mutable_update_time());
  }
  const auto month = domain::AllowanceMonth(reply.plan, now, reply.calendar);
  if (month.has_value()) reserve::ToProto(month->end, message->mutable_allowance_end_time());
}

void ToProto(const Usage& usage, pb::Usage* message) {
  message->set_usage_id(usage.usage_id);
  message->set_user_id(usage.user_id);
  reserve::ToProto(usage.start_time, message->mutable_start_time());
  const auto direction = static_cast<pb::Direction>(usage.direction);
  const std::string number = usage.destination.empty() || domain::IsErasedNumber(usage.destination)
                                 ? std::string()
                                 : domain::DialledForm(usage.destination);
  if (usage.kind == UsageKind::kCall) {
    message->mutable_call()->set_direction(direction);
    message->mutable_call()->set_destination(number);
    reserve::ToProto(usage.duration, message->mutable_call()->mutable_duration());
  } else {
    message->mutable_sms()->set_direction(direction);
    message->mutable_sms()->set_destination(number);
    message->mutable_sms()->set_carrier(usage.carrier);
    message->mutable_sms()->set_segments(usage.segments);
  }
}

void ToProto(const domain::Entry& entry, const std::string& currency, pb::Entry* message) {
  message->set_account_id(entry.account_id);
  message->set_seq(entry.seq);
  message->set_kind(static_cast<pb::EntryKind>(entry.kind));
  reserve::ToProto(entry.amount, currency, message->mutable_amount());
  reserve::ToProto(entry.balance_after, currency, message->mutable_balance_after());
  reserve::ToProto(entry.record_time, message->mutable_record_time());
  message->set_usage_id(domain::UsageIdOf(entry));
  message->set_hash(entry.hash.data(), entry.hash.size());
  message->set_recharge_ordinal(entry.recharge_ordinal);
  message->set_request_id(entry.request_id);
  message->set_reason(entry.reason);
  message->set_caller(entry.caller);
  message->set_credit_grant_number(entry.grant.number);
  if (entry.kind == domain::EntryKind::kGrant) {
    reserve::ToProto(entry.grant.end, message->mutable_expire_time());
  }
  reserve::ToProto(domain::PromotionalOf(entry), currency, message->mutable_promotional_amount());
}

void ToProto(const domain::Entry& entry, const std::string& currency, pb::UsageRecord* message) {
  message->set_account_id(entry.account_id);
  ToProto(entry.booked->usage, message->mutable_usage());
  message->set_seq(entry.seq);
  reserve::ToProto(-entry.amount, currency, message->mutable_cost());
  reserve::ToProto(entry.balance_after - entry.amount, currency, message->mutable_balance_before());
  reserve::ToProto(entry.balance_after, currency, message->mutable_balance_after());
  ToProto(entry.booked->usage, entry.booked->rating, currency, message->mutable_rating());
  reserve::ToProto(entry.record_time, message->mutable_record_time());
  message->set_corrects_usage_id(entry.booked->corrects);
  reserve::ToProto(-domain::PromotionalOf(entry), currency, message->mutable_promotional_cost());
  message->set_estimated(entry.booked->estimated);
  const bool unrated = entry.booked->rating.unrated();
  message->set_status(unrated ? pb::USAGE_STATUS_UNRATED : pb::USAGE_STATUS_RATED);
  message->set_unrated_reason(static_cast<pb::UnratedReason>(entry.booked->rating.unrated_reason));
}

void ToProto(const domain::Entry& entry, const std::string& currency, pb::EarlierRating* message) {
  message->set_seq(entry.seq);
  reserve::ToProto(entry.booked->rating.cost, currency, message->mutable_cost());
  reserve::ToProto(entry.record_time, message->mutable_record_time());
  ToProto(entry.booked->usage, entry.booked->rating, currency, message->mutable_rating());
}

void AddState(const domain::UsageState& state, const domain::Entry* rating,
              const std::string& currency, pb::UsageRecord* message) {
  message->set_status(static_cast<pb::UsageStatus>(state.status));
  message->set_unrated_reason(static_cast<pb::UnratedReason>(state.unrated_reason));
  reserve::ToProto(state.net_cost(), currency, message->mutable_cost());
  if (rating != nullptr) {
    ToProto(rating->booked->usage, rating->booked->rating, currency, message->mutable_rating());
    message->set_rating_seq(rating->seq);
  }
  if (state.status != domain::UsageStatus::kVoided) return;
  pb::VoidedUsage* voided = message->mutable_voided();
  voided->set_seq(state.latest_seq);
  reserve::ToProto(state.cost, currency, voided->mutable_returned());
  SecondsToProto(state.free_seconds, voided->mutable_allowance_returned());
  reserve::ToProto(state.update_time, voided->mutable_void_time());
  voided->set_corrected_by_usage_id(state.corrected_by);
}

namespace {

pb::RefundState StateOfRefund(domain::RechargeState state) {
  switch (state) {
    case domain::RechargeState::kOpen:
      return pb::REFUND_STATE_PENDING;
    case domain::RechargeState::kSucceeded:
      return pb::REFUND_STATE_SUCCEEDED;
    case domain::RechargeState::kFailed:
      return pb::REFUND_STATE_FAILED;
    case domain::RechargeState::kNeedsReview:
      return pb::REFUND_STATE_NEEDS_REVIEW;
    case domain::RechargeState::kCanceled:
      return pb::REFUND_STATE_CANCELED;
    case domain::RechargeState::kReversed:
      break;
  }
  return pb::REFUND_STATE_UNSPECIFIED;
}

}  // namespace

void ToProto(const domain::Recharge& recharge, pb::Recharge* message) {
  message->set_account_id(recharge.account_id);
  message->set_ordinal(recharge.ordinal);
  message->set_kind(static_cast<pb::RechargeKind>(recharge.kind));
  reserve::ToProto(recharge.amount, recharge.currency, message->mutable_amount());
  message->set_state(static_cast<pb::RechargeState>(recharge.state));
  message->set_card_fingerprint(recharge.card.fingerprint);
  message->set_card_network(static_cast<pb::CardNetwork>(recharge.card.network));
  message->set_payment_method_id(recharge.payment_method_id);
  if (recharge.state == domain::RechargeState::kSucceeded) {
    reserve::ToProto(recharge.credited, recharge.currency, message->mutable_credited_amount());
    reserve::ToProto(recharge.refunded, recharge.currency, message->mutable_refunded_amount());
    reserve::ToProto(recharge.disputed, recharge.currency, message->mutable_disputed_amount());
  }
  if (recharge.pending()) {
    reserve::ToProto(recharge.pending_time, message->mutable_pending_time());
  }
  message->set_attempt(recharge.attempt);
  if (recharge.state == domain::RechargeState::kOpen) {
    reserve::ToProto(recharge.due_time, message->mutable_due_time());
  }
  message->set_last_decline_class(static_cast<pb::DeclineClass>(recharge.last_decline));
  message->set_last_decline_code(recharge.last_decline_code);
  message->set_charge_id(recharge.charge_id);
  message->set_credited_as_ordinal(recharge.credited_as);
  message->set_request_id(recharge.request_id);
  reserve::ToProto(recharge.create_time, message->mutable_create_time());
  if (recharge.end_time != absl::InfinitePast()) {
    reserve::ToProto(recharge.end_time, message->mutable_end_time());
  }
  if (recharge.update_time != absl::InfinitePast()) {
    reserve::ToProto(recharge.update_time, message->mutable_update_time());
  }
}

void ToProto(const domain::Recharge& refund, pb::Refund* message) {
  message->set_account_id(refund.account_id);
  message->set_ordinal(refund.ordinal);
  message->set_recharge_ordinal(refund.refund_of);
  message->set_charge_id(refund.charge_id);
  reserve::ToProto(refund.amount, refund.currency, message->mutable_amount());
  message->set_state(StateOfRefund(refund.state));
  message->set_refund_id(refund.refund_id);
  message->set_failure_code(refund.last_decline_code);
  message->set_request_id(refund.request_id);
  reserve::ToProto(refund.create_time, message->mutable_create_time());
  if (refund.end_time != absl::InfinitePast()) {
    reserve::ToProto(refund.end_time, message->mutable_end_time());
  }
  if (refund.update_time != absl::InfinitePast()) {
    reserve::ToProto(refund.update_time, message->mutable_update_time());
  }
}

void ToProto(const domain::Recharge& payment, pb::Payment* message) {
  const bool reversed = payment.state == domain::RechargeState::kReversed;
  message->set_account_id(payment.account_id);
  message->set_ordinal(payment.ordinal);
  reserve::ToProto(payment.credited, payment.currency, message->mutable_amount());
  message->set_means(static_cast<pb::PaymentMeans>(payment.means));
  message->set_state(reversed ? pb::PAYMENT_STATE_REVERSED : pb::PAYMENT_STATE_RECORDED);
  message->set_charge_id(payment.charge_id);
  message->set_reference(payment.reference);
  message->set_request_id(payment.request_id);
  if (payment.received_time != absl::InfinitePast()) {
    reserve::ToProto(payment.received_time, message->mutable_received_time());
  }
  reserve::ToProto(payment.create_time, message->mutable_create_time());
  if (reversed) reserve::ToProto(payment.end_time, message->mutable_reverse_time());
  if (payment.update_time != absl::InfinitePast()) {
    reserve::ToProto(payment.update_time, message->mutable_update_time());
  }
  reserve::ToProto(payment.refunded, payment.currency, message->mutable_refunded_amount());
  reserve::ToProto(payment.disputed, payment.currency, message->mutable_disputed_amount());
}

void ToProto(const domain::Dispute& dispute, const std::string& currency, pb::Dispute* message) {
  message->set_account_id(dispute.account_id);
  message->set_dispute_id(dispute.dispute_id);
  message->set_recharge_ordinal(dispute.ordinal);
  message->set_charge_id(dispute.charge_id);
  reserve::ToProto(dispute.amount, currency, message->mutable_amount());
  message->set_state(static_cast<pb::DisputeState>(dispute.state));
  message->set_reason(dispute.reason);
  reserve::ToProto(dispute.create_time, message->mutable_create_time());
  reserve::ToProto(dispute.update_time, message->mutable_update_time());
}

void ToProto(const domain::UnplacedState& refund, pb::Refund* message) {
  const auto& told = std::get<domain::GatewayRefund>(refund.told);
  message->Clear();
  message->set_charge_id(told.charge_id);
  message->set_refund_id(told.refund_id);
  reserve::ToProto(told.amount, refund.currency, message->mutable_amount());
  switch (told.state) {
    case domain::GatewayRefund::State::kPending:
      message->set_state(pb::REFUND_STATE_PENDING);
      break;
    case domain::GatewayRefund::State::kSucceeded:
      message->set_state(pb::REFUND_STATE_SUCCEEDED);
      break;
    case domain::GatewayRefund::State::kFailed:
      message->set_state(pb::REFUND_STATE_FAILED);
      break;
  }
  message->set_failure_code(told.failure_code);
  reserve::ToProto(refund.create_time, message->mutable_create_time());
  reserve::ToProto(refund.update_time, message->mutable_update_time());
  message->set_kept(true);
}

void ToProto(const domain::UnplacedState& dispute, pb::Dispute* message) {
  const auto& told = std::get<domain::GatewayDispute>(dispute.told);
  message->Clear();
  message->set_charge_id(told.charge_id);
  message->set_dispute_id(told.dispute_id);
  reserve::ToProto(told.amount, dispute.currency, message->mutable_amount());
  message->set_state(static_cast<pb::DisputeState>(told.state));
  message->set_reason(told.reason);
  reserve::ToProto(dispute.create_time, message->mutable_create_time());
  reserve::ToProto(dispute.update_time, message->mutable_update_time());
  message->set_kept(true);
}

void ToProto(const domain::Event& event, const std::string& currency, pb::Event* message) {
  message->set_account_id(event.account_id);
  message->set_event_seq(event.event_seq);
  message->set_kind(static_cast<pb::EventKind>(event.kind));
  message->set_cause(event.cause);
  reserve::ToProto(event.time, message->mutable_event_time());
  message->set_state(static_cast<pb::AccountState>(event.state));
  reserve::ToProto(event.balance, currency, message->mutable_balance());
  message->set_recharge_ordinal(event.recharge_ordinal);
  if (event.amount != 0) reserve::ToProto(event.amount, currency, message->mutable_amount());
  if (event.recharge_kind.has_value()) {
    message->set_recharge_kind(static_cast<pb::RechargeKind>(*event.recharge_kind));
  }
  message->set_decline_class(static_cast<pb::DeclineClass>(event.decline_class));
  message->set_obstacle(static_cast<pb::RefillObstacle>(event.obstacle));
  message->set_payment_method_id(event.payment_method_id);
  message->set_actor(event.actor);
  message->set_caller(event.caller);
  message->set_reference(event.reference);
  message->set_usage_id(event.usage_id);
  message->set_hold_id(event.hold_id);
  message->set_limit(static_cast<pb::LimitKind>(event.limit));
  message->set_limit_level(static_cast<pb::LimitLevel>(event.limit_level));
  message->set_user_id(event.user_id);
}

void ToProto(const domain::Hold& hold, const std::string& currency, pb::Hold* message) {
  const auto set = [](absl::Time time, auto mutable_time) {
    if (time != absl::InfinitePast() && time != absl::InfiniteFuture()) {
      reserve::ToProto(time, mutable_time());
    }
  };
  message->set_account_id(hold.account_id);
  message->set_hold_id(hold.hold_id);
  message->set_usage_id(hold.usage_id);
  message->set_user_id(hold.user_id);
  message->mutable_call()->set_direction(static_cast<pb::Direction>(hold.direction));
  message->mutable_call()->set_destination(domain::DialledForm(hold.destination));
  message->set_switch_id(hold.switch_id);
  message->set_switch_incarnation(hold.incarnation);
  message->set_state(static_cast<pb::HoldState>(hold.state));
  SecondsToProto(hold.granted_seconds, message->mutable_granted());
  reserve::ToProto(hold.used, message->mutable_used());
  message->set_extension(hold.extension);
  message->set_final(hold.final() || !hold.open());
  message->set_final_reason(static_cast<pb::FinalReason>(hold.final_reason));
  set(hold.expire_time, [=] { return message->mutable_expire_time(); });
  reserve::ToProto(hold.held, currency, message->mutable_held());
  reserve::ToProto(hold.accrued, currency, message->mutable_accrued());
  SecondsToProto(hold.free_seconds, message->mutable_allowance_held());
  message->set_deck_version(hold.deck_version);
  message->set_plan_id(hold.plan_id);
  set(hold.create_time, [=] { return message->mutable_create_time(); });
  set(hold.answer_time, [=] { return message->mutable_answer_time(); });
  set(hold.end_time, [=] { return message->mutable_end_time(); });
}

void ToProto(const rates::RateRow& row, const std::string& currency, pb::Rate* message) {
  message->set_kind(static_cast<pb::RateKind>(row.kind));
  message->set_prefix(row.prefix);
  message->set_carrier(row.carrier);
  message->set_destination_name(row.destination_name);
  reserve::ToProto(row.price, currency, message->mutable_price());
  message->set_country(domain::TextOf(row.country));
  if (row.terms != nullptr) FillTerms(*row.terms, currency, message);
  if (rates::IsTextKind(row.kind)) return;
  reserve::ToProto(row.connect_fee, currency, message->mutable_connect_fee());
  SecondsToProto(row.initial_increment_seconds, message->mutable_initial_increment());
  SecondsToProto(row.increment_seconds, message->mutable_increment());
}

void ToProto(const rates::DeckHeader& header, pb::RateDeck* message) {
  message->set_version(header.version);
  message->set_name(header.name);
  message->set_currency_code(header.currency);
  message->set_series(header.series);
  reserve::ToProto(header.standard_rate_ceiling, header.currency,
                   message->mutable_standard_rate_ceiling());
  message->set_rate_count(header.rate_count);
  reserve::ToProto(header.import_time, message->mutable_import_time());
  message->set_time_zone(header.time_zone);
  message->set_periods_by_start(header.rules.periods_by_start);
  message->set_rounding(RoundingOf(header.rules.rounding));
  message->set_rounding_decimals(header.rules.rounding.place);
  for (const absl::CivilDay day : header.rules.calendar.holidays) {
    message->add_holidays(absl::FormatCivilTime(day));
  }
  message->set_prices_include_tax(header.prices_include_tax);
}

void ToProto(const rates::DeckHeader& header, const rates::Timeline& timeline, absl::Time now,
             pb::RateDeck* message) {
  ToProto(header, message);
  message->set_state(static_cast<pb::RateDeckState>(timeline.StateOf(header, now)));
  if (const std::optional<absl::Time> retired = timeline.RetireTimeOf(header.version)) {
    reserve::ToProto(*retired, message->mutable_retire_time());
  }
  const rates::DeckActivation* leading = timeline.LeadingOf(header.version, now);
  if (leading != nullptr) {
    reserve::ToProto(leading->from, message->mutable_effective_time());
  }
}

void ToProto(const rates::DeckActivation& activation, const rates::Timeline& timeline,
             absl::Time now, pb::RateDeckActivation* message) {
  message->set_number(activation.number);
  message->set_deck_version(activation.deck_version);
  message->set_currency_code(activation.currency);
  message->set_series(activation.series);
  reserve::ToProto(activation.from, message->mutable_effective_time());
  const absl::Time end = timeline.EndOf(activation);
  if (end != absl::InfiniteFuture()) reserve::ToProto(end, message->mutable_end_time());
  message->set_state(static_cast<pb::RateDeckState>(timeline.StateOf(activation, now)));
  message->set_backdated(activation.backdated);
  reserve::ToProto(activation.write_time, message->mutable_create_time());
  message->set_reason(activation.reason);
  message->set_actor(activation.actor);
  message->set_reference(activation.reference);
}

void ToProto(const book::UsageReply& reply, pb::RecordUsageResponse* message) {
  if (!reply.booked) return;
  message->set_seq(reply.seq);
  if (reply.archived) {
    message->set_duplicate(true);
    message->set_archived(true);
    return;
  }
  reserve::ToProto(reply.cost, reply.currency, message->mutable_cost());
  reserve::ToProto(reply.balance_after, reply.currency, message->mutable_balance_after());
  message->set_duplicate(reply.duplicate);
  message->set_hash(reply.hash.data(), reply.hash.size());
  message->set_status(static_cast<pb::UsageStatus>(reply.status));
  message->set_unrated_reason(static_cast<pb::UnratedReason>(reply.unrated_reason));
}

void ToProto(const book::VoidReply& reply, pb::VoidUsageResponse* message) {
  message->set_seq(reply.seq);
  reserve::ToProto(reply.returned, reply.currency, message->mutable_returned());
  SecondsToProto(reply.free_seconds_returned, message->mutable_allowance_returned());
  reserve::ToProto(reply.balance, reply.currency, message->mutable_balance());
  message->set_already_voided(reply.already_voided);
}

void ToProto(const book::CorrectionReply& reply, pb::CorrectUsageResponse* message) {
  ToProto(reply.usage, message->mutable_usage());
  if (reply.voided.has_value()) ToProto(*reply.voided, message->mutable_voided());
}

void ToProto(const book::AuthorizeReply& reply, pb::AuthorizeUsageResponse* message) {
  const domain::Authorization& answer = reply.authorization;
  message->set_decision(static_cast<pb::AuthorizationDecision>(answer.decision));
  message->set_allowed(answer.decision == domain::Decision::kAllowed);
  message->set_emergency(answer.emergency);
  if (reply.price.has_value()) {
    reserve::ToProto(*reply.price, reply.currency, message->mutable_price());
  }
  message->set_standard_rate(reply.standard_rate);
  SecondsToProto(answer.free_seconds_left, message->mutable_allowance_left());
  SecondsToProto(answer.max_duration_seconds, message->mutable_max_duration());
  message->set_unlimited_duration(answer.unlimited_duration);
  message->set_prefix(reply.prefix);
  message->set_deck_missing(reply.deck_missing);
  message->set_limit(static_cast<pb::LimitKind>(answer.limit.kind));
  message->set_limit_level(static_cast<pb::LimitLevel>(answer.limit.level));
  if (answer.limit.any() && answer.limit.until != absl::InfiniteFuture()) {
    reserve::ToProto(answer.limit.until, message->mutable_limit_until());
  }
  if (answer.sms_cost > 0) {
    reserve::ToProto(answer.sms_cost, reply.currency, message->mutable_sms_cost());
  }
}

}  // namespace reserve::api
