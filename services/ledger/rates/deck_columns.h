// The columns of a deck's file, and the names that people give them.
//
// A name is compared without case, accents, spaces and punctuation, and without units and
// currencies that it mentions: "Rate ($/min)", "rate_per_min" and "PRICE" are all the column
// `price`. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_DECK_COLUMNS_H_
#define RESERVE_SERVICES_LEDGER_RATES_DECK_COLUMNS_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace reserve::rates {

enum class DeckColumn : size_t {
  kKind,
  kPrefix,
  kAreaCode,     // after `calling_code`
  kCallingCode,  // before `area_code`
  kNpa,          // an area code of North America, or one and an exchange
  kCarrier,
  kMcc,
  kMnc,
  kMccMnc,  // both in one: "23415"
  kDestination,
  kPrice,
  kNextPrice,  // of the seconds after the initial increment
  kConnectFee,
  kInitialIncrement,
  kIncrement,
  kIncrements,  // both in one: "60/6"
  kCountry,
  kFirstDay,
  kLastDay,
  kBlocked,
  kDays,
  kFrom,
  kTo,
  kSteps,
  kIncludedSeconds,
  kMinimum,
  kMaximum,
  kStandard,
  kCurrency,
  kIgnored,  // what never changes a price: comments, the price of before
  kUnknown,  // none of these
};
inline constexpr size_t kDeckColumns = static_cast<size_t>(DeckColumn::kIgnored);

// "kind", "prefix" ...: the name that the program uses itself.
absl::string_view NameOf(DeckColumn column);

// What one name of a header means.
struct ColumnName {
  DeckColumn column = DeckColumn::kUnknown;
  int rank = 0;             // of two names for one column the lower one counts, if they differ
  std::string currency;     // ISO 4217 or a sign, if the name mentions one
  bool hundredths = false;  // the name says cents
  bool text_price = false;  // the name says that it is a price of texts
  // Its numbers could be something else: of a status 1 can be active or blocked, a minimum can be
  // one of seconds, a rounding one to decimals.
  bool doubtful = false;
  // Why a column that looks like one of the program's is none, and what to do; empty: nothing.
  std::string problem;
};
ColumnName ReadColumnName(absl::string_view name);

// What the help and the docs say of a column.
struct ColumnHelp {
  DeckColumn column;
  absl::string_view name;
  absl::string_view also;  // some of the other names
  absl::string_view meaning;
  absl::string_view example;
};
absl::Span<const ColumnHelp> DeckColumnHelp();

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_DECK_COLUMNS_H_
