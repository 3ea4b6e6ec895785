#include "services/ledger/serve/settings_flags.h"

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/money/money.h"

ABSL_FLAG(std::string, default_reserve_amount, "15.00", "What one recharge adds by default.");
ABSL_FLAG(std::string, default_recharge_threshold, "10.00",
          "The balance below which the card is recharged by default.");
ABSL_FLAG(std::string, min_reserve_amount, "15.00", "The least reserve amount to be chosen.");
ABSL_FLAG(std::string, min_recharge_threshold, "10.00", "The least threshold to be chosen.");
ABSL_FLAG(std::string, max_recharge_amount, "1000.00",
          "The most that one charge may take, and the largest reserve amount to be chosen.");
ABSL_FLAG(int, max_recharge_multiple, 20, "The most reserve amounts that one recharge may add.");
ABSL_FLAG(std::string, max_automatic_amount_per_hour, "500.00",
          "Money that automatic recharges of an account may take an hour (of the clock, UTC).");
ABSL_FLAG(std::string, max_automatic_amount_per_day, "1000.00",
          "Money that automatic recharges of an account may take a day (UTC).");
ABSL_FLAG(
    std::string, debt_limit, "",
    "How far below zero an account may go while a cap, the customer's switch, a review or a "
    "block keeps it from being recharged; empty: one minor unit less than its reserve amount, "
    "or than the smallest cap.");
ABSL_FLAG(int, max_payment_methods, 5, "The most cards of an account.");
ABSL_FLAG(int, max_cards_given_per_day, 5,
          "How often cards may be given or confirmed on an account a day (UTC).");
ABSL_FLAG(int, max_declines_per_day, 10,
          "After so many declined attempts on an account a day (UTC) its cards are tried again the "
          "day after.");
ABSL_FLAG(absl::Duration, decline_interval, absl::Minutes(1),
          "A card that declined twice is not tried again before this long after the first of the "
          "two.");
ABSL_FLAG(absl::Duration, partial_charge_wait, absl::Hours(1),
          "A card of which less was charged than was asked for is not charged by itself before.");
ABSL_FLAG(absl::Duration, pending_lookup_interval, absl::Minutes(5),
          "How often a charge that the gateway calls pending is looked up.");
ABSL_FLAG(absl::Duration, card_expiry_notice, absl::Hours(24 * 14),
          "How long before a card expires its customer hears of it.");
ABSL_FLAG(std::vector<std::string>, retry_delays, std::vector<std::string>({"1h", "3h", "7h"}),
          "After the first, second, ... soft decline the card is tried again this much later.");
ABSL_FLAG(int, visa_declines_per_30_days, 15,
          "A Visa card that was declined so often in 30 days, on all accounts, is not tried; 0 for "
          "no limit.");
ABSL_FLAG(int, mastercard_declines_per_24_hours, 10, "The same for a Mastercard in 24 hours.");
ABSL_FLAG(int, mastercard_declines_per_30_days, 35, "The same for a Mastercard in 30 days.");
ABSL_FLAG(absl::Duration, max_usage_age, absl::Hours(24 * 3660),
          "Usages that began longer ago are refused.");
ABSL_FLAG(absl::Duration, max_usage_ahead, absl::Hours(2),
          "Usages that begin later than this from now are refused.");

namespace reserve::serve {
namespace {

absl::Status ReadMoney(const absl::Flag<std::string>& flag, absl::string_view name, Nanos* amount) {
  const absl::StatusOr<Nanos> parsed = ParseDecimal(absl::GetFlag(flag));
  if (!parsed.ok()) return InvalidField(absl::StrCat("--", name), parsed.status().message());
  if (*parsed < 0) return InvalidField(absl::StrCat("--", name), "must not be negative");
  *amount = *parsed;
  return absl::OkStatus();
}

absl::Status ReadAmounts(domain::Settings* s) {
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_default_reserve_amount, "default_reserve_amount",
                                    &s->default_reserve_amount));
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_default_recharge_threshold, "default_recharge_threshold",
                                    &s->default_recharge_threshold));
  RESERVE_RETURN_IF_ERROR(
      ReadMoney(FLAGS_min_reserve_amount, "min_reserve_amount", &s->min_reserve_amount));
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_min_recharge_threshold, "min_recharge_threshold",
                                    &s->min_recharge_threshold));
  RESERVE_RETURN_IF_ERROR(
      ReadMoney(FLAGS_max_recharge_amount, "max_recharge_amount", &s->max_recharge_amount));
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_max_automatic_amount_per_hour,
                                    "max_automatic_amount_per_hour",
                                    &s->max_automatic_amount_per_hour));
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_max_automatic_amount_per_day,
                                    "max_automatic_amount_per_day",
                                    &s->max_automatic_amount_per_day));
  if (s->min_reserve_amount <= 0) return InvalidField("--min_reserve_amount", "must be above zero");
  if (s->default_reserve_amount < s->min_reserve_amount) {
    return InvalidField("--default_reserve_amount", "must be at least --min_reserve_amount");
  }
  if (s->default_recharge_threshold < s->min_recharge_threshold) {
    return InvalidField("--default_recharge_threshold",
                        "must be at least --min_recharge_threshold");
  }
  if (s->max_recharge_amount < s->default_reserve_amount) {
    return InvalidField("--max_recharge_amount", "must be at least --default_reserve_amount");
  }
  // Else an account could never be recharged by itself.
  if (s->default_reserve_amount > s->max_automatic_amount_per_hour) {
    return InvalidField("--max_automatic_amount_per_hour",
                        "must be at least --default_reserve_amount");
  }
  if (s->default_reserve_amount > s->max_automatic_amount_per_day) {
    return InvalidField("--max_automatic_amount_per_day",
                        "must be at least --default_reserve_amount");
  }
  if (!absl::GetFlag(FLAGS_debt_limit).empty()) {
    RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_debt_limit, "debt_limit", &s->debt_limit.emplace()));
  }
  return absl::OkStatus();
}

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

absl::Status ReadTime(const absl::Flag<absl::Duration>& flag, absl::string_view name,
                      absl::Duration* duration) {
  *duration = absl::GetFlag(flag);
  if (*duration >= absl::ZeroDuration()) return absl::OkStatus();
  return InvalidField(absl::StrCat("--", name), "must not be negative");
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
  return ReadTime(FLAGS_card_expiry_notice, "card_expiry_notice", &s->card_expiry_notice);
}

}  // namespace

absl::StatusOr<domain::Settings> SettingsFromFlags() {
  domain::Settings settings;
  RESERVE_RETURN_IF_ERROR(ReadAmounts(&settings));
  RESERVE_RETURN_IF_ERROR(ReadCardLimits(&settings));
  RESERVE_RETURN_IF_ERROR(ReadOurLimits(&settings));
  settings.max_recharge_multiple = absl::GetFlag(FLAGS_max_recharge_multiple);
  if (settings.max_recharge_multiple < 1) {
    return InvalidField("--max_recharge_multiple", "must be at least 1");
  }
  settings.max_usage_age = absl::GetFlag(FLAGS_max_usage_age);
  settings.max_usage_ahead = absl::GetFlag(FLAGS_max_usage_ahead);
  if (settings.max_usage_age < absl::ZeroDuration()) {
    return InvalidField("--max_usage_age", "must not be negative");
  }
  if (settings.max_usage_ahead < absl::ZeroDuration()) {
    return InvalidField("--max_usage_ahead", "must not be negative");
  }
  settings.retry_delays.clear();
  for (const std::string& text : absl::GetFlag(FLAGS_retry_delays)) {
    absl::Duration delay;
    if (!absl::ParseDuration(text, &delay) || delay < absl::ZeroDuration()) {
      return InvalidField("--retry_delays", absl::StrCat("\"", text, "\" is not a duration"));
    }
    settings.retry_delays.push_back(delay);
  }
  return settings;
}

}  // namespace reserve::serve
