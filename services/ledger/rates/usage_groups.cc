#include "services/ledger/rates/usage_groups.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/text/packed_digits.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/plan.h"

namespace reserve::rates {
namespace {

using domain::Rate;

// So many longer prefixes are looked at for one group.
constexpr size_t kMaxLonger = 1000;

RateKind KindOf(const domain::Usage& usage) {
  const bool is_short = domain::IsShortCode(usage.destination);
  if (usage.kind == domain::UsageKind::kSms) {
    return is_short ? RateKind::kSmsShortCode : RateKind::kSms;
  }
  if (is_short) return RateKind::kShortCode;
  return usage.direction == domain::Direction::kInbound ? RateKind::kCallInbound : RateKind::kCall;
}

// The line that has all numbers which begin with these digits, but for those of longer prefixes.
std::optional<Rate> FindLine(const DeckSnapshot& deck, const UsageGroup& group,
                             const std::string& digits, absl::Time start) {
  switch (group.kind) {
    case RateKind::kCall:
      return deck.FindCall(domain::Direction::kOutbound, digits, start);
    case RateKind::kCallInbound:
      return deck.FindCall(domain::Direction::kInbound, digits, start);
    case RateKind::kSms:
      return deck.FindSms(digits, group.carrier, start);
    case RateKind::kShortCode:
    case RateKind::kSmsShortCode:
      return deck.FindShortCode(group.kind, digits, start);
  }
  return std::nullopt;
}

// A moment at which the day is half over.
absl::Time NoonOf(absl::CivilDay day) {
  return absl::FromCivil(day, absl::UTCTimeZone()) + absl::Hours(12);
}

// Does one line price all of the day? Lines may begin and end with a day of the deck's zone.
bool HoldsAllDay(const DeckSnapshot& deck, const UsageGroup& group, const Rate& rate) {
  const absl::Time begin = absl::FromCivil(group.day, absl::UTCTimeZone());
  for (const absl::Time at : {begin, begin + absl::Hours(24) - absl::Microseconds(1)}) {
    const std::optional<Rate> other = FindLine(deck, group, group.prefix, at);
    if (!other.has_value() || other->row != rate.row) return false;
  }
  return true;
}

// Prefixes of the deck that may take a part of the group: longer ones, but for those whose numbers
// another line priced when it was booked.
std::vector<std::string> LongerPrefixes(const DeckSnapshot& deck, const UsageGroup& group,
                                        const DeckSnapshot* booked_by) {
  std::vector<std::string> longer;
  if (IsShortCodeKind(group.kind)) return longer;
  const size_t first = deck.LowerBound(group.kind, absl::StrCat(group.prefix, "0"), "");
  for (size_t at = first; at < deck.size(); ++at) {
    const RateRow row = deck.RowAt(at);
    if (row.kind != group.kind || !absl::StartsWith(row.prefix, group.prefix)) break;
    if (!longer.empty() && longer.back() == row.prefix) continue;
    const bool looked_at = at - first < kMaxLonger;
    if (looked_at && booked_by != nullptr) {
      const std::optional<Rate> before = FindLine(*booked_by, group, row.prefix, NoonOf(group.day));
      if (before.has_value() && UnpackedDigits(before->prefix) != group.prefix) continue;
    }
    longer.push_back(row.prefix);
    if (!looked_at) break;  // nobody knows of the rest
  }
  return longer;
}

Nanos Saturated(absl::int128 amount) {
  const absl::int128 most = INT64_MAX;
  return static_cast<Nanos>(std::clamp(amount, -most, most));
}

// As many usages as the group has, each as long as they are on average.
std::optional<Nanos> CostOnAverage(const UsageGroup& group, const Rate& rate) {
  if (rate.unpriced) return std::nullopt;
  if (group.billed == 0) return 0;
  domain::Usage usage;
  usage.kind = IsTextKind(group.kind) ? domain::UsageKind::kSms : domain::UsageKind::kCall;
  usage.start_time = NoonOf(group.day);
  usage.duration = absl::Seconds(group.seconds) / group.billed;
  usage.segments = static_cast<int32_t>(std::clamp<int64_t>(
      (group.units + group.billed / 2) / group.billed, 1, domain::kMaxSegments));
  const absl::StatusOr<domain::Rating> rating =
      domain::RateUsage(usage, domain::Plan(), domain::User(), /*period=*/0, &rate);
  if (!rating.ok()) return std::nullopt;
  const absl::StatusOr<Nanos> cost = domain::ListCostOf(usage, *rating);
  if (!cost.ok()) return std::nullopt;
  return Saturated(absl::int128(*cost) * group.billed);
}

// By a line of one price whose increments are those by which it was billed.
Nanos CostOfUnits(const UsageGroup& group, const Rate& rate) {
  if (IsTextKind(group.kind)) return Saturated(absl::int128(rate.price) * group.units);
  const absl::int128 sixtieths = absl::int128(rate.price) * group.units;
  return Saturated((sixtieths + 30) / 60 + absl::int128(rate.connect_fee) * group.billed);
}

// Of a group of which the deck prices parts alone: as if each of them had as much of it.
GroupCost CostOfParts(const UsageGroup& group, const DeckSnapshot& deck,
                      const std::vector<std::string>& prefixes) {
  absl::int128 sum = 0;
  int64_t priced = 0;
  for (const std::string& prefix : prefixes) {
    const std::optional<Rate> rate = FindLine(deck, group, prefix, NoonOf(group.day));
    if (!rate.has_value()) continue;
    const std::optional<Nanos> cost = CostOnAverage(group, *rate);
    if (!cost.has_value()) continue;
    sum += *cost;
    ++priced;
  }
  if (priced == 0) return {};
  return {Saturated(sum / priced), false};
}

}  // namespace

void UsageTally::Add(const domain::Usage& usage, const domain::Rating& rating, int times) {
  if (rating.deck_version == 0 || rating.unrated()) return;
  const absl::StatusOr<Nanos> cost = domain::ListCostOf(usage, rating);
  if (!cost.ok()) return;  // the audit says so
  UsageGroup group;
  group.day = absl::ToCivilDay(usage.start_time, absl::UTCTimeZone());
  group.deck_version = rating.deck_version;
  group.kind = KindOf(usage);
  group.prefix = rating.prefix;
  const bool text = IsTextKind(group.kind);
  if (text) group.carrier = usage.carrier;
  group.initial_increment_seconds = text ? 0 : rating.initial_increment_seconds;
  group.increment_seconds = text ? 0 : rating.increment_seconds;
  group.plain = rating.terms.empty();
  Key key = group.key();
  UsageGroup& sums = groups_.try_emplace(std::move(key), group).first->second;
  domain::Rating completed = rating;
  domain::CompleteSeconds(usage, &completed);
  const int64_t units = text ? usage.segments : completed.billable_seconds;
  sums.usages += times;
  if (units > 0) sums.billed += times;
  if (!text) sums.seconds += times * domain::StartedSeconds(usage.duration);
  sums.units += times * units;
  sums.list_cost =
      times > 0 ? AddSaturating(sums.list_cost, *cost) : SubtractSaturating(sums.list_cost, *cost);
}

std::vector<UsageGroup> UsageTally::Groups() const {
  std::vector<UsageGroup> groups;
  for (const auto& [key, group] : groups_) {
    const bool nothing = group.usages == 0 && group.billed == 0 && group.seconds == 0 &&
                         group.units == 0 && group.list_cost == 0;
    if (!nothing) groups.push_back(group);
  }
  return groups;
}

GroupCost CostOf(const UsageGroup& group, const DeckSnapshot& deck, const DeckSnapshot* booked_by) {
  if (deck.header().version == group.deck_version) return {group.list_cost, true};
  const std::optional<Rate> rate = FindLine(deck, group, group.prefix, NoonOf(group.day));
  const std::vector<std::string> longer = LongerPrefixes(deck, group, booked_by);
  if (!rate.has_value() || rate->unpriced) {
    // An inbound call is free where no line has its number (C7).
    if (!rate.has_value() && group.kind == RateKind::kCallInbound) return {0, longer.empty()};
    return CostOfParts(group, deck, longer);
  }
  const bool same_units = group.plain && rate->tariff == nullptr &&
                          (IsTextKind(group.kind) ||
                           (rate->initial_increment_seconds == group.initial_increment_seconds &&
                            rate->increment_seconds == group.increment_seconds));
  if (!same_units) return {CostOnAverage(group, *rate), false};
  return {CostOfUnits(group, *rate), longer.empty() && HoldsAllDay(deck, group, *rate)};
}

}  // namespace reserve::rates
