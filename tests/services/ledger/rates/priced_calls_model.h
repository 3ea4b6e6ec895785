// What a call costs by C11, once more and as plainly as can be: second by second, with the
// time-zone database itself. Shares nothing with the ledger but the words of a deck.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_RATES_PRICED_CALLS_MODEL_H_
#define RESERVE_TESTS_SERVICES_LEDGER_RATES_PRICED_CALLS_MODEL_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

struct ModelCall {
  absl::Time start;
  absl::Duration duration;
  int64_t free_seconds = 0;       // of the allowance
  bool standard_is_free = false;  // on the unlimited plan
};

struct ModelPrice {
  bool found = false;  // a line of the prefix is in force at the start
  int64_t billable = 0;
  int64_t free_taken = 0;
  int64_t paid = 0;
  __int128 cost = 0;
};

// `rows` are the lines of one prefix; the zone and the options are those of the deck.
ModelPrice PriceByTheSecond(const DeckHeader& header, absl::TimeZone zone,
                            const std::vector<RateRow>& rows, const ModelCall& call);

}  // namespace reserve::rates

#endif  // RESERVE_TESTS_SERVICES_LEDGER_RATES_PRICED_CALLS_MODEL_H_
