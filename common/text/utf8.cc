#include "common/text/utf8.h"

namespace reserve {

std::optional<uint32_t> ConsumeUtf8(absl::string_view* text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const uint32_t lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 0 || lead > 0xF4 || text->size() < length) return std::nullopt;
  uint32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF))) return std::nullopt;
  if (length == 4 && (code < 0x10000 || code > 0x10FFFF)) return std::nullopt;
  text->remove_prefix(length);
  return code;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    if (!ConsumeUtf8(&text).has_value()) return false;
  }
  return true;
}

absl::string_view CutUtf8(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

void AppendUtf8(uint32_t code, std::string* text) {
  const auto tail = [text](uint32_t bits) {
    text->push_back(static_cast<char>(0x80 | (bits & 0x3F)));
  };
  if (code < 0x80) {
    text->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text->push_back(static_cast<char>(0xC0 | code >> 6));
    tail(code);
  } else if (code < 0x10000) {
    text->push_back(static_cast<char>(0xE0 | code >> 12));
    tail(code >> 6);
    tail(code);
  } else {
    text->push_back(static_cast<char>(0xF0 | code >> 18));
    tail(code >> 12);
    tail(code >> 6);
    tail(code);
  }
}

}  // namespace reserve
