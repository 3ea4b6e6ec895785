// A TCP proxy in front of a server's unix socket, which can break the connections that it
// carries: all of them now, or one at a named point.
//
// A trap names a point by bytes that a client sends ("\x03COMMIT"); the first connection that
// carries them springs it. The port stays the same while the server behind it comes and goes.
// Thread-safe.
//
//   auto proxy = Proxy::Create("/tmp/x/ledger.sock");
//   (*proxy)->Arm({.request = "tok_", .moment = Moment::kReplyLost, .reply = "rsv-"});
//   const bool sprung = (*proxy)->Disarm(absl::Seconds(1));
#ifndef RESERVE_TESTS_CHAOS_PROXY_H_
#define RESERVE_TESTS_CHAOS_PROXY_H_

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace reserve::chaos {

// When the connection breaks.
enum class Moment {
  kNotDelivered,  // the server never sees the request
  kDelivered,     // the server has got it, and no time to answer
  kReplyLost,     // the server has answered; the client never sees it
};

struct Trap {
  std::string request;
  Moment moment = Moment::kNotDelivered;
  // Of kReplyLost: bytes that only the reply has; empty if whatever comes is the reply.
  std::string reply = {};
  // Done at that moment, before the connection is cut; must not call this proxy.
  std::function<void()> action = {};
  // Only on a connection that has sent these bytes before, since the trap was set.
  std::string after = {};
};

class Proxy {
 public:
  // Listens on a free port of the loopback.
  static absl::StatusOr<std::unique_ptr<Proxy>> Create(std::string upstream_socket);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  // Leads to another server from the next connection on.
  void LeadTo(std::string upstream_socket) ABSL_LOCKS_EXCLUDED(mutex_);

  int port() const { return port_; }
  std::string address() const;

  // Resets every connection that there is.
  void CutAll() ABSL_LOCKS_EXCLUDED(mutex_);

  void Arm(Trap trap) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until the trap has sprung, at most so long, and takes it away. True if it has
  // sprung; its action is then done.
  bool Disarm(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Link {
    int client = -1;
    int server = -1;
    std::thread thread = {};
    bool over = false;
    // The number of the trap whose request this connection carries; its reply is awaited.
    int trap = 0;
    // The number of the trap whose `after` it has sent.
    int prepared = 0;
  };

  Proxy() = default;
  void Accept();
  void Serve(Link* link) ABSL_LOCKS_EXCLUDED(mutex_);
  // Passes on what came from one side; false once the connection is over.
  bool FromClient(Link* link);
  bool FromServer(Link* link);
  // Does this request spring the trap? Then the link gets its number.
  std::optional<Moment> Spring(absl::string_view bytes, Link* link) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsAwaitedReply(absl::string_view bytes, const Link& link) ABSL_LOCKS_EXCLUDED(mutex_);
  // Does what the link's trap asks for, once.
  void Act(const Link& link) ABSL_LOCKS_EXCLUDED(mutex_);
  void Reap() ABSL_LOCKS_EXCLUDED(mutex_);

  int listener_ = -1;
  int port_ = 0;
  std::thread acceptor_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::string upstream_ ABSL_GUARDED_BY(mutex_);
  std::list<Link> links_ ABSL_GUARDED_BY(mutex_);
  std::optional<Trap> trap_ ABSL_GUARDED_BY(mutex_);
  int trap_number_ ABSL_GUARDED_BY(mutex_) = 0;
  bool taken_ ABSL_GUARDED_BY(mutex_) = false;   // a connection has met the trap
  bool sprung_ ABSL_GUARDED_BY(mutex_) = false;  // and its action is done
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_PROXY_H_
