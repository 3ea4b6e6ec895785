// Etags: which version of a resource a caller has seen, so that an update that rests on an older
// one can be refused. Each covers only what the update of its resource may write: a card's goes on
// through declines, an account's settings' through charges. Opaque to callers. Pure.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_ETAG_H_
#define RESERVE_SERVICES_LEDGER_BOOK_ETAG_H_

#include <cstdint>
#include <string>

#include "services/ledger/domain/account.h"
#include "services/ledger/domain/payment_method.h"

namespace reserve::book {

// Of the billing settings.
std::string EtagOf(const domain::Account& account);
// Of the account itself: its country and its calendar.
std::string EtagOfAccount(const domain::Account& account);
// Of the limits that an account, or a user, has of their own.
std::string EtagOfLimits(const domain::OwnLimits& limits);
// Of a card at this place in the customer's order, from 1.
std::string EtagOf(const domain::PaymentMethod& method, int32_t position);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_ETAG_H_
