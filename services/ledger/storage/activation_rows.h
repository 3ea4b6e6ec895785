// Rows of the decks' timeline (rates/timeline.h). They are only added; of a row nothing changes but
// whether it has come to count. Whoever activates or retires a deck writes the deck's row first, so
// that the other waits.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ACTIVATION_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ACTIVATION_ROWS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/rates/timeline.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// All, by number, whatever their stage.
absl::StatusOr<std::vector<rates::DeckActivation>> LoadActivations(Connection& connection);
absl::StatusOr<std::optional<rates::DeckActivation>> FindActivation(Connection& connection,
                                                                    absl::string_view request_id);

// What tells whether the timeline has changed since: cheap to ask.
struct TimelineMark {
  int64_t newest = 0;     // number
  int64_t unsettled = 0;  // how many
  friend bool operator==(const TimelineMark&, const TimelineMark&) = default;
};
absl::StatusOr<TimelineMark> ReadTimelineMark(Connection& connection);

// Stores it under the next number, and returns that; 0 if there is no such deck, or it is retired.
// In a transaction of its own. ALREADY_EXISTS if its request id is taken.
absl::StatusOr<int64_t> AddActivation(Connection& connection,
                                      const rates::DeckActivation& activation);
// Has one that is prepared count, or miss; commits. What its stage is then, whoever said so first.
// One that missed gives its request id back.
absl::StatusOr<rates::ActivationStage> SettleActivation(Connection& connection, int64_t number,
                                                        rates::ActivationStage stage);

// Retires a deck, in a transaction of its own, unless a start at `needed_from` or later is priced
// by it: then false.
absl::StatusOr<bool> RetireDeck(Connection& connection, int64_t version, absl::Time now,
                                absl::Time needed_from);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ACTIVATION_ROWS_H_
