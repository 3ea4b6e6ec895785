// What was added up of an account that is audited, for summaries (storage/usage_sum_rows.h): the
// same again, from the entries one after the other.
#ifndef RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_SUMS_H_
#define RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_SUMS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/usage_lines.h"
#include "services/ledger/storage/usage_sum_rows.h"

namespace reserve::audit {

class AuditedSums {
 public:
  // Hears of each difference: a day, or empty; what is stored, and what it should be.
  using Differs =
      std::function<void(std::string subject, std::string stored, std::string computed)>;

  explicit AuditedSums(Differs differs) : differs_(std::move(differs)) {}

  // Days that begin before `archived_until` are not compared: their entries may have left.
  absl::Status Load(storage::Connection& connection, const domain::Account& account,
                    absl::Time archived_until);
  // Of each entry of the account, once, by seq. `may_change`: something became of its usage after
  // it was booked. OUT_OF_RANGE if a sum does not fit.
  absl::Status AddEntry(const domain::Entry& entry, bool may_change);
  // After all entries.
  void CheckEnd() const;

 private:
  using Key = std::pair<absl::Time, storage::SummaryGroup>;

  absl::Status Add(const storage::UsageLine& line, int64_t times);

  const Differs differs_;
  std::optional<storage::SumsPosition> position_;
  int64_t last_seq_ = 0;
  absl::Time archived_until_ = absl::InfinitePast();
  domain::AccountCalendar calendar_;  // whose days they are by
  domain::CalendarWindow day_{absl::InfinitePast(), absl::InfinitePast()};
  std::map<Key, storage::UsageAmounts> stored_;
  std::map<Key, storage::UsageAmounts> computed_;
  // How usages stand that something becomes of.
  absl::flat_hash_map<std::string, storage::UsageLine> standing_;
};

}  // namespace reserve::audit

#endif  // RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_SUMS_H_
