// The cards of an account, each with its own state and schedule (G5, G6).
//
// The token is what is charged. The fingerprint says which number it is: for the networks'
// limits (G9), for disputes, and to see that a new token renews a card. A state is never kept
// by it alone.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_METHOD_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_METHOD_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/card/card_token.h"
#include "common/clock/compact_time.h"
#include "common/text/short_text.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class CardState : uint8_t {
  kNone = 0,  // of an account without a card
  kUsable = 1,
  kFailing = 2,   // declined for now; tried again by its schedule
  kRefused = 3,   // declined for good; not tried until the customer gives or confirms it
  kDisputed = 4,  // the cardholder's bank took money back; not tried by anyone
  kRemoved = 5,   // the customer took it away
};

enum class CardNetwork : uint8_t { kUnknown = 0, kVisa = 1, kMastercard = 2, kOther = 3 };

// The numbers are stored; never reuse one.
enum class DeclineClass : uint8_t { kNone = 0, kSoft = 1, kHard = 2, kAuthenticationRequired = 3 };

// A card, as the gateway's token. Equal fingerprints are the same number.
struct Card {
  CardToken token;
  std::string fingerprint;
  CardNetwork network = CardNetwork::kUnknown;  // whose limits it is under (G9)

  friend bool operator==(const Card&, const Card&) = default;
};

// The number of a card of which none is given, nor known of its token: made of the token, which it
// does not show.
std::string StandInNumber(const CardToken& token);

// What people know a card by, as the caller gives it; empty or 0 where not given.
struct CardDisplay {
  std::string brand;
  ShortText<4> last_four;
  int32_t expiry_year = 0;   // 2029
  int32_t expiry_month = 0;  // 1 to 12

  friend bool operator==(const CardDisplay&, const CardDisplay&) = default;
};

struct PaymentMethod {
  std::string payment_method_id;
  Card card;
  CardDisplay display;
  CardState state = CardState::kUsable;
  bool expiry_told = false;
  int32_t declined_attempt = 0;                   // see declined_ordinal
  CompactTime state_time = absl::InfinitePast();  // since when
  // How often it was given or confirmed: an attempt that began before the last time says
  // nothing of the card as it is now (G6).
  int32_t given = 1;
  int32_t soft_declines = 0;  // in a row (G5)
  // Not tried by itself before: of a FAILING card, its schedule (InfiniteFuture: it is used
  // up); of a USABLE one, after a charge that was captured in part (G4).
  CompactTime retry_time = absl::InfinitePast();
  // The attempt that was last declined, since it was last given or confirmed; 0: none.
  int64_t declined_ordinal = 0;
  CompactTime update_time = absl::InfinitePast();  // by people; as of an account

  friend bool operator==(const PaymentMethod&, const PaymentMethod&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_METHOD_H_
