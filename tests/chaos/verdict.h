// The audit after the storm: what callers were told, what the ledger has, and what the gateway
// charged must agree to the last nano-unit. It has several parts, which do not rely on each other:
// one that can't be completed, as somebody does not answer though all is up, is itself stuck.
//
//   Verdict verdict = Judge(stage, record);
//   if (!verdict.clean()) ...
#ifndef RESERVE_TESTS_CHAOS_VERDICT_H_
#define RESERVE_TESTS_CHAOS_VERDICT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/record.h"
#include "tests/chaos/stage.h"

namespace reserve::chaos {

struct Verdict {
  // Acknowledged and not there, or charged and not credited.
  std::vector<std::string> lost;
  // Booked, charged or credited more than once.
  std::vector<std::string> doubled;
  // Not closed, though nothing is in the way any more.
  std::vector<std::string> stuck;
  // Whatever else does not agree.
  std::vector<std::string> mismatched;
  // Answers that no one order of bookings explains (tests/history).
  std::vector<std::string> out_of_order;
  // What was looked at, for the summary.
  int64_t entries = 0;
  int64_t charges = 0;
  int64_t refunds = 0;
  int64_t disputes = 0;
  int64_t pending = 0;         // charges that were pending first
  int64_t in_part = 0;         // charges of which less was captured than was asked for
  int64_t failed_refunds = 0;  // at once, or later
  int64_t failed_later = 0;    // after they had succeeded
  std::string history;         // what the history has

  bool clean() const {
    return lost.empty() && doubled.empty() && stuck.empty() && mismatched.empty() &&
           out_of_order.empty();
  }
};

// Waits until no recharge is open any more, and no account being closed, at most so long. False if
// some still are.
bool AwaitAllClosed(Stage& stage, absl::Duration patience);

// Waits for an answer for `patience` at most.
Verdict Judge(Stage& stage, const Record& record, absl::Duration patience);

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_VERDICT_H_
