#include "services/ledger/domain/receipt.h"

namespace reserve::domain {
namespace {

// By its number: the card may have been given again meanwhile, or another in its place.
const PaymentMethod* CardOf(const Recharge& charged, const std::vector<PaymentMethod>& cards) {
  for (const PaymentMethod& card : cards) {
    if (card.card.fingerprint == charged.card.fingerprint) return &card;
  }
  return nullptr;
}

}  // namespace

Receipt ReceiptFor(const Entry& entry, const Recharge& row, const Recharge* charged,
                   const std::vector<PaymentMethod>& cards) {
  Receipt receipt;
  receipt.account_id = entry.account_id;
  receipt.seq = entry.seq;
  receipt.kind = entry.kind;
  receipt.amount = entry.amount;
  receipt.create_time = entry.record_time;
  receipt.ordinal = row.ordinal;
  receipt.recharge_kind = row.kind;
  receipt.asked = row.amount;
  receipt.charge_id = row.charge_id;
  receipt.refund_of = row.refund_of;
  receipt.means = row.means;
  if (!row.is_refund()) charged = &row;
  if (charged == nullptr || charged->card.fingerprint.empty()) return receipt;
  receipt.card_network = charged->card.network;
  if (const PaymentMethod* card = CardOf(*charged, cards); card != nullptr) {
    receipt.card_brand = card->display.brand;
    receipt.card_last_four = std::string(card->display.last_four.view());
  }
  return receipt;
}

}  // namespace reserve::domain
