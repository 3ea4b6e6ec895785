#include "services/ledger/archive/archiver.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/archive/archive_files.h"
#include "services/ledger/archive/entry_line.h"
#include "services/ledger/archive/errors.h"
#include "services/ledger/audit/auditor.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/migrator.h"
#include "services/ledger/storage/number_key_rows.h"

namespace reserve::archive {
namespace {

using domain::Entry;
using storage::Archive;
using storage::ArchiveStage;
using storage::Connection;

constexpr int kEntriesAtOnce = 2000;
constexpr int kAccountsAtOnce = 200;
// A lane that writes the account at the same moment may be in the way: then once more.
constexpr int kTries = 5;
// A head ends so long before its months do: a month that an account's calendar has after them
// begins up to 14 hours before the one of UTC, and its statement is to be whole.
constexpr absl::Duration kHeadsEndBefore = absl::Hours(24);
constexpr absl::Duration kClocksMayDiffer = absl::Minutes(1);

absl::Time EndOfMonth(int32_t month) {
  const absl::CivilMonth next = absl::CivilMonth(month / 100, month % 100) + 1;
  return absl::FromCivil(absl::CivilSecond(next), absl::UTCTimeZone());
}

bool IsMonth(int32_t month) {
  return month >= 200001 && month <= 999812 && month % 100 >= 1 && month % 100 <= 12;
}

// The keys of the numbers of one account after the other.
class KeysOfAccounts {
 public:
  explicit KeysOfAccounts(Connection& connection) : connection_(connection) {}

  // Null: the entry needs none. A key that is missing was deleted since the entry was read.
  absl::StatusOr<const domain::NumberKey*> Find(const Entry& entry) {
    if (!book::NeedsNumberKey(entry)) return nullptr;
    if (account_id_ != entry.account_id) {
      account_id_ = entry.account_id;
      keys_.clear();
      RESERVE_ASSIGN_OR_RETURN(const std::vector<book::NumberKeyRecord> records,
                               storage::ListNumberKeys(connection_, account_id_));
      for (const book::NumberKeyRecord& record : records) {
        keys_[{record.user_id, record.year}] = record.key;
      }
    }
    const domain::Usage& usage = entry.booked->usage;
    const auto key = keys_.find({usage.user_id, book::YearOfNumberKey(usage.start_time)});
    if (key != keys_.end()) return &key->second;
    return AccountNotArchived(account_id_, absl::StrCat("entry ", entry.seq,
                                                        " lacks the key of "
                                                        "its number, or it was just forgotten"));
  }

 private:
  Connection& connection_;
  std::string account_id_;
  std::map<std::pair<std::string, int32_t>, domain::NumberKey> keys_;
};

class Archiving {
 public:
  explicit Archiving(const ArchiveOptions& options) : options_(options), month_(options.month) {}

  absl::Status Run() {
    RESERVE_RETURN_IF_ERROR(Connect());
    if (month_ == 0) RESERVE_RETURN_IF_ERROR(PickMonth());
    if (month_ == 0) return Tell("no month is old enough, and the end of a partition");
    end_ = EndOfMonth(month_);
    RESERVE_ASSIGN_OR_RETURN(const bool is_done, FindPlace());
    if (is_done) return Tell(absl::StrCat(MonthText(month_), " is archived"));
    if (options_.dry_run) return TellWhatWouldBe();
    if (!is_sealed_) RESERVE_RETURN_IF_ERROR(Seal());
    if (archive_.stage == ArchiveStage::kSealed) RESERVE_RETURN_IF_ERROR(WriteFiles());
    RESERVE_RETURN_IF_ERROR(CheckFiles());
    RESERVE_RETURN_IF_ERROR(MoveHeads());
    return Drop();
  }

 private:
  absl::Status Tell(const std::string& step) {
    options_.progress(step);
    return absl::OkStatus();
  }

  absl::Status Connect() {
    if (month_ != 0 && !IsMonth(month_))
      return InvalidField("month", "must be a month, like 2025-09");
    if (options_.directory.empty()) return InvalidField("to", "must be the files' folder");
    RESERVE_ASSIGN_OR_RETURN(connection_, Connection::Open(options_.database));
    if (connection_->on_vitess()) return ArchiveOnVitess();
    RESERVE_RETURN_IF_ERROR(storage::CheckSchema(*connection_));
    RESERVE_ASSIGN_OR_RETURN(const int level,
                             storage::ReadFeatureLevel(*connection_, domain::kNewestFeatureLevel));
    if (level < domain::kArchivesLevel) {
      return domain::FeatureLevelTooLow(level, domain::kArchivesLevel);
    }
    RESERVE_RETURN_IF_ERROR(ReadClocks());
    RESERVE_ASSIGN_OR_RETURN(changer_, storage::OpenToChange(options_.database));
    RESERVE_ASSIGN_OR_RETURN(lock_, storage::OpenToChange(options_.database));
    return storage::TakeArchiveLock(*lock_, now_);
  }

  // A clock that is a year ahead would have this month archived, of which all ledgers would refuse
  // usage from then on. Neither the database's nor our own is trusted alone.
  absl::Status ReadClocks() {
    if (options_.now.has_value()) {
      now_ = *options_.now;
      return absl::OkStatus();
    }
    RESERVE_ASSIGN_OR_RETURN(const absl::Time database, storage::DatabaseTime(*connection_));
    const absl::Time own = absl::Now();
    if (absl::AbsDuration(own - database) > kClocksMayDiffer) return ClocksDiffer(own, database);
    now_ = std::min(own, database);
    return absl::OkStatus();
  }

  // The one whose archive is begun, or the newest that is old enough; else none.
  absl::Status PickMonth() {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<Archive> archives,
                             storage::ListArchives(*connection_));
    for (const Archive& archive : archives) {
      month_ = archive.month;
      if (archive.stage != ArchiveStage::kDropped) return absl::OkStatus();
    }
    RESERVE_ASSIGN_OR_RETURN(const std::vector<int32_t> months, storage::EntryMonths(*connection_));
    for (const int32_t month : months) {
      if (now_ >= LastOf(EndOfMonth(month))) month_ = std::max(month_, month);
    }
    return absl::OkStatus();
  }

  // Until when usage of months that end then may come.
  absl::Time LastOf(absl::Time end) const {
    return end + std::max(options_.max_usage_age, storage::kNeverArchivedFor);
  }

  // Where it stands: true if there is nothing to do.
  absl::StatusOr<bool> FindPlace() {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<Archive> archives,
                             storage::ListArchives(*connection_));
    for (const Archive& archive : archives) {
      if (archive.month == month_) {
        archive_ = archive;
        is_sealed_ = true;
        break;
      }
      if (archive.stage != ArchiveStage::kDropped) {
        return MonthOutOfTurn(
            absl::StrCat("comes after ", MonthText(archive.month), ", whose archive is not done"));
      }
      after_ = archive.month;
    }
    if (is_sealed_) return archive_.stage == ArchiveStage::kDropped;
    if (after_ > month_) return true;
    archive_.month = month_;
    RESERVE_RETURN_IF_ERROR(CheckAge());
    RESERVE_ASSIGN_OR_RETURN(const std::vector<int32_t> months, storage::EntryMonths(*connection_));
    if (std::find(months.begin(), months.end(), month_) == months.end()) {
      return MonthOutOfTurn(
          absl::StrCat("is no month at whose end the table of entries can be cut, which are: ",
                       absl::StrJoin(months, ", ", [](std::string* out, int32_t month) {
                         absl::StrAppend(out, MonthText(month));
                       })));
    }
    return false;
  }

  absl::Status CheckAge() const {
    const absl::Time last = LastOf(end_);
    if (now_ >= last) return absl::OkStatus();
    return MonthTooYoung(absl::StrCat("may still get usage until ", FormatRfc3339(last),
                                      " (--max_usage_age, and 40 days at least)"));
  }

  absl::Status CheckNothingIsOpen() {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<std::string> open,
                             storage::WhatIsOpen(*connection_, end_));
    return open.empty() ? absl::OkStatus() : MonthStillOpen(open);
  }

  absl::Status TellWhatWouldBe() {
    RESERVE_ASSIGN_OR_RETURN(const int64_t entries,
                             storage::CountEntriesOfMonths(*connection_, after_, month_));
    RESERVE_RETURN_IF_ERROR(
        Tell(absl::StrCat("would archive ", entries, " entries, of ", Months())));
    if (is_sealed_) return absl::OkStatus();
    RESERVE_RETURN_IF_ERROR(CheckNothingIsOpen());
    return CheckNoFileIsThere();
  }

  // Another schema whose archives are in this folder, a copy of this one say, may have nothing else
  // of its months. What an earlier try of ours left has a seal.
  absl::Status CheckNoFileIsThere() const {
    for (const std::string& path :
         {EntriesPath(options_.directory, month_), NumbersPath(options_.directory, month_)}) {
      RESERVE_RETURN_IF_ERROR(CheckIsNotThere(path));
    }
    return absl::OkStatus();
  }

  std::string Months() const {
    return after_ == 0
               ? absl::StrCat("the months up to ", MonthText(month_))
               : absl::StrCat("the months after ", MonthText(after_), " up to ", MonthText(month_));
  }

  // From here on nothing is booked into the months, by anybody.
  absl::Status Seal() {
    RESERVE_RETURN_IF_ERROR(CheckNothingIsOpen());
    RESERVE_RETURN_IF_ERROR(CheckNoFileIsThere());
    RESERVE_RETURN_IF_ERROR(storage::SealMonth(*connection_, month_, now_));
    RESERVE_RETURN_IF_ERROR(Tell(absl::StrCat("sealed ", Months())));
    return absl::OkStatus();
  }

  // Who began a transaction before the seal was there may still write; and what came just before it
  // may have left something open.
  absl::Status AwaitSeal() {
    RESERVE_RETURN_IF_ERROR(storage::AwaitWhoBooks(*changer_, month_, options_.progress));
    const absl::Status open = CheckNothingIsOpen();
    if (open.ok()) return open;
    RESERVE_RETURN_IF_ERROR(storage::UnsealMonth(*connection_, month_));
    return open;
  }

  absl::Status WriteFiles() {
    RESERVE_RETURN_IF_ERROR(AwaitSeal());
    FileWriter entries(EntriesPath(options_.directory, month_));
    FileWriter numbers(NumbersPath(options_.directory, month_));
    RESERVE_RETURN_IF_ERROR(entries.Open(ColumnsOfEntries()));
    RESERVE_RETURN_IF_ERROR(numbers.Open(ColumnsOfNumbers()));
    RESERVE_RETURN_IF_ERROR(Tell("writing the files"));
    RESERVE_RETURN_IF_ERROR(WriteEntries(&entries, &numbers));
    RESERVE_ASSIGN_OR_RETURN(archive_.entries, entries.Finish());
    RESERVE_ASSIGN_OR_RETURN(archive_.numbers, numbers.Finish());
    RESERVE_RETURN_IF_ERROR(SyncDirectory(options_.directory));
    RESERVE_RETURN_IF_ERROR(CheckFiles());
    RESERVE_RETURN_IF_ERROR(storage::NoteArchiveWritten(*connection_, archive_, now_));
    archive_.stage = ArchiveStage::kWritten;
    return Tell(absl::StrCat("wrote ", archive_.entries.lines, " entries and ",
                             archive_.numbers.lines, " numbers, SHA-256 ", archive_.entries.sha256,
                             " and ", archive_.numbers.sha256));
  }

  absl::Status WriteEntries(FileWriter* entries, FileWriter* numbers) {
    KeysOfAccounts keys(*connection_);
    std::string account_id;
    storage::KeptEntry line;
    while (true) {
      RESERVE_ASSIGN_OR_RETURN(
          std::vector<Entry> page,
          storage::ListEntriesOfMonths(*connection_, after_, month_, account_id, line.entry.seq,
                                       kEntriesAtOnce));
      for (Entry& entry : page) {
        RESERVE_ASSIGN_OR_RETURN(line.previous, PreviousOf(entry, line.entry));
        line.entry = std::move(entry);
        account_id = line.entry.account_id;
        RESERVE_ASSIGN_OR_RETURN(const domain::NumberKey* key, keys.Find(line.entry));
        RESERVE_RETURN_IF_ERROR(entries->Add(LineOf(line, key)));
        if (!HasNumber(line.entry)) continue;
        RESERVE_RETURN_IF_ERROR(numbers->Add(NumberLineOf(line.entry, key)));
      }
      if (page.size() < kEntriesAtOnce) return absl::OkStatus();
    }
  }

  static bool HasNumber(const Entry& entry) {
    return entry.booked.has_value() && !entry.booked->usage.destination.empty() &&
           !domain::IsErasedNumber(entry.booked->usage.destination);
  }

  // The hash of the entry before; `last`: the one of the line before.
  absl::StatusOr<domain::EntryHash> PreviousOf(const Entry& entry, const Entry& last) {
    if (entry.account_id == last.account_id && entry.seq == last.seq + 1) return last.hash;
    if (entry.seq == 1) return domain::EntryHash{};
    RESERVE_ASSIGN_OR_RETURN(const std::optional<domain::EntryHash> hash,
                             storage::FindEntryHash(*connection_, entry.account_id, entry.seq - 1));
    if (hash.has_value()) return *hash;
    return AccountNotArchived(entry.account_id, absl::StrCat("there is no entry ", entry.seq - 1));
  }

  absl::Status CheckFiles() const {
    RESERVE_RETURN_IF_ERROR(CheckFile(EntriesPath(options_.directory, month_), archive_.entries));
    return CheckFile(NumbersPath(options_.directory, month_), archive_.numbers);
  }

  absl::Status MoveHeads() {
    std::string after;
    int64_t moved = 0;
    RESERVE_RETURN_IF_ERROR(Tell("moving the accounts' heads"));
    while (true) {
      RESERVE_ASSIGN_OR_RETURN(
          const std::vector<std::string> accounts,
          storage::AccountsOfMonths(*connection_, after_, month_, after, kAccountsAtOnce));
      for (const std::string& account_id : accounts) {
        RESERVE_RETURN_IF_ERROR(MoveHead(account_id));
      }
      moved += static_cast<int64_t>(accounts.size());
      if (!accounts.empty()) {
        after = accounts.back();
        RESERVE_RETURN_IF_ERROR(Tell(absl::StrCat("moved the heads of ", moved, " accounts")));
      }
      if (accounts.size() < kAccountsAtOnce) return absl::OkStatus();
    }
  }

  absl::Status MoveHead(const std::string& account_id) {
    RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::ArchivedHead> before,
                             storage::FindArchivedHead(*connection_, account_id));
    if (before.has_value() && before->month >= month_) return absl::OkStatus();
    absl::Status moved;
    for (int i = 0; i < kTries; ++i) {
      moved = TryToMove(account_id, before.has_value() ? before->seq : 0);
      if (!absl::IsAborted(moved)) break;
    }
    return moved;
  }

  absl::Status TryToMove(const std::string& account_id, int64_t from) {
    storage::HeadMove move;
    move.after_month = after_;
    move.head.account_id = account_id;
    move.head.month = month_;
    move.head.border = end_ - kHeadsEndBefore;
    RESERVE_ASSIGN_OR_RETURN(move.head.seq, storage::FindHeadSeq(*connection_, account_id, from,
                                                                 month_, move.head.border));
    audit::Findings findings;
    RESERVE_RETURN_IF_ERROR(audit::VerifyForHead(*connection_, &move, &findings));
    if (findings.difference_count > 0) {
      const audit::Difference& first = findings.differences.front();
      return AccountNotArchived(account_id,
                                absl::StrCat(first.check, " ", first.subject, ": ", first.stored,
                                             " instead of ", first.computed));
    }
    RESERVE_RETURN_IF_ERROR(connection_->Begin());
    absl::Status status = storage::MoveHead(*connection_, move);
    if (status.ok()) return connection_->Commit();
    connection_->Rollback();
    return status;
  }

  absl::Status Drop() {
    // Whoever lost the lock must not go on: another may have begun.
    RESERVE_RETURN_IF_ERROR(storage::KeepArchiveLock(*lock_));
    RESERVE_RETURN_IF_ERROR(CheckFiles());
    RESERVE_ASSIGN_OR_RETURN(const std::vector<int32_t> months, storage::EntryMonths(*connection_));
    const bool is_there = std::find(months.begin(), months.end(), month_) != months.end();
    if (is_there) {
      RESERVE_ASSIGN_OR_RETURN(const int64_t entries,
                               storage::CountEntriesOfMonths(*connection_, /*after=*/0, month_));
      if (entries != archive_.entries.lines) {
        return ArchiveDamaged(absl::StrCat(
            "the table has ", entries, " entries of the months up to ", MonthText(month_),
            ", the file ", archive_.entries.lines, "; nothing was dropped"));
      }
      RESERVE_RETURN_IF_ERROR(Tell("dropping the months from the table of entries"));
      RESERVE_RETURN_IF_ERROR(storage::DropEntryMonths(*changer_, month_, options_.progress));
    }
    RESERVE_RETURN_IF_ERROR(storage::NoteArchiveDropped(*connection_, month_, now_));
    return Tell(absl::StrCat("archived ", archive_.entries.lines, " entries, of ", Months()));
  }

  const ArchiveOptions& options_;
  absl::Time now_;
  int32_t month_;   // the last that is archived
  absl::Time end_;  // of it
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Connection> changer_;
  std::unique_ptr<Connection> lock_;
  int32_t after_ = 0;  // the archive before; 0: there is none
  bool is_sealed_ = false;
  Archive archive_;
};

}  // namespace

absl::Status ArchiveMonths(const ArchiveOptions& options) { return Archiving(options).Run(); }

}  // namespace reserve::archive
