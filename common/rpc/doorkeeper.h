// Asks of every call who makes it and whether they may, before its handler is reached.
//
// The doors that protos/generate_doors.cc writes stand before the services and bring each call
// here, with its row of the table of who may call what (common/access). A caller is known by its
// certificate (caller.h), its roles by a file (common/access/roles_file.h); a method is for the
// roles of its row, and for nobody else. Without a roles file, in plain text, nobody is asked.
// Thread-safe.
//
//   Doorkeeper keeper(kErrorDomain, roles.get(), registry);
//   ledger::v1::LedgerDoor<kAccessTable> door(ledger_service, keeper);
#ifndef RESERVE_COMMON_RPC_DOORKEEPER_H_
#define RESERVE_COMMON_RPC_DOORKEEPER_H_

#include <grpcpp/grpcpp.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/access/access_table.h"
#include "common/access/roles_file.h"
#include "common/clock/monotonic.h"

namespace reserve {

// Marks a service that stands behind a door.
class Guarded {
 public:
  virtual ~Guarded() = default;
};

class Doorkeeper {
 public:
  // `domain` of its errors ("reserve.ledger"); `roles`, which must outlive this, may be null: then
  // everybody may call everything.
  Doorkeeper(std::string domain, const RolesFile* roles, prometheus::Registry& registry);
  Doorkeeper(const Doorkeeper&) = delete;
  Doorkeeper& operator=(const Doorkeeper&) = delete;

  // UNAUTHENTICATED for a caller without a name; PERMISSION_DENIED, which names the method and the
  // roles that may call it, for one that has none of them.
  absl::Status Check(const MethodAccess& row, const grpc::ServerContextBase& context) const;

  // Is there a line for the caller, whatever its roles are? As Check.
  absl::Status CheckKnown(absl::string_view method, const std::string& caller) const;

  // Null if the call may go on; else what answers it, after it was counted and logged.
  template <typename Reactor>
  Reactor* Refuse(const MethodAccess& row, grpc::CallbackServerContext* context);

  // What is refused elsewhere by CheckKnown is counted and logged here.
  void Tell(absl::string_view method, const std::string& caller, const std::string& peer,
            const absl::Status& refusal);

  // Grows when roles have changed.
  int64_t generation() const { return roles_ == nullptr ? 0 : roles_->generation(); }

 private:
  // The end of the call, or OK.
  grpc::Status Enter(const MethodAccess& row, const grpc::CallbackServerContext& context);
  bool WorthALine(const std::string& what);

  const std::string domain_;
  const RolesFile* const roles_;
  prometheus::Family<prometheus::Counter>& refused_;
  absl::Mutex mutex_;
  // When each caller's refusal of each method was logged last.
  absl::flat_hash_map<std::string, Moment> told_ ABSL_GUARDED_BY(mutex_);
};

namespace doorkeeper_internal {

// Ends a stream at once.
template <typename Reactor>
class Ended final : public Reactor {
 public:
  explicit Ended(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

template <typename Reactor>
Reactor* End(grpc::CallbackServerContext* context, const grpc::Status& status) {
  if constexpr (std::is_same_v<Reactor, grpc::ServerUnaryReactor>) {
    Reactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  } else {
    return new Ended<Reactor>(status);
  }
}

}  // namespace doorkeeper_internal

template <typename Reactor>
Reactor* Doorkeeper::Refuse(const MethodAccess& row, grpc::CallbackServerContext* context) {
  const grpc::Status status = Enter(row, *context);
  return status.ok() ? nullptr : doorkeeper_internal::End<Reactor>(context, status);
}

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_DOORKEEPER_H_
