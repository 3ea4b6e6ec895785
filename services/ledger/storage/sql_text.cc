#include "services/ledger/storage/sql_text.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"

namespace reserve::storage {
namespace {

// Bytes that may stand in a literal as they are. Every connection is utf8mb4, in
// which no byte of a longer character looks like a quote or a backslash.
bool NeedsEscape(char c) { return c == '\'' || c == '\\' || c == '\0' || c == '\x1a'; }

}  // namespace

void AppendQuoted(absl::string_view value, std::string* out) {
  out->push_back('\'');
  size_t start = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    if (!NeedsEscape(value[i])) continue;
    out->append(value.data() + start, i - start);
    out->push_back('\\');
    switch (value[i]) {
      case '\0':
        out->push_back('0');
        break;
      case '\x1a':
        out->push_back('Z');
        break;
      default:
        out->push_back(value[i]);
    }
    start = i + 1;
  }
  out->append(value.data() + start, value.size() - start);
  out->push_back('\'');
}

std::string Quoted(absl::string_view value) {
  std::string quoted;
  AppendQuoted(value, &quoted);
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
  sql_.append(first_row_ ? "(" : ",(");
  first_row_ = false;
  in_row_ = true;
  first_value_ = true;
  return *this;
}

SqlText& SqlText::EndRow() {
  sql_.push_back(')');
  in_row_ = false;
  return *this;
}

void SqlText::Separate() {
  if (!first_value_) sql_.push_back(',');
  first_value_ = false;
}

SqlText& SqlText::Int(int64_t value) {
  // Most values are numbers: the comma and the digits at once.
  char text[24] = {','};
  const auto end = std::to_chars(text + 1, text + sizeof(text), value);
  sql_.append(first_value_ ? text + 1 : text, end.ptr);
  first_value_ = false;
  return *this;
}

SqlText& SqlText::Text(absl::string_view value) {
  Separate();
  AppendQuoted(value, &sql_);
  return *this;
}

SqlText& SqlText::Bytes(absl::string_view value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  Separate();
  sql_.append("x'");
  size_t at = sql_.size();
  sql_.resize(at + 2 * value.size() + 1, '\'');
  for (const char c : value) {
    sql_[at++] = kDigits[static_cast<unsigned char>(c) >> 4];
    sql_[at++] = kDigits[static_cast<unsigned char>(c) & 15];
  }
  return *this;
}

SqlText& SqlText::TextOrNull(absl::string_view value) {
  return value.empty() ? Null() : Text(value);
}

SqlText& SqlText::Time(absl::Time value) {
  if (value == absl::InfiniteFuture() || value == absl::InfinitePast()) return Null();
  Separate();
  sql_.push_back('\'');
  AppendDateTime6(value, &sql_);
  sql_.push_back('\'');
  return *this;
}

SqlText& SqlText::Null() {
  Separate();
  sql_.append("NULL");
  return *this;
}

}  // namespace reserve::storage
