#include "services/ledger/archive/archive_check.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/archive/archive_files.h"
#include "services/ledger/archive/entry_line.h"
#include "services/ledger/archive/errors.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/number_key_rows.h"

namespace reserve::archive {
namespace {

using domain::Entry;
using storage::Archive;
using storage::KeptEntry;

constexpr int kKeptAtOnce = 500;

// One account of a file, as it is gone through.
struct AccountInFile {
  std::string account_id;
  std::optional<storage::ArchivedHead> head;
  std::map<int64_t, domain::EntryHash> kept;  // what the database still has of it
  std::map<std::pair<std::string, int32_t>, domain::NumberKey> keys;
};

class Checking {
 public:
  Checking(storage::Connection& connection, const std::string& directory, ArchiveCheck* check)
      : connection_(connection), directory_(directory), check_(*check) {}

  absl::Status Check(const Archive& archive) {
    ++check_.archives;
    const std::string path = EntriesPath(directory_, archive.month);
    const std::string numbers_path = NumbersPath(directory_, archive.month);
    const bool is_whole = Note(CheckFile(path, archive.entries));
    const bool has_numbers = Note(CheckFile(numbers_path, archive.numbers));
    FileReader entries(path);
    if (!Note(entries.Open(ColumnsOfEntries()))) return absl::OkStatus();
    FileReader numbers(numbers_path);
    numbers_ = has_numbers && Note(numbers.Open(ColumnsOfNumbers())) ? &numbers : nullptr;
    number_.reset();
    where_ = path;
    last_.reset();
    RESERVE_RETURN_IF_ERROR(CheckLines(&entries, archive.month));
    if (is_whole && lines_ != archive.entries.lines) {
      Differs(absl::StrCat("has ", lines_, " lines, recorded are ", archive.entries.lines));
    }
    return absl::OkStatus();
  }

  // Once all archives were: seqs have no gaps, so an account's entries up to its head are as many.
  absl::Status CheckWhole() {
    check_.accounts = static_cast<int64_t>(up_to_head_.size());
    for (const auto& [account_id, count] : up_to_head_) {
      RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::ArchivedHead> head,
                               storage::FindArchivedHead(connection_, account_id));
      const int64_t wanted = head.has_value() ? head->seq : 0;
      if (count == wanted) continue;
      check_.Add(absl::StrCat("account ", account_id, ": the archives have ", count,
                              " entries up to its head, which is entry ", wanted));
    }
    return absl::OkStatus();
  }

 private:
  void Differs(absl::string_view what) { check_.Add(absl::StrCat(where_, ": ", what)); }
  bool Note(const absl::Status& status) {
    if (!status.ok()) check_.Add(std::string(status.message()));
    return status.ok();
  }

  absl::Status CheckLines(FileReader* entries, int32_t month) {
    lines_ = 0;
    for (std::string line; entries->Next(&line);) {
      ++lines_;
      ++check_.entries;
      std::optional<KeptEntry> kept = EntryFrom(line);
      if (!kept.has_value()) {
        Differs(absl::StrCat("line ", lines_ + 1, " is no entry"));
        continue;
      }
      if (account_.account_id != kept->entry.account_id) {
        RESERVE_RETURN_IF_ERROR(ReadAccount(kept->entry.account_id, month));
      }
      TakeNumber(&kept->entry);
      CheckEntry(*kept);
      last_ = *std::move(kept);
    }
    return absl::OkStatus();
  }

  absl::Status ReadAccount(const std::string& account_id, int32_t month) {
    account_ = {};
    account_.account_id = account_id;
    RESERVE_ASSIGN_OR_RETURN(account_.head, storage::FindArchivedHead(connection_, account_id));
    if (!account_.head.has_value() || account_.head->month < month) account_.head.reset();
    std::vector<KeptEntry> page;
    for (int64_t after = 0; account_.head.has_value(); after = page.back().entry.seq) {
      RESERVE_ASSIGN_OR_RETURN(page, storage::ListKeptUpTo(connection_, account_id, after,
                                                           storage::kNewest, kKeptAtOnce));
      for (const KeptEntry& kept : page) account_.kept[kept.entry.seq] = kept.entry.hash;
      if (page.size() < kKeptAtOnce) break;
    }
    RESERVE_ASSIGN_OR_RETURN(const std::vector<book::NumberKeyRecord> keys,
                             storage::ListNumberKeys(connection_, account_id));
    for (const book::NumberKeyRecord& key : keys) account_.keys[{key.user_id, key.year}] = key.key;
    return absl::OkStatus();
  }

  // Puts the number of the file of numbers into an entry of the first form, whose hash is made of
  // it; that of another must be the one whose digest the entry has.
  void TakeNumber(Entry* entry) {
    if (numbers_ == nullptr || !entry->booked.has_value()) return;
    if (!number_.has_value()) {
      std::string line;
      if (!numbers_->Next(&line)) return;
      number_ = NumberFrom(line);
      if (!number_.has_value()) return Differs("a line of its numbers is none");
    }
    if (number_->account_id != entry->account_id || number_->seq != entry->seq) return;
    const NumberLine line = *std::exchange(number_, std::nullopt);
    ++check_.numbers;
    std::string& destination = entry->booked->usage.destination;
    if (line.sealed.empty()) {
      ++check_.readable_numbers;
      destination = line.plain;
      return;
    }
    const auto key = account_.keys.find({line.user_id, line.year});
    if (key == account_.keys.end()) return;  // forgotten
    const std::optional<std::string> number = NumberOf(line, key->second);
    if (!number.has_value()) return;  // the user came back since, and has another key
    ++check_.readable_numbers;
    if (book::ErasedNumber(key->second, *number) == destination) return;
    Differs(absl::StrCat("entry ", entry->seq, " of account ", entry->account_id,
                         " has another number than its digest says"));
  }

  void CheckEntry(const KeptEntry& kept) {
    const Entry& entry = kept.entry;
    const auto differs = [&](absl::string_view what) {
      Differs(absl::StrCat("entry ", entry.seq, " of account ", entry.account_id, " ", what));
    };
    if (book::ChainedHash(kept.previous, entry, nullptr) != entry.hash) {
      differs("has not the hash of what it says");
    }
    const bool follows = last_.has_value() && last_->entry.account_id == entry.account_id;
    if (follows && last_->entry.seq >= entry.seq) differs("is out of order");
    if (follows && last_->entry.seq + 1 == entry.seq) {
      const bool adds_up = last_->entry.balance_after + entry.amount == entry.balance_after;
      if (last_->entry.hash != kept.previous) differs("does not follow the one before");
      if (!adds_up) differs("does not add up with the balance before");
    }
    const auto stored = account_.kept.find(entry.seq);
    if (stored != account_.kept.end() && stored->second != entry.hash) {
      differs("is another in the database");
    }
    if (!account_.head.has_value() || entry.seq > account_.head->seq) return;
    ++up_to_head_[entry.account_id];
    if (entry.seq < account_.head->seq) return;
    if (entry.hash != account_.head->hash || entry.balance_after != account_.head->balance) {
      differs("is not the account's head in the database");
    }
  }

  storage::Connection& connection_;
  const std::string& directory_;
  ArchiveCheck& check_;
  std::string where_;
  int64_t lines_ = 0;  // of the file
  FileReader* numbers_ = nullptr;
  std::optional<NumberLine> number_;  // the next
  AccountInFile account_;
  std::optional<KeptEntry> last_;
  absl::flat_hash_map<std::string, int64_t> up_to_head_;
};

}  // namespace

void ArchiveCheck::Add(std::string difference) {
  ++difference_count;
  if (differences.size() < kMostDifferences) differences.push_back(std::move(difference));
}

absl::StatusOr<ArchiveCheck> CheckArchives(
    storage::Connection& connection, const std::string& directory, int32_t month,
    const std::function<void(const std::string&)>& progress) {
  ArchiveCheck check;
  Checking checking(connection, directory, &check);
  RESERVE_ASSIGN_OR_RETURN(const std::vector<Archive> archives, storage::ListArchives(connection));
  bool all_done = true;
  for (const Archive& archive : archives) {
    all_done &= archive.stage == storage::ArchiveStage::kDropped;
    if (archive.stage == storage::ArchiveStage::kSealed) continue;
    if (month != 0 && archive.month != month) continue;
    RESERVE_RETURN_IF_ERROR(checking.Check(archive));
    progress(absl::StrCat(MonthText(archive.month), ": ", archive.entries.lines, " entries, ",
                          archive.numbers.lines, " numbers; SHA-256 ", archive.entries.sha256, ", ",
                          archive.numbers.sha256));
  }
  // In the middle of one, some heads have moved and others have not.
  if (month == 0 && all_done) RESERVE_RETURN_IF_ERROR(checking.CheckWhole());
  return check;
}

}  // namespace reserve::archive
