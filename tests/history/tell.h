// How a finding speaks of calls and of what they claim.
#ifndef RESERVE_TESTS_HISTORY_TELL_H_
#define RESERVE_TESTS_HISTORY_TELL_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/history/checker.h"
#include "tests/history/history.h"

namespace reserve::history {

// "-1.25": money in nano-units.
std::string Money(int64_t nanos);
// "usage u-1"
std::string NameOfKey(const std::pair<std::string, std::string>& kind_and_id);

// Tells of calls; times are since `origin`.
class Teller {
 public:
  explicit Teller(int64_t origin) : origin_(origin) {}
  // "call 7 (RecordUsage of caller 2 at ledger 0, asked 1.234567 s, answered 1.240000 s)"
  std::string Tell(const Call& call) const;
  // "1.234567 s"
  std::string At(int64_t time) const;

 private:
  const int64_t origin_;
};

// The findings of an account, the first few of each rule.
class Findings {
 public:
  Findings(std::string account, std::vector<Finding>* findings)
      : account_(std::move(account)), findings_(*findings) {}
  void Add(Rule rule, const std::string& text);

 private:
  const std::string account_;
  std::vector<Finding>& findings_;
  std::map<Rule, int> counts_;
};

}  // namespace reserve::history

#endif  // RESERVE_TESTS_HISTORY_TELL_H_
