// Decks and plans as of one moment. A Catalog never changes.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_CATALOG_H_
#define RESERVE_SERVICES_LEDGER_BOOK_CATALOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/plan_book.h"
#include "services/ledger/rates/timeline.h"

namespace reserve::book {

struct Catalog {
  std::shared_ptr<const rates::DeckBook> decks = std::make_shared<rates::DeckBook>();  // in memory
  // Decks that there are and that are not in memory, by version.
  std::vector<rates::DeckHeader> left_out;
  // Which of them is in force when, and up to which starts that is known (K2).
  std::shared_ptr<const rates::Timeline> timeline = std::make_shared<rates::Timeline>();
  absl::Time known_until = absl::InfiniteFuture();
  // The versions of plans; what is in force when is known up to the same starts (K4).
  std::shared_ptr<const rates::PlanBook> plans = std::make_shared<rates::PlanBook>();

  // The deck that is in force at `time`; null if there is none, or if it is left out.
  const rates::DeckSnapshot* InForce(absl::string_view currency, absl::string_view series,
                                     absl::Time time) const;
  // The version of the deck that is in force at `time`, if it is left out; else 0.
  int64_t LeftOutAt(absl::string_view currency, absl::string_view series, absl::Time time) const;
  // Of the decks that it knows, in memory or not; 0 if there is none.
  int64_t latest_version() const;
  // Null if there is no such deck, in memory or not. Lives as long as this.
  const rates::DeckHeader* FindHeader(int64_t version) const;

  // The terms of the plan in force at `time`. NOT_FOUND "PLAN_NOT_FOUND" on field "plan_id".
  absl::StatusOr<const domain::Plan*> FindPlan(const std::string& plan_id, absl::Time time) const;
  // Was, or is, a deck of that currency and series in force at `time`?
  bool DeckInForce(absl::string_view currency, absl::string_view series, absl::Time time) const {
    return timeline->VersionAt(currency, series, time) != 0;
  }
  // The rate of a usage in the deck of that currency and series that is in force at its start, if
  // there is one. Not for starts at which that deck is left out.
  // It is good as long as the catalog.
  std::optional<domain::Rate> FindRate(absl::string_view currency, absl::string_view series,
                                       const domain::Usage& usage) const;
  // The same in the deck of that version; nothing also if there is no such deck, or it is of
  // another currency.
  std::optional<domain::Rate> FindRateIn(int64_t deck_version, const std::string& currency,
                                         const domain::Usage& usage) const;
};

// The same in this deck, which may be null.
std::optional<domain::Rate> FindRateOf(const rates::DeckSnapshot* deck, const domain::Usage& usage);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_CATALOG_H_
