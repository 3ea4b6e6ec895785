// The part of the verdict that is about disputes (P2, P3).
#ifndef RESERVE_TESTS_CHAOS_DISPUTE_CHECKS_H_
#define RESERVE_TESTS_CHAOS_DISPUTE_CHECKS_H_

#include "absl/status/status.h"
#include "tests/chaos/at_the_gateway.h"
#include "tests/chaos/stage.h"
#include "tests/chaos/verdict.h"

namespace reserve::chaos {

// The ledger has each dispute of the gateway as it stands, and out of the balance while the bank
// has the money.
absl::Status CompareDisputes(const Stage& stage, const AtTheGateway& found, Verdict* verdict);

// By its events, nothing that the ledger opened while a dispute stood was charged to the number of
// that dispute. Which number a charge was of, the gateway says.
absl::Status CheckDisputedNumbers(const Stage& stage, const AtTheGateway& found, Verdict* verdict);

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_DISPUTE_CHECKS_H_
