// What is different in one deck from another: for who is to decide whether it comes into force.
// Pure and thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_RATES_DECK_COMPARISON_H_
#define RESERVE_SERVICES_LEDGER_RATES_DECK_COMPARISON_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

// What becomes of a line. The numbers are those of the proto.
enum class LineChange : uint8_t {
  kAdded = 1,    // the other deck has no line of its kind, prefix and carrier
  kRemoved = 2,  // this one has none
  kDearer = 3,   // price or fee go up, and neither goes down
  kCheaper = 4,  // the other way round
  kOther = 5,    // one goes up and the other down, or increments, steps, limits and the like change
};

struct LineDifference {
  LineChange change = LineChange::kOther;
  std::optional<RateRow> before;
  std::optional<RateRow> after;
  bool standard_before = false;
  bool standard_after = false;

  // Is it a standard rate in one of both only?
  bool crosses_ceiling() const {
    return before.has_value() && after.has_value() && standard_before != standard_after;
  }
};

struct DeckComparison {
  int64_t added = 0;
  int64_t removed = 0;
  int64_t dearer = 0;
  int64_t cheaper = 0;
  int64_t other = 0;
  int64_t unchanged = 0;
  // Of those that are in both decks.
  int64_t becomes_standard = 0;
  int64_t ceases_standard = 0;
};

// Goes through both decks in their order, and hands out each difference: a line that changes, or
// crosses the ceiling. Of several lines of a kind, prefix and carrier each is held against the one
// of its periods that began last before it.
DeckComparison CompareDecks(const DeckSnapshot& before, const DeckSnapshot& after,
                            absl::FunctionRef<void(const LineDifference&)> on_difference);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_DECK_COMPARISON_H_
