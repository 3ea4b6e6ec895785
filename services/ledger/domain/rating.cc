#include "services/ledger/domain/rating.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/numeric/int128.h"
#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "common/text/packed_digits.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

absl::Status NoRateFor(const Usage& usage) {
  return NoRate(DestinationField(usage), usage.destination);
}

// The line's country; else that of the number, unless it was erased.
std::string CountryOf(const Usage& usage, const Rate& rate) {
  if (rate.country != NumberCountry::kUnknown) return TextOf(rate.country);
  if (IsErasedNumber(usage.destination)) return "";
  return TextOf(CountryOfNumber(usage.destination));
}

void CopyRate(const Usage& usage, const Rate& rate, Rating* rating) {
  rating->country = CountryOf(usage, rate);
  rating->deck_version = rate.deck_version;
  UnpackDigits(rate.prefix, &rating->prefix);
  rating->price = rate.price;
}

absl::Status RateSms(const Usage& usage, const Rate* rate, Rating* rating) {
  if (usage.direction == Direction::kInbound) {
    rating->basis = ChargeBasis::kInboundFree;
    return absl::OkStatus();
  }
  if (rate == nullptr) return NoRateFor(usage);
  CopyRate(usage, *rate, rating);
  rating->basis = ChargeBasis::kSms;
  if (rate->tariff != nullptr) {
    PricedTerms terms;
    terms.rounding = rate->tariff->rules->rounding;
    rating->terms = TextOf(terms);
  }
  RESERVE_ASSIGN_OR_RETURN(rating->cost, CostOfText(*rate, usage.segments));
  return absl::OkStatus();
}

bool IsIncluded(const Plan& plan) { return plan.standard_calls == StandardCalls::kIncluded; }

// What applies to a call that is billed, by its parts.
ChargeBasis BasisOf(const PricedTerms& terms, Nanos fee, const Plan& plan) {
  const bool charges_besides = ChargesBesides(fee, terms.minimum);
  bool standard = false;
  bool dearer = false;
  for (const CallPart& part : terms.parts) {
    if (part.price == 0 && !charges_besides) continue;
    (part.standard ? standard : dearer) = true;
  }
  if (standard && dearer) return ChargeBasis::kMixed;
  if (dearer) return ChargeBasis::kDearer;
  if (!standard) return ChargeBasis::kCostsNothing;
  return IsIncluded(plan) ? ChargeBasis::kUnlimitedStandard : ChargeBasis::kMeteredStandard;
}

// A call that is over before its included seconds are has no second to pay.
absl::Duration BeyondIncluded(absl::Duration duration, int32_t included_seconds) {
  return std::max(duration - absl::Seconds(included_seconds), absl::ZeroDuration());
}

// Sets all that follows from the parts of the call.
absl::Status TakeTerms(const Usage& usage, const Plan& plan, const PricedTerms& terms,
                       Rating* rating) {
  rating->terms = TextOf(terms);
  CompleteSeconds(usage, rating);
  rating->free_seconds_taken = 0;
  if (rating->billable_seconds == 0) {
    rating->basis = usage.duration == absl::ZeroDuration() ? ChargeBasis::kZeroDuration
                                                           : ChargeBasis::kIncludedSeconds;
  } else {
    rating->basis = BasisOf(terms, rating->connect_fee, plan);
  }
  if (!IsIncluded(plan)) {
    for (const CallPart& part : terms.parts) rating->free_seconds_taken += part.free_seconds;
  }
  RESERVE_ASSIGN_OR_RETURN(rating->cost, CostOf(terms, rating->connect_fee));
  return absl::OkStatus();
}

// The call of so many billable seconds under a tariff.
PricedTerms TermsOf(const Rate& rate, const Plan& plan, absl::Time start, int64_t billable,
                    int64_t free_seconds) {
  const Tariff& tariff = *rate.tariff;
  const TariffLine& line = tariff.lines[rate.tariff_line];
  PricedTerms terms;
  terms.says_standard = line.says_standard;
  terms.included_seconds = line.included_seconds;
  terms.minimum = line.minimum;
  terms.maximum = line.maximum;
  terms.rounding = tariff.rules->rounding;
  terms.parts = PartsOf(tariff, rate.tariff_line, SecondOf(start), billable,
                        {free_seconds, IsIncluded(plan)});
  return terms;
}

absl::Status RateByTariff(const Usage& usage, const Plan& plan, const Rate& rate, Rating* rating) {
  const int32_t included = rate.tariff->lines[rate.tariff_line].included_seconds;
  const int64_t billable = BillableSeconds(BeyondIncluded(usage.duration, included),
                                           rate.initial_increment_seconds, rate.increment_seconds);
  return TakeTerms(usage, plan,
                   TermsOf(rate, plan, usage.start_time, billable, rating->free_seconds_before),
                   rating);
}

absl::Status RateCall(const Usage& usage, const Plan& plan, const Rate* rate, Rating* rating) {
  if (rate == nullptr) {
    if (usage.direction == Direction::kOutbound) return NoRateFor(usage);
    rating->basis = ChargeBasis::kInboundFree;
    return absl::OkStatus();
  }
  CopyRate(usage, *rate, rating);
  rating->connect_fee = rate->connect_fee;
  rating->initial_increment_seconds = rate->initial_increment_seconds;
  rating->increment_seconds = rate->increment_seconds;
  rating->standard_rate = rate->standard_rate;
  if (rate->tariff != nullptr) return RateByTariff(usage, plan, *rate, rating);
  rating->billable_seconds =
      BillableSeconds(usage.duration, rate->initial_increment_seconds, rate->increment_seconds);
  if (rating->billable_seconds == 0) {
    rating->basis = ChargeBasis::kZeroDuration;
  } else if (CostsNothing(*rate)) {
    rating->basis = ChargeBasis::kCostsNothing;
  } else if (!rate->standard_rate) {
    rating->basis = ChargeBasis::kDearer;
    rating->paid_seconds = rating->billable_seconds;
  } else if (IsIncluded(plan)) {
    rating->basis = ChargeBasis::kUnlimitedStandard;
  } else {
    rating->basis = ChargeBasis::kMeteredStandard;
    // Only what has a price is covered: at 0 and with a fee the fee is left.
    if (rate->price > 0) {
      rating->free_seconds_taken = std::min(rating->billable_seconds, rating->free_seconds_before);
    }
    rating->paid_seconds = rating->billable_seconds - rating->free_seconds_taken;
  }
  if (rating->paid_seconds > 0) {
    RESERVE_ASSIGN_OR_RETURN(rating->cost,
                             CallCostHalfUp(rate->price, rating->paid_seconds, rate->connect_fee));
  }
  return absl::OkStatus();
}

bool TakesOfAllowance(ChargeBasis basis) {
  return basis == ChargeBasis::kMeteredStandard || basis == ChargeBasis::kMixed;
}

// Could the free seconds of the parts be those that a call of them takes? Which of them come first
// can't be told, only how many there are.
bool CoversAsItShould(const PricedTerms& terms, const Plan& plan, int64_t free_before) {
  int64_t coverable = 0;
  int64_t covered = 0;
  for (const CallPart& part : terms.parts) {
    const bool covers = part.standard && (part.price > 0 || IsIncluded(plan));
    if (covers) coverable += part.seconds;
    if (!covers && part.free_seconds != 0) return false;
    covered += part.free_seconds;
  }
  return covered == (IsIncluded(plan) ? coverable : std::min(coverable, free_before));
}

}  // namespace

absl::StatusOr<Nanos> CostOfText(const Rate& rate, int32_t segments) {
  if (rate.tariff == nullptr) return Multiply(rate.price, segments);
  return RoundSixtieths(absl::int128(rate.price) * segments * 60, rate.tariff->rules->rounding);
}

int64_t BillableSeconds(absl::Duration duration, int32_t initial_increment_seconds,
                        int32_t increment_seconds) {
  // Increments are whole seconds, so a second that is begun is as good as a whole one.
  int64_t seconds = absl::ToInt64Seconds(duration);
  if (absl::Seconds(seconds) < duration) ++seconds;
  if (seconds == 0) return 0;
  const int64_t rest = seconds - initial_increment_seconds;
  if (rest <= 0) return initial_increment_seconds;
  const int64_t further = (rest + increment_seconds - 1) / increment_seconds;
  return initial_increment_seconds + further * increment_seconds;
}

std::optional<CalendarWindow> AllowanceMonth(const Plan& plan, absl::Time time,
                                             const AccountCalendar& calendar, int64_t seq) {
  switch (plan.allowance_reset) {
    case AllowanceReset::kNever:
      break;
    case AllowanceReset::kMonthly:
      return WindowAt(calendar, CalendarUnit::kMonth, time, seq);
    case AllowanceReset::kBillingDay:
      return WindowAt(calendar, CalendarUnit::kBillingMonth, time, seq);
  }
  return std::nullopt;
}

int32_t PeriodOf(const Plan& plan, absl::Time start, const AccountCalendar& calendar, int64_t seq) {
  if (plan.allowance_reset == AllowanceReset::kMonthly && calendar.Changes().empty()) {
    return MonthOf(start, calendar.first.time_zone);  // of nearly all, and quicker
  }
  const std::optional<CalendarWindow> month = AllowanceMonth(plan, start, calendar, seq);
  return month.has_value() ? PeriodNumber(*month) : 0;
}

int64_t FreeSecondsLeft(const User& user, const Plan& plan, int32_t period) {
  if (plan.standard_calls == StandardCalls::kIncluded) return 0;
  return std::max<int64_t>(plan.free_seconds - user.SecondsUsed(period), 0);
}

absl::StatusOr<Rating> RateUsage(const Usage& usage, const Plan& plan, const User& user,
                                 int32_t period, const Rate* rate) {
  // Filled in place, and the only thing that is returned: a rating is too large to move for every
  // call.
  absl::StatusOr<Rating> rating(absl::in_place);
  rating->plan_id = plan.plan_id;
  rating->free_seconds_before = FreeSecondsLeft(user, plan, period);
  absl::Status refused;
  if (rate != nullptr && rate->unpriced) {
    refused = DestinationBlocked(DestinationField(usage), usage.destination);
  } else if (usage.kind == UsageKind::kSms) {
    refused = RateSms(usage, rate, &*rating);
  } else {
    refused = RateCall(usage, plan, rate, &*rating);
  }
  if (!refused.ok()) {
    rating = std::move(refused);
  } else if (TakesOfAllowance(rating->basis)) {
    rating->free_period = period;
  }
  return rating;
}

absl::StatusOr<Rating> RateFromTerms(const Usage& usage, const Plan& plan, int32_t period,
                                     const Rating& stored) {
  std::optional<PricedTerms> terms = PricedTermsFrom(stored.terms);
  if (!terms.has_value()) return BadTerms(stored.terms);
  Rating rating = stored;
  if (usage.kind == UsageKind::kSms) {
    RESERVE_ASSIGN_OR_RETURN(
        rating.cost,
        RoundSixtieths(absl::int128(stored.price) * usage.segments * 60, terms->rounding));
    return rating;
  }
  int64_t seconds = 0;
  for (const CallPart& part : terms->parts) seconds += part.seconds;
  const int64_t billable =
      BillableSeconds(BeyondIncluded(usage.duration, terms->included_seconds),
                      stored.initial_increment_seconds, stored.increment_seconds);
  if (seconds != billable || !CoversAsItShould(*terms, plan, stored.free_seconds_before)) {
    return BadTerms(stored.terms);
  }
  RESERVE_RETURN_IF_ERROR(TakeTerms(usage, plan, *terms, &rating));
  rating.free_period = TakesOfAllowance(rating.basis) ? period : 0;
  return rating;
}

absl::StatusOr<Nanos> ListCostOf(const Usage& usage, const Rating& rating) {
  if (rating.terms.empty()) {
    if (usage.kind == UsageKind::kSms) return Multiply(rating.price, usage.segments);
    const int64_t billable = rating.increment_seconds > 0
                                 ? BillableSeconds(usage.duration, rating.initial_increment_seconds,
                                                   rating.increment_seconds)
                                 : int64_t{0};
    if (billable == 0) return 0;
    return CallCostHalfUp(rating.price, billable, rating.connect_fee);
  }
  std::optional<PricedTerms> terms = PricedTermsFrom(rating.terms);
  if (!terms.has_value()) return BadTerms(rating.terms);
  if (usage.kind == UsageKind::kSms) {
    return RoundSixtieths(absl::int128(rating.price) * usage.segments * 60, terms->rounding);
  }
  for (CallPart& part : terms->parts) part.free_seconds = 0;
  return CostOf(*terms, rating.connect_fee);
}

void CompleteSeconds(const Usage& usage, Rating* rating) {
  rating->billable_seconds = rating->paid_seconds = 0;
  if (rating->increment_seconds <= 0) return;
  if (rating->terms.empty()) {
    rating->billable_seconds = BillableSeconds(usage.duration, rating->initial_increment_seconds,
                                               rating->increment_seconds);
    if (rating->basis == ChargeBasis::kDearer || rating->basis == ChargeBasis::kMeteredStandard) {
      rating->paid_seconds = rating->billable_seconds - rating->free_seconds_taken;
    }
    return;
  }
  const std::optional<PricedTerms> terms = PricedTermsFrom(rating->terms);
  if (!terms.has_value()) return;  // the audit says so
  rating->billable_seconds =
      BillableSeconds(BeyondIncluded(usage.duration, terms->included_seconds),
                      rating->initial_increment_seconds, rating->increment_seconds);
  const bool charges_besides = ChargesBesides(rating->connect_fee, terms->minimum);
  for (const CallPart& part : terms->parts) {
    rating->paid_seconds += PaidSeconds(part, charges_besides);
  }
}

StandardPart StandardPartOf(const Rating& rating) {
  if (rating.basis != ChargeBasis::kMixed) {
    return {rating.billable_seconds, rating.paid_seconds, rating.cost};
  }
  StandardPart standard;
  const std::optional<PricedTerms> terms = PricedTermsFrom(rating.terms);
  if (!terms.has_value()) return standard;
  absl::int128 sixtieths = 0;
  for (const CallPart& part : terms->parts) {
    if (!part.standard) continue;
    const int64_t paid = part.seconds - part.free_seconds;
    standard.seconds += part.seconds;
    standard.paid_seconds += paid;
    sixtieths += absl::int128(part.price) * paid;
  }
  // A maximum may have cut it.
  standard.cost =
      static_cast<Nanos>(std::min(sixtieths / 60, absl::int128(std::max<Nanos>(rating.cost, 0))));
  return standard;
}

Rating Unrated(UnratedReason reason, absl::string_view plan_id) {
  Rating rating;
  rating.basis = ChargeBasis::kUnrated;
  rating.unrated_reason = reason;
  rating.plan_id = std::string(plan_id);
  return rating;
}

Allowance AfterTaking(const Rating& rating, const User& user) {
  return {rating.free_period, user.SecondsUsed(rating.free_period) + rating.free_seconds_taken};
}

Rating EmergencyRating() {
  Rating rating;
  rating.basis = ChargeBasis::kEmergency;
  return rating;
}

// --- How long a call may be ---------------------------------------------------------------

namespace {

int32_t IncludedOf(const Rate& rate) {
  return rate.tariff == nullptr ? 0 : rate.tariff->lines[rate.tariff_line].included_seconds;
}

// The longest call that free seconds and balance pay for second by second, at one price.
int64_t AffordableAtOnePrice(const Rate& rate, int64_t free_seconds_left, Nanos balance,
                             int64_t longest) {
  int64_t seconds = std::min(free_seconds_left, longest);
  if (balance > 0) {
    const int64_t affordable = rate.price == 0
                                   ? (balance >= rate.connect_fee ? longest : 0)
                                   : AffordableSeconds(rate.price, rate.connect_fee, balance);
    seconds = std::min(seconds + std::min(affordable, longest), longest);
  }
  return seconds;
}

bool HasPrice(const TariffLine& line) {
  return line.price > 0 || std::any_of(line.steps.begin(), line.steps.end(),
                                       [](const PriceStep& step) { return step.price > 0; });
}

}  // namespace

bool CostsNothing(const Rate& rate) {
  if (rate.tariff == nullptr) return rate.price == 0 && rate.connect_fee == 0;
  const std::vector<TariffLine>& lines = rate.tariff->lines;
  return !ChargesBesides(rate.connect_fee, lines[rate.tariff_line].minimum) &&
         std::none_of(lines.begin(), lines.end(), HasPrice);
}

bool CostsNothing(const Rate& rate, const Plan& plan) {
  if (CostsNothing(rate)) return true;
  if (!IsIncluded(plan)) return false;
  if (rate.tariff == nullptr) return rate.standard_rate;
  const std::vector<TariffLine>& lines = rate.tariff->lines;
  return std::all_of(lines.begin(), lines.end(),
                     [](const TariffLine& line) { return line.standard; });
}

int64_t EndOfIncrement(const Rate& rate, absl::Duration duration) {
  const int32_t included = IncludedOf(rate);
  const absl::Duration least = absl::Microseconds(1);
  return included + BillableSeconds(std::max(duration - absl::Seconds(included), least),
                                    rate.initial_increment_seconds, rate.increment_seconds);
}

int64_t LastIncrementWithin(const Rate& rate, int64_t seconds) {
  const int64_t first = int64_t{IncludedOf(rate)} + rate.initial_increment_seconds;
  if (seconds <= first) return first;
  return first + (seconds - first) / rate.increment_seconds * rate.increment_seconds;
}

int64_t MaxDurationSeconds(const Rate& rate, const Plan& plan, absl::Time start,
                           int64_t free_seconds_left, Nanos balance, int64_t longest) {
  if (CostsNothing(rate, plan)) {
    const int64_t last = LastIncrementWithin(rate, longest);
    return last > longest ? 0 : last;
  }
  if (rate.tariff == nullptr) {
    const bool covered = rate.standard_rate && !IsIncluded(plan) && rate.price > 0;
    const int64_t seconds =
        AffordableAtOnePrice(rate, covered ? free_seconds_left : 0, balance, longest);
    return seconds < rate.initial_increment_seconds ? 0 : LastIncrementWithin(rate, seconds);
  }
  const int64_t included = IncludedOf(rate);
  const int64_t first = included + rate.initial_increment_seconds;
  const auto pays_for = [&](int64_t seconds) {
    const absl::StatusOr<Nanos> cost =
        CostOf(TermsOf(rate, plan, start, seconds - included, free_seconds_left), rate.connect_fee);
    return cost.ok() && (*cost == 0 || *cost <= balance);
  };
  if (first > longest || !pays_for(first)) return 0;
  // A longer call never costs less.
  int64_t paid = 0;
  int64_t beyond = (longest - first) / rate.increment_seconds + 1;
  while (beyond - paid > 1) {
    const int64_t middle = paid + (beyond - paid) / 2;
    (pays_for(first + middle * rate.increment_seconds) ? paid : beyond) = middle;
  }
  return first + paid * rate.increment_seconds;
}

}  // namespace reserve::domain
