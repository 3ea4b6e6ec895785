// A ledger of which `worker reconcile` sees what it needs, on a real gRPC server: recharges, and
// the refunds and disputes that it was told of. Thread-safe.
//
//   FakeBooks books;
//   books.Put("acme", recharge);
//   Reconciler reconciler(options, *MakeChannel(books.target(), {}), gateway, &out);
#ifndef RESERVE_TESTS_WORKER_FAKE_BOOKS_H_
#define RESERVE_TESTS_WORKER_FAKE_BOOKS_H_

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/server.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "reserve/ledger/v1/recharges.grpc.pb.h"

namespace reserve::worker {

class FakeBooks {
 public:
  FakeBooks();
  ~FakeBooks();

  std::string target() const { return server_->local_target(); }
  void Put(const std::string& account_id, const ledger::v1::Recharge& recharge)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Put(const ledger::v1::Payment& payment) ABSL_LOCKS_EXCLUDED(mutex_);
  // How it answers when it is told of refunds and disputes; OK: it takes them, as at first.
  void AnswerStates(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  // The account's balance was adjusted by that reference.
  void Adjust(const std::string& account_id, const std::string& reference)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // It knows the refund, and so for ever.
  void Fix(const ledger::v1::Refund& refund) ABSL_LOCKS_EXCLUDED(mutex_);

  ledger::v1::Recharge Get(const std::string& account_id, int64_t ordinal)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What it was told, in order: "refund re_1 of acme/3 ch_1 SUCCEEDED kept", "success ch_1".
  std::vector<std::string> told() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class AccountsDoor;
  class RechargesDoor;
  class EventsDoor;
  // The account that has the charge, as a recharge or a payment; empty if none has.
  std::string AccountOf(const std::string& charge_id, const std::string& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  // By "acme/3".
  std::map<std::string, ledger::v1::Recharge> recharges_ ABSL_GUARDED_BY(mutex_);
  std::vector<ledger::v1::Payment> payments_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ledger::v1::Refund> refunds_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ledger::v1::Refund> fixed_refunds_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ledger::v1::Dispute> disputes_ ABSL_GUARDED_BY(mutex_);
  std::vector<ledger::v1::Event> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> told_ ABSL_GUARDED_BY(mutex_);
  absl::Status states_status_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<AccountsDoor> accounts_;
  std::unique_ptr<RechargesDoor> recharges_door_;
  std::unique_ptr<EventsDoor> events_door_;
  std::unique_ptr<RpcServer> server_;
};

}  // namespace reserve::worker

#endif  // RESERVE_TESTS_WORKER_FAKE_BOOKS_H_
