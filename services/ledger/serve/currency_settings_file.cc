#include "services/ledger/serve/currency_settings_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "common/money/money.h"

ABSL_FLAG(std::string, currency_settings_file, "",
          "A CSV file of the amounts of each currency that accounts are opened in: defaults, "
          "minimums, caps. `ledger settings` prints one. Empty: what is built in.");

namespace reserve::serve {
namespace {

using domain::CurrencySettings;
using domain::CurrencyTable;

constexpr char kFlag[] = "--currency_settings_file";
constexpr absl::string_view kCurrency = "currency";
constexpr absl::string_view kDebtLimit = "debt_limit";

using domain::Limits;

// L1: an empty field sets no limit. Where the file has no such column prices are limited by the
// currency's reserve amount (L5), and spending is not.
struct LimitColumn {
  absl::string_view name;
  std::optional<Nanos>* (*of)(Limits*);
  bool of_price;
};
constexpr LimitColumn kLimitColumns[] = {
    {"max_spend_per_hour", [](Limits* limits) { return &limits->spend[0]; }, false},
    {"max_spend_per_day", [](Limits* limits) { return &limits->spend[1]; }, false},
    {"max_spend_per_month", [](Limits* limits) { return &limits->spend[2]; }, false},
    {"max_price_per_minute", [](Limits* limits) { return &limits->price_per_minute; }, true},
    {"new_account_max_price_per_minute",
     [](Limits* limits) { return &limits->new_account_price_per_minute; }, true},
};

struct Column {
  absl::string_view name;
  Nanos CurrencySettings::*amount;
};

// All but the currency and the debt limit, which may be none.
constexpr Column kColumns[] = {
    {"default_reserve_amount", &CurrencySettings::default_reserve_amount},
    {"min_reserve_amount", &CurrencySettings::min_reserve_amount},
    {"default_recharge_threshold", &CurrencySettings::default_recharge_threshold},
    {"min_recharge_threshold", &CurrencySettings::min_recharge_threshold},
    {"smallest_charge", &CurrencySettings::smallest_charge},
    {"max_recharge_amount", &CurrencySettings::max_recharge_amount},
    {"max_automatic_amount_per_hour", &CurrencySettings::max_automatic_amount_per_hour},
    {"max_automatic_amount_per_day", &CurrencySettings::max_automatic_amount_per_day},
    {"standard_rate_ceiling", &CurrencySettings::standard_rate_ceiling},
};

const LimitColumn* FindLimit(absl::string_view name) {
  for (const LimitColumn& column : kLimitColumns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

std::vector<absl::string_view> ColumnNames() {
  std::vector<absl::string_view> names = {kCurrency};
  for (const Column& column : kColumns) names.push_back(column.name);
  names.push_back(kDebtLimit);
  for (const LimitColumn& column : kLimitColumns) names.push_back(column.name);
  return names;
}

// As it may stand in a message: a file may hold anything.
std::string Shown(absl::string_view text) {
  constexpr size_t kShownBytes = 64;
  return absl::StrCat("\"", absl::CEscape(text.substr(0, kShownBytes)), "\"");
}

absl::Status AtLine(size_t line, absl::string_view message) {
  return InvalidField(kFlag, absl::StrCat("line ", line, ": ", message));
}

std::vector<absl::string_view> Fields(absl::string_view line) {
  std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
  for (absl::string_view& field : fields) field = absl::StripAsciiWhitespace(field);
  return fields;
}

absl::Status CheckHeader(const std::vector<absl::string_view>& header, size_t line) {
  const std::vector<absl::string_view> names = ColumnNames();
  for (const absl::string_view column : header) {
    if (std::find(names.begin(), names.end(), column) == names.end()) {
      return AtLine(line, absl::StrCat("there is no column ", Shown(column), "; there are ",
                                       absl::StrJoin(names, ", ")));
    }
    if (std::count(header.begin(), header.end(), column) > 1) {
      return AtLine(line, absl::StrCat("column ", column, " is there twice"));
    }
  }
  for (const absl::string_view name : names) {
    if (name != kDebtLimit && FindLimit(name) == nullptr &&
        std::find(header.begin(), header.end(), name) == header.end()) {
      return AtLine(line, absl::StrCat("column ", name, " is missing"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadField(absl::string_view column, absl::string_view text, std::string* currency,
                       CurrencySettings* settings) {
  if (column == kCurrency) {
    *currency = std::string(text);
    if (IsCurrency(text)) return absl::OkStatus();
    return InvalidField(column,
                        absl::StrCat(Shown(text), " is not a currency of ISO 4217, like USD"));
  }
  const LimitColumn* limit = FindLimit(column);
  if (text.empty() && (column == kDebtLimit || limit != nullptr)) return absl::OkStatus();
  const absl::StatusOr<Nanos> amount = ParseDecimal(text);
  if (!amount.ok()) return InvalidField(column, amount.status().message());
  if (column == kDebtLimit) {
    settings->debt_limit = *amount;
    return absl::OkStatus();
  }
  if (limit != nullptr) *limit->of(&settings->limits) = *amount;
  for (const Column& known : kColumns) {
    if (known.name == column) settings->*known.amount = *amount;
  }
  return absl::OkStatus();
}

absl::Status ReadLine(const std::vector<absl::string_view>& header,
                      const std::vector<absl::string_view>& fields, CurrencyTable* currencies) {
  if (fields.size() != header.size()) {
    return InvalidField(absl::StrCat(fields.size(), " fields"),
                        absl::StrCat("must be ", header.size(), ", as the first line names"));
  }
  std::string currency;
  CurrencySettings settings;
  for (size_t i = 0; i < fields.size(); ++i) {
    RESERVE_RETURN_IF_ERROR(ReadField(header[i], fields[i], &currency, &settings));
  }
  Limits defaults = domain::DefaultMoneyLimits(settings.default_reserve_amount);
  for (const LimitColumn& column : kLimitColumns) {
    if (column.of_price && std::find(header.begin(), header.end(), column.name) == header.end()) {
      *column.of(&settings.limits) = *column.of(&defaults);
    }
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckCurrencySettings(currency, settings));
  if (currencies->emplace(currency, settings).second) return absl::OkStatus();
  return InvalidField(kCurrency, absl::StrCat(currency, " is there twice"));
}

}  // namespace

absl::StatusOr<CurrencyTable> ParseCurrencySettings(absl::string_view csv) {
  CurrencyTable currencies;
  std::vector<absl::string_view> header;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(csv, '\n')) {
    ++number;
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    if (text.empty() || absl::StartsWith(text, "#")) continue;
    if (header.empty()) {
      header = Fields(text);
      RESERVE_RETURN_IF_ERROR(CheckHeader(header, number));
      continue;
    }
    const absl::Status read = ReadLine(header, Fields(text), &currencies);
    if (!read.ok()) return AtLine(number, read.message());
  }
  if (currencies.empty()) return InvalidField(kFlag, "has no currency");
  return currencies;
}

std::string FormatCurrencySettings(const CurrencyTable& currencies) {
  std::string csv = absl::StrCat(absl::StrJoin(ColumnNames(), ","), "\n");
  for (const auto& [currency, settings] : currencies) {
    absl::StrAppend(&csv, currency);
    for (const Column& column : kColumns) {
      absl::StrAppend(&csv, ",", FormatDecimal(settings.*column.amount));
    }
    const std::optional<Nanos> limit = settings.debt_limit;
    absl::StrAppend(&csv, ",", limit.has_value() ? FormatDecimal(*limit) : "");
    Limits limits = settings.limits;
    for (const LimitColumn& column : kLimitColumns) {
      const std::optional<Nanos> amount = *column.of(&limits);
      absl::StrAppend(&csv, ",", amount.has_value() ? FormatDecimal(*amount) : "");
    }
    absl::StrAppend(&csv, "\n");
  }
  return csv;
}

absl::StatusOr<CurrencyTable> CurrenciesFromFlags() {
  const std::string path = absl::GetFlag(FLAGS_currency_settings_file);
  if (path.empty()) return domain::BuiltInCurrencies();
  std::ifstream in(path, std::ios::binary);
  const std::string csv{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) return InvalidField(kFlag, absl::StrCat("cannot read \"", path, "\""));
  return ParseCurrencySettings(csv);
}

}  // namespace reserve::serve
