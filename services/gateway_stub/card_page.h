// The page on which a customer gives a card, as real gateways have one: no number is ever seen by
// who sent the browser here. One chooses what the card is to do; the browser goes back with a
// token.
//
//   GET /card?return=URL&state=TEXT    the page
//   GET /given?...                     back to
//   URL?state=TEXT&card_token=...&brand=...&last_four=...
//                                      &expiry=YYYY-MM&network=visa, without a token if one gave up
//
// Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const auto page, CardPage::Start("127.0.0.1:8081"));
#ifndef RESERVE_GATEWAY_STUB_CARD_PAGE_H_
#define RESERVE_GATEWAY_STUB_CARD_PAGE_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace httplib {
class Server;
}  // namespace httplib

namespace reserve::gateway_stub {

class CardPage {
 public:
  // Listens on `listen`, host:port; nowhere if it is empty. INVALID_ARGUMENT for what is no
  // address, UNAVAILABLE if it can't be bound.
  static absl::StatusOr<std::unique_ptr<CardPage>> Start(const std::string& listen);
  // Ends when the requests that run are answered.
  ~CardPage();
  CardPage(const CardPage&) = delete;
  CardPage& operator=(const CardPage&) = delete;

 private:
  CardPage() = default;

  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_CARD_PAGE_H_
