// What all streams have that send commands to lanes, here or at another ledger, and say what came
// of them: reads, replies and writes overlap, and `mutex_` guards their meeting. The reactor
// finishes once nothing is undecided and no write is under way. A lane may still be leaving Done
// when gRPC calls OnDone: whoever of them is last deletes the stream.
//
// A stream of one kind says what there is to write, and whether all is decided; it calls Proceed
// whenever that may have changed, and Release at the end of each Done and of OnDone.
#ifndef RESERVE_SERVICES_LEDGER_API_LANE_STREAM_H_
#define RESERVE_SERVICES_LEDGER_API_LANE_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <atomic>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "services/ledger/api/call.h"

namespace reserve::api {

template <typename Request, typename Response>
class LaneStream : public grpc::ServerBidiReactor<Request, Response> {
 public:
  const grpc::CallbackServerContext& context() const { return context_; }

  // No more is read; it ends with this once all that was read is decided. At any time, by any
  // thread.
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    StopReading(status);
    Proceed();
  }

  void OnWriteDone(bool ok) final {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) {
      cancelled_ = true;
      StopReading(absl::OkStatus());
    }
    Proceed();
  }

  void OnCancel() final {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    StopReading(absl::CancelledError(gone_));
    Proceed();
  }

 protected:
  // `gone` says who is, where the stream is cancelled; it must outlive this, as `method` must.
  LaneStream(const ApiContext& api, grpc::CallbackServerContext* context, const char* method,
             absl::string_view gone)
      : api_(api), context_(*context), record_(api.metrics, *context, method), gone_(gone) {}

  // Fills what is to be written next; false if there is nothing to say.
  virtual bool TakeNews(Response* sending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;
  // Is all that was read decided?
  virtual bool AllDecided() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;

  void AddReferences(int count) { references_.fetch_add(count, std::memory_order_relaxed); }
  void Release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  void StopReading(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stopped_) return;
    stopped_ = true;
    end_status_ = status;
  }

  // Writes what there is to say; ends the stream if all is said.
  void Proceed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (!cancelled_ && TakeNews(&sending_)) {
      writing_ = true;
      this->StartWrite(&sending_);
      return;
    }
    if (!stopped_ || !AllDecided()) return;
    // A read that is still under way is ended by Finish.
    finished_ = true;
    this->Finish(record_.End(end_status_));
  }

  const ApiContext api_;
  const grpc::CallbackServerContext& context_;
  const CallRecord record_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;  // no more is read

 private:
  const absl::string_view gone_;
  std::atomic<int> references_ = 1;  // gRPC's, and one for each command in work
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  Response sending_;  // of gRPC while `writing_`
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_LANE_STREAM_H_
