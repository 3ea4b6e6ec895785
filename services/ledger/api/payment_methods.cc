// The cards of accounts, of the `Accounts` service.
#include <string>
#include <utility>
#include <variant>

#include "common/error/error.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/update_mask.h"

namespace reserve::api {
namespace {

using book::Reply;
using storage::Connection;

// Before the fields of what a request gives, where a refusal names one.
constexpr char kCard[] = "payment_method.";

absl::StatusOr<book::Command> ParseAdd(const pb::AddPaymentMethodRequest& request) {
  if (!request.validate_only()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  }
  absl::StatusOr<domain::GivenCard> given = GivenCardFrom(request.payment_method());
  if (!given.ok()) return WithFieldPrefix(given.status(), kCard);
  if (!request.payment_method().etag().empty()) {
    return InvalidField("payment_method.etag", "is of no card, as this adds one");
  }
  return book::AddPaymentMethod{IdUnlessTried(request), *std::move(given), request.validate_only()};
}

bool WritesDisplay(const UpdateMask& mask) {
  return mask.Writes("brand") || mask.Writes("last_four") || mask.Writes("expiry_year") ||
         mask.Writes("expiry_month");
}

// What is written of a card; its token is empty where only display and order are.
absl::StatusOr<domain::GivenCard> WrittenOf(const pb::PaymentMethod& message,
                                            const UpdateMask& mask) {
  domain::GivenCard given;
  if (mask.Writes("card_token")) {
    if (message.card_token().empty()) return CannotBeCleared("card_token");
    const std::string fingerprint =
        mask.Writes("card_fingerprint") ? message.card_fingerprint() : "";
    RESERVE_ASSIGN_OR_RETURN(given.card,
                             CardFrom(message.card_token(), fingerprint,
                                      mask.Writes("card_network") ? message.card_network()
                                                                  : pb::CARD_NETWORK_UNSPECIFIED));
    given.number_given = !fingerprint.empty();
  } else if (mask.Writes("card_fingerprint") || mask.Writes("card_network")) {
    return InvalidField("card_token", "must be given with the number that it stands for");
  }
  if (mask.Writes("position")) {
    RESERVE_ASSIGN_OR_RETURN(given.position, PositionFrom(message.position()));
  }
  if (WritesDisplay(mask)) {
    RESERVE_ASSIGN_OR_RETURN(given.display, DisplayFrom(message));
  }
  return given;
}

absl::StatusOr<book::Command> ParseUpdate(const pb::UpdatePaymentMethodRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  const pb::PaymentMethod& message = request.payment_method();
  RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask, UpdateMask::From(request.update_mask(), message));
  absl::StatusOr<domain::GivenCard> given = WrittenOf(message, mask);
  if (!given.ok()) return WithFieldPrefix(given.status(), kCard);
  if (given->card.token.empty() && message.payment_method_id().empty()) {
    return InvalidField("payment_method.card_token", "must be set, or a payment_method_id");
  }
  RESERVE_RETURN_IF_ERROR(CheckEtag(message.etag(), "payment_method.etag"));
  if (message.payment_method_id().empty() && !message.etag().empty()) {
    return InvalidField("payment_method.etag", "is of no card without a payment_method_id");
  }
  return book::UpdatePaymentMethod{IdUnlessTried(request), message.payment_method_id(),
                                   *std::move(given), message.etag(), request.validate_only()};
}

absl::StatusOr<book::Command> ParseRemove(const pb::RemovePaymentMethodRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  if (request.payment_method_id().empty()) return InvalidField("payment_method_id", "must be set");
  RESERVE_RETURN_IF_ERROR(CheckEtag(request.etag(), "etag"));
  return book::RemovePaymentMethod{request.payment_method_id(), request.etag(),
                                   IdUnlessTried(request), request.validate_only()};
}

FillResponse FillCard(const ApiContext& api, pb::PaymentMethod* response) {
  return [&api, response](Reply&& reply) {
    const auto& given = book::As<book::PaymentMethodReply>(reply);
    ToProto(given.method, given.position, api.engine.Now(), response);
  };
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::AddPaymentMethod(
    grpc::CallbackServerContext* context, const pb::AddPaymentMethodRequest* request,
    pb::PaymentMethod* response) {
  return StartCommand(api_, context, "AddPaymentMethod",
                      TaskBy(request->actor(), request->account_id(), ParseAdd(*request)),
                      FillCard(api_, response));
}

grpc::ServerUnaryReactor* AccountsService::UpdatePaymentMethod(
    grpc::CallbackServerContext* context, const pb::UpdatePaymentMethodRequest* request,
    pb::PaymentMethod* response) {
  return StartCommand(api_, context, "UpdatePaymentMethod",
                      TaskBy(request->actor(), request->account_id(), ParseUpdate(*request)),
                      FillCard(api_, response));
}

grpc::ServerUnaryReactor* AccountsService::RemovePaymentMethod(
    grpc::CallbackServerContext* context, const pb::RemovePaymentMethodRequest* request,
    pb::Account* response) {
  return StartCommand(api_, context, "RemovePaymentMethod",
                      TaskBy(request->actor(), request->account_id(), ParseRemove(*request)),
                      FillAccount(api_, response));
}

grpc::ServerUnaryReactor* AccountsService::ListPaymentMethods(
    grpc::CallbackServerContext* context, const pb::ListPaymentMethodsRequest* request,
    pb::ListPaymentMethodsResponse* response) {
  return StartQuery(api_, context, "ListPaymentMethods", request->account_id(),
                    [=, this](Connection& connection) -> absl::Status {
                      RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                               LoadAccount(connection, request->account_id()));
                      response->Clear();
                      ToProto(account, api_.engine.Now(), response->mutable_payment_methods());
                      return absl::OkStatus();
                    });
}

}  // namespace reserve::api
