// Sets the wall clock of processes while they run.
//
//   ClockFile clock(folder + "/clock");
//   Subprocess::Start({.program = "ledger", .env = clock.Environment(), ...});
//   clock.Set(-absl::Hours(1));  // for all processes with that environment, at once
//
// How it is done: clock_shift.cc. Whole seconds. Thread-safe.
#ifndef RESERVE_TESTS_SUPPORT_CLOCK_FILE_H_
#define RESERVE_TESTS_SUPPORT_CLOCK_FILE_H_

#include <map>
#include <string>

#include "absl/time/time.h"

namespace reserve::test_support {

class ClockFile {
 public:
  // Makes the file; the clock is right.
  explicit ClockFile(std::string path);

  // How far the clock is ahead from now on; below zero for behind.
  void Set(absl::Duration ahead);

  // What a process needs in its environment for its clock to be this one.
  std::map<std::string, std::string> Environment() const;

 private:
  const std::string path_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_CLOCK_FILE_H_
