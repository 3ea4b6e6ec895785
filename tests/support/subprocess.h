// A real program run by a test: started, watched, signalled, and surely ended.
//
// The program dies with the object, and with the test program however that ends (a crash and
// SIGKILL included). Its output is drained all the time, so it never blocks on a full pipe;
// the last 16 MiB of each stream are kept. Thread-safe after Start.
//
// Whatever a test does, a card token or a telephone number in the log of one of our servers is a
// failure of it; all that they log is looked through. They log all that they can (debug), where
// neither the test nor RESERVE_TEST_LOG_LEVEL says another level.
//
//   auto ledger = Subprocess::Start({.program = "ledger", .args = {"serve", "--listen=..."}});
//   ASSERT_TRUE(ledger.ok()) << ledger.status();
//   ASSERT_TRUE((*ledger)->WaitForOutput("listening", absl::Seconds(10)).ok());
//   (*ledger)->Signal(SIGTERM);
//   EXPECT_EQ((*ledger)->Wait(absl::Seconds(10)), 0);
#ifndef RESERVE_TESTS_SUPPORT_SUBPROCESS_H_
#define RESERVE_TESTS_SUPPORT_SUBPROCESS_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace reserve::test_support {

class Subprocess {
 public:
  struct Options {
    // A path, or a name that FindProgram knows (our own binaries by their name).
    std::string program;
    std::vector<std::string> args = {};
    // Added to this process's environment, or put in place of what is there. Of that, variables
    // RESERVE_... are not passed on, but for RESERVE_TEST_...
    std::map<std::string, std::string> env = {};
    // Empty: the working directory of this process.
    std::string working_directory = "";
  };

  // NOT_FOUND if there is no such program, INTERNAL if it could not be started.
  static absl::StatusOr<std::unique_ptr<Subprocess>> Start(Options options);

  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;
  // SIGKILL, if it still runs. What its log told of customers is a failure then.
  ~Subprocess();

  pid_t pid() const { return pid_; }
  bool Running() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Sends a signal; nothing happens if the program has ended.
  void Signal(int signal) ABSL_LOCKS_EXCLUDED(mutex_);
  // SIGKILL, and waits until the program is gone.
  void Kill() ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits for the end: the exit code; 128 + n if signal n ended it; -1 if it still runs when
  // `timeout` is over.
  int Wait(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

  // The first whole line of stdout or stderr that contains `text`. DEADLINE_EXCEEDED, or
  // FAILED_PRECONDITION if the program ended without it; both show the end of the output.
  absl::StatusOr<std::string> WaitForOutput(absl::string_view text, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // All that was written so far.
  std::string Stdout() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::string Stderr() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Subprocess() = default;

  // The life of the program, on a thread of its own: the kernel ends a child that asked for it
  // when the *thread* that forked it ends, so that thread has to outlive the child.
  void Run(const Options& options, const std::string& path) ABSL_LOCKS_EXCLUDED(mutex_);
  void Drain(int stdout_fd, int stderr_fd) ABSL_LOCKS_EXCLUDED(mutex_);
  // What was logged next; of the thread that drains.
  void LookThrough(absl::string_view piece);
  std::string FindLine(absl::string_view text) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpectNothingOfCustomers() const;
  absl::Status NoSuchLine(absl::StatusCode code, absl::string_view text) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  pid_t pid_ = 0;  // Constant once Start returned.
  std::string name_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status start_status_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  int exit_code_ ABSL_GUARDED_BY(mutex_) = -1;
  // Counts the pieces of output read, so that a waiter looks only when there is more.
  int64_t reads_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string stdout_ ABSL_GUARDED_BY(mutex_);
  std::string stderr_ ABSL_GUARDED_BY(mutex_);
  // Of the thread until it has ended: what is no whole line yet, and the first line that told of a
  // customer.
  std::string unfinished_line_;
  std::string told_;
  std::thread thread_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_SUBPROCESS_H_
