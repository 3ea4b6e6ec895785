#include "common/rpc/shutdown_signal.h"

#include <pthread.h>

#include <cerrno>

#include "common/clock/monotonic.h"

namespace reserve {

ShutdownSignal::ShutdownSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int ShutdownSignal::Wait() {
  int number = 0;
  while (sigwait(&signals_, &number) != 0) {
  }
  LetThrough();
  return number;
}

bool ShutdownSignal::WaitFor(absl::Duration timeout) {
  const Moment end = MonotonicNow() + timeout;
  while (true) {
    const absl::Duration left = end - MonotonicNow();
    const timespec wait = absl::ToTimespec(left > absl::ZeroDuration() ? left : absl::Duration());
    if (sigtimedwait(&signals_, nullptr, &wait) > 0) {
      LetThrough();
      return true;
    }
    if (errno != EINTR) return false;
  }
}

void ShutdownSignal::LetThrough() {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGHUP, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

}  // namespace reserve
