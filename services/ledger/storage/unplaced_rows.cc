#include "services/ledger/storage/unplaced_rows.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::GatewayDispute;
using domain::GatewayRefund;
using domain::UnplacedState;
using Standing = domain::UnplacedState::Standing;

// The numbers are stored.
enum class Kind : uint8_t { kRefund = 1, kDispute = 2 };

constexpr int kListed = static_cast<int>(Standing::kListed);
constexpr int kDismissed = static_cast<int>(Standing::kDismissed);
constexpr int kApplied = static_cast<int>(Standing::kApplied);

constexpr absl::string_view kUnplacedColumns =
    "slot,charge_id,kind,told_id,state,amount_nanos,currency,reason,standing,create_time,"
    "update_time";

Kind KindOf(const UnplacedState& state) {
  return state.is_refund() ? Kind::kRefund : Kind::kDispute;
}

UnplacedState ReadUnplaced(const Row& row) {
  UnplacedState state;
  state.slot = static_cast<int32_t>(row.Int(1));
  if (static_cast<Kind>(row.Int(3)) == Kind::kRefund) {
    state.told =
        GatewayRefund{row.Text(2), row.Text(4), static_cast<GatewayRefund::State>(row.Int(5)),
                      row.Int(6), row.Text(8)};
  } else {
    state.told =
        GatewayDispute{row.Text(2), row.Text(4), static_cast<domain::DisputeState>(row.Int(5)),
                       row.Int(6), row.Text(8)};
  }
  state.currency = row.Text(7);
  state.standing = static_cast<Standing>(row.Int(9));
  state.create_time = row.Time(10);
  state.update_time = row.Time(11);
  return state;
}

absl::StatusOr<std::vector<UnplacedState>> Query(Connection& connection, const std::string& sql) {
  std::vector<UnplacedState> states;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&states](const Row& row) { states.push_back(ReadUnplaced(row)); }));
  return states;
}

// The same refund or dispute, as it was told before.
absl::StatusOr<std::optional<UnplacedState>> Find(Connection& connection,
                                                  const UnplacedState& told) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<UnplacedState> found,
      Query(connection,
            absl::StrCat("SELECT ", kUnplacedColumns,
                         " FROM unplaced_states FORCE INDEX (by_charge_id) WHERE "
                         "charge_id = ",
                         Quoted(told.charge_id()), " AND kind = ", static_cast<int>(KindOf(told)),
                         " AND told_id = ", Quoted(told.told_id()), " LIMIT 1")));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

// A place that is free, or may be taken again; 0 if there is none.
absl::StatusOr<int32_t> FindRoom(Connection& connection, absl::Time now) {
  int32_t slot = 0;
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SELECT MAX(slot) FROM unplaced_states",
                       [&slot](const Row& row) { slot = static_cast<int32_t>(row.Int(1)) + 1; }));
  if (slot <= kMostUnplaced) return slot;
  slot = 0;
  const std::pair<int, absl::Time> goes_first[] = {
      {kApplied, now + absl::Hours(24)},  // of whatever time: clocks differ by less than that
      {kDismissed, now + absl::Hours(24)},
      {kListed, now - kUnplacedKeptFor}};
  for (const auto& [standing, before] : goes_first) {
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat(
            "SELECT slot FROM unplaced_states FORCE INDEX (by_age) WHERE standing = ", standing,
            " AND update_time < ", QuotedTime(before), " ORDER BY update_time LIMIT 1"),
        [&slot](const Row& row) { slot = static_cast<int32_t>(row.Int(1)); }));
    if (slot != 0) break;
  }
  return slot;
}

absl::Status Write(Connection& connection, const UnplacedState& state) {
  const auto* refund = std::get_if<GatewayRefund>(&state.told);
  const auto* dispute = std::get_if<GatewayDispute>(&state.told);
  SqlText sql(absl::StrCat("INSERT INTO unplaced_states (", kUnplacedColumns, ") VALUES "));
  sql.Row()
      .Int(state.slot)
      .Text(state.charge_id())
      .Int(static_cast<int64_t>(KindOf(state)))
      .Text(state.told_id())
      .Int(refund != nullptr ? static_cast<int64_t>(refund->state)
                             : static_cast<int64_t>(dispute->state))
      .Int(refund != nullptr ? refund->amount : dispute->amount)
      .Text(state.currency)
      .Text(refund != nullptr ? refund->failure_code : dispute->reason)
      .Int(static_cast<int64_t>(state.standing))
      .Time(state.create_time)
      .Time(state.update_time)
      .EndRow();
  sql.Raw(" ON DUPLICATE KEY UPDATE charge_id=VALUES(charge_id)");
  for (const absl::string_view column : {"kind", "told_id", "state", "amount_nanos", "currency",
                                         "reason", "standing", "create_time", "update_time"}) {
    sql.Raw(absl::StrCat(",", column, "=VALUES(", column, ")"));
  }
  return connection.Execute(sql.str());
}

// The row that is locked for the charge. All ledgers must agree upon it (FNV-1a).
int64_t LockOf(absl::string_view charge_id) {
  constexpr uint32_t kLocks = 255;  // slots -1 to -255
  uint32_t hash = 2'166'136'261;
  for (const char c : charge_id) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
  return -1 - static_cast<int64_t>(hash % kLocks);
}

// Keeps others out until the end of the transaction, and waits for those who are about to credit
// the charge.
absl::Status LockAlone(Connection& connection, absl::string_view charge_id) {
  return connection.Query(
      absl::StrCat("SELECT slot FROM unplaced_states FORCE INDEX (PRIMARY) WHERE slot IN (",
                   LockOf(charge_id), ",0) ORDER BY slot FOR UPDATE"),
      [](const Row&) {});
}

// Waits for those who keep something of one of the charges, and keeps them out.
absl::Status LockTogether(Connection& connection, const std::vector<book::ChargeNeed>& charges) {
  std::vector<int64_t> locks;
  locks.reserve(charges.size());
  for (const book::ChargeNeed& need : charges) locks.push_back(LockOf(need.charge_id));
  std::sort(locks.begin(), locks.end());
  locks.erase(std::unique(locks.begin(), locks.end()), locks.end());
  return connection.Query(
      absl::StrCat("SELECT slot FROM unplaced_states FORCE INDEX (PRIMARY) WHERE slot IN (",
                   absl::StrJoin(locks, ","), ") ORDER BY slot LOCK IN SHARE MODE"),
      [](const Row&) {});
}

// What keeping it comes to.
struct Decision {
  KeptUnplaced kept;
  bool is_written = false;  // its state is to be
};

absl::StatusOr<Decision> Decide(Connection& connection, const UnplacedState& told, absl::Time now) {
  RESERVE_ASSIGN_OR_RETURN(const std::optional<UnplacedState> known, Find(connection, told));
  KeptUnplaced kept{Keeping::kKept, told};
  kept.state.standing = Standing::kListed;
  kept.state.create_time = kept.state.update_time = TruncateToMicros(now);
  if (known.has_value()) {
    kept.state.slot = known->slot;
    if (known->standing != Standing::kApplied) {
      if (!domain::LeadsOn(*known, told)) return Decision{{Keeping::kKept, *known}};
      kept.state.create_time = known->create_time;
      auto* dispute = std::get_if<GatewayDispute>(&kept.state.told);
      if (dispute != nullptr && dispute->reason.empty()) {
        dispute->reason = std::get<GatewayDispute>(known->told).reason;
      }
    }
  } else {
    RESERVE_ASSIGN_OR_RETURN(kept.state.slot, FindRoom(connection, now));
    if (kept.state.slot == 0) return Decision{{Keeping::kNoRoom, told}};
  }
  return Decision{std::move(kept), /*is_written=*/true};
}

absl::StatusOr<bool> DismissLocked(Connection& connection, absl::string_view charge_id,
                                   absl::string_view request_id, const domain::ByStaff& by,
                                   bool validate_only) {
  bool known = false;
  bool repeated = false;
  std::vector<int64_t> listed;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT slot,standing,dismiss_request_id FROM unplaced_states "
                   "FORCE INDEX (by_charge_id) WHERE charge_id = ",
                   Quoted(charge_id), " AND standing IN (", kListed, ",", kDismissed, ")"),
      [&](const Row& row) {
        known = true;
        repeated |= !request_id.empty() && row.Text(3) == request_id;
        if (row.Int(2) == kListed) listed.push_back(row.Int(1));
      }));
  if (repeated || validate_only || listed.empty()) return known;
  RESERVE_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
      "UPDATE unplaced_states SET standing = ", kDismissed,
      ", dismiss_request_id = ", Quoted(request_id), ", dismiss_reason = ", Quoted(by.reason),
      ", dismiss_actor = ", Quoted(by.actor), ", dismiss_reference = ", Quoted(by.reference),
      " WHERE slot IN (", absl::StrJoin(listed, ","), ")")));
  return true;
}

// Runs it in a transaction of its own, with the charge's lock held alone.
template <typename Result, typename Work>
absl::StatusOr<Result> Alone(Connection& connection, absl::string_view charge_id, Work work) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  absl::StatusOr<Result> result = [&]() -> absl::StatusOr<Result> {
    RESERVE_RETURN_IF_ERROR(LockAlone(connection, charge_id));
    return work();
  }();
  if (!result.ok()) {
    connection.Rollback();
    return result;
  }
  RESERVE_RETURN_IF_ERROR(connection.Commit());
  return result;
}

}  // namespace

absl::StatusOr<std::vector<UnplacedState>> LoadUnplaced(
    Connection& connection, const std::vector<book::ChargeNeed>& charges) {
  std::vector<UnplacedState> states;
  if (charges.empty()) return states;
  RESERVE_ASSIGN_OR_RETURN(Connection* const along, connection.Along());
  RESERVE_RETURN_IF_ERROR(LockTogether(*along, charges));
  const auto load = [&](absl::Span<const book::ChargeNeed> part) {
    SqlText sql(absl::StrCat("SELECT ", kUnplacedColumns,
                             " FROM unplaced_states FORCE INDEX (by_charge_id) WHERE "
                             "charge_id IN "));
    sql.Row();
    for (const book::ChargeNeed& need : part) sql.Text(need.charge_id);
    sql.EndRow();
    sql.Raw(absl::StrCat(" AND standing IN (", kListed, ",", kDismissed,
                         ") ORDER BY charge_id, kind, told_id FOR UPDATE"));
    return along->Query(sql.str(),
                        [&states](const Row& row) { states.push_back(ReadUnplaced(row)); });
  };
  RESERVE_RETURN_IF_ERROR(InParts<book::ChargeNeed>(charges, load));
  return states;
}

absl::Status WriteApplied(Connection& connection,
                          const std::vector<const UnplacedState*>& applied) {
  if (applied.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("UPDATE unplaced_states SET standing = ", kApplied, " WHERE slot IN "));
  sql.Row();
  for (const UnplacedState* state : applied) sql.Int(state->slot);
  sql.EndRow();
  RESERVE_ASSIGN_OR_RETURN(Connection* const along, connection.Along());
  return along->Execute(sql.str());
}

absl::StatusOr<KeptUnplaced> KeepUnplaced(Connection& connection, const UnplacedState& told,
                                          absl::Time now,
                                          absl::FunctionRef<absl::StatusOr<bool>()> has_account) {
  // However often the same is told, and whatever there is no room for, it locks nobody out.
  RESERVE_ASSIGN_OR_RETURN(Decision first, Decide(connection, told, now));
  if (!first.is_written) return std::move(first.kept);
  return Alone<KeptUnplaced>(connection, told.charge_id(), [&]() -> absl::StatusOr<KeptUnplaced> {
    RESERVE_ASSIGN_OR_RETURN(const bool found, has_account());
    if (found) return KeptUnplaced{Keeping::kHasAccount, told};
    RESERVE_ASSIGN_OR_RETURN(Decision decision, Decide(connection, told, now));
    if (decision.is_written) RESERVE_RETURN_IF_ERROR(Write(connection, decision.kept.state));
    return std::move(decision.kept);
  });
}

absl::StatusOr<std::vector<UnplacedState>> ListUnplaced(Connection& connection, int64_t after,
                                                        int limit) {
  return Query(connection,
               absl::StrCat("SELECT ", kUnplacedColumns,
                            " FROM unplaced_states FORCE INDEX (by_standing) WHERE standing = ",
                            kListed, " AND slot > ", after, " ORDER BY slot LIMIT ", limit));
}

absl::StatusOr<bool> DismissUnplaced(Connection& connection, absl::string_view charge_id,
                                     absl::string_view request_id, const domain::ByStaff& by,
                                     bool validate_only) {
  return Alone<bool>(connection, charge_id, [&] {
    return DismissLocked(connection, charge_id, request_id, by, validate_only);
  });
}

}  // namespace reserve::storage
