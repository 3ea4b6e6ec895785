// Random keys that nobody can guess. No error: the process ends if OpenSSL has no randomness.
#ifndef RESERVE_COMMON_DIGEST_RANDOM_KEY_H_
#define RESERVE_COMMON_DIGEST_RANDOM_KEY_H_

#include <array>

namespace reserve {

using Key256 = std::array<char, 32>;

// Thread-safe.
Key256 RandomKey();

}  // namespace reserve

#endif  // RESERVE_COMMON_DIGEST_RANDOM_KEY_H_
