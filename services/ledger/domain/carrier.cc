#include "services/ledger/domain/carrier.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace reserve::domain {
namespace {

struct Networks {
  absl::string_view carrier;
  absl::string_view codes;  // MCC-MNC, with spaces between them
  absl::string_view names;  // other ones, with bars between them
};
// ITU-T E.212, "Mobile Network Codes (MNC) for the international identification plan": the main
// networks of the carriers for which texts in North America have prices of their own.
constexpr Networks kNetworks[] = {
    {"att", "310-030 310-070 310-150 310-170 310-280 310-380 310-410 310-560 310-680 311-180",
     "at-t|att-wireless|att-mobility|atandt"},
    {"t-mobile",
     "310-160 310-200 310-210 310-220 310-230 310-240 310-250 310-260 310-270 310-310 "
     "310-490 310-660 310-800",
     "tmobile|t-mobile-usa|t-mobile-us|tmo"},
    {"verizon",
     "310-004 310-010 310-012 310-013 311-110 311-270 311-271 311-272 311-480 311-481 "
     "311-482 311-489",
     "verizon-wireless|vzw"},
    {"us-cellular", "311-220 311-580", "uscellular|u.s.-cellular|uscc"},
    {"bell", "302-610 302-640 302-690", "bell-mobility|bell-canada"},
    {"rogers", "302-370 302-720", "rogers-wireless"},
    {"telus", "302-220 302-221 302-860", "telus-mobility"},
    {"freedom", "302-490", "freedom-mobile|wind"},
    {"videotron", "302-500 302-510", ""},
};

bool IsListed(absl::string_view list, char separator, absl::string_view wanted) {
  for (const absl::string_view each : absl::StrSplit(list, separator)) {
    if (each == wanted) return true;
  }
  return false;
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// "310-410"; nothing if it is no network's code.
std::optional<std::string> CodeFrom(absl::string_view name) {
  std::string digits(name);
  const size_t mark = digits.find_first_of("-._");
  if (mark == 3) digits.erase(mark, 1);
  // The first digit is the region of the world.
  if (!AllDigits(digits) || (digits.size() != 5 && digits.size() != 6)) return std::nullopt;
  if (digits[0] < '2' || digits[0] > '7' || (mark != std::string::npos && mark != 3)) {
    return std::nullopt;
  }
  return absl::StrCat(digits.substr(0, 3), "-", digits.substr(3));
}

}  // namespace

std::optional<std::string> CarrierFrom(absl::string_view text) {
  std::string name;
  for (const char c : absl::StripAsciiWhitespace(text)) {
    if (c == '&' || c == '\'') continue;
    const bool kept = absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
    if (!kept && c != ' ' && c != '/' && c != '+') return std::nullopt;
    const char next = kept ? absl::ascii_tolower(c) : '-';
    if (next == '-' && !kept && !name.empty() && name.back() == '-') continue;
    name.push_back(next);
  }
  if (name.empty() || name.size() > kMaxCarrierBytes) return std::nullopt;
  const std::string code = CodeFrom(name).value_or("");
  for (const Networks& each : kNetworks) {
    const bool known =
        code.empty() ? IsListed(each.names, '|', name) : IsListed(each.codes, ' ', code);
    if (known) return std::string(each.carrier);
  }
  return code.empty() ? name : code;
}

}  // namespace reserve::domain
