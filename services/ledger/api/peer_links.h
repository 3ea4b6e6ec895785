// What comes for accounts that other ledgers work on is passed on to them (engine/range_keeper.h).
//
// A stream to each of them takes commands as they come and brings their results: what comes while
// one message is being sent goes with the next, so there is no timer. An owner that does not even
// say that it has read what it was sent, whose stream ends, or that can't do it now, is worked
// around at once: the command is done here. It may so be done twice, and the second time is a
// repeat: only such commands are passed on. For a moment such an owner is not asked again.
// Thread-safe.
//
//   PeerLinks links(engine, channel_options);
//   const engine::RangeOwner* owner = links.OwnerOf("acme");
//   if (owner != nullptr) links.Pass(*owner, {sink, {0}, caller, trace, deadline});
#ifndef RESERVE_SERVICES_LEDGER_API_PEER_LINKS_H_
#define RESERVE_SERVICES_LEDGER_API_PEER_LINKS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "common/rpc/channel.h"
#include "common/telemetry/trace.h"
#include "reserve/ledger/v1/peers.pb.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/engine/range_keeper.h"

namespace reserve::api {

class PeerLink;

// Who asks for commands that may be passed on, and hears of each once: by Passed, or by Done as of
// any command. No function may block.
class PassSink : public engine::ReplySink {
 public:
  // Writes down what is asked for. Before Pass returns.
  virtual void Ask(uint32_t index, ledger::v1::PassedCommand* command) = 0;
  // The same for a lane of this ledger, with its sink, index, caller, trace and deadline; an error
  // is what answers it. At most once.
  virtual absl::StatusOr<engine::Task> TaskOf(uint32_t index) = 0;
  // It is done: `result`, which may be changed, is of a usage or a hold.
  virtual void Passed(uint32_t index, ledger::v1::PassedResult* result) = 0;
};

struct CallToPass {
  PassSink* sink;
  std::vector<uint32_t> indices;  // commands of one owner's accounts
  std::string caller;
  TraceContext trace;
  Moment deadline = absl::InfiniteDuration();
};

class PeerLinks {
 public:
  // The engine must outlive this, and this all sinks.
  PeerLinks(engine::Engine& engine, ChannelOptions options);
  // Ends the streams: what is under way on them is done here.
  ~PeerLinks();

  // Which other ledger works on the account; null: none, so it is to be done here.
  const engine::RangeOwner* OwnerOf(absl::string_view account_id) const {
    return engine_.ranges().Elsewhere(account_id);
  }
  // Passes the commands on, or has them done here if the owner can't take them now.
  void Pass(const engine::RangeOwner& owner, CallToPass call);

 private:
  PeerLink& LinkTo(const engine::RangeOwner& owner);
  void Watch();

  engine::Engine& engine_;
  const ChannelOptions options_;
  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<const engine::RangeOwner*, std::unique_ptr<PeerLink>> links_
      ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_PEER_LINKS_H_
