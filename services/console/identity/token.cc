#include "services/console/identity/token.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "services/console/identity/member_text.h"

namespace reserve::console {
namespace {

constexpr size_t kMostBytes = 8192;
constexpr size_t kMostSubject = 128;
constexpr size_t kMostAccountId = 64;
constexpr int64_t kLastSecond = 253402300799;  // of the year 9999

using Json = nlohmann::json;

absl::Status Refused(absl::string_view why) { return absl::UnauthenticatedError(why); }

// The JSON object in a part of the token.
std::optional<Json> ObjectOf(absl::string_view part) {
  std::string text;
  if (!absl::WebSafeBase64Unescape(part, &text)) return std::nullopt;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

// A moment, as seconds; nothing if it is no number, or of no year that there is.
std::optional<absl::Time> TimeOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds <= static_cast<double>(kLastSecond))) return std::nullopt;
  return absl::FromUnixSeconds(static_cast<int64_t>(seconds));
}

// The key that the header names: by its id, or the only one of the algorithm.
const PublicKey* KeyOf(const Json& header, const KeySet& keys) {
  const std::string name = MemberText(header, "alg");
  if (name != "RS256" && name != "ES256") return nullptr;
  const Algorithm algorithm = name == "RS256" ? Algorithm::kRs256 : Algorithm::kEs256;
  const std::string key_id = MemberText(header, "kid");
  const PublicKey* found = nullptr;
  for (const PublicKey& key : keys) {
    if (key.algorithm != algorithm || (!key_id.empty() && key.key_id != key_id)) continue;
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

bool IsFor(const Json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_string()) return found->get<std::string>() == audience;
  if (!found->is_array()) return false;
  return absl::c_any_of(*found, [&](const Json& one) {
    return one.is_string() && one.get<std::string>() == audience;
  });
}

bool IsAccountId(absl::string_view id) {
  return !id.empty() && id.size() <= kMostAccountId && absl::c_all_of(id, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("._:-", absl::string_view(&c, 1));
  });
}

absl::Status CheckTimes(const Json& claims, absl::Time now) {
  const std::optional<absl::Time> end = TimeOf(claims, "exp");
  if (!end.has_value()) return Refused("it has no end");
  if (now >= *end + kClockLeeway) return Refused("it has expired");
  if (!claims.contains("nbf")) return absl::OkStatus();
  const std::optional<absl::Time> begin = TimeOf(claims, "nbf");
  if (!begin.has_value() || now + kClockLeeway < *begin) return Refused("it is not valid yet");
  return absl::OkStatus();
}

absl::StatusOr<Identity> IdentityOf(const Json& claims) {
  Identity identity;
  identity.subject = MemberText(claims, "sub");
  if (identity.subject.empty() || identity.subject.size() > kMostSubject ||
      absl::c_any_of(identity.subject,
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); })) {
    return Refused("it names nobody");
  }
  identity.account_id = MemberText(claims, "account_id");
  const std::string role = MemberText(claims, "role");
  identity.support = role == "support";
  identity.operations = role == "operations";
  const bool has_role = identity.support || identity.operations;
  if (claims.contains("account_id") && !IsAccountId(identity.account_id)) {
    return Refused("its account is none");
  }
  if (claims.contains("role") && !has_role) return Refused("its role is none");
  if (has_role == !identity.account_id.empty()) {
    return Refused("it has neither an account nor a role, or both");
  }
  identity.expire_time = *TimeOf(claims, "exp");
  return identity;
}

}  // namespace

absl::StatusOr<Identity> CheckToken(absl::string_view token, const KeySet& keys,
                                    const TokenRules& rules, absl::Time now) {
  if (token.size() > kMostBytes) return Refused("it is too long");
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return Refused("it has not three parts");
  const std::optional<Json> header = ObjectOf(parts[0]);
  if (!header.has_value() || header->contains("crit")) return Refused("its header is not known");
  const PublicKey* const key = KeyOf(*header, keys);
  if (key == nullptr) return Refused("its algorithm or key is not known");
  std::string signature;
  if (!absl::WebSafeBase64Unescape(parts[2], &signature) ||
      !Signed(*key, token.substr(0, parts[0].size() + 1 + parts[1].size()), signature)) {
    return Refused("its signature is not the key's");
  }
  const std::optional<Json> claims = ObjectOf(parts[1]);
  if (!claims.has_value()) return Refused("it claims nothing");
  if (!IsFor(*claims, rules.audience)) return Refused("it is for somebody else");
  if (!rules.issuer.empty() && MemberText(*claims, "iss") != rules.issuer) {
    return Refused("somebody else has issued it");
  }
  RESERVE_RETURN_IF_ERROR(CheckTimes(*claims, now));
  return IdentityOf(*claims);
}

}  // namespace reserve::console
