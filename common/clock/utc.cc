#include "common/clock/utc.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/time/civil_time.h"

namespace reserve {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;

constexpr int64_t kSecondsPerDay = 86'400;

int64_t FloorDivide(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

// Whole seconds since the epoch, rounded towards the past, and the rest.
// The begin of year 1 and the end of year 9999. Times beyond, the infinite ones too, read as these.
constexpr int64_t kFirstMicros = -62'135'596'800 * kMicrosPerSecond;
constexpr int64_t kLastMicros = 253'402'300'800 * kMicrosPerSecond - 1;

struct SplitTime {
  int64_t seconds;
  int64_t micros;
};

SplitTime Split(absl::Time time) {
  const int64_t micros = std::clamp(absl::ToUnixMicros(time), kFirstMicros, kLastMicros);
  const int64_t seconds = FloorDivide(micros, kMicrosPerSecond);
  return {seconds, micros - seconds * kMicrosPerSecond};
}

absl::CivilSecond Civil(int64_t unix_seconds) {
  return absl::CivilSecond(1970, 1, 1) + unix_seconds;
}

void WriteDigits(int64_t value, int width, char* out) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

// Reads `width` digits at `pos`; -1 if they are not all there.
int64_t ReadDigits(absl::string_view text, size_t pos, size_t width) {
  if (pos + width > text.size()) return -1;
  int64_t value = 0;
  for (size_t i = pos; i < pos + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

absl::Time TruncateToMicros(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

char* WriteDateTime6(absl::Time time, char* out) {
  const SplitTime split = Split(time);
  // Most times that a thread writes are of the same day, and to find out its date is what costs.
  struct KnownDay {
    int64_t number = std::numeric_limits<int64_t>::min();  // since the epoch; here: none
    char date[12] = "YYYY-MM-DD ";
  };
  thread_local KnownDay day;
  const int64_t number = FloorDivide(split.seconds, kSecondsPerDay);
  if (number != day.number) {
    const absl::CivilDay civil(Civil(split.seconds));
    WriteDigits(civil.year(), 4, day.date);
    WriteDigits(civil.month(), 2, day.date + 5);
    WriteDigits(civil.day(), 2, day.date + 8);
    day.number = number;
  }
  const int64_t second = split.seconds - number * kSecondsPerDay;
  std::memcpy(out, day.date, 11);
  std::memcpy(out + 11, "hh:mm:ss.", 9);
  WriteDigits(second / 3600, 2, out + 11);
  WriteDigits(second / 60 % 60, 2, out + 14);
  WriteDigits(second % 60, 2, out + 17);
  WriteDigits(split.micros, 6, out + 20);
  return out + kDateTime6Length;
}

void AppendDateTime6(absl::Time time, std::string* out) {
  char text[kDateTime6Length];
  out->append(text, WriteDateTime6(time, text));
}

absl::Time ParseDateTime6(absl::string_view text) {
  const int64_t year = ReadDigits(text, 0, 4);
  const int64_t month = ReadDigits(text, 5, 2);
  const int64_t day = ReadDigits(text, 8, 2);
  const int64_t hour = ReadDigits(text, 11, 2);
  const int64_t minute = ReadDigits(text, 14, 2);
  const int64_t second = ReadDigits(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) {
    return absl::InfinitePast();
  }
  int64_t micros = 0;
  if (text.size() > 20 && text[19] == '.') {
    const size_t width = std::min<size_t>(text.size() - 20, 6);
    micros = ReadDigits(text, 20, width);
    if (micros < 0) return absl::InfinitePast();
    for (size_t i = width; i < 6; ++i) micros *= 10;
  }
  const absl::CivilSecond civil(year, static_cast<int>(month), static_cast<int>(day),
                                static_cast<int>(hour), static_cast<int>(minute),
                                static_cast<int>(second));
  const int64_t seconds = civil - absl::CivilSecond(1970, 1, 1);
  return absl::FromUnixMicros(seconds * kMicrosPerSecond + micros);
}

int32_t MonthOf(absl::Time time) {
  // As with dates: most times that a thread asks about are of the same day.
  struct KnownDay {
    int64_t number = std::numeric_limits<int64_t>::min();
    int32_t month = 0;
  };
  thread_local KnownDay day;
  const int64_t seconds = Split(time).seconds;
  const int64_t number = FloorDivide(seconds, kSecondsPerDay);
  if (number != day.number) {
    const absl::CivilSecond civil = Civil(seconds);
    day = {number, static_cast<int32_t>(civil.year() * 100 + civil.month())};
  }
  return day.month;
}

std::string FormatRfc3339(absl::Time time) {
  std::string text;
  AppendDateTime6(time, &text);
  text[10] = 'T';
  text.push_back('Z');
  return text;
}

}  // namespace reserve
