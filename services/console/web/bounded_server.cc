#include "services/console/web/bounded_server.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "common/telemetry/log.h"

namespace reserve::console {
namespace {

constexpr size_t kReadAtOnce = 4096;
constexpr char kTurnedAway[] =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    "Content-Type: text/plain\r\nContent-Length: 37\r\n\r\nToo many are here. Try again shortly.";

// Set on the thread that listens, while it is given a connection for which there is no place.
thread_local bool no_place = false;

// Waits until the socket can be read from or written to; false at the deadline, or if it is broken.
// NOLINTNEXTLINE(google-runtime-int): so poll has it
bool AwaitSocket(int socket, short events, Moment deadline) {
  while (true) {
    const absl::Duration left = deadline - MonotonicNow();
    if (left <= absl::ZeroDuration()) return false;
    pollfd polled{socket, events, 0};
    const int ready = poll(&polled, 1, static_cast<int>(absl::ToInt64Milliseconds(left) + 1));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// A numeric address and its port, of one end of the socket.
void AddressOf(int socket, int (*ask)(int, sockaddr*, socklen_t*), std::string* ip, int* port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (ask(socket, plain, &size) != 0 ||
      getnameinfo(plain, size, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  *ip = host.data();
  if (!absl::SimpleAtoi(service.data(), port)) *port = 0;
}

// One request, which must have come at a deadline, and the answer to it.
class SocketStream final : public httplib::Stream {
 public:
  SocketStream(int socket, const ConnectionLimits& limits)
      : socket_(socket), limits_(limits), read_until_(MonotonicNow() + limits.request_within) {}

  bool is_readable() const override {
    return begin_ < end_ || AwaitSocket(socket_, POLLIN, read_until_);
  }
  bool is_writable() const override {
    return AwaitSocket(socket_, POLLOUT, MonotonicNow() + limits_.piece_within);
  }

  ssize_t read(char* to, size_t size) override {
    while (begin_ == end_) {
      if (!AwaitSocket(socket_, POLLIN, read_until_)) return -1;
      const ssize_t got = recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t taken = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, taken, to);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* from, size_t size) override {
    const Moment until = MonotonicNow() + limits_.piece_within;
    size_t done = 0;
    while (done < size) {
      const ssize_t sent = send(socket_, from + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        done += static_cast<size_t>(sent);
      } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return -1;
      } else if (!AwaitSocket(socket_, POLLOUT, until)) {
        return -1;
      }
    }
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    AddressOf(socket_, getpeername, &ip, &port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    AddressOf(socket_, getsockname, &ip, &port);
  }
  socket_t socket() const override { return socket_; }

 private:
  const int socket_;
  const ConnectionLimits& limits_;
  const Moment read_until_;
  std::array<char, kReadAtOnce> buffer_{};
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Says so, as far as it can be said without waiting.
void TurnAway(int socket) {
  std::array<char, kReadAtOnce> unread{};
  // What is not read would have the answer thrown away with the connection.
  recv(socket, unread.data(), unread.size(), MSG_DONTWAIT);
  send(socket, kTurnedAway, sizeof(kTurnedAway) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

// A thread for each connection. Called by the thread that listens.
class BoundedServer::Threads final : public httplib::TaskQueue {
 public:
  explicit Threads(BoundedServer* server) : server_(*server) {}

  void enqueue(std::function<void()> serve) override {
    threads_.remove_if([](const std::unique_ptr<One>& one) {
      if (!one->done) return false;
      one->thread.join();
      return true;
    });
    if (!server_.TakePlace()) return Refuse(serve);
    auto one = std::make_unique<One>();
    try {
      one->thread = std::thread([this, serve, raw = one.get()] {
        serve();
        server_.GivePlace();
        raw->done = true;
      });
    } catch (const std::system_error&) {
      Log(Severity::kError, "no thread is to be had for a connection");
      server_.GivePlace();
      return Refuse(serve);
    }
    threads_.push_back(std::move(one));
  }

  void shutdown() override {
    for (const std::unique_ptr<One>& one : threads_) one->thread.join();
    threads_.clear();
  }

 private:
  struct One {
    std::thread thread;
    std::atomic<bool> done = false;
  };

  void Refuse(const std::function<void()>& serve) {
    server_.turned_away_();
    no_place = true;
    serve();
    no_place = false;
  }

  BoundedServer& server_;
  std::list<std::unique_ptr<One>> threads_;
};

BoundedServer::BoundedServer(ConnectionLimits limits, std::function<void()> turned_away)
    : limits_(limits), turned_away_(std::move(turned_away)) {
  new_task_queue = [this] { return new Threads(this); };
}

bool BoundedServer::process_and_close_socket(socket_t sock) {
  bool answered = false;
  if (no_place) {
    TurnAway(sock);
  } else {
    {
      const absl::MutexLock lock(&mutex_);
      open_.insert(sock);
      if (deaf_) ::shutdown(sock, SHUT_RD);
    }
    SocketStream stream(sock, limits_);
    bool closed = false;
    answered = process_request(stream, /*close_connection=*/true, closed, nullptr);
    const absl::MutexLock lock(&mutex_);
    open_.erase(sock);
  }
  ::shutdown(sock, SHUT_RDWR);
  close(sock);
  return answered;
}

bool BoundedServer::TakePlace() {
  const absl::MutexLock lock(&mutex_);
  if (places_ >= limits_.connections) return false;
  ++places_;
  return true;
}

void BoundedServer::GivePlace() {
  const absl::MutexLock lock(&mutex_);
  --places_;
  left_.Wake();
}

void BoundedServer::ShutAll(int how) {
  const absl::MutexLock lock(&mutex_);
  for (const socket_t socket : open_) ::shutdown(socket, how);
}

void BoundedServer::LetWait() {
  // Of a socket that listens already this changes the length of its queue.
  if (::listen(svr_sock_, static_cast<int>(limits_.connections)) != 0) {
    Log(Severity::kWarning, "few may wait to be connected");
  }
}

void BoundedServer::HearNoMore() {
  {
    const absl::MutexLock lock(&mutex_);
    deaf_ = true;
  }
  ShutAll(SHUT_RD);
}

void BoundedServer::CutOff() { ShutAll(SHUT_RDWR); }

bool BoundedServer::AwaitNone(absl::Duration timeout) {
  const Moment until = MonotonicNow() + timeout;
  const absl::MutexLock lock(&mutex_);
  while (places_ > 0) {
    const absl::Duration left = until - MonotonicNow();
    if (left <= absl::ZeroDuration()) return false;
    left_.Await(left);
  }
  return true;
}

}  // namespace reserve::console
