// Goes through the usages that a rerating is about: by account, in each by seq.
//
//   ReratingWalk walk(scope, place);
//   while (!walk.ended()) { RETURN_IF_ERROR(walk.Next(connection, 500)); ... walk.page() ... }
//
// A statement looks at so many entries at the most, of one large account or of many small ones, and
// what it finds is given out by pages.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_RERATING_WALK_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_RERATING_WALK_H_

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "services/ledger/book/rerating.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::engine {

class ReratingWalk {
 public:
  ReratingWalk(book::ReratingScope scope, book::ReratingPlace place)
      : scope_(std::move(scope)), place_(std::move(place)), read_to_(place_) {}

  // Reads the next page, of at most `limit` usages. It may have fewer, or none, before the end:
  // many accounts may have none. After an error it can be tried again.
  absl::Status Next(storage::Connection& connection, int limit);

  const std::vector<storage::UsageOfScope>& page() const { return page_; }
  // Up to where the page goes.
  const book::ReratingPlace& place() const { return place_; }
  bool ended() const { return ended_; }

 private:
  // Looks at what comes after what was read, by one statement or two.
  absl::Status Read(storage::Connection& connection);
  // Those to be looked at together: the first of `accounts_`, as far as they go.
  std::vector<storage::AccountSpan> TakeTogether();

  const book::ReratingScope scope_;
  book::ReratingPlace place_;
  book::ReratingPlace read_to_;
  bool read_all_ = false;
  std::deque<storage::AccountSpan> accounts_;  // that come after what was read
  std::deque<storage::UsageOfScope> ready_;    // that were read
  std::vector<storage::UsageOfScope> page_;
  bool ended_ = false;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_RERATING_WALK_H_
