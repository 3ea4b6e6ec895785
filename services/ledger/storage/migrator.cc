#include "services/ledger/storage/migrator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/sql_text.h"
#include "services/ledger/storage/usage_count_rows.h"

namespace reserve::storage {
namespace {

// Months with a partition of their own, before and after the current one.
constexpr int kMonthsBack = 13;
constexpr int kMonthsAhead = 3;
// A lock wait ends after seconds (Connection); others may migrate for long.
constexpr int kLockTries = 360;
// A change of a table waits for all transactions that use it (an audit of a large account holds it
// for as long as it reads), and whatever comes later, bookings too, waits behind the change. So it
// waits for a second only, lets the others through, and comes again. (MariaDB holds bookings up for
// twice as long, as it waits once more where it takes back what it has begun. A lane waits for a
// lock for 3 s, and is patient for 5.)
constexpr int kChangeWaitSeconds = 1;
constexpr absl::Duration kPauseBetweenChanges = absl::Seconds(3);
// With the pauses that is half an hour.
constexpr int kChangeTries = 360;
// Of a database that is just starting.
constexpr absl::Duration kPauseBetweenConnects = absl::Seconds(1);
// After a conflict that did not wait for anybody.
constexpr absl::Duration kShortPause = absl::Milliseconds(100);
// vtgate reads a shard's tables again when it hears of a change.
constexpr absl::Duration kVitessLearnsWithin = absl::Seconds(10);
// The row of schema_lock of whoever archives; 1 is that of migrations.
constexpr int kArchiveLock = 2;
// A change of a large table may take hours.
constexpr int kStatementTimeoutSeconds = 24 * 60 * 60;

using Progress = std::function<void(const std::string&)>;

int32_t Number(absl::CivilMonth month) {
  return static_cast<int32_t>(month.year() * 100 + month.month());
}

int OldestCode(const Migration& migration) {
  absl::string_view text = migration.sql;
  int version = migration.version;
  while (!text.empty() && text.front() == '\n') text.remove_prefix(1);
  if (absl::ConsumePrefix(&text, "-- oldest-code: ")) {
    const absl::string_view digits = text.substr(0, text.find('\n'));
    if (!absl::SimpleAtoi(digits, &version)) version = migration.version;
  }
  return version;
}

// Statements end with a semicolon at the end of a line; comment lines are left
// out.
std::vector<std::string> Statements(absl::string_view sql) {
  std::vector<std::string> statements;
  std::string current;
  for (const absl::string_view line : absl::StrSplit(sql, '\n')) {
    if (absl::StartsWith(line, "--") || line.empty()) continue;
    absl::string_view text = line;
    const bool last = absl::ConsumeSuffix(&text, ";");
    absl::StrAppend(&current, text, "\n");
    if (last) {
      statements.push_back(std::move(current));
      current.clear();
    }
  }
  return statements;
}

// What the program's own user may do with which table, besides reading it.
struct TableRights {
  absl::string_view name;
  absl::string_view key;  // a column
  bool inserted = false;
  bool updated = false;
};

constexpr TableRights kRights[] = {
    {"accounts", "account_id", true, true},
    {"balances", "account_id", true, true},
    {"users", "account_id", true, true},
    {"allowances", "account_id", true, true},
    {"usage_states", "account_id", true, true},
    {"holds", "account_id", true, true},
    {"ended_holds", "account_id", true, true},
    {"payment_methods", "account_id", true, true},
    {"recharges", "account_id", true, true},
    {"disputes", "account_id", true, true},
    {"unplaced_states", "slot", true, true},
    {"account_months", "account_id", true, true},
    {"entries", "account_id", true},
    {"receipts", "account_id", true},
    {"usage_ids", "account_id", true},
    {"requests", "account_id", true},
    {"events", "account_id", true},
    {"card_declines", "account_id", true},
    {"number_keys", "account_id", true},
    {"archives", "month"},
    {"archived_heads", "account_id"},
    {"archived_allowances", "account_id"},
    {"kept_entries", "account_id"},
    {"reratings", "number", true, true},
    {"rate_decks", "version", true},
    {"rate_activations", "number", true, true},
    {"rates", "deck_version", true},
    {"rate_shapes", "deck_version", true},
    {"usage_by_prefix", "day", true, true},
    {"usage_count", "id", true, true},
    {"usage_sums", "account_id", true, true},
    {"usage_sums_through", "account_id", true, true},
    {"plans", "plan_id"},
    {"plan_versions", "number", true, true},
    {"ledgers", "ledger_id", true, true},
    {"account_ranges", "number", true, true},
    {"feature_level", "id"},
    {"schema_migrations", "version"},
};

// What a statement asks information_schema about a table of ours, put so that it is answered by
// Vitess, too: there the tables of no account are in a schema of their own.
std::string WhereItIs(const Connection& connection, std::string statement) {
  if (!connection.on_vitess()) return statement;
  for (const TableRights& table : kRights) {
    if (table.key == "account_id") continue;
    absl::StrReplaceAll({{absl::StrCat("DATABASE() AND table_name = '", table.name, "'"),
                          absl::StrCat("'catalog' AND table_name = '", table.name, "'")}},
                        &statement);
  }
  return statement;
}

absl::Status MakeBookkeeping(Connection& connection) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(
      "CREATE TABLE IF NOT EXISTS schema_migrations ("
      "version INT NOT NULL, name VARBINARY(64) NOT NULL, oldest_code INT NOT NULL, "
      "applied_time DATETIME(6) NOT NULL, PRIMARY KEY (version)) "
      "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"));
  return connection.Execute(
      "CREATE TABLE IF NOT EXISTS schema_lock (id TINYINT NOT NULL, holder_time DATETIME(6) NULL, "
      "PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
}

// Takes the row lock that lets one migration work at a time. It is held by an
// open transaction, and so ends with the session that holds it.
absl::Status TakeLock(Connection& connection, absl::Time now, const Progress& progress) {
  SqlText sql("INSERT INTO schema_lock (id,holder_time) VALUES ");
  sql.Row().Int(1).Time(now).EndRow();
  sql.Raw(" ON DUPLICATE KEY UPDATE holder_time = VALUES(holder_time)");
  for (int tries = 1;; ++tries) {
    RESERVE_RETURN_IF_ERROR(connection.Begin());
    const absl::Status locked = connection.Execute(sql.str());
    if (locked.ok()) return locked;
    connection.Rollback();
    if (locked.code() != absl::StatusCode::kAborted || tries == kLockTries) return locked;
    progress("waiting for another migration to end");
  }
}

// What a schema says of the migrations that were applied to it.
struct Applied {
  int version = 0;  // the greatest; 0 for none
  int oldest_code = 0;
  absl::Status is_ours;  // or the first of other migrations than ours, under numbers of ours
};

absl::StatusOr<Applied> ReadApplied(Connection& connection) {
  const std::vector<Migration>& ours = BuiltInMigrations();
  Applied applied;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT version,name,oldest_code FROM schema_migrations ORDER BY version",
      [&](const Row& row) {
        const int64_t version = row.Int(1);
        applied.version = static_cast<int>(version);
        applied.oldest_code = std::max(applied.oldest_code, static_cast<int>(row.Int(3)));
        if (version < 1 || version > static_cast<int64_t>(ours.size())) return;
        const std::string& name = ours[static_cast<size_t>(version - 1)].name;
        const std::string theirs = row.Text(2);
        if (theirs != name) applied.is_ours.Update(SchemaDiffers(theirs, name));
      }));
  return applied;
}

// Runs a statement that may change a table, again and again while others hold it.
absl::Status Change(Connection& connection, const std::string& statement,
                    const Progress& progress) {
  for (int tries = 1;; ++tries) {
    const Moment begin = MonotonicNow();
    const absl::Status changed = connection.Execute(statement);
    if (changed.code() != absl::StatusCode::kAborted || tries == kChangeTries) return changed;
    progress(absl::StrCat("waiting for a table that others are reading (", tries,
                          " tries so far); bookings go on meanwhile"));
    const bool waited = MonotonicNow() - begin >= absl::Seconds(kChangeWaitSeconds) / 2;
    absl::SleepFor(waited ? kPauseBetweenChanges : kShortPause);
  }
}

// What uses a table or column that may be new: Vitess hears of a change a moment after it was made,
// and refuses it until then.
absl::Status OnceKnown(Connection& connection, absl::FunctionRef<absl::Status()> use) {
  const Moment until = MonotonicNow() + kVitessLearnsWithin;
  while (true) {
    const absl::Status used = use();
    if (used.ok() || !connection.on_vitess() || !connection.alive() || MonotonicNow() >= until) {
      return used;
    }
    absl::SleepFor(kShortPause);
  }
}

absl::Status ChangeOnceKnown(Connection& connection, const std::string& statement,
                             const Progress& progress) {
  return OnceKnown(connection, [&] { return Change(connection, statement, progress); });
}

// A ledger that is started next finds all tables known.
absl::Status AwaitTables(Connection& connection) {
  if (!connection.on_vitess()) return absl::OkStatus();
  for (const TableRights& table : kRights) {
    RESERVE_RETURN_IF_ERROR(OnceKnown(connection, [&] {
      return connection.Query(absl::StrCat("SELECT ", table.key, " FROM ", table.name, " LIMIT 1"),
                              [](const Row&) {});
    }));
  }
  return absl::OkStatus();
}

absl::Status Apply(Connection& connection, const Migration& migration, absl::Time now,
                   const Progress& progress) {
  for (std::string& statement : Statements(migration.sql)) {
    RESERVE_RETURN_IF_ERROR(
        ChangeOnceKnown(connection, WhereItIs(connection, std::move(statement)), progress));
  }
  SqlText sql("INSERT INTO schema_migrations (version,name,oldest_code,applied_time) VALUES ");
  sql.Row()
      .Int(migration.version)
      .Text(migration.name)
      .Int(OldestCode(migration))
      .Time(now)
      .EndRow();
  // The table may be as new to Vitess as those of the first migration.
  return connection.on_vitess() ? ChangeOnceKnown(connection, sql.str(), progress)
                                : connection.Execute(sql.str());
}

// A table with a partition for each month.
struct PartitionedTable {
  absl::string_view name;
  int months_back;  // with partitions of their own, before the current one
  int months_ahead;
  // What is in months that ended so long ago is dropped; infinite: never.
  absl::Duration kept = absl::InfiniteDuration();
};

constexpr PartitionedTable kPartitionedTables[] = {
    {"entries", kMonthsBack, kMonthsAhead},
    // H4: ids of holds are remembered for 30 days. Each hold that is made is looked for in all of
    // them: there are as few as there can be.
    {"ended_holds", 1, 1, absl::Hours(24 * 31)},
    // Decks are held against usage of the last days.
    {"usage_by_prefix", 2, kMonthsAhead, absl::Hours(24 * kUsageKeptDays)},
};

// The bounds of a table's months, each the number of the month after it.
absl::StatusOr<std::vector<std::pair<std::string, int64_t>>> MonthsOf(Connection& connection,
                                                                      absl::string_view table) {
  std::vector<std::pair<std::string, int64_t>> months;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      WhereItIs(connection,
                absl::StrCat("SELECT partition_name, CAST(partition_description AS SIGNED) "
                             "FROM information_schema.partitions WHERE "
                             "table_schema = DATABASE() AND table_name = ",
                             Quoted(table),
                             " AND partition_description <> 'MAXVALUE' "
                             "ORDER BY partition_ordinal_position")),
      [&months](const Row& row) { months.emplace_back(row.Text(1), row.Int(2)); }));
  return months;
}

absl::Status MakePartitions(Connection& connection, const PartitionedTable& table, absl::Time now,
                            const Progress& progress) {
  const absl::CivilMonth current(absl::ToCivilMonth(now, absl::UTCTimeZone()));
  RESERVE_ASSIGN_OR_RETURN(const auto months, MonthsOf(connection, table.name));
  absl::CivilMonth first = current - table.months_back;
  std::vector<std::string> parts;
  if (months.empty()) {
    parts.push_back(absl::StrCat("PARTITION earlier VALUES LESS THAN (", Number(first), ")"));
  } else {
    const int64_t next = months.back().second;
    first = absl::CivilMonth(next / 100, static_cast<int>(next % 100));
  }
  for (absl::CivilMonth month = first; month <= current + table.months_ahead; ++month) {
    parts.push_back(
        absl::StrCat("PARTITION m", Number(month), " VALUES LESS THAN (", Number(month + 1), ")"));
  }
  if (parts.empty()) return absl::OkStatus();
  progress(absl::StrCat("making partitions of ", table.name, " up to ",
                        Number(current + table.months_ahead)));
  return Change(
      connection,
      absl::StrCat("ALTER TABLE ", table.name, " REORGANIZE PARTITION later INTO (",
                   absl::StrJoin(parts, ", "), ", PARTITION later VALUES LESS THAN MAXVALUE)"),
      progress);
}

absl::Status DropOldPartitions(Connection& connection, const PartitionedTable& table,
                               absl::Time now, const Progress& progress) {
  if (table.kept == absl::InfiniteDuration()) return absl::OkStatus();
  const int64_t first_kept =
      Number(absl::CivilMonth(absl::ToCivilMonth(now - table.kept, absl::UTCTimeZone())));
  RESERVE_ASSIGN_OR_RETURN(const auto months, MonthsOf(connection, table.name));
  std::vector<std::string> old;
  for (const auto& [name, bound] : months) {
    if (bound <= first_kept) old.push_back(name);
  }
  if (old.empty()) return absl::OkStatus();
  progress(absl::StrCat("dropping ", absl::StrJoin(old, ", "), " of ", table.name));
  return Change(
      connection,
      absl::StrCat("ALTER TABLE ", table.name, " DROP PARTITION ", absl::StrJoin(old, ", ")),
      progress);
}

// Those that only programs read which know no newer level.
absl::Status DropUnusedIndexes(Connection& connection, const Progress& progress) {
  RESERVE_ASSIGN_OR_RETURN(const int level,
                           ReadFeatureLevel(connection, domain::kNewestFeatureLevel));
  if (level < domain::kStartPartsLevel) return absl::OkStatus();
  bool is_empty = true;
  RESERVE_RETURN_IF_ERROR(connection.Query("SELECT seq FROM entries LIMIT 1",
                                           [&is_empty](const Row&) { is_empty = false; }));
  bool is_there = false;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND "
      "table_name = 'entries' AND index_name = 'by_start'",
      [&is_there](const Row& row) { is_there = row.Int(1) != 0; }));
  if (!is_there) return absl::OkStatus();
  progress("dropping by_start of entries, by which nobody reads any more");
  // A new table is made anew. Pages that were given back let a small file take a few rows more when
  // a disk is full, and MariaDB ends where it then finds no page to take them out again.
  return Change(connection,
                absl::StrCat("ALTER TABLE entries DROP KEY by_start", is_empty ? ", FORCE" : ""),
                progress);
}

absl::Status MigrateLocked(Connection& connection, absl::Time now, const Progress& progress) {
  RESERVE_ASSIGN_OR_RETURN(const Applied applied, ReadApplied(connection));
  RESERVE_RETURN_IF_ERROR(applied.is_ours);
  const std::vector<Migration>& migrations = BuiltInMigrations();
  for (const Migration& migration : migrations) {
    if (migration.version <= applied.version) continue;
    progress(absl::StrCat("applying ", migration.name));
    RESERVE_RETURN_IF_ERROR(Apply(connection, migration, now, progress));
  }
  RESERVE_RETURN_IF_ERROR(BeginAtNewestLevel(connection));
  for (const PartitionedTable& table : kPartitionedTables) {
    RESERVE_RETURN_IF_ERROR(MakePartitions(connection, table, now, progress));
    RESERVE_RETURN_IF_ERROR(DropOldPartitions(connection, table, now, progress));
  }
  RESERVE_RETURN_IF_ERROR(DropUnusedIndexes(connection, progress));
  RESERVE_RETURN_IF_ERROR(AwaitTables(connection));
  progress(absl::StrCat("the schema is at version ",
                        std::max(applied.version, migrations.back().version)));
  return absl::OkStatus();
}

}  // namespace

absl::Status Finish(const DatabaseOptions& options, bool silent_are_gone,
                    const Progress& progress) {
  RESERVE_ASSIGN_OR_RETURN(const auto connection, OpenToChange(options));
  RESERVE_RETURN_IF_ERROR(CheckSchema(*connection));
  RESERVE_RETURN_IF_ERROR(RaiseFeatureLevel(*connection, silent_are_gone, progress));
  return DropUnusedIndexes(*connection, progress);
}

absl::Status Migrate(const DatabaseOptions& options, absl::Time now, const Progress& progress) {
  DatabaseOptions patient = options;
  patient.io_timeout_seconds = kStatementTimeoutSeconds;
  RESERVE_ASSIGN_OR_RETURN(const auto lock, Connection::Open(patient));
  RESERVE_ASSIGN_OR_RETURN(const auto worker, OpenToChange(options));
  RESERVE_RETURN_IF_ERROR(MakeBookkeeping(*lock));
  RESERVE_RETURN_IF_ERROR(TakeLock(*lock, now, progress));
  const absl::Status migrated = MigrateLocked(*worker, now, progress);
  lock->Commit().IgnoreError();  // the lock is gone either way
  return migrated;
}

absl::StatusOr<std::unique_ptr<Connection>> OpenToChange(const DatabaseOptions& options) {
  DatabaseOptions patient = options;
  patient.io_timeout_seconds = kStatementTimeoutSeconds;
  RESERVE_ASSIGN_OR_RETURN(auto connection, Connection::Open(patient));
  RESERVE_RETURN_IF_ERROR(
      connection->Execute(absl::StrCat("SET SESSION lock_wait_timeout = ", kChangeWaitSeconds)));
  // A change is of all shards. Each may be made twice, so a half is no harm.
  if (connection->on_vitess()) {
    RESERVE_RETURN_IF_ERROR(connection->Execute("SET transaction_mode = 'multi'"));
  }
  return connection;
}

absl::Status TakeArchiveLock(Connection& connection, absl::Time now) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  SqlText sql("INSERT INTO schema_lock (id,holder_time) VALUES ");
  sql.Row().Int(kArchiveLock).Time(now).EndRow();
  sql.Raw(" ON DUPLICATE KEY UPDATE holder_time = VALUES(holder_time)");
  const absl::Status locked = connection.Execute(sql.str());
  if (locked.ok()) return locked;
  connection.Rollback();
  return absl::IsAborted(locked) ? ArchiveRunning() : locked;
}

absl::Status KeepArchiveLock(Connection& connection) {
  return connection.Execute(
      absl::StrCat("UPDATE schema_lock SET holder_time = holder_time WHERE id = ", kArchiveLock));
}

absl::Status AwaitWhoBooks(Connection& connection, int32_t month, const Progress& progress) {
  return Change(connection,
                absl::StrCat("ALTER TABLE archives COMMENT = 'sealed up to ", month, "'"),
                progress);
}

absl::StatusOr<std::vector<int32_t>> EntryMonths(Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const auto partitions, MonthsOf(connection, "entries"));
  std::vector<int32_t> months;
  for (const auto& [name, bound] : partitions) {
    const absl::CivilMonth next(bound / 100, static_cast<int>(bound % 100));
    months.push_back(Number(next - 1));
  }
  return months;
}

absl::Status DropEntryMonths(Connection& connection, int32_t upto, const Progress& progress) {
  RESERVE_ASSIGN_OR_RETURN(const auto partitions, MonthsOf(connection, "entries"));
  std::vector<std::string> old;
  for (const auto& [name, bound] : partitions) {
    if (bound <= Number(absl::CivilMonth(upto / 100, upto % 100) + 1)) old.push_back(name);
  }
  if (old.empty()) return absl::OkStatus();
  return Change(connection,
                absl::StrCat("ALTER TABLE entries DROP PARTITION ", absl::StrJoin(old, ", ")),
                progress);
}

absl::Status CheckSchema(Connection& connection) {
  const absl::StatusOr<Applied> applied = ReadApplied(connection);
  const int known = BuiltInMigrations().back().version;
  if (absl::IsUnavailable(applied.status()) || absl::IsAborted(applied.status()) ||
      ErrorClassOf(applied.status()) == ErrorClass::kRights) {
    return applied.status();
  }
  if (!applied.ok()) return SchemaTooOld(0, known);
  RESERVE_RETURN_IF_ERROR(applied->is_ours);
  if (applied->version < known) return SchemaTooOld(applied->version, known);
  if (applied->oldest_code > known) {
    return SchemaTooNew(
        absl::StatusCode::kFailedPrecondition, "database",
        absl::StrCat("the schema is at version ", applied->version,
                     ", and no longer works with this program, which knows ", known));
  }
  return absl::OkStatus();
}

std::vector<std::string> GrantsFor(const std::string& schema, const std::string& user) {
  std::vector<std::string> grants;
  for (const TableRights& table : kRights) {
    const absl::string_view rights = table.updated    ? "SELECT, INSERT, UPDATE"
                                     : table.inserted ? "SELECT, INSERT"
                                                      : "SELECT";
    grants.push_back(
        absl::StrCat("GRANT ", rights, " ON `", schema, "`.`", table.name, "` TO ", user));
  }
  return grants;
}

absl::Status GrantRights(const DatabaseOptions& options, const std::string& user,
                         const Progress& progress) {
  RESERVE_ASSIGN_OR_RETURN(const auto connection, Connection::Open(options));
  for (const std::string& grant : GrantsFor(options.schema, user)) {
    RESERVE_RETURN_IF_ERROR(connection->Execute(grant));
  }
  progress(absl::StrCat(user, " has the rights that the ledger needs"));
  return absl::OkStatus();
}

absl::Status AwaitDatabase(const DatabaseOptions& options, absl::Duration patience,
                           const Progress& progress) {
  const Moment begin = MonotonicNow();
  for (bool told = false;; told = true) {
    const absl::Status opened = Connection::Open(options).status();
    if (opened.ok() || MonotonicNow() - begin >= patience) return opened;
    if (!told) progress(absl::StrCat("waiting for the database: ", opened.message()));
    absl::SleepFor(kPauseBetweenConnects);
  }
}

absl::Status CheckRights(Connection& connection) {
  // Users and their rights are vtgate's and its tablets', which explain nothing of another schema.
  if (connection.on_vitess()) return absl::OkStatus();
  const auto ignore = [](const Row&) {};
  for (const TableRights& table : kRights) {
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat("EXPLAIN SELECT ", table.key, " FROM ", table.name, " WHERE 1 = 0"), ignore));
    if (!table.inserted) continue;
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat("EXPLAIN INSERT INTO ", table.name, " (", table.key, ") VALUES (1)"), ignore));
    if (!table.updated) continue;
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat("EXPLAIN UPDATE ", table.name, " SET ", table.key, " = 1 WHERE 1 = 0"),
        ignore));
  }
  return absl::OkStatus();
}

}  // namespace reserve::storage
