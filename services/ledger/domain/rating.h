// Rating: what a usage costs (C1 to C7, S1), from a rate that was already found.
//
// Pure. The rate comes from the deck in force at the usage's start
// (services/ledger/rates finds it); here is only the arithmetic and the rule of
// the plan, so that any stored usage can be rated again (U4).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RATING_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RATING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

// One row of a deck, as matched.
struct Rate {
  int64_t deck_version = 0;
  std::string prefix;                      // digits only
  std::string destination_name;            // for people; not stored with the usage
  Nanos price = 0;                         // per minute of a call, per segment of a text; >= 0
  Nanos connect_fee = 0;                   // >= 0
  int32_t initial_increment_seconds = 60;  // >= 1
  int32_t increment_seconds = 60;          // >= 1
  bool standard_rate = false;              // of a call: price <= the deck's ceiling
  NumberCountry country = NumberCountry::kUnknown;  // C14: the file's; kUnknown: the number's
};

// The numbers are stored; never reuse one.
enum class ChargeBasis : uint8_t {
  kZeroDuration = 1,
  kInboundFree = 2,
  kMeteredStandard = 3,
  kUnlimitedStandard = 4,
  kDearer = 5,
  kSms = 6,
  kUnrated = 7,    // at 0, until there is a price (U1)
  kEmergency = 8,  // C10
};

// How a usage was rated; everything that explains the cost.
struct Rating {
  ChargeBasis basis = ChargeBasis::kZeroDuration;
  std::string plan_id;
  int64_t deck_version = 0;  // 0: no rate was needed or found
  std::string prefix;
  Nanos price = 0;
  Nanos connect_fee = 0;
  int32_t initial_increment_seconds = 0;
  int32_t increment_seconds = 0;
  int64_t billable_seconds = 0;
  int32_t free_period = 0;  // whose allowance it draws on: 0 for life, or none
  int64_t free_seconds_before = 0;
  int64_t free_seconds_taken = 0;
  int64_t paid_seconds = 0;
  bool standard_rate = false;
  UnratedReason unrated_reason = UnratedReason::kNone;
  std::string country;  // C14, as TextOf has it; empty: unknown, or booked before there were any
  Nanos cost = 0;       // >= 0; rounded once, half up (M2)

  bool unrated() const { return basis == ChargeBasis::kUnrated; }
  friend bool operator==(const Rating&, const Rating&) = default;
};

// C2. 0 for 0; else the initial increment plus whole further ones. Whatever is over one, if by a
// microsecond (C9), begins another.
int64_t BillableSeconds(absl::Duration duration, int32_t initial_increment_seconds,
                        int32_t increment_seconds);

// C8: the period whose allowance a usage draws on that starts at `start`: 0 for life, else the
// month, 202611, of the account's time zone.
int32_t PeriodOf(const Plan& plan, absl::Time start, absl::TimeZone zone);

// What is left of the user's allowance of that period.
int64_t FreeSecondsLeft(const User& user, const Plan& plan, int32_t period);

// Rates one usage, which draws on the user's allowance of `period`. `rate` is null if the deck has
// no row for it: then an outbound usage is refused with FAILED_PRECONDITION "NO_RATE" on field
// "call.destination" or "sms.destination" (a bare 1 must not price Jamaica), and
// an inbound one is free (C7). An inbound call with a row is rated like any other
// (C2 to C6). Inbound texts are free whatever the rate. A call of zero seconds
// still needs a rate if it is outbound.
// OUT_OF_RANGE "MONEY_OVERFLOW" if the cost does not fit.
absl::StatusOr<Rating> RateUsage(const Usage& usage, const Plan& plan, const User& user,
                                 int32_t period, const Rate* rate);

// The rating of a usage that has no price yet, at 0 (U1).
Rating Unrated(UnratedReason reason, absl::string_view plan_id);

// The user's allowance once the rating has drawn on it; it must have taken free seconds.
Allowance AfterTaking(const Rating& rating, const User& user);

// C10: an emergency call or text costs nothing, on no plan and at no price of a deck.
Rating EmergencyRating();

// The longest duration in seconds, on the grid of the increments, such that the
// free seconds and the balance pay for it. For a call that may
// not use the allowance give 0 free seconds.
int64_t MaxDurationSeconds(const Rate& rate, int64_t free_seconds_left, Nanos balance);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RATING_H_
