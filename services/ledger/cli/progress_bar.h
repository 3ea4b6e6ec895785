// A bar that shows how far an upload is, and that the ledger still works on it.
//
// On a terminal it is one line that is drawn again and gone at the end; elsewhere (a log, a pipe)
// it is a line a second. One thread at a time; while it waits it draws from a thread of its own,
// and nobody else may write to `out`.
//
//   ProgressBar bar("import-rates", /*terminal=*/true, std::cout);
//   bar.Sent(1 << 20, 4 << 20);  // import-rates: [##########------------------------------]  25 %
//   of 4.0 MiB bar.Wait("checking and storing"); bar.End();
#ifndef RESERVE_SERVICES_LEDGER_CLI_PROGRESS_BAR_H_
#define RESERVE_SERVICES_LEDGER_CLI_PROGRESS_BAR_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"

namespace reserve::cli {

class ProgressBar {
 public:
  ProgressBar(absl::string_view command, bool terminal, std::ostream& out);
  ~ProgressBar() { End(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // So many bytes of all are on their way. Drawn on a terminal if it was not a moment ago, and at
  // the end; elsewhere once a second.
  void Sent(size_t bytes, size_t all);
  // All are; what happens now takes a time that nobody knows. Drawn with its seconds until End().
  void Wait(absl::string_view doing);
  // Takes the line of a terminal away. May be called again.
  void End();

 private:
  void Draw(absl::string_view text);
  void KeepDrawing();

  const std::string command_;
  const bool terminal_;
  std::ostream& out_;
  const Moment begin_;
  Moment drawn_;
  bool shown_ = false;
  std::string doing_;
  Moment waiting_since_;
  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread drawing_;
};

// "[##########------------------------------]" for a quarter; 0 to 1, else as the nearer end.
std::string BarOf(double done);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_PROGRESS_BAR_H_
