// UTF-8, read and written one character at a time. Thread-safe: pure functions.
#ifndef RESERVE_COMMON_TEXT_UTF8_H_
#define RESERVE_COMMON_TEXT_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve {

// Reads one character off the front of a text that is not empty: no overlong forms, no surrogates,
// nothing beyond U+10FFFF (RFC 3629). Nothing if there is none.
std::optional<uint32_t> ConsumeUtf8(absl::string_view* text);

bool IsUtf8(absl::string_view text);

// The first so many bytes of a text, or a few fewer, so that no character is cut.
absl::string_view CutUtf8(absl::string_view text, size_t max_bytes);

// Appends a character; `code` is up to 0x10FFFF.
void AppendUtf8(uint32_t code, std::string* text);

}  // namespace reserve

#endif  // RESERVE_COMMON_TEXT_UTF8_H_
