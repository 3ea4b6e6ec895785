#include "services/ledger/storage/entry_rows.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/book/entry_fields.h"
#include "services/ledger/book/month_span.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"
#include "services/ledger/storage/start_parts.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {
namespace {

using domain::BookedUsage;
using domain::Entry;
using domain::EntryKind;

constexpr size_t kMaxDestinationBytes = 16;
constexpr absl::string_view kEntryColumns =
    "record_time,account_id,seq,month,kind,amount_nanos,balance_after_nanos,chain_form,entry_hash,"
    "caller";

// Entries that are looked at at a time for what was paid since.
constexpr size_t kPaidAtOnce = 5'000;

template <typename Value>
constexpr bool kIsNumber = std::is_arithmetic_v<Value> || std::is_enum_v<Value>;

// Names of columns, with commas between them.
class ColumnList {
 public:
  template <typename Value>
  void operator()(book::Tag tag, absl::string_view column, const Value&) {
    absl::StrAppend(&names_, count_ == 0 ? "" : ",", column);
    if (tag == book::Tag::kDuration) duration_ = count_;
    ++count_;
  }
  const std::string& names() const { return names_; }
  int count() const { return count_; }
  int duration() const { return duration_; }  // its place, from 0

 private:
  std::string names_;
  int count_ = 0;
  int duration_ = 0;
};

// The fields as book/entry_fields.h has them.
const ColumnList& UsageColumns() {
  static const auto* columns = [] {
    auto* list = new ColumnList;
    const BookedUsage none;
    book::VisitUsageFields(none, *list);
    return list;
  }();
  return *columns;
}

const ColumnList& OtherColumns() {
  static const auto* columns = [] {
    auto* list = new ColumnList;
    const Entry none;
    book::VisitOtherFields(none, *list);
    return list;
  }();
  return *columns;
}

class Appender {
 public:
  explicit Appender(SqlText* sql) : sql_(*sql) {}
  void operator()(book::Tag tag, absl::string_view, const std::string& text) {
    // Most have none of it.
    tag == book::Tag::kPricedTerms ? sql_.TextOrNull(text) : sql_.Text(text);
  }
  void operator()(book::Tag, absl::string_view, absl::Time time) { sql_.Time(time); }
  void operator()(book::Tag, absl::string_view, absl::Duration duration) {
    sql_.Int(absl::ToInt64Microseconds(duration));
  }
  template <typename Value, std::enable_if_t<kIsNumber<Value>, bool> = true>
  void operator()(book::Tag, absl::string_view, Value value) {
    sql_.Int(static_cast<int64_t>(value));
  }

 private:
  SqlText& sql_;
};

// Reads column after column.
class Reader {
 public:
  Reader(const Row& row, int column) : row_(row), column_(column) {}
  void operator()(book::Tag, absl::string_view, std::string& text) { text = row_.Text(column_++); }
  void operator()(book::Tag, absl::string_view, absl::Time& time) { time = row_.Time(column_++); }
  void operator()(book::Tag, absl::string_view, absl::Duration& duration) {
    duration = absl::Microseconds(row_.Int(column_++));
  }
  template <typename Value, std::enable_if_t<kIsNumber<Value>, bool> = true>
  void operator()(book::Tag, absl::string_view, Value& value) {
    value = static_cast<Value>(row_.Int(column_++));
  }

 private:
  const Row& row_;
  int column_;
};

std::string ReadColumns() {
  static const auto* columns = new std::string(absl::StrCat(
      "record_time,account_id,seq,kind,amount_nanos,balance_after_nanos,chain_form,entry_hash,"
      "duration_seconds,",
      UsageColumns().names(), ",", OtherColumns().names(), ",caller"));
  return *columns;
}

std::string SelectEntries() { return absl::StrCat("SELECT ", ReadColumns(), " FROM entries "); }

// Of what stays of archived months.
std::string SelectKept(absl::string_view account_id) {
  return absl::StrCat("SELECT ", ReadColumns(),
                      ",previous_hash FROM kept_entries WHERE account_id = ", Quoted(account_id));
}

void AppendValues(const Entry& e, SqlText* sql) {
  sql->Time(e.record_time)
      .Text(e.account_id)
      .Int(e.seq)
      .Int(book::MonthOfEntry(e))
      .Int(static_cast<int64_t>(e.kind))
      .Int(e.amount)
      .Int(e.balance_after)
      .Int(static_cast<int64_t>(e.chain_form))
      .Bytes({e.hash.data(), e.hash.size()})
      .TextOrNull(e.caller);
}

void AppendEntry(const Entry& e, SqlText* sql) {
  sql->Row();
  AppendValues(e, sql);
}

void AppendUsage(const Entry& e, SqlText* sql) {
  AppendEntry(e, sql);
  sql->Int(domain::StartedSeconds(e.booked->usage.duration));  // for programs of before
  book::VisitUsageFields(*e.booked, Appender(sql));
  sql->Int(StartPartOf(e.booked->usage.start_time));
  sql->EndRow();
}

void AppendOther(const Entry& e, SqlText* sql) {
  AppendEntry(e, sql);
  book::VisitOtherFields(e, Appender(sql));
  sql->EndRow();
}

// What follows from the columns is not stored a second time.
void Complete(Nanos amount, BookedUsage* booked) {
  domain::Rating& r = booked->rating;
  // A row that was altered may hold what no program writes; the audit then finds another cost.
  r.cost = SubtractSaturating(booked->previous_cost, amount);
  domain::CompleteSeconds(booked->usage, &r);
}

// In what SelectEntries selects.
constexpr int kDurationSecondsColumn = 9;
constexpr int kFirstUsageColumn = 10;

Entry ReadEntry(const Row& row) {
  Entry e;
  e.record_time = row.Time(1);
  e.account_id = row.Text(2);
  e.seq = row.Int(3);
  e.kind = static_cast<EntryKind>(row.Int(4));
  e.amount = row.Int(5);
  e.balance_after = row.Int(6);
  // A program from before leaves it out.
  if (!row.IsNull(7)) e.chain_form = static_cast<domain::ChainForm>(row.Int(7));
  row.Bytes(8, absl::MakeSpan(e.hash));
  const int caller = kFirstUsageColumn + UsageColumns().count() + OtherColumns().count();
  if (!row.IsNull(caller)) e.caller = row.Text(caller);
  if (e.kind != EntryKind::kUsage && e.kind != EntryKind::kRating) {
    book::VisitOtherFields(e, Reader(row, kFirstUsageColumn + UsageColumns().count()));
    return e;
  }
  BookedUsage& booked = e.booked.emplace();
  book::VisitUsageFields(booked, Reader(row, kFirstUsageColumn));
  if (row.IsNull(kFirstUsageColumn + UsageColumns().duration())) {
    booked.usage.duration = absl::Seconds(row.Int(kDurationSecondsColumn));
  }
  Complete(e.amount, &booked);
  return e;
}

bool BySeq(const Entry& one, const Entry& other) { return one.seq < other.seq; }

// " AND kind IN (1,2)"; empty for all.
std::string OfKinds(const std::vector<EntryKind>& kinds) {
  if (kinds.empty()) return "";
  const auto number = [](std::string* out, EntryKind kind) {
    absl::StrAppend(out, static_cast<int>(kind));
  };
  return absl::StrCat(" AND kind IN (", absl::StrJoin(kinds, ",", number), ")");
}

absl::StatusOr<std::vector<Entry>> QueryEntries(Connection& connection, const std::string& sql) {
  std::vector<Entry> entries;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&entries](const Row& row) { entries.push_back(ReadEntry(row)); }));
  return entries;
}

// A page of an account's entries with seq < `before`, newest first. It
// goes down in stretches of seqs, the first as long as a page mostly is, and looks only into the
// months that a stretch touches: each is an index of its own, and an old one's seldom in memory.
absl::StatusOr<std::vector<Entry>> ListBackwards(Connection& connection,
                                                 absl::string_view account_id, int64_t before,
                                                 int limit) {
  RESERVE_ASSIGN_OR_RETURN(const AccountMonths months, LoadMonths(connection, account_id));
  std::vector<Entry> page;
  int64_t end = before > months.last_seq ? months.last_seq + 1 : before;
  for (int64_t width = limit + limit / 16; end > 1; width *= 4) {
    const auto missing = static_cast<int64_t>(limit) - static_cast<int64_t>(page.size());
    if (missing <= 0) break;
    const int64_t begin = std::max<int64_t>(1, end - width);
    const std::vector<int32_t> within = months.Within(begin, end);
    if (!within.empty()) {
      const std::string sql = absl::StrCat(
          SelectEntries(), "FORCE INDEX (by_account) WHERE account_id = ", Quoted(account_id),
          " AND month IN (", absl::StrJoin(within, ","), ") AND seq >= ", begin, " AND seq < ", end,
          " ORDER BY seq DESC LIMIT ", missing);
      RESERVE_RETURN_IF_ERROR(
          connection.Query(sql, [&page](const Row& row) { page.push_back(ReadEntry(row)); }));
    }
    end = begin;
  }
  return page;
}

// Standard-rate calls by user, each as it stands.
class StandardUses {
 public:
  void Know(std::vector<domain::UsageState> states) {
    for (domain::UsageState& state : states) states_[state.usage_id] = std::move(state);
  }

  // An estimate, or what was rated later, has a state that is not among those of its start where
  // a later report says that the call began before it.
  bool MayStandElsewhere(const Entry& entry) const {
    const bool has_one = entry.kind == EntryKind::kRating || entry.booked->estimated;
    return has_one && !states_.contains(entry.booked->usage.usage_id);
  }

  void Add(const Entry& entry) {
    const auto state = states_.find(entry.booked->usage.usage_id);
    const bool counts =
        state == states_.end() || (state->second.status == domain::UsageStatus::kRated &&
                                   state->second.latest_seq == entry.seq);
    if (!counts) return;
    const domain::StandardPart standard = domain::StandardPartOf(entry.booked->rating);
    StandardUse& use = by_user_[entry.booked->usage.user_id];
    use.billable_seconds += standard.seconds;
    use.cost += standard.cost;
  }

  std::vector<StandardUse> ByUser() const {
    std::vector<StandardUse> uses;
    for (const auto& [user_id, use] : by_user_) {
      uses.push_back(use);
      uses.back().user_id = user_id;
    }
    return uses;
  }

 private:
  absl::flat_hash_map<std::string, domain::UsageState> states_;  // by usage id
  std::map<std::string, StandardUse> by_user_;
};

}  // namespace

// What most rows of usage_ids and of usages take in a statement, and some more.
constexpr size_t kIdBytes = 80;
constexpr size_t kUsageBytes = 400;

absl::Status InsertEntries(Connection& connection, std::vector<const Entry*> entries) {
  // By account. The entries of a batch share their record time, so this is the order of their
  // key, and pages fill up. It is on purpose not the order of the usage ids: lanes that append
  // ascending ids side by side have the server split each full page where it inserts, which
  // leaves pages two thirds empty; in another order it splits them in the middle.
  std::sort(entries.begin(), entries.end(), [](const Entry* a, const Entry* b) {
    return std::tie(a->account_id, a->seq) < std::tie(b->account_id, b->seq);
  });
  SqlText ids("INSERT INTO usage_ids (usage_id,account_id,seq,month) VALUES ");
  SqlText usages(absl::StrCat("INSERT INTO entries (", kEntryColumns, ",duration_seconds,",
                              UsageColumns().names(), ",start_part) VALUES "));
  SqlText others(absl::StrCat("INSERT INTO entries (", kEntryColumns, ",", OtherColumns().names(),
                              ") VALUES "));
  ids.Reserve(entries.size() * kIdBytes);
  usages.Reserve(entries.size() * kUsageBytes);
  bool has_ids = false;
  bool has_usages = false;
  bool has_others = false;
  for (const Entry* e : entries) {
    if (domain::TakesUsageId(*e)) {
      has_ids = true;
      ids.Row()
          .Text(domain::UsageIdOf(*e))
          .Text(e->account_id)
          .Int(e->seq)
          .Int(book::MonthOfEntry(*e))
          .EndRow();
    }
    if (e->booked.has_value()) {
      has_usages = true;
      AppendUsage(*e, &usages);
    } else {
      has_others = true;
      AppendOther(*e, &others);
    }
  }
  if (has_ids) RESERVE_RETURN_IF_ERROR(connection.Execute(ids.str()));
  if (has_usages) RESERVE_RETURN_IF_ERROR(connection.Execute(usages.str()));
  if (has_others) RESERVE_RETURN_IF_ERROR(connection.Execute(others.str()));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Entry>> FindUsages(Connection& connection,
                                              const std::vector<book::OnceKey>& keys,
                                              std::vector<ArchivedUsage>* archived) {
  std::vector<Entry> entries;
  if (keys.empty()) return entries;
  // Two steps, so that each is one range over one index: where they are, then
  // the entries month by month, as a month is a partition.
  using Place = std::pair<std::string, int64_t>;  // account id, seq
  absl::flat_hash_map<int64_t, std::vector<Place>> by_month;
  // In the same statement, as a month that is archived takes its rows along. Vitess has them
  // elsewhere, and archives nothing.
  std::string archived_month = "(SELECT COALESCE(MAX(a.month),0) FROM archives a)";
  if (connection.on_vitess()) {
    RESERVE_ASSIGN_OR_RETURN(Connection* const aside, connection.Aside());
    RESERVE_ASSIGN_OR_RETURN(const int32_t month, ReadArchivedMonth(*aside));
    archived_month = absl::StrCat(month);
  }
  RESERVE_RETURN_IF_ERROR(InParts<book::OnceKey>(keys, [&](absl::Span<const book::OnceKey> part) {
    SqlText sql(absl::StrCat("SELECT account_id,seq,month,usage_id,", archived_month,
                             " FROM usage_ids FORCE INDEX (PRIMARY) WHERE (usage_id,account_id) "
                             "IN ("));
    for (const book::OnceKey& key : part) sql.Row().Text(key.second).Text(key.first).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(), [&](const Row& row) {
      if (row.Int(3) > row.Int(5)) {
        by_month[row.Int(3)].emplace_back(row.Text(1), row.Int(2));
      } else if (archived != nullptr) {
        archived->push_back({row.Text(1), row.Text(4), row.Int(2)});
      }
    });
  }));
  for (const auto& [month, places] : by_month) {
    const auto load = [&, of = month](absl::Span<const Place> part) {
      SqlText sql(SelectEntries());
      sql.Raw("FORCE INDEX (by_account) WHERE month = ")
          .Raw(absl::StrCat(of))
          .Raw(" AND (account_id,seq) IN (");
      for (const auto& [account_id, seq] : part) sql.Row().Text(account_id).Int(seq).EndRow();
      sql.Raw(")");
      return connection.Query(sql.str(),
                              [&entries](const Row& row) { entries.push_back(ReadEntry(row)); });
    };
    RESERVE_RETURN_IF_ERROR(InParts<Place>(places, load));
  }
  const auto stray = std::find_if(entries.begin(), entries.end(),
                                  [](const Entry& e) { return !domain::TakesUsageId(e); });
  if (stray != entries.end()) {
    return BadRows(absl::StrCat("a usage id leads to entry ", stray->seq, " of account \"",
                                stray->account_id, "\", which is of no usage"));
  }
  return entries;
}

absl::StatusOr<StoredUsages> FindUsagesAsTheyStand(Connection& connection,
                                                   const std::vector<book::OnceKey>& keys) {
  StoredUsages stored;
  RESERVE_ASSIGN_OR_RETURN(stored.entries, FindUsages(connection, keys, &stored.archived));
  if (stored.entries.empty()) return stored;
  RESERVE_ASSIGN_OR_RETURN(stored.states, LoadUsageStates(connection, keys));
  for (Entry& entry : stored.entries) {
    if (!entry.booked.has_value() || !entry.booked->estimated) continue;
    const auto state = std::find_if(
        stored.states.begin(), stored.states.end(), [&entry](const domain::UsageState& s) {
          return s.account_id == entry.account_id && s.usage_id == domain::UsageIdOf(entry);
        });
    if (state == stored.states.end() || state->seq == entry.seq) continue;
    RESERVE_ASSIGN_OR_RETURN(std::vector<Entry> replacing,
                             LoadEntries(connection, entry.account_id, {state->seq}));
    if (replacing.size() != 1 || domain::UsageIdOf(replacing.front()) != state->usage_id) {
      return BadRows(absl::StrCat("the state of usage \"", state->usage_id, "\" of account \"",
                                  entry.account_id, "\" leads to entry ", state->seq,
                                  ", which is not of it"));
    }
    entry = std::move(replacing.front());
  }
  return stored;
}

absl::StatusOr<std::vector<UsagePlace>> FindUsagePlaces(Connection& connection,
                                                        const std::vector<book::OnceKey>& keys) {
  std::vector<UsagePlace> places;
  if (keys.empty()) return places;
  RESERVE_RETURN_IF_ERROR(InParts<book::OnceKey>(keys, [&](absl::Span<const book::OnceKey> part) {
    SqlText sql(
        "SELECT usage_id,seq,month FROM usage_ids FORCE INDEX (PRIMARY) "
        "WHERE (usage_id,account_id) IN (");
    for (const book::OnceKey& key : part) sql.Row().Text(key.second).Text(key.first).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(), [&places](const Row& row) {
      places.push_back({row.Text(1), row.Int(2), static_cast<int32_t>(row.Int(3))});
    });
  }));
  return places;
}

absl::StatusOr<std::vector<Entry>> ListEntries(Connection& connection, absl::string_view account_id,
                                               int64_t before, int limit) {
  return ListBackwards(connection, account_id, before, limit);
}

absl::StatusOr<std::vector<Entry>> ListEntriesWithin(Connection& connection,
                                                     absl::string_view account_id,
                                                     const SeqRange& seqs,
                                                     const std::vector<EntryKind>& kinds,
                                                     Oldest oldest, int limit) {
  RESERVE_ASSIGN_OR_RETURN(const AccountMonths months, LoadMonths(connection, account_id));
  const std::vector<int32_t> within = months.Within(seqs.first, seqs.end);
  std::vector<Entry> entries;
  if (seqs.empty()) return entries;
  const std::string rest =
      absl::StrCat(" AND seq >= ", seqs.first, " AND seq < ", seqs.end, OfKinds(kinds),
                   " ORDER BY seq", oldest == Oldest::kFirst ? "" : " DESC", " LIMIT ", limit);
  if (!within.empty()) {
    RESERVE_ASSIGN_OR_RETURN(
        entries,
        QueryEntries(connection,
                     absl::StrCat(SelectEntries(), "FORCE INDEX (by_account) WHERE account_id = ",
                                  Quoted(account_id), " AND month IN (", absl::StrJoin(within, ","),
                                  ")", rest)));
  }
  if (months.archived_month == 0) return entries;
  RESERVE_ASSIGN_OR_RETURN(std::vector<Entry> kept,
                           QueryEntries(connection, absl::StrCat(SelectKept(account_id), rest)));
  if (kept.empty()) return entries;
  entries.insert(entries.end(), std::make_move_iterator(kept.begin()),
                 std::make_move_iterator(kept.end()));
  std::sort(entries.begin(), entries.end(), [oldest](const Entry& a, const Entry& b) {
    return oldest == Oldest::kFirst ? a.seq < b.seq : a.seq > b.seq;
  });
  if (entries.size() > static_cast<size_t>(limit)) entries.resize(static_cast<size_t>(limit));
  return entries;
}

absl::StatusOr<std::vector<Entry>> ListEntriesAfter(Connection& connection,
                                                    absl::string_view account_id, int64_t after,
                                                    int limit, int32_t archived_month) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<Entry> entries,
      QueryEntries(connection,
                   absl::StrCat(SelectEntries(), "FORCE INDEX (by_account) WHERE account_id = ",
                                Quoted(account_id), " AND month > ", archived_month, " AND seq > ",
                                after, " ORDER BY seq LIMIT ", limit)));
  if (archived_month == 0) return entries;
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<Entry> kept,
      QueryEntries(connection, absl::StrCat(SelectKept(account_id), " AND seq > ", after,
                                            " ORDER BY seq LIMIT ", limit)));
  entries.insert(entries.end(), std::make_move_iterator(kept.begin()),
                 std::make_move_iterator(kept.end()));
  std::sort(entries.begin(), entries.end(), BySeq);
  if (entries.size() > static_cast<size_t>(limit)) entries.resize(static_cast<size_t>(limit));
  return entries;
}

absl::StatusOr<std::vector<KeptEntry>> ListKeptUpTo(Connection& connection,
                                                    absl::string_view account_id, int64_t after,
                                                    int64_t last, int limit) {
  std::vector<KeptEntry> kept;
  const int previous = kFirstUsageColumn + UsageColumns().count() + OtherColumns().count() + 1;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat(SelectKept(account_id), " AND seq > ", after,
                                    " AND seq <= ", last, " ORDER BY seq LIMIT ", limit),
                       [&kept, previous](const Row& row) {
                         KeptEntry& each = kept.emplace_back();
                         each.entry = ReadEntry(row);
                         row.Bytes(previous, absl::MakeSpan(each.previous));
                       }));
  return kept;
}

absl::Status InsertKept(Connection& connection, const std::vector<KeptEntry>& kept) {
  SqlText usages(absl::StrCat("INSERT INTO kept_entries (previous_hash,", kEntryColumns,
                              ",duration_seconds,", UsageColumns().names(), ") VALUES "));
  SqlText others(absl::StrCat("INSERT INTO kept_entries (previous_hash,", kEntryColumns, ",",
                              OtherColumns().names(), ") VALUES "));
  bool has_usages = false;
  bool has_others = false;
  for (const KeptEntry& each : kept) {
    const Entry& e = each.entry;
    SqlText& sql = e.booked.has_value() ? usages : others;
    (e.booked.has_value() ? has_usages : has_others) = true;
    sql.Row().Bytes({each.previous.data(), each.previous.size()});
    AppendValues(e, &sql);
    if (e.booked.has_value()) {
      sql.Int(domain::StartedSeconds(e.booked->usage.duration));
      book::VisitUsageFields(*e.booked, Appender(&sql));
    } else {
      book::VisitOtherFields(e, Appender(&sql));
    }
    sql.EndRow();
  }
  if (has_usages) RESERVE_RETURN_IF_ERROR(connection.Execute(usages.str()));
  if (has_others) RESERVE_RETURN_IF_ERROR(connection.Execute(others.str()));
  return absl::OkStatus();
}

absl::Status KeepEntriesAfter(Connection& connection, absl::string_view account_id, int32_t after,
                              int32_t upto, int64_t seq) {
  const std::string columns = absl::StrCat(ReadColumns(), ",month");
  return connection.Execute(
      absl::StrCat("INSERT INTO kept_entries (", columns, ") SELECT ", columns,
                   " FROM entries FORCE INDEX (by_account) WHERE account_id = ", Quoted(account_id),
                   " AND month > ", after, " AND month <= ", upto, " AND seq > ", seq));
}

absl::StatusOr<std::vector<Entry>> ListEntriesOfMonths(Connection& connection, int32_t after,
                                                       int32_t upto, absl::string_view account_id,
                                                       int64_t after_seq, int limit) {
  const std::string account = Quoted(account_id);
  return QueryEntries(
      connection,
      absl::StrCat(SelectEntries(), "FORCE INDEX (by_account) WHERE month > ", after,
                   " AND month <= ", upto, " AND account_id >= ", account, " AND (account_id > ",
                   account, " OR seq > ", after_seq, ") ORDER BY account_id,seq LIMIT ", limit));
}

absl::StatusOr<std::optional<domain::EntryHash>> FindEntryHash(Connection& connection,
                                                               absl::string_view account_id,
                                                               int64_t seq) {
  std::optional<domain::EntryHash> hash;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT entry_hash FROM entries FORCE INDEX (by_account) WHERE account_id = ",
                   Quoted(account_id), " AND seq = ", seq),
      [&hash](const Row& row) { row.Bytes(1, absl::MakeSpan(hash.emplace())); }));
  if (hash.has_value()) return hash;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT entry_hash FROM kept_entries WHERE account_id = ", Quoted(account_id),
                   " AND seq = ", seq),
      [&hash](const Row& row) { row.Bytes(1, absl::MakeSpan(hash.emplace())); }));
  if (hash.has_value()) return hash;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT entry_hash FROM archived_heads WHERE account_id = ", Quoted(account_id),
                   " AND seq = ", seq),
      [&hash](const Row& row) { row.Bytes(1, absl::MakeSpan(hash.emplace())); }));
  return hash;
}

absl::StatusOr<std::vector<book::RequestRecord>> FindRequests(
    Connection& connection, const std::vector<book::OnceKey>& keys) {
  std::vector<book::RequestRecord> requests;
  if (keys.empty()) return requests;
  RESERVE_RETURN_IF_ERROR(InParts<book::OnceKey>(keys, [&](absl::Span<const book::OnceKey> part) {
    SqlText sql(
        "SELECT account_id,request_id,digest,seq,month,ordinal FROM requests "
        "FORCE INDEX (PRIMARY) WHERE (account_id,request_id) IN (");
    for (const book::OnceKey& key : part) sql.Row().Text(key.first).Text(key.second).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(), [&requests](const Row& row) {
      requests.push_back({row.Text(1), row.Text(2), row.Text(3), row.Int(4),
                          static_cast<int32_t>(row.Int(5)), row.Int(6)});
    });
  }));
  return requests;
}

absl::Status InsertRequests(Connection& connection,
                            const std::vector<book::RequestRecord>& requests) {
  if (requests.empty()) return absl::OkStatus();
  SqlText sql("INSERT INTO requests (account_id,request_id,digest,seq,month,ordinal) VALUES ");
  for (const book::RequestRecord& r : requests) {
    sql.Row()
        .Text(r.account_id)
        .Text(r.request_id)
        .Text(r.digest)
        .Int(r.seq)
        .Int(r.month)
        .Int(r.ordinal)
        .EndRow();
  }
  return connection.Execute(sql.str());
}

absl::StatusOr<Entry> LoadEntry(Connection& connection, absl::string_view account_id, int64_t seq,
                                int32_t month) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<Entry> entries,
      QueryEntries(connection,
                   absl::StrCat(SelectEntries(), "FORCE INDEX (by_account) WHERE account_id = ",
                                Quoted(account_id), " AND seq = ", seq, " AND month = ", month)));
  if (entries.empty()) {
    RESERVE_ASSIGN_OR_RETURN(entries, QueryEntries(connection, absl::StrCat(SelectKept(account_id),
                                                                            " AND seq = ", seq)));
  }
  if (entries.empty()) return EntryNotFound(account_id, seq);
  return std::move(entries.front());
}

absl::StatusOr<std::vector<Entry>> LoadEntries(Connection& connection, absl::string_view account_id,
                                               const std::vector<int64_t>& seqs) {
  std::vector<Entry> entries;
  RESERVE_RETURN_IF_ERROR(InParts<int64_t>(seqs, [&](absl::Span<const int64_t> part) {
    return connection.Query(
        absl::StrCat(SelectEntries(), "FORCE INDEX (by_account) WHERE account_id = ",
                     Quoted(account_id), " AND seq IN (", absl::StrJoin(part, ","), ")"),
        [&entries](const Row& row) { entries.push_back(ReadEntry(row)); });
  }));
  std::vector<int64_t> missing;
  for (const int64_t seq : seqs) {
    const auto is_it = [seq](const Entry& entry) { return entry.seq == seq; };
    if (std::none_of(entries.begin(), entries.end(), is_it)) missing.push_back(seq);
  }
  RESERVE_RETURN_IF_ERROR(InParts<int64_t>(missing, [&](absl::Span<const int64_t> part) {
    return connection.Query(
        absl::StrCat(SelectKept(account_id), " AND seq IN (", absl::StrJoin(part, ","), ")"),
        [&entries](const Row& row) { entries.push_back(ReadEntry(row)); });
  }));
  return entries;
}

absl::StatusOr<std::vector<Entry>> LoadRatings(Connection& connection, absl::string_view account_id,
                                               absl::Span<const domain::UsageState* const> states) {
  // Each lies in the month of its usage's start.
  absl::flat_hash_map<int32_t, std::vector<const domain::UsageState*>> by_month;
  for (const domain::UsageState* state : states) {
    by_month[MonthOf(state->start_time)].push_back(state);
  }
  std::vector<Entry> ratings;
  for (const auto& [month, of_month] : by_month) {
    int64_t first = of_month.front()->seq;
    int64_t last = first;
    std::string ids;
    for (const domain::UsageState* state : of_month) {
      first = std::min(first, state->seq);
      last = std::max(last, state->latest_seq);
      absl::StrAppend(&ids, ids.empty() ? "" : ",", Quoted(state->usage_id));
    }
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat(SelectEntries(), "FORCE INDEX (by_account) WHERE account_id = ",
                     Quoted(account_id), " AND month = ", month, " AND seq > ", first,
                     " AND seq <= ", last, " AND kind = ", static_cast<int>(EntryKind::kRating),
                     " AND usage_id IN (", ids, ") ORDER BY seq"),
        [&ratings](const Row& row) { ratings.push_back(ReadEntry(row)); }));
  }
  return ratings;
}

absl::StatusOr<std::optional<Entry>> FindCredit(Connection& connection,
                                                const domain::Recharge& credited) {
  // Both were written with one time.
  SqlText sql(SelectEntries());
  sql.Raw("FORCE INDEX (PRIMARY) WHERE record_time = ").Time(credited.end_time);
  sql.Raw(absl::StrCat(" AND account_id = ", Quoted(credited.account_id),
                       " AND month = ", MonthOf(credited.end_time), " AND kind IN (",
                       static_cast<int>(EntryKind::kRecharge), ",",
                       static_cast<int>(EntryKind::kPayment),
                       ") AND recharge_ordinal = ", credited.ordinal));
  RESERVE_ASSIGN_OR_RETURN(std::vector<Entry> entries, QueryEntries(connection, sql.str()));
  if (entries.empty()) {
    RESERVE_ASSIGN_OR_RETURN(
        entries,
        QueryEntries(connection, absl::StrCat(SelectKept(credited.account_id),
                                              OfKinds({EntryKind::kRecharge, EntryKind::kPayment}),
                                              " AND recharge_ordinal = ", credited.ordinal)));
  }
  if (entries.empty()) return std::nullopt;
  return std::move(entries.front());
}

absl::StatusOr<std::vector<Entry>> SelectEntriesBy(Connection& connection, absl::string_view rest) {
  return QueryEntries(connection, absl::StrCat(SelectEntries(), rest));
}

absl::StatusOr<std::vector<StandardUse>> StandardUseSince(Connection& connection,
                                                          absl::string_view account_id,
                                                          absl::Time since) {
  StandardUses uses;
  // Of the few that were voided or rated later.
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<domain::UsageState> states,
      ListUsageStatesByStart(connection, account_id, since, absl::InfiniteFuture()));
  uses.Know(std::move(states));
  // Summed here, one row at a time: SUM() would come back as a DECIMAL.
  SqlText sql(SelectEntries());
  sql.Raw("FORCE INDEX (by_part) WHERE ").Raw(InStartParts(since, absl::InfiniteFuture()));
  sql.Raw(" AND account_id = ").Raw(Quoted(account_id));
  sql.Raw(absl::StrCat(" AND kind IN (", static_cast<int>(EntryKind::kUsage), ",",
                       static_cast<int>(EntryKind::kRating), ") AND basis IN (",
                       static_cast<int>(domain::ChargeBasis::kMeteredStandard), ",",
                       static_cast<int>(domain::ChargeBasis::kMixed),
                       ") AND month >= ", MonthOf(since), " AND start_time >= "));
  sql.Time(since);
  std::vector<Entry> elsewhere;
  RESERVE_RETURN_IF_ERROR(connection.Query(sql.str(), [&](const Row& row) {
    Entry entry = ReadEntry(row);
    if (uses.MayStandElsewhere(entry)) {
      elsewhere.push_back(std::move(entry));
    } else {
      uses.Add(entry);
    }
  }));
  std::vector<book::OnceKey> keys;
  for (const Entry& entry : elsewhere) {
    keys.emplace_back(account_id, entry.booked->usage.usage_id);
  }
  RESERVE_ASSIGN_OR_RETURN(states, LoadUsageStates(connection, keys));
  uses.Know(std::move(states));
  for (const Entry& entry : elsewhere) uses.Add(entry);
  return uses.ByUser();
}

absl::StatusOr<std::vector<PricedUsage>> ListPricedUsages(Connection& connection, absl::Time since,
                                                          int limit) {
  SqlText sql(
      "SELECT usage_kind,destination,deck_version,carrier,start_time,duration_seconds,"
      "duration_micros,segments,direction,prefix,record_time FROM entries FORCE INDEX (PRIMARY) "
      "WHERE record_time >= ");
  sql.Time(since);
  sql.Raw(absl::StrCat(" AND kind = ", static_cast<int>(EntryKind::kUsage),
                       " AND deck_version > 0 ORDER BY record_time DESC LIMIT ", limit));
  std::vector<PricedUsage> usages;
  RESERVE_RETURN_IF_ERROR(connection.Query(sql.str(), [&usages](const Row& row) {
    PricedUsage each;
    each.usage.kind = static_cast<domain::UsageKind>(row.Int(1));
    each.usage.destination = row.Text(2);
    each.deck_version = row.Int(3);
    each.usage.carrier = row.Text(4);
    each.usage.start_time = row.Time(5);
    each.usage.duration =
        row.IsNull(7) ? absl::Seconds(row.Int(6)) : absl::Microseconds(row.Int(7));
    each.usage.segments = static_cast<int32_t>(row.Int(8));
    each.usage.direction = static_cast<domain::Direction>(row.Int(9));
    each.prefix = row.Text(10);
    each.record_time = row.Time(11);
    // The digest of a number that was erased is longer than any number.
    if (each.usage.destination.size() <= kMaxDestinationBytes) usages.push_back(std::move(each));
  }));
  return usages;
}

absl::StatusOr<int64_t> PaidSecondsSince(Connection& connection, absl::string_view account_id,
                                         absl::string_view user_id, int32_t period, int64_t seq,
                                         absl::string_view but_not) {
  // Of each usage what its latest rating says: in the order of the entries.
  absl::flat_hash_map<std::string, int64_t> paid;
  std::vector<Entry> page;
  for (int64_t after = seq;; after = page.back().seq) {
    RESERVE_ASSIGN_OR_RETURN(
        page, QueryEntries(
                  connection,
                  absl::StrCat(
                      SelectEntries(), "FORCE INDEX (by_account) WHERE account_id = ",
                      Quoted(account_id), " AND seq > ", after, " AND user_id = ", Quoted(user_id),
                      " AND kind IN (", static_cast<int>(EntryKind::kUsage), ",",
                      static_cast<int>(EntryKind::kRating), ") ORDER BY seq LIMIT ", kPaidAtOnce)));
    for (const Entry& entry : page) {
      const domain::Rating& rating = entry.booked->rating;
      // Only what draws on an allowance has a standard part that could have been free.
      const bool of_allowance = rating.basis == domain::ChargeBasis::kMeteredStandard ||
                                rating.basis == domain::ChargeBasis::kMixed;
      const int64_t seconds = of_allowance && rating.free_period == period
                                  ? domain::StandardPartOf(rating).paid_seconds
                                  : int64_t{0};
      const std::string& usage_id = entry.booked->usage.usage_id;
      if (seconds > 0) {
        paid[usage_id] = seconds;
      } else {
        paid.erase(usage_id);
      }
    }
    if (page.size() < kPaidAtOnce) break;
  }
  paid.erase(but_not);
  std::vector<book::OnceKey> keys;
  for (const auto& [usage_id, seconds] : paid) keys.emplace_back(account_id, usage_id);
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::UsageState> states,
                           LoadUsageStates(connection, keys));
  for (const domain::UsageState& state : states) {
    if (state.status == domain::UsageStatus::kVoided) paid.erase(state.usage_id);
  }
  int64_t sum = 0;
  for (const auto& [usage_id, seconds] : paid) sum += seconds;
  return sum;
}

}  // namespace reserve::storage
