#include "services/ledger/rates/plan_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace reserve::rates {

PlanBook::PlanBook(std::vector<PlanVersion> versions) {
  for (PlanVersion& each : versions) {
    newest_ = std::max(newest_, each.number);
    any_limits_ |= !each.plan.limits.empty();
    switch (each.stage) {
      case ActivationStage::kMissed:
        break;
      case ActivationStage::kRetires:
        retired_.try_emplace(each.plan.plan_id, each.from);
        break;
      case ActivationStage::kPrepared:
        undecided_.push_back(std::move(each));
        break;
      case ActivationStage::kCounts:
        plans_[each.plan.plan_id].push_back(std::move(each));
        break;
    }
  }
  for (auto& [plan_id, all] : plans_) {
    std::sort(all.begin(), all.end(), [](const PlanVersion& a, const PlanVersion& b) {
      return std::tie(a.from, a.number) < std::tie(b.from, b.number);
    });
  }
}

std::shared_ptr<const PlanBook> PlanBook::Of(const std::vector<domain::Plan>& plans) {
  std::vector<PlanVersion> versions;
  for (const domain::Plan& plan : plans) versions.emplace_back().plan = plan;
  return std::make_shared<const PlanBook>(std::move(versions));
}

const PlanVersion* PlanBook::FindVersion(absl::string_view plan_id, absl::Time time) const {
  const auto found = plans_.find(plan_id);
  if (found == plans_.end()) return nullptr;
  const std::vector<PlanVersion>& all = found->second;
  // Of nearly every usage the latest is in force.
  for (size_t i = all.size() - 1; i > 0; --i) {
    if (all[i].from <= time) return &all[i];
  }
  return &all.front();
}

const domain::Plan* PlanBook::Find(absl::string_view plan_id, absl::Time time) const {
  const PlanVersion* version = FindVersion(plan_id, time);
  return version == nullptr ? nullptr : &version->plan;
}

bool PlanBook::IsUndecidedAt(absl::string_view plan_id, absl::Time time) const {
  if (undecided_.empty()) return false;
  const PlanVersion* in_force = FindVersion(plan_id, time);
  return std::any_of(undecided_.begin(), undecided_.end(), [&](const PlanVersion& each) {
    return each.plan.plan_id == plan_id && each.from <= time &&
           (in_force == nullptr ||
            std::tie(each.from, each.number) > std::tie(in_force->from, in_force->number));
  });
}

std::optional<absl::Time> PlanBook::RetireTimeOf(absl::string_view plan_id) const {
  const auto found = retired_.find(plan_id);
  if (found == retired_.end()) return std::nullopt;
  return found->second;
}

std::vector<const PlanVersion*> PlanBook::VersionsOf(absl::string_view plan_id) const {
  std::vector<const PlanVersion*> versions;
  const auto found = plans_.find(plan_id);
  if (found == plans_.end()) return versions;
  for (const PlanVersion& each : found->second) versions.push_back(&each);
  return versions;
}

absl::Time PlanBook::EndOf(const PlanVersion& version) const {
  for (const PlanVersion* each : VersionsOf(version.plan.plan_id)) {
    if (std::tie(each->from, each->number) > std::tie(version.from, version.number)) {
      return each->from;
    }
  }
  return absl::InfiniteFuture();
}

int64_t PlanBook::NewestVersionOf(absl::string_view plan_id) const {
  int64_t newest = 0;
  for (const PlanVersion* each : VersionsOf(plan_id)) newest = std::max(newest, each->version);
  for (const PlanVersion& each : undecided_) {
    if (each.plan.plan_id == plan_id) newest = std::max(newest, each.version);
  }
  return newest;
}

std::vector<std::string> PlanBook::PlanIds() const {
  std::vector<std::string> ids;
  for (const auto& [plan_id, all] : plans_) ids.push_back(plan_id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace reserve::rates
