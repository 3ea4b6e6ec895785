#include "common/card/card_token.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

template <typename T>
concept Streamed = requires(std::ostream& out, const T& value) {
  out << value;
};
template <typename T>
concept Concatenated = std::is_constructible_v<absl::AlphaNum, const T&>;
template <typename T>
concept Stringified = requires(std::string& sink, const T& value) {
  AbslStringify(sink, value);
};
template <typename T>
concept Loggable = std::is_constructible_v<LogValue, const T&>;

// What the ways of printing take, to show that the checks below can fail.
static_assert(Streamed<std::string> && Concatenated<std::string> && Loggable<std::string>);

static_assert(!Streamed<CardToken>);
static_assert(!Concatenated<CardToken>);
static_assert(!Stringified<CardToken>);
static_assert(!Loggable<CardToken>);
static_assert(!std::is_convertible_v<CardToken, std::string>);
static_assert(!std::is_convertible_v<CardToken, std::string_view>);
static_assert(!std::is_convertible_v<CardToken, absl::string_view>);
static_assert(!std::is_convertible_v<CardToken, const char*>);
static_assert(!std::is_constructible_v<std::string, CardToken>);
static_assert(!std::is_constructible_v<absl::string_view, CardToken>);
// Nor does a text become a token unnoticed.
static_assert(!std::is_convertible_v<std::string, CardToken>);
static_assert(!std::is_convertible_v<const char*, CardToken>);

TEST(CardTokenTypeTest, IsRevealedByNameOnly) {
  const CardToken token("tok_visa");
  EXPECT_EQ(token.Reveal(), "tok_visa");
  EXPECT_FALSE(token.empty());
  EXPECT_TRUE(CardToken().empty());
}

TEST(CardTokenTypeTest, EqualTextsAreTheSameToken) {
  EXPECT_TRUE(CardToken("tok_visa") == CardToken("tok_visa"));
  EXPECT_FALSE(CardToken("tok_visa") == CardToken("tok_mastercard"));
}

}  // namespace
}  // namespace reserve
