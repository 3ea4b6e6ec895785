// Refunds and disputes, of the services `Support`, `Accounts` and `Recharges`.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/reference/reference.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/recharges_service.h"
#include "services/ledger/api/support_service.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

absl::StatusOr<Nanos> AmountFrom(bool is_set, const google::type::Money& money) {
  if (!is_set) return InvalidField("amount", "must be set");
  return reserve::FromProto(money, "", "amount");
}

absl::StatusOr<book::Command> ParseRefund(const pb::RefundRechargeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  book::RefundRecharge refund;
  refund.ordinal = request.ordinal();
  refund.request.request_id = request.request_id();
  RESERVE_ASSIGN_OR_RETURN(refund.request.amount,
                           OptionalMoney(request.has_amount(), request.amount(), "", "amount"));
  RESERVE_ASSIGN_OR_RETURN(refund.request.by, ByStaffFrom(request));
  refund.request.allow_debt = request.allow_debt();
  refund.currency = request.amount().currency_code();
  refund.validate_only = request.validate_only();
  return refund;
}

absl::StatusOr<engine::Task> ParseGatewayRefund(const pb::ReportGatewayRefundRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.charge_id(), "charge_id"));
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.refund_id(), "refund_id"));
  RESERVE_RETURN_IF_ERROR(CheckCode(request.failure_code(), "failure_code"));
  book::ReportGatewayRefund report;
  report.told.charge_id = request.charge_id();
  report.told.refund_id = request.refund_id();
  report.told.failure_code = request.failure_code();
  switch (request.state()) {
    case pb::REFUND_STATE_PENDING:
      report.told.state = domain::GatewayRefund::State::kPending;
      break;
    case pb::REFUND_STATE_SUCCEEDED:
      report.told.state = domain::GatewayRefund::State::kSucceeded;
      break;
    case pb::REFUND_STATE_FAILED:
      report.told.state = domain::GatewayRefund::State::kFailed;
      break;
    default:
      return InvalidField("state", "must be PENDING, SUCCEEDED or FAILED");
  }
  RESERVE_ASSIGN_OR_RETURN(report.told.amount, AmountFrom(request.has_amount(), request.amount()));
  report.currency = request.amount().currency_code();
  const std::optional<Reference> charge = ParseReference(request.charge_reference());
  if (!charge.has_value()) return domain::ChargeNotFound(request.charge_id());
  report.ordinal = charge->ordinal;
  const std::optional<Reference> refund = ParseReference(request.refund_reference());
  if (refund.has_value() && refund->account_id == charge->account_id) {
    report.refund_ordinal = refund->ordinal;
  }
  return engine::Task{charge->account_id, std::move(report), nullptr, 0};
}

absl::StatusOr<engine::Task> ParseGatewayDispute(const pb::ReportGatewayDisputeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.charge_id(), "charge_id"));
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.dispute_id(), "dispute_id"));
  book::ReportGatewayDispute report;
  report.told.charge_id = request.charge_id();
  report.told.dispute_id = request.dispute_id();
  report.told.reason = request.reason();
  if (!request.reason().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckReason(request.reason(), "reason"));
  }
  if (request.state() < pb::DISPUTE_STATE_INQUIRY || request.state() > pb::DISPUTE_STATE_LOST) {
    return InvalidField("state", "must be INQUIRY, OPENED, WON or LOST");
  }
  report.told.state = static_cast<domain::DisputeState>(request.state());
  RESERVE_ASSIGN_OR_RETURN(report.told.amount, AmountFrom(request.has_amount(), request.amount()));
  report.currency = request.amount().currency_code();
  const std::optional<Reference> charge = ParseReference(request.charge_reference());
  if (!charge.has_value()) return domain::ChargeNotFound(request.charge_id());
  report.ordinal = charge->ordinal;
  return engine::Task{charge->account_id, std::move(report), nullptr, 0};
}

void FillRefund(const book::RechargeReply& reply, pb::Refund* response) {
  ToProto(reply.recharge, response);
  response->set_kept(reply.kept && !reply.recharge.debited);
}

}  // namespace

grpc::ServerUnaryReactor* SupportService::RefundRecharge(grpc::CallbackServerContext* context,
                                                         const pb::RefundRechargeRequest* request,
                                                         pb::Refund* response) {
  return StartCommand(api_, context, "RefundRecharge",
                      TaskFor(request->account_id(), ParseRefund(*request)),
                      [response](book::Reply&& reply) {
                        FillRefund(std::get<book::RechargeReply>(reply), response);
                      });
}

grpc::ServerUnaryReactor* RechargesService::ReportGatewayRefund(
    grpc::CallbackServerContext* context, const pb::ReportGatewayRefundRequest* request,
    pb::Refund* response) {
  return StartCommand(api_, context, "ReportGatewayRefund", ParseGatewayRefund(*request),
                      [response](book::Reply&& reply) {
                        FillRefund(std::get<book::RechargeReply>(reply), response);
                      });
}

grpc::ServerUnaryReactor* RechargesService::ReportGatewayDispute(
    grpc::CallbackServerContext* context, const pb::ReportGatewayDisputeRequest* request,
    pb::Dispute* response) {
  return StartCommand(api_, context, "ReportGatewayDispute", ParseGatewayDispute(*request),
                      [response](book::Reply&& reply) {
                        const auto& told = std::get<book::DisputeReply>(reply);
                        ToProto(told.dispute, told.currency, response);
                        response->set_kept(told.kept);
                      });
}

grpc::ServerUnaryReactor* AccountsService::ListRefunds(grpc::CallbackServerContext* context,
                                                       const pb::ListRefundsRequest* request,
                                                       pb::ListRefundsResponse* response) {
  return StartQuery(api_, context, "ListRefunds", [=](Connection& connection) -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(const Page page,
                             PageFrom(*request, {"ListRefunds", request->account_id()}));
    RESERVE_ASSIGN_OR_RETURN(const int64_t before, page.Number(storage::kNewest));
    RESERVE_RETURN_IF_ERROR(LoadAccount(connection, request->account_id()).status());
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Recharge> refunds,
        storage::ListRecharges(connection, request->account_id(), storage::Listed::kRefunds, before,
                               page.limit()));
    response->Clear();
    FillPage(
        page, refunds, response,
        [=](const domain::Recharge& refund) { ToProto(refund, response->add_refunds()); },
        [](const domain::Recharge& last) { return absl::StrCat(last.ordinal); });
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AccountsService::ListDisputes(grpc::CallbackServerContext* context,
                                                        const pb::ListDisputesRequest* request,
                                                        pb::ListDisputesResponse* response) {
  return StartQuery(api_, context, "ListDisputes", [=](Connection& connection) -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(const Page page,
                             PageFrom(*request, {"ListDisputes", request->account_id()}));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Dispute> disputes,
        storage::ListDisputes(connection, request->account_id(), page.cursor, page.limit()));
    response->Clear();
    FillPage(
        page, disputes, response,
        [&](const domain::Dispute& dispute) {
          ToProto(dispute, account.currency, response->add_disputes());
        },
        [](const domain::Dispute& last) { return last.dispute_id; });
    return absl::OkStatus();
  });
}

}  // namespace reserve::api
