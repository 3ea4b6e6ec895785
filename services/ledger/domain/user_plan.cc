#include "services/ledger/domain/user_plan.h"

#include <utility>

namespace reserve::domain {

absl::Span<const EarlierPlan> EarlierPlans::All() const {
  if (plans_ == nullptr) return {};
  return *plans_;
}

const std::string& EarlierPlans::PlanIdAt(absl::Time start, const std::string& latest) const {
  if (plans_ == nullptr) return latest;
  for (const EarlierPlan& each : *plans_) {
    if (start < each.until) return each.plan_id;
  }
  return latest;
}

void EarlierPlans::Add(EarlierPlan plan) {
  std::vector<EarlierPlan> all(All().begin(), All().end());
  all.push_back(std::move(plan));
  Keep(std::move(all));
}

void EarlierPlans::Change(absl::string_view plan_id, absl::Time from, std::string* latest) {
  std::vector<EarlierPlan> all(All().begin(), All().end());
  // What would have come then, or later, does not.
  while (!all.empty() && all.back().until >= from) {
    *latest = std::move(all.back().plan_id);
    all.pop_back();
  }
  if (*latest != plan_id) {
    all.push_back({std::move(*latest), from});
    *latest = std::string(plan_id);
  }
  Keep(std::move(all));
}

void EarlierPlans::ForgetOldest() {
  if (All().empty()) return;
  Keep({All().begin() + 1, All().end()});
}

void EarlierPlans::Keep(std::vector<EarlierPlan> plans) {
  plans_ =
      plans.empty() ? nullptr : std::make_shared<const std::vector<EarlierPlan>>(std::move(plans));
}

}  // namespace reserve::domain
