#include "services/ledger/domain/support_policy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"

namespace reserve::domain {

absl::StatusOr<Transition> AdjustBalance(const Context& context, const Account& account,
                                         const std::string& request_id, Nanos amount,
                                         const std::string& reason) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, amount));
  Draft draft(context, account);
  Entry& entry = draft.AddEntry(EntryKind::kAdjustment, amount, balance);
  entry.request_id = request_id;
  entry.reason = reason;
  draft
      .AddEvent(EventKind::kBalanceAdjusted,
                absl::StrCat(FormatMoney(account.currency, amount), ": ", reason))
      .amount = amount;
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> BlockAccount(const Context& context, const Account& account,
                                        const std::string& reason) {
  if (account.block.reason == reason) return Unchanged(account);
  Draft draft(context, account);
  draft.account().block = {reason, context.now};
  draft.AddEvent(EventKind::kBlocked, reason);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> UnblockAccount(const Context& context, const Account& account,
                                          const std::string& reason) {
  if (!account.blocked()) return Unchanged(account);
  Draft draft(context, account);
  draft.account().block = {};
  draft.AddEvent(EventKind::kUnblocked, reason);
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
