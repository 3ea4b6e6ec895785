// Rows of events: those of one account, and the feed of all accounts'.
//
// The feed is in the order of `feed_time`, which the database sets by its own
// clock as an event is inserted. It is the time of the INSERT, not of the COMMIT:
// an event can become visible behind others of a later feed time. Who follows the
// feed reads a while back for that reason (engine/event_cursor.h).
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_EVENT_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_EVENT_ROWS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Must run inside a transaction of the caller. A vector may be empty; then
// nothing is sent.
absl::Status InsertEvents(Connection& connection, const std::vector<const domain::Event*>& events);

// Events of an account with event_seq > `after`, oldest first.
absl::StatusOr<std::vector<domain::Event>> ListEvents(Connection& connection,
                                                      absl::string_view account_id, int64_t after,
                                                      int limit);

// Events of an account with event_seq < `before`, newest first.
absl::StatusOr<std::vector<domain::Event>> ListLatestEvents(Connection& connection,
                                                            absl::string_view account_id,
                                                            int64_t before, int limit);

// The database's clock, the one that sets feed times.
absl::StatusOr<absl::Time> DatabaseTime(Connection& connection);

// A place in the feed.
struct FeedPlace {
  absl::Time feed_time;
  std::string account_id;
  int64_t event_seq = 0;
};

// Places behind `after`, in the feed's order; of one account if `account_id` is not
// empty. Events without a feed time, from before there was a feed, are not in it.
absl::StatusOr<std::vector<FeedPlace>> ListFeed(Connection& connection, const FeedPlace& after,
                                                absl::string_view account_id, int limit);

// (account id, event seq).
using EventKey = std::pair<std::string, int64_t>;

struct FeedEvent {
  domain::Event event;
  std::string currency;  // of the account
  absl::Time feed_time;  // InfinitePast if it is not in the feed
};
// Those of these events that exist, by account and event_seq. At most 1,000 keys.
absl::StatusOr<std::vector<FeedEvent>> LoadFeedEvents(Connection& connection,
                                                      const std::vector<EventKey>& keys);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_EVENT_ROWS_H_
