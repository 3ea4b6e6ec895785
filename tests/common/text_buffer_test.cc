#include "common/text/text_buffer.h"

#include <charconv>
#include <string>

#include "gtest/gtest.h"

namespace reserve {
namespace {

TEST(TextBufferTest, IsEmptyAtFirst) {
  TextBuffer buffer;
  EXPECT_EQ(buffer.view(), "");
  EXPECT_EQ(buffer.str(), "");
}

TEST(TextBufferTest, HoldsWhatWasWrittenAndNoMoreOfItsRoom) {
  TextBuffer buffer;
  buffer.Append("(");
  char* const out = buffer.Room(20);
  buffer.TakeUpTo(std::to_chars(out, out + 20, -42).ptr);
  buffer.Push(')');
  EXPECT_EQ(buffer.view(), "(-42)");
  EXPECT_EQ(buffer.size(), 5u);
}

TEST(TextBufferTest, GrowsAsFarAsNeeded) {
  TextBuffer buffer;
  std::string expected;
  for (int i = 0; i < 5'000; ++i) {
    const std::string piece(static_cast<size_t>(i % 37), static_cast<char>('a' + i % 26));
    buffer.Append(piece);
    expected += piece;
  }
  EXPECT_EQ(buffer.view(), expected);
}

TEST(TextBufferTest, TakesMoreAfterItWasAskedForAString) {
  TextBuffer buffer;
  buffer.Reserve(1'000);
  buffer.Append("one");
  EXPECT_EQ(buffer.str(), "one");
  buffer.Append(", two");
  EXPECT_EQ(buffer.str(), "one, two");
}

TEST(TextBufferTest, BeginsAnewWhereItIsCleared) {
  TextBuffer buffer;
  buffer.Append("a longer text than the next");
  buffer.Clear();
  buffer.Append("next");
  EXPECT_EQ(buffer.view(), "next");
}

}  // namespace
}  // namespace reserve
