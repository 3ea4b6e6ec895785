// Texts that are said again and again, each kept once and known by its place: a few bytes more
// than its own. Movable; one thread at a time while texts are added.
#ifndef RESERVE_SERVICES_LEDGER_RATES_TEXT_TABLE_H_
#define RESERVE_SERVICES_LEDGER_RATES_TEXT_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "common/text/counted_text.h"

namespace reserve::rates {

class TextTable {
 public:
  // Its place; that of the empty text is 0. What is longer than 65,535 bytes is cut. All texts
  // together are shorter than 4 GB.
  uint32_t Add(absl::string_view text) {
    text = text.substr(0, UINT16_MAX);
    if (const std::optional<uint32_t> known = Find(text)) return *known;
    const auto place = static_cast<uint32_t>(bytes_->size());
    bytes_->push_back(static_cast<char>(text.size() & 255));
    bytes_->push_back(static_cast<char>(text.size() >> 8));
    bytes_->append(text.data(), text.size());
    places_.insert(place);
    return place;
  }

  std::optional<uint32_t> Find(absl::string_view text) const {
    if (text.empty()) return 0;
    const auto known = places_.find(text);
    return known == places_.end() ? std::nullopt : std::optional<uint32_t>(*known);
  }

  // Lives until the next one is added.
  absl::string_view At(uint32_t place) const { return TextAt(*bytes_, place); }
  CountedText CountedAt(uint32_t place) const { return CountedText(bytes_->data() + place); }

  // Gives back what Add() and Find() need, which are not to be called any more.
  void Close() {
    places_ = decltype(places_)(0, Hash{bytes_.get()}, Same{bytes_.get()});
    bytes_->shrink_to_fit();
  }

  size_t memory_bytes() const {
    return bytes_->capacity() + places_.capacity() * (sizeof(uint32_t) + 1);
  }

 private:
  static absl::string_view TextAt(const std::string& bytes, uint32_t place) {
    return CountedText(bytes.data() + place).view();
  }

  struct Hash {
    using is_transparent = void;
    const std::string* bytes;
    size_t operator()(uint32_t place) const { return (*this)(TextAt(*bytes, place)); }
    size_t operator()(absl::string_view text) const { return absl::HashOf(text); }
  };
  struct Same {
    using is_transparent = void;
    const std::string* bytes;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, absl::string_view b) const { return TextAt(*bytes, a) == b; }
    bool operator()(absl::string_view a, uint32_t b) const { return a == TextAt(*bytes, b); }
  };

  std::unique_ptr<std::string> bytes_ = std::make_unique<std::string>(2, '\0');
  absl::flat_hash_set<uint32_t, Hash, Same> places_{0, Hash{bytes_.get()}, Same{bytes_.get()}};
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_TEXT_TABLE_H_
