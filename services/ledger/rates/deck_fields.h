// Reads the fields of a deck's file, as people and spreadsheets write them.
//
// Each Read... returns what is wrong with a field, in words that follow its value ("must not be
// negative"), or an empty text. What could mean two things is refused, never guessed. Thread-safe:
// pure functions, but for the DecimalMarks of one file.
#ifndef RESERVE_SERVICES_LEDGER_RATES_DECK_FIELDS_H_
#define RESERVE_SERVICES_LEDGER_RATES_DECK_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "common/money/money.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/line_terms.h"

namespace reserve::rates {

// Per minute or segment, and of a connect fee: dearer is taken for a mistake.
inline constexpr Nanos kMaxDeckPrice = 1000 * kNanosPerUnit;
// That one field may name, written out.
inline constexpr size_t kMaxPrefixesOfField = 1000;

// Without spaces (of any kind) around it, the mark that a spreadsheet puts before a text ('44), and
// the formula that keeps a text a text (="0044").
absl::string_view CleanField(absl::string_view field);

// What a spreadsheet did to the value, if it looks so: "is in scientific form ...". For values that
// nobody could read; else empty.
std::string SpreadsheetDamage(absl::string_view value);

// How the prefix was written.
struct PrefixForm {
  bool plus = false;  // with a `+` or 00 before it
};
// All the prefixes that a field names. Appends to `prefixes`.
std::string ReadPrefixes(absl::string_view field, std::vector<std::string>* prefixes,
                         PrefixForm* form);
// Of an area code after a calling code, and of one of North America.
std::string ReadAreaCodes(absl::string_view calling_code, absl::string_view field,
                          std::vector<std::string>* prefixes);
std::string ReadNpa(absl::string_view field, std::vector<std::string>* prefixes);

// How the decimals of one file are marked, as far as its values tell.
struct DecimalMarks {
  char only = 0;                // '.' or ',': the importer said so
  bool point = false;           // a value had decimals after a point, and could mean nothing else
  bool comma = false;           // or after a comma
  int64_t doubtful_points = 0;  // values like 1.234, taken for decimals
  int64_t doubtful_commas = 0;  // values like 1,234, taken for decimals
};
// An amount, >= 0, up to kMaxDeckPrice; empty is refused. A sign or code of a currency must be that
// of `currency`. A value that could be decimals or thousands is counted as doubtful.
std::string ReadAmount(absl::string_view field, absl::string_view currency, DecimalMarks* marks,
                       Nanos* amount);
// Is this word or sign one of `currency`? Nothing if it is none of any.
std::optional<bool> MeansCurrency(absl::string_view word, absl::string_view currency);

std::string ReadIncrement(absl::string_view field, int32_t* seconds);
// "60/6"; a single number is both.
std::string ReadIncrements(absl::string_view field, int32_t* initial, int32_t* further);
bool IsIncrementPair(absl::string_view field);

std::string ReadIncludedSeconds(absl::string_view field, int32_t* seconds);

// In which order the numbers of a date stand.
enum class DateOrder { kUnknown, kDayMonthYear, kMonthDayYear, kYearMonthDay };
// "DMY", "dd/mm/yyyy" and the like; nothing if it is none.
std::optional<DateOrder> DateOrderFrom(absl::string_view text);
// The year first, a month in letters, points (01.12.2026: the day first), or an order that no other
// reading has; else by `order`.
// Years of two digits are of this century, where the order is said or the month is in letters.
std::string ReadDate(absl::string_view field, DateOrder order, absl::CivilDay* day);
// "2026-12-31 23:59:59" without its time; any other field as it is.
absl::string_view WithoutLastSecond(absl::string_view field);

std::string ReadYesNo(absl::string_view field, bool* yes);
// As ReadYesNo, and the words that a status has.
std::string ReadBlocked(absl::string_view field, bool* blocked);
// A word that stands instead of a price and means that the prefix is blocked.
bool IsBlockedWord(absl::string_view field);

// "1-5", "Mon-Fri,H": the bits of domain::DayPeriod.
std::string ReadDays(absl::string_view field, uint8_t* days);
// "18:00", "6 pm", "24:00": a minute of the day, up to 1440.
std::string ReadTimeOfDay(absl::string_view field, int16_t* minute);

// "60:0.01;120:0.005".
std::string ReadSteps(absl::string_view field, absl::string_view currency, DecimalMarks* marks,
                      std::vector<domain::PriceStep>* steps);

// A country's code, or its name as the program knows it.
std::string ReadCountry(absl::string_view field, domain::NumberCountry* country);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_DECK_FIELDS_H_
