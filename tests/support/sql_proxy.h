// A proxy between clients and a MySQL or MariaDB server that can spoil single statements.
//
// It listens on a unix socket of its own and knows the protocol just well enough to tell one
// statement, and one reply, from the next. A judge is asked about each statement before the server
// sees it: whether it passes, is answered with an error (done all the same or not), or takes the
// connection with it. Thread-safe. No TLS, no compression, no prepared statements.
//
//   auto proxy = SqlProxy::Create(server->socket_path());
//   (*proxy)->SetJudge([](int connection, absl::string_view statement) {
//     if (statement != "COMMIT") return SqlProxy::Ruling{};
//     return SqlProxy::Ruling{SqlProxy::Fate::kDoneAndCut};
//   });
//   options.socket = (*proxy)->socket_path();
#ifndef RESERVE_TESTS_SUPPORT_SQL_PROXY_H_
#define RESERVE_TESTS_SUPPORT_SQL_PROXY_H_

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace reserve::test_support {

class SqlProxy {
 public:
  enum class Fate {
    kPasses,
    kRefused,         // the server never sees it; the client gets the error
    kRolledBack,      // the same, and the server ends the transaction, as in a deadlock
    kDoneAndRefused,  // the server does it; the client gets the error for a reply
    kCut,             // the server never sees it; the connection ends
    kDoneAndCut,      // the server does it; the connection ends before the reply
    kDoneAndGarbled,  // the server does it; what the client gets is no reply
  };
  struct Ruling {
    Fate fate = Fate::kPasses;
    int error = 0;  // the number of the error, where there is one
  };
  // The statement that stands for a connection being made: kRefused and kCut are for it, too.
  static constexpr char kConnect[] = "(connect)";
  // Connections count from 1. Called from many threads, one at a time; must not call the proxy.
  using Judge = std::function<Ruling(int connection, absl::string_view statement)>;

  // Passes everything on until it is given a judge.
  static absl::StatusOr<std::unique_ptr<SqlProxy>> Create(std::string server_socket);
  SqlProxy(const SqlProxy&) = delete;
  SqlProxy& operator=(const SqlProxy&) = delete;
  // Ends all connections.
  ~SqlProxy();

  const std::string& socket_path() const { return socket_path_; }
  void SetJudge(Judge judge) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Link {
    int number = 0;
    int client = -1;
    int server = -1;
    std::thread thread = {};
    bool over = false;
  };

  SqlProxy() = default;
  void Accept() ABSL_LOCKS_EXCLUDED(mutex_);
  void Serve(Link* link) ABSL_LOCKS_EXCLUDED(mutex_);
  // Joins the threads of links that are over.
  void Reap() ABSL_LOCKS_EXCLUDED(mutex_);
  Ruling Judged(int connection, absl::string_view statement) ABSL_LOCKS_EXCLUDED(mutex_);

  std::string server_socket_;
  std::string folder_;
  std::string socket_path_;
  int listener_ = -1;
  std::thread acceptor_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<Link> links_ ABSL_GUARDED_BY(mutex_);

  absl::Mutex judge_mutex_;
  Judge judge_ ABSL_GUARDED_BY(judge_mutex_);
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_SQL_PROXY_H_
