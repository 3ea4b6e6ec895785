// A card as the payment gateway's token: what charges it, and a secret for that.
//
// It can be kept, compared and passed on, and shown by nothing: no stream, StrCat, log field
// or format takes it, and it turns into no string by itself (card_token_test holds it to
// that). Who must have the text says so: at the API's door, in storage, in the gateway's
// client. Which card it is for people, and in logs, is told by its fingerprint.
//
// Thread-compatible: a plain value.
//
//   const CardToken token(request.card_token());
//   charge.set_card_token(token.Reveal());
#ifndef RESERVE_COMMON_CARD_CARD_TOKEN_H_
#define RESERVE_COMMON_CARD_CARD_TOKEN_H_

#include <string>
#include <utility>

namespace reserve {

class CardToken {
 public:
  // No card.
  CardToken() = default;
  explicit CardToken(std::string token) : token_(std::move(token)) {}

  // Is there no card?
  bool empty() const { return token_.empty(); }
  // The text, for who charges or stores it. Never for a log, an error or an event.
  const std::string& Reveal() const { return token_; }

  friend bool operator==(const CardToken&, const CardToken&) = default;

 private:
  std::string token_;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_CARD_CARD_TOKEN_H_
