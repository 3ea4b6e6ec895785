// The worker at work: takes attempts from the ledger, does what decide.h says, and
// reports.
//
// One thread owns all state and never blocks on a call: answers come back to it as
// events, and it sleeps until the next event or the next moment at which something
// is due. Nothing is polled. The same step serves a run "for ever" and a run that
// ends when nothing is left to do.
//
// What it adds to the decisions:
//  - One attempt is in work once at most; handed out again, it goes on under the
//    newer lease.
//  - The gateway gets so many requests a second at the most. One that is too many waits
//    for its turn, and only then is it decided whether it is still to be sent.
//  - A stream that breaks is opened again, with growing pauses. A ledger that calls
//    the request for it invalid will do so each time: what is in work is finished
//    and reported, and the run ends with that status.
//  - After this process was stopped for a while, hand-outs that waited in its
//    sockets may be older than they say: the stream is opened anew and they are
//    not acted on.
//
// Run() belongs to one thread; Drain() may be called from any. Run() ends all calls
// of both clients before it returns.
//
//   RechargeLoop loop(options, &ledger, &gateway, &metrics, &tracer);
//   absl::Status status = loop.Run();  // until Drain()
#ifndef RESERVE_WORKER_RECHARGE_LOOP_H_
#define RESERVE_WORKER_RECHARGE_LOOP_H_

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/telemetry/trace.h"
#include "worker/decide.h"
#include "worker/gateway_client.h"
#include "worker/ledger_client.h"
#include "worker/request_limit.h"
#include "worker/worker_metrics.h"

namespace reserve::worker {

class RechargeLoop {
 public:
  struct Options {
    Rules rules = {};
    // So many calls to the gateway are under way at the most.
    int max_in_flight = 64;
    // So many requests a second are sent to the gateway at the most; 0: no limit.
    int32_t gateway_requests_per_second = 0;
    // How long what is under way may go on after Drain().
    absl::Duration drain_timeout = absl::Seconds(20);
    // If set, Run() ends when nothing was in work or came in for so long.
    std::optional<absl::Duration> exit_when_idle = std::nullopt;
  };

  // What is pointed to must outlive the loop.
  RechargeLoop(const Options& options, LedgerClient* ledger, GatewayClient* gateway,
               WorkerMetrics* metrics, Tracer* tracer);
  RechargeLoop(const RechargeLoop&) = delete;
  RechargeLoop& operator=(const RechargeLoop&) = delete;

  // Works until it is drained. UNAVAILABLE if it was to end when idle and the ledger
  // could not be reached; INVALID_ARGUMENT if the ledger refuses this worker for
  // good, for what its flags say. To be called once.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes nothing new, charges nothing new, finds out and reports what was begun,
  // and lets Run() return. Idempotent.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // An attempt in work.
  struct Work {
    Attempt attempt;
    Moment received;
    bool calling = false;  // the gateway, or a report
    bool renewing = false;
    bool begun = false;     // a call to the gateway was made
    bool reported = false;  // the ledger has taken the outcome
    // When it may send to the gateway, once it has asked for a turn.
    std::optional<Moment> turn = {};
    TraceContext opened_by = {};  // the call that did, if that is known
    absl::Time start = absl::InfinitePast();
  };
  // A call that is under way for an attempt.
  struct CallSpan {
    TraceContext context;
    uint64_t parent_id;
    absl::Time start;
    const char* method;
  };
  enum class Reach { kUnknown, kUp, kDown, kRefuses };

  // Lets the loop's thread run `event`. From any thread.
  void Post(std::function<void()> event) ABSL_LOCKS_EXCLUDED(mutex_);
  // Does all that is due. Returns when something is due next.
  Moment Step(Moment now);
  // Sleeps until an event or `wake`, then runs the events.
  void AwaitEvents(Moment now, Moment wake) ABSL_LOCKS_EXCLUDED(mutex_);
  bool Finished(Moment now);

  void OpenStream(Moment now);
  void OnStreamOpen();
  void OnStreamEnd(Moment opened, Moment now, const absl::Status& status);
  // Tells of a ledger that does not let this worker in, now and each minute.
  void TellOfRefusal(Moment now, const absl::Status& status);
  void NoticeStandstill(Moment now);
  void TakeHandOut(int64_t stream, Moment received,
                   const absl::StatusOr<std::pair<Task, HandOut>>& message);

  // Does what is due for one attempt. Returns when to look at it again; the attempt
  // is over if `attempt.done`.
  Moment Act(const std::string& key, Work* work, Moment now);
  void StartRenewal(const std::string& key, Work* work, Moment now);
  // Does what was decided: Charge, Refund or LookUp. Returns when its turn is, if it has to wait.
  Moment AskGateway(const std::string& key, Work* work, const Action& action, Moment now);
  void StartGatewayCall(const std::string& key, Work* work, const Action& action, Moment now);
  CallSpan BeginCall(const Work& work, const char* method) const;
  // From any thread.
  void EndCall(const CallSpan& call, bool failed) const;
  // The attempt is over.
  void End(Work* work);
  void EndSpan(const Work& work) const;
  void StartTell(const std::string& key, Work* work, const GatewayState& state);
  void StartReport(const std::string& key, Work* work, const Outcome& outcome);

  void OnRenewal(const std::string& key, int64_t epoch, Moment requested, Moment now,
                 const absl::StatusOr<absl::Duration>& remaining);
  void OnGateway(const std::string& key, bool look_up, Moment now, const GatewayAnswer& answer);
  void OnTell(const std::string& key, const GatewayState& state, Moment now, ReportAnswer answer,
              const absl::Status& status);
  void OnReport(const std::string& key, int64_t epoch, const Outcome& outcome, Moment now,
                ReportAnswer answer, const absl::Status& status);
  void NoteGatewayReach(const GatewayAnswer& answer);
  // Tells of an answer that is neither an outcome nor an outage.
  void TellOfTrouble(bool look_up, const GatewayAnswer& answer, const Attempt& attempt);
  void TellOfOutcome(const Outcome& outcome, int64_t epoch, const Attempt& attempt);
  // Tells of a report that the ledger does not answer, the first time and now and then.
  void TellOfSilence(const Attempt& attempt, const absl::Status& status);
  void CountOutcome(const Outcome& outcome);
  double Jitter() { return absl::Uniform(random_, 0.0, 1.0); }

  const Options options_;
  LedgerClient& ledger_;
  GatewayClient& gateway_;
  WorkerMetrics& metrics_;
  Tracer& tracer_;

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  std::deque<std::function<void()>> events_ ABSL_GUARDED_BY(mutex_);
  bool drain_asked_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the loop's thread alone.
  absl::BitGen random_;
  std::map<std::string, Work> works_;  // by KeyOf the task
  RequestLimit gateway_limit_;
  int gateway_calls_ = 0;
  int gateway_turns_ = 0;  // attempts that wait for their turn: they will be calls
  bool stream_open_ = false;
  int64_t stream_ = 0;  // counts the streams; hand-outs of an older one are not trusted
  int32_t stream_failures_ = 0;
  Moment next_stream_ = -absl::InfiniteDuration();
  absl::Status stream_error_;
  absl::Status refusal_;  // of the stream, for good
  Moment refusal_told_ = -absl::InfiniteDuration();
  Reach ledger_reach_ = Reach::kUnknown;
  Reach gateway_reach_ = Reach::kUnknown;
  std::optional<Moment> drain_end_;
  Moment last_look_;
  Moment last_busy_;
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_RECHARGE_LOOP_H_
