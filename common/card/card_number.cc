#include "common/card/card_number.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"

namespace reserve {
namespace {

constexpr size_t kShortest = 13;
constexpr size_t kLongest = 19;

// Numbers that begin with `first` to `last`, of these lengths.
struct Issuer {
  int first;
  int last;
  size_t shortest;
  size_t longest;
};
constexpr Issuer kIssuers[] = {
    {4, 4, 13, 13},        // Visa
    {4, 4, 16, 16},        // Visa
    {4, 4, 19, 19},        // Visa
    {51, 55, 16, 16},      // Mastercard
    {2221, 2720, 16, 16},  // Mastercard
    {34, 34, 15, 15},      // American Express
    {37, 37, 15, 15},      // American Express
    {300, 305, 14, 19},    // Diners Club
    {36, 36, 14, 19},      // Diners Club
    {38, 39, 16, 19},      // Diners Club
    {6011, 6011, 16, 19},  // Discover
    {644, 659, 16, 19},    // Discover
    {3528, 3589, 16, 19},  // JCB
    {620, 629, 16, 19},    // UnionPay
    {50, 50, 16, 19},      // Maestro
    {56, 58, 16, 19},      // Maestro
    {67, 67, 16, 19},      // Maestro
};

bool BeginsWithin(absl::string_view digits, const Issuer& issuer) {
  int length = 0;
  for (int rest = issuer.first; rest > 0; rest /= 10) ++length;
  int prefix = 0;
  for (int i = 0; i < length; ++i) prefix = prefix * 10 + (digits[static_cast<size_t>(i)] - '0');
  return prefix >= issuer.first && prefix <= issuer.last;
}

bool HasCheckDigit(absl::string_view digits) {
  int sum = 0;
  bool doubled = false;
  for (size_t i = digits.size(); i-- > 0; doubled = !doubled) {
    const int digit = digits[i] - '0';
    const int counted = doubled ? 2 * digit : digit;
    sum += counted > 9 ? counted - 9 : counted;
  }
  return sum % 10 == 0;
}

bool IsCardNumber(absl::string_view digits) {
  for (const Issuer& issuer : kIssuers) {
    if (digits.size() >= issuer.shortest && digits.size() <= issuer.longest &&
        BeginsWithin(digits, issuer)) {
      return HasCheckDigit(digits);
    }
  }
  return false;
}

// A part of a text.
struct Part {
  size_t begin = 0;
  size_t end = 0;
};

// The runs of digits.
std::vector<Part> GroupsOf(absl::string_view text) {
  std::vector<Part> groups;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) continue;
    if (groups.empty() || groups.back().end != i) groups.push_back({i, i});
    groups.back().end = i + 1;
  }
  return groups;
}

bool Joined(absl::string_view text, const Part& left, const Part& right) {
  return right.begin - left.end == 1 && (text[left.end] == ' ' || text[left.end] == '-');
}

// The longest number that begins with the group at `first`.
std::optional<Part> NumberAt(absl::string_view text, const std::vector<Part>& groups,
                             size_t first) {
  std::optional<Part> found;
  std::string digits;
  for (size_t i = first; i < groups.size(); ++i) {
    if (i > first && !Joined(text, groups[i - 1], groups[i])) break;
    digits.append(text.data() + groups[i].begin, groups[i].end - groups[i].begin);
    if (digits.size() > kLongest) break;
    if (digits.size() >= kShortest && IsCardNumber(digits)) {
      found = Part{groups[first].begin, groups[i].end};
    }
  }
  return found;
}

// All that there are: what looks like one by chance may end where a card's own begins.
std::vector<Part> NumbersIn(absl::string_view text) {
  std::vector<Part> numbers;
  if (text.size() < kShortest) return numbers;
  const std::vector<Part> groups = GroupsOf(text);
  for (size_t i = 0; i < groups.size(); ++i) {
    if (const std::optional<Part> number = NumberAt(text, groups, i)) numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace

bool HoldsCardNumber(absl::string_view text) { return !NumbersIn(text).empty(); }

std::string MaskCardNumbers(absl::string_view text) {
  std::string masked(text);
  // The four digits that are left of one may be the beginning of another with what follows.
  for (std::vector<Part> numbers = NumbersIn(text); !numbers.empty(); numbers = NumbersIn(masked)) {
    const std::string before = masked;
    for (const Part& number : numbers) {
      int shown = 4;
      for (size_t i = number.end; i-- > number.begin;) {
        if (!absl::ascii_isdigit(static_cast<unsigned char>(before[i]))) continue;
        if (shown-- > 0) continue;
        masked[i] = '*';
      }
    }
  }
  return masked;
}

}  // namespace reserve
