#include "services/ledger/engine/event_feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "services/ledger/engine/errors.h"

namespace reserve::engine {

EventFeed::EventFeed(const EngineOptions& options, EngineStats& stats)
    : options_(options), stats_(stats), source_(options.database), thread_([this] { Run(); }) {}

EventFeed::~EventFeed() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  thread_.join();
}

absl::Status EventFeed::Add(EventWatcher* watcher, EventReader::Options options) {
  options.overlap = options_.event_overlap;
  auto watching = std::make_shared<Watching>(Watching{watcher, EventReader(std::move(options))});
  absl::MutexLock lock(&mutex_);
  if (watching_.size() >= kMaxWatchers) {
    return TooManyWatch(kMaxWatchers);
  }
  watching_.push_back(std::move(watching));
  waker_.Wake();
  return absl::OkStatus();
}

void EventFeed::Ready(EventWatcher* watcher) {
  absl::MutexLock lock(&mutex_);
  for (const std::shared_ptr<Watching>& watching : watching_) {
    if (watching->watcher == watcher) watching->ready = true;
  }
  waker_.Wake();
}

void EventFeed::Remove(EventWatcher* watcher) {
  absl::MutexLock lock(&mutex_);
  watching_.erase(
      std::remove_if(watching_.begin(), watching_.end(),
                     [watcher](const auto& watching) { return watching->watcher == watcher; }),
      watching_.end());
}

void EventFeed::Run() {
  const storage::SqlThread sql_thread;
  while (true) {
    const std::vector<std::shared_ptr<Watching>> due = AwaitWork();
    if (due.empty()) break;
    for (const std::shared_ptr<Watching>& watching : due) Serve(watching);
  }
  source_.Close();
}

std::vector<std::shared_ptr<EventFeed::Watching>> EventFeed::AwaitWork() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    const Moment now = MonotonicNow();
    std::vector<std::shared_ptr<Watching>> due;
    Moment next = absl::InfiniteDuration();
    for (const std::shared_ptr<Watching>& watching : watching_) {
      if (!watching->ready) continue;
      if (watching->next_read <= now) due.push_back(watching);
      next = std::min(next, watching->next_read);
    }
    if (!due.empty()) return due;
    // Nobody watches: no connection is held for nothing.
    if (watching_.empty()) source_.Close();
    waker_.Await(next - now);
  }
  return {};
}

void EventFeed::Serve(const std::shared_ptr<Watching>& watching) {
  absl::StatusOr<EventReader::Page> page = Read(watching->reader);
  // Under the lock, so that a watcher that is removed is not called any more.
  absl::MutexLock lock(&mutex_);
  if (std::find(watching_.begin(), watching_.end(), watching) == watching_.end()) return;
  if (!page.ok()) {
    watching->ready = false;
    watching->watcher->OnFailed(page.status());
    return;
  }
  const Moment now = MonotonicNow();
  watching->next_read = page->caught_up ? now + options_.event_poll_interval : now;
  const bool sign_of_life = !page->position.stretches.empty() &&
                            now - watching->last_page >= options_.event_progress_interval;
  if (page->events.empty() && !sign_of_life) return;
  watching->last_page = now;
  watching->ready = false;
  watching->watcher->OnPage(*std::move(page));
}

absl::StatusOr<EventReader::Page> EventFeed::Read(EventReader& reader) {
  if (const absl::Status opened = source_.Shards().status(); !opened.ok()) {
    stats_.steps.Note(Step::kFeed, opened);
    return storage::ForCaller(opened);
  }
  absl::StatusOr<EventReader::Page> page = reader.Next(source_);
  stats_.steps.Note(Step::kFeed, page.ok() ? page->left_out : page.status());
  if (page.ok()) return page;
  return storage::DatabaseUnavailable(
      "the feed can't be read; open the stream again with the last resume_token");
}

}  // namespace reserve::engine
