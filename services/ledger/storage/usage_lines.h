// Entries of usage as summaries add them up, and what a stretch of an account's entries changes of
// its sums.
//
// Each entry changes the sums once and for good: a booking adds its usage, a rating puts its own
// figures in the place of those of the rating or booking before it, a void takes the latest away.
// So sums up to any entry, and the changes of those after it, come to what each usage is now,
// whatever came late and in whatever order.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USAGE_LINES_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USAGE_LINES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::storage {

// What usages add up to.
struct UsageAmounts {
  int64_t usages = 0;
  int64_t unrated = 0;  // of these
  absl::Duration duration;
  int64_t free_seconds = 0;
  int64_t paid_seconds = 0;
  int64_t segments = 0;
  Nanos cost = 0;

  // Adds `more` so many times, which may be below zero. OUT_OF_RANGE "MONEY_OVERFLOW".
  absl::Status Add(const UsageAmounts& more, int64_t times);
  friend bool operator==(const UsageAmounts&, const UsageAmounts&) = default;
};

// What a summary can tell apart, besides time.
struct SummaryGroup {
  std::string user_id;
  std::string country;
  domain::UsageKind kind = domain::UsageKind::kCall;

  friend auto operator<=>(const SummaryGroup&, const SummaryGroup&) = default;  // NOLINT
};

// An entry that books or rates a usage, with as much of it as is added up.
struct UsageLine {
  std::string usage_id;
  int64_t seq = 0;
  absl::Time start;
  bool estimated = false;
  SummaryGroup group;
  UsageAmounts amounts;
};

// The same of an entry in memory, which books or rates a usage.
UsageLine LineOf(const domain::Entry& entry);

// "SELECT ... FROM ", for what is read by ReadUsageLine.
std::string SelectUsageLines();
UsageLine ReadUsageLine(const Row& row);

// What is added to the sums of usages that began then; of what is taken away `times` is -1.
struct UsageChange {
  absl::Time start;
  SummaryGroup group;
  UsageAmounts amounts;
  int64_t times = 1;
};

// What an account's entries of these seqs change, in no particular order. All of them must be
// committed.
absl::StatusOr<std::vector<UsageChange>> LoadUsageChanges(Connection& connection,
                                                          absl::string_view account_id,
                                                          const SeqRange& seqs);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USAGE_LINES_H_
