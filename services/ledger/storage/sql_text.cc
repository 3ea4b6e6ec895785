#include "services/ledger/storage/sql_text.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"

namespace reserve::storage {
namespace {

// Bytes that may stand in a literal as they are. Every connection is utf8mb4, in
// which no byte of a longer character looks like a quote or a backslash.
bool NeedsEscape(char c) { return c == '\'' || c == '\\' || c == '\0' || c == '\x1a'; }

// Writes the literal; at most twice the value's bytes, and the quotes. Returns where it ends.
char* WriteQuoted(absl::string_view value, char* out) {
  *out++ = '\'';
  for (const char c : value) {
    if (NeedsEscape(c)) {
      *out++ = '\\';
      *out++ = c == '\0' ? '0' : c == '\x1a' ? 'Z' : c;
    } else {
      *out++ = c;
    }
  }
  *out++ = '\'';
  return out;
}

size_t MostQuoted(absl::string_view value) { return 2 * value.size() + 2; }

}  // namespace

std::string Quoted(absl::string_view value) {
  std::string quoted(MostQuoted(value), '\'');
  quoted.resize(static_cast<size_t>(WriteQuoted(value, quoted.data()) - quoted.data()));
  return quoted;
}

std::string QuotedTime(absl::Time value) { return SqlText("").Time(value).str(); }

std::string AndBetween(absl::string_view column, absl::Time from, absl::Time before) {
  std::string sql;
  if (from != absl::InfinitePast()) {
    absl::StrAppend(&sql, " AND ", column, " >= ", QuotedTime(from));
  }
  if (before != absl::InfiniteFuture()) {
    absl::StrAppend(&sql, " AND ", column, " < ", QuotedTime(before));
  }
  return sql;
}

SqlText& SqlText::Row() {
  sql_.Append(first_row_ ? "(" : ",(");
  first_row_ = false;
  first_value_ = true;
  return *this;
}

SqlText& SqlText::EndRow() {
  sql_.Push(')');
  return *this;
}

char* SqlText::NextValue(size_t most) {
  char* out = sql_.Room(most + 1);
  if (!first_value_) *out++ = ',';
  first_value_ = false;
  return out;
}

SqlText& SqlText::Int(int64_t value) {
  constexpr size_t kMostDigits = 20;
  char* const out = NextValue(kMostDigits);
  sql_.TakeUpTo(std::to_chars(out, out + kMostDigits, value).ptr);
  return *this;
}

SqlText& SqlText::Text(absl::string_view value) {
  sql_.TakeUpTo(WriteQuoted(value, NextValue(MostQuoted(value))));
  return *this;
}

SqlText& SqlText::Bytes(absl::string_view value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  char* out = NextValue(2 * value.size() + 3);
  *out++ = 'x';
  *out++ = '\'';
  for (const char c : value) {
    *out++ = kDigits[static_cast<unsigned char>(c) >> 4];
    *out++ = kDigits[static_cast<unsigned char>(c) & 15];
  }
  *out++ = '\'';
  sql_.TakeUpTo(out);
  return *this;
}

SqlText& SqlText::TextOrNull(absl::string_view value) {
  return value.empty() ? Null() : Text(value);
}

SqlText& SqlText::Time(absl::Time value) {
  if (value == absl::InfiniteFuture() || value == absl::InfinitePast()) return Null();
  char* out = NextValue(kDateTime6Length + 2);
  *out++ = '\'';
  out = WriteDateTime6(value, out);
  *out++ = '\'';
  sql_.TakeUpTo(out);
  return *this;
}

SqlText& SqlText::Null() {
  char* const out = NextValue(4);
  sql_.TakeUpTo(std::copy_n("NULL", 4, out));
  return *this;
}

}  // namespace reserve::storage
