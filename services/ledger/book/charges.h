// What an image has of the gateway's charges: what was credited for one, what of it was given back,
// and which payments have the same reference. Pure; finds what was loaded, and what the fold has
// made since.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_CHARGES_H_
#define RESERVE_SERVICES_LEDGER_BOOK_CHARGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/ledger/book/image.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/dispute.h"
#include "services/ledger/domain/recharge.h"

namespace reserve::book {

// The recharge or payment that the charge is credited as; null: none (G4).
const domain::Recharge* CreditedFor(const Image& image, absl::string_view account_id,
                                    absl::string_view charge_id);

// The row that what the gateway tells of the charge is to be applied to: that which is credited for
// it; else recharge `ordinal`, unless it is credited for another charge; else a payment of that
// charge that was reversed. Null: the charge is none of ours. `ordinal` 0: none is named.
const domain::Recharge* RowOfCharge(const Image& image, absl::string_view account_id,
                                    int64_t ordinal, absl::string_view charge_id);

// The refunds of the charge by their ordinals, and its disputes by their ids.
std::vector<const domain::Recharge*> RefundsOf(const Image& image, absl::string_view account_id,
                                               absl::string_view charge_id);
// A refund that the gateway told of under this id, of another charge; null: there is none.
const domain::Recharge* RefundOfAnotherCharge(const Image& image, absl::string_view account_id,
                                              absl::string_view refund_id,
                                              absl::string_view charge_id);
std::vector<const domain::Dispute*> DisputesOf(const Image& image, absl::string_view account_id,
                                               absl::string_view charge_id);

// What counts towards the closing of the account (P4), newest first.
domain::ClosingRows ClosingRowsOf(const Image& image, absl::string_view account_id);

// The payments of that reference before that ordinal, oldest first; none of an empty reference.
std::vector<domain::Recharge> PaymentsBefore(const Image& image, absl::string_view account_id,
                                             absl::string_view reference, int64_t ordinal);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_CHARGES_H_
