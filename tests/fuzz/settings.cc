// The files, addresses and flags of whoever runs the programs.
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/access/roles.h"
#include "common/card/card_number.h"
#include "common/flags/address.h"
#include "common/flags/flags.h"
#include "common/telemetry/trace.h"
#include "common/text/utf8.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/settings.h"
#include "services/ledger/storage/database_url.h"
#include "tests/fuzz/targets.h"

ABSL_FLAG(int, fuzz_number, 0, "A flag to be set.");
ABSL_FLAG(absl::Duration, fuzz_time, absl::ZeroDuration(), "A flag to be set.");
ABSL_FLAG(bool, fuzz_switch, false, "A flag to be set.");
ABSL_FLAG(std::string, fuzz_text, "", "A flag to be set.");

namespace reserve::fuzz {
namespace {

// Letters as others, so that a text is none that anybody wrote.
std::string Turned(absl::string_view text) {
  std::string turned(text);
  for (char& c : turned) {
    if (absl::ascii_islower(c)) c = static_cast<char>('a' + (c - 'a' + 13) % 26);
    if (absl::ascii_isupper(c)) c = static_cast<char>('A' + (c - 'A' + 13) % 26);
  }
  return turned;
}

// Of user:password@ the message must not hold the second, if it is long enough to be told. It may
// be words that the message has anyhow: then another password is not in its own message.
void RequireSecret(absl::string_view bytes, absl::string_view message) {
  const std::vector<absl::string_view> parts = absl::StrSplit(bytes, absl::MaxSplits(':', 2));
  if (parts.size() < 3) return;
  const absl::string_view password = parts[2].substr(0, parts[2].find('@'));
  if (password.size() < 12 || password.size() == parts[2].size()) return;
  if (!absl::StrContains(message, password)) return;
  const std::string another = Turned(password);
  const auto options = storage::ParseDatabaseUrl(
      absl::StrCat(parts[0], ":", parts[1], ":", another, parts[2].substr(password.size())));
  Require(another != password &&
              (options.ok() || !absl::StrContains(options.status().message(), another)),
          "a message does not hold the password");
}

}  // namespace

void Roles(absl::string_view bytes) {
  const absl::StatusOr<RolesByCaller> roles = ParseRoles(bytes);
  if (!roles.ok()) return RequireReadable(roles.status().message());
  for (const auto& [caller, each] : *roles) {
    Require(IsCallerName(caller), "a caller's name is one");
    Require(!each.empty(), "a caller of the file has a role");
  }
}

void DatabaseUrls(absl::string_view bytes) {
  const auto options = storage::ParseDatabaseUrl(bytes);
  if (!options.ok()) {
    RequireReadable(options.status().message());
    RequireSecret(bytes, options.status().message());
    return;
  }
  Require(!options->user.empty() && !options->schema.empty(), "an address is whole");
  Require(options->port > 0 && options->port <= 65535, "a port is one");
  const std::vector<absl::string_view> query = absl::StrSplit(bytes, absl::MaxSplits('?', 1));
  if (query.size() < 2) return;
  for (const absl::string_view parameter : absl::StrSplit(query[1], '&')) {
    Require(!absl::StartsWith(parameter, "ssl_ca=") || !options->ssl_ca.empty(),
            "who asks for TLS gets it");
  }
}

void Flags(absl::string_view bytes) {
  if (!IsUtf8(bytes)) return;  // who typed it is shown it again as it was
  const std::vector<std::string> arguments = absl::StrSplit(bytes, '\n');
  // Its own flags alone: the test's and the fuzzer's are nobody's business.
  for (const std::string& argument : arguments) {
    if (absl::StartsWith(argument, "-") && !absl::StrContains(argument, "fuzz_")) return;
    const absl::Status listens = CheckListenAddress("--listen", argument);
    if (!listens.ok()) RequireReadable(listens.message());
    const absl::Status target = CheckTarget("--ledger", argument);
    if (!target.ok()) RequireReadable(target.message());
    if (listens.ok() && target.ok()) IsLoopback(argument);
  }
  const auto rest = SetFlagsFrom(arguments);
  if (!rest.ok()) RequireReadable(rest.status().message());
}

void Numbers(absl::string_view bytes) {
  const domain::Settings settings;
  const std::optional<std::string> kept = domain::DestinationFrom(settings, bytes);
  if (kept.has_value()) {
    const absl::string_view digits = domain::DigitsOf(*kept);
    Require(digits.size() >= 3 || domain::IsEmergencySomewhere(settings, digits),
            "a number that is no emergency's has 3 digits");
    Require(digits.size() >= 2 && digits.size() <= 15, "a number has 2 to 15 digits");
    for (const char c : digits) Require(c >= '0' && c <= '9', "a number is digits");
    const std::string dialled = domain::DialledForm(*kept);
    Require(domain::DestinationFrom(settings, dialled) == kept, "a number is kept as itself");
  }
  const std::string masked = MaskCardNumbers(bytes);
  Require(masked.size() == bytes.size(), "a mask is as long as what it hides");
  Require(!HoldsCardNumber(masked), "what was masked holds no card's number");
}

void Traceparents(absl::string_view bytes) {
  const std::optional<TraceContext> context = ParseTraceparent(bytes);
  if (!context.has_value()) return;
  Require(context->valid(), "a trace that is taken is one");
  Require(ParseTraceparent(FormatTraceparent(*context)) == context, "a trace goes on as itself");
}

}  // namespace reserve::fuzz
