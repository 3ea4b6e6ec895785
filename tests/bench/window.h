// The steady part of a measured run, and the CPU that each process used in it.
//
// A load runs in threads of its own and counts into a Progress; MeasureWindow lets it get
// going, looks at the counter twice, and tells it to stop. So neither the start nor the end
// of a run, when fewer calls are under way, is in the figure.
//
//   Progress progress;
//   std::thread load([&] { while (!progress.stop) { Work(); ++progress.done; } });
//   const WindowResult result = MeasureWindow({.ramp = ..., .window = ...}, cpu, progress);
//   load.join();
#ifndef RESERVE_TESTS_BENCH_WINDOW_H_
#define RESERVE_TESTS_BENCH_WINDOW_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace reserve::bench {

// Processes whose use of the CPU is of interest, by name; this process is "client".
class CpuMeter {
 public:
  CpuMeter();
  void Watch(const std::string& name, pid_t pid);
  void Forget(const std::string& name);

  // CPU seconds since each process began; processes of one name are summed.
  std::vector<std::pair<std::string, double>> Read() const;

 private:
  std::vector<std::pair<std::string, pid_t>> processes_;
};

// The resident memory of a process in bytes; 0 if it is gone.
int64_t ResidentBytes(pid_t pid);

// Watches the resident memory of a process from a thread of its own.
class MemoryWatch {
 public:
  explicit MemoryWatch(pid_t pid);
  // Ends the watch; the most that was seen, in bytes.
  int64_t Peak();
  ~MemoryWatch() { Peak(); }

 private:
  absl::Notification ended_;
  int64_t peak_ = 0;  // of the thread, until it is joined
  std::thread thread_;
};

struct Timing {
  absl::Duration ramp;
  absl::Duration window;
};

// Shared by a load and who measures it. Thread-safe.
struct Progress {
  std::atomic<int64_t> done = 0;
  std::atomic<int64_t> offered = 0;  // what was sent, whether it was done or not
  std::atomic<bool> in_window = false;
  std::atomic<bool> stop = false;

  // Says that the load has nothing left to send; the window then ends early.
  void Exhausted() {
    if (!exhausted_once_.exchange(true)) exhausted.Notify();
  }
  absl::Notification exhausted;

 private:
  std::atomic<bool> exhausted_once_ = false;
};

struct WindowResult {
  double per_second = 0;
  double offered_per_second = 0;
  // Microseconds of CPU by each process for each thing done.
  std::vector<std::pair<std::string, double>> cpu_us;
};

WindowResult MeasureWindow(const Timing& timing, const CpuMeter& cpu, Progress& progress);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_WINDOW_H_
