#include "services/ledger/api/support_service.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/unplaced_state.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/unplaced_rows.h"

namespace reserve::api {
namespace {

using book::Reply;

constexpr int kDisputesRead = 1000;
constexpr absl::Duration kLongestQuietTime = absl::Hours(24 * 31);

absl::StatusOr<book::Command> ParseAdjust(const pb::AdjustBalanceRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount,
                           RequiredMoney(request.has_amount(), request.amount(), "amount"));
  if (amount == 0) return InvalidField("amount", "must not be zero");
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return book::AdjustBalance{request.request_id(), amount, std::move(by),
                             request.amount().currency_code(), request.validate_only()};
}

absl::StatusOr<book::Command> ParseGrant(const pb::GrantCreditRequest& request) {
  book::GrantCredit grant;
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  grant.request.request_id = request.request_id();
  RESERVE_ASSIGN_OR_RETURN(grant.request.amount,
                           RequiredMoney(request.has_amount(), request.amount(), "amount"));
  if (!request.has_expire_time()) return InvalidField("expire_time", "must be set");
  RESERVE_ASSIGN_OR_RETURN(grant.request.end,
                           reserve::FromProto(request.expire_time(), "expire_time"));
  RESERVE_ASSIGN_OR_RETURN(grant.request.by, ByStaffFrom(request));
  grant.currency = request.amount().currency_code();
  grant.validate_only = request.validate_only();
  return grant;
}

FillResponse FillEntry(pb::Entry* response) {
  return [response](Reply&& reply) {
    const auto& booked = book::As<book::EntryReply>(reply);
    ToProto(booked.entry, booked.currency, response);
  };
}

template <typename Command, typename Request>
absl::StatusOr<book::Command> ParseByStaff(const Request& request) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return Command{std::move(by), IdUnlessTried(request), request.validate_only()};
}

absl::StatusOr<book::Command> ParseResolve(const pb::ResolveReviewRequest& request) {
  book::ResolveReview resolve;
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  resolve.request_id = request.request_id();
  resolve.validate_only = request.validate_only();
  resolve.ordinal = request.ordinal();
  RESERVE_ASSIGN_OR_RETURN(resolve.by, ByStaffFrom(request));
  switch (request.outcome_case()) {
    case pb::ResolveReviewRequest::kCharged: {
      const pb::ReviewCharged& charged = request.charged();
      resolve.outcome.charged = true;
      resolve.outcome.charge_id = charged.charge_id();
      RESERVE_RETURN_IF_ERROR(CheckChargeId(charged.charge_id(), "charged.charge_id"));
      RESERVE_ASSIGN_OR_RETURN(
          resolve.outcome.amount,
          RequiredMoney(charged.has_amount(), charged.amount(), "charged.amount"));
      resolve.currency = charged.amount().currency_code();
      return resolve;
    }
    case pb::ResolveReviewRequest::kNotCharged:
      return resolve;
    case pb::ResolveReviewRequest::kDismissed:
      resolve.outcome.dismissed = true;
      return resolve;
    default:
      return InvalidField("outcome", "must be charged, not_charged or dismissed");
  }
}

absl::StatusOr<book::Command> ParseLift(const pb::LiftSuspensionRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.payment_method_id(), "payment_method_id"));
  if (!request.dispute_id().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckChargeId(request.dispute_id(), "dispute_id"));
    if (!request.payment_method_id().empty()) {
      return InvalidField("dispute_id", "must not be set beside a payment_method_id");
    }
  }
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.user_id(), "user_id"));
  absl::Duration quiet;
  if (request.has_quiet_time()) {
    RESERVE_ASSIGN_OR_RETURN(quiet, reserve::FromProto(request.quiet_time(), "quiet_time"));
    if (quiet < absl::ZeroDuration() || quiet > kLongestQuietTime) {
      return InvalidField("quiet_time", "must be from 0 s to 31 days");
    }
  }
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  return book::LiftSuspension{{request.payment_method_id(), request.dispute_id()},
                              std::move(by),
                              IdUnlessTried(request),
                              request.user_id(),
                              quiet,
                              request.validate_only()};
}

// A thing that a person must look at: a row, or, with ordinal 0, money that came to the account
// after it was closed, or what was told of a charge that no account has.
struct Finding {
  domain::Recharge row;
  domain::Closing closing = {};
  std::optional<domain::UnplacedState> unplaced = {};
};

// Where the list goes on: after a slot of what no account has, which comes first, or after a row.
struct FindingBefore {
  std::optional<int64_t> slot;
  book::RechargeKey row;
};

// No account's id begins so.
constexpr absl::string_view kSlotMark = "//";

// Before "acme/1" comes "acme", what is of the account as a whole.
std::string CursorAfterFinding(const Finding& last) {
  if (last.unplaced.has_value()) return absl::StrCat(kSlotMark, last.unplaced->slot);
  return last.row.ordinal == 0 ? last.row.account_id : CursorAfter(last.row);
}

absl::StatusOr<FindingBefore> FindingBeforePage(const Page& page) {
  FindingBefore before;
  absl::string_view cursor = page.cursor;
  if (cursor.empty()) {
    before.slot = 0;
  } else if (absl::ConsumePrefix(&cursor, kSlotMark)) {
    int64_t slot = 0;
    if (!absl::SimpleAtoi(cursor, &slot)) return InvalidField("page_token", "is not one of ours");
    before.slot = slot;
  } else if (absl::StrContains(cursor, '/')) {
    RESERVE_ASSIGN_OR_RETURN(before.row, RowBefore(page));
  } else {
    before.row = book::RechargeKey(page.cursor, 0);
  }
  return before;
}

// What is under review, and what keeps states of its charge, each row once, by account and ordinal.
absl::StatusOr<std::vector<domain::Recharge>> RowsAfter(storage::Connection& connection,
                                                        const book::RechargeKey& after, int limit) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> rows,
                           storage::ListReviews(connection, after, limit));
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> keeping,
                           storage::ListKeeping(connection, after, limit));
  const auto key_of = [](const domain::Recharge& row) {
    return std::tie(row.account_id, row.ordinal);
  };
  std::move(keeping.begin(), keeping.end(), std::back_inserter(rows));
  absl::c_sort(rows,
               [&](const auto& one, const auto& other) { return key_of(one) < key_of(other); });
  rows.erase(
      std::unique(rows.begin(), rows.end(),
                  [&](const auto& one, const auto& other) { return key_of(one) == key_of(other); }),
      rows.end());
  if (rows.size() > static_cast<size_t>(limit)) rows.resize(static_cast<size_t>(limit));
  return rows;
}

// Of accounts.
absl::StatusOr<std::vector<Finding>> FindingsAfter(storage::Connection& connection,
                                                   const book::RechargeKey& after, int limit) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> rows, RowsAfter(connection, after, limit));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Account> late,
                           storage::ListAccountsWithLateMoney(connection, after.first, limit));
  std::vector<Finding> findings;
  for (domain::Recharge& row : rows) findings.push_back({std::move(row)});
  for (const domain::Account& account : late) {
    Finding& finding = findings.emplace_back();
    finding.row.account_id = account.account_id;
    finding.row.currency = account.currency;
    finding.closing = account.closing;
  }
  absl::c_sort(findings, [](const Finding& one, const Finding& other) {
    return std::tie(one.row.account_id, one.row.ordinal) <
           std::tie(other.row.account_id, other.row.ordinal);
  });
  if (findings.size() > static_cast<size_t>(limit)) findings.resize(static_cast<size_t>(limit));
  return findings;
}

absl::StatusOr<std::vector<Finding>> FindingsAfter(storage::Connection& connection,
                                                   const FindingBefore& before, int limit) {
  std::vector<Finding> findings;
  if (before.slot.has_value()) {
    RESERVE_ASSIGN_OR_RETURN(std::vector<domain::UnplacedState> states,
                             storage::ListUnplaced(connection, *before.slot, limit));
    for (domain::UnplacedState& state : states) findings.emplace_back().unplaced = std::move(state);
  }
  const int room = limit - static_cast<int>(findings.size());
  if (room <= 0) return findings;
  RESERVE_ASSIGN_OR_RETURN(std::vector<Finding> of_accounts,
                           FindingsAfter(connection, before.row, room));
  std::move(of_accounts.begin(), of_accounts.end(), std::back_inserter(findings));
  return findings;
}

// What the gateway told of a charge that nothing is credited for.
absl::Status FillKept(storage::Connection& connection, const domain::Recharge& charge,
                      pb::KeptOfCharge* kept) {
  kept->set_account_id(charge.account_id);
  kept->set_recharge_ordinal(charge.ordinal);
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<domain::Recharge> refunds,
      storage::LoadKeptRefunds(connection, {charge.account_id, charge.ordinal}));
  for (const domain::Recharge& refund : refunds) {
    ToProto(refund, kept->add_refunds());
    kept->mutable_refunds()->rbegin()->set_kept(true);
  }
  std::string after;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Dispute> disputes,
        storage::ListDisputes(connection, charge.account_id, after, kDisputesRead));
    for (const domain::Dispute& dispute : disputes) {
      after = dispute.dispute_id;
      if (dispute.ordinal != charge.ordinal || dispute.debited) continue;
      ToProto(dispute, charge.currency, kept->add_disputes());
      kept->mutable_disputes()->rbegin()->set_kept(true);
    }
    if (disputes.size() < kDisputesRead) return absl::OkStatus();
  }
}

absl::Status FillReview(storage::Connection& connection, const Finding& finding,
                        pb::ListReviewsResponse* response) {
  const domain::Recharge& row = finding.row;
  if (finding.unplaced.has_value()) {
    pb::KeptOfNobody* kept = response->add_of_nobody();
    kept->set_charge_id(finding.unplaced->charge_id());
    if (finding.unplaced->is_refund()) {
      ToProto(*finding.unplaced, kept->mutable_refund());
    } else {
      ToProto(*finding.unplaced, kept->mutable_dispute());
    }
    return absl::OkStatus();
  }
  if (row.ordinal == 0) {
    pb::MoneyAfterClosing* late = response->add_after_closing();
    late->set_account_id(row.account_id);
    reserve::ToProto(finding.closing.late, row.currency, late->mutable_amount());
    reserve::ToProto(finding.closing.late_time, late->mutable_since());
    return absl::OkStatus();
  }
  if (row.state == domain::RechargeState::kNeedsReview) {
    if (row.is_refund()) {
      ToProto(row, response->add_refunds());
    } else {
      ToProto(row, response->add_recharges());
    }
  }
  if (!row.keeps) return absl::OkStatus();
  return FillKept(connection, row, response->add_kept());
}

// What ResolveReview dismisses of a charge that no account has.
struct Dismissal {
  std::string charge_id;
  std::string request_id;
  domain::ByStaff by;
  bool validate_only = false;
};

absl::StatusOr<Dismissal> ParseDismissal(const pb::ResolveReviewRequest& request) {
  const std::string& charge_id = request.dismissed().charge_id();
  if (!request.account_id().empty()) {
    return InvalidField("account_id", "must not be set beside dismissed.charge_id");
  }
  if (request.ordinal() != 0) {
    return InvalidField("ordinal", "must not be set beside dismissed.charge_id");
  }
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(request));
  RESERVE_RETURN_IF_ERROR(CheckChargeId(charge_id, "dismissed.charge_id"));
  return Dismissal{charge_id, request.request_id(), std::move(by), request.validate_only()};
}

grpc::ServerUnaryReactor* DismissOfNobody(const ApiContext& api,
                                          grpc::CallbackServerContext* context,
                                          const pb::ResolveReviewRequest& request,
                                          pb::Recharge* response) {
  absl::StatusOr<Dismissal> dismissal = ParseDismissal(request);
  if (!dismissal.ok()) return FinishNow(api, context, "ResolveReview", dismissal.status());
  return StartQuery(
      api, context, "ResolveReview",
      [response,
       dismissal = *std::move(dismissal)](storage::Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(
            const bool kept,
            storage::DismissUnplaced(connection, dismissal.charge_id, dismissal.request_id,
                                     dismissal.by, dismissal.validate_only));
        if (!kept) {
          return PrefixField(domain::ChargeNotFound(dismissal.charge_id), "dismissed.");
        }
        response->Clear();
        response->set_charge_id(dismissal.charge_id);
        return absl::OkStatus();
      });
}

}  // namespace

grpc::ServerUnaryReactor* SupportService::AdjustBalance(grpc::CallbackServerContext* context,
                                                        const pb::AdjustBalanceRequest* request,
                                                        pb::Entry* response) {
  return StartCommand(api_, context, "AdjustBalance",
                      TaskFor(request->account_id(), ParseAdjust(*request)), FillEntry(response));
}

grpc::ServerUnaryReactor* SupportService::GrantCredit(grpc::CallbackServerContext* context,
                                                      const pb::GrantCreditRequest* request,
                                                      pb::Entry* response) {
  return StartCommand(api_, context, "GrantCredit",
                      TaskFor(request->account_id(), ParseGrant(*request)), FillEntry(response));
}

grpc::ServerUnaryReactor* SupportService::BlockAccount(grpc::CallbackServerContext* context,
                                                       const pb::BlockAccountRequest* request,
                                                       pb::Account* response) {
  return StartCommand(api_, context, "BlockAccount",
                      TaskFor(request->account_id(), ParseByStaff<book::BlockAccount>(*request)),
                      FillAccount(api_, response));
}

grpc::ServerUnaryReactor* SupportService::UnblockAccount(grpc::CallbackServerContext* context,
                                                         const pb::UnblockAccountRequest* request,
                                                         pb::Account* response) {
  return StartCommand(api_, context, "UnblockAccount",
                      TaskFor(request->account_id(), ParseByStaff<book::UnblockAccount>(*request)),
                      FillAccount(api_, response));
}

grpc::ServerUnaryReactor* SupportService::LiftSuspension(grpc::CallbackServerContext* context,
                                                         const pb::LiftSuspensionRequest* request,
                                                         pb::Account* response) {
  return StartCommand(api_, context, "LiftSuspension",
                      TaskFor(request->account_id(), ParseLift(*request)),
                      FillAccount(api_, response));
}

grpc::ServerUnaryReactor* SupportService::ListReviews(grpc::CallbackServerContext* context,
                                                      const pb::ListReviewsRequest* request,
                                                      pb::ListReviewsResponse* response) {
  return StartQuery(
      api_, context, "ListReviews", [=](storage::Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const Page page, PageFrom(*request, {"ListReviews"}));
        RESERVE_ASSIGN_OR_RETURN(const FindingBefore before, FindingBeforePage(page));
        RESERVE_ASSIGN_OR_RETURN(const std::vector<Finding> findings,
                                 FindingsAfter(connection, before, page.limit()));
        response->Clear();
        absl::Status status;
        FillPage(
            page, findings, response,
            [&](const Finding& finding) {
              status.Update(FillReview(connection, finding, response));
            },
            CursorAfterFinding);
        return status;
      });
}

grpc::ServerUnaryReactor* SupportService::ResolveReview(grpc::CallbackServerContext* context,
                                                        const pb::ResolveReviewRequest* request,
                                                        pb::Recharge* response) {
  if (!request->dismissed().charge_id().empty()) {
    return DismissOfNobody(api_, context, *request, response);
  }
  return StartCommand(api_, context, "ResolveReview",
                      TaskFor(request->account_id(), ParseResolve(*request)),
                      [response](Reply&& reply) {
                        ToProto(book::As<book::RechargeReply>(reply).recharge, response);
                      });
}

}  // namespace reserve::api
