// A file of roles (roles.h) that is read again whenever it changes.
//
// What can't be read or has no sense is an error at the start. Later the last good one stays: that
// is logged once for each new mistake, counted, and shown as a metric, until the file is good
// again. Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const auto roles, RolesFile::Open("/etc/reserve/roles", registry));
//   roles->Of("billing.example.org");
#ifndef RESERVE_COMMON_ACCESS_ROLES_FILE_H_
#define RESERVE_COMMON_ACCESS_ROLES_FILE_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/access/roles.h"
#include "common/clock/repeater.h"

namespace reserve {

class RolesFile {
 public:
  // Looks at the file every `look_interval`. INVALID_ARGUMENT as of ReadRoles.
  static absl::StatusOr<std::unique_ptr<RolesFile>> Open(
      const std::string& path, prometheus::Registry& registry,
      absl::Duration look_interval = absl::Seconds(5));
  RolesFile(const RolesFile&) = delete;
  RolesFile& operator=(const RolesFile&) = delete;

  // The caller's roles; nothing for a caller that the file does not name.
  std::optional<Roles> Of(absl::string_view caller) const;

  // Grows with each change that was taken.
  int64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
  RolesFile(std::string path, prometheus::Registry& registry, absl::Duration look_interval,
            RolesByCaller roles);
  void Look();

  const std::string path_;
  prometheus::Counter& failed_;
  prometheus::Gauge& callers_;
  std::string mistake_;  // the one that was logged last; of the thread alone
  mutable absl::Mutex mutex_;
  std::shared_ptr<const RolesByCaller> roles_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> generation_ = 0;
  std::optional<Repeater> looks_;  // the last: it ends first
};

}  // namespace reserve

#endif  // RESERVE_COMMON_ACCESS_ROLES_FILE_H_
