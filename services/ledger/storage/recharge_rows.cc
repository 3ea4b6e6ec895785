#include "services/ledger/storage/recharge_rows.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Recharge;
using domain::RechargeState;

// As many payments of repeated references are read at once; they are only told of.
constexpr int kMostOfReferences = 1000;
constexpr absl::string_view kRechargeColumns =
    "account_id,ordinal,kind,state,currency,amount_nanos,card_token,card_fingerprint,attempt,"
    "attempt_start,due_time,lease_owner,lease_epoch,soft_declines,last_decline,last_decline_code,"
    "charge_id,request_id,create_time,settle_time,card_network,payment_method_id,card_given,"
    "credited_nanos,pending_time,set_aside,refunded_nanos,disputed_nanos,keeps,refund_of,refund_id,"
    "debited,suspension_number,refund_id_typed,credited_as,means,reference,received_time,"
    "card_brand,card_last_four,update_time";

std::string Select(absl::string_view select = "SELECT ") {
  return absl::StrCat(select, kRechargeColumns, " FROM recharges ");
}

Recharge ReadRecharge(const Row& row) {
  Recharge r;
  r.account_id = row.Text(1);
  r.ordinal = row.Int(2);
  r.kind = static_cast<domain::RechargeKind>(row.Int(3));
  r.state = static_cast<RechargeState>(row.Int(4));
  r.currency = row.Text(5);
  r.amount = row.Int(6);
  r.card.token = CardToken(row.Text(7));
  r.card.fingerprint = row.Text(8);
  r.attempt = static_cast<int32_t>(row.Int(9));
  r.attempt_start = row.Time(10);
  r.due_time = row.IsNull(11) ? absl::InfiniteFuture() : row.Time(11);
  r.lease_owner = row.Text(12);
  r.lease_epoch = row.Int(13);
  r.declines = static_cast<int32_t>(row.Int(14));
  r.last_decline = static_cast<domain::DeclineClass>(row.Int(15));
  r.last_decline_code = row.Text(16);
  r.charge_id = row.Text(17);
  r.request_id = row.Text(18);
  r.create_time = row.Time(19);
  r.end_time = row.Time(20);
  r.card.network = static_cast<domain::CardNetwork>(row.Int(21));
  r.payment_method_id = row.Text(22);
  r.card_given = static_cast<int32_t>(row.Int(23));
  r.credited = row.Int(24);
  r.pending_time = row.IsNull(25) ? absl::InfinitePast() : row.Time(25);
  r.set_aside = row.Int(26) != 0;
  r.refunded = row.Int(27);
  r.disputed = row.Int(28);
  r.keeps = row.Int(29) != 0;
  r.refund_of = row.Int(30);
  r.refund_id = row.Text(31);
  r.debited = row.Int(32) != 0;
  r.suspension_number = static_cast<int32_t>(row.Int(33));
  r.refund_id_typed = row.Int(34) != 0;
  r.credited_as = row.Int(35);
  r.means = static_cast<domain::PaymentMeans>(row.Int(36));
  r.reference = row.Text(37);
  r.received_time = row.IsNull(38) ? absl::InfinitePast() : row.Time(38);
  r.card_brand = row.Text(39);
  r.card_last_four = row.Text(40);
  if (!row.IsNull(41)) r.update_time = row.Time(41);
  return r;
}

Listed ListOf(domain::RechargeKind kind) {
  if (kind == domain::RechargeKind::kRefund) return Listed::kRefunds;
  return kind == domain::RechargeKind::kPayment ? Listed::kPayments : Listed::kCharges;
}

// "1,2,3"
std::string KindsOf(Listed listed) {
  using domain::RechargeKind;
  std::vector<int> kinds;
  for (const RechargeKind kind :
       {RechargeKind::kInitial, RechargeKind::kAutomatic, RechargeKind::kTopUp,
        RechargeKind::kRefund, RechargeKind::kPayment}) {
    if (listed == Listed::kAll || listed == ListOf(kind)) kinds.push_back(static_cast<int>(kind));
  }
  return absl::StrJoin(kinds, ",");
}

// What a filter asks of a row, beside its kind.
std::string ConditionsOf(const RechargeFilter& filter) {
  std::string sql;
  if (filter.state.has_value()) {
    absl::StrAppend(&sql, " AND state = ", static_cast<int>(*filter.state));
  }
  if (filter.means.has_value()) {
    absl::StrAppend(&sql, " AND means = ", static_cast<int>(*filter.means));
  }
  if (!filter.reference.empty()) {
    absl::StrAppend(&sql, " AND reference = ", Quoted(filter.reference));
  }
  if (filter.refund_of != 0) absl::StrAppend(&sql, " AND refund_of = ", filter.refund_of);
  return absl::StrCat(sql, AndBetween("create_time", filter.from, filter.before));
}

// "'a','b'"
template <typename Part, typename Member>
std::string ListOfTexts(const Part& part, Member member) {
  return absl::StrJoin(part, ",", [member](std::string* out, const auto& each) {
    absl::StrAppend(out, Quoted(each.*member));
  });
}

absl::StatusOr<std::vector<Recharge>> QueryRecharges(Connection& connection,
                                                     const std::string& sql) {
  std::vector<Recharge> recharges;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      sql, [&recharges](const Row& row) { recharges.push_back(ReadRecharge(row)); }));
  return recharges;
}

}  // namespace

absl::StatusOr<std::vector<Recharge>> LoadRecharges(Connection& connection,
                                                    const std::vector<book::RechargeKey>& keys,
                                                    Lock lock) {
  // Sorted, as parts are locked one after the other.
  std::vector<book::RechargeKey> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<Recharge> recharges;
  const auto load = [&](absl::Span<const book::RechargeKey> part) {
    SqlText sql(Select());
    sql.Raw("FORCE INDEX (PRIMARY) WHERE (account_id,ordinal) IN (");
    for (const book::RechargeKey& key : part) sql.Row().Text(key.first).Int(key.second).EndRow();
    sql.Raw(")");
    if (lock == Lock::kForUpdate) sql.Raw(" FOR UPDATE");
    return connection.Query(
        sql.str(), [&recharges](const Row& row) { recharges.push_back(ReadRecharge(row)); });
  };
  RESERVE_RETURN_IF_ERROR(InParts<book::RechargeKey>(sorted, load));
  return recharges;
}

absl::StatusOr<std::vector<Recharge>> ListRecharges(Connection& connection,
                                                    absl::string_view account_id, Listed listed,
                                                    int64_t before, int limit) {
  return QueryRecharges(
      connection, absl::StrCat(Select(), "FORCE INDEX (PRIMARY) WHERE account_id = ",
                               Quoted(account_id), " AND kind IN (", KindsOf(listed),
                               ") AND ordinal < ", before, " ORDER BY ordinal DESC LIMIT ", limit));
}

absl::StatusOr<std::vector<Recharge>> SearchRecharges(Connection& connection,
                                                      absl::string_view account_id,
                                                      const RechargeFilter& filter,
                                                      const OrdinalRange& range, Oldest oldest,
                                                      int limit) {
  const std::string kinds = filter.kind.has_value() ? absl::StrCat(static_cast<int>(*filter.kind))
                                                    : KindsOf(filter.listed);
  return QueryRecharges(
      connection,
      absl::StrCat(Select(), "FORCE INDEX (PRIMARY) WHERE account_id = ", Quoted(account_id),
                   " AND kind IN (", kinds, ") AND ordinal >= ", range.first, " AND ordinal < ",
                   range.end, ConditionsOf(filter), " ORDER BY ordinal",
                   oldest == Oldest::kFirst ? "" : " DESC", " LIMIT ", limit));
}

absl::StatusOr<std::vector<Recharge>> ListRechargesAfter(Connection& connection,
                                                         absl::string_view account_id,
                                                         Listed listed, int64_t after, int limit) {
  return QueryRecharges(connection,
                        absl::StrCat(Select(), "FORCE INDEX (PRIMARY) WHERE account_id = ",
                                     Quoted(account_id), " AND kind IN (", KindsOf(listed),
                                     ") AND ordinal > ", after, " ORDER BY ordinal LIMIT ", limit));
}

absl::StatusOr<std::vector<Recharge>> LoadRowsOfCharges(
    Connection& connection, const std::vector<book::ChargeNeed>& charges) {
  // Sorted, as parts are locked one after the other.
  std::vector<std::pair<absl::string_view, absl::string_view>> sorted;
  for (const book::ChargeNeed& need : charges) {
    sorted.emplace_back(need.charge_id, need.account_id);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<Recharge> rows;
  const auto load = [&](absl::Span<const std::pair<absl::string_view, absl::string_view>> part) {
    SqlText sql(Select());
    sql.Raw("FORCE INDEX (by_charge_id) WHERE (charge_id,account_id) IN (");
    for (const auto& [charge_id, account_id] : part) {
      sql.Row().Text(charge_id).Text(account_id).EndRow();
    }
    sql.Raw(") FOR UPDATE");
    return connection.Query(sql.str(),
                            [&rows](const Row& row) { rows.push_back(ReadRecharge(row)); });
  };
  RESERVE_RETURN_IF_ERROR((InParts<std::pair<absl::string_view, absl::string_view>>(sorted, load)));
  return rows;
}

absl::StatusOr<std::vector<Recharge>> FindCharge(Connection& connection,
                                                 absl::string_view charge_id, Listed listed,
                                                 const book::RechargeKey& after, int limit) {
  const std::string account_id = Quoted(after.first);
  return QueryRecharges(
      connection,
      absl::StrCat(Select(), "FORCE INDEX (by_charge_id) WHERE charge_id = ", Quoted(charge_id),
                   " AND kind IN (", KindsOf(listed), ") AND (account_id > ", account_id,
                   " OR (account_id = ", account_id, " AND ordinal > ", after.second,
                   ")) ORDER BY account_id, ordinal LIMIT ", limit));
}

namespace {

// Those of the accounts and that kind of which the column is one of the texts. Not by pairs, as no
// index has both: perhaps those of another account, too.
absl::StatusOr<std::vector<Recharge>> LoadByText(Connection& connection, domain::RechargeKind kind,
                                                 absl::string_view column,
                                                 const std::vector<book::OnceKey>& texts,
                                                 absl::string_view tail) {
  std::vector<Recharge> rows;
  const auto load = [&](absl::Span<const book::OnceKey> part) {
    return connection.Query(absl::StrCat(Select(), "FORCE INDEX (PRIMARY) WHERE account_id IN (",
                                         ListOfTexts(part, &book::OnceKey::first), ") AND kind = ",
                                         static_cast<int>(kind), " AND ", column, " IN (",
                                         ListOfTexts(part, &book::OnceKey::second), ")", tail),
                            [&rows](const Row& row) { rows.push_back(ReadRecharge(row)); });
  };
  RESERVE_RETURN_IF_ERROR(InParts<book::OnceKey>(texts, load));
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<Recharge>> LoadPaymentsOf(Connection& connection,
                                                     const std::vector<book::OnceKey>& references) {
  return LoadByText(connection, domain::RechargeKind::kPayment, "reference", references,
                    absl::StrCat(" ORDER BY account_id, ordinal LIMIT ", kMostOfReferences));
}

absl::StatusOr<std::vector<Recharge>> LoadToldRefunds(Connection& connection,
                                                      const std::vector<book::OnceKey>& told) {
  return LoadByText(connection, domain::RechargeKind::kRefund, "refund_id", told, "");
}

absl::StatusOr<std::vector<Recharge>> LoadForClosing(Connection& connection,
                                                     const domain::Account& account) {
  const std::string of_account =
      absl::StrCat("FORCE INDEX (PRIMARY) WHERE account_id = ", Quoted(account.account_id));
  const domain::Closing& closing = account.closing;
  SqlText sql(Select());
  sql.Raw(absl::StrCat(of_account, " AND (state IN (", static_cast<int>(RechargeState::kOpen), ",",
                       static_cast<int>(RechargeState::kNeedsReview),
                       ") OR (ordinal >= ", closing.first_refund, " AND ordinal < ",
                       closing.first_refund + closing.refunds, ")"));
  if (closing.begun()) {
    sql.Raw(absl::StrCat(" OR (kind = ", static_cast<int>(domain::RechargeKind::kRefund),
                         " AND state = ", static_cast<int>(RechargeState::kFailed),
                         " AND settle_time >= "));
    sql.Raw(QuotedTime(closing.begin_time)).Raw(")");
  }
  sql.Raw(")");
  RESERVE_ASSIGN_OR_RETURN(std::vector<Recharge> rows, QueryRecharges(connection, sql.str()));
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<Recharge> charges,
      QueryRecharges(connection,
                     absl::StrCat(Select(), of_account, " AND kind <> ",
                                  static_cast<int>(domain::RechargeKind::kRefund),
                                  " AND state = ", static_cast<int>(RechargeState::kSucceeded),
                                  " AND credited_as = 0 AND charge_id <> '' AND credited_nanos > "
                                  "refunded_nanos + disputed_nanos ORDER BY ordinal DESC LIMIT ",
                                  domain::kMostChargesGivenBack)));
  std::vector<book::RechargeKey> given_back;
  for (const Recharge& row : rows) {
    if (closing.opened(row.ordinal)) given_back.emplace_back(row.account_id, row.refund_of);
  }
  std::move(charges.begin(), charges.end(), std::back_inserter(rows));
  RESERVE_ASSIGN_OR_RETURN(charges, LoadRecharges(connection, given_back, Lock::kNone));
  std::move(charges.begin(), charges.end(), std::back_inserter(rows));
  return rows;
}

absl::StatusOr<std::vector<Recharge>> ListReviews(Connection& connection,
                                                  const book::RechargeKey& after, int limit) {
  // Those have no due time, so that the index has them by account and ordinal.
  const std::string account_id = Quoted(after.first);
  return QueryRecharges(
      connection, absl::StrCat(Select(), "FORCE INDEX (by_due_time) WHERE state = ",
                               static_cast<int>(RechargeState::kNeedsReview),
                               " AND due_time IS NULL AND (account_id > ", account_id,
                               " OR (account_id = ", account_id, " AND ordinal > ", after.second,
                               ")) ORDER BY account_id, ordinal LIMIT ", limit));
}

absl::StatusOr<OpenRecharges> CountOpenRecharges(Connection& connection) {
  OpenRecharges open;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat(kSelectOfLiving,
                   "state,COUNT(CASE WHEN attempt_start IS NULL THEN 1 END),"
                   "COUNT(CASE WHEN pending_time IS NOT NULL THEN 1 END),COUNT(*),"
                   "MIN(attempt_start) FROM recharges FORCE INDEX (by_due_time) WHERE state IN (",
                   static_cast<int>(RechargeState::kOpen), ",",
                   static_cast<int>(RechargeState::kNeedsReview), ") GROUP BY state"),
      [&open](const Row& row) {
        if (row.Int(1) == static_cast<int64_t>(RechargeState::kNeedsReview)) {
          open.in_review = row.Int(4);
          return;
        }
        open.waiting = row.Int(2);
        open.pending = row.Int(3);
        open.in_flight = row.Int(4) - open.waiting - open.pending;
        if (!row.IsNull(5)) open.oldest_attempt = row.Time(5);
      }));
  return open;
}

absl::StatusOr<std::vector<Recharge>> ListKeeping(Connection& connection,
                                                  const book::RechargeKey& after, int limit) {
  const std::string account_id = Quoted(after.first);
  return QueryRecharges(
      connection, absl::StrCat(Select(), "FORCE INDEX (by_keeps) WHERE keeps = 1 AND state <> ",
                               static_cast<int>(RechargeState::kOpen), " AND (account_id > ",
                               account_id, " OR (account_id = ", account_id, " AND ordinal > ",
                               after.second, ")) ORDER BY account_id, ordinal LIMIT ", limit));
}

absl::StatusOr<std::vector<Recharge>> LoadKeptRefunds(Connection& connection,
                                                      const book::RechargeKey& charge) {
  constexpr int kMostShown = 1000;
  return QueryRecharges(
      connection,
      absl::StrCat(Select(), "FORCE INDEX (PRIMARY) WHERE account_id = ", Quoted(charge.first),
                   " AND ordinal > ", charge.second, " AND refund_of = ", charge.second,
                   " AND debited = 0 AND state IN (", static_cast<int>(RechargeState::kOpen), ",",
                   static_cast<int>(RechargeState::kSucceeded), ") ORDER BY ordinal LIMIT ",
                   kMostShown));
}

absl::Status WriteRecharges(Connection& connection, const std::vector<const Recharge*>& recharges) {
  if (recharges.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO recharges (", kRechargeColumns, ") VALUES "));
  for (const Recharge* r : recharges) {
    sql.Row()
        .Text(r->account_id)
        .Int(r->ordinal)
        .Int(static_cast<int64_t>(r->kind))
        .Int(static_cast<int64_t>(r->state))
        .Text(r->currency)
        .Int(r->amount)
        .Text(r->card.token.Reveal())
        .Text(r->card.fingerprint)
        .Int(r->attempt)
        .Time(r->attempt_start)
        .Time(r->due_time)
        .Text(r->lease_owner)
        .Int(r->lease_epoch)
        .Int(r->declines)
        .Int(static_cast<int64_t>(r->last_decline))
        .Text(r->last_decline_code)
        .Text(r->charge_id)
        .Text(r->request_id)
        .Time(r->create_time)
        .Time(r->end_time)
        .Int(static_cast<int64_t>(r->card.network))
        .Text(r->payment_method_id)
        .Int(r->card_given)
        .Int(r->credited)
        .Time(r->pending_time)
        .Int(r->set_aside ? 1 : 0)
        .Int(r->refunded)
        .Int(r->disputed)
        .Int(r->keeps ? 1 : 0)
        .Int(r->refund_of)
        .Text(r->refund_id)
        .Int(r->debited ? 1 : 0)
        .Int(r->suspension_number)
        .Int(r->refund_id_typed ? 1 : 0)
        .Int(r->credited_as)
        .Int(static_cast<int64_t>(r->means))
        .Text(r->reference)
        .Time(r->received_time)
        .Text(r->card_brand)
        .Text(r->card_last_four.view())
        .Time(r->update_time)
        .EndRow();
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE state=VALUES(state)");
  for (const absl::string_view column : {"amount_nanos",  "card_token",        "card_fingerprint",
                                         "card_network",  "attempt",           "attempt_start",
                                         "due_time",      "lease_owner",       "lease_epoch",
                                         "soft_declines", "last_decline",      "last_decline_code",
                                         "charge_id",     "settle_time",       "payment_method_id",
                                         "card_given",    "credited_nanos",    "pending_time",
                                         "set_aside",     "refunded_nanos",    "disputed_nanos",
                                         "keeps",         "refund_of",         "refund_id",
                                         "debited",       "suspension_number", "refund_id_typed",
                                         "credited_as",   "card_brand",        "card_last_four",
                                         "update_time"}) {
    sql.Raw(absl::StrCat(",", column, "=VALUES(", column, ")"));
  }
  return connection.Execute(sql.str());
}

absl::StatusOr<std::vector<Recharge>> DueRecharges(Connection& connection, absl::Time now,
                                                   int limit) {
  SqlText sql(Select(kSelectOfLiving));
  sql.Raw("FORCE INDEX (by_due_time) WHERE state = ")
      .Raw(absl::StrCat(static_cast<int>(RechargeState::kOpen), " AND due_time <= "))
      .Time(now)
      .Raw(absl::StrCat(" ORDER BY due_time LIMIT ", limit));
  return QueryRecharges(connection, sql.str());
}

absl::StatusOr<std::vector<Recharge>> RechargesDueAfter(Connection& connection, absl::Time after,
                                                        int limit) {
  SqlText sql(Select(kSelectOfLiving));
  sql.Raw("FORCE INDEX (by_due_time) WHERE state = ")
      .Raw(absl::StrCat(static_cast<int>(RechargeState::kOpen), " AND due_time > "))
      .Time(after)
      .Raw(absl::StrCat(" ORDER BY due_time DESC LIMIT ", limit));
  return QueryRecharges(connection, sql.str());
}

absl::StatusOr<bool> MoveDueTime(Connection& connection, const Recharge& recharge,
                                 absl::Time due_time) {
  SqlText sql("UPDATE recharges SET due_time = ");
  sql.Time(due_time).Raw(absl::StrCat(
      " WHERE account_id = ", Quoted(recharge.account_id), " AND ordinal = ", recharge.ordinal,
      " AND state = ", static_cast<int>(RechargeState::kOpen), " AND attempt = ", recharge.attempt,
      " AND lease_epoch = ", recharge.lease_epoch, " AND due_time = "));
  sql.Raw(QuotedTime(recharge.due_time));
  RESERVE_ASSIGN_OR_RETURN(const int64_t matched, connection.Update(sql.str()));
  return matched == 1;
}

absl::StatusOr<bool> ClaimRecharge(Connection& connection, absl::string_view owner, absl::Time now,
                                   absl::Time lease_end, Recharge* recharge) {
  const bool first = recharge->attempt_start == absl::InfinitePast();
  SqlText sql("UPDATE recharges SET lease_epoch = lease_epoch + 1, lease_owner = ");
  sql.Raw(Quoted(owner)).Raw(", due_time = ");
  sql.Raw(QuotedTime(lease_end));
  if (first) sql.Raw(", attempt_start = ").Raw(QuotedTime(now));
  sql.Raw(absl::StrCat(
      " WHERE account_id = ", Quoted(recharge->account_id), " AND ordinal = ", recharge->ordinal,
      " AND state = ", static_cast<int>(RechargeState::kOpen), " AND attempt = ", recharge->attempt,
      " AND lease_epoch = ", recharge->lease_epoch, " AND due_time <= "));
  sql.Raw(QuotedTime(now));
  RESERVE_ASSIGN_OR_RETURN(const int64_t matched, connection.Update(sql.str()));
  if (matched != 1) return false;
  ++recharge->lease_epoch;
  recharge->lease_owner = std::string(owner);
  recharge->due_time = lease_end;
  if (first) recharge->attempt_start = now;
  return true;
}

absl::StatusOr<bool> RenewLease(Connection& connection, const book::RechargeKey& key,
                                absl::string_view owner, int64_t lease_epoch,
                                absl::Time lease_end) {
  SqlText sql("UPDATE recharges SET due_time = ");
  sql.Time(lease_end).Raw(
      absl::StrCat(" WHERE account_id = ", Quoted(key.first), " AND ordinal = ", key.second,
                   " AND state = ", static_cast<int>(RechargeState::kOpen),
                   " AND lease_epoch = ", lease_epoch, " AND lease_owner = ", Quoted(owner)));
  RESERVE_ASSIGN_OR_RETURN(const int64_t matched, connection.Update(sql.str()));
  return matched == 1;
}

absl::StatusOr<int64_t> CountAutomaticSince(Connection& connection, absl::string_view account_id,
                                            absl::Time since) {
  int64_t count = 0;
  SqlText sql(absl::StrCat("SELECT COUNT(*) FROM recharges WHERE account_id = ", Quoted(account_id),
                           " AND kind = ", static_cast<int>(domain::RechargeKind::kAutomatic),
                           " AND state = ", static_cast<int>(RechargeState::kSucceeded),
                           " AND settle_time >= "));
  sql.Time(since);
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql.str(), [&count](const Row& row) { count = row.Int(1); }));
  return count;
}

}  // namespace reserve::storage
