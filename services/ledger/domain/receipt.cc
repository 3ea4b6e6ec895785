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

// Of a charge that is credited the card as it is now, if it is there still; of one that is given
// back, as it was shown then.
CardDisplay ShownOf(const Recharge& charged, const std::vector<PaymentMethod>& cards,
                    bool is_given_back) {
  const CardDisplay kept = {charged.card_brand, charged.card_last_four};
  const bool is_kept = !kept.brand.empty() || !kept.last_four.empty();
  const PaymentMethod* card = CardOf(charged, cards);
  if (card == nullptr || (is_given_back && is_kept)) return kept;
  return card->display;
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
  const CardDisplay shown = ShownOf(*charged, cards, row.is_refund());
  receipt.card_brand = shown.brand;
  receipt.card_last_four = std::string(shown.last_four.view());
  return receipt;
}

void KeepCardOf(const Receipt& receipt, Recharge* charged) {
  charged->card_brand = receipt.card_brand;
  charged->card_last_four = receipt.card_last_four;
}

}  // namespace reserve::domain
