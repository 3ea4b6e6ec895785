// Decks of prices: which there are, what was and will be in force, and what would change with one.
// To bring one into force is an action of operations (support_actions.h).
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/text/url_text.h"
#include "services/console/pages/site.h"
#include "services/console/views/decks_view.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;
using Rates = pb::Rates::Stub;

constexpr int kDecksAPage = 50;
constexpr int kActivationsListed = 50;
constexpr int kChangesAPage = 100;

void AllowActivation(const Visit& visit, Data* data) {
  data->set("operations", visit.identity.has_value() && visit.identity->operations);
}

Reply ShowDecks(const Site& site, const Visit& visit) {
  pb::ListRateDecksRequest request;
  request.set_page_size(kDecksAPage);
  request.set_page_token(FieldIn(visit.asked, "page"));
  pb::ListRateDeckActivationsRequest of_timeline;
  of_timeline.set_page_size(kActivationsListed);
  of_timeline.set_page_token(FieldIn(visit.asked, "timeline"));
  auto timeline = site.ledger().AskBeside(&Rates::ListRateDeckActivations, of_timeline);
  const auto decks = site.ledger().Ask(&Rates::ListRateDecks, request);
  const auto got = timeline.get();
  if (!decks.ok()) return site.LedgerRefusal(visit, decks.status());
  if (!got.ok()) return site.LedgerRefusal(visit, got.status());
  const Formatter format(visit.accept_language, "");
  Data data;
  SetDecks(*decks, format, site.texts(), &data);
  SetTimeline(*got, format, site.texts(), &data);
  AllowActivation(visit, &data);
  if (!decks->next_page_token().empty()) {
    data.set("next", absl::StrCat("/decks?page=", UrlText(decks->next_page_token())));
  }
  if (!got->next_page_token().empty()) {
    data.set("earlier", absl::StrCat("/decks?timeline=", UrlText(got->next_page_token())));
  }
  return site.Page(visit, "decks", "title_decks", format, std::move(data));
}

// What would change, where there is something to compare it with.
void AddComparison(const Site& site, const Visit& visit, int64_t version, const Formatter& format,
                   Data* data) {
  pb::CompareRateDecksRequest request;
  request.set_deck_version(version);
  int64_t base = 0;
  const std::string typed = FieldIn(visit.asked, "base");
  if (!typed.empty() && !absl::SimpleAtoi(typed, &base)) {
    data->set("base_error", site.texts().Say("not_number"));
    return;
  }
  request.set_base_deck_version(base);
  request.set_only_crossing(FieldIn(visit.asked, "crossing") == "on");
  request.set_page_size(kChangesAPage);
  request.set_page_token(FieldIn(visit.asked, "page"));
  const auto comparison = site.ledger().Ask(&Rates::CompareRateDecks, request);
  if (!comparison.ok()) {
    data->set("compare_refused", Site::IsPassing(comparison.status())
                                     ? site.texts().Say("not_read")
                                     : site.Words(comparison.status()));
    return;
  }
  SetComparison(*comparison, format, site.texts(), data);
  if (!comparison->next_page_token().empty()) {
    data->set("next", absl::StrCat("/decks/", version, "?base=", base,
                                   request.only_crossing() ? "&crossing=on" : "",
                                   "&page=", UrlText(comparison->next_page_token())));
  }
}

Reply ShowDeck(const Site& site, const Visit& visit) {
  int64_t version = 0;
  if (!absl::SimpleAtoi(visit.place("deck"), &version) || version <= 0) {
    return site.Refusal(visit, 404, "refused_missing");
  }
  pb::GetRateDeckRequest request;
  request.set_deck_version(version);
  const auto deck = site.ledger().Ask(&Rates::GetRateDeck, request);
  if (!deck.ok()) return site.LedgerRefusal(visit, deck.status());
  const Formatter format(visit.accept_language, "");
  Data data;
  SetDeck(*deck, format, site.texts(), &data);
  data.set("base", FieldIn(visit.asked, "base"));
  data.set("crossing", FieldIn(visit.asked, "crossing") == "on");
  AllowActivation(visit, &data);
  AddComparison(site, visit, version, format, &data);
  return site.Page(visit, "deck", "title_deck", format, std::move(data));
}

}  // namespace

std::vector<Route> DeckRoutes(const Site* site) {
  return {{"GET", "/decks", Door::kDecks,
           [site](const Visit& visit) { return ShowDecks(*site, visit); }},
          {"GET", "/decks/:deck", Door::kDecks,
           [site](const Visit& visit) { return ShowDeck(*site, visit); }}};
}

}  // namespace reserve::console
