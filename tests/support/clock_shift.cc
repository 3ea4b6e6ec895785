// Makes the wall clock of one process wrong: a library that is loaded before all others.
//
//   LD_PRELOAD=bin/libreserve_clock_shift.so RESERVE_CLOCK_SHIFT_SECONDS=3600 bin/ledger serve
//
// Only CLOCK_REALTIME is shifted, as when a machine's time is set wrong: monotonic clocks go on as
// they are, and waits until a moment of the wall clock (Abseil's, by futex) still last as long as
// they should. Thread-safe.
#include <dlfcn.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include <cstdarg>
#include <cstdlib>

// Its functions stand in front of the C library's, and have their types.
// NOLINTBEGIN(google-runtime-int,performance-no-int-to-ptr)

namespace {

long ShiftSeconds() {
  static const long shift = [] {
    const char* text = getenv("RESERVE_CLOCK_SHIFT_SECONDS");
    return text == nullptr ? 0 : std::atol(text);
  }();
  return shift;
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
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
  if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0) {
    timespec until = *reinterpret_cast<const timespec*>(a[3]);
    until.tv_sec -= ShiftSeconds();
    return next(number, a[0], a[1], a[2], reinterpret_cast<long>(&until), a[4], a[5]);
  }
  return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"

// NOLINTEND(google-runtime-int,performance-no-int-to-ptr)
