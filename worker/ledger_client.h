// The worker's side of the ledger: takes hand-outs from the stream, renews leases
// and reports outcomes.
//
// Thread-safe. Callbacks run on threads of gRPC and must not block.
//
//   LedgerClient ledger(channel, "worker-0", /*max_in_flight=*/64);
//   ledger.Watch({.on_open = ..., .on_hand_out = ..., .on_end = ...});
#ifndef RESERVE_WORKER_LEDGER_CLIENT_H_
#define RESERVE_WORKER_LEDGER_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "reserve/ledger/v1/recharges.grpc.pb.h"
#include "worker/decide.h"
#include "worker/pending_calls.h"

namespace reserve::worker {

// Does the ledger's status say that the same request will be refused each time? Any
// other error may pass: the ledger is away, busy, or does not let this worker in for now.
bool IsRefusal(const absl::Status& status);

class LedgerClient {
 public:
  struct WatchEvents {
    // The ledger has taken the stream.
    std::function<void()> on_open;
    // INVALID_ARGUMENT in place of a hand-out that makes no sense.
    std::function<void(absl::StatusOr<std::pair<Task, HandOut>>)> on_hand_out;
    // The stream is over; nothing comes after it.
    std::function<void(absl::Status)> on_end;
  };
  // The new remaining time of the lease; a status that IsRefusal() if it is lost.
  using Renewed = std::function<void(absl::StatusOr<absl::Duration>)>;
  // With the error, if it was not accepted.
  using Reported = std::function<void(ReportAnswer, absl::Status)>;

  LedgerClient(std::shared_ptr<grpc::Channel> channel, std::string worker_id, int max_in_flight);

  // Opens the stream. One at a time: not before on_end of the one before.
  void Watch(WatchEvents events) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the stream; on_end follows. Nothing happens if there is none.
  void StopWatching() ABSL_LOCKS_EXCLUDED(mutex_);

  void Renew(const Task& task, int64_t epoch, Renewed done);
  // This and Tell go on in `trace`, if that is one.
  void Report(const Task& task, int64_t epoch, const Outcome& outcome, const TraceContext& trace,
              Reported done);

  // Tells of a refund or a dispute of the charge that was made for the task.
  void Tell(const Task& task, const std::string& charge_id, const GatewayState& state,
            const TraceContext& trace, Reported done);

  // Ends all calls and the stream, and returns when every callback has.
  void CancelAll() { calls_.CancelAll(); }

 private:
  class WatchReactor;

  std::unique_ptr<ledger::v1::Recharges::Stub> stub_;
  const std::string worker_id_;
  const int max_in_flight_;
  absl::Mutex mutex_;
  WatchReactor* watch_ ABSL_GUARDED_BY(mutex_) = nullptr;
  PendingCalls calls_;  // Last: its end waits for callbacks.
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_LEDGER_CLIENT_H_
