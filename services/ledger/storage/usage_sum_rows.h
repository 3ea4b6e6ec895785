// Rows of what an account's usages add up to: by day, user, country and kind, from its first entry
// up to one that is remembered. A day is one of the account's calendar (C8), known by its begin.
//
// Whoever adds what further entries change (usage_lines.h) moves the position past them in the same
// transaction, and only from where it read it: so each entry is in the sums once, however many
// ledgers add and whatever fails. The rows of one account alone are touched, and none that a
// booking writes.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUM_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUM_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account_calendar.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/usage_history.h"
#include "services/ledger/storage/usage_lines.h"

namespace reserve::storage {

struct SumsPosition {
  int64_t through_seq = 0;  // of the last entry that is in them
  // How many changes of the account's calendar the days heed.
  int64_t calendar_changes = 0;

  friend bool operator==(const SumsPosition&, const SumsPosition&) = default;
};
// Nothing of an account of which nothing was added up yet.
absl::StatusOr<std::optional<SumsPosition>> ReadSumsPosition(Connection& connection,
                                                             absl::string_view account_id);

struct DaySum {
  absl::Time day_begin;
  SummaryGroup group;
  UsageAmounts amounts;

  friend bool operator==(const DaySum&, const DaySum&) = default;
};

// What these changes come to by the days of that calendar. OUT_OF_RANGE "MONEY_OVERFLOW".
absl::StatusOr<std::vector<DaySum>> SumsByDay(const std::vector<UsageChange>& changes,
                                              const domain::AccountCalendar& calendar);

// Adds these and moves the position; commits. False if it is not `from` any more: then nothing was
// added.
absl::StatusOr<bool> AddToSums(Connection& connection, absl::string_view account_id,
                               const std::optional<SumsPosition>& from, const SumsPosition& to,
                               const std::vector<DaySum>& sums);
// Makes all sums of the account nothing, and the position its begin; commits. False as above.
absl::StatusOr<bool> StartSumsAnew(Connection& connection, absl::string_view account_id,
                                   const SumsPosition& from, int64_t calendar_changes);

// When the last day began of which there are sums; InfinitePast if there are none.
absl::StatusOr<absl::Time> LastDayOfSums(Connection& connection, absl::string_view account_id);

// Of the days that began in this range, added up over what is not told apart (then empty in the
// group); without what is nothing. By day.
struct SumsAsked {
  TimeRange range = {absl::InfinitePast(), absl::InfiniteFuture()};
  bool by_user = true;
  bool by_country = true;
  bool by_kind = true;
};
absl::StatusOr<std::vector<DaySum>> ListSums(Connection& connection, absl::string_view account_id,
                                             const SumsAsked& asked);

// When this entry of an account was booked, in one of these months; InfinitePast if it is not
// there.
absl::StatusOr<absl::Time> BookingTimeOf(Connection& connection, absl::string_view account_id,
                                         const std::vector<int32_t>& months, int64_t seq);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_USAGE_SUM_ROWS_H_
