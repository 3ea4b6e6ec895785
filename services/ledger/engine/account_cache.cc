#include "services/ledger/engine/account_cache.h"

#include <utility>

namespace reserve::engine {

bool AccountCache::Take(absl::string_view account_id, int64_t version, KnownAccount* known) {
  return TakeAny(account_id, known) && known->version == version;
}

bool AccountCache::TakeAny(absl::string_view account_id, KnownAccount* known) {
  const auto place = places_.find(account_id);
  if (place == places_.end()) return false;
  Slot& slot = slots_[place->second];
  if (!slot.holds) return false;
  *known = std::move(slot.known);
  slot.holds = false;
  return true;
}

void AccountCache::Put(KnownAccount known) {
  if (capacity_ == 0) return;
  if (known.users.size() > kMaxUsers) known.users.resize(kMaxUsers);
  const auto place = places_.find(known.account.account_id);
  const bool again = place != places_.end();
  Slot& slot = slots_[again ? place->second : FreeSlot()];
  if (!again) {
    slot.account_id = known.account.account_id;
    places_.emplace(slot.account_id, static_cast<size_t>(&slot - slots_.data()));
  }
  slot.known = std::move(known);
  slot.holds = true;
  slot.used = again;
}

size_t AccountCache::FreeSlot() {
  if (slots_.size() < capacity_) {
    slots_.emplace_back();
    return slots_.size() - 1;
  }
  const auto advance = [this] { hand_ = (hand_ + 1) % slots_.size(); };
  for (; slots_[hand_].used; advance()) slots_[hand_].used = false;
  const size_t index = hand_;
  advance();
  places_.erase(slots_[index].account_id);
  return index;
}

void AccountCache::Clear() {
  slots_.clear();
  places_.clear();
  hand_ = 0;
}

}  // namespace reserve::engine
