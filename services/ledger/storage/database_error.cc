#include "services/ledger/storage/database_error.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"

namespace reserve::storage {
namespace {

constexpr char kUnavailable[] = "DATABASE_UNAVAILABLE";
constexpr char kError[] = "DATABASE_ERROR";
constexpr char kBalanceMoved[] = "BALANCE_MOVED";
constexpr char kInconsistent[] = "ACCOUNT_INCONSISTENT";
constexpr char kUnsafe[] = "UNSAFE_DATABASE";

// What ReasonOf says of an UNAVAILABLE that was given none.
constexpr char kNoReason[] = "UNAVAILABLE";

constexpr char kClassUrl[] = "reserve/database_error_class";

// Lost connections (2002, 2003, 2005, 2006, 2013), TLS (2026), replies that are none (2027):
// whatever else the client library says, the session can't be gone on with.
constexpr int kFirstClientError = 2000;
constexpr int kLastClientError = 2999;

// How Vitess says, under a number for anything (1105), that a shard does not answer now.
constexpr absl::string_view kShardIsAway[] = {
    "no healthy tablet available", "no valid tablet",           "primary is not serving",
    "code = Unavailable",          "code = FailedPrecondition", "code = Code(17)",
    "Code: UNAVAILABLE",           "Code: CLUSTER_EVENT",       "is either down or nonexistent",
};

struct NumbersOf {
  ErrorClass error_class;
  std::vector<int> numbers;
};

const std::vector<NumbersOf>& KnownErrors() {
  static const auto* const known = new std::vector<NumbersOf>{
      {ErrorClass::kConflict,
       {
           1213,  // deadlock
           1205,  // lock wait timeout
           1020,  // record has changed since last read
           1180,  // error during COMMIT
           1412,  // a table was altered since the transaction began
           1637,  // too many transactions at once
           3101,  // group replication rolled back
           8002,  // TiDB: write conflict
           8022,  // TiDB: commit failed, retryable
           8028,  // TiDB: schema changed
           9007,  // TiDB: write conflict
           1317,  // the statement was killed
           1969,  // MariaDB: max_statement_time
           3024,  // MySQL: max_execution_time
           3572,  // the lock is not to be had at once
       }},
      {ErrorClass::kDuplicate, {1062, 1586}},
      {ErrorClass::kConnection,
       {
           1047,                    // Galera: node not ready
           1053,                    // server shutdown
           1077, 1079, 1080,        // the same, as other servers put it
           1129, 1130,              // the host is blocked, or not let in
           1152, 1184,              // the connection was aborted
           1158, 1159, 1160, 1161,  // its packets can't be read or written
           1927,                    // connection was killed
           3032, 4031,              // MySQL: offline mode; idle for too long
           3168,                    // MySQL: the server is not available; Vitess: UNAVAILABLE
           3100,                    // group replication: the member can't commit
       }},
      // Connect to what is the primary now.
      {ErrorClass::kReadOnly, {1290, 1836, 1209, 3063}},
      {ErrorClass::kDiskFull,
       {
           1114,                          // the table is full
           1021,                          // the disk is full
           1030,                          // the storage engine got an error
           1002, 1003, 1004, 1005, 1009,  // a file can't be made, written, deleted
           1023, 1024, 1026,              // or closed, read, written
           1598, 1595, 1534,              // the binary log can't be written
           1815, 1878,                    // InnoDB's own, or no room for temporary files
           3167, 3169,                    // MySQL: no temporary space, general errors
       }},
      {ErrorClass::kResources,
       {
           1040, 1203, 1226,  // too many connections, of all or of our user
           1037, 1038, 1041,  // out of memory
           1016, 1018, 1025,  // no file handles
           1135, 1206,        // no thread; the lock table is full
           1915, 4166, 3170,  // limits of statements and memory
       }},
      {ErrorClass::kRights,
       {kNoPassword, 1044, 1045, 1141, 1142, 1143, 1147, 1227, 1370, 1410, 1698, 1820, 1862, 3118,
        3159, 3530}},
      {ErrorClass::kSchema,
       {1049, 1050, 1051, 1054, 1060, 1061, 1072, 1091, 1109, 1136, 1146, 1176, 1305, 1364, 1526,
        1735, 1748, 1932, 1812}},
      {ErrorClass::kSettings,
       {1153, 2020, 1193, 1231, 1792, 1235, 1238, 1662, 1663, 1664, 1665, 1666, 1668, 1785, 3098,
        3161}},
      // Values that a column can't hold. (1153, 2020: a packet that is too large may pass in
      // parts.)
      {ErrorClass::kContent, {1048, 1264, 1265, 1292, 1366, 1367, 1406, 1411, 1690, 3819, 4025}},
  };
  return *known;
}

}  // namespace

absl::string_view NameOf(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kConflict:
      return "conflict";
    case ErrorClass::kDuplicate:
      return "duplicate";
    case ErrorClass::kConnection:
      return "connection";
    case ErrorClass::kReadOnly:
      return "read_only";
    case ErrorClass::kDiskFull:
      return "disk_full";
    case ErrorClass::kResources:
      return "resources";
    case ErrorClass::kRights:
      return "rights";
    case ErrorClass::kSchema:
      return "schema";
    case ErrorClass::kSettings:
      return "settings";
    case ErrorClass::kShard:
      return "shard";
    case ErrorClass::kContent:
      return "content";
    case ErrorClass::kOther:
      return "other";
  }
  return "other";
}

ErrorClass ClassOfError(int error_number) {
  static const auto* const classes = [] {
    auto* map = new std::map<int, ErrorClass>();
    for (const NumbersOf& known : KnownErrors()) {
      for (const int number : known.numbers) map->emplace(number, known.error_class);
    }
    return map;
  }();
  const auto found = classes->find(error_number);
  if (found != classes->end()) return found->second;
  return error_number >= kFirstClientError && error_number <= kLastClientError
             ? ErrorClass::kConnection
             : ErrorClass::kOther;
}

ErrorClass ClassOfError(int error_number, absl::string_view text) {
  constexpr int kKilled = 1317;
  constexpr int kAnyOfVitess = 1105;
  const ErrorClass by_number = ClassOfError(error_number);
  // A transaction over several shards, which vtgate refuses (transaction_mode=SINGLE): ours is
  // wrong.
  if (error_number == kKilled && absl::StrContains(text, "multi-db transaction")) {
    return ErrorClass::kOther;
  }
  const auto says = [text](absl::string_view part) { return absl::StrContains(text, part); };
  if (error_number == kAnyOfVitess &&
      std::any_of(std::begin(kShardIsAway), std::end(kShardIsAway), says)) {
    return ErrorClass::kShard;
  }
  // "target: reserve.80-.primary: ...": vtgate works, and says which shard does not.
  const bool is_away = CodeOf(by_number) == absl::StatusCode::kUnavailable;
  return is_away && says("target: ") ? ErrorClass::kShard : by_number;
}

absl::StatusCode CodeOf(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kConflict:
      return absl::StatusCode::kAborted;
    case ErrorClass::kDuplicate:
      return absl::StatusCode::kAlreadyExists;
    case ErrorClass::kConnection:
    case ErrorClass::kReadOnly:
    case ErrorClass::kDiskFull:
    case ErrorClass::kResources:
    case ErrorClass::kShard:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status DatabaseError(ErrorClass error_class, absl::string_view text) {
  const absl::StatusCode code = CodeOf(error_class);
  absl::string_view reason = kError;
  if (code == absl::StatusCode::kAborted) reason = "DATABASE_CONFLICT";
  if (code == absl::StatusCode::kAlreadyExists) reason = "DUPLICATE_KEY";
  if (code == absl::StatusCode::kUnavailable) reason = kUnavailable;
  return WithClass(MakeError(code, reason, "", text), error_class);
}

absl::Status DatabaseUnavailable(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnavailable, kUnavailable, "", text);
}

bool IsDatabaseUnavailable(const absl::Status& status) { return ReasonOf(status) == kUnavailable; }

absl::Status BadRows(absl::string_view text) {
  return MakeError(absl::StatusCode::kInternal, kError, "", text);
}

absl::Status CannotConnect(absl::StatusCode code, absl::string_view text) {
  return MakeError(code, kError, "", text);
}

absl::Status BalanceMoved(absl::string_view text) {
  return MakeError(absl::StatusCode::kAborted, kBalanceMoved, "", text);
}

bool IsBalanceMoved(const absl::Status& status) { return ReasonOf(status) == kBalanceMoved; }

absl::Status AccountInconsistent(absl::string_view text) {
  return MakeError(absl::StatusCode::kInternal, kInconsistent, "", text);
}

absl::Status TlsRequired(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TLS_REQUIRED", field, text);
}

absl::Status SchemaTooNew(absl::StatusCode code, absl::string_view field, absl::string_view text) {
  return MakeError(code, "SCHEMA_TOO_NEW", field, text);
}

absl::Status UnsafeDatabase(absl::string_view text) {
  return MakeError(absl::StatusCode::kFailedPrecondition, kUnsafe, "database", text);
}

bool IsUnsafeDatabase(const absl::Status& status) { return ReasonOf(status) == kUnsafe; }

absl::Status WithClass(absl::Status status, ErrorClass error_class) {
  status.SetPayload(kClassUrl, absl::Cord(absl::StrCat(static_cast<int>(error_class))));
  return status;
}

std::optional<ErrorClass> ErrorClassOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kClassUrl);
  int number = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &number)) {
    return std::nullopt;
  }
  return static_cast<ErrorClass>(number);
}

absl::Status ForCaller(const absl::Status& status) {
  const std::optional<ErrorClass> error_class = ErrorClassOf(status);
  if (error_class == ErrorClass::kContent && status.code() == absl::StatusCode::kInternal) {
    return BadRows("the database can't hold what was asked for; nothing was done");
  }
  const std::string reason = ReasonOf(status);
  if (reason == kInconsistent) {
    return TryAgain(MakeError(absl::StatusCode::kUnavailable, kInconsistent, "",
                              "what is stored of the account contradicts itself, nothing was done; "
                              "VerifyAccount shows where"),
                    kRepeatAfter);
  }
  const bool unavailable = absl::IsUnavailable(status);
  const bool of_the_database = error_class.has_value() || reason == kUnavailable ||
                               status.code() == absl::StatusCode::kInternal ||
                               (unavailable && reason == kNoReason);
  if (!of_the_database) return unavailable ? TryAgain(status, kRepeatAfter) : status;
  return TryAgain(
      DatabaseUnavailable("the database can't do this at the moment; repeat the same request"),
      kRepeatAfter);
}

void ErrorTally::Note(int error_number, ErrorClass error_class, absl::string_view text) {
  counts_[static_cast<size_t>(error_class)].fetch_add(1, std::memory_order_relaxed);
  if (error_class == ErrorClass::kConflict || error_class == ErrorClass::kDuplicate) return;
  absl::MutexLock lock(&mutex_);
  auto& [count, latest] = fresh_[error_number];
  ++count;
  latest.assign(text.data(), text.size());
}

std::vector<ErrorTally::Line> ErrorTally::Take() {
  std::map<int, std::pair<int64_t, std::string>> fresh;
  {
    absl::MutexLock lock(&mutex_);
    fresh.swap(fresh_);
  }
  std::vector<Line> lines;
  for (auto& [number, counted] : fresh) {
    lines.push_back({number, counted.first, std::move(counted.second)});
  }
  return lines;
}

}  // namespace reserve::storage
