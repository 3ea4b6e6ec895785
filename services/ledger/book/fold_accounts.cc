// The fold of an account as a whole: its opening, its settings, its users, and what staff does of
// it.
#include "services/ledger/book/folder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/book/etag.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Transition;
using domain::User;

std::string DigestOf(const UpdateBillingSettings& command) {
  const domain::BillingChange& change = command.change;
  const auto text = [](const std::optional<Nanos>& amount) {
    return amount.has_value() ? absl::StrCat(*amount) : std::string("as it is");
  };
  return Sha256HexOfFields(
      {"settings", text(change.reserve_amount), text(change.recharge_threshold),
       text(change.monthly_cap), text(change.notify_below),
       change.automatic_recharge.has_value() ? absl::StrCat(*change.automatic_recharge)
                                             : "as it is"});
}

std::string DigestOf(const UpdateAccount& command) {
  const domain::AccountChange& change = command.change;
  std::string digest =
      Sha256HexOfFields({"update account", change.country.value_or(""),
                         change.time_zone.has_value() ? change.time_zone->name() : "",
                         change.billing_day.has_value() ? absl::StrCat(*change.billing_day) : ""});
  // Apart, so that a request without it reads as it always did.
  if (!change.display_name.has_value()) return digest;
  return Sha256HexOfFields({digest, "display name", *change.display_name});
}

std::string DigestOf(const PutUser& command) {
  const std::string from = command.plan_from == absl::InfinitePast()
                               ? "from now on"
                               : absl::StrCat(absl::ToUnixMicros(command.plan_from));
  const std::string blocked =
      command.blocked.has_value() ? absl::StrCat(*command.blocked) : "as is";
  return Sha256HexOfFields({"put user", command.user_id, command.plan_id, from, blocked,
                            command.display_name.has_value() ? "named" : "as is",
                            command.display_name.value_or("")});
}

// What staff does of an account as a whole.
std::string DigestOf(absl::string_view method, const domain::ByStaff& by) {
  return Sha256HexOfFields({method, by.reason, by.actor, by.reference});
}

std::string DigestOf(const LiftSuspension& command) {
  std::string digest =
      Sha256HexOfFields({"lift suspension", command.card.payment_method_id, command.card.dispute_id,
                         command.by.reason, command.by.actor, command.by.reference});
  // Apart, so that a request without it reads as it always did.
  if (command.user_id.empty() && command.quiet == absl::ZeroDuration()) return digest;
  return Sha256HexOfFields({digest, command.user_id, absl::FormatDuration(command.quiet)});
}

std::string DigestOf(const UpdateLimits& command) {
  std::string set;
  for (const domain::LimitKind kind : command.change.set) absl::StrAppend(&set, NameOf(kind), " ");
  return Sha256HexOfFields({"update limits", command.user_id, command.currency,
                            TextOf(command.change.limits), set, command.by.reason, command.by.actor,
                            command.by.reference});
}

}  // namespace

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const OpenAccount& command) {
  AccountImage& image = image_.accounts.find(account_id)->second;
  if (image.exists) {
    if (image.account().opening_digest == command.digest) {
      RESERVE_RETURN_IF_ERROR(domain::CheckNotClosing(image.account()));
      return image.account();
    }
    return AccountExists(account_id);
  }
  absl::StatusOr<const domain::Plan*> plan = FindPlan(command.plan_id, context_.now);
  if (!plan.ok()) return WithFieldPrefix(plan.status(), "default_");
  if (catalog_.plans->IsRetired(command.plan_id)) {
    return WithFieldPrefix(domain::PlanRetired(command.plan_id), "default_");
  }
  domain::OpenAccountCommand open;
  open.account_id = std::string(account_id);
  open.currency = command.currency;
  open.deck_in_force = catalog_.DeckInForce(command.currency, (*plan)->series, context_.now);
  open.country = command.country;
  open.calendar = command.calendar;
  // One that was imported just now may be missing in this catalog only.
  folded_.missed_rate |= !open.deck_in_force;
  open.card = command.card;
  open.reserve_amount = command.reserve_amount;
  open.recharge_threshold = command.recharge_threshold;
  open.default_plan = **plan;
  open.expected_monthly_spend = command.expected_monthly_spend;
  open.digest = command.digest;
  open.display_name = command.display_name;
  RESERVE_ASSIGN_OR_RETURN(Transition transition, domain::OpenAccount(context_, open));
  Apply(image, std::move(transition));
  image.is_new = true;
  image.closing_known = true;  // all that there is of it is here
  return image.account();
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const UpdateBillingSettings& command) {
  const domain::BillingChange& change = command.change;
  return ChangeOnce(
      account_id, command.request_id, DigestOf(command),
      [&](const domain::Context& context, const Account& account) -> absl::StatusOr<Transition> {
        RESERVE_RETURN_IF_ERROR(CheckCurrency(account, command.currency,
                                              change.reserve_amount.has_value() ? "reserve_amount"
                                              : change.recharge_threshold.has_value()
                                                  ? "recharge_threshold"
                                              : change.monthly_cap.has_value() ? "monthly_cap"
                                                                               : "notify_below"));
        RESERVE_ASSIGN_OR_RETURN(Transition transition,
                                 domain::UpdateBillingSettings(context, account, change));
        // Settings that are in force already change nothing: so the repeat of a request after its
        // reply was lost is no other than the request.
        const std::string etag = EtagOf(account);
        if (!command.etag.empty() && command.etag != etag && EtagOf(transition.account) != etag) {
          return domain::EtagMismatch("etag");
        }
        return transition;
      },
      command.validate_only);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const UpdateAccount& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  RESERVE_ASSIGN_OR_RETURN(const bool done, WasDone(account_id, command.request_id, digest));
  if (done) return image->account();
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::UpdateAccount(ContextOf(*image), image->account(), command.change));
  // As with settings, what is so already is no other than the request.
  const std::string etag = EtagOfAccount(image->account());
  if (!command.etag.empty() && command.etag != etag && EtagOfAccount(transition.account) != etag) {
    return domain::EtagMismatch("account.etag");
  }
  if (command.validate_only) return std::move(transition.account);
  ApplyWithOpen(*image, std::move(transition));
  NoteDone(*image, account_id, command.request_id, digest);
  return image->account();
}

absl::StatusOr<Reply> Folder::UserReplyOf(const AccountImage& image, const std::string& user_id) {
  const User& user = *UserOf(image, user_id);
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, FindPlanOf(user, context_.now));
  return UserReply{user, *plan, image.account().calendar};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const PutUser& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const User* stored = UserOf(*image, command.user_id);
  // What the answer needs is looked for before anything is changed.
  if (stored != nullptr) RESERVE_RETURN_IF_ERROR(FindPlanOf(*stored, context_.now).status());
  const std::string digest = DigestOf(command);
  RESERVE_ASSIGN_OR_RETURN(const bool done, WasDone(account_id, command.request_id, digest));
  if (done) {
    RESERVE_RETURN_IF_ERROR(FindUser(*image, command.user_id).status());
    return UserReplyOf(*image, command.user_id);
  }
  if (command.plan_from_passed) return PlanFromPassed(context_.now);
  domain::UserChange change{command.user_id, command.plan_id, command.plan_from,
                            command.display_name, command.blocked};
  if (stored == nullptr && change.plan_id.empty()) {
    change.plan_id = image->account().default_plan_id;
  }
  if (!change.plan_id.empty()) {
    const absl::Time from = std::max(change.plan_from, context_.now);
    RESERVE_RETURN_IF_ERROR(FindPlan(change.plan_id, from).status());
    const bool is_on_it = stored != nullptr && stored->PlanIdAt(from) == change.plan_id;
    if (!is_on_it && catalog_.plans->IsRetired(change.plan_id)) {
      return domain::PlanRetired(change.plan_id);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::PutUser(ContextOf(*image), image->account(), stored, change));
  if (command.validate_only) {
    const User& user = transition.user.has_value() ? *transition.user : *stored;
    RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, FindPlanOf(user, context_.now));
    return UserReply{user, *plan, image->account().calendar};
  }
  if (stored == nullptr) folded_.with_new_users.emplace_back(account_id);
  ApplyWithOpen(*image, std::move(transition));
  NoteDone(*image, account_id, command.request_id, digest);
  return UserReplyOf(*image, command.user_id);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RemoveUser& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const User* stored, FindUser(*image, command.user_id));
  RESERVE_RETURN_IF_ERROR(FindPlanOf(*stored, context_.now).status());
  const std::string digest = Sha256HexOfFields({"remove user", command.user_id});
  RESERVE_ASSIGN_OR_RETURN(const bool done, WasDone(account_id, command.request_id, digest));
  if (done) return UserReplyOf(*image, command.user_id);
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::RemoveUser(ContextOf(*image), image->account(), *stored));
  ApplyWithOpen(*image, std::move(transition));
  NoteDone(*image, account_id, command.request_id, digest);
  return UserReplyOf(*image, command.user_id);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const BlockAccount& command) {
  return ChangeOnce(
      account_id, command.request_id, DigestOf("block", command.by),
      [&command](const domain::Context& context, const Account& account) {
        return domain::BlockAccount(context, account, command.by);
      },
      command.validate_only);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const UnblockAccount& command) {
  return ChangeOnce(
      account_id, command.request_id, DigestOf("unblock", command.by),
      [&command](const domain::Context& context, const Account& account) {
        return domain::UnblockAccount(context, account, command.by);
      },
      command.validate_only);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const LiftSuspension& command) {
  RESERVE_ASSIGN_OR_RETURN(const AccountImage* image, FindAccount(account_id));
  domain::LiftedLimits limits{nullptr, command.quiet, {}};
  for (const User& user : image->known->users) {
    if (user.alarm.rings()) limits.ringing.push_back(&user);
  }
  if (!command.user_id.empty()) {
    RESERVE_ASSIGN_OR_RETURN(limits.user, FindUser(*image, command.user_id));
  }
  return ChangeOnce(
      account_id, command.request_id, DigestOf(command),
      [&](const domain::Context& context, const Account& account) {
        return domain::LiftSuspension(context, account, command.card, command.by, limits);
      },
      command.validate_only);
}

absl::StatusOr<Reply> Folder::LimitsReplyOf(const AccountImage& image, const Account& account,
                                            const User* user) {
  LimitsReply reply;
  reply.account = account;
  const domain::Plan* plan = nullptr;
  if (user != nullptr) {
    reply.user = *user;
    RESERVE_ASSIGN_OR_RETURN(plan, FindPlanOf(*user, context_.now));
  }
  reply.in_force = domain::LimitsInForce(ContextOf(image), account, user, plan);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const UpdateLimits& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const User* user = nullptr;
  if (!command.user_id.empty()) {
    RESERVE_ASSIGN_OR_RETURN(user, FindUser(*image, command.user_id));
    // What the answer needs is looked for before anything is changed.
    RESERVE_RETURN_IF_ERROR(FindPlanOf(*user, context_.now).status());
  }
  const std::string digest = DigestOf(command);
  RESERVE_ASSIGN_OR_RETURN(const bool done, WasDone(account_id, command.request_id, digest));
  if (done) return LimitsReplyOf(*image, image->account(), user);
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "limits"));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::UpdateLimits(ContextOf(*image), image->account(), user, command.change, command.by));
  const domain::OwnLimits& own = user == nullptr ? image->account().limits : user->limits;
  if (!command.etag.empty() && command.etag != EtagOfLimits(own) && !transition.unchanged) {
    return domain::EtagMismatch("etag");
  }
  if (command.validate_only) {
    const User* changed = transition.user.has_value() ? &*transition.user : user;
    return LimitsReplyOf(*image, transition.account, changed);
  }
  ApplyWithOpen(*image, std::move(transition));
  NoteDone(*image, account_id, command.request_id, digest);
  return LimitsReplyOf(*image, image->account(),
                       user == nullptr ? nullptr : UserOf(*image, command.user_id));
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const Reconsider&) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  ApplyWithOpen(*image, domain::Reconsider(ContextOf(*image), image->account()));
  MoveClosingOn(*image);  // so that the answer is that of a repeat
  return image->account();
}

}  // namespace reserve::book
