// Texts: how many segments they have (S2), and whose carrier they go to (S1).
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/ledger/domain/carrier.h"
#include "services/ledger/domain/sms_segments.h"

namespace reserve::domain {
namespace {

std::string Times(int count, absl::string_view text) {
  std::string all;
  for (int i = 0; i < count; ++i) absl::StrAppend(&all, text);
  return all;
}

int Segments(absl::string_view text) {
  const auto size = SizeOfSms(text);
  EXPECT_TRUE(size.has_value());
  return size.has_value() ? size->segments : 0;
}

bool IsGsm7(absl::string_view text) { return SizeOfSms(text)->gsm7; }

constexpr absl::string_view kEmoji = "\xF0\x9F\x98\x80";

TEST(SmsSegmentsTest, S2_AnEmptyTextIsOneSegment) {
  EXPECT_EQ(Segments(""), 1);
  EXPECT_EQ(SizeOfSms("")->length, 0);
}

TEST(SmsSegmentsTest, S2_Gsm7Is160SeptetsThen153ASegment) {
  EXPECT_EQ(Segments(Times(160, "a")), 1);
  EXPECT_EQ(Segments(Times(161, "a")), 2);
  EXPECT_EQ(Segments(Times(306, "a")), 2);
  EXPECT_EQ(Segments(Times(307, "a")), 3);
}

TEST(SmsSegmentsTest, S2_AnEscapedCharacterIsTwoSeptetsAndIsNotCut) {
  EXPECT_EQ(Segments(Times(80, "]")), 1);
  EXPECT_EQ(Segments(Times(81, "]")), 2);
  EXPECT_EQ(Segments(Times(152, "]")), 2);
  EXPECT_EQ(Segments(Times(153, "]")), 3) << "306 septets, but 76 characters a segment";
  EXPECT_EQ(SizeOfSms(Times(153, "]"))->length, 306);
  EXPECT_EQ(Segments(Times(152, "a") + "]" + Times(153, "b")), 3);
  EXPECT_EQ(Segments(Times(151, "a") + "]" + Times(153, "b")), 2);
}

TEST(SmsSegmentsTest, S2_Ucs2Is70UnitsThen67ASegmentAndNoPairIsCut) {
  EXPECT_EQ(Segments(Times(70, "я")), 1);
  EXPECT_EQ(Segments(Times(71, "я")), 2);
  EXPECT_EQ(Segments(Times(134, "я")), 2);
  EXPECT_EQ(Segments(Times(135, "я")), 3);
  EXPECT_EQ(Segments(Times(35, kEmoji)), 1);
  EXPECT_EQ(Segments(Times(66, kEmoji)), 2);
  EXPECT_EQ(Segments(Times(67, kEmoji)), 3) << "134 units, but 33 pairs a segment";
  EXPECT_EQ(SizeOfSms(kEmoji)->length, 2);
}

TEST(SmsSegmentsTest, S2_TheAlphabetIsThatOf23038) {
  EXPECT_TRUE(IsGsm7("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà"));
  EXPECT_TRUE(IsGsm7("\f^{}\\[~]|€"));
  EXPECT_EQ(SizeOfSms("€")->length, 2);
  for (const absl::string_view other : {"`", "ç", "á", "’", "А", "\t", "\x7F", "\xC2\xA0"}) {
    EXPECT_FALSE(IsGsm7(other)) << other;
  }
}

TEST(SmsSegmentsTest, WhatIsNoUtf8HasNoSize) {
  EXPECT_FALSE(SizeOfSms("\xFF").has_value());
  EXPECT_FALSE(SizeOfSms("a\xED\xA0\x80").has_value()) << "half a pair";
}

TEST(CarrierTest, S1_NamesAndCodesOfNetworksMeanTheSame) {
  for (const absl::string_view text :
       {"att", "ATT", "AT&T", "at&t", "AT&T Wireless", "310-410", "310410", "310.410", " att "}) {
    EXPECT_EQ(CarrierFrom(text), "att") << text;
  }
  EXPECT_EQ(CarrierFrom("T-Mobile"), "t-mobile");
  EXPECT_EQ(CarrierFrom("310260"), "t-mobile");
  EXPECT_EQ(CarrierFrom("US Cellular"), "us-cellular");
  EXPECT_EQ(CarrierFrom("Verizon Wireless"), "verizon");
  EXPECT_EQ(CarrierFrom("302720"), "rogers");
}

TEST(CarrierTest, S1_WhatTheProgramDoesNotKnowStaysWhatItIs) {
  EXPECT_EQ(CarrierFrom("Some Carrier"), "some-carrier");
  EXPECT_EQ(CarrierFrom("23410"), "234-10");
  EXPECT_EQ(CarrierFrom("234-015"), "234-015");
  EXPECT_EQ(CarrierFrom("12345"), "12345") << "no mobile country code";
  EXPECT_EQ(CarrierFrom(""), std::nullopt);
  EXPECT_EQ(CarrierFrom("a@b"), std::nullopt);
  EXPECT_EQ(CarrierFrom(std::string(33, 'c')), std::nullopt);
}

}  // namespace
}  // namespace reserve::domain
