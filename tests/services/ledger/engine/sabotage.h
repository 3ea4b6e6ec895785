// Spoils chosen statements of an engine's lanes, behind a proxy of its own.
//
// Statements are told apart by whose they are. A connection that reads the plans is the
// housekeeper's or the query pool's, and is left alone unless it is asked for; all others are
// the lanes' (and the dispatcher's, which has one only while somebody watches). Thread-safe.
//
//   Sabotage sabotage(server.socket_path());
//   options.database.socket = sabotage.socket_path();
//   ...
//   sabotage.Begin([](const Sabotage::Statement& s) {
//     return s.text == "COMMIT" ? Ruling{Fate::kDoneAndCut} : Ruling{};
//   });
//   ...
//   const std::vector<std::string> seen = sabotage.End();
#ifndef RESERVE_TESTS_SERVICES_LEDGER_ENGINE_SABOTAGE_H_
#define RESERVE_TESTS_SERVICES_LEDGER_ENGINE_SABOTAGE_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/sql_proxy.h"

namespace reserve::engine {

using test_support::SqlProxy;
using Fate = SqlProxy::Fate;
using Ruling = SqlProxy::Ruling;

class Sabotage {
 public:
  struct Statement {
    absl::string_view text;
    int connection = 0;
    int index = 0;  // among those of the lanes since Begin, from 0
    int nth = 0;    // of those of the lanes since Begin that are of its shape (spoiled.h), from 1
    // What a new connection is made of: the connecting itself, its SETs, and what the client
    // library asks. They are counted
    // apart, by `index` too.
    bool of_new_connection = false;
    bool of_housekeeping = false;  // counted apart, too
  };
  using Plan = std::function<Ruling(const Statement&)>;

  // Ends the program if there can be no proxy.
  explicit Sabotage(const std::string& server_socket);

  std::string socket_path() const { return proxy_->socket_path(); }

  void Begin(Plan plan) ABSL_LOCKS_EXCLUDED(mutex_);
  // What the lanes said since Begin, new connections aside.
  std::vector<std::string> End() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many statements the plan has spoiled since Begin.
  int struck() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Connections that were seen to keep house, or to have read the plans at the start.
  size_t housekeepers() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Ruling Judge(int connection, absl::string_view text) ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  Plan plan_ ABSL_GUARDED_BY(mutex_);
  std::set<int> housekeepers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> seen_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> seen_of_shape_ ABSL_GUARDED_BY(mutex_);
  int set_up_ ABSL_GUARDED_BY(mutex_) = 0;
  int kept_ ABSL_GUARDED_BY(mutex_) = 0;
  int struck_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<SqlProxy> proxy_;  // last: it calls the above
};

}  // namespace reserve::engine

#endif  // RESERVE_TESTS_SERVICES_LEDGER_ENGINE_SABOTAGE_H_
