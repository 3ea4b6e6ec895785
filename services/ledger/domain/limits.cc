#include "services/ledger/domain/limits.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {
namespace {

// No meter is further ahead than a hundred years: then times stay times.
constexpr int64_t kFarthest = int64_t{100} * 366 * 24 * 3600 * 1'000'000;

constexpr std::array<absl::string_view, kSpendWindows> kSpendNames = {"spend_hour", "spend_day",
                                                                      "spend_month"};
constexpr absl::string_view kPrice = "price";
constexpr absl::string_view kNewPrice = "new_price";
constexpr absl::string_view kCountryList = "countries";
constexpr absl::string_view kCallCount = "calls";
constexpr absl::string_view kLongest = "longest_call";
constexpr absl::string_view kChanged = "changed";

template <typename Number>
void AddNumber(absl::string_view name, const std::optional<Number>& number, std::string* out) {
  if (number.has_value()) absl::StrAppend(out, out->empty() ? "" : " ", name, "=", *number);
}

template <typename Number>
void ReadNumber(absl::string_view text, std::optional<Number>* number) {
  Number read = 0;
  if (absl::SimpleAtoi(text, &read)) *number = read;
}

// How long `cost` takes to leak away, rounded up.
int64_t LeakTime(size_t window, Nanos limit, Nanos cost) {
  if (limit <= 0) return cost > 0 ? kFarthest : 0;
  const absl::int128 whole =
      absl::int128(cost) * absl::ToInt64Microseconds(SpendWindow(window)) + (limit - 1);
  const absl::int128 micros = whole / limit;
  return micros > kFarthest ? kFarthest : static_cast<int64_t>(micros);
}

absl::Status CheckAmount(absl::string_view field, const std::optional<Nanos>& amount) {
  if (!amount.has_value() || *amount >= 0) return absl::OkStatus();
  return InvalidField(field, "must not be negative");
}

absl::Status CheckCountries(const std::vector<std::string>& countries) {
  if (countries.size() > kMostLimitCountries) {
    return InvalidField("countries.codes", absl::StrCat("must be at most ", kMostLimitCountries));
  }
  for (const std::string& each : countries) {
    if (each == kAllCountries) continue;
    const std::optional<NumberCountry> country = NumberCountryFrom(each);
    if (!country.has_value() || *country == NumberCountry::kUnknown) {
      return InvalidField("countries.codes",
                          "must be countries of ISO 3166-1, TOLL_FREE, SATELLITE, PREMIUM_RATE, "
                          "or * for all");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view NameOf(LimitKind kind) {
  switch (kind) {
    case LimitKind::kNone:
      break;
    case LimitKind::kSpendPerHour:
      return "SPEND_PER_HOUR";
    case LimitKind::kSpendPerDay:
      return "SPEND_PER_DAY";
    case LimitKind::kSpendPerMonth:
      return "SPEND_PER_MONTH";
    case LimitKind::kPricePerMinute:
      return "PRICE_PER_MINUTE";
    case LimitKind::kNewAccountPricePerMinute:
      return "NEW_ACCOUNT_PRICE_PER_MINUTE";
    case LimitKind::kCountries:
      return "COUNTRIES";
    case LimitKind::kCalls:
      return "CALLS";
    case LimitKind::kLongestCall:
      return "LONGEST_CALL";
  }
  return "";
}

absl::string_view NameOf(LimitLevel level) {
  switch (level) {
    case LimitLevel::kNone:
      break;
    case LimitLevel::kOperator:
      return "OPERATOR";
    case LimitLevel::kPlan:
      return "PLAN";
    case LimitLevel::kAccount:
      return "ACCOUNT";
    case LimitLevel::kUser:
      return "USER";
  }
  return "";
}

std::string TextOf(const Limits& limits) {
  std::string text;
  for (size_t i = 0; i < kSpendWindows; ++i) AddNumber(kSpendNames[i], limits.spend[i], &text);
  AddNumber(kPrice, limits.price_per_minute, &text);
  AddNumber(kNewPrice, limits.new_account_price_per_minute, &text);
  AddNumber(kCallCount, limits.calls, &text);
  AddNumber(kLongest, limits.longest_call_seconds, &text);
  if (limits.countries.has_value()) {
    absl::StrAppend(&text, text.empty() ? "" : " ", kCountryList, "=",
                    absl::StrJoin(*limits.countries, ","));
  }
  return text;
}

Limits LimitsFrom(absl::string_view text) {
  Limits limits;
  for (const absl::string_view each : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(each, absl::MaxSplits('=', 1));
    const auto& [name, value] = parts;
    for (size_t i = 0; i < kSpendWindows; ++i) {
      if (name == kSpendNames[i]) ReadNumber(value, &limits.spend[i]);
    }
    if (name == kPrice) ReadNumber(value, &limits.price_per_minute);
    if (name == kNewPrice) ReadNumber(value, &limits.new_account_price_per_minute);
    if (name == kCallCount) ReadNumber(value, &limits.calls);
    if (name == kLongest) ReadNumber(value, &limits.longest_call_seconds);
    if (name == kCountryList) {
      limits.countries = std::vector<std::string>(absl::StrSplit(value, ',', absl::SkipEmpty()));
    }
  }
  return limits;
}

absl::Status CheckLimits(const Limits& limits) {
  absl::Status status = CheckAmount("spend_per_hour", limits.spend[0]);
  status.Update(CheckAmount("spend_per_day", limits.spend[1]));
  status.Update(CheckAmount("spend_per_month", limits.spend[2]));
  status.Update(CheckAmount("price_per_minute", limits.price_per_minute));
  status.Update(CheckAmount("new_account_price_per_minute", limits.new_account_price_per_minute));
  if (limits.calls.has_value() && (*limits.calls < 0 || *limits.calls > kMostLimitCalls)) {
    status.Update(InvalidField("calls", absl::StrCat("must be from 0 to ", kMostLimitCalls)));
  }
  if (const std::optional<int64_t> longest = limits.longest_call_seconds;
      longest.has_value() && (*longest < 1 || *longest > kMaxDurationSeconds)) {
    status.Update(InvalidField("longest_call",
                               absl::StrCat("must be from 1 to ", kMaxDurationSeconds, " s")));
  }
  if (limits.countries.has_value()) status.Update(CheckCountries(*limits.countries));
  return status;
}

OwnLimits::OwnLimits(Limits limits, absl::Time change_time) {
  if (!limits.any() && change_time == absl::InfinitePast()) return;
  stored_ = std::make_shared<const Stored>(Stored{std::move(limits), change_time});
}

const Limits& OwnLimits::get() const {
  static const auto* const kNone = new Limits;
  return stored_ == nullptr ? *kNone : stored_->limits;
}

absl::Time OwnLimits::change_time() const {
  return stored_ == nullptr ? absl::InfinitePast() : stored_->change_time;
}

std::string StoredTextOf(const OwnLimits& limits) {
  const std::string text = TextOf(limits.get());
  if (limits.change_time() == absl::InfinitePast()) return text;
  return absl::StrCat(kChanged, "=", absl::ToUnixMicros(limits.change_time()),
                      text.empty() ? "" : " ", text);
}

OwnLimits OwnLimitsFrom(absl::string_view text) {
  absl::Time change_time = absl::InfinitePast();
  for (const absl::string_view each : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(each, absl::MaxSplits('=', 1));
    std::optional<int64_t> micros;
    if (parts.first == kChanged) ReadNumber(parts.second, &micros);
    if (micros.has_value()) change_time = absl::FromUnixMicros(*micros);
  }
  return OwnLimits(LimitsFrom(text), change_time);
}

void CountSpend(size_t window, Nanos limit, Nanos cost, absl::Time start, absl::Time now,
                SpendMeters* meters) {
  if (cost == 0 || start < now - SpendWindow(window)) return;
  int64_t& empty_at = meters->empty_at[window];
  if (cost < 0) {
    // As much as it had put in; what has leaked meanwhile is gone.
    const Nanos back = cost == std::numeric_limits<Nanos>::min() ? -(cost + 1) : -cost;
    empty_at = std::max<int64_t>(empty_at - LeakTime(window, limit, back), 0);
    return;
  }
  const int64_t now_micros = absl::ToUnixMicros(now);
  const int64_t begin = std::max(empty_at, absl::ToUnixMicros(std::min(start, now)));
  empty_at = std::min(begin + LeakTime(window, limit, cost), now_micros + kFarthest);
}

Nanos SpentOf(size_t window, Nanos limit, absl::Time now, const SpendMeters& meters) {
  const int64_t left = meters.empty_at[window] - absl::ToUnixMicros(now);
  if (left <= 0) return 0;
  const absl::int128 spent =
      absl::int128(limit) * left / absl::ToInt64Microseconds(SpendWindow(window));
  const Nanos most = std::numeric_limits<Nanos>::max();
  return spent > most ? most : static_cast<Nanos>(spent);
}

absl::Time SpendsAgainAt(size_t window, Nanos limit, Nanos accrued, absl::Time now,
                         const SpendMeters& meters) {
  if (limit <= accrued) return absl::InfiniteFuture();
  const absl::Time empty = absl::FromUnixMicros(meters.empty_at[window]);
  const absl::Duration more =
      absl::Microseconds(LeakTime(window, limit, std::max<Nanos>(accrued, 0)));
  return std::max(now, empty - SpendWindow(window) + more);
}

void RescaleSpend(size_t window, std::optional<Nanos> before, std::optional<Nanos> after,
                  absl::Time now, SpendMeters* meters) {
  if (before == after) return;
  int64_t& empty_at = meters->empty_at[window];
  // Without a limit nothing is counted.
  const Nanos spent = before.has_value() ? SpentOf(window, *before, now, *meters) : 0;
  empty_at = 0;
  if (after.has_value() && spent > 0) CountSpend(window, *after, spent, now, now, meters);
}

void LimitAlarm::Lift(absl::Time now, absl::Duration quiet_time) {
  const uint8_t still = now < quiet_until ? quiet : 0;
  const absl::Time until = now + quiet_time;
  if (quiet_time > absl::ZeroDuration()) {
    quiet = still | reached;
    quiet_until = still == 0 ? until : std::max<absl::Time>(quiet_until, until);
  }
  reached = 0;
  time = absl::InfinitePast();
}

}  // namespace reserve::domain
