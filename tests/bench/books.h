// How a benchmark ends: its books are checked, and its figures shown.
#ifndef RESERVE_TESTS_BENCH_BOOKS_H_
#define RESERVE_TESTS_BENCH_BOOKS_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/bench/figures.h"

namespace reserve::bench {

// Is everything that was acknowledged booked, nothing else, and are these accounts true? Prints
// what was found, each line after `prefix`. DATA_LOSS if not.
absl::Status CheckBooks(const std::string& prefix, int64_t acknowledged, int64_t booked,
                        const std::shared_ptr<grpc::Channel>& ledger,
                        const std::vector<std::string>& account_ids);

// Prints the figures of a run that began then, writes them to build/bench/`file`, and gives the
// exit code of `program`.
int Conclude(const std::string& program, const Figures& figures, const std::string& file,
             absl::Time begin, const absl::Status& status);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_BOOKS_H_
