// The policy of the reserve: (what is stored, a command, now) -> what to write,
// or a refusal. Everything about money and state is decided here and nowhere
// else; the numbers in comments are the rules in docs/RULES.md.
//
// Pure functions: no I/O, no clock. Each returns the whole new account, so a
// caller can fold a batch of commands in memory and write the result once. A
// refusal (a non-OK status) changes nothing.
//
//   StatusOr<Transition> t = RecordUsage(ctx, account, user, plan, usage, rate);
//   if (t.ok()) account = std::move(t->account);
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

// What the operator may set. Amounts are units of any currency.
struct Settings {
  Nanos default_reserve_amount = 15 * kNanosPerUnit;  // O2
  Nanos default_recharge_threshold = 10 * kNanosPerUnit;
  Nanos min_reserve_amount = 15 * kNanosPerUnit;      // O3
  Nanos min_recharge_threshold = 10 * kNanosPerUnit;  // O3
  Nanos max_recharge_amount = 1'000 * kNanosPerUnit;  // one charge, and O3; at most the day's cap
  int32_t max_recharge_multiple = 20;                 // G2
  int32_t max_automatic_recharges_per_day = 10;       // G7
  Nanos max_automatic_amount_per_day = 1'000 * kNanosPerUnit;  // G7
  // G5: the delays after the first, second, ... soft decline of a card.
  std::vector<absl::Duration> retry_delays = {absl::Hours(1), absl::Hours(3), absl::Hours(7)};
  CardLimits card_limits;  // G9
  // An attempt that the limits put off for longer is not waited for (G9).
  absl::Duration max_card_wait = absl::Hours(24);
  absl::Duration max_usage_age = absl::Hours(24 * 3660);  // older starts are refused
  absl::Duration max_usage_ahead = absl::Hours(2);        // later starts are refused
};

// No retry and no wait for a card is ever planned further ahead than this (G5, G9).
absl::Duration LongestPlannedWait(const Settings& settings);
// How long a recharge that waits for its next attempt is to wait when it is not known since when:
// the whole delay after its last soft decline (G5).
absl::Duration RetryDelay(const Settings& settings, const Recharge& recharge);
// No recheck is ever planned further ahead than this: a cap's window is a day (G7).
inline constexpr absl::Duration kLongestRecheckWait = absl::Hours(24);

struct Context {
  const Settings& settings;
  absl::Time now;  // whole microseconds
};

// What to write. Entries, events and recharges are in the order they came to be.
struct Transition {
  Account account;
  absl::InlinedVector<Entry, 1> entries;
  absl::InlinedVector<Event, 2> events;
  absl::InlinedVector<Recharge, 1> recharges;  // new or changed
  std::optional<User> user;                    // new or changed
  std::optional<CardDecline> decline;          // new
  bool unchanged = false;                      // a repeat: nothing to write
};

// --- Opening and settings ------------------------------------------------------

struct OpenAccountCommand {
  std::string account_id;
  std::string currency = "USD";
  Card card;  // empty token: none
  std::optional<Nanos> reserve_amount;
  std::optional<Nanos> recharge_threshold;
  Plan default_plan;
  std::optional<Nanos> expected_monthly_spend;
  std::string digest;  // of the whole request
};

// O2: the largest of the default, the plan's own, and a week of the expected
// monthly spend rounded up to a whole unit.
absl::StatusOr<Nanos> DefaultReserveAmount(const Settings& settings, const Plan& plan,
                                           std::optional<Nanos> expected_monthly_spend);

// O1 to O3. INVALID_ARGUMENT with the field for amounts out of bounds.
absl::StatusOr<Transition> OpenAccount(const Context& context, const OpenAccountCommand& command);

// O3. INVALID_ARGUMENT with the field for amounts out of bounds.
absl::StatusOr<Transition> UpdateBillingSettings(const Context& context, const Account& account,
                                                 std::optional<Nanos> reserve_amount,
                                                 std::optional<Nanos> recharge_threshold);

// G6. `open_recharge` is the row of account.open_ordinal, null if that is 0.
absl::StatusOr<Transition> UpdatePaymentMethod(const Context& context, const Account& account,
                                               const Recharge* open_recharge, const Card& card);

// Adds the user (`stored` null) or changes the plan.
absl::StatusOr<Transition> PutUser(const Context& context, const Account& account,
                                   const User* stored, const std::string& user_id,
                                   const Plan& plan);

// --- Usage ---------------------------------------------------------------------

// The start time must not be too old or in the future: INVALID_ARGUMENT on
// "start_time".
absl::Status CheckStartTime(const Context& context, absl::Time start);

// U1, U3: books a usage that happened, whatever the account's state. NO_RATE and
// MONEY_OVERFLOW as RateUsage. `rate` may be null. The second form moves the account
// into the transition instead of copying it, unless it refuses.
absl::StatusOr<Transition> RecordUsage(const Context& context, const Account& account,
                                       const User& user, const Plan& plan, const Usage& usage,
                                       const Rate* rate);
absl::StatusOr<Transition> RecordUsage(const Context& context, Account&& account, const User& user,
                                       const Plan& plan, const Usage& usage, const Rate* rate);

// In order of precedence.
enum class Decision : uint8_t {
  kAllowed = 1,
  kAccountBlocked = 2,
  kPendingFunding = 3,
  kAccountDisabled = 4,
  kNoRate = 5,
  kInsufficientBalance = 6,
};

struct Authorization {
  Decision decision = Decision::kAllowed;
  int64_t free_seconds_left = 0;
  int64_t max_duration_seconds = 0;
  bool unlimited_duration = false;
  Nanos sms_cost = 0;
};

// O1, D1 to D3. `usage` is what is to begin; its duration is not looked at.
Authorization AuthorizeUsage(const Context& context, const Account& account, const User& user,
                             const Plan& plan, const Usage& usage, const Rate* rate);

// --- Money by other ways ---------------------------------------------------------

// FAILED_PRECONDITION never; OUT_OF_RANGE "MONEY_OVERFLOW".
absl::StatusOr<Transition> AdjustBalance(const Context& context, const Account& account,
                                         const std::string& request_id, Nanos amount,
                                         const std::string& reason);

// G8. FAILED_PRECONDITION "NO_CARD", "CARD_REFUSED", "RECHARGE_ALREADY_OPEN",
// "CARD_LIMIT_REACHED" (G9). A card that is only FAILING may be tried: the customer
// knows better. `card_declines` are those of the account's card, newest first.
absl::StatusOr<Transition> RequestRecharge(const Context& context, const Account& account,
                                           const std::string& request_id,
                                           std::optional<Nanos> amount,
                                           absl::Span<const absl::Time> card_declines);

// D3.
absl::StatusOr<Transition> BlockAccount(const Context& context, const Account& account,
                                        const std::string& reason);
absl::StatusOr<Transition> UnblockAccount(const Context& context, const Account& account,
                                          const std::string& reason);

// --- Recharging ------------------------------------------------------------------

struct ChargeOutcome {
  enum class Kind { kSucceeded, kDeclined, kUnresolved };
  Kind kind = Kind::kSucceeded;
  int32_t attempt = 0;
  int64_t lease_epoch = 0;
  std::string charge_id;                             // of a success
  Nanos amount = 0;                                  // of a success
  std::string currency;                              // of a success
  DeclineClass decline_class = DeclineClass::kNone;  // of a decline
  std::string text;                                  // the decline's code, or what was tried
};

// G4, G5, G6, G9. `recharge` is the row reported on, `card_declines` those of its
// card before this report, newest first. A repeat of an outcome that was
// applied is `unchanged`. FAILED_PRECONDITION "LEASE_LOST" for anything but a
// success without the current lease; INVALID_ARGUMENT if a success names another
// amount.
absl::StatusOr<Transition> ReportRecharge(const Context& context, const Account& account,
                                          const Recharge& recharge, const ChargeOutcome& outcome,
                                          absl::Span<const absl::Time> card_declines);

// G9, for a recharge that is due: if its card was declined as often as its network
// allows, the card counts as FAILING and the attempt is put off, or given up if that
// were for longer than Settings::max_card_wait. `unchanged` if it may be tried, or
// if an attempt is in flight. `card_declines` are those of its card, newest first.
Transition DeferRecharge(const Context& context, const Account& account, const Recharge& recharge,
                         absl::Span<const absl::Time> card_declines);

// Level-triggered: applies G1, G7, D1 and G4 to the account as it stands. For an
// account whose `recheck_time` has come.
Transition Reconsider(const Context& context, const Account& account);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_POLICY_H_
