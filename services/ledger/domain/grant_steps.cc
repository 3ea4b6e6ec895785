#include "services/ledger/domain/grant_steps.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/domain/credit_grant.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/taken_back.h"

namespace reserve::domain {
namespace {

CreditGrant* Find(std::vector<CreditGrant>& grants, int32_t number) {
  const auto found = std::find_if(grants.begin(), grants.end(), [number](const CreditGrant& grant) {
    return grant.number == number;
  });
  return found == grants.end() ? nullptr : &*found;
}

// Takes up to `most` of the grant.
void Take(Nanos most, CreditGrant* grant, Nanos* missing, std::vector<GrantDraw>* draws) {
  const Nanos amount = std::min({most, grant->remaining, *missing});
  if (amount <= 0) return;
  grant->remaining -= amount;
  *missing -= amount;
  for (GrantDraw& draw : *draws) {
    if (draw.number != grant->number) continue;
    draw.amount += amount;
    return;
  }
  draws->push_back({grant->number, amount});
}

void BookEnd(int32_t number, Nanos left, absl::string_view cause, Draft* draft) {
  Account& a = draft->account();
  Entry& entry =
      draft->AddEntry(EntryKind::kGrantEnded, -left, SubtractSaturating(a.balance, left));
  entry.grant.number = number;
  entry.reason = std::string(cause);
  draft
      ->AddEvent(EventKind::kCreditEnded,
                 absl::StrCat(FormatMoney(a.currency, left), " of credit grant ", number,
                              " ended: ", cause))
      .amount = -left;
}

// What live holds need that were made before that end.
Nanos NeededSince(absl::Time end, const std::vector<const Hold*>& live) {
  Nanos needed = 0;
  for (const Hold* hold : live) {
    if (hold->create_time < end) needed = AddSaturating(needed, hold->held);
  }
  return needed;
}

// Answers how much ended.
Nanos EndThose(absl::string_view cause, Draft* draft) {
  std::vector<CreditGrant>& grants = draft->account().grants;
  const absl::Time now = draft->context().now;
  const bool any = std::any_of(grants.begin(), grants.end(),
                               [now](const CreditGrant& grant) { return grant.end <= now; });
  if (!any) return 0;
  const std::vector<const Hold*> live = LiveHolds(*draft);
  std::vector<CreditGrant> ended;
  Nanos kept = 0;
  for (CreditGrant& grant : grants) {
    if (grant.end > now) continue;
    // Holds draw on the earliest end first.
    const Nanos needed = SubtractSaturating(NeededSince(grant.end, live), kept);
    const Nanos left = std::min(grant.remaining, std::max<Nanos>(needed, 0));
    if (left == grant.remaining && left > 0) {
      kept = AddSaturating(kept, left);
      continue;
    }
    ended.push_back(grant);
    ended.back().remaining -= left;
    grant.remaining = left;
    kept = AddSaturating(kept, left);
  }
  if (ended.empty()) return 0;
  draft->transition().grants_changed = true;
  grants.erase(std::remove_if(grants.begin(), grants.end(),
                              [now](const CreditGrant& grant) {
                                return grant.end <= now && grant.remaining == 0;
                              }),
               grants.end());
  for (const CreditGrant& grant : ended) {
    if (grant.remaining > 0) BookEnd(grant.number, grant.remaining, cause, draft);
  }
  return SumOf(ended);
}

// G12, together, whatever their order.
void NoteEnded(Nanos ended, Draft* draft) {
  if (ended > 0) NoteTakenBack(-ended, draft);
}

constexpr char kTimeIsOver[] = "its time is over";

}  // namespace

Nanos PromotionalOf(const Entry& entry) {
  if (entry.kind == EntryKind::kGrant || entry.kind == EntryKind::kGrantEnded) return entry.amount;
  Nanos sum = 0;
  if (entry.booked.has_value()) {
    for (const GrantDraw& draw : DrawsFrom(entry.booked->grant_draws)) sum -= draw.amount;
  }
  for (const GrantDraw& back : DrawsFrom(entry.grant.returned)) sum += back.amount;
  return sum;
}

void GiveBackToGrants(absl::string_view draws, Draft* draft) {
  std::vector<CreditGrant>& grants = draft->account().grants;
  for (const GrantDraw& draw : DrawsFrom(draws)) {
    draft->transition().grants_changed = true;
    CreditGrant* grant = Find(grants, draw.number);
    if (grant == nullptr) {
      // Its end has come.
      grants.push_back({draw.number, 0, draw.amount, absl::InfinitePast()});
    } else {
      grant->remaining = AddSaturating(grant->remaining, draw.amount);
    }
  }
}

std::string DrawOnGrants(Nanos cost, int64_t booked_seq, absl::string_view returned, Draft* draft,
                         const Hold* hold) {
  std::vector<CreditGrant>& grants = draft->account().grants;
  if (grants.empty() || cost <= 0) return "";
  std::vector<GrantDraw> draws;
  Nanos missing = cost;
  for (const GrantDraw& back : DrawsFrom(returned)) {
    CreditGrant* grant = Find(grants, back.number);
    if (grant != nullptr) Take(back.amount, grant, &missing, &draws);
  }
  Nanos kept = hold == nullptr ? 0 : hold->held;
  for (CreditGrant& grant : grants) {
    if (grant.seq >= booked_seq) continue;
    if (grant.end > draft->context().now) {
      Take(missing, &grant, &missing, &draws);
    } else if (hold != nullptr && hold->create_time < grant.end) {
      const Nanos before = missing;
      Take(kept, &grant, &missing, &draws);
      kept -= before - missing;
    }
  }
  if (!draws.empty()) draft->transition().grants_changed = true;
  return TextOf(draws);
}

void EndGrants(Draft* draft) {
  if (!draft->account().grants.empty()) NoteEnded(EndThose(kTimeIsOver, draft), draft);
}

void EndGrantsUnnoted(Draft* draft) {
  if (!draft->account().grants.empty()) EndThose(kTimeIsOver, draft);
}

void EndAllGrants(Draft* draft) {
  for (CreditGrant& grant : draft->account().grants) {
    grant.end = std::min<absl::Time>(grant.end, draft->context().now);
  }
  NoteEnded(EndThose("the account is being closed", draft), draft);
}

void AwaitGrantEnd(Draft* draft) {
  Account& a = draft->account();
  for (const CreditGrant& grant : a.grants) {
    // What is kept of one that has ended ends with the hold that needs it.
    if (grant.remaining == 0 || grant.end <= draft->context().now) continue;
    if (grant.end >= a.due.time) continue;
    a.due.time = grant.end;
    // A cap stays what is in the way, and is looked at a little early.
    if (!a.due.capped()) a.due.reason = DueReason::kGrantEnd;
  }
}

}  // namespace reserve::domain
