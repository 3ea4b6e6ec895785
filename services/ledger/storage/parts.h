// Long lists of keys, in parts that a statement can name.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_PARTS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_PARTS_H_

#include <cstddef>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

namespace reserve::storage {

// Pairs in one "(a,b) IN (...)" at the most. MariaDB rewrites lists of 1,000 values and more, the
// columns of each counted, to a subquery: that is 500 pairs.
inline constexpr size_t kMaxPairs = 450;
inline constexpr size_t kMaxTriples = 300;

// Calls `each` with one part of `keys` after another, of `most` at the most and none empty, until
// one is not OK.
template <typename Key>
absl::Status InParts(const std::vector<Key>& keys,
                     absl::FunctionRef<absl::Status(absl::Span<const Key>)> each,
                     size_t most = kMaxPairs) {
  const absl::Span<const Key> all = keys;
  for (size_t begin = 0; begin < all.size(); begin += most) {
    const absl::Status status = each(all.subspan(begin, most));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_PARTS_H_
