// What a country is called: of the reader's language, or of the texts where it is none (C14).
#ifndef RESERVE_CONSOLE_VIEWS_COUNTRY_NAME_H_
#define RESERVE_CONSOLE_VIEWS_COUNTRY_NAME_H_

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"

namespace reserve::console {

// Of a code as the ledger tells it: "GB", "SATELLITE", or empty.
inline std::string CountryName(const std::string& code, const Formatter& format,
                               const Texts& texts) {
  if (code.empty()) return texts.Say("country_none");
  const std::string key = absl::StrCat("country_", code);
  return texts.Has(key) ? texts.Say(key) : format.Country(code);
}

// All countries and what stands in their place; one that is asked for by another word is kept.
inline Data CountryChoices(const std::string& asked, const Formatter& format, const Texts& texts) {
  Data list = ListOf();
  bool found = asked.empty();
  const std::string code = absl::AsciiStrToUpper(asked);
  const auto add = [&](const std::string& value, const std::string& text) {
    Data one;
    one.set("value", value);
    one.set("text", text);
    one.set("chosen", value == code);
    found = found || value == code;
    list.push_back(one);
  };
  add("", texts.Say("country_any"));
  for (const auto& [value, name] : format.Countries()) add(value, name);
  for (const char* const value : {"TOLL_FREE", "SATELLITE", "PREMIUM_RATE"}) {
    add(value, CountryName(value, format, texts));
  }
  if (!found) {
    Data one;
    one.set("value", asked);
    one.set("text", asked);
    one.set("chosen", true);
    list.push_back(one);
  }
  return list;
}

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_COUNTRY_NAME_H_
