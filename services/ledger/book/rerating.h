// Reratings: usages that are rated again together (U6, U7). What was asked for, and how far it is.
//
// They are worked on one after the other, in the order of their numbers, so that each has seen all
// that those before it did (domain/rerating_policy.h).
#ifndef RESERVE_SERVICES_LEDGER_BOOK_RERATING_H_
#define RESERVE_SERVICES_LEDGER_BOOK_RERATING_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/book/command.h"
#include "services/ledger/domain/by_staff.h"

namespace reserve::book {

// Which usages: those for which all hold that are set.
struct ReratingScope {
  std::string currency;    // of their accounts; always set
  std::string account_id;  // empty: of all accounts
  std::string user_id;
  std::string plan_id;                     // that rated them first
  std::string prefix;                      // of the destination, digits only
  absl::Time from = absl::InfinitePast();  // of their start
  absl::Time to = absl::InfiniteFuture();  // exclusive
};

struct ReratingOrder {
  std::string request_id;
  std::string digest;  // of the request's content
  ReratingScope scope;
  PricesBy prices = PricesBy::kTimeline;
  int64_t deck_version = 0;  // of kDeck
  bool include_unrated = false;
  bool may_recharge = false;
  domain::ByStaff by;
};

struct ReratingCounts {
  int64_t looked_at = 0;
  int64_t changed = 0;
  int64_t without_price = 0;
  int64_t passed_over = 0;
  int64_t failed = 0;  // refused for good: what it would cost does not fit, say
  Nanos charged = 0;   // what is paid more, together
  Nanos returned = 0;  // what is paid less, together; not negative

  void Add(const RerateReply& reply);
  void Add(const ReratingCounts& other);
};

// Accounts, and in each the entries, are gone through in their order.
struct ReratingPlace {
  std::string account_id;  // empty: before all
  int64_t seq = 0;
};

struct ReratingJob {
  int64_t number = 0;
  ReratingOrder order;
  bool done = false;
  bool canceled = false;  // nothing more is done of it
  domain::ByStaff canceled_by;
  ReratingPlace place;  // what comes after is still to be done
  ReratingCounts counts;
  int64_t lease_epoch = 0;
  absl::Time create_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();
};

// The command that rates a usage again for the job, which met it at that entry.
RerateUsage CommandFor(const ReratingJob& job, std::string usage_id, int64_t seq);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_RERATING_H_
