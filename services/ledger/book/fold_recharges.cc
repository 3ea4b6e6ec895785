// The fold of recharges: asked for, put off, reported by the worker, and reviewed by a person.
// Refunds are reported and reviewed by the same commands.
#include "services/ledger/book/folder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/book/charges.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Recharge;
using domain::Transition;

std::string DigestOf(const RequestRecharge& command) {
  return Sha256HexOfFields(
      {"recharge", command.amount.has_value() ? absl::StrCat(*command.amount) : "default"});
}

std::string DigestOf(const ResolveReview& command) {
  const domain::ReviewOutcome& outcome = command.outcome;
  return Sha256HexOfFields({"resolve review", absl::StrCat(command.ordinal),
                            outcome.charged     ? "charged"
                            : outcome.dismissed ? "dismissed"
                                                : "not charged",
                            outcome.charge_id, absl::StrCat(outcome.amount), command.by.reason,
                            command.by.actor, command.by.reference});
}

}  // namespace

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RequestRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, command.request_id, digest)) return *repeat;
  const domain::Context context = ContextOf(*image);
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RequestRecharge(context, image->account(), command.request_id, command.amount));
  // The last, as it may take the place of another.
  const Recharge recharge = AsWritten(transition.recharges.back());
  const bool more_follows = domain::MoreFollows(context, transition.account, recharge);
  if (command.validate_only) return RechargeReply{recharge, false, more_follows};
  ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, command.request_id, digest, recharge.ordinal);
  return RechargeReply{recharge, /*already_applied=*/false, more_follows};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const DeferRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const auto found = image_.recharges.find(RechargeKey(account_id, command.ordinal));
  if (found == image_.recharges.end()) return image->account();
  ApplyWithOpen(*image,
                domain::DeferRecharge(ContextOf(*image), image->account(), found->second.recharge));
  return image->account();
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ReportRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* found, FindRecharge(account_id, command.ordinal));
  const Recharge& recharge = found->recharge;
  if (recharge.is_payment()) return RechargeNotFound(account_id, command.ordinal);
  if (command.of_refund.value_or(recharge.is_refund()) != recharge.is_refund()) {
    return InvalidField(
        "outcome", recharge.is_refund() ? "must be one of a refund" : "must be one of a recharge");
  }
  if (!recharge.is_refund()) {
    const domain::ChargeOutcome& outcome = command.outcome;
    const Recharge* credited = outcome.kind == domain::ChargeOutcome::Kind::kSucceeded
                                   ? CreditedFor(image_, account_id, outcome.charge_id)
                                   : nullptr;
    return ApplyOutcome(
        *image, command.ordinal,
        domain::ReportRecharge(ContextOf(*image), image->account(), recharge, credited, outcome,
                               EarlierNumber(recharge, outcome.attempt)));
  }
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* charge,
                           FindRecharge(account_id, recharge.refund_of));
  return ApplyOutcome(*image, command.ordinal,
                      domain::ReportRefund(ContextOf(*image), image->account(), recharge,
                                           charge->recharge, command.outcome));
}

std::string Folder::EarlierNumber(const Recharge& recharge, int32_t attempt) const {
  if (attempt >= recharge.attempt) return "";
  const auto found =
      image_.earlier_numbers.find(AttemptKey(recharge.account_id, recharge.ordinal, attempt));
  return found == image_.earlier_numbers.end() ? "" : found->second;
}

absl::StatusOr<Transition> Folder::Resolved(const AccountImage& image, const Recharge& recharge,
                                            const ResolveReview& command) {
  const std::string& account_id = image.account().account_id;
  const domain::ReviewOutcome& outcome = command.outcome;
  if (outcome.dismissed) {
    return domain::DismissKept(ContextOf(image), image.account(), recharge, command.by);
  }
  if (!recharge.is_refund()) {
    return domain::ResolveReview(ContextOf(image), image.account(), recharge,
                                 CreditedFor(image_, account_id, outcome.charge_id), outcome,
                                 command.by);
  }
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* charge,
                           FindRecharge(account_id, recharge.refund_of));
  std::optional<std::string> refund_id;
  if (outcome.charged) refund_id = outcome.charge_id;
  return domain::ResolveRefund(ContextOf(image), image.account(), recharge, charge->recharge,
                               refund_id, command.by);
}

absl::StatusOr<Reply> Folder::DismissLate(AccountImage& image, const ResolveReview& command) {
  const std::string account_id = image.account().account_id;
  RechargeReply none;
  none.recharge.account_id = account_id;
  none.recharge.currency = image.account().currency;
  const std::string digest = DigestOf(command);
  const auto stored = image_.requests.find(OnceKey(account_id, command.request_id));
  if (!command.request_id.empty() && stored != image_.requests.end()) {
    if (stored->second.record.digest != digest) return domain::RequestIdReused(command.request_id);
    none.already_applied = true;
    return none;
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::DismissLateMoney(ContextOf(image), image.account(), command.by));
  if (command.validate_only) return none;
  ApplyWithOpen(image, std::move(transition));
  if (!command.request_id.empty()) {
    NoteRequest(account_id, command.request_id, digest, /*ordinal=*/0);
    image.balance_changed = true;
  }
  return none;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ResolveReview& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  if (command.ordinal == 0 && command.outcome.dismissed) return DismissLate(*image, command);
  if (!command.request_id.empty()) {
    if (const auto repeat = AnswerAgain(account_id, command.request_id, digest)) return *repeat;
  }
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "charged.amount"));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* found, FindRecharge(account_id, command.ordinal));
  const Recharge before = found->recharge;
  RESERVE_ASSIGN_OR_RETURN(Transition transition, Resolved(*image, before, command));
  if (command.validate_only) {
    const auto resolved = absl::c_find_if(transition.recharges, [&](const Recharge& changed) {
      return changed.ordinal == command.ordinal;
    });
    return RechargeReply{transition.unchanged ? before : AsWritten(*resolved),
                         transition.unchanged};
  }
  RESERVE_ASSIGN_OR_RETURN(Reply reply,
                           ApplyOutcome(*image, command.ordinal, std::move(transition)));
  if (!command.request_id.empty()) {
    NoteRequest(account_id, command.request_id, digest, command.ordinal);
    image->balance_changed = true;
  }
  return reply;
}

absl::StatusOr<Reply> Folder::ApplyOutcome(AccountImage& image, int64_t ordinal,
                                           absl::StatusOr<Transition> transition) {
  RESERVE_RETURN_IF_ERROR(transition.status());
  const bool already_applied = transition->unchanged;
  const std::string account_id = image.account().account_id;
  ApplyWithOpen(image, *std::move(transition));
  if (!already_applied) RESERVE_RETURN_IF_ERROR(ApplyKept(image, ordinal));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* closed, FindRecharge(account_id, ordinal));
  return RechargeReply{closed->recharge, already_applied};
}

absl::Status Folder::ApplyKept(AccountImage& image, int64_t ordinal) {
  const std::string account_id = image.account().account_id;
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* closed, FindRecharge(account_id, ordinal));
  const Recharge charge = closed->recharge;
  if (!charge.holds_credit()) return absl::OkStatus();
  const std::vector<const Recharge*> refunds = RefundsOf(image_, account_id, charge.charge_id);
  const std::vector<const domain::Dispute*> disputes =
      DisputesOf(image_, account_id, charge.charge_id);
  if (charge.keeps || !refunds.empty() || !disputes.empty()) {
    RESERVE_ASSIGN_OR_RETURN(Transition kept, domain::ApplyKept(ContextOf(image), image.account(),
                                                                charge, refunds, disputes));
    ApplyWithOpen(image, std::move(kept));
  }
  ApplyUnplaced(image, charge.charge_id);
  return absl::OkStatus();
}

}  // namespace reserve::book
