#include "services/ledger/rates/country_names.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/text/utf8.h"
#include "services/ledger/rates/calling_code.h"

namespace reserve::rates {
namespace {

struct Names {
  absl::string_view country;
  absl::string_view calling_code;  // ITU-T E.164
  absl::string_view names;         // the first is shown
};
// The English short names of ISO 3166-1 and Unicode's CLDR, and how price lists write them.
constexpr Names kNames[] = {
    {"AD", "376", "Andorra"},
    {"AE", "971", "United Arab Emirates|UAE|Emirates|Dubai"},
    {"AF", "93", "Afghanistan"},
    {"AG", "1", "Antigua & Barbuda|Antigua and Barbuda|Antigua"},
    {"AI", "1", "Anguilla"},
    {"AL", "355", "Albania"},
    {"AM", "374", "Armenia"},
    {"AO", "244", "Angola"},
    {"AR", "54", "Argentina"},
    {"AS", "1", "American Samoa"},
    {"AT", "43", "Austria|Österreich"},
    {"AU", "61", "Australia"},
    {"AW", "297", "Aruba"},
    {"AX", "358", "Åland Islands|Aland Islands|Aland"},
    {"AZ", "994", "Azerbaijan"},
    {"BA", "387", "Bosnia & Herzegovina|Bosnia and Herzegovina|Bosnia Herzegovina|Bosnia"},
    {"BB", "1", "Barbados"},
    {"BD", "880", "Bangladesh"},
    {"BE", "32", "Belgium"},
    {"BF", "226", "Burkina Faso"},
    {"BG", "359", "Bulgaria"},
    {"BH", "973", "Bahrain"},
    {"BI", "257", "Burundi"},
    {"BJ", "229", "Benin"},
    {"BL", "590", "St. Barthélemy|Saint Barthelemy|St Barthelemy"},
    {"BM", "1", "Bermuda"},
    {"BN", "673", "Brunei|Brunei Darussalam"},
    {"BO", "591", "Bolivia|Plurinational State of Bolivia"},
    {"BQ", "599", "Caribbean Netherlands|Bonaire"},
    {"BR", "55", "Brazil"},
    {"BS", "1", "Bahamas|The Bahamas"},
    {"BT", "975", "Bhutan"},
    {"BW", "267", "Botswana"},
    {"BY", "375", "Belarus|Belorussia"},
    {"BZ", "501", "Belize"},
    {"CA", "1", "Canada"},
    {"CC", "61", "Cocos (Keeling) Islands|Cocos Islands|Cocos"},
    {"CD", "243",
     "Congo Democratic Republic|Congo Kinshasa|Congo DRC|Congo Dem Rep|"
     "Congo Democratic|Democratic Republic of the Congo|Democratic Republic of Congo|"
     "DR Congo|DRC|Zaire|Congo The Democratic Republic of the"},
    {"CF", "236", "Central African Republic|Central African Rep"},
    {"CG", "242", "Congo|Congo Brazzaville|Republic of the Congo|Republic of Congo"},
    {"CH", "41", "Switzerland|Schweiz"},
    {"CI", "225", "Côte d'Ivoire|Ivory Coast|Cote dIvoire|Cote d Ivoire"},
    {"CK", "682", "Cook Islands"},
    {"CL", "56", "Chile"},
    {"CM", "237", "Cameroon"},
    {"CN", "86", "China"},
    {"CO", "57", "Colombia"},
    {"CR", "506", "Costa Rica"},
    {"CU", "53", "Cuba"},
    {"CV", "238", "Cape Verde|Cabo Verde|Cape Verde Islands"},
    {"CW", "599", "Curaçao|Curacao|Netherlands Antilles"},
    {"CX", "61", "Christmas Island"},
    {"CY", "357", "Cyprus"},
    {"CZ", "420", "Czechia|Czech Republic|Czech"},
    {"DE", "49", "Germany|Deutschland"},
    {"DJ", "253", "Djibouti"},
    {"DK", "45", "Denmark"},
    {"DM", "1", "Dominica"},
    {"DO", "1", "Dominican Republic|Dominican Rep"},
    {"DZ", "213", "Algeria"},
    {"EC", "593", "Ecuador"},
    {"EE", "372", "Estonia"},
    {"EG", "20", "Egypt"},
    {"EH", "212", "Western Sahara"},
    {"ER", "291", "Eritrea"},
    {"ES", "34", "Spain|Canary Islands"},
    {"ET", "251", "Ethiopia"},
    {"FI", "358", "Finland"},
    {"FJ", "679", "Fiji"},
    {"FK", "500", "Falkland Islands|Falklands"},
    {"FM", "691", "Micronesia|Micronesia Federated States"},
    {"FO", "298", "Faroe Islands|Faroe|Faeroe Islands"},
    {"FR", "33", "France|Metropolitan France"},
    {"GA", "241", "Gabon"},
    {"GB", "44",
     "United Kingdom|UK|U.K.|Great Britain|Britain|England|Scotland|Wales|"
     "Northern Ireland"},
    {"GD", "1", "Grenada"},
    {"GE", "995", "Georgia"},
    {"GF", "594", "French Guiana|Guyane"},
    {"GG", "44", "Guernsey"},
    {"GH", "233", "Ghana"},
    {"GI", "350", "Gibraltar|Gibralter"},
    {"GL", "299", "Greenland"},
    {"GM", "220", "Gambia|The Gambia"},
    {"GN", "224", "Guinea"},
    {"GP", "590", "Guadeloupe"},
    {"GQ", "240", "Equatorial Guinea|Eq Guinea"},
    {"GR", "30", "Greece"},
    {"GT", "502", "Guatemala"},
    {"GU", "1", "Guam"},
    {"GW", "245", "Guinea-Bissau|Guinea Bissau"},
    {"GY", "592", "Guyana"},
    {"HK", "852", "Hong Kong|Hong Kong SAR|Hong Kong China|Hongkong"},
    {"HN", "504", "Honduras"},
    {"HR", "385", "Croatia"},
    {"HT", "509", "Haiti"},
    {"HU", "36", "Hungary"},
    {"ID", "62", "Indonesia"},
    {"IE", "353", "Ireland"},
    {"IL", "972", "Israel"},
    {"IM", "44", "Isle of Man|Man Isle of"},
    {"IN", "91", "India"},
    {"IO", "246", "British Indian Ocean Territory|Diego Garcia"},
    {"IQ", "964", "Iraq"},
    {"IR", "98", "Iran|Iran Islamic Republic"},
    {"IS", "354", "Iceland"},
    {"IT", "39", "Italy"},
    {"JE", "44", "Jersey"},
    {"JM", "1", "Jamaica"},
    {"JO", "962", "Jordan"},
    {"JP", "81", "Japan"},
    {"KE", "254", "Kenya"},
    {"KG", "996", "Kyrgyzstan"},
    {"KH", "855", "Cambodia"},
    {"KI", "686", "Kiribati"},
    {"KM", "269", "Comoros"},
    {"KN", "1", "St. Kitts & Nevis|Saint Kitts and Nevis|St Kitts and Nevis|Saint Kitts|St Kitts"},
    {"KP", "850", "North Korea|Korea North|Korea DPR"},
    {"KR", "82",
     "South Korea|Korea|Korea South|Republic of Korea|Korea Republic of|"
     "Korea Republic"},
    {"KW", "965", "Kuwait"},
    {"KY", "1", "Cayman Islands|Cayman"},
    {"KZ", "7", "Kazakhstan|Kazakstan"},
    {"LA", "856", "Laos|Lao|Lao PDR|Lao Peoples Democratic Republic"},
    {"LB", "961", "Lebanon"},
    {"LC", "1", "St. Lucia|Saint Lucia"},
    {"LI", "423", "Liechtenstein"},
    {"LK", "94", "Sri Lanka"},
    {"LR", "231", "Liberia"},
    {"LS", "266", "Lesotho"},
    {"LT", "370", "Lithuania"},
    {"LU", "352", "Luxembourg"},
    {"LV", "371", "Latvia"},
    {"LY", "218", "Libya|Libyan Arab Jamahiriya"},
    {"MA", "212", "Morocco"},
    {"MC", "377", "Monaco"},
    {"MD", "373", "Moldova|Republic of Moldova"},
    {"ME", "382", "Montenegro"},
    {"MF", "590", "St. Martin|Saint Martin"},
    {"MG", "261", "Madagascar"},
    {"MH", "692", "Marshall Islands|Marshalls"},
    {"MK", "389", "North Macedonia|Macedonia|FYR Macedonia"},
    {"ML", "223", "Mali"},
    {"MM", "95", "Myanmar|Burma"},
    {"MN", "976", "Mongolia"},
    {"MO", "853", "Macao|Macau"},
    {"MP", "1", "Northern Mariana Islands|Northern Marianas|Saipan"},
    {"MQ", "596", "Martinique"},
    {"MR", "222", "Mauritania"},
    {"MS", "1", "Montserrat"},
    {"MT", "356", "Malta"},
    {"MU", "230", "Mauritius"},
    {"MV", "960", "Maldives"},
    {"MW", "265", "Malawi"},
    {"MX", "52", "Mexico"},
    {"MY", "60", "Malaysia"},
    {"MZ", "258", "Mozambique"},
    {"NA", "264", "Namibia"},
    {"NC", "687", "New Caledonia"},
    {"NE", "227", "Niger"},
    {"NF", "672", "Norfolk Island"},
    {"NG", "234", "Nigeria"},
    {"NI", "505", "Nicaragua"},
    {"NL", "31", "Netherlands|Holland|The Netherlands"},
    {"NO", "47", "Norway"},
    {"NP", "977", "Nepal"},
    {"NR", "674", "Nauru"},
    {"NU", "683", "Niue"},
    {"NZ", "64", "New Zealand"},
    {"OM", "968", "Oman"},
    {"PA", "507", "Panama"},
    {"PE", "51", "Peru"},
    {"PF", "689", "French Polynesia|Tahiti"},
    {"PG", "675", "Papua New Guinea|Papua"},
    {"PH", "63", "Philippines"},
    {"PK", "92", "Pakistan"},
    {"PL", "48", "Poland"},
    {"PM", "508",
     "St. Pierre & Miquelon|Saint Pierre and Miquelon|St Pierre and Miquelon|"
     "St Pierre"},
    {"PR", "1", "Puerto Rico"},
    {"PS", "970",
     "Palestine|Palestinian Territories|Palestinian Territory|Palestinian Authority|"
     "Palestine State of"},
    {"PT", "351", "Portugal|Azores|Madeira"},
    {"PW", "680", "Palau"},
    {"PY", "595", "Paraguay"},
    {"QA", "974", "Qatar"},
    {"RE", "262", "Réunion|Reunion|Reunion Island"},
    {"RO", "40", "Romania"},
    {"RS", "381", "Serbia"},
    {"RU", "7", "Russia|Russian Federation"},
    {"RW", "250", "Rwanda"},
    {"SA", "966", "Saudi Arabia|Saudi|KSA"},
    {"SB", "677", "Solomon Islands|Solomons"},
    {"SC", "248", "Seychelles"},
    {"SD", "249", "Sudan"},
    {"SE", "46", "Sweden"},
    {"SG", "65", "Singapore"},
    {"SH", "290", "St. Helena|Saint Helena"},
    {"SI", "386", "Slovenia"},
    {"SJ", "47", "Svalbard & Jan Mayen|Svalbard|Svalbard and Jan Mayen"},
    {"SK", "421", "Slovakia|Slovak Republic"},
    {"SL", "232", "Sierra Leone"},
    {"SM", "378", "San Marino"},
    {"SN", "221", "Senegal"},
    {"SO", "252", "Somalia"},
    {"SR", "597", "Suriname"},
    {"SS", "211", "South Sudan"},
    {"ST", "239", "São Tomé & Príncipe|Sao Tome and Principe|Sao Tome"},
    {"SV", "503", "El Salvador"},
    {"SX", "1", "Sint Maarten|St Maarten|Saint Maarten"},
    {"SY", "963", "Syria|Syrian Arab Republic"},
    {"SZ", "268", "Eswatini|Swaziland"},
    {"TC", "1", "Turks & Caicos Islands|Turks and Caicos|Turks and Caicos Islands"},
    {"TD", "235", "Chad"},
    {"TG", "228", "Togo"},
    {"TH", "66", "Thailand"},
    {"TJ", "992", "Tajikistan"},
    {"TK", "690", "Tokelau"},
    {"TL", "670", "Timor-Leste|East Timor|Timor Leste"},
    {"TM", "993", "Turkmenistan"},
    {"TN", "216", "Tunisia"},
    {"TO", "676", "Tonga|Tonga Islands"},
    {"TR", "90", "Türkiye|Turkey"},
    {"TT", "1", "Trinidad & Tobago|Trinidad and Tobago|Trinidad"},
    {"TV", "688", "Tuvalu"},
    {"TW", "886", "Taiwan|Taiwan Province of China"},
    {"TZ", "255", "Tanzania|Tanzania United Republic"},
    {"UA", "380", "Ukraine"},
    {"UG", "256", "Uganda"},
    {"US", "1", "United States|USA|US|U.S.A.|U.S.|United States of America|America|Alaska|Hawaii"},
    {"UY", "598", "Uruguay"},
    {"UZ", "998", "Uzbekistan"},
    {"VA", "39", "Vatican City|Vatican|Holy See"},
    {"VC", "1",
     "St. Vincent & Grenadines|Saint Vincent and the Grenadines|"
     "St Vincent and the Grenadines|St Vincent and Grenadines|Saint Vincent|"
     "St Vincent"},
    {"VE", "58", "Venezuela|Venezuela Bolivarian Republic"},
    {"VG", "1", "British Virgin Islands|Virgin Islands British|BVI"},
    {"VI", "1",
     "U.S. Virgin Islands|US Virgin Islands|Virgin Islands US|"
     "United States Virgin Islands|Virgin Islands"},
    {"VN", "84", "Vietnam|Viet Nam"},
    {"VU", "678", "Vanuatu|New Hebrides"},
    {"WF", "681", "Wallis & Futuna|Wallis and Futuna|Wallis"},
    {"WS", "685", "Samoa|Western Samoa"},
    {"XK", "383", "Kosovo|Republic of Kosovo"},
    {"YE", "967", "Yemen"},
    {"YT", "262", "Mayotte"},
    {"ZA", "27", "South Africa"},
    {"ZM", "260", "Zambia"},
    {"ZW", "263", "Zimbabwe"},
};

// Words in lower case with one space between them; letters with accents lose them.
std::string Plain(absl::string_view name) {
  std::string plain;
  bool space = false;
  while (!name.empty()) {
    const std::optional<uint32_t> code = ConsumeUtf8(&name);
    if (!code.has_value()) break;
    char letter = 0;
    if (*code < 0x80) {
      const auto c = static_cast<unsigned char>(*code);
      if (absl::ascii_isalnum(c)) letter = absl::ascii_tolower(c);
      if (c == '\'' || c == '.') continue;
      if (c == '&') {
        absl::StrAppend(&plain, plain.empty() ? "and" : " and");
        space = true;
        continue;
      }
    } else if (*code == 0x2019) {
      continue;
    } else {
      letter = LetterWithoutAccent(*code);
    }
    if (letter == 0) {
      space = true;
      continue;
    }
    if (space && !plain.empty()) plain.push_back(' ');
    space = false;
    plain.push_back(letter);
  }
  return plain;
}

class Table {
 public:
  Table() {
    for (const Names& each : kNames) {
      const domain::NumberCountry country = *domain::NumberCountryFrom(each.country);
      codes_.emplace(country, each.calling_code);
      for (const absl::string_view name : absl::StrSplit(each.names, '|')) {
        std::string plain = Plain(name);
        longest_ = std::max(longest_, std::count(plain.begin(), plain.end(), ' ') + 1);
        by_name_.emplace(std::move(plain), country);
      }
      shown_.emplace(country, each.names.substr(0, each.names.find('|')));
    }
  }

  std::optional<domain::NumberCountry> Find(absl::string_view plain) const {
    const auto found = by_name_.find(plain);
    if (found == by_name_.end()) return std::nullopt;
    return found->second;
  }

  // The longest name that the words begin with.
  std::optional<domain::NumberCountry> FindAtFront(absl::string_view plain) const {
    size_t end = 0;
    std::optional<domain::NumberCountry> found;
    for (auto words = longest_; words > 0 && end < plain.size(); --words) {
      end = std::min(plain.find(' ', end == 0 ? 0 : end + 1), plain.size());
      if (const auto known = Find(plain.substr(0, end))) found = known;
    }
    return found;
  }

  absl::string_view CodeOf(domain::NumberCountry country) const {
    const auto found = codes_.find(country);
    return found == codes_.end() ? absl::string_view() : found->second;
  }
  absl::string_view ShownName(domain::NumberCountry country) const {
    const auto found = shown_.find(country);
    return found == shown_.end() ? absl::string_view() : found->second;
  }

 private:
  absl::flat_hash_map<std::string, domain::NumberCountry> by_name_;
  absl::flat_hash_map<domain::NumberCountry, absl::string_view> codes_;
  absl::flat_hash_map<domain::NumberCountry, absl::string_view> shown_;
  std::ptrdiff_t longest_ = 0;
};

const Table& TheTable() {
  static const auto* const table = new Table;
  return *table;
}

}  // namespace

char LetterWithoutAccent(uint32_t code) {
  constexpr absl::string_view kPlain = "aaaaaaaceeeeiiiidnooooo ouuuuyts";
  if (code < 0xC0 || code > 0xFF) return 0;
  const char letter = kPlain[(code - 0xC0) % 32];
  return letter == ' ' ? '\0' : letter;
}

std::optional<domain::NumberCountry> CountryOfName(absl::string_view name) {
  return TheTable().Find(Plain(name));
}

std::optional<domain::NumberCountry> CountryInName(absl::string_view destination_name) {
  return TheTable().FindAtFront(Plain(destination_name));
}

absl::string_view CallingCodeOf(domain::NumberCountry country) {
  return TheTable().CodeOf(country);
}

absl::string_view NameOf(domain::NumberCountry country) { return TheTable().ShownName(country); }

bool NameFitsPrefix(domain::NumberCountry named, absl::string_view prefix) {
  const absl::string_view code = CallingCodeOf(named);
  if (code.empty() || prefix.size() < code.size()) return true;
  const domain::NumberCountry of_prefix = domain::CountryOfNumber(prefix);
  if (of_prefix == named) return true;
  // One island, two countries, and the name of the one is used for both.
  if (domain::TextOf(named) == "MF" && of_prefix == domain::NumberCountryFrom("SX")) return true;
  if (!absl::StartsWith(prefix, code)) {
    // Kosovo had numbers of its neighbours and of Monaco before it had a code of its own.
    const absl::string_view had = prefix.substr(0, 3);
    return domain::TextOf(named) == "XK" && (had == "381" || had == "377" || had == "386");
  }
  // Country code 1 is of many countries, by area code; its services are of all of them.
  const bool shared = code == "1" && prefix.size() >= 4;
  return !shared || domain::TextOf(of_prefix).size() != 2;
}

}  // namespace reserve::rates
