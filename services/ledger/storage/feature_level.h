// The schema's feature level (domain/feature_level.h), and which ledgers serve with it.
//
// A ledger registers with the newest level that it knows before it serves, says every few seconds
// that it is still there, and leaves when it ends. The level is raised only when all that serve
// know the new one. Times are the database's own, so that ledgers' clocks don't matter.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_FEATURE_LEVEL_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_FEATURE_LEVEL_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// The level that a ledger which knows levels up to `known_level` may write by. UNAVAILABLE
// "SCHEMA_TOO_NEW" if the schema's is beyond that.
absl::StatusOr<int> ReadFeatureLevel(Connection& connection, int known_level);

// Entries booked at this time or later have a receipt, if they are of money that came or went back
// (domain/receipt.h). InfiniteFuture where that is not known, or not so yet.
absl::StatusOr<absl::Time> ReadReceiptsFrom(Connection& connection);

// Takes a ledger up among those that serve. Whoever raises the level either sees it, or has raised
// the level first: then UNAVAILABLE "SCHEMA_TOO_NEW".
absl::Status RegisterLedger(Connection& connection, absl::string_view ledger_id, int known_level);
// The ledger is still there.
absl::Status NoteHeartbeat(Connection& connection, absl::string_view ledger_id, int known_level);
// The ledger has ended, and writes nothing any more.
absl::Status LeaveLedgers(Connection& connection, absl::string_view ledger_id);

// A ledger that has said that it serves, and not that it has ended.
struct ServingLedger {
  std::string ledger_id;
  int known_level = 0;
  absl::Duration heartbeat_age;  // by the database's clock
};
absl::StatusOr<std::vector<ServingLedger>> ListLedgers(Connection& connection);

// A ledger that was not heard of for so long is silent.
inline constexpr absl::Duration kSilentAfter = absl::Minutes(1);

// Raises the level to the newest that this program knows. FAILED_PRECONDITION "LEDGERS_TOO_OLD",
// naming them, while a ledger serves that does not know it. With `silent_are_gone` those that were
// not heard of for kSilentAfter are passed over: else they might come back and write.
absl::Status RaiseFeatureLevel(Connection& connection, bool silent_are_gone,
                               const std::function<void(const std::string&)>& progress);

// Sets the level of a schema in which there is nothing yet, and with which no ledger has served, to
// the newest.
absl::Status BeginAtNewestLevel(Connection& connection);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_FEATURE_LEVEL_H_
