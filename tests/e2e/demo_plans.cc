// Scenes of the demo: plans that change.

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {

absl::Status Play::PlansThatChange() {
  report_.Section("A plan gets another version, and a user another plan");
  RESERVE_ASSIGN_OR_RETURN(Book club, OpenAnother("club", "tok_visa"));
  const std::string plan_id = absl::StrCat("club-", run_);
  report_.Say(absl::StrCat("plan ", plan_id, " is made, on which every minute is paid"));
  RESERVE_ASSIGN_OR_RETURN(
      const pb::Plan first,
      client_.PutPlan(plan_id, absl::StrCat(plan_id, "-1"), pb::STANDARD_CALLS_METERED));
  report_.Count("its version", 1, first.version());
  RESERVE_RETURN_IF_ERROR(client_.PutUser(club.account_id, "gus", plan_id).status());
  Caller gus{"gus", /*unlimited=*/false, 0};
  RESERVE_RETURN_IF_ERROR(Call(club, gus, UnitedKingdom(), kMinute));

  const absl::Time before = absl::Now();
  report_.Say("from its second version on it includes calls at standard rates");
  RESERVE_ASSIGN_OR_RETURN(
      const pb::Plan second,
      client_.PutPlan(plan_id, absl::StrCat(plan_id, "-2"), pb::STANDARD_CALLS_INCLUDED));
  report_.Count("its version", 2, second.version());
  gus.unlimited = true;
  RESERVE_RETURN_IF_ERROR(Call(club, gus, UnitedKingdom(), kMinute));
  report_.Say("a call that began before comes late: it is rated by the version of its start");
  const Destination to = UnitedKingdom();
  pb::Usage late;
  late.set_user_id(gus.user_id);
  late.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  late.mutable_call()->set_destination(to.number);
  late.mutable_call()->mutable_duration()->set_seconds(kMinute);
  ToProto(before, late.mutable_start_time());
  RESERVE_RETURN_IF_ERROR(Record(club, late, to.price).status());

  report_.Say("gus is put on plan per_minute, with the first 300 minutes of his life free");
  RESERVE_ASSIGN_OR_RETURN(const pb::User moved,
                           client_.PutUser(club.account_id, gus.user_id, "per_minute"));
  report_.Count("plans that he was or is on", 2, moved.plans_size());
  gus = {"gus", /*unlimited=*/false, kFreeSeconds};
  return Call(club, gus, UnitedKingdom(), kMinute);
}

}  // namespace reserve::demo
