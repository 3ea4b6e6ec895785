// The closing of accounts, of the service `Support`.
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/support_service.h"

namespace reserve::api {
namespace {

constexpr int kMostWaived = 1'000;
constexpr char kWaivedField[] = "waive_unrated_usage_ids";

absl::StatusOr<book::Command> ParseClose(const pb::CloseAccountRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  book::CloseAccount close;
  close.request_id = request.request_id();
  if (request.waive_unrated_usage_ids_size() > kMostWaived) {
    return InvalidField(kWaivedField, absl::StrCat("must be at most ", kMostWaived));
  }
  std::set<std::string> waived;  // in their order, so that a repeat is one in any order
  for (const std::string& usage_id : request.waive_unrated_usage_ids()) {
    RESERVE_RETURN_IF_ERROR(CheckId(usage_id, kWaivedField));
    waived.insert(usage_id);
  }
  close.waived.assign(waived.begin(), waived.end());
  RESERVE_ASSIGN_OR_RETURN(close.by, ByStaffFrom(request));
  close.validate_only = request.validate_only();
  return close;
}

void ToProto(const domain::ClosingStep& step, const std::string& currency,
             pb::ClosingStep* message) {
  message->set_kind(static_cast<pb::ClosingStepKind>(step.kind));
  message->set_done(step.done);
  if (step.until != absl::InfiniteFuture()) {
    reserve::ToProto(step.until, message->mutable_until());
  }
  message->set_ordinal(step.ordinal);
  message->set_charge_ordinal(step.charge_ordinal);
  message->set_charge_id(step.charge_id);
  message->set_payment_method_id(step.payment_method_id);
  reserve::ToProto(step.amount, currency, message->mutable_amount());
  message->set_usage_id(step.usage_id);
}

}  // namespace

grpc::ServerUnaryReactor* SupportService::CloseAccount(grpc::CallbackServerContext* context,
                                                       const pb::CloseAccountRequest* request,
                                                       pb::CloseAccountResponse* response) {
  return StartCommand(api_, context, "CloseAccount",
                      TaskFor(request->account_id(), ParseClose(*request)),
                      [response](book::Reply&& reply) {
                        const auto& closing = std::get<book::ClosingReply>(reply);
                        ToProto(closing.account, response->mutable_account());
                        for (const domain::ClosingStep& step : closing.steps) {
                          ToProto(step, closing.account.currency, response->add_steps());
                        }
                      });
}

}  // namespace reserve::api
