// Receipts: what a customer is shown of money that came, or went back. Each is written in the
// transaction of the entry that books the money, and never changes.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RECEIPT_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RECEIPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/recharge.h"

namespace reserve::domain {

// Is there a receipt for an entry of this kind? For what a charge or payment added, for what is
// given back of it, and for what takes either back: what a bank does is no document of ours.
inline bool HasReceipt(EntryKind kind) {
  return kind == EntryKind::kRecharge || kind == EntryKind::kPayment ||
         kind == EntryKind::kPaymentReversed || kind == EntryKind::kRefund ||
         kind == EntryKind::kRefundReturned;
}

// The n-th entry of an account that has a receipt has number n, counted from the first that was
// booked at kReceiptsLevel (feature_level.h).
struct Receipt {
  std::string account_id;
  int64_t number = 0;
  // Of the entry.
  int64_t seq = 0;
  EntryKind kind = EntryKind::kRecharge;
  Nanos amount = 0;
  absl::Time create_time = absl::InfinitePast();
  // Of the recharge, refund or payment.
  int64_t ordinal = 0;
  RechargeKind recharge_kind = RechargeKind::kAutomatic;
  Nanos asked = 0;
  std::string charge_id = {};
  int64_t refund_of = 0;  // of a refund: what it gives back
  PaymentMeans means = PaymentMeans::kNone;
  // Of the card that was charged, as the account knew it then; empty: not known.
  CardNetwork card_network = CardNetwork::kUnknown;
  std::string card_brand = {};
  std::string card_last_four = {};

  friend bool operator==(const Receipt&, const Receipt&) = default;
};

// The receipt of an entry that has one. `row` is the recharge, refund or payment that it is of, and
// `charged` what a refund gives back, null if that is not known. `cards` are the account's.
Receipt ReceiptFor(const Entry& entry, const Recharge& row, const Recharge* charged,
                   const std::vector<PaymentMethod>& cards);
// Keeps the card with the charge that the receipt credits, for the receipts of what is given back.
void KeepCardOf(const Receipt& receipt, Recharge* charged);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RECEIPT_H_
