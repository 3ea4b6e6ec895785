#include "tests/services/ledger/engine/sabotage.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/spoiled.h"

namespace reserve::engine {

Sabotage::Sabotage(const std::string& server_socket) {
  auto proxy = SqlProxy::Create(server_socket);
  if (!proxy.ok()) {
    ADD_FAILURE() << proxy.status();
    std::abort();
  }
  proxy_ = *std::move(proxy);
  proxy_->SetJudge(
      [this](int connection, absl::string_view text) { return Judge(connection, text); });
}

void Sabotage::Begin(Plan plan) {
  absl::MutexLock lock(&mutex_);
  plan_ = std::move(plan);
  seen_.clear();
  seen_of_shape_.clear();
  set_up_ = kept_ = struck_ = 0;
}

std::vector<std::string> Sabotage::End() {
  absl::MutexLock lock(&mutex_);
  plan_ = nullptr;
  return std::exchange(seen_, {});
}

int Sabotage::struck() const {
  absl::MutexLock lock(&mutex_);
  return struck_;
}

size_t Sabotage::housekeepers() const {
  absl::MutexLock lock(&mutex_);
  return housekeepers_.size();
}

Ruling Sabotage::Judge(int connection, absl::string_view text) {
  absl::MutexLock lock(&mutex_);
  if (absl::StrContains(text, " FROM plans")) housekeepers_.insert(connection);
  if (!plan_) return {};
  Statement statement{text, connection};
  statement.of_housekeeping = housekeepers_.count(connection) > 0;
  statement.of_new_connection = text == SqlProxy::kConnect ||
                                absl::StartsWithIgnoreCase(text, "SET ") ||
                                absl::StartsWith(text, "SHOW SESSION");
  if (statement.of_housekeeping) {
    statement.index = kept_++;
  } else if (statement.of_new_connection) {
    statement.index = set_up_++;
  } else {
    statement.index = static_cast<int>(seen_.size());
    statement.nth = ++seen_of_shape_[ShapeOf(text)];
    seen_.emplace_back(text);
  }
  const Ruling ruling = plan_(statement);
  if (ruling.fate != Fate::kPasses) {
    ++struck_;
    NoteSpoiled(text, ruling);
  }
  return ruling;
}

}  // namespace reserve::engine
