// Lists of an account by themselves, as far as they go, and a receipt as it is printed.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/text/url_text.h"
#include "services/console/pages/site.h"
#include "services/console/views/billing_view.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;
using Accounts = pb::Accounts::Stub;

constexpr int kListedAPage = 100;

template <typename Response>
using PutList = void (*)(const Response&, const Formatter&, const Texts&, Data*);

// A page of a list: what `ask` answers, as `set` puts it. `name` is the last part of the address.
template <typename Request, typename Response>
Reply ShowListOf(const Site& site, const Visit& visit, const std::string& name,
                 grpc::Status (Accounts::*ask)(grpc::ClientContext*, const Request&, Response*),
                 PutList<Response> set) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  Request request;
  request.set_account_id(visit.place("account"));
  request.set_page_size(kListedAPage);
  request.set_page_token(FieldIn(visit.asked, "page"));
  const absl::StatusOr<Response> page = site.ledger().Ask(ask, request);
  if (!page.ok()) return site.LedgerRefusal(visit, page.status());
  const Formatter format(visit.accept_language, account->time_zone());
  Data data;
  set(*page, format, site.texts(), &data);
  data.set("is_" + name, true);
  if (!page->next_page_token().empty()) {
    data.set("next", absl::StrCat(AccountPath(visit.place("account"), name),
                                  "?page=", UrlText(page->next_page_token())));
  }
  return site.Page(visit, "list", name + "_title", format, std::move(data));
}

Reply ShowReceipt(const Site& site, const Visit& visit) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  pb::GetReceiptRequest request;
  request.set_account_id(visit.place("account"));
  int64_t number = 0;
  if (!absl::SimpleAtoi(visit.place("number"), &number) || number <= 0) {
    return site.Refusal(visit, 404, "refused_missing");
  }
  request.set_number(number);
  const auto receipt = site.ledger().Ask(&Accounts::GetReceipt, request);
  if (!receipt.ok()) return site.LedgerRefusal(visit, receipt.status());
  const Formatter format(visit.accept_language, account->time_zone());
  return site.Page(visit, "receipt", "title_receipt", format,
                   ReceiptData(*account, *receipt, format, site.texts()));
}

}  // namespace

std::vector<Route> ListRoutes(const Site* site) {
  const auto list = [site](const std::string& name, auto ask, auto set) {
    return Route{"GET", "/a/:account/" + name, Door::kAccount,
                 [site, name, ask, set](const Visit& visit) {
                   return ShowListOf(*site, visit, name, ask, set);
                 }};
  };
  return {list("users", &Accounts::ListUsers, &SetUsers),
          list("recharges", &Accounts::ListRecharges, &SetRecharges),
          list("refunds", &Accounts::ListRefunds, &SetRefunds),
          list("disputes", &Accounts::ListDisputes, &SetDisputes),
          list("receipts", &Accounts::ListReceipts, &SetReceipts),
          {"GET", "/a/:account/receipts/:number", Door::kAccount,
           [site](const Visit& visit) { return ShowReceipt(*site, visit); }}};
}

}  // namespace reserve::console
