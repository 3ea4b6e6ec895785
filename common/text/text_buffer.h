// Bytes that grow at their end, for text of many small pieces, such as the rows of a statement:
// room is asked for once for each piece, and the piece is written in place, where std::string
// looks after its length and its end at every append. Not thread-safe.
//
//   char* out = buffer.Room(24);
//   buffer.TakeUpTo(std::to_chars(out, out + 24, number).ptr);
#ifndef RESERVE_COMMON_TEXT_TEXT_BUFFER_H_
#define RESERVE_COMMON_TEXT_TEXT_BUFFER_H_

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve {

class TextBuffer {
 public:
  // So many bytes may be written from here on, until the next call.
  char* Room(size_t most) {
    if (bytes_.size() - size_ < most) Grow(most);
    return bytes_.data() + size_;
  }
  // What was written of the room ends here.
  void TakeUpTo(const char* end) { size_ = static_cast<size_t>(end - bytes_.data()); }

  void Push(char c) {
    *Room(1) = c;
    ++size_;
  }
  void Append(absl::string_view text) {
    std::copy_n(text.data(), text.size(), Room(text.size()));
    size_ += text.size();
  }

  // Keeps its memory.
  void Clear() { size_ = 0; }
  void Reserve(size_t size) {
    if (bytes_.size() < size) bytes_.resize(size);
  }
  size_t size() const { return size_; }
  absl::string_view view() const { return {bytes_.data(), size_}; }
  // The same as a string, to which more can be added.
  const std::string& str() {
    bytes_.resize(size_);
    return bytes_;
  }

 private:
  void Grow(size_t most) { bytes_.resize(std::max(size_ + most, 2 * bytes_.size())); }

  std::string bytes_;  // longer than what counts of it
  size_t size_ = 0;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_TEXT_TEXT_BUFFER_H_
