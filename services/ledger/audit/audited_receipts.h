// The receipts of an account that is audited: numbered 1, 2, 3 without a gap, in the order of their
// entries, and each entry that has one has it, from the first receipt on, and from when on all
// ledgers wrote them (domain/receipt.h).
#ifndef RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_RECEIPTS_H_
#define RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_RECEIPTS_H_

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/receipt.h"
#include "services/ledger/storage/connection.h"

namespace reserve::audit {

class AuditedReceipts {
 public:
  // Hears of each difference: an entry's seq, or empty; what is stored, and what it should be.
  using Differs =
      std::function<void(std::string subject, std::string stored, std::string computed)>;

  explicit AuditedReceipts(Differs differs) : differs_(std::move(differs)) {}

  // Reads them all, and checks their numbers.
  absl::Status Load(storage::Connection& connection, const domain::Account& account);
  // Of each entry of the account, once, by seq.
  void CheckEntry(const domain::Entry& entry);
  // After all entries.
  void CheckEnd() const;

 private:
  const Differs differs_;
  std::map<int64_t, domain::Receipt> by_seq_;  // that were not met among the entries yet
  int64_t first_seq_ = 0;                      // of the first; 0: there is none
  absl::Time all_from_;                        // since when every such entry has one
};

}  // namespace reserve::audit

#endif  // RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_RECEIPTS_H_
