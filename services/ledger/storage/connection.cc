#include "services/ledger/storage/connection.h"

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/metadata.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

constexpr int kAccessDenied = 1045;
constexpr int kDatabaseAccessDenied = 1044;
constexpr int kUnknownDatabase = 1049;
constexpr int kSecureTransportRequired = 3159;  // MySQL; MariaDB denies access
constexpr int kLockWaitTimeoutSeconds = 5;
constexpr char kReadCommitted[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

sql::Driver* Driver() {
  // The first call is not thread-safe; a local static makes it so.
  static sql::Driver* const kDriver = get_driver_instance();
  return kDriver;
}

sql::ConnectOptionsMap OptionMap(const DatabaseOptions& options, const std::string& password) {
  sql::ConnectOptionsMap map;
  map["hostName"] = options.socket.empty()
                        ? sql::SQLString(absl::StrCat("tcp://", options.host, ":", options.port))
                        : sql::SQLString(absl::StrCat("unix://", options.socket));
  map["userName"] = sql::SQLString(options.user);
  map["password"] = sql::SQLString(password);
  map["schema"] = sql::SQLString(options.schema);
  map["OPT_CONNECT_TIMEOUT"] = options.connect_timeout_seconds;
  map["OPT_READ_TIMEOUT"] = options.io_timeout_seconds;
  map["OPT_WRITE_TIMEOUT"] = options.io_timeout_seconds;
  map["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  // Conditional updates ask whether the row was there, not whether it differed.
  map["CLIENT_FOUND_ROWS"] = true;
  if (!options.ssl_ca.empty()) {
    // Only this pair makes the connector insist on TLS.
    map["sslCA"] = sql::SQLString(options.ssl_ca);
    map["sslVerify"] = true;
  }
  return map;
}

// Notes the error, and says what its class says.
absl::Status ToStatus(absl::string_view what, const sql::SQLException& e, ErrorTally* tally) {
  const int number = e.getErrorCode();
  const std::string text = absl::StrCat(what, ": ", e.what(), " (", number, ")");
  const ErrorClass error_class = ClassOfError(number, text);
  if (tally != nullptr) tally->Note(number, error_class, text);
  return DatabaseError(error_class, text);
}

// An error of connecting. Whatever keeps us from it may pass, but for a refused login, a schema
// that is not there, and TLS that is asked for.
absl::Status ConnectError(const sql::SQLException& e, ErrorTally* tally) {
  const int number = e.getErrorCode();
  const absl::Status status = ToStatus("connect", e, tally);
  absl::Status error = DatabaseUnavailable(status.message());
  if (number == kUnknownDatabase) {
    error = CannotConnect(absl::StatusCode::kNotFound, status.message());
  }
  if (number == kAccessDenied || number == kDatabaseAccessDenied) {
    error = CannotConnect(absl::StatusCode::kPermissionDenied, status.message());
  }
  if (number == kSecureTransportRequired) error = TlsRequired("", status.message());
  return WithClass(std::move(error), ErrorClassOf(status).value_or(ErrorClass::kOther));
}

// A password file that is not there now may be there soon.
absl::Status PasswordError(const absl::Status& read, ErrorTally* tally) {
  if (tally != nullptr) tally->Note(kNoPassword, ClassOfError(kNoPassword), read.message());
  return WithClass(DatabaseUnavailable(read.message()), ClassOfError(kNoPassword));
}

// Can the socket be one of this database?
bool LeadsTo(int fd, const DatabaseOptions& options) {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return false;
  // (The path is the server's own, which may have reached it by another.)
  if (!options.socket.empty()) return peer.ss_family == AF_UNIX;
  if (peer.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(peer).sin_port) == options.port;
  }
  return peer.ss_family == AF_INET6 &&
         ntohs(reinterpret_cast<const sockaddr_in6&>(peer).sin6_port) == options.port;
}

bool HasTimeout(int fd, int seconds) {
  timeval timeout{};
  socklen_t length = sizeof(timeout);
  return getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &length) == 0 &&
         timeout.tv_sec == seconds;
}

}  // namespace

SqlThread::SqlThread() { Driver()->threadInit(); }
SqlThread::~SqlThread() { Driver()->threadEnd(); }

int64_t Row::Int(int column) const { return result_.getInt64(static_cast<uint32_t>(column)); }

std::string Row::Text(int column) const {
  return result_.getString(static_cast<uint32_t>(column)).asStdString();
}

void Row::Bytes(int column, absl::Span<char> bytes) const {
  const sql::SQLString value = result_.getString(static_cast<uint32_t>(column));
  const size_t size = std::min(bytes.size(), value.length());
  std::fill(std::copy_n(value.c_str(), size, bytes.begin()), bytes.end(), '\0');
}

absl::Time Row::Time(int column) const {
  const sql::SQLString text = result_.getString(static_cast<uint32_t>(column));
  return ParseDateTime6(absl::string_view(text.c_str(), text.length()));
}

bool Row::IsNull(int column) const { return result_.isNull(static_cast<uint32_t>(column)); }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const DatabaseOptions& options) {
  absl::StatusOr<std::string> password = options.password;
  if (options.read_password) password = options.read_password();
  if (!password.ok()) return PasswordError(password.status(), options.errors);
  std::unique_ptr<Connection> opened;
  try {
    sql::ConnectOptionsMap map = OptionMap(options, *password);
    std::unique_ptr<sql::Connection> connection(Driver()->connect(map));
    std::unique_ptr<sql::Statement> statement(connection->createStatement());
    opened.reset(new Connection(std::move(connection), std::move(statement), options));
  } catch (const sql::SQLException& e) {
    return ConnectError(e, options.errors);
  }
  RESERVE_RETURN_IF_ERROR(opened->SetUp());
  return opened;
}

absl::Status Connection::SetUp() {
  // A slip, a transaction over two shards, is refused rather than committed in parts.
  if (on_vitess_) RESERVE_RETURN_IF_ERROR(Execute("SET transaction_mode = 'single'"));
  RESERVE_RETURN_IF_ERROR(Execute(kReadCommitted));
  RESERVE_RETURN_IF_ERROR(Execute(
      "SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
      "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1"));
  // The server's 50 s would outlast our own read timeout, and a caller's patience; its year for the
  // lock of a table that is altered even more, and would keep a session there that nobody reads
  // from any more.
  const int lock_wait = std::clamp(options_.io_timeout_seconds - 1, 1, kLockWaitTimeoutSeconds);
  RESERVE_RETURN_IF_ERROR(
      Execute(absl::StrCat("SET SESSION innodb_lock_wait_timeout = ", lock_wait)));
  RESERVE_RETURN_IF_ERROR(Execute(absl::StrCat("SET SESSION lock_wait_timeout = ", lock_wait)));
  // Statements that list keys name their index. Else the server would look each key up twice more,
  // in each partition, to estimate how many rows it has.
  RESERVE_RETURN_IF_ERROR(Execute("SET SESSION eq_range_index_dive_limit = 1"));
  if (options_.wsrep_sync_wait >= 0) {
    RESERVE_RETURN_IF_ERROR(
        Execute(absl::StrCat("SET SESSION wsrep_sync_wait = ", options_.wsrep_sync_wait)));
  }
  if (!options_.ssl_ca.empty()) {
    std::string cipher;
    RESERVE_RETURN_IF_ERROR(Query("SHOW STATUS LIKE 'Ssl_cipher'",
                                  [&cipher](const Row& row) { cipher = row.Text(2); }));
    if (cipher.empty()) {
      return TlsRequired("database", "the connection to the database is not encrypted");
    }
  }
  return absl::OkStatus();
}

void DropConnections(const DatabaseOptions& options) {
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error); !error && entry != end;
       entry.increment(error)) {
    int fd = -1;
    if (absl::SimpleAtoi(entry->path().filename().string(), &fd) &&
        HasTimeout(fd, options.io_timeout_seconds) && LeadsTo(fd, options)) {
      shutdown(fd, SHUT_RDWR);
    }
  }
}

absl::Status EnsureOpen(const DatabaseOptions& options, std::unique_ptr<Connection>* connection) {
  if (*connection != nullptr && (*connection)->alive()) return absl::OkStatus();
  connection->reset();
  RESERVE_ASSIGN_OR_RETURN(*connection, Connection::Open(options));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::OpenForCallers(
    const DatabaseOptions& options) {
  absl::StatusOr<std::unique_ptr<Connection>> opened = Open(options);
  if (opened.ok() || absl::IsUnavailable(opened.status())) return opened;
  return WithClass(DatabaseUnavailable(opened.status().message()),
                   ErrorClassOf(opened.status()).value_or(ErrorClass::kOther));
}

Connection::Connection(std::unique_ptr<sql::Connection> connection,
                       std::unique_ptr<sql::Statement> statement, DatabaseOptions options)
    : connection_(std::move(connection)),
      statement_(std::move(statement)),
      options_(std::move(options)),
      // What the server said when it was connected to: nothing is asked.
      on_vitess_(absl::StrContains(
          connection_->getMetaData()->getDatabaseProductVersion().asStdString(), "Vitess")) {}

Connection::~Connection() {
  statement_.reset();
  try {
    connection_.reset();
  } catch (const sql::SQLException&) {
    // The session ends either way.
  }
}

absl::Status Connection::Guard(absl::string_view what, absl::FunctionRef<void()> call) {
  if (!alive_) {
    return DatabaseError(ErrorClass::kConnection, "the database connection is gone");
  }
  if (interrupt_ != nullptr) RESERVE_RETURN_IF_ERROR(interrupt_());
  try {
    call();
    return absl::OkStatus();
  } catch (const sql::SQLException& e) {
    const absl::Status status = ToStatus(what, e, options_.errors);
    if (status.code() == absl::StatusCode::kUnavailable) alive_ = false;
    return status;
  }
}

absl::Status Connection::Execute(const std::string& statement) {
  return Guard(absl::string_view(statement).substr(0, 24), [&] { statement_->execute(statement); });
}

absl::StatusOr<int64_t> Connection::Update(const std::string& statement) {
  int64_t matched = 0;
  RESERVE_RETURN_IF_ERROR(Guard(absl::string_view(statement).substr(0, 24),
                                [&] { matched = statement_->executeUpdate(statement); }));
  return matched;
}

absl::Status Connection::Query(const std::string& statement,
                               absl::FunctionRef<void(const Row&)> on_row) {
  return Guard(absl::string_view(statement).substr(0, 24), [&] {
    const std::unique_ptr<sql::ResultSet> result(statement_->executeQuery(statement));
    const Row row(*result);
    while (result->next()) on_row(row);
  });
}

absl::Status Connection::Begin() {
  absl::Status begun = Execute("START TRANSACTION");
  if (!begun.ok()) Rollback();
  return begun;
}

absl::Status Connection::BeginSnapshot(absl::string_view tables, absl::string_view account_id,
                                       absl::string_view others) {
  // For the next transaction only; the session stays as it is. Vitess knows only sessions.
  RESERVE_RETURN_IF_ERROR(Execute(on_vitess_
                                      ? "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
                                      : "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  absl::Status begun = Execute("START TRANSACTION READ ONLY");
  // Without a row to read this takes the tables' locks against ALTER and not yet the snapshot.
  std::string lock = absl::StrCat("SELECT 1 FROM ", tables);
  if (!on_vitess_ && !others.empty()) absl::StrAppend(&lock, ", ", others);
  if (on_vitess_ && !account_id.empty()) {
    absl::string_view word = " WHERE ";
    for (const absl::string_view table : absl::StrSplit(tables, ", ")) {
      absl::StrAppend(&lock, std::exchange(word, " AND "), table,
                      ".account_id = ", Quoted(account_id));
    }
  }
  if (begun.ok()) begun = Query(absl::StrCat(lock, " LIMIT 0"), [](const Row&) {});
  if (!begun.ok()) EndSnapshot();
  return begun;
}

void Connection::EndSnapshot() {
  Rollback();
  if (on_vitess_ && alive_ && !Execute(kReadCommitted).ok()) alive_ = false;
}

absl::Status Connection::Commit() {
  absl::Status committed = Execute("COMMIT");
  if (committed.ok()) {
    // What can't be committed there any more is left out; the error is counted and logged.
    if (std::exchange(along_begun_, false)) along_->Commit().IgnoreError();
    return committed;
  }
  Rollback();
  if (committed.code() == absl::StatusCode::kAborted ||
      committed.code() == absl::StatusCode::kUnavailable) {
    return committed;
  }
  // Of no error is it known that it came before anything was done.
  return WithClass(DatabaseUnavailable(committed.message()),
                   ErrorClassOf(committed).value_or(ErrorClass::kOther));
}

void Connection::Rollback() {
  if (std::exchange(along_begun_, false)) along_->Rollback();
  if (!Execute("ROLLBACK").ok()) alive_ = false;
}

absl::StatusOr<Connection*> Connection::Another(std::unique_ptr<Connection>* kept) {
  RESERVE_RETURN_IF_ERROR(EnsureOpen(options_, kept));
  (*kept)->InterruptBy(interrupt_);
  return kept->get();
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::OpenAt(absl::string_view schema) const {
  DatabaseOptions there = options_;
  there.schema = std::string(schema);
  return Open(there);
}

absl::StatusOr<Connection*> Connection::Aside() {
  return on_vitess_ ? Another(&aside_) : absl::StatusOr<Connection*>(this);
}

absl::StatusOr<Connection*> Connection::Along() {
  if (!on_vitess_) return this;
  // A transaction that was lost with its session is not begun anew: its locks are gone.
  if (along_begun_) return along_.get();
  RESERVE_ASSIGN_OR_RETURN(Connection* const along, Another(&along_));
  RESERVE_RETURN_IF_ERROR(along->Begin());
  along_begun_ = true;
  return along;
}

}  // namespace reserve::storage
