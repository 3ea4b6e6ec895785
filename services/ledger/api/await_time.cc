#include "services/ledger/api/await_time.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "common/error/error.h"

namespace reserve::api {
namespace {

// The database's clock is asked at least so often.
constexpr absl::Duration kLongestNap = absl::Milliseconds(500);

}  // namespace

absl::Status AwaitTime(engine::Engine& engine, storage::Connection& connection, absl::Time time) {
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const absl::Time now, engine.options().database_clock(connection));
    if (now >= time) return absl::OkStatus();
    absl::SleepFor(std::min(time - now, kLongestNap));
  }
}

}  // namespace reserve::api
