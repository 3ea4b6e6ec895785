// Texts that must fit where they go. Thread-safe: a pure function.
#ifndef RESERVE_WORKER_CLIP_H_
#define RESERVE_WORKER_CLIP_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve::worker {

// The first `bytes` bytes at the most, and no half of a UTF-8 sequence.
std::string Clip(absl::string_view text, size_t bytes);

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_CLIP_H_
