// The fold of usages: asked about, booked, and found to be booked already (U1, U2).
#include "common/text/packed_digits.h"
#include "services/ledger/book/folder.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::Transition;
using domain::User;

}  // namespace

UsageReply ReplyOf(const Entry& entry, const std::string& currency) {
  UsageReply reply{entry.seq, -entry.amount, entry.balance_after, currency};
  reply.hash = entry.hash;
  if (entry.booked.has_value() && entry.booked->rating.unrated()) {
    reply.status = domain::UsageStatus::kUnrated;
    reply.unrated_reason = entry.booked->rating.unrated_reason;
  }
  return reply;
}

UsageReply ReplyOfBooked(const Entry& entry, const domain::UsageState& state,
                         const std::string& currency) {
  UsageReply reply = ReplyOf(entry, currency);
  reply.duplicate = true;
  reply.cost = state.net_cost();
  reply.status = state.status;
  reply.unrated_reason = state.unrated_reason;
  return reply;
}

UsageReply ReplyOfArchived(int64_t seq) {
  UsageReply reply;
  reply.seq = seq;
  reply.duplicate = reply.archived = true;
  return reply;
}

absl::StatusOr<UsageReply> AnswerRepeat(const Image& images, const AccountImage& image,
                                        const Entry& stored, const domain::Usage& usage) {
  if (!stored.booked.has_value() || domain::SameContent(stored.booked->usage, usage)) {
    return ReplyOfBooked(stored, images.StateOf(stored), image.account().currency);
  }
  return UsageIdReused(usage.usage_id, stored.seq);
}

bool IsStandingEstimate(const Entry& stored, const domain::UsageState& state) {
  return stored.booked.has_value() && stored.booked->estimated && state.corrected_by.empty();
}

absl::StatusOr<domain::UsageTerms> Folder::TermsOf(const AccountImage& image,
                                                   const domain::Usage& usage) {
  domain::UsageTerms terms;
  terms.emergency = IsForHelp(image, usage);
  if (terms.emergency) return terms;
  if (usage.user_id.empty()) {
    // It might have been for help, but not in this account's country, as it is remembered.
    folded_.must_read |= image.remembered;
    return InvalidField("user_id", "must be set");
  }
  terms.user = UserOf(image, usage.user_id);
  if (terms.user == nullptr) return terms;
  RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlanOf(*terms.user, usage.start_time));
  RESERVE_RETURN_IF_ERROR(CheckTimelineKnown(image, *terms.plan, usage));
  RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(image, *terms.plan, usage));
  if (terms.rate == nullptr) {
    terms.deck_in_force =
        catalog_.DeckInForce(image.account().currency, terms.plan->series, usage.start_time);
  }
  return terms;
}

absl::Status Folder::CheckAllowed(AccountImage& image, const domain::UsageTerms& terms,
                                  const domain::Usage& usage) {
  if (terms.user == nullptr) {
    return domain::UserNotFound(image.account().account_id, usage.user_id);
  }
  const domain::Authorization answer =
      domain::AuthorizeAtOnce(ContextOf(image), image.account(), terms, usage);
  const domain::Decision decision = answer.decision;
  if (decision == domain::Decision::kAllowed) return absl::OkStatus();
  // What was remembered may have moved.
  folded_.must_read |= image.remembered;
  if (!folded_.must_read) {
    NoteRefusal(answer);
    ApplyWithOpen(image, domain::AfterRefusal(ContextOf(image), image.account(), decision));
  }
  return domain::UsageNotAllowed(domain::NameOf(decision), answer.limit);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RecordUsage& command) {
  const domain::Usage& usage = command.usage;
  if (const Entry* stored = FindBooked(account_id, usage.usage_id); stored != nullptr) {
    return RecordedBefore(image_.accounts.find(account_id)->second, *stored, command);
  }
  if (const int64_t seq = image_.ArchivedAs(account_id, usage.usage_id); seq != 0) {
    ++folded_.duplicates;
    SettleNamed(image_.accounts.find(account_id)->second, usage.usage_id, command.hold_id);
    return ReplyOfArchived(seq);
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckFact(context_, usage));
  const AccountImage& known = image_.accounts.find(account_id)->second;
  if (!known.exists && IsForHelp(known, usage)) {
    ++folded_.unbooked_emergencies;
    UsageReply reply;
    reply.booked = false;
    return reply;
  }
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  if (!image->account().closing.takes_facts() && IsForHelp(*image, usage)) {
    ++folded_.unbooked_emergencies;
    UsageReply reply;
    reply.booked = false;
    return reply;
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckTakesFacts(image->account()));
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
  if (command.only_if_allowed && !terms.emergency) {
    RESERVE_RETURN_IF_ERROR(CheckAllowed(*image, terms, usage));
  }
  if (!command.hold_id.empty()) {
    RESERVE_ASSIGN_OR_RETURN(std::optional<Transition> in_place,
                             InPlaceOfEstimate(*image, command, terms));
    if (in_place.has_value()) {
      const Entry* entry = ApplyWithOpen(*image, *std::move(in_place));
      SettleNamed(*image, usage.usage_id, command.hold_id);
      return ReplyOf(*entry, image->account().currency);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(Transition && transition,
                           domain::RecordUsage(ContextOf(*image), std::move(image->account()),
                                               terms, usage, command.hold_id));
  const Entry* entry = Apply(*image, std::move(transition));
  if (!command.hold_id.empty()) SettleNamed(*image, usage.usage_id, command.hold_id);
  return ReplyOf(*entry, image->account().currency);
}

absl::StatusOr<Reply> Folder::RecordedBefore(AccountImage& image, const Entry& stored,
                                             const RecordUsage& command) {
  const domain::Usage& usage = command.usage;
  const domain::UsageState state = StateOf(image, stored);
  if (IsStandingEstimate(stored, state)) {
    const domain::UsageToVoid estimate{&state, UserOf(image, state.user_id)};
    RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(image, usage));
    RESERVE_ASSIGN_OR_RETURN(
        Transition transition,
        domain::ReplaceEstimate(ContextOf(image), image.account(), estimate, terms, usage));
    const Entry* entry = ApplyWithOpen(image, std::move(transition));
    SettleNamed(image, usage.usage_id, command.hold_id);
    return ReplyOf(*entry, image.account().currency);
  }
  ++folded_.duplicates;
  absl::StatusOr<Reply> repeat = AnswerRepeat(image_, image, stored, usage);
  // What is refused changes nothing (U2): a hold that another usage's CDR names is still its
  // call's.
  if (repeat.ok()) SettleNamed(image, usage.usage_id, command.hold_id);
  return repeat;
}

void Folder::SettleNamed(AccountImage& image, const std::string& usage_id,
                         const std::string& hold_id) {
  const Account& account = image.account();
  Apply(image, domain::SettleHold(ContextOf(image), account, usage_id, hold_id));
  const domain::Hold* ended =
      hold_id.empty() ? nullptr : image_.FindHold(account.account_id, hold_id);
  if (ended == nullptr || !ended->may_return()) return;
  Apply(image, domain::SettleEndedHold(ContextOf(image), account, domain::Hold(*ended)));
}

absl::StatusOr<std::optional<Transition>> Folder::InPlaceOfEstimate(
    const AccountImage& image, const RecordUsage& command, const domain::UsageTerms& terms) {
  const std::string& account_id = image.account().account_id;
  const domain::Hold* named = image_.FindHold(account_id, command.hold_id);
  if (named == nullptr || named->state != domain::HoldState::kEstimated) return std::nullopt;
  const Entry* stored = FindBooked(account_id, named->usage_id);
  if (stored == nullptr) return std::nullopt;
  const domain::UsageState state = StateOf(image, *stored);
  if (!IsStandingEstimate(*stored, state)) return std::nullopt;
  const domain::UsageToVoid estimate{&state, UserOf(image, state.user_id)};
  return domain::ReplaceEstimate(ContextOf(image), image.account(), estimate, terms, command.usage);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const AuthorizeUsage& command) {
  if (IsForHelp(image_.accounts.find(account_id)->second, command.usage)) {
    AuthorizeReply reply;
    reply.authorization = domain::AllowEmergency();
    return reply;
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckStartTime(context_, command.usage.start_time));
  RESERVE_ASSIGN_OR_RETURN(const AccountImage* image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const User* user, FindUser(*image, command.usage.user_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, FindPlanOf(*user, command.usage.start_time));
  RESERVE_ASSIGN_OR_RETURN(const domain::Rate* rate, FindRate(*image, *plan, command.usage));
  return AuthorizeReplyOf(*image, *plan, command.usage, rate,
                          domain::AuthorizeUsage(ContextOf(*image), image->account(), *user, *plan,
                                                 command.usage, rate));
}

AuthorizeReply Folder::AuthorizeReplyOf(const AccountImage& image, const domain::Plan& plan,
                                        const domain::Usage& usage, const domain::Rate* rate,
                                        const domain::Authorization& authorization) {
  NoteRefusal(authorization);
  AuthorizeReply reply;
  reply.authorization = authorization;
  reply.currency = image.account().currency;
  reply.deck_missing =
      rate == nullptr && !catalog_.DeckInForce(reply.currency, plan.series, usage.start_time);
  if (rate != nullptr) {
    reply.price = rate->price;
    reply.standard_rate = rate->standard_rate;
    UnpackDigits(rate->prefix, &reply.prefix);
  }
  return reply;
}

}  // namespace reserve::book
