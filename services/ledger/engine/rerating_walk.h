// Goes through the usages that a rerating is about: by account, in each by seq.
//
//   ReratingWalk walk(scope, place);
//   while (!walk.ended()) { RETURN_IF_ERROR(walk.Next(connection, 500)); ... walk.page() ... }
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_RERATING_WALK_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_RERATING_WALK_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "services/ledger/book/rerating.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

struct WalkedUsage {
  std::string account_id;
  std::string usage_id;
  int64_t seq = 0;  // of the entry by which it was met
};

class ReratingWalk {
 public:
  ReratingWalk(book::ReratingScope scope, book::ReratingPlace place)
      : scope_(std::move(scope)), place_(std::move(place)) {}

  // Reads the next page, of at most `limit` usages. It may have fewer, or none, before the end:
  // many accounts may have none. After an error it can be tried again.
  absl::Status Next(storage::Connection& connection, int limit);

  const std::vector<WalkedUsage>& page() const { return page_; }
  // Up to where the page goes.
  const book::ReratingPlace& place() const { return place_; }
  bool ended() const { return ended_; }

 private:
  absl::Status Read(storage::Connection& connection, int limit);
  // Goes on to the next account; ended() if there is none.
  absl::Status GoOn(storage::Connection& connection);

  const book::ReratingScope scope_;
  book::ReratingPlace place_;
  bool account_ended_ = false;
  std::deque<std::string> accounts_;  // that come next
  std::vector<WalkedUsage> page_;
  bool ended_ = false;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_RERATING_WALK_H_
