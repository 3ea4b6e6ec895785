#include "common/flags/address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"

namespace reserve {
namespace {

constexpr int kMaxPort = 65535;
constexpr size_t kMaxPortDigits = 5;

// A port of at least `least`, written in digits alone.
bool IsPort(absl::string_view text, int least) {
  int port = -1;
  return text.size() <= kMaxPortDigits &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, &port) && port >= least && port <= kMaxPort;
}

// A colon in a host is IPv6, which must stand in brackets.
bool IsHost(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "[")) {
    if (!absl::ConsumeSuffix(&text, "]")) return false;
  } else if (absl::StrContains(text, ':')) {
    return false;
  }
  return !text.empty() && text.find_first_of(" \t[]/@,") == absl::string_view::npos;
}

bool IsHostAndPort(absl::string_view text, int least_port) {
  const size_t colon = text.rfind(':');
  return colon != absl::string_view::npos && IsHost(text.substr(0, colon)) &&
         IsPort(text.substr(colon + 1), least_port);
}

bool IsUnix(absl::string_view text) { return absl::ConsumePrefix(&text, "unix:") && !text.empty(); }

}  // namespace

absl::Status CheckListenAddress(absl::string_view flag, absl::string_view address,
                                bool may_be_unix) {
  if (IsHostAndPort(address, 0) || (may_be_unix && IsUnix(address))) return absl::OkStatus();
  return InvalidField(
      flag, absl::StrCat("'", address, "' is not host:port, like 0.0.0.0:9100",
                         may_be_unix ? ", nor unix:/path" : "", "; ports are 0 (any) to 65535"));
}

HostAndPort SplitHostAndPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  HostAndPort parts;
  absl::string_view host = address.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  parts.host = std::string(host);
  if (!absl::SimpleAtoi(address.substr(colon + 1), &parts.port)) parts.port = 0;
  return parts;
}

bool IsLoopback(absl::string_view address) {
  for (const absl::string_view scheme : {"unix:", "unix-abstract:"}) {
    if (absl::StartsWith(address, scheme)) return true;
  }
  for (const absl::string_view scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&address, scheme)) break;
  }
  // A name server before the host says nothing of the host.
  if (const size_t slash = address.rfind('/'); slash != absl::string_view::npos) {
    address.remove_prefix(slash + 1);
  }
  const absl::string_view host = address.substr(0, address.rfind(':'));
  if (host == "localhost" || host == "[::1]") return true;
  // Digits and points alone, so that 127.0.0.1.example.org is none.
  return absl::StartsWith(host, "127.") && std::all_of(host.begin(), host.end(), [](char c) {
           return absl::ascii_isdigit(c) || c == '.';
         });
}

absl::Status CheckTarget(absl::string_view flag, absl::string_view target) {
  absl::string_view rest = target;
  if (absl::ConsumePrefix(&rest, "dns:")) {
    // dns:host:port, or dns://server/host:port.
    const size_t slash = rest.rfind('/');
    if (slash != absl::string_view::npos) rest.remove_prefix(slash + 1);
  } else {
    for (const absl::string_view scheme :
         {"unix:", "unix-abstract:", "ipv4:", "ipv6:", "xds:", "vsock:"}) {
      if (absl::ConsumePrefix(&rest, scheme) && !rest.empty()) return absl::OkStatus();
    }
  }
  if (IsHostAndPort(rest, 1)) return absl::OkStatus();
  return InvalidField(flag, absl::StrCat("'", target, "' is not host:port, dns:///host:port or ",
                                         "unix:/path; ports are 1 to 65535"));
}

}  // namespace reserve
