// Asks of every call who makes it, whether they may, how large it is and whether they come too
// often, before its handler is reached.
//
// The doors that protos/generate_doors.cc writes stand before the services and bring each call
// here, with its row of the table of who may call what (common/access). A caller is known by its
// certificate (caller.h), its roles by a file (common/access/roles_file.h); a method is for the
// roles of its row, and for nobody else. Without a roles file, in plain text, nobody is asked; who
// calls too often is then known by the address. Thread-safe.
//
//   Doorkeeper keeper(kErrorDomain, roles.get(), registry, /*caller_rate=*/1000);
//   ledger::v1::LedgerDoor<kAccessTable> door(ledger_service, keeper);
#ifndef RESERVE_COMMON_RPC_DOORKEEPER_H_
#define RESERVE_COMMON_RPC_DOORKEEPER_H_

#include <grpcpp/grpcpp.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/access/access_table.h"
#include "common/access/roles_file.h"
#include "common/clock/monotonic.h"
#include "common/rpc/call_durations.h"
#include "common/rpc/rate_limiter.h"

namespace reserve {

// Marks a service that stands behind a door.
class Guarded {
 public:
  virtual ~Guarded() = default;
};

class Doorkeeper {
 public:
  // `domain` of its errors ("reserve.ledger"); `roles`, which must outlive this, may be null: then
  // everybody may call everything. `caller_rate`: calls a second that a caller may make; 0 for any
  // number.
  Doorkeeper(std::string domain, const RolesFile* roles, prometheus::Registry& registry,
             double caller_rate = 0);
  Doorkeeper(const Doorkeeper&) = delete;
  Doorkeeper& operator=(const Doorkeeper&) = delete;

  // UNAUTHENTICATED for a caller without a name; PERMISSION_DENIED, which names the method and the
  // roles that may call it, for one that has none of them.
  absl::Status Check(const MethodAccess& row, const grpc::ServerContextBase& context) const;

  // Is there a line for the caller, whatever its roles are? As Check.
  absl::Status CheckKnown(absl::string_view method, const std::string& caller) const;

  // INVALID_ARGUMENT if the request, or a message of a stream, is larger than the row says.
  static absl::Status CheckSize(const MethodAccess& row, size_t bytes);

  // Counts so many calls, of methods that count by themselves, or beyond the one that was counted
  // at the door. RESOURCE_EXHAUSTED "CALLER_RATE_EXCEEDED", which is counted and logged, if the
  // caller must wait.
  absl::Status Admit(absl::string_view method, const grpc::ServerContextBase& context,
                     int64_t count = 1);
  // Counts a message of a stream: how long the next one is to wait.
  absl::Duration Pace(const grpc::ServerContextBase& context);

  // Null if the call may go on; else what answers it, after it was counted and logged. `request` is
  // a message, or the bytes of one.
  template <typename Reactor, typename Request>
  Reactor* Refuse(const MethodAccess& row, grpc::CallbackServerContext* context,
                  const Request& request);
  // The same where the messages come later.
  template <typename Reactor>
  Reactor* Refuse(const MethodAccess& row, grpc::CallbackServerContext* context);

  // What is refused elsewhere is counted and logged here.
  void Tell(absl::string_view method, const std::string& caller, const std::string& peer,
            const absl::Status& refusal);

  // Grows when roles have changed.
  int64_t generation() const { return roles_ == nullptr ? 0 : roles_->generation(); }

 private:
  // The end of the call, or OK.
  grpc::Status Enter(const MethodAccess& row, grpc::CallbackServerContext& context, size_t bytes);
  absl::Status CheckAll(const MethodAccess& row, const grpc::CallbackServerContext& context,
                        size_t bytes);
  absl::Status TakeTurns(const grpc::ServerContextBase& context, int64_t count);
  bool WorthALine(const std::string& what);

  const std::string domain_;
  const RolesFile* const roles_;
  prometheus::Family<prometheus::Counter>& refused_;
  CallDurations durations_;  // what is refused here has taken no time, and is a call all the same
  RateLimiter callers_;
  absl::Mutex mutex_;
  // When each caller's refusal of each method was logged last.
  absl::flat_hash_map<std::string, Moment> told_ ABSL_GUARDED_BY(mutex_);
};

namespace doorkeeper_internal {

inline size_t BytesOf(const grpc::ByteBuffer& request) { return request.Length(); }
template <typename Message>
size_t BytesOf(const Message& request) {
  return request.ByteSizeLong();
}

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

template <typename Reactor, typename Request>
Reactor* Doorkeeper::Refuse(const MethodAccess& row, grpc::CallbackServerContext* context,
                            const Request& request) {
  const grpc::Status status = Enter(row, *context, doorkeeper_internal::BytesOf(request));
  return status.ok() ? nullptr : doorkeeper_internal::End<Reactor>(context, status);
}

template <typename Reactor>
Reactor* Doorkeeper::Refuse(const MethodAccess& row, grpc::CallbackServerContext* context) {
  const grpc::Status status = Enter(row, *context, /*bytes=*/0);
  return status.ok() ? nullptr : doorkeeper_internal::End<Reactor>(context, status);
}

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_DOORKEEPER_H_
