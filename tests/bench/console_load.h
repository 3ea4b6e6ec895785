// The call history as its readers get it: pages of the console in front of a ledger, by HTTP.
#ifndef RESERVE_TESTS_BENCH_CONSOLE_LOAD_H_
#define RESERVE_TESTS_BENCH_CONSOLE_LOAD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace reserve::bench {

// How long each page took from its request to its last byte, in milliseconds, and what the console
// had in memory.
struct ConsolePages {
  std::vector<double> first_ms;  // with sums by day and country: of a month, and of days of it
  std::vector<double> next_ms;   // one after the other, 50 calls each
  int64_t bytes_before = 0;
  int64_t bytes_after = 0;
};

// Starts a console in front of the ledger and reads the account's history: `first` first pages, and
// next ones until there are so many or the history is at its end. `warmed` is called once a first
// page was asked for, which is not counted.
absl::StatusOr<ConsolePages> ReadConsolePages(const std::string& ledger,
                                              const std::string& account_id, size_t first,
                                              size_t next,
                                              const std::function<absl::Status()>& warmed);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_CONSOLE_LOAD_H_
