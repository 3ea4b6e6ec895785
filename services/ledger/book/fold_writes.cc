// The fold: what has changed in the image becomes rows to write, each kind in the order of its key.
#include "services/ledger/book/folder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "absl/algorithm/container.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Recharge;
using domain::User;

}  // namespace

void Folder::WriteAccounts() {
  std::vector<AccountImage*> changed;
  changed.reserve(image_.accounts.size());
  for (auto& [account_id, image] : image_.accounts) {
    if (image.balance_changed) changed.push_back(&image);
  }
  std::sort(changed.begin(), changed.end(), [](const AccountImage* one, const AccountImage* other) {
    return one->account().account_id < other->account().account_id;
  });
  WriteSet& writes = folded_.writes;
  writes.balances.reserve(changed.size());
  for (AccountImage* image : changed) {
    KnownAccount& known = *image->known;
    ++known.revision;
    if (image->is_new || image->rest_changed || image->users_changed() || image->holds_changed) {
      ++known.version;
    }
    const Account& account = known.account;
    if (image->is_new) {
      writes.opened.push_back(&account);
    } else if (image->rest_changed) {
      writes.changed.push_back(&account);
    }
    writes.balances.push_back({account.account_id, account.balance, account.last_seq, known.version,
                               known.revision, known.head, known.month, account.held,
                               account.accrued, static_cast<int64_t>(known.holds.size()),
                               image->metered, account.spent});
    if (image->users_changed()) WriteUsers(*image);
    if (image->cards_changed) WriteCards(*image);
  }
}

void Folder::WriteUsers(const AccountImage& image) {
  const std::vector<User>& users = image.known->users;
  for (const size_t place : image.changed_users) folded_.writes.users.push_back(&users[place]);
  for (const auto& [place, period] : image.changed_allowances) {
    folded_.writes.allowances.push_back(
        {&users[place],
         {period, users[place].SecondsUsed(period), users[place].SecondsHeld(period)}});
  }
}

void Folder::WriteUsageStates() {
  std::vector<const domain::UsageState*>& states = folded_.writes.usage_states;
  for (const auto& [key, image] : image_.usage_states) {
    if (image.changed) states.push_back(&image.state);
  }
  std::sort(states.begin(), states.end(),
            [](const domain::UsageState* one, const domain::UsageState* other) {
              return std::tie(one->account_id, one->usage_id) <
                     std::tie(other->account_id, other->usage_id);
            });
}

void Folder::WriteHolds() {
  WriteSet& writes = folded_.writes;
  for (const auto& [key, image] : image_.holds) {
    if (!image.changed) continue;
    const domain::Hold& hold = image.hold;
    if (hold.live()) {
      writes.holds.push_back({hold.account_id, hold.slot, &hold});
      continue;
    }
    writes.ended_holds.push_back(&hold);
    // Its place may be another's by now.
    const std::vector<domain::Hold>& live =
        image_.accounts.find(hold.account_id)->second.known->holds;
    const bool taken = absl::c_any_of(
        live, [&hold](const domain::Hold& other) { return other.slot == hold.slot; });
    if (hold.slot != 0 && !taken) writes.holds.push_back({hold.account_id, hold.slot});
  }
  absl::c_sort(writes.holds, [](const HoldRow& one, const HoldRow& other) {
    return std::tie(one.account_id, one.slot) < std::tie(other.account_id, other.slot);
  });
  // Several may have left the same place.
  writes.holds.erase(std::unique(writes.holds.begin(), writes.holds.end(),
                                 [](const HoldRow& one, const HoldRow& other) {
                                   return one.account_id == other.account_id &&
                                          one.slot == other.slot;
                                 }),
                     writes.holds.end());
  absl::c_sort(writes.ended_holds, [](const domain::Hold* one, const domain::Hold* other) {
    return std::tie(one->account_id, one->hold_id) < std::tie(other->account_id, other->hold_id);
  });
}

void Folder::WriteCards(const AccountImage& image) {
  std::vector<PaymentMethodRow>& rows = folded_.writes.payment_methods;
  const Account& account = image.account();
  int32_t position = 0;
  for (const domain::PaymentMethod& method : account.payment_methods) {
    rows.push_back({account.account_id, ++position, &method});
  }
  for (const domain::PaymentMethod& method : image.removed_cards) {
    rows.push_back({account.account_id, 0, &method});
  }
}

void Folder::WriteRecharges() {
  std::vector<const Recharge*>& changed = folded_.writes.recharges;
  for (const auto& [key, image] : image_.recharges) {
    if (image.changed) changed.push_back(&image.recharge);
  }
  std::sort(changed.begin(), changed.end(), [](const Recharge* one, const Recharge* other) {
    return std::tie(one->account_id, one->ordinal) < std::tie(other->account_id, other->ordinal);
  });
  for (const Recharge* recharge : changed) {
    if (recharge->state == domain::RechargeState::kOpen && recharge->lease_owner.empty() &&
        recharge->due_time <= context_.now) {
      folded_.due_recharges.emplace_back(recharge->account_id, recharge->ordinal);
    }
  }
  for (const UnplacedImage& unplaced : image_.unplaced) {
    if (unplaced.applied) folded_.writes.applied.push_back(&unplaced.state);
  }
  std::vector<const domain::Dispute*>& disputes = folded_.writes.disputes;
  for (const auto& [key, image] : image_.disputes) {
    if (image.changed) disputes.push_back(&image.dispute);
  }
  std::sort(disputes.begin(), disputes.end(),
            [](const domain::Dispute* one, const domain::Dispute* other) {
              return std::tie(one->account_id, one->dispute_id) <
                     std::tie(other->account_id, other->dispute_id);
            });
}

}  // namespace reserve::book
