// What to do next about one attempt to charge a card, or to give a charge back: the worker's pure
// core.
//
// The loop asks Decide() what to do, does it, and tells the answer with one of
// the On... functions, which change the attempt; then it asks again. No I/O, no
// clock, no randomness: moments and jitter are passed in.
//
// What it holds to:
//  - An attempt has one idempotency key for ever, so sending the charge, or the
//    refund, again is safe for as long as the gateway remembers the key. The worker counts on half
//    of that lifetime, from when the ledger first handed the attempt out; after
//    that it only looks up.
//  - Whatever is not an answer (a timeout, an error, a stored error, a key in use)
//    leaves the outcome unknown: the charge, or the refund, is looked up before
//    anything else.
//  - A success, of either, is reported until the ledger has taken it, whatever the lease says.
//    Refunds and disputes of the charge that the gateway has by then are told before, so
//    that the ledger books them with the credit.
//    Anything else is worth nothing without the lease, as the successor finds the
//    same answer under the same key.
//  - An outage of the gateway is waited out; it is no decline (rule G5).
//  - What the gateway has called pending is no review by its age (G3): where a look-up gets no
//    answer it is left alone for this lease, and looked up again.
//  - Only a charge that the gateway declined, or a card that it says is none, is a
//    decline. A charge that the gateway calls invalid for another reason (its
//    amount, currency or key) is a fault of ours: nothing is told about the card,
//    and where a look-up finds no charge it is left to a person at once, so that it
//    keeps no top-up out. A refund that is invalid is left alone until its lease is
//    over and somebody gets it again, and to a person past half of the key's lifetime.
//  - A refund failed if the gateway says so of it, or refuses it for a reason that
//    stands (too little is left of the charge, there is no such charge) and has none
//    under the key.
//
// Moments are readings of one monotonic clock of this process that also counts
// the time asleep; the wall clock plays no part. Thread-compatible: plain values.
//
//   Attempt attempt = BeginAttempt(task, handed_out, now);
//   if (std::holds_alternative<Charge>(Decide(rules, attempt, now))) {
//     OnChargeAnswer(rules, SendCharge(attempt.task), now, jitter, &attempt);
//   }
#ifndef RESERVE_WORKER_DECIDE_H_
#define RESERVE_WORKER_DECIDE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/card/card_token.h"
#include "common/clock/monotonic.h"
#include "common/money/money.h"
#include "common/telemetry/trace.h"
#include "worker/gateway_state.h"

namespace reserve::worker {

using ::reserve::Moment;

// What the operator may set.
struct Rules {
  // For how long the gateway remembers an idempotency key, at least.
  absl::Duration key_lifetime = absl::Hours(24);
  // The first wait after something went wrong, and the longest.
  absl::Duration backoff_initial = absl::Milliseconds(200);
  absl::Duration backoff_max = absl::Seconds(5);
  // After so many non-answers that are no outage the attempt is given up for this
  // lease, so that a few sick charges do not keep the healthy ones waiting.
  int32_t patience = 12;
};

// One attempt, as the ledger hands it out. It never changes under its key.
struct Task {
  std::string account_id = {};
  int64_t ordinal = 0;
  int32_t attempt = 0;
  Nanos amount = 0;
  std::string currency = {};
  CardToken card_token = {};  // empty of a refund
  // Of a refund: the gateway's id of the charge of which `amount` is given back.
  std::string refunded_charge_id = {};

  bool is_refund() const { return !refunded_charge_id.empty(); }

  friend bool operator==(const Task&, const Task&) = default;
};

// The idempotency key of the task: that of its charge, or of its refund.
std::string KeyOf(const Task& task);
// What the gateway keeps with it, for people and for `worker reconcile`: "acct-1/3".
std::string ReferenceOf(const Task& task);

// What comes with the task and is new each time it is handed out.
struct HandOut {
  absl::Duration attempt_age = {};  // since the attempt was first handed out to anyone
  bool handed_out_before = false;
  bool pending = false;  // the gateway has called the charge, or the refund, pending
  int64_t lease_epoch = 0;
  absl::Duration lease_remaining = {};
  TraceContext trace = {};  // of the call that opened it, where the ledger knows
};

// The worker's right to work on the attempt, by its own clock.
struct Lease {
  int64_t epoch = 0;
  Moment end = {};       // a little before the ledger's end of it
  Moment renew_at = {};  // when a third of it has passed
};

enum class DeclineClass : uint8_t { kSoft = 1, kHard = 2, kAuthenticationRequired = 3 };

// How the attempt ended, for the ledger.
struct Outcome {
  enum class Kind : uint8_t {
    kSucceeded = 1,  // of a charge
    kDeclined = 2,
    kUnresolved = 3,  // of either
    kPending = 4,
    kRefunded = 5,  // of a refund
    kRefundFailed = 6,
  };
  Kind kind = Kind::kUnresolved;
  std::string charge_id = {};                        // of a success, or of what is pending
  std::string refund_id = {};                        // of a refund, if the gateway has one
  Nanos amount = 0;                                  // of a success: what was captured
  DeclineClass decline_class = DeclineClass::kSoft;  // of a decline
  // The code of the decline or of the failed refund (64 characters at most), or what was tried
  // (255 bytes).
  std::string text = {};

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// What the gateway said to a charge, to a refund, or to the look-up of one.
struct GatewayAnswer {
  enum class Kind : uint8_t {
    kFound = 1,  // here is the charge or refund: made now, stored, or looked up
    kNotFound,   // look-up only: nothing was ever begun under the key
    // Not of a look-up. This request did nothing, as the token is no card; or as the refund can't
    // be made, for a reason that stands.
    kRefused,
    kInvalid,    // not of a look-up: the request is invalid, whatever the card; it did nothing
    kKeyReused,  // not of a look-up: the key was used with other content
    kOutage,     // the gateway can't be reached; the request may have been sent all the same
    kNoAnswer,   // anything else: the outcome is unknown
  };
  Kind kind = Kind::kNoAnswer;
  // Of kFound.
  bool succeeded = false;
  bool pending = false;                // neither succeeded, nor declined or failed, yet
  std::string charge_id = {};          // of a refund: of the charge that it gives back
  std::string refund_id = {};          // of a refund
  Nanos amount = 0;                    // asked for
  std::optional<Nanos> captured = {};  // of a success, where it is not that
  std::string currency = {};
  CardToken card_token = {};              // of a charge
  std::vector<GatewayState> states = {};  // of a charge: its refunds and disputes
  DeclineClass decline_class = DeclineClass::kSoft;
  // The code of the decline or of the failed refund; or the reason of kRefused and kInvalid; or
  // the error, for people.
  std::string text = {};
};

// What the ledger said to a report.
enum class ReportAnswer : uint8_t {
  kAccepted = 1,  // now or before
  kLeaseLost,     // another worker has taken over, or the recharge is closed
  kRefused,       // it will never be accepted as it is
  kNoAnswer,      // anything else; it may have been applied
};

// One attempt in work, and what is known of it.
struct Attempt {
  Task task;
  Moment first_handed_out = {};  // to anyone; the key is at most as old as that
  Lease lease;
  // No one else can have sent this key, and neither has this worker yet.
  bool untouched = true;
  // The outcome of a charge, or a refund, under the key is unknown.
  bool look_up_first = false;
  // The gateway has called it pending: it may be so for longer than the key lives.
  bool pending = false;
  // The gateway says that the token is no card, or that the refund can't be made, for this reason.
  std::optional<std::string> refusal;
  // The gateway says that the request is invalid, for this reason that is not the card.
  std::optional<std::string> fault;
  bool key_reused = false;
  std::optional<Outcome> outcome;
  // Of a success: refunds and disputes of the charge that the ledger is to hear of before it.
  std::vector<GatewayState> untold;
  TraceContext trace =
      {};                // its place in the trace of what opened the recharge; for logs and spans
  bool done = false;     // reported, or not ours any more
  int32_t failures = 0;  // in a row, of the gateway or of reports: sets the backoff
  int32_t unknowns = 0;  // non-answers in this lease that were no outage
  Moment not_before = -absl::InfiniteDuration();
};

// --- What to do --------------------------------------------------------------------

// Nothing until then; ask again at `until`, or when something has changed.
struct Wait {
  Moment until;
};
// Send the charge under the attempt's key.
struct Charge {};
// Send the refund under the attempt's key.
struct Refund {};
// Ask the gateway for the charge, or the refund, under the attempt's key.
struct LookUp {};
// Tell the ledger of a refund or dispute of the charge, before its success is reported.
struct Tell {
  GatewayState state;
};
// Tell the ledger how it ended.
struct Report {
  Outcome outcome;
};
// Forget the attempt; the ledger hands it out again if it is still to be done.
struct GiveUp {};

using Action = std::variant<Wait, Charge, Refund, LookUp, Tell, Report, GiveUp>;

// What to do now. To be asked when no call of this attempt is under way.
Action Decide(const Rules& rules, const Attempt& attempt, Moment now);

// Is it time to prolong the lease? Asked apart from Decide(), as a lease is
// renewed while a charge is under way, too.
bool RenewalDue(const Attempt& attempt, Moment now);

// --- What happened -----------------------------------------------------------------
// `jitter` is a random number in [0, 1]; `now` is when the answer came.

// The ledger handed the attempt out, and it is not in work here.
Attempt BeginAttempt(Task task, const HandOut& handed_out, Moment received);

// The ledger handed it out again while it is in work here: it goes on, under the
// newer lease. An older lease changes nothing.
void OnHandOut(const HandOut& handed_out, Moment received, Attempt* attempt);

// The lease of `epoch` lasts `remaining` from `requested` on, when the renewal was
// sent. Says nothing if a newer lease has come since.
void OnRenewed(int64_t epoch, absl::Duration remaining, Moment requested, Attempt* attempt);
// The lease of `epoch` is lost.
void OnLeaseLost(int64_t epoch, Attempt* attempt);
// The renewal got no answer: it is due again a little later.
void OnRenewalFailed(Moment now, Attempt* attempt);

// To the charge, or the refund, that was sent.
void OnChargeAnswer(const Rules& rules, const GatewayAnswer& answer, Moment now, double jitter,
                    Attempt* attempt);
void OnLookUpAnswer(const Rules& rules, const GatewayAnswer& answer, Moment now, double jitter,
                    Attempt* attempt);
// To what it was told of a refund or dispute; `text` is the refusal.
void OnTold(const Rules& rules, ReportAnswer answer, absl::string_view text, Moment now,
            double jitter, Attempt* attempt);
// `epoch` is the lease under which it was reported, `text` the refusal.
void OnReportAnswer(const Rules& rules, ReportAnswer answer, int64_t epoch, absl::string_view text,
                    Moment now, double jitter, Attempt* attempt);

// --- Used by the loop, too -----------------------------------------------------------

// The wait after `failures` failures in a row (from 1): it doubles from the first
// to the longest, and jitter takes away up to a half of it.
absl::Duration Backoff(const Rules& rules, int32_t failures, double jitter);

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_DECIDE_H_
