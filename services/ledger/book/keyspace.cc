#include "services/ledger/book/keyspace.h"

#include "absl/numeric/int128.h"
#include "common/digest/xxhash64.h"

namespace reserve::book {

uint64_t KeyspaceIdOf(absl::string_view account_id) {
  const uint64_t hash = XxHash64(account_id);
  uint64_t id = 0;
  for (int byte = 0; byte < 8; ++byte) id = id << 8 | (hash >> 8 * byte & 0xff);
  return id;
}

size_t RangeOf(absl::string_view account_id, size_t ranges) {
  return static_cast<size_t>(absl::Uint128High64(absl::uint128(KeyspaceIdOf(account_id)) * ranges));
}

}  // namespace reserve::book
