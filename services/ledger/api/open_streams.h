// The streams of one kind that are open, so that a server which drains can end them, and those of a
// caller whose role was taken away. Thread-safe.
// Each adds itself before it begins, and removes itself in OnDone:
//
//   const absl::Status refusal = open_.Add(stream);
//   ... stream->End(refusal), or stream->Begin() ...
#ifndef RESERVE_SERVICES_LEDGER_API_OPEN_STREAMS_H_
#define RESERVE_SERVICES_LEDGER_API_OPEN_STREAMS_H_

#include <cstddef>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/doorkeeper.h"
#include "services/ledger/api/call.h"
#include "services/ledger/engine/errors.h"

namespace reserve::api {

// `Stream` has `void End(const absl::Status&)`, which may be called at any time and by any thread,
// and `const grpc::CallbackServerContext& context() const`.
template <typename Stream>
class OpenStreams {
 public:
  explicit OpenStreams(size_t most = std::numeric_limits<size_t>::max()) : most_(most) {}

  // What the stream is to end with at once: UNAVAILABLE once all are ended, RESOURCE_EXHAUSTED
  // where there are too many. It is to be removed in any case.
  absl::Status Add(Stream* stream) {
    absl::MutexLock lock(&mutex_);
    open_.insert(stream);
    if (ending_) return Draining();
    if (open_.size() > most_) return engine::Overloaded("streams", absl::Seconds(1));
    return absl::OkStatus();
  }

  void EndAll() {
    // Under the lock, so that none of them is deleted meanwhile.
    absl::MutexLock lock(&mutex_);
    ending_ = true;
    for (Stream* stream : open_) stream->End(Draining());
  }

  // Ends each whose caller may not call the row's method any more.
  void EndRefused(const Doorkeeper& keeper, const MethodAccess& row) {
    absl::MutexLock lock(&mutex_);
    for (Stream* stream : open_) {
      const absl::Status status = keeper.Check(row, stream->context());
      if (!status.ok()) stream->End(status);
    }
  }

  void Remove(Stream* stream) {
    absl::MutexLock lock(&mutex_);
    open_.erase(stream);
  }

 private:
  const size_t most_;
  absl::Mutex mutex_;
  absl::flat_hash_set<Stream*> open_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_OPEN_STREAMS_H_
