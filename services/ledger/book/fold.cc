// The fold: the commands of a batch one after the other, each by the file of its subject
// (folder.h), and afterwards the repeats among the usages that were refused.
#include "services/ledger/book/fold.h"

#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/ledger/book/folder.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

// Was this usage booked, now or before? A call for help may not have been (C10, P4).
bool IsBooked(const absl::StatusOr<Reply>& reply) {
  return reply.ok() && As<UsageReply>(*reply).booked;
}

}  // namespace

Folded Folder::Run(absl::Span<const AccountCommand> commands) {
  folded_.replies.reserve(commands.size());
  for (const AccountCommand& each : commands) {
    found_rates_.clear();
    caller_ = each.caller;
    actor_ = each.actor;
    folded_.replies.push_back(std::visit(
        [&](const auto& command) { return Handle(each.account_id, command); }, *each.command));
    AccountImage& image = image_.accounts.find(each.account_id)->second;
    if (const absl::Status& status = folded_.replies.back().status(); !status.ok()) {
      if (domain::IsUsageAfterClosing(status)) ++folded_.after_closing;
      // Other refusals of a usage don't depend on what may have moved: the currency of an
      // account never changes, and no user is ever taken away. (One that is not allowed says so.)
      folded_.must_read |= absl::IsOutOfRange(status) && image.remembered;
    }
    if (image.exists && image.account().ends()) MoveClosingOn(image);
    if (folded_.must_read) return std::move(folded_);
  }
  WriteAccounts();
  WriteRecharges();
  WriteUsageStates();
  WriteHolds();
  return std::move(folded_);
}

Folded Fold(const domain::Context& context, const Catalog& catalog,
            absl::Span<const AccountCommand> commands, Image* image) {
  return Folder(context, catalog, *image).Run(commands);
}

std::vector<OnceKey> RefusedUsages(absl::Span<const AccountCommand> commands, const Folded& folded,
                                   const Image& image) {
  std::vector<OnceKey> keys;
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto* record = std::get_if<RecordUsage>(commands[i].command);
    if (record == nullptr || IsBooked(folded.replies[i])) continue;
    if (!image.accounts.find(commands[i].account_id)->second.exists) continue;
    const OnceKey key(commands[i].account_id, record->usage.usage_id);
    if (!image.usages.contains(key)) keys.push_back(key);
  }
  return keys;
}

void AnswerRepeats(absl::Span<const AccountCommand> commands, const Image& image, Folded* folded) {
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto* record = std::get_if<RecordUsage>(commands[i].command);
    if (record == nullptr || IsBooked(folded->replies[i])) continue;
    if (absl::IsAlreadyExists(folded->replies[i].status())) continue;  // answered by it already
    const auto archived = image.ArchivedAs(commands[i].account_id, record->usage.usage_id);
    if (archived != 0) {
      ++folded->duplicates;
      folded->replies[i] = ReplyOfArchived(archived);
      continue;
    }
    const auto entry = image.usages.find(OnceKey(commands[i].account_id, record->usage.usage_id));
    if (entry == image.usages.end()) continue;
    // What takes the place of an estimate was refused for itself.
    if (IsStandingEstimate(*entry->second, image.StateOf(*entry->second))) continue;
    ++folded->duplicates;
    if (domain::IsUsageAfterClosing(folded->replies[i].status())) --folded->after_closing;
    if (folded->replies[i].ok()) --folded->unbooked_emergencies;
    folded->replies[i] = AnswerRepeat(image, image.accounts.find(commands[i].account_id)->second,
                                      *entry->second, record->usage);
  }
}

}  // namespace reserve::book
