// What fields of messages say, as text. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_CLI_MESSAGE_TEXT_H_
#define RESERVE_SERVICES_LEDGER_CLI_MESSAGE_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "reserve/ledger/v1/resources.pb.h"

namespace reserve::cli {

Nanos NanosOf(const google::type::Money& money);
// "-0.0171".
std::string AmountText(const google::type::Money& money);

absl::Time TimeOf(const google::protobuf::Timestamp& time);
// "2026-11-29T16:06:43.123456Z".
std::string TimeText(const google::protobuf::Timestamp& time);

// The name of an enum's value without the prefix of its enum, in small letters: "credit_grant" of
// ENTRY_KIND_CREDIT_GRANT.
std::string ValueText(absl::string_view name, absl::string_view prefix);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_MESSAGE_TEXT_H_
