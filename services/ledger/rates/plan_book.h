// Which version of a plan is in force when (K4): made of versions, which are only ever added.
//
// In force at t is the version with the latest `from` <= t, of equals the one with the highest
// number; the first one holds for all time before it. No version is backdated, so the one in force
// at a start is the same for ever, and is stored with no usage. Plain values: as thread-safe as an
// int.
//
//   const domain::Plan* plan = book.Find("per_minute", usage.start_time);
#ifndef RESERVE_SERVICES_LEDGER_RATES_PLAN_BOOK_H_
#define RESERVE_SERVICES_LEDGER_RATES_PLAN_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/rates/timeline.h"

namespace reserve::rates {

struct PlanVersion {
  int64_t number = 0;   // unique over all plans' versions; grows in the order of commits
  int64_t version = 1;  // of its plan: 1, 2, 3 ...; one that missed left a gap
  domain::Plan plan;
  absl::Time from = absl::InfinitePast();        // InfinitePast of a plan's first
  absl::Time write_time = absl::InfinitePast();  // by the database's clock
  // As of a deck's activation. One that retires is no version: from `from` on nobody is put on the
  // plan any more.
  ActivationStage stage = ActivationStage::kCounts;
  std::string request_id;
  std::string digest;  // of the request
  domain::ByStaff by;
};

class PlanBook {
 public:
  PlanBook() = default;
  // In any order.
  explicit PlanBook(std::vector<PlanVersion> versions);
  // Each plan with one version, which holds for all time.
  static std::shared_ptr<const PlanBook> Of(const std::vector<domain::Plan>& plans);

  // The terms in force at `time`, as far as it is decided; null if there is no such plan. Good as
  // long as this.
  const domain::Plan* Find(absl::string_view plan_id, absl::Time time) const;
  const PlanVersion* FindVersion(absl::string_view plan_id, absl::Time time) const;
  // Is what is in force at `time` still to be decided?
  bool IsUndecidedAt(absl::string_view plan_id, absl::Time time) const;
  // When it was retired; nothing if it is not.
  std::optional<absl::Time> RetireTimeOf(absl::string_view plan_id) const;
  bool IsRetired(absl::string_view plan_id) const { return RetireTimeOf(plan_id).has_value(); }

  // Those of a plan that count, by `from` and number; empty if there is no such plan.
  std::vector<const PlanVersion*> VersionsOf(absl::string_view plan_id) const;
  // When another takes its place: the infinite future if none does.
  absl::Time EndOf(const PlanVersion& version) const;
  // Those that are still to be decided.
  const std::vector<PlanVersion>& undecided() const { return undecided_; }
  // The highest version of the plan, counting or not decided yet; 0 if there is no such plan.
  int64_t NewestVersionOf(absl::string_view plan_id) const;

  // The ids of all plans, in their order.
  std::vector<std::string> PlanIds() const;
  size_t size() const { return plans_.size(); }
  // Does any version of any plan limit anything (L1)?
  bool any_limits() const { return any_limits_; }
  // The highest number of all rows; 0 if there is none.
  int64_t newest() const { return newest_; }

 private:
  // By `from` and number.
  absl::flat_hash_map<std::string, std::vector<PlanVersion>> plans_;
  std::vector<PlanVersion> undecided_;
  std::map<std::string, absl::Time, std::less<>> retired_;
  int64_t newest_ = 0;
  bool any_limits_ = false;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_PLAN_BOOK_H_
