// The asynchronous calls of a client that are under way, so that all of them can
// be ended and none outlives what its callback uses.
//
// A call that is not over some time after its deadline is canceled: gRPC's own timers stand still
// for as long as the wall clock is set back, and come again when they are nudged
// (common/rpc/clock_guard.h), or, on a busy machine, do not.
//
// Thread-safe. After CancelAll() no new call is made: its callback is not called.
//
//   calls_.Start<RenewLeaseRequest, RenewLeaseResponse>(
//       timeout, trace, request,
//       [this](auto* context, auto* request, auto* response, auto done) {
//         stub_->async()->RenewLease(context, request, response, std::move(done));
//       },
//       [](const grpc::Status& status, const RenewLeaseResponse& response) { ... });
#ifndef RESERVE_WORKER_PENDING_CALLS_H_
#define RESERVE_WORKER_PENDING_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/rpc/trace_metadata.h"
#include "common/telemetry/trace.h"

namespace reserve::worker {

class PendingCalls {
 public:
  PendingCalls() : waker_(&mutex_), watcher_([this] { Watch(); }) {}
  PendingCalls(const PendingCalls&) = delete;
  PendingCalls& operator=(const PendingCalls&) = delete;
  ~PendingCalls();

  // `done(status, response)` is called once, on a thread of gRPC.
  // The call goes on in `trace`, if that is one.
  template <typename Request, typename Response, typename Invoke, typename Done>
  void Start(absl::Duration timeout, const TraceContext& trace, Request request, Invoke invoke,
             Done done) {
    struct Call {
      explicit Call(Done to_call) : done(std::move(to_call)) {}
      Done done;
      grpc::ClientContext context;
      Request request;
      Response response;
    };
    auto call = std::make_unique<Call>(std::move(done));
    call->request = std::move(request);
    SetTimeout(timeout, &call->context);
    SetTrace(trace, &call->context);
    if (!Add(&call->context, timeout)) return;
    Call* const open = call.release();  // gRPC's callback has it
    invoke(&open->context, &open->request, &open->response,
           [this, open](const grpc::Status& status) {
             std::unique_ptr<Call> ended(open);
             ended->done(status, ended->response);
             End(&open->context, std::move(ended));
           });
  }

  // For calls that are not unary: false if no more calls are to be made, else
  // End() must follow when the call is over. `timeout` is that of its deadline.
  bool Add(grpc::ClientContext* context, absl::Duration timeout = absl::InfiniteDuration())
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The call is over once `owner`, which has its context, is gone. A context holds its channel, and
  // the last holder of the last channel waits for gRPC's threads: one of them, as a callback is on,
  // would wait for itself. So no context outlives CancelAll(). After End() the client may be gone.
  template <typename Owner>
  void End(grpc::ClientContext* context, std::unique_ptr<Owner> owner) ABSL_LOCKS_EXCLUDED(mutex_) {
    Remove(context);
    owner.reset();
    NoteOver();
  }

  // Cancels what is under way and waits until every callback has done with what it uses.
  void CancelAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Cancels that one no more.
  void Remove(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteOver() ABSL_LOCKS_EXCLUDED(mutex_);
  // By the monotonic clock: setting the wall clock must not end a call.
  static void SetTimeout(absl::Duration timeout, grpc::ClientContext* context);
  // Cancels what is overdue, until the end.
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  Waker waker_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  // Calls that are not over.
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  // Those that can be canceled, with the moment from which on each is overdue.
  std::map<grpc::ClientContext*, Moment> contexts_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_PENDING_CALLS_H_
