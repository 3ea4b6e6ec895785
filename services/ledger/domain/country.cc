#include "services/ledger/domain/country.h"

#include <cstddef>

namespace reserve::domain {
namespace {

// Each followed by a space.
constexpr absl::string_view kCountries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ "
    "EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW "
    "GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY "
    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV "
    "MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG "
    "TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA "
    "ZM ZW ";
struct Special {
  NumberCountry country;
  absl::string_view text;
};
constexpr Special kSpecial[] = {{NumberCountry::kUnknown, ""},
                                {NumberCountry::kTollFree, "TOLL_FREE"},
                                {NumberCountry::kSatellite, "SATELLITE"},
                                {NumberCountry::kPremiumRate, "PREMIUM_RATE"}};

NumberCountry OfLetters(absl::string_view code) {
  return static_cast<NumberCountry>(static_cast<unsigned char>(code[0]) << 8 |
                                    static_cast<unsigned char>(code[1]));
}

static_assert(kCountries.size() == size_t{250} * 3, "249 of ISO 3166-1, and XK");

}  // namespace

bool IsCountry(absl::string_view code) {
  if (code.size() != 2) return false;
  for (size_t i = 0; i < kCountries.size(); i += 3) {
    if (kCountries.substr(i, 2) == code) return true;
  }
  return false;
}

std::string TextOf(NumberCountry country) {
  const auto letters = static_cast<uint16_t>(country);
  if (letters > 0xff) return {static_cast<char>(letters >> 8), static_cast<char>(letters & 0xff)};
  for (const Special& special : kSpecial) {
    if (special.country == country) return std::string(special.text);
  }
  return "";
}

std::optional<NumberCountry> NumberCountryFrom(absl::string_view text) {
  for (const Special& special : kSpecial) {
    if (special.text == text) return special.country;
  }
  if (!IsCountry(text)) return std::nullopt;
  return OfLetters(text);
}

}  // namespace reserve::domain
