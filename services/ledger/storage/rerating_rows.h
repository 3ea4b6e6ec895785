// Rows of reratings (book/rerating.h), and the usages that one is about.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_RERATING_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_RERATING_ROWS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/book/rerating.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Stores a new one under the next number, or returns the one that is there under its request id,
// whatever its content.
absl::StatusOr<book::ReratingJob> AddRerating(Connection& connection,
                                              const book::ReratingOrder& order, absl::Time now);

absl::StatusOr<std::optional<book::ReratingJob>> FindRerating(Connection& connection,
                                                              absl::string_view request_id);

inline constexpr int64_t kNewestRerating = std::numeric_limits<int64_t>::max();
// Those with a number < `before`, newest first.
absl::StatusOr<std::vector<book::ReratingJob>> ListReratings(Connection& connection, int64_t before,
                                                             int limit);

// Is there one that is neither done nor canceled?
absl::StatusOr<bool> IsReratingLeft(Connection& connection);

// Takes the first that is not done, unless another ledger has it: none of the later ones is begun
// before. The lease ends at `lease_end`; an epoch is never handed out twice.
absl::StatusOr<std::optional<book::ReratingJob>> ClaimRerating(Connection& connection,
                                                               absl::string_view ledger_id,
                                                               absl::Time now,
                                                               absl::Time lease_end);

// Cancels one that is not done: nothing more is begun of it. How it stands; none if there is no
// such rerating.
absl::StatusOr<std::optional<book::ReratingJob>> CancelRerating(Connection& connection,
                                                                absl::string_view request_id,
                                                                const domain::ByStaff& by,
                                                                absl::Time now);

// Stores how far it is, and prolongs the lease. False if another ledger has taken it over, or it
// was canceled; of that one how far it came is stored all the same.
absl::StatusOr<bool> SaveRerating(Connection& connection, const book::ReratingJob& job,
                                  absl::Time now, absl::Time lease_end);

// Entries of an account: those with after < seq <= last_seq.
struct AccountSpan {
  std::string account_id;
  int64_t last_seq = 0;
  int64_t after = 0;
};
// The accounts of the scope from `place` on, in order: that of `place` only if it has entries after
// it.
absl::StatusOr<std::vector<AccountSpan>> AccountsOfScope(Connection& connection,
                                                         const book::ReratingScope& scope,
                                                         const book::ReratingPlace& place,
                                                         int limit);

// A usage by an entry that books or rates it.
struct UsageOfScope {
  std::string account_id;
  int64_t seq = 0;
  std::string usage_id;
};
// Those of these entries that are of the scope, by account and seq: a usage that was rated later
// comes again where it was, and is in its turn there if it was UNRATED.
absl::StatusOr<std::vector<UsageOfScope>> UsagesOfScope(Connection& connection,
                                                        const std::vector<AccountSpan>& spans,
                                                        const book::ReratingScope& scope);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_RERATING_ROWS_H_
