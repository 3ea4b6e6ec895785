// Messages about calls in progress, as commands, and what becomes of them, as messages: the same
// for whoever asks the ledger, and for what another ledger passes on. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_HOLD_REQUESTS_H_
#define RESERVE_SERVICES_LEDGER_API_HOLD_REQUESTS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "reserve/ledger/v1/ledger.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/book/command.h"

namespace reserve::api {

// Without a start the call begins `now`.
AskedTask ParseCreateHold(const domain::Settings& settings, const pb::CreateHoldRequest& request,
                          absl::Time now);
AskedTask ParseExtendHold(const pb::ExtendHoldRequest& request);
AskedTask ParseReleaseHold(const pb::ReleaseHoldRequest& request);

// Who has a call: INVALID_ARGUMENT on the field of the two that is wrong. Both may be missing where
// `least`, the smallest incarnation, is 0.
absl::Status CheckSwitch(const std::string& switch_id, int64_t incarnation, int64_t least);

// Without the authorisation where the reply is of no CreateHold.
void ToProto(const book::HoldReply& reply, pb::CreateHoldResponse* message);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_HOLD_REQUESTS_H_
