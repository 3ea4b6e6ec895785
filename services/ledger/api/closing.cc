// The closing of accounts, of the service `Support`.
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/support_service.h"
#include "services/ledger/storage/account_rows.h"

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

void FillStep(const domain::ClosingStep& step, const std::string& currency,
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

absl::StatusOr<book::Command> ParsePayout(const pb::RecordPayoutRequest& request) {
  book::RecordPayout payout;
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  payout.request_id = IdUnlessTried(request);
  payout.validate_only = request.validate_only();
  RESERVE_ASSIGN_OR_RETURN(payout.total,
                           RequiredMoney(request.has_total(), request.total(), "total"));
  if (payout.total <= 0) return InvalidField("total", "must be above zero");
  payout.currency = request.total().currency_code();
  RESERVE_ASSIGN_OR_RETURN(payout.by, ByStaffFrom(request));
  return payout;
}

void FillPayout(const domain::Account& account, pb::Payout* message) {
  const domain::Closing& closing = account.closing;
  message->set_account_id(account.account_id);
  reserve::ToProto(closing.owed - closing.paid_out, account.currency, message->mutable_amount());
  reserve::ToProto(closing.owed, account.currency, message->mutable_owed());
  reserve::ToProto(closing.paid_out, account.currency, message->mutable_paid_out());
  if (closing.close_time != absl::InfinitePast()) {
    reserve::ToProto(closing.close_time, message->mutable_close_time());
  }
}

}  // namespace

grpc::ServerUnaryReactor* SupportService::ListPayouts(grpc::CallbackServerContext* context,
                                                      const pb::ListPayoutsRequest* request,
                                                      pb::ListPayoutsResponse* response) {
  return StartQuery(
      api_, context, "ListPayouts", [=](storage::Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const Page page, PageFrom(*request, {"ListPayouts"}));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Account> accounts,
            storage::ListAccountsThatOwe(connection, page.cursor, page.limit()));
        response->Clear();
        FillPage(
            page, accounts, response,
            [=](const domain::Account& account) { FillPayout(account, response->add_payouts()); },
            [](const domain::Account& last) { return last.account_id; });
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SupportService::RecordPayout(grpc::CallbackServerContext* context,
                                                       const pb::RecordPayoutRequest* request,
                                                       pb::Account* response) {
  return StartCommand(api_, context, "RecordPayout",
                      TaskFor(request->account_id(), ParsePayout(*request)),
                      FillAccount(api_, response));
}

grpc::ServerUnaryReactor* SupportService::CloseAccount(grpc::CallbackServerContext* context,
                                                       const pb::CloseAccountRequest* request,
                                                       pb::CloseAccountResponse* response) {
  return StartCommand(api_, context, "CloseAccount",
                      TaskFor(request->account_id(), ParseClose(*request)),
                      [=, this](book::Reply&& reply) {
                        const auto& closing = book::As<book::ClosingReply>(reply);
                        ToProto(closing.account, api_.Now(), response->mutable_account());
                        for (const domain::ClosingStep& step : closing.steps) {
                          FillStep(step, closing.account.currency, response->add_steps());
                        }
                      });
}

}  // namespace reserve::api
