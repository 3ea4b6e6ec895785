#include "common/reference/reference.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace reserve {
namespace {

constexpr size_t kMaxAccountId = 64;  // resources.proto, Account.account_id

bool IsAccountId(absl::string_view text) {
  if (text.empty() || text.size() > kMaxAccountId) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == ':' || c == '-';
  });
}

}  // namespace

std::string FormatReference(absl::string_view account_id, int64_t ordinal) {
  return absl::StrCat(account_id, "/", ordinal);
}

std::optional<Reference> ParseReference(absl::string_view text) {
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) return std::nullopt;
  Reference reference{std::string(text.substr(0, slash)), 0};
  const absl::string_view digits = text.substr(slash + 1);
  // As it is written, and not "+2" or "02".
  if (!IsAccountId(reference.account_id) || !absl::SimpleAtoi(digits, &reference.ordinal) ||
      reference.ordinal < 1 || digits != absl::StrCat(reference.ordinal)) {
    return std::nullopt;
  }
  return reference;
}

}  // namespace reserve
