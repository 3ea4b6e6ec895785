#include "services/console/views/decks_view.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

std::string StateOf(pb::RateDeckState state, const Texts& texts) {
  return texts.SayName("deck_", pb::RateDeckState_Name(state));
}

Data DeckLine(const pb::RateDeck& deck, const Formatter& format, const Texts& texts) {
  Data one;
  one.set("version", absl::StrCat(deck.version()));
  one.set("name", deck.name());
  one.set("list", deck.series().empty() ? deck.currency_code()
                                        : absl::StrCat(deck.currency_code(), " ", deck.series()));
  one.set("state", StateOf(deck.state(), texts));
  if (deck.has_effective_time()) one.set("effective", format.Time(deck.effective_time()));
  one.set("imported", format.Time(deck.import_time()));
  one.set("lines", format.Number(deck.rate_count()));
  one.set("ceiling", format.Money(deck.standard_rate_ceiling()));
  one.set("may_activate", deck.state() != pb::RATE_DECK_STATE_RETIRED);
  return one;
}

std::string PriceOf(const pb::Rate& rate, const Formatter& format, const Texts& texts) {
  if (rate.unpriced()) return texts.Say("rate_unpriced");
  std::string price = format.Money(rate.price());
  if (!IsZero(rate.connect_fee())) {
    absl::StrAppend(&price, ", ", texts.Say("why_fee", {format.Money(rate.connect_fee())}));
  }
  return price;
}

Data ChangeLine(const pb::RateChange& change, const Formatter& format, const Texts& texts) {
  const pb::Rate& rate = change.has_after() ? change.after() : change.before();
  Data one;
  one.set("name", rate.destination_name());
  one.set("prefix", rate.prefix());
  one.set("kind", texts.SayName("rate_", pb::RateKind_Name(rate.kind())));
  one.set("what", texts.SayName("change_", pb::RateChangeKind_Name(change.kind())));
  if (change.has_before()) one.set("before", PriceOf(change.before(), format, texts));
  if (change.has_after()) one.set("after", PriceOf(change.after(), format, texts));
  one.set("crosses", change.crosses_ceiling());
  return one;
}

}  // namespace

void SetDecks(const pb::ListRateDecksResponse& decks, const Formatter& format, const Texts& texts,
              Data* data) {
  Data list = ListOf();
  for (const pb::RateDeck& deck : decks.rate_decks()) {
    list.push_back(DeckLine(deck, format, texts));
  }
  SetList(data, "decks", list);
}

void SetTimeline(const pb::ListRateDeckActivationsResponse& timeline, const Formatter& format,
                 const Texts& texts, Data* data) {
  Data list = ListOf();
  for (const pb::RateDeckActivation& activation : timeline.activations()) {
    Data one;
    one.set("version", absl::StrCat(activation.deck_version()));
    one.set("list", activation.series().empty()
                        ? activation.currency_code()
                        : absl::StrCat(activation.currency_code(), " ", activation.series()));
    one.set("from", format.ExactTime(activation.effective_time()));
    one.set("until", format.ExactTime(activation.end_time()));
    one.set("state", StateOf(activation.state(), texts));
    one.set("why", activation.reference().empty()
                       ? activation.reason()
                       : absl::StrCat(activation.reason(), " (", activation.reference(), ")"));
    one.set("who", activation.actor());
    list.push_back(one);
  }
  SetList(data, "activations", list);
}

void SetDeck(const pb::RateDeck& deck, const Formatter& format, const Texts& texts, Data* data) {
  data->set("deck", DeckLine(deck, format, texts));
}

void SetComparison(const pb::CompareRateDecksResponse& comparison, const Formatter& format,
                   const Texts& texts, Data* data) {
  data->set("compared", texts.Say("deck_compared", {absl::StrCat(comparison.base_deck_version())}));
  Data counts = ListOf();
  for (const auto& [key, count] : std::vector<std::pair<std::string, int64_t>>{
           {"deck_added", comparison.added_count()},
           {"deck_removed", comparison.removed_count()},
           {"deck_dearer", comparison.dearer_count()},
           {"deck_cheaper", comparison.cheaper_count()},
           {"deck_other", comparison.other_count()},
           {"deck_unchanged", comparison.unchanged_count()},
           {"deck_becomes_standard", comparison.becomes_standard_count()},
           {"deck_ceases_standard", comparison.ceases_standard_count()}}) {
    Data one;
    one.set("name", texts.Say(key));
    one.set("count", format.Number(count));
    counts.push_back(one);
  }
  data->set("counts", counts);
  const pb::RecentUsageCost& usage = comparison.recent_usage();
  if (usage.usage_count() > 0) {
    data->set("usage",
              texts.Say("deck_usage",
                        {format.Number(usage.usage_count()), usage.first_day(), usage.last_day(),
                         format.Money(usage.cost_before()), format.Money(usage.cost())}));
  }
  if (usage.without_price_count() > 0) {
    data->set("without",
              texts.Say("deck_without_price", {format.Number(usage.without_price_count())}));
  }
  Data changes = ListOf();
  for (const pb::RateChange& change : comparison.changes()) {
    changes.push_back(ChangeLine(change, format, texts));
  }
  SetList(data, "changes", changes);
}

}  // namespace reserve::console
