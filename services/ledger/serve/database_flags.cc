#include "services/ledger/serve/database_flags.h"

#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "common/error/error.h"
#include "common/flags/flags.h"

ABSL_FLAG(std::string, database, "",
          "The database, as mysql://user:password@host:port/schema; add ?socket=/path for a unix "
          "socket, ?ssl_ca=/path to require TLS.");
ABSL_FLAG(
    std::string, database_password_file, "",
    "A file with the database password, instead of the one in --database; read again for each "
    "connection.");

namespace reserve::serve {

absl::StatusOr<storage::DatabaseOptions> DatabaseFromFlags() {
  if (absl::GetFlag(FLAGS_database).empty()) {
    return InvalidField("--database",
                        "must be set, or RESERVE_DATABASE: mysql://user:password@host:port/schema");
  }
  RESERVE_ASSIGN_OR_RETURN(storage::DatabaseOptions options,
                           storage::ParseDatabaseUrl(absl::GetFlag(FLAGS_database)));
  const std::string file = absl::GetFlag(FLAGS_database_password_file);
  if (!file.empty()) {
    if (const absl::Status read = ReadSecretFile(file).status(); !read.ok()) {
      return InvalidField("--database_password_file", read.message());
    }
    options.read_password = [file] { return ReadSecretFile(file); };
  }
  return options;
}

}  // namespace reserve::serve
