// Recharges: intents to charge the card, and what their attempts report. Refunds are of the same
// row: they are numbered with them, and a worker gets both by the same leases. So are payments,
// money that came another way, which no worker gets (docs/decisions/0027).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "common/text/short_text.h"
#include "services/ledger/domain/account.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class RechargeKind : uint8_t {
  kInitial = 1,
  kAutomatic = 2,
  kTopUp = 3,
  kRefund = 4,   // gives what a recharge charged back (P1)
  kPayment = 5,  // money that came another way (P5)
};
enum class RechargeState : uint8_t {
  kOpen = 1,
  kSucceeded = 2,
  kFailed = 3,
  kNeedsReview = 4,  // a person must look: its outcome is not known, or not what was asked for
  kCanceled = 5,     // nothing was in flight, and it would not be opened any more (G1)
  kReversed = 6,     // a payment that was taken back (P5)
};

// By which means a payment came. The numbers are stored; never reuse one.
enum class PaymentMeans : uint8_t {
  kNone = 0,  // of what is no payment
  kBankTransfer = 1,
  kCheque = 2,
  kCash = 3,
  kCardElsewhere = 4,
  kOther = 5,
};

// One intent to charge a card, or to give a charge back. What is asked for, of which card, is fixed
// from the moment at which an attempt may have been sent; until then it follows the account (G1).
struct Recharge {
  std::string account_id;
  int64_t ordinal = 0;
  RechargeKind kind = RechargeKind::kAutomatic;
  RechargeState state = RechargeState::kOpen;
  std::string currency;
  Nanos amount = 0;
  Nanos credited = 0;  // what was really charged, of a success (G4)
  std::string payment_method_id;
  Card card;
  int32_t card_given = 0;  // PaymentMethod::given when the attempt was made ready
  // From 1; moves only after a definitive outcome, as it makes the idempotency key.
  int32_t attempt = 1;
  // When this attempt was first handed to a worker; InfinitePast if not yet.
  // From then on a charge may be under way.
  absl::Time attempt_start = absl::InfinitePast();
  // When a worker may take it: the next attempt's time, or the lease's end.
  absl::Time due_time = absl::InfinitePast();
  std::string lease_owner;
  int64_t lease_epoch = 0;  // only grows
  int32_t declines = 0;     // of its attempts
  DeclineClass last_decline = DeclineClass::kNone;
  std::string last_decline_code;
  std::string charge_id;
  std::string request_id;  // of a top-up, refund or payment
  // Since when the gateway calls the charge pending; InfinitePast: it does not (G3).
  absl::Time pending_time = absl::InfinitePast();
  bool set_aside = false;  // open beside another (Account::set_aside)

  // Of one that was charged: what of it is given back, or being given back (P1), and what the
  // cardholder's bank has taken back (P2).
  Nanos refunded = 0;
  Nanos disputed = 0;
  // The gateway told of refunds or disputes of its charge before it was credited (P3).
  bool keeps = false;
  // Its charge was credited before it was reported, as the payment of that ordinal, which has the
  // entry, and of which what is given back and disputed counts (G4); 0: it has an entry of its own.
  int64_t credited_as = 0;

  // Of a refund: the recharge whose charge `charge_id` is given back, and the gateway's id of it.
  int64_t refund_of = 0;
  std::string refund_id;
  // That is what a person typed (ResolveReview), and the gateway has not told yet.
  bool refund_id_typed = false;
  bool debited = false;           // its amount is out of the balance
  int32_t suspension_number = 0;  // the suspension that it is a reason of; 0: of none

  // Of a payment: how it came, what it is called where it came from, and when it was there, if
  // that was said (InfinitePast: it was not). `charge_id` is that of a charge made on a page.
  PaymentMeans means = PaymentMeans::kNone;
  std::string reference;
  absl::Time received_time = absl::InfinitePast();

  // What people know the card by that was charged, as the account knew it when it was credited, or,
  // before that, when the attempt was made ready; empty where that is not known.
  std::string card_brand = {};
  ShortText<4> card_last_four = {};

  absl::Time create_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();
  // When a command last changed it; InfinitePast: it is not known. The fold writes it. That it is
  // handed to a worker is no change.
  absl::Time update_time = absl::InfinitePast();

  // May a charge of this attempt have been sent?
  bool in_flight() const {
    return state == RechargeState::kOpen && attempt_start != absl::InfinitePast();
  }
  // Waits for a worker, and nothing of it can have been sent yet.
  bool waits() const { return state == RechargeState::kOpen && !in_flight(); }
  bool is_refund() const { return kind == RechargeKind::kRefund; }
  bool is_payment() const { return kind == RechargeKind::kPayment; }
  // Is there an entry that credits it, and that stands?
  bool holds_credit() const {
    return state == RechargeState::kSucceeded && !is_refund() && credited_as == 0;
  }
  // What of the charge may be given back.
  Nanos left() const { return credited - refunded - disputed; }
  bool pending() const { return pending_time != absl::InfinitePast(); }
  // NEEDS_REVIEW is open too: its outcome is unknown (G3).
  bool open() const {
    return state == RechargeState::kOpen || state == RechargeState::kNeedsReview;
  }
  friend bool operator==(const Recharge&, const Recharge&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_H_
