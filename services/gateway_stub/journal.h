// An append-only file of text lines that are durable before anyone hears of them.
//
// One thread writes whatever is queued and syncs it at once, so that one sync
// serves many callers. After a failed write or sync nothing can be known of the
// file's end any more: the journal refuses all further lines. Thread-safe.
//
//   auto journal = Journal::Open(path, [&](absl::string_view line) { ... });
//   (*journal)->Append(line, [](absl::Status status) { ... });
#ifndef RESERVE_GATEWAY_STUB_JOURNAL_H_
#define RESERVE_GATEWAY_STUB_JOURNAL_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace reserve::gateway_stub {

class Journal {
 public:
  // Gets each line of the file, oldest first; a status that is not OK is logged
  // with the line's number, and the line is passed over.
  using Reader = std::function<absl::Status(absl::string_view line)>;
  // Called once for each line, in their order, on the journal's thread.
  using Durable = std::function<void(absl::Status status)>;

  // Reads the file, and creates it if it is not there. A last line without its end, as
  // a crash leaves it, is cut off with a warning. With an empty path nothing is kept.
  // FAILED_PRECONDITION if another process has the file open as a journal; UNAVAILABLE
  // if it can't be read or written.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& path,
                                                       const Reader& reader);

  // Writes what is queued, and waits for it.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Adds a line (without a newline in it). `durable` gets OK when it is on disk;
  // UNAVAILABLE if it may or may not be.
  void Append(std::string line, Durable durable) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Item {
    std::string line;
    Durable durable;
  };

  explicit Journal(int fd);

  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stop_ || !queue_.empty(); }
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status WriteAndSync(const std::vector<Item>& items);

  const int fd_;         // -1: nothing is kept.
  absl::Status broken_;  // The writer thread's own.
  absl::Mutex mutex_;
  std::vector<Item> queue_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_JOURNAL_H_
