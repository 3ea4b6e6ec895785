#include "services/ledger/domain/rating.h"

#include <algorithm>

#include "common/clock/calendar.h"
#include "common/error/error.h"
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
  rating->prefix = rate.prefix;
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
  RESERVE_ASSIGN_OR_RETURN(rating->cost, Multiply(rate->price, usage.segments));
  return absl::OkStatus();
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
  rating->billable_seconds =
      BillableSeconds(usage.duration, rate->initial_increment_seconds, rate->increment_seconds);
  if (rating->billable_seconds == 0) {
    rating->basis = ChargeBasis::kZeroDuration;
  } else if (!rate->standard_rate) {
    rating->basis = ChargeBasis::kDearer;
    rating->paid_seconds = rating->billable_seconds;
  } else if (plan.standard_calls == StandardCalls::kIncluded) {
    rating->basis = ChargeBasis::kUnlimitedStandard;
  } else {
    rating->basis = ChargeBasis::kMeteredStandard;
    rating->free_seconds_taken = std::min(rating->billable_seconds, rating->free_seconds_before);
    rating->paid_seconds = rating->billable_seconds - rating->free_seconds_taken;
  }
  if (rating->paid_seconds > 0) {
    RESERVE_ASSIGN_OR_RETURN(rating->cost,
                             CallCostHalfUp(rate->price, rating->paid_seconds, rate->connect_fee));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t BillableSeconds(absl::Duration duration, int32_t initial_increment_seconds,
                        int32_t increment_seconds) {
  if (duration == absl::ZeroDuration()) return 0;
  absl::Duration rest = duration - absl::Seconds(initial_increment_seconds);
  if (rest <= absl::ZeroDuration()) return initial_increment_seconds;
  int64_t further = absl::IDivDuration(rest, absl::Seconds(increment_seconds), &rest);
  if (rest > absl::ZeroDuration()) ++further;  // one that is begun counts
  return initial_increment_seconds + further * increment_seconds;
}

int32_t PeriodOf(const Plan& plan, absl::Time start, absl::TimeZone zone) {
  if (plan.allowance_reset == AllowanceReset::kNever) return 0;
  return MonthOf(start, zone);
}

int64_t FreeSecondsLeft(const User& user, const Plan& plan, int32_t period) {
  if (plan.standard_calls == StandardCalls::kIncluded) return 0;
  return std::max<int64_t>(plan.free_seconds - user.SecondsUsed(period), 0);
}

absl::StatusOr<Rating> RateUsage(const Usage& usage, const Plan& plan, const User& user,
                                 int32_t period, const Rate* rate) {
  // Filled in place: a rating is too large to move for every call.
  absl::StatusOr<Rating> rating(absl::in_place);
  rating->plan_id = plan.plan_id;
  rating->free_seconds_before = FreeSecondsLeft(user, plan, period);
  RESERVE_RETURN_IF_ERROR(usage.kind == UsageKind::kSms ? RateSms(usage, rate, &*rating)
                                                        : RateCall(usage, plan, rate, &*rating));
  if (rating->basis == ChargeBasis::kMeteredStandard) rating->free_period = period;
  return rating;
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

int64_t MaxDurationSeconds(const Rate& rate, int64_t free_seconds_left, Nanos balance) {
  int64_t seconds = std::min(free_seconds_left, kMaxDurationSeconds);
  if (balance > 0) {
    const int64_t affordable = rate.price == 0
                                   ? (balance >= rate.connect_fee ? kMaxDurationSeconds : 0)
                                   : AffordableSeconds(rate.price, rate.connect_fee, balance);
    seconds = std::min(seconds + std::min(affordable, kMaxDurationSeconds), kMaxDurationSeconds);
  }
  if (seconds < rate.initial_increment_seconds) return 0;
  const int64_t further = (seconds - rate.initial_increment_seconds) / rate.increment_seconds;
  return rate.initial_increment_seconds + further * rate.increment_seconds;
}

}  // namespace reserve::domain
