// Cuts a file that comes in pieces into lines of UTF-8, whatever it was saved as.
//
// UTF-8 and UTF-16 are known by their byte order marks, UTF-16 without one by its zero bytes; a
// line that is no UTF-8 is read as Windows-1252. Lines end as the first one does: in LF or CRLF, or
// else in CR. One thread at a time.
//
//   TextLines lines(kMaxDeckLineBytes);
//   lines.Feed(piece, [](absl::string_view line) { ... });
//   lines.Finish([](absl::string_view line) { ... });
#ifndef RESERVE_SERVICES_LEDGER_RATES_TEXT_LINES_H_
#define RESERVE_SERVICES_LEDGER_RATES_TEXT_LINES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace reserve::rates {

class TextLines {
 public:
  using Sink = absl::FunctionRef<void(absl::string_view)>;

  // A line that is longer is cut, one byte and its end over the limit, so that this is seen.
  explicit TextLines(size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // Hands each line on, without its end, with its bytes as UTF-8 where they can be.
  void Feed(absl::string_view bytes, Sink sink);
  // The last line, if it has no end.
  void Finish(Sink sink);

  // The number of the line that is handed on, or was last; the first is 1.
  int64_t line_number() const { return line_number_; }
  // Lines with something beyond ASCII: the first that was UTF-8, and that was Windows-1252; 0:
  // none.
  int64_t first_utf8_line() const { return first_utf8_line_; }
  int64_t first_windows_line() const { return first_windows_line_; }

  // "UTF-8", "UTF-8 with a byte order mark", "UTF-16LE", "UTF-16BE" or "Windows-1252".
  std::string EncodingName() const;
  // "LF", "CRLF" or "CR".
  absl::string_view LineEndName() const;
  // What the file is if it is no text at all ("an Excel workbook"), by its first bytes; else empty.
  // Nothing of it is handed on.
  absl::string_view not_text() const { return not_text_; }

 private:
  enum class Encoding { kUnknown, kBytes, kMarkedUtf8, kUtf16Le, kUtf16Be };
  enum class LineEnd { kUnknown, kLf, kCrLf, kCr };

  void FindEncoding(bool at_end);
  void FeedUtf16(absl::string_view bytes, Sink sink);
  void FeedText(absl::string_view text, Sink sink);
  void FindLineEnd(bool at_end);
  void Cut(absl::string_view text, Sink sink);
  void Hand(absl::string_view line, Sink sink);

  const size_t max_line_bytes_;
  Encoding encoding_ = Encoding::kUnknown;
  LineEnd line_end_ = LineEnd::kUnknown;
  absl::string_view not_text_;
  std::string head_;        // the first bytes, until the encoding is known
  std::string first_line_;  // the text, until it is known how lines end
  std::string partial_;     // a line without its end
  std::string windows_;     // a line of Windows-1252, as UTF-8
  std::string utf8_;        // a piece of UTF-16, as UTF-8
  int half_ = -1;           // of a unit of UTF-16, the first byte
  uint32_t high_ = 0;       // the first of a surrogate pair
  int64_t line_number_ = 0;
  int64_t first_utf8_line_ = 0;
  int64_t first_windows_line_ = 0;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_TEXT_LINES_H_
