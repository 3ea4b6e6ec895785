// Decks and when they are in force (K1, K2), of the `Rates` service.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/await_time.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/rates_service.h"
#include "services/ledger/api/retirement.h"
#include "services/ledger/engine/deck_activation.h"
#include "services/ledger/engine/errors.h"

namespace reserve::api {
namespace {

using rates::DeckActivation;
using rates::DeckHeader;
using storage::Connection;

absl::Status CheckVersion(int64_t version) {
  return version > 0 ? absl::OkStatus() : InvalidField("deck_version", "must be at least 1");
}

// Of all that decides what is done.
std::string DigestOf(const pb::ActivateRateDeckRequest& request) {
  const google::protobuf::Timestamp& time = request.effective_time();
  return Sha256HexOfFields(
      {"activate", absl::StrCat(request.deck_version()),
       request.has_effective_time() ? absl::StrCat(time.seconds(), ".", time.nanos()) : "",
       absl::StrCat(request.backdate() ? 1 : 0), request.reason(), request.actor(),
       request.reference()});
}

absl::StatusOr<engine::ActivationOrder> OrderFrom(const pb::ActivateRateDeckRequest& request) {
  engine::ActivationOrder order;
  RESERVE_RETURN_IF_ERROR(CheckVersion(request.deck_version()));
  order.deck_version = request.deck_version();
  if (request.has_effective_time()) {
    RESERVE_ASSIGN_OR_RETURN(order.from,
                             reserve::FromProto(request.effective_time(), "effective_time"));
  }
  order.backdate = request.backdate();
  if (!request.validate_only()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  }
  order.request_id = request.request_id();
  RESERVE_ASSIGN_OR_RETURN(order.by, ByStaffFrom(request));
  order.digest = DigestOf(request);
  return order;
}

// The filters that lists of decks and of activations share.
template <typename Request>
absl::Status CheckFilters(const Request& request) {
  if (!request.currency_code().empty()) {
    RESERVE_RETURN_IF_ERROR(CurrencyFrom(request.currency_code(), "currency_code").status());
  }
  return request.series().empty() ? absl::OkStatus() : CheckId(request.series(), "series");
}

template <typename Request>
bool Matches(const Request& request, const std::string& currency, const std::string& series) {
  return (request.currency_code().empty() || request.currency_code() == currency) &&
         (request.series().empty() || request.series() == series);
}

absl::Status FillDecks(const book::Catalog& catalog, absl::Time now,
                       const pb::ListRateDecksRequest& request,
                       pb::ListRateDecksResponse* response) {
  RESERVE_RETURN_IF_ERROR(CheckFilters(request));
  if (!pb::RateDeckState_IsValid(request.state())) {
    return InvalidField("state", "must be a state of a deck");
  }
  RESERVE_ASSIGN_OR_RETURN(
      const Page page,
      PageFrom(request, {"ListRateDecks", request.currency_code(), request.series(),
                         absl::StrCat(static_cast<int>(request.state()))}));
  RESERVE_ASSIGN_OR_RETURN(const int64_t newest, page.Number(catalog.latest_version()));
  std::vector<const DeckHeader*> headers;
  const auto add = [&](const DeckHeader& header) {
    if (header.version > newest || !Matches(request, header.currency, header.series)) return;
    const auto state = static_cast<int>(catalog.timeline->StateOf(header, now));
    if (request.state() == 0 || state == request.state()) headers.push_back(&header);
  };
  for (const auto& deck : catalog.decks->decks()) add(deck->header());
  for (const DeckHeader& header : catalog.left_out) add(header);
  std::sort(headers.begin(), headers.end(),
            [](const DeckHeader* a, const DeckHeader* b) { return a->version > b->version; });
  PageFill fill(page);
  for (const DeckHeader* header : headers) {
    if (fill.full()) {
      response->set_next_page_token(
          EncodePageToken(page.query_digest, absl::StrCat(header->version)));
      break;
    }
    ToProto(*header, *catalog.timeline, now, response->add_rate_decks());
    fill.AddNewOf(*response);
  }
  return absl::OkStatus();
}

absl::Status FillActivations(const rates::Timeline& timeline, absl::Time now,
                             const pb::ListRateDeckActivationsRequest& request,
                             pb::ListRateDeckActivationsResponse* response) {
  RESERVE_RETURN_IF_ERROR(CheckFilters(request));
  const int64_t deck = request.deck_version();
  if (deck < 0) return InvalidField("deck_version", "must not be negative");
  RESERVE_ASSIGN_OR_RETURN(const Page page,
                           PageFrom(request, {"ListRateDeckActivations", request.currency_code(),
                                              request.series(), absl::StrCat(deck)}));
  RESERVE_ASSIGN_OR_RETURN(const int64_t newest, page.Number(timeline.newest()));
  std::vector<const DeckActivation*> found;
  for (const DeckActivation& each : timeline.activations()) {
    const bool counts = each.stage == rates::ActivationStage::kCounts;
    if (!counts || each.number > newest || (deck != 0 && each.deck_version != deck)) continue;
    if (Matches(request, each.currency, each.series)) found.push_back(&each);
  }
  std::sort(found.begin(), found.end(),
            [](const DeckActivation* a, const DeckActivation* b) { return a->number > b->number; });
  PageFill fill(page);
  for (const DeckActivation* each : found) {
    if (fill.full()) {
      response->set_next_page_token(EncodePageToken(page.query_digest, absl::StrCat(each->number)));
      break;
    }
    ToProto(*each, timeline, now, response->add_activations());
    fill.AddNewOf(*response);
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* RatesService::ActivateRateDeck(grpc::CallbackServerContext* context,
                                                         const pb::ActivateRateDeckRequest* request,
                                                         pb::RateDeckActivation* response) {
  const auto activate = [=, this](Connection& connection) -> absl::Status {
    engine::Engine& engine = api_.engine;
    RESERVE_ASSIGN_OR_RETURN(const engine::ActivationOrder order, OrderFrom(*request));
    response->Clear();
    if (request->validate_only()) {
      RESERVE_ASSIGN_OR_RETURN(
          const DeckActivation planned,
          engine::PlanActivation(connection, engine.options().database_clock, order));
      ToProto(planned, *engine.catalog()->timeline, engine.Now(), response);
      return absl::OkStatus();
    }
    RESERVE_ASSIGN_OR_RETURN(const DeckActivation activation,
                             engine.ActivateDeck(connection, order));
    absl::Time now = engine.Now();
    if (!order.from.has_value()) {
      RESERVE_RETURN_IF_ERROR(AwaitTime(engine, connection, activation.from));
      now = std::max(now, activation.from);
    }
    ToProto(activation, *engine.catalog()->timeline, now, response);
    return absl::OkStatus();
  };
  return StartQueryIn(api_.engine.bulk(), api_, context, "ActivateRateDeck", activate);
}

grpc::ServerUnaryReactor* RatesService::RetireRateDeck(grpc::CallbackServerContext* context,
                                                       const pb::RetireRateDeckRequest* request,
                                                       pb::RateDeck* response) {
  const auto retire = [=, this](Connection& connection) -> absl::Status {
    const int64_t version = request->deck_version();
    RESERVE_RETURN_IF_ERROR(CheckVersion(version));
    RESERVE_ASSIGN_OR_RETURN(const engine::RetirementOrder order,
                             RetirementFrom(*request, absl::StrCat("retire deck ", version)));
    RESERVE_RETURN_IF_ERROR(api_.engine.RetireDeck(connection, version, order));
    response->Clear();
    const auto catalog = api_.engine.catalog();
    const DeckHeader* header = catalog->FindHeader(version);
    if (header == nullptr) return engine::RateDeckNotFound(version);
    ToProto(*header, *catalog->timeline, api_.engine.Now(), response);
    return absl::OkStatus();
  };
  return StartQueryIn(api_.engine.bulk(), api_, context, "RetireRateDeck", retire);
}

grpc::ServerUnaryReactor* RatesService::GetRateDeck(grpc::CallbackServerContext* context,
                                                    const pb::GetRateDeckRequest* request,
                                                    pb::RateDeck* response) {
  const auto fill = [&]() -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckVersion(request->deck_version()));
    const auto catalog = api_.engine.catalog();
    const DeckHeader* header = catalog->FindHeader(request->deck_version());
    if (header == nullptr) return engine::RateDeckNotFound(request->deck_version());
    ToProto(*header, *catalog->timeline, api_.engine.Now(), response);
    return absl::OkStatus();
  };
  return FinishNow(api_, context, "GetRateDeck", fill());
}

grpc::ServerUnaryReactor* RatesService::ListRateDecks(grpc::CallbackServerContext* context,
                                                      const pb::ListRateDecksRequest* request,
                                                      pb::ListRateDecksResponse* response) {
  return FinishNow(api_, context, "ListRateDecks",
                   FillDecks(*api_.engine.catalog(), api_.engine.Now(), *request, response));
}

grpc::ServerUnaryReactor* RatesService::ListRateDeckActivations(
    grpc::CallbackServerContext* context, const pb::ListRateDeckActivationsRequest* request,
    pb::ListRateDeckActivationsResponse* response) {
  return FinishNow(
      api_, context, "ListRateDeckActivations",
      FillActivations(*api_.engine.catalog()->timeline, api_.engine.Now(), *request, response));
}

}  // namespace reserve::api
