#include "common/access/roles.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace reserve {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

absl::Status Bad(size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

std::optional<Role> RoleNamed(absl::string_view name) {
  for (const NamedRole& role : kNamedRoles) {
    if (role.name == name) return role.role;
  }
  return std::nullopt;
}

// A word is the file's, and may be anything: only what can be a name is repeated.
std::string Quoted(absl::string_view word) {
  return IsCallerName(word) ? absl::StrCat("\"", word, "\"") : std::string("a word");
}

std::string AllRoles() {
  std::vector<absl::string_view> names;
  for (const NamedRole& role : kNamedRoles) names.push_back(role.name);
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<Roles> RolesOf(const std::vector<absl::string_view>& words, size_t line) {
  Roles roles;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::optional<Role> role = RoleNamed(words[i]);
    if (!role.has_value()) {
      return Bad(line, absl::StrCat(Quoted(words[i]), " is none of the roles ", AllRoles()));
    }
    roles = roles | *role;
  }
  if (roles.empty())
    return Bad(line, absl::StrCat("the caller ", Quoted(words[0]), " has no role"));
  return roles;
}

}  // namespace

bool IsCallerName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxCallerBytes && absl::c_all_of(name, [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

absl::StatusOr<RolesByCaller> ParseRoles(absl::string_view text) {
  RolesByCaller result;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r,"), absl::SkipEmpty());
    if (words.empty()) continue;
    if (!IsCallerName(words[0])) {
      return Bad(number, "a caller's name is 1 to 128 printable ASCII characters");
    }
    const absl::StatusOr<Roles> roles = RolesOf(words, number);
    if (!roles.ok()) return roles.status();
    if (!result.emplace(words[0], *roles).second) {
      return Bad(number, absl::StrCat("the caller ", Quoted(words[0]), " has a line already"));
    }
  }
  if (result.empty()) return absl::InvalidArgumentError("it names no caller");
  return result;
}

absl::StatusOr<RolesByCaller> ReadRoles(const std::string& path) {
  const auto bad = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("the roles file '", path, "': ", what));
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) return bad("can't be read");
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) return bad("can't be read");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) return bad("is larger than 1 MiB");
  absl::StatusOr<RolesByCaller> roles = ParseRoles(text);
  if (!roles.ok()) return bad(roles.status().message());
  return roles;
}

std::string NamesOf(Roles roles) {
  std::vector<absl::string_view> names;
  for (const NamedRole& role : kNamedRoles) {
    if (roles.Has(role.role)) names.push_back(role.name);
  }
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

}  // namespace reserve
