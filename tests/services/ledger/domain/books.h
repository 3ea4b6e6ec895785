// The stored rows of one account, kept in memory, for tests of the policy.
//
// Each command is decided by the policy and its transition is applied the way
// the engine does it: rows are appended or replaced, nothing is changed by a
// refusal. A command sees what the engine loads for it: the account's open recharge and
// the declines of its cards; a usage has no declines, and the recharge only while it waits.
// Every applied transition is checked for what must always hold: entries and events
// without gaps, the balance as the sum of the entries, one recharge under way, what is
// counted on the account as its rows say, each charge as its refunds and disputes say, and
// nothing charged by what takes money back. Not thread-safe.
//
//   Books books;
//   books.OpenFunded();                         // $15.00, ACTIVE
//   ASSERT_TRUE(books.Call(DearRate(), 60).ok());
#ifndef RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_BOOKS_H_
#define RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_BOOKS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
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
Plan BillingMonthPlan();
// Standard calls cost nothing (C5).
Plan UnlimitedPlan();

// Of the token "tok_" + name and the number "fp_" + name.
Card CardNamed(const std::string& name);
// The same number by a new token.
Card RenewedCard(const std::string& name);
// As a customer gives it: with nothing to show of it, where it belongs.
GivenCard Given(const Card& card);
// The same of a caller that knows the token alone.
GivenCard WithoutNumber(GivenCard given);
// The card that expires at the end of that month.
GivenCard Expiring(const Card& card, int32_t year, int32_t month);
// Who works on it: "support-1".
ByStaff Staff(const std::string& reason);

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
ChargeOutcome PendingOf(const Recharge& recharge);
// The same on a refund: the gateway's id of it is "re_" and its ordinal, unless it told one.
ChargeOutcome GivenBack(const Recharge& refund);
ChargeOutcome NotGivenBack(const Recharge& refund);
ChargeOutcome RefundPends(const Recharge& refund);

// What the gateway tells of a refund or dispute of the charge of `recharge`.
GatewayRefund Told(const Recharge& recharge, const std::string& refund_id,
                   GatewayRefund::State state, Nanos amount);
GatewayDispute Told(const Recharge& recharge, const std::string& dispute_id, DisputeState state,
                    Nanos amount);

// As built in, but that no account is new: dear calls are refused to none for that (L5).
Settings WithoutNewAccounts();

class Books {
 public:
  explicit Books(Settings settings = WithoutNewAccounts());

  // --- Commands. Each returns the refusal of the policy, or OK after applying.
  absl::Status Open(const OpenAccountCommand& command);
  absl::Status PutUser(const std::string& user_id, const Plan& plan);
  // Of one that was put, and whose plan stays.
  absl::Status ChangeUser(const UserChange& change);
  absl::Status RemoveUser(const std::string& user_id);
  // Books a usage of `user_id` under the user's plan; `rate` may be null.
  // A user that was not put is not known.
  // `hold_id`: what it settles besides; may be empty.
  absl::Status Record(const std::string& user_id, Usage usage, const Rate* rate,
                      const std::string& hold_id = "");
  // Takes a usage back, booked or not, and books another in its place, whose user and rate may be
  // unknown as in Record.
  absl::Status Void(const std::string& usage_id);
  absl::Status Correct(const std::string& usage_id, const std::string& user_id, Usage usage,
                       const Rate* rate, bool may_recharge = false,
                       const std::string& hold_id = "");
  // Rates an UNRATED usage if there is a rate, and its user, now.
  absl::Status RateNow(const std::string& usage_id, const Rate* rate);
  absl::Status GrantCredit(Nanos amount, absl::Time end);
  // Asks for a hold; `rate` may be null. The decision. The second form is of an outbound call that
  // begins now; the usage of the call will be "usage-of-" + its id.
  absl::StatusOr<Decision> Hold(const HoldRequest& request, const Rate* rate);
  absl::StatusOr<Decision> Hold(const std::string& hold_id, const std::string& user_id,
                                const Rate& rate, absl::Duration slice = absl::ZeroDuration());
  // `rate`: that of the answer, if it is another then.
  absl::Status Extend(const std::string& hold_id, const HoldExtension& extension,
                      const Rate* rate = nullptr);
  absl::Status Extend(const std::string& hold_id, int32_t number, absl::Duration used,
                      const Rate* rate = nullptr) {
    return Extend(hold_id, HoldExtension{number, used}, rate);
  }
  absl::Status Release(const std::string& hold_id, absl::Duration used = absl::ZeroDuration(),
                       const Rate* rate = nullptr, absl::Time answer_time = absl::InfinitePast());
  // Releases all calls of a switch from before this incarnation, one after the other, and calls
  // `after` with the id of each. As ReleaseSwitchHolds does over all accounts.
  absl::Status ReleaseSwitch(const std::string& switch_id, int64_t incarnation,
                             absl::FunctionRef<void(const std::string&)> after);
  // Ends a hold if its time has come, or books what is estimated; the second form does all of them.
  absl::Status EndHold(const std::string& hold_id);
  absl::Status EndHolds();
  // The CDR of a call, whatever was booked of it before; `hold_id` as in Record.
  absl::Status Cdr(const std::string& user_id, const Usage& usage, const Rate* rate,
                   const std::string& hold_id = "");
  // That of a hold's call, as it was held for.
  absl::Status Settle(const std::string& hold_id, absl::Duration duration);
  // Rates a usage again by a rate; without a number it is a rerating of its own (U6).
  absl::StatusOr<Rerated> RateAgain(const std::string& usage_id, const Rate* rate,
                                    Rerating rerating = {});
  absl::Status ChangeBilling(const BillingChange& change);
  absl::Status Add(const GivenCard& given);
  absl::Status AddCard(const Card& card, int32_t position = 0);
  absl::Status Give(const std::string& payment_method_id, const GivenCard& given);
  absl::Status RemoveCard(const std::string& payment_method_id);
  absl::Status Adjust(Nanos amount);
  absl::Status TopUp(std::optional<Nanos> amount);
  absl::Status Report(int64_t ordinal, const ChargeOutcome& outcome);
  // A call to 911, also of a user that there is not.
  absl::Status RecordEmergency(const std::string& user_id);
  absl::Status Block(const std::string& reason);
  absl::Status Unblock(const std::string& reason);
  absl::Status LiftSuspension(const std::string& payment_method_id = "");
  absl::Status LiftDispute(const std::string& dispute_id);
  // Limits against fraud: of the account, or of a user; all that `limits` sets, and all else is
  // unset.
  absl::Status Limit(const Limits& limits, const std::string& user_id = "");
  absl::Status LiftLimits(absl::Duration quiet = absl::ZeroDuration(),
                          const std::string& user_id = "");
  absl::Status DismissKept(int64_t ordinal);
  absl::Status Resolve(int64_t ordinal, const ReviewOutcome& outcome);
  // Money that came another way; with `charge_id` by a charge that was made on a page. Where that
  // is credited already nothing is done, as the book answers then.
  absl::Status Pay(Nanos amount, const std::string& charge_id = "");
  absl::Status Reverse(int64_t ordinal);
  // Gives the charge of recharge `ordinal` back.
  absl::Status Refund(int64_t ordinal, std::optional<Nanos> amount, bool allow_debt = false);
  // What a worker reports of a refund, and a person finds out: its id at the gateway, or that
  // there is none.
  absl::Status ReportRefund(int64_t ordinal, const ChargeOutcome& outcome);
  absl::Status ResolveRefund(int64_t ordinal, const std::optional<std::string>& refund_id);
  // What the gateway tells of the charge of recharge `ordinal`. `reference`: the refund of ours
  // that it names, or 0.
  absl::Status Tell(int64_t ordinal, const GatewayRefund& told, int64_t reference = 0);
  absl::Status Tell(int64_t ordinal, const GatewayDispute& told);
  // What the dispatcher asks for before the open recharge is handed out.
  absl::Status Defer();
  absl::Status Reconsider();
  // Closes the account, and voids the usages that are waived (P4).
  absl::Status Close(const std::vector<std::string>& waived = {});
  // The number is declined on another account.
  void DeclinedElsewhere(const std::string& fingerprint, absl::Time time);
  // Puts the account as it is stored into another state, where no short way leads.
  Account& stored() { return account_; }

  // --- Short forms for tables.
  // Opens "acct-1" with a card "visa"; PENDING_FUNDING until its recharge succeeds.
  absl::Status OpenWithCard();
  // The same with the initial recharge charged: ACTIVE at the reserve amount, and
  // the users "ann" (per minute), "mia" (monthly) and "uma" (unlimited).
  void OpenFunded();
  // UpdatePaymentMethod without an id: the card with this number, else the first.
  absl::Status GiveCard(const Card& card);
  absl::Status ChangeCalendar(const CalendarRule& rule);
  absl::Status ChangeSettings(std::optional<Nanos> reserve_amount, std::optional<Nanos> threshold);
  absl::Status SwitchAutomatic(bool on);
  absl::Status NotifyBelow(Nanos balance);
  absl::Status CapTheMonth(Nanos amount);
  // A text of "ann" that costs exactly this.
  absl::Status Use(Nanos cost);
  // Brings the balance there: down by usage, up by an adjustment.
  absl::Status AdjustTo(Nanos balance);
  // Staff takes `amount` back (G12).
  absl::Status AdjustDown(Nanos amount) { return Adjust(-amount); }
  // The gateway tells of the charge of recharge `ordinal`.
  absl::Status TellDispute(const std::string& dispute_id, DisputeState state,
                           Nanos amount = Dollars(15), int64_t ordinal = 1) {
    return Tell(ordinal, Told(recharge(ordinal), dispute_id, state, amount));
  }
  absl::Status TellRefund(const std::string& refund_id, GatewayRefund::State state, Nanos amount,
                          int64_t ordinal = 1, int64_t reference = 0) {
    return Tell(ordinal, Told(recharge(ordinal), refund_id, state, amount), reference);
  }
  // Hands the newest refund out and reports on it.
  absl::Status GiveBack();
  absl::Status FailToGiveBack();
  // An outbound call of "ann".
  absl::Status Call(const Rate& rate, int64_t seconds);
  // Hands the open recharge, which must be due, to a worker: a charge may be under way.
  void HandOut(absl::Duration lease = absl::Seconds(30));
  // Hands a refund to a worker: the money may be on its way back.
  void HandOutRefund(int64_t ordinal);
  // Hands the open recharge out, as soon as it is due, and reports on it.
  absl::Status Charge();
  absl::Status ChargeInPart(Nanos amount);
  absl::Status Decline(DeclineClass decline_class);
  absl::Status Unresolved();
  absl::Status Pending();
  // Passes time until the open recharge is due.
  void AdvanceToDue();
  Authorization Authorize(const std::string& user_id, const Usage& usage, const Rate* rate) const;

  void Advance(absl::Duration duration) { now_ += duration; }
  absl::Time now() const { return now_; }
  // With all that is stored.
  Context context() const {
    closing_rows_ = RowsForClosing();
    return Context{settings_,  now_,           kNewestFeatureLevel, open(),
                   &declines_, &closing_rows_, LiveHolds()};
  }
  const Settings& settings() const { return settings_; }
  const Account& account() const { return account_; }
  const std::map<std::string, User>& users() const { return users_; }
  const std::map<int64_t, Recharge>& recharges() const { return recharges_; }
  // How booked usages stand, by their ids.
  const std::map<std::string, UsageState>& usage_states() const { return usage_states_; }
  const std::map<std::string, Dispute>& disputes() const { return disputes_; }
  // As it stands, live or not.
  const domain::Hold& hold(const std::string& hold_id) const { return holds_.at(hold_id); }
  const std::map<std::string, domain::Hold>& holds() const { return holds_; }
  // What prices it; null: it is free.
  const Rate* rate_of_hold(const std::string& hold_id) const {
    const std::optional<Rate>& rate = rates_of_holds_.at(hold_id);
    return rate.has_value() ? &*rate : nullptr;
  }
  // The newest refund, and the newest payment.
  const Recharge& refund() const { return NewestOf(RechargeKind::kRefund); }
  const Recharge& payment() const { return NewestOf(RechargeKind::kPayment); }
  // What the charge is credited as; null: nothing (G4).
  const Recharge* CreditedFor(const std::string& charge_id) const;
  // The balance counted from the entries of this kind alone.
  Nanos Booked(EntryKind kind) const;
  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Event>& events() const { return events_; }
  const Plan& plan_of(const std::string& user_id) const { return plans_.at(user_id); }
  // The open recharge that is not set aside, null if there is none.
  const Recharge* open() const;
  // The card of this id; a failure of the test if there is none.
  const PaymentMethod& card(const std::string& payment_method_id) const;
  CardState StateOf(const std::string& payment_method_id) const {
    return card(payment_method_id).state;
  }
  const Recharge& recharge(int64_t ordinal) const { return recharges_.at(ordinal); }
  // Of the last transition that was applied.
  const Transition& last() const { return last_; }
  // How many events of this kind there are, in all or in the last transition.
  int Count(EventKind kind) const;
  int CountInLast(EventKind kind) const;
  // The last event of this kind; a failure of the test if there is none.
  Event LastOf(EventKind kind) const;

 private:
  // Whose alarm rings: all of them are lifted where none is named.
  LiftedLimits Ringing() const;
  // Applies a command, and then what it lets follow of a closing (P4).
  absl::Status Apply(absl::StatusOr<Transition> transition);
  absl::Status ApplyOne(absl::StatusOr<Transition> transition);
  void TakeUpUsages(const Transition& transition);
  // Applies what follows, as a part of the last transition.
  void ApplyMore(const absl::StatusOr<Transition>& transition);
  void MoveClosingOn();
  ClosingRows RowsForClosing() const;
  const std::vector<domain::Hold>* LiveHolds() const;
  void CheckHolds() const;
  // What is known of a usage by this user at this rate.
  UsageTerms TermsOf(const std::string& user_id, const Rate* rate) const;
  // By which a hold is priced; `answers`: it is told now when it was answered.
  UsageTerms TermsOf(const domain::Hold& hold, const Rate* rate, bool answers) const;
  UsageToVoid OldUsage(const std::string& usage_id) const;
  // The outcome of recharge `ordinal`, and what the gateway told of its charge before.
  absl::Status ApplyOutcome(int64_t ordinal, absl::StatusOr<Transition> transition);
  // What the gateway told of the charge that row `ordinal` has just been credited for.
  void ApplyKeptOf(int64_t ordinal);
  const Recharge& NewestOf(RechargeKind kind) const;
  std::vector<const Recharge*> RefundsOf(const std::string& charge_id) const;
  // The row that what is told of the charge is for, as the book finds it; null: none.
  const Recharge* RowOf(int64_t ordinal, const std::string& charge_id) const;
  void CheckAlwaysTrue(const Transition& transition) const;
  void CheckJournal(const Transition& transition) const;
  void CheckRecharge(const Transition& transition, const Recharge& recharge) const;
  void CheckOpened(const Transition& transition, const Recharge& recharge) const;
  void CheckRefund(const Recharge& refund) const;
  void CheckPayment(const Transition& transition, const Recharge& payment) const;
  void CheckCredits() const;
  void CheckClosing() const;
  void CheckAccount(bool open_was_loaded) const;
  void CheckGivenBack() const;
  void CheckSuspension() const;
  void CheckCaps() const;
  // What was recharged by itself in the window with this number.
  Nanos RechargedSince(absl::Time begin) const;

  const Settings settings_;
  absl::Time now_;
  Account account_;
  std::map<std::string, User> users_;
  std::map<std::string, Plan> plans_;
  std::map<int64_t, Recharge> recharges_;
  int64_t last_rerating_ = 0;
  std::map<std::string, UsageState> usage_states_;  // of all that are booked
  std::map<std::string, Usage> usages_;
  std::map<std::string, Dispute> disputes_;
  std::map<std::string, domain::Hold> holds_;
  std::map<std::string, std::optional<Rate>> rates_of_holds_;
  std::map<std::string, Plan> known_plans_;       // of any user, ever
  std::set<std::string> estimates_;               // usages that were booked from what was reported
  mutable std::vector<domain::Hold> live_holds_;  // of the last context
  std::vector<Entry> entries_;
  // What the entries have taken for refunds, and for disputes of each recharge.
  std::map<int64_t, Nanos> taken_by_refund_;
  std::map<int64_t, Nanos> taken_by_disputes_of_;
  std::vector<Event> events_;
  DeclinesByCard declines_;
  mutable ClosingRows closing_rows_;                                     // of the last context
  std::map<std::pair<int64_t, int32_t>, std::string> declined_numbers_;  // by ordinal and attempt
  std::vector<std::pair<absl::Time, Nanos>> successes_;  // of automatic recharges, oldest first
  Transition last_;
  int64_t next_id_ = 1;
};

// A funded account (Books::OpenFunded) used down, or adjusted up, to this balance: one below
// the threshold opens recharge 2.
Books FundedAt(Nanos balance, const Settings& settings = WithoutNewAccounts());
// Midnight after it, in UTC.
absl::Time EndOfUtcDay(absl::Time time);

}  // namespace reserve::domain

#endif  // RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_BOOKS_H_
