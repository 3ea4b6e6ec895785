// The fold of money that moves without a card: payments and their reversals, adjustments and credit
// grants.
#include "services/ledger/book/folder.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/book/charges.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::Recharge;
using domain::Transition;

std::string DigestOf(const AdjustBalance& command) {
  return Sha256HexOfFields({"adjust", absl::StrCat(command.amount), command.by.reason,
                            command.by.actor, command.by.reference});
}

std::string DigestOf(const GrantCredit& command) {
  const domain::GrantRequest& request = command.request;
  return Sha256HexOfFields({"grant", absl::StrCat(request.amount),
                            absl::FormatTime(request.end, absl::UTCTimeZone()), request.by.reason,
                            request.by.actor, request.by.reference});
}

std::string DigestOf(const RecordPayment& command) {
  const domain::PaymentRequest& request = command.request;
  return Sha256HexOfFields({"payment", absl::StrCat(request.amount),
                            absl::StrCat(static_cast<int>(request.means)), request.charge_id,
                            absl::FormatTime(request.received_time, absl::UTCTimeZone()),
                            request.by.reason, request.by.actor, request.by.reference});
}

std::string DigestOf(const ReversePayment& command) {
  return Sha256HexOfFields({"reverse payment", absl::StrCat(command.ordinal), command.by.reason,
                            command.by.actor, command.by.reference});
}

}  // namespace

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const AdjustBalance& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  return BookOnce(*image, account_id, command.request_id, DigestOf(command), command.validate_only,
                  [&command](const domain::Context& context, const Account& account) {
                    return domain::AdjustBalance(context, account, command.request_id,
                                                 command.amount, command.by);
                  });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const GrantCredit& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  return BookOnce(*image, account_id, command.request.request_id, DigestOf(command),
                  command.validate_only,
                  [&command](const domain::Context& context, const Account& account) {
                    return domain::GrantCredit(context, account, command.request);
                  });
}

PaymentReply Folder::PaymentReplyOf(const RecordPayment& command, const Recharge& credited,
                                    const Entry* entry) const {
  const std::string& request_id = command.request.request_id;
  PaymentReply reply;
  reply.credited = credited;
  if (entry != nullptr) reply.entry = *entry;
  reply.already_credited = !credited.is_payment() || credited.request_id != request_id;
  reply.same_reference =
      PaymentsBefore(image_, credited.account_id, command.request.by.reference, credited.ordinal);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RecordPayment& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::PaymentRequest& request = command.request;
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, request.request_id, digest)) {
    RESERVE_RETURN_IF_ERROR(repeat->status());
    const RequestImage& stored = image_.requests.at(OnceKey(account_id, request.request_id));
    return PaymentReplyOf(command, As<RechargeReply>(**repeat).recharge,
                          stored.entry.has_value() ? &*stored.entry : nullptr);
  }
  const Recharge* credited = CreditedFor(image_, account_id, request.charge_id);
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RecordPayment(ContextOf(*image), image->account(), credited, request));
  if (credited != nullptr) {
    const auto credit = image_.credits.find(RechargeKey(account_id, credited->ordinal));
    const Entry* entry = credit == image_.credits.end() ? nullptr : &credit->second;
    if (!command.validate_only) {
      // The same is answered to a repeat, also once that payment is reversed.
      NoteRequest(account_id, request.request_id, digest, credited->ordinal, entry);
      image->balance_changed = true;
    }
    return PaymentReplyOf(command, *credited, entry);
  }
  const Recharge payment = AsWritten(transition.recharges.front());
  if (command.validate_only) return PaymentReplyOf(command, payment, &transition.entries.front());
  const Entry* entry = ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, request.request_id, digest, payment.ordinal, entry);
  RESERVE_RETURN_IF_ERROR(ApplyKept(*image, payment.ordinal));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* booked, FindRecharge(account_id, payment.ordinal));
  return PaymentReplyOf(command, booked->recharge, entry);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ReversePayment& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, command.request_id, digest)) return *repeat;
  const auto found = image_.recharges.find(RechargeKey(account_id, command.ordinal));
  if (found == image_.recharges.end() || !found->second.recharge.is_payment()) {
    return domain::PaymentNotFound(account_id, command.ordinal);
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ReversePayment(ContextOf(*image), image->account(), found->second.recharge,
                             command.request_id, command.by));
  const Recharge reversed = AsWritten(transition.recharges.front());
  if (command.validate_only) return RechargeReply{reversed};
  const Entry* entry = ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, command.request_id, digest, reversed.ordinal, entry);
  return RechargeReply{reversed};
}

}  // namespace reserve::book
