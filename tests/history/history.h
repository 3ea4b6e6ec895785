// A history: what callers asked the ledgers, when, and what they were answered.
//
// All times are of one monotonic clock, in nanoseconds. A call is a request that was sent once;
// what is sent again is another call. What a call says about the books of an account are its
// claims; one without is kept all the same, for a person who reads on.
#ifndef RESERVE_TESTS_HISTORY_HISTORY_H_
#define RESERVE_TESTS_HISTORY_HISTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reserve::history {

enum class What {
  // Something was asked to be booked, and that was answered.
  kDone,     // it is booked; `fresh` if by this call
  kUnknown,  // perhaps, now or later
  kRefused,  // it is not, by this call
  // A hold was asked for: the ledger may book the usage `id` by itself, and its CDR in its place.
  kHeld,
  // Something was read.
  kHead,     // the account's last entry is `seq`, and its balance `balance`
  kEntry,    // the entry `seq` is there, and is so
  kFound,    // what `id` names is booked as `seq`
  kMissing,  // what `id` names is not booked; or, without an id, there is no entry `seq`
  kChanged,  // the entry `seq` is not the one that its caller was once told of
  kListed,   // of all usages that began after `start` those are booked that this call found
  kListEnd,  // a list of all entries ended at the entry `seq`; 0: it had none
};

struct Claim {
  What what = What::kDone;
  std::string account = {};
  // "usage", "void", "adjustment" ...: ids of one kind are unique in an account.
  std::string kind = {};
  std::string id = {};
  int64_t seq = 0;                           // of the entry; 0: not told
  std::optional<int64_t> amount = {};        // of the entry, in nano-units
  std::optional<int64_t> balance = {};       // after the entry, in nano-units
  std::string hash = {};                     // of the entry: the first bytes, in hexadecimal
  bool fresh = false;                        // of kDone: booked now, and not before
  std::optional<int64_t> start_micros = {};  // of a usage, since 1970

  friend bool operator==(const Claim&, const Claim&) = default;
};

struct Call {
  int64_t number = 0;  // 1, 2, 3 ... as they were answered
  int who = 0;         // the caller, who asks one thing at a time
  int ledger = 0;      // the one that was asked
  std::string method = {};
  int64_t asked = 0;
  int64_t answered = 0;     // or given up
  std::string status = {};  // the code: "OK"
  std::vector<Claim> claims = {};

  friend bool operator==(const Call&, const Call&) = default;
};

}  // namespace reserve::history

#endif  // RESERVE_TESTS_HISTORY_HISTORY_H_
