// Accounts made by nothing but the API, as loads want them: with a large balance, and a user whose
// free minutes are used up. A worker must run beside the ledger.
//
//   RESERVE_RETURN_IF_ERROR(MakeAccount(stubs, "template"));
#ifndef RESERVE_TESTS_BENCH_ACCOUNTS_BY_API_H_
#define RESERVE_TESTS_BENCH_ACCOUNTS_BY_API_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/support/ledger_stubs.h"

namespace reserve::bench {

absl::Status MakeAccount(const test_support::LedgerStubs& ledger, const std::string& account_id);

// Accounts 1 to `count` (traffic.h), several at a time.
absl::Status MakeAccounts(const std::vector<std::shared_ptr<grpc::Channel>>& channels, int count);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_ACCOUNTS_BY_API_H_
