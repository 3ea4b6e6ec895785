// One reader's way through the whole feed: a cursor (event_cursor.h) for each shard of the
// database, of which there is one but on Vitess. A shard that is away stops its own events alone;
// once it is back, they come from where it was left. Where shards are split or merged meanwhile,
// each new one is read from where the last of those that it came from was left.
//
// What event_cursor.h promises holds of the whole: every event at least once, those of one account
// in their order. Not thread-safe.
//
//   EventReader reader(options);
//   while (...) {
//     ASSIGN_OR_RETURN(EventReader::Page page, reader.Next(source));
//     ... send page.events, and page.position to resume from ...
//   }
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_EVENT_READER_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_EVENT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/engine/event_cursor.h"
#include "services/ledger/engine/feed_source.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/shards.h"

namespace reserve::engine {

// Up to when a reader has read the events of each stretch of accounts.
struct FeedPosition {
  struct Stretch {
    uint64_t first = 0;  // place (book/keyspace.h); up to before the next stretch
    absl::Time watermark;

    friend bool operator==(const Stretch& a, const Stretch& b) {
      return a.first == b.first && a.watermark == b.watermark;
    }
  };

  FeedPosition() = default;
  // The same of all accounts.
  FeedPosition(absl::Time watermark) : stretches({{0, watermark}}) {}  // NOLINT(*-explicit-*)

  // Of those accounts that were read the shortest way.
  absl::Time Watermark(const storage::Shard& shard) const;

  std::vector<Stretch> stretches;  // from place 0 on; empty: nothing is known yet
};

// "MICROS": up to when all was read; "MICROS;FIRST:MICROS;...", with the first places of the
// further stretches in hexadecimal digits, where they were read apart. Nothing if it is none of
// these.
std::string ToText(const FeedPosition& position);
std::optional<FeedPosition> ParseFeedPosition(absl::string_view text);

class EventReader {
 public:
  struct Options {
    absl::Duration overlap = absl::Minutes(1);     // of EventCursor
    std::string account_id = {};                   // empty: all accounts
    absl::flat_hash_set<domain::EventKind> kinds;  // empty: all kinds
    // A position that a page had; none: from what is visible at the first pass.
    std::optional<FeedPosition> resume_from = {};
  };

  struct Page {
    std::vector<storage::FeedEvent> events;  // in the order to send them
    // Resuming from here once `events` are sent loses nothing.
    FeedPosition position;
    // False if there may be more at once.
    bool caught_up = true;
    // Why some shards could not be read, if so.
    absl::Status left_out;
  };

  explicit EventReader(Options options) : options_(std::move(options)) {}

  // What is new. An error only if nothing could be read; the reader is of no use any more then.
  absl::StatusOr<Page> Next(FeedSource& source);

 private:
  struct Part {
    storage::Shard shard;
    std::optional<absl::Time> watermark;
    std::unique_ptr<EventCursor> cursor;  // null: to be made anew from the watermark
  };

  // From now on a part a shard.
  void Adopt(const std::vector<storage::Shard>& shards);
  absl::StatusOr<EventCursor::Page> Read(FeedSource& source, Part& part);
  std::unique_ptr<EventCursor> CursorFrom(std::optional<absl::Time> watermark) const;
  FeedPosition Position() const;

  const Options options_;
  std::vector<storage::Shard> shards_;
  std::vector<Part> parts_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_EVENT_READER_H_
