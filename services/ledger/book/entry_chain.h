// The chain of hashes over an account's entries: each entry carries the digest of
// itself and of all before it, and the account's row in balances that of the last.
//
// So no entry can be changed, taken out, put in or moved without changing every
// hash after it; who kept a head somewhere else knows that the history up to it
// is the one it was. It is no secret: whoever has the numbers' keys can compute it.
//
// What is hashed, and how a number stands in it so that a person can be forgotten while the chain
// stays whole, is in docs/CHAIN.md, byte by byte. There are two forms, and each entry says of which
// it is, so both may follow each other in one account.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_ENTRY_CHAIN_H_
#define RESERVE_SERVICES_LEDGER_BOOK_ENTRY_CHAIN_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/journal.h"

namespace reserve::book {

// Does the entry have a telephone number that stands in its hash under a key, so that the key is
// needed to hash it? Not one whose number was replaced by its digest.
bool NeedsNumberKey(const domain::Entry& entry);
// The year whose key numbers of a usage that began then stand under.
int32_t YearOfNumberKey(absl::Time start);
// The digest of a number under a key, as it takes the number's place when the person is forgotten:
// 64 hexadecimal digits.
std::string ErasedNumber(const domain::NumberKey& key, absl::string_view number);

// The hash of `entry`, by its form, after an entry with the hash `previous`. `key` may be null for
// an entry that needs none.
domain::EntryHash ChainedHash(const domain::EntryHash& previous, const domain::Entry& entry,
                              const domain::NumberKey* key);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_ENTRY_CHAIN_H_
