// Asks the ledger, by its public services. Every question has a deadline. Thread-safe.
//
//   const absl::StatusOr<pb::Account> account = ledger.Ask(&pb::Accounts::Stub::GetAccount,
//   request);
#ifndef RESERVE_CONSOLE_LEDGER_CLIENT_H_
#define RESERVE_CONSOLE_LEDGER_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <future>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "reserve/ledger/v1/support.grpc.pb.h"

namespace reserve::console {

class LedgerClient {
 public:
  explicit LedgerClient(const std::shared_ptr<grpc::Channel>& channel)
      : stubs_(ledger::v1::Accounts::NewStub(channel), ledger::v1::Events::NewStub(channel),
               ledger::v1::Ledger::NewStub(channel), ledger::v1::Rates::NewStub(channel),
               ledger::v1::Support::NewStub(channel)) {}

  // The answer, or the refusal with its reason and field. UNAVAILABLE or DEADLINE_EXCEEDED where
  // nobody answers: what was asked for may have been done, and is asked for again by its request
  // id.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                               const Request& request, absl::Duration deadline = kDeadline) const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    Response response;
    const grpc::Status status =
        (*std::get<std::unique_ptr<Stub>>(stubs_).*method)(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  // The same, beside other questions: the answer is waited for with get().
  template <typename Stub, typename Request, typename Response>
  std::future<absl::StatusOr<Response>> AskBeside(
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
      Request request, absl::Duration deadline = kDeadline) const {
    return std::async(std::launch::async, [this, method, request = std::move(request), deadline] {
      return Ask(method, request, deadline);
    });
  }

  // Of what a page can't be without.
  static constexpr absl::Duration kDeadline = absl::Seconds(8);
  // Of what stands beside it, and is left out where it takes longer.
  static constexpr absl::Duration kShortDeadline = absl::Seconds(3);

 private:
  std::tuple<std::unique_ptr<ledger::v1::Accounts::Stub>, std::unique_ptr<ledger::v1::Events::Stub>,
             std::unique_ptr<ledger::v1::Ledger::Stub>, std::unique_ptr<ledger::v1::Rates::Stub>,
             std::unique_ptr<ledger::v1::Support::Stub>>
      stubs_;
};

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_LEDGER_CLIENT_H_
