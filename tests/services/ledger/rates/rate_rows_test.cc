// Many rows in little memory, and the longest prefix among many.
#include "services/ledger/rates/rate_rows.h"
#include "common/text/packed_digits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/ledger/rates/prefix_index.h"

namespace reserve::rates {
namespace {

using ::testing::ElementsAre;

RateRow Call(std::string prefix, Nanos price = 0) {
  return {RateKind::kCall, std::move(prefix), "", "", price, 0, 60, 60};
}

RateRow Sms(std::string prefix, std::string carrier) {
  return {RateKind::kSms, std::move(prefix), std::move(carrier), "", 1, 0, 0, 0};
}

RateRow From(RateRow row, absl::CivilDay day) {
  domain::LineTerms terms;
  terms.first_day = day;
  row.terms = std::make_shared<domain::LineTerms>(terms);
  return row;
}

TEST(PackedDigitsTest, DigitsSortAsTextsDo) {
  const std::vector<std::string> sorted = {
      "",    "0",   "1",          "10",          "100",
      "101", "109", "1000000000", "2",           "44",
      "440", "447", "99",         "99999999999", "999999999999999"};
  std::vector<std::string> texts = sorted;
  std::sort(texts.begin(), texts.end());
  std::vector<uint64_t> packed;
  for (const std::string& text : texts) packed.push_back(PackDigits(text));
  EXPECT_TRUE(std::is_sorted(packed.begin(), packed.end()));
  for (size_t i = 0; i < texts.size(); ++i) {
    std::string digits;
    UnpackDigits(packed[i], &digits);
    EXPECT_EQ(digits, texts[i]);
  }
}

TEST(PackedDigitsTest, AnythingButADigitEndsThem) {
  const auto digits = [](absl::string_view text) {
    std::string unpacked;
    UnpackDigits(PackDigits(text), &unpacked);
    return unpacked;
  };
  EXPECT_EQ(digits("1234567x9"), "1234567");
  EXPECT_EQ(digits("12345678x"), "12345678");
  EXPECT_EQ(digits("x12345678"), "");
  EXPECT_EQ(digits("123456\xF9\xFF"
                   "90"),
            "123456");
  EXPECT_EQ(digits("/:"), "");
  EXPECT_EQ(digits("12345678901234567"), "123456789012345");
}

TEST(PackedDigitsTest, AreReadAlikeWhateverTheirNumberAndWhereverTheyEnd) {
  for (size_t size = 0; size <= 20; ++size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>('0' + (i * 7 + size) % 10));
    const size_t kept = std::min(size, kMaxPackedDigits);
    EXPECT_EQ(UnpackedDigits(PackDigits(text)), text.substr(0, kept));
    EXPECT_EQ(CountDigits(PackDigits(text)), kept);
    for (size_t place = 0; place < size; ++place) {
      for (const char other : {'/', ':', ' ', 'a', '\xB0', '\0'}) {
        std::string ended = text;
        ended[place] = other;
        EXPECT_EQ(PackDigits(ended), PackDigits(text.substr(0, place))) << ended;
      }
    }
  }
}

TEST(PackedDigitsTest, FourOfThemSayANumber) {
  for (uint32_t number = 0; number < 10'000; ++number) {
    const std::string text = absl::StrCat(absl::Dec(number, absl::kZeroPad4));
    ASSERT_EQ(FourDigits(text.data()), number) << text;
    ASSERT_EQ(FourFirstDigits(PackDigits(text)), number) << text;
    ASSERT_EQ(FourFirstDigits(PackDigits(text + "55501234567")), number) << text;
  }
  EXPECT_EQ(FourFirstDigits(PackDigits("18")), 1800);
  for (size_t place = 0; place < 4; ++place) {
    for (const char other : {'/', ':', ' ', 'a', '\xB0', '\0'}) {
      std::string text = "9999";
      text[place] = other;
      EXPECT_EQ(FourDigits(text.data()), std::nullopt) << text;
    }
  }
}

TEST(PackedDigitsTest, APrefixIsNoLongerThanItsNumber) {
  const auto is_prefix = [](absl::string_view prefix, absl::string_view number) {
    return IsPrefixOf(PackDigits(prefix), PackDigits(number));
  };
  EXPECT_TRUE(is_prefix("44", "447"));
  EXPECT_TRUE(is_prefix("447", "447"));
  EXPECT_TRUE(is_prefix("", "447"));
  EXPECT_TRUE(is_prefix("123456789012345", "123456789012345"));
  EXPECT_FALSE(is_prefix("440", "44")) << "no digit is no zero";
  EXPECT_FALSE(is_prefix("45", "447"));
}

struct Line {
  uint64_t digits;
};

TEST(PrefixIndexTest, FindsTheLongestPrefixAmongAnyNumberOfThem) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const auto some_digits = [&random] {
    std::string digits(1 + random() % 15, '1');
    // Few different digits make many prefixes of one another.
    for (char& c : digits) c = static_cast<char>('0' + random() % 2 * (random() % 6 == 0 ? 7 : 1));
    return digits;
  };
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> prefixes;
    // Of thousands there is a table of where the first digits lead.
    const size_t count = random() % (round % 8 == 0 ? 8'000 : 200);
    while (prefixes.size() < count) {
      prefixes.push_back(some_digits());
      // The same one may be there more often.
      while (random() % 4 == 0) prefixes.push_back(prefixes.back());
    }
    std::sort(prefixes.begin(), prefixes.end());
    std::vector<Line> lines;
    for (const std::string& prefix : prefixes) lines.push_back({PackDigits(prefix)});
    const PrefixIndex index([&](size_t i) { return lines[i].digits; }, 0, lines.size());
    for (int i = 0; i < 200; ++i) {
      const std::string number = some_digits();
      uint32_t expected = PrefixIndex::kNone;
      for (uint32_t at = 0; at < prefixes.size(); ++at) {
        const bool longer =
            expected == PrefixIndex::kNone || prefixes[at].size() > prefixes[expected].size();
        if (longer && absl::StartsWith(number, prefixes[at])) expected = at;
      }
      EXPECT_EQ(index.Find(lines, PackDigits(number)), expected) << number;
    }
  }
}

TEST(PrefixIndexTest, PrefixesThatShareNoLongBeginningCostFewBytes) {
  std::mt19937_64 random(7);
  std::vector<Line> lines;
  for (int i = 0; i < 100'000; ++i) {
    lines.push_back(
        {PackDigits(absl::StrCat(100'000'000'000'000 + random() % 800'000'000'000'000))});
  }
  std::sort(lines.begin(), lines.end(),
            [](const Line& a, const Line& b) { return a.digits < b.digits; });
  const PrefixIndex index([&](size_t i) { return lines[i].digits; }, 0, lines.size());
  const size_t by_first_digits = size_t{10'000} * 8;  // one table, however many prefixes there are
  EXPECT_LE(index.memory_bytes(), 20 * lines.size() + by_first_digits)
      << "and not a node for each of 15 digits";
}

TEST(RateRowsTest, ARowComesOutAsItWentIn) {
  RateRow full{RateKind::kSms, "1212", "att", "New York", 7, 5, 0, 0};
  full.country = domain::NumberCountry::kTollFree;
  const RateRow dated = From(Call("44", 3), absl::CivilDay(2026, 12, 1));
  const RateRow code{RateKind::kShortCode, "0411", "", "information", 1, 0, 60, 60};
  const RateRows rows = {full, dated, code, Call("123456789012345", 9)};
  EXPECT_THAT(rows, ElementsAre(full, dated, code, Call("123456789012345", 9)));
}

TEST(RateRowsTest, APrefixThatIsNoneIsEmpty) {
  const RateRows rows = {Call("4a"), Call("1234567890123456"), Call("")};
  for (const RateRow& row : rows) EXPECT_EQ(row.prefix, "");
}

TEST(RateRowsTest, RowsThatSayTheSameShareIt) {
  RateRows rows;
  for (int i = 0; i < 1'000; ++i) {
    // Equal terms, each its own.
    RateRow row = From(Call(absl::StrCat(100 + i), i % 3), absl::CivilDay(2026, 12, 1));
    row.destination_name = "a name that is long enough to be kept apart from its row";
    rows.Add(row);
  }
  EXPECT_EQ(rows.shapes().size(), 3u);
  EXPECT_EQ(rows.terms_count(), 2u) << "none, and those";
  EXPECT_LE(rows.memory_bytes(), 1'000u * 45);
}

TEST(RateRowsTest, AreSortedByKindPrefixCarrierAndDay) {
  const std::vector<RateRow> sorted = {Call("1"),
                                       From(Call("1"), absl::CivilDay(2026, 1, 1)),
                                       From(Call("1"), absl::CivilDay(2026, 2, 1)),
                                       Call("10"),
                                       Call("2"),
                                       Sms("1", ""),
                                       Sms("1", "att"),
                                       Sms("1", "zeta"),
                                       Sms("12", "att")};
  RateRows rows(std::vector<RateRow>(sorted.rbegin(), sorted.rend()));
  const std::vector<uint32_t> order = rows.OrderByKey();
  EXPECT_EQ(order.front(), 6u) << "of equal keys as they stand";
  EXPECT_EQ(rows.LowerBound(order, RateKind::kSms, PackDigits("1"), "b"), 7u);
  rows.Sort();
  EXPECT_EQ(rows, sorted);
}

}  // namespace
}  // namespace reserve::rates
