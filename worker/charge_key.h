// The idempotency keys of the worker: of one attempt to charge a card, of a refund that the ledger
// asks for, and of giving back a charge that nothing is credited for.
//
// Whoever makes an attempt sends the same key, so that a worker that was thought
// dead and its successor cannot charge, or give back, twice: the key comes from the
// account, the ordinal and the attempt's number alone, never from the worker,
// the lease or a clock. The derivation is fixed for ever: a key must mean the
// same to every version of the worker. Thread-safe: a pure function.
//
//   ChargeKey("acct-1", 3, 1)  ->  "rsv-" and 48 hexadecimal digits
//   RefundKey("acct-1", 4)     ->  "rfn-" and 48 hexadecimal digits
#ifndef RESERVE_WORKER_CHARGE_KEY_H_
#define RESERVE_WORKER_CHARGE_KEY_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace reserve::worker {

// "rsv-" and the first 48 hexadecimal digits of the SHA-256 of
// "<length of the account id in bytes>:<account id>:<ordinal>:<attempt>".
std::string ChargeKey(absl::string_view account_id, int64_t ordinal, int32_t attempt);

// The key of a refund that the ledger hands out, of which there is one attempt: "rfn-" and the
// first 48 hexadecimal digits of the SHA-256 of
// "<length of the account id in bytes>:<account id>:<the refund's ordinal>".
std::string RefundKey(absl::string_view account_id, int64_t ordinal);

// The key under which `worker reconcile` gives back a charge that nothing is credited for: "rfd-"
// and the first 48 hexadecimal digits of the SHA-256 of "refund:<charge id>". Whoever gives the
// charge back, and how often, sends this key, so that it is given back once.
std::string OrphanRefundKey(absl::string_view charge_id);

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_CHARGE_KEY_H_
