// Where an account lies among all accounts: a number that spreads them evenly, and the range of
// numbers that is worked on together.
//
// The number is the same in every process and for ever. A database that is spread over shards by
// Vitess's vindex `xxhash` on account_id computes the same, so that a range of accounts lies on
// one shard as long as there are as many ranges as shards, or a multiple. No transaction writes
// accounts of two ranges.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_KEYSPACE_H_
#define RESERVE_SERVICES_LEDGER_BOOK_KEYSPACE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace reserve::book {

// xxHash64 of the id, its bytes read lowest first.
uint64_t KeyspaceIdOf(absl::string_view account_id);

// In which of `ranges` equal ranges of keyspace ids the account lies: 0 to ranges - 1.
size_t RangeOf(absl::string_view account_id, size_t ranges);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_KEYSPACE_H_
