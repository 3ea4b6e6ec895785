#include "services/gateway_stub/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/telemetry/log.h"

namespace reserve::gateway_stub {
namespace {

absl::Status FileError(absl::string_view what, const std::string& path) {
  const absl::Status reason = absl::ErrnoToStatus(errno, "");
  return absl::UnavailableError(
      absl::StrCat("can't ", what, " '", path, "' (", reason.ToString(), ")"));
}

// Makes the file's name durable, too.
absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileError("open the folder", folder);
  const bool synced = fsync(fd) == 0;
  absl::Status status = synced ? absl::OkStatus() : FileError("sync the folder", folder);
  close(fd);
  return status;
}

// Gives every whole line to `reader`; returns how many bytes they are.
absl::StatusOr<int64_t> ReadLines(const std::string& path, const Journal::Reader& reader) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return FileError("read", path);
  int64_t whole_bytes = 0;
  int64_t number = 0;
  char* buffer = nullptr;
  size_t capacity = 0;
  ssize_t length = 0;
  while ((length = getline(&buffer, &capacity, file)) > 0) {
    absl::string_view line(buffer, static_cast<size_t>(length));
    ++number;
    if (!absl::ConsumeSuffix(&line, "\n")) {
      Log(Severity::kWarning, "the data file ends in the middle of a line; it is cut off",
          {{"path", path}, {"line", number}, {"bytes", length}});
      break;
    }
    whole_bytes += length;
    const absl::Status status = reader(line);
    if (!status.ok()) {
      Log(Severity::kWarning, "a line of the data file can't be read; it is passed over",
          {{"path", path}, {"line", number}, {"error", status.message()}});
    }
  }
  const bool failed = std::ferror(file) != 0;
  absl::Status status = failed ? FileError("read", path) : absl::OkStatus();
  std::free(buffer);
  std::fclose(file);
  if (!status.ok()) return status;
  return whole_bytes;
}

absl::Status Load(int fd, const std::string& path, const Journal::Reader& reader) {
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data file '", path, "' is in use by another process"));
  }
  RESERVE_ASSIGN_OR_RETURN(const int64_t whole_bytes, ReadLines(path, reader));
  if (ftruncate(fd, whole_bytes) != 0) return FileError("cut", path);
  if (fsync(fd) != 0) return FileError("sync", path);
  return SyncFolderOf(path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& path,
                                                       const Reader& reader) {
  if (path.empty()) return std::unique_ptr<Journal>(new Journal(-1));
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return FileError("open", path);
  const absl::Status status = Load(fd, path, reader);
  if (!status.ok()) {
    close(fd);
    return status;
  }
  return std::unique_ptr<Journal>(new Journal(fd));
}

Journal::Journal(int fd) : fd_(fd), thread_([this] { Run(); }) {}

Journal::~Journal() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
  if (fd_ >= 0) close(fd_);
}

void Journal::Append(std::string line, Durable durable) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back({std::move(line), std::move(durable)});
}

void Journal::Run() {
  while (true) {
    std::vector<Item> items;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Journal::HasWork));
      if (queue_.empty()) return;
      items.swap(queue_);
    }
    if (fd_ >= 0 && broken_.ok()) broken_ = WriteAndSync(items);
    for (Item& item : items) item.durable(broken_);
  }
}

absl::Status Journal::WriteAndSync(const std::vector<Item>& items) {
  std::string bytes;
  for (const Item& item : items) absl::StrAppend(&bytes, item.line, "\n");
  absl::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t written = write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    left.remove_prefix(static_cast<size_t>(written));
  }
  if (left.empty() && fdatasync(fd_) == 0) return absl::OkStatus();
  absl::Status status = FileError("write", "the data file");
  Log(Severity::kError, "the data file is broken; nothing is charged until a restart",
      {{"error", status.message()}});
  return status;
}

}  // namespace reserve::gateway_stub
