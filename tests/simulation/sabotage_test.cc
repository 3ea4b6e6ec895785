// The simulation can fail: each mistake that is made on purpose is found within a
// bounded number of seeds, by the check that is there for it.

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/simulation/world.h"

namespace reserve::simulation {
namespace {

struct Case {
  std::string name;
  Sabotage sabotage;
  uint64_t seeds;                // within so many it is found
  std::set<std::string> checks;  // by one of these
};

void PrintTo(const Case& test_case, std::ostream* out) { *out << test_case.name; }

class SabotageTest : public testing::TestWithParam<Case> {};

TEST_P(SabotageTest, IsFoundByTheCheckThatIsThereForIt) {
  const Case& expected = GetParam();
  for (uint64_t seed = 1; seed <= expected.seeds; ++seed) {
    const Result result = Simulate(seed, expected.sabotage);
    if (!result.failure.has_value()) continue;
    EXPECT_EQ(expected.checks.count(result.failure->check), 1u)
        << "expected one of: " << absl::StrJoin(expected.checks, "; ") << "\n"
        << Report(seed, expected.sabotage);
    RecordProperty("found", absl::StrCat("seed ", seed, ": ", result.failure->check));
    return;
  }
  FAIL() << "not found in " << expected.seeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(
    , SabotageTest,
    testing::Values(
        Case{"CreditWithoutLooking",
             Sabotage::kCreditWithoutLooking,
             200,
             {"a recharge is credited once", "the account knows its open recharge"}},
        Case{"UnknownCommitTakenAsDone",
             Sabotage::kUnknownCommitTakenAsDone,
             200,
             {"an acknowledged usage is booked", "what was acknowledged is stored"}},
        Case{"UnknownCommitTakenAsRefused",
             Sabotage::kUnknownCommitTakenAsRefused,
             200,
             {"a usage that was refused is not booked",
              "a person is only asked when there is no other way"}},
        Case{"WriteWithoutLock",
             Sabotage::kWriteWithoutLock,
             200,
             {"entries are numbered without gaps", "the balance is the sum of the entries",
              "events are numbered without gaps", "attempts and epochs only grow",
              "only a success is taken without the lease"}},
        Case{"RequestsNotRemembered",
             Sabotage::kRequestsNotRemembered,
             200,
             {"a request is carried out once", "what was acknowledged is stored"}},
        Case{
            "HandOutWithoutCommit",
            Sabotage::kHandOutWithoutCommit,
            2000,
            // Nobody knows of the attempt, so that its recharge may be canceled, or aimed at
            // another card, while it is charged; or a worker that finds it meanwhile asks a person.
            {"no second key while the first one's outcome is unknown",
             "what was charged is credited", "a person is only asked when there is no other way"}},
        Case{"NoPolling", Sabotage::kNoPolling, 200, {"every recharge is closed in the end"}},
        Case{"NoHousekeeping",
             Sabotage::kNoHousekeeping,
             1000,
             {"no account is left low with a usable card", "P4: what is being closed gets there",
              "P6: a grant ends", "H4: every hold ends"}},
        Case{"ReportWithoutLease",
             Sabotage::kReportWithoutLease,
             1000,
             {"only a success is taken without the lease"}},
        Case{"KeyFromLease",
             Sabotage::kKeyFromLease,
             200,
             {"no second key while the first one's outcome is unknown"}},
        Case{"NextAttemptAfterTimeout",
             Sabotage::kNextAttemptAfterTimeout,
             200,
             {"no second key while the first one's outcome is unknown",
              "a person is only asked when there is no other way"}},
        Case{"DeclinedAfterTimeout",
             Sabotage::kDeclinedAfterTimeout,
             200,
             {"no second key while the first one's outcome is unknown",
              "what was charged is credited"}},
        Case{"KeysRememberedForEver",
             Sabotage::kKeysRememberedForEver,
             4000,
             {"a recharge is charged once"}},
        Case{"RefundKeysRememberedForEver",
             Sabotage::kRefundKeysRememberedForEver,
             4000,
             {"the ledger knows how each refund ended", "a refund is made once"}},
        Case{"DeclinesNotCounted",
             Sabotage::kDeclinesNotCounted,
             1000,
             {"a card is not tried more often than its network allows"}},
        Case{"RefundKeyFromLease",
             Sabotage::kRefundKeyFromLease,
             200,
             {"a refund has one key", "a refund is made once"}},
        Case{
            "RefundSentAsCharge", Sabotage::kRefundSentAsCharge, 200, {"a refund charges nothing"}},
        Case{"RefundNotLocked",
             Sabotage::kRefundNotLocked,
             4000,
             {"attempts and epochs only grow", "what may have been sent is not canceled",
              "only a success is taken without the lease"}},
        Case{"KeptNotLoaded",
             Sabotage::kKeptNotLoaded,
             1000,
             {"a refund is out of the balance while it stands",
              "a dispute is out of the balance while the bank has the money"}},
        Case{"ToldRefundNotKnown",
             Sabotage::kToldRefundNotKnown,
             200,
             {"a refund of the gateway has one row"}},
        Case{"ToldDisputeNotKnown",
             Sabotage::kToldDisputeNotKnown,
             200,
             {"a charge says what its refunds and disputes say"}},
        Case{"SuspensionForgotten",
             Sabotage::kSuspensionForgotten,
             200,
             {"a suspension counts what it is for"}},
        Case{"CalendarForgotten",
             Sabotage::kCalendarForgotten,
             1000,
             {"C8: the rules of before are kept",
              "C8: a usage draws on the allowance of its own month"}},
        Case{"DisputedNumberForgotten",
             Sabotage::kDisputedNumberForgotten,
             1000,
             {"a number that is disputed is not charged"}},
        Case{"UsageStatesNotLoaded",
             Sabotage::kUsageStatesNotLoaded,
             200,
             {"a usage is voided once", "what waits for its price is rated once",
              "a void gives back what the usage cost"}},
        Case{"ChargesNotLookedUp",
             Sabotage::kChargesNotLookedUp,
             1000,
             {"a charge is credited once", "a payment is answered with the entry that credits it"}},
        Case{"ReversalNotNoted",
             Sabotage::kReversalNotNoted,
             1000,
             {"a payment says whether it was taken back", "a payment is taken back once"}},
        Case{"HoldsNotLoaded",
             Sabotage::kHoldsNotLoaded,
             200,
             {"a slot is given away only once its hold has ended",
              "an account holds what its holds do"}},
        Case{
            "EndedHoldsNotLoaded",
            Sabotage::kEndedHoldsNotLoaded,
            1000,
            {"H3: a hold is made once", "H5: a call is paid once, under whatever id its CDR came"}},
        Case{"HoldSlotsNotFreed",
             Sabotage::kHoldSlotsNotFreed,
             200,
             {"an account holds what its holds do"}},
        Case{"HeldSecondsNotStored",
             Sabotage::kHeldSecondsNotStored,
             200,
             {"an allowance holds what its holds do"}},
        Case{"EstimateStandsForEver",
             Sabotage::kEstimateStandsForEver,
             1000,
             {"H12: an estimate is replaced once"}},
        Case{"PendingTakenAsDeclined",
             Sabotage::kPendingTakenAsDeclined,
             200,
             {"no second key while the first one's outcome is unknown",
              "G3: nothing is charged by itself beside a pending charge",
              "what was charged is credited"}},
        Case{"PendingGivenToAPerson",
             Sabotage::kPendingGivenToAPerson,
             200,
             {"G3: a pending charge is no review"}},
        Case{"PendingNotTold",
             Sabotage::kPendingNotTold,
             4000,
             {"G3: a pending charge is no review"}},
        Case{"CapturedNotRead", Sabotage::kCapturedNotRead, 200, {"what was charged is credited"}},
        Case{"RestForgotten",
             Sabotage::kRestForgotten,
             1000,
             {"G4: a card that paid in part is not charged by itself at once"}},
        Case{"FailedRefundForgotten",
             Sabotage::kFailedRefundForgotten,
             200,
             {"a refund is booked once, and booked back once",
              "a refund is out of the balance while it stands",
              "a charge says what its refunds and disputes say"}},
        Case{"NothingToldInTheEnd",
             Sabotage::kNothingToldInTheEnd,
             200,
             {"the ledger knows how each refund ended",
              "the ledger knows how each dispute stands"}}),
    [](const testing::TestParamInfo<Case>& found) { return found.param.name; });

}  // namespace
}  // namespace reserve::simulation
