// The chain of hashes over an account's entries: each entry carries the digest of
// itself and of all before it, and the account's row in balances that of the last.
//
// So no entry can be changed, taken out, put in or moved without changing every
// hash after it; who kept a head somewhere else knows that the history up to it
// is the one it was. It is no secret: anyone can compute it.
//
// The hash of an entry is SHA-256 over, without anything between:
//   the hash of the entry before it (32 zero bytes for the first),
//   seq, kind, amount, balance after, record time,
//   of a usage: usage id, user id, kind, direction, destination, carrier, start
//     time, duration, segments, basis, plan id, deck version, prefix, price, connect
//     fee, initial increment, increment, free seconds before, free seconds taken,
//     standard rate (0 or 1),
//   of others: recharge ordinal, request id, reason,
// where a number is 8 bytes, the lowest first, a time the microseconds since 1970,
// and a text its length in bytes as a number and then its bytes. Amounts are
// nano-units. The account is not part of it: the head belongs to the account.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_ENTRY_CHAIN_H_
#define RESERVE_SERVICES_LEDGER_BOOK_ENTRY_CHAIN_H_

#include "services/ledger/domain/journal.h"

namespace reserve::book {

// The hash of `entry`, after an entry with the hash `previous`.
domain::EntryHash ChainedHash(const domain::EntryHash& previous, const domain::Entry& entry);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_ENTRY_CHAIN_H_
