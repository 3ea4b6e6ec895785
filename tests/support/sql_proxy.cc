#include "tests/support/sql_proxy.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reserve::test_support {
namespace {

constexpr size_t kHeaderBytes = 4;  // three of length, one of sequence
constexpr int kPollMs = 20;

// First bytes of what a client asks for, and of what a server answers.
constexpr char kComQuit = 0x01;
constexpr char kComQuery = 0x03;
constexpr char kOk = 0x00;
constexpr char kMoreLogin = 0x01;
constexpr char kEof = static_cast<char>(0xFE);
constexpr char kError = static_cast<char>(0xFF);
// A packet that begins with kEof is a row from this length on.
constexpr size_t kLongestEof = 8;

// What we cannot read through is taken out of the server's offer.
constexpr uint32_t kCompress = 1U << 5;
constexpr uint32_t kTls = 1U << 11;
constexpr uint32_t kNoEof = 1U << 24;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

int ConnectTo(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const sockaddr_un address = AddressOf(path);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

bool SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string Packet(char sequence, absl::string_view payload) {
  const std::array<char, kHeaderBytes> header = {
      static_cast<char>(payload.size() & 0xFF), static_cast<char>((payload.size() >> 8) & 0xFF),
      static_cast<char>((payload.size() >> 16) & 0xFF), sequence};
  return absl::StrCat(absl::string_view(header.data(), header.size()), payload);
}

std::string ErrorPacket(char sequence, int error, absl::string_view state) {
  const std::array<char, 3> start = {kError, static_cast<char>(error & 0xFF),
                                     static_cast<char>((error >> 8) & 0xFF)};
  return Packet(sequence, absl::StrCat(absl::string_view(start.data(), start.size()), state,
                                       "the proxy says ", error));
}

// Not a reply: it announces a result of five columns, of which none is there.
std::string Garbage() { return absl::StrCat(Packet(1, "\x05"), Packet(2, "?!")); }

// Reads packets from a socket.
class PacketReader {
 public:
  explicit PacketReader(int fd) : fd_(fd) {}

  // The next packet with its header; nothing once the connection is over.
  std::optional<std::string> Next() {
    if (!Fill(kHeaderBytes)) return std::nullopt;
    const auto byte = [this](size_t i) {
      return static_cast<size_t>(static_cast<uint8_t>(held_[i]));
    };
    const size_t whole = kHeaderBytes + (byte(0) | byte(1) << 8 | byte(2) << 16);
    if (!Fill(whole)) return std::nullopt;
    std::string packet = held_.substr(0, whole);
    held_.erase(0, whole);
    return packet;
  }

 private:
  bool Fill(size_t size) {
    std::array<char, 16 << 10> buffer;
    while (held_.size() < size) {
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      if (got <= 0) return false;
      held_.append(buffer.data(), static_cast<size_t>(got));
    }
    return true;
  }

  const int fd_;
  std::string held_;
};

absl::string_view PayloadOf(const std::string& packet) {
  return absl::string_view(packet).substr(kHeaderBytes);
}

bool BeginsWith(const std::string& packet, char byte) {
  return packet.size() > kHeaderBytes && packet[kHeaderBytes] == byte;
}

// The whole reply to one statement: a word of success or error, or columns and rows, each ended
// by a packet of its own.
std::optional<std::string> ReadReply(PacketReader& server) {
  std::optional<std::string> packet = server.Next();
  if (!packet.has_value()) return std::nullopt;
  std::string reply = *packet;
  if (BeginsWith(*packet, kOk) || BeginsWith(*packet, kError)) return reply;
  for (int ends = 0; ends < 2;) {
    packet = server.Next();
    if (!packet.has_value()) return std::nullopt;
    reply += *packet;
    if (BeginsWith(*packet, kError)) return reply;
    if (BeginsWith(*packet, kEof) && PayloadOf(*packet).size() <= kLongestEof) ++ends;
  }
  return reply;
}

// Takes from the server's greeting what would hide statements and replies from us.
void SimplifyGreeting(std::string* greeting) {
  // Protocol version, server version up to a 0, thread, scramble, 0; then two bytes of
  // capabilities, character set, two of status, two more of capabilities.
  const size_t version_end = greeting->find('\0', kHeaderBytes + 1);
  const size_t low = version_end + 1 + 4 + 8 + 1;
  if (version_end == std::string::npos || greeting->size() < low + 7) return;
  const auto clear = [greeting, low](uint32_t flag) {
    for (size_t i = 0; i < 4; ++i) {
      char& byte = (*greeting)[low + i + (i < 2 ? 0 : 3)];
      byte = static_cast<char>(byte & ~static_cast<char>((flag >> (8 * i)) & 0xFF));
    }
  };
  clear(kCompress);
  clear(kTls);
  clear(kNoEof);
}

// Passes the login on, in both directions; false if it failed.
bool LogIn(PacketReader& client, int client_fd, PacketReader& server, int server_fd) {
  std::optional<std::string> greeting = server.Next();
  if (!greeting.has_value()) return false;
  SimplifyGreeting(&*greeting);
  if (!SendAll(client_fd, *greeting) || BeginsWith(*greeting, kError)) return false;
  bool clients_turn = true;
  while (true) {
    if (clients_turn) {
      const std::optional<std::string> answer = client.Next();
      if (!answer.has_value() || !SendAll(server_fd, *answer)) return false;
    }
    const std::optional<std::string> word = server.Next();
    if (!word.has_value() || !SendAll(client_fd, *word) || BeginsWith(*word, kError)) return false;
    if (BeginsWith(*word, kOk)) return true;
    // The server knows the password already, and says so before it says yes.
    clients_turn = !(BeginsWith(*word, kMoreLogin) && PayloadOf(*word) == "\x01\x03");
  }
}

// One connection between its login and its end.
class Session {
 public:
  Session(int client_fd, int server_fd)
      : client_fd_(client_fd), server_fd_(server_fd), client_(client_fd), server_(server_fd) {}

  bool LogIn() { return test_support::LogIn(client_, client_fd_, server_, server_fd_); }

  // What the client asks for next; nothing once it has gone.
  std::optional<std::string> Next() { return client_.Next(); }

  // Does as ruled; false if the connection is over.
  bool Carry(const std::string& request, const SqlProxy::Ruling& ruling) {
    using Fate = SqlProxy::Fate;
    if (ruling.fate == Fate::kCut) return false;
    if (ruling.fate == Fate::kRolledBack &&
        !Ask(Packet(0, absl::StrCat(std::string(1, kComQuery), "ROLLBACK"))).has_value()) {
      return false;
    }
    if (ruling.fate == Fate::kRefused || ruling.fate == Fate::kRolledBack) {
      return SendAll(client_fd_, ErrorPacket(1, ruling.error, "#HY000"));
    }
    const std::optional<std::string> reply = Ask(request);
    if (!reply.has_value() || ruling.fate == Fate::kDoneAndCut) return false;
    if (ruling.fate == Fate::kDoneAndRefused) {
      return SendAll(client_fd_, ErrorPacket(1, ruling.error, "#HY000"));
    }
    if (ruling.fate == Fate::kDoneAndGarbled) {
      SendAll(client_fd_, Garbage());
      return false;
    }
    return SendAll(client_fd_, *reply);
  }

 private:
  std::optional<std::string> Ask(const std::string& request) {
    if (!SendAll(server_fd_, request)) return std::nullopt;
    return ReadReply(server_);
  }

  const int client_fd_;
  const int server_fd_;
  PacketReader client_;
  PacketReader server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqlProxy>> SqlProxy::Create(std::string server_socket) {
  std::unique_ptr<SqlProxy> proxy(new SqlProxy());
  proxy->server_socket_ = std::move(server_socket);
  // Short, as a socket's address has room for 107 bytes.
  char name[] = "/tmp/reserve-XXXXXX";
  if (mkdtemp(name) == nullptr) return absl::InternalError("no folder for a socket in /tmp");
  proxy->folder_ = name;
  proxy->socket_path_ = proxy->folder_ + "/s";
  proxy->listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(proxy->socket_path_);
  if (proxy->listener_ < 0 ||
      bind(proxy->listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(proxy->listener_, SOMAXCONN) != 0) {
    return absl::InternalError(absl::StrCat(proxy->socket_path_, ": ", std::strerror(errno)));
  }
  proxy->acceptor_ = std::thread([p = proxy.get()] { p->Accept(); });
  return proxy;
}

SqlProxy::~SqlProxy() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (acceptor_.joinable()) acceptor_.join();
  {
    absl::MutexLock lock(&mutex_);
    for (Link& link : links_) {
      if (link.over) continue;
      shutdown(link.client, SHUT_RDWR);
      if (link.server >= 0) shutdown(link.server, SHUT_RDWR);
    }
  }
  for (Link& link : links_) link.thread.join();
  if (listener_ >= 0) close(listener_);
  std::error_code error;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, error);
}

void SqlProxy::SetJudge(Judge judge) {
  absl::MutexLock lock(&judge_mutex_);
  judge_ = std::move(judge);
}

SqlProxy::Ruling SqlProxy::Judged(int connection, absl::string_view statement) {
  absl::MutexLock lock(&judge_mutex_);
  return judge_ ? judge_(connection, statement) : Ruling{};
}

void SqlProxy::Accept() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    Reap();
    pollfd waiting = {.fd = listener_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int server = ConnectTo(server_socket_);
    absl::MutexLock lock(&mutex_);
    Link* link = &links_.emplace_back();
    link->number = ++connections_;
    link->client = client;
    link->server = server;
    link->thread = std::thread([this, link] { Serve(link); });
  }
}

void SqlProxy::Reap() {
  std::list<Link> over;
  {
    absl::MutexLock lock(&mutex_);
    for (auto it = links_.begin(); it != links_.end();) {
      const auto next = std::next(it);
      if (it->over) over.splice(over.end(), links_, it);
      it = next;
    }
  }
  for (Link& link : over) link.thread.join();
}

void SqlProxy::Serve(Link* link) {
  const Ruling at_connect = Judged(link->number, kConnect);
  if (at_connect.fate == Fate::kRefused) {
    // Before the login an error has no state.
    SendAll(link->client, ErrorPacket(0, at_connect.error, ""));
  } else if (at_connect.fate == Fate::kPasses && link->server >= 0) {
    Session session(link->client, link->server);
    bool open = session.LogIn();
    while (open) {
      const std::optional<std::string> request = session.Next();
      if (!request.has_value() || BeginsWith(*request, kComQuit)) break;
      Ruling ruling;
      if (BeginsWith(*request, kComQuery)) {
        ruling = Judged(link->number, PayloadOf(*request).substr(1));
      }
      open = session.Carry(*request, ruling);
    }
  }
  absl::MutexLock lock(&mutex_);
  close(link->client);
  if (link->server >= 0) close(link->server);
  link->over = true;
}

}  // namespace reserve::test_support
