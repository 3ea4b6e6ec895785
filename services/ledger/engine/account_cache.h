// What a lane keeps of accounts and users from one transaction to the next.
//
// Nothing here is believed by itself. Either the transaction reads the account's
// row in balances under its lock, and what is kept is used only if its version is
// the one read there; or it is written without having been read, and the write
// itself insists on the revision kept (storage::WriteBalances). So several ledgers
// may serve the same accounts. Who writes through a connection owns the cache
// beside it, and clears it when that connection is lost, as the next one may lead
// to a database that went back in time.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_ACCOUNT_CACHE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_ACCOUNT_CACHE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/ledger/book/image.h"

namespace reserve::engine {

using book::KnownAccount;

// Bounded; what was not used again for longest goes first, roughly (the clock
// algorithm). Not thread-safe.
class AccountCache {
 public:
  // Users kept of one account at the most.
  static constexpr size_t kMaxUsers = 4;
  // Keys of their numbers: of two years each, around New Year.
  static constexpr size_t kMaxNumberKeys = 2 * kMaxUsers;

  // Room for so many accounts, of about 1 kB each; 0 keeps nothing.
  explicit AccountCache(size_t capacity) : capacity_(capacity) {}

  // Takes out what is known of the account, at whatever version; null if nothing is.
  std::unique_ptr<KnownAccount> Take(absl::string_view account_id);
  // The same of each of several accounts, none of them twice. They are seldom in the processor's
  // caches, so one is fetched while the ones before it are looked at.
  std::vector<std::unique_ptr<KnownAccount>> TakeAll(
      absl::Span<const absl::string_view> account_ids);
  // It is about to be put back: its place is fetched meanwhile.
  void ExpectBack(const KnownAccount& known) const;
  // Keeps it in place of what was known. Of users beyond kMaxUsers, and of keys beyond
  // kMaxNumberKeys, those that came first are left out, as are keys that are not stored, and the
  // digest of its opening.
  void Put(std::unique_ptr<KnownAccount> known);
  void Clear();
  size_t size() const { return places_.size(); }

 private:
  struct Slot {
    std::string account_id;
    std::unique_ptr<KnownAccount> known;  // null: taken out
    bool used = false;                    // again, since the hand came by
  };

  // The place of the account, old or new.
  size_t PlaceOf(const KnownAccount& known);
  // A place for another account.
  size_t FreePlace();

  const size_t capacity_;
  // Slots never move, so that growing is never a pause.
  std::deque<Slot> slots_;
  absl::flat_hash_map<absl::string_view, size_t> places_;  // by the slots' own ids
  size_t hand_ = 0;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_ACCOUNT_CACHE_H_
