// A stub of each service of a ledger, found by its type. Thread-safe.
//
//   const LedgerStubs ledger(channel);
//   ledger.of<pb::Accounts::Stub>().GetAccount(&context, request, &account);
#ifndef RESERVE_TESTS_SUPPORT_LEDGER_STUBS_H_
#define RESERVE_TESTS_SUPPORT_LEDGER_STUBS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <tuple>

#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "reserve/ledger/v1/recharges.grpc.pb.h"
#include "reserve/ledger/v1/support.grpc.pb.h"

namespace reserve::test_support {

class LedgerStubs {
 public:
  explicit LedgerStubs(const std::shared_ptr<grpc::Channel>& channel)
      : stubs_(ledger::v1::Ledger::NewStub(channel), ledger::v1::Accounts::NewStub(channel),
               ledger::v1::Events::NewStub(channel), ledger::v1::Support::NewStub(channel),
               ledger::v1::Rates::NewStub(channel), ledger::v1::Recharges::NewStub(channel),
               ledger::v1::Audit::NewStub(channel)) {}

  template <typename Stub>
  Stub& of() const {
    return *std::get<std::unique_ptr<Stub>>(stubs_);
  }

 private:
  std::tuple<std::unique_ptr<ledger::v1::Ledger::Stub>, std::unique_ptr<ledger::v1::Accounts::Stub>,
             std::unique_ptr<ledger::v1::Events::Stub>, std::unique_ptr<ledger::v1::Support::Stub>,
             std::unique_ptr<ledger::v1::Rates::Stub>, std::unique_ptr<ledger::v1::Recharges::Stub>,
             std::unique_ptr<ledger::v1::Audit::Stub>>
      stubs_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_LEDGER_STUBS_H_
