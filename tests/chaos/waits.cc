#include "tests/chaos/waits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/ledger/book/keyspace.h"

namespace reserve::chaos {
namespace {

std::string Short(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

}  // namespace

Waits::Waits() : shards_(1) {}

void Waits::SetShards(int shards) {
  absl::MutexLock lock(&mutex_);
  shards_.resize(static_cast<size_t>(shards));
}

Waits::Shard& Waits::Of(absl::string_view account_id) {
  return shards_[book::RangeOf(account_id, shards_.size())];
}

void Waits::NoteFailure(absl::string_view account_id, reserve::Moment asked) {
  absl::MutexLock lock(&mutex_);
  Shard& shard = Of(account_id);
  ++shard.failures;
  shard.first_asked = std::min(shard.first_asked, asked);
  shard.last_failed = std::max(shard.last_failed, MonotonicNow());
}

void Waits::NoteAnswer(absl::string_view account_id, reserve::Moment first_sent) {
  absl::MutexLock lock(&mutex_);
  Shard& shard = Of(account_id);
  ++shard.answers;
  shard.longest = std::max(shard.longest, MonotonicNow() - first_sent);
}

std::vector<std::string> Waits::Tell() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> lines;
  for (const Shard& shard : shards_) {
    const std::string stretch =
        shard.failures == 0
            ? ""
            : absl::StrCat(" within ", Short(shard.last_failed - shard.first_asked));
    lines.push_back(absl::StrCat("callers of shard ", lines.size() + 1, " of ", shards_.size(),
                                 ": ", shard.answers, " requests answered, ", shard.failures,
                                 " failed tries", stretch, ", the longest until an answer ",
                                 Short(shard.longest)));
  }
  return lines;
}

}  // namespace reserve::chaos
