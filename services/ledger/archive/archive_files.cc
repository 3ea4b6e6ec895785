#include "services/ledger/archive/archive_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/error/error.h"
#include "services/ledger/archive/errors.h"

namespace reserve::archive {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
// Only who archives reads them: what is in them is of customers.
constexpr mode_t kMode = 0600;

std::string PathOf(const std::string& directory, int32_t month, absl::string_view what) {
  return absl::StrCat(directory, "/reserve-", MonthText(month), ".", what);
}

}  // namespace

std::string MonthText(int32_t month) {
  return absl::StrFormat("%04d-%02d", month / 100, month % 100);
}

std::string EntriesPath(const std::string& directory, int32_t month) {
  return PathOf(directory, month, "entries");
}
std::string NumbersPath(const std::string& directory, int32_t month) {
  return PathOf(directory, month, "numbers");
}

FileWriter::FileWriter(std::string path)
    : path_(std::move(path)), begun_(absl::StrCat(path_, ".begun")) {}

FileWriter::~FileWriter() {
  if (file_ < 0) return;
  close(file_);
  unlink(begun_.c_str());
}

absl::Status FileWriter::Open(absl::string_view columns) {
  file_ = open(begun_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (file_ < 0) return FileTrouble(begun_, "written", errno);
  return Write(absl::StrCat(columns, "\n"));
}

absl::Status FileWriter::Add(absl::string_view line) {
  ++written_.lines;
  return Write(absl::StrCat(line, "\n"));
}

absl::Status FileWriter::Write(absl::string_view text) {
  digest_.Add(text);
  written_.bytes += static_cast<int64_t>(text.size());
  buffer_.append(text.data(), text.size());
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status FileWriter::Flush() {
  absl::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t count = write(file_, left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileTrouble(begun_, "written", errno);
    left.remove_prefix(static_cast<size_t>(count));
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::StatusOr<storage::ArchivedFile> FileWriter::Finish() {
  RESERVE_RETURN_IF_ERROR(Flush());
  if (fsync(file_) != 0) return FileTrouble(begun_, "written", errno);
  if (close(std::exchange(file_, -1)) != 0) return FileTrouble(begun_, "written", errno);
  if (std::rename(begun_.c_str(), path_.c_str()) != 0) {
    return FileTrouble(path_, "written", errno);
  }
  written_.sha256 = std::move(digest_).Hex();
  return written_;
}

absl::Status CheckIsNotThere(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) {
    return FileTrouble(path,
                       "written (it may be all that is left of another schema's months; if it is "
                       "not, move it away)",
                       EEXIST);
  }
  return errno == ENOENT ? absl::OkStatus() : FileTrouble(path, "written", errno);
}

absl::Status SyncDirectory(const std::string& directory) {
  const int opened = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return FileTrouble(directory, "written", errno);
  const int synced = fsync(opened);
  const int error = errno;
  close(opened);
  return synced == 0 ? absl::OkStatus() : FileTrouble(directory, "written", error);
}

absl::Status CheckFile(const std::string& path, const storage::ArchivedFile& recorded) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return FileTrouble(path, "read", errno);
  Sha256Stream digest;
  int64_t bytes = 0;
  std::string piece(kBufferBytes, '\0');
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto count = static_cast<size_t>(in.gcount());
    digest.Add(absl::string_view(piece).substr(0, count));
    bytes += static_cast<int64_t>(count);
  }
  if (in.bad()) return FileTrouble(path, "read", errno);
  const std::string sha256 = std::move(digest).Hex();
  if (bytes == recorded.bytes && sha256 == recorded.sha256) return absl::OkStatus();
  return ArchiveDamaged(absl::StrCat(path, " has ", bytes, " bytes and the SHA-256 ", sha256,
                                     ", recorded are ", recorded.bytes, " and ", recorded.sha256));
}

absl::Status FileReader::Open(absl::string_view columns) {
  errno = 0;
  in_.open(path_, std::ios::binary);
  if (!in_) return FileTrouble(path_, "read", errno);
  std::string first;
  if (std::getline(in_, first) && first == columns) return absl::OkStatus();
  return ArchiveDamaged(absl::StrCat(path_, " does not begin with the columns that it must have"));
}

}  // namespace reserve::archive
