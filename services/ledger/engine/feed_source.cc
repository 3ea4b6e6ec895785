#include "services/ledger/engine/feed_source.h"

#include "common/error/error.h"

namespace reserve::engine {
namespace {

// A split of a shard is noticed so soon.
constexpr absl::Duration kListedFor = absl::Seconds(5);
constexpr absl::Duration kPauseAfterFailure = absl::Seconds(2);

}  // namespace

absl::StatusOr<std::vector<storage::Shard>> DatabaseFeed::Shards() {
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(database_, &connection_));
  if (shards_.empty() || (connection_->on_vitess() && MonotonicNow() - listed_ >= kListedFor)) {
    RESERVE_ASSIGN_OR_RETURN(shards_, storage::ListShards(*connection_));
    listed_ = MonotonicNow();
  }
  return shards_;
}

absl::StatusOr<storage::Connection*> DatabaseFeed::At(const storage::Shard& shard) {
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(database_, &connection_));
  if (shard.schema.empty()) return connection_.get();
  Place& place = places_[shard.schema];
  if (MonotonicNow() < place.not_before) {
    return storage::DatabaseError(storage::ErrorClass::kShard, "a shard is still away");
  }
  if (place.connection == nullptr || !place.connection->alive()) {
    absl::StatusOr<std::unique_ptr<storage::Connection>> opened = connection_->OpenAt(shard.schema);
    if (!opened.ok()) {
      Failed(shard);
      return opened.status();
    }
    place.connection = *std::move(opened);
  }
  return place.connection.get();
}

void DatabaseFeed::Failed(const storage::Shard& shard) {
  if (shard.schema.empty()) return;
  // It may be no shard any more.
  listed_ = -absl::InfiniteDuration();
  places_[shard.schema].not_before = MonotonicNow() + kPauseAfterFailure;
}

void DatabaseFeed::Close() {
  places_.clear();
  connection_.reset();
}

}  // namespace reserve::engine
