#include "tests/worker/fake_ledger.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "tests/support/free_port.h"

namespace reserve::worker {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kPatience = absl::Seconds(20);

}  // namespace

FakeLedger::FakeLedger()
    : port_(test_support::FreePort()),
      report_handler_([](const pb::ReportRechargeRequest&) { return absl::OkStatus(); }) {
  Start();
}

FakeLedger::~FakeLedger() { Stop(); }

std::string FakeLedger::target() const { return absl::StrCat("127.0.0.1:", port_); }

void FakeLedger::Start() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = false;
  }
  ServerOptions options;
  options.listen = target();
  auto server = RpcServer::Start(options, {{pb::Recharges::service_full_name(), this}});
  if (server.ok()) server_ = *std::move(server);
}

void FakeLedger::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (server_ != nullptr) server_->Drain(absl::ZeroDuration());
  server_.reset();
}

void FakeLedger::HandOut(const HandOutOptions& options) {
  pb::WatchLowBalanceResponse response;
  response.set_account_id(options.account_id);
  response.set_ordinal(options.ordinal);
  response.set_attempt(options.attempt);
  ToProto(options.units * kNanosPerUnit, "USD", response.mutable_amount());
  response.set_refunded_charge_id(options.refunded_charge_id);
  if (options.refunded_charge_id.empty()) response.set_card_token(options.card_token);
  reserve::ToProto(options.attempt_age, response.mutable_attempt_age());
  response.set_handed_out_before(options.handed_out_before);
  response.set_pending(options.pending);
  response.mutable_lease()->set_epoch(options.epoch);
  reserve::ToProto(options.lease, response.mutable_lease()->mutable_remaining());
  absl::MutexLock lock(&mutex_);
  hand_outs_.push_back(std::move(response));
}

void FakeLedger::AnswerReports(ReportHandler handler) {
  absl::MutexLock lock(&mutex_);
  report_handler_ = std::move(handler);
}

void FakeLedger::AnswerStates(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  states_status_ = std::move(status);
}

void FakeLedger::AnswerRenewals(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  renewal_status_ = std::move(status);
}

void FakeLedger::AnswerStreams(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  stream_status_ = std::move(status);
}

std::vector<pb::ReportRechargeRequest> FakeLedger::reports() {
  absl::MutexLock lock(&mutex_);
  return reports_;
}

std::vector<pb::ReportGatewayRefundRequest> FakeLedger::told_refunds() {
  absl::MutexLock lock(&mutex_);
  return told_refunds_;
}

std::vector<pb::ReportGatewayDisputeRequest> FakeLedger::told_disputes() {
  absl::MutexLock lock(&mutex_);
  return told_disputes_;
}

int FakeLedger::renewals() {
  absl::MutexLock lock(&mutex_);
  return renewals_;
}

int FakeLedger::streams() {
  absl::MutexLock lock(&mutex_);
  return streams_;
}

bool FakeLedger::WaitForReports(size_t count) {
  const auto enough = [&] { return reports_.size() >= count; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
}

bool FakeLedger::WaitForRenewals(int count) {
  const auto enough = [&] { return renewals_ >= count; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
}

bool FakeLedger::WaitForStreamsToEnd() {
  const auto ended = [&] { return open_streams_ == 0; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&ended), kPatience);
}

grpc::Status FakeLedger::WatchLowBalance(grpc::ServerContext* context,
                                         const pb::WatchLowBalanceRequest*,
                                         grpc::ServerWriter<pb::WatchLowBalanceResponse>* writer) {
  const auto something = [&] { return stopping_ || !hand_outs_.empty() || !stream_status_.ok(); };
  absl::MutexLock lock(&mutex_);
  ++streams_;
  if (!stream_status_.ok()) return ToGrpcStatus(stream_status_, "reserve.ledger");
  writer->SendInitialMetadata();
  ++open_streams_;
  while (!stopping_ && stream_status_.ok() && !context->IsCancelled()) {
    if (!mutex_.AwaitWithTimeout(absl::Condition(&something), absl::Milliseconds(20))) continue;
    if (hand_outs_.empty()) continue;
    if (!writer->Write(hand_outs_.front())) break;
    hand_outs_.pop_front();
  }
  --open_streams_;
  if (!stream_status_.ok()) return ToGrpcStatus(stream_status_, "reserve.ledger");
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "going away");
}

grpc::Status FakeLedger::RenewLease(grpc::ServerContext*, const pb::RenewLeaseRequest* request,
                                    pb::RenewLeaseResponse* response) {
  absl::MutexLock lock(&mutex_);
  ++renewals_;
  response->mutable_lease()->set_epoch(request->lease_epoch());
  reserve::ToProto(absl::Seconds(1), response->mutable_lease()->mutable_remaining());
  return ToGrpcStatus(renewal_status_, "reserve.ledger");
}

grpc::Status FakeLedger::ReportRecharge(grpc::ServerContext*,
                                        const pb::ReportRechargeRequest* request,
                                        pb::ReportRechargeResponse*) {
  absl::MutexLock lock(&mutex_);
  reports_.push_back(*request);
  return ToGrpcStatus(report_handler_(*request), "reserve.ledger");
}

grpc::Status FakeLedger::ReportGatewayRefund(grpc::ServerContext*,
                                             const pb::ReportGatewayRefundRequest* request,
                                             pb::Refund* response) {
  absl::MutexLock lock(&mutex_);
  told_refunds_.push_back(*request);
  response->set_state(request->state());
  return ToGrpcStatus(states_status_, "reserve.ledger");
}

grpc::Status FakeLedger::ReportGatewayDispute(grpc::ServerContext*,
                                              const pb::ReportGatewayDisputeRequest* request,
                                              pb::Dispute* response) {
  absl::MutexLock lock(&mutex_);
  told_disputes_.push_back(*request);
  response->set_state(request->state());
  return ToGrpcStatus(states_status_, "reserve.ledger");
}

}  // namespace reserve::worker
