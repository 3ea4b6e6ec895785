// Limits on what is spent (L2), far beyond anything that a bench spends: what they cost is to be
// seen, and none is to be reached.
#ifndef RESERVE_TESTS_BENCH_LIMIT_LOAD_H_
#define RESERVE_TESTS_BENCH_LIMIT_LOAD_H_

#include <memory>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"

namespace reserve::bench {

enum class Limited { kAccounts, kAccountsAndUsers };

// An hour, a day and a month, of the accounts from `first` on.
absl::Status SetLimits(const std::shared_ptr<grpc::Channel>& channel, int first, int accounts,
                       Limited limited);
// They have none any more.
absl::Status UnsetLimits(const std::shared_ptr<grpc::Channel>& channel, int first, int accounts);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_LIMIT_LOAD_H_
