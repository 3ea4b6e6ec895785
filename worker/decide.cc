#include "worker/decide.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reference/reference.h"
#include "worker/charge_key.h"
#include "worker/clip.h"

namespace reserve::worker {
namespace {

constexpr size_t kMaxCode = 64;     // recharges.proto, ChargeDeclined.code
constexpr size_t kMaxReason = 255;  // recharges.proto, ChargeUnresolved.reason
constexpr absl::Duration kMaxLeaseMargin = absl::Seconds(2);
constexpr absl::Duration kMinRenewalPause = absl::Milliseconds(100);

// The lease lasts `remaining` from `since` on at the most. How long the ledger's
// message was on its way is unknown, so a tenth is not counted on.
Lease LeaseFrom(int64_t epoch, absl::Duration remaining, Moment since) {
  return Lease{.epoch = epoch,
               .end = since + remaining - std::min(remaining / 10, kMaxLeaseMargin),
               .renew_at = since + remaining / 3};
}

void Conclude(Outcome outcome, Attempt* attempt) {
  attempt->outcome = std::move(outcome);
  attempt->look_up_first = false;
  attempt->failures = 0;
  attempt->not_before = -absl::InfiniteDuration();
}

void ConcludeUnresolved(absl::string_view why, Attempt* attempt) {
  Conclude(Outcome{.kind = Outcome::Kind::kUnresolved, .text = Clip(why, kMaxReason)}, attempt);
}

void ConcludeRefused(absl::string_view reason, Attempt* attempt) {
  if (attempt->task.is_refund()) {
    return Conclude(Outcome{.kind = Outcome::Kind::kRefundFailed, .text = Clip(reason, kMaxCode)},
                    attempt);
  }
  Conclude(Outcome{.kind = Outcome::Kind::kDeclined,
                   .decline_class = DeclineClass::kHard,
                   .text = Clip(absl::StrCat("refused:", reason), kMaxCode)},
           attempt);
}

// The gateway has a refund under the key: is it ours, and how did it end?
void ConcludeFoundRefund(const GatewayAnswer& answer, Attempt* attempt) {
  const Task& task = attempt->task;
  if (answer.charge_id != task.refunded_charge_id || answer.amount != task.amount ||
      answer.currency != task.currency) {
    return ConcludeUnresolved(
        absl::StrCat("refund ", answer.refund_id, " under this key is of ",
                     FormatMoney(answer.currency, answer.amount), " of charge ", answer.charge_id,
                     " instead of ", FormatMoney(task.currency, task.amount), " of charge ",
                     task.refunded_charge_id),
        attempt);
  }
  Outcome outcome{.kind = Outcome::Kind::kRefunded, .refund_id = answer.refund_id};
  if (answer.pending) {
    outcome.kind = Outcome::Kind::kPending;
  } else if (!answer.succeeded) {
    outcome.kind = Outcome::Kind::kRefundFailed;
    outcome.text = Clip(answer.text, kMaxCode);
  }
  Conclude(std::move(outcome), attempt);
}

// The same of whatever it has.
void ConcludeFound(const GatewayAnswer& answer, Attempt* attempt) {
  const Task& task = attempt->task;
  if (task.is_refund()) return ConcludeFoundRefund(answer, attempt);
  if (answer.amount != task.amount || answer.currency != task.currency ||
      answer.card_token != task.card_token) {
    return ConcludeUnresolved(
        absl::StrCat("charge ", answer.charge_id, " under this key is of ",
                     FormatMoney(answer.currency, answer.amount), " instead of ",
                     FormatMoney(task.currency, task.amount), " or of another card"),
        attempt);
  }
  if (answer.pending) {
    return Conclude(Outcome{.kind = Outcome::Kind::kPending, .charge_id = answer.charge_id},
                    attempt);
  }
  if (!answer.succeeded) {
    return Conclude(Outcome{.kind = Outcome::Kind::kDeclined,
                            .decline_class = answer.decline_class,
                            .text = Clip(answer.text, kMaxCode)},
                    attempt);
  }
  attempt->untold = answer.states;
  Conclude(Outcome{.kind = Outcome::Kind::kSucceeded,
                   .charge_id = answer.charge_id,
                   .amount = answer.captured.value_or(answer.amount)},
           attempt);
}

void BackOff(const Rules& rules, Moment now, double jitter, Attempt* attempt) {
  ++attempt->failures;
  attempt->not_before = now + Backoff(rules, attempt->failures, jitter);
}

// Decide() gives the attempt up for this lease.
void LeaveForThisLease(const Rules& rules, Attempt* attempt) { attempt->unknowns = rules.patience; }

// Has the money moved?
bool Succeeded(const Attempt& attempt) {
  return attempt.outcome.has_value() && (attempt.outcome->kind == Outcome::Kind::kSucceeded ||
                                         attempt.outcome->kind == Outcome::Kind::kRefunded);
}

absl::string_view NounOf(const Task& task) { return task.is_refund() ? "refund" : "charge"; }

}  // namespace

std::string KeyOf(const Task& task) {
  return task.is_refund() ? RefundKey(task.account_id, task.ordinal)
                          : ChargeKey(task.account_id, task.ordinal, task.attempt);
}

std::string ReferenceOf(const Task& task) { return FormatReference(task.account_id, task.ordinal); }

Action Decide(const Rules& rules, const Attempt& attempt, Moment now) {
  if (attempt.done) return GiveUp{};
  const bool needs_lease = !Succeeded(attempt);
  if (needs_lease && now >= attempt.lease.end) return GiveUp{};
  if (now < attempt.not_before) {
    return Wait{needs_lease ? std::min(attempt.not_before, attempt.lease.end) : attempt.not_before};
  }
  if (!attempt.untold.empty()) return Tell{attempt.untold.front()};
  if (attempt.outcome.has_value()) return Report{*attempt.outcome};
  if (attempt.unknowns >= rules.patience) return GiveUp{};
  const absl::Duration age = now - attempt.first_handed_out;
  if (attempt.look_up_first || age >= rules.key_lifetime / 2) return LookUp{};
  if (attempt.task.is_refund()) return Refund{};
  return Charge{};
}

bool RenewalDue(const Attempt& attempt, Moment now) {
  return !attempt.done && !Succeeded(attempt) && now >= attempt.lease.renew_at &&
         now < attempt.lease.end;
}

Attempt BeginAttempt(Task task, const HandOut& handed_out, Moment received) {
  Attempt attempt;
  attempt.task = std::move(task);
  attempt.first_handed_out = received - std::max(handed_out.attempt_age, absl::ZeroDuration());
  attempt.untouched = !handed_out.handed_out_before;
  attempt.pending = handed_out.pending;
  attempt.lease = LeaseFrom(handed_out.lease_epoch, handed_out.lease_remaining, received);
  return attempt;
}

void OnHandOut(const HandOut& handed_out, Moment received, Attempt* attempt) {
  attempt->first_handed_out = std::min(
      attempt->first_handed_out, received - std::max(handed_out.attempt_age, absl::ZeroDuration()));
  if (handed_out.lease_epoch <= attempt->lease.epoch) return;
  attempt->lease = LeaseFrom(handed_out.lease_epoch, handed_out.lease_remaining, received);
  attempt->untouched = false;
  attempt->pending = attempt->pending || handed_out.pending;
  attempt->unknowns = 0;
}

void OnRenewed(int64_t epoch, absl::Duration remaining, Moment requested, Attempt* attempt) {
  if (epoch != attempt->lease.epoch) return;
  attempt->lease = LeaseFrom(epoch, remaining, requested);
}

void OnLeaseLost(int64_t epoch, Attempt* attempt) {
  if (epoch != attempt->lease.epoch) return;
  attempt->lease.end = -absl::InfiniteDuration();
}

void OnRenewalFailed(Moment now, Attempt* attempt) {
  attempt->lease.renew_at = now + std::max((attempt->lease.end - now) / 3, kMinRenewalPause);
}

void OnChargeAnswer(const Rules& rules, const GatewayAnswer& answer, Moment now, double jitter,
                    Attempt* attempt) {
  using Kind = GatewayAnswer::Kind;
  const bool first_ever = std::exchange(attempt->untouched, false);
  switch (answer.kind) {
    case Kind::kFound:
      return ConcludeFound(answer, attempt);
    case Kind::kRefused:
      // This request did nothing; but one before it may have.
      if (first_ever) return ConcludeRefused(answer.text, attempt);
      attempt->refusal = answer.text;
      attempt->look_up_first = true;
      return;
    case Kind::kInvalid:
      // The same request would be refused again. A refund keeps nobody out: it is sent once a
      // lease.
      if (first_ever && attempt->task.is_refund()) return LeaveForThisLease(rules, attempt);
      attempt->fault = answer.text;
      attempt->look_up_first = true;
      return;
    case Kind::kKeyReused:
      attempt->key_reused = true;
      attempt->look_up_first = true;
      return;
    case Kind::kOutage:
      attempt->look_up_first = true;
      return BackOff(rules, now, jitter, attempt);
    case Kind::kNotFound:  // No answer to a charge.
    case Kind::kNoAnswer:
      // Looked up at once: most often it was only the reply that got lost.
      attempt->look_up_first = true;
      ++attempt->unknowns;
      return;
  }
}

void OnLookUpAnswer(const Rules& rules, const GatewayAnswer& answer, Moment now, double jitter,
                    Attempt* attempt) {
  using Kind = GatewayAnswer::Kind;
  const absl::Duration age = now - attempt->first_handed_out;
  if (answer.kind == Kind::kFound) return ConcludeFound(answer, attempt);
  if (answer.kind == Kind::kNotFound) {
    if (attempt->refusal.has_value()) return ConcludeRefused(*attempt->refusal, attempt);
    if (attempt->key_reused) {
      return ConcludeUnresolved(
          absl::StrCat("the gateway says the key was used with other content, but finds no ",
                       NounOf(attempt->task), " under it"),
          attempt);
    }
    if (attempt->fault.has_value() && !attempt->task.is_refund()) {
      return ConcludeUnresolved(
          absl::StrCat("the gateway calls the charge invalid, and has none under its key: ",
                       *attempt->fault),
          attempt);
    }
    if (attempt->fault.has_value() && age < rules.key_lifetime / 2) {
      return LeaveForThisLease(rules, attempt);
    }
    if (age >= rules.key_lifetime / 2) {
      return ConcludeUnresolved(
          absl::StrCat("no ", NounOf(attempt->task), " was found under the key, ",
                       absl::FormatDuration(age),
                       " after the attempt began: too late to send it again"),
          attempt);
    }
    attempt->look_up_first = false;
    return BackOff(rules, now, jitter, attempt);
  }
  if (age >= rules.key_lifetime && !attempt->pending) {
    return ConcludeUnresolved(
        absl::StrCat("the gateway did not tell about the ", NounOf(attempt->task),
                     " within the lifetime of its key; the last error was: ", answer.text),
        attempt);
  }
  attempt->look_up_first = true;
  if (answer.kind != Kind::kOutage) ++attempt->unknowns;
  BackOff(rules, now, jitter, attempt);
}

void OnTold(const Rules& rules, ReportAnswer answer, absl::string_view text, Moment now,
            double jitter, Attempt* attempt) {
  switch (answer) {
    case ReportAnswer::kAccepted:
      attempt->untold.erase(attempt->untold.begin());
      attempt->failures = 0;
      return;
    case ReportAnswer::kNoAnswer:
      return BackOff(rules, now, jitter, attempt);
    case ReportAnswer::kLeaseLost:
    case ReportAnswer::kRefused: {
      const std::string id = attempt->untold.front().id;
      attempt->untold.clear();
      return ConcludeUnresolved(
          absl::StrCat("charge ", attempt->outcome->charge_id,
                       " was refunded or disputed before it was reported, and the ledger does not "
                       "take ",
                       id, ": ", text),
          attempt);
    }
  }
}

void OnReportAnswer(const Rules& rules, ReportAnswer answer, int64_t epoch, absl::string_view text,
                    Moment now, double jitter, Attempt* attempt) {
  switch (answer) {
    case ReportAnswer::kAccepted:
      attempt->done = true;
      return;
    case ReportAnswer::kNoAnswer:
      return BackOff(rules, now, jitter, attempt);
    case ReportAnswer::kLeaseLost:
      // A newer lease has come while the report was under way: report again.
      if (!Succeeded(*attempt) && epoch != attempt->lease.epoch) return;
      [[fallthrough]];
    case ReportAnswer::kRefused:
      if (!Succeeded(*attempt)) {
        attempt->done = true;
        return;
      }
      // The money has moved and the ledger will not have it: a person must look.
      return ConcludeUnresolved(
          absl::StrCat(
              "the ledger refused the success of ", NounOf(attempt->task), " ",
              attempt->task.is_refund() ? attempt->outcome->refund_id : attempt->outcome->charge_id,
              ": ", text),
          attempt);
  }
}

absl::Duration Backoff(const Rules& rules, int32_t failures, double jitter) {
  absl::Duration wait = rules.backoff_initial;
  for (int32_t i = 1; i < failures && wait < rules.backoff_max; ++i) wait *= 2;
  wait = std::min(wait, rules.backoff_max);
  return wait - wait / 2 * jitter;
}

}  // namespace reserve::worker
