// Payments, of the services `Support` and `Accounts`.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/ordinal_lists.h"
#include "services/ledger/api/support_service.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

// Nothing that is booked today was received before.
constexpr absl::CivilYear kFirstYearOfPayments(2000);

absl::StatusOr<book::Command> ParsePayment(const pb::RecordPaymentRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  book::RecordPayment record;
  domain::PaymentRequest& payment = record.request;
  payment.request_id = request.request_id();
  RESERVE_ASSIGN_OR_RETURN(payment.amount,
                           RequiredMoney(request.has_amount(), request.amount(), "amount"));
  RESERVE_ASSIGN_OR_RETURN(payment.by, ByStaffFrom(request));
  if (request.means() == pb::PAYMENT_MEANS_UNSPECIFIED ||
      !pb::PaymentMeans_IsValid(request.means())) {
    return InvalidField("means", "must be set");
  }
  payment.means = static_cast<domain::PaymentMeans>(request.means());
  payment.charge_id = request.charge_id();
  if (!request.charge_id().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckChargeId(request.charge_id(), "charge_id"));
  }
  if (request.has_received_time()) {
    RESERVE_ASSIGN_OR_RETURN(payment.received_time,
                             reserve::FromProto(request.received_time(), "received_time"));
    if (absl::ToCivilYear(payment.received_time, absl::UTCTimeZone()) < kFirstYearOfPayments) {
      return InvalidField("received_time", "must be in the year 2000 or later");
    }
  }
  record.currency = request.amount().currency_code();
  record.validate_only = request.validate_only();
  return record;
}

absl::StatusOr<book::Command> ParseReversal(const pb::ReversePaymentRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return book::ReversePayment{request.ordinal(), request.request_id(), std::move(by),
                              request.validate_only()};
}

void FillPayment(const book::PaymentReply& reply, pb::RecordPaymentResponse* response) {
  const domain::Recharge& credited = reply.credited;
  if (credited.is_payment()) {
    ToProto(credited, response->mutable_payment());
  } else {
    ToProto(credited, response->mutable_recharge());
  }
  if (reply.entry.has_value()) {
    ToProto(*reply.entry, credited.currency, response->mutable_entry());
  }
  response->set_already_credited(reply.already_credited);
  for (const domain::Recharge& payment : reply.same_reference) {
    ToProto(payment, response->add_same_reference());
  }
}

absl::StatusOr<storage::RechargeFilter> PaymentFilterFrom(const pb::ListPaymentsRequest& request) {
  storage::RechargeFilter filter;
  filter.listed = storage::Listed::kPayments;
  switch (request.state()) {
    case pb::PAYMENT_STATE_UNSPECIFIED:
      break;
    case pb::PAYMENT_STATE_RECORDED:
      filter.state = domain::RechargeState::kSucceeded;
      break;
    case pb::PAYMENT_STATE_REVERSED:
      filter.state = domain::RechargeState::kReversed;
      break;
    default:
      return InvalidField("state", "must be one of PaymentState");
  }
  if (!pb::PaymentMeans_IsValid(request.means())) {
    return InvalidField("means", "must be one of PaymentMeans");
  }
  if (request.means() != pb::PAYMENT_MEANS_UNSPECIFIED) {
    filter.means = static_cast<domain::PaymentMeans>(request.means());
  }
  RESERVE_RETURN_IF_ERROR(CheckStaffText(request.reference(), "reference"));
  filter.reference = request.reference();
  RESERVE_RETURN_IF_ERROR(TakeCreateTimes(request, &filter));
  return filter;
}

}  // namespace

grpc::ServerUnaryReactor* SupportService::RecordPayment(grpc::CallbackServerContext* context,
                                                        const pb::RecordPaymentRequest* request,
                                                        pb::RecordPaymentResponse* response) {
  return StartCommand(api_, context, "RecordPayment",
                      TaskFor(request->account_id(), ParsePayment(*request)),
                      [response](book::Reply&& reply) {
                        FillPayment(book::As<book::PaymentReply>(reply), response);
                      });
}

grpc::ServerUnaryReactor* SupportService::ReversePayment(grpc::CallbackServerContext* context,
                                                         const pb::ReversePaymentRequest* request,
                                                         pb::Payment* response) {
  return StartCommand(api_, context, "ReversePayment",
                      TaskFor(request->account_id(), ParseReversal(*request)),
                      [response](book::Reply&& reply) {
                        ToProto(book::As<book::RechargeReply>(reply).recharge, response);
                      });
}

grpc::ServerUnaryReactor* AccountsService::ListPayments(grpc::CallbackServerContext* context,
                                                        const pb::ListPaymentsRequest* request,
                                                        pb::ListPaymentsResponse* response) {
  return StartQuery(
      api_, context, "ListPayments", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        const auto add = [=](const domain::Recharge& payment) {
          ToProto(payment, response->add_payments());
        };
        RESERVE_ASSIGN_OR_RETURN(const storage::RechargeFilter filter, PaymentFilterFrom(*request));
        if (request->charge_id().empty()) {
          return FillOrdinals(connection, "ListPayments", *request, filter, add, response);
        }
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageFrom(*request, {"ListPayments of", request->charge_id()}));
        return FillOfCharge(connection, page, *request, storage::Listed::kPayments, add, response);
      });
}

}  // namespace reserve::api
