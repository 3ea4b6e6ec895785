#include "services/ledger/domain/destination.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

std::optional<std::string> DestinationFrom(const Settings& settings, absl::string_view dialled) {
  if (IsE164(dialled)) return std::string(dialled.substr(1));
  const bool plus = absl::ConsumePrefix(&dialled, "+");
  const bool short_code = !plus && dialled.size() >= kMinShortCodeDigits &&
                          dialled.size() <= kMaxShortCodeDigits &&
                          std::all_of(dialled.begin(), dialled.end(),
                                      [](unsigned char c) { return absl::ascii_isdigit(c); });
  if (!short_code && !IsEmergencySomewhere(settings, dialled)) return std::nullopt;
  return absl::StrCat(absl::string_view(&kShortCodeMark, 1), dialled);
}

std::string DialledForm(absl::string_view destination) {
  if (IsShortCode(destination)) return std::string(DigitsOf(destination));
  return absl::StrCat("+", destination);
}

}  // namespace reserve::domain
