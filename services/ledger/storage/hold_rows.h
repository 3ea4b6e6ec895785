// Rows of holds: those that live, each in a place of its account's, and how they ended.
//
// Functions that write must run inside a transaction of the caller. A vector may be empty; then
// nothing is sent. At most 1,000 keys a call.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_HOLD_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_HOLD_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/book/write_set.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// The live holds of these accounts, in no particular order. Not locked: the lock on an account
// covers its holds.
absl::StatusOr<std::vector<domain::Hold>> LoadHolds(
    Connection& connection, const std::vector<absl::string_view>& account_ids);
// How these holds ended, of those that did; one that was made anew since may be among them.
absl::StatusOr<std::vector<domain::Hold>> LoadEndedHolds(Connection& connection,
                                                         const std::vector<book::OnceKey>& keys);

// Places of live holds, taken or left.
absl::Status WriteHolds(Connection& connection, const std::vector<book::HoldRow>& rows);
absl::Status WriteEndedHolds(Connection& connection, const std::vector<const domain::Hold*>& holds);

// (account id, slot).
using HoldPlace = std::pair<std::string, int64_t>;
// A place among those that wait for their time: the default is before all of them.
struct DuePlace {
  absl::Time expire_time = absl::InfinitePast();
  HoldPlace hold;
  friend bool operator==(const DuePlace&, const DuePlace&) = default;
};
DuePlace PlaceOf(const domain::Hold& hold);

// Live holds of this state that somebody is to look at now, the longest due first, after that
// place.
absl::StatusOr<std::vector<domain::Hold>> DueHolds(Connection& connection, domain::HoldState state,
                                                   absl::Time now, const DuePlace& after,
                                                   int limit);

// Live holds with a time after `latest`, after that place.
absl::StatusOr<std::vector<domain::Hold>> HoldsDueAfter(Connection& connection, absl::Time latest,
                                                        const DuePlace& after, int limit);

// Live holds of an account after that slot, in the order of slots; OPEN ones or UNSETTLED ones
// alone where a state is given.
absl::StatusOr<std::vector<domain::Hold>> ListHolds(Connection& connection,
                                                    absl::string_view account_id, int64_t after,
                                                    std::optional<domain::HoldState> state,
                                                    int limit);
struct HoldPage {
  std::vector<domain::Hold> holds;
  // Up to where it has looked, where there may be more behind that.
  std::optional<HoldPlace> looked_to;
};
// The same of all accounts after that place, in the order of places. Looks at so many rows at the
// most: there may be fewer holds than `limit`, or none, and more behind them.
absl::StatusOr<HoldPage> ListAllHolds(Connection& connection, const HoldPlace& after,
                                      std::optional<domain::HoldState> state, int limit,
                                      int most_rows);
// Holds in the order of places after that one, of all accounts: a switch's OPEN ones that an
// incarnation before this one made.
absl::StatusOr<std::vector<domain::Hold>> ListHoldsOfSwitch(Connection& connection,
                                                            absl::string_view switch_id,
                                                            int64_t before_incarnation,
                                                            const HoldPlace& after, int limit);

struct HoldCounts {
  int64_t open = 0;
  int64_t unsettled = 0;
};
absl::StatusOr<HoldCounts> CountHolds(Connection& connection);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_HOLD_ROWS_H_
