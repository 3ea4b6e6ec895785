// Support: finding an account, its life, what may be done to it, and what waits for a person.
#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/text/url_text.h"
#include "services/console/pages/site.h"
#include "services/console/pages/support_actions.h"
#include "services/console/views/account_words.h"
#include "services/console/views/support_view.h"
#include "services/console/views/typed_number.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;
using Accounts = pb::Accounts::Stub;
using Events = pb::Events::Stub;
using Support = pb::Support::Stub;

constexpr size_t kMoments = 100;  // on a page of a life
constexpr int kPieces = 10;       // pages of the ledger that are gone through for one of ours
constexpr int kLargestPage = 1000;
constexpr size_t kMostFound = 50;
// How long one look for a number goes on.
constexpr absl::Duration kLookFor = absl::Seconds(2);

// --- Finding.

// The account of that id, if there is one.
absl::Status FindById(const Site& site, const std::string& id, std::vector<pb::Account>* found) {
  pb::GetAccountRequest request;
  request.set_account_id(id);
  const auto account = site.ledger().Ask(&Accounts::GetAccount, request);
  if (account.ok()) found->push_back(*account);
  const bool none = absl::IsNotFound(account.status()) || absl::IsInvalidArgument(account.status());
  return none ? absl::OkStatus() : account.status();
}

// Those for whose charge something is booked: a recharge by a card, or a payment.
absl::Status FindByCharge(const Site& site, const std::string& charge,
                          std::vector<pb::Account>* found) {
  std::set<std::string> ids;
  pb::ListRechargesRequest of_recharges;
  of_recharges.set_charge_id(charge);
  const auto recharges = site.ledger().Ask(&Accounts::ListRecharges, of_recharges);
  // What can be no charge is nobody's.
  if (absl::IsInvalidArgument(recharges.status())) return absl::OkStatus();
  RESERVE_RETURN_IF_ERROR(recharges.status());
  for (const pb::Recharge& recharge : recharges->recharges()) ids.insert(recharge.account_id());
  pb::ListPaymentsRequest of_payments;
  of_payments.set_charge_id(charge);
  RESERVE_ASSIGN_OR_RETURN(const pb::ListPaymentsResponse payments,
                           site.ledger().Ask(&Accounts::ListPayments, of_payments));
  for (const pb::Payment& payment : payments.payments()) ids.insert(payment.account_id());
  for (const std::string& id : ids) RESERVE_RETURN_IF_ERROR(FindById(site, id, found));
  return absl::OkStatus();
}

// Those that have booked a usage under the id.
absl::Status FindByUsage(const Site& site, const std::string& usage_id,
                         std::vector<pb::Account>* found) {
  pb::ListAccountsRequest request;
  request.set_usage_id(usage_id);
  request.set_page_size(static_cast<int>(kMostFound));
  const auto page = site.ledger().Ask(&Accounts::ListAccounts, request);
  if (absl::IsInvalidArgument(page.status())) return absl::OkStatus();
  RESERVE_RETURN_IF_ERROR(page.status());
  found->assign(page->accounts().begin(), page->accounts().end());
  return absl::OkStatus();
}

// Those whose name holds the text, among as many as are looked at at once. `next` is where to go
// on.
absl::Status FindByName(const Site& site, const std::string& text, const std::string& from,
                        std::vector<pb::Account>* found, std::string* next) {
  pb::ListAccountsRequest request;
  request.set_page_size(kLargestPage);
  request.set_page_token(from);
  const std::string wanted = absl::AsciiStrToLower(text);
  for (int piece = 0; piece < kPieces && found->size() < kMostFound; ++piece) {
    RESERVE_ASSIGN_OR_RETURN(const pb::ListAccountsResponse page,
                             site.ledger().Ask(&Accounts::ListAccounts, request));
    for (const pb::Account& account : page.accounts()) {
      if (absl::StrContains(absl::AsciiStrToLower(account.display_name()), wanted) ||
          absl::StrContains(absl::AsciiStrToLower(account.account_id()), wanted)) {
        found->push_back(account);
      }
    }
    *next = page.next_page_token();
    request.set_page_token(*next);
    if (next->empty()) break;
  }
  return absl::OkStatus();
}

// Those with calls or texts to the number, the latest first, among as many as are looked at in a
// moment. `until`: what was booked after that was looked at.
absl::Status FindByNumber(const Site& site, const std::string& number, const std::string& from,
                          std::vector<pb::Account>* found, std::string* next,
                          google::protobuf::Timestamp* until) {
  pb::ListAccountsRequest request;
  request.set_called_number(number);
  request.set_page_size(static_cast<int>(kMostFound));
  request.set_page_token(from);
  const Moment enough = MonotonicNow() + kLookFor;
  std::set<std::string> seen;
  do {
    RESERVE_ASSIGN_OR_RETURN(const pb::ListAccountsResponse page,
                             site.ledger().Ask(&Accounts::ListAccounts, request));
    for (const pb::Account& account : page.accounts()) {
      if (seen.insert(account.account_id()).second) found->push_back(account);
    }
    *next = page.next_page_token();
    *until = page.searched_until_time();
    request.set_page_token(*next);
  } while (!next->empty() && found->size() < kMostFound && MonotonicNow() < enough);
  return absl::OkStatus();
}

Data FindKinds(const std::string& by, const Texts& texts) {
  Data kinds = ListOf();
  for (const char* const kind : {"id", "name", "number", "charge", "usage"}) {
    Data one;
    one.set("value", kind);
    one.set("text", texts.Say(absl::StrCat("find_", kind)));
    one.set("chosen", by == kind);
    kinds.push_back(one);
  }
  return kinds;
}

Reply ShowFind(const Site& site, const Visit& visit) {
  const Formatter format(visit.accept_language, "");
  const std::string by = FieldIn(visit.asked, "by");
  const bool by_number = by == "number";
  const std::string typed(absl::StripAsciiWhitespace(FieldIn(visit.asked, "find")));
  const std::string text = by_number ? TypedNumber(typed) : typed;
  const std::string from = FieldIn(visit.asked, "page");
  Data data;
  data.set("find", typed);
  data.set("kinds", FindKinds(by, site.texts()));
  data.set("asked", !text.empty());
  std::vector<pb::Account> found;
  std::string next;
  google::protobuf::Timestamp until;
  absl::Status status;
  if (!text.empty()) {
    status = by == "charge"  ? FindByCharge(site, text, &found)
             : by == "usage" ? FindByUsage(site, text, &found)
             : by == "name"  ? FindByName(site, text, from, &found, &next)
             : by_number     ? FindByNumber(site, text, from, &found, &next, &until)
                             : FindById(site, text, &found);
  }
  if (FieldOf(status) == "called_number") {
    data.set("find_error", site.texts().Say("not_a_phone_number"));
    data.set("asked", false);
    return site.Page(visit, "support", "title_support", format, std::move(data), 400);
  }
  if (!status.ok()) return site.LedgerRefusal(visit, status);
  SetFound(found, by_number ? text : "", format, site.texts(), &data);
  if (!next.empty()) {
    data.set("next", absl::StrCat("/support?by=", by_number ? "number" : "name",
                                  "&find=", UrlText(text), "&page=", UrlText(next)));
    if (by_number) data.set("until", site.texts().Say("found_until", {format.Time(until)}));
  }
  return site.Page(visit, "support", "title_support", format, std::move(data));
}

// --- A life.

// How far a life has been shown, as the address has it: what of each list came last, and a page of
// the ledger's at which to look for what follows.
struct Place {
  std::string token;  // of the page; empty: the first one
  int64_t before = std::numeric_limits<int64_t>::max();
};

Place PlaceIn(const Fields& asked, const std::string& name) {
  Place place{FieldIn(asked, name + "_page")};
  int64_t before = 0;
  if (absl::SimpleAtoi(FieldIn(asked, name), &before) && before > 0) place.before = before;
  return place;
}

// Reads as many of a list as one page of a life may need, the latest first, and at which page of
// the ledger's each was found. `seq_of` is their number, which falls; `ask` answers a page of them.
template <typename One, typename Ask, typename SeqOf>
absl::Status ReadBefore(const Place& place, const Ask& ask, const SeqOf& seq_of,
                        std::vector<One>* list, std::vector<std::string>* pages, bool* more) {
  std::string token = place.token;
  for (int piece = 0; piece < kPieces; ++piece) {
    std::string next;
    std::vector<One> page;
    RESERVE_RETURN_IF_ERROR(ask(token, &page, &next));
    for (One& one : page) {
      if (seq_of(one) >= place.before) continue;
      list->push_back(std::move(one));
      pages->push_back(token);
    }
    *more = !next.empty();
    if (!*more) return absl::OkStatus();
    token = next;
    if (list->size() > kMoments) return absl::OkStatus();
  }
  // So many pages with nothing to show: the next page of the life goes on there.
  pages->push_back(token);
  return absl::OkStatus();
}

// What was read of the two lists, and where.
struct ReadLife {
  Life life;
  std::vector<std::string> entry_pages;
  std::vector<std::string> event_pages;
};

absl::Status ReadEntries(const Site& site, const Visit& visit, const Place& place, ReadLife* read) {
  pb::ListEntriesRequest request;
  request.set_account_id(visit.place("account"));
  request.set_page_size(static_cast<int>(kMoments));
  if (FieldIn(visit.asked, "calls") != "on") {
    for (int kind = pb::ENTRY_KIND_RECHARGE; kind <= pb::EntryKind_MAX; ++kind) {
      request.add_kinds(static_cast<pb::EntryKind>(kind));
    }
  }
  const auto ask = [&](const std::string& token, std::vector<pb::Entry>* entries,
                       std::string* next) -> absl::Status {
    request.set_page_token(token);
    RESERVE_ASSIGN_OR_RETURN(const pb::ListEntriesResponse page,
                             site.ledger().Ask(&Accounts::ListEntries, request));
    entries->assign(page.entries().begin(), page.entries().end());
    *next = page.next_page_token();
    return absl::OkStatus();
  };
  return ReadBefore(
      place, ask, [](const pb::Entry& entry) { return entry.seq(); }, &read->life.entries,
      &read->entry_pages, &read->life.more_entries);
}

absl::Status ReadEvents(const Site& site, const Visit& visit, const Place& place, ReadLife* read) {
  pb::ListEventsRequest request;
  request.set_account_id(visit.place("account"));
  request.set_page_size(static_cast<int>(kMoments));
  request.set_order(pb::EVENT_ORDER_NEWEST_FIRST);
  const auto ask = [&](const std::string& token, std::vector<pb::Event>* events,
                       std::string* next) -> absl::Status {
    request.set_page_token(token);
    RESERVE_ASSIGN_OR_RETURN(const pb::ListEventsResponse page,
                             site.ledger().Ask(&Events::ListEvents, request));
    events->assign(page.events().begin(), page.events().end());
    *next = page.next_page_token();
    return absl::OkStatus();
  };
  return ReadBefore(
      place, ask, [](const pb::Event& event) { return event.event_seq(); }, &read->life.events,
      &read->event_pages, &read->life.more_events);
}

// Where a list goes on once `shown` of it are: after the last of these.
std::string Onwards(const std::string& name, const Place& place,
                    const std::vector<std::string>& pages, size_t shown, int64_t last_shown) {
  const int64_t before = shown == 0 ? place.before : last_shown;
  const std::string token = shown < pages.size() ? pages[shown]
                            : pages.empty()      ? place.token
                                                 : pages.back();
  std::string address;
  if (before != std::numeric_limits<int64_t>::max()) {
    absl::StrAppend(&address, "&", name, "=", before);
  }
  if (!token.empty()) absl::StrAppend(&address, "&", name, "_page=", UrlText(token));
  return address;
}

Reply ShowLife(const Site& site, const Visit& visit) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  const Formatter format(visit.accept_language, account->time_zone());
  const Place entries = PlaceIn(visit.asked, "entries");
  const Place events = PlaceIn(visit.asked, "events");
  ReadLife read;
  absl::Status status = ReadEntries(site, visit, entries, &read);
  if (status.ok()) status = ReadEvents(site, visit, events, &read);
  if (!status.ok()) return site.LedgerRefusal(visit, status);
  Data data;
  const LifeShown shown = SetLife(read.life, kMoments, format, site.texts(), &data);
  if (shown.more) {
    const int64_t seq = shown.entries == 0 ? 0 : read.life.entries[shown.entries - 1].seq();
    const int64_t event_seq =
        shown.events == 0 ? 0 : read.life.events[shown.events - 1].event_seq();
    data.set("older",
             absl::StrCat(AccountPath(visit.place("account"), "life"),
                          FieldIn(visit.asked, "calls") == "on" ? "?calls=on" : "?calls=",
                          Onwards("entries", entries, read.entry_pages, shown.entries, seq),
                          Onwards("events", events, read.event_pages, shown.events, event_seq)));
  }
  data.set("standing", StateData(*account, format, site.texts()));
  data.set("balance", format.Money(account->balance()));
  if (!account->display_name().empty()) data.set("name", account->display_name());
  data.set("calls_too", FieldIn(visit.asked, "calls") == "on");
  Data actions = ListOf();
  for (const Action& action : AccountActions()) {
    Data one;
    one.set("href", AccountPath(visit.place("account"), absl::StrCat("act/", action.name)));
    one.set("text", site.texts().Say("act_" + action.name));
    actions.push_back(one);
  }
  data.set("actions", actions);
  return site.Page(visit, "life", "title_life", format, std::move(data));
}

// --- Acting.

Data FieldData(const ActionField& field, const Fields& typed, const Tried& tried,
               const Texts& texts) {
  Data one;
  const std::string value = FieldIn(typed, field.name);
  one.set("name", field.name);
  one.set("label", texts.Say("field_" + field.name));
  one.set("value", value);
  one.set("required", field.required);
  one.set("is_text", field.kind == ActionField::Kind::kText);
  one.set("is_day", field.kind == ActionField::Kind::kDay);
  one.set("is_moment", field.kind == ActionField::Kind::kMoment);
  one.set("is_choice", field.kind == ActionField::Kind::kChoice);
  one.set("is_tick", field.kind == ActionField::Kind::kTick);
  one.set("ticked", value == "on");
  Data choices = ListOf();
  for (const std::string& choice : field.choices) {
    Data option;
    option.set("value", choice);
    option.set("text", texts.Say("choice_" + choice));
    option.set("chosen", value == choice);
    choices.push_back(option);
  }
  one.set("choices", choices);
  const auto error = tried.errors.find(field.name);
  if (error != tried.errors.end()) one.set("error", error->second);
  return one;
}

// The form, with what was typed; and where it was tried, what it would do and the button for that.
Reply ShowAction(const Site& site, const Visit& visit, const Action& action, const Fields& typed,
                 const Tried& tried, const Formatter& format, const std::string& would,
                 int status) {
  Data data;
  // What was tried is done under the id of its first form, however often it is tried.
  if (const std::string id = RequestIdIn(visit.form); !id.empty()) data.set("request_id", id);
  Data fields = ListOf();
  for (const ActionField& field : action.fields) {
    fields.push_back(FieldData(field, typed, tried, site.texts()));
  }
  data.set("fields", fields);
  data.set("heading", site.texts().Say("act_" + action.name));
  data.set("help", site.texts().Say("act_help_" + action.name));
  data.set("action", visit.path);
  if (!tried.message.empty()) data.set("message", tried.message);
  if (!would.empty()) data.set("would", would);
  return site.Page(visit, "act", "title_act", format, std::move(data), status);
}

bool IsOfDecks(const Visit& visit) { return absl::StartsWith(visit.path, "/decks/"); }

const Action* FindAction(const Visit& visit) {
  const auto& actions = IsOfDecks(visit)                 ? DeckActions()
                        : visit.place("account").empty() ? OtherActions()
                                                         : AccountActions();
  const auto found = std::find_if(actions.begin(), actions.end(), [&](const Action& action) {
    return action.name == visit.place("action");
  });
  return found == actions.end() ? nullptr : &*found;
}

// The account that is acted upon; an empty one where there is none to be.
absl::StatusOr<pb::Account> ActedUpon(const Site& site, const Visit& visit) {
  if (visit.place("account").empty()) return pb::Account();
  return AccountOf(site, visit);
}

Reply ShowForm(const Site& site, const Visit& visit) {
  const Action* const action = FindAction(visit);
  if (action == nullptr) return site.Refusal(visit, 404, "refused_missing");
  const auto account = ActedUpon(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  const Formatter format(visit.accept_language, account->time_zone());
  return ShowAction(site, visit, *action, visit.asked, {}, format, "", 200);
}

std::vector<std::string> NamesOf(const Action& action) {
  std::vector<std::string> names;
  for (const ActionField& field : action.fields) names.push_back(field.name);
  return names;
}

// What is missing that must be there.
void FindMissing(const Site& site, const Action& action, const Fields& form, Tried* tried) {
  for (const ActionField& field : action.fields) {
    if (field.required && FieldIn(form, field.name).empty()) {
      tried->errors[field.name] = site.texts().Say("must_be_there");
      tried->message = site.texts().Say("look_below");
    }
  }
}

Reply SendAction(const Site& site, const Visit& visit) {
  const Action* const action = FindAction(visit);
  if (action == nullptr) return site.Refusal(visit, 404, "refused_missing");
  const auto account = ActedUpon(site, visit);
  if (!account.ok() && Site::IsPassing(account.status())) return site.SendAgain(visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  const Formatter format(visit.accept_language, account->time_zone());
  const bool only_try = FieldIn(visit.form, "step") != "do";
  Tried tried;
  FindMissing(site, *action, visit.form, &tried);
  if (!tried.errors.empty()) {
    return ShowAction(site, visit, *action, visit.form, tried, format, "", 400);
  }
  const ActionCall call{site,
                        format,
                        visit.form,
                        visit.place("account"),
                        account->balance().currency_code(),
                        ActorOf(visit),
                        only_try};
  const absl::StatusOr<std::string> words = action->run(call);
  if (!words.ok()) {
    if (Site::IsPassing(words.status())) return site.SendAgain(visit);
    site.Explain(words.status(), NamesOf(*action), &tried);
    return ShowAction(site, visit, *action, visit.form, tried, format, "", 400);
  }
  if (only_try) return ShowAction(site, visit, *action, visit.form, tried, format, *words, 200);
  if (IsOfDecks(visit)) return SeeOther("/decks?done=acted");
  return SeeOther(visit.place("account").empty()
                      ? std::string("/support/reviews?done=acted")
                      : absl::StrCat(AccountPath(visit.place("account"), "life"), "?done=acted"));
}

Reply ShowReviews(const Site& site, const Visit& visit) {
  pb::ListReviewsRequest request;
  request.set_page_token(FieldIn(visit.asked, "page"));
  const auto reviews = site.ledger().Ask(&Support::ListReviews, request);
  if (!reviews.ok()) return site.LedgerRefusal(visit, reviews.status());
  const Formatter format(visit.accept_language, "");
  Data data;
  SetReviews(*reviews, format, site.texts(), &data);
  if (!reviews->next_page_token().empty()) {
    data.set("next", absl::StrCat("/support/reviews?page=", UrlText(reviews->next_page_token())));
  }
  return site.Page(visit, "reviews", "title_reviews", format, std::move(data));
}

}  // namespace

std::vector<Route> SupportRoutes(const Site* site) {
  const auto of = [site](Reply (*handle)(const Site&, const Visit&)) {
    return [site, handle](const Visit& visit) { return handle(*site, visit); };
  };
  return {
      {"GET", "/support", Door::kSupport, of(ShowFind)},
      {"GET", "/support/reviews", Door::kSupport, of(ShowReviews)},
      {"GET", "/support/act/:action", Door::kSupport, of(ShowForm)},
      {"POST", "/support/act/:action", Door::kSupport, of(SendAction)},
      {"GET", "/decks/act/:action", Door::kOperations, of(ShowForm)},
      {"POST", "/decks/act/:action", Door::kOperations, of(SendAction)},
      {"GET", "/a/:account/life", Door::kSupport, of(ShowLife)},
      {"GET", "/a/:account/act/:action", Door::kSupport, of(ShowForm)},
      {"POST", "/a/:account/act/:action", Door::kSupport, of(SendAction)},
  };
}

}  // namespace reserve::console
