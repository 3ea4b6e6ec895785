// Which database the ledger is about, from the command line: for `serve`, and for the commands that
// look after the database themselves.
//
//   RESERVE_ASSIGN_OR_RETURN(storage::DatabaseOptions database, serve::DatabaseFromFlags());
#ifndef RESERVE_SERVICES_LEDGER_SERVE_DATABASE_FLAGS_H_
#define RESERVE_SERVICES_LEDGER_SERVE_DATABASE_FLAGS_H_

#include "absl/status/statusor.h"
#include "services/ledger/storage/database_url.h"

namespace reserve::serve {

// What --database says, with the password of --database_password_file if that is set.
// INVALID_ARGUMENT if --database is missing or malformed, or the file can't be read.
absl::StatusOr<storage::DatabaseOptions> DatabaseFromFlags();

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_DATABASE_FLAGS_H_
