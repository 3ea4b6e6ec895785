// The library's server with bounds: how many may be connected, how long a request may be on its
// way, and how long a reader may take for what is sent to him.
//
// Each connection has a thread and brings one request. So who connects and says nothing, or says it
// slowly, takes a place among the connections and nobody's turn; who comes above their number is
// told so at once (503), without a thread. Thread-safe.
//
//   BoundedServer server({.connections = 512}, [&] { turned_away.Increment(); });
//   server.Get(".*", serve);
//   ...                                       // bind, and listen_after_bind() on a thread
//   server.stop();
//   server.HearNoMore();
//   if (!server.AwaitNone(absl::Seconds(20))) server.CutOff();
#ifndef RESERVE_CONSOLE_WEB_BOUNDED_SERVER_H_
#define RESERVE_CONSOLE_WEB_BOUNDED_SERVER_H_

#include <httplib.h>

#include <cstddef>
#include <functional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::console {

struct ConnectionLimits {
  size_t connections = 512;                           // at once
  absl::Duration request_within = absl::Seconds(10);  // has come whole, from the connection on
  absl::Duration piece_within = absl::Seconds(20);    // of an answer is taken
};

class BoundedServer final : public httplib::Server {
 public:
  // `turned_away` is called for each who comes above the number, on the thread that listens.
  BoundedServer(ConnectionLimits limits, std::function<void()> turned_away);

  // Once it is bound: lets as many wait to be connected as may be connected. The library lets five.
  void LetWait();
  // Nothing more is read of those who are connected: what has not come by now does not come.
  void HearNoMore();
  // Waits until nobody is connected; false if somebody still is after the timeout. One caller.
  bool AwaitNone(absl::Duration timeout);
  // Ends all connections, also in the midst of an answer.
  void CutOff();

 private:
  class Threads;

  bool process_and_close_socket(socket_t sock) override;
  // A place among the connections; false if there is none.
  bool TakePlace();
  void GivePlace();
  void ShutAll(int how);

  const ConnectionLimits limits_;
  const std::function<void()> turned_away_;
  absl::Mutex mutex_;
  Waker left_{&mutex_};
  size_t places_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<socket_t> open_ ABSL_GUARDED_BY(mutex_);
  bool deaf_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_WEB_BOUNDED_SERVER_H_
