// Checks the files of archives: against what was recorded of them, against themselves, and against
// what the database still has of the same entries.
#ifndef RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVE_CHECK_H_
#define RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVE_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/ledger/storage/connection.h"

namespace reserve::archive {

struct ArchiveCheck {
  // Differences beyond these are counted only.
  static constexpr size_t kMostDifferences = 100;

  int64_t archives = 0;
  int64_t entries = 0;
  int64_t numbers = 0;
  int64_t readable_numbers = 0;  // their key was not deleted
  int64_t accounts = 0;
  int64_t difference_count = 0;
  std::vector<std::string> differences;  // a line each

  void Add(std::string difference);
};

// Of the archive of `month`; 0: of all, and whether together they have every entry up to each
// account's head. Each entry's hash is computed anew. A difference is no error, and a file that is
// missing or not as recorded is a difference. `progress` hears of each archive.
absl::StatusOr<ArchiveCheck> CheckArchives(storage::Connection& connection,
                                           const std::string& directory, int32_t month,
                                           const std::function<void(const std::string&)>& progress);

}  // namespace reserve::archive

#endif  // RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVE_CHECK_H_
