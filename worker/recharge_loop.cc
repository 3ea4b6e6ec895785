#include "worker/recharge_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/telemetry/log.h"

namespace reserve::worker {
namespace {

// The loop looks around this often even if nothing happens, so that a longer gap
// means that the process stood still.
constexpr absl::Duration kLookAround = absl::Seconds(1);
constexpr absl::Duration kStandstill = absl::Seconds(30);
// A stream that lasted this long was no failure.
constexpr absl::Duration kGoodStream = absl::Seconds(10);
// What goes on being wrong is told again after so long, or so many failures.
constexpr absl::Duration kTellAgain = absl::Minutes(1);
constexpr int32_t kTellAgainFailures = 12;

// What matters of an outcome besides its kind, for people.
std::string DetailOf(const Outcome& outcome) {
  std::string detail = outcome.charge_id.empty() ? outcome.refund_id : outcome.charge_id;
  if (!outcome.text.empty()) absl::StrAppend(&detail, detail.empty() ? "" : " ", outcome.text);
  return detail;
}

void LogAttempt(Severity severity, absl::string_view message, const Attempt& attempt, int64_t epoch,
                const LogField& more) {
  Log(severity, message,
      {{"account_id", attempt.task.account_id},
       {"ordinal", attempt.task.ordinal},
       {"attempt", attempt.task.attempt},
       {"epoch", epoch},
       {"trace_id", TraceIdOf(attempt.trace)},
       more});
}

const char* MethodOf(const Task& task, bool look_up) {
  if (task.is_refund()) {
    return look_up ? "reserve.gateway.v1.PaymentGateway/GetRefund"
                   : "reserve.gateway.v1.PaymentGateway/Refund";
  }
  return look_up ? "reserve.gateway.v1.PaymentGateway/GetCharge"
                 : "reserve.gateway.v1.PaymentGateway/Charge";
}

// Does the ledger answer, and not let this worker in?
bool Refuses(const absl::Status& status) {
  return IsRefusal(status) || absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status) ||
         absl::IsUnimplemented(status);
}

}  // namespace

RechargeLoop::RechargeLoop(const Options& options, LedgerClient* ledger, GatewayClient* gateway,
                           WorkerMetrics* metrics, Tracer* tracer)
    : options_(options),
      ledger_(*ledger),
      gateway_(*gateway),
      metrics_(*metrics),
      tracer_(*tracer),
      gateway_limit_(options.gateway_requests_per_second) {}

absl::Status RechargeLoop::Run() {
  last_look_ = last_busy_ = MonotonicNow();
  while (true) {
    const Moment now = MonotonicNow();
    NoticeStandstill(now);
    const Moment wake = Step(now);
    if (Finished(now)) break;
    AwaitEvents(now, wake);
  }
  if (!works_.empty()) {
    Log(Severity::kWarning, "the drain timeout is over; the ledger hands the rest out again",
        {{"attempts", works_.size()}});
  }
  ledger_.CancelAll();
  gateway_.CancelAll();
  if (!refusal_.ok()) return refusal_;
  const bool never_reached =
      options_.exit_when_idle.has_value() && ledger_reach_ == Reach::kDown && !drain_end_;
  return never_reached ? absl::UnavailableError(stream_error_.message()) : absl::OkStatus();
}

void RechargeLoop::Drain() {
  absl::MutexLock lock(&mutex_);
  drain_asked_ = true;
  waker_.Wake();
}

void RechargeLoop::Post(std::function<void()> event) {
  absl::MutexLock lock(&mutex_);
  events_.push_back(std::move(event));
  waker_.Wake();
}

void RechargeLoop::AwaitEvents(Moment now, Moment wake) {
  std::deque<std::function<void()>> events;
  {
    absl::MutexLock lock(&mutex_);
    waker_.Await(std::clamp(wake - now, absl::ZeroDuration(), kLookAround));
    events.swap(events_);
    if (drain_asked_ && !drain_end_.has_value()) {
      drain_end_ = MonotonicNow() + options_.drain_timeout;
    }
  }
  NoticeStandstill(MonotonicNow());
  for (const std::function<void()>& event : events) event();
}

bool RechargeLoop::Finished(Moment now) {
  if (drain_end_.has_value()) return works_.empty() || now >= *drain_end_;
  if (!options_.exit_when_idle.has_value()) return false;
  if (!works_.empty()) last_busy_ = now;
  return now - last_busy_ >= *options_.exit_when_idle;
}

Moment RechargeLoop::Step(Moment now) {
  Moment wake = absl::InfiniteDuration();
  if (drain_end_.has_value()) {
    ledger_.StopWatching();
    wake = *drain_end_;
  } else if (!stream_open_) {
    if (now >= next_stream_) OpenStream(now);
    wake = next_stream_;
  }
  for (auto entry = works_.begin(); entry != works_.end();) {
    wake = std::min(wake, Act(entry->first, &entry->second, now));
    if (!entry->second.attempt.done) {
      ++entry;
      continue;
    }
    EndSpan(entry->second);
    entry = works_.erase(entry);
  }
  if (options_.exit_when_idle.has_value() && works_.empty()) {
    wake = std::min(wake, last_busy_ + *options_.exit_when_idle);
  }
  metrics_.in_flight.Set(static_cast<double>(works_.size()));
  return wake;
}

// --- The stream of hand-outs ---------------------------------------------------------

void RechargeLoop::OpenStream(Moment now) {
  stream_open_ = true;
  next_stream_ = absl::InfiniteDuration();
  const int64_t stream = ++stream_;
  ledger_.Watch({.on_open = [this] { Post([this] { OnStreamOpen(); }); },
                 .on_hand_out =
                     [this, stream](absl::StatusOr<std::pair<Task, HandOut>> message) {
                       Post(
                           [this, stream, received = MonotonicNow(), message = std::move(message)] {
                             TakeHandOut(stream, received, message);
                           });
                     },
                 .on_end =
                     [this, opened = now](absl::Status status) {
                       Post([this, opened, ended = MonotonicNow(), status = std::move(status)] {
                         OnStreamEnd(opened, ended, status);
                       });
                     }});
}

void RechargeLoop::OnStreamOpen() {
  metrics_.ledger_connected.Set(1);
  if (std::exchange(ledger_reach_, Reach::kUp) != Reach::kUp) {
    Log(Severity::kInfo, "watching the ledger for low balances");
  }
}

void RechargeLoop::OnStreamEnd(Moment opened, Moment now, const absl::Status& status) {
  stream_open_ = false;
  stream_error_ = status;
  metrics_.ledger_connected.Set(0);
  stream_failures_ = now - opened >= kGoodStream ? 1 : stream_failures_ + 1;
  next_stream_ = now + Backoff(options_.rules, stream_failures_, Jitter());
  if (drain_end_.has_value()) return;
  if (Refuses(status)) {
    TellOfRefusal(now, status);
    if (!absl::IsInvalidArgument(status)) return;
    refusal_ = status;
    drain_end_ = now + options_.drain_timeout;
    return;
  }
  if (std::exchange(ledger_reach_, Reach::kDown) != Reach::kDown) {
    Log(Severity::kWarning, "the ledger is away; trying again until it is back",
        {{"error", status.ToString()}});
  }
}

void RechargeLoop::TellOfRefusal(Moment now, const absl::Status& status) {
  metrics_.streams_refused.Increment();
  const bool news = std::exchange(ledger_reach_, Reach::kRefuses) != Reach::kRefuses;
  if (!news && now - refusal_told_ < kTellAgain) return;
  refusal_told_ = now;
  Log(Severity::kError, "the ledger refuses this worker",
      {{"reason", ReasonOf(status)}, {"error", status.ToString()}});
}

void RechargeLoop::NoticeStandstill(Moment now) {
  const absl::Duration gap = now - std::exchange(last_look_, now);
  if (gap < kStandstill || !stream_open_) return;
  Log(Severity::kWarning, "the process stood still; opening the stream anew", {{"gap", gap}});
  ++stream_;
  ledger_.StopWatching();
}

void RechargeLoop::TakeHandOut(int64_t stream, Moment received,
                               const absl::StatusOr<std::pair<Task, HandOut>>& message) {
  if (stream != stream_ || drain_end_.has_value()) {
    metrics_.hand_outs_dropped.Increment();
    return;
  }
  if (!message.ok()) {
    Log(Severity::kError, "the ledger handed out something invalid",
        {{"error", message.status().ToString()}});
    metrics_.hand_outs_dropped.Increment();
    return;
  }
  last_busy_ = received;
  const auto& [task, handed_out] = *message;
  const std::string key = KeyOf(task);
  const auto running = works_.find(key);
  if (running != works_.end()) return OnHandOut(handed_out, received, &running->second.attempt);
  // Reports that wait for the ledger keep their place beside the new ones; beyond
  // that the hand-out waits for its lease to run out.
  if (works_.size() >= 2 * static_cast<size_t>(options_.max_in_flight)) {
    metrics_.hand_outs_dropped.Increment();
    return;
  }
  const bool traced = handed_out.trace.valid();
  Work& work = works_[key] = Work{.attempt = BeginAttempt(task, handed_out, received),
                                  .received = received,
                                  .opened_by = handed_out.trace,
                                  .start = absl::Now()};
  work.attempt.trace = tracer_.Begin(traced ? std::optional(handed_out.trace) : std::nullopt);
}

RechargeLoop::CallSpan RechargeLoop::BeginCall(const Work& work, const char* method) const {
  return {tracer_.Begin(work.attempt.trace), work.attempt.trace.span_id, absl::Now(), method};
}

void RechargeLoop::EndCall(const CallSpan& call, bool failed) const {
  if (!tracer_.Keeps(call.context)) return;
  tracer_.End({.name = call.method,
               .kind = SpanKind::kClient,
               .context = call.context,
               .parent_id = call.parent_id,
               .start = call.start,
               .end = absl::Now(),
               .failed = failed,
               .attributes = {{"rpc.system.name", "grpc"}, {"rpc.method", call.method}}});
}

void RechargeLoop::EndSpan(const Work& work) const {
  if (!tracer_.Keeps(work.attempt.trace)) return;
  tracer_.End({.name = work.attempt.task.is_refund() ? "worker.refund" : "worker.charge",
               .kind = SpanKind::kConsumer,
               .context = work.attempt.trace,
               .parent_id = work.opened_by.span_id,
               .start = work.start,
               .end = absl::Now(),
               .failed = !work.reported,
               .figures = {{"reserve.recharge.attempt", work.attempt.task.attempt}}});
}

// --- One attempt -----------------------------------------------------------------------

Moment RechargeLoop::Act(const std::string& key, Work* work, Moment now) {
  Attempt& attempt = work->attempt;
  if (!work->renewing && RenewalDue(attempt, now)) StartRenewal(key, work, now);
  Moment wake = absl::InfiniteDuration();
  if (!work->renewing && attempt.lease.renew_at > now) wake = attempt.lease.renew_at;
  if (work->calling) return wake;

  const Action action = Decide(options_.rules, attempt, now);
  if (const auto* wait = std::get_if<Wait>(&action)) return std::min(wake, wait->until);
  if (const auto* tell = std::get_if<Tell>(&action)) {
    StartTell(key, work, tell->state);
    return wake;
  }
  if (const auto* report = std::get_if<Report>(&action)) {
    StartReport(key, work, report->outcome);
    return wake;
  }
  const bool look_up = std::holds_alternative<worker::LookUp>(action);
  const bool leave = drain_end_.has_value() && (!look_up || !work->begun);
  if (std::holds_alternative<GiveUp>(action) || leave) {
    End(work);
    return absl::InfiniteDuration();
  }
  return std::min(wake, AskGateway(key, work, action, now));
}

void RechargeLoop::End(Work* work) {
  if (!work->reported) metrics_.left.Increment();
  if (work->turn.has_value()) --gateway_turns_;
  work->attempt.done = true;
}

Moment RechargeLoop::AskGateway(const std::string& key, Work* work, const Action& action,
                                Moment now) {
  if (!work->turn.has_value()) {
    if (gateway_calls_ + gateway_turns_ >= options_.max_in_flight) {
      return absl::InfiniteDuration();  // The next answer makes room.
    }
    work->turn = gateway_limit_.Take(now);
    ++gateway_turns_;
  }
  if (now < *work->turn) return *work->turn;
  work->turn.reset();
  --gateway_turns_;
  StartGatewayCall(key, work, action, now);
  return absl::InfiniteDuration();
}

void RechargeLoop::StartRenewal(const std::string& key, Work* work, Moment now) {
  work->renewing = true;
  const int64_t epoch = work->attempt.lease.epoch;
  ledger_.Renew(work->attempt.task, epoch,
                [this, key, epoch, requested = now](absl::StatusOr<absl::Duration> remaining) {
                  Post([this, key, epoch, requested, answered = MonotonicNow(),
                        remaining = std::move(remaining)] {
                    OnRenewal(key, epoch, requested, answered, remaining);
                  });
                });
}

void RechargeLoop::OnRenewal(const std::string& key, int64_t epoch, Moment requested, Moment now,
                             const absl::StatusOr<absl::Duration>& remaining) {
  const auto entry = works_.find(key);
  if (entry == works_.end()) return;
  Work& work = entry->second;
  work.renewing = false;
  if (remaining.ok()) return OnRenewed(epoch, *remaining, requested, &work.attempt);
  if (!IsRefusal(remaining.status())) return OnRenewalFailed(now, &work.attempt);
  metrics_.leases_lost.Increment();
  OnLeaseLost(epoch, &work.attempt);
}

void RechargeLoop::StartGatewayCall(const std::string& key, Work* work, const Action& action,
                                    Moment now) {
  work->calling = work->begun = true;
  ++gateway_calls_;
  const Task& task = work->attempt.task;
  const bool look_up = std::holds_alternative<worker::LookUp>(action);
  prometheus::Histogram& seconds = look_up            ? metrics_.look_up_seconds
                                   : task.is_refund() ? metrics_.refund_seconds
                                                      : metrics_.charge_seconds;
  const CallSpan call = BeginCall(*work, MethodOf(task, look_up));
  GatewayClient::Done done = [this, key, look_up, call, &seconds,
                              sent = now](GatewayAnswer answer) {
    const Moment answered = MonotonicNow();
    EndCall(call, answer.kind == GatewayAnswer::Kind::kOutage ||
                      answer.kind == GatewayAnswer::Kind::kNoAnswer);
    seconds.Observe(absl::ToDoubleSeconds(answered - sent));
    Post([this, key, look_up, answered, answer = std::move(answer)] {
      OnGateway(key, look_up, answered, answer);
    });
  };
  if (look_up) return gateway_.LookUp(task, call.context, std::move(done));
  if (task.is_refund()) return gateway_.Refund(task, call.context, std::move(done));
  gateway_.Charge(task, call.context, std::move(done));
}

void RechargeLoop::OnGateway(const std::string& key, bool look_up, Moment now,
                             const GatewayAnswer& answer) {
  --gateway_calls_;
  NoteGatewayReach(answer);
  Work& work = works_.at(key);  // An attempt with a call under way is never dropped.
  work.calling = false;
  Attempt& attempt = work.attempt;
  TellOfTrouble(look_up, answer, attempt);
  if (look_up) {
    OnLookUpAnswer(options_.rules, answer, now, Jitter(), &attempt);
  } else {
    OnChargeAnswer(options_.rules, answer, now, Jitter(), &attempt);
  }
}

void RechargeLoop::TellOfTrouble(bool look_up, const GatewayAnswer& answer,
                                 const Attempt& attempt) {
  const bool refund = attempt.task.is_refund();
  if (answer.kind == GatewayAnswer::Kind::kNoAnswer) {
    metrics_.unknown_outcomes.Increment();
    LogAttempt(Severity::kWarning,
               look_up  ? "the look-up ended without an answer"
               : refund ? "the refund ended without an answer; looking it up"
                        : "the charge ended without an answer; looking it up",
               attempt, attempt.lease.epoch, {"error", answer.text});
  } else if (answer.kind == GatewayAnswer::Kind::kInvalid) {
    (refund ? metrics_.invalid_refunds : metrics_.invalid_charges).Increment();
    LogAttempt(Severity::kError,
               refund ? "the gateway calls the refund invalid: a fault of ours; it is sent again "
                        "with the next lease"
                      : "the gateway calls the charge invalid, and not for its card: a fault of "
                        "ours; it is left to a person unless a charge is found",
               attempt, attempt.lease.epoch, {"error", answer.text});
  }
}

void RechargeLoop::NoteGatewayReach(const GatewayAnswer& answer) {
  if (answer.kind == GatewayAnswer::Kind::kNoAnswer) return;  // Says nothing either way.
  const Reach reach = answer.kind == GatewayAnswer::Kind::kOutage ? Reach::kDown : Reach::kUp;
  if (std::exchange(gateway_reach_, reach) == reach) return;
  if (reach == Reach::kDown) {
    Log(Severity::kWarning, "the gateway is away; trying again until it is back",
        {{"error", answer.text}});
  } else {
    Log(Severity::kInfo, "the gateway answers");
  }
}

void RechargeLoop::StartTell(const std::string& key, Work* work, const GatewayState& state) {
  work->calling = true;
  const Attempt& attempt = work->attempt;
  ledger_.Tell(
      attempt.task, attempt.outcome->charge_id, state, work->attempt.trace,
      [this, key, state](ReportAnswer answer, absl::Status status) {
        Post([this, key, state, answered = MonotonicNow(), answer, status = std::move(status)] {
          OnTell(key, state, answered, answer, status);
        });
      });
}

void RechargeLoop::OnTell(const std::string& key, const GatewayState& state, Moment now,
                          ReportAnswer answer, const absl::Status& status) {
  Work& work = works_.at(key);  // An attempt with a call under way is never dropped.
  work.calling = false;
  Attempt& attempt = work.attempt;
  const int64_t epoch = attempt.lease.epoch;
  if (answer == ReportAnswer::kAccepted) {
    LogAttempt(Severity::kInfo, "the charge comes with a refund or dispute", attempt, epoch,
               {"detail", state.id});
  } else if (answer == ReportAnswer::kNoAnswer) {
    TellOfSilence(attempt, status);
  } else {
    metrics_.reports_refused.Increment();
    LogAttempt(Severity::kError, "the ledger does not take a refund or dispute of the charge",
               attempt, epoch, {"detail", absl::StrCat(state.id, ": ", status.ToString())});
  }
  OnTold(options_.rules, answer, status.message(), now, Jitter(), &attempt);
}

void RechargeLoop::StartReport(const std::string& key, Work* work, const Outcome& outcome) {
  work->calling = true;
  const int64_t epoch = work->attempt.lease.epoch;
  const CallSpan call = BeginCall(*work, "reserve.ledger.v1.Recharges/ReportRecharge");
  ledger_.Report(work->attempt.task, epoch, outcome, call.context,
                 [this, key, epoch, outcome, call](ReportAnswer answer, absl::Status status) {
                   EndCall(call, answer == ReportAnswer::kNoAnswer);
                   Post([this, key, epoch, outcome, answered = MonotonicNow(), answer,
                         status = std::move(status)] {
                     OnReport(key, epoch, outcome, answered, answer, status);
                   });
                 });
}

void RechargeLoop::OnReport(const std::string& key, int64_t epoch, const Outcome& outcome,
                            Moment now, ReportAnswer answer, const absl::Status& status) {
  Work& work = works_.at(key);  // An attempt with a call under way is never dropped.
  work.calling = false;
  Attempt& attempt = work.attempt;
  switch (answer) {
    case ReportAnswer::kAccepted:
      work.reported = true;
      CountOutcome(outcome);
      metrics_.attempt_seconds.Observe(absl::ToDoubleSeconds(now - work.received));
      TellOfOutcome(outcome, epoch, attempt);
      break;
    case ReportAnswer::kLeaseLost:
      metrics_.leases_lost.Increment();
      break;
    case ReportAnswer::kRefused:
      metrics_.reports_refused.Increment();
      LogAttempt(Severity::kError, "the ledger refused the report", attempt, epoch,
                 {"detail", absl::StrCat(DetailOf(outcome), ": ", status.ToString())});
      break;
    case ReportAnswer::kNoAnswer:
      TellOfSilence(attempt, status);
      break;
  }
  OnReportAnswer(options_.rules, answer, epoch, status.message(), now, Jitter(), &attempt);
}

void RechargeLoop::TellOfOutcome(const Outcome& outcome, int64_t epoch, const Attempt& attempt) {
  const bool refund = attempt.task.is_refund();
  const auto tell = [&](Severity severity, absl::string_view message) {
    LogAttempt(severity, message, attempt, epoch, {"detail", DetailOf(outcome)});
  };
  switch (outcome.kind) {
    case Outcome::Kind::kSucceeded:
      return tell(Severity::kInfo, "charged");
    case Outcome::Kind::kDeclined:
      return tell(Severity::kInfo, "declined");
    case Outcome::Kind::kRefunded:
      return tell(Severity::kInfo, "refunded");
    case Outcome::Kind::kRefundFailed:
      return tell(Severity::kWarning, "the refund failed");
    case Outcome::Kind::kPending:
      return tell(Severity::kInfo, refund ? "the refund is pending" : "the charge is pending");
    case Outcome::Kind::kUnresolved:
      return tell(Severity::kError, refund ? "the refund is unresolved: a person must look"
                                           : "unresolved: a person must look");
  }
}

void RechargeLoop::TellOfSilence(const Attempt& attempt, const absl::Status& status) {
  metrics_.reports_unanswered.Increment();
  // A ledger that is away is told of once, by the stream.
  const bool loud = Refuses(status) && attempt.failures % kTellAgainFailures == 0;
  Log(loud ? Severity::kError : Severity::kDebug, "the report got no answer; trying again",
      {{"account_id", attempt.task.account_id},
       {"ordinal", attempt.task.ordinal},
       {"attempt", attempt.task.attempt},
       {"detail", status.ToString()}});
}

void RechargeLoop::CountOutcome(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kSucceeded:
      return metrics_.succeeded.Increment();
    case Outcome::Kind::kUnresolved:
      return metrics_.unresolved.Increment();
    case Outcome::Kind::kPending:
      return metrics_.pending.Increment();
    case Outcome::Kind::kRefunded:
      return metrics_.refunded.Increment();
    case Outcome::Kind::kRefundFailed:
      return metrics_.refund_failed.Increment();
    case Outcome::Kind::kDeclined:
      break;
  }
  switch (outcome.decline_class) {
    case DeclineClass::kSoft:
      return metrics_.declined_soft.Increment();
    case DeclineClass::kHard:
      return metrics_.declined_hard.Increment();
    case DeclineClass::kAuthenticationRequired:
      return metrics_.declined_authentication_required.Increment();
  }
}

}  // namespace reserve::worker
