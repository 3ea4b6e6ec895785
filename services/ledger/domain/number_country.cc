// Which country a number is of (C14).
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/text/packed_digits.h"
#include "services/ledger/domain/country.h"

namespace reserve::domain {
namespace {

struct Assignment {
  absl::string_view country;
  absl::string_view prefixes;  // a space after each; the longest counts
};

// ITU-T, "List of ITU-T Recommendation E.164 assigned country codes" (annex to the Operational
// Bulletin), and of country code 1 the area codes that the NANPA lists outside of the United
// States. Of country codes that several share, the parts that have numbers of their own.
constexpr Assignment kCountries[] = {
    {"AD", "376 "},
    {"AE", "971 "},
    {"AF", "93 "},
    {"AG", "1268 "},
    {"AI", "1264 "},
    {"AL", "355 "},
    {"AM", "374 "},
    {"AO", "244 "},
    {"AR", "54 "},
    {"AS", "1684 "},
    {"AT", "43 "},
    {"AU", "61 "},
    {"AW", "297 "},
    {"AX", "35818 "},
    {"AZ", "994 "},
    {"BA", "387 "},
    {"BB", "1246 "},
    {"BD", "880 "},
    {"BE", "32 "},
    {"BF", "226 "},
    {"BG", "359 "},
    {"BH", "973 "},
    {"BI", "257 "},
    {"BJ", "229 "},
    {"BM", "1441 "},
    {"BN", "673 "},
    {"BO", "591 "},
    {"BQ", "5993 5994 5997 "},
    {"BR", "55 "},
    {"BS", "1242 "},
    {"BT", "975 "},
    {"BW", "267 "},
    {"BY", "375 "},
    {"BZ", "501 "},
    {"CA",
     "1204 1226 1236 1249 1250 1257 1263 1273 1289 1306 1343 1354 1365 1367 1368 1382 1403 "
     "1416 1418 1428 1431 1437 1438 1450 1460 1468 1474 1506 1514 1519 1537 1548 1568 "
     "1579 1581 1584 1587 1600 1604 1613 1622 1633 1639 1644 1647 1655 1672 1677 1683 "
     "1688 1705 1709 1742 1753 1778 1780 1782 1807 1819 1825 1867 1873 1879 1902 1905 "
     "1942 "},
    {"CC", "6189162 "},
    {"CD", "243 "},
    {"CF", "236 "},
    {"CG", "242 "},
    {"CH", "41 "},
    {"CI", "225 "},
    {"CK", "682 "},
    {"CL", "56 "},
    {"CM", "237 "},
    {"CN", "86 "},
    {"CO", "57 "},
    {"CR", "506 "},
    {"CU", "53 "},
    {"CV", "238 "},
    {"CW", "599 "},
    {"CX", "6189164 "},
    {"CY", "357 "},
    {"CZ", "420 "},
    {"DE", "49 "},
    {"DJ", "253 "},
    {"DK", "45 "},
    {"DM", "1767 "},
    {"DO", "1809 1829 1849 "},
    {"DZ", "213 "},
    {"EC", "593 "},
    {"EE", "372 "},
    {"EG", "20 "},
    {"ER", "291 "},
    {"ES", "34 "},
    {"ET", "251 "},
    {"FI", "358 "},
    {"FJ", "679 "},
    {"FK", "500 "},
    {"FM", "691 "},
    {"FO", "298 "},
    {"FR", "33 "},
    {"GA", "241 "},
    {"GB", "44 "},
    {"GD", "1473 "},
    {"GE", "995 "},
    {"GF", "594 "},
    {"GG", "441481 447781 447839 447911 "},
    {"GH", "233 "},
    {"GI", "350 "},
    {"GL", "299 "},
    {"GM", "220 "},
    {"GN", "224 "},
    {"GP", "590 "},
    {"GQ", "240 "},
    {"GR", "30 "},
    {"GT", "502 "},
    {"GU", "1671 "},
    {"GW", "245 "},
    {"GY", "592 "},
    {"HK", "852 "},
    {"HN", "504 "},
    {"HR", "385 "},
    {"HT", "509 "},
    {"HU", "36 "},
    {"ID", "62 "},
    {"IE", "353 "},
    {"IL", "972 "},
    {"IM", "441624 447524 447624 447924 "},
    {"IN", "91 "},
    {"IO", "246 "},
    {"IQ", "964 "},
    {"IR", "98 "},
    {"IS", "354 "},
    {"IT", "39 "},
    {"JE", "441534 447509 4477003 4477007 4477008 447797 447829 447937 "},
    {"JM", "1658 1876 "},
    {"JO", "962 "},
    {"JP", "81 "},
    {"KE", "254 "},
    {"KG", "996 "},
    {"KH", "855 "},
    {"KI", "686 "},
    {"KM", "269 "},
    {"KN", "1869 "},
    {"KP", "850 "},
    {"KR", "82 "},
    {"KW", "965 "},
    {"KY", "1345 "},
    {"KZ", "76 77 "},
    {"LA", "856 "},
    {"LB", "961 "},
    {"LC", "1758 "},
    {"LI", "423 "},
    {"LK", "94 "},
    {"LR", "231 "},
    {"LS", "266 "},
    {"LT", "370 "},
    {"LU", "352 "},
    {"LV", "371 "},
    {"LY", "218 "},
    {"MA", "212 "},
    {"MC", "377 "},
    {"MD", "373 "},
    {"ME", "382 "},
    {"MG", "261 "},
    {"MH", "692 "},
    {"MK", "389 "},
    {"ML", "223 "},
    {"MM", "95 "},
    {"MN", "976 "},
    {"MO", "853 "},
    {"MP", "1670 "},
    {"MQ", "596 "},
    {"MR", "222 "},
    {"MS", "1664 "},
    {"MT", "356 "},
    {"MU", "230 "},
    {"MV", "960 "},
    {"MW", "265 "},
    {"MX", "52 "},
    {"MY", "60 "},
    {"MZ", "258 "},
    {"NA", "264 "},
    {"NC", "687 "},
    {"NE", "227 "},
    {"NF", "6723 "},
    {"NG", "234 "},
    {"NI", "505 "},
    {"NL", "31 "},
    {"NO", "47 "},
    {"NP", "977 "},
    {"NR", "674 "},
    {"NU", "683 "},
    {"NZ", "64 "},
    {"OM", "968 "},
    {"PA", "507 "},
    {"PE", "51 "},
    {"PF", "689 "},
    {"PG", "675 "},
    {"PH", "63 "},
    {"PK", "92 "},
    {"PL", "48 "},
    {"PM", "508 "},
    {"PR", "1787 1939 "},
    {"PS", "970 "},
    {"PT", "351 "},
    {"PW", "680 "},
    {"PY", "595 "},
    {"QA", "974 "},
    {"RE", "262 "},
    {"RO", "40 "},
    {"RS", "381 "},
    {"RU", "7 "},
    {"RW", "250 "},
    {"SA", "966 "},
    {"SB", "677 "},
    {"SC", "248 "},
    {"SD", "249 "},
    {"SE", "46 "},
    {"SG", "65 "},
    {"SH", "290 247 "},
    {"SI", "386 "},
    {"SJ", "4779 "},
    {"SK", "421 "},
    {"SL", "232 "},
    {"SM", "378 "},
    {"SN", "221 "},
    {"SO", "252 "},
    {"SR", "597 "},
    {"SS", "211 "},
    {"ST", "239 "},
    {"SV", "503 "},
    {"SX", "1721 "},
    {"SY", "963 "},
    {"SZ", "268 "},
    {"TC", "1649 "},
    {"TD", "235 "},
    {"TG", "228 "},
    {"TH", "66 "},
    {"TJ", "992 "},
    {"TK", "690 "},
    {"TL", "670 "},
    {"TM", "993 "},
    {"TN", "216 "},
    {"TO", "676 "},
    {"TR", "90 "},
    {"TT", "1868 "},
    {"TV", "688 "},
    {"TW", "886 "},
    {"TZ", "255 "},
    {"UA", "380 "},
    {"UG", "256 "},
    {"US", "1 "},
    {"UY", "598 "},
    {"UZ", "998 "},
    {"VA", "379 3906698 "},
    {"VC", "1784 "},
    {"VE", "58 "},
    {"VG", "1284 "},
    {"VI", "1340 "},
    {"VN", "84 "},
    {"VU", "678 "},
    {"WF", "681 "},
    {"WS", "685 "},
    {"XK", "383 "},
    {"YE", "967 "},
    {"YT", "262269 262639 "},
    {"ZA", "27 "},
    {"ZM", "260 "},
    {"ZW", "263 "},
};

// 800: universal freephone numbers; 979: premium rate numbers, international. 870 and 881: mobile
// satellite services; 882 and 883: international networks, most of them by satellite or at sea.
struct Service {
  NumberCountry country;
  absl::string_view prefixes;
};
constexpr Service kServices[] = {
    {NumberCountry::kTollFree, "1800 1822 1833 1844 1855 1866 1877 1888 800 "},
    {NumberCountry::kSatellite, "870 881 882 883 "},
    {NumberCountry::kPremiumRate, "1900 979 "},
};

// Finds the longest prefix, as every usage asks: the first four digits at once, the few countries
// that begin further back digit by digit.
class Table {
 public:
  Table() {
    nodes_.emplace_back();
    for (const Assignment& each : kCountries) Add(*NumberCountryFrom(each.country), each.prefixes);
    for (const Service& each : kServices) Add(each.country, each.prefixes);
    for (unsigned number = 0; number < starts_.size(); ++number) {
      const Place place = Walk(absl::StrCat(absl::Dec(number, absl::kZeroPad4)));
      const std::array<uint16_t, 10>& next = nodes_[place.node].next;
      const bool goes_on = place.goes_on && std::any_of(next.begin(), next.end(),
                                                        [](uint16_t node) { return node != 0; });
      starts_[number] = goes_on ? kGoesOn : static_cast<uint16_t>(place.country);
    }
  }

  NumberCountry Find(absl::string_view digits) const {
    if (digits.size() < kStartDigits) return Walk(digits).country;
    const std::optional<uint32_t> number = FourDigits(digits.data());
    if (!number.has_value() || starts_[*number] == kGoesOn) return Walk(digits).country;
    return static_cast<NumberCountry>(starts_[*number]);
  }

 private:
  static constexpr size_t kStartDigits = 4;
  static constexpr uint16_t kGoesOn = 0xFFFF;  // of no country

  // Where digits lead.
  struct Place {
    uint16_t node = 0;
    NumberCountry country = NumberCountry::kUnknown;
    bool goes_on = true;
  };

  // Apart from Find(), which seldom needs it and is quicker for it.
  ABSL_ATTRIBUTE_NOINLINE Place Walk(absl::string_view digits) const {
    Place place;
    for (const char c : digits) {
      const auto digit = static_cast<unsigned>(static_cast<unsigned char>(c)) - '0';
      if (digit > 9) break;
      place.node = nodes_[place.node].next[digit];
      place.goes_on = place.node != 0;
      if (!place.goes_on) break;
      const NumberCountry country = nodes_[place.node].country;
      if (country != NumberCountry::kUnknown) place.country = country;
    }
    return place;
  }

  struct Node {
    std::array<uint16_t, 10> next = {};  // 0: none
    NumberCountry country = NumberCountry::kUnknown;
  };

  void Add(NumberCountry country, absl::string_view prefixes) {
    while (!prefixes.empty()) {
      const size_t end = prefixes.find(' ');
      size_t node = 0;
      for (const char c : prefixes.substr(0, end)) {
        const auto digit = static_cast<size_t>(c - '0');
        if (nodes_[node].next[digit] == 0) {
          nodes_[node].next[digit] = static_cast<uint16_t>(nodes_.size());
          nodes_.emplace_back();
        }
        node = nodes_[node].next[digit];
      }
      nodes_[node].country = country;
      prefixes.remove_prefix(end + 1);
    }
  }

  std::vector<Node> nodes_;
  std::array<uint16_t, 10'000> starts_;  // countries by the first digits, or kGoesOn
};

}  // namespace

NumberCountry CountryOfNumber(absl::string_view digits) {
  static const auto* const table = new Table;
  return table->Find(digits);
}

std::vector<std::string> PrefixesOf(NumberCountry country) {
  std::vector<std::string> prefixes;
  // Those of `digits` more that are the country's.
  const auto add_longer = [&](absl::string_view prefix, int from, int to) {
    for (int more = from; more < to; ++more) {
      std::string longer = absl::StrCat(prefix, more);
      if (CountryOfNumber(longer) == country) prefixes.push_back(std::move(longer));
    }
  };
  for (const Assignment& each : kCountries) {
    if (NumberCountryFrom(each.country) != country) continue;
    for (const absl::string_view prefix : absl::StrSplit(each.prefixes, ' ', absl::SkipEmpty())) {
      if (prefix == "1") {
        add_longer(prefix, 200, 1000);
      } else if (prefix == "7") {
        add_longer(prefix, 0, 10);
      } else {
        prefixes.emplace_back(prefix);
      }
    }
  }
  return prefixes;
}

}  // namespace reserve::domain
