#include "services/ledger/engine/account_cache.h"

#include <utility>

namespace reserve::engine {

std::unique_ptr<KnownAccount> AccountCache::Take(absl::string_view account_id) {
  const auto place = places_.find(account_id);
  if (place == places_.end()) return nullptr;
  std::unique_ptr<KnownAccount> known = std::move(slots_[place->second].known);
  if (known != nullptr) known->place = place->second;
  return known;
}

void AccountCache::Put(std::unique_ptr<KnownAccount> known) {
  if (capacity_ == 0) return;
  if (known->users.size() > kMaxUsers) {
    known->users.erase(known->users.begin(), known->users.end() - kMaxUsers);
  }
  Slot& slot = slots_[PlaceOf(*known)];
  slot.known = std::move(known);
}

size_t AccountCache::PlaceOf(const KnownAccount& known) {
  const std::string& account_id = known.account.account_id;
  size_t place = known.place;
  bool again = place < slots_.size() && slots_[place].account_id == account_id;
  if (!again) {
    const auto found = places_.find(account_id);
    again = found != places_.end();
    place = again ? found->second : FreePlace();
  }
  Slot& slot = slots_[place];
  slot.used = again;
  if (!again) {
    slot.account_id = account_id;
    places_.emplace(slot.account_id, place);
  }
  return place;
}

size_t AccountCache::FreePlace() {
  if (slots_.size() < capacity_) {
    slots_.emplace_back();
    return slots_.size() - 1;
  }
  const auto advance = [this] { hand_ = (hand_ + 1) % slots_.size(); };
  for (; slots_[hand_].used; advance()) slots_[hand_].used = false;
  const size_t place = hand_;
  advance();
  places_.erase(slots_[place].account_id);
  return place;
}

void AccountCache::Clear() {
  places_.clear();
  slots_.clear();
  hand_ = 0;
}

}  // namespace reserve::engine
