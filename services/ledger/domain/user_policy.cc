#include "services/ledger/domain/user_policy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

// What a program of before would not heed is not written while one may come back.
absl::Status CheckLevel(const Context& context) {
  if (context.feature_level >= kPlansLevel) return absl::OkStatus();
  return FeatureLevelTooLow(context.feature_level, kPlansLevel);
}

absl::Status ChangePlan(const Context& context, const UserChange& change, User* user) {
  const bool later = change.plan_from > context.now;
  if (later) RESERVE_RETURN_IF_ERROR(CheckLevel(context));
  EarlierPlans& earlier = user->earlier_plans;
  earlier.Change(change.plan_id, later ? change.plan_from : context.now, &user->plan_id);
  while (earlier.All().size() > kMostEarlierPlans) {
    const absl::Time forgotten = earlier.All().front().until + kEarlierPlansKept;
    if (forgotten > context.now) {
      return PlanChangedTooOften(kMostEarlierPlans, context.now, forgotten);
    }
    earlier.ForgetOldest();
  }
  return absl::OkStatus();
}

// The plan, and from when on.
std::string PlanText(const User& user, absl::Time now) {
  std::string text = absl::StrCat(user.user_id, " is on plan ", user.PlanIdAt(now));
  absl::Time from = absl::InfinitePast();
  for (const EarlierPlan& each : user.earlier_plans.All()) {
    if (from > now) absl::StrAppend(&text, ", from ", FormatRfc3339(from), " on ", each.plan_id);
    from = each.until;
  }
  if (from > now) absl::StrAppend(&text, ", from ", FormatRfc3339(from), " on ", user.plan_id);
  return text;
}

void Tell(const User* stored, const User& user, Draft* draft) {
  const absl::Time now = draft->context().now;
  if (stored == nullptr || stored->plan_id != user.plan_id ||
      !(stored->earlier_plans == user.earlier_plans)) {
    draft->AddEvent(EventKind::kUserPut, PlanText(user, now));
  } else if (stored->removed() && !user.removed()) {
    draft->AddEvent(EventKind::kUserPut, absl::StrCat(PlanText(user, now), ", and back"));
  } else if (stored->display_name != user.display_name) {
    draft->AddEvent(EventKind::kUserPut, absl::StrCat(user.user_id, " has another display name"));
  }
  const bool was_blocked = stored != nullptr && stored->blocked();
  if (user.blocked() == was_blocked) return;
  draft->AddEvent(
      user.blocked() ? EventKind::kUserBlocked : EventKind::kUserUnblocked,
      absl::StrCat(user.user_id, user.blocked() ? " is blocked" : " is blocked no more"));
}

}  // namespace

absl::StatusOr<Transition> PutUser(const Context& context, const Account& account,
                                   const User* stored, const UserChange& change) {
  User user;
  if (stored != nullptr) {
    user = *stored;
    if (!change.plan_id.empty()) RESERVE_RETURN_IF_ERROR(ChangePlan(context, change, &user));
  } else {
    user.account_id = account.account_id;
    user.user_id = change.user_id;
    user.create_time = context.now;
    user.plan_id = change.plan_id;
  }
  user.remove_time = absl::InfinitePast();
  if (change.display_name.has_value()) user.display_name = *change.display_name;
  if (change.blocked.has_value() && *change.blocked != user.blocked()) {
    if (*change.blocked) RESERVE_RETURN_IF_ERROR(CheckLevel(context));
    user.block_time = *change.blocked ? context.now : absl::InfinitePast();
  }
  if (stored != nullptr && user == *stored) return Unchanged(account);
  RESERVE_RETURN_IF_ERROR(CheckNotClosed(account));
  Draft draft(context, account);
  Tell(stored, user, &draft);
  user.update_time = context.now;
  draft.transition().user = std::move(user);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> RemoveUser(const Context& context, const Account& account,
                                      const User& stored) {
  if (stored.removed()) return Unchanged(account);
  RESERVE_RETURN_IF_ERROR(CheckNotClosed(account));
  RESERVE_RETURN_IF_ERROR(CheckLevel(context));
  Draft draft(context, account);
  draft.AddEvent(EventKind::kUserRemoved, absl::StrCat(stored.user_id, " is removed"));
  User user = stored;
  user.remove_time = user.update_time = context.now;
  draft.transition().user = std::move(user);
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
