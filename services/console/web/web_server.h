// The shell around the pages: HTTP, who the visitor is, who may come through which door, forms that
// were forged, limits, and the headers that keep a browser from doing what no page asks for.
//
// Default deny: a page is in the table of routes with its door, and there is no other way to it. A
// POST is let in only with the form's token (permission.h) and from our own pages. The visitor's
// token comes with the header `Authorization: Bearer`, or by the link /enter?token=..., which puts
// it into a cookie that no script reads. Plain HTTP: what ends TLS stands in front. Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const auto server,
//                            WebServer::Start(options, routes, draw_refusal, &keys, &registry));
//   ...
//   server->Drain(absl::Seconds(20));
#ifndef RESERVE_CONSOLE_WEB_WEB_SERVER_H_
#define RESERVE_CONSOLE_WEB_WEB_SERVER_H_

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/rate_limiter.h"
#include "services/console/identity/key_file.h"
#include "services/console/web/bounded_server.h"
#include "services/console/web/visit.h"

namespace reserve::console {

// Says whether the address is one of a place alone, as browsers tell where a form comes from:
// "https://pages.example.org", in lower case, with a port only where it is not the usual one.
bool IsOrigin(absl::string_view url);

struct WebOptions {
  std::string listen = {};  // host:port
  // Where readers find it, like "https://pages.example.org"; no slash at the end.
  std::string public_url = {};
  bool behind_proxy = false;  // a reader's address is the last in X-Forwarded-For
  int threads = 16;  // pages that are made at once; four times as many may wait for their turn
  ConnectionLimits connections = {};
  double max_address_rate = 0;    // requests a second from an address; 0: no limit
  double max_account_rate = 0;    // forms a second of one account, or of one of support
  double max_refused_tokens = 5;  // tokens a second that don't hold, from an address; 0: no limit
  TokenRules rules = {};
};

// The page that says why there is none: 400, 401, 403, 404, 405, 413, 429, 500 or 503. `why` is the
// key of a text.
using DrawRefusal = std::function<Reply(const Visit&, int status, const std::string& why)>;

class WebServer {
 public:
  // Listens. UNAVAILABLE if the address can't be bound. `keys` and `registry` must outlive this.
  static absl::StatusOr<std::unique_ptr<WebServer>> Start(WebOptions options,
                                                          std::vector<Route> routes,
                                                          DrawRefusal draw_refusal,
                                                          const KeyFile* keys,
                                                          prometheus::Registry* registry);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  int port() const { return port_; }

  // Takes no more requests, and returns when those that run have been answered. Who is not done
  // with his answer by the timeout is cut off; what the ledger is still asked then ends by its own
  // deadline.
  void Drain(absl::Duration timeout);

 private:
  WebServer(WebOptions options, std::vector<Route> routes, DrawRefusal draw_refusal,
            const KeyFile* keys, prometheus::Registry* registry);

  void Serve(const httplib::Request& request, httplib::Response& response);
  // Lets the request in, or says why not.
  Reply Answer(const httplib::Request& request, Visit visit, std::string* page);
  Reply AnswerRoute(const httplib::Request& request, const Route& route, Visit visit);
  // Makes a page, in its turn; 503 where too many wait for theirs.
  Reply AnswerInTurn(const httplib::Request& request, const Visit& visit, std::string* page);
  // A link with a token, which becomes the visitor's own: at once, or where he has another one by
  // which he is somebody else, once he has said so by a form.
  Reply Enter(const httplib::Request& request, Visit visit);
  Reply EnterBy(const httplib::Request& request, const Visit& visit, const Fields& link);
  Reply Leave(const Visit& visit) const;
  // Does the visitor come too often, with what is counted for his account?
  bool ComesTooOften(const Route& route, const Visit& visit);
  void SetHeaders(httplib::Response& response) const;
  void SendPieces(Reply reply, httplib::Response& response);
  // A page for what the library refused, or what broke; false if there is one.
  bool DrawFault(const httplib::Request& request, httplib::Response& response) const;
  // Takes the visitor's token, if there is one that holds.
  void Identify(const httplib::Request& request, Visit* visit);
  bool SentByOurselves(const httplib::Request& request) const;
  std::string AddressOf(const httplib::Request& request) const;
  std::string Cookie(const std::string& value, int64_t seconds) const;

  const WebOptions options_;
  const std::vector<Route> routes_;
  const DrawRefusal draw_refusal_;
  const KeyFile& keys_;
  const std::string cookie_;
  RateLimiter addresses_;
  RateLimiter refused_tokens_;
  RateLimiter accounts_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& durations_;
  absl::Mutex mutex_;
  int making_ ABSL_GUARDED_BY(mutex_) = 0;   // pages
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;  // for their turn
  std::shared_ptr<std::atomic<int>> streams_ = std::make_shared<std::atomic<int>>(0);
  std::unique_ptr<BoundedServer> server_;
  std::atomic<bool> draining_ = false;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_WEB_WEB_SERVER_H_
