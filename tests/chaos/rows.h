// What the server's client prints of a column.
#ifndef RESERVE_TESTS_CHAOS_ROWS_H_
#define RESERVE_TESTS_CHAOS_ROWS_H_

#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"

namespace reserve::chaos {

// -1 for what is no number.
inline int64_t Int(const std::string& text) {
  int64_t value = 0;
  return absl::SimpleAtoi(text, &value) ? value : -1;
}

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_ROWS_H_
