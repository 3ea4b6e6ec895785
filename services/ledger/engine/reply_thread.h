// Gives a lane's replies to their sinks, on a thread of its own: to answer a call costs
// as much as to rate and write its usage, and the lane is at the next batch meanwhile.
//
//   ReplyThread replies(capacity);
//   replies.Give({.sinks = ..., .replies = ...});   // in order
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_REPLY_THREAD_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_REPLY_THREAD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/ledger/engine/task.h"

namespace reserve::engine {

// The replies of one batch: replies[i] is for sinks[i], under the index beside it.
struct BatchReplies {
  std::vector<std::pair<ReplySink*, uint32_t>> sinks;
  std::vector<absl::StatusOr<book::Reply>> replies;
};

// Thread-safe.
class ReplyThread {
 public:
  // Holds so many replies, and those of one batch beyond that.
  explicit ReplyThread(size_t capacity);
  // After all that it holds are given.
  ~ReplyThread();

  // Waits while it holds `capacity` replies or more: who asks faster than it is
  // answered makes the lanes wait, and is refused when their queues are full.
  void Give(BatchReplies batch);

 private:
  void Run();

  const size_t capacity_;
  absl::Mutex mutex_;
  std::deque<BatchReplies> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t held_ ABSL_GUARDED_BY(mutex_) = 0;  // replies, with those being given now
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_REPLY_THREAD_H_
