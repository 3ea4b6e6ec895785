#include "tests/simulation/given_back_checks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace reserve::simulation {
namespace {

using domain::Dispute;
using domain::DisputeState;
using domain::EntryKind;
using domain::Recharge;
using domain::RechargeState;
using RefundState = domain::GatewayRefund::State;

std::string NameOf(const Recharge& recharge) {
  return absl::StrCat(recharge.is_refund()    ? "refund "
                      : recharge.is_payment() ? "payment "
                                              : "recharge ",
                      recharge.account_id, "/", recharge.ordinal);
}

Nanos Booked(const std::map<int64_t, Nanos>& sums, int64_t ordinal) {
  const auto found = sums.find(ordinal);
  return found == sums.end() ? 0 : found->second;
}

// The charge was credited, so that what goes back of it is booked.
bool Credited(const AccountRows& rows, int64_t ordinal) {
  const auto charge = rows.recharges.find(ordinal);
  return charge != rows.recharges.end() && charge->second.recharge.holds_credit();
}

// What the charge is credited as, else the recharge that it was made for, else what was booked for
// it and taken back; null: nobody has booked it.
const Recharge* RowOf(const AccountRows& rows, const ModelCharge& charge) {
  const Recharge* found = nullptr;
  for (const auto& [ordinal, row] : rows.recharges) {
    const Recharge& recharge = row.recharge;
    if (recharge.is_refund()) continue;
    const bool of_it = recharge.charge_id == charge.charge_id;
    if (of_it && recharge.holds_credit()) return &recharge;
    if (ordinal == charge.ordinal || (found == nullptr && of_it)) found = &recharge;
  }
  return found;
}

RechargeState StateOf(RefundState state) {
  switch (state) {
    case RefundState::kPending:
      return RechargeState::kOpen;
    case RefundState::kSucceeded:
      return RechargeState::kSucceeded;
    case RefundState::kFailed:
      return RechargeState::kFailed;
  }
  return RechargeState::kOpen;
}

}  // namespace

// --- Writes -------------------------------------------------------------------------

void GivenBackChecks::BeforeWrite(const AccountRows& rows, const AccountWrite& write) {
  const bool takes =
      std::any_of(write.entries.begin(), write.entries.end(), [](const domain::Entry& entry) {
        return entry.kind == EntryKind::kRefund || entry.kind == EntryKind::kDispute ||
               entry.kind == EntryKind::kPaymentReversed;
      });
  if (!takes || !write.only_takes_back) return;
  for (const auto& [ordinal, row] : write.recharges) {
    if (row.recharge.is_refund() || rows.recharges.count(ordinal) > 0) continue;
    scene_.Fail("money that goes back opens no recharge", NameOf(row.recharge));
  }
}

void GivenBackChecks::OnEntry(const domain::Entry& entry) {
  SeenAccount& seen = accounts_[entry.account_id];
  switch (entry.kind) {
    case EntryKind::kRefundReturned:
      scene_.Count(Happening::kRefundBookedBack);
      [[fallthrough]];
    case EntryKind::kRefund:
      seen.refunds[entry.recharge_ordinal] += entry.amount;
      return;
    case EntryKind::kDispute:
    case EntryKind::kDisputeReturned:
      seen.disputes[entry.recharge_ordinal] += entry.amount;
      return;
    default:
      return;
  }
}

void GivenBackChecks::AfterWrite(const AccountRows& rows, bool card_lifted) {
  SeenAccount& seen = accounts_[rows.account.account_id];
  std::set<std::string> refund_ids;
  for (const auto& [ordinal, row] : rows.recharges) {
    const Recharge& recharge = row.recharge;
    if (!recharge.is_refund()) {
      CheckCharge(rows, recharge, seen);
      continue;
    }
    CheckRefund(rows, recharge, seen);
    if (!recharge.refund_id.empty() && !refund_ids.insert(recharge.refund_id).second) {
      scene_.Fail("a refund of the gateway has one row", recharge.refund_id);
    }
  }
  for (const auto& [dispute_id, dispute] : rows.disputes) {
    const bool taken =
        dispute.state == DisputeState::kOpened || dispute.state == DisputeState::kLost;
    if (dispute.debited != (taken && Credited(rows, dispute.ordinal))) {
      scene_.Fail("a dispute is out of the balance while the bank has the money", dispute_id);
    }
  }
  CheckSuspension(rows);
  NoteDisputes(rows, card_lifted, &seen);
}

void GivenBackChecks::CheckRefund(const AccountRows& rows, const Recharge& refund,
                                  const SeenAccount& seen) {
  const bool stands =
      refund.state != RechargeState::kFailed && refund.state != RechargeState::kCanceled;
  if (refund.debited != (stands && Credited(rows, refund.refund_of))) {
    return scene_.Fail("a refund is out of the balance while it stands", NameOf(refund));
  }
  if (Booked(seen.refunds, refund.ordinal) != (refund.debited ? -refund.amount : 0)) {
    scene_.Fail("a refund is booked once, and booked back once",
                absl::StrCat(NameOf(refund), " of ", FormatDecimal(refund.amount), ": ",
                             FormatDecimal(Booked(seen.refunds, refund.ordinal))));
  }
}

void GivenBackChecks::CheckCharge(const AccountRows& rows, const Recharge& charge,
                                  const SeenAccount& seen) {
  Nanos refunded = 0;
  for (const auto& [ordinal, row] : rows.recharges) {
    const Recharge& refund = row.recharge;
    if (refund.refund_of == charge.ordinal && refund.debited) refunded += refund.amount;
  }
  Nanos disputed = 0;
  for (const auto& [dispute_id, dispute] : rows.disputes) {
    if (dispute.ordinal == charge.ordinal && dispute.debited) disputed += dispute.amount;
  }
  if (charge.refunded != refunded || charge.disputed != disputed) {
    return scene_.Fail("a charge says what its refunds and disputes say",
                       absl::StrCat(NameOf(charge), ": ", FormatDecimal(charge.refunded), " and ",
                                    FormatDecimal(charge.disputed), ", not ",
                                    FormatDecimal(refunded), " and ", FormatDecimal(disputed)));
  }
  if (Booked(seen.disputes, charge.ordinal) != -disputed) {
    scene_.Fail("a dispute is booked once, and booked back once", NameOf(charge));
  }
}

void GivenBackChecks::CheckSuspension(const AccountRows& rows) {
  const domain::Suspension& suspension = rows.account.suspension;
  int32_t refunds = 0;
  int32_t disputes = 0;
  for (const auto& [ordinal, row] : rows.recharges) {
    if (row.recharge.suspension_number == suspension.number) ++refunds;
  }
  for (const auto& [dispute_id, dispute] : rows.disputes) {
    if (dispute.suspension_number == suspension.number) ++disputes;
  }
  if (suspension.refunds != refunds || suspension.disputes != disputes) {
    scene_.Fail("a suspension counts what it is for",
                absl::StrCat(rows.account.account_id, ": ", suspension.refunds, " and ",
                             suspension.disputes, ", not ", refunds, " and ", disputes));
  }
  if (suspension.reason == domain::SuspensionReason::kNone) return;
  const auto open = rows.recharges.find(rows.account.open_ordinal);
  if (open != rows.recharges.end() && open->second.recharge.waits() &&
      open->second.recharge.kind == domain::RechargeKind::kAutomatic) {
    scene_.Fail("nothing is charged by itself while that is suspended",
                NameOf(open->second.recharge));
  }
}

// Which numbers nobody may charge, whatever the account's row says.
void GivenBackChecks::NoteDisputes(const AccountRows& rows, bool card_lifted, SeenAccount* seen) {
  for (const auto& [dispute_id, dispute] : rows.disputes) {
    if (!dispute.debited) {
      seen->numbers.erase(dispute_id);
    } else if (seen->disputes_met.insert(dispute_id).second) {
      const Recharge& charge = rows.recharges.at(dispute.ordinal).recharge;
      seen->numbers[dispute_id] = charge.card.fingerprint;
      if (charge.is_payment()) scene_.Count(Happening::kDisputeOfPayment);
    }
  }
  if (!card_lifted) return;
  const std::vector<domain::DisputedNumber>& left = rows.account.disputed_numbers;
  for (auto number = seen->numbers.begin(); number != seen->numbers.end();) {
    const bool stands = std::any_of(left.begin(), left.end(), [&](const auto& disputed) {
      return disputed.dispute_id == number->first;
    });
    number = stands ? std::next(number) : seen->numbers.erase(number);
  }
}

void GivenBackChecks::OnBegun(const Recharge& recharge) {
  for (const auto& [dispute_id, number] : accounts_[recharge.account_id].numbers) {
    if (number != recharge.card.fingerprint) continue;
    scene_.Fail("a number that is disputed is not charged",
                absl::StrCat(NameOf(recharge), " charges ", number, ", of dispute ", dispute_id));
  }
}

void GivenBackChecks::OnRefundSent(const worker::Task& task, const std::string& key) {
  const auto [sent, first] = keys_sent_.try_emplace({task.account_id, task.ordinal}, key);
  if (first || sent->second == key) return;
  scene_.Fail("a refund has one key", absl::StrCat("refund ", task.account_id, "/", task.ordinal,
                                                   " is sent as ", key, " after ", sent->second));
}

// --- The end ---------------------------------------------------------------------------

void GivenBackChecks::AtEnd(const ModelDatabase& database) {
  for (const auto& [account_id, rows] : database.accounts()) {
    if (rows.exists()) CheckClosed(rows);
  }
  for (const auto& [charge_id, charge] : gateway_.given_back().charges()) {
    const AccountRows* rows = database.Find(charge.account_id);
    const Recharge* row = rows == nullptr ? nullptr : RowOf(*rows, charge);
    if (row != nullptr) CheckAtEnd(*rows, *row, charge);
  }
}

// The ledger has all that the gateway has, and nothing else.
void GivenBackChecks::CheckAtEnd(const AccountRows& rows, const Recharge& recharge,
                                 const ModelCharge& charge) {
  std::map<std::string, const Recharge*> known;
  Nanos under_review = 0;
  for (const auto& [ordinal, row] : rows.recharges) {
    const Recharge& refund = row.recharge;
    if (!refund.is_refund() || refund.charge_id != charge.charge_id) continue;
    if (!refund.refund_id.empty()) known[refund.refund_id] = &refund;
    if (refund.state == RechargeState::kNeedsReview) under_review += refund.amount;
  }
  for (const ModelRefund& refund : charge.refunds) {
    const auto row = known.find(refund.refund_id);
    if (row == known.end() || row->second->state != StateOf(refund.state) ||
        (refund.ordinal != 0 && refund.ordinal != row->second->ordinal)) {
      scene_.Fail("the ledger knows how each refund ended", refund.refund_id);
    }
    known.erase(refund.refund_id);
  }
  if (!known.empty()) {
    scene_.Fail("what the ledger calls a refund is one of the gateway", known.begin()->first);
  }
  for (const ModelDispute& dispute : charge.disputes) {
    const auto row = rows.disputes.find(dispute.dispute_id);
    if (row == rows.disputes.end() || row->second.state != dispute.state) {
      scene_.Fail("the ledger knows how each dispute stands", dispute.dispute_id);
    }
  }
  if (!recharge.holds_credit()) return;
  const Nanos back = charge.given_back() + charge.taken_back() + under_review;
  if (recharge.credited != charge.amount || recharge.refunded + recharge.disputed != back) {
    scene_.Fail(
        "what is left of a charge is what the gateway has left of it",
        absl::StrCat(NameOf(recharge), ": ", FormatDecimal(recharge.refunded + recharge.disputed),
                     " of ", FormatDecimal(recharge.credited), " went back, at the gateway ",
                     FormatDecimal(back), " of ", FormatDecimal(charge.amount)));
  }
}

void GivenBackChecks::CheckClosed(const AccountRows& rows) {
  for (const auto& [ordinal, row] : rows.recharges) {
    const Recharge& refund = row.recharge;
    if (!refund.is_refund()) continue;
    if (refund.state == RechargeState::kOpen) {
      scene_.Fail("every refund is closed in the end", NameOf(refund));
    }
    if (refund.state == RechargeState::kSucceeded && refund.refund_id.empty()) {
      scene_.Fail("what the ledger calls a refund is one of the gateway", NameOf(refund));
    }
  }
}

}  // namespace reserve::simulation
