// What callers were told: the other side of the books, against which the ledger is held.
//
// Every request has an id for ever. It is pending until the ledger has booked or refused it;
// told twice, it must have been told the same. Each call by itself stands in the history.
// Thread-safe.
//
//   record.Sent(Kind::kUsage, "u-1-7", "acct-003");
//   record.Booked(Kind::kUsage, "u-1-7", {.seq = 12, .amount = -10'000'000});
#ifndef RESERVE_TESTS_CHAOS_RECORD_H_
#define RESERVE_TESTS_CHAOS_RECORD_H_

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/money/money.h"
#include "tests/chaos/history_log.h"

namespace reserve::chaos {

enum class Kind {
  kUsage,
  kVoid,
  kRerating,
  kAdjustment,
  kGrant,
  kTopUp,
  kRefund,
  kPayment,
  kReversal
};
inline constexpr Kind kKinds[] = {Kind::kUsage,      Kind::kVoid,    Kind::kRerating,
                                  Kind::kAdjustment, Kind::kGrant,   Kind::kTopUp,
                                  Kind::kRefund,     Kind::kPayment, Kind::kReversal};

inline const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kUsage:
      return "usage";
    case Kind::kVoid:
      return "void of usage";
    case Kind::kRerating:
      return "rerating";
    case Kind::kAdjustment:
      return "adjustment";
    case Kind::kGrant:
      return "credit grant";
    case Kind::kTopUp:
      return "top-up";
    case Kind::kRefund:
      return "refund";
    case Kind::kPayment:
      return "payment";
    case Kind::kReversal:
      return "reversal";
  }
  return "";
}

enum class Fate {
  kPending,  // no answer was ever got
  kBooked,
  kRefused,
  // Refused for the account's state of the moment, after a request of unknown outcome: that
  // one may yet have been booked.
  kEither,
};

// Where it was booked: `seq` is the entry, or of a top-up or refund its ordinal.
struct Place {
  int64_t seq = 0;
  Nanos amount = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

struct Told {
  std::string account;
  Fate fate = Fate::kPending;
  std::optional<Place> place = {};  // a stream does not say
  std::string last_error = "";      // while it is pending
};

class Record {
 public:
  using ById = std::map<std::string, Told>;

  void Sent(Kind kind, const std::string& id, const std::string& account) {
    absl::MutexLock lock(&mutex_);
    Of(kind)[id].account = account;
  }

  void Booked(Kind kind, const std::string& id, std::optional<Place> place) {
    absl::MutexLock lock(&mutex_);
    Told& told = Of(kind)[id];
    if (told.fate == Fate::kRefused) Contradict(kind, id, "refused, then booked");
    if (told.place.has_value() && place.has_value() && *told.place != *place) {
      Contradict(kind, id, "booked at two places");
    }
    told.fate = Fate::kBooked;
    if (place.has_value()) told.place = place;
  }

  void Refused(Kind kind, const std::string& id, Fate fate = Fate::kRefused) {
    absl::MutexLock lock(&mutex_);
    Told& told = Of(kind)[id];
    if (told.fate == Fate::kBooked) Contradict(kind, id, "booked, then refused");
    told.fate = fate;
  }

  // Sent, and all that came back was an error that says nothing of the outcome.
  void NotAnswered(Kind kind, const std::string& id, const std::string& error) {
    absl::MutexLock lock(&mutex_);
    Of(kind)[id].last_error = error;
  }

  void Contradict(const std::string& what) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    contradictions_.push_back(what);
  }

  HistoryLog& history() { return history_; }
  const HistoryLog& history() const { return history_; }

  // Once nobody writes any more.
  const ById& of(Kind kind) const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return by_kind_[static_cast<size_t>(kind)];
  }
  const std::vector<std::string>& contradictions() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return contradictions_;
  }

 private:
  ById& Of(Kind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return by_kind_[static_cast<size_t>(kind)];
  }
  void Contradict(Kind kind, const std::string& id, const std::string& what)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    contradictions_.push_back(
        absl::StrCat(NameOf(kind), " ", id, " of ", Of(kind)[id].account, ": ", what));
  }

  HistoryLog history_;
  absl::Mutex mutex_;
  ById by_kind_[std::size(kKinds)] ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> contradictions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_RECORD_H_
