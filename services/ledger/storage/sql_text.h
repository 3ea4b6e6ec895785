// Text of SQL statements, built by appending.
//
// Multi-row text statements are the fastest way into the database by far, so
// every value is written as a literal. Text is escaped here; numbers and times
// can't be anything but themselves. Not thread-safe; meant to live for one
// statement.
//
//   SqlText sql("INSERT INTO t (a, b) VALUES ");
//   for (...) sql.Row().Text(a).Int(b).EndRow();
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_SQL_TEXT_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_SQL_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/text/text_buffer.h"

namespace reserve::storage {

// Begins a query over all accounts that can do without some of them for a while: Vitess answers it
// with the rows of the shards that answer within the time; to other servers it is a comment. Not
// for who keeps a place in what was read, or answers a caller with it: what is left out is not
// told.
inline constexpr absl::string_view kSelectOfLiving =
    "SELECT /*vt+ SCATTER_ERRORS_AS_WARNINGS=1 QUERY_TIMEOUT_MS=2000 */ ";

class SqlText {
 public:
  explicit SqlText(absl::string_view start) { sql_.Append(start); }

  // Memory for so many bytes at once, where it is known how long it will be.
  void Reserve(size_t size) { sql_.Reserve(size); }
  SqlText& Raw(absl::string_view text) {
    sql_.Append(text);
    return *this;
  }
  // Starts "(" or ",(" of the next row; EndRow closes it.
  SqlText& Row();
  SqlText& EndRow();
  // Values, with a comma before all but the first of a row or list.
  SqlText& Int(int64_t value);
  SqlText& Text(absl::string_view value);
  SqlText& Bytes(absl::string_view value);       // any bytes, as x'...'
  SqlText& TextOrNull(absl::string_view value);  // NULL if empty
  SqlText& Time(absl::Time value);               // NULL if infinite
  SqlText& Null();

  const std::string& str() { return sql_.str(); }
  size_t size() const { return sql_.size(); }

 private:
  // Where the next value goes, after its comma: so many bytes at most.
  char* NextValue(size_t most);

  TextBuffer sql_;
  bool first_value_ = true;
  bool first_row_ = true;
};

// A quoted literal, for values inside conditions. Backslash escapes: the session
// must not be in NO_BACKSLASH_ESCAPES mode (Connection sets its mode).
std::string Quoted(absl::string_view value);
// The same of a time; NULL if infinite.
std::string QuotedTime(absl::Time value);

// " AND column >= from AND column < before", without that which is infinite.
std::string AndBetween(absl::string_view column, absl::Time from, absl::Time before);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_SQL_TEXT_H_
