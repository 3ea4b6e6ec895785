// How much of a charge the merchant does not have any more, as the gateway says.
//
// Thread-safe: a pure function.
#ifndef RESERVE_WORKER_GONE_MONEY_H_
#define RESERVE_WORKER_GONE_MONEY_H_

#include "common/money/money.h"
#include "reserve/gateway/v1/payment_gateway.pb.h"

namespace reserve::worker {

// The sum of its refunds, unless they failed, and of the disputes for which the bank holds or keeps
// the money. States that are not known count: they may be of money that is gone. What can't be
// read counts as one nano-unit, so that something is missing, and a person looks.
Nanos GoneMoney(const gateway::v1::Charge& charge);

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_GONE_MONEY_H_
