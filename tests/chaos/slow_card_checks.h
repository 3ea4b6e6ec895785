// What must hold of charges that are pending first, and of those of which less was captured than
// was asked for (G3, G4).
#ifndef RESERVE_TESTS_CHAOS_SLOW_CARD_CHECKS_H_
#define RESERVE_TESTS_CHAOS_SLOW_CARD_CHECKS_H_

#include "absl/status/status.h"
#include "tests/chaos/at_the_gateway.h"
#include "tests/chaos/stage.h"
#include "tests/chaos/verdict.h"

namespace reserve::chaos {

// SQL that says of recharge `r` that it waits for a card to be charged by itself again, an hour
// after it has paid in part: it is settled as far as it can be.
extern const char kRestsAfterPart[];

// By the gateway's clock nothing is charged on an account while another charge is pending.
void CheckPending(const AtTheGateway& found, Verdict* verdict);
// A card that paid in part is not charged by itself within the hour, but where it was given anew.
absl::Status CheckInPart(const Stage& stage, Verdict* verdict);
// Nobody is asked to find anything out, as the gateway tells of each charge and refund how it
// ended.
absl::Status CheckReviews(const Stage& stage, Verdict* verdict);

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_SLOW_CARD_CHECKS_H_
