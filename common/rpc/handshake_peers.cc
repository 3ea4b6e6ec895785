#include "common/rpc/handshake_peers.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace reserve {
namespace {

constexpr uint32_t kAMomentMillis = 500;
// A certificate with its chain and what goes with it.
constexpr uint64_t kMostOfAHandshake = 32 << 10;

struct Connection {
  std::string peer;
  uint32_t quiet_millis = 0;  // since something came
  uint64_t received = 0;      // bytes
};

std::string TextOf(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, host.data(), host.size());
    return absl::StrCat(host.data(), ":", ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  // gRPC listens for both by one socket, to which the older ones look like this.
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], host.data(), host.size());
    return absl::StrCat(host.data(), ":", ntohs(v6.sin6_port));
  }
  inet_ntop(AF_INET6, &v6.sin6_addr, host.data(), host.size());
  return absl::StrCat("[", host.data(), "]:", ntohs(v6.sin6_port));
}

// Nothing of what is no connection over TCP, or can't be looked at.
std::optional<Connection> ConnectionOf(int fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return std::nullopt;
  if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6) return std::nullopt;
  tcp_info info{};
  socklen_t info_length = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_length) != 0) return std::nullopt;
  return Connection{TextOf(peer), info.tcpi_last_data_recv, info.tcpi_bytes_received};
}

}  // namespace

std::vector<std::string> PeersInHandshakes(size_t most) {
  std::vector<Connection> begun;
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error); !error && entry != end;
       entry.increment(error)) {
    int fd = -1;
    if (!absl::SimpleAtoi(entry->path().filename().string(), &fd)) continue;
    std::optional<Connection> connection = ConnectionOf(fd);
    if (!connection.has_value() || connection->quiet_millis > kAMomentMillis) continue;
    if (connection->received == 0 || connection->received > kMostOfAHandshake) continue;
    begun.push_back(*std::move(connection));
  }
  std::sort(begun.begin(), begun.end(), [](const Connection& a, const Connection& b) {
    return std::make_pair(a.quiet_millis, a.received) < std::make_pair(b.quiet_millis, b.received);
  });
  std::vector<std::string> peers;
  for (Connection& connection : begun) {
    if (peers.size() == most) break;
    peers.push_back(std::move(connection.peer));
  }
  return peers;
}

}  // namespace reserve
