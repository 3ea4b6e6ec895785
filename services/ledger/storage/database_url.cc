#include "services/ledger/storage/database_url.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"

namespace reserve::storage {
namespace {

// Galera's mask: reads, updates, inserts and SHOW.
constexpr int kEveryStatement = 15;
constexpr absl::string_view kShape = "must be mysql://user:password@host:port/schema";

absl::StatusOr<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      return InvalidField("database", "has a % that no two hexadecimal digits follow");
    }
    decoded += absl::HexStringToBytes(text.substr(i + 1, 2));
    i += 2;
  }
  return decoded;
}

// Of a password whose ? and @ are not encoded a part stands among the parameters: no name is told
// then.
std::string NameOf(absl::string_view parameter, absl::string_view query) {
  if (absl::StrContains(query, '@')) return "parameter";
  constexpr size_t kShownBytes = 64;
  return absl::StrCat("parameter \"", absl::CEscape(parameter.substr(0, kShownBytes)), "\"");
}

absl::Status ParseParameters(absl::string_view query, DatabaseOptions* options) {
  for (const absl::string_view pair : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> kv =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    RESERVE_ASSIGN_OR_RETURN(std::string value, PercentDecode(kv.second));
    if (value.empty()) {
      return InvalidField("database",
                          absl::StrCat("has the ", NameOf(kv.first, query), " without a value"));
    }
    if (kv.first == "socket") {
      options->socket = std::move(value);
    } else if (kv.first == "ssl_ca") {
      options->ssl_ca = std::move(value);
    } else if (kv.first == "wsrep_sync_wait") {
      if (!absl::SimpleAtoi(value, &options->wsrep_sync_wait) || options->wsrep_sync_wait < 0 ||
          options->wsrep_sync_wait > kEveryStatement) {
        return InvalidField("database", "has a wsrep_sync_wait that is not 0 to 15");
      }
    } else {
      return InvalidField("database",
                          absl::StrCat("has the unknown ", NameOf(kv.first, query),
                                       "; known are socket, ssl_ca and wsrep_sync_wait"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DatabaseOptions> ParseDatabaseUrl(absl::string_view url) {
  DatabaseOptions options;
  if (!absl::ConsumePrefix(&url, "mysql://")) return InvalidField("database", kShape);
  const size_t question = url.find('?');
  if (question != absl::string_view::npos) {
    if (!absl::StrContains(url.substr(0, question), '@')) return InvalidField("database", kShape);
    RESERVE_RETURN_IF_ERROR(ParseParameters(url.substr(question + 1), &options));
    url = url.substr(0, question);
  }
  const size_t at = url.rfind('@');
  if (at == absl::string_view::npos) return InvalidField("database", kShape);
  const std::pair<absl::string_view, absl::string_view> login =
      absl::StrSplit(url.substr(0, at), absl::MaxSplits(':', 1));
  RESERVE_ASSIGN_OR_RETURN(options.user, PercentDecode(login.first));
  RESERVE_ASSIGN_OR_RETURN(options.password, PercentDecode(login.second));
  if (options.user.empty()) return InvalidField("database", "names no user");

  const std::pair<absl::string_view, absl::string_view> place =
      absl::StrSplit(url.substr(at + 1), absl::MaxSplits('/', 1));
  options.schema = std::string(place.second);
  const std::pair<absl::string_view, absl::string_view> address =
      absl::StrSplit(place.first, absl::MaxSplits(':', 1));
  if (!address.first.empty()) options.host = std::string(address.first);
  if (!address.second.empty() && (!absl::SimpleAtoi(address.second, &options.port) ||
                                  options.port < 1 || options.port > 65535)) {
    return InvalidField("database", "has a port that is not 1 to 65535");
  }
  if (options.schema.empty()) return InvalidField("database", "names no schema");
  return options;
}

}  // namespace reserve::storage
