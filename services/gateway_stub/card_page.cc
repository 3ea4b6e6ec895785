#include "services/gateway_stub/card_page.h"

#include <httplib.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/digest/random_key.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/text/html.h"
#include "common/text/url_text.h"

namespace reserve::gateway_stub {
namespace {

constexpr size_t kSuffixBytes = 6;

// What one may choose: what the card does (card_token.h), and how it is shown.
struct Offer {
  const char* token;
  const char* words;
  const char* brand;
  const char* last_four;
  const char* network;
};
constexpr Offer kOffers[] = {
    {"tok_visa", "Visa that works", "Visa", "4242", "visa"},
    {"tok_mastercard", "Mastercard that works", "Mastercard", "4444", "mastercard"},
    {"tok_decline_after_1", "Visa that pays once", "Visa", "0341", "visa"},
    {"tok_decline_insufficient_funds", "Visa without money", "Visa", "9995", "visa"},
    {"tok_decline_lost_card", "Visa that was lost", "Visa", "9987", "visa"},
    {"tok_pending_5000", "Visa that takes five seconds", "Visa", "0077", "visa"},
};

bool IsWebAddress(const std::string& url) {
  return absl::StartsWith(url, "https://") || absl::StartsWith(url, "http://");
}

std::string PageFor(const httplib::Request& request) {
  std::string page = absl::StrCat(
      "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>Give a card</title></head><body>"
      "<main><h1>Give a card</h1><p>This gateway is a stand-in: it charges nobody.</p>"
      "<form method=\"get\" action=\"/given\"><input type=\"hidden\" name=\"return\" value=\"",
      EscapeHtml(request.get_param_value("return")),
      "\"><input type=\"hidden\" name=\"state\" value=\"",
      EscapeHtml(request.get_param_value("state")),
      "\"><p><label for=\"card\">Card</label> <select id=\"card\" name=\"card\">");
  for (const Offer& offer : kOffers) {
    absl::StrAppend(&page, "<option value=\"", offer.token, "\">", offer.words, "</option>");
  }
  absl::StrAppend(&page,
                  "</select></p><p><label for=\"expiry\">Good until</label> <input id=\"expiry\" "
                  "name=\"expiry\" value=\"2031-12\" pattern=\"20[0-9]{2}-[0-9]{2}\"></p>"
                  "<p><button>Give this card</button> <button name=\"no\" value=\"1\">Give no "
                  "card</button></p></form></main></body></html>");
  return page;
}

// Where the browser goes back to.
std::string WayBack(const httplib::Request& request) {
  const std::string target = request.get_param_value("return");
  std::string address = absl::StrCat(target, absl::StrContains(target, '?') ? "&" : "?",
                                     "state=", UrlText(request.get_param_value("state")));
  if (request.has_param("no")) return address;
  for (const Offer& offer : kOffers) {
    if (request.get_param_value("card") != offer.token) continue;
    const Key256 key = RandomKey();
    const std::string token = absl::StrCat(
        offer.token, "#", absl::BytesToHexString(absl::string_view(key.data(), kSuffixBytes)));
    absl::StrAppend(&address, "&card_token=", UrlText(token), "&brand=", offer.brand,
                    "&last_four=", offer.last_four, "&network=", offer.network,
                    "&expiry=", UrlText(request.get_param_value("expiry")));
  }
  return address;
}

void Serve(const httplib::Request& request, httplib::Response& response) {
  if (!IsWebAddress(request.get_param_value("return"))) {
    response.status = 400;
    response.set_content("return must be a web address", "text/plain");
    return;
  }
  response.set_header("Cache-Control", "no-store");
  response.set_header("Referrer-Policy", "no-referrer");
  if (request.path == "/given") {
    response.set_redirect(WayBack(request), 303);
    return;
  }
  response.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  response.set_content(PageFor(request), "text/html; charset=utf-8");
}

}  // namespace

absl::StatusOr<std::unique_ptr<CardPage>> CardPage::Start(const std::string& listen) {
  auto page = std::unique_ptr<CardPage>(new CardPage());
  if (listen.empty()) return page;
  RESERVE_RETURN_IF_ERROR(CheckListenAddress("--card_page_listen", listen, /*may_be_unix=*/false));
  page->server_ = std::make_unique<httplib::Server>();
  page->server_->Get("/card", Serve);
  page->server_->Get("/given", Serve);
  const HostAndPort address = SplitHostAndPort(listen);
  if (!page->server_->bind_to_port(address.host, address.port)) {
    return absl::UnavailableError(absl::StrCat("can't listen on ", listen));
  }
  page->thread_ = std::thread([server = page->server_.get()] { server->listen_after_bind(); });
  return page;
}

CardPage::~CardPage() {
  if (!thread_.joinable()) return;
  // Listening begins on the other thread: what is stopped before that would go on.
  while (!server_->is_running()) std::this_thread::yield();
  server_->stop();
  thread_.join();
}

}  // namespace reserve::gateway_stub
