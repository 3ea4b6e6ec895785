// Command-line flags that can also come from the environment, and secrets from
// files.
//
// Precedence: the command line, then the environment variable RESERVE_<NAME> in
// upper case (`--metrics_listen` is RESERVE_METRICS_LISTEN), then the default.
// Not thread-safe: call ParseFlags once, first in main.
//
//   const std::vector<std::string> args = reserve::ParseFlags(
//       argc, argv, {.usage = "ledger COMMAND [flags]\n", .commands = ...});
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

// What every program of ours ends with. All went well, and nothing was found that should not be:
constexpr int kExitOk = 0;
// It failed, could not reach what it needs, or found something that a person must look at:
constexpr int kExitFailure = 1;
// It was told what has no sense, by its command line, its environment, or a file that these name.
// To do the same again is of no use:
constexpr int kExitUsage = 2;

// kExitOk, kExitUsage for INVALID_ARGUMENT, else kExitFailure.
int ExitCodeOf(const absl::Status& status);

// A command of a program, for its help.
struct Command {
  // Empty for what a program does that is told no command.
  std::string name;
  // The usage of this command, lines of text.
  std::string usage;
  // The flags that it reads, by name ("listen"); "serve_flags.cc" for all that are defined in a
  // file whose path ends so. No others may be given to it.
  std::vector<std::string> flags;
};

struct Program {
  // Shown by --help: lines of text.
  std::string usage;
  // Empty for a program that does one thing alone; its help then shows every flag of ours.
  std::vector<Command> commands = {};
};

// Parses the command line and fills the flags that it does not give from the
// environment. Returns the positional arguments, without the program's name.
//
// Ends the process where there is nothing to go on with. With kExitOk after --version,
// --help (of the command that stands before or after it, if one does) and `help COMMAND`. With
// kExitUsage, and one line on stderr: on an unknown flag, a value that is none of its type, a flag
// of the command line that its command does not read (variables may be for others), and a variable
// RESERVE_... that belongs to no flag of any program of ours.
std::vector<std::string> ParseFlags(int argc, char* argv[], const Program& program);
// Of a program that does one thing alone.
std::vector<std::string> ParseFlags(int argc, char* argv[], absl::string_view usage);

// Sets the flags that `arguments` (the command line without the program's name) gives, as
// --name=value, --name value, --name or --noname, with one dash or two; returns what is no flag.
// INVALID_ARGUMENT naming the flag and what is wrong with it.
absl::StatusOr<std::vector<std::string>> SetFlagsFrom(const std::vector<std::string>& arguments);

// Reads an environment variable; nullopt if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The part of ParseFlags that reads the environment: sets every flag of ours
// that `arguments` (the command line without the program's name) does not name.
// INVALID_ARGUMENT naming the variable and what is wrong with its value.
absl::Status SetFlagsFromEnvironment(const std::vector<std::string>& arguments,
                                     const Environment& environment);

// INVALID_ARGUMENT if one of the variables' names begins with RESERVE_ and belongs to no flag of
// any program of ours (known_flags.h); it names the nearest that does. RESERVE_TEST_... is the
// tests', and what Kubernetes sets for a Service whose name begins with "reserve-" is nobody's
// mistake.
absl::Status CheckVariables(const std::vector<std::string>& names);

// The content of a file that holds one secret, without the newline at its end.
// NOT_FOUND or PERMISSION_DENIED naming the path if it can't be read;
// INVALID_ARGUMENT if it is empty or larger than 64 KiB.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace reserve

#endif  // RESERVE_COMMON_FLAGS_FLAGS_H_
