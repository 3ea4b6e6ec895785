// How many segments a text has (S2), from the text itself. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_SMS_SEGMENTS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_SMS_SEGMENTS_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace reserve::domain {

struct SmsSize {
  bool gsm7 = true;      // else UCS-2
  int32_t length = 0;    // septets, or units of 16 bits
  int32_t segments = 1;  // as they are sent: no character is cut in two
};

// Of a text in UTF-8; nothing if it is none. GSM-7 if every character is of its default alphabet or
// of the extension table (3GPP TS 23.038), which take two septets.
std::optional<SmsSize> SizeOfSms(absl::string_view text);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_SMS_SEGMENTS_H_
