#include "services/ledger/cli/message_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace reserve::cli {

Nanos NanosOf(const google::type::Money& money) {
  return money.units() * kNanosPerUnit + money.nanos();
}

std::string AmountText(const google::type::Money& money) { return FormatDecimal(NanosOf(money)); }

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", TimeOf(time), absl::UTCTimeZone());
}

std::string ValueText(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

}  // namespace reserve::cli
