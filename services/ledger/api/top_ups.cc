// Top-ups and recharges, of the `Accounts` service.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/ordinal_lists.h"
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

absl::StatusOr<storage::RechargeFilter> RechargeFilterFrom(
    const pb::ListRechargesRequest& request) {
  storage::RechargeFilter filter;
  if (!pb::RechargeState_IsValid(request.state())) {
    return InvalidField("state", "must be one of RechargeState");
  }
  if (request.state() != pb::RECHARGE_STATE_UNSPECIFIED) {
    filter.state = static_cast<domain::RechargeState>(request.state());
  }
  switch (request.kind()) {
    case pb::RECHARGE_KIND_UNSPECIFIED:
      break;
    case pb::RECHARGE_KIND_INITIAL:
    case pb::RECHARGE_KIND_AUTOMATIC:
    case pb::RECHARGE_KIND_TOP_UP:
      filter.kind = static_cast<domain::RechargeKind>(request.kind());
      break;
    default:
      return InvalidField("kind", "must be INITIAL, AUTOMATIC or TOP_UP");
  }
  RESERVE_RETURN_IF_ERROR(TakeCreateTimes(request, &filter));
  return filter;
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::RequestRecharge(
    grpc::CallbackServerContext* context, const pb::RequestRechargeRequest* request,
    pb::Recharge* response) {
  return StartCommand(api_, context, "RequestRecharge",
                      TaskBy(request->actor(), request->account_id(), ParseRecharge(*request)),
                      [response](book::Reply&& reply) {
                        const auto& asked = book::As<book::RechargeReply>(reply);
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
        const auto add = [=](const domain::Recharge& recharge) {
          ToProto(recharge, response->add_recharges());
        };
        RESERVE_ASSIGN_OR_RETURN(const storage::RechargeFilter filter,
                                 RechargeFilterFrom(*request));
        if (request->charge_id().empty()) {
          return FillOrdinals(connection, "ListRecharges", *request, filter, add, response);
        }
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageFrom(*request, {"ListRecharges of", request->charge_id()}));
        return FillOfCharge(connection, page, *request, storage::Listed::kCharges, add, response);
      });
}

}  // namespace reserve::api
