#include "tests/simulation/worker.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "worker/charge_key.h"

namespace reserve::simulation {
namespace {

using worker::GatewayAnswer;
using worker::Moment;
using worker::Outcome;
using worker::ReportAnswer;

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
constexpr absl::Duration kStandstill = absl::Seconds(30);

worker::Rules RulesFor(const Scene& scene, const worker::Task& task) {
  worker::Rules rules{.key_lifetime = kKeyLifetime};
  const Sabotage for_ever =
      task.is_refund() ? Sabotage::kRefundKeysRememberedForEver : Sabotage::kKeysRememberedForEver;
  if (scene.sabotaged(for_ever)) rules.key_lifetime = absl::Hours(100'000);
  return rules;
}

domain::ChargeOutcome ForLedger(const worker::Task& task, int64_t epoch, const Outcome& outcome) {
  domain::ChargeOutcome report;
  report.attempt = task.attempt;
  report.lease_epoch = epoch;
  report.text = outcome.text;
  switch (outcome.kind) {
    case Outcome::Kind::kSucceeded:
      report.kind = domain::ChargeOutcome::Kind::kSucceeded;
      report.charge_id = outcome.charge_id;
      report.amount = outcome.amount;
      report.currency = task.currency;
      break;
    case Outcome::Kind::kDeclined:
      report.kind = domain::ChargeOutcome::Kind::kDeclined;
      report.decline_class = static_cast<domain::DeclineClass>(outcome.decline_class);
      break;
    case Outcome::Kind::kPending:
      report.kind = domain::ChargeOutcome::Kind::kPending;
      report.charge_id = task.is_refund() ? outcome.refund_id : outcome.charge_id;
      break;
    case Outcome::Kind::kRefunded:
      report.kind = domain::ChargeOutcome::Kind::kSucceeded;
      report.charge_id = outcome.refund_id;
      break;
    case Outcome::Kind::kRefundFailed:
      report.kind = domain::ChargeOutcome::Kind::kDeclined;
      report.charge_id = outcome.refund_id;
      break;
    case Outcome::Kind::kUnresolved:
      report.kind = domain::ChargeOutcome::Kind::kUnresolved;
      break;
  }
  return report;
}

// What the wire says of it: of a charge or of a refund, or of either.
std::optional<bool> OfRefund(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kSucceeded:
    case Outcome::Kind::kDeclined:
      return false;
    case Outcome::Kind::kRefunded:
    case Outcome::Kind::kRefundFailed:
      return true;
    case Outcome::Kind::kPending:
    case Outcome::Kind::kUnresolved:
      return std::nullopt;
  }
  return std::nullopt;
}

// As the worker's client of the ledger reads a status.
ReportAnswer AnswerOf(const absl::Status& status) {
  if (status.ok()) return ReportAnswer::kAccepted;
  if (ReasonOf(status) == "LEASE_LOST") return ReportAnswer::kLeaseLost;
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ? ReportAnswer::kNoAnswer
                                                                         : ReportAnswer::kRefused;
}

// What the worker takes it for, where that is wrong on purpose.
GatewayAnswer Misread(const Scene& scene, GatewayAnswer answer) {
  if (answer.pending && answer.refund_id.empty()) {
    if (scene.sabotaged(Sabotage::kPendingTakenAsDeclined)) answer.pending = false;
    // As if it were of something else.
    if (scene.sabotaged(Sabotage::kPendingGivenToAPerson)) answer.amount = 0;
  }
  if (scene.sabotaged(Sabotage::kCapturedNotRead)) answer.captured.reset();
  return answer;
}

std::string TextOf(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kSucceeded:
      return absl::StrCat("succeeded: ", outcome.charge_id);
    case Outcome::Kind::kDeclined:
      return absl::StrCat("declined: ", outcome.text);
    case Outcome::Kind::kPending:
      return absl::StrCat("pending: ", outcome.charge_id);
    case Outcome::Kind::kUnresolved:
      return absl::StrCat("unresolved: ", outcome.text);
    case Outcome::Kind::kRefunded:
      return absl::StrCat("refunded: ", outcome.refund_id);
    case Outcome::Kind::kRefundFailed:
      return absl::StrCat("refund failed: ", outcome.text);
  }
  return "";
}

std::string TextOf(const GatewayAnswer& answer) {
  switch (answer.kind) {
    case GatewayAnswer::Kind::kFound:
      return absl::StrCat(answer.refund_id.empty() ? answer.charge_id : answer.refund_id,
                          answer.succeeded ? " succeeded"
                          : answer.pending ? " is pending"
                                           : " was declined");
    case GatewayAnswer::Kind::kNotFound:
      return "there is none";
    case GatewayAnswer::Kind::kRefused:
      return "refused";
    case GatewayAnswer::Kind::kInvalid:
      return "invalid";
    case GatewayAnswer::Kind::kKeyReused:
      return "the key was used with other content";
    case GatewayAnswer::Kind::kOutage:
    case GatewayAnswer::Kind::kNoAnswer:
      return absl::StrCat("no answer: ", answer.text);
  }
  return "";
}

}  // namespace

SimulatedWorker::SimulatedWorker(Scene* scene, int number, double fault_rate,
                                 std::vector<SimulatedLedger*> ledgers, ModelGateway* gateway,
                                 Checks* checks)
    : Process(scene, absl::StrCat("worker ", number), fault_rate),
      ledgers_(std::move(ledgers)),
      gateway_(*gateway),
      checks_(*checks),
      origin_(scene->now() - absl::Hours(1000 * number)) {}

void SimulatedWorker::OnStart() { OpenStream(); }

void SimulatedWorker::OnCrash() {
  works_.clear();
  if (watched_ != nullptr) watched_->StopWatching(name(), stream_);
  watched_ = nullptr;
  stream_ = ++last_number_;
}

void SimulatedWorker::OnThaw(absl::Duration length) {
  // Hand-outs that waited in the sockets are not trusted.
  if (length < kStandstill || watched_ == nullptr) return;
  watched_->StopWatching(name(), stream_);
  OnStreamEnd(stream_);
}

SimulatedLedger* SimulatedWorker::AnyLedger() {
  return ledgers_[static_cast<size_t>(scene().Below(static_cast<int>(ledgers_.size())))];
}

// --- The stream of hand-outs ------------------------------------------------------------

void SimulatedWorker::OpenStream() {
  const int64_t stream = stream_ = ++last_number_;
  SimulatedLedger* ledger = AnyLedger();
  const bool open = ledger->Watch(
      name(), stream,
      {.on_hand_out =
           [this, stream](const worker::Task& task, const worker::HandOut& handed_out) {
             Later(absl::ZeroDuration(), [=, this] { TakeHandOut(stream, task, handed_out); });
           },
       .on_end =
           [this, stream] {
             Later(absl::ZeroDuration(), [this, stream] { OnStreamEnd(stream); });
           }});
  if (!open) return Later(absl::Seconds(1), [this] { OpenStream(); });
  watched_ = ledger;
}

void SimulatedWorker::OnStreamEnd(int64_t stream) {
  if (stream != stream_) return;
  stream_ = ++last_number_;
  watched_ = nullptr;
  Later(scene().UpTo(absl::Seconds(2)), [this] { OpenStream(); });
}

std::string SimulatedWorker::KeyOf(const worker::Task& task, int64_t epoch) {
  if (task.is_refund() && scene().sabotaged(Sabotage::kRefundKeyFromLease)) {
    return worker::RefundKey(task.account_id, task.ordinal * 1000 + epoch);
  }
  if (!task.is_refund() && scene().sabotaged(Sabotage::kKeyFromLease)) {
    return worker::ChargeKey(task.account_id, task.ordinal,
                             task.attempt * 1000 + static_cast<int32_t>(epoch));
  }
  return worker::KeyOf(task);
}

void SimulatedWorker::TakeHandOut(int64_t stream, const worker::Task& task,
                                  const worker::HandOut& handed_out) {
  if (stream != stream_ || watched_ == nullptr) return;
  const std::string key = KeyOf(task, handed_out.lease_epoch);
  const auto running = works_.find(key);
  if (running != works_.end()) {
    worker::OnHandOut(handed_out, Now(), &running->second.attempt);
  } else {
    works_[key] = Work{.attempt = worker::BeginAttempt(task, handed_out, Now())};
  }
  Act(key);
}

// --- One attempt ------------------------------------------------------------------------

void SimulatedWorker::ActAfter(const std::string& key, Moment moment) {
  if (moment == absl::InfiniteDuration()) return;
  Work& work = works_.at(key);
  const absl::Time when =
      scene().now() +
      std::max(absl::Ceil(moment - Now(), absl::Microseconds(1)), absl::Microseconds(1));
  if (work.wake > scene().now() && work.wake <= when) return;
  work.wake = when;
  Later(when - scene().now(), [this, key, when] {
    const auto entry = works_.find(key);
    if (entry == works_.end() || entry->second.wake != when) return;
    entry->second.wake = absl::InfiniteFuture();
    Act(key);
  });
}

void SimulatedWorker::Act(const std::string& key) {
  const auto entry = works_.find(key);
  if (entry == works_.end()) return;
  Work& work = entry->second;
  worker::Attempt& attempt = work.attempt;
  if (attempt.done) {
    works_.erase(entry);
    return;
  }
  if (!work.renewing && worker::RenewalDue(attempt, Now())) StartRenewal(key, &work);
  Moment wake = absl::InfiniteDuration();
  if (!work.renewing && attempt.lease.renew_at > Now()) wake = attempt.lease.renew_at;
  if (work.calling) return ActAfter(key, wake);

  const worker::Action action = worker::Decide(RulesFor(scene(), attempt.task), attempt, Now());
  if (const auto* wait = std::get_if<worker::Wait>(&action)) {
    return ActAfter(key, std::min(wake, wait->until));
  }
  if (std::holds_alternative<worker::GiveUp>(action)) {
    scene().Tell([&] {
      return absl::StrCat(name(), " gives up ", attempt.task.account_id, "/", attempt.task.ordinal,
                          " attempt ", attempt.task.attempt);
    });
    works_.erase(entry);
    return;
  }
  if (const auto* report = std::get_if<worker::Report>(&action)) {
    StartReport(key, &work, report->outcome);
  } else if (const auto* tell = std::get_if<worker::Tell>(&action)) {
    StartTell(key, &work, tell->state);
  } else {
    StartGatewayCall(key, &work, /*send=*/!std::holds_alternative<worker::LookUp>(action));
  }
  ActAfter(key, wake);
}

SimulatedWorker::Work* SimulatedWorker::Waiting(const std::string& key, int64_t call) {
  const auto entry = works_.find(key);
  if (entry == works_.end() || !entry->second.calling || entry->second.call != call) return nullptr;
  return &entry->second;
}

void SimulatedWorker::StartRenewal(const std::string& key, Work* work) {
  work->renewing = true;
  const int64_t renewal = work->renewal = ++last_number_;
  const int64_t epoch = work->attempt.lease.epoch;
  const Moment requested = Now();
  const RechargeKey recharge{work->attempt.task.account_id, work->attempt.task.ordinal};
  const auto answered = [=, this](const absl::StatusOr<absl::Duration>& remaining) {
    Later(absl::ZeroDuration(), [=, this] {
      const auto entry = works_.find(key);
      if (entry == works_.end() || !entry->second.renewing || entry->second.renewal != renewal) {
        return;
      }
      OnRenewal(key, epoch, requested, remaining);
    });
  };
  scene().Send([=, this, ledger = AnyLedger()] {
    ledger->Renew(recharge, name(), epoch, [=, this](const absl::StatusOr<absl::Duration>& reply) {
      scene().Send([=] { answered(reply); });
    });
  });
  Later(kCallTimeout, [=] { answered(absl::DeadlineExceededError("timeout")); });
}

void SimulatedWorker::OnRenewal(const std::string& key, int64_t epoch, Moment requested,
                                const absl::StatusOr<absl::Duration>& remaining) {
  Work& work = works_.at(key);
  work.renewing = false;
  if (remaining.ok()) {
    worker::OnRenewed(epoch, *remaining, requested, &work.attempt);
  } else if (absl::IsFailedPrecondition(remaining.status())) {
    worker::OnLeaseLost(epoch, &work.attempt);
  } else {
    worker::OnRenewalFailed(Now(), &work.attempt);
  }
  Act(key);
}

void SimulatedWorker::StartGatewayCall(const std::string& key, Work* work, bool send) {
  work->calling = true;
  const int64_t call = work->call = ++last_number_;
  const worker::Task task = work->attempt.task;
  scene().Tell([&] {
    const char* const verb = task.is_refund() ? " refunds " : " charges ";
    return absl::StrCat(name(), send ? verb : " looks up ", task.account_id, "/", task.ordinal,
                        " attempt ", task.attempt);
  });
  if (send && task.is_refund()) checks_.OnRefundSent(task, key);
  if (send && !task.is_refund()) checks_.OnChargeSent(task, key);
  const auto answered = [=, this](const GatewayAnswer& answer) {
    Later(absl::ZeroDuration(), [=, this] {
      if (Waiting(key, call) != nullptr) OnGateway(key, send, Misread(scene(), answer));
    });
  };
  const auto reply = [=, this](const GatewayAnswer& answer) {
    scene().Send([=] { answered(answer); });
  };
  scene().Send([=, this] { AskGateway(key, task, send, reply); });
  Later(kCallTimeout, [=, this] {
    if (Waiting(key, call) == nullptr) return;
    scene().Count(Happening::kCallTimedOut);
    answered({.kind = GatewayAnswer::Kind::kNoAnswer, .text = "timeout"});
  });
}

void SimulatedWorker::AskGateway(const std::string& key, const worker::Task& task, bool send,
                                 const ModelGateway::Done& done) {
  if (task.is_refund()) {
    return send ? gateway_.Refund(key, task, done) : gateway_.LookUpRefund(key, done);
  }
  return send ? gateway_.Charge(key, task, done) : gateway_.LookUp(key, done);
}

void SimulatedWorker::OnGateway(const std::string& key, bool send, const GatewayAnswer& answer) {
  Work& work = works_.at(key);
  work.calling = false;
  worker::Attempt& attempt = work.attempt;
  scene().Tell([&] {
    return absl::StrCat(name(), " is told of ", attempt.task.account_id, "/", attempt.task.ordinal,
                        " attempt ", attempt.task.attempt, ": ", TextOf(answer));
  });
  if (!send) {
    worker::OnLookUpAnswer(RulesFor(scene(), attempt.task), answer, Now(), scene().Uniform(),
                           &attempt);
    return Act(key);
  }
  worker::OnChargeAnswer(RulesFor(scene(), attempt.task), answer, Now(), scene().Uniform(),
                         &attempt);
  if (!Spoil(key, answer)) Act(key);
}

bool SimulatedWorker::Spoil(const std::string& key, const GatewayAnswer& answer) {
  if (answer.kind != GatewayAnswer::Kind::kNoAnswer) return false;
  Work& work = works_.at(key);
  worker::Task& task = work.attempt.task;
  if (task.is_refund()) {
    if (!scene().sabotaged(Sabotage::kRefundSentAsCharge)) return false;
    task.refunded_charge_id.clear();
    task.card_token = CardToken(TokenOf(CardKind::kGood, 0));
    work.attempt.look_up_first = false;
    return false;
  }
  if (scene().sabotaged(Sabotage::kDeclinedAfterTimeout)) {
    work.attempt.outcome = Outcome{.kind = Outcome::Kind::kDeclined, .text = "timeout"};
  }
  if (!scene().sabotaged(Sabotage::kNextAttemptAfterTimeout)) return false;
  Work next = work;
  ++next.attempt.task.attempt;
  next.attempt.look_up_first = false;
  next.wake = absl::InfiniteFuture();
  const std::string next_key = worker::KeyOf(next.attempt.task);
  works_.erase(key);
  works_[next_key] = next;
  Act(next_key);
  return true;
}

// A refund or a dispute of the charge, before its success is reported.
void SimulatedWorker::StartTell(const std::string& key, Work* work,
                                const worker::GatewayState& state) {
  work->calling = true;
  const int64_t call = work->call = ++last_number_;
  const worker::Task& task = work->attempt.task;
  scene().Count(Happening::kToldBeforeSuccess);
  scene().Tell([&] {
    return absl::StrCat(name(), " tells of ", state.id, " of ", task.account_id, "/", task.ordinal);
  });
  const auto answered = [=, this](const absl::Status& status) {
    Later(absl::ZeroDuration(), [=, this] {
      if (Waiting(key, call) != nullptr) OnTold(key, status);
    });
  };
  const book::Command command =
      CommandOf(task.account_id, task.ordinal, work->attempt.outcome->charge_id, state);
  scene().Send([=, this, account_id = task.account_id, ledger = AnyLedger()] {
    ledger->Submit(account_id, command, [=, this](const absl::StatusOr<book::Reply>& reply) {
      scene().Send([=, status = reply.status()] { answered(status); });
    });
  });
  Later(kCallTimeout, [=] { answered(absl::DeadlineExceededError("timeout")); });
}

void SimulatedWorker::OnTold(const std::string& key, const absl::Status& status) {
  Work& work = works_.at(key);
  work.calling = false;
  worker::OnTold(RulesFor(scene(), work.attempt.task), AnswerOf(status), status.message(), Now(),
                 scene().Uniform(), &work.attempt);
  Act(key);
}

void SimulatedWorker::StartReport(const std::string& key, Work* work, const Outcome& outcome) {
  work->calling = true;
  const int64_t call = work->call = ++last_number_;
  const worker::Task& task = work->attempt.task;
  const int64_t epoch = work->attempt.lease.epoch;
  scene().Tell([&] {
    return absl::StrCat(name(), " reports on ", task.account_id, "/", task.ordinal, " attempt ",
                        task.attempt, " under lease ", epoch, ": ", TextOf(outcome));
  });
  const auto answered = [=, this](const absl::Status& status) {
    Later(absl::ZeroDuration(), [=, this] {
      if (Waiting(key, call) != nullptr) OnReport(key, epoch, status);
    });
  };
  scene().Send([=, this, account_id = task.account_id, ledger = AnyLedger(),
                command = book::ReportRecharge{.ordinal = task.ordinal,
                                               .of_refund = OfRefund(outcome.kind),
                                               .outcome = ForLedger(task, epoch, outcome)}] {
    ledger->Submit(account_id, command, [=, this](const absl::StatusOr<book::Reply>& reply) {
      scene().Send([=, status = reply.status()] { answered(status); });
    });
  });
  Later(kCallTimeout, [=] { answered(absl::DeadlineExceededError("timeout")); });
}

void SimulatedWorker::OnReport(const std::string& key, int64_t epoch, const absl::Status& status) {
  Work& work = works_.at(key);
  work.calling = false;
  // Without its details, which are in no order.
  scene().Tell([&] {
    return absl::StrCat(name(), "'s report is answered: ", absl::StatusCodeToString(status.code()),
                        " ", status.message());
  });
  worker::OnReportAnswer(RulesFor(scene(), work.attempt.task), AnswerOf(status), epoch,
                         status.message(), Now(), scene().Uniform(), &work.attempt);
  Act(key);
}

}  // namespace reserve::simulation
