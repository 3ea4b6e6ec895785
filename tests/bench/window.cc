#include "tests/bench/window.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace reserve::bench {
namespace {

// User and system time of a process, in seconds; 0 if it is gone.
double CpuSeconds(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');  // the name may hold spaces
  if (name_end == std::string::npos) return 0;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text).substr(name_end + 2), ' ');
  int64_t user = 0;
  int64_t system = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user) ||
      !absl::SimpleAtoi(fields[12], &system)) {
    return 0;
  }
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

CpuMeter::CpuMeter() { Watch("client", getpid()); }

void CpuMeter::Watch(const std::string& name, pid_t pid) { processes_.emplace_back(name, pid); }

void CpuMeter::Forget(const std::string& name) {
  std::erase_if(processes_, [&](const auto& process) { return process.first == name; });
}

std::vector<std::pair<std::string, double>> CpuMeter::Read() const {
  std::vector<std::pair<std::string, double>> sums;
  for (const auto& [name, pid] : processes_) {
    const auto same = [&name = name](const auto& sum) { return sum.first == name; };
    auto sum = std::find_if(sums.begin(), sums.end(), same);
    if (sum == sums.end()) sum = sums.emplace(sums.end(), name, 0.0);
    sum->second += CpuSeconds(pid);
  }
  return sums;
}

int64_t ResidentBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/statm"));
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

MemoryWatch::MemoryWatch(pid_t pid)
    : thread_([this, pid] {
        do {
          peak_ = std::max(peak_, ResidentBytes(pid));
        } while (!ended_.WaitForNotificationWithTimeout(absl::Milliseconds(20)));
      }) {}

int64_t MemoryWatch::Peak() {
  if (thread_.joinable()) {
    ended_.Notify();
    thread_.join();
  }
  return peak_;
}

WindowResult MeasureWindow(const Timing& timing, const CpuMeter& cpu, Progress& progress) {
  progress.exhausted.WaitForNotificationWithTimeout(timing.ramp);
  progress.in_window = true;
  const auto cpu_before = cpu.Read();
  const int64_t done_before = progress.done;
  const int64_t offered_before = progress.offered;
  const absl::Time begin = absl::Now();
  progress.exhausted.WaitForNotificationWithTimeout(timing.window);
  const absl::Duration elapsed = absl::Now() - begin;
  const int64_t done = progress.done - done_before;
  const int64_t offered = progress.offered - offered_before;
  const auto cpu_after = cpu.Read();
  progress.in_window = false;
  progress.stop = true;

  WindowResult result;
  result.per_second = static_cast<double>(done) / absl::ToDoubleSeconds(elapsed);
  result.offered_per_second = static_cast<double>(offered) / absl::ToDoubleSeconds(elapsed);
  for (size_t i = 0; i < cpu_after.size() && done > 0; ++i) {
    const double seconds = cpu_after[i].second - cpu_before[i].second;
    result.cpu_us.emplace_back(cpu_after[i].first, 1e6 * seconds / static_cast<double>(done));
  }
  return result;
}

}  // namespace reserve::bench
