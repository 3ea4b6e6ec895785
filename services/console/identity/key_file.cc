#include "services/console/identity/key_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/telemetry/log.h"

namespace reserve::console {

absl::StatusOr<std::unique_ptr<KeyFile>> KeyFile::Open(const std::string& path,
                                                       prometheus::Registry& registry,
                                                       absl::Duration look_interval) {
  auto file = std::unique_ptr<KeyFile>(new KeyFile(path, registry));
  const absl::Status read = file->Look();
  if (!read.ok()) return InvalidField("--jwks_file", absl::StrCat(path, ": ", read.message()));
  file->looks_.emplace(look_interval, [raw = file.get()] { raw->LookAgain(); });
  return file;
}

KeyFile::KeyFile(std::string path, prometheus::Registry& registry)
    : path_(std::move(path)),
      failed_(prometheus::BuildCounter()
                  .Name("reserve_console_key_file_failures_total")
                  .Help("Looks at the file of public keys that found nothing that can serve.")
                  .Register(registry)
                  .Add({})) {}

std::shared_ptr<const KeySet> KeyFile::Get() const {
  absl::MutexLock lock(&mutex_);
  return keys_;
}

absl::Status KeyFile::Look() {
  RESERVE_ASSIGN_OR_RETURN(std::string content, ReadSecretFile(path_));
  if (content == content_) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(KeySet keys, ReadKeySet(content));
  content_ = std::move(content);
  absl::MutexLock lock(&mutex_);
  keys_ = std::make_shared<const KeySet>(std::move(keys));
  return absl::OkStatus();
}

void KeyFile::LookAgain() {
  const absl::Status looked = Look();
  if (!looked.ok()) failed_.Increment();
  if (!looked.ok() && looked.message() != mistake_) {
    Log(Severity::kError, "the keys of the identity provider can't be read; the last ones stay",
        {{"file", path_}, {"error", looked.message()}});
  }
  mistake_ = std::string(looked.message());
}

}  // namespace reserve::console
