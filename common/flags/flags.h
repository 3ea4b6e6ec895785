// Command-line flags that can also come from the environment, and secrets from
// files.
//
// Precedence: the command line, then the environment variable RESERVE_<NAME> in
// upper case (`--metrics_listen` is RESERVE_METRICS_LISTEN), then the default.
// `--help` shows every flag of ours, wherever it is defined. Not thread-safe:
// call ParseFlags once, first in main.
//
//   std::vector<std::string> args = reserve::ParseFlags(argc, argv, "Serves the ledger.");
#ifndef RESERVE_COMMON_FLAGS_FLAGS_H_
#define RESERVE_COMMON_FLAGS_FLAGS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace reserve {

// Parses the command line and fills the flags that it does not give from the
// environment. Returns the positional arguments, without the program's name.
// Ends the process where there is nothing to go on with: after --help or
// --version; exit 1 on an unknown flag or a bad value on the command line; exit
// 2 on a bad value in the environment. Each error is one line on stderr.
std::vector<std::string> ParseFlags(int argc, char* argv[], absl::string_view usage);

// Reads an environment variable; nullopt if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The part of ParseFlags that reads the environment: sets every flag of ours
// that `arguments` (the command line without the program's name) does not name.
// INVALID_ARGUMENT naming the variable and what is wrong with its value.
absl::Status SetFlagsFromEnvironment(const std::vector<std::string>& arguments,
                                     const Environment& environment);

// The content of a file that holds one secret, without the newline at its end.
// NOT_FOUND or PERMISSION_DENIED naming the path if it can't be read;
// INVALID_ARGUMENT if it is empty or larger than 64 KiB.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace reserve

#endif  // RESERVE_COMMON_FLAGS_FLAGS_H_
