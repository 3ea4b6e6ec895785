// Closing an account for ever (P4): what staff begins, and how it goes on by itself.
//
// CLOSING: nothing is charged or promised any more; what is under way ends, and facts are booked.
// Once the grace, attempts, refunds, reviews and unrated usages are over, own money goes back to
// its charges by refunds, opened all at once; once these are over what is left is owed or written
// off, and the account is CLOSED, at 0. Each step is taken in the transaction of whatever ended the
// last obstacle: whoever commits a command on such an account calls MoveClosingOn after it.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_CLOSING_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_CLOSING_POLICY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// So many of the newest charges that have something left are looked at for giving back.
inline constexpr int kMostChargesGivenBack = 200;
// So many unrated usages are looked at; where there are more, not all can be waived at once.
inline constexpr int kMostUnratedLookedAt = 1'001;

// What of an account counts towards its closing beside the account itself.
struct ClosingRows {
  // Newest first: at least all that are open, the newest charges with something left, the refunds
  // of closing, and those that failed since it began.
  std::vector<const Recharge*> recharges;
  std::vector<std::string> unrated;  // usages, by their ids
};

// Begins the closing. `context.closing` must be there. Of one that is CLOSING or CLOSED it is
// `unchanged`. FAILED_PRECONDITION "UNRATED_USAGE" where usages wait for a price that are not
// among `waived`; to void those is the caller's.
absl::StatusOr<Transition> CloseAccount(const Context& context, const Account& account,
                                        absl::Span<const std::string> waived, const ByStaff& by);

// Takes the next steps, as far as nothing is in their way; of a CLOSED account it brings the
// balance back to 0. `unchanged` if there is nothing to do, or if `context.closing`, which a
// CLOSING one needs, is not there.
Transition MoveClosingOn(const Context& context, const Account& account);

// A person has looked at the money that came or went after the account was closed (P4).
// FAILED_PRECONDITION "NOT_UNDER_REVIEW" where none did.
absl::StatusOr<Transition> DismissLateMoney(const Context& context, const Account& account,
                                            const ByStaff& by);

// Notes that a person has paid out what is owed: `total` in all, with what was paid before, so that
// a repeat, also one that comes late, changes nothing. FAILED_PRECONDITION "MORE_THAN_OWED".
absl::StatusOr<Transition> RecordPayout(const Context& context, const Account& account, Nanos total,
                                        const ByStaff& by);

// What is open, what goes back and what is left, for people.
struct ClosingStep {
  enum class Kind : uint8_t {
    kGrace = 1,           // facts are booked until then at least
    kAttempt = 2,         // a recharge whose attempt is in flight
    kReview = 3,          // a recharge or refund that a person or the gateway has to decide upon
    kRefund = 4,          // one under way that is not of closing
    kUnratedUsage = 5,    // waits for its price, or to be waived
    kGiveBack = 6,        // what goes back of a charge
    kOwed = 7,            // to be paid out by a person
    kWriteOff = 8,        // above zero: debt; below: less than a minor unit
    kCallInProgress = 9,  // a hold: its call goes on, or its CDR is to come
  };
  Kind kind = Kind::kGrace;
  bool done = false;
  absl::Time until = absl::InfiniteFuture();
  int64_t ordinal = 0;         // of the recharge or refund; 0: it is not opened yet
  int64_t charge_ordinal = 0;  // of what goes back: the recharge or payment that was charged
  std::string charge_id = {};
  std::string payment_method_id = {};  // of the card that was charged; empty: of none of ours
  Nanos amount = 0;
  std::string usage_id = {};
};
// What is not done yet is as it would be if nothing came any more.
std::vector<ClosingStep> ClosingStepsOf(const Context& context, const Account& account);

// FAILED_PRECONDITION "ACCOUNT_CLOSING" or "ACCOUNT_CLOSED".
absl::Status CheckNotClosing(const Account& account);
// FAILED_PRECONDITION "ACCOUNT_CLOSED".
absl::Status CheckNotClosed(const Account& account);
// FAILED_PRECONDITION "USAGE_AFTER_CLOSING".
absl::Status CheckTakesFacts(const Account& account);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_CLOSING_POLICY_H_
