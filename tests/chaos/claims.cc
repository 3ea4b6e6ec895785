#include "tests/chaos/claims.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "tests/chaos/caller.h"

namespace reserve::chaos {
namespace {

namespace pb = ledger::v1;
using history::Claim;
using history::What;

// Enough of a hash to tell two apart.
constexpr size_t kHashBytes = 8;

What AskedAs(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAnswered:
      return What::kDone;
    case Outcome::kRefused:
      return What::kRefused;
    case Outcome::kUnknown:
      return What::kUnknown;
  }
  return What::kUnknown;
}

Claim ClaimOf(const std::string& account, const char* kind, const std::string& id,
              Outcome outcome) {
  return {.what = AskedAs(outcome), .account = account, .kind = kind, .id = id};
}

std::string HashText(const std::string& hash) {
  return absl::BytesToHexString(hash.substr(0, kHashBytes));
}

int64_t StartMicros(const pb::Usage& usage) {
  return usage.start_time().seconds() * 1'000'000 + usage.start_time().nanos() / 1'000;
}

Claim UsageClaim(const std::string& account, const pb::Usage& usage, Outcome outcome) {
  Claim claim = ClaimOf(account, "usage", usage.usage_id(), outcome);
  // What is refused for its content says nothing of what is booked under its id.
  if (outcome != Outcome::kRefused) claim.start_micros = StartMicros(usage);
  return claim;
}

Claim DoneUsage(const std::string& account, const pb::Usage& usage,
                const pb::RecordUsageResponse& response) {
  Claim claim = UsageClaim(account, usage, Outcome::kAnswered);
  claim.seq = response.seq();
  claim.balance = NanosOf(response.balance_after());
  claim.hash = HashText(response.hash());
  claim.fresh = !response.duplicate();
  // That of a repeat is what it costs by now.
  if (claim.fresh) claim.amount = -NanosOf(response.cost());
  return claim;
}

Claim DoneVoid(const std::string& account, const std::string& usage_id,
               const pb::VoidUsageResponse& response) {
  Claim claim = ClaimOf(account, "void", usage_id, Outcome::kAnswered);
  claim.seq = response.seq();
  claim.amount = NanosOf(response.returned());
  claim.fresh = !response.already_voided();
  return claim;
}

// What an entry is called where ids of its kind are unique; without an id of other kinds.
void NameEntry(const pb::Entry& entry, Claim* claim) {
  switch (entry.kind()) {
    case pb::ENTRY_KIND_USAGE:
      claim->kind = "usage";
      claim->id = entry.usage_id();
      return;
    case pb::ENTRY_KIND_VOID:
      claim->kind = "void";
      claim->id = entry.usage_id();
      return;
    case pb::ENTRY_KIND_ADJUSTMENT:
      claim->kind = "adjustment";
      break;
    case pb::ENTRY_KIND_CREDIT_GRANT:
      claim->kind = "grant";
      break;
    case pb::ENTRY_KIND_PAYMENT:
      claim->kind = "payment";
      break;
    case pb::ENTRY_KIND_PAYMENT_REVERSED:
      claim->kind = "reversal";
      break;
    case pb::ENTRY_KIND_REFUND:
      claim->kind = "refund";
      break;
    default:
      claim->kind =
          absl::AsciiStrToLower(absl::StripPrefix(pb::EntryKind_Name(entry.kind()), "ENTRY_KIND_"));
      return;
  }
  claim->id = entry.request_id();
}

Claim EntryClaim(const std::string& account, const pb::Entry& entry, What what) {
  Claim claim = {.what = what,
                 .account = account,
                 .seq = entry.seq(),
                 .amount = NanosOf(entry.amount()),
                 .balance = NanosOf(entry.balance_after()),
                 .hash = HashText(entry.hash())};
  NameEntry(entry, &claim);
  return claim;
}

// An entry under the caller's request id.
void AddRequested(const std::string& account, const char* kind, const std::string& request_id,
                  const pb::Entry* entry, Outcome outcome, Claims* claims) {
  Claim claim = ClaimOf(account, kind, request_id, outcome);
  if (outcome == Outcome::kAnswered && entry != nullptr) {
    claim.seq = entry->seq();
    claim.amount = NanosOf(entry->amount());
    claim.balance = NanosOf(entry->balance_after());
    claim.hash = HashText(entry->hash());
  }
  claims->push_back(std::move(claim));
}

}  // namespace

Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return Outcome::kAnswered;
  return IsNoAnswer(status) ? Outcome::kUnknown : Outcome::kRefused;
}

Claim StreamedClaim(const pb::RecordUsageRequest& request, What what) {
  Claim claim = UsageClaim(request.account_id(), request.usage(), Outcome::kUnknown);
  claim.what = what;
  return claim;
}

void AddClaims(const pb::RecordUsageRequest& request, const pb::RecordUsageResponse& response,
               Outcome outcome, Claims* claims) {
  if (outcome != Outcome::kAnswered) {
    return claims->push_back(UsageClaim(request.account_id(), request.usage(), outcome));
  }
  if (response.seq() == 0) return;  // a call for help of no account
  claims->push_back(DoneUsage(request.account_id(), request.usage(), response));
}

void AddClaims(const pb::BatchRecordUsageRequest& request,
               const pb::BatchRecordUsageResponse& response, Outcome outcome, Claims* claims) {
  for (int i = 0; i < request.requests_size(); ++i) {
    const pb::RecordUsageRequest& each = request.requests(i);
    if (outcome != Outcome::kAnswered || i >= response.results_size()) {
      AddClaims(each, pb::RecordUsageResponse(), outcome, claims);
    } else if (response.results(i).has_response()) {
      AddClaims(each, response.results(i).response(), outcome, claims);
    } else {
      AddClaims(each, pb::RecordUsageResponse(),
                OutcomeOf(FromProtoStatus(response.results(i).error())), claims);
    }
  }
}

void AddClaims(const pb::VoidUsageRequest& request, const pb::VoidUsageResponse& response,
               Outcome outcome, Claims* claims) {
  claims->push_back(outcome == Outcome::kAnswered
                        ? DoneVoid(request.account_id(), request.usage_id(), response)
                        : ClaimOf(request.account_id(), "void", request.usage_id(), outcome));
}

void AddClaims(const pb::CorrectUsageRequest& request, const pb::CorrectUsageResponse& response,
               Outcome outcome, Claims* claims) {
  if (outcome != Outcome::kAnswered) {
    claims->push_back(UsageClaim(request.account_id(), request.usage(), outcome));
    return claims->push_back(ClaimOf(request.account_id(), "void", request.usage_id(), outcome));
  }
  claims->push_back(DoneUsage(request.account_id(), request.usage(), response.usage()));
  if (!response.has_voided()) return;
  claims->push_back(DoneVoid(request.account_id(), request.usage_id(), response.voided()));
}

void AddClaims(const pb::CreateHoldRequest& request, const pb::CreateHoldResponse& /*response*/,
               Outcome outcome, Claims* claims) {
  if (outcome == Outcome::kRefused) return;
  // An estimate may be booked, and given back for its CDR.
  for (const char* kind : {"usage", "void"}) {
    claims->push_back({.what = What::kHeld,
                       .account = request.account_id(),
                       .kind = kind,
                       .id = request.usage_id()});
  }
}

void AddClaims(const pb::AdjustBalanceRequest& request, const pb::Entry& response, Outcome outcome,
               Claims* claims) {
  AddRequested(request.account_id(), "adjustment", request.request_id(), &response, outcome,
               claims);
}

void AddClaims(const pb::GrantCreditRequest& request, const pb::Entry& response, Outcome outcome,
               Claims* claims) {
  AddRequested(request.account_id(), "grant", request.request_id(), &response, outcome, claims);
}

void AddClaims(const pb::RecordPaymentRequest& request, const pb::RecordPaymentResponse& response,
               Outcome outcome, Claims* claims) {
  if (outcome == Outcome::kAnswered && response.already_credited()) return;
  AddRequested(request.account_id(), "payment", request.request_id(), &response.entry(), outcome,
               claims);
}

void AddClaims(const pb::ReversePaymentRequest& request, const pb::Payment& /*response*/,
               Outcome outcome, Claims* claims) {
  AddRequested(request.account_id(), "reversal", request.request_id(), nullptr, outcome, claims);
}

void AddClaims(const pb::RefundRechargeRequest& request, const pb::Refund& /*response*/,
               Outcome outcome, Claims* claims) {
  AddRequested(request.account_id(), "refund", request.request_id(), nullptr, outcome, claims);
}

void AddHead(const pb::Account& account, Claims* claims) {
  claims->push_back({.what = What::kHead,
                     .account = account.account_id(),
                     .seq = account.last_seq(),
                     .balance = NanosOf(account.balance())});
}

void AddClaims(const pb::GetUsageRequest& request, const pb::UsageRecord& response, Outcome outcome,
               Claims* claims) {
  if (outcome == Outcome::kUnknown || response.estimated()) return;
  Claim claim = {.what = What::kMissing,
                 .account = request.account_id(),
                 .kind = "usage",
                 .id = request.usage_id()};
  if (outcome == Outcome::kAnswered) {
    claim.what = What::kFound;
    claim.seq = response.seq();
    claim.balance = NanosOf(response.balance_after());
  }
  claims->push_back(std::move(claim));
}

void AddClaims(const pb::ListUsageRequest& request, const pb::ListUsageResponse& response,
               Outcome outcome, Claims* claims) {
  if (outcome != Outcome::kAnswered || !request.page_token().empty()) return;
  for (const pb::UsageRecord& record : response.usage_records()) {
    if (record.estimated()) continue;
    claims->push_back({.what = What::kFound,
                       .account = request.account_id(),
                       .kind = "usage",
                       .id = record.usage().usage_id(),
                       .seq = record.seq(),
                       .balance = NanosOf(record.balance_after())});
  }
  Claim listed = {.what = What::kListed, .account = request.account_id()};
  if (!response.next_page_token().empty()) {
    listed.start_micros =
        response.searched_until().seconds() * 1'000'000 + response.searched_until().nanos() / 1'000;
  }
  claims->push_back(std::move(listed));
}

void AddClaims(const pb::ListEntriesRequest& request, const pb::ListEntriesResponse& response,
               Outcome outcome, Claims* claims) {
  if (outcome != Outcome::kAnswered) return;
  const auto& entries = response.entries();
  // Later pages are of the entries that there were when the first was asked for.
  if (request.page_token().empty()) {
    Claim head = {.what = What::kHead, .account = request.account_id(), .balance = 0};
    if (!entries.empty()) head = EntryClaim(request.account_id(), entries[0], What::kHead);
    head.kind.clear();
    head.id.clear();
    claims->push_back(std::move(head));
  }
  for (const pb::Entry& entry : entries) {
    claims->push_back(EntryClaim(request.account_id(), entry, What::kEntry));
  }
  if (!response.next_page_token().empty()) return;
  claims->push_back({.what = What::kListEnd,
                     .account = request.account_id(),
                     .seq = entries.empty() ? 0 : entries[entries.size() - 1].seq()});
}

void AddClaims(const pb::SummarizeUsageRequest& request, const pb::SummarizeUsageResponse& response,
               Outcome outcome, Claims* claims) {
  if (outcome != Outcome::kAnswered) return;
  claims->push_back(
      {.what = What::kHead, .account = request.account_id(), .seq = response.through_seq()});
}

void AddClaims(const pb::CheckHeadRequest& request, const pb::CheckHeadResponse& response,
               Outcome outcome, Claims* claims) {
  if (outcome != Outcome::kAnswered) return;
  Claim asked = {.what = What::kEntry, .account = request.account_id(), .seq = request.seq()};
  if (response.state() == pb::HEAD_STATE_PRESENT) asked.hash = HashText(request.hash());
  if (response.state() == pb::HEAD_STATE_LOST) asked.what = What::kMissing;
  if (response.state() == pb::HEAD_STATE_REPLACED) asked.what = What::kChanged;
  claims->push_back(std::move(asked));
  Claim head = {.what = What::kHead, .account = request.account_id(), .seq = response.head_seq()};
  if (head.seq > 0) head.hash = HashText(response.head_hash());
  claims->push_back(std::move(head));
}

}  // namespace reserve::chaos
