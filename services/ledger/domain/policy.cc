#include "services/ledger/domain/policy.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"

namespace reserve::domain {
namespace {

// The part of the expected spend of 30 days that the default reserve covers (O2).
constexpr int kReserveCoverDays = 7;
constexpr int kSpendDays = 30;

absl::Status Refused(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, "", message);
}

// Below the threshold, and no longer waiting for the first charge.
bool IsLow(const Account& a) {
  return a.state != AccountState::kPendingFunding && a.balance < a.recharge_threshold;
}

// A transition in the making: numbers entries, events and recharges.
class Draft {
 public:
  Draft(const Context& context, Account account) : context_(context), was_low_(IsLow(account)) {
    transition_.account = std::move(account);
  }

  Account& account() { return transition_.account; }
  const Context& context() const { return context_; }
  Transition& transition() { return transition_; }
  // Was the balance below the threshold before this command?
  bool was_low() const { return was_low_; }

  Event& AddEvent(EventKind kind, std::string cause) {
    Account& a = account();
    Event& event = transition_.events.emplace_back();
    event.account_id = a.account_id;
    event.event_seq = ++a.last_event_seq;
    event.kind = kind;
    event.cause = std::move(cause);
    event.time = context_.now;
    event.state = a.state;
    event.balance = a.balance;
    return event;
  }

  Event& AddEvent(EventKind kind, std::string cause, const Recharge& recharge) {
    Event& event = AddEvent(kind, std::move(cause));
    event.recharge_ordinal = recharge.ordinal;
    event.amount = recharge.amount;
    event.recharge_kind = recharge.kind;
    return event;
  }

  // Books `amount`; the balance must have been checked to fit.
  Entry& AddEntry(EntryKind kind, Nanos amount, Nanos balance_after) {
    Account& a = account();
    a.balance = balance_after;
    Entry& entry = transition_.entries.emplace_back();
    entry.account_id = a.account_id;
    entry.seq = ++a.last_seq;
    entry.kind = kind;
    entry.amount = amount;
    entry.balance_after = balance_after;
    entry.record_time = context_.now;
    return entry;
  }

  // Opens a recharge of the current card (G3: none may be open).
  Recharge& OpenRecharge(RechargeKind kind, Nanos amount, std::string cause) {
    Account& a = account();
    Recharge recharge;
    recharge.account_id = a.account_id;
    recharge.ordinal = ++a.last_ordinal;
    recharge.kind = kind;
    recharge.currency = a.currency;
    recharge.amount = amount;
    recharge.card = a.card;
    recharge.due_time = context_.now;
    recharge.create_time = context_.now;
    a.open_ordinal = recharge.ordinal;
    a.recheck_time = absl::InfiniteFuture();
    AddEvent(EventKind::kRechargeOpened, std::move(cause), recharge);
    return transition_.recharges.emplace_back(std::move(recharge));
  }

  Transition Finish() && { return std::move(transition_); }

 private:
  const Context& context_;
  const bool was_low_;
  Transition transition_;
};

Transition Unchanged(const Account& account) {
  Transition transition;
  transition.account = account;
  transition.unchanged = true;
  return transition;
}

// --- G1, G2, G7, D1, G4: what every command ends with ----------------------------

// G2, and whether the multiple had to be limited.
struct RechargeAmount {
  Nanos amount;
  bool limited;
};

RechargeAmount AmountToThreshold(const Settings& settings, const Account& a) {
  const absl::int128 missing = absl::int128(a.recharge_threshold) - a.balance;
  // A first recharge is opened whatever the balance (O1).
  const absl::int128 wanted = missing > 0 ? (missing - 1) / a.reserve_amount + 1 : 1;
  const int64_t by_amount = std::max<int64_t>(settings.max_recharge_amount / a.reserve_amount, 1);
  const int64_t most = std::min<int64_t>(settings.max_recharge_multiple, by_amount);
  const bool limited = wanted > most;
  const int64_t n = limited ? most : static_cast<int64_t>(wanted);
  return {a.reserve_amount * n, limited};
}

// G7: would an automatic recharge of `amount` now go over a cap?
bool CapReached(const Context& context, const Account& a, Nanos amount) {
  if (a.caps.day != DayOf(context.now)) {
    return context.settings.max_automatic_recharges_per_day == 0 ||
           amount > context.settings.max_automatic_amount_per_day;
  }
  return a.caps.count >= context.settings.max_automatic_recharges_per_day ||
         amount > context.settings.max_automatic_amount_per_day - a.caps.amount;
}

// G1: the level trigger.
void OpenRechargeIfLow(Draft& draft) {
  Account& a = draft.account();
  const bool initial = a.state == AccountState::kPendingFunding;
  const bool wanted = a.open_ordinal == 0 && (initial || a.balance < a.recharge_threshold) &&
                      a.card_state == CardState::kUsable;
  if (!wanted) {
    a.recheck_time = absl::InfiniteFuture();
    return;
  }
  const RechargeAmount recharge = AmountToThreshold(draft.context().settings, a);
  if (!initial && CapReached(draft.context(), a, recharge.amount)) {
    const absl::Time next_day = EndOfDay(draft.context().now);
    a.recheck_time = next_day;
    const int32_t today = DayOf(draft.context().now);
    if (a.caps.reported_day == today) return;
    a.caps.reported_day = today;
    draft.AddEvent(EventKind::kCapReached,
                   absl::StrCat("the day's cap on automatic recharges is reached after ",
                                a.caps.count, " of ", FormatMoney(a.currency, a.caps.amount)));
    return;
  }
  const std::string cause =
      initial
          ? absl::StrCat("first reserve charge of ", FormatMoney(a.currency, recharge.amount))
          : absl::StrCat("balance ", FormatMoney(a.currency, a.balance), " is below the threshold ",
                         FormatMoney(a.currency, a.recharge_threshold));
  const Recharge& opened = draft.OpenRecharge(
      initial ? RechargeKind::kInitial : RechargeKind::kAutomatic, recharge.amount, cause);
  if (recharge.limited) {
    draft.AddEvent(
        EventKind::kRechargeLimited,
        absl::StrCat("one charge is limited to ", FormatMoney(a.currency, recharge.amount)),
        opened);
  }
}

RefillObstacle ObstacleOf(const Account& a) {
  switch (a.card_state) {
    case CardState::kNone:
      return RefillObstacle::kNoCard;
    case CardState::kFailing:
      return RefillObstacle::kCardFailing;
    case CardState::kRefused:
      return RefillObstacle::kCardRefused;
    case CardState::kUsable:
      // A recheck is only ever due because of a cap.
      return a.recheck_time == absl::InfiniteFuture() ? RefillObstacle::kNone
                                                      : RefillObstacle::kCapReached;
  }
  return RefillObstacle::kNone;
}

absl::string_view TextOf(RefillObstacle obstacle) {
  switch (obstacle) {
    case RefillObstacle::kNone:
      return "nothing is in the way";
    case RefillObstacle::kNoCard:
      return "there is no card";
    case RefillObstacle::kCardFailing:
      return "the card is failing";
    case RefillObstacle::kCardRefused:
      return "the card is refused";
    case RefillObstacle::kCapReached:
      return "a cap is reached";
  }
  return "";
}

// D5: a dip that no recharge answers. One that does is told by kRechargeOpened.
void TellOfLowBalance(Draft& draft) {
  const Account& a = draft.account();
  const RefillObstacle obstacle = ObstacleOf(a);
  if (draft.was_low() || !IsLow(a) || a.open_ordinal != 0 || obstacle == RefillObstacle::kNone) {
    return;
  }
  draft
      .AddEvent(
          EventKind::kLowBalance,
          absl::StrCat("balance ", FormatMoney(a.currency, a.balance), " is below the threshold ",
                       FormatMoney(a.currency, a.recharge_threshold), " and ", TextOf(obstacle)))
      .obstacle = obstacle;
}

void Settle(Draft& draft) {
  OpenRechargeIfLow(draft);
  Account& a = draft.account();
  if (a.state == AccountState::kDisabled && a.balance > 0) {
    a.state = AccountState::kActive;
    draft.AddEvent(EventKind::kEnabled, "the balance is above zero again");
  } else if (a.state == AccountState::kActive && a.balance <= 0) {
    const RefillObstacle obstacle = ObstacleOf(a);
    if (obstacle == RefillObstacle::kNone) return;
    a.state = AccountState::kDisabled;
    draft
        .AddEvent(EventKind::kDisabled,
                  absl::StrCat("the reserve is used up and ", TextOf(obstacle)))
        .obstacle = obstacle;
    return;
  }
  TellOfLowBalance(draft);
}

Transition Settled(Draft&& draft) {
  Settle(draft);
  return std::move(draft).Finish();
}

// --- Settings -----------------------------------------------------------------------

absl::Status CheckChargeable(absl::string_view field, absl::string_view currency, Nanos amount) {
  if (amount % MinorUnitNanos(currency) == 0) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("must be whole minor units of ", currency, ", not ",
                                          FormatDecimal(amount)));
}

// O3.
absl::Status CheckBillingSettings(const Settings& settings, absl::string_view currency,
                                  Nanos reserve_amount, Nanos recharge_threshold) {
  if (reserve_amount < settings.min_reserve_amount) {
    return InvalidField("reserve_amount", absl::StrCat("must be at least ",
                                                       FormatDecimal(settings.min_reserve_amount),
                                                       ", not ", FormatDecimal(reserve_amount)));
  }
  if (reserve_amount > settings.max_recharge_amount) {
    return InvalidField("reserve_amount", absl::StrCat("must be at most ",
                                                       FormatDecimal(settings.max_recharge_amount),
                                                       ", not ", FormatDecimal(reserve_amount)));
  }
  RESERVE_RETURN_IF_ERROR(CheckChargeable("reserve_amount", currency, reserve_amount));
  if (recharge_threshold < settings.min_recharge_threshold) {
    return InvalidField(
        "recharge_threshold",
        absl::StrCat("must be at least ", FormatDecimal(settings.min_recharge_threshold), ", not ",
                     FormatDecimal(recharge_threshold)));
  }
  if (recharge_threshold > reserve_amount) {
    return InvalidField("recharge_threshold", absl::StrCat("must be at most the reserve amount ",
                                                           FormatDecimal(reserve_amount), ", not ",
                                                           FormatDecimal(recharge_threshold)));
  }
  return absl::OkStatus();
}

// The pinned card changes, and with it the attempt: no key is used for two cards.
void PinCard(const Context& context, const Card& card, Recharge* recharge) {
  recharge->card = card;
  ++recharge->attempt;
  ++recharge->lease_epoch;
  recharge->lease_owner.clear();
  recharge->attempt_start = absl::InfinitePast();
  recharge->due_time = context.now;
  recharge->soft_declines = 0;
}

// --- Reports ------------------------------------------------------------------------

void Close(RechargeState state, absl::Time now, Recharge* recharge, Account* account) {
  recharge->state = state;
  recharge->settle_time = now;
  recharge->lease_owner.clear();
  if (account->open_ordinal == recharge->ordinal) account->open_ordinal = 0;
}

// G4.
absl::StatusOr<Transition> ApplySuccess(const Context& context, const Account& account,
                                        const Recharge& recharge, const ChargeOutcome& outcome) {
  if (recharge.state == RechargeState::kSucceeded) {
    if (outcome.charge_id == recharge.charge_id) return Unchanged(account);
    return Refused("ALREADY_CREDITED",
                   absl::StrCat("recharge ", recharge.ordinal, " was credited for charge ",
                                recharge.charge_id, ", not for ", outcome.charge_id));
  }
  if (outcome.currency != recharge.currency || outcome.amount != recharge.amount) {
    return InvalidField("succeeded.amount",
                        absl::StrCat("must be ", FormatMoney(recharge.currency, recharge.amount),
                                     ", not ", FormatMoney(outcome.currency, outcome.amount)));
  }
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, recharge.amount));
  Draft draft(context, account);
  Account& a = draft.account();
  Recharge settled = recharge;
  settled.charge_id = outcome.charge_id;
  Close(RechargeState::kSucceeded, context.now, &settled, &a);
  draft.AddEntry(EntryKind::kRecharge, recharge.amount, balance).recharge_ordinal =
      recharge.ordinal;
  if (recharge.kind == RechargeKind::kAutomatic) {
    const int32_t today = DayOf(context.now);
    if (a.caps.day != today) a.caps = {today, 0, 0, a.caps.reported_day};
    ++a.caps.count;
    a.caps.amount += recharge.amount;
  }
  if (a.card_state == CardState::kFailing && recharge.card.fingerprint == a.card.fingerprint) {
    a.card_state = CardState::kUsable;
  }
  draft.AddEvent(EventKind::kRechargeSucceeded,
                 absl::StrCat("charge ", outcome.charge_id, " of ",
                              FormatMoney(recharge.currency, recharge.amount)),
                 recharge);
  draft.transition().recharges.push_back(std::move(settled));
  if (a.state == AccountState::kPendingFunding) {
    a.state = AccountState::kActive;
    draft.AddEvent(EventKind::kEnabled, "the reserve is funded");
  }
  return Settled(std::move(draft));
}

std::string DeclineText(const ChargeOutcome& outcome) {
  switch (outcome.decline_class) {
    case DeclineClass::kSoft:
      return absl::StrCat("declined for now: ", outcome.text);
    case DeclineClass::kAuthenticationRequired:
      return absl::StrCat("the customer must authenticate: ", outcome.text);
    default:
      return absl::StrCat("declined for good: ", outcome.text);
  }
}

std::string CardLimitText(absl::Time allowed) {
  return absl::StrCat("the card was declined as often as its network allows; not before ",
                      FormatRfc3339(allowed));
}

// G9: when the next attempt is due that is planned for `planned`; nothing if the
// card's network lets nobody try it for too long.
std::optional<absl::Time> DueUnderCardLimits(const Recharge& recharge,
                                             absl::Span<const absl::Time> card_declines,
                                             absl::Time planned, Draft* draft) {
  const Settings& settings = draft->context().settings;
  const absl::Time allowed =
      NextAllowedAttempt(settings.card_limits, recharge.card.network, card_declines, planned);
  if (allowed == planned) return planned;
  draft->AddEvent(EventKind::kCardLimitReached, CardLimitText(allowed), recharge);
  if (allowed - draft->context().now > settings.max_card_wait) return std::nullopt;
  return allowed;
}

// G5, G6, G9.
Transition ApplyDecline(const Context& context, const Account& account, const Recharge& recharge,
                        const ChargeOutcome& outcome, absl::Span<const absl::Time> card_declines) {
  Draft draft(context, account);
  Account& a = draft.account();
  draft.transition().decline = CardDecline{recharge.account_id, recharge.ordinal, outcome.attempt,
                                           recharge.card.fingerprint, context.now};
  Recharge next = recharge;
  next.state = RechargeState::kOpen;
  next.last_decline = outcome.decline_class;
  next.last_decline_code = outcome.text;
  const std::string text = DeclineText(outcome);
  const auto tell = [&](EventKind kind, std::string cause) {
    draft.AddEvent(kind, std::move(cause), recharge).decline_class = outcome.decline_class;
  };
  if (recharge.card.fingerprint != a.card.fingerprint) {
    // The decline tells nothing of the card that replaced this one meanwhile.
    PinCard(context, a.card, &next);
    tell(EventKind::kRechargeDeclined, absl::StrCat(text, "; the new card is charged next"));
    draft.transition().recharges.push_back(std::move(next));
    return Settled(std::move(draft));
  }
  if (outcome.decline_class == DeclineClass::kSoft) {
    const bool new_to_it = a.card_state != CardState::kFailing;
    a.card_state = CardState::kFailing;
    ++next.soft_declines;
    const auto& delays = context.settings.retry_delays;
    const auto tried = static_cast<size_t>(next.soft_declines);
    std::optional<absl::Time> due;
    if (tried <= delays.size()) {
      std::vector<absl::Time> declines = {context.now};
      declines.insert(declines.end(), card_declines.begin(), card_declines.end());
      due = DueUnderCardLimits(recharge, declines, context.now + delays[tried - 1], &draft);
    }
    if (due.has_value()) {
      ++next.attempt;
      next.attempt_start = absl::InfinitePast();
      next.lease_owner.clear();
      next.due_time = *due;
      tell(EventKind::kRechargeDeclined,
           absl::StrCat(text, "; next attempt ", FormatRfc3339(next.due_time)));
    } else {
      Close(RechargeState::kFailed, context.now, &next, &a);
      tell(EventKind::kRechargeFailed,
           absl::StrCat(text, "; given up after ", next.soft_declines, " declines"));
    }
    if (new_to_it) tell(EventKind::kCardFailing, text);
  } else {
    a.card_state = CardState::kRefused;
    Close(RechargeState::kFailed, context.now, &next, &a);
    tell(EventKind::kRechargeFailed, text);
    tell(EventKind::kCardRefused, text);
  }
  draft.transition().recharges.push_back(std::move(next));
  return Settled(std::move(draft));
}

Transition ApplyUnresolved(const Context& context, const Account& account, const Recharge& recharge,
                           const ChargeOutcome& outcome) {
  Draft draft(context, account);
  Recharge next = recharge;
  next.state = RechargeState::kNeedsReview;
  next.lease_owner.clear();
  next.due_time = absl::InfiniteFuture();
  draft.AddEvent(EventKind::kRechargeNeedsReview, outcome.text, recharge);
  draft.transition().recharges.push_back(std::move(next));
  return Settled(std::move(draft));
}

// Has this report, or a later one of the same recharge, been applied?
bool AlreadyApplied(const Recharge& recharge, const ChargeOutcome& outcome) {
  if (outcome.attempt < recharge.attempt) return true;
  if (outcome.kind == ChargeOutcome::Kind::kDeclined) {
    return recharge.state == RechargeState::kFailed &&
           recharge.last_decline == outcome.decline_class;
  }
  return recharge.state == RechargeState::kNeedsReview;
}

}  // namespace

absl::Duration LongestPlannedWait(const Settings& settings) {
  absl::Duration longest = settings.max_card_wait;
  for (const absl::Duration delay : settings.retry_delays) longest = std::max(longest, delay);
  return longest;
}

absl::Duration RetryDelay(const Settings& settings, const Recharge& recharge) {
  const int64_t declines = recharge.soft_declines;
  if (declines < 1 || declines > static_cast<int64_t>(settings.retry_delays.size())) {
    return absl::ZeroDuration();
  }
  return settings.retry_delays[static_cast<size_t>(declines - 1)];
}

absl::StatusOr<Nanos> DefaultReserveAmount(const Settings& settings, const Plan& plan,
                                           std::optional<Nanos> expected_monthly_spend) {
  const Nanos own = std::max(settings.default_reserve_amount, plan.default_reserve_amount);
  if (!expected_monthly_spend.has_value()) return own;
  if (*expected_monthly_spend < 0) {
    return InvalidField("expected_monthly_spend", "must not be negative");
  }
  // Rounded up to a whole unit, so that the figure reads well.
  const absl::int128 week = absl::int128(*expected_monthly_spend) * kReserveCoverDays;
  const absl::int128 per_unit = absl::int128(kSpendDays) * kNanosPerUnit;
  const absl::int128 asked = (week + per_unit - 1) / per_unit * kNanosPerUnit;
  if (asked > settings.max_recharge_amount) return std::max(own, settings.max_recharge_amount);
  return std::max(own, static_cast<Nanos>(asked));
}

absl::StatusOr<Transition> OpenAccount(const Context& context, const OpenAccountCommand& command) {
  if (!IsCurrency(command.currency)) {
    return InvalidField("currency_code", "must be a currency of ISO 4217");
  }
  RESERVE_ASSIGN_OR_RETURN(
      const Nanos asked,
      DefaultReserveAmount(context.settings, command.default_plan, command.expected_monthly_spend));
  const Nanos reserve_amount = command.reserve_amount.value_or(asked);
  const Nanos threshold = command.recharge_threshold.value_or(
      std::min(context.settings.default_recharge_threshold, reserve_amount));
  RESERVE_RETURN_IF_ERROR(
      CheckBillingSettings(context.settings, command.currency, reserve_amount, threshold));
  Account account;
  account.account_id = command.account_id;
  account.currency = command.currency;
  account.default_plan_id = command.default_plan.plan_id;
  account.reserve_amount = reserve_amount;
  account.recharge_threshold = threshold;
  account.card = command.card;
  account.card_state = command.card.token.empty() ? CardState::kNone : CardState::kUsable;
  account.create_time = context.now;
  account.opening_digest = command.digest;
  Draft draft(context, account);
  draft.AddEvent(EventKind::kAccountOpened,
                 command.card.token.empty() ? "opened without a card" : "opened with a card");
  return Settled(std::move(draft));
}

absl::StatusOr<Transition> UpdateBillingSettings(const Context& context, const Account& account,
                                                 std::optional<Nanos> reserve_amount,
                                                 std::optional<Nanos> recharge_threshold) {
  const Nanos amount = reserve_amount.value_or(account.reserve_amount);
  const Nanos threshold = recharge_threshold.value_or(account.recharge_threshold);
  RESERVE_RETURN_IF_ERROR(
      CheckBillingSettings(context.settings, account.currency, amount, threshold));
  if (amount == account.reserve_amount && threshold == account.recharge_threshold) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  draft.account().reserve_amount = amount;
  draft.account().recharge_threshold = threshold;
  draft.AddEvent(EventKind::kSettingsChanged,
                 absl::StrCat("reserve amount ", FormatMoney(account.currency, amount),
                              ", threshold ", FormatMoney(account.currency, threshold)));
  return Settled(std::move(draft));
}

absl::StatusOr<Transition> UpdatePaymentMethod(const Context& context, const Account& account,
                                               const Recharge* open_recharge, const Card& card) {
  if (account.card_state != CardState::kNone && card.fingerprint == account.card.fingerprint) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  draft.account().card = card;
  draft.account().card_state = CardState::kUsable;
  draft.AddEvent(EventKind::kCardReplaced, account.card_state == CardState::kNone
                                               ? "the first card was given"
                                               : "another card was given");
  if (open_recharge != nullptr && open_recharge->state == RechargeState::kOpen &&
      !open_recharge->in_flight()) {
    Recharge next = *open_recharge;
    PinCard(context, card, &next);
    draft.transition().recharges.push_back(std::move(next));
  }
  return Settled(std::move(draft));
}

absl::StatusOr<Transition> PutUser(const Context& context, const Account& account,
                                   const User* stored, const std::string& user_id,
                                   const Plan& plan) {
  if (stored != nullptr && stored->plan_id == plan.plan_id) return Unchanged(account);
  Draft draft(context, account);
  User user;
  if (stored != nullptr) {
    user = *stored;
  } else {
    user.account_id = account.account_id;
    user.user_id = user_id;
    user.create_time = context.now;
  }
  user.plan_id = plan.plan_id;
  draft.transition().user = std::move(user);
  draft.AddEvent(EventKind::kUserPut, absl::StrCat(user_id, " is on plan ", plan.plan_id));
  return Settled(std::move(draft));
}

absl::Status CheckStartTime(const Context& context, absl::Time start) {
  if (start < context.now - context.settings.max_usage_age) {
    return InvalidField("start_time",
                        absl::StrCat("must not be before ",
                                     FormatRfc3339(context.now - context.settings.max_usage_age)));
  }
  if (start > context.now + context.settings.max_usage_ahead) {
    return InvalidField(
        "start_time", absl::StrCat("must not be after ",
                                   FormatRfc3339(context.now + context.settings.max_usage_ahead)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Transition> RecordUsage(const Context& context, const Account& account,
                                       const User& user, const Plan& plan, const Usage& usage,
                                       const Rate* rate) {
  return RecordUsage(context, Account(account), user, plan, usage, rate);
}

absl::StatusOr<Transition> RecordUsage(const Context& context, Account&& account, const User& user,
                                       const Plan& plan, const Usage& usage, const Rate* rate) {
  RESERVE_RETURN_IF_ERROR(CheckStartTime(context, usage.start_time));
  RESERVE_ASSIGN_OR_RETURN(Rating rating, RateUsage(usage, plan, user, rate));
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Subtract(account.balance, rating.cost));
  Draft draft(context, std::move(account));
  Entry& entry = draft.AddEntry(EntryKind::kUsage, -rating.cost, balance);
  if (rating.free_seconds_taken > 0) {
    User changed = user;
    TakeFreeSeconds(rating, plan, usage.start_time, &changed);
    draft.transition().user = std::move(changed);
  }
  entry.booked.emplace(BookedUsage{usage, std::move(rating)});
  return Settled(std::move(draft));
}

Authorization AuthorizeUsage(const Context&, const Account& account, const User& user,
                             const Plan& plan, const Usage& usage, const Rate* rate) {
  Authorization answer;
  answer.free_seconds_left = FreeSecondsLeft(user, plan, usage.start_time);
  const auto refuse = [&answer](Decision decision) {
    answer.decision = decision;
    return answer;
  };
  if (account.blocked()) return refuse(Decision::kAccountBlocked);
  if (account.state == AccountState::kPendingFunding) return refuse(Decision::kPendingFunding);
  if (account.state == AccountState::kDisabled) return refuse(Decision::kAccountDisabled);
  const bool inbound = usage.direction == Direction::kInbound;
  if (rate == nullptr && !inbound) return refuse(Decision::kNoRate);

  if (usage.kind == UsageKind::kSms) {
    if (inbound) return answer;
    const absl::StatusOr<Nanos> cost = Multiply(rate->price, usage.segments);
    if (!cost.ok()) return refuse(Decision::kInsufficientBalance);
    answer.sms_cost = *cost;
    if (*cost > 0 && account.balance < *cost) return refuse(Decision::kInsufficientBalance);
    return answer;
  }
  const bool costs_nothing =
      rate == nullptr || (rate->price == 0 && rate->connect_fee == 0) ||
      (rate->standard_rate && plan.standard_calls == StandardCalls::kIncluded);
  if (costs_nothing) {
    answer.unlimited_duration = true;
    return answer;
  }
  const int64_t allowance = rate->standard_rate ? answer.free_seconds_left : 0;
  answer.max_duration_seconds = MaxDurationSeconds(*rate, allowance, account.balance);
  if (answer.max_duration_seconds == 0) return refuse(Decision::kInsufficientBalance);
  return answer;
}

absl::StatusOr<Transition> AdjustBalance(const Context& context, const Account& account,
                                         const std::string& request_id, Nanos amount,
                                         const std::string& reason) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, amount));
  Draft draft(context, account);
  Entry& entry = draft.AddEntry(EntryKind::kAdjustment, amount, balance);
  entry.request_id = request_id;
  entry.reason = reason;
  draft
      .AddEvent(EventKind::kBalanceAdjusted,
                absl::StrCat(FormatMoney(account.currency, amount), ": ", reason))
      .amount = amount;
  return Settled(std::move(draft));
}

absl::StatusOr<Transition> RequestRecharge(const Context& context, const Account& account,
                                           const std::string& request_id,
                                           std::optional<Nanos> amount,
                                           absl::Span<const absl::Time> card_declines) {
  const Nanos charged = amount.value_or(account.reserve_amount);
  if (charged <= 0) return InvalidField("amount", "must be above zero");
  if (charged > context.settings.max_recharge_amount) {
    return InvalidField(
        "amount",
        absl::StrCat("must be at most ", FormatDecimal(context.settings.max_recharge_amount)));
  }
  RESERVE_RETURN_IF_ERROR(CheckChargeable("amount", account.currency, charged));
  if (account.card_state == CardState::kNone) {
    return Refused("NO_CARD", "the account has no card to charge");
  }
  if (account.card_state == CardState::kRefused) {
    return Refused("CARD_REFUSED", "the card was refused for good; give another card first");
  }
  if (account.open_ordinal != 0) {
    return Refused("RECHARGE_ALREADY_OPEN",
                   absl::StrCat("recharge ", account.open_ordinal, " is still open"));
  }
  const absl::Time allowed = NextAllowedAttempt(context.settings.card_limits, account.card.network,
                                                card_declines, context.now);
  if (allowed > context.now) return Refused("CARD_LIMIT_REACHED", CardLimitText(allowed));
  Draft draft(context, account);
  draft
      .OpenRecharge(RechargeKind::kTopUp, charged,
                    absl::StrCat("the customer asked for ", FormatMoney(account.currency, charged)))
      .request_id = request_id;
  return Settled(std::move(draft));
}

absl::StatusOr<Transition> BlockAccount(const Context& context, const Account& account,
                                        const std::string& reason) {
  if (account.block.reason == reason) return Unchanged(account);
  Draft draft(context, account);
  draft.account().block = {reason, context.now};
  draft.AddEvent(EventKind::kBlocked, reason);
  return Settled(std::move(draft));
}

absl::StatusOr<Transition> UnblockAccount(const Context& context, const Account& account,
                                          const std::string& reason) {
  if (!account.blocked()) return Unchanged(account);
  Draft draft(context, account);
  draft.account().block = {};
  draft.AddEvent(EventKind::kUnblocked, reason);
  return Settled(std::move(draft));
}

absl::StatusOr<Transition> ReportRecharge(const Context& context, const Account& account,
                                          const Recharge& recharge, const ChargeOutcome& outcome,
                                          absl::Span<const absl::Time> card_declines) {
  if (outcome.attempt < 1 || outcome.attempt > recharge.attempt) {
    return InvalidField("attempt",
                        absl::StrCat("must be 1 to ", recharge.attempt, ", not ", outcome.attempt));
  }
  if (outcome.kind == ChargeOutcome::Kind::kSucceeded) {
    return ApplySuccess(context, account, recharge, outcome);
  }
  if (AlreadyApplied(recharge, outcome)) return Unchanged(account);
  if (!recharge.open() || outcome.lease_epoch != recharge.lease_epoch) {
    return Refused("LEASE_LOST", absl::StrCat("recharge ", recharge.ordinal,
                                              " is settled or another worker has taken over"));
  }
  if (outcome.kind == ChargeOutcome::Kind::kDeclined) {
    return ApplyDecline(context, account, recharge, outcome, card_declines);
  }
  return ApplyUnresolved(context, account, recharge, outcome);
}

Transition DeferRecharge(const Context& context, const Account& account, const Recharge& recharge,
                         absl::Span<const absl::Time> card_declines) {
  if (recharge.state != RechargeState::kOpen || recharge.in_flight() ||
      recharge.due_time > context.now) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  Account& a = draft.account();
  const std::optional<absl::Time> due =
      DueUnderCardLimits(recharge, card_declines, context.now, &draft);
  if (due == context.now) return Unchanged(account);
  Recharge next = recharge;
  if (a.card_state == CardState::kUsable && recharge.card.fingerprint == a.card.fingerprint) {
    a.card_state = CardState::kFailing;
  }
  if (due.has_value()) {
    next.due_time = *due;
  } else {
    Close(RechargeState::kFailed, context.now, &next, &a);
    draft.AddEvent(EventKind::kRechargeFailed, "given up, as the card can't be tried for too long",
                   recharge);
  }
  draft.transition().recharges.push_back(std::move(next));
  return Settled(std::move(draft));
}

Transition Reconsider(const Context& context, const Account& account) {
  Draft draft(context, account);
  Settle(draft);
  Transition transition = std::move(draft).Finish();
  transition.unchanged = transition.account == account && transition.events.empty();
  return transition;
}

}  // namespace reserve::domain
