// xxHash, 64 bits wide: quick, well spread, and the same in every program that knows it. Not a
// digest: anyone can find texts with equal hashes.
#ifndef RESERVE_COMMON_DIGEST_XXHASH64_H_
#define RESERVE_COMMON_DIGEST_XXHASH64_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace reserve {

// XXH64 with seed 0.
uint64_t XxHash64(absl::string_view text);

}  // namespace reserve

#endif  // RESERVE_COMMON_DIGEST_XXHASH64_H_
