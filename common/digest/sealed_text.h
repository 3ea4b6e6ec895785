// Text that only who has its key can read (AES-256-GCM): deleting the key erases what is sealed
// with it, wherever copies of it lie. No error of OpenSSL is survived: the process ends.
//
//   const std::string sealed = SealText(key, "what it is of", "+12125550100");
//   OpenText(key, "what it is of", sealed);  // "+12125550100"
#ifndef RESERVE_COMMON_DIGEST_SEALED_TEXT_H_
#define RESERVE_COMMON_DIGEST_SEALED_TEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/digest/random_key.h"

namespace reserve {

// Any bytes, 16 more than `text` has. `context` says what it is of: it must be another for each
// text of a key, and is asked for again to open it. The same three give the same bytes.
// Thread-safe.
std::string SealText(const Key256& key, absl::string_view context, absl::string_view text);
// Nothing if it was not sealed with that key and context, or was altered. Thread-safe.
std::optional<std::string> OpenText(const Key256& key, absl::string_view context,
                                    absl::string_view sealed);

}  // namespace reserve

#endif  // RESERVE_COMMON_DIGEST_SEALED_TEXT_H_
