// Rating: what a usage costs (C1 to C7, C11 to C13, S1), from a rate that was already found.
//
// Pure. The rate comes from the deck in force at the usage's start
// (services/ledger/rates finds it); here is only the arithmetic and the rule of
// the plan, so that any stored usage can be rated again (U4). Whatever asks for a price asks here:
// authorisation, holds, quotes, booking, rating again and the audit.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RATING_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RATING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "common/text/counted_text.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/account_calendar.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/tariff.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

// One row of a deck, as matched: of a prefix with several lines that of the usage's start. What it
// points to lives as long as the deck.
struct Rate {
  int64_t deck_version = 0;
  uint64_t prefix = 0;                     // common/text/packed_digits.h
  CountedText destination_name;            // for people; not stored with the usage
  Nanos price = 0;                         // per minute of a call, per segment of a text; >= 0
  Nanos connect_fee = 0;                   // >= 0
  int32_t initial_increment_seconds = 60;  // >= 1
  int32_t increment_seconds = 60;          // >= 1
  bool standard_rate = false;              // C12
  bool blocked = false;                    // C13
  bool unpriced = false;                   // of one that is blocked: there is no price
  bool default_carrier = false;            // of a text: its carrier has no line of its own
  NumberCountry country = NumberCountry::kUnknown;  // C14: the file's; kUnknown: the number's
  uint32_t row = 0;                                 // where its deck has it
  uint32_t tariff_line = 0;                         // its place in `tariff`
  const Tariff* tariff = nullptr;                   // null of a plain line
};

// The numbers are stored; never reuse one.
enum class ChargeBasis : uint8_t {
  kZeroDuration = 1,
  kInboundFree = 2,
  kMeteredStandard = 3,
  kUnlimitedStandard = 4,
  kDearer = 5,
  kSms = 6,
  kUnrated = 7,           // at 0, until there is a price (U1)
  kEmergency = 8,         // C10
  kMixed = 9,             // standard seconds and dearer ones, each as its own basis says (C12)
  kIncludedSeconds = 10,  // not longer than the line includes (C11)
  kCostsNothing = 11,     // of a line that can only cost 0 (C3)
};

// How a usage was rated; everything that explains the cost.
struct Rating {
  // Written out, as one that is implied first fills the whole with zeros where it is made in place.
  Rating() {}  // NOLINT(modernize-use-equals-default)

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
  Nanos cost = 0;       // >= 0; rounded once, half up unless `terms` say otherwise (M2)
  std::string terms;    // of a line that is not plain: PricedTerms as TextOf has them

  bool unrated() const { return basis == ChargeBasis::kUnrated; }
  friend bool operator==(const Rating&, const Rating&) = default;
};

// C2. 0 for 0; else the initial increment plus whole further ones. Whatever is over one, if by a
// microsecond (C9), begins another.
int64_t BillableSeconds(absl::Duration duration, int32_t initial_increment_seconds,
                        int32_t increment_seconds);

// C8: the month of the plan that runs at `time`, by what an entry of this number is booked by;
// nothing for a plan whose allowance is for life, or that has none.
std::optional<CalendarWindow> AllowanceMonth(const Plan& plan, absl::Time time,
                                             const AccountCalendar& calendar,
                                             int64_t seq = kAnySeq);
// C8: the period whose allowance a usage draws on that starts at `start`: 0 for life, else the
// number of that month (PeriodNumber).
int32_t PeriodOf(const Plan& plan, absl::Time start, const AccountCalendar& calendar,
                 int64_t seq = kAnySeq);

// What is left of the user's allowance of that period.
int64_t FreeSecondsLeft(const User& user, const Plan& plan, int32_t period);

// Rates one usage, which draws on the user's allowance of `period`. `rate` is null if the deck has
// no row for it: then an outbound usage is refused with FAILED_PRECONDITION "NO_RATE" on field
// "call.destination" or "sms.destination" (a bare 1 must not price Jamaica), and
// an inbound one is free (C7). An inbound call with a row is rated like any other
// (C2 to C6, C11). Inbound texts are free whatever the rate. A call of zero seconds
// still needs a rate if it is outbound. A rate without a price is FAILED_PRECONDITION
// "DESTINATION_BLOCKED" on the same field (C13).
// OUT_OF_RANGE "MONEY_OVERFLOW" if the cost does not fit.
absl::StatusOr<Rating> RateUsage(const Usage& usage, const Plan& plan, const User& user,
                                 int32_t period, const Rate* rate);

// What an outbound text of so many segments costs (S1). OUT_OF_RANGE "MONEY_OVERFLOW".
absl::StatusOr<Nanos> CostOfText(const Rate& rate, int32_t segments);

// The rating of a usage that has no price yet, at 0 (U1).
Rating Unrated(UnratedReason reason, absl::string_view plan_id);

// A rating whose line is not plain, worked out again from what is stored of it: usage, plan,
// increments, fee, what was left of the allowance, and `terms` (U4). The same as `stored`, if that
// is right. INTERNAL "BAD_TERMS" if they can't be read.
absl::StatusOr<Rating> RateFromTerms(const Usage& usage, const Plan& plan, int32_t period,
                                     const Rating& stored);
// What it would have cost at the price by which it was rated, without any allowance or plan: from
// what is stored alone. INTERNAL "BAD_TERMS" as above; OUT_OF_RANGE "MONEY_OVERFLOW".
absl::StatusOr<Nanos> ListCostOf(const Usage& usage, const Rating& rating);
// What follows from the fields that are stored, the cost apart: sets `billable_seconds` and
// `paid_seconds`.
void CompleteSeconds(const Usage& usage, Rating* rating);

// What of a call was at standard rates, and what of its cost that was: of one that was MIXED its
// standard parts, rounded down, without a fee; of any other the whole.
struct StandardPart {
  int64_t seconds = 0;
  int64_t paid_seconds = 0;
  Nanos cost = 0;
};
StandardPart StandardPartOf(const Rating& rating);

// The user's allowance once the rating has drawn on it; it must have taken free seconds.
Allowance AfterTaking(const Rating& rating, const User& user);

// C10: an emergency call or text costs nothing, on no plan and at no price of a deck.
Rating EmergencyRating();

// --- How long a call may be ---------------------------------------------------------------

// Can a call of that rate only cost 0?
bool CostsNothing(const Rate& rate);
// And on that plan, however long it is?
bool CostsNothing(const Rate& rate, const Plan& plan);

// The grid of a call: included seconds, initial increment, further increments. The end of the
// increment in which so long a call ends, the initial one at least.
int64_t EndOfIncrement(const Rate& rate, absl::Duration duration);
// The last end of an increment that is not after `seconds`; that of the initial one at least.
int64_t LastIncrementWithin(const Rate& rate, int64_t seconds);

// The longest call on the grid, of `longest` seconds at most, that the free seconds and the balance
// pay for, if it begins at `start`; 0 if they don't pay for the initial increment.
int64_t MaxDurationSeconds(const Rate& rate, const Plan& plan, absl::Time start,
                           int64_t free_seconds_left, Nanos balance,
                           int64_t longest = kMaxDurationSeconds);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RATING_H_
