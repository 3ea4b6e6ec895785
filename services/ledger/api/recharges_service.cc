#include "services/ledger/api/recharges_service.h"

#include <deque>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/engine/recharge_dispatcher.h"

namespace reserve::api {
namespace {

constexpr int kDefaultInFlight = 16;
constexpr int kMaxInFlight = 1024;

void FillLease(const engine::LeasedRecharge& leased, pb::WatchLowBalanceResponse* message) {
  const domain::Recharge& recharge = leased.recharge;
  message->set_account_id(recharge.account_id);
  message->set_ordinal(recharge.ordinal);
  message->set_attempt(recharge.attempt);
  reserve::ToProto(recharge.amount, recharge.currency, message->mutable_amount());
  if (recharge.is_refund()) {
    message->set_refunded_charge_id(recharge.charge_id);
  } else {
    message->set_card_token(recharge.card.token.Reveal());
  }
  reserve::ToProto(leased.attempt_age, message->mutable_attempt_age());
  message->set_handed_out_before(leased.handed_out_before);
  message->set_pending(recharge.pending());
  if (leased.trace.valid()) message->set_traceparent(FormatTraceparent(leased.trace));
  message->mutable_lease()->set_epoch(recharge.lease_epoch);
  reserve::ToProto(leased.lease_remaining, message->mutable_lease()->mutable_remaining());
}

absl::Status CheckWatch(const pb::WatchLowBalanceRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.worker_id(), "worker_id"));
  if (request.max_in_flight() < 0 || request.max_in_flight() > kMaxInFlight) {
    return InvalidField("max_in_flight", absl::StrCat("must be 0 to ", kMaxInFlight));
  }
  return absl::OkStatus();
}

absl::StatusOr<engine::Task> ParseReport(const pb::ReportRechargeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  RESERVE_ASSIGN_OR_RETURN(book::ReportRecharge report, ReportFrom(request));
  return engine::Task{request.account_id(), std::move(report), nullptr, 0};
}

}  // namespace

// One worker that watches. Leases queue up here while one is being written; the
// dispatcher never has more out than the worker asked for, so the queue is
// bounded.
class LowBalanceStream final : public grpc::ServerWriteReactor<pb::WatchLowBalanceResponse>,
                               public engine::RechargeWatcher {
 public:
  LowBalanceStream(OpenStreams<LowBalanceStream>& open, const ApiContext& api,
                   grpc::CallbackServerContext* context)
      : open_(open),
        api_(api),
        context_(*context),
        record_(api.metrics, *context, "WatchLowBalance") {}

  void Begin(const std::string& worker_id, int max_in_flight) {
    // The headers tell the worker that it is being listened to.
    StartSendInitialMetadata();
    api_.engine.dispatcher().Add(this, worker_id, max_in_flight);
  }

  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    end_status_ = status;
    Proceed();
  }

  const grpc::CallbackServerContext& context() const { return context_; }

  void OnLease(const engine::LeasedRecharge& leased) override {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;  // the lease runs out, and somebody else takes it
    pb::WatchLowBalanceResponse message;
    FillLease(leased, &message);
    queue_.push_back(std::move(message));
    Proceed();
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok && !ended_) {
      ended_ = true;
      end_status_ = absl::CancelledError("the worker is gone");
    }
    Proceed();
  }

  void OnCancel() override { End(absl::CancelledError("the worker is gone")); }

  void OnDone() override {
    // After this nobody calls OnLease any more.
    api_.engine.dispatcher().Remove(this);
    open_.Remove(this);
    delete this;
  }

 private:
  void Proceed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (ended_) {
      finished_ = true;
      Finish(record_.End(end_status_));
      return;
    }
    if (queue_.empty()) return;
    sending_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    StartWrite(&sending_);
  }

  OpenStreams<LowBalanceStream>& open_;
  const ApiContext api_;
  const grpc::CallbackServerContext& context_;
  const CallRecord record_;

  absl::Mutex mutex_;
  std::deque<pb::WatchLowBalanceResponse> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  pb::WatchLowBalanceResponse sending_;
};

grpc::ServerWriteReactor<pb::WatchLowBalanceResponse>* RechargesService::WatchLowBalance(
    grpc::CallbackServerContext* context, const pb::WatchLowBalanceRequest* request) {
  auto* stream = new LowBalanceStream(open_, api_, context);
  const absl::Status refusal = open_.Add(stream);
  const absl::Status valid = CheckWatch(*request);
  if (!valid.ok()) {
    stream->End(valid);
  } else if (!refusal.ok()) {
    stream->End(refusal);
  } else {
    stream->Begin(request->worker_id(),
                  request->max_in_flight() == 0 ? kDefaultInFlight : request->max_in_flight());
  }
  return stream;
}

void RechargesService::NoteOutcome(const pb::ReportRechargeRequest& request,
                                   const domain::Recharge& recharge) {
  OutcomeMetrics& outcomes = api_.metrics.outcomes();
  switch (request.outcome_case()) {
    case pb::ReportRechargeRequest::kSucceeded:
      // Of what a customer asked for the wait began with no dip.
      if (recharge.kind == domain::RechargeKind::kAutomatic) {
        outcomes.NoteCredit(recharge.end_time - recharge.create_time);
      }
      return outcomes.NoteReport(OutcomeMetrics::Report::kSucceeded);
    case pb::ReportRechargeRequest::kDeclined:
      outcomes.NoteDecline(request.declined().decline_class());
      return outcomes.NoteReport(OutcomeMetrics::Report::kDeclined);
    case pb::ReportRechargeRequest::kUnresolved:
      return outcomes.NoteReport(OutcomeMetrics::Report::kUnresolved);
    case pb::ReportRechargeRequest::kPending:
      return outcomes.NoteReport(OutcomeMetrics::Report::kPending);
    case pb::ReportRechargeRequest::kRefundSucceeded:
      return outcomes.NoteReport(OutcomeMetrics::Report::kRefunded);
    case pb::ReportRechargeRequest::kRefundFailed:
      return outcomes.NoteReport(OutcomeMetrics::Report::kRefundFailed);
    case pb::ReportRechargeRequest::OUTCOME_NOT_SET:
      return;
  }
}

void RechargesService::EndStreams() { open_.EndAll(); }

void RechargesService::EndRefusedStreams(const Doorkeeper& keeper) {
  static constexpr const MethodAccess& kRow =
      RowOf(access::kAccessTable, "/reserve.ledger.v1.Recharges/WatchLowBalance");
  open_.EndRefused(keeper, kRow);
}

grpc::ServerUnaryReactor* RechargesService::RenewLease(grpc::CallbackServerContext* context,
                                                       const pb::RenewLeaseRequest* request,
                                                       pb::RenewLeaseResponse* response) {
  return StartQueryIn(
      api_.engine.doors(), api_, context, "RenewLease", request->account_id(),
      [=, this](storage::Connection& connection) -> absl::Status {
        RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
        RESERVE_RETURN_IF_ERROR(CheckId(request->worker_id(), "worker_id"));
        RESERVE_ASSIGN_OR_RETURN(
            const absl::Duration remaining,
            api_.engine.RenewLease(connection,
                                   book::RechargeKey(request->account_id(), request->ordinal()),
                                   request->worker_id(), request->lease_epoch()));
        response->mutable_lease()->set_epoch(request->lease_epoch());
        reserve::ToProto(remaining, response->mutable_lease()->mutable_remaining());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* RechargesService::ReportRecharge(grpc::CallbackServerContext* context,
                                                           const pb::ReportRechargeRequest* request,
                                                           pb::ReportRechargeResponse* response) {
  return StartCommand(api_, context, "ReportRecharge",
                      {request->account_id(), ParseReport(*request)},
                      [this, request, response](book::Reply&& reply) {
                        const auto& applied = book::As<book::RechargeReply>(reply);
                        const domain::Recharge& recharge = applied.recharge;
                        const int64_t reported = request->lease_epoch();
                        if (!applied.already_applied) NoteOutcome(*request, recharge);
                        if (recharge.is_refund()) {
                          api::ToProto(recharge, response->mutable_refund());
                        } else {
                          api::ToProto(recharge, response->mutable_recharge());
                        }
                        response->set_already_applied(applied.already_applied);
                        // Nobody is to have one that is over, whatever the lease of the report.
                        const bool open = recharge.state == domain::RechargeState::kOpen;
                        api_.engine.dispatcher().Reported({recharge.account_id, recharge.ordinal},
                                                          open ? reported : recharge.lease_epoch);
                      });
}

}  // namespace reserve::api
