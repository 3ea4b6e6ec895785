#include "services/ledger/cli/archive.h"

#include <cstdint>
#include <iostream>
#include <string>
#include <utility>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "services/ledger/archive/archive_check.h"
#include "services/ledger/archive/archiver.h"
#include "services/ledger/cli/errors.h"
#include "services/ledger/serve/database_flags.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/migrator.h"

ABSL_DECLARE_FLAG(std::string, month);
ABSL_DECLARE_FLAG(bool, dry_run);
ABSL_FLAG(std::string, archive_dir, "",
          "archive, verify-archive: the folder of the archives' files.");
ABSL_FLAG(absl::Duration, archive_after, absl::Hours(24 * 400),
          "archive: how long a month must be over; not less than the ledgers' --max_usage_age.");

namespace reserve::cli {
namespace {

// 202509 of "2025-09"; 0 of what is none.
int32_t MonthFrom(const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('-', 1));
  int32_t year = 0;
  int32_t month = 0;
  const bool is_month = text.size() == 7 && absl::SimpleAtoi(parts.first, &year) &&
                        absl::SimpleAtoi(parts.second, &month) && year >= 2000 && year <= 9998 &&
                        month >= 1 && month <= 12;
  return is_month ? year * 100 + month : 0;
}

// 0 without one.
absl::StatusOr<int32_t> MonthFromFlag() {
  const std::string text = absl::GetFlag(FLAGS_month);
  if (text.empty()) return 0;
  const int32_t month = MonthFrom(text);
  if (month == 0) return InvalidField("--month", "must be a month, like 2025-09");
  return month;
}

absl::StatusOr<std::string> DirectoryFromFlag() {
  std::string directory = absl::GetFlag(FLAGS_archive_dir);
  if (directory.empty()) return InvalidField("--archive_dir", "is needed: the files' folder");
  return directory;
}

}  // namespace

absl::Status RunArchive() {
  archive::ArchiveOptions options;
  RESERVE_ASSIGN_OR_RETURN(options.month, MonthFromFlag());
  RESERVE_ASSIGN_OR_RETURN(options.directory, DirectoryFromFlag());
  options.max_usage_age = absl::GetFlag(FLAGS_archive_after);
  if (options.max_usage_age < absl::ZeroDuration() ||
      options.max_usage_age == absl::InfiniteDuration()) {
    return InvalidField("--archive_after", "must be a time, like 9600h");
  }
  RESERVE_ASSIGN_OR_RETURN(options.database, serve::DatabaseFromFlags());
  options.dry_run = absl::GetFlag(FLAGS_dry_run);
  options.progress = [](const std::string& step) { std::cout << "archive: " << step << std::endl; };
  const storage::SqlThread sql_thread;
  return archive::ArchiveMonths(options);
}

absl::Status RunVerifyArchive() {
  RESERVE_ASSIGN_OR_RETURN(const int32_t month, MonthFromFlag());
  RESERVE_ASSIGN_OR_RETURN(const std::string directory, DirectoryFromFlag());
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, serve::DatabaseFromFlags());
  const storage::SqlThread sql_thread;
  RESERVE_ASSIGN_OR_RETURN(const auto connection, storage::Connection::Open(database));
  RESERVE_RETURN_IF_ERROR(storage::CheckSchema(*connection));
  RESERVE_ASSIGN_OR_RETURN(
      const archive::ArchiveCheck check,
      archive::CheckArchives(*connection, directory, month, [](const std::string& step) {
        std::cout << "verify-archive: " << step << std::endl;
      }));
  for (const std::string& difference : check.differences) {
    std::cout << "DIFFERENCE  " << difference << "\n";
  }
  std::cout << "verify-archive: " << check.archives << " archives, " << check.entries
            << " entries, " << check.numbers << " numbers of which " << check.readable_numbers
            << " can be read, " << check.difference_count << " differences" << std::endl;
  if (check.difference_count == 0) return absl::OkStatus();
  return DifferencesFound(check.difference_count);
}

}  // namespace reserve::cli
