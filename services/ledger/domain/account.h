// What an account is: plain values, as they are stored.
//
// The domain is pure: no I/O, no clock, no protobuf. Amounts are nano-units of
// the account's currency; times are UTC with microseconds.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "common/clock/compact_time.h"
#include "common/money/money.h"
#include "common/text/short_text.h"
#include "services/ledger/domain/account_calendar.h"
#include "services/ledger/domain/closing.h"
#include "services/ledger/domain/credit_grant.h"
#include "services/ledger/domain/due.h"
#include "services/ledger/domain/limits.h"
#include "services/ledger/domain/payment_method.h"
#include "services/ledger/domain/user_plan.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class AccountState : uint8_t {
  kPendingFunding = 1,
  kActive = 2,
  kDisabled = 3,
  kClosing = 4,  // P4: nothing is charged or promised any more, what is under way ends
  kClosed = 5,   // for ever, at a balance of 0
};

// Automatic recharges that succeeded in one calendar window of the account's time zone (G7).
struct CapWindow {
  int64_t window = 0;  // its number (account_calendar.h); another one: nothing was used yet
  Nanos amount = 0;
  int64_t reported = 0;  // the window in which kCapReached was last told; once in each

  friend bool operator==(const CapWindow&, const CapWindow&) = default;
};

struct Caps {
  CapWindow hour;
  CapWindow day;
  CapWindow month;  // the customer's own

  friend bool operator==(const Caps&, const Caps&) = default;
};

// An automatic recharge that was opened, and what the balance would be now if nothing had been
// used from the command on that opened it: how much was used since is the difference (G7).
struct RechargeMark {
  CompactTime time = absl::InfinitePast();
  Nanos unused_balance = 0;

  friend bool operator==(const RechargeMark&, const RechargeMark&) = default;
};

// What a customer or a stranger has tried with cards in one day of the account's time zone (G9).
struct DayOfTries {
  int32_t day = 0;  // its number (account_calendar.h); another day: nothing yet
  int32_t cards_given = 0;
  int32_t declines = 0;
  CompactTime limit_time = absl::InfinitePast();  // since when no more are allowed; else that

  // From now on of this day: of another nothing counts any more.
  void CountOn(const CalendarWindow& today) {
    const auto number = static_cast<int32_t>(today.number);
    if (day != number) *this = {number};
  }
  friend bool operator==(const DayOfTries&, const DayOfTries&) = default;
};

// Why automatic recharging waits for somebody to act (G12). The numbers are stored; never
// reuse one.
enum class SuspensionReason : uint8_t { kNone = 0, kMoneyTakenBack = 1, kDispute = 2 };

struct Suspension {
  SuspensionReason reason = SuspensionReason::kNone;
  CompactTime time = absl::InfinitePast();  // since when
  // What it stands for: so many refunds (reversed payments among them) and disputes that are not
  // booked back. They note its number, which moves when somebody ends it: then none of them counts
  // any more.
  int32_t number = 1;
  int32_t refunds = 0;
  int32_t disputes = 0;
  // The last recharge when its newest reason came: a top-up of before lifts nothing.
  int64_t ordinal = 0;

  friend bool operator==(const Suspension&, const Suspension&) = default;
};

// A card's number (fingerprint) of which a dispute stands (P2).
struct DisputedNumber {
  std::string fingerprint;
  std::string dispute_id;

  friend bool operator==(const DisputedNumber&, const DisputedNumber&) = default;
};

// Money was taken back by staff, and nothing follows until the customer acts (G12).
struct TakenBack {
  Nanos amount = 0;
  CompactTime time = absl::InfinitePast();  // since when; InfinitePast: nothing waits

  bool waits() const { return time != absl::InfinitePast(); }
  friend bool operator==(const TakenBack&, const TakenBack&) = default;
};

// An administrator's block (D3); it lies on top of the state.
struct AdministratorBlock {
  std::string reason;  // empty: not blocked
  CompactTime time = absl::InfinitePast();

  friend bool operator==(const AdministratorBlock&, const AdministratorBlock&) = default;
};

// One customer's account. Invariants, held by policy.h: `open_ordinal` is 0 or
// the one recharge that is open and not set aside (G3); `balance` is the sum of the entries
// 1..last_seq; at most five cards, each with an id of its own.
struct Account {
  std::string account_id;
  std::string currency;
  std::string default_plan_id;
  std::string display_name;  // for people; may be empty
  AccountCalendar calendar;  // whose hours, days and months count (C8)
  ShortText<2> country;      // ISO 3166-1 alpha-2; empty: opened before accounts had one
  AccountState state = AccountState::kPendingFunding;
  bool automatic_off = false;  // the customer's switch (G10)
  bool open_waits = false;     // the open one was not due yet when it was last decided upon
  // Open ones that only stop automatic recharging: under review, or pending beside another.
  int32_t set_aside = 0;
  Nanos balance = 0;
  Nanos held = 0;     // set aside for calls in progress, what has accrued included (H1)
  Nanos accrued = 0;  // what such calls have cost so far, by what was reported (H6)
  Nanos reserve_amount = 0;
  Nanos recharge_threshold = 0;
  int64_t last_seq = 0;
  int64_t last_event_seq = 0;
  int64_t last_ordinal = 0;
  int64_t last_receipt = 0;                           // the number given last (receipt.h)
  int64_t open_ordinal = 0;                           // 0: none
  CompactTime set_aside_time = absl::InfinitePast();  // since when there are any set aside
  std::vector<PaymentMethod> payment_methods;         // in the customer's order
  int32_t last_payment_method = 0;                    // the number in the last id given
  int32_t payments = 0;                               // that are booked and not reversed (P5)
  Caps caps;
  CompactTime cap_reached_time = absl::InfinitePast();  // since when one stops a recharge
  Nanos monthly_cap = 0;                                // the customer's own; 0: none
  CompactTime automatic_off_time = absl::InfinitePast();
  Suspension suspension;
  OwnLimits limits;   // L1: those of the account itself
  SpendMeters spent;  // L2: by the limits in force
  LimitAlarm alarm;   // L4
  // One for each dispute that stands, but for those that support has lifted: no token of these
  // numbers is charged (P2).
  std::vector<DisputedNumber> disputed_numbers;
  TakenBack taken_back;
  std::vector<CreditGrant> grants;  // whose end has not come: the earliest first, then the oldest
  Nanos notify_below = 0;           // G11; 0: the customer wants to hear of no balance
  DayOfTries tries;
  int32_t last_grant = 0;           // the number given last
  std::vector<RechargeMark> marks;  // of the last automatic recharges, oldest first
  AdministratorBlock block;
  // When time alone may change what the policy decides, and why; Reconsider() is due then.
  Due due;
  // When the customer is to hear that a card is about to expire; InfiniteFuture: of none.
  CompactTime expiry_notice_time = absl::InfiniteFuture();
  Closing closing;
  CompactTime create_time = absl::InfinitePast();
  // When people last changed the account itself, and its billing settings; InfinitePast: not since
  // that is kept.
  CompactTime update_time = absl::InfinitePast();
  CompactTime settings_time = absl::InfinitePast();
  // A digest of the request that opened it, so that it can be repeated safely.
  std::string opening_digest;

  bool blocked() const { return !block.reason.empty(); }
  bool closed() const { return state == AccountState::kClosed; }
  // Is it CLOSING or CLOSED?
  bool ends() const { return state == AccountState::kClosing || closed(); }
  // The promotional part of the balance, and the rest, which may be below zero (P6).
  Nanos promotional_balance() const { return SumOf(grants); }
  Nanos own_balance() const { return SubtractSaturating(balance, promotional_balance()); }
  // What a new call may be promised (H1).
  Nanos available() const { return SubtractSaturating(balance, held); }
  // What is left once the calls in progress end now: recharging goes by it (H6).
  Nanos running_balance() const { return SubtractSaturating(balance, accrued); }
  // What D1, D2 and authorisation go by: money that staff took back counts until the wait ends.
  Nanos effective_balance() const { return AddSaturating(balance, taken_back.amount); }
  friend bool operator==(const Account&, const Account&) = default;
};

// What a user has used of the allowance of one period (C8).
struct Allowance {
  int32_t period = 0;  // 0: for life; else the month, as PeriodNumber has it
  int64_t seconds_used = 0;
  int64_t seconds_held = 0;  // set aside for calls in progress (H1)

  friend bool operator==(const Allowance&, const Allowance&) = default;
};

// A person on an account, with what is used of the allowances.
struct User {
  std::string account_id;
  std::string user_id;
  std::string plan_id;                           // put last: in force after all earlier ones
  absl::InlinedVector<Allowance, 1> allowances;  // those that were used, each period once
  CompactTime create_time = absl::InfinitePast();
  EarlierPlans earlier_plans = {};                 // K4; none of nearly every user
  CompactTime remove_time = absl::InfinitePast();  // InfinitePast: the user is not removed
  CompactTime block_time = absl::InfinitePast();   // InfinitePast: nor blocked
  std::string display_name = {};                   // for people; may be empty
  OwnLimits limits = {};                           // L1
  SpendMeters spent = {};                          // by those alone
  LimitAlarm alarm = {};
  CompactTime update_time = absl::InfinitePast();  // as of an account

  bool removed() const { return remove_time != absl::InfinitePast(); }
  bool blocked() const { return block_time != absl::InfinitePast(); }
  // The plan in force at `start` (K4).
  const std::string& PlanIdAt(absl::Time start) const {
    return earlier_plans.PlanIdAt(start, plan_id);
  }
  // Of that period; 0 where nothing was used.
  int64_t SecondsUsed(int32_t period) const;
  // Sets it; what is held stays.
  void SetSecondsUsed(const Allowance& used);
  // The same of what is held for calls in progress.
  int64_t SecondsHeld(int32_t period) const;
  void HoldSeconds(int32_t period, int64_t more);

  friend bool operator==(const User&, const User&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_H_
