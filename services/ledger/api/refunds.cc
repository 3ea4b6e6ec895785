// Refunds and disputes, of the services `Support`, `Accounts` and `Recharges`.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "common/card/card_number.h"
#include "common/error/error.h"
#include "common/reference/reference.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/ordinal_lists.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/recharges_service.h"
#include "services/ledger/api/support_service.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/unplaced_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

// A charge is one recharge or payment, seldom booked anew, and its refunds.
constexpr int kMostRowsOfCharge = 100;

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

absl::StatusOr<book::ReportGatewayRefund> ParseGatewayRefund(
    const pb::ReportGatewayRefundRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.charge_id(), "charge_id"));
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.refund_id(), "refund_id"));
  RESERVE_RETURN_IF_ERROR(CheckCode(request.failure_code(), "failure_code"));
  book::ReportGatewayRefund report;
  report.told.charge_id = request.charge_id();
  report.told.refund_id = request.refund_id();
  report.told.failure_code = MaskCardNumbers(request.failure_code());
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
  return report;
}

absl::StatusOr<book::ReportGatewayDispute> ParseGatewayDispute(
    const pb::ReportGatewayDisputeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.charge_id(), "charge_id"));
  RESERVE_RETURN_IF_ERROR(CheckChargeId(request.dispute_id(), "dispute_id"));
  book::ReportGatewayDispute report;
  report.told.charge_id = request.charge_id();
  report.told.dispute_id = request.dispute_id();
  report.told.reason = MaskCardNumbers(request.reason());
  if (!request.reason().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckReason(report.told.reason, "reason"));
  }
  if (request.state() < pb::DISPUTE_STATE_INQUIRY || request.state() > pb::DISPUTE_STATE_LOST) {
    return InvalidField("state", "must be INQUIRY, OPENED, WON or LOST");
  }
  report.told.state = static_cast<domain::DisputeState>(request.state());
  RESERVE_ASSIGN_OR_RETURN(report.told.amount, AmountFrom(request.has_amount(), request.amount()));
  report.currency = request.amount().currency_code();
  return report;
}

// P3: whose charge it is, by its id, or by our reference of it; nothing if it is nobody's.
absl::StatusOr<std::optional<Reference>> FindReference(Connection& connection,
                                                       const std::string& charge_id,
                                                       const std::string& charge_reference) {
  const std::optional<Reference> named = ParseReference(charge_reference);
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Recharge> rows,
                           storage::FindCharge(connection, charge_id, storage::Listed::kAll,
                                               book::RechargeKey(), kMostRowsOfCharge));
  const domain::Recharge* found = nullptr;
  for (const domain::Recharge& row : rows) {
    if (row.is_refund() || (named.has_value() && row.account_id == named->account_id)) continue;
    if (found == nullptr || row.holds_credit()) found = &row;
  }
  const bool elsewhere = found != nullptr && found->holds_credit();
  if (named.has_value() && !elsewhere) return named;
  if (found == nullptr) return std::nullopt;
  return Reference{found->account_id, found->ordinal};
}

// Which row of the account it is about.
void SetPlace(const Reference& charge, const pb::ReportGatewayRefundRequest& request,
              book::ReportGatewayRefund* report) {
  report->ordinal = charge.ordinal;
  const std::optional<Reference> refund = ParseReference(request.refund_reference());
  if (refund.has_value() && refund->account_id == charge.account_id) {
    report->refund_ordinal = refund->ordinal;
  }
}

void SetPlace(const Reference& charge, const pb::ReportGatewayDisputeRequest&,
              book::ReportGatewayDispute* report) {
  report->ordinal = charge.ordinal;
}

// P3: keeps what is told of a charge that nobody has, and answers it as it is kept. The answer is
// whose charge it is by now, if somebody has it.
template <typename Report, typename Response>
absl::StatusOr<std::optional<Reference>> KeepOfNobody(
    Connection& connection, const Report& report, absl::Time now,
    absl::FunctionRef<absl::StatusOr<std::optional<Reference>>()> find, Response* response) {
  if (report.told.amount <= 0) return InvalidField("amount", "must be above zero");
  domain::UnplacedState told;
  told.told = report.told;
  told.currency = report.currency;
  std::optional<Reference> charge;
  RESERVE_ASSIGN_OR_RETURN(
      const storage::KeptUnplaced kept,
      storage::KeepUnplaced(connection, told, now, [&]() -> absl::StatusOr<bool> {
        RESERVE_ASSIGN_OR_RETURN(charge, find());
        return charge.has_value();
      }));
  if (kept.keeping == storage::Keeping::kNoRoom) return domain::ChargeNotFound(told.charge_id());
  if (kept.keeping == storage::Keeping::kKept) ToProto(kept.state, response);
  return charge;
}

// What the gateway tells of a charge, as a command on the account whose charge it is; kept if it is
// nobody's yet.
template <typename Request, typename Report, typename Response>
grpc::ServerUnaryReactor* StartTold(const ApiContext& api, grpc::CallbackServerContext* context,
                                    const char* method, const Request* request,
                                    absl::StatusOr<Report> told, Response* response,
                                    FillResponse fill) {
  if (!told.ok()) return FinishNow(api, context, method, told.status());
  return StartFoundCommand(
      api, context, method,
      [&api, request, response, told = *std::move(told)](
          Connection& connection) -> absl::StatusOr<std::optional<engine::Task>> {
        const auto find = [&]() -> absl::StatusOr<std::optional<Reference>> {
          // Of whichever account, also while what is kept of nobody's is locked.
          RESERVE_ASSIGN_OR_RETURN(Connection* const anywhere, connection.Aside());
          return FindReference(*anywhere, request->charge_id(), request->charge_reference());
        };
        RESERVE_ASSIGN_OR_RETURN(std::optional<Reference> charge, find());
        if (!charge.has_value()) {
          RESERVE_ASSIGN_OR_RETURN(charge,
                                   KeepOfNobody(connection, told, api.Now().now, find, response));
        }
        if (!charge.has_value()) return std::nullopt;
        Report report = told;
        SetPlace(*charge, *request, &report);
        return engine::Task{charge->account_id, std::move(report)};
      },
      std::move(fill));
}

absl::StatusOr<storage::RechargeFilter> RefundFilterFrom(const pb::ListRefundsRequest& request) {
  storage::RechargeFilter filter;
  filter.listed = storage::Listed::kRefunds;
  switch (request.state()) {
    case pb::REFUND_STATE_UNSPECIFIED:
      break;
    case pb::REFUND_STATE_PENDING:
      filter.state = domain::RechargeState::kOpen;
      break;
    case pb::REFUND_STATE_SUCCEEDED:
      filter.state = domain::RechargeState::kSucceeded;
      break;
    case pb::REFUND_STATE_FAILED:
      filter.state = domain::RechargeState::kFailed;
      break;
    case pb::REFUND_STATE_CANCELED:
      filter.state = domain::RechargeState::kCanceled;
      break;
    case pb::REFUND_STATE_NEEDS_REVIEW:
      filter.state = domain::RechargeState::kNeedsReview;
      break;
    default:
      return InvalidField("state", "must be one of RefundState");
  }
  if (request.recharge_ordinal() < 0) {
    return InvalidField("recharge_ordinal", "must not be negative");
  }
  filter.refund_of = request.recharge_ordinal();
  RESERVE_RETURN_IF_ERROR(TakeCreateTimes(request, &filter));
  return filter;
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
                        FillRefund(book::As<book::RechargeReply>(reply), response);
                      });
}

grpc::ServerUnaryReactor* RechargesService::ReportGatewayRefund(
    grpc::CallbackServerContext* context, const pb::ReportGatewayRefundRequest* request,
    pb::Refund* response) {
  return StartTold(api_, context, "ReportGatewayRefund", request, ParseGatewayRefund(*request),
                   response, [response](book::Reply&& reply) {
                     FillRefund(book::As<book::RechargeReply>(reply), response);
                   });
}

grpc::ServerUnaryReactor* RechargesService::ReportGatewayDispute(
    grpc::CallbackServerContext* context, const pb::ReportGatewayDisputeRequest* request,
    pb::Dispute* response) {
  return StartTold(api_, context, "ReportGatewayDispute", request, ParseGatewayDispute(*request),
                   response, [response](book::Reply&& reply) {
                     const auto& told = book::As<book::DisputeReply>(reply);
                     ToProto(told.dispute, told.currency, response);
                     response->set_kept(told.kept);
                   });
}

grpc::ServerUnaryReactor* AccountsService::ListRefunds(grpc::CallbackServerContext* context,
                                                       const pb::ListRefundsRequest* request,
                                                       pb::ListRefundsResponse* response) {
  return StartQuery(
      api_, context, "ListRefunds", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        const auto add = [=](const domain::Recharge& refund) {
          ToProto(refund, response->add_refunds());
        };
        RESERVE_ASSIGN_OR_RETURN(const storage::RechargeFilter filter, RefundFilterFrom(*request));
        if (request->charge_id().empty()) {
          return FillOrdinals(connection, "ListRefunds", *request, filter, add, response);
        }
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageFrom(*request, {"ListRefunds of", request->charge_id()}));
        return FillOfCharge(connection, page, *request, storage::Listed::kRefunds, add, response);
      });
}

grpc::ServerUnaryReactor* AccountsService::ListDisputes(grpc::CallbackServerContext* context,
                                                        const pb::ListDisputesRequest* request,
                                                        pb::ListDisputesResponse* response) {
  return StartQuery(
      api_, context, "ListDisputes", request->account_id(),
      [=](Connection& connection) -> absl::Status {
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
