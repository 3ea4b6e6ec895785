#include "services/ledger/domain/consequences.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"

namespace reserve::domain {
namespace {

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
    a.due = {};
    return;
  }
  const RechargeAmount recharge = AmountToThreshold(draft.context().settings, a);
  if (!initial && CapReached(draft.context(), a, recharge.amount)) {
    a.due = {DueReason::kCapWindow, EndOfDay(draft.context().now)};
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
      return a.due.reason == DueReason::kCapWindow ? RefillObstacle::kCapReached
                                                   : RefillObstacle::kNone;
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

}  // namespace

void ApplyConsequences(Draft& draft) {
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

Transition Concluded(Draft&& draft) {
  ApplyConsequences(draft);
  return std::move(draft).Finish();
}

}  // namespace reserve::domain
