// What the gateway tells by itself, and a caller passes on: how pending charges ended, and how
// refunds and disputes stand; in any order, some of it twice, some of it never, until all is told
// in the end.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/reference/reference.h"
#include "common/rpc/conversions.h"
#include "tests/chaos/caller.h"
#include "tests/support/wait_until.h"
#include "worker/charge_key.h"

namespace reserve::chaos {
namespace {

namespace gw = gateway::v1;
namespace pb = ledger::v1;

constexpr absl::Duration kNews = absl::Seconds(4);
constexpr int32_t kMostAttempts = 50;

// Which attempt made the charge; 0: none.
int32_t AttemptOf(const gw::Charge& charge, const Reference& name) {
  for (int32_t attempt = 1; attempt <= kMostAttempts; ++attempt) {
    if (worker::ChargeKey(name.account_id, name.ordinal, attempt) == charge.idempotency_key()) {
      return attempt;
    }
  }
  return 0;
}

// Is the charge, or a refund of it, not yet what it will be?
bool IsToChange(const gw::Charge& charge) {
  if (charge.state() == gw::CHARGE_STATE_PENDING) return true;
  const bool fails = absl::StartsWith(charge.card_token(), "tok_refund_fail_later_");
  return std::any_of(charge.refunds().begin(), charge.refunds().end(),
                     [fails](const gw::Refund& refund) {
                       return refund.state() == gw::REFUND_STATE_PENDING ||
                              (fails && refund.state() == gw::REFUND_STATE_SUCCEEDED);
                     });
}

}  // namespace

absl::StatusOr<std::vector<gw::Charge>> Caller::ChargesSince(absl::Time since) {
  gw::ListChargesRequest request;
  request.set_page_size(1000);
  if (since != absl::InfinitePast()) reserve::ToProto(since, request.mutable_updated_since());
  std::vector<gw::Charge> charges;
  do {
    RESERVE_ASSIGN_OR_RETURN(
        const gw::ListChargesResponse page,
        AskGateway(*gateway_, &gw::PaymentGateway::Stub::ListCharges, request));
    charges.insert(charges.end(), page.charges().begin(), page.charges().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return charges;
}

void Caller::TellOf(const gw::Charge& charge, const gw::Dispute& dispute) {
  pb::ReportGatewayDisputeRequest request;
  request.set_charge_id(charge.charge_id());
  request.set_charge_reference(charge.reference());
  request.set_dispute_id(dispute.dispute_id());
  request.set_state(static_cast<pb::DisputeState>(dispute.state()));
  *request.mutable_amount() = dispute.amount();
  request.set_reason(dispute.reason());
  const auto got = Persist(&pb::Recharges::Stub::ReportGatewayDispute, request);
  ++counts_.operations;
  if (got.ok() || IsNoAnswer(got.status())) return;
  record_.Contradict(absl::StrCat("dispute ", dispute.dispute_id(), " of ", charge.reference(),
                                  " was not taken: ", got.status().ToString()));
}

void Caller::TellOf(const gw::Charge& charge, const gw::Refund& refund) {
  pb::ReportGatewayRefundRequest request;
  request.set_charge_id(charge.charge_id());
  request.set_charge_reference(charge.reference());
  request.set_refund_id(refund.refund_id());
  request.set_refund_reference(refund.reference());
  request.set_state(static_cast<pb::RefundState>(refund.state()));
  *request.mutable_amount() = refund.amount();
  request.set_failure_code(refund.failure_code());
  const auto got = Persist(&pb::Recharges::Stub::ReportGatewayRefund, request);
  ++counts_.operations;
  if (got.ok() || IsNoAnswer(got.status())) return;
  record_.Contradict(absl::StrCat("refund ", refund.refund_id(), " of ", charge.reference(),
                                  " was not taken: ", got.status().ToString()));
}

void Caller::TellOf(const gw::Charge& charge) {
  const std::optional<Reference> name = ParseReference(charge.reference());
  const int32_t attempt = name.has_value() ? AttemptOf(charge, *name) : 0;
  if (attempt == 0) {
    return record_.Contradict(absl::StrCat("charge ", charge.charge_id(), " of ",
                                           charge.reference(), " was made by no attempt"));
  }
  pb::ReportRechargeRequest request;
  request.set_account_id(name->account_id);
  request.set_ordinal(name->ordinal);
  request.set_attempt(attempt);
  request.set_worker_id("webhook");
  pb::ChargeSucceeded& succeeded = *request.mutable_succeeded();
  succeeded.set_charge_id(charge.charge_id());
  *succeeded.mutable_amount() =
      charge.has_captured_amount() ? charge.captured_amount() : charge.amount();
  const auto got = Persist(&pb::Recharges::Stub::ReportRecharge, request);
  ++counts_.operations;
  if (got.ok() || IsNoAnswer(got.status())) return;
  record_.Contradict(absl::StrCat("the success of charge ", charge.charge_id(), " of ",
                                  charge.reference(), " was not taken: ", got.status().ToString()));
}

void Caller::TellOfNews() {
  const auto charges = ChargesSince(absl::Now() - kNews);
  if (!charges.ok()) return;
  for (const gw::Charge& charge : *charges) {
    const bool was_pending = absl::StartsWith(charge.card_token(), "tok_pending_");
    if (was_pending && charge.state() == gw::CHARGE_STATE_SUCCEEDED && Below(2) == 0) {
      TellOf(charge);
    }
    for (const gw::Refund& refund : charge.refunds()) {
      if (Below(2) == 0) TellOf(charge, refund);
    }
  }
}

bool Caller::TellOfAll() {
  const absl::Time start = absl::Now();
  for (int tries = 1; !GivesUp(start); ++tries) {
    const auto charges = ChargesSince(absl::InfinitePast());
    if (!charges.ok()) {
      TurnAway(tries);
      continue;
    }
    for (const gw::Charge& charge : *charges) {
      for (const gw::Refund& refund : charge.refunds()) TellOf(charge, refund);
      for (const gw::Dispute& dispute : charge.disputes()) TellOf(charge, dispute);
    }
    return true;
  }
  return false;
}

bool Caller::AwaitDecisions(absl::Duration patience) {
  return test_support::WaitUntil(
      [this] {
        const auto charges = ChargesSince(absl::InfinitePast());
        return charges.ok() && std::none_of(charges->begin(), charges->end(), IsToChange);
      },
      patience, absl::Milliseconds(200));
}

}  // namespace reserve::chaos
