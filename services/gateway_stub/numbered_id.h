// The gateway's own ids: "ch_000000000077". Thread-safe: pure functions.
#ifndef RESERVE_GATEWAY_STUB_NUMBERED_ID_H_
#define RESERVE_GATEWAY_STUB_NUMBERED_ID_H_

#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace reserve::gateway_stub {

inline std::string NumberedId(absl::string_view kind, int64_t number) {
  return absl::StrCat(kind, "_", absl::Dec(number, absl::kZeroPad12));
}

// The number of an id that NumberedId made; 0 for any other text.
inline int64_t NumberOf(absl::string_view id) {
  int64_t number = 0;
  return absl::SimpleAtoi(id.substr(id.rfind('_') + 1), &number) && number > 0 ? number : 0;
}

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_NUMBERED_ID_H_
