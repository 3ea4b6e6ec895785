// Streams the events of all accounts to whoever watches.
//
// One thread with one connection (on Vitess one a shard) serves all watchers in turn, each with a
// reader of its own (event_reader.h). A watcher is given a page at a time, and the next
// one only after it said that it is ready: a slow one holds a page and what its
// reader remembers, and costs the others nothing. Without watchers nothing is
// read, and there is no connection. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_EVENT_FEED_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_EVENT_FEED_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/engine/event_reader.h"
#include "services/ledger/engine/feed_source.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

// Called from the feed's thread; must not block. Neither is called again once
// EventFeed::Remove has returned.
class EventWatcher {
 public:
  virtual ~EventWatcher() = default;
  // Without events it is a sign of life with a newer position. No other page
  // comes before EventFeed::Ready.
  virtual void OnPage(EventReader::Page page) = 0;
  // The watch is over, as the feed can't be read; resume from the last position.
  virtual void OnFailed(const absl::Status& status) = 0;
};

class EventFeed {
 public:
  static constexpr size_t kMaxWatchers = 64;

  EventFeed(const EngineOptions& options, EngineStats& stats);
  ~EventFeed();

  // RESOURCE_EXHAUSTED if too many watch already. `options.overlap` is overruled
  // by the engine's. The first page comes at once, also if it is empty.
  absl::Status Add(EventWatcher* watcher, EventReader::Options options);
  // The watcher is done with its page.
  void Ready(EventWatcher* watcher);
  // Nothing happens if it is not there.
  void Remove(EventWatcher* watcher);

 private:
  struct Watching {
    EventWatcher* watcher;
    EventReader reader;  // of the feed's thread only
    bool ready = true;
    Moment next_read = -absl::InfiniteDuration();
    Moment last_page = -absl::InfiniteDuration();
  };

  void Run();
  // Waits until a watcher can be served, and returns all that can; empty if it is
  // time to stop.
  std::vector<std::shared_ptr<Watching>> AwaitWork();
  void Serve(const std::shared_ptr<Watching>& watching);
  absl::StatusOr<EventReader::Page> Read(EventReader& reader);

  const EngineOptions& options_;
  EngineStats& stats_;

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  std::vector<std::shared_ptr<Watching>> watching_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the feed's thread only.
  DatabaseFeed source_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_EVENT_FEED_H_
