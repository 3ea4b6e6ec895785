// Where usage of the last days went, added up by what a price list can change: for whoever compares
// two of them (DESIGN K1). A group is all usage of one day that one line of a deck priced, and
// carrier; what it would cost by another deck follows from its sums alone.
//
// Pure. A UsageTally is one thread's; all else is thread-safe.
//
//   UsageTally tally;
//   for (...) tally.Add(usage, rating);
//   for (const UsageGroup& group : tally.Groups()) {
//     const GroupCost cost = CostOf(group, *deck, booked_by);
#ifndef RESERVE_SERVICES_LEDGER_RATES_USAGE_GROUPS_H_
#define RESERVE_SERVICES_LEDGER_RATES_USAGE_GROUPS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

struct UsageGroup {
  absl::CivilDay day;        // of the starts, in UTC
  int64_t deck_version = 0;  // that priced it
  RateKind kind = RateKind::kCall;
  std::string prefix;   // of the line
  std::string carrier;  // of texts, as it was said; may be empty
  // Of the line; 0 for texts.
  int32_t initial_increment_seconds = 0;
  int32_t increment_seconds = 0;
  bool plain = true;  // it had one price, and neither steps, nor times, nor limits

  int64_t usages = 0;
  int64_t billed = 0;   // with anything to be billed: no call of zero seconds
  int64_t seconds = 0;  // of calls, each with the second that it had begun
  int64_t units = 0;    // billed seconds of calls; segments of texts
  Nanos list_cost = 0;  // at the line's price, without allowances

  auto key() const {
    return std::tie(day, deck_version, kind, prefix, carrier, initial_increment_seconds,
                    increment_seconds, plain);
  }
};

class UsageTally {
 public:
  // Adds a usage as it was rated; one that no line priced is passed over. With `times` -1 it is
  // taken back. Sums that do not fit stay at the largest amount.
  void Add(const domain::Usage& usage, const domain::Rating& rating, int times = 1);
  // Those that are not of zeros only, by their keys.
  std::vector<UsageGroup> Groups() const;

 private:
  // With the sums at zero.
  using Key = std::tuple<absl::CivilDay, int64_t, RateKind, std::string, std::string, int32_t,
                         int32_t, bool>;
  std::map<Key, UsageGroup> groups_;
};

struct GroupCost {
  // Nothing if the deck has no price there at all.
  std::optional<Nanos> cost;
  // To the nano-unit, apart from what each call was rounded by (half of one at the most); else
  // about, as a group's sums don't tell each call.
  bool exact = false;
};

// What the usage of the group would have cost by the list prices of `deck`. Exact by the deck that
// priced it, and where one line, of one price and the same increments, has all of it on that day.
// `booked_by` is the deck that priced it, or null if that is not at hand: it tells whether a longer
// prefix of `deck` can take a part of the group.
GroupCost CostOf(const UsageGroup& group, const DeckSnapshot& deck, const DeckSnapshot* booked_by);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_USAGE_GROUPS_H_
