#include "tests/support/clock_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "tests/support/build_tree.h"

namespace reserve::test_support {

ClockFile::ClockFile(std::string path) : path_(std::move(path)) { Set(absl::ZeroDuration()); }

void ClockFile::Set(absl::Duration ahead) {
  const int64_t seconds = absl::ToInt64Seconds(ahead);
  const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  EXPECT_EQ(pwrite(file, &seconds, sizeof seconds, 0), static_cast<ssize_t>(sizeof seconds))
      << path_;
  close(file);
}

std::map<std::string, std::string> ClockFile::Environment() const {
  return {{"LD_PRELOAD", BinDir() + "/libreserve_clock_shift.so"},
          {"RESERVE_TEST_CLOCK_SHIFT_FILE", path_},
          // A sanitizer wants to come first, and need not.
          {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
}

}  // namespace reserve::test_support
