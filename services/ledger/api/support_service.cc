#include "services/ledger/api/support_service.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {
namespace {

using book::Reply;

absl::StatusOr<book::Command> ParseAdjust(const pb::AdjustBalanceRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount,
                           RequiredMoney(request.has_amount(), request.amount(), "amount"));
  if (amount == 0) return InvalidField("amount", "must not be zero");
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return book::AdjustBalance{request.request_id(), amount, std::move(by),
                             request.amount().currency_code(), request.validate_only()};
}

absl::StatusOr<book::Command> ParseGrant(const pb::GrantCreditRequest& request) {
  book::GrantCredit grant;
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  grant.request.request_id = request.request_id();
  RESERVE_ASSIGN_OR_RETURN(grant.request.amount,
                           RequiredMoney(request.has_amount(), request.amount(), "amount"));
  if (!request.has_expire_time()) return InvalidField("expire_time", "must be set");
  RESERVE_ASSIGN_OR_RETURN(grant.request.end,
                           reserve::FromProto(request.expire_time(), "expire_time"));
  RESERVE_ASSIGN_OR_RETURN(grant.request.by, ByStaffFrom(request));
  grant.currency = request.amount().currency_code();
  grant.validate_only = request.validate_only();
  return grant;
}

FillResponse FillEntry(pb::Entry* response) {
  return [response](Reply&& reply) {
    const auto& booked = std::get<book::EntryReply>(reply);
    ToProto(booked.entry, booked.currency, response);
  };
}

template <typename Command, typename Request>
absl::StatusOr<book::Command> ParseByStaff(const Request& request) {
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return Command{std::move(by)};
}

absl::StatusOr<book::Command> ParseResolve(const pb::ResolveReviewRequest& request) {
  book::ResolveReview resolve;
  resolve.ordinal = request.ordinal();
  RESERVE_ASSIGN_OR_RETURN(resolve.by, ByStaffFrom(request));
  switch (request.outcome_case()) {
    case pb::ResolveReviewRequest::kCharged: {
      const pb::ReviewCharged& charged = request.charged();
      resolve.outcome.charged = true;
      resolve.outcome.charge_id = charged.charge_id();
      RESERVE_RETURN_IF_ERROR(CheckChargeId(charged.charge_id(), "charged.charge_id"));
      RESERVE_ASSIGN_OR_RETURN(
          resolve.outcome.amount,
          RequiredMoney(charged.has_amount(), charged.amount(), "charged.amount"));
      resolve.currency = charged.amount().currency_code();
      return resolve;
    }
    case pb::ResolveReviewRequest::kNotCharged:
      return resolve;
    default:
      return InvalidField("outcome", "must be charged or not_charged");
  }
}

absl::StatusOr<book::Command> ParseLift(const pb::LiftSuspensionRequest& request) {
  if (!request.payment_method_id().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.payment_method_id(), "payment_method_id"));
  }
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return book::LiftSuspension{request.payment_method_id(), std::move(by)};
}

FillResponse FillAccount(pb::Account* response) {
  return [response](Reply&& reply) { ToProto(std::get<domain::Account>(reply), response); };
}

}  // namespace

grpc::ServerUnaryReactor* SupportService::AdjustBalance(grpc::CallbackServerContext* context,
                                                        const pb::AdjustBalanceRequest* request,
                                                        pb::Entry* response) {
  return StartCommand(api_, context, "AdjustBalance",
                      TaskFor(request->account_id(), ParseAdjust(*request)), FillEntry(response));
}

grpc::ServerUnaryReactor* SupportService::GrantCredit(grpc::CallbackServerContext* context,
                                                      const pb::GrantCreditRequest* request,
                                                      pb::Entry* response) {
  return StartCommand(api_, context, "GrantCredit",
                      TaskFor(request->account_id(), ParseGrant(*request)), FillEntry(response));
}

grpc::ServerUnaryReactor* SupportService::BlockAccount(grpc::CallbackServerContext* context,
                                                       const pb::BlockAccountRequest* request,
                                                       pb::Account* response) {
  return StartCommand(api_, context, "BlockAccount",
                      TaskFor(request->account_id(), ParseByStaff<book::BlockAccount>(*request)),
                      FillAccount(response));
}

grpc::ServerUnaryReactor* SupportService::UnblockAccount(grpc::CallbackServerContext* context,
                                                         const pb::UnblockAccountRequest* request,
                                                         pb::Account* response) {
  return StartCommand(api_, context, "UnblockAccount",
                      TaskFor(request->account_id(), ParseByStaff<book::UnblockAccount>(*request)),
                      FillAccount(response));
}

grpc::ServerUnaryReactor* SupportService::LiftSuspension(grpc::CallbackServerContext* context,
                                                         const pb::LiftSuspensionRequest* request,
                                                         pb::Account* response) {
  return StartCommand(api_, context, "LiftSuspension",
                      TaskFor(request->account_id(), ParseLift(*request)), FillAccount(response));
}

grpc::ServerUnaryReactor* SupportService::ListReviews(grpc::CallbackServerContext* context,
                                                      const pb::ListReviewsRequest* request,
                                                      pb::ListReviewsResponse* response) {
  return StartQuery(
      api_, context, "ListReviews", [=](storage::Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const Page page, PageFrom(*request, {"ListReviews"}));
        RESERVE_ASSIGN_OR_RETURN(const book::RechargeKey after, RowBefore(page));
        RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Recharge> reviews,
                                 storage::ListReviews(connection, after, page.limit()));
        response->Clear();
        FillPage(
            page, reviews, response,
            [=](const domain::Recharge& recharge) {
              if (recharge.is_refund()) {
                ToProto(recharge, response->add_refunds());
              } else {
                ToProto(recharge, response->add_recharges());
              }
            },
            CursorAfter);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SupportService::ResolveReview(grpc::CallbackServerContext* context,
                                                        const pb::ResolveReviewRequest* request,
                                                        pb::Recharge* response) {
  return StartCommand(api_, context, "ResolveReview",
                      TaskFor(request->account_id(), ParseResolve(*request)),
                      [response](Reply&& reply) {
                        ToProto(std::get<book::RechargeReply>(reply).recharge, response);
                      });
}

}  // namespace reserve::api
