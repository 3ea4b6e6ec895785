// Usage of the last days, added up by what a price list can change, and what it would have cost by
// another one.
#include "services/ledger/rates/usage_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/money/money.h"
#include "services/ledger/domain/line_terms.h"

namespace reserve::rates {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::CivilDay kDay(2026, 11, 23);

RateRow Line(const std::string& prefix, Nanos cents, int32_t initial = 60, int32_t further = 60) {
  RateRow row;
  row.prefix = prefix;
  row.price = cents * kNanosPerCent;
  row.initial_increment_seconds = initial;
  row.increment_seconds = further;
  return row;
}

RateRow Text(const std::string& prefix, const std::string& carrier, Nanos cents) {
  RateRow row = Line(prefix, cents, 0, 0);
  row.kind = RateKind::kSms;
  row.carrier = carrier;
  return row;
}

RateRow Inbound(RateRow row) {
  row.kind = RateKind::kCallInbound;
  return row;
}

RateRow With(RateRow row, domain::LineTerms terms) {
  row.terms = std::make_shared<domain::LineTerms>(std::move(terms));
  return row;
}

using Deck = std::shared_ptr<const DeckSnapshot>;

Deck DeckOf(int64_t version, std::vector<RateRow> rows) {
  DeckHeader header;
  header.version = version;
  header.currency = "USD";
  auto deck = DeckSnapshot::Create(header, rows);
  EXPECT_TRUE(deck.ok()) << deck.status();
  return *std::move(deck);
}

domain::Usage Call(const std::string& number, double seconds, absl::CivilDay day = kDay) {
  domain::Usage usage;
  usage.destination = number;
  usage.duration = absl::Seconds(seconds);
  usage.start_time = absl::FromCivil(day, absl::UTCTimeZone()) + absl::Hours(9);
  return usage;
}

domain::Usage Sms(const std::string& number, const std::string& carrier, int32_t segments) {
  domain::Usage usage = Call(number, 0);
  usage.kind = domain::UsageKind::kSms;
  usage.carrier = carrier;
  usage.segments = segments;
  return usage;
}

std::optional<domain::Rate> Find(const DeckSnapshot& deck, const domain::Usage& usage) {
  return usage.kind == domain::UsageKind::kSms
             ? deck.FindSms(usage.destination, usage.carrier, usage.start_time)
             : deck.FindCall(usage.direction, usage.destination, usage.start_time);
}

// As a ledger books it, for a user with free seconds left.
domain::Rating Rated(const DeckSnapshot& deck, const domain::Usage& usage) {
  const std::optional<domain::Rate> rate = Find(deck, usage);
  domain::Plan plan;
  plan.free_seconds = 90;
  const auto rating =
      domain::RateUsage(usage, plan, domain::User(), 0, rate.has_value() ? &*rate : nullptr);
  EXPECT_TRUE(rating.ok()) << rating.status();
  return *rating;
}

// All of it in one tally.
std::vector<UsageGroup> GroupsOf(const DeckSnapshot& deck,
                                 const std::vector<domain::Usage>& usages) {
  UsageTally tally;
  for (const domain::Usage& usage : usages) tally.Add(usage, Rated(deck, usage));
  return tally.Groups();
}

// "44: 2 usages, 1 billed, 90 s, 120 units, 0.04".
std::string TextOf(const UsageGroup& group) {
  return absl::StrCat(group.prefix, group.carrier.empty() ? "" : " ", group.carrier, ": ",
                      group.usages, " usages, ", group.billed, " billed, ", group.seconds, " s, ",
                      group.units, " units, ", FormatDecimal(group.list_cost));
}

// "0.04", "about 0.04" or "no price", of one group.
std::string TextOf(const GroupCost& cost) {
  if (!cost.cost.has_value()) return "no price";
  return absl::StrCat(cost.exact ? "" : "about ", FormatDecimal(*cost.cost));
}

// What usage that `before` priced, of one line, would have cost by `after`.
std::string CostBy(const Deck& after, const Deck& before,
                   const std::vector<domain::Usage>& usages) {
  const std::vector<UsageGroup> groups = GroupsOf(*before, usages);
  EXPECT_THAT(groups, SizeIs(1));
  return groups.empty() ? "" : TextOf(CostOf(groups.front(), *after, before.get()));
}

TEST(UsageTallyTest, UsageOfALineIsAddedUpByDayAtItsListPrice) {
  const Deck deck = DeckOf(1, {Line("44", 2), Line("447", 3), Text("44", "", 1)});
  const std::vector<UsageGroup> groups =
      GroupsOf(*deck, {Call("442079460000", 61), Call("442079460001", 0), Call("447700900123", 30),
                       Call("442079460000", 60, kDay + 1), Sms("447700900123", "", 3)});
  std::vector<std::string> texts;
  for (const UsageGroup& group : groups) texts.push_back(TextOf(group));
  EXPECT_THAT(texts, ElementsAre("44: 2 usages, 1 billed, 61 s, 120 units, 0.04",
                                 "447: 1 usages, 1 billed, 30 s, 60 units, 0.03",
                                 "44: 1 usages, 1 billed, 0 s, 3 units, 0.03",
                                 "44: 1 usages, 1 billed, 60 s, 60 units, 0.02"));
  EXPECT_EQ(groups[0].day, kDay);
  EXPECT_EQ(groups[2].kind, RateKind::kSms);
  EXPECT_EQ(groups[3].day, kDay + 1);
}

TEST(UsageTallyTest, WhatIsTakenBackLeavesNothing) {
  const Deck deck = DeckOf(1, {Line("44", 2)});
  const domain::Usage call = Call("442079460000", 61);
  UsageTally tally;
  tally.Add(call, Rated(*deck, call));
  tally.Add(call, Rated(*deck, call), -1);
  EXPECT_THAT(tally.Groups(), IsEmpty());
}

TEST(UsageTallyTest, WhatNoLinePricedIsPassedOver) {
  UsageTally tally;
  tally.Add(Call("44", 61), domain::Unrated(domain::UnratedReason::kNoRate, "plan"));
  tally.Add(Call("#911", 61), domain::EmergencyRating());
  EXPECT_THAT(tally.Groups(), IsEmpty());
}

TEST(UsageTallyTest, TextsAreByCarrier) {
  const Deck deck = DeckOf(1, {Text("1", "", 1), Text("1", "att", 2)});
  const auto groups = GroupsOf(*deck, {Sms("12025550123", "att", 1), Sms("12025550123", "", 2),
                                       Sms("12025550123", "other", 1)});
  ASSERT_THAT(groups, SizeIs(3));
  EXPECT_EQ(TextOf(groups[1]), "1 att: 1 usages, 1 billed, 0 s, 1 units, 0.02");
  EXPECT_EQ(TextOf(groups[2]), "1 other: 1 usages, 1 billed, 0 s, 1 units, 0.01");
}

TEST(GroupCostTest, OfTheDeckThatPricedItIsExactWhateverItsLines) {
  domain::LineTerms steps;
  steps.steps = {{60, 5 * kNanosPerCent}};
  const Deck deck = DeckOf(1, {With(Line("44", 2), steps)});
  EXPECT_EQ(CostBy(deck, deck, {Call("442079460000", 120), Call("442079460000", 30)}), "0.09");
}

TEST(GroupCostTest, WithEqualIncrementsIsWhatTheCallsWouldHaveCost) {
  std::mt19937 random(20261129);
  const Deck before = DeckOf(1, {Line("44", 2, 30, 6)});
  for (int round = 0; round < 50; ++round) {
    RateRow line = Line("44", 1 + static_cast<Nanos>(random() % 90), 30, 6);
    line.connect_fee = static_cast<Nanos>(random() % 3) * kNanosPerCent;
    const Deck after = DeckOf(2, {std::move(line)});
    std::vector<domain::Usage> calls;
    Nanos sum = 0;
    for (int i = 0; i < 40; ++i) {
      calls.push_back(Call("442079460000", static_cast<double>(random() % 5000) / 10));
      const auto list_cost = domain::ListCostOf(calls.back(), Rated(*after, calls.back()));
      ASSERT_TRUE(list_cost.ok()) << list_cost.status();
      sum += *list_cost;
    }
    EXPECT_EQ(CostBy(after, before, calls), FormatDecimal(sum));
  }
}

TEST(GroupCostTest, OtherIncrementsOrStepsMakeItAbout) {
  const Deck before = DeckOf(1, {Line("44", 6)});
  const std::vector<domain::Usage> calls = {Call("442079460000", 50), Call("442079460000", 70)};
  EXPECT_EQ(CostBy(DeckOf(2, {Line("44", 12)}), before, calls), "0.36");
  EXPECT_EQ(CostBy(DeckOf(2, {Line("44", 6, 1, 1)}), before, calls), "about 0.12");
  domain::LineTerms steps;
  steps.steps = {{30, 12 * kNanosPerCent}};
  EXPECT_EQ(CostBy(DeckOf(2, {With(Line("44", 6), steps)}), before, calls), "about 0.18");
}

TEST(GroupCostTest, ALongerPrefixThatIsNewMakesItAbout) {
  const std::vector<domain::Usage> calls = {Call("442079460000", 60)};
  const Deck before = DeckOf(1, {Line("44", 2), Line("447", 3)});
  EXPECT_EQ(CostBy(DeckOf(2, {Line("44", 4), Line("4420", 9)}), before, calls), "about 0.04");
  EXPECT_EQ(CostBy(DeckOf(2, {Line("44", 4), Line("447", 9)}), before, calls), "0.04");
  EXPECT_EQ(CostBy(DeckOf(2, {Line("44", 4), Line("44770", 9)}), before, calls), "0.04")
      << "its numbers were those of 447";
  const auto groups = GroupsOf(*before, calls);
  EXPECT_EQ(TextOf(CostOf(groups[0], *DeckOf(2, {Line("44", 4), Line("447", 9)}), nullptr)),
            "about 0.04")
      << "nobody knows what priced 447 then";
}

TEST(GroupCostTest, WithoutItsPrefixTheNextShorterOneCounts) {
  const Deck before = DeckOf(1, {Line("44", 2), Line("4420", 3)});
  const std::vector<domain::Usage> calls = {Call("442079460000", 60)};
  EXPECT_EQ(CostBy(DeckOf(2, {Line("44", 5)}), before, calls), "0.05");
  EXPECT_EQ(CostBy(DeckOf(2, {Line("33", 5)}), before, calls), "no price");
  EXPECT_EQ(CostBy(DeckOf(2, {Line("44207", 5), Line("44208", 9)}), before, calls), "about 0.07")
      << "only parts of it have a price";
}

TEST(GroupCostTest, ABlockedPrefixWithoutAPriceHasNone) {
  const Deck before = DeckOf(1, {Line("44", 2)});
  domain::LineTerms blocked;
  blocked.blocked = blocked.unpriced = true;
  EXPECT_EQ(CostBy(DeckOf(2, {With(Line("44", 0), blocked)}), before, {Call("442079460000", 60)}),
            "no price");
}

TEST(GroupCostTest, ALineCountsOnItsDays) {
  const Deck before = DeckOf(1, {Line("44", 2)});
  domain::LineTerms earlier;
  earlier.last_day = kDay - 1;
  domain::LineTerms later;
  later.first_day = kDay;
  const Deck after = DeckOf(2, {With(Line("44", 4), earlier), With(Line("44", 8), later)});
  EXPECT_EQ(CostBy(after, before, {Call("442079460000", 60)}), "0.08");
  EXPECT_EQ(CostBy(after, before, {Call("442079460000", 60, kDay - 1)}), "0.04");
}

TEST(GroupCostTest, AnInboundCallIsFreeWhereNoLineHasItsNumber) {
  const Deck before = DeckOf(1, {Inbound(Line("1800", 2))});
  domain::Usage call = Call("18005550123", 60);
  call.direction = domain::Direction::kInbound;
  EXPECT_EQ(CostBy(DeckOf(2, {Line("1", 4)}), before, {call}), "0.00");
  EXPECT_EQ(CostBy(DeckOf(2, {Inbound(Line("1800", 4))}), before, {call}), "0.04");
}

TEST(GroupCostTest, ATextCostsTheLineOfItsCarrier) {
  const Deck before = DeckOf(1, {Text("1", "", 1)});
  const std::vector<domain::Usage> texts = {Sms("12025550123", "att", 3)};
  EXPECT_EQ(CostBy(DeckOf(2, {Text("1", "", 2), Text("1", "att", 4)}), before, texts), "0.12");
  EXPECT_EQ(CostBy(DeckOf(2, {Text("1", "", 2)}), before, texts), "0.06");
}

}  // namespace
}  // namespace reserve::rates
