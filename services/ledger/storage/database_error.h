// What kind of bad day the database has: every error number has a class, and the class says what
// may be done about it, what callers are told, and what health and the metrics say.
//
// The rule: a fact is never refused for good because the database has a bad day. Of all errors only
// kContent is about what a caller sent; whatever is not known here is kOther, which may pass like
// the rest. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_DATABASE_ERROR_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_DATABASE_ERROR_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace reserve::storage {

enum class ErrorClass {
  kConflict,    // deadlock, lock timeout, certification failure, killed statement
  kDuplicate,   // a duplicate key
  kConnection,  // the server is away, or ended the session
  kReadOnly,    // the server only reads: it is not, or no longer, the primary
  kDiskFull,    // no room, or the disk does not do what it must
  kResources,   // no memory, threads, connections or file handles
  kRights,      // our user may not do what it must
  kSchema,      // a table or column is missing or not as it should be
  kSettings,    // a setting of the server or session is in the way
  kShard,       // Vitess: one of its shards is away, while others may work
  kContent,     // a value that the column can't hold: the only one that is about what was asked
  kOther,
};
inline constexpr int kErrorClasses = static_cast<int>(ErrorClass::kOther) + 1;

// "disk_full", as the label of the metric and in the log.
absl::string_view NameOf(ErrorClass error_class);

// Stands for an error number where the password of the database can't be read: no server was asked.
inline constexpr int kNoPassword = -1;

// The class of an error number of the server or client library, or of the one above.
ErrorClass ClassOfError(int error_number);
// The same, where the text says more: Vitess has few numbers, and tells by texts what is the matter
// with which shard.
ErrorClass ClassOfError(int error_number, absl::string_view text);

// How connection.h answers an error of this class.
absl::StatusCode CodeOf(ErrorClass error_class);

// The status of an error of the database, with its class; the text is for logs only.
absl::Status DatabaseError(ErrorClass error_class, absl::string_view text);
// The same status, with this class.
absl::Status WithClass(absl::Status status, ErrorClass error_class);
// The class, if the status is an error of the database.
std::optional<ErrorClass> ErrorClassOf(const absl::Status& status);

// The errors of this module, each made here, and known again here by those who go on by them.

// UNAVAILABLE "DATABASE_UNAVAILABLE": it can't be done at the moment, or nobody knows whether it
// was.
absl::Status DatabaseUnavailable(absl::string_view text);
bool IsDatabaseUnavailable(const absl::Status& status);
// INTERNAL "DATABASE_ERROR": rows that make no sense.
absl::Status BadRows(absl::string_view text);
// "DATABASE_ERROR" of connecting: a login that is refused, a schema that is not there.
absl::Status CannotConnect(absl::StatusCode code, absl::string_view text);
// ABORTED "BALANCE_MOVED": an account is not what it was when it was read.
absl::Status BalanceMoved(absl::string_view text);
bool IsBalanceMoved(const absl::Status& status);
// INTERNAL "ACCOUNT_INCONSISTENT": what is stored of an account contradicts itself.
absl::Status AccountInconsistent(absl::string_view text);
// FAILED_PRECONDITION "TLS_REQUIRED" on `field`.
absl::Status TlsRequired(absl::string_view field, absl::string_view text);
// "SCHEMA_TOO_NEW", on `field` if it is not empty: FAILED_PRECONDITION for good, UNAVAILABLE for a
// ledger that another may take the place of.
absl::Status SchemaTooNew(absl::StatusCode code, absl::string_view field, absl::string_view text);
// FAILED_PRECONDITION "UNSAFE_DATABASE": the server can lose a commit.
absl::Status UnsafeDatabase(absl::string_view text);
bool IsUnsafeDatabase(const absl::Status& status);

// How long a caller should wait before it repeats what a bad day of the database has refused.
inline constexpr absl::Duration kRepeatAfter = absl::Seconds(1);

// What a caller is told instead of a status that came from the database, or from rows that make no
// sense: UNAVAILABLE with a wait, and a text that names no statement, user, host or table. Only
// content that can't be stored stays INTERNAL. OK and refusals of the rules are left as they are,
// but that every UNAVAILABLE has a wait.
absl::Status ForCaller(const absl::Status& status);

// Counts the errors that the connections of a program meet, for a metric and for a log that has a
// line a second at the most for each error number, however many calls it struck.
class ErrorTally {
 public:
  struct Line {
    int error_number = 0;
    int64_t count = 0;
    std::string text;  // of the latest
  };

  void Note(int error_number, ErrorClass error_class, absl::string_view text)
      ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t count(ErrorClass error_class) const {
    return counts_[static_cast<size_t>(error_class)].load(std::memory_order_relaxed);
  }
  // What was noted since the last time, by error number, without conflicts and duplicates, which
  // belong to ordinary days.
  std::vector<Line> Take() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::array<std::atomic<int64_t>, kErrorClasses> counts_ = {};
  absl::Mutex mutex_;
  std::map<int, std::pair<int64_t, std::string>> fresh_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_DATABASE_ERROR_H_
