// What an account's usages of a range of starts add up to, each as it stands.
//
// It is added up from the entries, by the index of starts (usage_history.h), as of one moment: what
// became of usages after their booking is put right by usage_states, which has a row of each that
// was not only booked.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUMMARY_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/usage_history.h"

namespace reserve::storage {

// Entries that one summary adds up, at the most.
inline constexpr int64_t kSummarizedEntries = 1'000'000;

// What is told apart, besides the ranges.
struct UsageGrouping {
  bool by_user = false;
  bool by_country = false;
  bool by_kind = false;
};

struct UsageSum {
  // What they have in common: the number of their range, from 0, and what is told apart.
  size_t range = 0;
  std::string user_id;
  std::string country;
  domain::UsageKind kind = domain::UsageKind::kCall;

  int64_t usages = 0;
  int64_t unrated = 0;  // of these
  absl::Duration duration;
  int64_t free_seconds = 0;
  int64_t segments = 0;
  Nanos cost = 0;

  friend bool operator==(const UsageSum&, const UsageSum&) = default;
};

struct UsageSummary {
  std::vector<UsageSum> sums;  // without empty ones, by range, user, country and kind
  int64_t through_seq = 0;     // the account's last entry then
};

// Of usages that began in these ranges, which lie one after the other. What was voided, and
// estimates in whose place a report came, are not in it; what is UNRATED costs nothing.
// FAILED_PRECONDITION "TOO_MUCH_USAGE" if the ranges have more than `most` entries.
absl::StatusOr<UsageSummary> SummarizeUsages(Connection& connection, absl::string_view account_id,
                                             const std::vector<TimeRange>& ranges,
                                             const UsageGrouping& grouping,
                                             int64_t most = kSummarizedEntries);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUMMARY_H_
