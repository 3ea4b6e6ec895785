// The operator's settings of US dollars, and of euros as they are built in, as a file for a ledger
// that is started.
//
//   args.push_back(CurrencySettingsFlag(folder, {{"max_automatic_amount_per_day", "30"}}));
#ifndef RESERVE_TESTS_SUPPORT_CURRENCY_SETTINGS_H_
#define RESERVE_TESTS_SUPPORT_CURRENCY_SETTINGS_H_

#include <map>
#include <set>
#include <string>

namespace reserve::test_support {

// Amounts in dollars by the names of their columns; what is not among them is as it is built in.
using DollarAmounts = std::map<std::string, std::string>;

// Writes FOLDER/currencies.csv without the columns that are left out; returns
// "--currency_settings_file=" with its path.
std::string CurrencySettingsFlag(const std::string& folder, const DollarAmounts& dollars,
                                 const std::set<std::string>& left_out = {});

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_CURRENCY_SETTINGS_H_
