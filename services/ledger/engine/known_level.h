// The schema's feature level and the archived months, as one lane knows them: read again once what
// it knows is older than it may be. So a lane goes by a level that was raised with its first batch
// after that, and until then writes what was right before; the entries say which form they have. Of
// one thread.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_KNOWN_LEVEL_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_KNOWN_LEVEL_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/feature_level.h"

namespace reserve::engine {

class KnownLevel {
 public:
  // Of a program that knows levels up to `newest`. What was read holds for so long.
  KnownLevel(int newest, absl::Duration holds) : newest_(newest), holds_(holds) {}

  // UNAVAILABLE "SCHEMA_TOO_NEW" if the level is beyond what the program knows.
  absl::StatusOr<int> Get(storage::Connection& connection) {
    const Moment now = MonotonicNow();
    if (now - read_ >= holds_) {
      RESERVE_ASSIGN_OR_RETURN(level_, storage::ReadFeatureLevel(connection, newest_));
      RESERVE_ASSIGN_OR_RETURN(archived_month_, storage::ReadArchivedMonth(connection));
      read_ = now;  // from before it was asked for
    }
    return level_;
  }
  // The last month that is archived, or about to be (storage/archive_rows.h), as it was read with
  // the level.
  int32_t archived_month() const { return archived_month_; }
  // Both are read again next time.
  void Forget() { read_ = -absl::InfiniteDuration(); }

 private:
  const int newest_;
  const absl::Duration holds_;
  int level_ = 0;
  int32_t archived_month_ = 0;
  Moment read_ = -absl::InfiniteDuration();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_KNOWN_LEVEL_H_
