// One target for libFuzzer, which has the main function: RESERVE_FUZZ_TARGET is its place.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reserve::fuzz::kTargets[RESERVE_FUZZ_TARGET].run(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
