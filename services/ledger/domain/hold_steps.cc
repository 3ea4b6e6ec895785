#include "services/ledger/domain/hold_steps.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reserve::domain {
namespace {

// The one that it had, where that is free: what is stored there is then written over. Else the
// lowest that is.
int32_t SlotFor(const Hold& hold, const Draft& draft) {
  std::vector<int32_t> taken;
  for (const Hold* live : LiveHolds(draft)) taken.push_back(live->slot);
  std::sort(taken.begin(), taken.end());
  if (hold.slot != 0 && !std::binary_search(taken.begin(), taken.end(), hold.slot)) {
    return hold.slot;
  }
  int32_t slot = 1;
  for (const int32_t each : taken) {
    if (each == slot) ++slot;
  }
  return slot;
}

void MoveFree(const Hold& hold, int64_t sign, Draft* draft) {
  if (hold.free_seconds == 0) return;
  draft->transition().held_seconds.push_back(
      {hold.user_id, hold.free_period, sign * hold.free_seconds});
}

// Was its call told to end for want of money? An account is DISABLED only while that lasts (D1).
bool WantsMoney(const Hold& hold) {
  return hold.final_reason == FinalReason::kInsufficientBalance ||
         hold.final_reason == FinalReason::kAccountDisabled;
}

bool IsOf(const Hold& hold, absl::string_view usage_id, absl::string_view hold_id) {
  return hold.usage_id == usage_id || (!hold_id.empty() && hold.hold_id == hold_id);
}

}  // namespace

Usage UsageOf(const Hold& hold) {
  Usage usage;
  usage.usage_id = hold.usage_id;
  usage.user_id = hold.user_id;
  usage.direction = hold.direction;
  usage.destination = hold.destination;
  usage.start_time = hold.price_time;
  usage.duration = hold.used;
  return usage;
}

std::vector<const Hold*> LiveHolds(const Draft& draft) {
  std::vector<const Hold*> live;
  const std::vector<Hold>& changed = draft.transition().holds;
  if (const std::vector<Hold>* loaded = draft.context().holds; loaded != nullptr) {
    for (const Hold& hold : *loaded) {
      const bool is_changed = std::any_of(changed.begin(), changed.end(), [&](const Hold& other) {
        return other.hold_id == hold.hold_id;
      });
      if (!is_changed) live.push_back(&hold);
    }
  }
  for (const Hold& hold : changed) {
    if (hold.live()) live.push_back(&hold);
  }
  return live;
}

void ChangeHold(const Hold* before, Hold after, Draft* draft) {
  Account& a = draft->account();
  const bool lived = before != nullptr && before->live();
  if (lived) {
    a.held = SubtractSaturating(a.held, before->held);
    a.accrued = SubtractSaturating(a.accrued, before->accrued);
    MoveFree(*before, -1, draft);
  }
  if (after.live()) {
    a.held = AddSaturating(a.held, after.held);
    a.accrued = AddSaturating(a.accrued, after.accrued);
    MoveFree(after, +1, draft);
    if (!lived) after.slot = SlotFor(after, *draft);
  }
  std::vector<Hold>& changed = draft->transition().holds;
  const auto found = std::find_if(changed.begin(), changed.end(), [&after](const Hold& other) {
    return other.hold_id == after.hold_id;
  });
  if (found == changed.end()) {
    changed.push_back(std::move(after));
  } else {
    *found = std::move(after);
  }
}

void FreeAll(Hold* hold) {
  hold->held = hold->accrued = 0;
  hold->free_seconds = hold->accrued_free_seconds = 0;
  hold->expire_time = absl::InfiniteFuture();
}

void EndHold(const Hold& hold, HoldState state, Draft* draft) {
  Hold ended = hold;
  ended.state = state;
  ended.final_reason = FinalReason::kHoldEnded;
  FreeAll(&ended);
  if (hold.open()) ended.end_time = draft->context().now;
  ChangeHold(&hold, std::move(ended), draft);
  WakeClosing(draft);
}

void WakeClosing(Draft* draft) {
  Account& a = draft->account();
  if (a.state == AccountState::kClosing) a.due = {DueReason::kClosing, draft->context().now};
}

void EndHoldsOf(absl::string_view usage_id, absl::string_view hold_id, Draft* draft) {
  if (draft->context().holds == nullptr || draft->context().holds->empty()) return;
  for (const Hold* hold : LiveHolds(*draft)) {
    if (!IsOf(*hold, usage_id, hold_id)) continue;
    EndHold(Hold(*hold), HoldState::kSettled, draft);
    return EndHoldsOf(usage_id, hold_id, draft);
  }
}

const Hold* HoldOf(const std::vector<Hold>* holds, absl::string_view usage_id,
                   absl::string_view hold_id) {
  if (holds == nullptr) return nullptr;
  const Hold* named = nullptr;
  for (const Hold& hold : *holds) {
    if (hold.usage_id == usage_id) return &hold;
    if (IsOf(hold, usage_id, hold_id)) named = &hold;
  }
  return named;
}

void TellOfFunds(Draft* draft) {
  if (draft->context().holds == nullptr || draft->context().holds->empty()) return;
  const Account& a = draft->account();
  // What takes the place of a usage gives that one back first: all in all it may have cost more.
  const bool came = a.balance > draft->balance_before();
  // H9: nothing more is granted there.
  if (!came || a.available() <= 0 || a.ends() || a.blocked()) return;
  std::vector<Hold> waiting;
  for (const Hold* hold : LiveHolds(*draft)) {
    if (hold->open() && WantsMoney(*hold)) waiting.push_back(*hold);
  }
  for (const Hold& hold : waiting) {
    Hold goes_on = hold;
    goes_on.final_reason = FinalReason::kNone;
    Event& event = draft->AddEvent(EventKind::kFundsAvailable,
                                   absl::StrCat("hold ", hold.hold_id, " can be extended again"));
    event.usage_id = hold.usage_id;
    event.hold_id = hold.hold_id;
    ChangeHold(&hold, std::move(goes_on), draft);
  }
}

}  // namespace reserve::domain
