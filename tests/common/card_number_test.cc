#include "common/card/card_number.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace reserve {
namespace {

// Numbers that the networks and gateways publish for tests; nobody's.
constexpr absl::string_view kNumbersForTests[] = {
    "4111111111111111", "4242424242424242", "4222222222222",    "5555555555554444",
    "2223003122003222", "378282246310005",  "6011111111111117", "3566002020360505",
    "30569309025904",   "6200000000000005", "36227206271667",
};

TEST(CardNumberTest, NumbersOfEveryNetworkAreFound) {
  for (const absl::string_view number : kNumbersForTests) {
    EXPECT_TRUE(HoldsCardNumber(number)) << number;
  }
}

TEST(CardNumberTest, NumbersAreFoundInTextsAndInGroups) {
  for (const absl::string_view text :
       {"card 4111111111111111 of Mr. Doe", "4111 1111 1111 1111", "4111-1111-1111-1111",
        "tok_4111111111111111", "Karte:4111111111111111.", "call 12 4111 1111 1111 1111",
        "3782 822463 10005"}) {
    EXPECT_TRUE(HoldsCardNumber(text)) << text;
  }
}

TEST(CardNumberTest, OtherNumbersAreNotTakenForOne) {
  for (const absl::string_view text :
       {"", "4111111111111112", "411111111111111", "ticket 4711", "2026-11-29 12:00:00",
        "1111111111111117", "41111111111111111111111", "4111  1111  1111  1111", "tok_visa#a-1",
        "+18005551234", "pm_1N4XyZ2eZvKYlo2C"}) {
    EXPECT_FALSE(HoldsCardNumber(text)) << text;
  }
}

TEST(CardNumberTest, AllButTheLastFourDigitsAreMasked) {
  EXPECT_EQ(MaskCardNumbers("refused: 4111 1111 1111 1111, ask for 5555555555554444!"),
            "refused: **** **** **** 1111, ask for ************4444!");
  EXPECT_EQ(MaskCardNumbers("error 4711"), "error 4711");
}

// What stands before a card's number looks like one with its beginning.
TEST(CardNumberTest, ANumberThatOverlapsAnotherIsMaskedToo) {
  const std::string text = "order 3600 0000 0006 4111 1111 1111 1111";
  ASSERT_TRUE(HoldsCardNumber("3600 0000 0006 4111"));
  EXPECT_EQ(MaskCardNumbers(text), "order **** **** **** **** **** **** 1111");
}

TEST(CardNumberTest, TheLastDigitsOfANumberAreNoBeginningOfAnother) {
  EXPECT_EQ(MaskCardNumbers("5555555555554444 1111 1111 1101"), "**************** **** **** 1101");
}

}  // namespace
}  // namespace reserve
