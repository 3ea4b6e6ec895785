#include "services/ledger/domain/grant_policy.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/taken_back.h"

namespace reserve::domain {
namespace {

absl::Status Check(const Context& context, const Account& account, const GrantRequest& request) {
  if (request.amount <= 0) return InvalidField("amount", "must be above zero");
  if (request.end <= context.now) return InvalidField("expire_time", "must be in the future");
  if (request.end > context.now + kLongestGrant) {
    return InvalidField("expire_time", absl::StrCat("must not be after ",
                                                    FormatRfc3339(context.now + kLongestGrant)));
  }
  RESERVE_RETURN_IF_ERROR(CheckNotClosing(account));
  if (account.grants.size() >= kMostCreditGrants) return TooManyGrants(account);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Transition> GrantCredit(const Context& context, const Account& account,
                                       const GrantRequest& request) {
  RESERVE_RETURN_IF_ERROR(Check(context, account, request));
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, request.amount));
  Draft draft(context, account);
  Account& a = draft.account();
  Entry& entry = draft.AddEntry(EntryKind::kGrant, request.amount, balance);
  entry.request_id = request.request_id;
  entry.reason = request.by.reason;
  entry.grant.number = ++a.last_grant;
  entry.grant.end = request.end;
  const CreditGrant grant{entry.grant.number, entry.seq, request.amount, request.end};
  const auto place =
      std::upper_bound(a.grants.begin(), a.grants.end(), grant,
                       [](const CreditGrant& one, const CreditGrant& other) {
                         return std::tie(one.end, one.number) < std::tie(other.end, other.number);
                       });
  a.grants.insert(place, grant);
  draft.transition().grants_changed = true;
  Tell(request.by,
       draft.AddEvent(EventKind::kCreditGranted,
                      absl::StrCat(FormatMoney(a.currency, request.amount), " until ",
                                   FormatRfc3339(request.end), ": ", request.by.reason)))
      .amount = request.amount;
  NoteTakenBack(request.amount, &draft);
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
