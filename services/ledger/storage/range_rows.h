// Which ledger works on which range of the accounts, and the ledgers that share them.
//
// None of it is needed for what is booked to be right: it only says who is to book it, so that what
// a ledger remembers of its accounts stays true. Each statement stands for itself, waits for no
// lock that somebody holds for long, and is of no account: on a database that is spread over
// shards these tables are in the part that is not. A ledger is alive while its beat goes up, by the
// clock of whoever looks (engine/range_keeper.h): no time is stored.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_RANGE_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_RANGE_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

struct AccountRange {
  int number = 0;
  std::string owner;  // a ledger's id; empty: nobody's
  int64_t epoch = 0;  // how often the owner has changed
  friend bool operator==(const AccountRange&, const AccountRange&) = default;
};

// A ledger that takes part.
struct PeerLedger {
  std::string ledger_id;
  std::string address;  // where the others reach it
  int64_t beat = 0;
};

// By number.
absl::StatusOr<std::vector<AccountRange>> ReadRanges(Connection& connection);
// Makes ranges 0 to count - 1, nobody's; those that are there stay as they are.
absl::Status MakeRanges(Connection& connection, int count);
// Makes those of the ranges that are still as they were read the ledger's, or nobody's.
absl::Status MoveRanges(Connection& connection, absl::Span<const AccountRange> ranges,
                        absl::string_view owner);

// The ledgers that take part and have not left, by their ids.
absl::StatusOr<std::vector<PeerLedger>> ReadPeers(Connection& connection);
// The ledger, which has registered (feature_level.h), takes part, and lives.
absl::Status BeatPeer(Connection& connection, absl::string_view ledger_id,
                      absl::string_view address);
// It takes no part any more, if its beat is still that: until it beats again.
absl::Status ForgetPeer(Connection& connection, const PeerLedger& peer);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_RANGE_ROWS_H_
