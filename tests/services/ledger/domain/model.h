// A second reading of the rules of the reserve, to hold the policy against.
//
// It remembers facts where the policy keeps totals: the caps are summed over what was
// credited within the window, the growth of charges over the usages booked since, the limits
// over the declines one by one, the allowance over the calls that drew on it, what is left of a
// charge and which numbers are disputed over its refunds and disputes, a suspension is the set of
// what it stands for, and all arithmetic is in exact fractions of 128 bits. It shares plain values
// (plans, rates, usages, states) with the domain and no code. Not thread-safe.
//
//   Model model(settings);
//   model.Open({"tok_visa", "fp_visa"}, now);
//   Step step = model.Record("ann", usage, &rate, now);
//   // step.outcome and model.balance() must be what the policy says.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_H_
#define RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/model_calendar.h"

namespace reserve::domain {

// What a command came to.
enum class Outcome {
  kApplied,
  kUnchanged,  // accepted, and nothing to write
  kRefused,
  kNothing,   // unchanged or refused, the rules leave it open; nothing is written
  kWhatever,  // accepted, whether there is something to write or not
};

struct Step {
  Outcome outcome = Outcome::kApplied;
  std::string reason;               // of a refusal
  std::map<EventKind, int> events;  // how many of each kind

  static Step Refused(const std::string& reason) { return {Outcome::kRefused, reason, {}}; }
};

// What grants have paid of a cost, by the grant's place, in the order in which they did.
using ModelDraws = std::vector<std::pair<size_t, __int128>>;

// A usage as it was told, and what it costs now.
struct ModelUsage {
  std::string user_id;
  Usage usage;
  UsageStatus status = UsageStatus::kRated;
  __int128 cost = 0;
  int64_t free_taken = 0;
  int64_t born = 0;  // when it was booked, in the order of all that was
  ModelDraws promotional;
};

// Promotional money with an end.
struct ModelGrant {
  int64_t born = 0;
  __int128 left = 0;
  absl::Time end;
  bool gone = false;  // it has ended, and no call needed anything of it
};

// What a usage should cost.
struct ModelRating {
  bool no_rate = false;
  int64_t free_taken = 0;
  int64_t paid = 0;
  __int128 cost = 0;
};

// A call that a switch asks for.
struct ModelCall {
  std::string hold_id;
  std::string user_id;
  Usage usage;  // with the id that its usage will have
  std::optional<Rate> rate;
  absl::Duration slice;  // 0: the operator's
  std::string switch_id;
  int64_t incarnation = 0;
};

// What a switch tells of a call: the whole of it each time.
struct ModelReport {
  int number = 0;
  absl::Duration used;
  std::optional<absl::Time> answer;  // unset: so long ago as was used
  std::optional<Rate> rate;          // of the answer; unset: as it was
};

// A call in progress, and one that is over.
struct ModelHold {
  std::string usage_id;
  std::string user_id;
  Usage usage;  // starts when it is priced
  Plan plan;
  std::optional<Rate> rate;
  absl::Time made;
  absl::Time ends;
  absl::Duration slice;
  std::string switch_id;
  int64_t incarnation = 0;  // of the switch: how often it had started
  HoldState state = HoldState::kOpen;
  FinalReason why = FinalReason::kNone;  // it gets no more
  bool answered = false;
  int number = 0;  // of the last report
  absl::Duration reported;
  int64_t promised = 0;  // seconds in all
  // What the promise cost when it was last looked at, and what was reported then.
  ModelRating aside;
  ModelRating so_far;

  bool open() const { return state == HoldState::kOpen; }
  bool lives() const { return open() || state == HoldState::kUnsettled; }
  bool over() const { return state == HoldState::kSettled || state == HoldState::kEstimated; }
};

// A card as a customer gives it.
struct ModelGiven {
  std::string token;  // empty: no card, or none that is given anew
  std::string number;
  int position = 0;                   // 0: where it belongs
  std::optional<absl::Time> expires;  // the first moment at which it is not valid any more
  bool number_given = true;           // else it is not known by whoever gives it
};

struct ModelCard {
  std::string id;
  std::string token;
  std::string number;
  CardState state = CardState::kUsable;
  int given = 1;  // how often
  int soft_declines = 0;
  absl::Time rests_until = absl::InfinitePast();  // not charged by itself before
  // The attempt that declined last, since its number was given: recharge and attempt.
  std::pair<int64_t, int> declined = {0, 0};
  std::optional<absl::Time> expires;
  bool expiry_told = false;
};

// A card as an attempt was made ready for it.
struct ModelAim {
  std::string id;
  std::string token;
  std::string number;
  int given = 0;
};

struct ModelRecharge {
  RechargeKind kind = RechargeKind::kInitial;
  RechargeState state = RechargeState::kOpen;
  __int128 amount = 0;
  ModelAim aim;
  std::vector<ModelAim> earlier;  // of the attempts before, in their order
  int attempt = 1;
  int declines = 0;
  bool handed_out = false;  // this attempt
  bool leased = false;      // a worker has it, and has not told of it
  bool set_aside = false;
  std::optional<absl::Time> pending;  // since when
  std::optional<absl::Time> due;      // unset: a lease decides
  std::string charge_id;
  __int128 credited = 0;
  absl::Time success_time;
  int64_t credited_as = 0;  // the payment that was booked for its charge before it was reported

  // Of a refund: what it gives back, by which id, and whether its money is out of the balance.
  int64_t of = 0;
  std::string refund_id;
  bool hearsay = false;  // a person said so, and nobody else
  bool out = false;
};

struct ModelDispute {
  int64_t of = 0;
  std::string charge_id;
  __int128 amount = 0;
  DisputeState state = DisputeState::kInquiry;
  bool out = false;       // its money is out of the balance
  std::string number;     // of the card that was charged
  bool forgiven = false;  // support lets the number be charged all the same
  // What tokens of the number would be called if it were not known.
  std::set<std::string> by_token = {};
};

class Model {
 public:
  explicit Model(const Settings& settings) : settings_(settings) {}

  // An empty token: without a card.
  Step Open(const ModelGiven& card, const CalendarRule& rule, absl::Time now);
  Step ChangeCalendar(const CalendarRule& rule, absl::Time now);
  // A user who was removed is back.
  Step PutUser(const std::string& user_id, const Plan& plan, absl::Time now);
  // Of users that were put. A block brings one back who was removed.
  Step BlockUser(const std::string& user_id, bool blocked, absl::Time now);
  Step RemoveUser(const std::string& user_id, absl::Time now);
  // `hold_id`: the call that it says it was; may be empty.
  Step Record(const std::string& user_id, const Usage& usage, const Rate* rate, absl::Time now,
              const std::string& hold_id = "");
  // Takes a usage back, and books another in its place.
  Step Void(const std::string& usage_id, absl::Time now);
  Step Correct(const std::string& usage_id, const std::string& user_id, const Usage& usage,
               const Rate* rate, bool may_recharge, absl::Time now,
               const std::string& hold_id = "");
  // Rates a usage that waits for it.
  Step RateNow(const std::string& usage_id, const Rate* rate, absl::Time now);
  // Rates one again at this rate: the difference counts.
  Step RateAgain(const std::string& usage_id, const Rate* rate, bool include_unrated,
                 bool may_recharge, absl::Time now);
  Step RecordEmergency(absl::Time now);
  // Calls in progress (H1 to H12). The decision is the first of the pair.
  std::pair<Decision, Step> CreateHold(const ModelCall& call, absl::Time now);
  Step ExtendHold(const std::string& hold_id, const ModelReport& report, absl::Time now);
  Step ReleaseHold(const std::string& hold_id, const ModelReport& report, absl::Time now);
  // What a switch that has started again knows nothing of any more: the calls that it had, by id
  // (H8). Each is to be released.
  std::vector<std::string> CallsFromBefore(const std::string& switch_id, int64_t incarnation) const;
  // What time brings: it expires, or is booked from what was reported.
  Step EndHold(const std::string& hold_id, absl::Time now);
  // The CDR of a call, whatever was booked of it before.
  Step Cdr(const std::string& user_id, const Usage& usage, const Rate* rate,
           const std::string& hold_id, absl::Time now);
  const std::map<std::string, ModelHold>& holds() const { return holds_; }
  // Was it booked from what was reported, and waits for its CDR?
  bool estimated(const std::string& usage_id) const { return estimates_.count(usage_id) > 0; }
  // Of the user's calls, or with an empty id of all.
  __int128 Held(const std::string& user_id = "") const;
  __int128 Accrued(const std::string& user_id = "") const;
  // What is left of the allowance for another call.
  int64_t FreeToPromise(const std::string& user_id, absl::Time start) const;
  Step Grant(Nanos amount, absl::Time end, absl::Time now);
  __int128 promotional() const;
  // Of the first, the second, ... that there was.
  __int128 LeftOfGrant(int number) const { return grants_[static_cast<size_t>(number - 1)].left; }
  // When the next grant ends that has something left; InfiniteFuture: none does.
  absl::Time next_grant_end() const;
  Step ChangeBilling(const BillingChange& change, absl::Time now);
  Step AddCard(const ModelGiven& given, absl::Time now);
  Step UpdateCard(const std::string& id, const ModelGiven& given, absl::Time now);
  Step RemoveCard(const std::string& id, absl::Time now);
  Step Adjust(Nanos amount, absl::Time now);
  Step TopUp(std::optional<Nanos> amount, absl::Time now);
  Step Report(int64_t ordinal, const ChargeOutcome& outcome, bool lease_is_current, absl::Time now);
  Step Resolve(int64_t ordinal, const ReviewOutcome& outcome, absl::Time now);
  Step Block(absl::Time now);
  Step Unblock(absl::Time now);
  // An empty id: the suspension only.
  // `quiet`: what was reached of limits raises nothing for so long.
  Step LiftSuspension(const std::string& card_id, const std::string& dispute_id, absl::Time now,
                      absl::Duration quiet = absl::ZeroDuration());
  // What the account, or the user, may spend a day (L1 to L4).
  Step LimitADay(const std::string& user_id, std::optional<Nanos> amount, absl::Time now);
  bool alarm() const { return spending_.rings || users_ring_; }
  // Money that came another way; an empty charge: by none of the gateway's.
  Step Pay(Nanos amount, const std::string& charge_id, absl::Time now);
  Step Reverse(int64_t ordinal, absl::Time now);
  Step Refund(int64_t ordinal, std::optional<Nanos> amount, bool allow_debt, absl::Time now);
  Step ReportRefund(int64_t ordinal, const ChargeOutcome& outcome, bool lease_is_current,
                    absl::Time now);
  Step ResolveRefund(int64_t ordinal, const std::optional<std::string>& refund_id, absl::Time now);
  Step TellRefund(int64_t ordinal, const GatewayRefund& told, int64_t reference, absl::Time now);
  Step TellDispute(int64_t ordinal, const GatewayDispute& told, absl::Time now);
  void HandOutRefund(int64_t ordinal);
  Step Reconsider(absl::Time now);
  // Closes the account for ever, and what comes by itself after each further command but usage
  // (P4).
  Step Close(const std::set<std::string>& waived, absl::Time now);
  void MoveClosingOn(absl::Time now, Step* step);
  Step Defer(absl::Time now);
  void HandOut();
  void DeclinedElsewhere(const std::string& number, absl::Time time);

  // The rules of C2 to C7 and S1 in exact fractions.
  ModelRating RateIt(const std::string& user_id, const Usage& usage, const Rate* rate) const;
  Decision Authorize(const std::string& user_id, const Usage& usage, const Rate* rate,
                     absl::Time now);
  int64_t FreeLeft(const std::string& user_id, absl::Time start) const;
  // How a usage stands; null if it was neither booked nor voided.
  const ModelUsage* FindUsage(const std::string& usage_id) const;
  // May a call last `seconds` (on the grid of increments) on allowance and balance?
  bool Affords(const std::string& user_id, const Usage& usage, const Rate& rate,
               int64_t seconds) const;

  __int128 balance() const { return balance_; }
  AccountState state() const { return state_; }
  bool ends() const { return state_ == AccountState::kClosing || state_ == AccountState::kClosed; }
  __int128 owed() const { return owed_; }
  __int128 written_off() const { return written_off_; }
  std::set<std::string> Unrated() const;
  const std::vector<ModelCard>& cards() const { return cards_; }
  // 0: none is open, but for what is set aside.
  int64_t open_ordinal() const;
  int set_aside() const;
  bool open_waits() const { return open_waits_; }
  bool blocked() const { return blocked_; }
  bool off() const { return off_; }
  bool suspended() const { return suspended_by() != SuspensionReason::kNone; }
  // A dispute, if one is among what it stands for.
  SuspensionReason suspended_by() const;
  // Of the charge of this recharge.
  __int128 GivenBack(int64_t ordinal) const;
  __int128 Disputed(int64_t ordinal) const;
  const std::map<std::string, ModelDispute>& disputes() const { return disputes_; }
  __int128 taken_back() const { return taken_back_; }
  bool waits_for_the_customer() const { return waits_for_the_customer_; }
  // Until when a cap stops what is wanted; unset: none does.
  const std::optional<absl::Time>& capped_until() const { return capped_until_; }
  Nanos reserve_amount() const { return reserve_amount_; }
  Nanos threshold() const { return threshold_; }
  Nanos monthly_cap() const { return monthly_cap_; }
  const std::vector<ModelRecharge>& recharges() const { return recharges_; }

 private:
  // Takes the cost from grants: from what was just given back first. `hold` is the call that it
  // was, or null.
  void DrawOnGrants(const ModelDraws& given_back, absl::Time now, ModelUsage* fact,
                    const ModelHold* hold = nullptr);
  void GiveBackToGrants(ModelUsage* fact);
  void EndGrants(absl::Time now, Step* step);
  // The same, and leaves it to the caller what that means to the customer; how much ended.
  __int128 EndThose(absl::Time now, Step* step);
  // Of those that have ended, what calls need that began before; by the grant's place.
  std::map<size_t, __int128> NeededOfEnded(absl::Time now) const;
  absl::Time EndOf(const ModelGrant& grant) const { return std::min(grant.end, closed_at_); }
  // Their places, the earliest end first.
  std::vector<size_t> GrantsInOrder() const;

  // A call that drew on the allowance: of a month, or of all time (0).
  struct Draw {
    std::string usage_id;
    int month = 0;
    int64_t seconds = 0;
  };
  struct Person {
    Plan plan;
    bool removed = false;
    bool blocked = false;
    std::vector<Draw> draws;
  };

  // A card that may be tried, and from when on.
  struct Pick {
    size_t card = 0;
    absl::Time when;
    bool network = false;  // it is the networks' limit that it waits for
  };
  // What would be opened now, or the cap that stops it.
  struct Want {
    RechargeKind kind = RechargeKind::kAutomatic;
    __int128 amount = 0;  // 0: nothing
    bool limited = false;
    Pick pick;
    std::optional<absl::Time> capped_until;
    std::string cap;  // which window it is
  };
  struct Window {
    std::string name;
    Nanos cap = 0;
    __int128 used = 0;
    absl::Time until;
  };
  // What a command is told of.
  struct Sight {
    bool open = true;      // the recharge that is open
    bool declines = true;  // when cards were declined
  };

  ModelRecharge& at(int64_t ordinal) { return recharges_[static_cast<size_t>(ordinal - 1)]; }
  const ModelRecharge& at(int64_t ordinal) const {
    return recharges_[static_cast<size_t>(ordinal - 1)];
  }
  ModelRecharge* open() { return open_ordinal() == 0 ? nullptr : &at(open_ordinal()); }
  ModelCard* Find(const std::string& id);
  bool HasUsable() const;
  bool IsLow() const;
  bool IsShort() const;  // low, or so before the first charge
  // May a number (of no known network) be tried at that time?
  bool NetworkLets(const std::string& number, absl::Time time) const;
  // The first time from then on at which it may.
  absl::Time FirstTry(const std::string& number, absl::Time from) const;
  // When our own limits let it be tried.
  absl::Time OursLet(const std::string& number, absl::Time from, bool declines,
                     absl::Time now) const;
  // When what other tokens of its number met in this recharge lets it be tried.
  absl::Time RestsUntil(const ModelCard& card, absl::Time now) const;
  absl::Time OthersLet(const ModelCard& card, int64_t ordinal) const;
  Pick LimitedPick(size_t card, absl::Time from, const Sight& sight, absl::Time now) const;
  std::optional<Pick> PickFor(int64_t ordinal, const Sight& sight, absl::Time now) const;
  std::optional<Pick> PickForTopUp(int64_t ordinal, const Sight& sight, absl::Time now) const;
  std::vector<Window> Windows(absl::Time now) const;
  __int128 UsedInTheHour(int64_t ordinal, absl::Time now) const;
  Want Wanted(int64_t ordinal, __int128 balance, const Sight& sight, absl::Time now) const;

  void Aim(const Pick& pick, ModelRecharge* recharge) const;
  void OpenRecharge(RechargeKind kind, __int128 amount, const Pick& pick, Step* step);
  void Cancel(ModelRecharge* recharge, Step* step);
  void SetAside(ModelRecharge* recharge);
  void Follow(const Sight& sight, absl::Time now, Step* step);
  void OpenWhatIsWanted(const Sight& sight, absl::Time now, Step* step);
  void MarkLimited(absl::Time now, Step* step);
  void ChangeState(Step* step);
  void Tell(absl::Time now, Step* step);
  Step GiveTo(ModelCard* card, const ModelGiven& given, absl::Time now);
  Step GiveNew(const ModelGiven& given, absl::Time now);
  void PutNew(const ModelGiven& given);
  // With the number that the account knows of its token (G6, P2).
  ModelGiven AsKnown(ModelGiven given) const;
  ModelCard* FindGiven(const ModelGiven& given);
  static bool Covers(const ModelDispute& dispute, const std::string& number);
  // A token that leaves its card.
  void RememberToken(const std::string& token, const std::string& number);
  void Move(const std::string& id, int position);
  void Credit(ModelRecharge* recharge, int64_t ordinal, int attempt, const std::string& charge_id,
              __int128 amount, absl::Time now, Step* step);
  Step ReportSuccess(int64_t ordinal, const ChargeOutcome& outcome, absl::Time now);
  // What the gateway told of a charge that is credited now is applied after it (P3).
  Step FinishCredit(int64_t ordinal, Step step, absl::Time now);
  bool NumberDisputed(const std::string& number) const;
  void MoveCards(const std::string& number);
  void MoveCardsOf(const ModelDispute& dispute);
  // Something that suspends, and the same booked back.
  void Suspend(const std::string& cause, Step* step);
  void TakeBackSuspension(const std::string& cause, Step* step);
  void EndSuspension(Step* step);
  void TakeFor(int64_t refund, Step* step);
  void FailRefund(int64_t refund, RechargeState state, Step* step);
  // The gateway has told the id of a refund; perhaps nothing else is new.
  static void Learn(const std::string& refund_id, ModelRecharge* refund);
  Step LearnOnly(const std::string& refund_id, ModelRecharge* refund, absl::Time now);
  void SucceedRefund(int64_t refund, const std::string& refund_id, Step* step);
  void KeepRefund(int64_t refund, const std::string& refund_id, Step* step);
  void TakeUpRefund(int64_t ordinal, const GatewayRefund& told, Step* step);
  // Books what the state of a dispute of a credited charge says, and tells of it.
  // `told`: the amount that was told with its state.
  void BookDisputeState(const std::string& dispute_id, const std::string& number, __int128 told,
                        Step* step);
  // Is the row what its charge is credited as? And which is that of a charge; 0: none.
  bool HoldsCredit(int64_t ordinal) const;
  int64_t CreditedFor(const std::string& charge_id) const;
  // The row that what is told of a charge is for; 0: none.
  int64_t RowFor(int64_t ordinal, const std::string& charge_id) const;
  void Fund(Step* step);
  Step ReportDecline(int64_t ordinal, const ChargeOutcome& outcome, absl::Time now);
  // Books a fact, and takes one back; what follows is the caller's.
  void Book(const std::string& user_id, const Usage& usage, const Rate* rate, Step* step,
            const ModelDraws& given_back = {}, const ModelHold* hold = nullptr);
  void TakeBack(const std::string& usage_id, Step* step);
  // Money went without the customer's doing (G12).
  void NoteTakenBack(__int128 amount);
  // Somebody has acted, or there was usage.
  bool WaitsToBeEnded() const;
  void EndTheWait();
  // What follows a correction and a rating again.
  Step FinishCorrection(Step step, __int128 difference, bool may_recharge, absl::Time now);
  // Money comes, and not by usage that is taken back.
  void TakeIn(__int128 amount);

  // --- Calls in progress
  // C2, C9: one increment at a time.
  // The seconds that come with a call of this price, before its first increment.
  static int64_t IncludedBy(const Rate& rate);
  // The end of the increment in which a call of that length ends. Included seconds come before the
  // first increment, and are granted with it. `rate` may be null: by the second.
  static int64_t EndOfIncrement(const Rate* rate, absl::Duration length);
  static int64_t Billable(absl::Duration duration, int64_t initial, int64_t further);
  static ModelRating RateBy(const Plan& plan, int64_t free, const Usage& usage, const Rate* rate);
  // Can so many seconds be paid, the free ones first?
  static bool Pays(const Rate& rate, int64_t free, __int128 money, int64_t seconds);
  int MonthOf(const Plan& plan, absl::Time start) const;
  int64_t FreeBy(const std::string& user_id, const Plan& plan, absl::Time start) const;
  // Of that month, by calls but this one.
  int64_t FreeHeld(const std::string& user_id, int month, const std::string& but) const;
  int64_t FreeFor(const std::string& hold_id, const ModelHold& hold) const;
  Decision Decide(const std::string& user_id, const Usage& usage, const Rate* rate,
                  __int128 money) const;
  std::pair<int64_t, FinalReason> Promise(const std::string& hold_id, const ModelHold& hold,
                                          int64_t already) const;
  ModelRating RateSoFar(const std::string& hold_id, const ModelHold& hold,
                        absl::Duration length) const;
  // Is its time of answer one at which a call can have begun, or of no account as it tells of no
  // answer?
  bool CanBeAnswer(const ModelHold& hold, const ModelReport& report, absl::Time now) const;
  // The price of the answer, and the seconds.
  void Hear(const ModelReport& report, absl::Time now, ModelHold* hold) const;
  // It sets aside what it was promised from now on.
  void Open(const std::string& hold_id, int64_t promised, absl::Time now, ModelHold* hold) const;
  void ReportLate(const std::string& hold_id, absl::Time now, ModelHold* hold, Step* step) const;
  // The call is over: what was reported stays.
  void HangUp(HoldState state, absl::Time now, ModelHold* hold, Step* step) const;
  const ModelHold* HoldOf(const std::string& usage_id, const std::string& hold_id) const;
  // Returns whether there was one.
  bool EndHoldsOf(const std::string& usage_id, const std::string& hold_id);
  void TellOfFunds(Step* step);
  Step ReplaceEstimate(const std::string& user_id, const Usage& usage, const Rate* rate,
                       absl::Time now);
  // P4: the refusal of what an account that is closed, or being closed, is not asked for; and of
  // usage that comes too late. None: it may be.
  std::optional<Step> NotWhileClosing() const;
  std::optional<Step> NotOnceClosed() const;
  std::optional<Step> NoFactsAnyMore() const;
  bool IsBusy() const;
  void GiveAllBack(absl::Time now, Step* step);
  void BringToNothing(Step* step);
  // What every applied command ends with.
  Step Finish(Step step, absl::Time now, const Sight& sight = {true, true});

  struct Opening {
    absl::Time time;
    size_t usages = 0;     // booked before the command that opened it
    __int128 accrued = 0;  // then
  };

  int GivenToday(absl::Time now) const;

  const Settings settings_;
  ModelCalendar calendar_;  // C8
  std::vector<absl::Time> calendar_changes_;
  __int128 balance_ = 0;
  __int128 balance_before_ = 0;  // this command
  AccountState state_ = AccountState::kPendingFunding;
  std::vector<ModelCard> cards_;
  int last_card_ = 0;
  bool blocked_ = false;
  bool off_ = false;
  // P4.
  absl::Time closed_at_ = absl::InfiniteFuture();
  absl::Time grace_until_;
  bool giving_back_ = false;                  // the only round of refunds was made
  std::set<int64_t> refunds_failed_closing_;  // by their ordinals
  __int128 owed_ = 0;
  __int128 written_off_ = 0;
  int64_t suspended_after_ = 0;          // the last recharge before the newest of these came
  std::set<std::string> suspended_for_;  // "refund 3", "payment 4" (reversed), "dispute dp_1"
  std::map<std::string, ModelDispute> disputes_;
  __int128 taken_back_ = 0;
  bool acted_ = false;  // in the command that is being applied
  bool waits_for_the_customer_ = false;
  bool open_waits_ = false;  // the open one was not due yet when it was last looked at
  std::optional<absl::Time> capped_until_;
  std::set<std::string> told_windows_;  // in which a cap was told
  bool was_low_ = false;                // after the command before
  Nanos reserve_amount_ = 0;
  Nanos threshold_ = 0;
  Nanos monthly_cap_ = 0;
  Nanos notify_below_ = 0;
  std::vector<ModelRecharge> recharges_;
  std::map<std::string, Person> people_;
  std::vector<__int128> usages_;  // what each cost, or gave back (below zero)
  std::vector<ModelGrant> grants_;
  absl::Time grants_end_ = absl::InfinitePast();  // up to when they have been ended
  int64_t births_ = 0;
  // What a usage that began so put into the bucket, or took out, when it was told (L2).
  struct Pour {
    __int128 cost = 0;
    absl::Time start;
    absl::Time told;
  };
  // What an account, or a user, may spend a day, and has.
  struct Spending {
    std::optional<Nanos> a_day;
    std::vector<Pour> poured = {};
    bool rings = false;
    bool quiet = false;
    absl::Time quiet_until = absl::InfinitePast();
  };
  static __int128 SpentOfTheDay(const Spending& spending, absl::Time at);
  bool Counts(const Spending& spending) const;
  // Reached, once calls have cost so much?
  bool Stops(const Spending& spending, __int128 calls) const;
  void NoteSpent(__int128 cost, absl::Time start, const std::string& user_id);
  // Is the account's limit, or the user's, reached, once calls have cost so much more than has
  // accrued?
  bool LimitStops(const std::string& user_id, __int128 more = 0) const;
  // What they leave when all calls use what they are promised.
  __int128 RoomOfTheDay(const std::string& user_id) const;
  void RaiseLimit(Step* step);
  bool LiftAlarm(absl::Duration quiet, absl::Time now);
  // The user's, or with an empty id the account's.
  Spending& SpendingOf(const std::string& user_id);
  Spending spending_;
  std::map<std::string, Spending> spending_of_;  // of users that ever had a limit
  // Users whose spending, or whose calls, this command has told of.
  std::set<std::string> spenders_;
  bool users_ring_ = false;
  bool users_quiet_ = false;

  absl::Time now_;  // of the command
  std::map<std::string, ModelUsage> facts_;
  std::map<std::string, ModelHold> holds_;
  std::set<std::string> estimates_;                  // usages that wait for their CDR
  __int128 accrued_before_ = 0;                      // this command
  size_t usages_before_ = 0;                         // this command
  std::vector<Opening> openings_;                    // of automatic recharges not canceled
  std::multimap<std::string, absl::Time> declines_;  // of numbers
  std::vector<absl::Time> own_declines_;             // on this account
  std::vector<absl::Time> times_given_;              // cards
};

}  // namespace reserve::domain

#endif  // RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_H_
