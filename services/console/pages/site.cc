#include "services/console/pages/site.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/card/card_number.h"
#include "common/digest/random_key.h"
#include "common/error/error.h"
#include "common/telemetry/log.h"
#include "common/text/url_text.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

constexpr size_t kRequestIdBytes = 16;
constexpr char kRequestIdHead[] = "console-";

void AddToNavigation(const Visit& visit, const std::string& href, const std::string& text,
                     Data* list) {
  Data one;
  one.set("href", href);
  one.set("text", text);
  one.set("current", visit.path == href);
  list->push_back(one);
}

// An account's pages, those of support, and the public prices: as far as the visitor may go.
Data Navigation(const Visit& visit, const Site& site) {
  Data list = ListOf();
  const Texts& texts = site.texts();
  std::string account = visit.place("account");
  const bool support = visit.identity.has_value() && visit.identity->support;
  const bool operations = visit.identity.has_value() && visit.identity->operations;
  if (account.empty() && visit.identity.has_value()) account = visit.identity->account_id;
  if (support) {
    AddToNavigation(visit, "/support", texts.Say("nav_support"), &list);
    AddToNavigation(visit, "/support/reviews", texts.Say("nav_reviews"), &list);
  }
  if (support || operations) {
    AddToNavigation(visit, "/decks", texts.Say("nav_decks"), &list);
  }
  if (!account.empty() && visit.identity.has_value()) {
    if (support) {
      AddToNavigation(visit, AccountPath(account, "life"), texts.Say("nav_life"), &list);
    }
    AddToNavigation(visit, AccountPath(account, "billing"), texts.Say("nav_billing"), &list);
    AddToNavigation(visit, AccountPath(account, "calls"), texts.Say("nav_calls"), &list);
    AddToNavigation(visit, AccountPath(account, "prices"), texts.Say("nav_prices"), &list);
  } else if (site.options().public_prices || support) {
    AddToNavigation(visit, "/prices", texts.Say("nav_prices"), &list);
  }
  return list;
}

}  // namespace

std::string NewRequestId() {
  const Key256 key = RandomKey();
  return absl::StrCat(kRequestIdHead,
                      absl::BytesToHexString(absl::string_view(key.data(), kRequestIdBytes)));
}

std::string RequestIdIn(const Fields& fields) {
  const std::string id = FieldIn(fields, "request_id");
  absl::string_view digits = id;
  const bool ours = absl::ConsumePrefix(&digits, kRequestIdHead) &&
                    digits.size() == 2 * kRequestIdBytes && absl::c_all_of(digits, [](char c) {
                      return absl::ascii_isxdigit(static_cast<unsigned char>(c));
                    });
  return ours ? id : std::string();
}

std::string ActorOf(const Visit& visit) {
  return visit.identity.has_value() ? MaskCardNumbers(visit.identity->subject) : std::string();
}

std::string AccountPath(absl::string_view account_id, absl::string_view page) {
  return absl::StrCat("/a/", UrlText(account_id), "/", page);
}

absl::StatusOr<pb::Account> AccountOf(const Site& site, const Visit& visit) {
  pb::GetAccountRequest request;
  request.set_account_id(visit.place("account"));
  return site.ledger().Ask(&pb::Accounts::Stub::GetAccount, request);
}

Reply Site::Page(const Visit& visit, const std::string& name, const std::string& title,
                 const Formatter& format, Data data, int status) const {
  const std::string account = visit.place("account");
  data.set("title", texts_.Say(title));
  if (!account.empty()) data.set("account", account);
  SetList(&data, "nav", Navigation(visit, *this));
  data.set("zone_note", texts_.Say("zone_note", {format.zone()}));
  if (visit.identity.has_value()) {
    data.set("form_token", FormToken(visit.token, "form"));
    data.set("who", visit.identity->subject);
    data.set("for_support", visit.identity->support);
    data.set("acts_for_customer",
             visit.identity->support && (name == "billing" || name == "top_up"));
  }
  if (data.get("request_id") == nullptr) data.set("request_id", NewRequestId());
  const std::string done = FieldIn(visit.asked, "done");
  if (texts_.Has("done_" + done)) data.set("done", texts_.Say("done_" + done));
  return {.status = status, .body = drawing_.Draw(name, data)};
}

Reply Site::Refusal(const Visit& visit, int status, const std::string& why) const {
  Data data;
  data.set("words", texts_.Say(why));
  const Formatter format(visit.accept_language, "");
  return Page(visit, "refusal", status == 200 ? "title_left" : "title_refusal", format,
              std::move(data), status);
}

Reply Site::LedgerRefusal(const Visit& visit, const absl::Status& status) const {
  if (absl::IsNotFound(status)) return Refusal(visit, 404, "refused_missing");
  if (IsPassing(status)) return Refusal(visit, 503, "refused_away");
  if (absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status)) {
    // The visitor was let in: it is the console's certificate that lacks a role.
    Log(Severity::kWarning, "the ledger lets the console not ask", {{"error", status.message()}});
    return Refusal(visit, 502, "refused_role");
  }
  Data data;
  data.set("words", Words(status));
  const Formatter format(visit.accept_language, "");
  return Page(visit, "refusal", "title_refusal", format, std::move(data), 400);
}

Reply Site::SendAgain(const Visit& visit) const {
  Data data;
  Data fields = ListOf();
  for (const auto& [name, value] : visit.form) {
    if (name == "form_token") continue;
    Data one;
    one.set("name", name);
    one.set("value", value);
    fields.push_back(one);
  }
  data.set("fields", fields);
  data.set("action", visit.path);
  const Formatter format(visit.accept_language, "");
  return Page(visit, "send_again", "title_send_again", format, std::move(data), 503);
}

bool Site::IsPassing(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status) || absl::IsCancelled(status);
}

std::string Site::Words(const absl::Status& status) const {
  const std::string key = "reason_" + ReasonOf(status);
  if (texts_.Has(key)) return texts_.Say(key);
  // What the ledger says begins with the path of the field, of a request that nobody here sees.
  const absl::string_view words = status.message();
  const size_t colon = words.find(": ");
  const bool path =
      colon != absl::string_view::npos && !FieldOf(status).empty() &&
      absl::c_all_of(words.substr(0, colon), [](char c) {
        return absl::ascii_islower(static_cast<unsigned char>(c)) || c == '_' || c == '.';
      });
  return std::string(path ? words.substr(colon + 2) : words);
}

void Site::Explain(const absl::Status& status, const std::vector<std::string>& fields,
                   Tried* tried) const {
  for (const absl::string_view part : absl::StrSplit(FieldOf(status), '.')) {
    const std::string name(part);
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) continue;
    tried->errors[name] = Words(status);
    tried->message = texts_.Say("look_below");
    return;
  }
  tried->message = Words(status);
}

std::vector<Route> HomeRoutes(const Site* site) {
  const auto home = [site](const Visit& visit) {
    if (!visit.identity.has_value()) return site->Refusal(visit, 401, "refused_unknown");
    if (visit.identity->support) return SeeOther("/support");
    if (visit.identity->operations) return SeeOther("/decks");
    return SeeOther(AccountPath(visit.identity->account_id, "billing"));
  };
  // By a link of somebody else's: the shell takes the form, and then the link's token.
  const auto ask = [site](const Visit& visit) {
    Data data;
    data.set("token", FieldIn(visit.asked, "token"));
    data.set("to", FieldIn(visit.asked, "to"));
    return site->Page(visit, "switch", "title_switch", Formatter(visit.accept_language, ""),
                      std::move(data));
  };
  const auto switched = [site](const Visit& visit) {
    return site->Refusal(visit, 400, "refused_link");
  };
  return {{"GET", "/", Door::kKnown, home},
          // The shell takes the cookie back by itself.
          {"POST", "/leave", Door::kKnown,
           [site](const Visit& visit) { return site->Refusal(visit, 200, "left"); }},
          {"GET", "/switch", Door::kKnown, ask},
          {"POST", "/switch", Door::kKnown, switched}};
}

std::vector<Route> AllRoutes(const Site* site) {
  std::vector<Route> all = HomeRoutes(site);
  for (auto routes :
       {BillingRoutes, ListRoutes, HistoryRoutes, PricesRoutes, SupportRoutes, DeckRoutes}) {
    for (Route& route : routes(site)) all.push_back(std::move(route));
  }
  return all;
}

}  // namespace reserve::console
