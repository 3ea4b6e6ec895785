#include "services/ledger/rates/deck_fields.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/ledger/rates/calling_code.h"
#include "services/ledger/rates/country_names.h"
#include "services/ledger/rates/file_words.h"

namespace reserve::rates {
namespace {

constexpr size_t kMaxPrefixDigits = 15;
constexpr int32_t kMaxIncrementSeconds = 3600;
constexpr int32_t kMaxIncludedSeconds = 86'400;
constexpr int32_t kMaxStepSecond = 7 * 86'400;
constexpr size_t kMaxSteps = 32;
constexpr size_t kMaxDecimals = 9;
constexpr int16_t kMinutesOfDay = 1440;
constexpr absl::string_view kAsText =
    "; format the column as text before the values are typed or pasted, and export again";

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// Spaces of Unicode that spreadsheets and web pages bring along, as UTF-8.
constexpr std::array<absl::string_view, 6> kSpaces = {
    "\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x89", "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xE2\x80\x8E"};

bool TrimOnce(absl::string_view* text) {
  const size_t before = text->size();
  *text = absl::StripAsciiWhitespace(*text);
  for (const absl::string_view space : kSpaces) {
    absl::ConsumePrefix(text, space);
    absl::ConsumeSuffix(text, space);
  }
  return text->size() != before;
}

// Hyphens and dashes that a word processor makes of a hyphen.
constexpr std::array<absl::string_view, 5> kDashes = {
    "\xE2\x80\x90", "\xE2\x80\x91", "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x88\x92"};

// With plain spaces and hyphens in the place of others.
std::string PlainSpaces(absl::string_view text) {
  std::string plain(text);
  if (std::all_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return plain;
  }
  for (const absl::string_view space : kSpaces) {
    absl::StrReplaceAll({{space, " "}}, &plain);
  }
  for (const absl::string_view dash : kDashes) absl::StrReplaceAll({{dash, "-"}}, &plain);
  return plain;
}

int Number(absl::string_view digits) {
  int value = 0;
  return digits.size() <= 8 && AllDigits(digits) && absl::SimpleAtoi(digits, &value) ? value : -1;
}

// 1 to 12; 0 if it is no month's name in English.
int MonthOf(absl::string_view word) {
  constexpr absl::string_view kMonths = "jan feb mar apr may jun jul aug sep oct nov dec ";
  const std::string lower = absl::AsciiStrToLower(word);
  if (lower.size() < 3) return 0;
  const bool letters = std::all_of(lower.begin(), lower.end(), absl::ascii_isalpha);
  const size_t at = kMonths.find(absl::StrCat(lower.substr(0, 3), " "));
  return letters && at != absl::string_view::npos ? static_cast<int>(at / 4) + 1 : 0;
}

bool HasMonth(absl::string_view value) {
  for (const absl::string_view word : absl::StrSplit(value, absl::ByAnyChar(" -./"))) {
    if (MonthOf(word) != 0 && MonthOf(word.substr(0, 3)) != 0 && word.size() <= 9) return true;
  }
  return false;
}

bool IsScientific(absl::string_view value) {
  const size_t e = value.find_first_of("eE");
  if (e == absl::string_view::npos || e == 0) return false;
  absl::string_view exponent = value.substr(e + 1);
  if (!absl::ConsumePrefix(&exponent, "+")) absl::ConsumePrefix(&exponent, "-");
  const absl::string_view digits = value.substr(0, e);
  return AllDigits(exponent) && absl::ascii_isdigit(digits[0]) &&
         digits.find_first_not_of("0123456789.,") == absl::string_view::npos;
}

// "1,876" or "1.234.567".
bool IsGrouped(absl::string_view text, char mark) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, mark);
  if (parts.size() < 2 || parts[0].empty() || parts[0].size() > 3) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!AllDigits(parts[i]) || (i > 0 && parts[i].size() != 3)) return false;
  }
  return true;
}

// --- Prefixes ---------------------------------------------------------------

std::string CheckDigits(absl::string_view prefix) {
  if (prefix.size() > kMaxPrefixDigits) {
    return absl::StrCat("is longer than ", kMaxPrefixDigits, " digits");
  }
  if (prefix[0] == '0') {
    return "must not begin with 0: a prefix is the number as it is dialled from abroad, from its "
           "country code on";
  }
  return "";
}

// Two ends of the same length. One of very many numbers is taken by their first digits, where these
// say the same.
void AddRange(std::string first, std::string last, std::vector<std::string>* prefixes) {
  const auto is_large = [&first, &last] {
    int64_t from = 0;
    int64_t to = 0;
    return absl::SimpleAtoi(first, &from) && absl::SimpleAtoi(last, &to) &&
           to - from >= static_cast<int64_t>(kMaxPrefixesOfField);
  };
  // 44750000-44799999 is 4475-4479.
  while (is_large() && first.back() == '0' && last.back() == '9') {
    first.pop_back();
    last.pop_back();
  }
  prefixes->push_back(first);
  while (first != last && prefixes->size() <= kMaxPrefixesOfField) {
    size_t i = first.size();
    while (first[--i] == '9') first[i] = '0';
    ++first[i];
    prefixes->push_back(first);
  }
}

std::string ReadRange(absl::string_view first, absl::string_view last,
                      std::vector<std::string>* prefixes) {
  constexpr absl::string_view kDoubtful =
      "can be a range or one prefix: write a range with ends of the same length, and one prefix "
      "without a hyphen";
  if (!AllDigits(first) || !AllDigits(last)) return "must be digits only";
  if (std::string problem = CheckDigits(first); !problem.empty()) return problem;
  const absl::string_view code = CallingCodeOf(first);
  std::string end(last);
  if (last.size() < first.size()) {
    // 4475-9 and 4475-79, but neither 44-7 nor 1201-202.
    if (last.size() > 2 || first.size() - last.size() < code.size()) return std::string(kDoubtful);
    end = absl::StrCat(first.substr(0, first.size() - last.size()), last);
  }
  if (end.size() > first.size()) {
    // 1-876: nothing ranges from 1 to 876.
    if (first == "1" && last.size() == 3) {
      prefixes->push_back(absl::StrCat(first, last));
      return "";
    }
    return std::string(kDoubtful);
  }
  if (first.size() <= code.size()) return std::string(kDoubtful);
  if (end < first) return "is a range that ends before it begins";
  if (CallingCodeOf(end) != code) return "is a range over several country codes";
  if (const std::string problem = CheckDigits(end); !problem.empty()) return problem;
  const size_t before = prefixes->size();
  if (first == end) {
    prefixes->emplace_back(first);
  } else {
    AddRange(std::string(first), end, prefixes);
  }
  if (prefixes->size() - before > kMaxPrefixesOfField) {
    return absl::StrCat("is a range of more than ", kMaxPrefixesOfField, " prefixes");
  }
  return "";
}

std::string ReadPrefixList(absl::string_view list, absl::string_view before,
                           std::vector<std::string>* prefixes);

// 44(20), 44(20,21), (44)20, 44(0)20.
std::string ReadBrackets(absl::string_view text, std::vector<std::string>* prefixes) {
  const size_t open = text.find('(');
  const size_t close = text.find(')', open);
  if (close == absl::string_view::npos) return "has a bracket that is not closed";
  const absl::string_view before = absl::StripAsciiWhitespace(text.substr(0, open));
  const absl::string_view inside =
      absl::StripAsciiWhitespace(text.substr(open + 1, close - open - 1));
  const absl::string_view after = absl::StripAsciiWhitespace(text.substr(close + 1));
  if (!before.empty() && !AllDigits(before)) return "must be digits only";
  if (!after.empty() && !AllDigits(after)) return "must be digits only";
  // The 0 in brackets is dialled inside the country only.
  if (inside == "0" && !before.empty()) {
    prefixes->push_back(absl::StrCat(before, after));
    return CheckDigits(prefixes->back());
  }
  if (!after.empty()) {
    if (!AllDigits(inside)) return "must be digits only";
    prefixes->push_back(absl::StrCat(before, inside, after));
    return CheckDigits(prefixes->back());
  }
  return ReadPrefixList(inside, before, prefixes);
}

// One prefix or range, without + or 00 before it.
std::string ReadOnePrefix(absl::string_view text, bool plus, absl::string_view before,
                          std::vector<std::string>* prefixes) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return "has an empty part";
  if (AllDigits(text)) {
    prefixes->push_back(absl::StrCat(before, text));
    return CheckDigits(prefixes->back());
  }
  if (absl::StrContains(text, '(')) return ReadBrackets(text, prefixes);
  if (plus) {
    // Only one number is written so: +44 20, +1-876.
    std::string digits;
    for (const char c : text) {
      if (absl::ascii_isdigit(c)) digits.push_back(c);
      if (!absl::ascii_isdigit(c) && c != ' ' && c != '-' && c != '.') return "must be digits only";
    }
    const size_t hyphen = text.find('-');
    const bool range = hyphen != absl::string_view::npos && hyphen >= 3 &&
                       AllDigits(text.substr(0, hyphen)) && AllDigits(text.substr(hyphen + 1)) &&
                       hyphen * 2 + 1 == text.size();
    if (!range) {
      prefixes->push_back(digits);
      return CheckDigits(digits);
    }
  }
  const size_t hyphen = text.find('-');
  if (hyphen == absl::string_view::npos) return "must be digits only";
  const absl::string_view first = absl::StripAsciiWhitespace(text.substr(0, hyphen));
  absl::string_view last = absl::StripAsciiWhitespace(text.substr(hyphen + 1));
  if (plus) absl::ConsumePrefix(&last, "+");
  return ReadRange(absl::StrCat(before, first),
                   last.size() == first.size() ? absl::StrCat(before, last) : std::string(last),
                   prefixes);
}

// Parts that only spaces, or commas before three digits, keep apart are several prefixes if all are
// of one country and none is its code alone: 447 448, but neither 44 20 nor 1,876.
bool AreSeveral(const std::vector<absl::string_view>& parts) {
  const absl::string_view code = CallingCodeOf(parts[0]);
  return parts[0].size() > code.size() &&
         std::all_of(parts.begin(), parts.end(), [code](absl::string_view part) {
           return absl::StartsWith(part, code) && part.size() > code.size();
         });
}

std::string ReadPrefixList(absl::string_view list, absl::string_view before,
                           std::vector<std::string>* prefixes) {
  const bool marked = list.find_first_of(";|/") != absl::string_view::npos;
  std::vector<absl::string_view> parts =
      absl::StrSplit(list, absl::ByAnyChar(marked ? ";|/" : ","), absl::SkipWhitespace());
  if (parts.empty()) return "must not be empty";
  if (!marked && before.empty() && IsGrouped(list, ',') && !AreSeveral(parts)) {
    return absl::StrCat(
        "can be one prefix with a separator of thousands, or several: put ; between "
        "several",
        kAsText);
  }
  for (const absl::string_view part : parts) {
    const std::string problem = ReadOnePrefix(part, /*plus=*/false, before, prefixes);
    if (!problem.empty()) return problem;
  }
  return "";
}

// + or 00 before the country code.
absl::string_view WithoutPlus(absl::string_view text, bool* plus) {
  text = absl::StripAsciiWhitespace(text);
  *plus = absl::ConsumePrefix(&text, "+") || absl::ConsumePrefix(&text, "00");
  return absl::StripAsciiWhitespace(text);
}

std::string ReadPartsOfField(absl::string_view text, std::vector<std::string>* prefixes,
                             PrefixForm* form) {
  const size_t open = text.find('(');
  // What is in brackets belongs to what is before them.
  const bool bracketed_list = open != absl::string_view::npos &&
                              text.find_first_of(",;|/") > open && absl::EndsWith(text, ")");
  if (bracketed_list) return ReadBrackets(WithoutPlus(text, &form->plus), prefixes);
  const bool marked = text.find_first_of(";|/") != absl::string_view::npos;
  const bool commas = absl::StrContains(text, ',');
  std::vector<absl::string_view> parts =
      absl::StrSplit(text, absl::ByAnyChar(marked ? ";|/" : ","), absl::SkipWhitespace());
  if (parts.empty()) return "must not be empty";
  if (!marked && !commas && text[0] != '+' && absl::StrContains(text, ' ') &&
      text.find_first_of("-(") == absl::string_view::npos) {
    parts = absl::StrSplit(text, ' ', absl::SkipWhitespace());
    if (std::any_of(parts.begin(), parts.end(), [](auto part) { return !AllDigits(part); })) {
      return "must be digits only";
    }
    if (!AreSeveral(parts)) {
      return "can be one prefix or several: write one without a space, and put ; between several";
    }
  } else if (!marked && IsGrouped(text, ',') && !AreSeveral(parts)) {
    return absl::StrCat(
        "can be one prefix with a separator of thousands, or several: put ; between "
        "several",
        kAsText);
  }
  for (absl::string_view part : parts) {
    bool plus = false;
    part = WithoutPlus(part, &plus);
    form->plus = form->plus || plus;
    const std::string problem = ReadOnePrefix(part, plus, "", prefixes);
    if (!problem.empty()) return problem;
  }
  return "";
}

}  // namespace

absl::string_view CleanField(absl::string_view field) {
  const auto plain = [](char c) { return c > ' ' && static_cast<unsigned char>(c) < 0x80; };
  if (field.empty() || (plain(field.front()) && plain(field.back()) && field.front() != '=' &&
                        field.front() != '\'')) {
    return field;
  }
  while (TrimOnce(&field)) {
  }
  if (field.size() >= 3 && absl::StartsWith(field, "=\"") && field.back() == '"') {
    field = field.substr(2, field.size() - 3);
  }
  absl::ConsumePrefix(&field, "'");
  while (TrimOnce(&field)) {
  }
  return field;
}

std::string SpreadsheetDamage(absl::string_view value) {
  if (absl::StartsWith(value, "=")) {
    return "is a formula: export the values, not the formulas";
  }
  if (absl::StartsWith(value, "##")) {
    return "is a column that was too narrow to show its values: widen it and export again";
  }
  if (absl::StartsWith(value, "#")) {
    return "is an error of a spreadsheet: mend the cell that it comes from";
  }
  if (IsScientific(value)) {
    return absl::StrCat(
        "is in scientific form, as a spreadsheet writes numbers that are long or "
        "small: digits are lost",
        kAsText);
  }
  if (HasMonth(value)) {
    return absl::StrCat("is a date that a spreadsheet made of the value", kAsText);
  }
  absl::string_view digits = value;
  if ((absl::ConsumeSuffix(&digits, ".0") || absl::ConsumeSuffix(&digits, ".00")) &&
      AllDigits(digits)) {
    return absl::StrCat("is a number with decimals, as a spreadsheet writes it", kAsText);
  }
  if (IsGrouped(value, ',') || IsGrouped(value, '.') || IsGrouped(value, ' ')) {
    return absl::StrCat("has a separator of thousands, as a spreadsheet writes numbers", kAsText);
  }
  return "";
}

std::string ReadPrefixes(absl::string_view field, std::vector<std::string>* prefixes,
                         PrefixForm* form) {
  if (field.empty()) return "must not be empty";
  if (AllDigits(field) && field[0] != '0') {
    prefixes->emplace_back(field);
    return CheckDigits(field);
  }
  const size_t before = prefixes->size();
  const std::string plain = PlainSpaces(field);
  const std::string problem = ReadPartsOfField(plain, prefixes, form);
  if (problem.empty()) return "";
  prefixes->resize(before);
  const std::string damage = SpreadsheetDamage(field);
  return damage.empty() || absl::StartsWith(problem, "can be ") ? problem : damage;
}

std::string ReadAreaCodes(absl::string_view calling_code, absl::string_view field,
                          std::vector<std::string>* prefixes) {
  absl::ConsumePrefix(&calling_code, "+");
  absl::ConsumePrefix(&calling_code, "00");
  if (calling_code.empty()) {
    return "has no calling code in its row: where cells were merged, write it into each row";
  }
  if (!AllDigits(calling_code) || CallingCodeOf(calling_code).empty()) {
    return "needs the digits of a calling code in its row";
  }
  if (field.empty()) {
    prefixes->emplace_back(calling_code);
    return CheckDigits(calling_code);
  }
  // Inside of a country a 0 is dialled before most area codes; of Italy's it is a part.
  if (field[0] == '0' && calling_code != "39") {
    return "must not begin with 0: after the calling code the area code has none";
  }
  const size_t before = prefixes->size();
  const std::string problem = ReadPrefixList(PlainSpaces(field), calling_code, prefixes);
  if (calling_code == "1" && field[0] == '1') {
    prefixes->resize(before);
    return "begins with 1, as no area code of North America does: if it is the whole prefix, name "
           "the column prefix";
  }
  if (problem.empty()) return "";
  prefixes->resize(before);
  const std::string damage = SpreadsheetDamage(field);
  return damage.empty() ? problem : damage;
}

std::string ReadNpa(absl::string_view field, std::vector<std::string>* prefixes) {
  std::string digits;
  for (const char c : field) {
    if (absl::ascii_isdigit(c)) digits.push_back(c);
    if (!absl::ascii_isdigit(c) && c != '-' && c != ' ') {
      const std::string damage = SpreadsheetDamage(field);
      return damage.empty() ? "must be an area code of North America" : damage;
    }
  }
  if (digits.size() < 3 || digits.size() > 11 || digits[0] == '0') {
    return "must be an area code of North America";
  }
  // No area code begins with 1.
  prefixes->push_back(digits[0] == '1' ? digits : absl::StrCat("1", digits));
  return "";
}

// --- Amounts ----------------------------------------------------------------

std::optional<bool> MeansCurrency(absl::string_view word, absl::string_view currency) {
  const std::string upper = absl::AsciiStrToUpper(word);
  if (IsCurrency(upper)) return upper == currency;
  struct Sign {
    absl::string_view sign;
    absl::string_view currencies;
  };
  constexpr Sign kSigns[] = {
      {"$", "USD CAD AUD NZD SGD HKD MXN ARS CLP COP TWD JMD BSD BBD BZD TTD XCD FJD NAD"},
      {"US$", "USD"},
      {"C$", "CAD"},
      {"CA$", "CAD"},
      {"A$", "AUD"},
      {"\xE2\x82\xAC", "EUR"},
      {"\xC2\xA3", "GBP"},
      {"\xC2\xA5", "JPY CNY"},
      {"\xE2\x82\xB9", "INR"},
      {"\xE2\x82\xBA", "TRY"},
      {"\xE2\x82\xBD", "RUB"},
      {"R$", "BRL"},
      {"KR", "SEK NOK DKK ISK"},
      {"Z\xC5\x82", "PLN"},
      {"CHF", "CHF"},
      {"\xE2\x82\xA9", "KRW"}};
  for (const Sign& sign : kSigns) {
    if (sign.sign == upper) return absl::StrContains(sign.currencies, currency);
  }
  return std::nullopt;
}

namespace {

// Takes the words and signs before and after the number off it.
std::string StripCurrency(absl::string_view* text, absl::string_view currency) {
  const auto is_number = [](char c) {
    return absl::ascii_isdigit(c) || c == '.' || c == ',' || c == '-' || c == '\'' || c == '+';
  };
  size_t begin = 0;
  while (begin < text->size() && !is_number((*text)[begin])) ++begin;
  if (begin == text->size()) return "is not a decimal number";
  size_t end = text->size();
  while (!is_number((*text)[end - 1])) --end;
  std::string after = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text->substr(end)));
  for (const absl::string_view unit : {"per minute", "per min", "/minute", "/min.", "/min", "/m"}) {
    if (absl::EndsWith(after, unit)) after = std::string(absl::StripSuffix(after, unit));
  }
  const std::string before(absl::StripAsciiWhitespace(text->substr(0, begin)));
  for (const absl::string_view word :
       {absl::string_view(before), absl::StripAsciiWhitespace(absl::string_view(after))}) {
    if (word.empty()) continue;
    if (word == "c" || word == "ct" || word == "cts" || word == "cent" || word == "cents" ||
        word == "\xC2\xA2" || word == "p" || word == "%") {
      return "is not in whole units of the currency: write 0.015, not 1.5 cents";
    }
    const std::optional<bool> same = MeansCurrency(word, currency);
    if (!same.has_value()) return "is not a decimal number";
    if (!*same && !currency.empty())
      return absl::StrCat("is not in ", currency, ", the currency of the deck");
  }
  *text = text->substr(begin, end - begin);
  return "";
}

// Writes the number with a point and without separators of thousands.
std::string PlainDecimal(absl::string_view text, DecimalMarks* marks, std::string* plain) {
  constexpr absl::string_view kNone = "is not a decimal number";
  const auto points = std::count(text.begin(), text.end(), '.');
  const auto commas = std::count(text.begin(), text.end(), ',');
  std::string number = PlainSpaces(text);
  for (const char separator : {' ', '\''}) {
    if (number.find(separator) == std::string::npos) continue;
    const std::string whole = number.substr(0, number.find_first_of(".,"));
    if (!IsGrouped(whole, separator)) return std::string(kNone);
    number.erase(std::remove(number.begin(), number.end(), separator), number.end());
  }
  char mark = 0;
  if (marks->only != 0) {
    mark = marks->only;
  } else if (points > 0 && commas > 0) {
    mark = number.rfind('.') > number.rfind(',') ? '.' : ',';
    (mark == '.' ? marks->point : marks->comma) = true;
  } else if (points > 1 || commas > 1) {
    mark = points > 1 ? ',' : '.';
    (mark == '.' ? marks->point : marks->comma) = true;
  } else if (points + commas == 1) {
    mark = points == 1 ? '.' : ',';
    const size_t at = number.find(mark);
    const bool doubtful =
        number.size() - at == 4 && at >= 1 && at <= 3 && number[0] != '0' && number[0] != '-';
    if (doubtful) {
      ++(mark == '.' ? marks->doubtful_points : marks->doubtful_commas);
    } else {
      (mark == '.' ? marks->point : marks->comma) = true;
    }
  } else {
    mark = '.';
  }
  const char thousands = mark == '.' ? ',' : '.';
  const size_t at = std::min(number.find(mark), number.size());
  const std::string whole = number.substr(0, at);
  if (absl::StrContains(whole, thousands) && !IsGrouped(whole, thousands)) {
    return std::string(kNone);
  }
  std::string decimals = at < number.size() ? number.substr(at + 1) : "";
  if (decimals.find_first_not_of("0123456789") != std::string::npos) return std::string(kNone);
  if (at < number.size() && decimals.empty()) return std::string(kNone);
  while (decimals.size() > kMaxDecimals && decimals.back() == '0') decimals.pop_back();
  *plain = whole;
  plain->erase(std::remove(plain->begin(), plain->end(), thousands), plain->end());
  if (plain->empty() || *plain == "-") absl::StrAppend(plain, "0");
  if (!decimals.empty()) absl::StrAppend(plain, ".", decimals);
  return "";
}

}  // namespace

std::string ReadAmount(absl::string_view field, absl::string_view currency, DecimalMarks* marks,
                       Nanos* amount) {
  if (field.empty()) return "must not be empty";
  if (absl::EqualsIgnoreCase(field, "free")) {
    *amount = 0;
    return "";
  }
  // A dash is a zero to a spreadsheet, and nothing at all to most people.
  if (std::none_of(field.begin(), field.end(), absl::ascii_isdigit)) {
    const std::string damage = SpreadsheetDamage(field);
    return damage.empty()
               ? "is no amount: write 0 for what costs nothing, \"blocked\" as the price "
                 "of what must not be called, or remove the row"
               : damage;
  }
  if (field.find_first_not_of("0123456789.,-' ") != absl::string_view::npos) {
    if (std::string damage = SpreadsheetDamage(field); !damage.empty()) return damage;
    if (std::string problem = StripCurrency(&field, currency); !problem.empty()) return problem;
  }
  std::string plain;
  if (field.find_first_not_of("0123456789") == absl::string_view::npos) {
    plain = std::string(field);
  } else if (std::string problem = PlainDecimal(field, marks, &plain); !problem.empty()) {
    return problem;
  }
  const absl::StatusOr<Nanos> read = ParseDecimal(plain);
  if (!read.ok() && !absl::IsOutOfRange(read.status())) {
    const size_t point = plain.find('.');
    if (point != std::string::npos && plain.size() - point - 1 > kMaxDecimals) {
      return absl::StrCat("has more than ", kMaxDecimals, " decimals");
    }
    return "is not a decimal number";
  }
  if (read.ok() ? *read < 0 : plain[0] == '-') return "must not be negative";
  if (!read.ok() || *read > kMaxDeckPrice) {
    return absl::StrCat("must be at most ", FormatDecimal(kMaxDeckPrice));
  }
  *amount = *read;
  return "";
}

// --- Seconds ----------------------------------------------------------------

namespace {

std::string ReadSeconds(absl::string_view field, int32_t least, int32_t most, int32_t* seconds) {
  const std::string lower = absl::AsciiStrToLower(field);
  absl::string_view digits = lower;
  int unit_seconds = 1;
  for (const absl::string_view unit : {"seconds", "second", "secs", "sec", "s"}) {
    if (absl::ConsumeSuffix(&digits, unit)) break;
  }
  for (const absl::string_view unit : {"minutes", "minute", "mins", "min"}) {
    if (absl::ConsumeSuffix(&digits, unit)) unit_seconds = 60;
  }
  digits = absl::StripTrailingAsciiWhitespace(digits);
  // "per second", "minute"
  if (digits.size() < lower.size() && (digits.empty() || digits == "per")) digits = "1";
  const int number = Number(digits);
  const int value = number < 0 || number > most ? -1 : number * unit_seconds;
  if (value >= least && value <= most) {
    *seconds = value;
    return "";
  }
  const std::string damage = SpreadsheetDamage(field);
  return damage.empty() ? absl::StrCat("must be ", least, " to ", most, " seconds") : damage;
}

}  // namespace

std::string ReadIncrement(absl::string_view field, int32_t* seconds) {
  return ReadSeconds(field, 1, kMaxIncrementSeconds, seconds);
}

namespace {

constexpr absl::string_view kBetweenIncrements = "/+:-|;";

}  // namespace

bool IsIncrementPair(absl::string_view field) {
  const size_t mark = field.find_first_of(kBetweenIncrements);
  return mark != absl::string_view::npos && mark > 0 && !HasMonth(field) &&
         field.find_first_of(kBetweenIncrements, mark + 1) == absl::string_view::npos;
}

std::string ReadIncrements(absl::string_view text, int32_t* initial, int32_t* further) {
  const std::string plain = PlainSpaces(text);
  const absl::string_view field = plain;
  const size_t mark = field.find_first_of(kBetweenIncrements);
  if (!IsIncrementPair(field)) {
    if (mark != absl::string_view::npos) {
      const std::string damage = SpreadsheetDamage(field);
      return damage.empty() ? "must be first and further seconds, like 60/6" : damage;
    }
    const std::string problem = ReadIncrement(field, initial);
    if (problem.empty()) *further = *initial;
    return problem;
  }
  const std::string problem =
      ReadIncrement(absl::StripAsciiWhitespace(field.substr(0, mark)), initial);
  if (!problem.empty()) return problem;
  return ReadIncrement(absl::StripAsciiWhitespace(field.substr(mark + 1)), further);
}

std::string ReadIncludedSeconds(absl::string_view field, int32_t* seconds) {
  return ReadSeconds(field, 0, kMaxIncludedSeconds, seconds);
}

// --- Dates ------------------------------------------------------------------

std::optional<DateOrder> DateOrderFrom(absl::string_view text) {
  std::string letters;
  for (const char c : text) {
    const char lower = absl::ascii_tolower(c);
    if (absl::ascii_isalpha(lower) && (letters.empty() || letters.back() != lower)) {
      letters.push_back(lower);
    }
  }
  if (letters == "dmy") return DateOrder::kDayMonthYear;
  if (letters == "mdy") return DateOrder::kMonthDayYear;
  if (letters == "ymd") return DateOrder::kYearMonthDay;
  return std::nullopt;
}

namespace {

std::string MakeDay(int year, int month, int day, absl::CivilDay* made) {
  if (year < 1970 || year > 9999) return "is not a date from 1970 on";
  *made = absl::CivilDay(year, month, day);
  if (made->year() != year || made->month() != month || made->day() != day) {
    return "is not a day of the calendar";
  }
  return "";
}

// A time after a date: only that of a day's begin.
std::string StripMidnight(absl::string_view* field) {
  for (const absl::string_view zone : {" UTC", " GMT", " +0000"}) {
    absl::ConsumeSuffix(field, zone);
  }
  const size_t colon = field->find(':');
  if (colon == absl::string_view::npos) return "";
  const size_t begin = field->find_last_of(" T", colon);
  if (begin == absl::string_view::npos || begin == 0) return "is not a date";
  absl::string_view time = field->substr(begin + 1);
  for (const absl::string_view zone : {"Z", "+00:00", " AM"}) absl::ConsumeSuffix(&time, zone);
  if (time.find_first_not_of("0:.") != absl::string_view::npos && time != "12:00:00") {
    return "has a time of the day: lines begin and end with days";
  }
  *field = absl::StripTrailingAsciiWhitespace(field->substr(0, begin));
  return "";
}

// 26 is 2026; 0 if the digits are no year.
int YearOf(absl::string_view digits) {
  if (digits.size() == 2 && AllDigits(digits)) return 2000 + Number(digits);
  return digits.size() == 4 ? std::max(Number(digits), 0) : 0;
}

std::string ReadMonthInLetters(const std::vector<absl::string_view>& parts, absl::CivilDay* day) {
  const bool month_first = MonthOf(parts[0]) != 0;
  const int month = MonthOf(month_first ? parts[0] : parts[1]);
  absl::string_view day_text = month_first ? parts[1] : parts[0];
  for (const absl::string_view ending : {"st", "nd", "rd", "th"}) {
    if (absl::ConsumeSuffix(&day_text, ending)) break;
  }
  if (month == 0 || Number(day_text) < 0 || Number(parts[2]) < 0) return "is not a date";
  if (day_text.size() == 4) return MakeDay(Number(day_text), month, Number(parts[2]), day);
  // 31-Dec-26, as spreadsheets write it; in Dec 31, 26 nobody can tell.
  if (parts[2].size() != 4 && (month_first || YearOf(parts[2]) == 0)) {
    return "has no year of four digits";
  }
  return MakeDay(YearOf(parts[2]), month, Number(day_text), day);
}

}  // namespace

absl::string_view WithoutLastSecond(absl::string_view field) {
  for (const absl::string_view end :
       {"23:59:59", "23:59:59Z", "23:59:59.999", "23:59:59 UTC", "23:59:59 GMT", "23:59"}) {
    absl::string_view date = field;
    if (absl::ConsumeSuffix(&date, end) && date.size() > 1 &&
        (date.back() == ' ' || date.back() == 'T')) {
      return absl::StripTrailingAsciiWhitespace(date.substr(0, date.size() - 1));
    }
  }
  return field;
}

std::string ReadDate(absl::string_view field, DateOrder order, absl::CivilDay* day) {
  if (std::string problem = StripMidnight(&field); !problem.empty()) return problem;
  if (AllDigits(field)) {
    if (field.size() == 8 && order == DateOrder::kUnknown && (field[0] == '1' || field[0] == '2')) {
      return MakeDay(Number(field.substr(0, 4)), Number(field.substr(4, 2)),
                     Number(field.substr(6, 2)), day);
    }
    return std::string(
        "is a spreadsheet's number and no date: format the column as a date, like "
        "2026-12-31, and export again");
  }
  const std::vector<absl::string_view> parts =
      absl::StrSplit(field, absl::ByAnyChar("-/. ,"), absl::SkipWhitespace());
  if (parts.size() != 3) {
    return absl::StartsWith(field, "#") || absl::StartsWith(field, "=") ? SpreadsheetDamage(field)
                                                                        : "is not a date";
  }
  if (HasMonth(field)) return ReadMonthInLetters(parts, day);
  std::array<int, 3> numbers = {};
  for (size_t i = 0; i < 3; ++i) {
    numbers[i] = Number(parts[i]);
    if (numbers[i] < 0) return "is not a date";
  }
  if (parts[0].size() == 4) return MakeDay(numbers[0], numbers[1], numbers[2], day);
  if (order != DateOrder::kUnknown) numbers[2] = YearOf(parts[2]);
  if (numbers[2] == 0 || (parts[2].size() != 4 && order == DateOrder::kUnknown)) {
    return "has no year of four digits";
  }
  // Where people put points, they put the day first.
  const bool points = field.find_first_of("-/, ") == absl::string_view::npos;
  if (points && order == DateOrder::kUnknown) order = DateOrder::kDayMonthYear;
  const bool first_is_day = order == DateOrder::kDayMonthYear || numbers[0] > 12;
  const bool first_is_month = order == DateOrder::kMonthDayYear || numbers[1] > 12;
  if (order == DateOrder::kUnknown && !first_is_day && !first_is_month &&
      numbers[0] != numbers[1]) {
    return "can be two days: write dates like 2026-12-31, or say in which order they are with "
           "date_format (DMY or MDY)";
  }
  return first_is_month && order != DateOrder::kDayMonthYear
             ? MakeDay(numbers[2], numbers[0], numbers[1], day)
             : MakeDay(numbers[2], numbers[1], numbers[0], day);
}

// --- Words, days and times --------------------------------------------------

namespace {

bool IsOneOf(absl::string_view word, absl::string_view words) {
  for (const absl::string_view each : absl::StrSplit(words, ',')) {
    if (absl::EqualsIgnoreCase(word, each)) return true;
  }
  return false;
}

}  // namespace

std::string ReadYesNo(absl::string_view field, bool* yes) {
  *yes = IsOneOf(field, "yes,y,true,t,1,x,ja,oui,si");
  return *yes || IsOneOf(field, "no,n,false,f,0,nein,non") ? "" : "must be yes or no";
}

bool IsBlockedWord(absl::string_view field) {
  return IsOneOf(field,
                 "blocked,block,barred,rejected,reject,denied,deny,suspended,not allowed,disabled,"
                 "inactive,closed,not available,unavailable");
}

std::string ReadBlocked(absl::string_view field, bool* blocked) {
  *blocked = IsBlockedWord(field);
  if (*blocked || IsPriceChangeWord(field) ||
      IsOneOf(field, "active,open,allowed,allow,enabled,ok,available,not blocked")) {
    return "";
  }
  const std::string problem = ReadYesNo(field, blocked);
  return problem.empty() ? "" : "must be yes or no, or blocked or active";
}

namespace {

// 0 to 6 for Monday to Sunday, 7 for a holiday; -1 if it is none.
int DayOf(absl::string_view word) {
  if (word == "H" || word == "h" || IsOneOf(word, "holiday,holidays")) return 7;
  if (word.size() == 1 && word[0] >= '1' && word[0] <= '7') return word[0] - '1';
  const std::string lower = absl::AsciiStrToLower(word);
  if (lower.size() < 2 || !std::all_of(lower.begin(), lower.end(), absl::ascii_isalpha)) return -1;
  constexpr std::array<absl::string_view, 7> kLong = {"monday", "tuesday",  "wednesday", "thursday",
                                                      "friday", "saturday", "sunday"};
  for (size_t i = 0; i < kLong.size(); ++i) {
    const bool plural = lower == absl::StrCat(kLong[i], "s");
    if (plural || absl::StartsWith(kLong[i], lower)) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

std::string ReadDays(absl::string_view text, uint8_t* days) {
  constexpr absl::string_view kForm = "must be days like 1-5, 6, Sat,Sun or H, for a holiday";
  const std::string plain = PlainSpaces(text);
  const absl::string_view field = plain;
  *days = 0;
  if (HasMonth(field) && DayOf(field) < 0 && !absl::StrContains(field, ',')) {
    const std::string damage = SpreadsheetDamage(field);
    bool is_day = true;
    for (const absl::string_view part : absl::StrSplit(field, '-')) {
      is_day = is_day && DayOf(absl::StripAsciiWhitespace(part)) >= 0;
    }
    if (!is_day) return damage;
  }
  for (absl::string_view part :
       absl::StrSplit(field, absl::ByAnyChar(",;|/+ "), absl::SkipWhitespace())) {
    if (IsOneOf(part, "daily,all,every,everyday,*,any")) {
      *days |= 0x7F;
      continue;
    }
    if (IsOneOf(part, "weekday,weekdays,workday,workdays")) {
      *days |= 0x1F;
      continue;
    }
    if (IsOneOf(part, "weekend,weekends")) {
      *days |= 0x60;
      continue;
    }
    const size_t hyphen = part.find('-');
    const int first = DayOf(part.substr(0, hyphen));
    const int last = hyphen == absl::string_view::npos ? first : DayOf(part.substr(hyphen + 1));
    if (first < 0 || last < 0 || (first != last && (first == 7 || last == 7))) {
      return std::string(kForm);
    }
    // Fri-Mon goes over the weekend.
    for (int day = first;; day = (day + 1) % 7) {
      *days = static_cast<uint8_t>(*days | 1 << day);
      if (day == last) break;
    }
  }
  return *days == 0 ? std::string(kForm) : "";
}

std::string ReadTimeOfDay(absl::string_view field, int16_t* minute) {
  constexpr absl::string_view kForm = "must be a time of the day like 08:00";
  std::string text = absl::AsciiStrToLower(field);
  absl::string_view rest = text;
  const bool pm = absl::ConsumeSuffix(&rest, "pm") || absl::ConsumeSuffix(&rest, "p.m.");
  const bool am = !pm && (absl::ConsumeSuffix(&rest, "am") || absl::ConsumeSuffix(&rest, "a.m."));
  rest = absl::StripAsciiWhitespace(rest);
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, absl::ByAnyChar(":."));
  if (parts.size() > 3 || (parts.size() == 1 && !am && !pm)) return std::string(kForm);
  std::array<int, 3> numbers = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    numbers[i] = parts[i].size() <= 2 ? Number(parts[i]) : -1;
    if (numbers[i] < 0) return std::string(kForm);
  }
  auto [hour, minutes, seconds] = numbers;
  if (am || pm) {
    if (hour < 1 || hour > 12) return std::string(kForm);
    hour = hour % 12 + (pm ? 12 : 0);
  }
  // The last second of a day is its end.
  if (hour == 23 && minutes == 59 && seconds == 59) {
    *minute = kMinutesOfDay;
    return "";
  }
  if (seconds != 0) return "must be a whole minute";
  const int value = hour * 60 + minutes;
  if (minutes > 59 || value > kMinutesOfDay) return std::string(kForm);
  *minute = static_cast<int16_t>(value);
  return "";
}

std::string ReadSteps(absl::string_view field, absl::string_view currency, DecimalMarks* marks,
                      std::vector<domain::PriceStep>* steps) {
  constexpr absl::string_view kForm = "must be seconds and prices like 60:0.01;120:0.005";
  for (const absl::string_view part :
       absl::StrSplit(field, absl::ByAnyChar(";| "), absl::SkipWhitespace())) {
    const size_t colon = part.find(':');
    if (colon == absl::string_view::npos) return std::string(kForm);
    domain::PriceStep step;
    step.from_second = Number(absl::StripAsciiWhitespace(part.substr(0, colon)));
    if (step.from_second < 1 || step.from_second > kMaxStepSecond) return std::string(kForm);
    if (!steps->empty() && step.from_second <= steps->back().from_second) {
      return "must name its seconds in ascending order";
    }
    const std::string problem =
        ReadAmount(CleanField(part.substr(colon + 1)), currency, marks, &step.price);
    if (!problem.empty()) return absl::StrCat("has a price that ", problem);
    steps->push_back(step);
  }
  if (steps->empty()) return std::string(kForm);
  return steps->size() > kMaxSteps ? absl::StrCat("has more than ", kMaxSteps, " steps") : "";
}

std::string ReadCountry(absl::string_view field, domain::NumberCountry* country) {
  std::optional<domain::NumberCountry> read =
      domain::NumberCountryFrom(absl::AsciiStrToUpper(field));
  if (!read.has_value()) read = CountryOfName(field);
  if (!read.has_value()) {
    return absl::StrCat("must be a country of ISO 3166-1, like US, or its name, or ",
                        domain::TextOf(domain::NumberCountry::kTollFree), ", ",
                        domain::TextOf(domain::NumberCountry::kSatellite), " or ",
                        domain::TextOf(domain::NumberCountry::kPremiumRate));
  }
  *country = *read;
  return "";
}

}  // namespace reserve::rates
