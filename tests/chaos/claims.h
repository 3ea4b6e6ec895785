// What a call to a ledger says about the books: its claims in the history (tests/history).
//
// AddClaims has a form for each method that books something or reads of the books; `response` is
// what was answered, if `outcome` is kAnswered, and not looked at otherwise.
#ifndef RESERVE_TESTS_CHAOS_CLAIMS_H_
#define RESERVE_TESTS_CHAOS_CLAIMS_H_

#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "reserve/ledger/v1/accounts.pb.h"
#include "reserve/ledger/v1/audit.pb.h"
#include "reserve/ledger/v1/ledger.pb.h"
#include "reserve/ledger/v1/support.pb.h"
#include "tests/history/history.h"

namespace reserve::chaos {

using Claims = std::vector<history::Claim>;

enum class Outcome {
  kAnswered,
  kRefused,  // for good: this call has booked nothing
  kUnknown,
};
Outcome OutcomeOf(const absl::Status& status);

void AddClaims(const ledger::v1::RecordUsageRequest& request,
               const ledger::v1::RecordUsageResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::BatchRecordUsageRequest& request,
               const ledger::v1::BatchRecordUsageResponse& response, Outcome outcome,
               Claims* claims);
void AddClaims(const ledger::v1::VoidUsageRequest& request,
               const ledger::v1::VoidUsageResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::CorrectUsageRequest& request,
               const ledger::v1::CorrectUsageResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::CreateHoldRequest& request,
               const ledger::v1::CreateHoldResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::AdjustBalanceRequest& request, const ledger::v1::Entry& response,
               Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::GrantCreditRequest& request, const ledger::v1::Entry& response,
               Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::RecordPaymentRequest& request,
               const ledger::v1::RecordPaymentResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::ReversePaymentRequest& request,
               const ledger::v1::Payment& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::RefundRechargeRequest& request, const ledger::v1::Refund& response,
               Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::GetUsageRequest& request, const ledger::v1::UsageRecord& response,
               Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::ListUsageRequest& request,
               const ledger::v1::ListUsageResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::ListEntriesRequest& request,
               const ledger::v1::ListEntriesResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::SummarizeUsageRequest& request,
               const ledger::v1::SummarizeUsageResponse& response, Outcome outcome, Claims* claims);
void AddClaims(const ledger::v1::CheckHeadRequest& request,
               const ledger::v1::CheckHeadResponse& response, Outcome outcome, Claims* claims);
// Whatever is answered with the account shows its last entry.
void AddHead(const ledger::v1::Account& account, Claims* claims);

// A usage that was sent on a stream, which does not say where it is booked.
history::Claim StreamedClaim(const ledger::v1::RecordUsageRequest& request, history::What what);

// All others say nothing about entries.
template <typename Request, typename Response>
void AddClaims(const Request& /*request*/, const Response& response, Outcome outcome,
               Claims* claims) {
  if constexpr (std::is_same_v<Response, ledger::v1::Account>) {
    if (outcome == Outcome::kAnswered) AddHead(response, claims);
  }
}

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_CLAIMS_H_
