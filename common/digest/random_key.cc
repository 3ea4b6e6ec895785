#include "common/digest/random_key.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace reserve {

Key256 RandomKey() {
  Key256 key;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1) {
    std::abort();  // A key that can be guessed hides nothing.
  }
  return key;
}

}  // namespace reserve
