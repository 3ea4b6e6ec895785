#include "services/ledger/domain/refill.h"

#include <algorithm>
#include <array>

#include "absl/numeric/int128.h"

namespace reserve::domain {
namespace {

// From how many automatic recharges within an hour on an amount grows, and how long an hour is.
constexpr int kGrowsFrom = 3;
constexpr absl::Duration kGrowthWindow = absl::Hours(1);

// What the last hour used, from the first of its automatic recharges on; 0 while they are few.
// The one that is decided upon, where it is open already, has the last mark and does not count.
Nanos UsedInBurst(const Context& context, const Account& a, int64_t ordinal) {
  const size_t others = a.marks.size() - (ordinal == a.open_ordinal && !a.marks.empty() ? 1 : 0);
  int within = 0;
  Nanos used = 0;
  for (size_t i = 0; i < others; ++i) {
    const RechargeMark& mark = a.marks[i];
    if (mark.time <= context.now - kGrowthWindow) continue;
    if (within++ == 0) used = SubtractSaturating(mark.unused_balance, a.running_balance());
  }
  return within + 1 >= kGrowsFrom ? used : 0;
}

// How many of the reserve amount are at least `amount`.
absl::int128 TimesToCover(const Account& a, absl::int128 amount) {
  return amount > 0 ? (amount - 1) / a.reserve_amount + 1 : 0;
}

struct CapRoom {
  ReachedCap cap;
  Nanos left = 0;
};

// The window that leaves the least.
CapRoom LeastRoom(const Context& context, const Account& a) {
  const CurrencySettings settings = CurrencyOf(context.settings, a);
  const absl::Time now = context.now;
  struct Window {
    CapKind kind;
    const CapWindow& used;
    CalendarUnit unit;
    Nanos amount;
  };
  const std::array<Window, 3> windows = {{
      {CapKind::kHour, a.caps.hour, CalendarUnit::kHour, settings.max_automatic_amount_per_hour},
      {CapKind::kDay, a.caps.day, CalendarUnit::kDay, settings.max_automatic_amount_per_day},
      {CapKind::kMonth, a.caps.month, CalendarUnit::kMonth, a.monthly_cap},
  }};
  std::optional<CapRoom> least;
  for (const Window& w : windows) {
    if (w.kind == CapKind::kMonth && w.amount == 0) continue;
    const CalendarWindow runs = WindowAt(a.calendar, w.unit, now);
    const Nanos used = w.used.window == runs.number ? w.used.amount : 0;
    const Nanos left = SubtractSaturating(w.amount, used);
    if (least.has_value() && least->left <= left) continue;
    least = CapRoom{{w.kind, used, w.amount, runs.end}, left};
  }
  return *least;
}

// Is the card state, not a time or a setting, what keeps all cards from being charged?
RefillObstacle CardObstacle(const Account& a) {
  RefillObstacle obstacle = RefillObstacle::kNoCard;
  for (const PaymentMethod& method : a.payment_methods) {
    switch (method.state) {
      case CardState::kUsable:
        return RefillObstacle::kNone;
      case CardState::kFailing:
        obstacle = RefillObstacle::kCardFailing;
        break;
      case CardState::kRefused:
        if (obstacle != RefillObstacle::kCardFailing) obstacle = RefillObstacle::kCardRefused;
        break;
      case CardState::kDisputed:
        if (obstacle == RefillObstacle::kNoCard) obstacle = RefillObstacle::kCardDisputed;
        break;
      case CardState::kNone:
      case CardState::kRemoved:
        break;
    }
  }
  return obstacle;
}

Obstacle ObstacleOfCards(const Account& a) {
  Obstacle obstacle{CardObstacle(a)};
  for (const PaymentMethod& method : a.payment_methods) {
    obstacle.since = std::max<absl::Time>(obstacle.since, method.state_time);
    if (method.state == CardState::kFailing) {
      obstacle.until = std::min<absl::Time>(obstacle.until, method.retry_time);
    }
  }
  return obstacle;
}

// G9: no card is tried before the day ends.
Obstacle ObstacleOfDeclines(const Settings& settings, absl::Time now, const Account& a) {
  if (a.tries.declines < settings.max_declines_per_day) return {};
  const CalendarWindow today = WindowAt(a.calendar, CalendarUnit::kDay, now);
  if (a.tries.day != today.number) return {};
  return {RefillObstacle::kDeclineLimit, a.tries.limit_time, today.end};
}

// G4: of the cards that may be tried each waits for its time, and one of them not for a decline.
Obstacle ObstacleOfRest(const Settings& settings, absl::Time now, const Account& a) {
  Obstacle rest{RefillObstacle::kCardResting};
  bool any = false;
  for (const PaymentMethod& method : a.payment_methods) {
    const bool usable = method.state == CardState::kUsable;
    if (!usable && method.state != CardState::kFailing) continue;
    if (method.retry_time <= now) return {};
    rest.until = std::min<absl::Time>(rest.until, method.retry_time);
    if (!usable) continue;
    any = true;
    rest.since = std::max<absl::Time>(rest.since, method.retry_time - settings.partial_charge_wait);
  }
  return any ? rest : Obstacle{};
}

bool MayRefill(const Account& a) {
  if (a.ends() || a.blocked() || a.set_aside > 0) return false;
  if (a.state == AccountState::kPendingFunding) return true;  // O1
  return !a.automatic_off && a.suspension.reason == SuspensionReason::kNone && !a.alarm.rings() &&
         a.running_balance() < a.recharge_threshold;
}

}  // namespace

RefillDecision DecideRefill(const Context& context, const Account& account, int64_t ordinal) {
  RefillDecision decision;
  if (!MayRefill(account)) return decision;
  Refill refill;
  refill.card = ChooseCard(context, account, ordinal);
  if (refill.card.method == nullptr) return decision;
  const bool initial = account.state == AccountState::kPendingFunding;
  refill.kind = initial ? RechargeKind::kInitial : RechargeKind::kAutomatic;
  // A first recharge is opened whatever the balance (O1).
  absl::int128 wanted = std::max<absl::int128>(
      TimesToCover(account, absl::int128(account.recharge_threshold) - account.running_balance()),
      1);
  if (!initial)
    wanted = std::max(wanted, TimesToCover(account, UsedInBurst(context, account, ordinal)));
  const CurrencySettings currency = CurrencyOf(context.settings, account);
  const int64_t by_amount =
      std::max<int64_t>(currency.max_recharge_amount / account.reserve_amount, 1);
  const int64_t most = std::min<int64_t>(context.settings.max_recharge_multiple, by_amount);
  refill.limited = wanted > most;
  int64_t times = refill.limited ? most : static_cast<int64_t>(wanted);
  if (!initial) {
    const CapRoom room = LeastRoom(context, account);
    if (account.reserve_amount * times > room.left) {
      times = std::max<Nanos>(room.left, 0) / account.reserve_amount;
      refill.limited = true;
      const bool helps = account.running_balance() + account.reserve_amount * times > 0;
      if (times == 0 || (!helps && room.cap.used > 0)) {
        decision.cap = room.cap;
        return decision;
      }
    }
  }
  refill.amount = account.reserve_amount * times;
  decision.refill = refill;
  return decision;
}

absl::InlinedVector<Obstacle, 2> ObstaclesOf(const Account& account) {
  absl::InlinedVector<Obstacle, 2> obstacles;
  if (const Obstacle cards = ObstacleOfCards(account); cards.kind != RefillObstacle::kNone) {
    obstacles.push_back(cards);
  }
  if (account.suspension.reason != SuspensionReason::kNone) {
    obstacles.push_back({account.suspension.reason == SuspensionReason::kDispute
                             ? RefillObstacle::kDispute
                             : RefillObstacle::kSuspended,
                         account.suspension.time});
  }
  if (account.blocked()) obstacles.push_back({RefillObstacle::kBlocked, account.block.time});
  if (account.automatic_off) {
    obstacles.push_back({RefillObstacle::kSwitchedOff, account.automatic_off_time});
  }
  if (account.set_aside > 0) {
    obstacles.push_back({RefillObstacle::kUnderReview, account.set_aside_time});
  }
  if (account.due.capped()) {
    obstacles.push_back({RefillObstacle::kCapReached, account.cap_reached_time, account.due.time});
  }
  if (account.alarm.rings()) {
    obstacles.push_back({RefillObstacle::kLimitReached, account.alarm.time});
  }
  if (account.taken_back.waits() && account.state != AccountState::kPendingFunding) {
    obstacles.push_back({RefillObstacle::kTakenBack, account.taken_back.time});
  }
  return obstacles;
}

absl::InlinedVector<Obstacle, 2> ObstaclesAt(const Settings& settings, absl::Time now,
                                             const Account& account) {
  absl::InlinedVector<Obstacle, 2> obstacles = ObstaclesOf(account);
  if (const Obstacle limit = ObstacleOfDeclines(settings, now, account);
      limit.kind != RefillObstacle::kNone) {
    obstacles.push_back(limit);
  }
  if (const Obstacle rest = ObstacleOfRest(settings, now, account);
      rest.kind != RefillObstacle::kNone) {
    obstacles.push_back(rest);
  }
  return obstacles;
}

RefillObstacle FirstObstacle(const Account& account) {
  const absl::InlinedVector<Obstacle, 2> obstacles = ObstaclesOf(account);
  return obstacles.empty() ? RefillObstacle::kNone : obstacles.front().kind;
}

bool DisablesAtZero(RefillObstacle obstacle) {
  switch (obstacle) {
    case RefillObstacle::kNoCard:
    case RefillObstacle::kCardFailing:
    case RefillObstacle::kCardRefused:
    case RefillObstacle::kCardDisputed:
    case RefillObstacle::kSuspended:
    case RefillObstacle::kDispute:
      return true;
    case RefillObstacle::kNone:
    case RefillObstacle::kCapReached:
    case RefillObstacle::kSwitchedOff:
    case RefillObstacle::kUnderReview:
    case RefillObstacle::kBlocked:
    case RefillObstacle::kTakenBack:
    case RefillObstacle::kDeclineLimit:
    case RefillObstacle::kCardResting:
    case RefillObstacle::kLimitReached:
      return false;
  }
  return false;
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
    case RefillObstacle::kCardDisputed:
      return "the card is disputed";
    case RefillObstacle::kCapReached:
      return "a cap is reached";
    case RefillObstacle::kSwitchedOff:
      return "automatic recharging is switched off";
    case RefillObstacle::kSuspended:
      return "automatic recharging is suspended, as money was taken back";
    case RefillObstacle::kDispute:
      return "automatic recharging is suspended, as a charge is disputed";
    case RefillObstacle::kUnderReview:
      return "an earlier recharge is under review or pending";
    case RefillObstacle::kBlocked:
      return "the account is blocked";
    case RefillObstacle::kTakenBack:
      return "money was taken back, and the customer has not acted since";
    case RefillObstacle::kDeclineLimit:
      return "cards were declined as often today as we allow";
    case RefillObstacle::kCardResting:
      return "less was captured of the card than was asked for, and it rests";
    case RefillObstacle::kLimitReached:
      return "a limit against fraud is reached";
  }
  return "";
}

absl::string_view RemedyOf(RefillObstacle obstacle) {
  switch (obstacle) {
    case RefillObstacle::kNone:
      return "";
    case RefillObstacle::kNoCard:
      return "give a card";
    case RefillObstacle::kCardFailing:
      return "top up, confirm the card, or give another; it is retried by its schedule";
    case RefillObstacle::kCardRefused:
      return "confirm the card once it is good, renew it, or give another";
    case RefillObstacle::kCardDisputed:
      return "give another card; the dispute must be won, or lifted by support";
    case RefillObstacle::kCapReached:
      return "top up, or wait until the cap's window ends";
    case RefillObstacle::kSwitchedOff:
      return "switch automatic recharging on, or top up";
    case RefillObstacle::kSuspended:
    case RefillObstacle::kDispute:
      return "top up, switch automatic recharging on, or have support lift the suspension";
    case RefillObstacle::kUnderReview:
      return "support resolves the review; a top-up goes beside it";
    case RefillObstacle::kBlocked:
      return "an administrator unblocks the account";
    case RefillObstacle::kTakenBack:
      return "the next usage, or whatever the customer does";
    case RefillObstacle::kDeclineLimit:
      return "wait until the account's day ends, or pay another way";
    case RefillObstacle::kCardResting:
      return "top up, or wait until the card is charged by itself again";
    case RefillObstacle::kLimitReached:
      return "support looks at what was spent, and lifts the suspension; a top-up goes beside it";
  }
  return "";
}

Nanos SmallestCap(const CurrencySettings& settings, Nanos monthly_cap) {
  const Nanos smallest =
      std::min(settings.max_automatic_amount_per_hour, settings.max_automatic_amount_per_day);
  return monthly_cap == 0 ? smallest : std::min(smallest, monthly_cap);
}

Nanos DebtLimit(const Settings& settings, const Account& account) {
  const CurrencySettings currency = CurrencyOf(settings, account);
  if (currency.debt_limit.has_value()) return *currency.debt_limit;
  return std::min(account.reserve_amount, SmallestCap(currency, account.monthly_cap)) -
         MinorUnitNanos(account.currency);
}

}  // namespace reserve::domain
