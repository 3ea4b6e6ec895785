// One call of the API, with a deadline.
//
//   pb::Account account;
//   RESERVE_RETURN_IF_ERROR(Call(stubs, &pb::Accounts::Stub::GetAccount, get, &account));
#ifndef RESERVE_TESTS_BENCH_ONE_CALL_H_
#define RESERVE_TESTS_BENCH_ONE_CALL_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/ledger_stubs.h"

namespace reserve::bench {

// INTERNAL, with the request's name, if it fails.
template <typename Stub, typename Request, typename Response>
absl::Status Call(const test_support::LedgerStubs& ledger,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const grpc::Status status = (ledger.of<Stub>().*method)(&context, request, response);
  if (status.ok()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(std::string(Request::descriptor()->name()), ": ", status.error_message()));
}

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_ONE_CALL_H_
