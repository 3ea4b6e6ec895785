// Which deck of a currency and series is in force from when (K1): made of activations, which are
// only ever added. Going back to an earlier deck is one more activation of it.
//
// In force at t is the activation with the latest `from` <= t, of equals the one with the highest
// number. So one that is scheduled is called off by activating what is in force for the same
// `from`. Plain values: as thread-safe as an int.
#ifndef RESERVE_SERVICES_LEDGER_RATES_TIMELINE_H_
#define RESERVE_SERVICES_LEDGER_RATES_TIMELINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

// A ledger that read the timeline at T prices starts up to T and so much, and nothing once its
// reading is older (K2): what is written so long before its `from` is known to all by then.
inline constexpr absl::Duration kTimelineHolds = absl::Seconds(2);
// What is written so long before its `from` can be committed in time: a second is left for that.
inline constexpr absl::Duration kActivationMargin = absl::Seconds(3);

// The numbers are stored; never reuse one.
enum class ActivationStage : uint8_t {
  // It may come to count: whether it was there in time is not decided yet. Starts from its `from`
  // on have no price meanwhile.
  kPrepared = 1,
  kCounts = 2,
  kMissed = 3,  // it came too late for its `from`, and never counts
  // No activation: from `from` on the deck can't be activated any more.
  kRetires = 4,
};

struct DeckActivation {
  int64_t number = 0;  // unique over all; grows in the order of commits
  int64_t deck_version = 0;
  std::string currency;  // of the deck, as is the series
  std::string series;
  absl::Time from = absl::InfinitePast();
  // It came into force at once, or in the past: usages that were booked before keep their prices.
  bool backdated = false;
  absl::Time write_time = absl::InfinitePast();  // by the database's clock
  ActivationStage stage = ActivationStage::kCounts;
  std::string request_id;
  std::string digest;  // of the request
  // Who did it and why, in the caller's words; may be empty.
  std::string reason;
  std::string actor;
  std::string reference;

  friend bool operator==(const DeckActivation&, const DeckActivation&) = default;
};

// What a deck, or one activation of it, is at a time; worked out, never stored. The numbers are
// those of the proto.
enum class DeckState : uint8_t {
  kDraft = 1,  // a deck that was never activated
  kScheduled = 2,
  kInForce = 3,
  kSuperseded = 4,
  kRetired = 5,  // a deck
};

class Timeline {
 public:
  Timeline() = default;
  // In any order.
  explicit Timeline(std::vector<DeckActivation> activations);

  // The version of the deck in force at `time`; 0 if there is none.
  int64_t VersionAt(absl::string_view currency, absl::string_view series, absl::Time time) const;
  // Is what is in force at `time` still to be decided?
  bool IsUndecidedAt(absl::string_view currency, absl::string_view series, absl::Time time) const;
  // The decks in force at `time`, and at any time later.
  std::set<int64_t> VersionsFrom(absl::Time time) const;
  // What is in force at `time`, one activation of each currency and series that has one.
  std::vector<DeckActivation> InForceAt(absl::Time time) const;
  // Has any deck of the currency been activated?
  bool HasCurrency(absl::string_view currency) const;

  // Of one that counts.
  DeckState StateOf(const DeckActivation& activation, absl::Time now) const;
  DeckState StateOf(const DeckHeader& deck, absl::Time now) const;
  // The activation of the deck that says what it is: that in force, else that comes first, else the
  // latest; null of a draft.
  const DeckActivation* LeadingOf(int64_t deck_version, absl::Time now) const;
  // When the next one takes its place: the infinite future if none does. Its own `from` if another
  // one has the same and came later.
  absl::Time EndOf(const DeckActivation& activation) const;
  // When the deck was retired; nothing if it is not.
  std::optional<absl::Time> RetireTimeOf(int64_t deck_version) const;
  // Those of a deck, by number.
  std::vector<const DeckActivation*> Of(int64_t deck_version) const;

  // Those that count, or may come to, by currency, series, from and number.
  const std::vector<DeckActivation>& activations() const { return activations_; }
  // The highest number of all rows; 0 if there is none.
  int64_t newest() const { return newest_; }

 private:
  using Place = std::vector<DeckActivation>::const_iterator;
  // The first that is of a later key or `from`.
  Place After(absl::string_view currency, absl::string_view series, absl::Time time) const;

  std::vector<DeckActivation> activations_;
  std::map<int64_t, absl::Time> retired_;  // by version
  bool has_undecided_ = false;
  int64_t newest_ = 0;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_TIMELINE_H_
