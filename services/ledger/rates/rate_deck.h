// What a rate deck is: plain values, as they are imported and stored.
//
// A deck is one header and its rows; both never change once imported. Prices are
// nano-units of the deck's currency. Plain values: as thread-safe as an int.
#ifndef RESERVE_SERVICES_LEDGER_RATES_RATE_DECK_H_
#define RESERVE_SERVICES_LEDGER_RATES_RATE_DECK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/line_terms.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/tariff.h"

namespace reserve::rates {

// The numbers are stored; never reuse one.
enum class RateKind : uint8_t {
  kCall = 1,
  kCallInbound = 2,
  kSms = 3,
  // Of short codes, which are no E.164 numbers: each is the whole of what is dialled (C10).
  kShortCode = 4,     // a call
  kSmsShortCode = 5,  // a text
};
inline constexpr RateKind kRateKinds[] = {RateKind::kCall, RateKind::kCallInbound, RateKind::kSms,
                                          RateKind::kShortCode, RateKind::kSmsShortCode};

inline bool IsTextKind(RateKind kind) {
  return kind == RateKind::kSms || kind == RateKind::kSmsShortCode;
}
inline bool IsShortCodeKind(RateKind kind) {
  return kind == RateKind::kShortCode || kind == RateKind::kSmsShortCode;
}

// One line. (kind, prefix, carrier) is unique in a deck, among lines of the same days and periods.
struct RateRow {
  RateKind kind = RateKind::kCall;
  // 1 to 15 digits, the first one 1-9; of a short code its 3 to 8 digits.
  std::string prefix;
  std::string carrier;                     // of a text; empty: the prefix's default price
  std::string destination_name;            // UTF-8, for people; may be empty
  Nanos price = 0;                         // per minute of a call, per segment of a text; >= 0
  Nanos connect_fee = 0;                   // >= 0; 0 for a text
  int32_t initial_increment_seconds = 60;  // 1 to 3600; 0 for a text
  int32_t increment_seconds = 60;          // 1 to 3600; 0 for a text
  domain::NumberCountry country = domain::NumberCountry::kUnknown;  // C14: kUnknown: the number's
  std::shared_ptr<const domain::LineTerms> terms = nullptr;         // null: it says no more

  friend bool operator==(const RateRow& a, const RateRow& b) {
    return std::tie(a.kind, a.prefix, a.carrier, a.destination_name, a.price, a.connect_fee,
                    a.initial_increment_seconds, a.increment_seconds, a.country) ==
               std::tie(b.kind, b.prefix, b.carrier, b.destination_name, b.price, b.connect_fee,
                        b.initial_increment_seconds, b.increment_seconds, b.country) &&
           (a.terms == b.terms || (a.terms && b.terms && *a.terms == *b.terms));
  }
};

// What holds for all rows of a deck.
struct DeckHeader {
  int64_t version = 0;  // unique over all decks; grows
  std::string name;
  std::string currency;  // ISO 4217
  // The price list: decks of a currency and series take each other's place (timeline.h).
  std::string series = domain::kStandardSeries;
  // From when its import was meant to be in force: its findings are about that time. The timeline
  // alone says what is in force.
  absl::Time effective_time = absl::InfinitePast();
  // A call's price at or under it is a standard rate.
  Nanos standard_rate_ceiling = 2 * kNanosPerCent;
  int64_t rate_count = 0;
  absl::Time import_time = absl::InfinitePast();
  std::string content_digest;  // equal digests are the same deck
  // Where its days and periods are: an IANA name, and the changes of its clock as of the import.
  std::string time_zone = "UTC";
  domain::DeckRules rules = {};
  bool prices_include_tax = false;  // shown, not computed
  // It was imported when a fee did not count for C12, which is fixed then.
  bool standard_by_price_alone = false;

  friend bool operator==(const DeckHeader&, const DeckHeader&) = default;
};

// Do both decks read their lines in the same way? The changes of a zone's clock may have come to be
// known since.
inline bool SameOptions(const DeckHeader& a, const DeckHeader& b) {
  return a.standard_rate_ceiling == b.standard_rate_ceiling && a.time_zone == b.time_zone &&
         a.rules.calendar.holidays == b.rules.calendar.holidays &&
         a.rules.periods_by_start == b.rules.periods_by_start &&
         a.rules.rounding == b.rules.rounding && a.prices_include_tax == b.prices_include_tax;
}

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_RATE_DECK_H_
