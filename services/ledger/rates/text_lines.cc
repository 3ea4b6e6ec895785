#include "services/ledger/rates/text_lines.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/text/utf8.h"

namespace reserve::rates {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kHeadBytes = 4;
constexpr uint32_t kReplacement = 0xFFFD;

// The characters 0x80 to 0x9F of Windows-1252, as the Unicode Consortium maps them; 0: none. All
// others are those of Unicode.
constexpr std::array<uint16_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// Empties `text` and returns false if a byte has no character.
bool ToUtf8(absl::string_view windows, std::string* text) {
  text->clear();
  for (const char c : windows) {
    const auto byte = static_cast<unsigned char>(c);
    const uint32_t code = byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80] : byte;
    if (code == 0 && byte != 0) {
      text->clear();
      return false;
    }
    AppendUtf8(code, text);
  }
  return true;
}

bool IsAscii(absl::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

absl::string_view KindOfFile(absl::string_view head) {
  if (absl::StartsWith(head, "PK\x03\x04")) return "an Excel workbook or another zip file";
  if (absl::StartsWith(head, "\xD0\xCF\x11\xE0")) return "an old Excel workbook";
  if (absl::StartsWith(head, "%PDF")) return "a PDF";
  if (absl::StartsWith(head, "\x1F\x8B")) return "a gzip file";
  if (head == absl::string_view("\xFF\xFE\0\0", 4)) return "a text in UTF-32";
  return "";
}

}  // namespace

std::string TextLines::EncodingName() const {
  switch (encoding_) {
    case Encoding::kUtf16Le:
      return "UTF-16LE";
    case Encoding::kUtf16Be:
      return "UTF-16BE";
    case Encoding::kMarkedUtf8:
      return "UTF-8 with a byte order mark";
    case Encoding::kUnknown:
    case Encoding::kBytes:
      break;
  }
  return first_windows_line_ != 0 ? "Windows-1252" : "UTF-8";
}

absl::string_view TextLines::LineEndName() const {
  return line_end_ == LineEnd::kCr ? "CR" : line_end_ == LineEnd::kCrLf ? "CRLF" : "LF";
}

void TextLines::Feed(absl::string_view bytes, Sink sink) {
  if (encoding_ == Encoding::kUnknown) {
    const size_t wanted = kHeadBytes - std::min(kHeadBytes, head_.size());
    absl::StrAppend(&head_, bytes.substr(0, wanted));
    bytes.remove_prefix(std::min(wanted, bytes.size()));
    FindEncoding(/*at_end=*/false);
    if (encoding_ == Encoding::kUnknown) return;
    const std::string head = std::exchange(head_, "");
    Feed(head, sink);
  }
  if (!not_text_.empty()) return;
  if (encoding_ == Encoding::kUtf16Le || encoding_ == Encoding::kUtf16Be) {
    FeedUtf16(bytes, sink);
  } else {
    FeedText(bytes, sink);
  }
}

void TextLines::Finish(Sink sink) {
  if (encoding_ == Encoding::kUnknown) {
    FindEncoding(/*at_end=*/true);
    const std::string head = std::exchange(head_, "");
    Feed(head, sink);
  }
  if (!not_text_.empty()) return;
  if (half_ >= 0 || high_ != 0) {
    std::string broken;
    AppendUtf8(kReplacement, &broken);
    FeedText(broken, sink);
  }
  if (line_end_ == LineEnd::kUnknown) {
    FindLineEnd(/*at_end=*/true);
    const std::string text = std::exchange(first_line_, "");
    Cut(text, sink);
  }
  if (!partial_.empty()) Hand(partial_, sink);
  partial_.clear();
}

void TextLines::FindEncoding(bool at_end) {
  if (head_.size() < kHeadBytes && !at_end) return;
  not_text_ = KindOfFile(head_);
  const absl::string_view head = head_;
  encoding_ = Encoding::kBytes;
  if (absl::StartsWith(head, kByteOrderMark)) {
    encoding_ = Encoding::kMarkedUtf8;
    head_.erase(0, kByteOrderMark.size());
  } else if (absl::StartsWith(head, "\xFF\xFE")) {
    encoding_ = Encoding::kUtf16Le;
    head_.erase(0, 2);
  } else if (absl::StartsWith(head, "\xFE\xFF")) {
    encoding_ = Encoding::kUtf16Be;
    head_.erase(0, 2);
  } else if (head.size() == kHeadBytes && head[0] != 0 && head[1] == 0 && head[3] == 0) {
    encoding_ = Encoding::kUtf16Le;
  } else if (head.size() == kHeadBytes && head[0] == 0 && head[1] != 0 && head[2] == 0) {
    encoding_ = Encoding::kUtf16Be;
  }
}

void TextLines::FeedUtf16(absl::string_view bytes, Sink sink) {
  utf8_.clear();
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (half_ < 0) {
      half_ = byte;
      continue;
    }
    const auto half = static_cast<uint32_t>(half_);
    const uint32_t unit = encoding_ == Encoding::kUtf16Le ? half | byte << 8 : half << 8 | byte;
    half_ = -1;
    const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (high_ != 0) {
      AppendUtf8(low ? 0x10000 + ((high_ - 0xD800) << 10) + (unit - 0xDC00) : kReplacement, &utf8_);
      high_ = 0;
      if (low) continue;
    }
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      high_ = unit;
    } else {
      AppendUtf8(low ? kReplacement : unit, &utf8_);
    }
  }
  FeedText(utf8_, sink);
}

void TextLines::FeedText(absl::string_view text, Sink sink) {
  if (line_end_ != LineEnd::kUnknown) return Cut(text, sink);
  // One byte after a CR says whether LF follows.
  const size_t end = text.find_first_of("\r\n");
  const bool known = !first_line_.empty() && first_line_.back() == '\r';
  const size_t taken = known                            ? std::min<size_t>(1, text.size())
                       : end == absl::string_view::npos ? text.size()
                                                        : std::min(end + 2, text.size());
  absl::StrAppend(&first_line_, text.substr(0, taken));
  text.remove_prefix(taken);
  FindLineEnd(/*at_end=*/false);
  if (line_end_ == LineEnd::kUnknown) return;
  const std::string first = std::exchange(first_line_, "");
  Cut(first, sink);
  Cut(text, sink);
}

void TextLines::FindLineEnd(bool at_end) {
  const size_t end = first_line_.find_first_of("\r\n");
  if (end == std::string::npos) {
    if (at_end || first_line_.size() > 2 * max_line_bytes_) line_end_ = LineEnd::kLf;
  } else if (first_line_[end] == '\n') {
    line_end_ = LineEnd::kLf;
  } else if (end + 1 < first_line_.size()) {
    line_end_ = first_line_[end + 1] == '\n' ? LineEnd::kCrLf : LineEnd::kCr;
  } else if (at_end) {
    line_end_ = LineEnd::kCr;
  }
}

void TextLines::Cut(absl::string_view text, Sink sink) {
  const char mark = line_end_ == LineEnd::kCr ? '\r' : '\n';
  while (!text.empty()) {
    const size_t end = text.find(mark);
    if (partial_.empty() && end != absl::string_view::npos) {
      Hand(text.substr(0, end), sink);
    } else {
      // A line that is too long is kept so far that it is seen to be, CR or not.
      const size_t room = max_line_bytes_ + 2 - std::min(max_line_bytes_ + 2, partial_.size());
      absl::StrAppend(&partial_, text.substr(0, std::min(end, room)));
      if (end != absl::string_view::npos) {
        Hand(partial_, sink);
        partial_.clear();
      }
    }
    text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 1);
  }
}

void TextLines::Hand(absl::string_view line, Sink sink) {
  ++line_number_;
  absl::ConsumeSuffix(&line, "\r");
  if (line_end_ == LineEnd::kCr) absl::ConsumePrefix(&line, "\n");
  if (!IsAscii(line)) {
    if (IsUtf8(line)) {
      if (first_utf8_line_ == 0) first_utf8_line_ = line_number_;
    } else if (ToUtf8(line, &windows_)) {
      if (first_windows_line_ == 0) first_windows_line_ = line_number_;
      line = windows_;
    }
  }
  sink(line);
}

}  // namespace reserve::rates
