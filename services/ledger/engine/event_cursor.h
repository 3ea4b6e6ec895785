// One reader's way through the feed of events: every event at least once, those
// of one account in their order, from a watermark on.
//
// The feed is ordered by the database's clock at the INSERT of an event
// (storage/event_rows.h), and a transaction takes a while to commit: an event may
// become visible behind others of a later feed time. So the cursor reads back:
// each pass begins before the watermark, by a little in most passes and by
// `overlap` in a sweep every few seconds, and what was sent from there is
// remembered. As the events of one account become visible in the order of their
// numbers, the last number of each account is all that must be remembered, and
// only of accounts with an event within the overlap.
//
// What this promises: an event whose transaction commits within `overlap` of its
// INSERT is sent (lanes see to it, lane.cc), whatever the clocks of ledgers, and
// also if the database's clock differs between its servers or is set back, as long
// as that and the transaction's time add up to less than `overlap`. Not
// thread-safe; knows no threads and no clock but the database's.
//
//   EventCursor cursor(options);
//   while (...) {
//     ASSIGN_OR_RETURN(EventCursor::Page page, cursor.Next(connection));
//     ... send page.events, and page.watermark to resume from ...
//   }
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_EVENT_CURSOR_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_EVENT_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/event_rows.h"

namespace reserve::engine {

class EventCursor {
 public:
  struct Options {
    // How long after its INSERT an event may become visible and still be sent.
    absl::Duration overlap = absl::Minutes(1);
    std::string account_id;                        // empty: all accounts
    absl::flat_hash_set<domain::EventKind> kinds;  // empty: all kinds
    // A watermark that a page had; none: from what is visible at the first pass.
    std::optional<absl::Time> resume_from;
    // Places read at a time; at most 400.
    int page_size = 400;
    // Accounts remembered at the most. Beyond it the overlap is shortened to what
    // can be remembered.
    size_t max_accounts = 200'000;
  };

  struct Page {
    std::vector<storage::FeedEvent> events;  // in the order to send them
    // Resuming from here once `events` are sent loses nothing.
    absl::Time watermark = absl::InfinitePast();
    // False if the pass goes on: there may be more at once.
    bool caught_up = false;
  };

  explicit EventCursor(Options options);

  // What is new. After an error the cursor is of no use any more: resume from the
  // last watermark with another.
  absl::StatusOr<Page> Next(storage::Connection& connection);

 private:
  // The last event that was sent of an account (or skipped for its kind), and the
  // latest feed time of those.
  struct Sent {
    int64_t event_seq = 0;
    absl::Time feed_time = absl::InfinitePast();
  };
  struct Pass {
    absl::Time start;          // by the database's clock, before the first read
    storage::FeedPlace place;  // read up to here
    bool sweep = false;
    bool silent = false;  // what was there before the watch: remembered, not sent
  };

  absl::Status StartPass(storage::Connection& connection);
  void FinishPass();
  // Everything that is new among `places`, and whatever of the same accounts comes
  // before it and has not been sent.
  absl::StatusOr<std::vector<storage::FeedEvent>> LoadNew(
      storage::Connection& connection, const std::vector<storage::FeedPlace>& places);
  void Remember(const std::vector<storage::FeedEvent>& events);
  void Remember(const std::string& account_id, const Sent& sent);
  void Forget();
  // Nothing up to here is remembered: what lies before it was sent, or is no
  // business of this watch.
  absl::Time Floor() const;

  const Options options_;
  std::optional<absl::Time> watermark_;
  std::optional<Pass> pass_;
  absl::Time last_sweep_ = absl::InfinitePast();
  absl::flat_hash_map<std::string, Sent> sent_;
  absl::Time crowded_out_ = absl::InfinitePast();  // forgotten up to here for want of room
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_EVENT_CURSOR_H_
