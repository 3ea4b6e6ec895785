// Where the database is: `mysql://user:password@host:port/schema?key=value`.
//
// Keys: `socket=/path` (then the host is not used), `ssl_ca=/path` (TLS is then
// required, and the server's chain and host name are checked), `wsrep_sync_wait=1` (of Galera: each
// session sets this, so that what it reads shows all that any node has committed before; 0 to 15,
// the server's own mask of statements). User, password and values are percent-encoded.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_DATABASE_URL_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_DATABASE_URL_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace reserve::storage {

class ErrorTally;

struct DatabaseOptions {
  std::string user;
  std::string password;
  std::string host = "127.0.0.1";
  int port = 3306;
  std::string schema;
  std::string socket;  // a unix socket's path; empty: TCP
  std::string ssl_ca;  // a PEM file; empty: no TLS
  // What a session sets wsrep_sync_wait to; -1: it is left as the server has it.
  int wsrep_sync_wait = -1;
  int connect_timeout_seconds = 5;
  int io_timeout_seconds = 30;
  // Where connections note the errors that they meet; null: nowhere. Must outlive them.
  ErrorTally* errors = nullptr;
  // If set, asked before each connection, in place of `password`: a password that was changed is
  // used without a restart.
  std::function<absl::StatusOr<std::string>()> read_password = nullptr;
};

// INVALID_ARGUMENT on field "database" with what is wrong; the message never
// holds the password.
absl::StatusOr<DatabaseOptions> ParseDatabaseUrl(absl::string_view url);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_DATABASE_URL_H_
