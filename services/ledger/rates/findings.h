// What is strange about a deck that is well-formed (DESIGN K1, "Sense"): a file without the leading
// 1, one row instead of thousands, prices ten times as high. An import with findings is refused
// until each of their codes is accepted for that file.
//
// Pure: the deck that is in force comes as a list of rows, and what happened lately as a list of
// destinations. Thread-safe.
//
//   const std::vector<Finding> findings = FindFindings(file, header, circumstances);
#ifndef RESERVE_SERVICES_LEDGER_RATES_FINDINGS_H_
#define RESERVE_SERVICES_LEDGER_RATES_FINDINGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/usage_groups.h"

namespace reserve::rates {

// The numbers are those of the proto's enum.
enum class FindingCode : uint8_t {
  // More than a tenth of the lines of the deck in force have none of their kind, prefix and
  // carrier.
  kRowsDropped = 1,
  // What more than a tenth of the lines cost changes (a price, a fee or any other term), or a price
  // or fee by three times or more.
  kPricesChanged = 2,
  // Lines become standard rates, or cease to be.
  kCrossesCeiling = 3,
  // A prefix without the rest of it: a bare 1 or 7, or a part of a country's code (2, 35), covers
  // several countries; three digits without a
  // `+`, in a file that has others with it, are an area code of North America.
  kBarePrefix = 4,
  // The name of a line, or its country in the file, says another one than its prefix.
  kNameNotInPrefix = 5,
  // Recent usage that was priced went where the deck has no price.
  kMissesRecent = 6,
  // Usage that waits for a price of its start would still have none.
  kLeavesUnrated = 7,
  // A prefix has lines before and after some days, and none on them.
  kDatesGap = 8,
  // The currency has no deck, and other currencies have.
  kFirstOfCurrency = 9,
  // A prefix is longer than any number of its calling code: two that stand together, say.
  kPrefixTooLong = 10,
};
inline constexpr FindingCode kFindingCodes[] = {
    FindingCode::kRowsDropped,   FindingCode::kPricesChanged,   FindingCode::kCrossesCeiling,
    FindingCode::kBarePrefix,    FindingCode::kNameNotInPrefix, FindingCode::kMissesRecent,
    FindingCode::kLeavesUnrated, FindingCode::kDatesGap,        FindingCode::kFirstOfCurrency,
    FindingCode::kPrefixTooLong};
// "ROWS_DROPPED" and so on.
absl::string_view NameOf(FindingCode code);

struct Finding {
  FindingCode code = FindingCode::kRowsDropped;
  int64_t count = 0;               // of lines, usages, or gaps
  std::string message;             // what it is and what to do, for people
  std::vector<std::string> lines;  // the first of them
};

// Where a usage went.
struct Destination {
  domain::UsageKind kind = domain::UsageKind::kCall;
  std::string number;  // as kept (domain/destination.h)
  // Of one that is in `Circumstances::groups`, too: the prefix of the line that priced it.
  std::string counted_by = {};
};

// What the deck comes into.
struct Circumstances {
  // The deck of the currency that is in force when the new one comes; rows as
  // RateRows::Sort() has them, one after the other. Unset: there is none.
  std::function<bool(size_t index, RateRow* row)> row_in_force;  // false: no more
  DeckHeader header_in_force = {};
  bool other_currencies = false;  // have decks
  // What was priced lately, of these days: all that is added up by now, and the newest usages one
  // by one. Inbound calls, which are free without a line, are passed over.
  std::vector<UsageGroup> groups;
  std::vector<Destination> recent;
  absl::CivilDay first_day = {};
  absl::CivilDay last_day = {};
  std::vector<Destination> unrated;  // outbound, without a price of their start
};

// In the order of their codes; at most one of each.
std::vector<Finding> FindFindings(const DeckFile& file, const DeckHeader& header,
                                  const Circumstances& circumstances);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_FINDINGS_H_
