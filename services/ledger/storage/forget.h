// Forgets a person: the telephone numbers that one user called and was called by go, with the
// user's name, and the books and the chain stay whole (docs/CHAIN.md). For the migrating user: the
// ledger's own may not change what is booked.
//
//   RESERVE_ASSIGN_OR_RETURN(const Forgotten gone, ForgetUser(connection, "brook-cafe", "ann",
//   {}));
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_FORGET_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_FORGET_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

struct Forgotten {
  int64_t entries = 0;  // whose number is, or would be, replaced by its digest
  int64_t holds = 0;    // of calls that ended within the last months, likewise without their number
  int64_t keys = 0;     // under which the numbers stood in the chain
  // Of before level 2: their hash is made of the number itself, so they keep it.
  int64_t kept_entries = 0;
};

struct ForgetOptions {
  bool dry_run = false;  // only counts
  // So many entries are looked at in one transaction: bookings of the account wait for it.
  int64_t page = 5'000;
  std::function<void(const std::string&)> progress = nullptr;  // gets a line now and then
};

// Replaces each number of the user's entries by its digest under the user's key of that year, and
// deletes the keys. Page by page beside bookings; what was cut off is finished by running it again,
// and once it is done a repeat changes nothing. NOT_FOUND "USER_NOT_FOUND" if the account has no
// such user; FAILED_PRECONDITION "USER_STILL_CALLS" while a call of the user is in progress, awaits
// its record, or has no price yet: none could be found for it afterwards.
absl::StatusOr<Forgotten> ForgetUser(Connection& connection, absl::string_view account_id,
                                     absl::string_view user_id, const ForgetOptions& options);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_FORGET_H_
