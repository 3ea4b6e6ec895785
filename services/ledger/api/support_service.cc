#include "services/ledger/api/support_service.h"

#include <optional>
#include <utility>
#include <variant>

#include "common/error/error.h"

namespace reserve::api {
namespace {

using book::Reply;

absl::StatusOr<book::Command> ParseAdjust(const pb::AdjustBalanceRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  if (!request.has_amount()) return InvalidField("amount", "must be set");
  RESERVE_ASSIGN_OR_RETURN(const std::optional<Nanos> amount,
                           OptionalMoney(true, request.amount(), "", "amount"));
  if (*amount == 0) return InvalidField("amount", "must not be zero");
  RESERVE_RETURN_IF_ERROR(CheckReason(request.reason(), "reason"));
  return book::AdjustBalance{request.request_id(), *amount, request.reason(),
                             request.amount().currency_code()};
}

template <typename Command, typename Request>
absl::StatusOr<book::Command> ParseBlock(const Request& request) {
  RESERVE_RETURN_IF_ERROR(CheckReason(request.reason(), "reason"));
  return Command{request.reason()};
}

FillResponse FillAccount(pb::Account* response) {
  return [response](Reply&& reply) { ToProto(std::get<domain::Account>(reply), response); };
}

}  // namespace

grpc::ServerUnaryReactor* SupportService::AdjustBalance(grpc::CallbackServerContext* context,
                                                        const pb::AdjustBalanceRequest* request,
                                                        pb::Entry* response) {
  return StartCommand(api_, context, "AdjustBalance",
                      TaskFor(request->account_id(), ParseAdjust(*request)),
                      [response](Reply&& reply) {
                        const auto& booked = std::get<book::EntryReply>(reply);
                        ToProto(booked.entry, booked.currency, response);
                      });
}

grpc::ServerUnaryReactor* SupportService::BlockAccount(grpc::CallbackServerContext* context,
                                                       const pb::BlockAccountRequest* request,
                                                       pb::Account* response) {
  return StartCommand(api_, context, "BlockAccount",
                      TaskFor(request->account_id(), ParseBlock<book::BlockAccount>(*request)),
                      FillAccount(response));
}

grpc::ServerUnaryReactor* SupportService::UnblockAccount(grpc::CallbackServerContext* context,
                                                         const pb::UnblockAccountRequest* request,
                                                         pb::Account* response) {
  return StartCommand(api_, context, "UnblockAccount",
                      TaskFor(request->account_id(), ParseBlock<book::UnblockAccount>(*request)),
                      FillAccount(response));
}

}  // namespace reserve::api
