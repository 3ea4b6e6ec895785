// Limits against fraud (L1 to L5): what can be limited, and how money over time is counted.
//
// A level (the operator, a plan, an account, a user) sets some of them; what it does not set the
// next farther one says. Plain values and pure functions; which limit is in force is in
// limit_policy.h. Spending is a leaky bucket in one number (GCRA).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_LIMITS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_LIMITS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock/compact_time.h"
#include "common/money/money.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class LimitKind : uint8_t {
  kNone = 0,
  kSpendPerHour = 1,
  kSpendPerDay = 2,
  kSpendPerMonth = 3,
  kPricePerMinute = 4,            // of a call, its fee included
  kNewAccountPricePerMinute = 5,  // the same while the account is new
  kCountries = 6,
  kCalls = 7,        // at a time
  kLongestCall = 8,  // no call is granted more
};
inline constexpr size_t kLimitKinds = 9;  // kNone included
// Whose limit it is; the nearest last. The numbers are stored; never reuse one.
enum class LimitLevel : uint8_t { kNone = 0, kOperator = 1, kPlan = 2, kAccount = 3, kUser = 4 };

// "SPEND_PER_DAY"; empty of kNone.
absl::string_view NameOf(LimitKind kind);
// "ACCOUNT"; empty of kNone.
absl::string_view NameOf(LimitLevel level);

// The windows of spending, in this order: an hour, a day of 24, a month of 30 such days.
inline constexpr size_t kSpendWindows = 3;
inline constexpr std::array<LimitKind, kSpendWindows> kSpendKinds = {
    LimitKind::kSpendPerHour, LimitKind::kSpendPerDay, LimitKind::kSpendPerMonth};
inline constexpr absl::Duration SpendWindow(size_t window) {
  return absl::Hours(window == 0 ? 1 : window == 1 ? 24 : 30 * 24);
}

// A country list that has this allows all.
inline constexpr char kAllCountries[] = "*";
inline constexpr size_t kMostLimitCountries = 250;
inline constexpr int32_t kMostLimitCalls = 10'000;

// What one level sets. What is not set is not 0: the next level says.
struct Limits {
  std::array<std::optional<Nanos>, kSpendWindows> spend;
  std::optional<Nanos> price_per_minute;
  std::optional<Nanos> new_account_price_per_minute;
  // What may be called, as NumberCountry's text; in order, each once.
  std::optional<std::vector<std::string>> countries;
  std::optional<int32_t> calls;
  std::optional<int64_t> longest_call_seconds;

  bool any() const { return !(*this == Limits()); }
  bool limits_spend() const { return spend[0] || spend[1] || spend[2]; }
  friend bool operator==(const Limits&, const Limits&) = default;
};

// "spend_hour=5000000000 calls=3 countries=CA,US", as it is stored; empty of none.
std::string TextOf(const Limits& limits);
// The same read; what can't be read is left out.
Limits LimitsFrom(absl::string_view text);

// Can they be so? INVALID_ARGUMENT on the field, as the message Limits names it.
absl::Status CheckLimits(const Limits& limits);

// The limits of an account or a user, and when people last changed them: nearly nobody's were ever
// changed, and then they take no memory.
class OwnLimits {
 public:
  OwnLimits() = default;
  // InfinitePast: it is not known when.
  explicit OwnLimits(Limits limits, absl::Time change_time = absl::InfinitePast());

  const Limits& get() const;
  bool any() const { return stored_ != nullptr && stored_->limits.any(); }
  absl::Time change_time() const;
  friend bool operator==(const OwnLimits& one, const OwnLimits& other) {
    return one.get() == other.get() && one.change_time() == other.change_time();
  }

 private:
  struct Stored {
    Limits limits;
    absl::Time change_time;
  };
  std::shared_ptr<const Stored> stored_;  // null: none, and it is not known when
};

// As TextOf, with "changed=<micros since 1970>" before it where that is known.
std::string StoredTextOf(const OwnLimits& limits);
OwnLimits OwnLimitsFrom(absl::string_view text);

// How much is spent, in each window one number: the time, in microseconds since 1970, at which all
// of it has leaked away at the limit's pace (GCRA); 0: nothing was counted yet.
struct SpendMeters {
  std::array<int64_t, kSpendWindows> empty_at = {};

  bool any() const { return empty_at[0] != 0 || empty_at[1] != 0 || empty_at[2] != 0; }
  friend bool operator==(const SpendMeters&, const SpendMeters&) = default;
};

// L2: `cost` more, or, below zero, given back, of what began at `start`. What began before the
// window counts for nothing. A meter is moved on from the start on, so that what is told late fills
// it as if it had been told in time.
void CountSpend(size_t window, Nanos limit, Nanos cost, absl::Time start, absl::Time now,
                SpendMeters* meters);
// What of `limit` is used now.
Nanos SpentOf(size_t window, Nanos limit, absl::Time now, const SpendMeters& meters);
// When no more than `limit` less `accrued` is used; not before now. InfiniteFuture: never.
absl::Time SpendsAgainAt(size_t window, Nanos limit, Nanos accrued, absl::Time now,
                         const SpendMeters& meters);
// The same amount used under another limit.
void RescaleSpend(size_t window, std::optional<Nanos> before, std::optional<Nanos> after,
                  absl::Time now, SpendMeters* meters);

// Which limits on spending were reached and not lifted, and which raise nothing for a while (L4).
struct LimitAlarm {
  // Bit n is that of window n; of an account kUsersBit stands for those of its users.
  uint8_t reached = 0;
  uint8_t quiet = 0;
  CompactTime time = absl::InfinitePast();         // since when one is
  CompactTime quiet_until = absl::InfinitePast();  // those that are quiet

  bool rings() const { return reached != 0; }
  bool IsQuiet(size_t window, absl::Time now) const {
    return (quiet & (1U << window)) != 0 && now < quiet_until;
  }
  // Ends it; those that were reached, or still are quiet, are so until then.
  void Lift(absl::Time now, absl::Duration quiet_time);
  friend bool operator==(const LimitAlarm&, const LimitAlarm&) = default;
};
inline constexpr uint8_t kUsersBit = 1U << kSpendWindows;

// A limit that stands in the way of what would be paid.
struct ReachedLimit {
  LimitKind kind = LimitKind::kNone;
  LimitLevel level = LimitLevel::kNone;
  absl::Time until = absl::InfiniteFuture();  // InfiniteFuture: until somebody changes it

  bool any() const { return kind != LimitKind::kNone; }
  friend bool operator==(const ReachedLimit&, const ReachedLimit&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_LIMITS_H_
