// The fold of calls in progress: holds are made, extended, released, and ended by their time (H1 to
// H12).
#include "services/ledger/book/folder.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Entry;
using domain::Transition;

}  // namespace

absl::StatusOr<domain::UsageTerms> Folder::TermsOf(const AccountImage& image,
                                                   const domain::Hold& hold,
                                                   const domain::HoldExtension& extension) {
  domain::Usage usage = UsageOf(hold);
  domain::UsageTerms terms;
  RESERVE_ASSIGN_OR_RETURN(terms.user, FindUser(image, hold.user_id));
  if (TellsOfAnswer(hold, extension)) {
    usage.start_time = PriceTimeAfter(context_, hold, extension);
    RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlanOf(*terms.user, usage.start_time));
    RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(image, *terms.plan, usage));
    // One that came to be blocked goes on at the price that it has.
    if (terms.rate != nullptr && terms.rate->unpriced) terms.rate = nullptr;
    if (terms.rate != nullptr || hold.deck_version == 0) return terms;
  }
  RESERVE_ASSIGN_OR_RETURN(terms.plan, FindStoredPlan(hold.plan_id, hold.price_time));
  if (hold.deck_version == 0) return terms;
  RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRateIn(hold.deck_version, image, usage));
  return terms;
}

absl::StatusOr<const domain::Hold*> Folder::FindHold(const AccountImage& image,
                                                     const std::string& hold_id) {
  const std::string& account_id = image.account().account_id;
  if (const domain::Hold* hold = image_.FindHold(account_id, hold_id)) return hold;
  folded_.must_read |= image.remembered;
  return domain::HoldNotFound(account_id, hold_id);
}

const domain::Hold* Folder::OtherHoldOf(const AccountImage& image, const std::string& usage_id) {
  const domain::Hold* other = domain::HoldOf(&image.known->holds, usage_id, "");
  // Another ledger may have ended it since.
  folded_.must_read |= other != nullptr && image.remembered;
  return other;
}

HoldReply Folder::ApplyToHold(AccountImage& image, const std::string& hold_id,
                              Transition&& transition) {
  // What is answered and not written may have moved.
  folded_.must_read |= transition.unchanged && image.remembered;
  ApplyWithOpen(image, std::move(transition));
  HoldReply reply;
  reply.hold = *image_.FindHold(image.account().account_id, hold_id);
  reply.currency = image.account().currency;
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const CreateHold& command) {
  const domain::HoldRequest& request = command.request;
  const domain::Usage& call = request.call;
  if (IsForHelp(image_.accounts.find(account_id)->second, call)) {
    HoldReply reply;
    reply.authorize.authorization = domain::AllowEmergency();
    return reply;
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckStartTime(context_, call.start_time));
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  domain::UsageTerms terms;
  RESERVE_ASSIGN_OR_RETURN(terms.user, FindUser(*image, call.user_id));
  RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlanOf(*terms.user, call.start_time));
  RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(*image, *terms.plan, call));
  if (const domain::Hold* known = image_.FindHold(account_id, request.hold_id)) {
    if (!SameHold(*known, request)) return domain::HoldIdReused(*known);
    const domain::Authorization before =
        domain::AuthorizeBeside(ContextOf(*image), image->account(), terms, call, *known);
    HoldReply repeat = ApplyToHold(
        *image, request.hold_id,
        WasBookedSince(*known)
            ? domain::SettleEndedHold(ContextOf(*image), image->account(), domain::Hold(*known))
            : domain::Unchanged(image->account()));
    repeat.authorize = AuthorizeReplyOf(*image, *terms.plan, call, terms.rate, before);
    return repeat;
  }
  if (const Entry* booked = FindBooked(account_id, call.usage_id)) {
    return domain::UsageBooked(call.usage_id, booked->seq);
  }
  if (const int64_t seq = image_.ArchivedAs(account_id, call.usage_id); seq != 0) {
    return domain::UsageBooked(call.usage_id, seq);
  }
  if (const domain::Hold* other = OtherHoldOf(*image, call.usage_id)) {
    return domain::UsageHeld(*other);
  }
  RESERVE_ASSIGN_OR_RETURN(domain::HeldCall held,
                           domain::CreateHold(ContextOf(*image), image->account(), terms, request));
  HoldReply reply;
  const bool allowed = held.authorization.decision == domain::Decision::kAllowed;
  folded_.must_read |= !allowed && image->remembered;
  if (folded_.must_read) return reply;
  if (allowed) {
    reply = ApplyToHold(*image, request.hold_id, std::move(held.transition));
  } else {
    ApplyWithOpen(*image, std::move(held.transition));
  }
  reply.authorize = AuthorizeReplyOf(*image, *terms.plan, call, terms.rate, held.authorization);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ExtendHold& command) {
  // What can't be is refused before anything is looked at.
  RESERVE_RETURN_IF_ERROR(domain::CheckDuration(context_.settings, command.extension.used, "used"));
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Hold* hold, FindHold(*image, command.hold_id));
  if (WasBookedSince(*hold)) {
    return ApplyToHold(*image, command.hold_id,
                       domain::SettleEndedHold(ContextOf(*image), image->account(), *hold));
  }
  if (hold->may_return()) {
    // Another hold was made for the same call meanwhile: that one is its call's.
    const domain::Hold* other = OtherHoldOf(*image, hold->usage_id);
    if (other != nullptr) return domain::UsageHeld(*other);
  }
  const domain::HoldExtension& extension = command.extension;
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, *hold, extension));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ExtendHold(ContextOf(*image), image->account(), *hold, terms, extension));
  return ApplyToHold(*image, command.hold_id, std::move(transition));
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ReleaseHold& command) {
  RESERVE_RETURN_IF_ERROR(domain::CheckDuration(context_.settings, command.used, "used"));
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Hold* found, FindHold(*image, command.hold_id));
  const domain::Hold before = *found;
  if (WasBookedSince(before)) {
    return ApplyToHold(*image, command.hold_id,
                       domain::SettleEndedHold(ContextOf(*image), image->account(), before));
  }
  if (command.before_incarnation != 0 && before.incarnation >= command.before_incarnation) {
    return ApplyToHold(*image, command.hold_id, domain::Unchanged(image->account()));
  }
  const domain::HoldExtension report{before.extension, command.used, command.answer_time};
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, before, report));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ReleaseHold(ContextOf(*image), image->account(), before, terms, report));
  HoldReply reply = ApplyToHold(*image, command.hold_id, std::move(transition));
  reply.unsettled_now = before.open() && reply.hold->live();
  reply.released_now = before.open() && !reply.hold->live();
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const EndHold& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Hold* found, FindHold(*image, command.hold_id));
  const domain::Hold hold = *found;
  HoldReply reply;
  reply.hold = hold;
  reply.currency = image->account().currency;
  if (!hold.live()) return reply;  // another ledger was faster
  if (hold.open()) {
    reply = ApplyToHold(*image, command.hold_id,
                        domain::ExpireHold(ContextOf(*image), image->account(), hold));
    reply.expired_now = !reply.hold->open();
    return reply;
  }
  const domain::Usage usage = UsageOf(hold);
  // What was told since it was found is looked at next time.
  if (usage.start_time != command.usage.start_time) return reply;
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
  const bool id_is_taken = IsIdTaken(account_id, usage.usage_id);
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::EstimateUsage(ContextOf(*image), image->account(), hold, terms, id_is_taken));
  reply = ApplyToHold(*image, command.hold_id, std::move(transition));
  reply.estimated_now = reply.hold->state == domain::HoldState::kEstimated;
  return reply;
}

}  // namespace reserve::book
