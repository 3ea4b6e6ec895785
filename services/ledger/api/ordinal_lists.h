// Lists of an account's recharges, refunds and payments, which are numbered together: their
// requests have the same fields of time, order and paging.
#ifndef RESERVE_SERVICES_LEDGER_API_ORDINAL_LISTS_H_
#define RESERVE_SERVICES_LEDGER_API_ORDINAL_LISTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {

// Between which times rows were made, into a filter with `from` and `before`.
template <typename Request, typename Filter>
absl::Status TakeCreateTimes(const Request& request, Filter* filter) {
  if (request.has_create_from()) {
    RESERVE_ASSIGN_OR_RETURN(filter->from,
                             reserve::FromProto(request.create_from(), "create_from"));
  }
  if (request.has_create_before()) {
    RESERVE_ASSIGN_OR_RETURN(filter->before,
                             reserve::FromProto(request.create_before(), "create_before"));
  }
  if (filter->from < filter->before) return absl::OkStatus();
  return InvalidField("create_before", "must be later than create_from");
}

// As it was before there were filters, where there are none.
template <typename Request>
absl::StatusOr<Page> PageOfList(const Request& request, absl::string_view method, bool filters) {
  if (filters || request.oldest_first()) return PageOfQuery(request, method);
  return PageFrom(request, {method, request.account_id()});
}

// Those of the account to which the filter applies, in the order that was asked for. `add` takes
// each into the response.
template <typename Request, typename Response, typename Add>
absl::Status FillOrdinals(storage::Connection& connection, absl::string_view method,
                          const Request& request, const storage::RechargeFilter& filter, Add add,
                          Response* response) {
  RESERVE_ASSIGN_OR_RETURN(const Page page, PageOfList(request, method, filter.filters()));
  RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                           LoadAccount(connection, request.account_id()));
  // Nearly all rows are charges.
  const bool looks_for_few = filter.filters() || filter.listed != storage::Listed::kCharges;
  RESERVE_ASSIGN_OR_RETURN(const Stretch stretch, StretchOf(page, !request.oldest_first(),
                                                            looks_for_few, account.last_ordinal));
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<domain::Recharge> rows,
      storage::SearchRecharges(
          connection, request.account_id(), filter, {stretch.first, stretch.end},
          request.oldest_first() ? storage::Oldest::kFirst : storage::Oldest::kLast, page.limit()));
  response->Clear();
  PageFill fill(page);
  for (; fill.rows() < rows.size() && !fill.full(); fill.AddNewOf(*response)) {
    add(rows[fill.rows()]);
  }
  const int64_t searched =
      fill.rows() < rows.size() ? rows[fill.rows() - 1].ordinal : stretch.searched_until;
  if (searched == 0) return absl::OkStatus();
  response->set_next_page_token(EncodePageToken(page.query_digest, absl::StrCat(searched)));
  response->set_searched_until_ordinal(searched);
  return absl::OkStatus();
}

// What any account has of a charge of the gateway, by account, oldest first.
template <typename Request, typename Response, typename Add>
absl::Status FillOfCharge(storage::Connection& connection, const Page& page, const Request& request,
                          storage::Listed listed, Add add, Response* response) {
  if (!request.account_id().empty()) {
    return InvalidField("charge_id", "must not be set beside account_id");
  }
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.charge_id(), "charge_id"));
  RESERVE_ASSIGN_OR_RETURN(const book::RechargeKey after, RowBefore(page));
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<domain::Recharge> rows,
      storage::FindCharge(connection, request.charge_id(), listed, after, page.limit()));
  response->Clear();
  FillPage(page, rows, response, add, CursorAfter);
  return absl::OkStatus();
}

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_ORDINAL_LISTS_H_
