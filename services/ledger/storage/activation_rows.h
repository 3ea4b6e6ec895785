// Rows of the decks' timeline (rates/timeline.h). They are only added; of a row nothing changes but
// whether it has come to count. Each has the number after that of the last one: who has decided by
// what is there by now adds the next, or is told that another came first.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ACTIVATION_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ACTIVATION_ROWS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/rates/timeline.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// All, by number, whatever their stage.
absl::StatusOr<std::vector<rates::DeckActivation>> LoadActivations(Connection& connection);
absl::StatusOr<std::optional<rates::DeckActivation>> FindActivation(Connection& connection,
                                                                    absl::string_view request_id);

// What tells whether the timelines of decks and plans have changed since: cheap to ask.
struct TimelineMark {
  int64_t newest = 0;     // number
  int64_t undecided = 0;  // how many
  // The same of the versions of plans.
  int64_t newest_plan = 0;
  int64_t undecided_plans = 0;

  bool SamePlans(const TimelineMark& other) const {
    return newest_plan == other.newest_plan && undecided_plans == other.undecided_plans;
  }
  friend bool operator==(const TimelineMark&, const TimelineMark&) = default;
};
absl::StatusOr<TimelineMark> ReadTimelineMark(Connection& connection);

// Stores it; commits. ALREADY_EXISTS if its number, or its request id, is taken.
absl::Status AddActivation(Connection& connection, const rates::DeckActivation& activation);
// Has one that is prepared count, or miss; commits. What its stage is then, whoever said so first.
// One that missed gives its request id back.
absl::StatusOr<rates::ActivationStage> DecideActivation(Connection& connection, int64_t number,
                                                        rates::ActivationStage stage);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ACTIVATION_ROWS_H_
