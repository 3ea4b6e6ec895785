// The plans that a user was on before, each until another took its place (K4).
//
// Nearly every user has been on one plan only: then the list takes no memory, and whoever rates
// looks at nothing. Plain values: as thread-safe as a shared_ptr.
//
//   const std::string& plan_id = user.earlier_plans.PlanIdAt(start, user.plan_id);
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_USER_PLAN_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_USER_PLAN_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock/compact_time.h"

namespace reserve::domain {

struct EarlierPlan {
  std::string plan_id;
  CompactTime until = absl::InfinitePast();  // the first moment at which it is not in force

  friend bool operator==(const EarlierPlan&, const EarlierPlan&) = default;
};

class EarlierPlans {
 public:
  // Oldest first; the `until` of each is later than that of the one before.
  absl::Span<const EarlierPlan> All() const;
  // The plan in force at `start`, if after all of these it is `latest`. The first one holds for all
  // time before.
  const std::string& PlanIdAt(absl::Time start, const std::string& latest) const;

  // Takes up one that was in force until then, which is after all others.
  void Add(EarlierPlan plan);
  // From `from` on it is `plan_id`, whatever was to come then: `latest` is that afterwards.
  void Change(absl::string_view plan_id, absl::Time from, std::string* latest);
  // Forgets the oldest.
  void ForgetOldest();

  friend bool operator==(const EarlierPlans& one, const EarlierPlans& other) {
    return one.All() == other.All();
  }

 private:
  void Keep(std::vector<EarlierPlan> plans);

  std::shared_ptr<const std::vector<EarlierPlan>> plans_;  // null: none
};

// So many earlier plans of a user are known; the oldest is forgotten for a further one once it has
// ended so long ago.
inline constexpr size_t kMostEarlierPlans = 50;
inline constexpr absl::Duration kEarlierPlansKept = absl::Hours(24 * 365);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_USER_PLAN_H_
