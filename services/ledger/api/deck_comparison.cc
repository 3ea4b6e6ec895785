// What would change with a rate deck, of the `Rates` service.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/rates_service.h"
#include "services/ledger/api/recent_usage.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/rates/deck_comparison.h"
#include "services/ledger/rates/usage_groups.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::api {
namespace {

using rates::DeckHeader;
using rates::DeckSnapshot;
using storage::Connection;

// Both decks, as long as the catalog.
struct Pair {
  std::shared_ptr<const book::Catalog> catalog;
  const DeckSnapshot* base = nullptr;
  const DeckSnapshot* deck = nullptr;
};

absl::StatusOr<Pair> FindDecks(engine::Engine& engine, Connection& connection,
                               const pb::CompareRateDecksRequest& request) {
  if (request.deck_version() < 1) return InvalidField("deck_version", "must be at least 1");
  if (request.base_deck_version() < 0) {
    return InvalidField("base_deck_version", "must not be negative");
  }
  Pair pair;
  pair.catalog = engine.catalog();
  const DeckHeader* header = pair.catalog->FindHeader(request.deck_version());
  if (header == nullptr) return engine::RateDeckNotFound(request.deck_version());
  const std::string currency = header->currency;
  int64_t base = request.base_deck_version();
  if (base == 0) base = pair.catalog->timeline->VersionAt(currency, header->series, engine.Now());
  const DeckHeader* other = pair.catalog->FindHeader(base);
  if (other == nullptr) return engine::RateDeckNotFound(base);
  if (other->currency != currency) {
    return InvalidField("base_deck_version",
                        absl::StrCat("is in ", other->currency, ", not ", currency));
  }
  for (const int64_t version : {base, request.deck_version()}) {
    RESERVE_ASSIGN_OR_RETURN(pair.catalog, engine.CatalogWithDeck(connection, version));
  }
  pair.base = pair.catalog->decks->ByVersion(base);
  pair.deck = pair.catalog->decks->ByVersion(request.deck_version());
  if (pair.base == nullptr) return book::DeckNotInMemory(base);
  if (pair.deck == nullptr) return book::DeckNotInMemory(request.deck_version());
  return pair;
}

void FillChange(const rates::LineDifference& difference, const std::string& currency,
                pb::RateChange* message) {
  message->set_kind(static_cast<pb::RateChangeKind>(difference.change));
  message->set_crosses_ceiling(difference.crosses_ceiling());
  if (difference.before.has_value()) {
    api::ToProto(*difference.before, currency, message->mutable_before());
    message->mutable_before()->set_standard_rate(difference.standard_before);
  }
  if (difference.after.has_value()) {
    api::ToProto(*difference.after, currency, message->mutable_after());
    message->mutable_after()->set_standard_rate(difference.standard_after);
  }
}

// The changes of the page; the cursor counts those that match.
absl::Status FillChanges(const Pair& decks, const pb::CompareRateDecksRequest& request,
                         pb::CompareRateDecksResponse* response) {
  if (!pb::RateChangeKind_IsValid(request.kind())) {
    return InvalidField("kind", "must be a kind of change");
  }
  const std::string base = absl::StrCat(decks.base->header().version);
  RESERVE_ASSIGN_OR_RETURN(
      const Page page, PageFrom(request, {"CompareRateDecks", absl::StrCat(request.deck_version()),
                                          base, absl::StrCat(static_cast<int>(request.kind())),
                                          absl::StrCat(request.only_crossing() ? 1 : 0)}));
  RESERVE_ASSIGN_OR_RETURN(const int64_t first, page.Number(0));
  int64_t matching = 0;
  bool more = false;
  PageFill fill(page);
  const rates::DeckComparison counts =
      rates::CompareDecks(*decks.base, *decks.deck, [&](const rates::LineDifference& difference) {
        const bool of_kind =
            request.kind() == 0 || static_cast<int>(difference.change) == request.kind();
        if (!of_kind || (request.only_crossing() && !difference.crosses_ceiling())) return;
        if (matching++ < first) return;
        more = fill.full();
        if (more) return;
        FillChange(difference, decks.deck->header().currency, response->add_changes());
        fill.AddNewOf(*response);
      });
  if (more) {
    response->set_next_page_token(
        EncodePageToken(page.query_digest, absl::StrCat(first + response->changes_size())));
  }
  response->set_base_deck_version(decks.base->header().version);
  response->set_added_count(counts.added);
  response->set_removed_count(counts.removed);
  response->set_dearer_count(counts.dearer);
  response->set_cheaper_count(counts.cheaper);
  response->set_other_count(counts.other);
  response->set_unchanged_count(counts.unchanged);
  response->set_becomes_standard_count(counts.becomes_standard);
  response->set_ceases_standard_count(counts.ceases_standard);
  return absl::OkStatus();
}

// The list price of a usage; none if the deck has none.
std::optional<Nanos> ListPriceOf(const DeckSnapshot& deck, const domain::Usage& usage) {
  const std::optional<domain::Rate> rate = book::FindRateOf(&deck, usage);
  if (!rate.has_value()) {
    // An inbound call without a line is free (C7).
    if (usage.direction == domain::Direction::kInbound) return 0;
    return std::nullopt;
  }
  const absl::StatusOr<domain::Rating> rating =
      domain::RateUsage(usage, domain::Plan(), domain::User(), /*period=*/0, &*rate);
  if (!rating.ok()) return std::nullopt;
  const absl::StatusOr<Nanos> cost = domain::ListCostOf(usage, *rating);
  if (!cost.ok()) return std::nullopt;
  return *cost;
}

// Sums of what usage would have cost by both decks.
class RecentCost {
 public:
  // `usages` of them together; with nothing where a deck has no price.
  void Add(int64_t usages, std::optional<Nanos> before, std::optional<Nanos> after, bool exact) {
    message_.set_usage_count(message_.usage_count() + usages);
    if (!before.has_value()) {
      message_.set_without_price_before_count(message_.without_price_before_count() + usages);
    }
    if (!after.has_value()) {
      message_.set_without_price_count(message_.without_price_count() + usages);
    }
    if (!before.has_value() || !after.has_value()) return;
    if (!exact) message_.set_about_count(message_.about_count() + usages);
    before_ = AddSaturating(before_, *before);
    after_ = AddSaturating(after_, *after);
  }

  void FillSums(const std::string& currency) {
    reserve::ToProto(before_, currency, message_.mutable_cost_before());
    reserve::ToProto(after_, currency, message_.mutable_cost());
  }

  explicit RecentCost(pb::RecentUsageCost* message) : message_(*message) {}

 private:
  pb::RecentUsageCost& message_;
  Nanos before_ = 0;
  Nanos after_ = 0;
};

absl::Status FillRecentUsage(const Pair& decks, Connection& connection, absl::Time now,
                             pb::RecentUsageCost* message) {
  const DeckHeader& deck = decks.deck->header();
  RESERVE_ASSIGN_OR_RETURN(const RecentUsage recent,
                           LoadRecentUsage(*decks.catalog, connection, now, deck));
  RecentCost cost(message);
  for (const rates::UsageGroup& group : recent.groups) {
    const DeckSnapshot* booked_by = decks.catalog->decks->ByVersion(group.deck_version);
    const rates::GroupCost before = rates::CostOf(group, *decks.base, booked_by);
    const rates::GroupCost after = rates::CostOf(group, *decks.deck, booked_by);
    cost.Add(group.usages, before.cost, after.cost, before.exact && after.exact);
  }
  for (const storage::PricedUsage& each : recent.newest) {
    if (recent.IsInGroups(each)) continue;
    cost.Add(1, ListPriceOf(*decks.base, each.usage), ListPriceOf(*decks.deck, each.usage),
             /*exact=*/true);
  }
  cost.FillSums(deck.currency);
  message->set_first_day(absl::FormatCivilTime(recent.first_day));
  message->set_last_day(absl::FormatCivilTime(recent.last_day));
  reserve::ToProto(recent.through, message->mutable_counted_until());
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* RatesService::CompareRateDecks(grpc::CallbackServerContext* context,
                                                         const pb::CompareRateDecksRequest* request,
                                                         pb::CompareRateDecksResponse* response) {
  const auto compare = [=, this](Connection& connection) -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(const Pair decks, FindDecks(api_.engine, connection, *request));
    response->Clear();
    RESERVE_RETURN_IF_ERROR(FillChanges(decks, *request, response));
    return FillRecentUsage(decks, connection, api_.engine.Now(), response->mutable_recent_usage());
  };
  return StartQueryIn(api_.engine.bulk(), api_, context, "CompareRateDecks", compare);
}

}  // namespace reserve::api
