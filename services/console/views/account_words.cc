#include "services/console/views/account_words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/money/money.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

constexpr int64_t kPictureWidth = 600;

// What a customer may do about it; empty where only others, or time, can.
std::string ActionFor(pb::RefillObstacle obstacle) {
  switch (obstacle) {
    case pb::REFILL_OBSTACLE_NO_CARD:
    case pb::REFILL_OBSTACLE_CARD_FAILING:
    case pb::REFILL_OBSTACLE_CARD_REFUSED:
    case pb::REFILL_OBSTACLE_CARD_DISPUTED:
      return "card";
    case pb::REFILL_OBSTACLE_SWITCHED_OFF:
    case pb::REFILL_OBSTACLE_TAKEN_BACK:
      return "switch_on";
    case pb::REFILL_OBSTACLE_SUSPENDED:
    case pb::REFILL_OBSTACLE_DISPUTE:
    case pb::REFILL_OBSTACLE_CAP_REACHED:
    case pb::REFILL_OBSTACLE_CARD_RESTING:
    case pb::REFILL_OBSTACLE_LIMIT_REACHED:
    case pb::REFILL_OBSTACLE_UNDER_REVIEW:
      return "top_up";
    default:
      return "";
  }
}

std::string Tone(const pb::Account& account) {
  if (account.state() != pb::ACCOUNT_STATE_ACTIVE || account.has_block()) return "bad";
  return account.obstacles().empty() ? "good" : "careful";
}

Nanos WithinPicture(const google::type::Money& money) {
  return AddSaturating(
      std::clamp<int64_t>(money.units(), -9'000'000'000, 9'000'000'000) * kNanosPerUnit,
      money.nanos());
}

}  // namespace

std::string StateName(pb::AccountState state) { return pb::AccountState_Name(state); }

Data StateData(const pb::Account& account, const Formatter& format, const Texts& texts) {
  Data data;
  data.set("state", texts.SayName("state_", StateName(account.state())));
  data.set("explained", texts.SayName("explained_", StateName(account.state())));
  data.set("tone", Tone(account));
  Data obstacles = ListOf();
  if (account.has_block()) {
    Data one;
    one.set("text", texts.Say("blocked_because", {account.block().reason()}));
    one.set("since", texts.Say("since", {format.Time(account.block().block_time())}));
    obstacles.push_back(one);
  }
  for (const pb::Obstacle& obstacle : account.obstacles()) {
    if (obstacle.kind() == pb::REFILL_OBSTACLE_BLOCKED && account.has_block()) continue;
    Data one;
    const std::string name = pb::RefillObstacle_Name(obstacle.kind());
    one.set("text",
            texts.Has("obstacle_" + name) ? texts.Say("obstacle_" + name) : obstacle.remedy());
    // Of what has been so from the beginning there is no time.
    if (obstacle.has_since()) {
      one.set("since", texts.Say("since", {format.Time(obstacle.since())}));
    }
    if (obstacle.has_until()) {
      one.set("until", texts.Say("until", {format.Time(obstacle.until())}));
    }
    const std::string action = ActionFor(obstacle.kind());
    if (!action.empty()) one.set("act_" + action, true);
    obstacles.push_back(one);
  }
  SetList(&data, "obstacles", obstacles);
  return data;
}

Data BalancePicture(const pb::Account& account, const Formatter& format, const Texts& texts) {
  const Nanos own = WithinPicture(account.own_balance());
  const Nanos promotional = WithinPicture(account.promotional_balance());
  const Nanos held = WithinPicture(account.held());
  const Nanos threshold = WithinPicture(account.billing_settings().recharge_threshold());
  const Nanos reserve = WithinPicture(account.billing_settings().reserve_amount());
  const Nanos balance = WithinPicture(account.balance());
  // Dollars suffice for places on a picture, so that the products fit.
  const Nanos most = std::max({reserve, balance, threshold, kNanosPerUnit});
  const auto place = [most](Nanos amount) {
    const Nanos within = std::clamp<Nanos>(amount, 0, most);
    return static_cast<int64_t>(static_cast<absl::int128>(within) * kPictureWidth / most);
  };
  Data data;
  const int64_t own_end = place(std::min(own, balance));
  const int64_t balance_end = std::max(own_end, place(balance));
  const int64_t held_width = std::min(place(held), balance_end);
  data.set("own_width", absl::StrCat(own_end));
  data.set("promotional_x", absl::StrCat(own_end));
  data.set("promotional_width", absl::StrCat(promotional > 0 ? balance_end - own_end : 0));
  data.set("held_x", absl::StrCat(balance_end - held_width));
  data.set("held_width", absl::StrCat(held_width));
  data.set("threshold_x", absl::StrCat(place(threshold)));
  data.set("most", format.Money(reserve >= balance ? account.billing_settings().reserve_amount()
                                                   : account.balance()));
  data.set("words", texts.Say("picture_words",
                              {format.Money(account.balance()),
                               format.Money(account.billing_settings().recharge_threshold())}));
  return data;
}

std::string MinutesLeft(const pb::User& user, const Formatter& format, const Texts& texts) {
  if (user.allowance().seconds() == 0) return texts.Say("minutes_none");
  return texts.Say("minutes_left",
                   {format.Minutes(user.allowance_left()), format.Minutes(user.allowance())});
}

std::string CardName(const pb::PaymentMethod& card, const Texts& texts) {
  std::string brand = card.brand();
  if (brand.empty()) {
    brand = texts.SayName("network_", pb::CardNetwork_Name(card.card_network()));
  }
  return card.last_four().empty() ? brand : texts.Say("card_ending", {brand, card.last_four()});
}

}  // namespace reserve::console
