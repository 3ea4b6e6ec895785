#include "services/ledger/book/charges.h"

#include <algorithm>

namespace reserve::book {
namespace {

using domain::Dispute;
using domain::Recharge;

const Recharge* Find(const Image& image, absl::string_view account_id, int64_t ordinal) {
  const auto found = image.recharges.find(RechargeKey(account_id, ordinal));
  return found == image.recharges.end() ? nullptr : &found->second.recharge;
}

// The rows of an account for which `is_wanted` holds, by ordinal.
template <typename IsWanted>
std::vector<const Recharge*> Select(const Image& image, absl::string_view account_id,
                                    IsWanted is_wanted) {
  std::vector<const Recharge*> rows;
  for (const auto& [key, loaded] : image.recharges) {
    if (key.first == account_id && is_wanted(loaded.recharge)) rows.push_back(&loaded.recharge);
  }
  std::sort(rows.begin(), rows.end(), [](const Recharge* one, const Recharge* other) {
    return one->ordinal < other->ordinal;
  });
  return rows;
}

}  // namespace

const Recharge* CreditedFor(const Image& image, absl::string_view account_id,
                            absl::string_view charge_id) {
  if (charge_id.empty()) return nullptr;
  for (const auto& [key, loaded] : image.recharges) {
    const Recharge& row = loaded.recharge;
    if (row.charge_id == charge_id && row.holds_credit() && key.first == account_id) return &row;
  }
  return nullptr;
}

const Recharge* RowOfCharge(const Image& image, absl::string_view account_id, int64_t ordinal,
                            absl::string_view charge_id) {
  const Recharge* row = CreditedFor(image, account_id, charge_id);
  if (row != nullptr) return row;
  row = Find(image, account_id, ordinal);
  if (row != nullptr && row->credited_as != 0) row = Find(image, account_id, row->credited_as);
  if (row != nullptr && !row->is_refund()) {
    const bool may_come = !row->is_payment() && row->state != domain::RechargeState::kSucceeded;
    if (may_come || row->charge_id == charge_id) return row;
  }
  const std::vector<const Recharge*> reversed =
      Select(image, account_id, [charge_id](const Recharge& payment) {
        return payment.is_payment() && payment.charge_id == charge_id;
      });
  return reversed.empty() ? nullptr : reversed.back();
}

std::vector<const Recharge*> RefundsOf(const Image& image, absl::string_view account_id,
                                       absl::string_view charge_id) {
  return Select(image, account_id, [charge_id](const Recharge& refund) {
    return refund.is_refund() && refund.charge_id == charge_id;
  });
}

const Recharge* RefundOfAnotherCharge(const Image& image, absl::string_view account_id,
                                      absl::string_view refund_id, absl::string_view charge_id) {
  const std::vector<const Recharge*> others =
      Select(image, account_id, [refund_id, charge_id](const Recharge& refund) {
        return refund.is_refund() && refund.refund_id == refund_id && !refund.refund_id_typed &&
               refund.charge_id != charge_id;
      });
  return others.empty() ? nullptr : others.front();
}

std::vector<const Dispute*> DisputesOf(const Image& image, absl::string_view account_id,
                                       absl::string_view charge_id) {
  std::vector<const Dispute*> disputes;
  for (const auto& [key, loaded] : image.disputes) {
    if (key.first == account_id && loaded.dispute.charge_id == charge_id) {
      disputes.push_back(&loaded.dispute);
    }
  }
  std::sort(disputes.begin(), disputes.end(), [](const Dispute* one, const Dispute* other) {
    return one->dispute_id < other->dispute_id;
  });
  return disputes;
}

domain::ClosingRows ClosingRowsOf(const Image& image, absl::string_view account_id) {
  domain::ClosingRows rows;
  rows.recharges = Select(image, account_id, [](const Recharge&) { return true; });
  std::reverse(rows.recharges.begin(), rows.recharges.end());
  for (const auto& [key, loaded] : image.usage_states) {
    if (key.first == account_id && loaded.state.status == domain::UsageStatus::kUnrated) {
      rows.unrated.push_back(key.second);
    }
  }
  std::sort(rows.unrated.begin(), rows.unrated.end());
  return rows;
}

std::vector<Recharge> PaymentsBefore(const Image& image, absl::string_view account_id,
                                     absl::string_view reference, int64_t ordinal) {
  std::vector<Recharge> payments;
  if (reference.empty()) return payments;
  for (const Recharge* payment : Select(image, account_id, [&](const Recharge& row) {
         return row.is_payment() && row.reference == reference && row.ordinal < ordinal;
       })) {
    payments.push_back(*payment);
  }
  return payments;
}

}  // namespace reserve::book
