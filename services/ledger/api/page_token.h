// Page tokens: where a list goes on, bound to the query they came from.
//
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_PAGE_TOKEN_H_
#define RESERVE_SERVICES_LEDGER_API_PAGE_TOKEN_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/recharge.h"

namespace reserve::api {

// What a token belongs to: the RPC and every filter of the request.
std::string QueryDigest(std::initializer_list<absl::string_view> parts);

std::string EncodePageToken(absl::string_view query_digest, absl::string_view cursor);

// The cursor; empty for an empty token. INVALID_ARGUMENT on "page_token" if it is
// not ours or belongs to another query.
absl::StatusOr<std::string> DecodePageToken(absl::string_view query_digest,
                                            absl::string_view token);
// 0 means 50, more than 1,000 means 1,000. INVALID_ARGUMENT on "page_size" below 0.
absl::StatusOr<int> PageSize(int32_t requested);

// Which page of a list is asked for.
struct Page {
  std::string query_digest;
  int size = 0;
  std::string cursor;  // empty: the first page

  // What to read: one more than fits, which tells whether there is another page.
  int limit() const { return size + 1; }
  // The cursor of a list that goes on at a number; `first` for the first page.
  absl::StatusOr<int64_t> Number(int64_t first) const;
};

// The cursor of a list over accounts that goes on after this row, and the row; that of the first
// page is the row before all. INVALID_ARGUMENT on "page_token".
std::string CursorAfter(const domain::Recharge& last);
absl::StatusOr<book::RechargeKey> RowBefore(const Page& page);

// `query`: the RPC and every filter of the request.
template <typename Request>
absl::StatusOr<Page> PageFrom(const Request& request,
                              std::initializer_list<absl::string_view> query) {
  Page page;
  page.query_digest = QueryDigest(query);
  RESERVE_ASSIGN_OR_RETURN(page.size, PageSize(request.page_size()));
  RESERVE_ASSIGN_OR_RETURN(page.cursor, DecodePageToken(page.query_digest, request.page_token()));
  return page;
}

// The same of a request whose fields, but for those of paging, are all filters or the order.
template <typename Request>
absl::StatusOr<Page> PageOfQuery(const Request& request, absl::string_view method) {
  Request query = request;
  query.clear_page_size();
  query.clear_page_token();
  return PageFrom(request, {method, query.SerializeAsString()});
}

// A page that has reached this many bytes takes no further row, however few it has.
inline constexpr size_t kPageBytes = 1 << 20;

// Rows that a page looks at for those that are asked for.
inline constexpr int64_t kLookedAt = 5000;
// No account comes to so many.
inline constexpr int64_t kMostSeqs = int64_t{1} << 60;

// What a page looks at of rows that an account numbers from 1 on: first <= number < end.
struct Stretch {
  int64_t first = 1;
  int64_t end = 1;
  // All up to this number (newest first: down to it) was looked at then, if any is left beyond; 0
  // if none is.
  int64_t searched_until = 0;
};
// A list without filters reads no more than it lists, one with filters kLookedAt rows. `last` is
// the newest. INVALID_ARGUMENT on "page_token".
absl::StatusOr<Stretch> StretchOf(const Page& page, bool newest_first, bool filters, int64_t last);

// What is on a page so far.
class PageFill {
 public:
  explicit PageFill(const Page& page) : most_rows_(static_cast<size_t>(page.size)) {}

  bool full() const { return rows_ >= most_rows_ || bytes_ >= kPageBytes; }
  size_t rows() const { return rows_; }
  // A row was put into the response: a message more, or several, of those that it repeats.
  void AddNewOf(const google::protobuf::Message& response);

 private:
  const size_t most_rows_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
  std::vector<int> counted_;  // by field of the response, in the order of its descriptor
};

// Adds of what was read what fits on the page, and says where the next one begins: at
// `cursor(the last row of this one)`.
template <typename Row, typename Response, typename Add, typename Cursor>
void FillPage(const Page& page, const std::vector<Row>& rows, Response* response, Add add,
              Cursor cursor) {
  PageFill fill(page);
  while (fill.rows() < rows.size() && !fill.full()) {
    add(rows[fill.rows()]);
    fill.AddNewOf(*response);
  }
  if (rows.size() > fill.rows()) {
    response->set_next_page_token(
        EncodePageToken(page.query_digest, cursor(rows[fill.rows() - 1])));
  }
}

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_PAGE_TOKEN_H_
