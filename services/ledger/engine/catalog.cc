#include "services/ledger/engine/catalog.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/error/error.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/deck_rows.h"

namespace reserve::engine {
namespace {

using rates::DeckHeader;

bool ByForce(const DeckHeader& a, const DeckHeader& b) {
  return std::tie(a.currency, a.effective_time, a.version) <
         std::tie(b.currency, b.effective_time, b.version);
}

}  // namespace

std::shared_ptr<const book::Catalog> CatalogKeeper::Get() const {
  absl::ReaderMutexLock lock(&mutex_);
  return catalog_;
}

absl::StatusOr<bool> CatalogKeeper::CatchUp(storage::Connection& connection) {
  // Of what the caller can have seen: a deck whose header is known and that somebody is loading is
  // news to it.
  const int64_t known = Get()->latest_version();
  RESERVE_RETURN_IF_ERROR(TakeHeaders(connection));
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (headers_.empty() || headers_.back().version <= known) return false;
  }
  RESERVE_RETURN_IF_ERROR(Refresh(connection, /*large_later=*/true));
  Publish([this](book::Catalog& catalog) {
    mutex_.AssertHeld();
    for (const int64_t version : needed_) {
      if (catalog.decks->ByVersion(version) == nullptr) awaited_.insert(version);
    }
  });
  return true;
}

absl::StatusOr<bool> CatalogKeeper::CatchUpPlans(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Plan> plans, storage::LoadPlans(connection));
  const std::shared_ptr<const book::Catalog> known = Get();
  const bool is_new = std::any_of(plans.begin(), plans.end(), [&known](const domain::Plan& plan) {
    return !known->plans.contains(plan.plan_id);
  });
  if (!is_new) return false;
  Publish([&plans](book::Catalog& catalog) {
    for (const domain::Plan& plan : plans) catalog.plans[plan.plan_id] = plan;
  });
  return true;
}

absl::Status CatalogKeeper::Refresh(storage::Connection& connection, bool large_later) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Plan> plans, storage::LoadPlans(connection));
  RESERVE_RETURN_IF_ERROR(TakeHeaders(connection));
  std::vector<int64_t> to_load;
  Publish([&](book::Catalog& catalog) {
    mutex_.AssertHeld();
    for (const domain::Plan& plan : plans) catalog.plans[plan.plan_id] = plan;
    needed_ = NeededOf(headers_);
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
    awaited_.erase(version);
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

std::set<int64_t> CatalogKeeper::NeededOf(const std::vector<DeckHeader>& headers) const {
  std::vector<DeckHeader> sorted = headers;
  std::sort(sorted.begin(), sorted.end(), ByForce);
  const absl::Time horizon = horizon_();
  std::set<int64_t> needed;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool is_followed = i + 1 < sorted.size() && sorted[i + 1].currency == sorted[i].currency;
    if (is_followed && sorted[i + 1].effective_time <= horizon) continue;
    needed.insert(sorted[i].version);
  }
  return needed;
}

absl::Status CatalogKeeper::TakeHeaders(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<DeckHeader> headers, storage::LoadDeckHeaders(connection));
  Publish([&](book::Catalog&) {
    mutex_.AssertHeld();
    // Two may look at once; the one that saw more decks wins.
    if (headers.size() < headers_.size()) return;
    headers_ = std::move(headers);
    needed_ = NeededOf(headers_);
  });
  return absl::OkStatus();
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
    // One that is needed is news until it is loaded, as long as nobody waits for it.
    const bool is_news = needed_.count(header.version) > 0 && awaited_.count(header.version) == 0;
    if (!is_news && catalog.decks->ByVersion(header.version) == nullptr) {
      catalog.left_out.push_back(header);
    }
  }
  std::sort(catalog.left_out.begin(), catalog.left_out.end(), ByForce);
}

bool CatalogKeeper::IsAskedFor(int64_t version) const {
  const auto asked = asked_.find(version);
  return asked != asked_.end() && MonotonicNow() - asked->second < kept_for_;
}

}  // namespace reserve::engine
