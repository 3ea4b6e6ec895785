#include "services/ledger/domain/grant_steps.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/domain/credit_grant.h"
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

void End(const CreditGrant& grant, absl::string_view cause, Draft* draft) {
  Account& a = draft->account();
  const Nanos left = grant.remaining;
  Entry& entry =
      draft->AddEntry(EntryKind::kGrantEnded, -left, SubtractSaturating(a.balance, left));
  entry.grant.number = grant.number;
  entry.reason = std::string(cause);
  draft
      ->AddEvent(EventKind::kCreditEnded,
                 absl::StrCat(FormatMoney(a.currency, left), " of credit grant ", grant.number,
                              " ended: ", cause))
      .amount = -left;
}

template <typename Ends>
void EndThose(Ends ends, absl::string_view cause, Draft* draft) {
  std::vector<CreditGrant>& grants = draft->account().grants;
  std::vector<CreditGrant> ended;
  for (const CreditGrant& grant : grants) {
    if (ends(grant)) ended.push_back(grant);
  }
  if (ended.empty()) return;
  draft->transition().grants_changed = true;
  grants.erase(std::remove_if(grants.begin(), grants.end(), ends), grants.end());
  for (const CreditGrant& grant : ended) {
    if (grant.remaining > 0) End(grant, cause, draft);
  }
  // Together, whatever their order.
  const Nanos left = SumOf(ended);
  if (left > 0) NoteTakenBack(-left, draft);
}

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

std::string DrawOnGrants(Nanos cost, int64_t booked_seq, absl::string_view returned, Draft* draft) {
  std::vector<CreditGrant>& grants = draft->account().grants;
  if (grants.empty() || cost <= 0) return "";
  std::vector<GrantDraw> draws;
  Nanos missing = cost;
  for (const GrantDraw& back : DrawsFrom(returned)) {
    CreditGrant* grant = Find(grants, back.number);
    if (grant != nullptr) Take(back.amount, grant, &missing, &draws);
  }
  for (CreditGrant& grant : grants) {
    const bool open = grant.end > draft->context().now && grant.seq < booked_seq;
    if (open) Take(missing, &grant, &missing, &draws);
  }
  if (!draws.empty()) draft->transition().grants_changed = true;
  return TextOf(draws);
}

void EndGrants(Draft* draft) {
  if (draft->account().grants.empty()) return;
  const absl::Time now = draft->context().now;
  EndThose([now](const CreditGrant& grant) { return grant.end <= now; }, "its time is over", draft);
}

void EndAllGrants(Draft* draft) {
  EndThose([](const CreditGrant&) { return true; }, "the account is being closed", draft);
}

void AwaitGrantEnd(Draft* draft) {
  Account& a = draft->account();
  for (const CreditGrant& grant : a.grants) {
    if (grant.remaining == 0 || grant.end >= a.due.time) continue;
    a.due.time = grant.end;
    // A cap stays what is in the way, and is looked at a little early.
    if (!a.due.capped()) a.due.reason = DueReason::kGrantEnd;
  }
}

}  // namespace reserve::domain
