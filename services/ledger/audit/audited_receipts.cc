#include "services/ledger/audit/audited_receipts.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/receipt_rows.h"

namespace reserve::audit {
namespace {

using domain::Entry;
using domain::Receipt;

constexpr int kReceiptsAPage = 500;

std::string TextOf(domain::EntryKind kind, Nanos amount, int64_t ordinal, absl::Time time) {
  return absl::StrCat("kind ", static_cast<int>(kind), ", ", FormatDecimal(amount), ", of ordinal ",
                      ordinal, ", at ", absl::FormatTime(time, absl::UTCTimeZone()));
}

}  // namespace

absl::Status AuditedReceipts::Load(storage::Connection& connection,
                                   const domain::Account& account) {
  RESERVE_ASSIGN_OR_RETURN(all_from_, storage::ReadReceiptsFrom(connection));
  int64_t last_number = 0;
  int64_t last_seq = 0;
  for (;;) {
    RESERVE_ASSIGN_OR_RETURN(
        std::vector<Receipt> page,
        storage::ListReceipts(connection, account.account_id, last_number + 1, storage::kNewest,
                              storage::Oldest::kFirst, kReceiptsAPage));
    for (Receipt& receipt : page) {
      if (receipt.number != last_number + 1) {
        differs_(absl::StrCat(receipt.seq),
                 absl::StrCat("receipt ", receipt.number, " after ", last_number),
                 absl::StrCat("receipt ", last_number + 1));
      }
      if (receipt.seq <= last_seq) {
        differs_(absl::StrCat(receipt.seq), absl::StrCat("receipt ", receipt.number),
                 absl::StrCat("of an entry after ", last_seq));
      }
      last_number = receipt.number;
      last_seq = receipt.seq;
      if (first_seq_ == 0) first_seq_ = receipt.seq;
      by_seq_[receipt.seq] = std::move(receipt);
    }
    if (page.size() < kReceiptsAPage) break;
  }
  if (account.last_receipt != last_number) {
    differs_("", absl::StrCat("last receipt ", account.last_receipt), absl::StrCat(last_number));
  }
  return absl::OkStatus();
}

void AuditedReceipts::CheckEntry(const Entry& entry) {
  if (!domain::HasReceipt(entry.kind)) return;
  const bool after_first = first_seq_ != 0 && entry.seq >= first_seq_;
  if (!after_first && entry.record_time < all_from_) return;
  const std::string computed =
      TextOf(entry.kind, entry.amount, entry.recharge_ordinal, entry.record_time);
  const auto found = by_seq_.find(entry.seq);
  if (found == by_seq_.end()) {
    differs_(absl::StrCat(entry.seq), "no receipt", computed);
    return;
  }
  const Receipt& receipt = found->second;
  const std::string stored =
      TextOf(receipt.kind, receipt.amount, receipt.ordinal, receipt.create_time);
  if (stored != computed) differs_(absl::StrCat(entry.seq), stored, computed);
  by_seq_.erase(found);
}

void AuditedReceipts::CheckEnd() const {
  for (const auto& [seq, receipt] : by_seq_) {
    differs_(absl::StrCat(seq), absl::StrCat("receipt ", receipt.number), "no entry that has one");
  }
}

}  // namespace reserve::audit
