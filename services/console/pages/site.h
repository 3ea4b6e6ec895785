// What all pages have: the ledger, the texts, how a page is framed, how a refusal becomes words,
// and what happens to a form that the ledger did not take. Thread-safe.
#ifndef RESERVE_CONSOLE_PAGES_SITE_H_
#define RESERVE_CONSOLE_PAGES_SITE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "reserve/ledger/v1/resources.pb.h"
#include "services/console/ledger_client.h"
#include "services/console/views/billing_view.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"
#include "services/console/web/visit.h"

namespace reserve::console {

struct SiteOptions {
  std::string public_url = {};  // without a slash at the end
  std::string card_page = {};   // the gateway's page where a card is given; empty: there is none
  bool public_prices = false;   // anybody may see the list of prices
  std::string currency = {};    // of that list, for who has no account
};

class Site {
 public:
  // `ledger` must outlive this.
  Site(const LedgerClient* ledger, Texts texts, SiteOptions options)
      : ledger_(*ledger),
        texts_(std::move(texts)),
        drawing_(texts_),
        options_(std::move(options)) {}

  const LedgerClient& ledger() const { return ledger_; }
  const Texts& texts() const { return texts_; }
  const SiteOptions& options() const { return options_; }

  // A page within its frame: head, navigation, form token and request id for its forms: a new one
  // unless `data` has one. `title` is the key of a text.
  Reply Page(const Visit& visit, const std::string& name, const std::string& title,
             const Formatter& format, Data data, int status = 200) const;
  // The page that says why there is none; `why` is the key of a text.
  Reply Refusal(const Visit& visit, int status, const std::string& why) const;
  // The same of what the ledger refused: 404 of what it does not have, 503 where it does not
  // answer, 502 where these pages themselves may not ask it, else 400 with what it says.
  Reply LedgerRefusal(const Visit& visit, const absl::Status& status) const;
  // Of a form that the ledger did not answer, or that others came in the way of: a page that keeps
  // what was typed, and sends it again under the same request id.
  Reply SendAgain(const Visit& visit) const;
  // Is that what such a form needs?
  static bool IsPassing(const absl::Status& status);

  // What a person is told of a refusal.
  std::string Words(const absl::Status& status) const;
  // Puts the words beside the field of the form that is named as the last part of the field of the
  // request, if it is among `fields`; else they are about the whole.
  void Explain(const absl::Status& status, const std::vector<std::string>& fields,
               Tried* tried) const;

 private:
  const LedgerClient& ledger_;
  const Texts texts_;
  const Drawing drawing_;
  const SiteOptions options_;
};

// A request id that no other form has.
std::string NewRequestId();
// The request id among the fields, if it is one of those; else empty. What somebody sets out to do
// has one from its first page on, so that it is done once, however often its pages are gone
// through.
std::string RequestIdIn(const Fields& fields);
// Who sends a form, as what it does is booked: the subject of the visitor's token. Digits that look
// like the number of a card are masked, as the ledger takes none in any text.
std::string ActorOf(const Visit& visit);
// "/a/acme/billing".
std::string AccountPath(absl::string_view account_id, absl::string_view page);
// The account of the visit. Errors as of GetAccount.
absl::StatusOr<ledger::v1::Account> AccountOf(const Site& site, const Visit& visit);

// Each subject's pages. `site` must outlive the routes.
std::vector<Route> HomeRoutes(const Site* site);
std::vector<Route> BillingRoutes(const Site* site);
std::vector<Route> ListRoutes(const Site* site);
std::vector<Route> HistoryRoutes(const Site* site);
std::vector<Route> PricesRoutes(const Site* site);
std::vector<Route> SupportRoutes(const Site* site);
std::vector<Route> DeckRoutes(const Site* site);
// All of them.
std::vector<Route> AllRoutes(const Site* site);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_PAGES_SITE_H_
