#include "services/ledger/serve/settings_flags.h"

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/serve/currency_settings_file.h"

ABSL_FLAG(std::string, default_country, "US",
          "The country of accounts that are opened without one: ISO 3166-1 alpha-2.");
ABSL_FLAG(std::vector<std::string>, emergency_numbers, {},
          "Emergency numbers beside those that are built in, as COUNTRY:NUMBER, like US:988.");
ABSL_FLAG(int, max_recharge_multiple, 20, "The most reserve amounts that one recharge may add.");
ABSL_FLAG(int, max_payment_methods, 5, "The most cards of an account.");
ABSL_FLAG(int, max_cards_given_per_day, 5,
          "How often cards may be given or confirmed on an account a day, of its time zone.");
ABSL_FLAG(int, max_declines_per_day, 10,
          "After so many declined attempts on an account a day, of its time zone, its cards are "
          "tried again the day after.");
ABSL_FLAG(absl::Duration, decline_interval, absl::Minutes(1),
          "A card that declined twice, and was not left alone for twice this long, is not tried "
          "again before this long after the second.");
ABSL_FLAG(absl::Duration, partial_charge_wait, absl::Hours(1),
          "A card of which less was charged than was asked for is not charged by itself before.");
ABSL_FLAG(absl::Duration, pending_lookup_interval, absl::Minutes(5),
          "How often a charge that the gateway calls pending is looked up.");
ABSL_FLAG(absl::Duration, pending_in_the_way, absl::Hours(1),
          "A charge that the gateway calls pending stands in the way of a top-up for so long.");
ABSL_FLAG(absl::Duration, card_expiry_notice, absl::Hours(24 * 14),
          "How long before a card expires its customer hears of it.");
ABSL_FLAG(std::vector<std::string>, retry_delays, std::vector<std::string>({"1h", "3h", "7h"}),
          "After the first, second, ... soft decline the card is tried again this much later.");
ABSL_FLAG(int, visa_declines_per_30_days, 15,
          "A Visa card that was declined so often in 30 days, on all accounts, is not tried; 0 for "
          "no limit.");
ABSL_FLAG(int, mastercard_declines_per_24_hours, 10, "The same for a Mastercard in 24 hours.");
ABSL_FLAG(int, mastercard_declines_per_30_days, 35, "The same for a Mastercard in 30 days.");
ABSL_FLAG(absl::Duration, max_usage_age, absl::Hours(24 * 400),
          "Usages that began longer ago are refused.");
ABSL_FLAG(absl::Duration, max_usage_ahead, absl::Hours(2),
          "Usages that begin later than this from now are refused.");
ABSL_FLAG(absl::Duration, close_grace, absl::Hours(72),
          "Usage of an account that is being closed is booked for so long, at least.");
ABSL_FLAG(absl::Duration, hold_slice, absl::Minutes(1),
          "A call in progress is granted so much at a time, unless its switch asks for another.");
ABSL_FLAG(absl::Duration, hold_ringing, absl::Seconds(90),
          "A hold ends that is not extended for so long while its call rings.");
ABSL_FLAG(absl::Duration, hold_grace, absl::Seconds(30),
          "A hold ends that is not extended so long after what was granted is used up.");
ABSL_FLAG(absl::Duration, settle_within, absl::Hours(24),
          "A call whose CDR does not come within this after its end is booked from what its switch "
          "has reported.");
ABSL_FLAG(absl::Duration, max_call_duration, absl::Hours(24 * 7),
          "A call that is said to have lasted longer is refused as a mistake.");
ABSL_FLAG(absl::Duration, longest_call, absl::Hours(24),
          "No call is granted more, unless its plan says otherwise.");
ABSL_FLAG(int32_t, max_holds_per_account, 100, "An account can have so many calls in progress.");
ABSL_FLAG(
    std::vector<std::string>, allowed_countries, {},
    "Paid calls and texts go nowhere else, unless a plan, an account or a user says otherwise: "
    "ISO 3166-1 alpha-2, TOLL_FREE, SATELLITE, PREMIUM_RATE. Empty: everywhere.");
ABSL_FLAG(absl::Duration, new_account_period, absl::Hours(24 * 7),
          "An account is new for so long: dear destinations are refused (currency settings).");
ABSL_FLAG(int32_t, max_holds_per_user, 10, "A user can have so many calls in progress.");

namespace reserve::serve {
namespace {

// A setting that must be between two durations.
absl::Status Take(absl::Duration value, absl::string_view flag, absl::Duration least,
                  absl::Duration most, absl::Duration* setting) {
  *setting = value;
  if (value >= least && value <= most) return absl::OkStatus();
  return InvalidField(flag, absl::StrCat("must be ", absl::FormatDuration(least), " to ",
                                         absl::FormatDuration(most)));
}

absl::Status TakeNumber(int32_t value, absl::string_view flag, int32_t most, int32_t* setting) {
  *setting = value;
  if (value >= 1 && value <= most) return absl::OkStatus();
  return InvalidField(flag, absl::StrCat("must be 1 to ", most));
}

absl::Status TakeHoldFlags(domain::Settings* settings) {
  constexpr int32_t kMostHolds = 10'000;
  const absl::Duration second = absl::Seconds(1);
  const absl::Duration hour = absl::Hours(1);
  const absl::Duration week = absl::Seconds(domain::kMaxDurationSeconds);
  RESERVE_RETURN_IF_ERROR(Take(absl::Trunc(absl::GetFlag(FLAGS_hold_slice), second), "--hold_slice",
                               second, hour, &settings->hold_slice));
  RESERVE_RETURN_IF_ERROR(Take(absl::GetFlag(FLAGS_hold_ringing), "--hold_ringing", second, hour,
                               &settings->hold_ringing));
  RESERVE_RETURN_IF_ERROR(Take(absl::GetFlag(FLAGS_hold_grace), "--hold_grace",
                               absl::ZeroDuration(), hour, &settings->hold_grace));
  RESERVE_RETURN_IF_ERROR(Take(absl::GetFlag(FLAGS_settle_within), "--settle_within", second,
                               4 * week, &settings->settle_within));
  RESERVE_RETURN_IF_ERROR(Take(
      absl::Trunc(absl::GetFlag(FLAGS_max_call_duration), second), "--max_call_duration",
      absl::Minutes(1), absl::Seconds(domain::kMostDurationSeconds), &settings->max_call_duration));
  RESERVE_RETURN_IF_ERROR(Take(absl::GetFlag(FLAGS_longest_call), "--longest_call",
                               absl::Minutes(1), settings->max_call_duration,
                               &settings->longest_call));
  RESERVE_RETURN_IF_ERROR(TakeNumber(absl::GetFlag(FLAGS_max_holds_per_account),
                                     "--max_holds_per_account", kMostHolds,
                                     &settings->max_holds_per_account));
  return TakeNumber(absl::GetFlag(FLAGS_max_holds_per_user), "--max_holds_per_user", kMostHolds,
                    &settings->max_holds_per_user);
}

// L5.
absl::Status TakeLimitFlags(domain::Settings* settings) {
  const std::vector<std::string> countries = absl::GetFlag(FLAGS_allowed_countries);
  if (!countries.empty()) settings->limits.countries = countries;
  if (!domain::CheckLimits(settings->limits).ok()) {
    return InvalidField("--allowed_countries",
                        "must be countries of ISO 3166-1, TOLL_FREE, SATELLITE, PREMIUM_RATE");
  }
  return Take(absl::GetFlag(FLAGS_new_account_period), "--new_account_period", absl::ZeroDuration(),
              absl::Hours(24 * 366), &settings->new_account_period);
}

constexpr absl::Duration kLongestCloseGrace = absl::Hours(24 * 90);

absl::Status ReadCardLimits(domain::Settings* s) {
  s->card_limits.visa_per_30_days = absl::GetFlag(FLAGS_visa_declines_per_30_days);
  s->card_limits.mastercard_per_24_hours = absl::GetFlag(FLAGS_mastercard_declines_per_24_hours);
  s->card_limits.mastercard_per_30_days = absl::GetFlag(FLAGS_mastercard_declines_per_30_days);
  if (s->card_limits.visa_per_30_days < 0) {
    return InvalidField("--visa_declines_per_30_days", "must not be negative");
  }
  if (s->card_limits.mastercard_per_24_hours < 0) {
    return InvalidField("--mastercard_declines_per_24_hours", "must not be negative");
  }
  if (s->card_limits.mastercard_per_30_days < 0) {
    return InvalidField("--mastercard_declines_per_30_days", "must not be negative");
  }
  return absl::OkStatus();
}

absl::Status ReadCount(const absl::Flag<int>& flag, absl::string_view name, int least,
                       int32_t* count) {
  *count = absl::GetFlag(flag);
  if (*count >= least) return absl::OkStatus();
  return InvalidField(absl::StrCat("--", name), absl::StrCat("must be at least ", least));
}

// Ten years: what lasts longer, or for ever, is a mistake, and no time for the database.
constexpr absl::Duration kLongestTime = absl::Hours(24 * 3660);

absl::Status ReadTime(const absl::Flag<absl::Duration>& flag, absl::string_view name,
                      absl::Duration* duration) {
  return Take(absl::GetFlag(flag), absl::StrCat("--", name), absl::ZeroDuration(), kLongestTime,
              duration);
}

absl::Status ReadOurLimits(domain::Settings* s) {
  RESERVE_RETURN_IF_ERROR(
      ReadCount(FLAGS_max_payment_methods, "max_payment_methods", 1, &s->max_payment_methods));
  RESERVE_RETURN_IF_ERROR(ReadCount(FLAGS_max_cards_given_per_day, "max_cards_given_per_day", 1,
                                    &s->max_cards_given_per_day));
  RESERVE_RETURN_IF_ERROR(
      ReadCount(FLAGS_max_declines_per_day, "max_declines_per_day", 1, &s->max_declines_per_day));
  RESERVE_RETURN_IF_ERROR(
      ReadTime(FLAGS_decline_interval, "decline_interval", &s->decline_interval));
  RESERVE_RETURN_IF_ERROR(
      ReadTime(FLAGS_partial_charge_wait, "partial_charge_wait", &s->partial_charge_wait));
  RESERVE_RETURN_IF_ERROR(ReadTime(FLAGS_pending_lookup_interval, "pending_lookup_interval",
                                   &s->pending_lookup_interval));
  RESERVE_RETURN_IF_ERROR(
      ReadTime(FLAGS_pending_in_the_way, "pending_in_the_way", &s->pending_in_the_way));
  return ReadTime(FLAGS_card_expiry_notice, "card_expiry_notice", &s->card_expiry_notice);
}

// C10.
absl::Status ReadEmergencyNumbers(std::vector<domain::EmergencyNumber>* numbers) {
  for (const std::string& text : absl::GetFlag(FLAGS_emergency_numbers)) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
    const auto& [country, digits] = parts;
    const std::optional<std::string> kept = domain::DestinationFrom(domain::Settings(), digits);
    if (!domain::IsCountry(country) || !kept.has_value() || domain::DigitsOf(*kept) != digits) {
      return InvalidField("--emergency_numbers",
                          absl::StrCat("\"", text, "\" must be COUNTRY:NUMBER, like US:988"));
    }
    numbers->push_back({country, digits});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<domain::Settings> SettingsFromFlags() {
  domain::Settings settings;
  RESERVE_ASSIGN_OR_RETURN(settings.currencies, CurrenciesFromFlags());
  settings.default_country = absl::GetFlag(FLAGS_default_country);
  if (!domain::IsCountry(settings.default_country)) {
    return InvalidField("--default_country", "must be a country of ISO 3166-1, like US");
  }
  RESERVE_RETURN_IF_ERROR(ReadEmergencyNumbers(&settings.emergency_numbers));
  RESERVE_RETURN_IF_ERROR(ReadCardLimits(&settings));
  RESERVE_RETURN_IF_ERROR(ReadOurLimits(&settings));
  settings.max_recharge_multiple = absl::GetFlag(FLAGS_max_recharge_multiple);
  if (settings.max_recharge_multiple < 1) {
    return InvalidField("--max_recharge_multiple", "must be at least 1");
  }
  RESERVE_RETURN_IF_ERROR(ReadTime(FLAGS_max_usage_age, "max_usage_age", &settings.max_usage_age));
  RESERVE_RETURN_IF_ERROR(
      ReadTime(FLAGS_max_usage_ahead, "max_usage_ahead", &settings.max_usage_ahead));
  RESERVE_RETURN_IF_ERROR(Take(absl::GetFlag(FLAGS_close_grace), "--close_grace",
                               absl::ZeroDuration(), kLongestCloseGrace, &settings.close_grace));
  RESERVE_RETURN_IF_ERROR(TakeHoldFlags(&settings));
  RESERVE_RETURN_IF_ERROR(TakeLimitFlags(&settings));
  settings.retry_delays.clear();
  for (const std::string& text : absl::GetFlag(FLAGS_retry_delays)) {
    absl::Duration delay;
    if (!absl::ParseDuration(text, &delay) || delay < absl::ZeroDuration() ||
        delay > kLongestTime) {
      return InvalidField("--retry_delays",
                          absl::StrCat("\"", text, "\" is not a duration up to ten years"));
    }
    settings.retry_delays.push_back(delay);
  }
  return settings;
}

}  // namespace reserve::serve
