// The parts of the database that fail on their own: the shards of Vitess, or the one server.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_SHARDS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_SHARDS_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Accounts whose places (book/keyspace.h) are first to last, both included.
struct Shard {
  std::string schema;  // of Connection::OpenAt; empty: where every connection is
  uint64_t first = 0;
  uint64_t last = std::numeric_limits<uint64_t>::max();

  bool Has(uint64_t place) const { return first <= place && place <= last; }
  bool Overlaps(const Shard& other) const { return first <= other.last && other.first <= last; }
  friend bool operator==(const Shard& a, const Shard& b) {
    return a.schema == b.schema && a.first == b.first && a.last == b.last;
  }
};

// Those with accounts, in the order of their places. They follow each other without a gap:
// UNAVAILABLE else.
absl::StatusOr<std::vector<Shard>> ListShards(Connection& connection);

// The schemas in which each server of the database is to be asked for itself: every shard's, that
// of the tables of no account too.
absl::StatusOr<std::vector<std::string>> ListServers(Connection& connection);

// Does each of so many equal ranges of places lie in one of these shards? An error of class
// kSettings else, which says which shard's begin is within a range.
absl::Status LanesFit(const std::vector<Shard>& shards, int lanes);

// What Vitess calls "-80", "40-80", "-" or "0".
absl::StatusOr<Shard> ParseShard(absl::string_view keyspace, absl::string_view name);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_SHARDS_H_
