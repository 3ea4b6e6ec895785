#include "services/ledger/engine/account_cache.h"

#include <algorithm>
#include <array>
#include <utility>

namespace reserve::engine {
namespace {

// Has the processor fetch this memory, without waiting for it.
void Prefetch(const void* begin, size_t size) {
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < size; at += kLine) {
    __builtin_prefetch(static_cast<const char*>(begin) + at);
  }
}

}  // namespace

std::unique_ptr<KnownAccount> AccountCache::Take(absl::string_view account_id) {
  const auto place = places_.find(account_id);
  if (place == places_.end()) return nullptr;
  std::unique_ptr<KnownAccount> known = std::move(slots_[place->second].known);
  if (known != nullptr) known->place = place->second;
  return known;
}

std::vector<std::unique_ptr<KnownAccount>> AccountCache::TakeAll(
    absl::Span<const absl::string_view> account_ids) {
  // As many as memory is asked for at once, about.
  constexpr size_t kTogether = 16;
  std::vector<std::unique_ptr<KnownAccount>> taken(account_ids.size());
  std::vector<size_t> places(account_ids.size());
  std::array<Slot*, kTogether> slots;
  for (size_t begin = 0; begin < account_ids.size(); begin += kTogether) {
    const size_t end = std::min(begin + kTogether, account_ids.size());
    for (size_t i = begin; i < end; ++i) places_.prefetch(account_ids[i]);
    for (size_t i = begin; i < end; ++i) {
      const auto place = places_.find(account_ids[i]);
      Slot*& slot = slots[i - begin] = nullptr;
      if (place == places_.end()) continue;
      places[i] = place->second;
      slot = &slots_[place->second];
      Prefetch(slot, sizeof(Slot));
    }
    for (size_t i = begin; i < end; ++i) {
      if (slots[i - begin] == nullptr) continue;
      taken[i] = std::move(slots[i - begin]->known);
      if (taken[i] != nullptr) Prefetch(taken[i].get(), sizeof(KnownAccount));
    }
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    if (taken[i] == nullptr) continue;
    taken[i]->place = places[i];
    const std::vector<domain::User>& users = taken[i]->users;
    Prefetch(users.data(), users.size() * sizeof(domain::User));
    const std::vector<book::KnownNumberKey>& keys = taken[i]->number_keys;
    Prefetch(keys.data(), keys.size() * sizeof(book::KnownNumberKey));
  }
  return taken;
}

void AccountCache::ExpectBack(const KnownAccount& known) const {
  if (known.place < slots_.size()) Prefetch(&slots_[known.place], sizeof(Slot));
}

void AccountCache::Put(std::unique_ptr<KnownAccount> known) {
  if (capacity_ == 0) return;
  if (known->users.size() > kMaxUsers) {
    known->users.erase(known->users.begin(), known->users.end() - kMaxUsers);
  }
  // A key that was made and not needed is not stored: another ledger may store another one.
  std::vector<book::KnownNumberKey>& keys = known->number_keys;
  keys.erase(std::remove_if(keys.begin(), keys.end(),
                            [](const book::KnownNumberKey& key) { return !key.stored; }),
             keys.end());
  if (keys.size() > kMaxNumberKeys) keys.erase(keys.begin(), keys.end() - kMaxNumberKeys);
  // It is asked for once, where an account is opened again.
  std::string().swap(known->account.opening_digest);
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
