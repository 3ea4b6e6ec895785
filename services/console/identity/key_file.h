// A file of an identity provider's public keys that is read again whenever it changes.
//
// What can't be read or has no sense is an error at the start. Later the last good one stays: that
// is logged once for each new mistake and counted, until the file is good again. Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const auto keys, KeyFile::Open("/etc/reserve/jwks.json", registry));
//   CheckToken(token, *keys->Get(), rules, absl::Now());
#ifndef RESERVE_CONSOLE_IDENTITY_KEY_FILE_H_
#define RESERVE_CONSOLE_IDENTITY_KEY_FILE_H_

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/repeater.h"
#include "services/console/identity/key_set.h"

namespace reserve::console {

class KeyFile {
 public:
  // Looks at the file every `look_interval`. INVALID_ARGUMENT as of ReadKeySet, and for a file that
  // can't be read.
  static absl::StatusOr<std::unique_ptr<KeyFile>> Open(
      const std::string& path, prometheus::Registry& registry,
      absl::Duration look_interval = absl::Seconds(5));
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;

  // The keys, never null.
  std::shared_ptr<const KeySet> Get() const;

 private:
  KeyFile(std::string path, prometheus::Registry& registry);
  absl::Status Look();
  void LookAgain();

  const std::string path_;
  prometheus::Counter& failed_;
  // Of Open and the thread alone.
  std::string content_;
  std::string mistake_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const KeySet> keys_ ABSL_GUARDED_BY(mutex_);
  std::optional<Repeater> looks_;  // the last: it ends first
};

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_IDENTITY_KEY_FILE_H_
