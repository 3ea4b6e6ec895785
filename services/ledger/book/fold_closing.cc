// The fold of the end of an account: its closing, the steps that follow from it, and the payout of
// what is left (P4).
#include "services/ledger/book/folder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::Transition;

std::string DigestOf(const CloseAccount& command) {
  return Sha256HexOfFields({"close", absl::StrJoin(command.waived, " "), command.by.reason,
                            command.by.actor, command.by.reference});
}

std::string DigestOf(const RecordPayout& command) {
  return Sha256HexOfFields({"payout", absl::StrCat(command.total), command.by.reason,
                            command.by.actor, command.by.reference});
}

}  // namespace

void Folder::MoveClosingOn(AccountImage& image) {
  ApplyWithOpen(image, domain::MoveClosingOn(ContextOf(image), image.account()));
}

ClosingReply Folder::ClosingReplyOf(const AccountImage& image, const Account& account,
                                    absl::Span<const std::string> waived) {
  const domain::Context context = ContextOf(image);
  std::vector<std::string>& unrated = closing_rows_.unrated;
  unrated.erase(std::remove_if(unrated.begin(), unrated.end(),
                               [&](const std::string& usage_id) {
                                 return absl::c_linear_search(waived, usage_id);
                               }),
                unrated.end());
  return {account, domain::ClosingStepsOf(context, account)};
}

absl::StatusOr<std::vector<domain::UsageState>> Folder::FindWaived(
    const AccountImage& image, const CloseAccount& command) const {
  std::vector<domain::UsageState> states;
  for (const std::string& usage_id : command.waived) {
    RESERVE_RETURN_IF_ERROR(CheckNotArchived(image.account().account_id, usage_id));
    const Entry* stored = FindBooked(image.account().account_id, usage_id);
    if (stored == nullptr) return domain::UsageNotFound(image.account().account_id, usage_id);
    states.push_back(StateOf(image, *stored));
  }
  return states;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const CloseAccount& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  const auto stored = image_.requests.find(OnceKey(account_id, command.request_id));
  if (stored != image_.requests.end()) {
    if (stored->second.record.digest != digest) return domain::RequestIdReused(command.request_id);
    MoveClosingOn(*image);
    return ClosingReplyOf(*image, image->account());
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::UsageState> waived,
                           FindWaived(*image, command));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::CloseAccount(ContextOf(*image), image->account(), command.waived, command.by));
  if (command.validate_only) {
    return ClosingReplyOf(*image, transition.account, command.waived);
  }
  ApplyWithOpen(*image, std::move(transition));
  for (const domain::UsageState& state : waived) {
    if (state.status != domain::UsageStatus::kUnrated) continue;
    const domain::UsageToVoid old{&state, UserOf(*image, state.user_id)};
    RESERVE_ASSIGN_OR_RETURN(
        Transition voided,
        domain::VoidUsage(ContextOf(*image), image->account(), state.usage_id, old, command.by));
    ApplyWithOpen(*image, std::move(voided));
  }
  NoteRequest(account_id, command.request_id, digest, /*ordinal=*/0);
  image->balance_changed = true;
  MoveClosingOn(*image);
  return ClosingReplyOf(*image, image->account());
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RecordPayout& command) {
  return ChangeOnce(
      account_id, command.request_id, DigestOf(command),
      [&](const domain::Context& context, const Account& account) -> absl::StatusOr<Transition> {
        RESERVE_RETURN_IF_ERROR(CheckCurrency(account, command.currency, "total"));
        return domain::RecordPayout(context, account, command.total, command.by);
      },
      command.validate_only);
}

}  // namespace reserve::book
