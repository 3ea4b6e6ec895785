#include "services/ledger/book/image.h"

#include "absl/container/flat_hash_set.h"
#include "services/ledger/book/entry_chain.h"

namespace reserve::book {

KnownNumberKey* AccountImage::FindNumberKey(absl::string_view user_id, int32_t year) const {
  // Few, as users are.
  for (KnownNumberKey& key : known->number_keys) {
    if (key.year == year && key.user_id == user_id) return &key;
  }
  return nullptr;
}

const domain::Hold* AccountImage::FindHold(absl::string_view hold_id) const {
  for (const domain::Hold& hold : known->holds) {
    if (hold.hold_id == hold_id) return &hold;
  }
  return nullptr;
}

const domain::Hold* Image::FindHold(absl::string_view account_id, absl::string_view hold_id) const {
  if (const domain::Hold* live = accounts.find(account_id)->second.FindHold(hold_id)) return live;
  const auto ended = holds.find(std::pair(std::string(account_id), std::string(hold_id)));
  return ended == holds.end() ? nullptr : &ended->second.hold;
}

std::vector<OnceKey> NeedsEndedHolds(const Keys& keys, const Image& image) {
  std::vector<OnceKey> need;
  for (const OnceKey& key : keys.holds) {
    const AccountImage& account = image.accounts.find(key.first)->second;
    if (account.exists && account.FindHold(key.second) == nullptr) need.push_back(key);
  }
  return need;
}

std::vector<OnceKey> UsagesOfEndedHolds(const Image& image) {
  std::vector<OnceKey> usages;
  for (const auto& [key, ended] : image.holds) {
    const domain::Hold& hold = ended.hold;
    const OnceKey usage(hold.account_id, hold.usage_id);
    const bool matters = hold.may_return() || hold.state == domain::HoldState::kEstimated;
    if (matters && !image.usages.contains(usage)) usages.push_back(usage);
  }
  return usages;
}

std::vector<UserKey> UsersOfHolds(const Keys& keys, const Image& image) {
  std::vector<UserKey> users;
  for (const OnceKey& key : keys.holds) {
    const AccountImage& account = image.accounts.find(key.first)->second;
    if (!account.exists) continue;
    const domain::Hold* hold = image.FindHold(key.first, key.second);
    if (hold != nullptr) users.emplace_back(key.first, hold->user_id);
  }
  for (const AccountNeed& need : keys.accounts) {
    const AccountImage& account = image.accounts.find(need.account_id)->second;
    if (!need.may_change || !account.exists) continue;
    for (const domain::Hold& hold : account.known->holds) {
      if (hold.free_seconds > 0) users.emplace_back(need.account_id, hold.user_id);
    }
  }
  return users;
}

namespace {

// May the gateway have told of its charge before that is credited? Of one that no worker has a
// person may have dismissed it, and it counts all the same (P3).
bool MayKeep(const domain::Recharge& recharge) {
  return recharge.keeps || recharge.state == domain::RechargeState::kFailed ||
         recharge.state == domain::RechargeState::kCanceled ||
         recharge.state == domain::RechargeState::kNeedsReview;
}

}  // namespace

FurtherNeed NeedsFurther(const Keys& keys, const Image& image) {
  FurtherNeed need;
  absl::flat_hash_set<absl::string_view> keeping;  // accounts
  for (const auto& [key, loaded] : image.recharges) {
    const domain::Recharge& recharge = loaded.recharge;
    if (MayKeep(recharge)) keeping.insert(key.first);
    const int64_t other = recharge.is_refund() ? recharge.refund_of : recharge.credited_as;
    const RechargeKey of(key.first, other);
    if (other != 0 && !image.recharges.contains(of)) need.recharges.push_back(of);
  }
  for (const ChargeNeed& charge : keys.charges) {
    if (charge.disputes || keeping.contains(charge.account_id)) need.disputes.push_back(charge);
  }
  return need;
}

ToldNeed NeedsTold(const Keys& keys, const Image& image) {
  ToldNeed need{keys.told_refunds, keys.told_disputes};
  for (const UnplacedImage& unplaced : image.unplaced) {
    const domain::UnplacedState& state = unplaced.state;
    std::vector<OnceKey>& told = state.is_refund() ? need.refunds : need.disputes;
    for (const ChargeNeed& charge : keys.charges) {
      if (charge.charge_id == state.charge_id()) {
        told.emplace_back(charge.account_id, state.told_id());
      }
    }
  }
  return need;
}

std::vector<AttemptKey> NeedsEarlierNumbers(const Keys& keys, const Image& image) {
  std::vector<AttemptKey> need;
  for (const AttemptKey& key : keys.successes) {
    const auto& [account_id, ordinal, attempt] = key;
    const auto loaded = image.recharges.find(RechargeKey(account_id, ordinal));
    if (loaded == image.recharges.end()) continue;
    const domain::Recharge& recharge = loaded->second.recharge;
    if (attempt < recharge.attempt && recharge.state != domain::RechargeState::kSucceeded) {
      need.push_back(key);
    }
  }
  return need;
}

int64_t Image::ArchivedAs(absl::string_view account_id, absl::string_view usage_id) const {
  if (archived.empty()) return 0;
  const auto found = archived.find(std::pair(std::string(account_id), std::string(usage_id)));
  return found == archived.end() ? 0 : found->second;
}

domain::UsageState Image::StateOf(const domain::Entry& entry) const {
  if (!usage_states.empty()) {
    const auto found = usage_states.find(std::pair(entry.account_id, UsageIdOf(entry)));
    if (found != usage_states.end()) return found->second.state;
  }
  return domain::StateOf(entry);
}

std::vector<UserYear> NumberKeysOfBooked(const Keys& keys, const Image& image) {
  std::vector<UserYear> years;
  if (!keys.with_number_keys) return years;
  for (const domain::Entry& entry : image.booked) {
    if (!entry.booked.has_value()) continue;
    const domain::Usage& usage = entry.booked->usage;
    if (usage.destination.empty() || domain::IsErasedNumber(usage.destination)) continue;
    years.push_back({entry.account_id, usage.user_id, YearOfNumberKey(usage.start_time)});
  }
  return years;
}

std::vector<UserKey> UsersOfBooked(const Image& image) {
  std::vector<UserKey> users;
  for (const domain::Entry& entry : image.booked) {
    if (entry.booked.has_value()) {
      users.emplace_back(entry.account_id, entry.booked->usage.user_id);
    }
  }
  return users;
}

}  // namespace reserve::book
