// The fold of what changes a usage that is booked: void, correction, a price that came late, and
// rating again (U5 to U7).
#include "services/ledger/book/folder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::EntryKind;
using domain::Transition;

// `old`: the usage before it was taken back; null of one that is voided in advance.
VoidReply ReplyOfVoid(const Account& account, const Entry& entry, const domain::UsageState* old) {
  VoidReply reply{entry.seq, entry.amount, entry.voided.free_seconds, account.balance,
                  account.currency};
  if (old != nullptr) {
    reply.user_id = old->user_id;
    reply.free_period = old->free_period;
    reply.usage_seq = old->seq;
  }
  return reply;
}

// The same of one that was taken back before.
VoidReply ReplyOfVoid(const Account& account, const domain::UsageState& state) {
  VoidReply reply{state.latest_seq, state.cost,       state.free_seconds,
                  account.balance,  account.currency, /*already_voided=*/true};
  reply.user_id = state.user_id;
  reply.free_period = state.free_period;
  reply.usage_seq = state.seq;
  reply.corrected_by = state.corrected_by;
  return reply;
}

// `first`: the first of its entries, its void if it has one. `old`: the usage before that; null
// where the void is in advance.
CorrectionReply ReplyOfCorrection(const Account& account, const Entry& first, const Entry& booked,
                                  const domain::UsageState* old) {
  CorrectionReply reply{ReplyOf(booked, account.currency), std::nullopt};
  if (first.kind == EntryKind::kVoid) {
    reply.voided = ReplyOfVoid(account, first, old);
    reply.voided->corrected_by = booked.booked->usage.usage_id;
  }
  return reply;
}

}  // namespace

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const VoidUsage& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckNotArchived(account_id, command.usage_id));
  const Entry* stored = FindBooked(account_id, command.usage_id);
  if (stored == nullptr && !command.allow_missing) {
    return domain::UsageNotFound(account_id, command.usage_id);
  }
  std::optional<domain::UsageState> state;
  domain::UsageToVoid old;
  if (stored != nullptr) {
    old.state = &state.emplace(StateOf(*image, *stored));
    old.user = UserOf(*image, state->user_id);
    if (state->status == domain::UsageStatus::kVoided) {
      return ReplyOfVoid(image->account(), *state);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::VoidUsage(ContextOf(*image), image->account(), command.usage_id, old, command.by));
  if (command.validate_only) {
    return ReplyOfVoid(transition.account, transition.entries.front(), old.state);
  }
  const Entry* entry = ApplyWithOpen(*image, std::move(transition));
  return ReplyOfVoid(image->account(), *entry, old.state);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const CorrectUsage& command) {
  const domain::Usage& usage = command.usage;
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckNotArchived(account_id, command.correction.usage_id));
  RESERVE_RETURN_IF_ERROR(CheckNotArchived(account_id, usage.usage_id));
  std::optional<domain::UsageState> state;
  domain::UsageToVoid old;
  if (const Entry* stored = FindBooked(account_id, command.correction.usage_id)) {
    old.state = &state.emplace(StateOf(*image, *stored));
    old.estimated = IsStandingEstimate(*stored, *state);
    old.user = UserOf(*image, state->user_id);
  }
  if (const Entry* stored = FindBooked(account_id, usage.usage_id); stored != nullptr) {
    return CorrectedBefore(*image, *stored, command, old);
  }
  if (!image->account().closing.takes_facts() && IsForHelp(*image, usage) &&
      !command.validate_only) {
    ++folded_.unbooked_emergencies;  // and refused: the old usage stays as it is
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckTakesFacts(image->account()));
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::CorrectUsage(ContextOf(*image), image->account(),
                                                command.correction, old, terms, usage, command.by));
  if (command.validate_only) {
    const auto booked = absl::c_find_if(
        transition.entries, [](const Entry& entry) { return entry.kind == EntryKind::kUsage; });
    return ReplyOfCorrection(transition.account, transition.entries.front(), *booked, old.state);
  }
  const size_t before = folded_.writes.entries.size();
  const Entry* booked = ApplyWithOpen(*image, std::move(transition));
  return ReplyOfCorrection(image->account(), folded_.writes.entries[before], *booked, old.state);
}

absl::StatusOr<Reply> Folder::CorrectedBefore(AccountImage& image, const Entry& stored,
                                              const CorrectUsage& command,
                                              const domain::UsageToVoid& old) {
  RESERVE_ASSIGN_OR_RETURN(UsageReply usage, AnswerRepeat(image_, image, stored, command.usage));
  if (!command.validate_only) ++folded_.duplicates;
  CorrectionReply reply{std::move(usage), std::nullopt};
  const std::string& corrected_by = command.usage.usage_id;
  const bool was_voided = old.state != nullptr && old.state->status == domain::UsageStatus::kVoided;
  if (was_voided) {
    if (old.state->corrected_by == corrected_by) {
      reply.voided = ReplyOfVoid(image.account(), *old.state);
    }
    if (command.validate_only) return reply;
    ApplyWithOpen(image,
                  domain::NoteCorrectedBy(ContextOf(image), image.account(), old, corrected_by));
  } else {
    // The new usage was booked by itself: what it corrects is still to be taken back.
    RESERVE_ASSIGN_OR_RETURN(
        Transition transition,
        domain::VoidUsage(ContextOf(image), image.account(), command.correction.usage_id, old,
                          command.by, corrected_by));
    reply.voided = ReplyOfVoid(transition.account, transition.entries.front(), old.state);
    reply.voided->corrected_by = corrected_by;
    if (command.validate_only) return reply;
    ApplyWithOpen(image, std::move(transition));
  }
  SettleNamed(image, corrected_by, command.correction.hold_id);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RateUnrated& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckNotArchived(account_id, command.usage_id));
  const Entry* stored = FindBooked(account_id, command.usage_id);
  if (stored == nullptr) return domain::UsageNotFound(account_id, command.usage_id);
  const domain::UsageState state = StateOf(*image, *stored);
  if (state.status == domain::UsageStatus::kUnrated) {
    const domain::Usage& usage = stored->booked->usage;
    RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
    RESERVE_ASSIGN_OR_RETURN(
        Transition transition,
        domain::RateUnrated(ContextOf(*image), image->account(), state, terms, usage));
    ApplyWithOpen(*image, std::move(transition));
  }
  const domain::UsageState after = StateOf(*image, *stored);
  UsageReply reply = ReplyOfBooked(*stored, after, image->account().currency);
  reply.duplicate = after.status == state.status;
  return reply;
}

absl::StatusOr<domain::UsageTerms> Folder::TermsAgain(const AccountImage& image,
                                                      const Entry& stored,
                                                      const domain::UsageState& state,
                                                      const RerateUsage& command) {
  const domain::Usage& usage = stored.booked->usage;
  domain::UsageTerms terms;
  terms.emergency =
      stored.booked->rating.basis == domain::ChargeBasis::kEmergency || IsForHelp(image, usage);
  if (terms.emergency) return terms;
  terms.user = UserOf(image, usage.user_id);
  if (terms.user == nullptr) return terms;
  // The plan that it was rated on stays the one that applied then.
  const bool has_plan = state.status == domain::UsageStatus::kRated && !state.plan_id.empty();
  RESERVE_ASSIGN_OR_RETURN(
      terms.plan, FindStoredPlan(has_plan ? state.plan_id : terms.user->PlanIdAt(usage.start_time),
                                 usage.start_time));
  const int64_t deck_version =
      command.prices == PricesBy::kOwnDeck ? state.deck_version : command.deck_version;
  if (command.prices == PricesBy::kTimeline || deck_version == 0) {
    RESERVE_RETURN_IF_ERROR(CheckTimelineKnown(image, *terms.plan, usage));
    RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(image, *terms.plan, usage));
  } else {
    RESERVE_RETURN_IF_ERROR(CheckPlanKnown(*terms.plan, usage));
    RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRateIn(deck_version, image, usage));
  }
  return terms;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RerateUsage& command) {
  if (context_.now > command.not_after) return domain::ReratingMovedOn();
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckNotArchived(account_id, command.usage_id));
  const Entry* stored = FindBooked(account_id, command.usage_id);
  if (stored == nullptr || !stored->booked.has_value()) {
    return domain::UsageNotFound(account_id, command.usage_id);
  }
  const domain::Usage& usage = stored->booked->usage;
  const domain::UsageState before = StateOf(*image, *stored);
  RerateReply reply;
  reply.account_id = std::string(account_id);
  reply.usage = usage;
  reply.was_unrated = before.status == domain::UsageStatus::kUnrated;
  const int64_t number = command.rerating.number;
  if (command.seq != 0 && command.seq != domain::TurnOf(before, number)) {
    reply.outcome = domain::Rerated::kElsewhere;
    return reply;
  }
  if (domain::IsErasedNumber(usage.destination)) return reply;  // no price can be found any more
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms,
                           TermsAgain(*image, *stored, before, command));
  RESERVE_ASSIGN_OR_RETURN(domain::ReratedUsage rerated,
                           domain::RateAgain(ContextOf(*image), image->account(), before, terms,
                                             usage, command.rerating));
  reply.outcome = rerated.outcome;
  ApplyWithOpen(*image, std::move(rerated.transition));
  const domain::UsageState after = StateOf(*image, *stored);
  const bool by_this = rerated.outcome == domain::Rerated::kDoneBefore && before.rerating == number;
  reply.cost_before = by_this ? before.previous_cost : before.net_cost();
  reply.cost = after.net_cost();
  reply.free_seconds_before = before.free_seconds;
  reply.free_seconds = after.free_seconds;
  reply.deck_version_before = before.deck_version;
  reply.deck_version = after.deck_version;
  return reply;
}

}  // namespace reserve::book
