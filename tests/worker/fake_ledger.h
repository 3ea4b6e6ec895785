// A ledger of which only the worker's door is there, on a real gRPC server. The
// test says what is handed out and how reports are answered, and sees what came.
// Thread-safe.
//
//   FakeLedger ledger;
//   ledger.HandOut({.account_id = "a", .card_token = "tok_visa"});
//   ASSERT_TRUE(ledger.WaitForReports(1));
#ifndef RESERVE_TESTS_WORKER_FAKE_LEDGER_H_
#define RESERVE_TESTS_WORKER_FAKE_LEDGER_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/server.h"
#include "reserve/ledger/v1/recharges.grpc.pb.h"

namespace reserve::worker {

class FakeLedger final : public ledger::v1::Recharges::Service {
 public:
  struct HandOutOptions {
    std::string account_id = "acct-1";
    int64_t ordinal = 1;
    int32_t attempt = 1;
    int64_t units = 15;
    std::string card_token = "tok_visa";
    std::string refunded_charge_id = {};  // set: a refund, without a card
    absl::Duration attempt_age = absl::ZeroDuration();
    bool handed_out_before = false;
    bool pending = false;
    int64_t epoch = 1;
    absl::Duration lease = absl::Seconds(60);
  };
  using ReportHandler = std::function<absl::Status(const ledger::v1::ReportRechargeRequest&)>;

  FakeLedger();
  ~FakeLedger() override;

  // "127.0.0.1:<port>"; the same all its life.
  std::string target() const;
  // The server goes away, with its streams, or comes back.
  void Stop();
  void Start();

  void HandOut(const HandOutOptions& options) ABSL_LOCKS_EXCLUDED(mutex_);
  // How reports are answered; OK at first.
  void AnswerReports(ReportHandler handler) ABSL_LOCKS_EXCLUDED(mutex_);
  // How it answers when it is told of a refund or dispute; OK, as it is told, at first.
  void AnswerStates(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  void AnswerRenewals(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Streams end at once with this status; OK: they are served, as at first.
  void AnswerStreams(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  // Every report that came, repeats and refused ones too.
  std::vector<ledger::v1::ReportRechargeRequest> reports() ABSL_LOCKS_EXCLUDED(mutex_);
  // What it was told of refunds and disputes, refused ones too.
  std::vector<ledger::v1::ReportGatewayRefundRequest> told_refunds() ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<ledger::v1::ReportGatewayDisputeRequest> told_disputes() ABSL_LOCKS_EXCLUDED(mutex_);
  int renewals() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many streams were opened so far, refused ones too.
  int streams() ABSL_LOCKS_EXCLUDED(mutex_);
  // Until no stream is open: what is handed out from then on goes to a new one.
  bool WaitForStreamsToEnd() ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitForReports(size_t count) ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitForRenewals(int count) ABSL_LOCKS_EXCLUDED(mutex_);

  grpc::Status WatchLowBalance(
      grpc::ServerContext* context, const ledger::v1::WatchLowBalanceRequest* request,
      grpc::ServerWriter<ledger::v1::WatchLowBalanceResponse>* writer) override;
  grpc::Status RenewLease(grpc::ServerContext* context,
                          const ledger::v1::RenewLeaseRequest* request,
                          ledger::v1::RenewLeaseResponse* response) override;
  grpc::Status ReportRecharge(grpc::ServerContext* context,
                              const ledger::v1::ReportRechargeRequest* request,
                              ledger::v1::ReportRechargeResponse* response) override;
  grpc::Status ReportGatewayRefund(grpc::ServerContext* context,
                                   const ledger::v1::ReportGatewayRefundRequest* request,
                                   ledger::v1::Refund* response) override;
  grpc::Status ReportGatewayDispute(grpc::ServerContext* context,
                                    const ledger::v1::ReportGatewayDisputeRequest* request,
                                    ledger::v1::Dispute* response) override;

 private:
  const int port_;
  std::unique_ptr<RpcServer> server_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<ledger::v1::WatchLowBalanceResponse> hand_outs_ ABSL_GUARDED_BY(mutex_);
  ReportHandler report_handler_ ABSL_GUARDED_BY(mutex_);
  absl::Status states_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status renewal_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status stream_status_ ABSL_GUARDED_BY(mutex_);
  std::vector<ledger::v1::ReportRechargeRequest> reports_ ABSL_GUARDED_BY(mutex_);
  std::vector<ledger::v1::ReportGatewayRefundRequest> told_refunds_ ABSL_GUARDED_BY(mutex_);
  std::vector<ledger::v1::ReportGatewayDisputeRequest> told_disputes_ ABSL_GUARDED_BY(mutex_);
  int renewals_ ABSL_GUARDED_BY(mutex_) = 0;
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  int open_streams_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace reserve::worker

#endif  // RESERVE_TESTS_WORKER_FAKE_LEDGER_H_
