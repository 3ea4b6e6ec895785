// Rows of recharges, and the claims on them.
//
// A claim is an unlocked SELECT of candidates and a conditional UPDATE of each:
// no row is locked that is not written, and two ledgers that claim at the same
// time can't both win.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_RECHARGE_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_RECHARGE_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::storage {

// Recharges under review after this one, by account and ordinal.
absl::StatusOr<std::vector<domain::Recharge>> ListReviews(Connection& connection,
                                                          const book::RechargeKey& after,
                                                          int limit);

// The same of recharges and payments of whose charge the gateway told, that nothing is credited
// for, and that no worker has (P3).
absl::StatusOr<std::vector<domain::Recharge>> ListKeeping(Connection& connection,
                                                          const book::RechargeKey& after,
                                                          int limit);
// The refunds that are kept of one of these, by ordinal, a thousand at most.
absl::StatusOr<std::vector<domain::Recharge>> LoadKeptRefunds(Connection& connection,
                                                              const book::RechargeKey& charge);

// The recharges that exist, in no particular order.
absl::StatusOr<std::vector<domain::Recharge>> LoadRecharges(
    Connection& connection, const std::vector<book::RechargeKey>& keys, Lock lock);
enum class Listed { kAll, kCharges, kRefunds, kPayments };
// Recharges of an account with ordinal < `before`, newest first.
absl::StatusOr<std::vector<domain::Recharge>> ListRecharges(Connection& connection,
                                                            absl::string_view account_id,
                                                            Listed listed, int64_t before,
                                                            int limit);
// Which of an account's recharges, refunds or payments; all that it was, or is to be, charged by
// default.
struct RechargeFilter {
  Listed listed = Listed::kCharges;
  std::optional<domain::RechargeState> state = std::nullopt;
  std::optional<domain::RechargeKind> kind = std::nullopt;   // initial, automatic, or a top-up
  std::optional<domain::PaymentMeans> means = std::nullopt;  // of a payment
  std::string reference = {};                                // of a payment; empty: any
  int64_t refund_of = 0;                                     // of a refund; 0: of any
  absl::Time from = absl::InfinitePast();                    // opened then or later
  absl::Time before = absl::InfiniteFuture();                // opened before then

  bool filters() const {
    return state.has_value() || kind.has_value() || means.has_value() || !reference.empty() ||
           refund_of != 0 || from != absl::InfinitePast() || before != absl::InfiniteFuture();
  }
};
// A stretch of an account's ordinals: first <= ordinal < end.
struct OrdinalRange {
  int64_t first = 1;
  int64_t end = 1;
};
// Those of a stretch to which the filter applies, in that order. All of the stretch is looked at,
// unless `limit` is reached before.
absl::StatusOr<std::vector<domain::Recharge>> SearchRecharges(Connection& connection,
                                                              absl::string_view account_id,
                                                              const RechargeFilter& filter,
                                                              const OrdinalRange& range,
                                                              Oldest oldest, int limit);
// As ListRecharges, with ordinal > `after`, oldest first.
absl::StatusOr<std::vector<domain::Recharge>> ListRechargesAfter(Connection& connection,
                                                                 absl::string_view account_id,
                                                                 Listed listed, int64_t after,
                                                                 int limit);
// What the accounts have of these charges, recharges, payments and refunds, locked, in no
// particular order.
absl::StatusOr<std::vector<domain::Recharge>> LoadRowsOfCharges(
    Connection& connection, const std::vector<book::ChargeNeed>& charges);
// What any account has of the charge, by account and ordinal, from after `after` on.
absl::StatusOr<std::vector<domain::Recharge>> FindCharge(Connection& connection,
                                                         absl::string_view charge_id, Listed listed,
                                                         const book::RechargeKey& after, int limit);
// The gateway's refunds of these (account, refund id), and perhaps others, in no particular order.
absl::StatusOr<std::vector<domain::Recharge>> LoadToldRefunds(
    Connection& connection, const std::vector<book::OnceKey>& told);
// The payments of these (account, reference), and perhaps others, at most some thousand.
absl::StatusOr<std::vector<domain::Recharge>> LoadPaymentsOf(
    Connection& connection, const std::vector<book::OnceKey>& references);
// What of the account's recharges counts towards its closing (domain/closing_policy.h), not locked:
// those that are closed change with the account alone.
absl::StatusOr<std::vector<domain::Recharge>> LoadForClosing(Connection& connection,
                                                             const domain::Account& account);
// New or changed recharges.
absl::Status WriteRecharges(Connection& connection,
                            const std::vector<const domain::Recharge*>& recharges);

// Recharges and refunds of all accounts that are not over, by what they wait for.
struct OpenRecharges {
  int64_t waiting = 0;    // for a worker, and nothing of them can have been sent
  int64_t in_flight = 0;  // their charge may have been sent, and is not known to be pending
  int64_t pending = 0;    // their charge is known to the gateway, which has not decided
  int64_t in_review = 0;  // for a person
  // When the oldest attempt began whose outcome is not known, those in review apart; the infinite
  // future if there is none.
  absl::Time oldest_attempt = absl::InfiniteFuture();
};
absl::StatusOr<OpenRecharges> CountOpenRecharges(Connection& connection);

// Open recharges that are due after `after`, the last first.
absl::StatusOr<std::vector<domain::Recharge>> RechargesDueAfter(Connection& connection,
                                                                absl::Time after, int limit);
// Makes the recharge due at `due_time` instead, if it is still as it was read. False if not.
absl::StatusOr<bool> MoveDueTime(Connection& connection, const domain::Recharge& recharge,
                                 absl::Time due_time);

// Open recharges that are due, the longest due first.
absl::StatusOr<std::vector<domain::Recharge>> DueRecharges(Connection& connection, absl::Time now,
                                                           int limit);
// Takes a recharge as it was read for `owner` until `lease_end`; false if it has
// changed since. On success `recharge` is as now stored.
absl::StatusOr<bool> ClaimRecharge(Connection& connection, absl::string_view owner, absl::Time now,
                                   absl::Time lease_end, domain::Recharge* recharge);
// Prolongs a lease; false if it is lost.
absl::StatusOr<bool> RenewLease(Connection& connection, const book::RechargeKey& key,
                                absl::string_view owner, int64_t lease_epoch, absl::Time lease_end);

// Successful automatic recharges of an account since a time (A1).
absl::StatusOr<int64_t> CountAutomaticSince(Connection& connection, absl::string_view account_id,
                                            absl::Time since);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_RECHARGE_ROWS_H_
