#include "tests/support/told.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

namespace reserve::test_support {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The line of a text in which that place is.
absl::string_view LineAt(absl::string_view text, size_t place) {
  const size_t before = text.substr(0, place).rfind('\n');
  const size_t begin = before == absl::string_view::npos ? 0 : before + 1;
  return text.substr(begin, std::min(text.find('\n', place), text.size()) - begin);
}

// Where the first token or number is; npos if there is none.
size_t FirstToldIn(absl::string_view text) {
  size_t first = std::min(text.find("tok_"), text.find("pm_card_"));
  constexpr size_t kFewestDigits = 7;
  for (size_t plus = text.find('+'); plus < first; plus = text.find('+', plus + 1)) {
    size_t digits = 0;
    while (plus + 1 + digits < text.size() && IsDigit(text[plus + 1 + digits])) ++digits;
    if (digits >= kFewestDigits && text[plus + 1] != '0') first = plus;
  }
  return first;
}

}  // namespace

bool TellsOfACustomer(absl::string_view text) {
  return FirstToldIn(text) != absl::string_view::npos;
}

bool InATest() { return ::testing::UnitTest::GetInstance()->current_test_suite() != nullptr; }

void ExpectNothingOfCustomers(absl::string_view where, absl::string_view text) {
  if (!InATest()) return;
  const size_t told = FirstToldIn(text);
  if (told == absl::string_view::npos) return;
  ADD_FAILURE() << where << " tell of a customer: " << LineAt(text, told);
}

}  // namespace reserve::test_support
