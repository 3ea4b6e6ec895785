// What an account's usages of a range of starts add up to, each as it stands.
//
// Whole days of the account's calendar are read from what was added up behind the lanes
// (usage_sum_rows.h), and to it is added what the entries since have changed (usage_lines.h). Parts
// of days are added up from the entries, by the index of starts (usage_history.h): what became of
// usages after their booking is put right by usage_states, which has a row of each that was not
// only booked. So is everything of an account of which nothing, or not enough, was added up yet.
// Either way it is exact, as of one moment.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUMMARY_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/account_calendar.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/usage_history.h"
#include "services/ledger/storage/usage_lines.h"

namespace reserve::storage {

// Entries that one summary adds up from a stretch of starts, at the most: what was added up before
// is not counted.
inline constexpr int64_t kSummarizedEntries = 1'000'000;
// Groups of one summary at the most: so many, each as large as can be, fit in one message of gRPC.
inline constexpr int64_t kSummaryGroups = 20'000;
// Entries since what was added up; if there are more it is not gone by.
inline constexpr int64_t kEntriesSinceSums = 20'000;

// What is told apart, besides the ranges.
struct UsageGrouping {
  bool by_user = false;
  bool by_country = false;
  bool by_kind = false;
};

struct UsageSum : UsageAmounts {
  // What they have in common: the number of their range, from 0, and what is told apart.
  size_t range = 0;
  std::string user_id;
  std::string country;
  domain::UsageKind kind = domain::UsageKind::kCall;

  friend bool operator==(const UsageSum&, const UsageSum&) = default;
};

struct UsageSummary {
  std::vector<UsageSum> sums;  // without empty ones, by range, user, country and kind
  int64_t through_seq = 0;     // the account's last entry then
  int64_t entries_read = 0;    // one by one, as they were in no sum
};

// What a summary is of.
struct SummaryScope {
  std::vector<TimeRange> ranges;  // one after the other
  UsageGrouping grouping;
  // Of the account: whose days were added up.
  domain::AccountCalendar calendar;
};

// Of usages that began in these ranges. What was voided, and estimates in whose place a report
// came, are not in it; what is UNRATED costs nothing.
// FAILED_PRECONDITION "TOO_MUCH_USAGE" if more than `most` entries of a stretch of starts are in no
// sum, "TOO_MANY_GROUPS" if they fall into more than `most_groups`.
absl::StatusOr<UsageSummary> SummarizeUsages(Connection& connection, absl::string_view account_id,
                                             const SummaryScope& scope,
                                             int64_t most = kSummarizedEntries,
                                             int64_t most_groups = kSummaryGroups);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUMMARY_H_
