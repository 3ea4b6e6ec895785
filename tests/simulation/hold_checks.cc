#include "tests/simulation/hold_checks.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/simulation/ledger.h"

namespace reserve::simulation {
namespace {

using domain::Hold;
using domain::HoldState;

std::string NameOf(const Hold& hold) {
  return absl::StrCat(hold.account_id, ": hold ", hold.hold_id);
}

// The hold of that id as a transaction writes it, or null.
const Hold* FindWritten(const AccountWrite& write, const std::string& hold_id) {
  for (const HoldWrite& row : write.holds) {
    if (row.hold.has_value() && row.hold->hold_id == hold_id) return &*row.hold;
  }
  for (const Hold& hold : write.ended_holds) {
    if (hold.hold_id == hold_id) return &hold;
  }
  return nullptr;
}

// The live hold of that id as it was before, or null.
const Hold* FindLive(const AccountRows& rows, const std::string& hold_id) {
  for (const auto& [slot, hold] : rows.holds) {
    if (hold.hold_id == hold_id) return &hold;
  }
  return nullptr;
}

bool IsOverForGood(HoldState state) {
  return state == HoldState::kSettled || state == HoldState::kEstimated;
}

// Does it take money or free seconds for what happened? That asks nobody what there is (H1).
bool IsFact(const domain::Entry& entry) {
  return entry.amount < 0 ||
         (entry.booked.has_value() && entry.booked->rating.free_seconds_taken > 0);
}

bool EstimateStands(const AccountRows& rows, const std::string& usage_id) {
  const domain::Entry* entry = FindStandingEntry(rows, usage_id);
  if (entry == nullptr || !entry->booked.has_value() || !entry->booked->estimated) return false;
  const auto state = rows.usage_states.find(usage_id);
  return state == rows.usage_states.end() || state->second.status != domain::UsageStatus::kVoided;
}

using Seconds = std::map<std::pair<std::string, int32_t>, int64_t>;  // by user and period

}  // namespace

void HoldChecks::BeforeWrite(const AccountRows& rows, const AccountWrite& write) {
  expired_.clear();
  for (const domain::Event& event : write.events) {
    if (event.kind == domain::EventKind::kHoldExpired) expired_.insert(event.hold_id);
  }
  CheckSlots(rows, write);
  if (std::any_of(write.entries.begin(), write.entries.end(), IsFact)) return;
  CheckGranted(rows, write);
  CheckGrantedSeconds(rows, write);
}

void HoldChecks::CheckSlots(const AccountRows& rows, const AccountWrite& write) {
  for (const HoldWrite& row : write.holds) {
    const auto before = rows.holds.find(row.slot);
    if (before == rows.holds.end()) continue;
    const Hold& hold = before->second;
    if (row.hold.has_value() && row.hold->hold_id == hold.hold_id) continue;
    if (FindWritten(write, hold.hold_id) == nullptr) {
      scene_.Fail("a slot is given away only once its hold has ended", NameOf(hold));
    }
  }
  std::map<int32_t, std::string> stored;
  for (const auto& [slot, hold] : rows.holds) stored[slot] = hold.hold_id;
  for (const HoldWrite& row : write.holds) {
    stored.erase(row.slot);
    if (row.hold.has_value()) stored[row.slot] = row.hold->hold_id;
  }
  std::set<std::string> hold_ids;
  for (const auto& [slot, hold_id] : stored) {
    if (!hold_ids.insert(hold_id).second) {
      scene_.Fail("a hold has one slot", rows.account.account_id + " " + hold_id);
    }
  }
}

// H1: no grant takes what is held above what there is; facts may.
void HoldChecks::CheckGranted(const AccountRows& rows, const AccountWrite& write) {
  const Nanos before = rows.balance.balance - rows.balance.held;
  Nanos after = write.balance.balance - write.balance.held;
  bool granted = false;
  for (const HoldWrite& row : write.holds) {
    if (!row.hold.has_value()) continue;
    const Hold& hold = *row.hold;
    const Hold* known = FindLive(rows, hold.hold_id);
    const bool raised =
        hold.open() && hold.granted_seconds > (known == nullptr ? 0 : known->granted_seconds);
    granted |= raised;
    // What was reported beyond the grant, and what others had to hold more, was not granted now.
    const bool reported = absl::Seconds(hold.granted_seconds) < hold.used;
    if (raised && !reported) continue;
    after += std::max<Nanos>(hold.held - (known == nullptr ? 0 : known->held), 0);
  }
  if (granted && before >= 0 && after < 0) {
    scene_.Fail("H1: nobody is granted what is not there",
                absl::StrCat(write.balance.account_id, ": ", FormatDecimal(after)));
  }
}

void HoldChecks::CheckGrantedSeconds(const AccountRows& rows, const AccountWrite& write) {
  for (const domain::UsedAllowance& each : write.allowances) {
    const domain::User& user = rows.users.at(each.user_id);
    const int64_t before = user.SecondsUsed(each.used.period) + user.SecondsHeld(each.used.period);
    const int64_t after = each.used.seconds_used + each.used.seconds_held;
    if (after > std::max(before, kFreeSeconds)) {
      scene_.Fail("H1: free seconds are promised once", each.user_id);
    }
  }
}

void HoldChecks::AfterWrite(const AccountRows& rows,
                            const std::function<bool(const std::string&)>& taken) {
  SeenHolds& seen = accounts_[rows.account.account_id];
  for (const auto& [slot, hold] : rows.holds) {
    if (slot != hold.slot) scene_.Fail("a hold knows its slot", NameOf(hold));
    CheckHold(hold);
    if (taken(hold.usage_id)) {
      scene_.Fail("H5: nothing is held for a usage that is booked", NameOf(hold));
    }
    Note(hold, &seen);
  }
  for (const auto& [hold_id, hold] : rows.ended_holds) {
    // One that was made anew lives, and how it ended before counts no more.
    if (FindLive(rows, hold_id) == nullptr) Note(hold, &seen);
  }
  CheckSums(rows);
}

void HoldChecks::CheckHold(const Hold& hold) {
  const auto wrong = [&](absl::string_view check) { scene_.Fail(check, NameOf(hold)); };
  if (!hold.live()) wrong("what lives is a hold that lives");
  if (hold.accrued > hold.held || hold.accrued_free_seconds > hold.free_seconds) {
    wrong("H2: what has accrued is held");
  }
  if (hold.state == HoldState::kUnsettled &&
      (hold.held != hold.accrued || hold.free_seconds != hold.accrued_free_seconds)) {
    wrong("H12: what was set aside beyond the report is free again");
  }
  if (hold.expire_time == absl::InfiniteFuture()) wrong("H4: each hold has an end");
}

void HoldChecks::CheckSums(const AccountRows& rows) {
  Nanos held = 0;
  Nanos accrued = 0;
  Seconds seconds;
  std::set<std::string> ids;
  for (const auto& [slot, hold] : rows.holds) {
    held += hold.held;
    accrued += hold.accrued;
    if (hold.free_seconds != 0) seconds[{hold.user_id, hold.free_period}] += hold.free_seconds;
    if (!ids.insert(hold.hold_id).second) scene_.Fail("a hold has one slot", NameOf(hold));
  }
  const domain::Account& a = rows.account;
  if (a.held != held || a.accrued != accrued || rows.balance.held != held ||
      rows.balance.accrued != accrued ||
      rows.balance.holds != static_cast<int64_t>(rows.holds.size())) {
    scene_.Fail("an account holds what its holds do",
                absl::StrCat(a.account_id, " holds ", FormatDecimal(a.held), ", its ",
                             rows.holds.size(), " holds ", FormatDecimal(held)));
  }
  Seconds stored;
  for (const auto& [user_id, user] : rows.users) {
    for (const domain::Allowance& allowance : user.allowances) {
      if (allowance.seconds_held == 0) continue;
      stored[{user_id, allowance.period}] = allowance.seconds_held;
    }
  }
  for (const auto& [allowance, held_of_it] : seconds) {
    const auto next = seconds.upper_bound(allowance);
    if (next != seconds.end() && next->first.first == allowance.first) {
      scene_.Count(Happening::kHeldOverTheMonthsTurn);
    }
  }
  if (stored != seconds) scene_.Fail("an allowance holds what its holds do", a.account_id);
}

void HoldChecks::Note(const Hold& hold, SeenHolds* holds) {
  const auto [found, fresh] = holds->try_emplace(hold.hold_id);
  SeenHold& seen = found->second;
  const auto wrong = [&](absl::string_view check) { scene_.Fail(check, NameOf(hold)); };
  if (fresh) {
    seen.usage_id = hold.usage_id;
    seen.create_time = hold.create_time;
    scene_.Count(Happening::kHoldCreated);
  } else if (seen.create_time != hold.create_time) {
    return wrong("H3: a hold is made once");
  }
  if (hold.used < seen.used || hold.extension < seen.extension) {
    wrong("H3: what was reported only grows");
  }
  if (IsOverForGood(seen.state) && hold.state != seen.state) {
    wrong("H4: a hold that was settled stays so");
  }
  if (hold.open() && seen.state == HoldState::kOpen &&
      hold.granted_seconds < seen.granted_seconds && expired_.count(hold.hold_id) == 0) {
    wrong("H2: what was granted stays granted");
  }
  if (!fresh && hold.open() && seen.state != HoldState::kOpen) {
    scene_.Count(Happening::kHoldMadeAnew);
  }
  if (!fresh && hold.open() && hold.granted_seconds > seen.granted_seconds) {
    scene_.Count(Happening::kHoldExtended);
  }
  if (hold.state == HoldState::kSettled && seen.state != hold.state) {
    scene_.Count(Happening::kHoldSettled);
  }
  seen.state = hold.state;
  seen.extension = hold.extension;
  seen.used = hold.used;
  seen.granted_seconds = hold.granted_seconds;
}

void HoldChecks::OnEstimate(const domain::Entry& entry) {
  const domain::Usage& usage = entry.booked->usage;
  for (const auto& [hold_id, seen] : accounts_[entry.account_id]) {
    if (seen.usage_id != usage.usage_id) continue;
    if (seen.state == HoldState::kUnsettled && seen.used == usage.duration) return;
  }
  scene_.Fail("H12: an estimate is what was reported", usage.usage_id);
}

void HoldChecks::OnCdr(const AccountRows& rows, const book::RecordUsage& command) {
  if (command.hold_id.empty()) return;
  SeenHolds& holds = accounts_[rows.account.account_id];
  const auto hold = holds.find(command.hold_id);
  if (hold != holds.end()) hold->second.settled_by = command.usage.usage_id;
}

void HoldChecks::OnReply(const AccountRows& rows, const book::Command& command,
                         const book::Reply& reply) {
  const auto* held = book::AsIf<book::HoldReply>(reply);
  if (held == nullptr || !held->hold.has_value()) return;
  const SeenHolds& holds = accounts_[rows.account.account_id];
  const auto found = holds.find(held->hold->hold_id);
  if (found == holds.end()) {
    return scene_.Fail("what was acknowledged is stored", NameOf(*held->hold));
  }
  const SeenHold& seen = found->second;
  const auto* extend = std::get_if<book::ExtendHold>(&command);
  if (extend == nullptr) return;
  // Of one whose usage is booked nothing is reported any more, nor once no usage is booked (P4).
  const bool may_count = !IsOverForGood(seen.state) && rows.account.closing.takes_facts();
  if (may_count && seen.used < extend->extension.used) {
    scene_.Fail("H12: what was reported counts", NameOf(*held->hold));
  }
}

void HoldChecks::AtEnd(const AccountRows& rows,
                       const std::function<bool(const std::string&)>& taken) {
  const domain::Account& a = rows.account;
  if (!rows.holds.empty() || a.held != 0 || a.accrued != 0) {
    scene_.Fail("H4: every hold ends", absl::StrCat(a.account_id, " has ", rows.holds.size()));
  }
  if (!a.closing.takes_facts()) return;
  for (const auto& [hold_id, seen] : accounts_[a.account_id]) {
    const bool by_another = !seen.settled_by.empty() && seen.settled_by != seen.usage_id;
    const bool booked = taken(seen.usage_id) || (by_another && taken(seen.settled_by));
    if (seen.used > absl::ZeroDuration() && !booked) {
      scene_.Fail("H12: what was reported is booked in the end", seen.usage_id);
    }
    if (by_another && EstimateStands(rows, seen.usage_id)) {
      scene_.Fail("H5: a call is paid once, under whatever id its CDR came", seen.usage_id);
    }
  }
}

}  // namespace reserve::simulation
