// SHA-256, for telling contents apart. No error: the process ends if OpenSSL fails.
#ifndef RESERVE_COMMON_DIGEST_SHA256_H_
#define RESERVE_COMMON_DIGEST_SHA256_H_

#include <array>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve {

using Sha256Digest = std::array<char, 32>;

// The digest of `bytes`. Thread-safe.
Sha256Digest Sha256(absl::string_view bytes);

// The digest of `text` as 64 hexadecimal digits. Thread-safe.
std::string Sha256Hex(absl::string_view text);

// The digest of several fields, each with its length before it, so that no two
// lists of fields read the same.
std::string Sha256HexOfFields(std::initializer_list<absl::string_view> fields);

}  // namespace reserve

#endif  // RESERVE_COMMON_DIGEST_SHA256_H_
