#include "tests/chaos/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace reserve::chaos {
namespace {

constexpr size_t kChunkBytes = 64 << 10;
constexpr int kPollMs = 100;

int ConnectTo(const std::string& socket_path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof(address.sun_path) - 1);
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

// The peer sees a reset, as when a cable or a machine goes.
void Reset(int fd) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Proxy>> Proxy::Create(std::string upstream_socket) {
  std::unique_ptr<Proxy> proxy(new Proxy());
  proxy->LeadTo(std::move(upstream_socket));
  proxy->listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (proxy->listener_ < 0 || bind(proxy->listener_, any, size) != 0 ||
      listen(proxy->listener_, SOMAXCONN) != 0 || getsockname(proxy->listener_, any, &size) != 0) {
    return absl::InternalError("no port for a proxy");
  }
  proxy->port_ = ntohs(address.sin_port);
  proxy->acceptor_ = std::thread([p = proxy.get()] { p->Accept(); });
  return proxy;
}

Proxy::~Proxy() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (acceptor_.joinable()) acceptor_.join();
  CutAll();
  while (true) {
    std::thread thread;
    {
      absl::MutexLock lock(&mutex_);
      if (links_.empty()) break;
      thread = std::move(links_.front().thread);
    }
    thread.join();
    absl::MutexLock lock(&mutex_);
    links_.pop_front();
  }
  if (listener_ >= 0) close(listener_);
}

void Proxy::LeadTo(std::string upstream_socket) {
  absl::MutexLock lock(&mutex_);
  upstream_ = std::move(upstream_socket);
}

std::string Proxy::address() const { return absl::StrCat("127.0.0.1:", port_); }

void Proxy::Accept() {
  while (true) {
    std::string upstream;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      upstream = upstream_;
    }
    Reap();
    pollfd waiting = {.fd = listener_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int one = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    const int server = ConnectTo(upstream);
    if (server < 0) {
      Reset(client);
      continue;
    }
    absl::MutexLock lock(&mutex_);
    Link* link = &links_.emplace_back(Link{.client = client, .server = server});
    link->thread = std::thread([this, link] { Serve(link); });
  }
}

void Proxy::Reap() {
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

void Proxy::Serve(Link* link) {
  std::array<pollfd, 2> sides = {{{.fd = link->client, .events = POLLIN, .revents = 0},
                                  {.fd = link->server, .events = POLLIN, .revents = 0}}};
  bool open = true;
  while (open && poll(sides.data(), sides.size(), -1) > 0) {
    if (open && sides[1].revents != 0) open = FromServer(link);
    if (open && sides[0].revents != 0) open = FromClient(link);
  }
  // A server that ended without the reply that was to be lost is as good.
  Act(*link);
  absl::MutexLock lock(&mutex_);
  Reset(link->client);
  close(link->server);
  link->over = true;
}

bool Proxy::FromClient(Link* link) {
  std::array<char, kChunkBytes> buffer;
  const ssize_t got = recv(link->client, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  const absl::string_view bytes(buffer.data(), static_cast<size_t>(got));
  const std::optional<Moment> moment = Spring(bytes, link);
  if (!moment.has_value()) return SendAll(link->server, bytes);
  if (*moment == Moment::kNotDelivered) {
    Act(*link);
    return false;
  }
  const bool sent = SendAll(link->server, bytes);
  if (*moment == Moment::kDelivered || !sent) {
    Act(*link);
    return false;
  }
  return true;
}

bool Proxy::FromServer(Link* link) {
  std::array<char, kChunkBytes> buffer;
  const ssize_t got = recv(link->server, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  const absl::string_view bytes(buffer.data(), static_cast<size_t>(got));
  return !IsAwaitedReply(bytes, *link) && SendAll(link->client, bytes);
}

std::optional<Moment> Proxy::Spring(absl::string_view bytes, Link* link) {
  absl::MutexLock lock(&mutex_);
  if (!trap_.has_value() || taken_) return std::nullopt;
  if (!trap_->after.empty() && link->prepared != trap_number_) {
    if (absl::StrContains(bytes, trap_->after)) link->prepared = trap_number_;
    return std::nullopt;
  }
  if (!absl::StrContains(bytes, trap_->request)) return std::nullopt;
  taken_ = true;
  link->trap = trap_number_;
  return trap_->moment;
}

bool Proxy::IsAwaitedReply(absl::string_view bytes, const Link& link) {
  absl::MutexLock lock(&mutex_);
  // If the trap was taken away meanwhile, the link goes on as if nothing had been.
  return trap_.has_value() && link.trap == trap_number_ && absl::StrContains(bytes, trap_->reply);
}

void Proxy::Act(const Link& link) {
  // Under the lock, so that Disarm knows that no action is under way when it returns.
  absl::MutexLock lock(&mutex_);
  if (!trap_.has_value() || link.trap != trap_number_ || sprung_) return;
  if (trap_->action) trap_->action();
  sprung_ = true;
}

void Proxy::CutAll() {
  absl::MutexLock lock(&mutex_);
  for (Link& link : links_) {
    if (link.over) continue;
    shutdown(link.client, SHUT_RDWR);
    shutdown(link.server, SHUT_RDWR);
  }
}

void Proxy::Arm(Trap trap) {
  absl::MutexLock lock(&mutex_);
  trap_ = std::move(trap);
  ++trap_number_;
  taken_ = false;
  sprung_ = false;
}

bool Proxy::Disarm(absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&sprung_), patience);
  const bool sprung = sprung_;
  trap_.reset();
  return sprung;
}

}  // namespace reserve::chaos
