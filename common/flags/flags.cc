#include "common/flags/flags.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <set>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace reserve {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;

// The folder of our sources, as the compiler writes it before file names.
absl::string_view SourceRoot() {
  absl::string_view root = __FILE__;
  return absl::ConsumeSuffix(&root, "common/flags/flags.cc") ? root : absl::string_view();
}

// Abseil's own flags (--flagfile and the like) are not shown, nor set from outside.
bool IsOurs(absl::string_view file) { return !absl::StrContains(file, "absl/flags/"); }

// The names of the flags that the command line gives: "listen" for --listen=x,
// --listen x, -listen; both "tls" and "notls" for --notls.
std::set<std::string> NamedFlags(const std::vector<std::string>& arguments) {
  std::set<std::string> names;
  for (const std::string& argument : arguments) {
    absl::string_view name = argument;
    if (name == "--") break;
    if (!absl::ConsumePrefix(&name, "-")) continue;
    absl::ConsumePrefix(&name, "-");
    name = name.substr(0, name.find('='));
    names.insert(std::string(name));
    if (absl::ConsumePrefix(&name, "no")) names.insert(std::string(name));
  }
  return names;
}

bool NamesOneOf(const std::set<std::string>& named, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (named.count(name) > 0) return true;
  }
  return false;
}

std::string VariableOf(absl::string_view flag) {
  return absl::StrCat("RESERVE_", absl::AsciiStrToUpper(flag));
}

// Abseil's own --help leaves out the flags of other files, and ends with exit code 1.
void PrintHelp(absl::string_view usage) {
  std::map<std::string, absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (IsOurs(flag->Filename())) flags.emplace(std::string(name), flag);
  }
  std::printf("%s\n\nFlags, each also from the environment (--listen is RESERVE_LISTEN):\n",
              std::string(usage).c_str());
  for (const auto& [name, flag] : flags) {
    const std::string initial = flag->DefaultValue();
    std::printf("  --%s\n      %s%s\n", name.c_str(), flag->Help().c_str(),
                initial.empty() ? "" : absl::StrCat(" Default: ", initial).c_str());
  }
}

void ConfigureUsage(absl::string_view usage) {
  absl::SetProgramUsageMessage(usage);
  absl::FlagsUsageConfig config;
  config.contains_help_flags = IsOurs;
  config.contains_helpshort_flags = IsOurs;
  config.contains_helppackage_flags = IsOurs;
  config.version_string = [] { return std::string("reserve " RESERVE_VERSION "\n"); };
  config.normalize_filename = [](absl::string_view file) {
    absl::ConsumePrefix(&file, SourceRoot());
    return std::string(file);
  };
  absl::SetFlagsUsageConfig(std::move(config));
}

std::optional<std::string> ReadEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

std::vector<std::string> ParseFlags(int argc, char* argv[], absl::string_view usage) {
  ConfigureUsage(usage);
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::set<std::string> named = NamedFlags(arguments);
  if (NamesOneOf(named, {"help"})) {
    PrintHelp(usage);
    std::exit(0);
  }
  if (!NamesOneOf(named, {"helpfull", "helpshort", "helppackage", "helpon", "version"})) {
    const absl::Status status = SetFlagsFromEnvironment(arguments, ReadEnvironment);
    if (!status.ok()) {
      std::fprintf(stderr, "ERROR: %s\n", std::string(status.message()).c_str());
      std::exit(2);
    }
  }
  const std::vector<char*> positional = absl::ParseCommandLine(argc, argv);
  if (positional.empty()) return {};
  return std::vector<std::string>(positional.begin() + 1, positional.end());
}

absl::Status SetFlagsFromEnvironment(const std::vector<std::string>& arguments,
                                     const Environment& environment) {
  const std::set<std::string> named = NamedFlags(arguments);
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    const std::string key(name);
    if (!IsOurs(flag->Filename()) || named.count(key) > 0) continue;
    const std::string variable = VariableOf(key);
    const std::optional<std::string> value = environment(variable);
    if (!value.has_value()) continue;
    std::string error;
    if (!flag->ParseFrom(*value, &error)) {
      // Abseil repeats the value and the flag before it says why.
      const size_t why = error.find("; ");
      return absl::InvalidArgumentError(
          absl::StrCat("environment variable ", variable, ": '", *value, "' is not a value for --",
                       key, why == std::string::npos ? "" : error.substr(why)));
    }
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
