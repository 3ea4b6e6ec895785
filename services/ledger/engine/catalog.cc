#include "services/ledger/engine/catalog.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/deck_rows.h"

namespace reserve::engine {

std::shared_ptr<const book::Catalog> CatalogKeeper::Get() const {
  absl::ReaderMutexLock lock(&mutex_);
  return catalog_;
}

absl::StatusOr<bool> CatalogKeeper::CatchUp(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<rates::DeckHeader> headers,
                           storage::LoadDeckHeaders(connection));
  if (headers.empty() || headers.back().version <= Get()->decks->latest_version()) return false;
  RESERVE_RETURN_IF_ERROR(Refresh(connection));
  return true;
}

namespace {

auto LoadDeck(storage::Connection& connection, const rates::DeckHeader& header)
    -> decltype(rates::DeckSnapshot::Create(header, {})) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<rates::RateRow> rows,
                           storage::LoadDeckRows(connection, header.version));
  return rates::DeckSnapshot::Create(header, std::move(rows));
}

}  // namespace

absl::StatusOr<bool> CatalogKeeper::CatchUpPlans(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Plan> plans, storage::LoadPlans(connection));
  const std::shared_ptr<const book::Catalog> known = Get();
  const bool is_new = std::any_of(plans.begin(), plans.end(), [&known](const domain::Plan& plan) {
    return !known->plans.contains(plan.plan_id);
  });
  if (is_new) RESERVE_RETURN_IF_ERROR(Refresh(connection));
  return is_new;
}

absl::Status CatalogKeeper::Refresh(storage::Connection& connection) {
  const std::shared_ptr<const book::Catalog> old = Get();
  auto fresh = std::make_shared<book::Catalog>();
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Plan> plans, storage::LoadPlans(connection));
  for (domain::Plan& plan : plans) fresh->plans.emplace(plan.plan_id, std::move(plan));

  RESERVE_ASSIGN_OR_RETURN(const std::vector<rates::DeckHeader> headers,
                           storage::LoadDeckHeaders(connection));
  fresh->decks = old->decks;
  absl::Status status;
  for (const rates::DeckHeader& header : headers) {
    if (fresh->decks->ByVersion(header.version) != nullptr) continue;
    auto deck = LoadDeck(connection, header);
    // Plans and earlier decks are taken over all the same, later decks wait for it.
    status = deck.status();
    if (!status.ok()) break;
    fresh->decks = fresh->decks->With(*std::move(deck));
  }
  absl::MutexLock lock(&mutex_);
  // Two refreshes may run at once; the one that saw more decks wins.
  if (catalog_->decks->latest_version() > fresh->decks->latest_version()) {
    fresh->decks = catalog_->decks;
  }
  catalog_ = std::move(fresh);
  return status;
}

}  // namespace reserve::engine
