#include "services/ledger/rates/deck_columns.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/money/money.h"
#include "common/text/utf8.h"
#include "services/ledger/rates/country_names.h"

namespace reserve::rates {
namespace {

// The names of each column in English, and the usual ones in German, French, Spanish and Italian;
// in lower case, without accents and anything between their words. The first one is the program's
// own. Of two that are there the earlier one counts where `ranked`.
struct ColumnNames {
  DeckColumn column;
  bool ranked;
  absl::string_view names;
};
constexpr ColumnNames kColumnNames[] = {
    {DeckColumn::kKind, false,
     "kind type ratetype calltype traffictype servicetype service product"},
    {DeckColumn::kPrefix, false,
     "prefix prefixes code codes dialcode dialcodes dialprefix dialingcode diallingcode "
     "dialingprefix diallingprefix destinationcode destinationcodes destinationprefix destcode "
     "destprefix numberprefix phoneprefix dialedprefix dialledprefix dialeddigits e164 e164prefix "
     "digits dialpattern dialstring digitstring dialingcodes diallingcodes dialingprefixes "
     "fullcode fullprefix completecode dstprefix calledprefix prefixcode numberrange "
     "numberranges coderange coderanges prefixrange prefixranges countryareacode "
     "countrycodeareacode shortcode"
     " vorwahl vorwahlen zielvorwahl indicatif indicatifs prefixe prefijo prefijos codigo codigos "
     "prefisso prefissi"},
    {DeckColumn::kAreaCode, false,
     "areacode areacodes citycode citycodes areaprefix cityprefix nationalcode nationalprefix "
     "ndc localcode regioncode"
     " ortsvorwahl"},
    {DeckColumn::kCallingCode, false,
     "callingcode countrycallingcode countrycode countrydialcode countrydialingcode countryprefix "
     "intlcode isd isdcode cc"
     " landesvorwahl laendervorwahl landervorwahl"},
    {DeckColumn::kNpa, false, "npa npanxx npanxxx npanxxprefix"},
    {DeckColumn::kCarrier, false,
     "carrier carriername operator operatorname network networkname mobilenetwork networkoperator "
     "mobileoperator"},
    {DeckColumn::kMccMnc, false, "mccmnc plmn plmnid networkcode imsi imsiprefix"},
    {DeckColumn::kMcc, false, "mcc mobilecountrycode"},
    {DeckColumn::kMnc, false, "mnc mobilenetworkcode"},
    {DeckColumn::kDestination, true,
     "destination destinationname description destinationdescription name dest codename areaname "
     "ratename routename terminatingdestination location place zone zonename region countryname "
     "destinationcountry countrydestination destname destinationnamedescription"
     " state ziel zielland land bezeichnung beschreibung pays libelle destino descripcion pais "
     "destinazione descrizione paese"},
    {DeckColumn::kPrice, false,
     "price rate priceperminute rateperminute pricepermin ratepermin pricemin ratemin ratepmin "
     "pricepmin perminute permin minuteprice minuterate callrate callprice voicerate voiceprice "
     "tariff newrate newprice currentrate currentprice unitprice chargeperminute charge sellrate "
     "sellprice sellingprice retailrate retailprice perminuterate perminuteprice rateminute "
     "priceminute outboundrate terminationrate netrate baserate price1 rate1 pricefirst ratefirst "
     "firstprice firstrate initialprice initialrate"
     " preis preisprominute preisjeminute preispromin minutenpreis preismin tarif prix "
     "prixparminute prixminute prixmin tarifparminute precio precioporminuto preciominuto "
     "preciomin tarifa tarifaporminuto prezzo prezzoalminuto tariffa"},
    {DeckColumn::kNextPrice, false,
     "pricenext nextprice nextrate ratenext pricen raten subsequentprice subsequentrate "
     "additionalprice additionalrate"},
    {DeckColumn::kConnectFee, false,
     "connectfee connectionfee connectioncharge connectcharge connectcost setupfee setupcharge "
     "setup callsetup callsetupfee callsetupcharge setupcost setupprice flagfall"
     " verbindungsgebuhr verbindungsgebuehr verbindungsentgelt fraisdeconnexion "
     "fraisdemiseenrelation establecimiento establecimientodellamada scattoallarisposta"},
    {DeckColumn::kInitialIncrement, false,
     "initialincrementseconds initialincrement firstincrement initialinterval firstinterval "
     "interval1 initialperiod firstperiod initialblock firstblock minimumduration minduration "
     "minimumtime mintime minimumseconds minlength initincrement initialincr initincr initialinc "
     "initinc firstincr firstinc 1stincrement 1stinterval increment1 minincrement "
     "minimumincrement incrementinitial incrementfirst intervalfirst"
     " ersttakt"},
    {DeckColumn::kIncrement, false,
     "incrementseconds nextincrement subsequentincrement additionalincrement furtherincrement "
     "nextinterval subsequentinterval additionalinterval intervaln interval2 nextperiod "
     "subsequentperiod nextblock nextincr nextinc subsequentincr subsequentinc subincrement "
     "subincr "
     "2ndincrement 2ndinterval increment2 incrementn incrementnext incrementsubsequent "
     "incrementadditional intervalnext"
     " folgetakt"},
    {DeckColumn::kIncrements, false,
     "increments increment incr billingincr billingincrement billingincrements billinginterval "
     "billingunit billing "
     "billingterms pulse rounding interval intervals chargingincrement"
     " takt taktung abrechnungstakt palier incremento incrementos"},
    {DeckColumn::kCountry, true,
     "country iso isocode countryiso iso2 isocountry isocountrycode alpha2 countryisocode"},
    {DeckColumn::kFirstDay, false,
     "effectivedate effective effectivefrom validfrom startdate fromdate dateeffective firstday "
     "begindate datefrom effectivestartdate activationdate activefrom validsince ratestartdate "
     "effdate"
     " gultigab gueltigab gultigvon gueltigvon datedebut datedeffet dateeffet fechainicio "
     "fechadeinicio vigentedesde"},
    {DeckColumn::kLastDay, false,
     "enddate expirydate expirationdate validto validuntil todate expires expiry lastday "
     "effectiveto effectiveuntil effectiveenddate dateto dateend activeto discontinuedate "
     "rateenddate expiration expireson validtill effectivetill"
     " gultigbis gueltigbis datefin datedefin fechafin fechadefin vigentehasta"},
    {DeckColumn::kBlocked, false,
     "blocked block barred rejected forbidden status"
     " gesperrt bloque bloqueado"},
    {DeckColumn::kDays, false, "days day weekdays dayofweek daysofweek"},
    {DeckColumn::kFrom, false, "from fromtime starttime timefrom begintime"},
    {DeckColumn::kTo, false, "to totime endtime timeto until untiltime"},
    {DeckColumn::kSteps, false, "steps pricesteps ratesteps"},
    {DeckColumn::kIncludedSeconds, false, "includedseconds included includedtime"},
    {DeckColumn::kMinimum, false,
     "minimum minimumcharge mincharge minimumprice minprice minimumcost mincost"},
    {DeckColumn::kMaximum, false,
     "maximum maximumcharge maxcharge maximumprice maxprice maximumcost maxcost"},
    {DeckColumn::kStandard, false, "standard standardrate isstandard"},
    {DeckColumn::kCurrency, false,
     "currency currencycode cur ccy"
     " wahrung waehrung devise moneda divisa valuta"},
    {DeckColumn::kIgnored, false,
     "comment comments note notes remark remarks change changes changetype ratechange pricechange "
     "oldrate oldprice previousrate previousprice difference id rowid lineid sourcerowid row no "
     "line updated created lastupdate lastupdated lastchange ignored"
     " lata ocn bemerkung bemerkungen kommentar remarques observaciones"},
};
// Prices of a text, as the name says.
constexpr absl::string_view kTextPrices =
    " persegment pricepersegment ratepersegment persms pricepersms ratepersms permessage "
    "pricepermessage ratepermessage smsprice smsrate pricesms ratesms textprice ";

bool Lists(absl::string_view names, absl::string_view name, int* rank) {
  *rank = 0;
  for (const absl::string_view each : absl::StrSplit(names, ' ', absl::SkipEmpty())) {
    if (each == name) return true;
    ++*rank;
  }
  return false;
}

bool FindName(absl::string_view name, ColumnName* found) {
  for (const ColumnNames& names : kColumnNames) {
    int rank = 0;
    if (!Lists(names.names, name, &rank)) continue;
    found->column = names.column;
    found->rank = names.ranked ? rank : 0;
    return true;
  }
  int rank = 0;
  if (!Lists(kTextPrices, name, &rank)) return false;
  found->column = DeckColumn::kPrice;
  found->text_price = true;
  return true;
}

// The words of a name, in lower case; a sign of a currency is a word.
std::vector<std::string> WordsOf(absl::string_view name) {
  std::vector<std::string> words;
  bool open = false;
  while (!name.empty()) {
    const absl::string_view before = name;
    const std::optional<uint32_t> code = ConsumeUtf8(&name);
    if (!code.has_value()) break;
    const bool ascii = *code < 0x80 && absl::ascii_isalnum(static_cast<unsigned char>(*code));
    const char plain =
        ascii ? absl::ascii_tolower(static_cast<unsigned char>(*code)) : LetterWithoutAccent(*code);
    const bool letter = plain != 0;
    const absl::string_view character = before.substr(0, before.size() - name.size());
    if (letter) {
      if (!open) words.emplace_back();
      words.back().push_back(plain);
    } else if (*code == '$' || *code == 0x20AC || *code == 0xA3 || *code == 0xA5 || *code == 0xA2) {
      words.emplace_back(character);
    }
    open = letter;
  }
  return words;
}

constexpr absl::string_view kDoubtful = " status minimum rounding ";

bool IsOneOf(absl::string_view word, absl::string_view words) {
  return absl::StrContains(words, absl::StrCat(" ", word, " "));
}

bool IsSeconds(absl::string_view word) {
  return IsOneOf(
      word,
      " s sec secs second seconds sek sekunde sekunden seconde secondes segundo segundos "
      "secondo secondi ");
}

bool IsUnit(absl::string_view word) {
  return IsSeconds(word) || IsOneOf(word, " in the of call utc all net netto ");
}

bool IsHundredth(absl::string_view word) {
  return IsOneOf(word, " cent cents ct cts pence pennies \xC2\xA2 ");
}

// "US$" and "C$" are two words by now; so are "US cents".
std::string CurrencyOf(const std::vector<std::string>& words, size_t* at) {
  const std::string& word = words[*at];
  const std::string next = *at + 1 < words.size() ? words[*at + 1] : "";
  if (next == "$" && IsOneOf(word, " us c ca a ")) {
    ++*at;
    return absl::StrCat(absl::AsciiStrToUpper(word), "$");
  }
  if (word == "us" && (IsHundredth(next) || IsOneOf(next, " dollar dollars "))) {
    if (!IsHundredth(next)) ++*at;
    return "USD";
  }
  if (IsOneOf(word, " dollar dollars ")) return "$";
  if (IsOneOf(word, " euro euros ")) return "EUR";
  if (IsOneOf(word, " pound pounds ")) return "GBP";
  const bool sign = !absl::ascii_isalnum(static_cast<unsigned char>(word[0]));
  if (sign) return word;
  const std::string upper = absl::AsciiStrToUpper(word);
  return word != "all" && IsCurrency(upper) ? upper : "";
}

constexpr absl::string_view kTaxes = " vat tax taxes mwst ust tva iva ";

// "excl. VAT" and "without tax" say of a price what is taken for granted. 0: neither is there.
size_t WithoutTax(const std::vector<std::string>& words, size_t at) {
  const bool without = IsOneOf(words[at], " excl excluding exclusive ex without exkl zzgl ohne ");
  for (size_t i = at + 1; without && i < words.size() && i <= at + 2; ++i) {
    if (IsOneOf(words[i], kTaxes)) return i + 1 - at;
  }
  return 0;
}

// Why a name that no column has may be that of a price all the same, by another unit.
std::string ProblemOfPrice(const std::vector<std::string>& words) {
  constexpr absl::string_view kMoney =
      " price prices rate rates cost costs charge charges tariff preis prix precio prezzo tarif ";
  const auto any = [&words](const auto& is) { return std::any_of(words.begin(), words.end(), is); };
  if (!any([&](const std::string& word) { return IsOneOf(word, kMoney); })) return "";
  const bool with = any([](const std::string& word) {
    return IsOneOf(word, " incl including inclusive with inkl ");
  });
  const bool tax = any([](const std::string& word) { return IsOneOf(word, kTaxes); });
  if ((with && tax) || any([](const std::string& word) { return word == "brutto"; })) {
    return "is with tax: name it price, and say with the import that prices include tax";
  }
  const bool minute =
      any([](const std::string& word) { return IsOneOf(word, " min mins minute minutes "); });
  const bool second = any(IsSeconds);
  // "Price 2" is another price, "price per 100" one of another unit.
  const bool number = any([second](const std::string& word) {
    return (second || word.size() > 1) && absl::ascii_isdigit(static_cast<unsigned char>(word[0]));
  });
  const bool other = any([](const std::string& word) {
    return IsOneOf(word, " hour hours hr h block unit units pulse ");
  });
  if ((minute && !number) || !(second || number || other)) return "";
  return absl::StrCat("is ", second && !number ? "a price per second" : "no price a minute",
                      ": work out what a minute costs, write that, and name it price");
}

constexpr ColumnHelp kHelp[] = {
    {DeckColumn::kKind, "kind", "type, service",
     "call (the default where there is no such column), call_inbound, sms, short_code, "
     "sms_short_code",
     "call"},
    {DeckColumn::kPrefix, "prefix", "code, dial code, destination code, area code",
     "the leading digits of the number; several (447,448 or 447;448), ranges (4475-4479), "
     "+44, 0044 and 44(20) are read",
     "4420"},
    {DeckColumn::kCallingCode, "calling_code", "country code, isd",
     "with `area_code`: the digits before it", "44"},
    {DeckColumn::kAreaCode, "area_code", "city code, ndc",
     "after `calling_code`; without it the prefix itself", "20"},
    {DeckColumn::kNpa, "npa", "npanxx", "an area code of North America, without the leading 1",
     "212"},
    {DeckColumn::kDestination, "destination", "description, name, country name",
     "a name for people", "United Kingdom London"},
    {DeckColumn::kPrice, "price", "rate, price per minute, rate/min, price per segment",
     "per minute of a call, per segment of a text; \"blocked\" refuses the prefix", "0.0150"},
    {DeckColumn::kNextPrice, "price_next", "rate N, next rate",
     "per minute after the initial increment; the price is then that of the initial one", "0.0100"},
    {DeckColumn::kConnectFee, "connect_fee", "connection fee, setup fee",
     "once a call, if any second is paid", "0.01"},
    {DeckColumn::kIncrements, "increments", "increment, billing increment, pulse",
     "first/further seconds in one column", "60/6"},
    {DeckColumn::kInitialIncrement, "initial_increment_seconds", "first increment, interval 1",
     "60 by default", "30"},
    {DeckColumn::kIncrement, "increment_seconds", "next increment, interval N", "60 by default",
     "6"},
    {DeckColumn::kCarrier, "carrier", "operator, network", "of a text: a name, or MCC and MNC",
     "310-410"},
    {DeckColumn::kMccMnc, "mcc_mnc", "mccmnc, plmn, or mcc and mnc",
     "of a text: its network; without a prefix all numbers of the network's country", "23415"},
    {DeckColumn::kCountry, "country", "iso",
     "ISO 3166-1, TOLL_FREE, SATELLITE or PREMIUM_RATE; by default that of the number", "GB"},
    {DeckColumn::kFirstDay, "effective_date", "valid from, start date", "the first day of the line",
     "2026-12-01"},
    {DeckColumn::kLastDay, "end_date", "expiry date, valid to", "its last day, included",
     "2026-12-31"},
    {DeckColumn::kBlocked, "blocked", "status", "yes or no; blocked, active", "no"},
    {DeckColumn::kDays, "days", "weekdays",
     "1 (Monday) to 7 or Mon to Sun, H for a holiday, lists and ranges", "1-5"},
    {DeckColumn::kFrom, "from", "start time", "with `to`: the part of these days", "08:00"},
    {DeckColumn::kTo, "to", "end time", "the first minute after it", "18:00"},
    {DeckColumn::kSteps, "steps", "price steps",
     "from the second, a price a minute; several with ;", "60:0.01;120:0.005"},
    {DeckColumn::kIncludedSeconds, "included_seconds", "included",
     "of each call, at its start, for nothing", "25"},
    {DeckColumn::kMinimum, "minimum", "minimum charge", "of a call that is paid for, with its fee",
     "0.05"},
    {DeckColumn::kMaximum, "maximum", "maximum charge", "of a call, with its fee", "1.00"},
    {DeckColumn::kStandard, "standard", "standard rate",
     "yes or no; by default what the price says", "yes"},
    {DeckColumn::kCurrency, "currency", "ccy", "of the prices; must be the deck's", "USD"},
};

}  // namespace

absl::string_view NameOf(DeckColumn column) {
  for (const ColumnHelp& help : kHelp) {
    if (help.column == column) return help.name;
  }
  if (column == DeckColumn::kMcc) return "mcc";
  return column == DeckColumn::kMnc ? "mnc" : "ignored";
}

ColumnName ReadColumnName(absl::string_view name) {
  ColumnName found;
  const std::vector<std::string> words = WordsOf(name);
  std::string all;
  for (const std::string& word : words) all += word;
  found.doubtful = IsOneOf(all, kDoubtful);
  if (FindName(all, &found)) return found;
  if (all == "cpm") {
    found.column = DeckColumn::kPrice;
    found.hundredths = true;
    return found;
  }
  std::string rest;
  for (size_t i = 0; i < words.size(); ++i) {
    if (IsHundredth(words[i])) {
      found.hundredths = true;
    } else if (const size_t count = WithoutTax(words, i); count > 0) {
      i += count - 1;
    } else if (std::string currency = CurrencyOf(words, &i); !currency.empty()) {
      found.currency = std::move(currency);
    } else if (!IsUnit(words[i])) {
      rest += words[i];
    }
  }
  // "Rate $/min" is a rate per minute; so is "USD/min".
  if (rest == "min" && (found.hundredths || !found.currency.empty())) rest = "permin";
  FindName(rest, &found);
  found.doubtful = IsOneOf(rest, kDoubtful);
  // No column is a price per second: it would be taken for sixty times less.
  const bool of_money = found.column == DeckColumn::kPrice ||
                        found.column == DeckColumn::kNextPrice ||
                        found.column == DeckColumn::kSteps;
  if (of_money && std::any_of(words.begin(), words.end(), IsSeconds)) found = ColumnName();
  if (found.column == DeckColumn::kUnknown) found.problem = ProblemOfPrice(words);
  return found;
}

absl::Span<const ColumnHelp> DeckColumnHelp() { return kHelp; }

}  // namespace reserve::rates
