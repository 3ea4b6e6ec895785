// What would change with a deck.
#include "services/ledger/rates/deck_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/money/money.h"

namespace reserve::rates {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

RateRow Line(const std::string& prefix, Nanos tenths_of_a_cent, Nanos fee = 0,
             int32_t increment = 60) {
  RateRow row;
  row.prefix = prefix;
  row.price = tenths_of_a_cent * kNanosPerCent / 10;
  row.connect_fee = fee;
  row.increment_seconds = increment;
  return row;
}

RateRow Text(const std::string& prefix, const std::string& carrier, Nanos tenths_of_a_cent) {
  RateRow row = Line(prefix, tenths_of_a_cent);
  row.kind = RateKind::kSms;
  row.carrier = carrier;
  row.initial_increment_seconds = row.increment_seconds = 0;
  return row;
}

RateRow From(RateRow row, absl::CivilDay first_day) {
  domain::LineTerms terms;
  terms.first_day = first_day;
  row.terms = std::make_shared<domain::LineTerms>(terms);
  return row;
}

std::shared_ptr<const DeckSnapshot> Deck(std::vector<RateRow> rows) {
  DeckHeader header;
  header.version = 1;
  header.currency = "USD";
  auto deck = DeckSnapshot::Create(header, rows);
  EXPECT_TRUE(deck.ok()) << deck.status();
  return *std::move(deck);
}

// "dearer 44", with a * where it crosses the ceiling.
struct Compared {
  DeckComparison counts;
  std::vector<std::string> changes;
};

Compared Compare(std::vector<RateRow> before, std::vector<RateRow> after) {
  const char* const names[] = {"", "added", "removed", "dearer", "cheaper", "other"};
  Compared compared;
  const auto old = Deck(std::move(before));
  const auto fresh = Deck(std::move(after));
  compared.counts = CompareDecks(*old, *fresh, [&](const LineDifference& each) {
    const RateRow& row = each.after.has_value() ? *each.after : *each.before;
    compared.changes.push_back(absl::StrCat(names[static_cast<int>(each.change)], " ", row.prefix,
                                            row.carrier.empty() ? "" : " ", row.carrier,
                                            each.crosses_ceiling() ? " *" : ""));
  });
  return compared;
}

TEST(DeckComparisonTest, TheSameDeckHasNoDifference) {
  const std::vector<RateRow> rows = {Line("1", 10), Line("44", 60), Text("1", "att", 11)};
  const Compared compared = Compare(rows, rows);
  EXPECT_THAT(compared.changes, IsEmpty());
  EXPECT_EQ(compared.counts.unchanged, 3);
}

TEST(DeckComparisonTest, LinesAreAddedRemovedDearerAndCheaper) {
  const Compared compared =
      Compare({Line("1", 10), Line("33", 60), Line("44", 60), Line("49", 60), Text("1", "att", 11)},
              {Line("1", 10), Line("44", 70), Line("49", 50), Line("7", 90), Text("1", "", 12),
               Text("1", "att", 11)});
  EXPECT_THAT(compared.changes,
              ElementsAre("removed 33", "dearer 44", "cheaper 49", "added 7", "added 1"));
  EXPECT_EQ(compared.counts.added, 2);
  EXPECT_EQ(compared.counts.removed, 1);
  EXPECT_EQ(compared.counts.dearer, 1);
  EXPECT_EQ(compared.counts.cheaper, 1);
  EXPECT_EQ(compared.counts.other, 0);
  EXPECT_EQ(compared.counts.unchanged, 2);
}

TEST(DeckComparisonTest, AFeeCountsAndWhatGoesUpAndDownIsNeither) {
  const Compared compared = Compare({Line("1", 60, 100), Line("2", 60, 100), Line("3", 60, 100),
                                     Line("4", 60, 100), Line("5", 60, 100)},
                                    {Line("1", 60, 200), Line("2", 60, 50), Line("3", 70, 50),
                                     Line("4", 60, 100, 1), Line("5", 70, 200)});
  EXPECT_THAT(compared.changes,
              ElementsAre("dearer 1", "cheaper 2", "other 3", "other 4", "dearer 5"));
}

TEST(DeckComparisonTest, WhatCrossesTheCeilingIsTold) {
  const Compared compared = Compare({Line("1", 20), Line("2", 21), Line("3", 19)},
                                    {Line("1", 21), Line("2", 20), Line("3", 20)});
  EXPECT_THAT(compared.changes, ElementsAre("dearer 1 *", "cheaper 2 *", "dearer 3"));
  EXPECT_EQ(compared.counts.becomes_standard, 1);
  EXPECT_EQ(compared.counts.ceases_standard, 1);
}

TEST(DeckComparisonTest, OfSeveralLinesEachIsHeldAgainstTheOneItTakesThePlaceOf) {
  const Compared compared =
      Compare({Line("44", 60), From(Line("44", 80), absl::CivilDay(2027, 1, 1))},
              {Line("44", 60), From(Line("44", 80), absl::CivilDay(2027, 1, 1)),
               From(Line("44", 70), absl::CivilDay(2027, 2, 1))});
  EXPECT_THAT(compared.changes, ElementsAre("cheaper 44"));
  EXPECT_EQ(compared.counts.unchanged, 2);
}

TEST(DeckComparisonTest, AnEmptyDeckLosesOrGainsAll) {
  EXPECT_EQ(Compare({}, {Line("1", 10), Line("2", 10)}).counts.added, 2);
  EXPECT_EQ(Compare({Line("1", 10), Line("2", 10)}, {}).counts.removed, 2);
  EXPECT_THAT(Compare({}, {}).changes, IsEmpty());
}

}  // namespace
}  // namespace reserve::rates
