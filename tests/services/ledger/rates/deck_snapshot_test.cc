#include "services/ledger/rates/deck_snapshot.h"
#include "common/text/packed_digits.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve::rates {
namespace {

const absl::Time kAnyTime = absl::FromUnixSeconds(1'790'000'000);

using ::testing::IsNull;

constexpr auto kOut = domain::Direction::kOutbound;
constexpr auto kIn = domain::Direction::kInbound;

RateRow Call(absl::string_view prefix, Nanos price = 1) {
  return {RateKind::kCall, std::string(prefix), "", absl::StrCat("to ", prefix), price, 0, 60, 60};
}
RateRow Inbound(absl::string_view prefix) {
  return {RateKind::kCallInbound, std::string(prefix), "", "", 1, 0, 60, 60};
}
RateRow Sms(absl::string_view prefix, absl::string_view carrier) {
  return {RateKind::kSms, std::string(prefix), std::string(carrier), "", 1, 0, 0, 0};
}

std::shared_ptr<const DeckSnapshot> Deck(std::vector<RateRow> rows, DeckHeader header = {}) {
  auto deck = DeckSnapshot::Create(std::move(header), rows);
  EXPECT_TRUE(deck.ok()) << deck.status();
  return *deck;
}

std::string PrefixOf(const std::optional<domain::Rate>& rate) {
  return rate.has_value() ? UnpackedDigits(rate->prefix) : "none";
}

TEST(DeckSnapshotTest, TheLongestPrefixWins) {
  const auto deck = Deck({Call("44"), Call("447"), Call("447624"), Call("1876")});
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "442071234567", kAnyTime)), "44");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "447700900123", kAnyTime)), "447");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "447624123456", kAnyTime)), "447624");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "447625123456", kAnyTime)), "447");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "447624", kAnyTime)), "447624");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "44762", kAnyTime)), "447");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "44", kAnyTime)), "44");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "18765551234", kAnyTime)), "1876");
}

TEST(DeckSnapshotTest, C10_AShortCodeIsFoundAsAWholeAndNeverAmongE164) {
  const auto deck = Deck({Call("41"),
                          Sms("41", "att"),
                          {RateKind::kShortCode, "411", "", "information", 7, 0, 60, 60},
                          {RateKind::kShortCode, "41141", "", "", 8, 0, 60, 60},
                          {RateKind::kSmsShortCode, "411", "", "", 9, 0, 0, 0}});
  ASSERT_TRUE(deck->FindCall(kOut, "#411", kAnyTime).has_value());
  EXPECT_EQ(deck->FindCall(kOut, "#411", kAnyTime)->price, 7);
  EXPECT_EQ(deck->FindCall(kOut, "#41141", kAnyTime)->price, 8);
  EXPECT_EQ(deck->FindSms("#411", "att", kAnyTime)->price, 9);
  EXPECT_FALSE(deck->FindSms("#411", "", kAnyTime)->standard_rate);
  for (const absl::string_view code : {"#41", "#4111", "#41", "#999", "#"}) {
    EXPECT_FALSE(deck->FindCall(kOut, code, kAnyTime).has_value()) << code;
    EXPECT_FALSE(deck->FindSms(code, "", kAnyTime).has_value()) << code;
  }
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "41141", kAnyTime)), "41") << "a number in Switzerland";
  for (size_t i = 0; i < deck->size(); ++i) {
    const RateRow row = deck->RowAt(i);
    EXPECT_EQ(deck->LowerBound(row.kind, row.prefix, row.carrier), i);
  }
}

TEST(DeckSnapshotTest, NoPrefixIsNoRate) {
  const auto deck = Deck({Call("1212"), Call("44")});
  for (const absl::string_view digits : {"", "4", "1", "121", "18765551234", "33123456789"}) {
    EXPECT_FALSE(deck->FindCall(kOut, digits, kAnyTime).has_value()) << digits;
  }
}

TEST(DeckSnapshotTest, WhatIsNotADigitEndsTheNumber) {
  const auto deck = Deck({Call("44"), Call("447")});
  EXPECT_FALSE(deck->FindCall(kOut, "+447700900123", kAnyTime).has_value());
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "44-7700900123", kAnyTime)), "44");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "44\xFF", kAnyTime)), "44");
}

TEST(DeckSnapshotTest, InboundCallsHaveRowsOfTheirOwn) {
  const auto deck = Deck({Call("1800"), Inbound("1888")});
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "18005551234", kAnyTime)), "1800");
  EXPECT_FALSE(deck->FindCall(kIn, "18005551234", kAnyTime).has_value());
  EXPECT_EQ(PrefixOf(deck->FindCall(kIn, "18885551234", kAnyTime)), "1888");
  EXPECT_FALSE(deck->FindCall(kOut, "18885551234", kAnyTime).has_value());
  EXPECT_FALSE(deck->FindSms("18005551234", "", kAnyTime).has_value());
}

TEST(DeckSnapshotTest, ARateTellsEverythingOfItsRow) {
  DeckHeader header;
  header.version = 7;
  const auto deck =
      Deck({{RateKind::kCall, "44", "", "United Kingdom", 15'000'000, 5, 30, 6}}, header);
  const std::optional<domain::Rate> rate = deck->FindCall(kOut, "442071234567", kAnyTime);
  ASSERT_TRUE(rate.has_value());
  EXPECT_EQ(rate->deck_version, 7);
  EXPECT_EQ(UnpackedDigits(rate->prefix), "44");
  EXPECT_EQ(rate->destination_name.view(), "United Kingdom");
  EXPECT_EQ(rate->price, 15'000'000);
  EXPECT_EQ(rate->connect_fee, 5);
  EXPECT_EQ(rate->initial_increment_seconds, 30);
  EXPECT_EQ(rate->increment_seconds, 6);
  EXPECT_FALSE(rate->standard_rate) << "it has a fee";
  EXPECT_EQ(deck->header().rate_count, 1);
}

TEST(DeckSnapshotTest, TheStandardRateCeilingIsInclusiveAndForCallsOnly) {
  DeckHeader header;
  header.standard_rate_ceiling = 20'000'000;
  const auto deck = Deck({Call("1", 20'000'000), Call("2", 20'000'001), Sms("1", "")}, header);
  EXPECT_TRUE(deck->FindCall(kOut, "1", kAnyTime)->standard_rate);
  EXPECT_FALSE(deck->FindCall(kOut, "2", kAnyTime)->standard_rate);
  EXPECT_FALSE(deck->FindSms("1", "", kAnyTime)->standard_rate);
}

TEST(DeckSnapshotTest, ATextTakesTheCarriersRowElseTheDefaultOfTheLongestPrefix) {
  const auto deck = Deck({Sms("1", "att"), Sms("1", ""), Sms("1212", ""), Sms("1212", "verizon"),
                          Sms("1876", "digicel"), Sms("44", "o2")});
  const auto found = [&deck](absl::string_view digits, absl::string_view carrier) {
    const std::optional<domain::Rate> rate = deck->FindSms(digits, carrier, kAnyTime);
    if (!rate.has_value()) return std::string("none");
    for (size_t i = 0; i < deck->size(); ++i) {
      const RateRow row = deck->RowAt(i);
      if (row.kind == RateKind::kSms && PackDigits(row.prefix) == rate->prefix &&
          row.carrier == carrier) {
        return absl::StrCat(row.prefix, "/", carrier);
      }
    }
    return absl::StrCat(UnpackedDigits(rate->prefix), "/");
  };
  EXPECT_EQ(found("12125551234", "verizon"), "1212/verizon");
  // The longer prefix's default beats the carrier's row of the shorter one.
  EXPECT_EQ(found("12125551234", "att"), "1212/");
  EXPECT_EQ(found("12125551234", ""), "1212/");
  EXPECT_EQ(found("13105551234", "att"), "1/att");
  EXPECT_EQ(found("13105551234", "verizon"), "1/");
  EXPECT_EQ(found("18765551234", "digicel"), "1876/digicel");
  // 1876 has neither the carrier nor a default: the next shorter prefix.
  EXPECT_EQ(found("18765551234", "att"), "1/att");
  EXPECT_EQ(found("18765551234", "lime"), "1/");
  EXPECT_EQ(found("447700900123", "o2"), "44/o2");
  EXPECT_EQ(found("447700900123", "ee"), "none");
  EXPECT_EQ(found("447700900123", ""), "none");
  EXPECT_EQ(found("33123456789", "o2"), "none");
}

TEST(DeckSnapshotTest, ListsRowsByKindPrefixAndCarrier) {
  const std::vector<RateRow> sorted = {
      Call("1"),       Call("10"),           Call("2"),    Inbound("1800"), Sms("1", ""),
      Sms("1", "att"), Sms("1", "t-mobile"), Sms("12", "")};
  std::vector<RateRow> shuffled(sorted.rbegin(), sorted.rend());
  const auto deck = Deck(shuffled);
  ASSERT_EQ(deck->size(), sorted.size());
  for (size_t i = 0; i < sorted.size(); ++i) {
    EXPECT_EQ(deck->RowAt(i), sorted[i]);
    EXPECT_EQ(deck->LowerBound(sorted[i].kind, sorted[i].prefix, sorted[i].carrier), i);
  }
  EXPECT_EQ(deck->LowerBound(RateKind::kCall, "", ""), 0u);
  EXPECT_EQ(deck->LowerBound(RateKind::kCall, "11", ""), 2u);
  EXPECT_EQ(deck->LowerBound(RateKind::kCall, "3", ""), 3u);
  EXPECT_EQ(deck->LowerBound(RateKind::kSms, "1", "b"), 6u);
  EXPECT_EQ(deck->LowerBound(RateKind::kSms, "9", ""), deck->size());
}

RateRow With(RateRow row, domain::LineTerms terms) {
  row.terms = std::make_shared<domain::LineTerms>(std::move(terms));
  return row;
}

absl::Time OnDay(int month, int day, int hour = 12) {
  return absl::FromCivil(absl::CivilSecond(2026, month, day, hour), absl::UTCTimeZone());
}

domain::LineTerms From(absl::CivilDay first) {
  domain::LineTerms terms;
  terms.first_day = first;
  return terms;
}

TEST(DeckSnapshotTest, C11_TheLatestFromThatHasComeCounts) {
  domain::LineTerms december = From(absl::CivilDay(2026, 12, 1));
  december.last_day = absl::CivilDay(2026, 12, 31);
  const auto deck = Deck({Call("44", 1), With(Call("44", 2), From(absl::CivilDay(2026, 11, 1))),
                          With(Call("44", 3), december)});
  const auto price = [&deck](absl::Time start) {
    return deck->FindCall(kOut, "442071234567", start)->price;
  };
  EXPECT_EQ(price(OnDay(10, 31, 23)), 1);
  EXPECT_EQ(price(OnDay(11, 1, 0)), 2);
  EXPECT_EQ(price(OnDay(12, 31, 23)), 3) << "the last day included";
  EXPECT_EQ(price(OnDay(12, 31, 23) + absl::Hours(1)), 2);
}

TEST(DeckSnapshotTest, C11_OutsideItsDatesALineIsAsIfNotThere) {
  domain::LineTerms november = From(absl::CivilDay(2026, 11, 1));
  november.last_day = absl::CivilDay(2026, 11, 30);
  const auto deck =
      Deck({Call("44"), With(Call("447", 2), november), With(Call("4477"), november),
            With(Sms("1", "att"), november), Sms("1", ""),
            With(RateRow{RateKind::kShortCode, "411", "", "", 7, 0, 60, 60}, november)});
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "447700900123", OnDay(11, 5))), "4477");
  EXPECT_EQ(PrefixOf(deck->FindCall(kOut, "447700900123", OnDay(12, 5))), "44");
  EXPECT_TRUE(deck->FindCall(kOut, "#411", OnDay(11, 5)).has_value());
  EXPECT_FALSE(deck->FindCall(kOut, "#411", OnDay(12, 5)).has_value());
  EXPECT_EQ(deck->RowOf(*deck->FindSms("1212", "att", OnDay(11, 5))).carrier, "att");
  EXPECT_EQ(deck->RowOf(*deck->FindSms("1212", "att", OnDay(12, 5))).carrier, "");
}

TEST(DeckSnapshotTest, C11_DaysAreThoseOfTheDecksZone) {
  DeckHeader header;
  header.rules.calendar.first_offset_seconds = 3'600;
  const auto deck =
      Deck({Call("44", 1), With(Call("44", 2), From(absl::CivilDay(2026, 12, 1)))}, header);
  const absl::Time midnight = OnDay(11, 30, 23);
  EXPECT_EQ(deck->FindCall(kOut, "44", midnight)->price, 2);
  EXPECT_EQ(deck->FindCall(kOut, "44", midnight - absl::Microseconds(1))->price, 1);
}

TEST(DeckSnapshotTest, C11_ACallStartsUnderTheLineOfItsPeriod) {
  domain::LineTerms day;
  day.periods = {{0x1F, 480, 1080}};
  const auto deck = Deck({With(Call("44", 2), day), Call("44", 1)});
  EXPECT_EQ(deck->FindCall(kOut, "44", OnDay(11, 30, 12))->price, 2) << "a Monday";
  EXPECT_EQ(deck->FindCall(kOut, "44", OnDay(11, 30, 18))->price, 1);
  EXPECT_EQ(deck->FindCall(kOut, "44", OnDay(11, 29, 12))->price, 1);
  const auto rate = deck->FindCall(kOut, "44", OnDay(11, 30, 12));
  ASSERT_NE(rate->tariff, nullptr);
  EXPECT_EQ(rate->tariff->lines.size(), 2u);
  EXPECT_EQ(deck->RowOf(*rate).price, 2);
}

TEST(DeckSnapshotTest, C13_ABlockOfOneLineHoldsForItsPrefixAndNeverFallsToAShorterOne) {
  domain::LineTerms blocked = From(absl::CivilDay(2026, 12, 1));
  blocked.blocked = true;
  domain::LineTerms unpriced;
  unpriced.blocked = unpriced.unpriced = true;
  const auto deck = Deck({Call("44"), With(Call("447", 2), blocked), With(Call("449", 0), unpriced),
                          Sms("44", ""), With(Sms("447", "o2"), unpriced)});
  const auto before = deck->FindCall(kOut, "447700900123", OnDay(11, 5));
  EXPECT_EQ(UnpackedDigits(before->prefix), "447");
  EXPECT_TRUE(before->blocked);
  EXPECT_TRUE(before->unpriced) << "no line of it has come";
  const auto after = deck->FindCall(kOut, "447700900123", OnDay(12, 5));
  EXPECT_TRUE(after->blocked);
  EXPECT_FALSE(after->unpriced);
  EXPECT_EQ(after->price, 2);
  EXPECT_TRUE(deck->FindCall(kOut, "449", kAnyTime)->unpriced);
  EXPECT_FALSE(deck->FindCall(kOut, "442", kAnyTime)->blocked);
  const auto text = deck->FindSms("447700900123", "ee", kAnyTime);
  EXPECT_TRUE(text->blocked && text->unpriced);
  EXPECT_EQ(UnpackedDigits(text->prefix), "447");
}

TEST(DeckSnapshotTest, ALineTakesFewBytesWhateverItIsCalled) {
  std::vector<RateRow> rows;
  for (int i = 0; i < 50'000; ++i) {
    RateRow row = Call(absl::StrCat(1'000'000 + i * 7), i % 300);
    row.destination_name = "a name that many lines of a deck share";
    rows.push_back(std::move(row));
  }
  const auto deck = Deck(std::move(rows));
  EXPECT_LE(deck->memory_bytes(), 50'000u * 40);
  EXPECT_EQ(deck->RowAt(49'999).destination_name, "a name that many lines of a deck share");
  EXPECT_EQ(deck->RowAt(49'999).prefix, "1349993");
}

TEST(DeckSnapshotTest, AnEmptyDeckHasNoRates) {
  const auto deck = Deck({});
  EXPECT_EQ(deck->size(), 0u);
  EXPECT_FALSE(deck->FindCall(kOut, "12125551234", kAnyTime).has_value());
  EXPECT_FALSE(deck->FindSms("12125551234", "att", kAnyTime).has_value());
  EXPECT_EQ(deck->LowerBound(RateKind::kCall, "1", ""), 0u);
}

TEST(DeckSnapshotTest, RefusesRowsThatNoImportCouldHaveMade) {
  for (const std::vector<RateRow>& rows : {std::vector<RateRow>{Call("")},
                                           {Call("4a")},
                                           {Call("1234567890123456")},
                                           {Call("44"), Call("45"), Call("44")},
                                           {Sms("1", "att"), Sms("1", "att")}}) {
    const auto deck = DeckSnapshot::Create({}, rows);
    EXPECT_EQ(deck.status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(ReasonOf(deck.status()), "INVALID_RATE_DECK");
  }
}

// The rules once more, as plainly as can be: look at every row.
class NaiveDeck {
 public:
  explicit NaiveDeck(std::vector<RateRow> rows) : rows_(std::move(rows)) {}

  const RateRow* FindCall(RateKind kind, absl::string_view digits) const {
    const RateRow* best = nullptr;
    for (const RateRow& row : rows_) {
      if (row.kind == kind && absl::StartsWith(digits, row.prefix) &&
          (best == nullptr || row.prefix.size() > best->prefix.size())) {
        best = &row;
      }
    }
    return best;
  }

  const RateRow* FindSms(absl::string_view digits, absl::string_view carrier) const {
    for (size_t length = digits.size(); length > 0; --length) {
      for (const absl::string_view wanted : {carrier, absl::string_view()}) {
        for (const RateRow& row : rows_) {
          if (row.kind == RateKind::kSms && row.prefix == digits.substr(0, length) &&
              row.carrier == wanted) {
            return &row;
          }
        }
      }
    }
    return nullptr;
  }

 private:
  std::vector<RateRow> rows_;
};

std::string RandomDigits(std::mt19937& random, size_t longest) {
  std::string digits(1 + random() % longest, '1');
  // Few different digits make many prefixes of one another.
  for (char& c : digits) c = static_cast<char>('1' + random() % 3 * (random() % 8 == 0 ? 4 : 1));
  return digits;
}

TEST(DeckSnapshotTest, AgreesWithANaiveSearchOnRandomDecks) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const std::vector<std::string> carriers = {"", "att", "t-mobile", "verizon", "unknown"};
  for (int round = 0; round < 60; ++round) {
    std::vector<RateRow> rows;
    const size_t count = random() % 300;
    for (size_t i = 0; i < count; ++i) {
      RateRow row = Call(RandomDigits(random, 7), static_cast<Nanos>(i));
      row.kind = static_cast<RateKind>(1 + random() % 3);
      if (row.kind == RateKind::kSms) row.carrier = carriers[random() % 4];
      const bool is_new = std::none_of(rows.begin(), rows.end(), [&row](const RateRow& other) {
        return other.kind == row.kind && other.prefix == row.prefix && other.carrier == row.carrier;
      });
      if (is_new) rows.push_back(row);
    }
    const NaiveDeck naive(rows);
    const auto deck = Deck(rows);
    const auto expect_same = [](const std::optional<domain::Rate>& rate, const RateRow* row) {
      ASSERT_EQ(!rate.has_value(), row == nullptr);
      if (row == nullptr) return;
      EXPECT_EQ(UnpackedDigits(rate->prefix), row->prefix);
      EXPECT_EQ(rate->price, row->price);
    };
    for (int i = 0; i < 500; ++i) {
      const std::string digits = RandomDigits(random, 11);
      SCOPED_TRACE(digits);
      expect_same(deck->FindCall(kOut, digits, kAnyTime), naive.FindCall(RateKind::kCall, digits));
      expect_same(deck->FindCall(kIn, digits, kAnyTime),
                  naive.FindCall(RateKind::kCallInbound, digits));
      const std::string& carrier = carriers[random() % carriers.size()];
      expect_same(deck->FindSms(digits, carrier, kAnyTime), naive.FindSms(digits, carrier));
    }
  }
}

std::shared_ptr<const DeckSnapshot> OfVersion(int64_t version, int64_t lines = 1) {
  DeckHeader header;
  header.version = version;
  std::vector<RateRow> rows = {Call("1")};
  if (lines == 2) rows.push_back(Call("2"));
  return Deck(rows, header);
}

TEST(DeckBookTest, AddingADeckLeavesTheOldBookAsItWas) {
  const auto empty = std::make_shared<const DeckBook>();
  const auto one = empty->With(OfVersion(1));
  const auto two = one->With(OfVersion(2));
  EXPECT_EQ(empty->latest_version(), 0);
  EXPECT_THAT(empty->ByVersion(1), IsNull());
  EXPECT_THAT(one->ByVersion(2), IsNull());
  EXPECT_EQ(two->ByVersion(1)->header().version, 1);
  EXPECT_EQ(two->ByVersion(2)->header().version, 2);
  EXPECT_THAT(two->ByVersion(3), IsNull());
  EXPECT_EQ(two->latest_version(), 2);
  // The snapshots are shared, not copied.
  EXPECT_EQ(one->ByVersion(1), two->ByVersion(1));
}

TEST(DeckBookTest, ADeckOfTheSameVersionIsReplaced) {
  const DeckBook book({OfVersion(1), OfVersion(2)});
  const auto changed = book.With(OfVersion(1, /*lines=*/2));
  EXPECT_EQ(changed->decks().size(), 2u);
  EXPECT_EQ(book.ByVersion(1)->size(), 1u);
  EXPECT_EQ(changed->ByVersion(1)->size(), 2u);
}

}  // namespace
}  // namespace reserve::rates
