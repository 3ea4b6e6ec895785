// The fields of an entry beyond those that all have: what each is called, and its tag in the chain
// of hashes. Described once, for the chain and for the rows of the database.
//
//   VisitUsageFields(*entry.booked, [](Tag tag, absl::string_view name, const auto& value) {...});
//
// The fields come in the order of their tags. A new field gets a new tag, the next one, and a
// column of its name; entries that don't have it keep their hashes. A tag is never used again.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_ENTRY_FIELDS_H_
#define RESERVE_SERVICES_LEDGER_BOOK_ENTRY_FIELDS_H_

#include <cstdint>

namespace reserve::book {

// The numbers are hashed; never reuse one.
enum class Tag : uint16_t {
  kSeq = 1,
  kKind = 2,
  kAmount = 3,
  kBalanceAfter = 4,
  kRecordTime = 5,

  kUsageId = 16,
  kUserId = 17,
  kUsageKind = 18,
  kDirection = 19,
  kDestination = 20,  // as the digest of the number under its key
  kCarrier = 21,
  kStartTime = 22,
  kDuration = 23,
  kSegments = 24,
  kBasis = 25,
  kPlanId = 26,
  kDeckVersion = 27,
  kPrefix = 28,
  kPrice = 29,
  kConnectFee = 30,
  kInitialIncrement = 31,
  kIncrement = 32,
  kFreeSecondsBefore = 33,
  kFreeSecondsTaken = 34,
  kStandardRate = 35,
  kCountry = 36,
  kFreePeriod = 37,
  kUnratedReason = 38,
  kCorrects = 39,
  kPreviousCost = 40,
  kPreviousFreeSeconds = 41,
  kPreviousFreePeriod = 42,
  kGrantDraws = 43,

  kGrantNumber = 44,
  kGrantEnd = 45,
  kGrantsReturned = 46,

  kRechargeOrdinal = 48,
  kRequestId = 49,
  kVoidedUsageId = 50,
  kFreeSecondsBack = 51,
  kFreePeriodBack = 52,
  kVoidedInAdvance = 53,

  kEstimated = 54,  // of a usage

  kPricedTerms = 60,  // of a usage whose line is not plain

  // From here on outside of the chain: what people write may have to be forgotten.
  kReason = 1024,
};

inline constexpr bool InChain(Tag tag) { return tag < Tag::kReason; }

// Of an entry that books a usage; `booked` is a BookedUsage, const or not.
template <typename Booked, typename Visit>
void VisitUsageFields(Booked& booked, Visit&& visit) {
  auto& usage = booked.usage;
  auto& rating = booked.rating;
  visit(Tag::kUsageId, "usage_id", usage.usage_id);
  visit(Tag::kUserId, "user_id", usage.user_id);
  visit(Tag::kUsageKind, "usage_kind", usage.kind);
  visit(Tag::kDirection, "direction", usage.direction);
  visit(Tag::kDestination, "destination", usage.destination);
  visit(Tag::kCarrier, "carrier", usage.carrier);
  visit(Tag::kStartTime, "start_time", usage.start_time);
  visit(Tag::kDuration, "duration_micros", usage.duration);
  visit(Tag::kSegments, "segments", usage.segments);
  visit(Tag::kBasis, "basis", rating.basis);
  visit(Tag::kPlanId, "plan_id", rating.plan_id);
  visit(Tag::kDeckVersion, "deck_version", rating.deck_version);
  visit(Tag::kPrefix, "prefix", rating.prefix);
  visit(Tag::kPrice, "price_nanos", rating.price);
  visit(Tag::kConnectFee, "connect_fee_nanos", rating.connect_fee);
  visit(Tag::kInitialIncrement, "initial_increment_seconds", rating.initial_increment_seconds);
  visit(Tag::kIncrement, "increment_seconds", rating.increment_seconds);
  visit(Tag::kFreeSecondsBefore, "free_seconds_before", rating.free_seconds_before);
  visit(Tag::kFreeSecondsTaken, "free_seconds_taken", rating.free_seconds_taken);
  visit(Tag::kStandardRate, "standard_rate", rating.standard_rate);
  visit(Tag::kCountry, "country", rating.country);
  visit(Tag::kFreePeriod, "free_period", rating.free_period);
  visit(Tag::kUnratedReason, "unrated_reason", rating.unrated_reason);
  visit(Tag::kCorrects, "corrects_usage_id", booked.corrects);
  visit(Tag::kPreviousCost, "previous_cost_nanos", booked.previous_cost);
  visit(Tag::kPreviousFreeSeconds, "previous_free_seconds", booked.previous_free_seconds);
  visit(Tag::kPreviousFreePeriod, "previous_free_period", booked.previous_free_period);
  visit(Tag::kGrantDraws, "grant_draws", booked.grant_draws);
  visit(Tag::kEstimated, "estimated", booked.estimated);
  visit(Tag::kPricedTerms, "priced_terms", rating.terms);
}

// Of any other entry.
template <typename Entry, typename Visit>
void VisitOtherFields(Entry& entry, Visit&& visit) {
  visit(Tag::kGrantNumber, "grant_number", entry.grant.number);
  visit(Tag::kGrantEnd, "grant_end", entry.grant.end);
  visit(Tag::kGrantsReturned, "grants_returned", entry.grant.returned);
  visit(Tag::kRechargeOrdinal, "recharge_ordinal", entry.recharge_ordinal);
  visit(Tag::kRequestId, "request_id", entry.request_id);
  visit(Tag::kVoidedUsageId, "voided_usage_id", entry.voided.usage_id);
  visit(Tag::kFreeSecondsBack, "free_seconds_back", entry.voided.free_seconds);
  visit(Tag::kFreePeriodBack, "free_period_back", entry.voided.free_period);
  visit(Tag::kVoidedInAdvance, "voided_in_advance", entry.voided.in_advance);
  visit(Tag::kReason, "reason", entry.reason);
}

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_ENTRY_FIELDS_H_
