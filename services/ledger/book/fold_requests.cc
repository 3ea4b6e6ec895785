// The fold: what is done once under the id of a request, and answered again to its repeats.
#include "services/ledger/book/folder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/book/month_span.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::Transition;

}  // namespace

std::optional<absl::StatusOr<Reply>> Folder::AnswerAgain(absl::string_view account_id,
                                                         const std::string& request_id,
                                                         const std::string& digest) const {
  const auto stored = image_.requests.find(OnceKey(account_id, request_id));
  if (stored == image_.requests.end()) return std::nullopt;
  const RequestRecord& record = stored->second.record;
  const auto recharge = image_.recharges.find(RechargeKey(account_id, record.ordinal));
  if (record.digest == digest && recharge != image_.recharges.end()) {
    return RechargeReply{recharge->second.recharge, /*already_applied=*/true};
  }
  return domain::RequestIdReused(request_id);
}

void Folder::NoteRequest(absl::string_view account_id, const std::string& request_id,
                         const std::string& digest, int64_t ordinal, const Entry* entry) {
  // The key refers to the command's id, as those of loaded requests do.
  RequestImage& once = image_.requests[OnceKey(account_id, request_id)];
  once.record = {std::string(account_id), request_id, digest, 0, 0, ordinal};
  if (entry != nullptr) {
    once.record.seq = entry->seq;
    once.record.month = MonthOfEntry(*entry);
    once.entry = *entry;
  }
  folded_.writes.requests.push_back(once.record);
}

absl::StatusOr<bool> Folder::WasDone(absl::string_view account_id, const std::string& request_id,
                                     const std::string& digest) const {
  if (request_id.empty()) return false;
  const auto stored = image_.requests.find(OnceKey(account_id, request_id));
  if (stored == image_.requests.end()) return false;
  if (stored->second.record.digest != digest) return domain::RequestIdReused(request_id);
  return true;
}

void Folder::NoteDone(AccountImage& image, absl::string_view account_id,
                      const std::string& request_id, const std::string& digest) {
  if (request_id.empty()) return;
  NoteRequest(account_id, request_id, digest, /*ordinal=*/0);
  image.balance_changed = true;
}

absl::StatusOr<Reply> Folder::ChangeOnce(absl::string_view account_id,
                                         const std::string& request_id, const std::string& digest,
                                         Policy change, bool validate_only) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const bool done, WasDone(account_id, request_id, digest));
  if (done) return image->account();
  RESERVE_ASSIGN_OR_RETURN(Transition transition, change(ContextOf(*image), image->account()));
  if (validate_only) return std::move(transition.account);
  ApplyWithOpen(*image, std::move(transition));
  NoteDone(*image, account_id, request_id, digest);
  return image->account();
}

absl::StatusOr<Reply> Folder::BookOnce(AccountImage& image, absl::string_view account_id,
                                       const std::string& request_id, const std::string& digest,
                                       bool validate_only, Policy book) {
  const std::string currency = image.account().currency;
  const auto stored = image_.requests.find(OnceKey(account_id, request_id));
  if (stored != image_.requests.end()) {
    if (stored->second.record.digest == digest && stored->second.entry.has_value()) {
      return EntryReply{*stored->second.entry, currency};
    }
    return domain::RequestIdReused(request_id);
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition, book(ContextOf(image), image.account()));
  if (validate_only) return EntryReply{transition.entries.front(), currency};
  const Entry* entry = ApplyWithOpen(image, std::move(transition));
  NoteRequest(account_id, request_id, digest, /*ordinal=*/0, entry);
  return EntryReply{*entry, currency};
}

}  // namespace reserve::book
