#include "common/flags/flags.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/flags/known_flags.h"
#include "common/flags/version.h"

namespace reserve {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;
constexpr absl::string_view kPrefix = "RESERVE_";
constexpr absl::string_view kOfTests = "RESERVE_TEST_";
constexpr absl::string_view kHelpCommand = "help";

// Abseil's own flags (--flagfile and the like) are neither shown nor set.
bool IsOurs(absl::string_view file) { return !absl::StrContains(file, "absl/flags/"); }

// By name; what is no flag of ours is null.
absl::CommandLineFlag* FindFlag(absl::string_view name) {
  absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
  return flag != nullptr && IsOurs(flag->Filename()) ? flag : nullptr;
}

std::map<std::string, absl::CommandLineFlag*> OurFlags() {
  std::map<std::string, absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (IsOurs(flag->Filename())) flags.emplace(std::string(name), flag);
  }
  return flags;
}

// How many letters must be put in, taken out or changed to make the one the other.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

std::string Nearest(absl::string_view name, const std::vector<std::string>& known) {
  std::string nearest;
  size_t distance = std::numeric_limits<size_t>::max();
  for (const std::string& candidate : known) {
    const size_t of_this = Distance(name, candidate);
    if (of_this < distance) {
      distance = of_this;
      nearest = candidate;
    }
  }
  return nearest;
}

// The name of the flag that an argument names, with what follows its "="; nullopt if it is none.
struct Named {
  std::string name;
  std::optional<std::string> value;
};
std::optional<Named> NameIn(absl::string_view argument) {
  if (!absl::ConsumePrefix(&argument, "-") || argument.empty()) return std::nullopt;
  absl::ConsumePrefix(&argument, "-");
  const size_t equals = argument.find('=');
  Named named{std::string(argument.substr(0, equals)), std::nullopt};
  if (equals != absl::string_view::npos) named.value = std::string(argument.substr(equals + 1));
  return named;
}

// The names of the flags that the command line gives: "listen" for --listen=x,
// --listen x, -listen; both "tls" and "notls" for --notls.
std::set<std::string> NamedFlags(const std::vector<std::string>& arguments) {
  std::set<std::string> names;
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    const std::optional<Named> named = NameIn(argument);
    if (!named.has_value()) continue;
    names.insert(named->name);
    absl::string_view name = named->name;
    if (absl::ConsumePrefix(&name, "no")) names.insert(std::string(name));
  }
  return names;
}

std::string VariableOf(absl::string_view flag) {
  return absl::StrCat(kPrefix, absl::AsciiStrToUpper(flag));
}

// What Abseil says of a bad value, without the value and the flag, which it repeats first.
std::string WhyOf(const std::string& error) {
  const size_t why = error.find("; ");
  return why == std::string::npos ? "" : error.substr(why);
}

absl::Status UnknownFlag(absl::string_view name) {
  std::vector<std::string> known;
  for (const auto& [flag, unused] : OurFlags()) known.push_back(flag);
  return InvalidField("command line", absl::StrCat("--", name, " is not known; the nearest is --",
                                                   Nearest(name, known)));
}

// Sets the flag that arguments[*at] names, and moves on to the last argument that belongs to it.
absl::Status SetFlag(const std::vector<std::string>& arguments, const Named& named, size_t* at) {
  absl::CommandLineFlag* flag = FindFlag(named.name);
  std::optional<std::string> value = named.value;
  absl::string_view positive = named.name;
  if (flag == nullptr && !value.has_value() && absl::ConsumePrefix(&positive, "no")) {
    flag = FindFlag(positive);
    if (flag != nullptr && !flag->IsOfType<bool>()) flag = nullptr;
    value = "false";
  }
  if (flag == nullptr) return UnknownFlag(named.name);
  if (!value.has_value() && flag->IsOfType<bool>()) value = "true";
  if (!value.has_value()) {
    if (*at + 1 >= arguments.size()) {
      return InvalidField("command line", absl::StrCat("--", named.name, " needs a value"));
    }
    value = arguments[++*at];
  }
  std::string error;
  if (flag->ParseFrom(*value, &error)) return absl::OkStatus();
  return InvalidField("command line", absl::StrCat("'", *value, "' is not a value for --",
                                                   flag->Name(), WhyOf(error)));
}

bool IsOf(const Command& command, absl::string_view name, const absl::CommandLineFlag& flag) {
  return std::any_of(command.flags.begin(), command.flags.end(), [&](const std::string& entry) {
    return absl::EndsWith(entry, ".cc") ? absl::EndsWith(flag.Filename(), entry) : entry == name;
  });
}

// Null for no such command.
const Command* FindCommand(const Program& program, absl::string_view name) {
  for (const Command& command : program.commands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

// How a command is called: "worker reconcile".
std::string CalledAs(absl::string_view program_name, const Command& command) {
  return absl::StrCat("`", program_name, command.name.empty() ? "" : " ", command.name, "`");
}

// INVALID_ARGUMENT if the command line gives a flag that its command does not read: whoever gave it
// means something else than what would be done.
absl::Status CheckFlagsAreRead(const Program& program, absl::string_view program_name,
                               absl::string_view command_name, const std::set<std::string>& named) {
  const Command* const command = FindCommand(program, command_name);
  if (command == nullptr) return absl::OkStatus();  // one that there is not: its own refusal
  for (const auto& [name, flag] : OurFlags()) {
    if (named.count(name) == 0 || IsOf(*command, name, *flag)) continue;
    std::vector<std::string> readers;
    for (const Command& other : program.commands) {
      if (IsOf(other, name, *flag)) readers.push_back(CalledAs(program_name, other));
    }
    return InvalidField(
        "command line",
        absl::StrCat("--", name, " is not read by ", CalledAs(program_name, *command), ", but by ",
                     readers.empty() ? "no command" : absl::StrJoin(readers, ", ")));
  }
  return absl::OkStatus();
}

// Of a command, if there is one of that name; else of the program, which names its commands and
// leaves flags to them.
void PrintHelp(const Program& program, const std::string& name) {
  const Command* const command = FindCommand(program, name);
  std::printf("%s\n", command == nullptr ? program.usage.c_str() : command->usage.c_str());
  if (name.empty() && !program.commands.empty()) {
    std::printf("`help COMMAND` shows what a command reads.\n");
  }
  if (command == nullptr && !program.commands.empty()) return;
  std::printf("\nFlags, each also from the environment (--listen is RESERVE_LISTEN):\n");
  for (const auto& [flag_name, flag] : OurFlags()) {
    if (command != nullptr && !IsOf(*command, flag_name, *flag)) continue;
    const std::string initial = flag->DefaultValue();
    std::printf("  --%s\n      %s%s\n", flag_name.c_str(), flag->Help().c_str(),
                initial.empty() ? "" : absl::StrCat(" Default: ", initial).c_str());
  }
}

std::optional<std::string> ReadEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::vector<std::string> VariablesSet() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view variable = *entry;
    names.emplace_back(variable.substr(0, variable.find('=')));
  }
  return names;
}

// Kubernetes tells each container of the Services of its namespace, RESERVE_LEDGER_SERVICE_HOST
// and so on of one that is called reserve-ledger.
bool IsOfAService(absl::string_view variable, const std::set<std::string>& names) {
  for (size_t at = variable.find('_'); at != absl::string_view::npos;
       at = variable.find('_', at + 1)) {
    const absl::string_view service = variable.substr(0, at);
    const absl::string_view rest = variable.substr(at);
    if (names.count(absl::StrCat(service, "_SERVICE_HOST")) == 0) continue;
    if (absl::StartsWith(rest, "_SERVICE_") || rest == "_PORT" ||
        absl::StartsWith(rest, "_PORT_")) {
      return true;
    }
  }
  return false;
}

[[noreturn]] void EndWith(const absl::Status& status) {
  std::fprintf(stderr, "ERROR: %s\n", std::string(status.message()).c_str());
  std::exit(ExitCodeOf(status));
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailure;
}

std::vector<std::string> ParseFlags(int argc, char* argv[], const Program& program) {
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::set<std::string> named = NamedFlags(arguments);
  const bool by_command = !arguments.empty() && arguments.front() == kHelpCommand;
  if (by_command || named.count("help") > 0) {
    if (by_command) arguments.erase(arguments.begin());
    std::string command;
    for (const std::string& argument : arguments) {
      if (FindCommand(program, argument) != nullptr) command = argument;
    }
    if (by_command && arguments.size() == 1 && command.empty()) {
      EndWith(InvalidField("help",
                           absl::StrCat("\"", arguments[0], "\" is no command\n", program.usage)));
    }
    PrintHelp(program, command);
    std::exit(kExitOk);
  }
  if (named.count("version") > 0) {
    std::printf("reserve %s (build %s)\n", Version(), Build());
    std::exit(kExitOk);
  }
  const absl::Status variables = CheckVariables(VariablesSet());
  if (!variables.ok()) EndWith(variables);
  const absl::StatusOr<std::vector<std::string>> positional = SetFlagsFrom(arguments);
  if (!positional.ok()) EndWith(positional.status());
  const std::string command = positional->empty() ? "" : positional->front();
  const std::string path = argc > 0 ? argv[0] : "";
  const absl::Status read =
      CheckFlagsAreRead(program, path.substr(path.rfind('/') + 1), command, named);
  if (!read.ok()) EndWith(read);
  const absl::Status status = SetFlagsFromEnvironment(arguments, ReadEnvironment);
  if (!status.ok()) EndWith(status);
  return *positional;
}

std::vector<std::string> ParseFlags(int argc, char* argv[], absl::string_view usage) {
  return ParseFlags(argc, argv, Program{.usage = std::string(usage)});
}

absl::StatusOr<std::vector<std::string>> SetFlagsFrom(const std::vector<std::string>& arguments) {
  std::vector<std::string> positional;
  bool flags_ended = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::optional<Named> named = flags_ended ? std::nullopt : NameIn(arguments[i]);
    if (!flags_ended && arguments[i] == "--") {
      flags_ended = true;
    } else if (!named.has_value()) {
      positional.push_back(arguments[i]);
    } else {
      RESERVE_RETURN_IF_ERROR(SetFlag(arguments, *named, &i));
    }
  }
  return positional;
}

absl::Status SetFlagsFromEnvironment(const std::vector<std::string>& arguments,
                                     const Environment& environment) {
  const std::set<std::string> named = NamedFlags(arguments);
  for (const auto& [name, flag] : OurFlags()) {
    if (named.count(name) > 0) continue;
    const std::string variable = VariableOf(name);
    const std::optional<std::string> value = environment(variable);
    if (!value.has_value()) continue;
    std::string error;
    if (!flag->ParseFrom(*value, &error)) {
      return absl::InvalidArgumentError(absl::StrCat("environment variable ", variable, ": '",
                                                     *value, "' is not a value for --", name,
                                                     WhyOf(error)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVariables(const std::vector<std::string>& names) {
  std::set<std::string> known;
  for (const absl::string_view flag : kKnownFlags) known.insert(VariableOf(flag));
  for (const auto& [flag, unused] : OurFlags()) known.insert(VariableOf(flag));
  const std::set<std::string> all(names.begin(), names.end());
  for (const std::string& name : all) {
    if (!absl::StartsWith(name, kPrefix) || absl::StartsWith(name, kOfTests)) continue;
    if (known.count(name) > 0 || IsOfAService(name, all)) continue;
    return InvalidField(
        absl::StrCat("environment variable ", name),
        absl::StrCat("belongs to no flag; the nearest is ",
                     Nearest(name, std::vector<std::string>(known.begin(), known.end()))));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't read the secret file '", path, "'"));
  }
  std::string content(kMaxSecretBytes + 1, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), file));
  const bool failed = std::ferror(file) != 0;
  const int error = errno;
  std::fclose(file);
  if (failed) {
    return absl::ErrnoToStatus(error, absl::StrCat("can't read the secret file '", path, "'"));
  }
  if (content.size() > kMaxSecretBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the secret file '", path, "' is larger than 64 KiB"));
  }
  absl::string_view secret = content;
  absl::ConsumeSuffix(&secret, "\n");
  absl::ConsumeSuffix(&secret, "\r");
  if (secret.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the secret file '", path, "' is empty"));
  }
  return std::string(secret);
}

}  // namespace reserve
