// The fold of an account's cards: given, changed and removed, once under the id of a request.
#include "services/ledger/book/folder.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/book/etag.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Transition;

// `method` is one of the account's.
PaymentMethodReply PaymentMethodReplyOf(const Account& account,
                                        const domain::PaymentMethod& method) {
  return {method, static_cast<int32_t>(&method - account.payment_methods.data()) + 1};
}

std::string DigestOf(absl::string_view method, absl::string_view payment_method_id,
                     const domain::GivenCard& given) {
  const domain::CardDisplay display = given.display.value_or(domain::CardDisplay());
  return Sha256HexOfFields(
      {method, payment_method_id, given.card.token.Reveal(), given.card.fingerprint,
       absl::StrCat(static_cast<int>(given.card.network)), display.brand, display.last_four.view(),
       absl::StrCat(given.display.has_value(), " ", display.expiry_year, " ", display.expiry_month,
                    " ", given.position)});
}

std::string DigestOf(const RemovePaymentMethod& command) {
  return Sha256HexOfFields({"remove card", command.payment_method_id});
}

// Of that card of the account, as it is; empty if there is none.
std::string EtagOfCard(const Account& account, const std::string& payment_method_id) {
  int32_t position = 0;
  for (const domain::PaymentMethod& method : account.payment_methods) {
    ++position;
    if (method.payment_method_id == payment_method_id) return EtagOf(method, position);
  }
  return "";
}

// Does the card, as it is now, have another etag than the one that a request rests on?
bool IsStale(const Account& account, const std::string& payment_method_id,
             const std::string& etag) {
  if (etag.empty()) return false;
  const std::string now = EtagOfCard(account, payment_method_id);
  return !now.empty() && now != etag;  // what is said of one that is not there is said elsewhere
}

}  // namespace

absl::StatusOr<Reply> Folder::GiveOnce(
    absl::string_view account_id, const std::string& request_id, const std::string& digest,
    Policy give, absl::FunctionRef<const domain::PaymentMethod*(const Account&)> find,
    bool validate_only) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const OnceKey key(account_id, request_id);
  const auto stored = image_.requests.find(key);
  if (!request_id.empty() && stored != image_.requests.end()) {
    const RequestRecord& record = stored->second.record;
    if (record.digest != digest) return domain::RequestIdReused(request_id);
    const std::string id = domain::PaymentMethodId(static_cast<int32_t>(record.ordinal));
    const domain::PaymentMethod* method = domain::FindCard(image->account(), id);
    if (method != nullptr) return PaymentMethodReplyOf(image->account(), *method);
    domain::PaymentMethod removed;
    removed.payment_method_id = id;
    removed.state = domain::CardState::kRemoved;
    return PaymentMethodReply{removed, 0};
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition, give(ContextOf(*image), image->account()));
  if (validate_only) return PaymentMethodReplyOf(transition.account, *find(transition.account));
  ApplyWithOpen(*image, std::move(transition));
  const domain::PaymentMethod& method = *find(image->account());
  if (!request_id.empty()) {
    NoteRequest(account_id, request_id, digest, domain::NumberOf(method.payment_method_id));
  }
  return PaymentMethodReplyOf(image->account(), method);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const AddPaymentMethod& command) {
  const domain::GivenCard& given = command.given;
  return GiveOnce(
      account_id, command.request_id, DigestOf("add card", "", given),
      [&](const domain::Context& context, const Account& account) {
        return domain::AddPaymentMethod(context, account, given);
      },
      [&](const Account& account) { return domain::FindCardWith(account, given.card.token); },
      command.validate_only);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const UpdatePaymentMethod& command) {
  const domain::GivenCard& given = command.given;
  const std::string& id = command.payment_method_id;
  return GiveOnce(
      account_id, command.request_id, DigestOf("update card", id, given),
      [&](const domain::Context& context, const Account& account) -> absl::StatusOr<Transition> {
        absl::StatusOr<Transition> transition =
            domain::UpdatePaymentMethod(context, account, id, given);
        // As with settings: a card that is so already is no other than the request. (A token that
        // is given again is an act of its own, G6.)
        const bool as_it_is =
            transition.ok() && EtagOfCard(transition->account, id) == EtagOfCard(account, id);
        if (IsStale(account, id, command.etag) && !as_it_is) {
          return domain::EtagMismatch("payment_method.etag");
        }
        return transition;
      },
      [&](const Account& account) {
        return id.empty() ? domain::FindCardWith(account, given.card.token)
                          : domain::FindCard(account, id);
      },
      command.validate_only);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const RemovePaymentMethod& command) {
  const std::string& id = command.payment_method_id;
  return ChangeOnce(
      account_id, command.request_id, DigestOf(command),
      [&](const domain::Context& context, const Account& account) -> absl::StatusOr<Transition> {
        if (IsStale(account, id, command.etag)) return domain::EtagMismatch("etag");
        return domain::RemovePaymentMethod(context, account, id);
      },
      command.validate_only);
}

}  // namespace reserve::book
