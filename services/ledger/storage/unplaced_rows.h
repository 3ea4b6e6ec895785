// Rows of what the gateway told of charges that no account has (P3).
//
// Two things must not miss each other: what is kept as nobody has the charge, and whoever credits
// the charge and finds nothing kept. So whoever credits reads under a lock of the charge that it
// shares with its like until its end (LoadUnplaced), and whoever keeps holds that lock alone while
// it looks for the charge once more (KeepUnplaced). The locks are 255 rows, shared out by the
// charges' ids: one that hangs holds up few others.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_UNPLACED_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_UNPLACED_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/unplaced_state.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// So many are kept at the most: of a gateway that others use too anything may be told.
inline constexpr int32_t kMostUnplaced = 10'000;
// So long what waits is kept in any case since it was told; after that, and when it was dismissed
// or applied, it makes room where there is none.
inline constexpr absl::Duration kUnplacedKeptFor = absl::Hours(24 * 400);

// What of these charges is kept and not applied, by charge, refunds first, locked. In a
// transaction: until it ends nothing is kept.
absl::StatusOr<std::vector<domain::UnplacedState>> LoadUnplaced(
    Connection& connection, const std::vector<book::ChargeNeed>& charges);

// These count elsewhere from now on. In the transaction that has loaded them.
absl::Status WriteApplied(Connection& connection,
                          const std::vector<const domain::UnplacedState*>& applied);

enum class Keeping {
  kKept,
  kHasAccount,  // somebody has the charge by now; nothing was kept
  kNoRoom,
};
struct KeptUnplaced {
  Keeping keeping = Keeping::kNoRoom;
  domain::UnplacedState state;  // as it is kept: what was told, or what leads further
};
// Keeps what was told, as far as it leads on from what is kept, in a transaction of its own.
// `has_account` looks for the charge again.
absl::StatusOr<KeptUnplaced> KeepUnplaced(Connection& connection, const domain::UnplacedState& told,
                                          absl::Time now,
                                          absl::FunctionRef<absl::StatusOr<bool>()> has_account);

// What a person must look at, with slot > `after`, by slot.
absl::StatusOr<std::vector<domain::UnplacedState>> ListUnplaced(Connection& connection,
                                                                int64_t after, int limit);

// A person has looked at what is listed of the charge: it is not listed any more, and counts all
// the same once the charge is credited. Once by `request_id`, unless that is empty; a repeat
// changes nothing. False if nothing is kept of the charge.
absl::StatusOr<bool> DismissUnplaced(Connection& connection, absl::string_view charge_id,
                                     absl::string_view request_id, const domain::ByStaff& by,
                                     bool validate_only);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_UNPLACED_ROWS_H_
