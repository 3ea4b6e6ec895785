// Billing: the page, and what its forms are sent to.
#include <algorithm>
#include <future>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/text/url_text.h"
#include "services/console/pages/site.h"
#include "services/console/views/account_words.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;
using Accounts = pb::Accounts::Stub;

constexpr int kListed = 12;
constexpr int kUsersOnThePage = 200;
// It comes from where long questions wait for each other.
constexpr absl::Duration kAdviceDeadline = absl::Seconds(1);
constexpr size_t kMostToken = 255;

template <typename Request>
Request ListOfAccount(const Visit& visit) {
  Request request;
  request.set_account_id(visit.place("account"));
  request.set_page_size(kListed);
  return request;
}

// What changes an account, with who does it.
template <typename Request>
Request ByVisitor(const Visit& visit) {
  Request request;
  request.set_account_id(visit.place("account"));
  request.set_actor(ActorOf(visit));
  return request;
}

// Takes a list that stands beside the account; what is not answered is left out.
template <typename Response>
void Take(const std::string& name, std::future<absl::StatusOr<Response>> answer, Response* list,
          BillingReplies* replies) {
  absl::StatusOr<Response> got = answer.get();
  if (got.ok()) {
    *list = *std::move(got);
  } else {
    replies->unread.insert(name);
  }
}

// All that the page shows. The account's own answer decides whether there is a page: what helps
// somebody to pay must not hang on what only stands beside it.
absl::StatusOr<BillingReplies> AskAll(const Site& site, const Visit& visit) {
  const auto ask = [&](auto method, auto request) {
    return site.ledger().AskBeside(method, std::move(request), LedgerClient::kShortDeadline);
  };
  auto recharges = ask(&Accounts::ListRecharges, ListOfAccount<pb::ListRechargesRequest>(visit));
  auto refunds = ask(&Accounts::ListRefunds, ListOfAccount<pb::ListRefundsRequest>(visit));
  auto disputes = ask(&Accounts::ListDisputes, ListOfAccount<pb::ListDisputesRequest>(visit));
  auto receipts = ask(&Accounts::ListReceipts, ListOfAccount<pb::ListReceiptsRequest>(visit));
  auto users_request = ListOfAccount<pb::ListUsersRequest>(visit);
  users_request.set_page_size(kUsersOnThePage);
  auto users = ask(&Accounts::ListUsers, std::move(users_request));
  pb::GetBillingAdviceRequest advice_request;
  advice_request.set_account_id(visit.place("account"));
  auto advice =
      site.ledger().AskBeside(&Accounts::GetBillingAdvice, advice_request, kAdviceDeadline);
  BillingReplies replies;
  auto account = AccountOf(site, visit);
  // Each is waited for, whatever the others came to.
  Take("recharges", std::move(recharges), &replies.recharges, &replies);
  Take("refunds", std::move(refunds), &replies.refunds, &replies);
  Take("disputes", std::move(disputes), &replies.disputes, &replies);
  Take("receipts", std::move(receipts), &replies.receipts, &replies);
  Take("users", std::move(users), &replies.users, &replies);
  Take("advice", std::move(advice), &replies.advice, &replies);
  if (!account.ok()) return account.status();
  replies.account = *std::move(account);
  return replies;
}

Reply ShowBilling(const Site& site, const Visit& visit, const Tried& tried, int status = 200) {
  const absl::StatusOr<BillingReplies> replies = AskAll(site, visit);
  if (!replies.ok()) return site.LedgerRefusal(visit, replies.status());
  const Formatter format(visit.accept_language, replies->account.time_zone());
  Data data = BillingData(*replies, tried, !site.options().card_page.empty(), format, site.texts());
  // A top-up has an id from here on, so that going back and forth on its pages charges once.
  data.set("top_up_request_id", NewRequestId());
  return site.Page(visit, "billing", "title_billing", format, std::move(data), status);
}

// What becomes of a form that the ledger answered: another page, the same one with what is wrong,
// or another try.
Reply After(const Site& site, const Visit& visit, const absl::Status& status,
            const std::string& done, const std::vector<std::string>& fields) {
  if (status.ok()) {
    return SeeOther(absl::StrCat(AccountPath(visit.place("account"), "billing"), "?done=", done));
  }
  if (Site::IsPassing(status)) return site.SendAgain(visit);
  Tried tried{.typed = visit.form};
  // Somebody was quicker: what is there now is shown beside what was typed, to be decided again.
  if (absl::IsAborted(status)) tried.typed.erase("etag");
  site.Explain(status, fields, &tried);
  return ShowBilling(site, visit, tried, 400);
}

const std::vector<std::string>& SettingsFields() {
  static const auto* const fields = new std::vector<std::string>{
      "reserve_amount", "recharge_threshold", "monthly_cap", "notify_below"};
  return *fields;
}

Reply SendSettings(const Site& site, const Visit& visit) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return After(site, visit, account.status(), "", {});
  const std::string& currency = account->balance().currency_code();
  auto request = ByVisitor<pb::UpdateBillingSettingsRequest>(visit);
  request.set_request_id(FieldIn(visit.form, "request_id"));
  pb::BillingSettings& settings = *request.mutable_billing_settings();
  settings.set_etag(FieldIn(visit.form, "etag"));
  Tried tried{.typed = visit.form};
  const auto read = [&](const std::string& field, google::type::Money* money) {
    const std::string typed = FieldIn(visit.form, field);
    const bool may_be_empty = field == "monthly_cap" || field == "notify_below";
    if (may_be_empty && typed.empty()) {
      money->set_currency_code(currency);
    } else if (!ReadMoney(typed, currency, money)) {
      tried.errors[field] = site.texts().Say("not_money");
    }
    request.mutable_update_mask()->add_paths(field);
  };
  read("reserve_amount", settings.mutable_reserve_amount());
  read("recharge_threshold", settings.mutable_recharge_threshold());
  read("monthly_cap", settings.mutable_monthly_cap());
  read("notify_below", settings.mutable_notify_below());
  if (!tried.errors.empty()) {
    tried.message = site.texts().Say("look_below");
    return ShowBilling(site, visit, tried, 400);
  }
  return After(site, visit, site.ledger().Ask(&Accounts::UpdateBillingSettings, request).status(),
               "settings", SettingsFields());
}

Reply SendAutomatic(const Site& site, const Visit& visit) {
  auto request = ByVisitor<pb::UpdateBillingSettingsRequest>(visit);
  request.set_request_id(FieldIn(visit.form, "request_id"));
  const bool on = FieldIn(visit.form, "automatic") == "on";
  request.mutable_billing_settings()->set_automatic_recharge(on);
  return After(site, visit, site.ledger().Ask(&Accounts::UpdateBillingSettings, request).status(),
               on ? "automatic_on" : "automatic_off", {});
}

// Reads the amount of a top-up; nothing, and why, if there is none.
std::optional<pb::RequestRechargeRequest> TopUpOf(const Site& site, const Visit& visit,
                                                  const pb::Account& account,
                                                  const std::string& typed, Tried* tried) {
  auto request = ByVisitor<pb::RequestRechargeRequest>(visit);
  if (!ReadMoney(typed, account.balance().currency_code(), request.mutable_amount())) {
    tried->errors["amount"] = site.texts().Say("not_money");
    tried->message = site.texts().Say("look_below");
    return std::nullopt;
  }
  return request;
}

// What a top-up would do, and the button that does it.
Reply ShowTopUp(const Site& site, const Visit& visit) {
  const std::string request_id = RequestIdIn(visit.asked);
  if (request_id.empty()) {
    // The address has it, so that loading the page again begins no other top-up.
    return SeeOther(absl::StrCat(AccountPath(visit.place("account"), "top-up"),
                                 "?amount=", UrlText(FieldIn(visit.asked, "amount")),
                                 "&request_id=", NewRequestId()));
  }
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  Tried tried{.typed = {{"amount", FieldIn(visit.asked, "amount")}}};
  auto request = TopUpOf(site, visit, *account, FieldIn(visit.asked, "amount"), &tried);
  if (!request.has_value()) return ShowBilling(site, visit, tried, 400);
  request->set_request_id(NewRequestId());
  request->set_validate_only(true);
  const auto recharge = site.ledger().Ask(&Accounts::RequestRecharge, *request);
  if (!recharge.ok()) {
    if (Site::IsPassing(recharge.status())) return site.LedgerRefusal(visit, recharge.status());
    site.Explain(recharge.status(), {"amount"}, &tried);
    return ShowBilling(site, visit, tried, 400);
  }
  const Formatter format(visit.accept_language, account->time_zone());
  Data data = TopUpData(*account, *recharge, format, site.texts());
  data.set("request_id", request_id);
  return site.Page(visit, "top_up", "title_top_up", format, std::move(data));
}

Reply SendTopUp(const Site& site, const Visit& visit) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return After(site, visit, account.status(), "", {});
  Tried tried{.typed = visit.form};
  auto request = TopUpOf(site, visit, *account, FieldIn(visit.form, "amount"), &tried);
  if (!request.has_value()) return ShowBilling(site, visit, tried, 400);
  request->set_request_id(FieldIn(visit.form, "request_id"));
  return After(site, visit, site.ledger().Ask(&Accounts::RequestRecharge, *request).status(),
               "top_up", {"amount"});
}

// --- Cards. A number is given on the gateway's page alone, which sends the browser back with a
// token of the card. `state` goes there and comes back: it shows that it was this visitor who went,
// and holds the request id, so that a page that is loaded twice gives one card.

std::string StateOf(const Visit& visit, const std::string& request_id, const std::string& card) {
  return absl::StrCat(request_id, "*", card, "*",
                      FormToken(visit.token, absl::StrCat("card ", request_id, " ", card, " ",
                                                          visit.place("account"))));
}

Reply GoToCardPage(const Site& site, const Visit& visit) {
  if (site.options().card_page.empty()) return site.Refusal(visit, 404, "refused_no_card_page");
  const std::string back =
      absl::StrCat(site.options().public_url, AccountPath(visit.place("account"), "cards/given"));
  const std::string card = FieldIn(visit.asked, "card");
  return SeeOther(absl::StrCat(site.options().card_page, "?return=", UrlText(back),
                               "&state=", UrlText(StateOf(visit, NewRequestId(), card))));
}

pb::PaymentMethod CardGiven(const Visit& visit) {
  pb::PaymentMethod card;
  card.set_card_token(FieldIn(visit.asked, "card_token").substr(0, kMostToken));
  card.set_card_fingerprint(FieldIn(visit.asked, "fingerprint"));
  card.set_brand(FieldIn(visit.asked, "brand"));
  card.set_last_four(FieldIn(visit.asked, "last_four"));
  pb::CardNetwork network = pb::CARD_NETWORK_UNSPECIFIED;
  if (pb::CardNetwork_Parse(
          absl::StrCat("CARD_NETWORK_", absl::AsciiStrToUpper(FieldIn(visit.asked, "network"))),
          &network)) {
    card.set_card_network(network);
  }
  const std::vector<std::string> expiry = absl::StrSplit(FieldIn(visit.asked, "expiry"), '-');
  int year = 0;
  int month = 0;
  if (expiry.size() == 2 && absl::SimpleAtoi(expiry[0], &year) &&
      absl::SimpleAtoi(expiry[1], &month)) {
    card.set_expiry_year(year);
    card.set_expiry_month(month);
  }
  return card;
}

Reply TakeCard(const Site& site, const Visit& visit) {
  const std::vector<std::string> state = absl::StrSplit(FieldIn(visit.asked, "state"), '*');
  if (state.size() != 3 || FieldIn(visit.asked, "state") != StateOf(visit, state[0], state[1])) {
    return site.Refusal(visit, 403, "refused_form");
  }
  if (FieldIn(visit.asked, "card_token").empty()) {
    return SeeOther(AccountPath(visit.place("account"), "billing"));
  }
  absl::Status status;
  if (state[1].empty()) {
    auto request = ByVisitor<pb::AddPaymentMethodRequest>(visit);
    request.set_request_id(state[0]);
    *request.mutable_payment_method() = CardGiven(visit);
    status = site.ledger().Ask(&Accounts::AddPaymentMethod, request).status();
  } else {
    auto request = ByVisitor<pb::UpdatePaymentMethodRequest>(visit);
    request.set_request_id(state[0]);
    *request.mutable_payment_method() = CardGiven(visit);
    request.mutable_payment_method()->set_payment_method_id(state[1]);
    status = site.ledger().Ask(&Accounts::UpdatePaymentMethod, request).status();
  }
  if (Site::IsPassing(status)) return site.LedgerRefusal(visit, status);
  return After(site, visit, status, "card", {});
}

Reply MakeCardFirst(const Site& site, const Visit& visit) {
  auto request = ByVisitor<pb::UpdatePaymentMethodRequest>(visit);
  request.set_request_id(FieldIn(visit.form, "request_id"));
  request.mutable_payment_method()->set_payment_method_id(visit.place("card"));
  request.mutable_payment_method()->set_position(1);
  request.mutable_update_mask()->add_paths("position");
  return After(site, visit, site.ledger().Ask(&Accounts::UpdatePaymentMethod, request).status(),
               "card_first", {});
}

Reply RemoveCard(const Site& site, const Visit& visit) {
  auto request = ByVisitor<pb::RemovePaymentMethodRequest>(visit);
  request.set_request_id(FieldIn(visit.form, "request_id"));
  request.set_payment_method_id(visit.place("card"));
  request.set_etag(FieldIn(visit.form, "etag"));
  return After(site, visit, site.ledger().Ask(&Accounts::RemovePaymentMethod, request).status(),
               "card_removed", {});
}

}  // namespace

std::vector<Route> BillingRoutes(const Site* site) {
  const auto of = [site](Reply (*handle)(const Site&, const Visit&)) {
    return [site, handle](const Visit& visit) { return handle(*site, visit); };
  };
  const auto show = [](const Site& the_site, const Visit& visit) {
    return ShowBilling(the_site, visit, {});
  };
  return {
      {"GET", "/a/:account/billing", Door::kAccount, of(show)},
      {"POST", "/a/:account/settings", Door::kAccount, of(SendSettings)},
      {"POST", "/a/:account/automatic", Door::kAccount, of(SendAutomatic)},
      {"GET", "/a/:account/top-up", Door::kAccount, of(ShowTopUp), true},
      {"POST", "/a/:account/top-up", Door::kAccount, of(SendTopUp)},
      {"GET", "/a/:account/cards/new", Door::kAccount, of(GoToCardPage)},
      {"GET", "/a/:account/cards/given", Door::kAccount, of(TakeCard), true},
      {"POST", "/a/:account/cards/:card/first", Door::kAccount, of(MakeCardFirst)},
      {"POST", "/a/:account/cards/:card/remove", Door::kAccount, of(RemoveCard)},
  };
}

}  // namespace reserve::console
