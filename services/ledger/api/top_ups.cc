// Top-ups and recharges, of the `Accounts` service.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

absl::StatusOr<book::Command> ParseRecharge(const pb::RequestRechargeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(const std::optional<Nanos> amount,
                           OptionalMoney(request.has_amount(), request.amount(), "", "amount"));
  return book::RequestRecharge{request.request_id(), amount, request.amount().currency_code(),
                               request.validate_only()};
}

absl::Status ListOfCharge(Connection& connection, const pb::ListRechargesRequest& request,
                          pb::ListRechargesResponse* response) {
  if (!request.account_id().empty()) {
    return InvalidField("charge_id", "must not be set beside account_id");
  }
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.charge_id(), "charge_id"));
  RESERVE_ASSIGN_OR_RETURN(const Page page,
                           PageFrom(request, {"ListRecharges of", request.charge_id()}));
  RESERVE_ASSIGN_OR_RETURN(const book::RechargeKey after, RowBefore(page));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Recharge> recharges,
                           storage::FindCharge(connection, request.charge_id(),
                                               storage::Listed::kCharges, after, page.limit()));
  response->Clear();
  FillPage(
      page, recharges, response,
      [=](const domain::Recharge& recharge) { ToProto(recharge, response->add_recharges()); },
      CursorAfter);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::RequestRecharge(
    grpc::CallbackServerContext* context, const pb::RequestRechargeRequest* request,
    pb::Recharge* response) {
  return StartCommand(api_, context, "RequestRecharge",
                      TaskFor(request->account_id(), ParseRecharge(*request)),
                      [response](book::Reply&& reply) {
                        const auto& asked = std::get<book::RechargeReply>(reply);
                        ToProto(asked.recharge, response);
                        response->set_automatic_recharge_follows(asked.more_follows);
                      });
}

grpc::ServerUnaryReactor* AccountsService::GetRecharge(grpc::CallbackServerContext* context,
                                                       const pb::GetRechargeRequest* request,
                                                       pb::Recharge* response) {
  return StartQuery(
      api_, context, "GetRecharge", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        if (request->ordinal() <= 0) return InvalidField("ordinal", "must be above zero");
        RESERVE_RETURN_IF_ERROR(LoadAccount(connection, request->account_id()).status());
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Recharge> found,
            storage::LoadRecharges(connection, {{request->account_id(), request->ordinal()}},
                                   storage::Lock::kNone));
        if (found.empty() || found.front().is_refund() || found.front().is_payment()) {
          return book::RechargeNotFound(request->account_id(), request->ordinal());
        }
        response->Clear();
        ToProto(found.front(), response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AccountsService::ListRecharges(grpc::CallbackServerContext* context,
                                                         const pb::ListRechargesRequest* request,
                                                         pb::ListRechargesResponse* response) {
  return StartQuery(
      api_, context, "ListRecharges", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        if (!request->charge_id().empty()) {
          return ListOfCharge(connection, *request, response);
        }
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageFrom(*request, {"ListRecharges", request->account_id()}));
        RESERVE_ASSIGN_OR_RETURN(const int64_t before, page.Number(storage::kNewest));
        RESERVE_RETURN_IF_ERROR(LoadAccount(connection, request->account_id()).status());
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Recharge> recharges,
            storage::ListRecharges(connection, request->account_id(), storage::Listed::kCharges,
                                   before, page.limit()));
        response->Clear();
        FillPage(
            page, recharges, response,
            [=](const domain::Recharge& recharge) { ToProto(recharge, response->add_recharges()); },
            [](const domain::Recharge& last) { return absl::StrCat(last.ordinal); });
        return absl::OkStatus();
      });
}

}  // namespace reserve::api
