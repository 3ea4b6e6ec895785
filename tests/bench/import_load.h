// A rate deck of the largest permitted size, imported beside a load: what it costs the ledger in
// memory, and those who call meanwhile in time.
#ifndef RESERVE_TESTS_BENCH_IMPORT_LOAD_H_
#define RESERVE_TESTS_BENCH_IMPORT_LOAD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"

namespace reserve::bench {

// A file of so many lines of calls: the first half side by side, the rest far apart, as area codes
// and as single numbers are. Prices depend on `variant`.
std::string MadeUpDeck(int rows, int variant);

// Imports it as a deck in that currency, whatever is strange about it, and brings it into force
// now. Waits for the answers.
absl::Status ImportDeckFile(const std::shared_ptr<grpc::Channel>& channel, const std::string& name,
                            const std::string& csv, const std::string& currency = "GBP");

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_IMPORT_LOAD_H_
