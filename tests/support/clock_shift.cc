// Makes the wall clock of one process wrong: a library that is loaded before all others.
//
//   LD_PRELOAD=bin/libreserve_clock_shift.so RESERVE_TEST_CLOCK_SHIFT_SECONDS=3600 bin/ledger serve
//
// With RESERVE_TEST_CLOCK_SHIFT_FILE in place of the seconds the clock can be set while the process
// runs: the file holds the seconds as an int64_t, and whoever writes another number into it sets
// the clock (ClockFile of tests/support/clock_file.h).
//
// Only CLOCK_REALTIME is shifted, as when a machine's time is set: monotonic clocks go on as they
// are, and a wait until a moment of the wall clock (Abseil's timed waits, by futex) ends when the
// shifted clock comes to that moment, so setting it back prolongs the wait, as it does on a real
// machine. Thread-safe.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>

// Its functions stand in front of the C library's, and have their types.
// NOLINTBEGIN(google-runtime-int,performance-no-int-to-ptr)

namespace {

// How often a wait looks whether the clock was set.
constexpr long kLookNanos = 50'000'000;
constexpr long kNanosPerSecond = 1'000'000'000;

// The number in the file, as it is at any moment; null if there is no file.
const std::atomic<int64_t>* MapShiftFile() {
  const char* path = getenv("RESERVE_TEST_CLOCK_SHIFT_FILE");
  if (path == nullptr) return nullptr;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  void* mapped = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) abort();
  return static_cast<const std::atomic<int64_t>*>(mapped);
}

long ShiftSeconds() {
  static const std::atomic<int64_t>* const file = MapShiftFile();
  static const long shift = [] {
    const char* text = getenv("RESERVE_TEST_CLOCK_SHIFT_SECONDS");
    return text == nullptr ? 0 : std::atol(text);
  }();
  return file == nullptr ? shift : file->load(std::memory_order_relaxed);
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool IsBefore(const timespec& one, const timespec& other) {
  return one.tv_sec < other.tv_sec || (one.tv_sec == other.tv_sec && one.tv_nsec < other.tv_nsec);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto next = Next<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = next(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += ShiftSeconds();
  return result;
}

int gettimeofday(timeval* now, void* zone) noexcept {
  static const auto next = Next<int (*)(timeval*, void*)>("gettimeofday");
  const int result = next(now, zone);
  if (result == 0) now->tv_sec += ShiftSeconds();
  return result;
}

time_t time(time_t* now) noexcept {
  timespec precise{};
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now != nullptr) *now = precise.tv_sec;
  return precise.tv_sec;
}

long syscall(long number, ...) noexcept {
  static const auto next = Next<long (*)(long, long, long, long, long, long, long)>("syscall");
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (number != SYS_futex || (a[1] & FUTEX_CLOCK_REALTIME) == 0 || a[3] == 0) {
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  // In small pieces, after each of which the clock may be another.
  static const auto real_time = Next<int (*)(clockid_t, timespec*)>("clock_gettime");
  while (true) {
    timespec until = *reinterpret_cast<const timespec*>(a[3]);
    until.tv_sec -= ShiftSeconds();
    timespec piece{};
    real_time(CLOCK_REALTIME, &piece);
    piece.tv_nsec += kLookNanos;
    if (piece.tv_nsec >= kNanosPerSecond) {
      piece.tv_nsec -= kNanosPerSecond;
      ++piece.tv_sec;
    }
    const bool is_last = IsBefore(until, piece);
    const long result = next(number, a[0], a[1], a[2],
                             reinterpret_cast<long>(is_last ? &until : &piece), a[4], a[5]);
    if (result == 0 || errno != ETIMEDOUT || is_last) return result;
  }
}

}  // extern "C"

// NOLINTEND(google-runtime-int,performance-no-int-to-ptr)
