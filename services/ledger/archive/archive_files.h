// The files of an archive: "reserve-2025-09.entries" with a line for each entry of its months, by
// account and seq, and "reserve-2025-09.numbers" with one for each telephone number. The first line
// of each says what it is and names the columns.
//
// A file has its name only once it is complete and on the disk.
#ifndef RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVE_FILES_H_
#define RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVE_FILES_H_

#include <cstdint>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/digest/sha256.h"
#include "services/ledger/storage/archive_rows.h"

namespace reserve::archive {

// "2025-09" of 202509.
std::string MonthText(int32_t month);
std::string EntriesPath(const std::string& directory, int32_t month);
std::string NumbersPath(const std::string& directory, int32_t month);

// Writes one file. Of one thread.
class FileWriter {
 public:
  explicit FileWriter(std::string path);
  ~FileWriter();  // a file that was not finished goes
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // Over one that was begun before.
  absl::Status Open(absl::string_view columns);
  absl::Status Add(absl::string_view line);
  // Puts it onto the disk, and gives it its name.
  absl::StatusOr<storage::ArchivedFile> Finish();

 private:
  absl::Status Write(absl::string_view text);
  absl::Status Flush();

  const std::string path_;
  const std::string begun_;  // the name that it has until then
  int file_ = -1;
  std::string buffer_;
  Sha256Stream digest_;
  storage::ArchivedFile written_;
};

// UNAVAILABLE "ARCHIVE_FILE" if there is a file of that name, or that can't be found out.
absl::Status CheckIsNotThere(const std::string& path);

// Puts what is in the directory onto the disk: the names of its files.
absl::Status SyncDirectory(const std::string& directory);

// DATA_LOSS "ARCHIVE_DAMAGED" if the file is not what was recorded; UNAVAILABLE "ARCHIVE_FILE" if
// it can't be read.
absl::Status CheckFile(const std::string& path, const storage::ArchivedFile& recorded);

// Reads the lines of a file after its first. Of one thread.
class FileReader {
 public:
  explicit FileReader(std::string path) : path_(std::move(path)) {}
  // UNAVAILABLE "ARCHIVE_FILE", or DATA_LOSS "ARCHIVE_DAMAGED" if it has other columns.
  absl::Status Open(absl::string_view columns);
  // False at the end.
  bool Next(std::string* line) { return static_cast<bool>(std::getline(in_, *line)); }

 private:
  const std::string path_;
  std::ifstream in_;
};

}  // namespace reserve::archive

#endif  // RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVE_FILES_H_
