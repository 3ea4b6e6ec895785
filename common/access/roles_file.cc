#include "common/access/roles_file.h"

#include <utility>

#include "common/telemetry/log.h"

namespace reserve {

absl::StatusOr<std::unique_ptr<RolesFile>> RolesFile::Open(const std::string& path,
                                                           prometheus::Registry& registry,
                                                           absl::Duration look_interval) {
  absl::StatusOr<RolesByCaller> roles = ReadRoles(path);
  if (!roles.ok()) return roles.status();
  return std::unique_ptr<RolesFile>(
      new RolesFile(path, registry, look_interval, *std::move(roles)));
}

RolesFile::RolesFile(std::string path, prometheus::Registry& registry, absl::Duration look_interval,
                     RolesByCaller roles)
    : path_(std::move(path)),
      failed_(prometheus::BuildCounter()
                  .Name("reserve_roles_file_failed_reloads_total")
                  .Help("Looks at the roles file that found it missing or without sense; the last "
                        "good one stays in force.")
                  .Register(registry)
                  .Add({})),
      callers_(prometheus::BuildGauge()
                   .Name("reserve_roles_file_callers")
                   .Help("Callers that the roles file in force names.")
                   .Register(registry)
                   .Add({})),
      roles_(std::make_shared<const RolesByCaller>(std::move(roles))) {
  callers_.Set(static_cast<double>(roles_->size()));
  looks_.emplace(look_interval, [this] { Look(); });
}

std::optional<Roles> RolesFile::Of(absl::string_view caller) const {
  std::shared_ptr<const RolesByCaller> roles;
  {
    absl::MutexLock lock(&mutex_);
    roles = roles_;
  }
  const auto found = roles->find(caller);
  if (found == roles->end()) return std::nullopt;
  return found->second;
}

void RolesFile::Look() {
  absl::StatusOr<RolesByCaller> roles = ReadRoles(path_);
  if (!roles.ok()) {
    failed_.Increment();
    const std::string mistake(roles.status().message());
    if (mistake != mistake_) {
      Log(Severity::kError, "the roles file is bad; the last good one stays in force",
          {{"error", mistake}});
    }
    mistake_ = mistake;
    return;
  }
  const bool was_bad = !std::exchange(mistake_, "").empty();
  const size_t callers = roles->size();
  {
    absl::MutexLock lock(&mutex_);
    if (*roles == *roles_) {
      if (!was_bad) return;
    } else {
      roles_ = std::make_shared<const RolesByCaller>(*std::move(roles));
      generation_.fetch_add(1, std::memory_order_acq_rel);
    }
  }
  callers_.Set(static_cast<double>(callers));
  Log(Severity::kInfo, "the roles file is in force", {{"path", path_}, {"callers", callers}});
}

}  // namespace reserve
