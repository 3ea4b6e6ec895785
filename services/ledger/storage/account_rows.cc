#include "services/ledger/storage/account_rows.h"

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/payment_method_rows.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Account;
using domain::User;

// In the order of ReadAccount and AppendAccount.
constexpr absl::string_view kAccountColumns[] = {
    "account_id",
    "currency",
    "default_plan_id",
    "country",
    "time_zone",
    "billing_day",
    "calendar_changes",
    "state",
    "reserve_amount_nanos",
    "recharge_threshold_nanos",
    "last_event_seq",
    "last_ordinal",
    "last_receipt",
    "open_ordinal",
    "open_waits",
    "set_aside",
    "set_aside_time",
    "last_payment_method",
    "cap_hour",
    "cap_hour_amount_nanos",
    "cap_reported_hour",
    "cap_day",
    "cap_amount_nanos",
    "cap_reported_day",
    "cap_month",
    "cap_month_amount_nanos",
    "cap_reported_month",
    "cap_reached_time",
    "monthly_cap_nanos",
    "automatic_off_time",
    "suspension",
    "suspension_time",
    "suspension_number",
    "suspending_refunds",
    "suspending_disputes",
    "suspension_ordinal",
    "disputed_numbers",
    "taken_back_nanos",
    "taken_back_time",
    "payments",
    "last_grant",
    "credit_grants",
    "notify_below_nanos",
    "tries_day",
    "cards_given",
    "declines",
    "decline_limit_time",
    "marks",
    "block_reason",
    "block_time",
    "recheck_time",
    "due_reason",
    "expiry_notice_time",
    "closing_time",
    "closing_grace_until",
    "closing_facts_end",
    "closing_first_refund",
    "closing_refunds",
    "closing_owed_nanos",
    "closing_paid_out_nanos",
    "payout_owed",
    "closing_written_off_nanos",
    "close_time",
    "closing_late_time",
    "closing_late_nanos",
    "create_time",
    "opening_digest",
    "display_name",
    "limits",
    "limit_alarm",
    "update_time",
    "settings_time",
};

// What never changes once an account is opened.
constexpr absl::string_view kFixedColumns[] = {"account_id",    "currency",    "default_plan_id",
                                               "time_zone",     "billing_day", "create_time",
                                               "opening_digest"};

// Of both rows; the join is by primary key, and from the accounts to the balances whatever the
// server believes: it may else scan the balances and look for the account of each.
const std::string& SelectAccounts() {
  static const auto* const kSelect =
      new std::string(absl::StrCat("SELECT a.", absl::StrJoin(kAccountColumns, ",a."),
                                   ",b.balance_nanos,b.last_seq,b.held_nanos,b.accrued_nanos,"
                                   "b.spent_hour,b.spent_day,b.spent_month FROM "
                                   "accounts a FORCE INDEX (PRIMARY) STRAIGHT_JOIN balances b "
                                   "FORCE INDEX (PRIMARY) ON b.account_id = a.account_id "));
  return *kSelect;
}

constexpr absl::string_view kUserColumns =
    "account_id,user_id,plan_id,create_time,earlier_plans,display_name,remove_time,block_time,"
    "limits,limit_alarm,spent,update_time";

// A program from before stored a time without a reason (migration 5); it knew one.
domain::DueReason DueReasonOf(int64_t stored) {
  return stored == 0 ? domain::DueReason::kCapWindow : static_cast<domain::DueReason>(stored);
}

// "<micros since the epoch>:<nanos>" each, oldest first.
std::string StoredMarks(const Account& a) {
  return absl::StrJoin(a.marks, " ", [](std::string* out, const domain::RechargeMark& mark) {
    absl::StrAppend(out, absl::ToUnixMicros(mark.time), ":", mark.unused_balance);
  });
}

void ReadMarks(absl::string_view stored, Account* a) {
  for (const absl::string_view each : absl::StrSplit(stored, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(each, ':');
    int64_t micros = 0;
    domain::RechargeMark mark;
    if (!absl::SimpleAtoi(parts.first, &micros) ||
        !absl::SimpleAtoi(parts.second, &mark.unused_balance)) {
      continue;
    }
    mark.time = absl::FromUnixMicros(micros);
    a->marks.push_back(mark);
  }
}

// "<number>:<seq>:<remaining>:<end, micros since the epoch>" each, in their order.
std::string StoredGrants(const Account& a) {
  return absl::StrJoin(a.grants, " ", [](std::string* out, const domain::CreditGrant& grant) {
    absl::StrAppend(out, grant.number, ":", grant.seq, ":", grant.remaining, ":",
                    absl::ToUnixMicros(grant.end));
  });
}

void ReadGrants(absl::string_view stored, Account* a) {
  for (const absl::string_view each : absl::StrSplit(stored, ' ', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(each, ':');
    domain::CreditGrant grant;
    int64_t micros = 0;
    if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &grant.number) ||
        !absl::SimpleAtoi(parts[1], &grant.seq) || !absl::SimpleAtoi(parts[2], &grant.remaining) ||
        !absl::SimpleAtoi(parts[3], &micros)) {
      continue;  // what was altered is found by the audit
    }
    grant.end = absl::FromUnixMicros(micros);
    a->grants.push_back(grant);
  }
}

// "<micros since the epoch>:<last seq before>:<billing day>:<zone>" each, oldest first.
std::string StoredCalendarChanges(const Account& a) {
  return absl::StrJoin(
      a.calendar.Changes(), " ", [](std::string* out, const domain::CalendarChange& change) {
        absl::StrAppend(
            out, absl::ToUnixMicros(change.time), ":", change.after_seq, ":",
            change.rule.billing_day, ":",
            change.unknown_zone.empty() ? change.rule.time_zone.name() : change.unknown_zone);
      });
}

void ReadCalendarChanges(absl::string_view stored, Account* a) {
  for (const absl::string_view each : absl::StrSplit(stored, ' ', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(each, ':');
    domain::CalendarChange change;
    int64_t micros = 0;
    if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &micros) ||
        !absl::SimpleAtoi(parts[1], &change.after_seq) ||
        !absl::SimpleAtoi(parts[2], &change.rule.billing_day)) {
      continue;
    }
    change.time = absl::FromUnixMicros(micros);
    if (const std::optional<absl::TimeZone> zone = FindTimeZone(parts[3]); zone.has_value()) {
      change.rule.time_zone = *zone;
    } else {
      change.unknown_zone = std::string(parts[3]);
    }
    a->calendar.Add(std::move(change));
  }
}

// "<fingerprint>\t<dispute id>" a line; neither has a character that is not printable.
std::string FormatDisputedNumbers(const std::vector<domain::DisputedNumber>& numbers) {
  return absl::StrJoin(numbers, "\n", [](std::string* out, const domain::DisputedNumber& number) {
    absl::StrAppend(out, number.fingerprint, "\t", number.dispute_id);
  });
}

std::vector<domain::DisputedNumber> ParseDisputedNumbers(absl::string_view stored) {
  std::vector<domain::DisputedNumber> numbers;
  for (const absl::string_view line : absl::StrSplit(stored, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, '\t');
    numbers.push_back({std::string(parts.first), std::string(parts.second)});
  }
  return numbers;
}

// "<reached>:<quiet>:<time>:<quiet until>", bits and micros since the epoch, 0 of none; empty of
// one that neither rings nor is quiet.
std::string StoredAlarm(const domain::LimitAlarm& alarm) {
  if (alarm == domain::LimitAlarm()) return "";
  const auto micros = [](absl::Time time) {
    return time == absl::InfinitePast() ? 0 : absl::ToUnixMicros(time);
  };
  return absl::StrCat(static_cast<int>(alarm.reached), ":", static_cast<int>(alarm.quiet), ":",
                      micros(alarm.time), ":", micros(alarm.quiet_until));
}

// Numbers with colons between; as many as are asked for, or none.
template <size_t kCount>
std::array<int64_t, kCount> ReadNumbers(absl::string_view stored) {
  std::array<int64_t, kCount> numbers{};
  const std::vector<absl::string_view> parts = absl::StrSplit(stored, ':');
  if (parts.size() != kCount) return numbers;
  for (size_t i = 0; i < kCount; ++i) {
    if (!absl::SimpleAtoi(parts[i], &numbers[i])) return {};
  }
  return numbers;
}

domain::LimitAlarm ReadAlarm(absl::string_view stored) {
  const std::array<int64_t, 4> numbers = ReadNumbers<4>(stored);
  const auto time = [](int64_t micros) {
    return micros == 0 ? absl::InfinitePast() : absl::FromUnixMicros(micros);
  };
  domain::LimitAlarm alarm;
  alarm.reached = static_cast<uint8_t>(numbers[0]);
  alarm.quiet = static_cast<uint8_t>(numbers[1]);
  alarm.time = time(numbers[2]);
  alarm.quiet_until = time(numbers[3]);
  return alarm;
}

// Takes the columns of a row one after the other.
class Columns {
 public:
  explicit Columns(const Row& row) : row_(row) {}
  int64_t Int() { return row_.Int(++at_); }
  int32_t Int32() { return static_cast<int32_t>(Int()); }
  std::string Text() { return row_.Text(++at_); }
  std::string TextOrEmpty() {
    ++at_;
    return row_.IsNull(at_) ? std::string() : row_.Text(at_);
  }
  absl::Time Time() { return row_.Time(++at_); }
  absl::Time TimeOr(absl::Time missing) {
    ++at_;
    return row_.IsNull(at_) ? missing : row_.Time(at_);
  }

 private:
  const Row& row_;
  int at_ = 0;
};

void ReadCaps(Columns& columns, Account* a) {
  for (domain::CapWindow* window : {&a->caps.hour, &a->caps.day, &a->caps.month}) {
    window->window = columns.Int();
    window->amount = columns.Int();
    window->reported = columns.Int();
  }
  a->cap_reached_time = columns.TimeOr(absl::InfinitePast());
  a->monthly_cap = columns.Int();
}

void ReadClosing(Columns& columns, domain::Closing* closing) {
  closing->begin_time = columns.TimeOr(absl::InfinitePast());
  closing->grace_until = columns.TimeOr(absl::InfinitePast());
  closing->facts_end = columns.TimeOr(absl::InfinitePast());
  closing->first_refund = columns.Int();
  closing->refunds = columns.Int32();
  closing->owed = columns.Int();
  closing->paid_out = columns.Int();
  columns.Int();  // what such accounts are found by
  closing->written_off = columns.Int();
  closing->close_time = columns.TimeOr(absl::InfinitePast());
  closing->late_time = columns.TimeOr(absl::InfinitePast());
  closing->late = columns.Int();
}

Account ReadAccount(const Row& row) {
  Columns columns(row);
  Account a;
  a.account_id = columns.Text();
  a.currency = columns.Text();
  a.default_plan_id = columns.Text();
  a.country = columns.Text();
  // One that only another ledger's machine knows counts as UTC here, and stays what it is.
  a.calendar.first.time_zone = FindTimeZone(columns.Text()).value_or(absl::UTCTimeZone());
  a.calendar.first.billing_day = columns.Int32();
  ReadCalendarChanges(columns.Text(), &a);
  a.state = static_cast<domain::AccountState>(columns.Int());
  a.reserve_amount = columns.Int();
  a.recharge_threshold = columns.Int();
  a.last_event_seq = columns.Int();
  a.last_ordinal = columns.Int();
  a.last_receipt = columns.Int();
  a.open_ordinal = columns.Int();
  a.open_waits = columns.Int() != 0;
  a.set_aside = columns.Int32();
  a.set_aside_time = columns.TimeOr(absl::InfinitePast());
  a.last_payment_method = columns.Int32();
  ReadCaps(columns, &a);
  a.automatic_off_time = columns.TimeOr(absl::InfinitePast());
  a.automatic_off = a.automatic_off_time != absl::InfinitePast();
  a.suspension.reason = static_cast<domain::SuspensionReason>(columns.Int());
  a.suspension.time = columns.TimeOr(absl::InfinitePast());
  a.suspension.number = columns.Int32();
  a.suspension.refunds = columns.Int32();
  a.suspension.disputes = columns.Int32();
  a.suspension.ordinal = columns.Int();
  a.disputed_numbers = ParseDisputedNumbers(columns.TextOrEmpty());
  a.taken_back.amount = columns.Int();
  a.taken_back.time = columns.TimeOr(absl::InfinitePast());
  a.payments = columns.Int32();
  a.last_grant = columns.Int32();
  ReadGrants(columns.Text(), &a);
  a.notify_below = columns.Int();
  a.tries.day = columns.Int32();
  a.tries.cards_given = columns.Int32();
  a.tries.declines = columns.Int32();
  a.tries.limit_time = columns.TimeOr(absl::InfinitePast());
  ReadMarks(columns.Text(), &a);
  a.block.reason = columns.Text();
  a.block.time = columns.Time();
  const absl::Time due = columns.TimeOr(absl::InfiniteFuture());
  const int64_t due_reason = columns.Int();
  if (due != absl::InfiniteFuture()) a.due = {DueReasonOf(due_reason), due};
  a.expiry_notice_time = columns.TimeOr(absl::InfiniteFuture());
  ReadClosing(columns, &a.closing);
  a.create_time = columns.Time();
  a.opening_digest = columns.Text();
  a.display_name = columns.Text();
  a.limits = domain::OwnLimitsFrom(columns.Text());
  a.alarm = ReadAlarm(columns.Text());
  a.update_time = columns.TimeOr(absl::InfinitePast());
  a.settings_time = columns.TimeOr(absl::InfinitePast());
  a.balance = columns.Int();
  a.last_seq = columns.Int();
  a.held = columns.Int();
  a.accrued = columns.Int();
  for (int64_t& meter : a.spent.empty_at) meter = columns.Int();
  return a;
}

void AppendCaps(const Account& a, SqlText* sql) {
  for (const domain::CapWindow* window : {&a.caps.hour, &a.caps.day, &a.caps.month}) {
    sql->Int(window->window).Int(window->amount).Int(window->reported);
  }
  sql->Time(a.cap_reached_time).Int(a.monthly_cap);
}

void AppendClosing(const domain::Closing& closing, SqlText* sql) {
  sql->Time(closing.begin_time)
      .Time(closing.grace_until)
      .Time(closing.facts_end)
      .Int(closing.first_refund)
      .Int(closing.refunds)
      .Int(closing.owed)
      .Int(closing.paid_out)
      .Int(closing.owes() ? 1 : 0)
      .Int(closing.written_off)
      .Time(closing.close_time)
      .Time(closing.late_time)
      .Int(closing.late);
}

void AppendAccount(const Account& a, SqlText* sql) {
  sql->Row()
      .Text(a.account_id)
      .Text(a.currency)
      .Text(a.default_plan_id)
      .Text(a.country.view())
      .Text(a.calendar.first.time_zone.name())
      .Int(a.calendar.first.billing_day)
      .Text(StoredCalendarChanges(a))
      .Int(static_cast<int64_t>(a.state))
      .Int(a.reserve_amount)
      .Int(a.recharge_threshold)
      .Int(a.last_event_seq)
      .Int(a.last_ordinal)
      .Int(a.last_receipt)
      .Int(a.open_ordinal)
      .Int(a.open_waits ? 1 : 0)
      .Int(a.set_aside)
      .Time(a.set_aside_time)
      .Int(a.last_payment_method);
  AppendCaps(a, sql);
  sql->Time(a.automatic_off_time)
      .Int(static_cast<int64_t>(a.suspension.reason))
      .Time(a.suspension.time)
      .Int(a.suspension.number)
      .Int(a.suspension.refunds)
      .Int(a.suspension.disputes)
      .Int(a.suspension.ordinal)
      .Text(FormatDisputedNumbers(a.disputed_numbers))
      .Int(a.taken_back.amount)
      .Time(a.taken_back.time)
      .Int(a.payments)
      .Int(a.last_grant)
      .Text(StoredGrants(a))
      .Int(a.notify_below)
      .Int(a.tries.day)
      .Int(a.tries.cards_given)
      .Int(a.tries.declines)
      .Time(a.tries.limit_time)
      .Text(StoredMarks(a))
      .Text(a.block.reason)
      .Time(a.block.time)
      .Time(a.due.time)
      .Int(static_cast<int64_t>(a.due.reason))
      .Time(a.expiry_notice_time);
  AppendClosing(a.closing, sql);
  sql->Time(a.create_time).Text(a.opening_digest).Text(a.display_name);
  sql->Text(StoredTextOf(a.limits)).Text(StoredAlarm(a.alarm));
  sql->Time(a.update_time).Time(a.settings_time).EndRow();
}

// "INSERT INTO accounts (...) VALUES (...),(...)".
SqlText InsertOf(const std::vector<const Account*>& accounts) {
  SqlText sql(
      absl::StrCat("INSERT INTO accounts (", absl::StrJoin(kAccountColumns, ","), ") VALUES "));
  for (const Account* account : accounts) AppendAccount(*account, &sql);
  return sql;
}

// "<micros since the epoch>:<plan id>" each, oldest first.
std::string StoredEarlierPlans(const User& user) {
  return absl::StrJoin(user.earlier_plans.All(), " ",
                       [](std::string* out, const domain::EarlierPlan& each) {
                         absl::StrAppend(out, absl::ToUnixMicros(each.until), ":", each.plan_id);
                       });
}

void ReadEarlierPlans(absl::string_view stored, User* user) {
  for (const absl::string_view each : absl::StrSplit(stored, ' ', absl::SkipEmpty())) {
    // An id may hold a colon.
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(each, absl::MaxSplits(':', 1));
    int64_t micros = 0;
    if (!absl::SimpleAtoi(parts.first, &micros)) continue;
    user->earlier_plans.Add({std::string(parts.second), absl::FromUnixMicros(micros)});
  }
}

User ReadUser(const Row& row) {
  User u;
  u.account_id = row.Text(1);
  u.user_id = row.Text(2);
  u.plan_id = row.Text(3);
  u.create_time = row.Time(4);
  ReadEarlierPlans(row.Text(5), &u);
  u.display_name = row.Text(6);
  if (!row.IsNull(7)) u.remove_time = row.Time(7);
  if (!row.IsNull(8)) u.block_time = row.Time(8);
  u.limits = domain::OwnLimitsFrom(row.Text(9));
  u.alarm = ReadAlarm(row.Text(10));
  u.spent.empty_at = ReadNumbers<domain::kSpendWindows>(row.Text(11));
  if (!row.IsNull(12)) u.update_time = row.Time(12);
  return u;
}

// Reads what the users have used of their allowances.
absl::Status TakeUpAllowances(Connection& connection, std::vector<User>& users) {
  absl::flat_hash_map<book::UserKey, User*> by_key;
  for (User& user : users) by_key.emplace(book::UserKey(user.account_id, user.user_id), &user);
  return InParts<User>(users, [&](absl::Span<const User> part) {
    SqlText sql(
        "SELECT account_id,user_id,period,seconds_used,seconds_held FROM allowances "
        "FORCE INDEX (PRIMARY) WHERE (account_id,user_id) IN (");
    for (const User& user : part) sql.Row().Text(user.account_id).Text(user.user_id).EndRow();
    sql.Raw(") ORDER BY account_id,user_id,period");
    return connection.Query(sql.str(), [&by_key](const Row& row) {
      const std::string account_id = row.Text(1);
      const std::string user_id = row.Text(2);
      by_key.find(book::UserKey(account_id, user_id))
          ->second->allowances.push_back(
              {static_cast<int32_t>(row.Int(3)), row.Int(4), row.Int(5)});
    });
  });
}

std::vector<Account*> PointersTo(std::vector<Account>& accounts) {
  std::vector<Account*> pointers;
  for (Account& account : accounts) pointers.push_back(&account);
  return pointers;
}

// "<column> IN (...)" over ids.
void AppendIn(absl::string_view column, const std::vector<absl::string_view>& ids, SqlText* sql) {
  sql->Raw(column).Raw(" IN ").Row();
  for (const absl::string_view id : ids) sql->Text(id);
  sql->EndRow();
}

}  // namespace

absl::StatusOr<std::vector<book::Balance>> LoadBalances(
    Connection& connection, const std::vector<absl::string_view>& account_ids, Lock lock) {
  std::vector<book::Balance> balances;
  if (account_ids.empty()) return balances;
  balances.reserve(account_ids.size());
  // Without the hint a small table is scanned, and rows of others are locked.
  SqlText sql(
      "SELECT account_id,balance_nanos,last_seq,version,revision,month,head_hash,held_nanos,"
      "accrued_nanos,holds,spent_hour,spent_day,spent_month FROM balances "
      "FORCE INDEX (PRIMARY) WHERE ");
  AppendIn("account_id", account_ids, &sql);
  sql.Raw(" ORDER BY account_id");
  if (lock == Lock::kForUpdate) sql.Raw(" FOR UPDATE");
  RESERVE_RETURN_IF_ERROR(connection.Query(sql.str(), [&balances](const Row& row) {
    balances.push_back({row.Text(1),
                        row.Int(2),
                        row.Int(3),
                        row.Int(4),
                        row.Int(5),
                        {},
                        static_cast<int32_t>(row.Int(6)),
                        row.Int(8),
                        row.Int(9),
                        row.Int(10)});
    row.Bytes(7, absl::MakeSpan(balances.back().head));
    balances.back().spent.empty_at = {row.Int(11), row.Int(12), row.Int(13)};
  }));
  return balances;
}

absl::Status WriteBalances(Connection& connection, const std::vector<book::Balance>& balances) {
  if (balances.empty()) return absl::OkStatus();
  // Of accounts that nothing limits the meters stay out of it (L2).
  const bool metered = absl::c_any_of(balances, [](const book::Balance& b) { return b.metered; });
  SqlText sql(
      "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,month,head_hash,"
      "held_nanos,accrued_nanos,holds");
  sql.Raw(metered ? ",spent_hour,spent_day,spent_month" : "").Raw(") VALUES ");
  // As the servers count: 1 for a row that is new or stays what it was, 2 for a changed one.
  int64_t expected = 0;
  for (const book::Balance& b : balances) {
    sql.Row()
        .Text(b.account_id)
        .Int(b.balance)
        .Int(b.last_seq)
        .Int(b.version)
        .Int(b.revision)
        .Int(b.month)
        .Bytes({b.head.data(), b.head.size()})
        .Int(b.held)
        .Int(b.accrued)
        .Int(b.holds);
    if (metered) {
      for (const int64_t meter : b.spent.empty_at) sql.Int(meter);
    }
    sql.EndRow();
    expected += b.revision == 1 ? 1 : 2;
  }
  sql.Raw(" ON DUPLICATE KEY UPDATE ");
  // The revision last: what comes before it is compared with the one stored.
  for (const absl::string_view column :
       {"balance_nanos", "last_seq", "version", "month", "head_hash", "held_nanos", "accrued_nanos",
        "holds", "spent_hour", "spent_day", "spent_month", "revision"}) {
    if (!metered && absl::StartsWith(column, "spent_")) continue;
    sql.Raw(absl::StrCat(column, "=IF(revision=VALUES(revision)-1,VALUES(", column, "),", column,
                         column == "revision" ? ")" : "),"));
  }
  RESERVE_ASSIGN_OR_RETURN(const int64_t counted, connection.Update(sql.str()));
  if (counted == expected) return absl::OkStatus();
  return BalanceMoved("a balance is not what it was when it was read");
}

absl::StatusOr<std::vector<Account>> LoadAccounts(
    Connection& connection, const std::vector<absl::string_view>& account_ids) {
  std::vector<Account> accounts;
  if (account_ids.empty()) return accounts;
  accounts.reserve(account_ids.size());
  SqlText sql(absl::StrCat(SelectAccounts(), "WHERE "));
  AppendIn("a.account_id", account_ids, &sql);
  sql.Raw(" ORDER BY a.account_id");
  RESERVE_RETURN_IF_ERROR(connection.Query(
      sql.str(), [&accounts](const Row& row) { accounts.push_back(ReadAccount(row)); }));
  RESERVE_RETURN_IF_ERROR(LoadPaymentMethods(connection, PointersTo(accounts)));
  return accounts;
}

absl::StatusOr<std::string> FindCurrency(Connection& connection, absl::string_view account_id) {
  std::string currency;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT currency FROM accounts WHERE account_id = ", Quoted(account_id)),
      [&currency](const Row& row) { currency = row.Text(1); }));
  return currency;
}

absl::StatusOr<std::vector<Account>> ListAccounts(Connection& connection, absl::string_view after,
                                                  int limit) {
  std::vector<Account> accounts;
  const std::string sql = absl::StrCat(SelectAccounts(), "WHERE a.account_id > ", Quoted(after),
                                       " ORDER BY a.account_id LIMIT ", limit);
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&accounts](const Row& row) { accounts.push_back(ReadAccount(row)); }));
  RESERVE_RETURN_IF_ERROR(LoadPaymentMethods(connection, PointersTo(accounts)));
  return accounts;
}

namespace {

absl::StatusOr<std::vector<Account>> ListAccountsWhere(Connection& connection,
                                                       absl::string_view from_where,
                                                       absl::string_view after, int limit) {
  std::vector<std::string> ids;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT account_id FROM accounts ", from_where, " AND account_id > ",
                   Quoted(after), " ORDER BY account_id LIMIT ", limit),
      [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  RESERVE_ASSIGN_OR_RETURN(std::vector<Account> accounts,
                           LoadAccounts(connection, {ids.begin(), ids.end()}));
  std::sort(accounts.begin(), accounts.end(), [](const Account& one, const Account& other) {
    return one.account_id < other.account_id;
  });
  return accounts;
}

}  // namespace

absl::StatusOr<std::vector<Account>> ListAccountsThatOwe(Connection& connection,
                                                         absl::string_view after, int limit) {
  return ListAccountsWhere(connection, "FORCE INDEX (by_payout_owed) WHERE payout_owed = 1", after,
                           limit);
}

absl::StatusOr<std::vector<Account>> ListAccountsWithLateMoney(Connection& connection,
                                                               absl::string_view after, int limit) {
  // They are few.
  return ListAccountsWhere(connection,
                           "FORCE INDEX (by_closing_late_time) WHERE closing_late_time IS NOT NULL",
                           after, limit);
}

absl::Status InsertAccounts(Connection& connection, const std::vector<const Account*>& accounts) {
  if (accounts.empty()) return absl::OkStatus();
  return connection.Execute(InsertOf(accounts).str());
}

absl::Status WriteAccounts(Connection& connection, const std::vector<const Account*>& accounts) {
  if (accounts.empty()) return absl::OkStatus();
  SqlText sql = InsertOf(accounts);
  bool first = true;
  for (const absl::string_view column : kAccountColumns) {
    if (absl::c_linear_search(kFixedColumns, column)) continue;
    sql.Raw(
        absl::StrCat(first ? " ON DUPLICATE KEY UPDATE " : ",", column, "=VALUES(", column, ")"));
    first = false;
  }
  return connection.Execute(sql.str());
}

absl::StatusOr<std::vector<std::string>> RechecksAfter(Connection& connection, absl::Time after,
                                                       int limit) {
  std::vector<std::string> ids;
  SqlText sql(kSelectOfLiving);
  sql.Raw("account_id FROM accounts FORCE INDEX (by_recheck_time) WHERE recheck_time > ");
  sql.Time(after).Raw(absl::StrCat(" AND due_reason <> ",
                                   static_cast<int>(domain::DueReason::kMonthlyCap),
                                   " ORDER BY recheck_time DESC LIMIT ", limit));
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql.str(), [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  return ids;
}

absl::StatusOr<std::vector<std::string>> DueRechecks(Connection& connection, absl::Time now,
                                                     int limit) {
  std::vector<std::string> ids;
  // Without the hint MySQL may read the index from its begin, where all accounts without a time
  // are.
  SqlText sql(kSelectOfLiving);
  sql.Raw("account_id FROM accounts FORCE INDEX (by_recheck_time) WHERE recheck_time <= ");
  sql.Time(now).Raw(absl::StrCat(" ORDER BY recheck_time LIMIT ", limit));
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql.str(), [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  return ids;
}

absl::StatusOr<std::vector<std::string>> DueExpiryNotices(Connection& connection, absl::Time now,
                                                          int limit) {
  std::vector<std::string> ids;
  SqlText sql(kSelectOfLiving);
  sql.Raw(
      "account_id FROM accounts FORCE INDEX (by_expiry_notice_time) WHERE expiry_notice_time <= ");
  sql.Time(now).Raw(absl::StrCat(" ORDER BY expiry_notice_time LIMIT ", limit));
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql.str(), [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  return ids;
}

absl::StatusOr<std::vector<User>> LoadUsers(Connection& connection,
                                            const std::vector<book::UserKey>& keys) {
  std::vector<User> users;
  if (keys.empty()) return users;
  users.reserve(keys.size());
  RESERVE_RETURN_IF_ERROR(InParts<book::UserKey>(keys, [&](absl::Span<const book::UserKey> part) {
    SqlText sql(absl::StrCat("SELECT ", kUserColumns,
                             " FROM users FORCE INDEX (PRIMARY) WHERE (account_id,user_id) IN ("));
    for (const book::UserKey& key : part) sql.Row().Text(key.first).Text(key.second).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(),
                            [&users](const Row& row) { users.push_back(ReadUser(row)); });
  }));
  RESERVE_RETURN_IF_ERROR(TakeUpAllowances(connection, users));
  return users;
}

absl::StatusOr<std::vector<User>> ListUsers(Connection& connection, absl::string_view account_id,
                                            absl::string_view after, int limit, bool with_removed) {
  std::vector<User> users;
  const std::string sql =
      absl::StrCat("SELECT ", kUserColumns, " FROM users WHERE account_id = ", Quoted(account_id),
                   " AND user_id > ", Quoted(after), " AND (remove_time IS NULL OR ",
                   with_removed ? 1 : 0, ") ORDER BY user_id LIMIT ", limit);
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&users](const Row& row) { users.push_back(ReadUser(row)); }));
  RESERVE_RETURN_IF_ERROR(TakeUpAllowances(connection, users));
  return users;
}

absl::Status WriteUsers(Connection& connection, const std::vector<const User*>& users) {
  if (users.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO users (", kUserColumns, ") VALUES "));
  for (const User* user : users) {
    sql.Row()
        .Text(user->account_id)
        .Text(user->user_id)
        .Text(user->plan_id)
        .Time(user->create_time)
        .Text(StoredEarlierPlans(*user))
        .Text(user->display_name)
        .Time(user->remove_time)
        .Time(user->block_time)
        .Text(StoredTextOf(user->limits))
        .Text(StoredAlarm(user->alarm))
        .Text(user->spent.any() ? absl::StrJoin(user->spent.empty_at, ":") : "")
        .Time(user->update_time)
        .EndRow();
  }
  sql.Raw(
      " ON DUPLICATE KEY UPDATE plan_id=VALUES(plan_id),earlier_plans=VALUES(earlier_plans),"
      "display_name=VALUES(display_name),remove_time=VALUES(remove_time),"
      "block_time=VALUES(block_time),limits=VALUES(limits),limit_alarm=VALUES(limit_alarm),"
      "spent=VALUES(spent),update_time=VALUES(update_time)");
  return connection.Execute(sql.str());
}

absl::Status WriteAllowances(Connection& connection, const std::vector<book::AllowanceRow>& rows) {
  if (rows.empty()) return absl::OkStatus();
  SqlText sql(
      "INSERT INTO allowances (account_id,user_id,period,seconds_used,seconds_held) VALUES ");
  for (const book::AllowanceRow& row : rows) {
    sql.Row()
        .Text(row.user->account_id)
        .Text(row.user->user_id)
        .Int(row.used.period)
        .Int(row.used.seconds_used)
        .Int(row.used.seconds_held)
        .EndRow();
  }
  sql.Raw(
      " ON DUPLICATE KEY UPDATE seconds_used=VALUES(seconds_used),"
      "seconds_held=VALUES(seconds_held)");
  return connection.Execute(sql.str());
}

}  // namespace reserve::storage
