#include "services/console/views/texts.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace reserve::console {

absl::StatusOr<Texts> Texts::Read(absl::string_view file) {
  Texts texts;
  for (absl::string_view line : absl::StrSplit(file, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(" = ", 1));
    if (parts.size() != 2) return absl::InvalidArgumentError(absl::StrCat("no text: ", line));
    if (!texts.texts_.emplace(std::string(parts[0]), std::string(parts[1])).second) {
      return absl::InvalidArgumentError(absl::StrCat("comes twice: ", parts[0]));
    }
  }
  return texts;
}

std::string Texts::Say(const std::string& key, const std::vector<std::string>& put_in) const {
  const auto found = texts_.find(key);
  if (found == texts_.end()) return absl::StrCat("[", key, "]");
  std::vector<std::pair<std::string, std::string>> replaced;
  for (size_t i = 0; i < put_in.size(); ++i) replaced.emplace_back(absl::StrCat("$", i), put_in[i]);
  return absl::StrReplaceAll(found->second, replaced);
}

std::string Texts::SayName(const std::string& prefix, const std::string& name) const {
  return Has(prefix + name) ? Say(prefix + name) : name;
}

}  // namespace reserve::console
