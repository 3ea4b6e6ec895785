#include "worker/ledger_client.h"

#include <utility>

#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "worker/errors.h"
#include "worker/gateway_messages.h"

namespace reserve::worker {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kCallTimeout = absl::Seconds(5);

absl::StatusOr<std::pair<Task, HandOut>> FromProto(const pb::WatchLowBalanceResponse& response) {
  if (response.account_id().empty()) return InvalidField("account_id", "must not be empty");
  if (response.ordinal() < 1) return InvalidField("ordinal", "must be 1 or more");
  if (response.attempt() < 1) return InvalidField("attempt", "must be 1 or more");
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, reserve::FromProto(response.amount(), "", "amount"));
  if (amount <= 0) return InvalidField("amount", "must be above zero");
  return std::pair{
      Task{.account_id = response.account_id(),
           .ordinal = response.ordinal(),
           .attempt = response.attempt(),
           .amount = amount,
           .currency = response.amount().currency_code(),
           .card_token = CardToken(response.card_token()),
           .refunded_charge_id = response.refunded_charge_id()},
      HandOut{.attempt_age = reserve::FromProto(response.attempt_age()),
              .handed_out_before = response.handed_out_before(),
              .pending = response.pending(),
              .lease_epoch = response.lease().epoch(),
              .lease_remaining = reserve::FromProto(response.lease().remaining()),
              .trace = ParseTraceparent(response.traceparent()).value_or(TraceContext())}};
}

pb::DeclineClass ToProto(DeclineClass decline_class) {
  switch (decline_class) {
    case DeclineClass::kSoft:
      return pb::DECLINE_CLASS_SOFT;
    case DeclineClass::kHard:
      return pb::DECLINE_CLASS_HARD;
    case DeclineClass::kAuthenticationRequired:
      return pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED;
  }
  return pb::DECLINE_CLASS_UNSPECIFIED;
}

void SetOutcome(const Task& task, const Outcome& outcome, pb::ReportRechargeRequest* request) {
  switch (outcome.kind) {
    case Outcome::Kind::kSucceeded:
      request->mutable_succeeded()->set_charge_id(outcome.charge_id);
      reserve::ToProto(outcome.amount, task.currency,
                       request->mutable_succeeded()->mutable_amount());
      return;
    case Outcome::Kind::kDeclined:
      request->mutable_declined()->set_decline_class(ToProto(outcome.decline_class));
      request->mutable_declined()->set_code(outcome.text);
      return;
    case Outcome::Kind::kPending:
      request->mutable_pending()->set_charge_id(task.is_refund() ? outcome.refund_id
                                                                 : outcome.charge_id);
      return;
    case Outcome::Kind::kRefunded:
      request->mutable_refund_succeeded()->set_refund_id(outcome.refund_id);
      return;
    case Outcome::Kind::kRefundFailed:
      request->mutable_refund_failed()->set_refund_id(outcome.refund_id);
      request->mutable_refund_failed()->set_code(outcome.text);
      return;
    case Outcome::Kind::kUnresolved:
      request->mutable_unresolved()->set_reason(outcome.text);
      return;
  }
}

ReportAnswer AnswerOf(const absl::Status& status) {
  if (status.ok()) return ReportAnswer::kAccepted;
  if (!IsRefusal(status)) return ReportAnswer::kNoAnswer;
  return IsLeaseLost(status) ? ReportAnswer::kLeaseLost : ReportAnswer::kRefused;
}

void Answer(const grpc::Status& grpc_status, const LedgerClient::Reported& done) {
  const absl::Status status = FromGrpcStatus(grpc_status);
  done(AnswerOf(status), status);
}

}  // namespace

bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

// The open stream. Deletes itself when it is over.
class LedgerClient::WatchReactor : public grpc::ClientReadReactor<pb::WatchLowBalanceResponse> {
 public:
  WatchReactor(LedgerClient* client, WatchEvents events)
      : client_(*client), events_(std::move(events)) {
    request_.set_worker_id(client_.worker_id_);
    request_.set_max_in_flight(client_.max_in_flight_);
  }

  void Start() {
    client_.stub_->async()->WatchLowBalance(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }
  grpc::ClientContext* context() { return &context_; }

  void OnReadInitialMetadataDone(bool ok) override {
    if (ok) events_.on_open();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    events_.on_hand_out(FromProto(response_));
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    {
      absl::MutexLock lock(&client_.mutex_);
      client_.watch_ = nullptr;
    }
    events_.on_end(FromGrpcStatus(status));
    client_.calls_.End(&context_, std::unique_ptr<WatchReactor>(this));
  }

 private:
  LedgerClient& client_;
  const WatchEvents events_;
  grpc::ClientContext context_;
  pb::WatchLowBalanceRequest request_;
  pb::WatchLowBalanceResponse response_;
};

LedgerClient::LedgerClient(std::shared_ptr<grpc::Channel> channel, std::string worker_id,
                           int max_in_flight)
    : stub_(pb::Recharges::NewStub(std::move(channel))),
      worker_id_(std::move(worker_id)),
      max_in_flight_(max_in_flight) {}

void LedgerClient::Watch(WatchEvents events) {
  auto reactor = std::make_unique<WatchReactor>(this, std::move(events));
  if (!calls_.Add(reactor->context())) return;
  {
    absl::MutexLock lock(&mutex_);
    watch_ = reactor.get();
  }
  reactor.release()->Start();
}

void LedgerClient::StopWatching() {
  absl::MutexLock lock(&mutex_);
  if (watch_ != nullptr) watch_->context()->TryCancel();
}

void LedgerClient::Renew(const Task& task, int64_t epoch, Renewed done) {
  pb::RenewLeaseRequest request;
  request.set_account_id(task.account_id);
  request.set_ordinal(task.ordinal);
  request.set_lease_epoch(epoch);
  request.set_worker_id(worker_id_);
  calls_.Start<pb::RenewLeaseRequest, pb::RenewLeaseResponse>(
      kCallTimeout, TraceContext(), std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->RenewLease(context, sent, response, std::move(on_done));
      },
      [done = std::move(done)](const grpc::Status& status, const pb::RenewLeaseResponse& reply) {
        if (!status.ok()) return done(FromGrpcStatus(status));
        done(reserve::FromProto(reply.lease().remaining()));
      });
}

void LedgerClient::Report(const Task& task, int64_t epoch, const Outcome& outcome,
                          const TraceContext& trace, Reported done) {
  pb::ReportRechargeRequest request;
  request.set_account_id(task.account_id);
  request.set_ordinal(task.ordinal);
  request.set_attempt(task.attempt);
  request.set_lease_epoch(epoch);
  request.set_worker_id(worker_id_);
  SetOutcome(task, outcome, &request);
  calls_.Start<pb::ReportRechargeRequest, pb::ReportRechargeResponse>(
      kCallTimeout, trace, std::move(request),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->ReportRecharge(context, sent, response, std::move(on_done));
      },
      [done = std::move(done)](const grpc::Status& status, const pb::ReportRechargeResponse&) {
        Answer(status, done);
      });
}

void LedgerClient::Tell(const Task& task, const std::string& charge_id, const GatewayState& state,
                        const TraceContext& trace, Reported done) {
  const std::string reference = ReferenceOf(task);
  if (state.kind == GatewayState::Kind::kRefund) {
    calls_.Start<pb::ReportGatewayRefundRequest, pb::Refund>(
        kCallTimeout, trace, RefundReport(charge_id, reference, state),
        [this](auto* context, auto* sent, auto* response, auto on_done) {
          stub_->async()->ReportGatewayRefund(context, sent, response, std::move(on_done));
        },
        [done = std::move(done)](const grpc::Status& status, const pb::Refund&) {
          Answer(status, done);
        });
    return;
  }
  calls_.Start<pb::ReportGatewayDisputeRequest, pb::Dispute>(
      kCallTimeout, trace, DisputeReport(charge_id, reference, state),
      [this](auto* context, auto* sent, auto* response, auto on_done) {
        stub_->async()->ReportGatewayDispute(context, sent, response, std::move(on_done));
      },
      [done = std::move(done)](const grpc::Status& status, const pb::Dispute&) {
        Answer(status, done);
      });
}

}  // namespace reserve::worker
