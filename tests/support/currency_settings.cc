#include "tests/support/currency_settings.h"

#include <fstream>

#include "absl/strings/str_cat.h"

namespace reserve::test_support {
namespace {

const DollarAmounts& BuiltIn() {
  static const auto* const amounts =
      new DollarAmounts{{"default_reserve_amount", "15.00"},
                        {"min_reserve_amount", "15.00"},
                        {"default_recharge_threshold", "10.00"},
                        {"min_recharge_threshold", "10.00"},
                        {"smallest_charge", "0.50"},
                        {"max_recharge_amount", "1000.00"},
                        {"max_automatic_amount_per_hour", "500.00"},
                        {"max_automatic_amount_per_day", "1000.00"},
                        {"debt_limit", ""},
                        {"standard_rate_ceiling", "0.02"},
                        // Not by the reserve amount: it is small in some tests.
                        {"max_price_per_minute", "10.00"},
                        {"new_account_max_price_per_minute", ""}};
  return *amounts;
}

}  // namespace

std::string CurrencySettingsFlag(const std::string& folder, const DollarAmounts& dollars,
                                 const std::set<std::string>& left_out) {
  DollarAmounts changed = dollars;
  changed.insert(BuiltIn().begin(), BuiltIn().end());
  std::string names = "currency";
  std::string usd = "USD";
  std::string eur = "EUR";
  for (const auto& [name, amount] : changed) {
    if (left_out.count(name) > 0) continue;
    absl::StrAppend(&names, ",", name);
    absl::StrAppend(&usd, ",", amount);
    const auto built_in = BuiltIn().find(name);
    absl::StrAppend(&eur, ",", built_in == BuiltIn().end() ? "" : built_in->second);
  }
  const std::string path = absl::StrCat(folder, "/currencies.csv");
  std::ofstream(path) << absl::StrCat(names, "\n", usd, "\n", eur, "\n");
  return absl::StrCat("--currency_settings_file=", path);
}

}  // namespace reserve::test_support
