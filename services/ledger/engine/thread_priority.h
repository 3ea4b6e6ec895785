// Threads whose work may take long give way to those on which callers wait for milliseconds.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_THREAD_PRIORITY_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_THREAD_PRIORITY_H_

#include <sys/resource.h>
#include <unistd.h>

namespace reserve::engine {

enum class ThreadPriority { kUsual, kLow };

// Of the calling thread. Where all cores are busy a low one has a tenth of the time of a usual one;
// else it makes no difference. It is no matter if the system refuses.
inline void SetThreadPriority(ThreadPriority priority) {
  if (priority == ThreadPriority::kUsual) return;
  constexpr int kNice = 10;
  // On Linux each thread has a nice value of its own.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_THREAD_PRIORITY_H_
