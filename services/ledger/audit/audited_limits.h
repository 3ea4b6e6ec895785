// What the audit can say of limits against fraud (L2, L4): which were reached and not lifted
// follows from the events, and no more can be spent of a limit than was ever booked. What exactly
// is spent can't be worked out again, as limits of before are not kept. Not thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_LIMITS_H_
#define RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_LIMITS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"

namespace reserve::audit {

class AuditedLimits {
 public:
  // What differs: the subject, what is stored, what was worked out.
  using Differs = std::function<void(std::string, std::string, std::string)>;

  explicit AuditedLimits(Differs differs) : differs_(std::move(differs)) {}

  void TakeUpEntry(const domain::Entry& entry);
  void TakeUpUser(const domain::User& user);
  // In their order.
  void TakeUpEvent(const domain::Event& event);
  // Once all of that is taken up.
  void CheckEnd(const domain::Account& account) const;

 private:
  const Differs differs_;
  absl::int128 booked_ = 0;  // what usage has cost in all, whatever was taken back
  int64_t bookings_ = 0;
  absl::Time last_time_ = absl::UnixEpoch();  // at which a meter may have been moved
  uint8_t reached_ = 0;
  std::map<std::string, uint8_t> reached_of_users_;
  std::map<std::string, uint8_t> stored_of_users_;
};

}  // namespace reserve::audit

#endif  // RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_LIMITS_H_
