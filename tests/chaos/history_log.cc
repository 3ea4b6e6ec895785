#include "tests/chaos/history_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/history/history_lines.h"

namespace reserve::chaos {

absl::Status HistoryLog::Open(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  file_.open(path, std::ios::trunc);
  if (file_) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("no history can be written to ", path));
}

void HistoryLog::Note(history::Call call, reserve::Moment asked, const absl::Status& status) {
  call.asked = absl::ToInt64Nanoseconds(asked);
  call.answered = absl::ToInt64Nanoseconds(MonotonicNow());
  call.status = absl::StatusCodeToString(status.code());
  absl::MutexLock lock(&mutex_);
  call.number = static_cast<int64_t>(calls_.size()) + 1;
  for (const history::Claim& claim : call.claims) accounts_.insert(claim.account);
  if (file_.is_open()) file_ << history::ToLine(call) << '\n';
  calls_.push_back(std::move(call));
}

std::set<std::string> HistoryLog::accounts() const {
  absl::MutexLock lock(&mutex_);
  return accounts_;
}

absl::Status HistoryLog::Close() {
  absl::MutexLock lock(&mutex_);
  if (!file_.is_open()) return absl::OkStatus();
  file_.close();
  return file_ ? absl::OkStatus() : absl::InternalError("the history is not written to its end");
}

}  // namespace reserve::chaos
