#include "common/digest/xxhash64.h"

// All of it is compiled here: there is nothing to link or to ship.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace reserve {

uint64_t XxHash64(absl::string_view text) {
  // An empty view may point nowhere.
  return XXH64(text.empty() ? "" : text.data(), text.size(), /*seed=*/0);
}

}  // namespace reserve
