#include "common/text/short_text.h"

#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace reserve {
namespace {

TEST(ShortTextTest, TakesNoMoreThanItsText) { EXPECT_EQ(sizeof(ShortText<2>), 2); }

TEST(ShortTextTest, IsEmptyAtFirst) {
  EXPECT_TRUE(ShortText<2>().empty());
  EXPECT_EQ(ShortText<2>(), "");
}

TEST(ShortTextTest, HoldsTextsUpToItsLength) {
  for (const std::string text : {"", "4", "424", "4242"}) {
    const ShortText<4> held = text;
    EXPECT_EQ(held.view(), text);
    EXPECT_EQ(held.size(), text.size());
    EXPECT_EQ(held.empty(), text.empty());
  }
}

TEST(ShortTextTest, TellsTextsApart) {
  const ShortText<2> us = "US";
  EXPECT_EQ(us, std::string("US"));
  EXPECT_NE(us, "GB");
  EXPECT_NE(us, "U");
  EXPECT_NE(us, ShortText<2>());
}

TEST(ShortTextTest, IsShownAsItsText) {
  std::ostringstream shown;
  shown << ShortText<4>("424");
  EXPECT_EQ(shown.str(), "424");
}

}  // namespace
}  // namespace reserve
