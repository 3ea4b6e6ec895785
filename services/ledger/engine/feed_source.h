// Where the feed of events is read: at the database, or at each of Vitess' shards by itself, so
// that one that is away keeps back nothing of the others.
//
// Of one thread.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_FEED_SOURCE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_FEED_SOURCE_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock/monotonic.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/shards.h"

namespace reserve::engine {

class FeedSource {
 public:
  virtual ~FeedSource() = default;
  // Those there are now: one, unless the database is spread over several.
  virtual absl::StatusOr<std::vector<storage::Shard>> Shards() = 0;
  // Where to read what is of this shard. One that has just failed fails at once for a while, so
  // that whoever waits for it does not wait for the others, too.
  virtual absl::StatusOr<storage::Connection*> At(const storage::Shard& shard) = 0;
  // What was read there failed.
  virtual void Failed(const storage::Shard& shard) = 0;
};

class DatabaseFeed : public FeedSource {
 public:
  explicit DatabaseFeed(storage::DatabaseOptions database) : database_(std::move(database)) {}

  absl::StatusOr<std::vector<storage::Shard>> Shards() override;
  absl::StatusOr<storage::Connection*> At(const storage::Shard& shard) override;
  void Failed(const storage::Shard& shard) override;
  // No connection is held for nothing.
  void Close();

 private:
  struct Place {
    std::unique_ptr<storage::Connection> connection;
    Moment not_before = -absl::InfiniteDuration();
  };

  const storage::DatabaseOptions database_;
  std::unique_ptr<storage::Connection> connection_;
  std::vector<storage::Shard> shards_;
  Moment listed_ = -absl::InfiniteDuration();
  std::map<std::string, Place> places_;  // by schema, on Vitess
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_FEED_SOURCE_H_
