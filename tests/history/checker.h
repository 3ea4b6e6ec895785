// Shows of each account that all answers are those of one order of its bookings that fits real
// time, or which two calls contradict each other.
//
// The order is given: entries carry `seq`. So nothing is searched for; what costs time is to sort
// the calls. Checked is, account by account:
//   - an entry is the same to whoever was told of it, and its balance is the one before it and its
//     amount: any balance that was read is the sum of the entries up to there;
//   - what was answered before something else was asked stands before it: bookings by their `seq`,
//     a read by the last entry that it saw. So a read shows what was acknowledged before it began,
//     shows nothing that was asked after it, and no read goes back behind an earlier one;
//   - what was acknowledged is booked, once, at one place; a repeat is told the first answer. Whose
//     outcome is unknown may be booked later, once, or never; what was refused is not;
//   - nothing is booked that nobody has asked for (usages, voids, adjustments, grants, payments).
//
//   const Report report = Check(calls);
//   for (const Finding& finding : report.findings) std::puts(finding.text.c_str());
#ifndef RESERVE_TESTS_HISTORY_CHECKER_H_
#define RESERVE_TESTS_HISTORY_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/history/history.h"

namespace reserve::history {

enum class Rule {
  kTurned,      // booked in another order than in which it was asked and answered
  kStale,       // a read does not show what was acknowledged before it began
  kEarly,       // a read shows what was asked for after it, or what comes after that
  kBack,        // a read shows less than one that had ended before it began
  kTwoEntries,  // two calls were told different things of one entry
  kBalance,     // a balance is not the one before and the amount
  kDoubled,     // booked at two places
  kBothFirst,   // two calls were each told that they booked it
  kLost,        // acknowledged, and not there
  kNobody,      // booked, and nobody has asked for it
  kRefused,     // booked, and refused each time that it was asked for
  kGap,         // a list leaves an entry out
};

const char* NameOf(Rule rule);

struct Finding {
  Rule rule;
  std::string account;
  std::string text;  // what, and by which calls
};

struct Report {
  std::vector<Finding> findings;
  // What was looked at.
  int64_t calls = 0;
  int64_t unknown = 0;   // calls without an answer
  int64_t accounts = 0;  // of which something was claimed
  int64_t entries = 0;   // of which anything is known
  int64_t asked = 0;     // different things that were to be booked
  int64_t reads = 0;     // calls that claim what they have read

  bool clean() const { return findings.empty(); }
};

// At most this many findings of a rule and an account are told; one more says that there are more.
inline constexpr int kMostOfARule = 3;

Report Check(const std::vector<Call>& calls);

// "41800 calls (212 without an answer) about 231 accounts: 30112 entries, ... "
std::string Summary(const Report& report);

}  // namespace reserve::history

#endif  // RESERVE_TESTS_HISTORY_CHECKER_H_
