// The settings of each currency (M3), from the file that --currency_settings_file names; what is
// built in without one.
//
// The file is CSV: a line that names the columns, in any order, then a line a currency. Amounts are
// decimals of the currency's units; an empty debt_limit is none. Lines that are empty or begin with
// # are passed over.
//
//   currency,default_reserve_amount,min_reserve_amount,...
//   USD,15.00,15.00,...
#ifndef RESERVE_SERVICES_LEDGER_SERVE_CURRENCY_SETTINGS_FILE_H_
#define RESERVE_SERVICES_LEDGER_SERVE_CURRENCY_SETTINGS_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/currency_settings.h"

namespace reserve::serve {

// INVALID_ARGUMENT on --currency_settings_file: a file that can't be read, or the line and the
// column at fault.
absl::StatusOr<domain::CurrencyTable> CurrenciesFromFlags();

// The same of a text.
absl::StatusOr<domain::CurrencyTable> ParseCurrencySettings(absl::string_view csv);

// The file that says this.
std::string FormatCurrencySettings(const domain::CurrencyTable& currencies);

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_CURRENCY_SETTINGS_FILE_H_
