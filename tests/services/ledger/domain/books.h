// The stored rows of one account, kept in memory, for tests of the policy.
//
// Each command is decided by the policy and its transition is applied the way
// the engine does it: rows are appended or replaced, nothing is changed by a
// refusal. Every applied transition is checked for what must always hold: entries
// and events without gaps, the balance as the sum of the entries, at most one
// open recharge. Not thread-safe.
//
//   Books books;
//   books.OpenFunded();                         // $15.00, ACTIVE
//   ASSERT_TRUE(books.Call(DearRate(), 60).ok());
#ifndef RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_BOOKS_H_
#define RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_BOOKS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/policy.h"

namespace reserve::domain {

// `cents` hundredths of a unit in nano-units.
constexpr Nanos Cents(int64_t cents) { return cents * kNanosPerCent; }
constexpr Nanos Dollars(int64_t dollars) { return dollars * kNanosPerUnit; }

// $0.02 per minute, 60/60, no fee: the dearest standard rate.
Rate StandardRate();
// $0.50 per minute, 60/60, no fee: dearer than standard.
Rate DearRate();
// $0.0120 per segment.
Rate SmsRate();

// 300 free minutes for life (C3).
Plan PerMinutePlan();
// The same allowance every month.
Plan MonthlyPlan();
// Standard calls cost nothing (C5).
Plan UnlimitedPlan();

Card CardNamed(const std::string& name);

// A usage that starts at `start`; its id is made by Books unless it is set.
Usage OutboundCall(absl::Time start, absl::Duration duration);
Usage OutboundCall(absl::Time start, int64_t seconds);
Usage InboundCall(absl::Time start, absl::Duration duration);
Usage InboundCall(absl::Time start, int64_t seconds);
Usage OutboundSms(absl::Time start, int32_t segments);
Usage InboundSms(absl::Time start, int32_t segments);

// What a worker reports on `recharge` as it stands.
ChargeOutcome SuccessOf(const Recharge& recharge);
ChargeOutcome DeclineOf(const Recharge& recharge, DeclineClass decline_class);
ChargeOutcome UnresolvedOf(const Recharge& recharge);

class Books {
 public:
  explicit Books(Settings settings = Settings());

  // --- Commands. Each returns the refusal of the policy, or OK after applying.
  absl::Status Open(const OpenAccountCommand& command);
  absl::Status PutUser(const std::string& user_id, const Plan& plan);
  // Books a usage of `user_id` under the user's plan; `rate` may be null.
  absl::Status Record(const std::string& user_id, Usage usage, const Rate* rate);
  absl::Status ChangeSettings(std::optional<Nanos> reserve_amount, std::optional<Nanos> threshold);
  absl::Status GiveCard(const Card& card);
  absl::Status Adjust(Nanos amount);
  absl::Status TopUp(std::optional<Nanos> amount);
  absl::Status Report(int64_t ordinal, const ChargeOutcome& outcome);
  absl::Status Block(const std::string& reason);
  absl::Status Unblock(const std::string& reason);
  // What the dispatcher asks for before the open recharge is handed out.
  absl::Status Hold();
  absl::Status Reconsider();
  // The account's card is declined on another account.
  void DeclinedElsewhere(absl::Time time);

  // --- Short forms for tables.
  // Opens "acct-1" with a card "visa"; PENDING_FUNDING until its recharge succeeds.
  absl::Status OpenWithCard();
  // The same with the initial recharge charged: ACTIVE at the reserve amount, and
  // the users "ann" (per minute), "mia" (monthly) and "uma" (unlimited).
  void OpenFunded();
  // Adjusts to exactly `balance`.
  absl::Status AdjustTo(Nanos balance);
  // An outbound call of "ann".
  absl::Status Call(const Rate& rate, int64_t seconds);
  // Hands the open recharge to a worker: from here on a charge may be under way.
  void HandOut(absl::Duration lease = absl::Seconds(30));
  // Hands the open recharge out and reports on it.
  absl::Status Charge();
  absl::Status Decline(DeclineClass decline_class);
  absl::Status Unresolved();
  Authorization Authorize(const std::string& user_id, const Usage& usage, const Rate* rate) const;

  void Advance(absl::Duration duration) { now_ += duration; }
  absl::Time now() const { return now_; }
  Context context() const { return Context{settings_, now_}; }
  const Settings& settings() const { return settings_; }
  const Account& account() const { return account_; }
  const std::map<std::string, User>& users() const { return users_; }
  const std::map<int64_t, Recharge>& recharges() const { return recharges_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Event>& events() const { return events_; }
  const Plan& plan_of(const std::string& user_id) const { return plans_.at(user_id); }
  // The open recharge, null if none is open.
  const Recharge* open() const;
  const Recharge& recharge(int64_t ordinal) const { return recharges_.at(ordinal); }
  // Of the last transition that was applied.
  const Transition& last() const { return last_; }
  // How many events of this kind there are, in all or in the last transition.
  int Count(EventKind kind) const;
  int CountInLast(EventKind kind) const;

 private:
  absl::Status Apply(absl::StatusOr<Transition> transition);
  void CheckAlwaysTrue(const Transition& transition) const;

  const Settings settings_;
  absl::Time now_;
  Account account_;
  std::map<std::string, User> users_;
  std::map<std::string, Plan> plans_;
  std::map<int64_t, Recharge> recharges_;
  std::vector<Entry> entries_;
  std::vector<Event> events_;
  std::map<std::string, std::vector<absl::Time>> declines_;  // by fingerprint, newest first
  Transition last_;
  int64_t next_id_ = 1;
};

}  // namespace reserve::domain

#endif  // RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_BOOKS_H_
