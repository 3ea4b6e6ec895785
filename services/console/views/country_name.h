// What a country is called: of the reader's language, or of the texts where it is none (C14).
#ifndef RESERVE_CONSOLE_VIEWS_COUNTRY_NAME_H_
#define RESERVE_CONSOLE_VIEWS_COUNTRY_NAME_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "services/console/views/formatter.h"
#include "services/console/views/texts.h"

namespace reserve::console {

// Of a code as the ledger tells it: "GB", "SATELLITE", or empty.
inline std::string CountryName(const std::string& code, const Formatter& format,
                               const Texts& texts) {
  if (code.empty()) return texts.Say("country_none");
  const std::string key = absl::StrCat("country_", code);
  return texts.Has(key) ? texts.Say(key) : format.Country(code);
}

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_COUNTRY_NAME_H_
