#include "services/ledger/rates/file_words.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/ledger/rates/deck_fields.h"

namespace reserve::rates {
namespace {

bool IsOneOf(absl::string_view word, std::initializer_list<absl::string_view> words) {
  return std::any_of(words.begin(), words.end(), [word](absl::string_view each) {
    return each.size() == word.size() && absl::EqualsIgnoreCase(each, word);
  });
}

// Codes of currencies that price lists are in and that are no words: not TRY, ALL or TOP.
bool IsCurrencyCode(absl::string_view word) {
  for (const absl::string_view code :
       {"USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "SEK",
        "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "RUB", "INR", "CNY",
        "HKD", "SGD", "ZAR", "BRL", "MXN", "KRW", "AED", "SAR", "ILS"}) {
    if (word == code) return true;
  }
  return false;
}

// The words of a text; signs of currencies are words, and so are parts of "$/min".
std::vector<std::string> WordsOf(absl::string_view text) {
  std::string spaced;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte)) {
      spaced.push_back(c);
    } else if (c == '$') {
      absl::StrAppend(&spaced, " $ ");
    } else if (absl::StartsWith(text.substr(i), "\xE2\x82\xAC")) {
      absl::StrAppend(&spaced, " EUR ");
    } else if (absl::StartsWith(text.substr(i), "\xC2\xA3")) {
      absl::StrAppend(&spaced, " GBP ");
    } else if (absl::StartsWith(text.substr(i), "\xC2\xA2")) {
      absl::StrAppend(&spaced, " in cents ");
    } else {
      spaced.push_back(byte < 0x80 ? ' ' : 'x');
    }
  }
  return absl::StrSplit(spaced, ' ', absl::SkipEmpty());
}

// The currency that a word names, as MeansCurrency() takes it; empty: none.
std::string CurrencyIn(const std::vector<std::string>& words, size_t at) {
  const std::string& word = words[at];
  if (IsOneOf(word, {"eur", "euro", "euros"})) return "EUR";
  if (IsOneOf(word, {"gbp", "sterling"})) return "GBP";
  if (IsOneOf(word, {"usd", "dollar", "dollars"})) return IsOneOf(word, {"usd"}) ? "USD" : "$";
  if (word == "$" && at > 0 && IsOneOf(words[at - 1], {"us", "c", "ca", "a"})) {
    return absl::StrCat(absl::AsciiStrToUpper(words[at - 1]), "$");
  }
  return word == "$" || IsCurrencyCode(word) ? word : "";
}

bool Has(const std::vector<std::string>& words, std::initializer_list<absl::string_view> any) {
  return std::any_of(words.begin(), words.end(),
                     [any](const std::string& word) { return IsOneOf(word, any); });
}

// Words like "rounded" and "rounding", of which many forms are in use.
bool HasBeginning(const std::vector<std::string>& words,
                  std::initializer_list<absl::string_view> any) {
  return std::any_of(words.begin(), words.end(), [any](const std::string& word) {
    return std::any_of(any.begin(), any.end(), [&word](absl::string_view each) {
      return absl::StartsWithIgnoreCase(word, each);
    });
  });
}

bool IsOfPrices(const std::vector<std::string>& words) {
  return HasBeginning(words, {"price", "rate", "tariff", "amount", "currency", "charge", "preis",
                              "tarif", "prix", "precio", "prezz"});
}

bool SaysCents(const std::vector<std::string>& words) {
  if (HasBeginning(words, {"round"})) return false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (!IsOneOf(words[i], {"cent", "cents", "ct", "cts", "pence"})) continue;
    if (i > 0 && IsOneOf(words[i - 1], {"in", "us", "usd", "euro", "eur", "gbp"})) return true;
    if (i + 1 < words.size() && IsOneOf(words[i + 1], {"per", "min", "minute", "a"})) return true;
  }
  return false;
}

// "Rates per second", but not "rates per minute, billed per second".
bool SaysPerSecond(const std::vector<std::string>& words) {
  return IsOfPrices(words) && Has(words, {"second", "seconds", "sec"}) &&
         Has(words, {"per", "a"}) && !Has(words, {"minute", "minutes", "min"}) &&
         !HasBeginning(words, {"bill", "charg", "increment", "round", "minim", "interval"});
}

}  // namespace

TitleDoubt DoubtOfTitle(absl::string_view text, absl::string_view currency, bool is_note) {
  const std::vector<std::string> words = WordsOf(text);
  if (is_note && !IsOfPrices(words)) return {};
  if (SaysCents(words)) {
    return {
        "says cents: write prices in whole units of the currency, like 0.015, not 1.5 cents, "
        "and remove the line",
        false};
  }
  if (SaysPerSecond(words)) {
    return {"says prices per second: write what a minute costs, and remove the line", false};
  }
  if (currency.empty()) return {};
  std::string other;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string named = CurrencyIn(words, i);
    if (named.empty()) continue;
    if (MeansCurrency(named, currency).value_or(false)) return {};
    if (other.empty()) other = named;
  }
  if (other.empty()) return {};
  return {absl::StrCat("says ", other, ", and the deck is in ", currency,
                       ": import it in the currency of its prices, or remove the line"),
          true};
}

bool IsEndedWord(absl::string_view field) {
  if (field.size() < 6 || field.size() > 12) return false;
  return IsOneOf(field, {"deleted", "delete", "removed", "remove", "discontinued", "withdrawn",
                         "terminated", "expired", "cancelled", "canceled", "obsolete", "dropped"});
}

bool IsPriceChangeWord(absl::string_view field) {
  return IsOneOf(field, {"increase", "increased", "decrease", "decreased", "no change", "unchanged",
                         "not changed", "same", "new", "current", "changed", "n/c", "existing",
                         "valid", "live"});
}

}  // namespace reserve::rates
