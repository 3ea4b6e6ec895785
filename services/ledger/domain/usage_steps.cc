#include "services/ledger/domain/usage_steps.h"

#include <utility>

#include "common/error/error.h"
#include "services/ledger/domain/grant_steps.h"
#include "services/ledger/domain/limit_policy.h"

namespace reserve::domain {
namespace {

// Why it has no price, or kNone.
UnratedReason WhyUnrated(const UsageTerms& terms, const Usage& usage) {
  if (terms.user == nullptr) return UnratedReason::kUserUnknown;
  if (terms.rate == nullptr && usage.direction == Direction::kOutbound) {
    return terms.deck_in_force ? UnratedReason::kNoRate : UnratedReason::kNoDeck;
  }
  if (terms.rate != nullptr && terms.rate->unpriced) return UnratedReason::kDestinationBlocked;
  return UnratedReason::kNone;
}

std::string TextOf(UnratedReason reason) {
  switch (reason) {
    case UnratedReason::kNone:
      break;
    case UnratedReason::kNoRate:
      return "the rate deck in force at its start has no price for the destination";
    case UnratedReason::kUserUnknown:
      return "the account has no such user";
    case UnratedReason::kNoDeck:
      return "no rate deck of the account's currency was in force at its start";
    case UnratedReason::kDestinationBlocked:
      return "the rate deck in force at its start blocks the destination, and has no price for it";
  }
  return "";
}

}  // namespace

absl::StatusOr<Rating> RateFact(const Account& account, const UsageTerms& terms,
                                const Usage& usage) {
  if (terms.emergency) return EmergencyRating();
  const UnratedReason reason = WhyUnrated(terms, usage);
  if (reason != UnratedReason::kNone) {
    return Unrated(reason, terms.plan == nullptr ? "" : terms.plan->plan_id);
  }
  const int32_t period = PeriodOf(*terms.plan, usage.start_time, account.calendar);
  return RateUsage(usage, *terms.plan, *terms.user, period, terms.rate);
}

absl::Status BookUsage(const UsageTerms& terms, const Usage& usage, Rating&& rating,
                       Booking&& booking, Draft* draft) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Subtract(draft->account().balance, rating.cost));
  if (rating.free_seconds_taken > 0) {
    draft->transition().allowances.push_back({usage.user_id, AfterTaking(rating, *terms.user)});
  }
  Entry& entry = draft->AddEntry(EntryKind::kUsage, -rating.cost, balance);
  CountSpending(rating.cost, usage.start_time, terms.user, draft);
  BookedUsage& booked = entry.booked.emplace();
  booked.usage = usage;
  booked.rating = std::move(rating);
  booked.corrects = std::move(booking.corrects);
  booked.estimated = booking.estimated;
  booked.grant_draws =
      DrawOnGrants(booked.rating.cost, entry.seq, booking.returned, draft, booking.hold);
  if (booked.rating.unrated()) {
    draft->transition().usage_states.push_back(StateOf(entry));
    draft->AddEvent(EventKind::kUsageUnrated, TextOf(booked.rating.unrated_reason)).usage_id =
        usage.usage_id;
  }
  return absl::OkStatus();
}

}  // namespace reserve::domain
