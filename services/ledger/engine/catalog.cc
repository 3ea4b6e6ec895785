#include "services/ledger/engine/catalog.h"

#include <algorithm>
#include <utility>

#include "common/error/error.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/plan_rows.h"

namespace reserve::engine {

using rates::DeckHeader;

std::shared_ptr<const book::Catalog> CatalogKeeper::Get() const {
  absl::ReaderMutexLock lock(&mutex_);
  return catalog_;
}

absl::StatusOr<bool> CatalogKeeper::CatchUp(storage::Connection& connection) {
  // Of what the caller can have seen: what is known meanwhile is news to it.
  const std::shared_ptr<const book::Catalog> seen = Get();
  RESERVE_RETURN_IF_ERROR(TakeHeaders(connection));
  const std::shared_ptr<const book::Catalog> known = Get();
  if (known->latest_version() <= seen->latest_version() &&
      known->timeline->newest() <= seen->timeline->newest()) {
    return false;
  }
  RESERVE_RETURN_IF_ERROR(Refresh(connection, /*large_later=*/true));
  return true;
}

std::shared_ptr<const book::Catalog> CatalogKeeper::GetFresh(storage::Connection& connection) {
  Moment read;
  {
    absl::ReaderMutexLock lock(&mutex_);
    read = timeline_read_;
  }
  const Moment now = MonotonicNow();
  // The housekeeping tells why it fails, and so does what the connection is asked next.
  if (now - read < read_again_after_ || ReadTimeline(connection).ok() ||
      now - read < rates::kTimelineHolds) {
    return Get();
  }
  auto unknown = std::make_shared<book::Catalog>(*Get());
  unknown->known_until = absl::InfinitePast();
  return unknown;
}

absl::StatusOr<bool> CatalogKeeper::ReadTimelineUpTo(storage::Connection& connection,
                                                     absl::Time start) {
  RESERVE_RETURN_IF_ERROR(ReadTimeline(connection));
  return Get()->known_until >= start;
}

absl::StatusOr<bool> CatalogKeeper::CatchUpPlans(storage::Connection& connection) {
  const std::shared_ptr<const book::Catalog> seen = Get();
  RESERVE_RETURN_IF_ERROR(TakePlans(connection));
  const std::shared_ptr<const book::Catalog> known = Get();
  return known->plans->size() != seen->plans->size() ||
         known->plans->newest() != seen->plans->newest();
}

absl::Status CatalogKeeper::TakePlans(storage::Connection& connection) {
  const Moment begun = MonotonicNow();
  RESERVE_ASSIGN_OR_RETURN(rates::PlanBook plans, storage::LoadPlanBook(connection));
  Publish([&](book::Catalog& catalog) {
    mutex_.AssertHeld();
    // Two may look at once; the one that looked later wins.
    if (begun < plans_read_) return;
    catalog.plans = std::make_shared<const rates::PlanBook>(std::move(plans));
    plans_read_ = begun;
  });
  return absl::OkStatus();
}

absl::Status CatalogKeeper::Refresh(storage::Connection& connection, bool large_later) {
  RESERVE_RETURN_IF_ERROR(TakePlans(connection));
  RESERVE_RETURN_IF_ERROR(TakeHeaders(connection));
  std::vector<int64_t> to_load;
  Publish([&](book::Catalog& catalog) {
    mutex_.AssertHeld();
    needed_ = catalog.timeline->VersionsFrom(horizon_());
    for (const DeckHeader& header : headers_) {
      const bool missing =
          needed_.count(header.version) > 0 && catalog.decks->ByVersion(header.version) == nullptr;
      const bool later = large_later && header.rate_count > kLargeDeck;
      if (missing && !later) to_load.push_back(header.version);
    }
    std::vector<std::shared_ptr<const rates::DeckSnapshot>> kept;
    for (const auto& deck : catalog.decks->decks()) {
      const int64_t version = deck->header().version;
      if (needed_.count(version) > 0 || IsAskedFor(version)) kept.push_back(deck);
    }
    if (kept.size() < catalog.decks->decks().size()) {
      catalog.decks = std::make_shared<rates::DeckBook>(std::move(kept));
    }
  });
  // Plans and earlier decks are taken over all the same, later decks wait for one that fails.
  for (const int64_t version : to_load) RESERVE_RETURN_IF_ERROR(Load(connection, version));
  return absl::OkStatus();
}

void CatalogKeeper::Want(int64_t version) {
  absl::MutexLock lock(&mutex_);
  asked_[version] = MonotonicNow();
}

std::optional<int64_t> CatalogKeeper::NextWanted() const {
  absl::ReaderMutexLock lock(&mutex_);
  for (const DeckHeader& header : headers_) {
    const bool wanted = needed_.count(header.version) > 0 || IsAskedFor(header.version);
    if (wanted && catalog_->decks->ByVersion(header.version) == nullptr) return header.version;
  }
  return std::nullopt;
}

absl::Status CatalogKeeper::Load(storage::Connection& connection, int64_t version) {
  std::optional<DeckHeader> header = Missing(version);
  if (!header.has_value()) return absl::OkStatus();
  absl::MutexLockMaybe loads(header->rate_count > kLargeDeck ? &load_mutex_ : nullptr);
  header = Missing(version);
  if (!header.has_value()) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(rates::RateRows rows, storage::LoadDeckRows(connection, version, [this] {
                             return stopping_ ? Draining("ask another") : absl::OkStatus();
                           }));
  RESERVE_ASSIGN_OR_RETURN(auto deck, rates::DeckSnapshot::Create(*header, std::move(rows)));
  Publish([&](book::Catalog& catalog) {
    mutex_.AssertHeld();
    catalog.decks = catalog.decks->With(std::move(deck));
  });
  return absl::OkStatus();
}

std::optional<DeckHeader> CatalogKeeper::Missing(int64_t version) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (catalog_->decks->ByVersion(version) != nullptr) return std::nullopt;
  for (const DeckHeader& header : headers_) {
    if (header.version == version) return header;
  }
  return std::nullopt;
}

absl::Status CatalogKeeper::TakeHeaders(storage::Connection& connection) {
  const Moment begun = MonotonicNow();
  // What is committed by now is read below.
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock_(connection));
  RESERVE_ASSIGN_OR_RETURN(const storage::TimelineMark mark, storage::ReadTimelineMark(connection));
  bool same_plans = false;
  {
    absl::ReaderMutexLock lock(&mutex_);
    same_plans = mark.SamePlans(mark_);
  }
  if (!same_plans) RESERVE_RETURN_IF_ERROR(TakePlans(connection));
  RESERVE_ASSIGN_OR_RETURN(std::vector<rates::DeckActivation> activations,
                           storage::LoadActivations(connection));
  // After them: each of them has its deck among these.
  RESERVE_ASSIGN_OR_RETURN(std::vector<DeckHeader> headers, storage::LoadDeckHeaders(connection));
  Publish([&](book::Catalog& catalog) {
    mutex_.AssertHeld();
    // Two may look at once; the one that looked later wins.
    if (begun < timeline_read_) return;
    headers_ = std::move(headers);
    auto timeline = std::make_shared<const rates::Timeline>(std::move(activations));
    for (const DeckHeader& header : headers_) {
      // Once, so that who asks for it later gets it.
      const bool is_new = !catalog.timeline->RetireTimeOf(header.version).has_value();
      if (is_new && timeline->RetireTimeOf(header.version).has_value()) {
        asked_.erase(header.version);
      }
    }
    catalog.timeline = std::move(timeline);
    catalog.known_until = now + rates::kTimelineHolds;
    needed_ = catalog.timeline->VersionsFrom(horizon_());
    mark_ = mark;
    timeline_read_ = begun;
  });
  return absl::OkStatus();
}

absl::Status CatalogKeeper::ReadTimeline(storage::Connection& connection) {
  const Moment begun = MonotonicNow();
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock_(connection));
  RESERVE_ASSIGN_OR_RETURN(const storage::TimelineMark mark, storage::ReadTimelineMark(connection));
  bool same = false;
  Publish([&](book::Catalog& catalog) {
    mutex_.AssertHeld();
    same = mark == mark_;
    if (!same || begun < timeline_read_) return;
    catalog.known_until = now + rates::kTimelineHolds;
    timeline_read_ = begun;
  });
  return same ? absl::OkStatus() : TakeHeaders(connection);
}

void CatalogKeeper::Publish(absl::FunctionRef<void(book::Catalog&)> change) {
  absl::MutexLock lock(&mutex_);
  auto fresh = std::make_shared<book::Catalog>(*catalog_);
  change(*fresh);
  LeaveOut(*fresh);
  catalog_ = std::move(fresh);
}

void CatalogKeeper::LeaveOut(book::Catalog& catalog) const {
  catalog.left_out.clear();
  for (const DeckHeader& header : headers_) {
    if (catalog.decks->ByVersion(header.version) == nullptr) catalog.left_out.push_back(header);
  }
}

bool CatalogKeeper::IsAskedFor(int64_t version) const {
  const auto asked = asked_.find(version);
  return asked != asked_.end() && MonotonicNow() - asked->second < kept_for_;
}

}  // namespace reserve::engine
