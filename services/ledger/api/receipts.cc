// Receipts, of the `Accounts` service.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/ordinal_lists.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/storage/receipt_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

void FillReceipt(const domain::Receipt& receipt, const std::string& currency,
                 pb::Receipt* message) {
  message->set_account_id(receipt.account_id);
  message->set_number(receipt.number);
  message->set_kind(static_cast<pb::EntryKind>(receipt.kind));
  reserve::ToProto(receipt.amount, currency, message->mutable_amount());
  reserve::ToProto(receipt.asked, currency, message->mutable_requested_amount());
  message->set_charge_id(receipt.charge_id);
  message->set_seq(receipt.seq);
  message->set_recharge_ordinal(receipt.ordinal);
  message->set_recharge_kind(static_cast<pb::RechargeKind>(receipt.recharge_kind));
  reserve::ToProto(receipt.create_time, message->mutable_create_time());
  message->set_card_network(static_cast<pb::CardNetwork>(receipt.card_network));
  message->set_card_brand(receipt.card_brand);
  message->set_card_last_four(receipt.card_last_four);
  message->set_refunded_ordinal(receipt.refund_of);
  message->set_payment_means(static_cast<pb::PaymentMeans>(receipt.means));
}

absl::StatusOr<storage::ReceiptFilter> ReceiptFilterFrom(const pb::ListReceiptsRequest& request) {
  storage::ReceiptFilter filter;
  if (request.kind() != pb::ENTRY_KIND_UNSPECIFIED) {
    filter.kind = static_cast<domain::EntryKind>(request.kind());
    if (!pb::EntryKind_IsValid(request.kind()) || !domain::HasReceipt(*filter.kind)) {
      return InvalidField("kind",
                          "must be RECHARGE, PAYMENT, PAYMENT_REVERSED, REFUND or REFUND_RETURNED");
    }
  }
  if (request.recharge_ordinal() < 0) {
    return InvalidField("recharge_ordinal", "must not be negative");
  }
  filter.ordinal = request.recharge_ordinal();
  RESERVE_RETURN_IF_ERROR(TakeCreateTimes(request, &filter));
  return filter;
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::GetReceipt(grpc::CallbackServerContext* context,
                                                      const pb::GetReceiptRequest* request,
                                                      pb::Receipt* response) {
  return StartQuery(
      api_, context, "GetReceipt", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        if (request->number() < 1) return InvalidField("number", "must be at least 1");
        RESERVE_ASSIGN_OR_RETURN(const std::string currency,
                                 LoadCurrency(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Receipt> found,
            storage::ListReceipts(connection, request->account_id(), request->number(),
                                  storage::kNewest, storage::Oldest::kFirst, 1));
        if (found.empty() || found.front().number != request->number()) {
          return ReceiptNotFound(request->account_id(), request->number());
        }
        response->Clear();
        FillReceipt(found.front(), currency, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AccountsService::ListReceipts(grpc::CallbackServerContext* context,
                                                        const pb::ListReceiptsRequest* request,
                                                        pb::ListReceiptsResponse* response) {
  return StartQuery(
      api_, context, "ListReceipts", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const storage::ReceiptFilter filter, ReceiptFilterFrom(*request));
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageOfList(*request, "ListReceipts", filter.filters()));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const Stretch stretch,
            StretchOf(page, !request->oldest_first(), filter.filters(), account.last_receipt));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Receipt> receipts,
            storage::SearchReceipts(
                connection, request->account_id(), filter, stretch.first, stretch.end,
                request->oldest_first() ? storage::Oldest::kFirst : storage::Oldest::kLast,
                page.limit()));
        response->Clear();
        PageFill fill(page);
        for (; fill.rows() < receipts.size() && !fill.full(); fill.AddNewOf(*response)) {
          FillReceipt(receipts[fill.rows()], account.currency, response->add_receipts());
        }
        const int64_t searched = fill.rows() < receipts.size() ? receipts[fill.rows() - 1].number
                                                               : stretch.searched_until;
        if (searched == 0) return absl::OkStatus();
        response->set_next_page_token(EncodePageToken(page.query_digest, absl::StrCat(searched)));
        response->set_searched_until_number(searched);
        return absl::OkStatus();
      });
}

}  // namespace reserve::api
