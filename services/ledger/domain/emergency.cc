#include "services/ledger/domain/emergency.h"

#include <algorithm>
#include <iterator>

#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/settings.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {
namespace {

// A telephone knows these as emergency numbers in whatever country it is (3GPP TS 22.101, 10.1.1).
constexpr absl::string_view kEverywhere[] = {"112", "911"};

struct OfCountry {
  absl::string_view country;
  absl::string_view numbers;  // a space after each
};

// Beside these. From the countries' notifications of their numbering plans to the ITU (ITU-T
// E.129); NENA for the United States and Canada (933 reads back where help would be sent to); ACMA
// for Australia; for the European Union 112 by Directive (EU) 2018/1972, article 109, and the
// numbers that its members go on with.
constexpr OfCountry kOfCountries[] = {
    {"AE", "997 998 999 "},
    {"AL", "127 128 129 "},
    {"AR", "100 101 107 "},
    {"AS", "933 "},
    {"AT", "122 133 140 144 "},
    {"AU", "000 106 "},
    {"BA", "122 123 124 "},
    {"BD", "999 "},
    {"BE", "100 101 "},
    {"BG", "150 160 166 "},
    {"BH", "999 "},
    {"BR", "190 192 193 "},
    {"BY", "101 102 103 "},
    {"CA", "933 "},
    {"CH", "117 118 144 1414 "},
    {"CL", "131 132 133 "},
    {"CN", "110 119 120 122 "},
    {"CO", "119 123 "},
    {"CY", "199 "},
    {"CZ", "150 155 156 158 "},
    {"DE", "110 "},
    {"EG", "122 123 180 "},
    {"ES", "061 062 080 085 091 092 "},
    {"FR", "15 17 18 114 191 196 "},
    {"GB", "999 18000 "},
    {"GG", "999 "},
    {"GH", "191 192 193 "},
    {"GR", "100 108 166 199 "},
    {"GU", "933 "},
    {"HK", "992 999 "},
    {"HR", "192 193 194 195 "},
    {"HU", "104 105 107 "},
    {"ID", "110 113 118 119 "},
    {"IE", "999 "},
    {"IL", "100 101 102 "},
    {"IM", "999 "},
    {"IN", "100 101 102 108 "},
    {"IT", "113 115 118 1530 "},
    {"JE", "999 "},
    {"JP", "110 118 119 "},
    {"KE", "999 "},
    {"KR", "119 "},
    {"KZ", "101 102 103 "},
    {"LI", "117 118 144 "},
    {"LK", "110 118 119 "},
    {"LT", "101 102 103 "},
    {"LU", "113 "},
    {"LV", "110 113 "},
    {"ME", "122 123 124 "},
    {"MK", "192 193 194 "},
    {"MO", "999 "},
    {"MP", "933 "},
    {"MY", "999 "},
    {"NG", "199 "},
    {"NO", "110 113 "},
    {"NP", "100 101 102 "},
    {"NZ", "111 "},
    {"OM", "9999 "},
    {"PE", "105 106 116 "},
    {"PH", "117 "},
    {"PK", "15 16 115 1122 "},
    {"PL", "997 998 999 "},
    {"PR", "933 "},
    {"PT", "117 "},
    {"QA", "999 "},
    {"RS", "192 193 194 "},
    {"RU", "101 102 103 "},
    {"SA", "997 998 999 "},
    {"SG", "995 999 "},
    {"SI", "113 "},
    {"SK", "150 155 158 "},
    {"TH", "191 199 1669 "},
    {"TR", "110 155 156 "},
    {"TW", "110 119 "},
    {"UA", "101 102 103 "},
    {"US", "933 "},
    {"VE", "171 "},
    {"VI", "933 "},
    {"VN", "113 114 115 "},
    {"XK", "192 193 194 "},
    {"ZA", "10111 10177 "},
};

bool IsAmong(absl::string_view digits, absl::string_view numbers) {
  while (!numbers.empty()) {
    const size_t end = numbers.find(' ');
    if (numbers.substr(0, end) == digits) return true;
    numbers.remove_prefix(end + 1);
  }
  return false;
}

bool IsEverywhere(absl::string_view digits) {
  return std::find(std::begin(kEverywhere), std::end(kEverywhere), digits) != std::end(kEverywhere);
}

bool IsOf(const Settings& settings, absl::string_view country, absl::string_view digits) {
  if (IsEverywhere(digits)) return true;
  const auto of_program =
      std::find_if(std::begin(kOfCountries), std::end(kOfCountries),
                   [country](const OfCountry& each) { return each.country == country; });
  if (of_program != std::end(kOfCountries) && IsAmong(digits, of_program->numbers)) return true;
  return std::any_of(settings.emergency_numbers.begin(), settings.emergency_numbers.end(),
                     [&](const EmergencyNumber& number) {
                       return number.country == country && number.digits == digits;
                     });
}

// What was dialled, if it is short enough; else nothing, as of nearly every usage.
absl::string_view ShortOutbound(const Usage& usage) {
  if (usage.direction != Direction::kOutbound) return {};
  const absl::string_view digits = DigitsOf(usage.destination);
  return digits.size() <= kMaxShortCodeDigits ? digits : absl::string_view();
}

}  // namespace

bool IsEmergencySomewhere(const Settings& settings, absl::string_view digits) {
  return IsEverywhere(digits) ||
         std::any_of(std::begin(kOfCountries), std::end(kOfCountries),
                     [digits](const OfCountry& each) { return IsAmong(digits, each.numbers); }) ||
         std::any_of(settings.emergency_numbers.begin(), settings.emergency_numbers.end(),
                     [digits](const EmergencyNumber& number) { return number.digits == digits; });
}

bool IsEmergency(const Settings& settings, absl::string_view country, const Usage& usage) {
  const absl::string_view digits = ShortOutbound(usage);
  return !digits.empty() &&
         IsOf(settings, country.empty() ? settings.default_country : country, digits);
}

bool MayBeEmergency(const Settings& settings, const Usage& usage) {
  const absl::string_view digits = ShortOutbound(usage);
  return !digits.empty() && IsEmergencySomewhere(settings, digits);
}

bool IsEmergencyForAll(const Settings& settings, const Usage& usage) {
  return IsEmergency(settings, settings.default_country, usage);
}

}  // namespace reserve::domain
