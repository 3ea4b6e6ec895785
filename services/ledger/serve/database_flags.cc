#include "services/ledger/serve/database_flags.h"

#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/flags/flags.h"
#include "common/telemetry/log.h"

ABSL_FLAG(std::string, database, "",
          "The database, as mysql://user:password@host:port/schema; add ?socket=/path for a unix "
          "socket, ?ssl_ca=/path to require TLS.");
ABSL_FLAG(
    std::string, database_password_file, "",
    "A file with the database password, instead of the one in --database; read again for each "
    "connection.");

namespace reserve::serve {
namespace {

// What is said to the database, and by it, can be read and changed on the way.
void WarnOfPlaintext(const storage::DatabaseOptions& options) {
  const bool is_v6 = absl::StrContains(options.host, ':');
  const std::string address =
      absl::StrCat(is_v6 ? "[" : "", options.host, is_v6 ? "]:" : ":", options.port);
  if (!options.ssl_ca.empty() || !options.socket.empty() || IsLoopback(address)) return;
  Log(Severity::kWarning,
      "the database is another machine, and reached in plain text: ask for TLS "
      "by ?ssl_ca= in its address",
      {{"host", options.host}});
}

}  // namespace

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
  WarnOfPlaintext(options);
  return options;
}

}  // namespace reserve::serve
